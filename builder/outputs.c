// From a directory that a build filled to trees in the store. The build's processes are dead by now, but what they left
// is foreign: it is walked by descriptors, no link is followed, and nothing is taken that no glob asked for.
#include "builder/outputs.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "builder/glob.h"
#include "builder/output_check.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { SHOWN_MAX = 8 };

// ---- walking ----

typedef VEC(OutputFile) Files;

typedef struct Walker {
    Arena *arena;
    Files files;
} Walker;

static const char *special_name(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFIFO:
        return "a fifo";
    case S_IFSOCK:
        return "a socket";
    case S_IFBLK:
        return "a block device";
    case S_IFCHR:
        return "a character device";
    default:
        return "no ordinary file";
    }
}

static Error *walk_dir(Walker *walker, int dirfd, Str path, unsigned depth);

static Error *walk_into(Walker *walker, int dirfd, const char *name, Str path, unsigned depth, mode_t mode) {
    // A build may leave a directory that its owner cannot list.
    if ((mode & 0500) != 0500 && fchmodat(dirfd, name, 0700, 0) < 0)
        return error_sys(errno, "cannot make %.*s readable", STR_ARG(path));
    AUTO_FD int sub = -1;
    TRY(fd_open(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &sub));
    return walk_dir(walker, sub, path, depth + 1);
}

static Error *read_link(Walker *walker, int dirfd, const char *name, Str *out) {
    char target[4097];
    ssize_t len = readlinkat(dirfd, name, target, sizeof target);
    if (len < 0)
        return error_sys(errno, "cannot read the link %s", name);
    *out = arena_str(walker->arena, (Str){target, (size_t)len});
    return NULL;
}

static Error *walk_entry(Walker *walker, int dirfd, const char *name, Str dir, unsigned depth) {
    struct stat st;
    if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(errno, "cannot look at %.*s/%s", STR_ARG(dir), name);
    Str path = path_join(walker->arena, dir, str_from(name));
    if (S_ISDIR(st.st_mode))
        return walk_into(walker, dirfd, name, path, depth, st.st_mode);
    if (walker->files.count == OUTPUT_FILES_MAX)
        return error_new(ERROR_LIMIT, "a build left more than %d files", OUTPUT_FILES_MAX);
    OutputFile file = {.entry = {.path = path, .kind = st.st_mode & 0111 ? TREE_EXEC : TREE_FILE}};
    if (S_ISLNK(st.st_mode)) {
        file.entry.kind = TREE_LINK;
        TRY(read_link(walker, dirfd, name, &file.entry.link_target));
    } else if (S_ISREG(st.st_mode)) {
        file.entry.size_bytes = (uint64_t)st.st_size;
        if (!(st.st_mode & 0400) && fchmodat(dirfd, name, (st.st_mode & 0777) | 0400, 0) < 0)
            return error_sys(errno, "cannot make %.*s readable", STR_ARG(path));
    } else {
        file.special = true;
        file.special_name = special_name(st.st_mode);
    }
    // Made before the build began; every root has it anyway.
    if (file.entry.kind == TREE_LINK && str_is(path, "usr/lib64") && str_is(file.entry.link_target, "lib"))
        return NULL;
    vec_push(&walker->files, file);
    return NULL;
}

static Error *walk_dir(Walker *walker, int dirfd, Str path, unsigned depth) {
    if (depth > OUTPUT_DEPTH_MAX)
        return error_new(ERROR_LIMIT, "a build left directories nested more than %d deep", OUTPUT_DEPTH_MAX);
    AUTO_FD int listed = -1;
    TRY(fd_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &listed));
    AUTO_DIR DIR *dir = fdopendir(listed);
    if (!dir)
        return error_sys(errno, "cannot list what a build left");
    listed = -1;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(walk_entry(walker, dirfd, entry->d_name, path, depth));
    return NULL;
}

static int compare_files(const void *a, const void *b) {
    return str_compare(((const OutputFile *)a)->entry.path, ((const OutputFile *)b)->entry.path);
}

Error *outputs_walk(int dirfd, Arena *arena, OutputFile **files_out, size_t *count_out) {
    Walker walker = {.arena = arena};
    Error *error = walk_dir(&walker, dirfd, STR(""), 0);
    if (!error) {
        *count_out = walker.files.count;
        *files_out = ARENA_ARRAY(arena, OutputFile, walker.files.count);
        if (walker.files.count) {
            memcpy(*files_out, walker.files.items, walker.files.count * sizeof **files_out);
            qsort(*files_out, *count_out, sizeof **files_out, compare_files);
        }
    }
    vec_release(&walker.files);
    return error;
}

// ---- matching ----

// One output with what it took.
typedef struct Match {
    const Output *output;
    bool *taken; // per file
} Match;

static Str directory_of_glob(Str glob) {
    size_t end = 0;
    for (size_t i = 0; i < glob.len && !strchr("*?[{\\", glob.ptr[i]); i++)
        if (glob.ptr[i] == '/')
            end = i;
    return str_slice(glob, 0, end);
}

// What is there instead of what a glob asked for: first what lies in the same directory.
static Error *no_match(const OutputsRequest *request, const Output *output, const OutputFile *files, size_t count) {
    AUTO_BUF Buf shown;
    buf_init(&shown, 64 * 1024);
    Str near = directory_of_glob(output->glob);
    size_t listed = 0;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            bool is_near = near.len && path_is_within(files[i].entry.path, near);
            if (is_near != (pass == 0) || listed++ >= SHOWN_MAX)
                continue;
            buf_printf(&shown, "%s%.*s", shown.len ? ", " : "", STR_ARG(files[i].entry.path));
        }
    if (listed > SHOWN_MAX)
        buf_printf(&shown, " and %zu more", listed - SHOWN_MAX);
    Error *error = error_new(ERROR_NOT_FOUND, "'%.*s', output '%.*s': nothing matches the glob '%.*s'",
                             STR_ARG(request->package->name), STR_ARG(output->name), STR_ARG(output->glob));
    if (output->glob.len && output->glob.ptr[0] == '/')
        error_hint(error, "globs are matched against paths like usr/bin/x, without a slash in front");
    else if (count == 0)
        error_hint(error,
                   request->package->prebuilt ? "the archive is empty" : "nothing was installed into $OUTPUT_DIR");
    else
        error_hint(error, "what there is: %s", buf_cstr(&shown));
    return error_at(error, output->span);
}

static Error *match_output(const OutputsRequest *request, Match *match, OutputFile *files, size_t count, Arena *arena) {
    const Output *output = match->output;
    const Glob *glob;
    Error *error = glob_compile(arena, output->glob, &glob);
    if (error)
        return error_at(
            error_wrap(error, "'%.*s', output '%.*s'", STR_ARG(request->package->name), STR_ARG(output->name)),
            output->span);
    match->taken = ARENA_ARRAY(arena, bool, count);
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        if (!glob_match(glob, files[i].entry.path))
            continue;
        if (files[i].special)
            return error_at(error_new(ERROR_INVALID, "'%.*s', output '%.*s': %.*s is %s; outputs hold files and links",
                                      STR_ARG(request->package->name), STR_ARG(output->name),
                                      STR_ARG(files[i].entry.path), files[i].special_name),
                            output->span);
        match->taken[i] = files[i].matched = any = true;
    }
    return any ? NULL : no_match(request, output, files, count);
}

// ---- checking ----

static Error *artifact_root(const OutputsRequest *request, const OutputFile *files, size_t count, Arena *arena,
                            Root *root) {
    TreeEntry *entries = ARENA_ARRAY(arena, TreeEntry, count);
    size_t taken = 0;
    for (size_t i = 0; i < count; i++)
        if (files[i].matched)
            entries[taken++] = files[i].entry;
    RootSource *source = ARENA_NEW(arena, RootSource);
    *source = (RootSource){request->package->name, STR(""), false, request->package->prebuilt};
    TRY(root_add(root, entries, taken, source, NULL, NULL));
    TRY(compose_check_names(root));
    for (size_t i = 0; i < request->closure_count; i++) {
        Tree tree;
        TRY_CTX(store_read_tree(request->store, request->closure[i].tree, arena, &tree), "'%.*s'",
                STR_ARG(request->closure[i].source.package));
        TRY(root_add(root, tree.entries, tree.count, &request->closure[i].source, NULL, NULL));
    }
    root_add_skeleton(root);
    return NULL;
}

static Error *check_files(OutputChecker *checker, const Match *matches, size_t match_count) {
    for (size_t i = 0; i < checker->count; i++) {
        OutputFile *file = &checker->files[i];
        if (!file->matched)
            continue;
        if (file->entry.kind == TREE_LINK) {
            TRY(output_check_link(checker, file));
            continue;
        }
        for (size_t j = 0; j < match_count; j++)
            if (matches[j].taken[i])
                TRY(output_check_type(checker, matches[j].output, file));
        if (!checker->request->package->prebuilt)
            TRY(output_check_needed(checker, file));
    }
    return NULL;
}

// ---- storing ----

typedef struct Taker {
    const Map *indices; // path -> index + 1
    const bool *taken;
} Taker;

static bool takes(void *context, Str path) {
    const Taker *taker = context;
    size_t index;
    return map_find(taker->indices, path, &index) && taker->taken[index];
}

static Error *store_outputs(const OutputsRequest *request, const Match *matches, size_t match_count,
                            const OutputFile *files, size_t count, Arena *arena, RecordOutput *outputs) {
    AUTO_MAP Map indices = {0};
    for (size_t i = 0; i < count; i++)
        map_put(&indices, files[i].entry.path, NULL);
    for (size_t i = 0; i < match_count; i++) {
        Taker taker = {&indices, matches[i].taken};
        Tree tree;
        // Files that are moved out are gone for the next output.
        bool owned = request->owned && match_count == 1;
        TRY_CTX(store_add_tree(request->store, request->dirfd, owned, takes, &taker, arena, &tree),
                "'%.*s', output '%.*s'", STR_ARG(request->package->name), STR_ARG(matches[i].output->name));
        outputs[i] = (RecordOutput){matches[i].output->name, tree.hash, tree.size_bytes, tree.count};
    }
    return NULL;
}

static const Output everything = {
    .name = {OUTPUT_ALL, sizeof OUTPUT_ALL - 1},
    .type = OUTPUT_DATA,
    .glob = {"**", 2},
    .allow_executable = true,
};

Error *outputs_collect(const OutputsRequest *request, Arena *arena, RecordOutput **outputs_out, size_t *count_out) {
    const Package *package = request->package;
    bool all = package->prebuilt && package->output_count == 0;
    size_t match_count = all ? 1 : package->output_count, count;
    Match *matches = ARENA_ARRAY(arena, Match, match_count);
    OutputFile *files;
    TRY_CTX(outputs_walk(request->dirfd, arena, &files, &count), "'%.*s'", STR_ARG(package->name));
    for (size_t i = 0; i < match_count; i++) {
        matches[i].output = all ? &everything : &package->outputs[i];
        TRY(match_output(request, &matches[i], files, count, arena));
    }
    AUTO_ROOT Root *root = root_new(arena);
    TRY(artifact_root(request, files, count, arena, root));
    OutputChecker checker = {request, arena, root, files, count};
    TRY(check_files(&checker, matches, match_count));
    *outputs_out = ARENA_ARRAY(arena, RecordOutput, match_count);
    *count_out = match_count;
    return store_outputs(request, matches, match_count, files, count, arena, *outputs_out);
}
