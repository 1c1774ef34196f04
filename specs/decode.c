// The decoder's work list. Packages refer to each other in cycles, so none is read inside another: a reference only
// reserves a slot, and the slots are read one after the other until none is left.
// Invariant: a slot's record has a name of its own in `identities`, so each declaration is read exactly once.
#include "specs/decode.h"
#include "base/path.h"
#include "specs/decode_private.h"

#include <stdlib.h>

void set_builder_init(SetBuilder *builder, Arena *arena, Target target, Stamps *stamps) {
    *builder = (SetBuilder){.arena = arena, .target = target, .stamps = stamps};
}

void set_builder_release(SetBuilder *builder) {
    vec_release(&builder->packages);
    vec_release(&builder->layers);
    vec_release(&builder->mirrors);
    vec_release(&builder->harnesses);
    map_release(&builder->names);
}

static PackageIndex name_find(const SetBuilder *builder, Str name) {
    uintptr_t found = (uintptr_t)map_get(&builder->names, name);
    return found ? (PackageIndex)(found - 1) : PACKAGE_NONE;
}

// ---- names ----

static bool is_name_byte(char c, bool first) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
        return true;
    return !first && (c == '.' || c == '_' || c == '+' || c == '-');
}

static bool is_package_name(Str name) {
    enum { NAME_MAX_LEN = 128 };
    if (str_ends_with(name, STR(" (prebuilt)")))
        name.len -= STR(" (prebuilt)").len;
    if (name.len == 0 || name.len > NAME_MAX_LEN)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_name_byte(name.ptr[i], i == 0))
            return false;
    return true;
}

static Error *take_name(Decoder *decoder, Value *record, const char *what, Str *out) {
    bool found;
    TRY(decode_string(decoder, record, "name", &found, out));
    if (!found)
        return decode_error(decoder, ERROR_INVALID, (Where){0}, "%s needs a `name`", what);
    decode_enter(decoder, STR("name"));
    if (!is_package_name(*out))
        return error_hint(decode_error(decoder, ERROR_INVALID, where_field(record, "name"), "'%.*s' is no name for %s",
                                       STR_ARG(*out), what),
                          "a name is made of a-z, 0-9, '.', '_', '+' and '-', and begins with a letter or digit");
    decode_leave(decoder);
    return NULL;
}

// ---- references ----

static PackageIndex slot_reserve(Decoder *decoder, Value *value) {
    const void *identity = lang_record_identity(value);
    Str key = {(const char *)&identity, sizeof identity};
    uintptr_t known = (uintptr_t)map_get(&decoder->identities, key);
    if (known)
        return decoder->base + (PackageIndex)(known - 1);
    key.ptr = arena_dup(lang_arena(decoder->lang), &identity, sizeof identity);
    vec_push(&decoder->slots, (Slot){.value = value});
    map_put(&decoder->identities, key, (void *)(uintptr_t)decoder->slots.count);
    return decoder->base + (PackageIndex)(decoder->slots.count - 1);
}

static Error *unknown_upstream(Decoder *decoder, Str name, Where at) {
    const SetBuilder *builder = decoder->builder;
    Str *names = ARENA_ARRAY(builder->arena, Str, builder->packages.count);
    for (size_t i = 0; i < builder->packages.count; i++)
        names[i] = builder->packages.items[i].name;
    Str nearest = str_nearest(name, names, builder->packages.count);
    Error *error = decode_error(decoder, ERROR_NOT_FOUND, at, "no layer above has a package '%.*s'", STR_ARG(name));
    if (nearest.ptr)
        return error_hint(error, "did you mean '%.*s'?", STR_ARG(nearest));
    return error_hint(error, "`upstream` names packages of the layers in [upstream] of minimal.toml; this layer's own "
                             "are imported");
}

static Error *take_upstream(Decoder *decoder, Value *value, Where at, PackageIndex *out) {
    static const char *const fields[] = {"ty", "name"};
    Str name;
    bool found;
    TRY(decode_only(decoder, value, fields, ARRAY_LEN(fields), "an upstream package"));
    TRY(decode_string(decoder, value, "name", &found, &name));
    if (!found)
        return decode_error(decoder, ERROR_INVALID, at, "an upstream package needs a `name`");
    *out = name_find(decoder->builder, name);
    bool is_above = *out != PACKAGE_NONE && *out < decoder->base;
    return is_above ? NULL : unknown_upstream(decoder, name, at);
}

static Error *take_package(Decoder *decoder, Value *value, Where at, const char *expected, PackageIndex *out) {
    Str kind;
    TRY(decode_kind(decoder, value, at, expected, &kind));
    if (str_is(kind, "Upstream"))
        return take_upstream(decoder, value, at, out);
    if (!str_is(kind, "Builder"))
        return decode_error(decoder, ERROR_INVALID, at, "must be %s, not a %.*s", expected, STR_ARG(kind));
    *out = slot_reserve(decoder, value);
    return NULL;
}

static StrSlice without_duplicates(StrSlice sorted) {
    Str *items = (Str *)(uintptr_t)sorted.items; // our own array, made a moment ago
    size_t kept = 0;
    for (size_t i = 0; i < sorted.count; i++)
        if (kept == 0 || !str_eq(items[kept - 1], items[i]))
            items[kept++] = items[i];
    return (StrSlice){items, kept};
}

static Error *take_subset(Decoder *decoder, Value *value, Where at, Dependency *out) {
    static const char *const fields[] = {"ty", "from", "outputs"};
    Value *from;
    TRY(decode_only(decoder, value, fields, ARRAY_LEN(fields), "a Subset"));
    TRY(decode_field(decoder, value, "from", &from));
    if (!from)
        return decode_error(decoder, ERROR_INVALID, at, "a Subset needs `from`");
    decode_enter(decoder, STR("from"));
    TRY(take_package(decoder, from, at, "a package", &out->package));
    decode_leave(decoder);
    TRY(decode_strings(decoder, value, "outputs", &out->outputs));
    if (out->outputs.count == 0)
        return decode_error(decoder, ERROR_INVALID, at, "a Subset needs `outputs`, at least one");
    qsort((void *)(uintptr_t)out->outputs.items, out->outputs.count, sizeof(Str), str_compare_qsort);
    out->outputs = without_duplicates(out->outputs);
    out->is_subset = true;
    return NULL;
}

static Error *take_dependency(Decoder *decoder, Value *value, Where at, const char *expected, Dependency *out) {
    Str kind;
    *out = (Dependency){.span = decode_span(decoder, (Where){.record = at.record, .field = at.field})};
    TRY(decode_kind(decoder, value, at, expected, &kind));
    if (str_is(kind, "Subset"))
        return take_subset(decoder, value, at, out);
    return take_package(decoder, value, at, expected, &out->package);
}

static Error *take_dependencies(Decoder *decoder, Value *record, const char *field, Dependencies *out) {
    ItemReader reader;
    TRY(decode_items(decoder, record, field, &reader));
    Dependency *items = ARENA_ARRAY(decoder->builder->arena, Dependency, reader.count);
    decode_enter(decoder, str_from(field));
    while (reader.at < reader.count) {
        Value *value;
        Where at;
        Dependency *item = &items[reader.at];
        TRY(decode_next(decoder, &reader, &value, &at));
        TRY(take_dependency(decoder, value, at, "a package or a Subset", item));
        decode_leave(decoder);
    }
    decode_leave(decoder);
    *out = (Dependencies){items, reader.count};
    return NULL;
}

// ---- inputs ----

static Error *take_input(Decoder *decoder, Value *value, Where at, Input *out) {
    static const char expected[] = "a package, a Subset, a Source or a Local";
    Str kind;
    TRY(decode_kind(decoder, value, at, expected, &kind));
    if (str_is(kind, "Source")) {
        out->kind = INPUT_SOURCE;
        out->span = decode_span(decoder, at);
        return decode_source(decoder, value, at, &out->source);
    }
    if (str_is(kind, "Local")) {
        out->kind = INPUT_LOCAL;
        out->span = decode_span(decoder, at);
        return decode_local(decoder, value, at, &out->local);
    }
    out->kind = INPUT_PACKAGE;
    TRY(take_dependency(decoder, value, at, expected, &out->package));
    out->span = out->package.span;
    return NULL;
}

// The name under which an input lies in the build directory; "" for what is not put there as one file.
static Str input_file_name(const Input *input) {
    if (input->kind == INPUT_LOCAL)
        return input->local.name;
    if (input->kind == INPUT_SOURCE && !input->source.extract)
        return input->source.name;
    return STR("");
}

static Error *check_file_names(Decoder *decoder, const Package *package) {
    AUTO_MAP Map names = {0};
    for (size_t i = 0; i < package->input_count; i++) {
        Str name = input_file_name(&package->inputs[i]);
        if (name.len && !map_put(&names, name, NULL))
            return decode_error(decoder, ERROR_CONFLICT, where_span(&package->inputs[i].span),
                                "build_deps holds two files that are both called '%.*s'", STR_ARG(name));
    }
    return NULL;
}

static Error *take_inputs(Decoder *decoder, Value *record, Package *package) {
    ItemReader reader;
    TRY(decode_items(decoder, record, "build_deps", &reader));
    if (!reader.array)
        return decode_error(decoder, ERROR_INVALID, (Where){0},
                            "a package needs `build_deps`; an empty array where it has none");
    Input *items = ARENA_ARRAY(decoder->builder->arena, Input, reader.count);
    decode_enter(decoder, STR("build_deps"));
    while (reader.at < reader.count) {
        Value *value;
        Where at;
        Input *item = &items[reader.at];
        TRY(decode_next(decoder, &reader, &value, &at));
        TRY(take_input(decoder, value, at, item));
        decode_leave(decoder);
    }
    decode_leave(decoder);
    package->inputs = items;
    package->input_count = reader.count;
    return check_file_names(decoder, package);
}

// ---- tests ----

static Error *take_test(Decoder *decoder, Value *value, Where at, PackageTest *out) {
    static const char *const fields[] = {"ty", "class", "test_deps", "cmd", "cmds"};
    Str kind;
    out->span = decode_span(decoder, at);
    TRY(decode_kind(decoder, value, at, "a Test", &kind));
    if (!str_is(kind, "Test"))
        return decode_error(decoder, ERROR_INVALID, at, "must be a Test, not a %.*s", STR_ARG(kind));
    TRY(decode_only(decoder, value, fields, ARRAY_LEN(fields), "a Test"));
    Value *class;
    TRY(decode_field(decoder, value, "class", &class));
    Str tag = class && lang_type(class) == LANG_ENUM ? lang_get_tag(class) : STR("");
    if (!str_is(tag, "Standalone") && !str_is(tag, "Build"))
        return decode_error(decoder, ERROR_INVALID, class ? where_field(value, "class") : at,
                            "the class of a Test is 'Standalone or 'Build");
    out->class = str_is(tag, "Build") ? TEST_BUILD : TEST_STANDALONE;
    TRY(decode_commands(decoder, value, &out->commands));
    if (out->commands.count == 0)
        return decode_error(decoder, ERROR_INVALID, at, "a Test needs a `cmd` or `cmds`");
    return take_dependencies(decoder, value, "test_deps", &out->deps);
}

static Error *take_tests(Decoder *decoder, Value *record, Package *package) {
    Value *tests;
    StrSlice names = {0};
    TRY(decode_field(decoder, record, "tests", &tests));
    if (!tests)
        return NULL;
    decode_enter(decoder, STR("tests"));
    TRY(decode_expect(decoder, tests, LANG_RECORD, where_field(record, "tests")));
    DECODE_TRY(decoder, lang_record_names(decoder->lang, tests, &names));
    PackageTest *items = ARENA_ARRAY(decoder->builder->arena, PackageTest, names.count);
    size_t count = 0;
    for (size_t i = 0; i < names.count; i++) {
        Value *value;
        decode_enter(decoder, names.items[i]);
        DECODE_TRY(decoder, lang_record_field(decoder->lang, tests, names.items[i], &value));
        if (value) {
            items[count].name = arena_str(decoder->builder->arena, names.items[i]);
            TRY(take_test(decoder, value, where_named(tests, names.items[i]), &items[count++]));
        }
        decode_leave(decoder);
    }
    decode_leave(decoder);
    package->tests = items;
    package->test_count = count;
    return NULL;
}

// ---- packages ----

static Error *take_target(Decoder *decoder, Value *record, Package *package) {
    Str text;
    bool found;
    package->target = decoder->builder->target;
    TRY(decode_string(decoder, record, "target", &found, &text));
    if (!found || target_parse(text, &package->target))
        return NULL;
    decode_enter(decoder, STR("target"));
    return error_hint(
        decode_error(decoder, ERROR_INVALID, where_field(record, "target"), "'%.*s' is no target", STR_ARG(text)),
        "targets are amd64 or arm64, then /linux or /macos");
}

static Error *take_breaker(Decoder *decoder, Value *record, Package *package) {
    Value *breaker;
    package->breaker = PACKAGE_NONE;
    TRY(decode_field(decoder, record, "replace_on_cycle", &breaker));
    if (!breaker)
        return NULL;
    decode_enter(decoder, STR("replace_on_cycle"));
    TRY(take_package(decoder, breaker, where_field(record, "replace_on_cycle"), "a package", &package->breaker));
    decode_leave(decoder);
    return NULL;
}

static Error *check_prebuilt(Decoder *decoder, const Package *package) {
    const char *wrong = NULL;
    if (package->input_count != 1 || package->inputs[0].kind != INPUT_SOURCE)
        wrong = "has exactly one build_deps entry, a Source";
    else if (!package->inputs[0].source.extract)
        wrong = "has a Source with `extract = true`";
    else if (package->commands.count)
        wrong = "runs no commands";
    else if (package->breaker != PACKAGE_NONE)
        wrong = "has no replace_on_cycle";
    if (!wrong)
        return NULL;
    return decode_error(decoder, ERROR_INVALID, (Where){0}, "a prebuilt package %s", wrong);
}

static Error *take_body(Decoder *decoder, Value *record, Package *package) {
    static const char *const fields[] = {
        "ty",         "name",     "build_deps", "runtime_deps", "replace_on_cycle", "prefer",  "cmd",   "cmds",
        "build_args", "prebuilt", "target",     "needs",        "network",          "outputs", "tests", "attrs"};
    TRY(decode_only(decoder, record, fields, ARRAY_LEN(fields), "a package"));
    TRY(decode_bool(decoder, record, "prebuilt", &package->prebuilt));
    TRY(take_target(decoder, record, package));
    TRY(take_inputs(decoder, record, package));
    TRY(take_dependencies(decoder, record, "runtime_deps", &package->runtime_deps));
    TRY(take_breaker(decoder, record, package));
    TRY(decode_strings(decoder, record, "prefer", &package->prefer));
    TRY(decode_commands(decoder, record, &package->commands));
    TRY(decode_build_args(decoder, record, &package->build_args));
    TRY(decode_outputs(decoder, record, package));
    TRY(decode_needs(decoder, record, &package->needs));
    TRY(decode_attrs(decoder, record, package));
    TRY(take_tests(decoder, record, package));
    return package->prebuilt ? check_prebuilt(decoder, package) : NULL;
}

static Error *name_taken(Decoder *decoder, Str name, SourceSpan first) {
    return decode_error(
        decoder, ERROR_CONFLICT, (Where){0},
        "a package '%.*s' is declared already at %.*s:%u:%u: a name stands for one package in all layers",
        STR_ARG(name), STR_ARG(first.file), first.line, first.column);
}

static Error *take_slot(Decoder *decoder, size_t index) {
    Value *value = decoder->slots.items[index].value;
    Package package = {.layer = decoder->layer, .version = STR(""), .cost = 1, .breaker = PACKAGE_NONE};
    decoder->depth = 0;
    decoder->place = (SourceSpan){0};
    decoder->place = decode_span(decoder, where_value(value));
    package.span = decoder->place;
    TRY(take_name(decoder, value, "a package", &package.name));
    PackageIndex other = name_find(decoder->builder, package.name);
    if (other != PACKAGE_NONE && other >= decoder->base)
        return name_taken(decoder, package.name, decoder->slots.items[other - decoder->base].package.span);
    if (other != PACKAGE_NONE)
        return name_taken(decoder, package.name, decoder->builder->packages.items[other].span);
    map_put(&decoder->builder->names, package.name, (void *)(uintptr_t)(decoder->base + index + 1));
    Arena *arena = decoder->builder->arena;
    Str dir = path_clean(arena, path_join(arena, decoder->specs->root, path_dir(package.span.file)));
    package.dir = dir;
    TRY(take_body(decoder, value, &package));
    decoder->slots.items[index].package = package;
    return NULL;
}

// ---- checks that need all packages ----

static const Package *package_at(const Decoder *decoder, PackageIndex index) {
    return index >= decoder->base ? &decoder->slots.items[index - decoder->base].package
                                  : &decoder->builder->packages.items[index];
}

static Error *check_subset(Decoder *decoder, const char *field, const Dependency *dependency) {
    const Package *target = package_at(decoder, dependency->package);
    for (size_t i = 0; i < dependency->outputs.count; i++) {
        Str wanted = dependency->outputs.items[i];
        if (package_output(target, wanted))
            continue;
        Str *names = ARENA_ARRAY(decoder->builder->arena, Str, target->output_count);
        for (size_t j = 0; j < target->output_count; j++)
            names[j] = target->outputs[j].name;
        Str nearest = str_nearest(wanted, names, target->output_count);
        decode_enter(decoder, str_from(field));
        Error *error = decode_error(decoder, ERROR_NOT_FOUND, where_span(&dependency->span),
                                    "package '%.*s' has no output '%.*s'", STR_ARG(target->name), STR_ARG(wanted));
        return nearest.ptr ? error_hint(error, "did you mean '%.*s'?", STR_ARG(nearest)) : error;
    }
    return NULL;
}

static Error *check_preferred(Decoder *decoder, const Package *package) {
    for (size_t i = 0; i < package->prefer.count; i++)
        if (name_find(decoder->builder, package->prefer.items[i]) == PACKAGE_NONE)
            return decode_error(decoder, ERROR_NOT_FOUND, where_span(&package->span),
                                "prefer: there is no package '%.*s'", STR_ARG(package->prefer.items[i]));
    return NULL;
}

static Error *check_references(Decoder *decoder, const Package *package) {
    decoder->depth = 0;
    decoder->place = package->span;
    for (size_t i = 0; i < package->input_count; i++)
        if (package->inputs[i].kind == INPUT_PACKAGE)
            TRY(check_subset(decoder, "build_deps", &package->inputs[i].package));
    for (size_t i = 0; i < package->runtime_deps.count; i++)
        TRY(check_subset(decoder, "runtime_deps", &package->runtime_deps.items[i]));
    for (size_t i = 0; i < package->test_count; i++)
        for (size_t j = 0; j < package->tests[i].deps.count; j++)
            TRY(check_subset(decoder, "test_deps", &package->tests[i].deps.items[j]));
    return check_preferred(decoder, package);
}

// ---- harnesses ----

static Error *check_package_names(Decoder *decoder, Value *record, const char *field) {
    StrSlice names;
    TRY(decode_strings(decoder, record, field, &names));
    for (size_t i = 0; i < names.count; i++) {
        if (name_find(decoder->builder, names.items[i]) != PACKAGE_NONE)
            continue;
        decode_enter(decoder, str_from(field));
        return decode_error(decoder, ERROR_NOT_FOUND, where_field(record, field), "there is no package '%.*s'",
                            STR_ARG(names.items[i]));
    }
    return NULL;
}

static Error *take_harness(Decoder *decoder, Str path) {
    Value *value;
    Str kind;
    TRY(lang_import(decoder->lang, path, &value));
    TRY(lang_force(decoder->lang, value));
    decoder->depth = 0;
    decoder->place = (SourceSpan){.file = arena_str(decoder->builder->arena, path), .line = 1, .column = 1};
    TRY(decode_kind(decoder, value, (Where){0}, "a stack", &kind));
    if (!str_is(kind, "Stack"))
        return decode_error(decoder, ERROR_INVALID, (Where){0}, "must be a stack, not a %.*s", STR_ARG(kind));
    Harness harness = {.layer = decoder->layer, .span = decode_span(decoder, where_value(value))};
    harness.span.file = decoder->place.file;
    TRY(take_name(decoder, value, "a stack", &harness.name));
    TRY(check_package_names(decoder, value, "build_packages"));
    TRY(check_package_names(decoder, value, "runtime_packages"));
    for (size_t i = 0; i < decoder->builder->harnesses.count; i++)
        if (str_eq(decoder->builder->harnesses.items[i].name, harness.name))
            return decode_error(decoder, ERROR_CONFLICT, where_span(&harness.span),
                                "a stack '%.*s' is declared already in %.*s", STR_ARG(harness.name),
                                STR_ARG(decoder->builder->harnesses.items[i].span.file));
    harness.span.source = STR_NULL;
    vec_push(&decoder->builder->harnesses, harness);
    return NULL;
}

// ---- layers ----

static Error *reserve_file(Decoder *decoder, Str path) {
    Value *value;
    Str kind;
    decoder->depth = 0;
    decoder->place = (SourceSpan){.file = arena_str(decoder->builder->arena, path), .line = 1, .column = 1};
    TRY(lang_import(decoder->lang, path, &value));
    TRY(lang_force(decoder->lang, value));
    Where at = where_value(value);
    TRY(decode_kind(decoder, value, at, "a package", &kind));
    if (!str_is(kind, "Builder"))
        return decode_error(decoder, ERROR_INVALID, at, "must be a package, not a %.*s", STR_ARG(kind));
    slot_reserve(decoder, value);
    return NULL;
}

static Error *decode_all(Decoder *decoder) {
    const LayerSpecs *specs = decoder->specs;
    for (size_t i = 0; i < specs->packages.count; i++)
        TRY(reserve_file(decoder, specs->packages.items[i]));
    for (; decoder->done < decoder->slots.count; decoder->done++) {
        TRY(take_slot(decoder, decoder->done));
        if (decoder->slots.count > DECODE_MAX_PACKAGES)
            return error_hint(decode_error(decoder, ERROR_LIMIT, (Where){0}, "the layer has more than %d packages",
                                           DECODE_MAX_PACKAGES),
                              "does a function make packages without end?");
    }
    for (size_t i = 0; i < decoder->slots.count; i++)
        TRY(check_references(decoder, &decoder->slots.items[i].package));
    for (size_t i = 0; i < specs->harnesses.count; i++)
        TRY(take_harness(decoder, specs->harnesses.items[i]));
    return NULL;
}

static int compare_slots(const void *a, const void *b) {
    return str_compare((*(const Slot *const *)a)->package.name, (*(const Slot *const *)b)->package.name);
}

static void settle_index(PackageIndex *index, PackageIndex base, const PackageIndex *order) {
    if (*index != PACKAGE_NONE && *index >= base)
        *index = order[*index - base];
}

static void settle_dependency(Dependency *dependency, PackageIndex base, const PackageIndex *order) {
    settle_index(&dependency->package, base, order);
    dependency->span.source = STR_NULL;
}

static void settle_dependencies(Dependencies dependencies, PackageIndex base, const PackageIndex *order) {
    Dependency *items = (Dependency *)(uintptr_t)dependencies.items; // our own array, not handed out yet
    for (size_t i = 0; i < dependencies.count; i++)
        settle_dependency(&items[i], base, order);
}

// Indices of slots become indices of the set, and no place refers to the interpreter's memory any more.
static void settle_package(Package *package, PackageIndex base, const PackageIndex *order) {
    Input *inputs = (Input *)(uintptr_t)package->inputs;
    Output *outputs = (Output *)(uintptr_t)package->outputs;
    PackageTest *tests = (PackageTest *)(uintptr_t)package->tests;
    package->span.source = STR_NULL;
    for (size_t i = 0; i < package->input_count; i++) {
        inputs[i].span.source = STR_NULL;
        if (inputs[i].kind == INPUT_PACKAGE)
            settle_dependency(&inputs[i].package, base, order);
    }
    for (size_t i = 0; i < package->output_count; i++)
        outputs[i].span.source = STR_NULL;
    for (size_t i = 0; i < package->test_count; i++) {
        tests[i].span.source = STR_NULL;
        settle_dependencies(tests[i].deps, base, order);
    }
    settle_dependencies(package->runtime_deps, base, order);
    settle_index(&package->breaker, base, order);
}

// Adds the slots to the set, sorted by name, and turns references to slots into references to their new places.
static void settle(Decoder *decoder) {
    SetBuilder *builder = decoder->builder;
    size_t count = decoder->slots.count;
    AUTO_FREE const Slot **sorted = mem_alloc(count * sizeof *sorted);
    AUTO_FREE PackageIndex *order = mem_alloc(count * sizeof *order);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &decoder->slots.items[i];
    if (count)
        qsort(sorted, count, sizeof *sorted, compare_slots);
    for (size_t i = 0; i < count; i++)
        order[sorted[i] - decoder->slots.items] = decoder->base + (PackageIndex)i;
    for (size_t i = 0; i < count; i++) {
        Package package = sorted[i]->package;
        settle_package(&package, decoder->base, order);
        vec_push(&builder->packages, package);
        map_put(&builder->names, package.name, (void *)(uintptr_t)(decoder->base + i + 1));
    }
}

Error *decode_layer(SetBuilder *builder, const LayerSpecs *specs, uint32_t layer) {
    Decoder decoder = {.builder = builder,
                       .specs = specs,
                       .lang = specs->lang,
                       .layer = layer,
                       .base = (PackageIndex)builder->packages.count};
    Error *error = decode_all(&decoder);
    if (!error)
        settle(&decoder);
    vec_release(&decoder.slots);
    map_release(&decoder.identities);
    return error;
}

// ---- the finished set ----

static int compare_harnesses(const void *a, const void *b) {
    return str_compare(((const Harness *)a)->name, ((const Harness *)b)->name);
}

static int compare_by_name(const void *a, const void *b, void *packages) {
    const Package *all = packages;
    return str_compare(all[*(const PackageIndex *)a].name, all[*(const PackageIndex *)b].name);
}

PackageSet *set_builder_finish(SetBuilder *builder) {
    Arena *arena = builder->arena;
    PackageSet *set = ARENA_NEW(arena, PackageSet);
    set->arena = arena;
    set->target = builder->target;
    set->count = builder->packages.count;
    set->packages = arena_dup(arena, builder->packages.items, set->count * sizeof(Package));
    PackageIndex *by_name = ARENA_ARRAY(arena, PackageIndex, set->count);
    for (size_t i = 0; i < set->count; i++)
        by_name[i] = (PackageIndex)i;
    qsort_r(by_name, set->count, sizeof *by_name, compare_by_name, set->packages);
    set->by_name = by_name;
    Harness *harnesses = arena_dup(arena, builder->harnesses.items, builder->harnesses.count * sizeof(Harness));
    if (builder->harnesses.count)
        qsort(harnesses, builder->harnesses.count, sizeof(Harness), compare_harnesses);
    set->harnesses = harnesses;
    set->harness_count = builder->harnesses.count;
    set->layers = arena_dup(arena, builder->layers.items, builder->layers.count * sizeof(Layer));
    set->layer_count = builder->layers.count;
    set->mirrors = arena_dup(arena, builder->mirrors.items, builder->mirrors.count * sizeof(Mirror));
    set->mirror_count = builder->mirrors.count;
    return set;
}
