// Variables, directories and programs of a build. Everything a build can see is identity, so nothing here looks at the
// host's environment, and what is constant belongs to the sandbox's version.
#include "builder/environment.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { GIVE_DEPTH_MAX = 512 };

// ---- variables ----

Str environment_arg_name(Arena *arena, Str name) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    buf_add_cstr(&out, "MINIMAL_ARG_");
    name = str_trim(name);
    for (size_t i = 0; i < name.len; i++) {
        char byte = name.ptr[i];
        if (byte == '\0' || strchr("=:/\"'", byte))
            continue;
        buf_add_byte(&out, byte >= 'a' && byte <= 'z' ? (char)(byte - 'a' + 'A') : byte);
    }
    return arena_str(arena, buf_str(&out));
}

static Error *add_args(const Package *package, Arena *arena, const char **env, size_t count) {
    size_t first = count;
    for (size_t i = 0; i < package->build_args.count; i++) {
        NamedValue arg = package->build_args.items[i];
        Str name = environment_arg_name(arena, arg.name);
        if (arg.value.len && memchr(arg.value.ptr, '\0', arg.value.len))
            return error_at(error_new(ERROR_INVALID, "'%.*s': the value of build_args.%.*s holds a NUL byte",
                                      STR_ARG(package->name), STR_ARG(arg.name)),
                            package->span);
        Str text = arena_printf(arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(arg.value));
        for (size_t j = first; j < count; j++)
            if (str_starts_with(str_from(env[j]), str_slice(text, 0, name.len + 1)))
                return error_at(error_new(ERROR_INVALID, "'%.*s': two names in build_args both become %.*s",
                                          STR_ARG(package->name), STR_ARG(name)),
                                package->span);
        env[count++] = text.ptr;
    }
    return NULL;
}

Error *environment_variables(const Package *package, bool for_test, Arena *arena, const char *const **env_out) {
    const char *const *base = sandbox_base_env();
    size_t base_count = 0;
    while (base[base_count])
        base_count++;
    const char **env = ARENA_ARRAY(arena, const char *, base_count + package->build_args.count + 2);
    memcpy(env, base, base_count * sizeof *env);
    if (!for_test)
        env[base_count++] = "OUTPUT_DIR=" ENVIRONMENT_OUTPUT_DIR;
    TRY(add_args(package, arena, env, base_count));
    *env_out = env;
    return NULL;
}

// ---- directories ----

static Error *open_made(int dirfd, const char *name, int *fd_out) {
    TRY(fd_make_dirs(dirfd, name));
    return fd_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, fd_out);
}

static Error *make_all(int dirfd, bool with_output, Workspace *workspace) {
    static const char *const inner[] = {"tmp/home", "state/home", "state/data", "state/state", "state/cache"};
    TRY(open_made(dirfd, "build", &workspace->build_fd));
    TRY(open_made(dirfd, "tmp", &workspace->tmp_fd));
    TRY(open_made(dirfd, "state", &workspace->state_fd));
    TRY(open_made(dirfd, "run", &workspace->run_fd));
    for (size_t i = 0; i < ARRAY_LEN(inner); i++)
        TRY(fd_make_dirs(dirfd, inner[i]));
    if (with_output) {
        TRY(fd_make_dirs(dirfd, "build/output/usr/lib"));
        if (symlinkat("lib", dirfd, "build/output/usr/lib64") < 0)
            return error_sys(errno, "cannot make the link usr/lib64 of a build");
    }
    // The modes are the table's whatever the caller's umask is.
    static const struct {
        const char *path;
        mode_t mode;
    } modes[] = {
        {"build", 0755},      {"tmp", 01777},         {"tmp/home", 0755},         {"state", 0755},
        {"state/home", 0755}, {"state/data", 0755},   {"state/state", 0755},      {"state/cache", 0755},
        {"run", 0700},        {"build/output", 0755}, {"build/output/usr", 0755}, {"build/output/usr/lib", 0755}};
    for (size_t i = 0; i < ARRAY_LEN(modes) - (with_output ? 0 : 3); i++)
        if (fchmodat(dirfd, modes[i].path, modes[i].mode, 0) < 0)
            return error_sys(errno, "cannot set the mode of %s", modes[i].path);
    return workspace_give(dirfd);
}

Error *workspace_new(int dirfd, const char *path, bool with_output, Workspace *out) {
    *out = WORKSPACE_NONE;
    Error *error = fd_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &out->dirfd);
    if (!error)
        error = make_all(dirfd, with_output, out);
    out->path = mem_strdup(path);
    if (error)
        workspace_release(out);
    return error ? error_wrap(error, "cannot prepare the directories of a box in %s", path) : NULL;
}

void workspace_release(Workspace *workspace) {
    fd_close(&workspace->dirfd);
    fd_close(&workspace->build_fd);
    fd_close(&workspace->tmp_fd);
    fd_close(&workspace->state_fd);
    fd_close(&workspace->run_fd);
    free(workspace->path);
    workspace->path = NULL;
}

static Error *give_contents(int dirfd, uid_t uid, gid_t gid, unsigned depth);

static Error *give_entry(int dirfd, const char *name, uid_t uid, gid_t gid, unsigned depth) {
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(errno, "cannot look at %s", name);
    // chown drops set-id bits, as it should.
    if ((st.st_uid != uid || st.st_gid != gid) && fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(errno, "cannot change the owner of %s", name);
    if (!S_ISDIR(st.st_mode))
        return NULL;
    AUTO_FD int sub = -1;
    TRY(fd_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &sub));
    TRY_CTX(give_contents(sub, uid, gid, depth + 1), "%s", name);
    return NULL;
}

static Error *give_contents(int dirfd, uid_t uid, gid_t gid, unsigned depth) {
    if (depth > GIVE_DEPTH_MAX)
        return error_new(ERROR_LIMIT, "directories are nested more than %d deep", GIVE_DEPTH_MAX);
    AUTO_FD int listed = -1;
    TRY(fd_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &listed));
    AUTO_DIR DIR *dir = fdopendir(listed);
    if (!dir)
        return error_sys(errno, "cannot list a directory");
    listed = -1;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(give_entry(dirfd, entry->d_name, uid, gid, depth));
    return NULL;
}

Error *workspace_give(int dirfd) {
    uid_t uid;
    gid_t gid;
    TRY(sandbox_owner(&uid, &gid));
    if (uid == geteuid() && gid == getegid())
        return NULL;
    if (fchown(dirfd, uid, gid) < 0)
        return error_sys(errno, "cannot give a private directory to the user of the box");
    return give_contents(dirfd, uid, gid, 0);
}

void workspace_mounts(const Workspace *workspace, SandboxMount *mounts) {
    const struct {
        const char *path;
        int fd;
    } binds[WORKSPACE_MOUNTS] = {{"/build", workspace->build_fd},
                                 {"/tmp", workspace->tmp_fd},
                                 {"/state", workspace->state_fd},
                                 {"/run", workspace->run_fd}};
    for (size_t i = 0; i < WORKSPACE_MOUNTS; i++)
        mounts[i] = (SandboxMount){
            .kind = SANDBOX_MOUNT_BIND, .path = binds[i].path, .source_fd = binds[i].fd, .may_exec = true};
}

// ---- programs ----

static bool exists_below(int dirfd, const char *path) {
    struct stat st;
    return fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool root_has(const SandboxLayer *layers, size_t count, Arena *arena, Str path) {
    for (size_t i = 0; i < count; i++)
        if (exists_below(layers[i].dirfd, path_join(arena, str_from(layers[i].path), path).ptr))
            return true;
    return false;
}

Error *environment_argv(const Command *command, const Workspace *workspace, const SandboxLayer *layers,
                        size_t layer_count, Arena *arena, const char *const **argv_out) {
    size_t count = command->argv.count;
    if (count == 0 || command->argv.items[0].len == 0)
        return error_new(ERROR_INVALID, "a command without words");
    const char **argv = ARENA_ARRAY(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        Str word = command->argv.items[i];
        if (word.len && memchr(word.ptr, '\0', word.len))
            return error_new(ERROR_INVALID, "a word of the command '%.*s' holds a NUL byte", STR_ARG(word));
        argv[i] = arena_cstr(arena, word);
    }
    *argv_out = argv;
    const char *word = argv[0];
    if (word[0] == '/')
        return NULL;
    if (exists_below(workspace->build_fd, word)) {
        // With a slash it is a path and not looked up.
        if (!strchr(word, '/'))
            argv[0] = arena_printf(arena, "./%s", word).ptr;
        return NULL;
    }
    Str in_root = arena_printf(arena, "usr/bin/%s", word);
    if (!root_has(layers, layer_count, arena, in_root))
        return error_hint(error_new(ERROR_NOT_FOUND, "there is no '%s' in /build nor in /usr/bin of the root", word),
                          "a dependency that has it belongs into the spec");
    argv[0] = arena_printf(arena, "/%.*s", STR_ARG(in_root)).ptr;
    return NULL;
}
