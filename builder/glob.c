// A glob becomes a nondeterministic automaton (Thompson 1968), and a path is run through all its states at once: the
// work is at most states times bytes, so no pattern can make matching explode.
// Invariant: each state has one or two successors, and the set of live states never holds one twice.
#include "builder/glob.h"

enum { BYTE_WORDS = 256 / 64 };

typedef enum StateKind {
    STATE_BYTE,      // `byte`
    STATE_NOT_SLASH, // any byte but '/'
    STATE_ANY,       // any byte
    STATE_SET,       // a byte of `set`
    STATE_SPLIT,     // no byte: both successors
    STATE_MATCH,
} StateKind;

typedef struct State {
    StateKind kind;
    uint8_t byte;
    const uint64_t *set;
    uint32_t next, other;
} State;

struct Glob {
    Str prefix; // literal bytes that every match begins with; the automaton starts behind them
    const State *states;
    uint32_t count, start;
};

#define NO_STATE UINT32_MAX

// A part of the automaton under construction: entered at `start`, left by the `next` of `end`, which is a state with
// nothing behind it yet.
typedef struct Part {
    uint32_t start, end;
} Part;

typedef struct Compiler {
    Arena *arena;
    Str pattern;
    size_t at;
    State *states;
    uint32_t count, cap;
} Compiler;

static uint32_t add_state(Compiler *compiler, State state) {
    if (compiler->count == compiler->cap) {
        uint32_t cap = compiler->cap * 2;
        State *grown = ARENA_ARRAY(compiler->arena, State, cap);
        memcpy(grown, compiler->states, compiler->count * sizeof *grown);
        compiler->states = grown;
        compiler->cap = cap;
    }
    compiler->states[compiler->count] = state;
    return compiler->count++;
}

static Part part_of(Compiler *compiler, State state) {
    state.next = state.other = NO_STATE;
    uint32_t index = add_state(compiler, state);
    return (Part){index, index};
}

// A state that passes on without eating a byte.
static Part part_empty(Compiler *compiler) {
    return part_of(compiler, (State){.kind = STATE_SPLIT});
}

static Part part_then(Compiler *compiler, Part first, Part second) {
    compiler->states[first.end].next = second.start;
    return (Part){first.start, second.end};
}

// Any number of `once`, also none.
static Part part_repeat(Compiler *compiler, Part once) {
    Part loop = part_empty(compiler), end = part_empty(compiler);
    compiler->states[loop.start].next = once.start;
    compiler->states[loop.start].other = end.start;
    compiler->states[once.end].next = loop.start;
    return (Part){loop.start, end.end};
}

static Part part_optional(Compiler *compiler, Part inner) {
    Part fork = part_empty(compiler), end = part_empty(compiler);
    compiler->states[fork.start].next = inner.start;
    compiler->states[fork.start].other = end.start;
    compiler->states[inner.end].next = end.start;
    return (Part){fork.start, end.end};
}

static Error *glob_error(const Compiler *compiler, size_t at, const char *what) {
    return error_new(ERROR_INVALID, "glob '%.*s', character %zu: %s", STR_ARG(compiler->pattern), at + 1, what);
}

static bool peek_is(const Compiler *compiler, char byte) {
    return compiler->at < compiler->pattern.len && compiler->pattern.ptr[compiler->at] == byte;
}

static void set_add(uint64_t *set, uint8_t byte) {
    set[byte / 64] |= 1ull << (byte % 64);
}

static bool set_has(const uint64_t *set, uint8_t byte) {
    return (set[byte / 64] >> (byte % 64)) & 1;
}

// Behind the '['. A ']' that comes first stands for itself, a '-' at either end too.
static Error *parse_class(Compiler *compiler, Part *out) {
    size_t opened = compiler->at - 1;
    uint64_t *set = ARENA_ARRAY(compiler->arena, uint64_t, BYTE_WORDS);
    bool negated = peek_is(compiler, '!') || peek_is(compiler, '^');
    compiler->at += negated;
    for (bool first = true;; first = false) {
        if (compiler->at >= compiler->pattern.len)
            return glob_error(compiler, opened, "this '[' has no ']'");
        uint8_t low = (uint8_t)compiler->pattern.ptr[compiler->at++];
        if (low == ']' && !first)
            break;
        uint8_t high = low;
        bool is_range = peek_is(compiler, '-') && compiler->at + 1 < compiler->pattern.len &&
                        compiler->pattern.ptr[compiler->at + 1] != ']';
        if (is_range) {
            high = (uint8_t)compiler->pattern.ptr[compiler->at + 1];
            compiler->at += 2;
            if (high < low)
                return glob_error(compiler, compiler->at - 3, "this range runs backwards");
        }
        for (unsigned byte = low; byte <= high; byte++)
            set_add(set, (uint8_t)byte);
    }
    for (size_t i = 0; negated && i < BYTE_WORDS; i++)
        set[i] = ~set[i];
    set['/' / 64] &= ~(1ull << ('/' % 64));
    *out = part_of(compiler, (State){.kind = STATE_SET, .set = set});
    return NULL;
}

// Behind the first '*'. Only "**" that fills a component crosses '/'; it takes the slash behind it along, so that it
// can also stand for no component at all.
static Part parse_star(Compiler *compiler, bool in_braces) {
    size_t from = compiler->at - 1;
    while (peek_is(compiler, '*'))
        compiler->at++;
    char before = from == 0 ? '/' : compiler->pattern.ptr[from - 1];
    char after = compiler->at == compiler->pattern.len ? '\0' : compiler->pattern.ptr[compiler->at];
    bool at_start = before == '/' || (in_braces && (before == '{' || before == ','));
    bool at_end = compiler->at == compiler->pattern.len || (in_braces && (after == ',' || after == '}'));
    if (compiler->at - from != 2 || !at_start || (!at_end && after != '/'))
        return part_repeat(compiler, part_of(compiler, (State){.kind = STATE_NOT_SLASH}));
    Part any = part_repeat(compiler, part_of(compiler, (State){.kind = STATE_ANY}));
    if (at_end)
        return any;
    compiler->at++;
    Part slash = part_of(compiler, (State){.kind = STATE_BYTE, .byte = '/'});
    return part_optional(compiler, part_then(compiler, any, slash));
}

static Error *parse_sequence(Compiler *compiler, unsigned depth, Part *out);

// Behind the '{'.
static Error *parse_braces(Compiler *compiler, unsigned depth, Part *out) {
    size_t opened = compiler->at - 1;
    if (depth >= GLOB_NESTING_MAX)
        return error_new(ERROR_LIMIT, "glob '%.*s': braces are nested more than %d deep", STR_ARG(compiler->pattern),
                         GLOB_NESTING_MAX);
    Part fork = part_empty(compiler), end = part_empty(compiler);
    for (uint32_t from = fork.start;;) {
        Part branch;
        TRY(parse_sequence(compiler, depth + 1, &branch));
        compiler->states[from].next = branch.start;
        compiler->states[branch.end].next = end.start;
        if (compiler->at >= compiler->pattern.len)
            return glob_error(compiler, opened, "this '{' has no '}'");
        if (compiler->pattern.ptr[compiler->at++] == '}')
            break;
        Part more = part_empty(compiler);
        compiler->states[from].other = more.start;
        from = more.start;
    }
    *out = (Part){fork.start, end.end};
    return NULL;
}

// One element, whose first byte was taken.
static Error *parse_element(Compiler *compiler, char byte, unsigned depth, Part *out) {
    switch (byte) {
    case '?':
        *out = part_of(compiler, (State){.kind = STATE_NOT_SLASH});
        return NULL;
    case '*':
        *out = parse_star(compiler, depth > 0);
        return NULL;
    case '[':
        return parse_class(compiler, out);
    case '{':
        return parse_braces(compiler, depth, out);
    case '}':
        return glob_error(compiler, compiler->at - 1, "this '}' has no '{'");
    case '\\':
        if (compiler->at >= compiler->pattern.len)
            return glob_error(compiler, compiler->at - 1, "nothing stands behind this '\\'");
        byte = compiler->pattern.ptr[compiler->at++];
        break;
    default:
        break;
    }
    *out = part_of(compiler, (State){.kind = STATE_BYTE, .byte = (uint8_t)byte});
    return NULL;
}

// Up to the end, or inside braces to ',' or '}', which is left.
static Error *parse_sequence(Compiler *compiler, unsigned depth, Part *out) {
    Part whole = part_empty(compiler);
    while (compiler->at < compiler->pattern.len) {
        char byte = compiler->pattern.ptr[compiler->at];
        if (depth > 0 && (byte == ',' || byte == '}'))
            break;
        compiler->at++;
        Part element;
        TRY(parse_element(compiler, byte, depth, &element));
        whole = part_then(compiler, whole, element);
    }
    *out = whole;
    return NULL;
}

// The plain bytes in front, which most patterns have and which one memcmp decides.
static Str literal_prefix(Str pattern) {
    size_t len = 0;
    while (len < pattern.len && !strchr("*?[]{}\\,", pattern.ptr[len]) && pattern.ptr[len] != '\0')
        len++;
    return str_slice(pattern, 0, len);
}

Error *glob_compile(Arena *arena, Str pattern, const Glob **out) {
    if (pattern.len > GLOB_LEN_MAX)
        return error_new(ERROR_LIMIT, "a glob of %zu bytes is longer than the limit of %d", pattern.len, GLOB_LEN_MAX);
    Compiler compiler = {.arena = arena, .pattern = arena_str(arena, pattern), .cap = 64};
    compiler.states = ARENA_ARRAY(arena, State, compiler.cap);
    Glob *glob = ARENA_NEW(arena, Glob);
    glob->prefix = literal_prefix(compiler.pattern);
    compiler.at = glob->prefix.len;
    Part whole;
    TRY(parse_sequence(&compiler, 0, &whole));
    whole = part_then(&compiler, whole, part_of(&compiler, (State){.kind = STATE_MATCH}));
    glob->states = compiler.states;
    glob->count = compiler.count;
    glob->start = whole.start;
    *out = glob;
    return NULL;
}

// States that are live at one place of the path: a list, and for each state the step at which it was last added.
typedef struct Live {
    uint32_t *items;
    uint32_t count;
} Live;

typedef struct Matcher {
    const Glob *glob;
    uint32_t *seen; // step + 1
    uint32_t *stack;
    bool matched; // the accepting state is live
} Matcher;

// Adds a state and all that it reaches without a byte.
static void live_add(Matcher *matcher, Live *live, uint32_t from, uint32_t step) {
    uint32_t depth = 0;
    matcher->stack[depth++] = from;
    while (depth > 0) {
        uint32_t index = matcher->stack[--depth];
        if (index == NO_STATE || matcher->seen[index] == step)
            continue;
        matcher->seen[index] = step;
        const State *state = &matcher->glob->states[index];
        if (state->kind == STATE_SPLIT) {
            matcher->stack[depth++] = state->other;
            matcher->stack[depth++] = state->next;
        } else {
            matcher->matched |= state->kind == STATE_MATCH;
            live->items[live->count++] = index;
        }
    }
}

static bool state_eats(const State *state, uint8_t byte) {
    switch (state->kind) {
    case STATE_BYTE:
        return state->byte == byte;
    case STATE_NOT_SLASH:
        return byte != '/';
    case STATE_ANY:
        return true;
    case STATE_SET:
        return set_has(state->set, byte);
    case STATE_SPLIT:
    case STATE_MATCH:
    default:
        return false;
    }
}

bool glob_match(const Glob *glob, Str path) {
    if (!str_starts_with(path, glob->prefix) || path.len >= UINT32_MAX)
        return false;
    // seen, two lists, and a stack on which each state can stand twice at most plus the one that is pushed.
    size_t count = glob->count;
    uint32_t small[1024] = {0};
    AUTO_FREE uint32_t *large = NULL;
    uint32_t *memory = small;
    if (count * 5 + 2 > ARRAY_LEN(small))
        memory = large = mem_zalloc((count * 5 + 2) * sizeof *memory);
    Live live = {memory + count, 0}, next = {memory + 2 * count, 0};
    Matcher matcher = {.glob = glob, .seen = memory, .stack = memory + 3 * count};
    live_add(&matcher, &live, glob->start, 1);
    for (size_t at = glob->prefix.len; at < path.len; at++) {
        if (live.count == 0)
            return false;
        matcher.matched = false;
        for (uint32_t i = 0; i < live.count; i++) {
            const State *state = &glob->states[live.items[i]];
            if (state_eats(state, (uint8_t)path.ptr[at]))
                live_add(&matcher, &next, state->next, (uint32_t)(at + 2));
        }
        Live spare = live;
        live = next;
        next = (Live){spare.items, 0};
    }
    return matcher.matched;
}
