// What the evaluator computes with: values, thunks, frames, records, contracts; and the machine that holds them.
//
// A Value is 32 bytes. A thunk is a Value too and is overwritten in place by what it evaluates to, so every holder of
// the pointer sees the result. Payloads of evaluated values never change. All of it lives in the Lang's arena until the
// Lang is freed; there is no collector, an evaluation is short.
#ifndef SPECS_LANG_VALUE_H
#define SPECS_LANG_VALUE_H

#include "specs/lang/ast.h"
#include "specs/lang/lang.h"
#include "specs/lang/names.h"
#include "specs/lang/number.h"
#include "specs/lang/stack.h"

typedef struct Frame Frame;
typedef struct Record Record;
typedef struct Field Field;
typedef struct Contract Contract;
typedef struct Label Label;
typedef struct Native Native;

typedef enum ValueKind {
    // Evaluated to the outermost constructor
    VALUE_NULL,
    VALUE_BOOL,    // boolean
    VALUE_NUMBER,  // number
    VALUE_STRING,  // string
    VALUE_ENUM,    // symbol; argument, or NULL
    VALUE_ARRAY,   // array
    VALUE_RECORD,  // record
    VALUE_CLOSURE, // code: an AST_FUN or AST_MATCH and its frame
    VALUE_PARTIAL, // partial: a function with too few arguments so far
    VALUE_NATIVE,  // native
    VALUE_ARROW,   // arrow: a function under a contract A -> B
    VALUE_TYPE,    // type: an AST_TYPE_* and its frame
    VALUE_CUSTOM,  // argument: the function of a custom contract
    VALUE_LABEL,   // label
    VALUE_KEY,     // key: what a forall's variable seals with
    VALUE_SEALED,  // sealed
    VALUE_LAST = VALUE_SEALED,
    // Thunks
    THUNK_EXPR,     // code: node and frame
    THUNK_APPLY,    // apply: function and one argument
    THUNK_CONTRACT, // guarded: contracts with label, and the value
    THUNK_FIELD,    // field_of, symbol: a field's value with all pending contracts
    THUNK_MERGE,    // merge: two values of the field `symbol`, at `origin`
    THUNK_NATIVE,   // call: a native and its arguments
    THUNK_FILE,     // file: index of the file whose root expression it is
    THUNK_RUNNING,  // being evaluated: meeting it again is an infinite recursion
} ValueKind;

typedef struct Guard { // contracts to apply to a value, first to last
    Contract *contract;
    Label *label;
} Guard;

typedef struct Call {
    const Native *native;
    Value *args[];
} Call;

typedef struct Partial {
    Value *function;
    uint32_t count;
    Value *args[];
} Partial;

typedef struct Arrow {
    Contract *domain, *codomain;
    Label *label;
    Value *function;
} Arrow;

typedef struct Key {
    uint32_t id;
    bool negative; // polarity of the forall
} Key;

typedef struct Sealed {
    uint32_t key;
    Label *label;
    Value *value;
} Sealed;

struct Value {
    uint8_t kind;
    uint8_t thunk; // of THUNK_RUNNING: the kind it had
    Symbol symbol;
    const AstNode *origin; // where it was written, for messages; NULL when nowhere
    union {
        bool boolean;
        Number number;
        Str string;
        struct { // VALUE_CUSTOM: argument alone
            Value *argument;
            const char *tag; // VALUE_ENUM: the symbol's text
        };
        struct {
            Value **items;
            size_t count;
        } array;
        Record *record;
        struct {
            const AstNode *node;
            Frame *frame;
        } code;
        struct {              // VALUE_TYPE; the node is its origin
            Contract **parts; // of its operands, made when first needed
            Frame *frame;
        } type;
        Partial *partial;
        const Native *native;
        Arrow *arrow;
        Label *label;
        Key key;
        Sealed *sealed;
        struct {
            Value *function, *arg;
        } apply;
        struct {
            Guard *guard;
            Value *value;
        } guarded;
        Record *field_of;
        struct {
            Value *left, *right;
        } merge;
        Call *call;
        uint32_t file;
    };
};

static inline bool value_is_forced(const Value *value) {
    return value->kind <= VALUE_LAST;
}

// Where variables live: one per call of a function, per file, and per record literal whose fields mention each other.
struct Frame {
    Frame *parent;
    const AstRecord *record; // of a record's frame, else NULL
    Frame *forward;          // scratch of a merge: the copy that takes this one's place
    Value *slots[];
};

// A contract as written, in its environment. `value` is what it evaluates to, once asked.
struct Contract {
    const AstNode *node; // NULL for one made by a native
    Frame *frame;
    Value *value;
    bool revertible; // mentions fields of the record whose frame it has
};

// A contract that waits on a field until the field is read.
typedef struct Pending {
    Contract *contract;
    const Label *parent; // of the contract that brought it; NULL for the field's own annotation
    const AstNode *node; // where it stands
} Pending;

enum { FIELD_OPTIONAL = 1, FIELD_NOT_EXPORTED = 2 };

// How a field's value is made again when a merge replaces what it mentions. Only for revertible fields.
typedef struct Recipe Recipe;
struct Recipe {
    const AstNode *node; // NULL for a merge of two
    Frame *frame;
    Value *fixed; // with neither: a value that mentions nothing
    const Recipe *left, *right;
    const AstNode *site; // of the merge
    Symbol name;         // of the merged field
};

struct Field {
    Symbol name;
    uint8_t flags;
    uint8_t priority; // AstPriority
    uint16_t pending_count;
    Value *raw;   // as written, without contracts; NULL when there is none
    Value *final; // with them; made when first asked
    const Pending *pending;
    const AstField *definition; // NULL when no literal defines it
    const Recipe *recipe;       // NULL when raw mentions no sibling
    const Value *priority_value;
};

typedef struct Tail { // fields hidden from a polymorphic function
    uint32_t key;
    Label *label;
    Record *hidden;
} Tail;

// Fields sorted by symbol.
struct Record {
    Field *fields;
    uint32_t count;
    bool open;   // a contract that admits more fields
    bool frozen; // fields no longer follow each other
    uint32_t frame_count;
    Frame **frames; // those that its revertible fields were made in
    const void *identity;
    const Record *kept; // the record contract that was applied to it last
    const AstNode *literal;
    const Tail *tail;
};

typedef enum LabelStep {
    STEP_ROOT,
    STEP_FIELD,   // symbol
    STEP_ELEMENT, // of an array
    STEP_DICT,    // symbol
    STEP_DOMAIN,
    STEP_CODOMAIN,
    STEP_VARIANT, // symbol: the argument of an enum tag
    STEP_MESSAGE, // only adds text
} LabelStep;

// Why a contract is being applied: a chain from the part of a value to the annotation that started it.
struct Label {
    const Label *parent;
    uint8_t step;
    bool negative;           // blames the caller
    Symbol symbol;           // of STEP_ELEMENT: the index
    const AstNode *contract; // what was written, or NULL
    const AstNode *site;     // root: the expression that it was applied to
    Value *value;            // what it was applied to, or NULL
    const AstNode *written;  // the expression behind value, where that cannot say it itself
    Str message;             // put in by user code; ptr NULL when none
    Str notes;
};

// A contract's verdict when it is not kept: what `'Error {message, notes, blame_location}` says.
typedef struct Failure {
    bool failed;
    Str message, notes; // ptr NULL when none
    Label *label;       // NULL: the one the contract was applied with
} Failure;

// Kinds of arguments of natives, one letter each: what is forced and checked before the native runs.
// . any, not forced; v any, forced; s string; N number; n number of 64 bits; b bool; a array; r record; f function;
// e enum; l label
typedef Error *(*NativeFn)(Lang *lang, Value **args, Value **out);

struct Native {
    const char *name; // "std.array.map"
    const char *args;
    NativeFn run;
};

typedef struct LoadedFile {
    SourceFile source;
    Str dir;
    uint8_t format; // ImportFormat
    AstNode *root;
    Value *value;
    uint32_t frame_size;
    const AstNode *import; // the first import that asked for it
} LoadedFile;

typedef struct GlobalVar {
    Symbol name;
    Value *value;
} GlobalVar;

struct Lang {
    Arena *arena;
    Symbols *symbols;
    size_t memory_budget;
    uint64_t step_budget, steps;
    LangLoader loader;
    const LangModule *modules;
    size_t module_count;
    StrSlice import_paths;
    void (*trace)(void *context, Str text);
    void *trace_context;
    LoadedFile **files;
    size_t file_count, file_cap;
    struct Map *file_index; // clean path to index + 1
    struct RegexCache *regexes;
    GlobalVar *globals;
    size_t global_count;
    uint32_t next_key;
    const AstNode *site; // of the native that runs, for its messages
    const Native *running;
    StackSegments stack;
    Value *null_value, *true_value, *false_value, *empty_array, *empty_string;
    size_t source_bytes;
#define NAME(id, text) Symbol sym_##id;
    LANG_NAMES(NAME)
#undef NAME
};

// ---- making values ----

Value *value_new(Lang *lang, ValueKind kind, const AstNode *origin);
Value *value_bool(Lang *lang, bool b);
Value *value_number(Lang *lang, Number number, const AstNode *origin);
Value *value_string(Lang *lang, Str s, const AstNode *origin);                    // not copied
Value *value_enum(Lang *lang, Symbol tag, Value *argument, const AstNode *origin);
Value *value_array(Lang *lang, Value **items, size_t count, const AstNode *origin);
Value *value_record(Lang *lang, Record *record, const AstNode *origin);
Value *value_thunk(Lang *lang, const AstNode *node, Frame *frame);
Value *value_apply(Lang *lang, Value *function, Value *arg); // a thunk
Value *value_native(Lang *lang, const Native *native);
Value *value_call(Lang *lang, const Native *native, Value *const *args); // a thunk
Value *value_ok(Lang *lang, Value *value);                               // 'Ok value
Frame *frame_new(Lang *lang, Frame *parent, uint32_t slots);
Record *record_new(Lang *lang, uint32_t count); // count zeroed fields
// ERROR_LIMIT when bytes more would pass the budget: for what is sized by the program.
MUST_CHECK Error *lang_reserve(Lang *lang, size_t count, size_t item_size, const AstNode *node);

#endif
