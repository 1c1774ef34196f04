// The encoding of docs/identity.md, in its order. Whoever changes a byte of it raises the tag's number there and here.
// Invariant: what is hashed depends on the packages alone, never on indices into the set, places or the host.
#include "builder/identity.h"
#include "cache/fetch.h"
#include "sandbox/sandbox.h"

static const Str component_tag = {"minimal component 1", sizeof "minimal component 1" - 1};
static const Str spec_tag = {"minimal spec key 1", sizeof "minimal spec key 1" - 1};
static const Str build_tag = {"minimal build key 1", sizeof "minimal build key 1" - 1};

// ---- own fields ----

static void add_strings(Buf *buf, StrSlice strings) {
    buf_add_u64(buf, strings.count);
    for (size_t i = 0; i < strings.count; i++)
        buf_add_framed(buf, strings.items[i]);
}

static void add_hash(Buf *buf, Hash hash) {
    buf_add(buf, hash.bytes, sizeof hash.bytes);
}

static void add_input(Buf *buf, const Input *input) {
    if (input->kind == INPUT_SOURCE) {
        buf_add_u8(buf, 0);
        buf_add_framed(buf, input->source.name);
        add_hash(buf, input->source.sha256);
        buf_add_u8(buf, input->source.extract);
        buf_add_u8(buf, input->source.has_strip_prefix);
        buf_add_framed(buf, input->source.has_strip_prefix ? input->source.strip_prefix : STR(""));
    } else {
        buf_add_u8(buf, 1);
        buf_add_framed(buf, input->local.name);
        add_hash(buf, input->local.sha256);
        buf_add_u8(buf, input->local.is_exec);
    }
}

static void add_inputs(Buf *buf, const Package *package) {
    uint64_t count = 0;
    for (size_t i = 0; i < package->input_count; i++)
        count += package->inputs[i].kind != INPUT_PACKAGE;
    buf_add_u64(buf, count);
    for (size_t i = 0; i < package->input_count; i++)
        if (package->inputs[i].kind != INPUT_PACKAGE)
            add_input(buf, &package->inputs[i]);
}

static void add_outputs(Buf *buf, const Package *package) {
    buf_add_u64(buf, package->output_count);
    for (size_t i = 0; i < package->output_count; i++) {
        const Output *output = &package->outputs[i];
        buf_add_framed(buf, output->name);
        buf_add_u8(buf, (uint8_t)output->type);
        buf_add_framed(buf, output->glob);
        buf_add_u8(buf, (uint8_t)(output->allow_missing_interpreter | output->allow_data << 1 |
                                  output->allow_executable << 2));
    }
}

void identity_own_fields(const Package *package, Buf *out) {
    buf_add_framed(out, package->name);
    buf_add_framed(out, target_text(package->target));
    buf_add_u8(out, package->prebuilt);
    buf_add_u64(out, package->commands.count);
    for (size_t i = 0; i < package->commands.count; i++)
        add_strings(out, package->commands.items[i].argv);
    buf_add_u64(out, package->build_args.count);
    for (size_t i = 0; i < package->build_args.count; i++) {
        buf_add_framed(out, package->build_args.items[i].name);
        buf_add_framed(out, package->build_args.items[i].value);
    }
    add_inputs(out, package);
    add_outputs(out, package);
    buf_add_u8(out, package->needs.internet);
    buf_add_u8(out, package->needs.dns);
    add_strings(out, package->needs.allow);
    add_strings(out, package->prefer);
}

static void add_versions(Buf *buf) {
    buf_add_u32(buf, UNPACK_VERSION);
    buf_add_u32(buf, SANDBOX_VERSION);
}

// ---- spec keys ----

struct SpecKeys {
    const Graph *graph;
    Hash *components;
    Hash *last;         // by PackageIndex: of its last stage
    uint32_t *position; // by PackageIndex: place among the members of its component
};

static void add_framed_own_fields(Buf *buf, Buf *scratch, const Package *package) {
    buf_clear(scratch);
    identity_own_fields(package, scratch);
    buf_add_framed(buf, buf_str(scratch));
}

// The edges of one member or breaker, in their order: it is the order of the root.
static void add_edges(const SpecKeys *keys, Buf *buf, uint32_t component, const GraphNode *node) {
    buf_add_u64(buf, node->edge_count);
    for (uint32_t e = 0; e < node->edge_count; e++) {
        const Edge *edge = &node->edges[e];
        uint32_t target = keys->graph->nodes[edge->to].component;
        buf_add_u8(buf, (uint8_t)edge->kind);
        buf_add_u8(buf, target == component);
        if (target == component)
            buf_add_u64(buf, keys->position[edge->to]);
        else
            add_hash(buf, keys->last[edge->to]);
        bool subset = edge->dependency && edge->dependency->is_subset;
        buf_add_u8(buf, subset);
        add_strings(buf, subset ? edge->dependency->outputs : (StrSlice){0});
    }
}

static Hash component_key(const SpecKeys *keys, uint32_t index, Buf *buf, Buf *scratch) {
    const Graph *graph = keys->graph;
    const Component *component = &graph->components[index];
    buf_clear(buf);
    buf_add_framed(buf, component_tag);
    add_versions(buf);
    buf_add_u64(buf, component->count);
    for (size_t m = 0; m < component->count; m++)
        add_framed_own_fields(buf, scratch, &graph->set->packages[component->members[m]]);
    for (size_t m = 0; m < component->count; m++)
        add_edges(keys, buf, index, &graph->nodes[component->members[m]]);
    buf_add_u8(buf, component->staged);
    for (size_t m = 0; component->staged && m < component->count; m++) {
        PackageIndex breaker = graph->set->packages[component->members[m]].breaker;
        buf_add_u8(buf, breaker != PACKAGE_NONE);
        if (breaker == PACKAGE_NONE)
            continue;
        add_framed_own_fields(buf, scratch, &graph->set->packages[breaker]);
        add_edges(keys, buf, index, &graph->nodes[breaker]);
    }
    return hash_bytes(buf_str(buf));
}

static Hash key_of_slot(const SpecKeys *keys, Slot slot, Buf *buf) {
    const Graph *graph = keys->graph;
    buf_clear(buf);
    buf_add_framed(buf, spec_tag);
    add_hash(buf, keys->components[graph->nodes[slot.member].component]);
    buf_add_u8(buf, slot.stage);
    buf_add_framed(buf, graph->set->packages[slot.member].name);
    return hash_bytes(buf_str(buf));
}

const SpecKeys *spec_keys_new(Arena *arena, const Graph *graph) {
    SpecKeys *keys = ARENA_NEW(arena, SpecKeys);
    keys->graph = graph;
    keys->components = ARENA_ARRAY(arena, Hash, graph->component_count);
    keys->last = ARENA_ARRAY(arena, Hash, graph->set->count);
    keys->position = ARENA_ARRAY(arena, uint32_t, graph->set->count);
    AUTO_BUF Buf buf, scratch;
    buf_init(&buf, BUF_NO_LIMIT);
    buf_init(&scratch, BUF_NO_LIMIT);
    for (uint32_t c = 0; c < graph->component_count; c++) {
        const Component *component = &graph->components[c];
        for (uint32_t m = 0; m < component->count; m++)
            keys->position[component->members[m]] = m;
        keys->components[c] = component_key(keys, c, &buf, &scratch);
        for (uint32_t m = 0; m < component->count; m++)
            keys->last[component->members[m]] = key_of_slot(keys, slot_last(graph, component->members[m]), &buf);
    }
    return keys;
}

Hash spec_keys_component(const SpecKeys *keys, uint32_t component) {
    return keys->components[component];
}

Hash spec_key(const SpecKeys *keys, Slot slot) {
    if (slot_eq(slot, slot_last(keys->graph, slot.member)))
        return keys->last[slot.member];
    AUTO_BUF Buf buf;
    buf_init(&buf, BUF_NO_LIMIT);
    return key_of_slot(keys, slot, &buf);
}

// ---- build keys ----

// 1 for the first package of `prefer`, and so on; 0 for one that is not in it.
static uint32_t prefer_rank(const Package *package, Str name) {
    for (size_t i = 0; i < package->prefer.count; i++)
        if (str_eq(package->prefer.items[i], name))
            return (uint32_t)i + 1;
    return 0;
}

Hash build_key(const Package *package, const RootTree *trees, size_t count) {
    AUTO_BUF Buf buf, fields;
    buf_init(&buf, BUF_NO_LIMIT);
    buf_init(&fields, BUF_NO_LIMIT);
    buf_add_framed(&buf, build_tag);
    add_versions(&buf);
    buf_add_u64(&buf, count);
    for (size_t i = 0; i < count; i++) {
        add_hash(&buf, trees[i].tree);
        buf_add_u32(&buf, prefer_rank(package, trees[i].package));
    }
    add_framed_own_fields(&buf, &fields, package);
    return hash_bytes(buf_str(&buf));
}
