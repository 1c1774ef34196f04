// Puts the parts together: find the layer, take the snapshot if it still holds, else evaluate layer after layer and
// keep a snapshot. Each layer has an interpreter of its own, because it has parameters of its own.
#include "specs/load.h"
#include "base/path.h"
#include "specs/decode.h"
#include "specs/layers.h"
#include "specs/snapshot.h"

#include <stdlib.h>

#include "std.h"

// ---- one interpreter ----

typedef struct LoadContext {
    Stamps *stamps;
    Arena *arena; // that the files' texts live in
} LoadContext;

static bool is_std_module(Str name) {
    for (size_t i = 0; i < ARRAY_LEN(std_modules); i++)
        if (str_eq(name, std_modules[i].name))
            return true;
    return false;
}

// A file beside a spec never stands in for one of our own modules: a spec means the same wherever it lies, and a
// current snapshot is known to be so without looking for such files in every directory.
static Error *load_file(void *context, Str path, Str *contents_out) {
    LoadContext *load = context;
    const Stamp *stamp = NULL;
    Str base = path_base(path);
    if (!is_std_module(base))
        TRY(stamps_file(load->stamps, path, load->arena, &stamp, contents_out));
    if (!stamp)
        return error_new(ERROR_NOT_FOUND, "there is no file %.*s", STR_ARG(path));
    return NULL;
}

static Error *param_value(Lang *lang, const Param *param, Value **out) {
    Value **items;
    switch (param->type) {
    case PARAM_STRING:
        *out = lang_make_string(lang, param->text);
        return NULL;
    case PARAM_BOOL:
        *out = lang_make_bool(lang, param->boolean);
        return NULL;
    case PARAM_NUMBER:
        return lang_program(lang, STR("minimal.toml"), param->text, out);
    case PARAM_STRINGS:
        items = ARENA_ARRAY(lang_arena(lang), Value *, param->items.count);
        for (size_t i = 0; i < param->items.count; i++)
            items[i] = lang_make_string(lang, param->items.items[i]);
        *out = lang_make_array(lang, items, param->items.count);
        return NULL;
    }
    BUG("a parameter of no type");
}

// __minimal_injected_config = { target = { os, arch }, args = { ... } }: what config.ncl reads.
static Error *define_config(Lang *lang, Target target, Params params) {
    Str *names = ARENA_ARRAY(lang_arena(lang), Str, params.count);
    Value **values = ARENA_ARRAY(lang_arena(lang), Value *, params.count);
    for (size_t i = 0; i < params.count; i++) {
        names[i] = params.items[i].name;
        TRY(param_value(lang, &params.items[i], &values[i]));
    }
    const Str target_names[] = {STR("arch"), STR("os")};
    Value *const target_values[] = {lang_make_enum(lang, target.arch == ARCH_ARM64 ? STR("Arm64") : STR("Amd64")),
                                    lang_make_enum(lang, target.os == OS_MACOS ? STR("MacOS") : STR("Linux"))};
    const Str config_names[] = {STR("args"), STR("target")};
    Value *const config_values[] = {lang_make_record(lang, names, values, params.count),
                                    lang_make_record(lang, target_names, target_values, 2)};
    lang_define(lang, STR("__minimal_injected_config"), lang_make_record(lang, config_names, config_values, 2));
    return NULL;
}

static Error *lang_start(const SpecsOptions *options, LoadContext *context, Params params, Lang **out) {
    LangOptions lang_options = {.memory_budget_bytes = options->memory_budget_bytes,
                                .step_budget = options->step_budget,
                                .loader = {context, load_file},
                                .modules = std_modules,
                                .module_count = ARRAY_LEN(std_modules)};
    AUTO_LANG Lang *lang = NULL;
    TRY(lang_new(&lang_options, &lang));
    TRY(define_config(lang, options->target, params));
    *out = lang;
    lang = NULL;
    return NULL;
}

static void add_stats(SpecsStats *stats, const Lang *lang) {
    if (!stats)
        return;
    LangStats more = lang_stats(lang);
    stats->lang_count++;
    stats->lang.files += more.files;
    stats->lang.source_bytes += more.source_bytes;
    stats->lang.memory_bytes += more.memory_bytes;
    stats->lang.steps += more.steps;
}

// ---- all layers ----

// The files of a layer may lie anywhere in its repository: .minimal holds minimal.toml, but not the sources.
static Str layer_bounds(Str dir) {
    return str_is(path_base(dir), ".minimal") ? path_dir(dir) : dir;
}

static Str layer_name(Str dir) {
    return path_base(layer_bounds(dir));
}

// Copies, so that every text of a set ends with NUL, as those of a snapshot do.
static void add_mirrors(SetBuilder *builder, const Project *project) {
    for (size_t i = 0; i < project->mirror_count; i++) {
        StrSlice bases = project->mirrors[i].bases;
        Str *copies = ARENA_ARRAY(builder->arena, Str, bases.count);
        for (size_t j = 0; j < bases.count; j++)
            copies[j] = arena_str(builder->arena, bases.items[j]);
        Mirror mirror = {arena_str(builder->arena, project->mirrors[i].name), {copies, bases.count}};
        vec_push(&builder->mirrors, mirror);
    }
}

static Error *evaluate_layer(const SpecsOptions *options, SetBuilder *builder, Str root, const LayerEntry *entry) {
    const Project *project = &entry->project;
    AUTO_ARENA Arena *texts = arena_new(0);
    LoadContext context = {builder->stamps, texts};
    LayerSpecs specs = {.root = root};
    Str dir = path_clean(builder->arena, path_join(builder->arena, root, project->dir));
    specs.dir = layer_bounds(dir);
    TRY(layers_scan(builder->stamps, texts, project->dir, &specs.packages, &specs.harnesses));
    AUTO_LANG Lang *lang = NULL;
    TRY(lang_start(options, &context, entry->params, &lang));
    specs.lang = lang;
    vec_push(&builder->layers,
             (Layer){.dir = dir, .name = arena_str(builder->arena, layer_name(dir)), .legacy = project->legacy});
    add_mirrors(builder, project);
    Error *error = decode_layer(builder, &specs, (uint32_t)(builder->layers.count - 1));
    add_stats(options->stats, lang);
    return error;
}

static Error *evaluate(const SpecsOptions *options, Stamps *stamps, Str root, Arena *arena, PackageSet **out) {
    Layers *layers = ARENA_NEW(arena, Layers);
    TRY(layers_chain(stamps, arena, STR("."), layers));
    SetBuilder builder;
    set_builder_init(&builder, arena, options->target, stamps);
    Error *error = NULL;
    for (size_t i = 0; i < layers->count && !error; i++)
        error = evaluate_layer(options, &builder, root, &layers->items[i]);
    if (!error)
        *out = set_builder_finish(&builder);
    set_builder_release(&builder);
    if (options->stats)
        options->stats->stamp_count = stamps->items.count;
    return error;
}

Error *specs_load(const SpecsOptions *options, Arena *arena, PackageSet **out) {
    Str root;
    if (options->stats)
        *options->stats = (SpecsStats){0};
    TRY(project_find(arena, options->start, options->home, &root));
    SnapshotKey key = {.dir = options->snapshot_dir,
                       .layer = root,
                       .target = options->target,
                       .program = options->program ? options->program : "/proc/self/exe"};
    size_t stamp_count = 0;
    *out = snapshot_load(&key, arena, &stamp_count);
    if (*out) {
        if (options->stats)
            *options->stats = (SpecsStats){.from_snapshot = true, .stamp_count = stamp_count};
        return NULL;
    }
    Stamps stamps;
    TRY(stamps_init(&stamps, arena, root.ptr));
    Error *error = evaluate(options, &stamps, root, arena, out);
    if (!error)
        snapshot_save(&key, *out, &stamps);
    stamps_release(&stamps);
    return error;
}

// ---- one file ----

struct SpecsFileOwned {
    Arena *arena;
    Stamps stamps;
    LoadContext context;
};

// The parameters of the layer around, if there is one: a file may well be looked at outside of any.
static Error *params_around(const SpecsOptions *options, struct SpecsFileOwned *owned, Params *out) {
    Str dir;
    Error *error = project_find(owned->arena, options->start, options->home, &dir);
    if (error && error_kind(error) == ERROR_NOT_FOUND) {
        error_free(error);
        return NULL;
    }
    if (error)
        return error;
    Project project;
    LayerLink self = {0};
    TRY(project_read(&owned->stamps, owned->arena, dir, &project));
    return project_params(owned->arena, &project, &self, STR(""), out);
}

Error *specs_file_open(const SpecsOptions *options, Str path, SpecsFile *out) {
    Params params = {0};
    struct SpecsFileOwned *owned = mem_zalloc(sizeof *owned);
    owned->arena = arena_new(0);
    owned->stamps.root = -1;
    *out = (SpecsFile){.owned = owned};
    TRY(stamps_init(&owned->stamps, owned->arena, arena_cstr(owned->arena, options->start)));
    owned->context = (LoadContext){&owned->stamps, owned->arena};
    TRY(params_around(options, owned, &params));
    TRY(lang_start(options, &owned->context, params, &out->lang));
    TRY(lang_import(out->lang, path_clean(owned->arena, path), &out->value));
    return lang_force(out->lang, out->value);
}

void specs_file_close(SpecsFile *file) {
    lang_free(file->lang);
    if (file->owned) {
        stamps_release(&file->owned->stamps);
        arena_free(file->owned->arena);
        free(file->owned);
    }
    *file = (SpecsFile){0};
}
