// `minimal list`: every package of the chain of layers, with what it depends on directly, its key, and whether its
// artifact is in the store.
#include "base/json.h"
#include "builder/resolve.h"
#include "cmd/cmd.h"
#include "cmd/session.h"

typedef struct Listed {
    const PackageSet *set;
    Plan *plan; // every package is a request, in order of the set
    Resolution *resolution;
} Listed;

static Error *resolve_all(Session *session, Arena *arena, Listed *out) {
    const PackageSet *set = session->set;
    ClosureRequest *requests = ARENA_ARRAY(arena, ClosureRequest, set->count);
    for (PackageIndex i = 0; i < set->count; i++)
        requests[i].package = i;
    ResolveOptions options = {0};
    out->set = set;
    return resolve_request(arena, set, requests, set->count, session->store, &options, &out->plan, &out->resolution);
}

static bool is_present(const Listed *listed, PackageIndex package) {
    return resolution_step(listed->resolution, listed->plan->requests[package].step).state == STEP_PRESENT;
}

static void add_dependency(JsonWriter *json, const PackageSet *set, const Dependency *dependency) {
    json_open_object(json);
    json_key(json, "name");
    json_string(json, set->packages[dependency->package].name);
    if (dependency->is_subset) {
        json_key(json, "outputs");
        json_open_array(json);
        for (size_t i = 0; i < dependency->outputs.count; i++)
            json_string(json, dependency->outputs.items[i]);
        json_close_array(json);
    }
    json_close_object(json);
}

static void add_dependencies(JsonWriter *json, const PackageSet *set, const Package *package) {
    json_key(json, "build_deps");
    json_open_array(json);
    for (size_t i = 0; i < package->input_count; i++)
        if (package->inputs[i].kind == INPUT_PACKAGE)
            add_dependency(json, set, &package->inputs[i].package);
    json_close_array(json);
    json_key(json, "runtime_deps");
    json_open_array(json);
    for (size_t i = 0; i < package->runtime_deps.count; i++)
        add_dependency(json, set, &package->runtime_deps.items[i]);
    json_close_array(json);
}

static void add_package(JsonWriter *json, const Listed *listed, PackageIndex index) {
    const Package *package = &listed->set->packages[index];
    json_open_object(json);
    json_key(json, "name");
    json_string(json, package->name);
    json_key(json, "version");
    json_string(json, package->version);
    json_key(json, "layer");
    json_string(json, listed->set->layers[package->layer].dir);
    json_key(json, "file");
    json_string(json, package->span.file);
    json_key(json, "spec_key");
    json_cstring(json, hash_hex(listed->plan->steps[listed->plan->requests[index].step]->spec_key).text);
    json_key(json, "present");
    json_bool(json, is_present(listed, index));
    add_dependencies(json, listed->set, package);
    json_close_object(json);
}

static void list_json(const Listed *listed, Buf *out) {
    JsonWriter json;
    json_begin(&json, out, false);
    json_open_object(&json);
    json_key(&json, "schema");
    json_cstring(&json, "minimal.list.1");
    json_key(&json, "target");
    json_string(&json, target_text(listed->set->target));
    json_key(&json, "packages");
    json_open_array(&json);
    for (size_t i = 0; i < listed->set->count; i++)
        add_package(&json, listed, listed->set->by_name[i]);
    json_close_array(&json);
    json_close_object(&json);
    buf_add_byte(out, '\n');
}

// ---- for people ----

static size_t widest(const PackageSet *set, size_t least, bool versions) {
    enum { WIDEST = 40 };
    size_t width = least;
    for (size_t i = 0; i < set->count; i++) {
        size_t len = versions ? set->packages[i].version.len : set->packages[i].name.len;
        if (len > width && len <= WIDEST)
            width = len;
    }
    return width;
}

static void add_names(const PackageSet *set, const Package *package, Buf *out) {
    const char *separator = "";
    for (size_t i = 0; i < package->input_count; i++)
        if (package->inputs[i].kind == INPUT_PACKAGE) {
            Str name = set->packages[package->inputs[i].package.package].name;
            buf_printf(out, "%s%.*s", separator, STR_ARG(name));
            separator = " ";
        }
    if (package->runtime_deps.count)
        buf_printf(out, "%s| ", separator);
    for (size_t i = 0; i < package->runtime_deps.count; i++) {
        const Dependency *dependency = &package->runtime_deps.items[i];
        buf_printf(out, "%s%.*s", i ? " " : "", STR_ARG(set->packages[dependency->package].name));
        for (size_t j = 0; j < dependency->outputs.count; j++)
            buf_printf(out, "%c%.*s", j ? ',' : ':', STR_ARG(dependency->outputs.items[j]));
    }
}

static void list_text(const Listed *listed, Buf *out) {
    const PackageSet *set = listed->set;
    int name_width = (int)widest(set, 4, false), version_width = (int)widest(set, 7, true);
    buf_printf(out, "%-*s  %-*s  %-7s  %s\n", name_width, "NAME", version_width, "VERSION", "PRESENT",
               "BUILT WITH | RUNS WITH");
    for (size_t i = 0; i < set->count; i++) {
        const Package *package = &set->packages[set->by_name[i]];
        buf_printf(out, "%-*.*s  %-*.*s  %-7s  ", name_width, STR_ARG(package->name), version_width,
                   STR_ARG(package->version), is_present(listed, set->by_name[i]) ? "yes" : "no");
        add_names(set, package, out);
        while (out->len && out->ptr[out->len - 1] == ' ')
            out->len--;
        buf_add_byte(out, '\n');
    }
}

Error *cmd_list(Globals *globals, int argc, char **argv, int *exit_out) {
    TRY(cmd_options(globals, NULL, 0, false, &argc, argv));
    if (argc > 1)
        return error_new(ERROR_USAGE, "list takes no names, such as '%s'", argv[1]);
    AUTO_SESSION Session session = {0};
    TRY(session_open(globals, &session));
    Listed listed = {0};
    TRY(resolve_all(&session, globals->arena, &listed));
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    if (globals->json)
        list_json(&listed, &out);
    else
        list_text(&listed, &out);
    resolution_free(listed.resolution);
    fwrite(out.ptr, 1, out.len, stdout);
    *exit_out = EXIT_OK;
    return NULL;
}
