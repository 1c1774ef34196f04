// The syntax tree of one file: made by parse.c, completed by scope.c, read by eval.c. Types are terms (Nickel's
// uniterms): what stands behind `|` or `:` is an ordinary node, evaluated to a contract.
//
// Everything lives in the arena that the parser was given; arrays are exact-size. Spans are byte offsets into the
// file's text, end exclusive. Nodes are immutable once scope.c has run, so one tree can be evaluated many times.
#ifndef SPECS_LANG_AST_H
#define SPECS_LANG_AST_H

#include "base/arena.h"
#include "base/error.h"
#include "specs/lang/symbol.h"

// A file's text, as all of the interpreter sees it. Text of at most SOURCE_MAX_BYTES, NUL-terminated.
typedef struct SourceFile {
    Str path; // clean; what messages show
    Str text;
    uint16_t index; // of the Lang's table of files; what AstNode.file says
} SourceFile;

typedef enum AstKind {
    // Terms
    AST_NULL,
    AST_BOOL,        // boolean
    AST_NUMBER,      // text: digits as written, valid by the lexer's grammar (1, .5, 1e3, 0xff)
    AST_STRING,      // text: a string without interpolation, escapes and indentation resolved
    AST_CHUNKS,      // chunks: a string with interpolation
    AST_SYMBOLIC,    // symbol: prefix without "-s"; chunks: as AST_CHUNKS (also when there is one text only, or none)
    AST_ENUM,        // symbol; child: the argument, or NULL for a bare tag
    AST_VAR,         // symbol
    AST_ARRAY,       // list
    AST_RECORD,      // record
    AST_FUN,         // fun
    AST_APP,         // app: head with all of its arguments (count >= 1). a |> f is an app of f to a.
    AST_LET,         // let
    AST_IF,          // three: condition, then, else
    AST_MATCH,       // match: a function of one argument
    AST_UNARY,       // op AST_OP_NOT or AST_OP_NEGATE; child
    AST_BINARY,      // op; pair
    AST_OPERATOR,    // op: `(+)`, a curried function; AST_OP_GET for `(.)`
    AST_GET,         // record.symbol: child
    AST_GET_DYNAMIC, // record."%{name}": pair (record, name). `r."plain"` is an AST_GET.
    AST_ANNOTATED,   // annotated: value with its annotations, first one first
    AST_IMPORT,      // import: text is the path as written; format
    AST_IMPORT_PACKAGE, // symbol
    AST_PRIMOP,         // symbol: the name between the % signs; applied by AST_APP
    // Types
    AST_TYPE_DYN,
    AST_TYPE_NUMBER,
    AST_TYPE_BOOL,
    AST_TYPE_STRING,
    AST_TYPE_WILDCARD,
    AST_TYPE_ARRAY,  // child: the element type, or NULL for `Array` alone
    AST_TYPE_DICT,   // child; flag AST_FLAG_DICT_CONTRACT for { _ | T }
    AST_TYPE_ARROW,  // pair: domain, codomain
    AST_TYPE_FORALL, // forall: identifiers and body
    AST_TYPE_ENUM,   // rows: [| 'A, 'B T; tail |]
    AST_TYPE_RECORD, // rows: { a : A, b : B; tail }. A literal that is non-empty or has a tail, is closed (no `..`),
                     // and
                     // whose fields all are just `name : T`. The parser decides; all others are AST_RECORD.
    AST_KIND_COUNT
} AstKind;

typedef enum AstOp {
    AST_OP_NOT,
    AST_OP_NEGATE,
    AST_OP_CONCAT, // ++
    AST_OP_APPEND, // @
    AST_OP_MUL,
    AST_OP_DIV,
    AST_OP_MOD,
    AST_OP_ADD,
    AST_OP_SUB,
    AST_OP_MERGE, // &
    AST_OP_LT,
    AST_OP_LE,
    AST_OP_GT,
    AST_OP_GE,
    AST_OP_EQ,
    AST_OP_NE,
    AST_OP_AND,
    AST_OP_OR,
    AST_OP_PIPE, // only in AST_OPERATOR: (|>)
    AST_OP_GET,  // only in AST_OPERATOR: (.)
    AST_OP_COUNT
} AstOp;

enum {
    AST_FLAG_DICT_CONTRACT = 1, // AST_TYPE_DICT
    AST_FLAG_REC = 2,           // AST_LET: let rec
    AST_FLAG_PATH = 4,          // AST_RECORD made from a field path: `a.b = 1` is a = {b = 1}
    AST_FLAG_PIECEWISE = 8,     // AST_BINARY & made by scope.c from two definitions of one field
    AST_FLAG_PARENS = 16,       // was written in parentheses (the span includes them or not, as is convenient)
};

typedef enum ImportFormat {
    IMPORT_BY_EXTENSION,
    IMPORT_NICKEL,
    IMPORT_JSON,
    IMPORT_YAML,
    IMPORT_TOML,
    IMPORT_TEXT
} ImportFormat;

typedef struct AstNode AstNode;
typedef struct AstPattern AstPattern;

typedef struct AstChunk {
    AstNode *node;   // AST_STRING for text, anything for %{...}
    uint32_t indent; // spaces put behind every newline of the inserted value (multi-line strings), else 0
} AstChunk;

typedef struct AstAnnotation {
    AstNode *type;
    bool is_static; // `:`; else `|`
} AstAnnotation;

typedef enum AstPriority {
    AST_PRIORITY_NORMAL,
    AST_PRIORITY_DEFAULT,
    AST_PRIORITY_NUMBER,
    AST_PRIORITY_FORCE
} AstPriority;

// One field as written. Of a path `a.b.c = v | meta` the parser makes a = {b = {c = v | meta}} with AST_FLAG_PATH on
// the inner records. A name written twice stays twice here; scope.c combines them.
typedef struct AstField {
    Symbol name;           // SYMBOL_NONE when dynamic
    AstNode *dynamic_name; // AST_CHUNKS, or NULL
    AstNode *value;        // NULL when there is none
    AstAnnotation *annotations;
    uint16_t annotation_count;
    bool optional, not_exported;
    bool include;        // `include name`: value is NULL; scope.c resolves it outside of the record
    uint8_t priority;    // AstPriority
    Str priority_text;   // of AST_PRIORITY_NUMBER: as AST_NUMBER, perhaps with '-' in front
    Str doc;             // ptr NULL when there is none
    uint32_t start, end; // of the name
    // Set by scope.c.
    uint32_t slot;   // where siblings find it in the record's frame; AST_NO_SLOT when none looks
    bool revertible; // the value, or an annotation, mentions a sibling
} AstField;

#define AST_NO_SLOT UINT32_MAX

typedef enum AstTail { AST_TAIL_NONE, AST_TAIL_DYN, AST_TAIL_VAR } AstTail;

typedef struct AstRecord {
    AstField *fields; // by scope.c: static ones sorted by symbol, then the dynamic ones in order
    uint32_t count;
    bool open; // trailing `..`
    // Set by scope.c.
    uint32_t static_count;
    bool has_frame;      // some field is revertible: evaluation makes a frame
    uint32_t frame_size; // slots of that frame
} AstRecord;

typedef struct AstRow { // of a record type, or an enum type
    Symbol name;
    AstNode *type; // NULL for a bare tag
    uint32_t start, end;
} AstRow;

typedef struct AstRows {
    AstRow *rows;
    uint32_t count;
    uint8_t tail;      // AstTail
    AstNode *tail_var; // AST_VAR when tail is AST_TAIL_VAR
} AstRows;

typedef struct AstFun {
    AstPattern **params;
    uint32_t count;
    AstNode *body;
    uint32_t frame_size; // scope.c: slots for parameters and all lets of the body
} AstFun;

typedef struct AstBinding {
    AstPattern *pattern;
    AstNode *value; // annotations of the binding are already around it (AST_ANNOTATED)
    Str doc;
} AstBinding;

typedef struct AstLet {
    AstBinding *bindings;
    uint32_t count;
    AstNode *body;
} AstLet;

typedef struct AstBranch {
    AstPattern *pattern;
    AstNode *guard; // NULL when there is none
    AstNode *body;
} AstBranch;

typedef struct AstMatch {
    AstBranch *branches;
    uint32_t count;
    uint32_t frame_size; // scope.c
} AstMatch;

typedef struct AstAnnotated {
    AstNode *value;
    AstAnnotation *annotations;
    uint32_t count;
    Symbol name; // of the let-binding or field that it stands in, for messages; or SYMBOL_NONE
} AstAnnotated;

typedef struct AstForall {
    Symbol *variables;
    uint32_t count;
    AstNode *body;
    uint32_t frame_size; // scope.c: the keys of the variables come first
} AstForall;

typedef enum AstVarKind { AST_VAR_UNRESOLVED, AST_VAR_LOCAL, AST_VAR_GLOBAL, AST_VAR_TYPE } AstVarKind;

struct AstNode {
    uint8_t kind;  // AstKind
    uint8_t flags; // AST_FLAG_*
    uint16_t file; // SourceFile.index
    uint32_t start, end;
    Symbol symbol;
    union {
        bool boolean;
        Str text;
        struct {
            AstChunk *chunks;
            uint32_t count;
        } chunks;
        struct {
            AstNode **items;
            uint32_t count;
        } list;
        struct {
            AstNode *head;
            AstNode **args;
            uint32_t count;
        } app;
        AstNode *child;
        struct {
            AstNode *left, *right;
            uint8_t op; // AstOp
        } pair;
        struct {
            AstNode *child;
            uint8_t op;
        } unary;
        uint8_t op; // AST_OPERATOR
        struct {
            AstNode *condition, *yes, *no;
        } three;
        AstRecord *record;
        AstRows *rows;
        AstFun *fun;
        AstLet *let;
        AstMatch *match;
        AstAnnotated *annotated;
        AstForall *forall;
        struct {
            Str path;
            uint8_t format; // ImportFormat
        } import;
        struct { // AST_VAR, by scope.c
            uint32_t depth, slot;
            uint8_t kind; // AstVarKind
        } var;
    };
    void *value; // scope.c: the constant that this node stands for (a Value), or NULL; the global of an AST_VAR
};

typedef enum PatternKind {
    PATTERN_ANY,      // _
    PATTERN_VAR,      // symbol
    PATTERN_CONSTANT, // constant: AST_NULL, AST_BOOL, AST_STRING, AST_NUMBER (text perhaps with '-' in front)
    PATTERN_ENUM,     // symbol; child: pattern of the argument, or NULL for a bare tag
    PATTERN_RECORD,   // fields
    PATTERN_ARRAY,    // items
    PATTERN_OR,       // items
} PatternKind;

typedef struct AstFieldPattern {
    Symbol name;
    uint32_t start, end;
    AstAnnotation *annotations;
    uint32_t annotation_count;
    AstNode *default_value; // NULL when there is none
    AstPattern *pattern;    // `a` alone is a PATTERN_VAR of the same name
} AstFieldPattern;

typedef enum PatternRest { PATTERN_CLOSED, PATTERN_OPEN, PATTERN_REST } PatternRest; // none, `..`, `..name`

struct AstPattern {
    uint8_t kind; // PatternKind
    uint8_t rest; // PatternRest, of records and arrays
    uint16_t file;
    uint32_t start, end;
    Symbol symbol;
    Symbol alias; // x @ pattern; or SYMBOL_NONE
    Symbol rest_name;
    uint32_t slot, alias_slot, rest_slot; // scope.c
    uint32_t count;                       // of fields or items
    union {
        AstNode *constant;
        AstPattern *child;
        AstFieldPattern *fields;
        AstPattern **items;
    };
};

#endif
