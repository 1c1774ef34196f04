// Whether the files of an output are what the spec says, and whether they will find what they need at run time.
#ifndef BUILDER_OUTPUT_CHECK_H
#define BUILDER_OUTPUT_CHECK_H

#include "builder/outputs.h"

typedef struct OutputChecker {
    const OutputsRequest *request;
    Arena *arena;
    const Root *root; // the artifact over its runtime closure, and what every box has
    OutputFile *files;
    size_t count;
} OutputChecker;

// Reads the beginning of a file once, and remembers what it is.
MUST_CHECK Error *output_look(OutputChecker *checker, OutputFile *file);
// The output's type, for one file of it that is no link.
MUST_CHECK Error *output_check_type(OutputChecker *checker, const Output *output, OutputFile *file);
MUST_CHECK Error *output_check_link(OutputChecker *checker, const OutputFile *file);
// Each library that an ELF file needs, where ld.so(8) will find it.
MUST_CHECK Error *output_check_needed(OutputChecker *checker, OutputFile *file);

#endif
