// Symbols: names as small integers, so that two names are compared as one word. Identifiers, field names and enum tags.
#ifndef SPECS_LANG_SYMBOL_H
#define SPECS_LANG_SYMBOL_H

#include "base/arena.h"

typedef uint32_t Symbol;
#define SYMBOL_NONE 0u // never a name

typedef struct Symbols Symbols;

// The texts and the table live in the arena, which must outlive it.
Symbols *symbols_new(Arena *arena) __attribute__((returns_nonnull));
void symbols_free(Symbols *symbols); // NULL is fine

// The symbol of a text, made if need be. The empty text is a name like any other (a field may be called "").
Symbol symbol_intern(Symbols *symbols, Str text);
// SYMBOL_NONE when nothing has that name yet.
Symbol symbol_find(const Symbols *symbols, Str text);
// NUL-terminated; "" for SYMBOL_NONE.
Str symbol_text(const Symbols *symbols, Symbol symbol);
size_t symbols_count(const Symbols *symbols);

#endif
