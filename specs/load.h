// specs_load: from a directory to the packages of its whole chain of layers. The one entry to this folder.
#ifndef SPECS_LOAD_H
#define SPECS_LOAD_H

#include "specs/lang/lang.h"
#include "specs/package.h"

typedef struct SpecsStats {
    bool from_snapshot; // nothing was evaluated
    size_t stamp_count; // files and directories that the result depends on
    size_t lang_count;  // interpreters that ran: one per layer
    LangStats lang;     // of all of them together
} SpecsStats;

typedef struct SpecsOptions {
    Str start; // absolute directory: the layer is looked for from here upward
    Str home;  // where looking upward ends (project_find), or ""
    Target target;
    Str snapshot_dir;           // where snapshots of evaluations are kept; made if need be; "": none
    const char *program;        // what a snapshot depends on besides specs; NULL: /proc/self/exe
    size_t memory_budget_bytes; // per layer, as LangOptions
    uint64_t step_budget;
    SpecsStats *stats; // filled in when not NULL, also on error
} SpecsOptions;

// The packages of the project that `start` lies in, as minimal.toml and the specs say, evaluated for the target; or
// taken from a snapshot that is known to be current. All of it lives in arena. Errors: those of project_find,
// layers_chain and decode_layer. Keeping or reading a snapshot never fails.
MUST_CHECK Error *specs_load(const SpecsOptions *options, Arena *arena, PackageSet **out);

// One evaluated file: its value, forced, and the interpreter that owns it.
typedef struct SpecsFile {
    Lang *lang;
    Value *value;
    struct SpecsFileOwned *owned;
} SpecsFile;

// Evaluates a file (absolute, or relative to options->start) as it is seen in the layer of `start`; outside of any
// layer without parameters. Close it also after an error.
MUST_CHECK Error *specs_file_open(const SpecsOptions *options, Str path, SpecsFile *out);
void specs_file_close(SpecsFile *file);
#define AUTO_SPECS_FILE __attribute__((cleanup(specs_file_close)))

#endif
