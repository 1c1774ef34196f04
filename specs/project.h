// minimal.toml: the part of it that says what a layer is. Sections that speak of tasks are known by name here and
// read by who needs them.
#ifndef SPECS_PROJECT_H
#define SPECS_PROJECT_H

#include "base/toml.h"
#include "specs/package.h"
#include "specs/stamps.h"

typedef enum ParamType { PARAM_STRING, PARAM_NUMBER, PARAM_BOOL, PARAM_STRINGS } ParamType;

typedef struct Param {
    Str name;
    ParamType type;
    Str text; // of a string; of a number: as Nickel writes it
    bool boolean;
    StrSlice items;   // of strings
    StrSlice choices; // the strings that are allowed; count 0: any
} Param;

typedef struct Params {
    Param *items;
    size_t count;
} Params;

typedef struct LayerLink {
    Str dir;                 // clean; absolute, or relative to what `dir` of project_read was relative to
    const TomlValue *params; // of a sideload: a table, or NULL
    SourceSpan span;
} LayerLink;

typedef struct Project {
    Str dir;  // the layer's directory: that of minimal.toml, or the one that has none
    Str file; // path of minimal.toml; "" when there is none
    bool legacy;
    Params params; // of [params], each with its default
    const Mirror *mirrors;
    size_t mirror_count;
    bool has_upstream;
    LayerLink upstream;
    const LayerLink *sideloads;
    size_t sideload_count;
} Project;

// The directory whose minimal.toml holds for `start`: start itself or the nearest one above it that has minimal.toml
// or .minimal/minimal.toml (then the result is DIR/.minimal), but neither `home` nor what lies above it, unless start
// is there. A start that has packages/ and no minimal.toml above it is a layer by itself. Both paths are absolute and
// clean; home may be "". ERROR_CONFLICT when both files are there; ERROR_NOT_FOUND when there is no layer.
MUST_CHECK Error *project_find(Arena *arena, Str start, Str home, Str *dir_out);

// Reads the layer in `dir`, a path as `stamps` takes it. ERROR_INVALID, with the place, for unknown keys, wrong types,
// a parameter without a default, a layer that asks for a newer version than this program's.
MUST_CHECK Error *project_read(Stamps *stamps, Arena *arena, Str dir, Project *out);

// The parameters with values given by another layer in place of defaults. `given` is a TOML table, or NULL.
MUST_CHECK Error *project_params(Arena *arena, const Project *project, const LayerLink *link, Str file, Params *out);

#endif
