// Completes a parsed tree before anything of it is evaluated: combines fields that were written twice, gives every
// variable its place (how many frames up, which slot), finds which fields mention their siblings, and makes the
// constants. Reports the first name that nothing binds, with the nearest one that is bound.
#ifndef SPECS_LANG_SCOPE_H
#define SPECS_LANG_SCOPE_H

#include "specs/lang/value.h"

// Sets file->frame_size.
MUST_CHECK Error *scope_resolve(Lang *lang, LoadedFile *file);

#endif
