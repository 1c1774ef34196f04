// `minimal log PKG`: the log of the last build of a package, as it is.
#include "base/fd.h"
#include "builder/buildlog.h"
#include "builder/paths.h"
#include "cmd/cmd.h"

#include <fcntl.h>
#include <unistd.h>

Error *cmd_log(Globals *globals, int argc, char **argv, int *exit_out) {
    bool tests = false, path_only = false;
    const Option table[] = {{.name = "--tests", .flag = &tests}, {.name = "--path", .flag = &path_only}};
    TRY(cmd_options(globals, table, ARRAY_LEN(table), false, &argc, argv));
    if (argc != 2)
        return error_new(ERROR_USAGE, "log takes the name of one package");
    Paths paths;
    TRY(paths_resolve(globals->arena, globals->minimal_dir, &paths));
    Str name = arena_printf(globals->arena, "%s%s", argv[1], tests ? ".tests" : "");
    const char *path;
    TRY(buildlog_find(paths.logs, name, globals->arena, &path));
    *exit_out = EXIT_OK;
    if (path_only) {
        puts(path);
        return NULL;
    }
    AUTO_FD int fd = -1;
    TRY(fd_open(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0, &fd));
    if (isatty(STDOUT_FILENO) != 1)
        return fd_copy(fd, STDOUT_FILENO);
    AUTO_BUF Buf raw, clean;
    buf_init(&raw, (size_t)BUILDLOG_BYTES_MAX + 4096);
    buf_init(&clean, BUF_NO_LIMIT);
    TRY_CTX(fd_read_all(fd, &raw), "%s", path);
    buildlog_sanitise(&clean, buf_str(&raw));
    fwrite(buf_cstr(&clean), 1, clean.len, stdout);
    return NULL;
}
