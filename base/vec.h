// VEC(Type): a growable array as plain data. Items live on the heap; release with vec_release.
//
//     VEC(Str) names = {0};
//     vec_push(&names, STR("jq"));
//     for (size_t i = 0; i < names.count; i++) use(names.items[i]);
//     vec_release(&names);
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "base/mem.h"

#include <stdlib.h>

#define VEC(Type)                                                                                                      \
    struct {                                                                                                           \
        Type *items;                                                                                                   \
        size_t count, cap;                                                                                             \
    }

#define vec_push(vec, ...)                                                                                             \
    do {                                                                                                               \
        if ((vec)->count == (vec)->cap) {                                                                              \
            (vec)->cap = (vec)->cap ? (vec)->cap * 2 : 8;                                                              \
            (vec)->items = mem_realloc((vec)->items, (vec)->cap, sizeof *(vec)->items);                                \
        }                                                                                                              \
        (vec)->items[(vec)->count++] = (__VA_ARGS__);                                                                  \
    } while (0)

#define vec_pop(vec) ((vec)->items[--(vec)->count])
#define vec_last(vec) ((vec)->items[(vec)->count - 1])

#define vec_release(vec)                                                                                               \
    do {                                                                                                               \
        free((vec)->items);                                                                                            \
        (vec)->items = NULL;                                                                                           \
        (vec)->count = (vec)->cap = 0;                                                                                 \
    } while (0)

#endif
