// The rules for directories in one place, so that --minimal-dir moves all of them and nothing else decides one.
#include "builder/paths.h"
#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *absolute_variable(const char *name) {
    const char *value = getenv(name);
    return value && value[0] == '/' ? value : NULL;
}

// sudo may keep HOME: what root writes there, its user could not use or remove.
static Error *check_home(const char *home) {
    struct stat st;
    if (geteuid() != 0 || stat(home, &st) < 0 || st.st_uid == 0)
        return NULL;
    Error *error = error_new(ERROR_DENIED, "HOME is %s, which belongs to user %u, but this runs as root", home,
                             (unsigned)st.st_uid);
    return error_hint(error, "run it without sudo, or choose a directory of root's with --minimal-dir");
}

static Error *below_home(Arena *arena, const char *variable, const char *suffix, const char **out) {
    const char *base = absolute_variable(variable);
    if (base) {
        *out = path_join(arena, str_from(base), STR("minimal")).ptr;
        return NULL;
    }
    const char *home = absolute_variable("HOME");
    if (!home)
        return error_hint(error_new(ERROR_NOT_FOUND, "HOME is not set to an absolute path, nor is %s", variable),
                          "set HOME, or choose a directory with --minimal-dir");
    TRY(check_home(home));
    *out = path_join(arena, str_from(home), str_from(suffix)).ptr;
    return NULL;
}

static Error *below_chosen(Arena *arena, const char *chosen, Paths *out) {
    Str dir = str_from(chosen);
    if (chosen[0] != '/') {
        AUTO_FREE char *here = getcwd(NULL, 0);
        if (!here)
            return error_sys(errno, "cannot tell the current directory");
        dir = path_join(arena, str_from(here), dir);
    }
    dir = path_clean(arena, dir);
    out->cache = path_join(arena, dir, STR("cache")).ptr;
    out->state = path_join(arena, dir, STR("state")).ptr;
    return NULL;
}

Error *paths_resolve(Arena *arena, const char *minimal_dir, Paths *out) {
    if (minimal_dir && minimal_dir[0] == '\0')
        return error_new(ERROR_USAGE, "--minimal-dir needs a directory, not an empty word");
    if (minimal_dir) {
        TRY(below_chosen(arena, minimal_dir, out));
    } else {
        TRY(below_home(arena, "XDG_CACHE_HOME", ".cache/minimal", &out->cache));
        TRY(below_home(arena, "XDG_STATE_HOME", ".local/state/minimal", &out->state));
    }
    out->store = path_join(arena, str_from(out->cache), STR("store")).ptr;
    out->logs = path_join(arena, str_from(out->state), STR("logs")).ptr;
    return NULL;
}
