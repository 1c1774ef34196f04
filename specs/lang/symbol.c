// One open-addressing table from text to number, one array from number to text. Numbers are given in order of first
// sight, so they are the same on every run over the same files in the same order. All of it is in the arena, so that a
// budget on that is one on names as well.
#include "specs/lang/symbol.h"

#include <stdlib.h>

typedef struct Entry {
    Str text;
    uint64_t hash;
} Entry;

struct Symbols {
    Arena *arena;
    Entry *entries; // by symbol; [0] is SYMBOL_NONE
    uint32_t *slots;
    size_t count, cap, slot_count; // slot_count is a power of two, at least twice count
};

enum { SYMBOLS_FIRST = 2048 };

Symbols *symbols_new(Arena *arena) {
    Symbols *symbols = mem_zalloc(sizeof *symbols);
    symbols->arena = arena;
    symbols->cap = SYMBOLS_FIRST;
    symbols->slot_count = SYMBOLS_FIRST * 2;
    symbols->entries = arena_array(arena, symbols->cap, sizeof(Entry));
    symbols->slots = arena_array(arena, symbols->slot_count, sizeof(uint32_t));
    symbols->entries[0] = (Entry){STR(""), 0};
    symbols->count = 1;
    return symbols;
}

void symbols_free(Symbols *symbols) {
    free(symbols);
}

// The slot that holds the text, or the empty one where it belongs.
static size_t find_slot(const Symbols *symbols, Str text, uint64_t hash) {
    size_t mask = symbols->slot_count - 1;
    for (size_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t symbol = symbols->slots[i];
        if (!symbol)
            return i;
        const Entry *entry = &symbols->entries[symbol];
        if (entry->hash == hash && str_eq(entry->text, text))
            return i;
    }
}

static void grow(Symbols *symbols) {
    Entry *entries = arena_array(symbols->arena, symbols->cap * 2, sizeof(Entry));
    memcpy(entries, symbols->entries, symbols->count * sizeof(Entry));
    symbols->entries = entries;
    symbols->cap *= 2;
    symbols->slot_count *= 2;
    symbols->slots = arena_array(symbols->arena, symbols->slot_count, sizeof(uint32_t));
    size_t mask = symbols->slot_count - 1;
    for (uint32_t s = 1; s < symbols->count; s++) {
        size_t i = symbols->entries[s].hash & mask;
        while (symbols->slots[i])
            i = (i + 1) & mask;
        symbols->slots[i] = s;
    }
}

Symbol symbol_intern(Symbols *symbols, Str text) {
    uint64_t hash = str_hash(text);
    size_t slot = find_slot(symbols, text, hash);
    if (symbols->slots[slot])
        return symbols->slots[slot];
    if (symbols->count == symbols->cap) {
        grow(symbols);
        slot = find_slot(symbols, text, hash);
    }
    if (symbols->count > UINT32_MAX - 1)
        BUG("more than 4 billion names");
    Symbol symbol = (Symbol)symbols->count++;
    symbols->entries[symbol] = (Entry){arena_str(symbols->arena, text), hash};
    symbols->slots[slot] = symbol;
    return symbol;
}

Symbol symbol_find(const Symbols *symbols, Str text) {
    return symbols->slots[find_slot(symbols, text, str_hash(text))];
}

Str symbol_text(const Symbols *symbols, Symbol symbol) {
    return symbol < symbols->count ? symbols->entries[symbol].text : STR("");
}

size_t symbols_count(const Symbols *symbols) {
    return symbols->count;
}
