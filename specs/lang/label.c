// Blame, and how values and places look in messages. All of it runs only when something has gone wrong.
//
// The path in a message has two halves: where in its file the annotation stands (`outputs.bins`, read off the syntax
// tree), and which part of the value under it was at fault (`.glob`, from the label's chain).
#include "specs/lang/eval.h"
#include "specs/lang/operators.h"
#include "specs/lang/source.h"

// ---- labels ----

Label *label_new(Lang *lang, const AstNode *contract, const AstNode *site, Value *value) {
    Label *label = ARENA_NEW(lang->arena, Label);
    label->contract = contract;
    label->site = site;
    label->value = value;
    return label;
}

Label *label_step(Lang *lang, const Label *parent, LabelStep step, Symbol symbol) {
    Label *label = ARENA_NEW(lang->arena, Label);
    label->parent = parent;
    label->step = (uint8_t)step;
    label->symbol = symbol;
    if (parent) {
        label->negative = parent->negative;
        label->site = parent->site;
    }
    return label;
}

Label *label_dup(Lang *lang, const Label *label) {
    return arena_dup(lang->arena, label, sizeof *label);
}

// ---- places and names ----

SourceSpan node_span(const Lang *lang, const AstNode *node) {
    if (!node || node->file >= lang->file_count)
        return (SourceSpan){0};
    return source_span(&lang->files[node->file]->source, node->start, node->end);
}

Error *eval_error(Lang *lang, const AstNode *node, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Str text = arena_vprintf(lang->arena, fmt, ap);
    va_end(ap);
    Error *error = error_new(ERROR_INVALID, "%.*s", STR_ARG(text));
    return node ? error_at(error, node_span(lang, node)) : error;
}

Str place_text(Lang *lang, const AstNode *node) {
    SourceSpan span = node_span(lang, node);
    return arena_printf(lang->arena, "%.*s:%u:%u", STR_ARG(span.file), span.line, span.column);
}

Str name_text(const Lang *lang, Symbol symbol) {
    return symbol_text(lang->symbols, symbol);
}

static bool is_identifier(Str name) {
    size_t i = 0;
    while (i < name.len && name.ptr[i] == '_')
        i++;
    if (i == name.len || !((name.ptr[i] >= 'a' && name.ptr[i] <= 'z') || (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z')))
        return false;
    for (; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
              c == '\''))
            return false;
    }
    return true;
}

void add_field_name(Str name, Buf *out) {
    if (is_identifier(name))
        buf_add_str(out, name);
    else
        buf_printf(out, "\"%.*s\"", STR_ARG(name));
}

// ---- values in messages ----

const char *value_kind_name(const Value *value) {
    static const char *const names[] = {
        [VALUE_NULL] = "null",           [VALUE_BOOL] = "a Bool",
        [VALUE_NUMBER] = "a Number",     [VALUE_STRING] = "a String",
        [VALUE_ENUM] = "an enum tag",    [VALUE_ARRAY] = "an Array",
        [VALUE_RECORD] = "a record",     [VALUE_CLOSURE] = "a function",
        [VALUE_PARTIAL] = "a function",  [VALUE_NATIVE] = "a function",
        [VALUE_ARROW] = "a function",    [VALUE_TYPE] = "a type",
        [VALUE_CUSTOM] = "a contract",   [VALUE_LABEL] = "a label",
        [VALUE_KEY] = "a type variable", [VALUE_SEALED] = "a value of a type variable",
    };
    return value_is_forced(value) ? names[value->kind] : "something not evaluated yet";
}

enum { BRIEF_MAX = 60, BRIEF_FIELDS = 5 };

static void add_cut(Buf *out, Str text) {
    size_t len = text.len;
    if (len > BRIEF_MAX)
        for (len = BRIEF_MAX; len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80; len--)
            ;
    for (size_t i = 0; i < len; i++)
        buf_add_byte(out, text.ptr[i] == '\n' || text.ptr[i] == '\t' ? ' ' : text.ptr[i]);
    if (len < text.len)
        buf_add_cstr(out, "...");
}

static void brief_record(Lang *lang, const Record *record, Buf *out) {
    uint32_t count = 0;
    Field **fields = record_sorted(lang, record, false, &count);
    buf_add_cstr(out, "{");
    for (uint32_t i = 0; i < count && i < BRIEF_FIELDS; i++) {
        buf_add_cstr(out, i ? ", " : " ");
        add_field_name(name_text(lang, fields[i]->name), out);
    }
    buf_add_cstr(out, count > BRIEF_FIELDS ? ", .. }" : count ? " }" : "}");
}

Str value_brief(Lang *lang, const Value *value) {
    AUTO_BUF Buf text;
    buf_init(&text, 64 * 1024);
    switch (value->kind) {
    case VALUE_NULL:
        buf_add_cstr(&text, "null");
        break;
    case VALUE_BOOL:
        buf_add_cstr(&text, value->boolean ? "true" : "false");
        break;
    case VALUE_NUMBER:
        number_format(value->number, &text);
        break;
    case VALUE_STRING:
        buf_add_byte(&text, '"');
        add_cut(&text, value->string);
        buf_add_byte(&text, '"');
        break;
    case VALUE_ENUM:
        buf_add_byte(&text, '\'');
        add_field_name(name_text(lang, value->symbol), &text);
        if (value->argument)
            buf_add_cstr(&text, " ..");
        break;
    case VALUE_ARRAY:
        buf_printf(&text, value->array.count ? "[..] of %zu" : "[]", value->array.count);
        break;
    case VALUE_RECORD:
        brief_record(lang, value->record, &text);
        break;
    default:
        if (value->origin && value->origin->file < lang->file_count) {
            Str source = lang->files[value->origin->file]->source.text;
            add_cut(&text, str_slice(source, value->origin->start, value->origin->end));
        } else {
            buf_add_cstr(&text, value->kind == VALUE_NATIVE ? value->native->name : "..");
        }
    }
    return arena_str(lang->arena, buf_str(&text));
}

// ---- paths ----

// The child of a node that holds the bytes, or NULL; adds what it is called.
static const AstNode *within(const AstNode *node, uint32_t start, uint32_t end) {
    return node && node->start <= start && end <= node->end ? node : NULL;
}

static const AstNode *descend_list(AstNode *const *items, uint32_t count, uint32_t start, uint32_t end, bool indexed,
                                   Buf *path) {
    for (uint32_t i = 0; i < count; i++)
        if (within(items[i], start, end)) {
            if (indexed)
                buf_printf(path, "[%u]", i);
            return items[i];
        }
    return NULL;
}

static const AstNode *descend_record(const Lang *lang, const AstNode *node, uint32_t start, uint32_t end, Buf *path) {
    const AstRecord *record = node->record;
    for (uint32_t i = 0; i < record->count; i++) {
        const AstField *field = &record->fields[i];
        if (field->include || !within(field->value, start, end))
            continue;
        if (path->len)
            buf_add_byte(path, '.');
        if (field->name != SYMBOL_NONE)
            add_field_name(name_text(lang, field->name), path);
        else
            buf_add_cstr(path, "\"..\"");
        return field->value;
    }
    return NULL;
}

static const AstNode *descend_let(const Lang *lang, const AstNode *node, uint32_t start, uint32_t end, Buf *path) {
    for (uint32_t i = 0; i < node->let->count; i++) {
        const AstBinding *binding = &node->let->bindings[i];
        if (!within(binding->value, start, end))
            continue;
        buf_clear(path);
        if (binding->pattern->kind == PATTERN_VAR)
            buf_add_str(path, name_text(lang, binding->pattern->symbol));
        return binding->value;
    }
    return within(node->let->body, start, end);
}

static const AstNode *either(const AstNode *a, const AstNode *b, uint32_t start, uint32_t end) {
    return within(a, start, end) ? a : within(b, start, end);
}

static const AstNode *descend_match(const AstNode *node, uint32_t start, uint32_t end) {
    for (uint32_t i = 0; i < node->match->count; i++)
        if (within(node->match->branches[i].body, start, end))
            return node->match->branches[i].body;
    return NULL;
}

static const AstNode *descend(const Lang *lang, const AstNode *node, uint32_t start, uint32_t end, Buf *path) {
    switch (node->kind) {
    case AST_RECORD:
        return descend_record(lang, node, start, end, path);
    case AST_LET:
        return descend_let(lang, node, start, end, path);
    case AST_ANNOTATED:
        return within(node->annotated->value, start, end);
    case AST_ARRAY:
        return descend_list(node->list.items, node->list.count, start, end, true, path);
    case AST_APP:
        if (within(node->app.head, start, end))
            return node->app.head;
        return descend_list(node->app.args, node->app.count, start, end, false, path);
    case AST_FUN:
        return within(node->fun->body, start, end);
    case AST_MATCH:
        return descend_match(node, start, end);
    case AST_IF:
        if (within(node->three.condition, start, end))
            return node->three.condition;
        return either(node->three.yes, node->three.no, start, end);
    case AST_BINARY:
    case AST_GET_DYNAMIC:
        return either(node->pair.left, node->pair.right, start, end);
    case AST_GET:
    case AST_ENUM:
        return within(node->child, start, end);
    default:
        return NULL;
    }
}

// The fields that a node stands in, within its file.
static void written_path(const Lang *lang, const AstNode *site, Buf *path) {
    if (!site || site->file >= lang->file_count)
        return;
    const AstNode *node = lang->files[site->file]->root;
    while (node && node != site)
        node = descend(lang, node, site->start, site->end, path);
}

Str field_that_names_itself(Lang *lang, const AstNode *node) {
    AUTO_BUF Buf path;
    buf_init(&path, 64 * 1024);
    written_path(lang, node, &path);
    if (path.len == 0 || path.ptr[path.len - 1] == ']' || path.ptr[path.len - 1] == '"')
        return STR_NULL;
    ptrdiff_t dot = str_rfind_byte(buf_str(&path), '.');
    Str name = str_slice(buf_str(&path), dot < 0 ? 0 : (size_t)dot + 1, path.len);
    Str written = str_slice(lang->files[node->file]->source.text, node->start, node->end);
    return str_contains(written, name) ? arena_str(lang->arena, name) : STR_NULL;
}

enum { LABEL_PATH_MAX = 64 };

static const Label *label_root(const Label *label) {
    while (label->parent)
        label = label->parent;
    return label;
}

static void add_label_path(const Lang *lang, const Label *label, Buf *path) {
    const Label *steps[LABEL_PATH_MAX];
    size_t count = 0;
    for (const Label *at = label; at; at = at->parent)
        if (count < LABEL_PATH_MAX)
            steps[count++] = at;
    while (count > 0) {
        const Label *step = steps[--count];
        if (step->step == STEP_FIELD || step->step == STEP_DICT) {
            if (path->len)
                buf_add_byte(path, '.');
            add_field_name(name_text(lang, step->symbol), path);
        } else if (step->step == STEP_ELEMENT) {
            buf_printf(path, "[%u]", step->symbol);
        }
    }
}

static bool has_function_step(const Label *label) {
    for (; label; label = label->parent)
        if (label->step == STEP_DOMAIN || label->step == STEP_CODOMAIN)
            return true;
    return false;
}

// ---- blame ----

static Str contract_text(const Lang *lang, const AstNode *contract, Buf *out) {
    if (!contract || contract->file >= lang->file_count)
        return STR_NULL;
    Str source = lang->files[contract->file]->source.text;
    add_cut(out, str_slice(source, contract->start, contract->end));
    return buf_str(out);
}

// Where the value at fault is written: its own literal, if that is known and in a file.
static const AstNode *fault_site(const Label *label) {
    const Value *value = label->value;
    if (value && value->origin && !has_function_step(label))
        return value->origin;
    if (label->written && !has_function_step(label))
        return label->written;
    return label->site ? label->site : value && value->origin ? value->origin : label->contract;
}

static void add_title(const Lang *lang, const Label *label, Buf *text) {
    AUTO_BUF Buf path;
    buf_init(&path, 4096);
    const Label *root = label_root(label);
    const AstNode *site = root->site ? root->site : label->value ? label->value->origin : NULL;
    if (root->step == STEP_ROOT || root->site)
        written_path(lang, site, &path);
    else if (label->contract)
        written_path(lang, label->value ? label->value->origin : NULL, &path);
    if (root->step == STEP_ROOT || root->site || path.len == 0)
        add_label_path(lang, label, &path);
    if (path.len == 0 && root->symbol != SYMBOL_NONE && root->step == STEP_ROOT)
        add_field_name(name_text(lang, root->symbol), &path);
    const char *who = label->negative            ? "the caller"
                      : has_function_step(label) ? (path.len ? "the function" : "a function")
                      : path.len                 ? "the value"
                                                 : "a value";
    buf_printf(text, "contract broken by %s", who);
    if (path.len)
        buf_printf(text, "%s`%s`", label->negative || !has_function_step(label) ? " of " : " ", buf_cstr(&path));
}

Error *blame(Lang *lang, const Label *label, const Failure *failure) {
    AUTO_BUF Buf text, contract, hint;
    buf_init(&text, 64 * 1024);
    buf_init(&contract, 4096);
    buf_init(&hint, 64 * 1024);
    if (failure->label)
        label = failure->label;
    Str written = contract_text(lang, label->contract, &contract);
    add_title(lang, label, &text);
    for (const Label *at = label; at; at = at->parent)
        if (at->message.ptr)
            buf_printf(&text, ": %.*s", STR_ARG(at->message));
    if (failure->message.ptr)
        buf_printf(&text, ": %.*s", STR_ARG(failure->message));
    else if (!label->message.ptr && written.ptr)
        buf_printf(&text, ": it does not satisfy `%.*s`", STR_ARG(written));
    Error *error = eval_error(lang, fault_site(label), "%s", buf_cstr(&text));
    if (failure->notes.ptr)
        buf_add_str(&hint, failure->notes);
    for (const Label *at = label; at; at = at->parent)
        if (at->notes.ptr)
            buf_printf(&hint, "%s%.*s", hint.len ? "\n      " : "", STR_ARG(at->notes));
    if (label->contract) {
        Str place = place_text(lang, label->contract);
        buf_printf(&hint, "%sthe contract `%.*s` is at %.*s", hint.len ? "\n      " : "", STR_ARG(written),
                   STR_ARG(place));
    }
    return hint.len ? error_hint(error, "%s", buf_cstr(&hint)) : error;
}

Value *failure_value(Lang *lang, const Failure *failure, Label *label) {
    Symbol names[3];
    Value *values[3];
    uint32_t count = 0;
    if (failure->message.ptr) {
        names[count] = lang->sym_message;
        values[count++] = value_string(lang, failure->message, NULL);
    }
    if (failure->notes.ptr) {
        Value **notes = ARENA_ARRAY(lang->arena, Value *, 1);
        notes[0] = value_string(lang, failure->notes, NULL);
        names[count] = lang->sym_notes;
        values[count++] = value_array(lang, notes, 1, NULL);
    }
    names[count] = lang->sym_blame_location;
    values[count++] = value_label(lang, failure->label ? failure->label : label);
    return value_enum(lang, lang->sym_Error, record_make(lang, names, values, count, NULL), NULL);
}

Error *sealed_error(Lang *lang, const Value *value, const AstNode *site) {
    const Label *label = value->sealed->label;
    Error *error = eval_error(lang, site, "a polymorphic function must not look into a value of its type variable");
    if (!label->contract)
        return error;
    Str place = place_text(lang, label->contract);
    return error_hint(error, "the type variable is at %.*s", STR_ARG(place));
}
