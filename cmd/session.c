// The beginning of every verb that deals with packages, in one place.
#include "cmd/session.h"
#include "base/path.h"
#include "specs/load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

// The user's own mirrors come first: they are nearer.
static void add_mirrors(Arena *arena, const Settings *settings, PackageSet *set) {
    if (settings->mirror_count == 0)
        return;
    Mirror *all = ARENA_ARRAY(arena, Mirror, settings->mirror_count + set->mirror_count);
    memcpy(all, settings->mirrors, settings->mirror_count * sizeof *all);
    if (set->mirror_count)
        memcpy(all + settings->mirror_count, set->mirrors, set->mirror_count * sizeof *all);
    set->mirrors = all;
    set->mirror_count += settings->mirror_count;
}

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
    TRY(settings_read(globals->arena, &out->settings));
    TRY(specs_load(&options, globals->arena, &out->set));
    add_mirrors(globals->arena, &out->settings, out->set);
    return NULL;
}

Error *session_open(Globals *globals, Session *out) {
    TRY(session_open_specs(globals, out));
    StoreOptions options = {.path = out->paths.store};
    return store_open(&options, &out->store);
}

void session_close(Session *session) {
    store_cleanup(&session->store);
}
