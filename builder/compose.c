// Trees in order become overlay layers in order. Nothing is copied and nothing is walked, unless there are more trees
// than an overlay can hold.
// Invariant: a verdict file exists only for a closure that was found free of conflicts, under the hash of all that the
// finding depends on.
#include "builder/compose.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VERDICT_HEAD "minimal closure 1\n"
enum { VERDICT_MAX = 1 << 20, WARNINGS_MAX = 200 };

// ---- order ----

static size_t prefer_rank(StrSlice prefer, Str package) {
    for (size_t i = 0; i < prefer.count; i++)
        if (str_eq(prefer.items[i], package))
            return i;
    return prefer.count;
}

const ComposeTree *compose_order(const ComposeRequest *request, Arena *arena, size_t *count_out) {
    ComposeTree *ordered = ARENA_ARRAY(arena, ComposeTree, request->count);
    size_t count = 0;
    AUTO_MAP Map seen = {0};
    for (size_t rank = 0; rank <= request->prefer.count; rank++) {
        for (size_t i = 0; i < request->count; i++) {
            const ComposeTree *tree = &request->trees[i];
            Str hash = {(const char *)tree->tree.bytes, HASH_SIZE};
            // An overlay refuses one directory in two places.
            if (prefer_rank(request->prefer, tree->source.package) == rank && map_put(&seen, hash, NULL))
                ordered[count++] = *tree;
        }
    }
    *count_out = count;
    return ordered;
}

// ---- conflicts ----

typedef struct Check {
    const ComposeRequest *request;
    Arena *arena;
    VEC(Str) warnings;
    size_t unsaid; // warnings beyond those that are kept
} Check;

static Str source_text(Arena *arena, const RootSource *source) {
    return arena_printf(arena, "'%.*s' (output %.*s)", STR_ARG(source->package), STR_ARG(source->output));
}

static Error *on_conflict(void *context, const RootConflict *conflict) {
    Check *check = context;
    const RootSource *first = conflict->first, *second = conflict->second;
    Str one = source_text(check->arena, first), other = source_text(check->arena, second);
    if (conflict->clash == ROOT_CLASH_DIRECTORY)
        return error_new(ERROR_CONFLICT, "/%.*s is a directory in one of %.*s and %.*s, and none in the other",
                         STR_ARG(conflict->path), STR_ARG(one), STR_ARG(other));
    if (prefer_rank(check->request->prefer, first->package) < check->request->prefer.count)
        return NULL;
    if (first->legacy && second->legacy) {
        if (check->warnings.count < WARNINGS_MAX)
            vec_push(&check->warnings,
                     arena_printf(check->arena, "/%.*s differs between %.*s, whose is taken, and %.*s",
                                  STR_ARG(conflict->path), STR_ARG(one), STR_ARG(other)));
        else
            check->unsaid++;
        return NULL;
    }
    Error *error = error_new(ERROR_CONFLICT, "/%.*s differs between %.*s and %.*s", STR_ARG(conflict->path),
                             STR_ARG(one), STR_ARG(other));
    return error_hint(error, "`prefer = [\"%.*s\"]` in the spec takes its file", STR_ARG(first->package));
}

Error *compose_check_names(const Root *root) {
    static const char *const names[] = {"bin", "sbin", "lib", "lib64", "usr/lib64"};
    static const char *const places[] = {"usr/bin", "usr/sbin", "usr/lib", "usr/lib", "usr/lib"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const RootNode *node = root_get(root, str_from(names[i]));
        if (!node || node->kind != ROOT_DIR || !node->source)
            continue;
        Error *error = error_new(ERROR_CONFLICT, "/%s is a directory in '%.*s', but in every root it is a link to %s",
                                 names[i], STR_ARG(node->source->package), places[i]);
        return error_hint(error, "install into %s instead", places[i]);
    }
    return NULL;
}

static Error *check_trees(Store *store, const ComposeTree *trees, size_t count, Check *check) {
    AUTO_ROOT Root *root = root_new(check->arena);
    for (size_t i = 0; i < count; i++) {
        Tree tree;
        TRY_CTX(store_read_tree(store, trees[i].tree, check->arena, &tree), "'%.*s'", STR_ARG(trees[i].source.package));
        TRY(root_add(root, tree.entries, tree.count, &trees[i].source, on_conflict, check));
    }
    if (check->unsaid)
        vec_push(&check->warnings, arena_printf(check->arena, "%zu more such files differ", check->unsaid));
    return compose_check_names(root);
}

// ---- verdicts ----

static Hash closure_hash(const ComposeRequest *request, const ComposeTree *trees, size_t count) {
    AUTO_BUF Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    buf_add_framed(&bytes, STR(VERDICT_HEAD));
    buf_add_u64(&bytes, request->prefer.count);
    for (size_t i = 0; i < request->prefer.count; i++)
        buf_add_framed(&bytes, request->prefer.items[i]);
    buf_add_u64(&bytes, count);
    for (size_t i = 0; i < count; i++) {
        buf_add(&bytes, trees[i].tree.bytes, HASH_SIZE);
        buf_add_framed(&bytes, trees[i].source.package);
        buf_add_framed(&bytes, trees[i].source.output);
        buf_add_u8(&bytes, trees[i].source.legacy);
    }
    return hash_bytes(buf_str(&bytes));
}

typedef struct Verdict {
    bool has_merged;
    Hash merged; // of the trees that are too many for an overlay
    StrSlice warnings;
} Verdict;

// One line per fact; anything that does not read as such counts as no verdict.
static bool verdict_parse(Str text, Arena *arena, Verdict *out) {
    Str line;
    if (!str_starts_with(text, STR(VERDICT_HEAD)) || !str_ends_with(text, STR("end\n")))
        return false;
    text = str_slice(text, sizeof VERDICT_HEAD - 1, text.len - 4);
    Str *warnings = ARENA_ARRAY(arena, Str, WARNINGS_MAX + 1);
    while (str_cut(&text, '\n', &line) && line.len) {
        if (str_starts_with(line, STR("merged ")) && hash_parse(str_slice(line, 7, line.len), &out->merged))
            out->has_merged = true;
        else if (str_starts_with(line, STR("warning ")) && out->warnings.count <= WARNINGS_MAX)
            warnings[out->warnings.count++] = arena_str(arena, str_slice(line, 8, line.len));
        else
            return false;
    }
    out->warnings.items = warnings;
    return true;
}

static bool verdict_read(const char *path, Arena *arena, Verdict *out) {
    AUTO_BUF Buf text;
    buf_init(&text, VERDICT_MAX);
    *out = (Verdict){0};
    Error *error = fd_read_file(AT_FDCWD, path, &text);
    bool usable = !error && verdict_parse(buf_str(&text), arena, out);
    error_free(error);
    return usable;
}

// Without a sync: one that is lost or torn is found anew.
static Error *verdict_write(const char *dir, const char *path, const Verdict *verdict) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_cstr(&text, VERDICT_HEAD);
    if (verdict->has_merged)
        buf_printf(&text, "merged %s\n", hash_hex(verdict->merged).text);
    for (size_t i = 0; i < verdict->warnings.count; i++) {
        buf_add_cstr(&text, "warning ");
        for (size_t at = 0; at < verdict->warnings.items[i].len; at++) {
            char byte = verdict->warnings.items[i].ptr[at];
            buf_add_byte(&text, byte == '\n' ? ' ' : byte);
        }
        buf_add_byte(&text, '\n');
    }
    buf_add_cstr(&text, "end\n");
    TRY(fd_make_dirs(AT_FDCWD, dir));
    AUTO_FD int fd = -1;
    AUTO_BUF Buf temp;
    buf_init(&temp, BUF_NO_LIMIT);
    buf_printf(&temp, "%s.new-%d-%lx", path, (int)getpid(), (unsigned long)(uintptr_t)&text);
    TRY(fd_open(AT_FDCWD, buf_cstr(&temp), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, &fd));
    Error *error = fd_write_all(fd, text.ptr, text.len);
    if (!error && rename(buf_cstr(&temp), path) < 0)
        error = error_sys(errno, "cannot write %s", path);
    if (error)
        unlink(buf_cstr(&temp));
    return error;
}

// ---- merging, for the rare root of more trees than an overlay holds ----

static Error *copy_entry(int from, int to, const TreeEntry *entry) {
    AUTO_FREE char *path = mem_zalloc(entry->path.len + 1);
    memcpy(path, entry->path.ptr, entry->path.len);
    char *slash = strrchr(path, '/');
    if (slash) {
        *slash = '\0';
        TRY(fd_make_dirs(to, path));
        *slash = '/';
    }
    if (entry->kind == TREE_LINK) {
        AUTO_FREE char *target = mem_zalloc(entry->link_target.len + 1);
        memcpy(target, entry->link_target.ptr, entry->link_target.len);
        if (symlinkat(target, to, path) < 0 && errno != EEXIST)
            return error_sys(errno, "cannot make the link %s", path);
        return NULL;
    }
    AUTO_FD int in = -1, out = -1;
    out = openat(to, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, entry->kind == TREE_EXEC ? 0755 : 0644);
    if (out < 0)
        return errno == EEXIST ? NULL : error_sys(errno, "cannot make %s", path);
    TRY(fd_open_beneath(from, path, O_RDONLY, &in));
    return fd_copy(in, out);
}

static Error *merge_trees(Store *store, const ComposeTree *trees, size_t count, Arena *arena, Hash *merged_out) {
    Staging *staging;
    TRY(staging_new(store, &staging));
    Error *error = fd_make_dirs(staging_dirfd(staging), "merged");
    AUTO_FD int to = -1;
    if (!error)
        error = fd_open(staging_dirfd(staging), "merged", O_RDONLY | O_DIRECTORY, 0, &to);
    for (size_t i = 0; i < count && !error; i++) {
        Tree tree = {0};
        AUTO_FD int from = -1;
        error = store_read_tree(store, trees[i].tree, arena, &tree);
        if (!error)
            error = fd_open(store_dirfd(store), store_tree_path(arena, trees[i].tree).ptr, O_RDONLY | O_DIRECTORY, 0,
                            &from);
        for (size_t j = 0; j < tree.count && !error; j++)
            error = copy_entry(from, to, &tree.entries[j]);
    }
    Tree merged;
    if (!error)
        error = store_add_tree(store, to, true, NULL, NULL, arena, &merged);
    if (!error)
        *merged_out = merged.hash;
    staging_free(staging);
    return error;
}

static Error *decide(Store *store, const ComposeRequest *request, const ComposeTree *trees, size_t count, Arena *arena,
                     Verdict *out) {
    Check check = {.request = request, .arena = arena};
    Error *error = check_trees(store, trees, count, &check);
    if (!error && count > COMPOSE_LAYERS_MAX) {
        out->has_merged = true;
        error = merge_trees(store, trees + COMPOSE_LAYERS_MAX - 1, count - COMPOSE_LAYERS_MAX + 1, arena, &out->merged);
    }
    if (!error && check.warnings.count) {
        out->warnings.items =
            arena_dup(arena, check.warnings.items, check.warnings.count * sizeof *check.warnings.items);
        out->warnings.count = check.warnings.count;
    }
    vec_release(&check.warnings);
    return error;
}

static Error *merged_is_there(Store *store, const Verdict *verdict, bool *out) {
    *out = true;
    return verdict->has_merged ? store_check_tree(store, verdict->merged, out) : NULL;
}

Error *compose(Store *store, const ComposeRequest *request, Arena *arena, Composed *out) {
    size_t count;
    const ComposeTree *trees = compose_order(request, arena, &count);
    HashHex hex = hash_hex(closure_hash(request, trees, count));
    Str path = path_join(arena, str_from(request->verdicts_dir), str_from(hex.text));
    Verdict verdict;
    bool usable = verdict_read(path.ptr, arena, &verdict);
    if (usable)
        TRY(merged_is_there(store, &verdict, &usable));
    if (!usable) {
        verdict = (Verdict){0};
        TRY(decide(store, request, trees, count, arena, &verdict));
        TRY_CTX(verdict_write(request->verdicts_dir, path.ptr, &verdict), "cannot keep what was found of a closure");
    }
    SandboxLayer *layers = ARENA_ARRAY(arena, SandboxLayer, count);
    size_t plain = verdict.has_merged ? COMPOSE_LAYERS_MAX - 1 : count;
    for (size_t i = 0; i < plain; i++)
        layers[i] = (SandboxLayer){store_dirfd(store), store_tree_path(arena, trees[i].tree).ptr};
    if (verdict.has_merged)
        layers[plain] = (SandboxLayer){store_dirfd(store), store_tree_path(arena, verdict.merged).ptr};
    *out = (Composed){layers, plain + verdict.has_merged, verdict.warnings};
    return NULL;
}
