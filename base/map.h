// Map: names to pointers, for tables inside one run. Keys are copied by view only and must outlive the map.
// Iteration is in order of insertion, so whatever is printed from a map is the same on every run.
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/str.h"

typedef struct MapEntry {
    Str key;
    void *value;
} MapEntry;

typedef struct Map {
    MapEntry *entries; // in order of insertion
    size_t count, cap;
    uint32_t *slots; // entry index + 1, or 0; a power of two of them
    size_t slot_count;
} Map;

void map_release(Map *map); // a zero-filled Map is an empty one
#define AUTO_MAP __attribute__((cleanup(map_release)))
// NULL when absent.
void *map_get(const Map *map, Str key);
bool map_find(const Map *map, Str key, size_t *index_out);
// Adds or replaces; returns true when the key was new.
bool map_put(Map *map, Str key, void *value);

#endif
