// Finds layers and their specs on the host's disk. Everything is listed in sorted order, so two machines with the same
// files read them in the same order; and everything that was looked for and not found is stamped as absent.
#include "specs/layers.h"
#include "base/path.h"

#include <ctype.h>
#include <fcntl.h>
#include <sys/stat.h>

// ---- the chain ----

// Where the layer's minimal.toml is: in the directory or in its .minimal.
static Error *settle_dir(Stamps *stamps, Arena *arena, const LayerLink *link, Str *out) {
    StampKind kind, plain, hidden;
    TRY(stamps_presence(stamps, link->dir, &kind));
    if (kind != STAMP_DIRECTORY)
        return error_at(error_new(ERROR_NOT_FOUND, "there is no directory %.*s", STR_ARG(link->dir)), link->span);
    Str inside = path_clean(arena, path_join(arena, link->dir, STR(".minimal")));
    TRY(stamps_presence(stamps, path_join(arena, link->dir, STR("minimal.toml")), &plain));
    TRY(stamps_presence(stamps, path_join(arena, inside, STR("minimal.toml")), &hidden));
    if (plain == STAMP_FILE && hidden == STAMP_FILE)
        return error_at(
            error_new(ERROR_CONFLICT, "%.*s has both minimal.toml and .minimal/minimal.toml", STR_ARG(link->dir)),
            link->span);
    *out = hidden == STAMP_FILE ? inside : link->dir;
    return NULL;
}

static bool is_in_chain(const Layers *layers, Str dir) {
    for (size_t i = 0; i < layers->count; i++)
        if (str_eq(layers->items[i].project.dir, dir))
            return true;
    return false;
}

static Error *add_layer(Stamps *stamps, Arena *arena, const LayerLink *link, Str from, Layers *layers) {
    Str dir;
    TRY(settle_dir(stamps, arena, link, &dir));
    if (is_in_chain(layers, dir))
        return error_at(error_new(ERROR_CONFLICT, "the layer %.*s is in the chain of layers twice", STR_ARG(dir)),
                        link->span);
    if (layers->count == LAYERS_MAX)
        return error_at(error_new(ERROR_LIMIT, "there are more than %d layers", LAYERS_MAX), link->span);
    LayerEntry *entry = &layers->items[layers->count++];
    TRY(project_read(stamps, arena, dir, &entry->project));
    return project_params(arena, &entry->project, link, from, &entry->params);
}

static void reverse(LayerEntry *items, size_t count) {
    for (size_t i = 0; i < count / 2; i++) {
        LayerEntry item = items[i];
        items[i] = items[count - 1 - i];
        items[count - 1 - i] = item;
    }
}

// Collects in the opposite order: a layer, its sideloads from the last to the first, its upstream, and so on.
Error *layers_chain(Stamps *stamps, Arena *arena, Str dir, Layers *out) {
    LayerLink self = {.dir = dir};
    out->count = 1;
    LayerEntry *entry = &out->items[0];
    TRY(project_read(stamps, arena, dir, &entry->project));
    TRY(project_params(arena, &entry->project, &self, STR(""), &entry->params));
    for (const Project *user = &entry->project; user;) {
        for (size_t i = user->sideload_count; i > 0; i--)
            TRY(add_layer(stamps, arena, &user->sideloads[i - 1], user->file, out));
        if (!user->has_upstream)
            break;
        TRY(add_layer(stamps, arena, &user->upstream, user->file, out));
        user = &out->items[out->count - 1].project;
    }
    reverse(out->items, out->count);
    return NULL;
}

// ---- specs ----

typedef struct Scan {
    Stamps *stamps;
    Arena *arena;
    VEC(Str) found;
} Scan;

static bool is_real_directory(const Scan *scan, Str path) {
    struct stat stat_buf;
    return fstatat(scan->stamps->root, path.ptr, &stat_buf, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(stat_buf.st_mode);
}

// A spec that is there gets its stamp when it is read; one that is not, here.
static Error *scan_spec(Scan *scan, Str dir, const char *file_name) {
    struct stat stat_buf;
    Str path = path_join(scan->arena, dir, str_from(file_name));
    if (fstatat(scan->stamps->root, path.ptr, &stat_buf, 0) == 0 && !S_ISDIR(stat_buf.st_mode)) {
        vec_push(&scan->found, path);
        return NULL;
    }
    StampKind kind;
    return stamps_presence(scan->stamps, path, &kind);
}

static bool is_partition(Str name) {
    if (name.len == 1)
        return true;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_' && name.ptr[i] != '-')
            return false;
    return name.len == 2;
}

static Error *scan_directory(Scan *scan, Str dir, const char *file_name, bool has_partitions) {
    StrSlice names;
    bool found;
    TRY(stamps_directory(scan->stamps, dir, scan->arena, &names, &found));
    for (size_t i = 0; i < names.count; i++) {
        Str child = path_join(scan->arena, dir, names.items[i]);
        if (names.items[i].ptr[0] == '.' || !is_real_directory(scan, child))
            continue;
        TRY(scan_spec(scan, child, file_name));
        if (has_partitions && is_partition(names.items[i]))
            TRY(scan_directory(scan, child, file_name, false));
    }
    return NULL;
}

static StrSlice take_found(Scan *scan) {
    if (scan->found.count)
        qsort(scan->found.items, scan->found.count, sizeof(Str), str_compare_qsort);
    StrSlice found = {arena_dup(scan->arena, scan->found.items, scan->found.count * sizeof(Str)), scan->found.count};
    scan->found.count = 0;
    return found;
}

static Error *scan_layer(Scan *scan, Str dir, StrSlice *packages_out, StrSlice *harnesses_out) {
    Arena *arena = scan->arena;
    TRY(scan_directory(scan, path_clean(arena, path_join(arena, dir, STR("packages"))), "build.ncl", true));
    *packages_out = take_found(scan);
    TRY(scan_directory(scan, path_clean(arena, path_join(arena, dir, STR("stacks"))), "stack.ncl", false));
    TRY(scan_directory(scan, path_clean(arena, path_join(arena, dir, STR("harnesses"))), "harness.ncl", false));
    *harnesses_out = take_found(scan);
    return NULL;
}

Error *layers_scan(Stamps *stamps, Arena *arena, Str dir, StrSlice *packages_out, StrSlice *harnesses_out) {
    Scan scan = {.stamps = stamps, .arena = arena};
    Error *error = scan_layer(&scan, dir, packages_out, harnesses_out);
    vec_release(&scan.found);
    return error;
}
