// The beginning of every verb that deals with packages, in one place.
#include "cmd/session.h"
#include "base/path.h"
#include "specs/load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

Error *session_open_specs(Globals *globals, Session *out) {
    *out = (Session){0};
    TRY(paths_resolve(globals->arena, globals->minimal_dir, &out->paths));
    AUTO_FREE char *here = getcwd(NULL, 0);
    if (!here)
        return error_sys(errno, "cannot tell the current directory");
    const char *home = getenv("HOME");
    SpecsOptions options = {
        .start = arena_str(globals->arena, str_from(here)),
        .home = home && home[0] == '/' ? path_clean(globals->arena, str_from(home)) : STR(""),
        .target = target_host(),
        .snapshot_dir = path_join(globals->arena, str_from(out->paths.cache), STR("evaluations")),
    };
    return specs_load(&options, globals->arena, &out->set);
}

Error *session_open(Globals *globals, Session *out) {
    TRY(session_open_specs(globals, out));
    StoreOptions options = {.path = out->paths.store};
    return store_open(&options, &out->store);
}

void session_close(Session *session) {
    store_cleanup(&session->store);
}
