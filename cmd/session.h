// What verbs that deal with packages begin with: where things are kept, the layer that the current directory lies in,
// and the store.
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "builder/paths.h"
#include "cmd/cmd.h"
#include "cmd/settings.h"
#include "specs/package.h"
#include "store/store.h"

typedef struct Session {
    Paths paths;
    Settings settings;
    PackageSet *set; // in the arena of the globals; with the settings' mirrors before those of the layers
    Store *store;    // NULL after session_open_specs
} Session;

// Paths and packages; nothing but a snapshot of evaluations is written.
MUST_CHECK Error *session_open_specs(Globals *globals, Session *out);
// The same, with the store.
MUST_CHECK Error *session_open(Globals *globals, Session *out);
void session_close(Session *session);
#define AUTO_SESSION __attribute__((cleanup(session_close)))

#endif
