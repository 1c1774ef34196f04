// What specs say, as plain data: every later stage reads these structs, none of them reads a spec's text.
//
// All of it lives in the arena of the PackageSet, and every Str ends with a NUL (not counted). Packages refer to each
// other by index into PackageSet.packages.
// Order is the order of the spec, except where a comment says sorted. The meaning of each field is in docs/language.md.
#ifndef SPECS_PACKAGE_H
#define SPECS_PACKAGE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"

typedef enum Arch { ARCH_AMD64, ARCH_ARM64 } Arch;
typedef enum Os { OS_LINUX, OS_MACOS } Os;

typedef struct Target {
    Arch arch;
    Os os;
} Target;

// "amd64/linux" and the like (x86_64 and aarch64 are read too); false when it is no target.
bool target_parse(Str text, Target *out);
Str target_text(Target target);
// What this program runs on.
Target target_host(void);

typedef uint32_t PackageIndex;
#define PACKAGE_NONE UINT32_MAX

// A dependency on a package, whole or on some of its outputs.
typedef struct Dependency {
    PackageIndex package;
    bool is_subset;
    StrSlice outputs; // of a subset: sorted, no duplicates
    SourceSpan span;
} Dependency;

typedef struct Dependencies {
    const Dependency *items;
    size_t count;
} Dependencies;

// A file or archive from elsewhere, pinned by content.
typedef struct Source {
    Str url;          // "" for a Source of a file beside the spec; then `path` is set
    Str path;         // absolute host path, or ""
    StrSlice mirrors; // more URLs for the same bytes; in no key
    Str name;         // file name under which the build sees it: last component of the URL's path or of the file
    Hash sha256;      // of a `file` Source: computed when the spec was read
    bool extract;
    bool has_strip_prefix;
    Str strip_prefix;
} Source;

// A file of the layer, copied into /build.
typedef struct Local {
    Str path;     // absolute host path
    Str name;     // its file name in /build
    Hash sha256;  // of its bytes when the spec was read
    bool is_exec; // any x bit
} Local;

typedef enum InputKind { INPUT_SOURCE, INPUT_LOCAL, INPUT_PACKAGE } InputKind;

// One entry of build_deps, in the order of the spec.
typedef struct Input {
    InputKind kind;
    SourceSpan span;
    union {
        Source source;
        Local local;
        Dependency package;
    };
} Input;

typedef enum OutputType { OUTPUT_BIN, OUTPUT_LIB, OUTPUT_DATA } OutputType;

typedef struct Output {
    Str name;
    OutputType type;
    Str glob;
    bool allow_missing_interpreter; // bin
    bool allow_data;                // lib
    bool allow_executable;          // data
    SourceSpan span;
} Output;

typedef struct Command {
    StrSlice argv;
} Command;

typedef struct Commands {
    const Command *items;
    size_t count;
} Commands;

typedef struct NamedValue {
    Str name, value;
} NamedValue;

typedef struct NamedValues {
    const NamedValue *items;
    size_t count;
} NamedValues;

typedef enum TestClass { TEST_STANDALONE, TEST_BUILD } TestClass;

typedef struct PackageTest {
    Str name;
    TestClass class;
    Commands commands;
    Dependencies deps;
    SourceSpan span;
} PackageTest;

// What a build may reach. Undeclared means nothing.
typedef struct Needs {
    bool internet, dns;
    StrSlice allow; // "tcp:host:port" and the like, as written
} Needs;

// A value of `attrs`: never part of identity. JSON text, canonical (sorted keys, no spaces).
typedef struct Attr {
    Str name;
    Str json;
} Attr;

typedef struct Package {
    Str name;
    uint32_t layer; // index into PackageSet.layers
    SourceSpan span;
    Str dir; // absolute host path of the directory that holds the spec
    bool prebuilt;
    Target target;
    const Input *inputs; // build_deps
    size_t input_count;
    Dependencies runtime_deps;
    PackageIndex breaker; // replace_on_cycle, or PACKAGE_NONE
    Commands commands;
    NamedValues build_args; // sorted by name
    const Output *outputs;  // sorted by name
    size_t output_count;
    const PackageTest *tests; // sorted by name
    size_t test_count;
    Needs needs;
    StrSlice prefer;   // packages whose file wins where two dependencies hold the same path
    const Attr *attrs; // sorted by name
    size_t attr_count;
    // Read out of attrs, because something acts on them.
    Str version; // attrs.upstream_version, or ""
    bool needed_for_internet, not_redistributable;
    uint32_t cost; // attrs.build_cost_multiple, at least 1
} Package;

typedef struct Layer {
    Str dir;     // absolute host path of the directory that holds minimal.toml
    Str name;    // for people: last component of dir, or the repository's name
    bool legacy; // conflicting files between packages are warnings
} Layer;

typedef struct Mirror {
    Str name;       // as in mirror://NAME/PATH
    StrSlice bases; // base URLs, tried in order
} Mirror;

// How a kind of source tree is built (stack.ncl, harness.ncl): found and checked here, read by who needs it.
typedef struct Harness {
    Str name;
    uint32_t layer;
    SourceSpan span; // of the declaration; span.file is the file to evaluate
} Harness;

typedef struct PackageSet {
    Arena *arena;
    Package *packages; // of the whole chain of layers, breakers included; sorted by name within a layer
    size_t count;
    const PackageIndex *by_name; // all of them, sorted by name (names are one namespace); or NULL
    const Harness *harnesses;    // sorted by name
    size_t harness_count;
    Layer *layers; // root upstream first, the project's own layer last
    size_t layer_count;
    const Mirror *mirrors; // of all layers, in order of the layers
    size_t mirror_count;
    Target target;
} PackageSet;

// By exact name; PACKAGE_NONE when there is none.
PackageIndex package_find(const PackageSet *set, Str name);
// ERROR_NOT_FOUND with the nearest name when there is none.
MUST_CHECK Error *package_lookup(const PackageSet *set, Str name, PackageIndex *out);
// The name most like it, or STR_NULL: for hints.
Str package_nearest(const PackageSet *set, Str name);
// NULL when the package has no output of that name.
const Output *package_output(const Package *package, Str name);

#endif
