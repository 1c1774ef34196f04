// From values to packages: reads what the specs of a layer evaluate to, checks all of it, and adds it to a set.
//
// Nothing here trusts a contract to have been applied: a field of the wrong type, an unknown field, a name that leads
// nowhere is an error with the place in the spec and the path of the field. Each message is one line.
#ifndef SPECS_DECODE_H
#define SPECS_DECODE_H

#include "base/map.h"
#include "base/vec.h"
#include "specs/lang/lang.h"
#include "specs/package.h"
#include "specs/stamps.h"

// A set that is being put together, layer after layer. Everything that stays lives in `arena`.
typedef struct SetBuilder {
    Arena *arena;
    Target target;
    Stamps *stamps;
    VEC(Package) packages;
    VEC(Layer) layers;
    VEC(Mirror) mirrors;
    VEC(Harness) harnesses;
    Map names; // of packages: index + 1 as a pointer
} SetBuilder;

void set_builder_init(SetBuilder *builder, Arena *arena, Target target, Stamps *stamps);
void set_builder_release(SetBuilder *builder);
// The finished set: sorted within each layer, indices settled.
PackageSet *set_builder_finish(SetBuilder *builder) __attribute__((returns_nonnull));

// The specs of one layer, evaluated by `lang`. Paths are as the interpreter knows them: relative to `root`, or
// absolute.
typedef struct LayerSpecs {
    Lang *lang;
    Str root;           // absolute host path that relative paths start from
    Str dir;            // absolute host path of the layer: no file that a spec names lies outside of it
    StrSlice packages;  // paths of build.ncl files
    StrSlice harnesses; // paths of stack.ncl and harness.ncl files
} LayerSpecs;

enum { DECODE_MAX_PACKAGES = 100000 }; // in one layer

// Decodes each package, and all that it refers to, as layer number `layer`; each is decoded once, however often it is
// referred to. ERROR_CONFLICT when a name is taken, in this layer or another one; ERROR_NOT_FOUND for an upstream,
// output or package that is not there; ERROR_INVALID for what a spec must not say; ERROR_LIMIT beyond
// DECODE_MAX_PACKAGES; errors of the interpreter.
MUST_CHECK Error *decode_layer(SetBuilder *builder, const LayerSpecs *specs, uint32_t layer);

#endif
