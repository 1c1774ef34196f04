// Records and the types in braces and brackets, and the metadata of fields. Braces mean five things (record, record
// type, record contract, and two kinds of dictionary); which one is known only at the closing brace, so fields are read
// the same way first.
#include "specs/lang/parse_impl.h"

#include <stdlib.h>

// ---- metadata -------------------------------------------------------------------------------------------------------

// Of two priorities on one field the higher one counts. Numbers compare as doubles: near enough for a rule that only
// matters when somebody writes two.
static bool is_higher(uint8_t a, Str a_text, uint8_t b, Str b_text) {
    if (b == AST_PRIORITY_NORMAL)
        return true;
    if (a != AST_PRIORITY_NUMBER || b != AST_PRIORITY_NUMBER)
        return a == AST_PRIORITY_FORCE || b == AST_PRIORITY_DEFAULT;
    char x[64], y[64];
    size_t xl = a_text.len < 63 ? a_text.len : 63, yl = b_text.len < 63 ? b_text.len : 63;
    memcpy(x, a_text.ptr, xl);
    memcpy(y, b_text.ptr, yl);
    x[xl] = y[yl] = '\0';
    return strtod(x, NULL) > strtod(y, NULL);
}

static void set_priority(Metadata *metadata, uint8_t priority, Str text) {
    if (!is_higher(priority, text, metadata->priority, metadata->priority_text))
        return;
    metadata->priority = priority;
    metadata->priority_text = text;
}

// Behind `|`, at a metadata keyword.
static Error *parse_keyword(Parser *p, Metadata *out) {
    TokenKind kind = (TokenKind)p->token.kind;
    TRY(parse_advance(p));
    Str text = STR_NULL;
    switch ((int)kind) {
    case TOKEN_DEFAULT:
        set_priority(out, AST_PRIORITY_DEFAULT, text);
        break;
    case TOKEN_FORCE:
        set_priority(out, AST_PRIORITY_FORCE, text);
        break;
    case TOKEN_OPTIONAL:
        out->optional = true;
        break;
    case TOKEN_NOT_EXPORTED:
        out->not_exported = true;
        break;
    case TOKEN_PRIORITY:
        TRY(parse_signed_number(p, &text));
        set_priority(out, AST_PRIORITY_NUMBER, text);
        break;
    default:
        TRY(parse_static_string(p, "documentation", true, &text));
        if (!out->doc.ptr)
            out->doc = text;
        break;
    }
    return NULL;
}

static Error *parse_annotation(Parser *p, Metadata *out) {
    AstAnnotation annotation = {.is_static = p->token.kind == TOKEN_COLON};
    TRY(parse_advance(p));
    uint32_t start = p->token.start;
    TRY(parse_type(p, &annotation.type));
    vec_push(&p->annotations, annotation);
    if (annotation.is_static && !out->has_static) {
        out->has_static = true;
        out->static_start = start;
        out->static_end = p->previous.end;
    }
    return NULL;
}

// The token behind the current one, without stepping.
static Error *peek_token(Parser *p, Token *out) {
    Lexer ahead = p->lexer;
    return lex_next(&ahead, out);
}

Error *parse_metadata(Parser *p, MetadataKind kind, Metadata *out) {
    *out = (Metadata){0};
    size_t base = p->annotations.count;
    while (p->token.kind == TOKEN_PIPE || p->token.kind == TOKEN_COLON) {
        Token next;
        TRY(peek_token(p, &next));
        bool keyword = p->token.kind == TOKEN_PIPE && next.kind != TOKEN_IDENT && parse_is_name(&next);
        if (!keyword) {
            TRY(parse_annotation(p, out));
            continue;
        }
        TRY(parse_advance(p));
        if (kind == METADATA_TERM || (kind == METADATA_LET && p->token.kind != TOKEN_DOC))
            return error_hint(parse_unexpected(p, "a type or contract"),
                              "metadata such as %s belongs to a record's field",
                              lex_kind_name((TokenKind)p->token.kind));
        TRY(parse_keyword(p, out));
    }
    uint32_t count;
    out->annotations = TAKE(p, annotations, base, &count);
    if (count > UINT16_MAX)
        return parse_error(p, p->previous.start, p->previous.end, "more than %d annotations on one thing", UINT16_MAX);
    out->count = (uint16_t)count;
    return NULL;
}

// ---- fields ---------------------------------------------------------------------------------------------------------

enum { NAME_DEFINED, NAME_TYPED_ONLY, NAME_PATH, NAME_INCLUDED }; // NameAt.tag of a field

static void note_name(Parser *p, Symbol name, uint32_t start, uint32_t end, uint8_t tag) {
    vec_push(&p->names, (NameAt){name, start, end, (uint32_t)p->names.count, tag});
}

static Error *parse_path_part(Parser *p) {
    PathPart part = {.start = p->token.start};
    if (parse_is_name(&p->token)) {
        part.name = p->token.symbol;
        TRY(parse_advance(p));
    } else if (parse_starts_string(&p->token)) {
        AstNode *node;
        TRY(parse_string(p, &node));
        if (node->kind == AST_STRING)
            part.name = symbol_intern(p->symbols, node->text);
        else
            part.dynamic = node;
    } else {
        return parse_not_a_name(p);
    }
    part.end = p->previous.end;
    vec_push(&p->path, part);
    return NULL;
}

static void set_metadata(AstField *field, const Metadata *metadata) {
    field->annotations = metadata->annotations;
    field->annotation_count = metadata->count;
    field->optional = metadata->optional;
    field->not_exported = metadata->not_exported;
    field->priority = metadata->priority;
    field->priority_text = metadata->priority_text;
    field->doc = metadata->doc;
}

static void set_name(AstField *field, const PathPart *part) {
    field->name = part->name;
    field->dynamic_name = part->dynamic;
    field->start = part->start;
    field->end = part->end;
}

// { rest... } around the field of a path.
static void wrap_field(Parser *p, AstField *field, const PathPart *outer) {
    AstRecord *record = ARENA_NEW(p->arena, AstRecord);
    record->fields = arena_dup(p->arena, field, sizeof *field);
    record->count = 1;
    AstNode *node = parse_node(p, AST_RECORD, field->start);
    node->flags = AST_FLAG_PATH;
    node->record = record;
    *field = (AstField){.value = node, .slot = AST_NO_SLOT};
    set_name(field, outer);
}

// What stands behind the path: metadata and the value.
static Error *parse_definition(Parser *p, AstField *field, Metadata *metadata) {
    TRY(parse_metadata(p, METADATA_FIELD, metadata));
    set_metadata(field, metadata);
    if (p->token.kind != TOKEN_EQUALS)
        return NULL;
    TRY(parse_advance(p));
    TRY(parse_term(p, &field->value));
    if (field->value->kind == AST_ANNOTATED && !field->value->annotated->name)
        field->value->annotated->name = field->name;
    return NULL;
}

static Error *typed_without_definition(Parser *p, Str name, uint32_t start, uint32_t end) {
    return error_hint(parse_error(p, start, end, "the field `%.*s` has a type (`:`) but no value", STR_ARG(name)),
                      "annotate it with `|`, which stays a contract when records are merged, or give it a value");
}

static Error *parse_field(Parser *p) {
    size_t base = p->path.count;
    for (;;) {
        TRY(parse_path_part(p));
        if (p->token.kind != TOKEN_DOT)
            break;
        TRY(parse_enter(p));
        TRY(parse_advance(p));
    }
    AstField field = {.slot = AST_NO_SLOT};
    Metadata metadata;
    set_name(&field, &vec_last(&p->path));
    TRY(parse_definition(p, &field, &metadata));
    size_t length = p->path.count - base;
    PathPart root = p->path.items[base];
    bool bare = metadata.has_static && !field.value;
    if (bare && (length > 1 || root.dynamic))
        return typed_without_definition(p, str_slice(p->file->text, root.start, vec_last(&p->path).end), root.start,
                                        metadata.static_end);
    for (size_t i = base + length - 1; i-- > base;) {
        wrap_field(p, &field, &p->path.items[i]);
        parse_leave(p);
    }
    p->path.count = base;
    if (!root.dynamic)
        note_name(p, root.name, root.start, root.end, length > 1 ? NAME_PATH : bare ? NAME_TYPED_ONLY : NAME_DEFINED);
    vec_push(&p->fields, field);
    return NULL;
}

// ---- include --------------------------------------------------------------------------------------------------------

static Error *push_include(Parser *p, bool with_metadata) {
    if (!parse_is_name(&p->token))
        return parse_unexpected(p, "the name of a variable to include");
    AstField field = {
        .name = p->token.symbol, .start = p->token.start, .end = p->token.end, .include = true, .slot = AST_NO_SLOT};
    TRY(parse_advance(p));
    note_name(p, field.name, field.start, field.end, NAME_INCLUDED);
    if (with_metadata) {
        Metadata metadata;
        TRY(parse_metadata(p, METADATA_FIELD, &metadata));
        set_metadata(&field, &metadata);
    }
    vec_push(&p->fields, field);
    return NULL;
}

// `include name` or `include [name, ...]`, behind the word.
static Error *parse_include(Parser *p) {
    TRY(parse_advance(p));
    if (p->token.kind != TOKEN_LBRACKET)
        return push_include(p, true);
    TRY(parse_open(p));
    while (p->token.kind != TOKEN_RBRACKET) {
        TRY(push_include(p, false));
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    return parse_close(p, TOKEN_RBRACKET, "`,` or `]`");
}

// `include` is an ordinary field name unless a name or a list follows it.
static Error *is_include(Parser *p, bool *out) {
    *out = p->token.kind == TOKEN_IDENT && p->token.symbol == p->words.include_word;
    if (!*out)
        return NULL;
    Token next;
    TRY(peek_token(p, &next));
    *out = next.kind == TOKEN_LBRACKET || parse_is_name(&next);
    return NULL;
}

// ---- what the braces turned out to be -------------------------------------------------------------------------------

// `name : T` and nothing else.
static bool is_row(const AstField *field) {
    return field->name && !field->include && !field->value && field->annotation_count == 1 &&
           field->annotations[0].is_static && !field->optional && !field->not_exported && !field->doc.ptr &&
           field->priority == AST_PRIORITY_NORMAL;
}

// One group of equal names, in order of appearance.
static Error *check_group(Parser *p, const NameAt *names, size_t count) {
    Str text = symbol_text(p->symbols, names[0].name);
    const NameAt *typed = NULL;
    bool included = false, defined = false;
    for (size_t i = 0; i < count; i++) {
        included |= names[i].tag == NAME_INCLUDED;
        defined |= names[i].tag == NAME_DEFINED;
        if (names[i].tag == NAME_TYPED_ONLY && !typed)
            typed = &names[i];
    }
    if (included && count > 1)
        return parse_error(p, names[1].start, names[1].end,
                           "`%.*s` is included and defined more than once: first on line %u", STR_ARG(text),
                           source_line(p->file, names[0].start));
    return typed && !defined ? typed_without_definition(p, text, typed->start, typed->end) : NULL;
}

static Error *check_names(Parser *p, size_t base) {
    NameAt *names = FROM(p->names, base);
    size_t count = p->names.count - base;
    bool suspect = false; // most records have neither kind: no need to sort
    for (size_t i = 0; i < count; i++)
        suspect |= names[i].tag == NAME_INCLUDED || names[i].tag == NAME_TYPED_ONLY;
    if (!suspect)
        return NULL;
    parse_sort_names(names, count);
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && names[end].name == names[i].name;)
            end++;
        TRY(check_group(p, names + i, end - i));
    }
    return NULL;
}

typedef struct Tail {
    uint8_t kind; // AstTail
    AstNode *variable;
} Tail;

// `; r` or `; Dyn`
static Error *parse_tail(Parser *p, bool dyn, Tail *out) {
    TRY(parse_advance(p));
    if (dyn && p->token.kind == TOKEN_DYN) {
        out->kind = AST_TAIL_DYN;
        return parse_advance(p);
    }
    if (p->token.kind != TOKEN_IDENT)
        return parse_unexpected(p, dyn ? "a type variable or `Dyn`" : "a type variable");
    Symbol name = p->token.symbol;
    TRY(parse_advance(p));
    out->kind = AST_TAIL_VAR;
    out->variable = parse_node(p, AST_VAR, p->previous.start);
    out->variable->symbol = name;
    return NULL;
}

static AstNode *rows_node(Parser *p, AstKind kind, uint32_t start, size_t base, Tail tail) {
    AstRows *rows = ARENA_NEW(p->arena, AstRows);
    rows->rows = TAKE(p, rows, base, &rows->count);
    rows->tail = tail.kind;
    rows->tail_var = tail.variable;
    AstNode *node = parse_node(p, kind, start);
    node->rows = rows;
    return node;
}

typedef struct Braces { // what was found between them
    uint32_t start;
    size_t fields, names; // bases on the parser's stacks
    bool open;
    uint32_t open_start;
    Tail tail;
} Braces;

static Error *make_record_type(Parser *p, const Braces *braces, AstNode **out) {
    NameAt first, second;
    if (braces->open)
        return error_hint(parse_error(p, braces->open_start, braces->open_start + 2, "a record type cannot be open"),
                          "write `; Dyn` for a type that allows more fields, or `|` for contracts instead of types");
    if (parse_duplicate(FROM(p->names, braces->names), p->names.count - braces->names, &first, &second))
        return parse_error(p, second.start, second.end,
                           "the field `%.*s` stands twice in a record type: first on line %u",
                           STR_ARG(symbol_text(p->symbols, second.name)), source_line(p->file, first.start));
    size_t base = p->rows.count;
    for (size_t i = braces->fields; i < p->fields.count; i++) {
        const AstField *field = &p->fields.items[i];
        if (!is_row(field))
            return error_hint(parse_error(p, field->start, field->end,
                                          "a record with a tail (`;`) is a type, whose "
                                          "fields have nothing but `name : Type`"),
                              "end an open record contract with `..` instead");
        vec_push(&p->rows, (AstRow){field->name, field->annotations[0].type, field->start, field->end});
    }
    *out = rows_node(p, AST_TYPE_RECORD, braces->start, base, braces->tail);
    return NULL;
}

static Error *make_braces(Parser *p, const Braces *braces, AstNode **out) {
    size_t count = p->fields.count - braces->fields, rows = 0;
    for (size_t i = braces->fields; i < p->fields.count; i++)
        rows += is_row(&p->fields.items[i]);
    if (braces->tail.kind != AST_TAIL_NONE || (count > 0 && rows == count)) {
        TRY(make_record_type(p, braces, out));
        p->fields.count = braces->fields;
        return NULL;
    }
    TRY(check_names(p, braces->names));
    AstRecord *record = ARENA_NEW(p->arena, AstRecord);
    record->fields = TAKE(p, fields, braces->fields, &record->count);
    record->open = braces->open;
    *out = parse_node(p, AST_RECORD, braces->start);
    (*out)->record = record;
    return NULL;
}

// { _ : T } and { _ | T }, at the underscore.
static Error *parse_dictionary(Parser *p, uint32_t start, AstNode **out) {
    TRY(parse_advance(p));
    bool contract = p->token.kind == TOKEN_PIPE;
    if (!contract && p->token.kind != TOKEN_COLON)
        return parse_unexpected(p, "`:` or `|` and the type of the fields");
    TRY(parse_advance(p));
    AstNode *type;
    TRY(parse_type(p, &type));
    TRY(parse_close(p, TOKEN_RBRACE, "`}`"));
    *out = parse_node(p, AST_TYPE_DICT, start);
    (*out)->flags = contract ? AST_FLAG_DICT_CONTRACT : 0;
    (*out)->child = type;
    return NULL;
}

Error *parse_record(Parser *p, AstNode **out) {
    Braces braces = {.start = p->token.start, .fields = p->fields.count, .names = p->names.count};
    TRY(parse_open(p));
    if (p->token.kind == TOKEN_UNDERSCORE)
        return parse_dictionary(p, braces.start, out);
    while (p->token.kind != TOKEN_RBRACE && p->token.kind != TOKEN_SEMICOLON) {
        if (p->token.kind == TOKEN_ELLIPSIS) {
            braces.open = true;
            braces.open_start = p->token.start;
            TRY(parse_advance(p));
            break;
        }
        bool include;
        TRY(is_include(p, &include));
        TRY(include ? parse_include(p) : parse_field(p));
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    if (p->token.kind == TOKEN_SEMICOLON)
        TRY(parse_tail(p, true, &braces.tail));
    if (braces.tail.kind && p->token.kind == TOKEN_EQUALS)
        return error_hint(parse_unexpected(p, "`}`"), "fields are separated by `,`, not by `;`");
    TRY(parse_close(p, TOKEN_RBRACE, braces.open || braces.tail.kind ? "`}`" : "`,` or `}`"));
    TRY(make_braces(p, &braces, out));
    p->names.count = braces.names;
    return NULL;
}

// ---- enum types -----------------------------------------------------------------------------------------------------

Error *parse_enum_type(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    size_t base = p->rows.count;
    Tail tail = {AST_TAIL_NONE, NULL};
    TRY(parse_open(p));
    while (p->token.kind == TOKEN_TAG || p->token.kind == TOKEN_TAG_STRING) {
        AstRow row = {.start = p->token.start};
        TRY(parse_tag(p, &row.name));
        row.end = p->previous.end;
        if (parse_starts_atom(&p->token))
            TRY(parse_type_atom(p, &row.type));
        vec_push(&p->rows, row);
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    if (p->token.kind == TOKEN_SEMICOLON)
        TRY(parse_tail(p, false, &tail));
    TRY(parse_close(p, TOKEN_ENUM_CLOSE, tail.kind ? "`|]`" : "`,`, `;` or `|]`"));
    *out = rows_node(p, AST_TYPE_ENUM, start, base, tail);
    return NULL;
}
