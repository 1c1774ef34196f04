// The body of a snapshot. One description of the structs (the walk_ functions) serves three passes: counting, writing
// and reading; so writer and reader cannot disagree.
// Invariant: the walk claims bytes strictly in order, each array right behind what was claimed before. A body is only
// accepted if its offsets are those that the walk arrives at, so no array can overlap another, and none is read twice.
#include "base/map.h"
#include "specs/snapshot.h"

#include <stdlib.h>

enum { LAYOUT_ALIGN = 16 };

typedef enum WalkMode { WALK_COUNT, WALK_WRITE, WALK_READ } WalkMode;

typedef struct Walk {
    WalkMode mode;
    char *base;
    size_t at;         // end of the arrays claimed so far
    size_t strings_at; // first byte of the strings
    size_t end;        // of the body
    Map strings;       // counting and writing: text to its offset behind strings_at, plus 1
    size_t string_bytes;
    size_t package_count, layer_count;
    bool bad;
} Walk;

static void walk_str(Walk *walk, Str *s) {
    if (walk->mode == WALK_READ) {
        size_t offset = (size_t)(uintptr_t)s->ptr;
        if (offset < walk->strings_at || offset >= walk->end || s->len >= walk->end - offset ||
            walk->base[offset + s->len] != '\0') {
            walk->bad = true;
            *s = STR("");
            return;
        }
        s->ptr = walk->base + offset;
        return;
    }
    uintptr_t known = (uintptr_t)map_get(&walk->strings, *s);
    if (!known) {
        known = walk->string_bytes + 1;
        map_put(&walk->strings, *s, (void *)known);
        walk->string_bytes += s->len + 1;
    }
    if (walk->mode == WALK_WRITE)
        s->ptr = (const char *)(walk->strings_at + known - 1);
}

// Claims an array; the result is where its items are to be walked, NULL when there are none.
static void *walk_array(Walk *walk, void *pointer_to_items, size_t count, size_t item_size) {
    const void **items = pointer_to_items;
    size_t at = (walk->at + LAYOUT_ALIGN - 1) & ~(size_t)(LAYOUT_ALIGN - 1), size;
    if (count == 0) {
        if (walk->mode != WALK_COUNT)
            *items = NULL;
        return NULL;
    }
    if (__builtin_mul_overflow(count, item_size, &size) || size > SNAPSHOT_MAX_BYTES || walk->bad) {
        walk->bad = true;
        return NULL;
    }
    if (walk->mode == WALK_COUNT) {
        walk->at = at + size;
        return (void *)(uintptr_t)*items;
    }
    if (at > walk->strings_at || size > walk->strings_at - at || (walk->mode == WALK_READ && (uintptr_t)*items != at)) {
        walk->bad = true;
        return NULL;
    }
    if (walk->mode == WALK_WRITE)
        memcpy(walk->base + at, *items, size);
    walk->at = at + size;
    *items = walk->mode == WALK_WRITE ? (const void *)(uintptr_t)at : walk->base + at;
    return walk->base + at;
}

// ---- values that may be wrong in a body ----

static void walk_bool(Walk *walk, const bool *value) {
    unsigned char byte;
    memcpy(&byte, value, 1);
    if (byte > 1)
        walk->bad = true;
}

static void walk_enum(Walk *walk, unsigned value, unsigned last) {
    if (value > last)
        walk->bad = true;
}

static void walk_index(Walk *walk, PackageIndex index, bool may_be_none) {
    if (index >= walk->package_count && !(may_be_none && index == PACKAGE_NONE))
        walk->bad = true;
}

// ---- the structs ----

static void walk_strings(Walk *walk, StrSlice *slice) {
    Str *items = walk_array(walk, &slice->items, slice->count, sizeof *items);
    for (size_t i = 0; items && i < slice->count; i++)
        walk_str(walk, &items[i]);
}

static void walk_span(Walk *walk, SourceSpan *span) {
    walk_str(walk, &span->file);
    if (walk->mode != WALK_COUNT)
        span->source = STR_NULL;
}

static void walk_target(Walk *walk, const Target *target) {
    walk_enum(walk, target->arch, ARCH_ARM64);
    walk_enum(walk, target->os, OS_MACOS);
}

static void walk_dependency(Walk *walk, Dependency *dependency) {
    walk_index(walk, dependency->package, false);
    walk_bool(walk, &dependency->is_subset);
    walk_strings(walk, &dependency->outputs);
    walk_span(walk, &dependency->span);
}

static void walk_dependencies(Walk *walk, Dependencies *dependencies) {
    Dependency *items = walk_array(walk, &dependencies->items, dependencies->count, sizeof *items);
    for (size_t i = 0; items && i < dependencies->count; i++)
        walk_dependency(walk, &items[i]);
}

static void walk_source(Walk *walk, Source *source) {
    walk_str(walk, &source->url);
    walk_str(walk, &source->path);
    walk_strings(walk, &source->mirrors);
    walk_str(walk, &source->name);
    walk_bool(walk, &source->extract);
    walk_bool(walk, &source->has_strip_prefix);
    walk_str(walk, &source->strip_prefix);
}

static void walk_inputs(Walk *walk, Package *package) {
    Input *items = walk_array(walk, &package->inputs, package->input_count, sizeof *items);
    for (size_t i = 0; items && i < package->input_count; i++) {
        walk_enum(walk, items[i].kind, INPUT_PACKAGE);
        walk_span(walk, &items[i].span);
        if (items[i].kind == INPUT_SOURCE) {
            walk_source(walk, &items[i].source);
        } else if (items[i].kind == INPUT_LOCAL) {
            walk_str(walk, &items[i].local.path);
            walk_str(walk, &items[i].local.name);
            walk_bool(walk, &items[i].local.is_exec);
        } else {
            walk_dependency(walk, &items[i].package);
        }
    }
}

static void walk_commands(Walk *walk, Commands *commands) {
    Command *items = walk_array(walk, &commands->items, commands->count, sizeof *items);
    for (size_t i = 0; items && i < commands->count; i++)
        walk_strings(walk, &items[i].argv);
}

static void walk_outputs(Walk *walk, Package *package) {
    Output *items = walk_array(walk, &package->outputs, package->output_count, sizeof *items);
    for (size_t i = 0; items && i < package->output_count; i++) {
        walk_str(walk, &items[i].name);
        walk_enum(walk, items[i].type, OUTPUT_DATA);
        walk_str(walk, &items[i].glob);
        walk_bool(walk, &items[i].allow_missing_interpreter);
        walk_bool(walk, &items[i].allow_data);
        walk_bool(walk, &items[i].allow_executable);
        walk_span(walk, &items[i].span);
    }
}

static void walk_tests(Walk *walk, Package *package) {
    PackageTest *items = walk_array(walk, &package->tests, package->test_count, sizeof *items);
    for (size_t i = 0; items && i < package->test_count; i++) {
        walk_str(walk, &items[i].name);
        walk_enum(walk, items[i].class, TEST_BUILD);
        walk_commands(walk, &items[i].commands);
        walk_dependencies(walk, &items[i].deps);
        walk_span(walk, &items[i].span);
    }
}

static void walk_pairs(Walk *walk, void *pointer_to_items, size_t count) {
    _Static_assert(sizeof(Attr) == sizeof(NamedValue) && offsetof(Attr, json) == offsetof(NamedValue, value),
                   "both are a name and a text");
    NamedValue *items = walk_array(walk, pointer_to_items, count, sizeof *items);
    for (size_t i = 0; items && i < count; i++) {
        walk_str(walk, &items[i].name);
        walk_str(walk, &items[i].value);
    }
}

static void walk_package(Walk *walk, Package *package) {
    walk_str(walk, &package->name);
    if (package->layer >= walk->layer_count)
        walk->bad = true;
    walk_span(walk, &package->span);
    walk_str(walk, &package->dir);
    walk_bool(walk, &package->prebuilt);
    walk_target(walk, &package->target);
    walk_inputs(walk, package);
    walk_dependencies(walk, &package->runtime_deps);
    walk_index(walk, package->breaker, true);
    walk_commands(walk, &package->commands);
    walk_pairs(walk, &package->build_args.items, package->build_args.count);
    walk_outputs(walk, package);
    walk_tests(walk, package);
    walk_bool(walk, &package->needs.internet);
    walk_bool(walk, &package->needs.dns);
    walk_strings(walk, &package->needs.allow);
    walk_strings(walk, &package->prefer);
    walk_pairs(walk, &package->attrs, package->attr_count);
    walk_str(walk, &package->version);
    walk_bool(walk, &package->needed_for_internet);
    walk_bool(walk, &package->not_redistributable);
    if (package->cost == 0)
        walk->bad = true;
}

static void walk_layers(Walk *walk, PackageSet *set) {
    Layer *layers = walk_array(walk, &set->layers, set->layer_count, sizeof *layers);
    for (size_t i = 0; layers && i < set->layer_count; i++) {
        walk_str(walk, &layers[i].dir);
        walk_str(walk, &layers[i].name);
        walk_bool(walk, &layers[i].legacy);
    }
    Mirror *mirrors = walk_array(walk, &set->mirrors, set->mirror_count, sizeof *mirrors);
    for (size_t i = 0; mirrors && i < set->mirror_count; i++) {
        walk_str(walk, &mirrors[i].name);
        walk_strings(walk, &mirrors[i].bases);
    }
    Harness *harnesses = walk_array(walk, &set->harnesses, set->harness_count, sizeof *harnesses);
    for (size_t i = 0; harnesses && i < set->harness_count; i++) {
        walk_str(walk, &harnesses[i].name);
        if (harnesses[i].layer >= set->layer_count)
            walk->bad = true;
        walk_span(walk, &harnesses[i].span);
    }
}

static void walk_set(Walk *walk, PackageSet *set) {
    walk->package_count = set->count;
    walk->layer_count = set->layer_count;
    walk_target(walk, &set->target);
    walk_layers(walk, set);
    PackageIndex *by_name = walk_array(walk, &set->by_name, set->count, sizeof *by_name);
    for (size_t i = 0; by_name && i < set->count; i++)
        walk_index(walk, by_name[i], false);
    Package *packages = walk_array(walk, &set->packages, set->count, sizeof *packages);
    for (size_t i = 0; packages && i < set->count; i++)
        walk_package(walk, &packages[i]);
}

static void walk_root(Walk *walk, SnapshotRoot *root) {
    walk_str(walk, &root->layer);
    Stamp *stamps = walk_array(walk, &root->stamps, root->stamp_count, sizeof *stamps);
    for (size_t i = 0; stamps && i < root->stamp_count; i++) {
        walk_str(walk, &stamps[i].path);
        walk_enum(walk, stamps[i].kind, STAMP_DIRECTORY);
    }
    walk_set(walk, &root->set);
}

// ---- passes ----

// In front of the arrays: where the strings begin, and the root.
typedef struct BodyHead {
    uint64_t strings_at;
    uint64_t reserved;
    SnapshotRoot root;
} BodyHead;

static void write_strings(Walk *walk) {
    for (size_t i = 0; i < walk->strings.count; i++) {
        const MapEntry *entry = &walk->strings.entries[i];
        char *to = walk->base + walk->strings_at + (uintptr_t)entry->value - 1;
        if (entry->key.len)
            memcpy(to, entry->key.ptr, entry->key.len);
        to[entry->key.len] = '\0';
    }
}

Error *snapshot_encode(const SnapshotRoot *root, Buf *out) {
    BodyHead head = {.root = *root};
    Walk walk = {.mode = WALK_COUNT, .at = sizeof head};
    walk_root(&walk, &head.root);
    walk.strings_at = walk.at;
    walk.end = walk.at + walk.string_bytes;
    char *bytes = walk.bad || walk.end > SNAPSHOT_MAX_BYTES ? NULL : buf_reserve(out, walk.end);
    if (!bytes) {
        map_release(&walk.strings);
        return error_new(ERROR_LIMIT, "the packages are too many for a snapshot");
    }
    memset(bytes, 0, walk.end);
    walk.mode = WALK_WRITE;
    walk.base = bytes;
    walk.at = sizeof head;
    head.strings_at = walk.strings_at;
    head.root.set.arena = NULL;
    walk_root(&walk, &head.root);
    memcpy(bytes, &head, sizeof head);
    write_strings(&walk);
    map_release(&walk.strings);
    BUG_UNLESS(!walk.bad && walk.at == walk.strings_at);
    out->len += walk.end;
    return NULL;
}

SnapshotRoot *snapshot_decode(void *bytes, size_t size) {
    BodyHead *head = bytes;
    if (size < sizeof *head || size > SNAPSHOT_MAX_BYTES || head->strings_at < sizeof *head || head->strings_at > size)
        return NULL;
    Walk walk = {.mode = WALK_READ, .base = bytes, .at = sizeof *head, .strings_at = head->strings_at, .end = size};
    walk_root(&walk, &head->root);
    if (walk.bad || walk.at != walk.strings_at)
        return NULL;
    head->root.set.arena = NULL;
    return &head->root;
}
