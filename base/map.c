#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>

void map_release(Map *map) {
    free(map->entries);
    free(map->slots);
    *map = (Map){0};
}

// The slot that holds the key, or the empty one where it belongs.
static size_t map_slot(const Map *map, Str key) {
    size_t mask = map->slot_count - 1;
    size_t slot = (size_t)str_hash(key) & mask;
    while (map->slots[slot] && !str_eq(map->entries[map->slots[slot] - 1].key, key))
        slot = (slot + 1) & mask;
    return slot;
}

static void map_rehash(Map *map) {
    free(map->slots);
    map->slot_count = map->slot_count ? map->slot_count * 2 : 16;
    map->slots = mem_zalloc(map->slot_count * sizeof *map->slots);
    for (size_t i = 0; i < map->count; i++)
        map->slots[map_slot(map, map->entries[i].key)] = (uint32_t)i + 1;
}

bool map_find(const Map *map, Str key, size_t *index_out) {
    if (map->slot_count == 0)
        return false;
    uint32_t at = map->slots[map_slot(map, key)];
    if (at && index_out)
        *index_out = at - 1;
    return at != 0;
}

void *map_get(const Map *map, Str key) {
    size_t index;
    return map_find(map, key, &index) ? map->entries[index].value : NULL;
}

bool map_put(Map *map, Str key, void *value) {
    if (map->count * 2 >= map->slot_count)
        map_rehash(map);
    size_t slot = map_slot(map, key);
    if (map->slots[slot]) {
        map->entries[map->slots[slot] - 1].value = value;
        return false;
    }
    if (map->count == map->cap) {
        map->cap = map->cap ? map->cap * 2 : 8;
        map->entries = mem_realloc(map->entries, map->cap, sizeof *map->entries);
    }
    map->entries[map->count] = (MapEntry){key, value};
    map->slots[slot] = (uint32_t)++map->count;
    return true;
}
