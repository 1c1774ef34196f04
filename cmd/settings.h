// The user's own settings: config.toml in $XDG_CONFIG_HOME/minimal, or in ~/.config/minimal. They are in no key: they
// say where bytes come from and how long a build may take, never what it makes.
#ifndef CMD_SETTINGS_H
#define CMD_SETTINGS_H

#include "base/arena.h"
#include "builder/box.h"
#include "specs/package.h"

typedef struct Settings {
    const Mirror *mirrors; // [mirrors]
    size_t mirror_count;
    BoxLimits limits; // [limits]; what is not said is 0
} Settings;

// All in the arena. No file is no settings. ERROR_INVALID, with the place, for a key that nobody knows, and for a value
// of the wrong type or out of range.
MUST_CHECK Error *settings_read(Arena *arena, Settings *out);

#endif
