// The public door: makes and frees interpreters, and wraps what the evaluator offers. Every entry that evaluates says
// how much of the caller's stack may be used (stack_enter).
#include "specs/lang/lang.h"
#include "base/map.h"
#include "specs/lang/data.h"
#include "specs/lang/eval.h"
#include "specs/lang/operators.h"

#include <stdlib.h>

enum { DEFAULT_MEMORY_MIB = 1024, DEFAULT_STEPS = 200000000 };

static void init_constants(Lang *lang) {
    lang->null_value = value_new(lang, VALUE_NULL, NULL);
    lang->true_value = value_new(lang, VALUE_BOOL, NULL);
    lang->true_value->boolean = true;
    lang->false_value = value_new(lang, VALUE_BOOL, NULL);
    lang->empty_array = value_array(lang, NULL, 0, NULL);
    lang->empty_string = value_string(lang, STR(""), NULL);
}

Error *lang_new(const LangOptions *options, Lang **out) {
    Lang *lang = mem_zalloc(sizeof *lang);
    lang->arena = arena_new(0);
    lang->symbols = symbols_new(lang->arena);
    lang->memory_budget =
        options->memory_budget_bytes ? options->memory_budget_bytes : (size_t)DEFAULT_MEMORY_MIB * 1024 * 1024;
    lang->step_budget = options->step_budget ? options->step_budget : DEFAULT_STEPS;
    lang->loader = options->loader;
    lang->modules = arena_dup(lang->arena, options->modules, options->module_count * sizeof *options->modules);
    lang->module_count = options->module_count;
    lang->import_paths = options->import_paths;
    lang->trace = options->trace;
    lang->trace_context = options->trace_context;
    lang->file_index = mem_zalloc(sizeof(Map));
    lang->next_key = 1;
#define NAME(id, text) lang->sym_##id = symbol_intern(lang->symbols, STR(text));
    LANG_NAMES(NAME)
#undef NAME
    init_constants(lang);
    builtins_init(lang);
    *out = lang;
    return NULL;
}

void lang_free(Lang *lang) {
    if (!lang)
        return;
    regex_release(lang);
    stack_release(&lang->stack);
    map_release(lang->file_index);
    free(lang->file_index);
    free(lang->files);
    free(lang->globals);
    symbols_free(lang->symbols);
    arena_free(lang->arena);
    free(lang);
}

void lang_cleanup(Lang **lang) {
    lang_free(*lang);
}

Arena *lang_arena(Lang *lang) {
    return lang->arena;
}

void lang_define(Lang *lang, Str name, Value *value) {
    lang->globals = mem_realloc(lang->globals, lang->global_count + 1, sizeof *lang->globals);
    lang->globals[lang->global_count++] = (GlobalVar){symbol_intern(lang->symbols, name), value};
}

Error *lang_import(Lang *lang, Str path, Value **out) {
    return import_path(lang, path, NULL, IMPORT_BY_EXTENSION, out);
}

Error *lang_program(Lang *lang, Str path, Str text, Value **out) {
    return import_text(lang, path, text, out);
}

// ---- makers ----

Value *lang_make_null(Lang *lang) {
    return lang->null_value;
}

Value *lang_make_bool(Lang *lang, bool value) {
    return value_bool(lang, value);
}

Value *lang_make_string(Lang *lang, Str value) {
    return value_string(lang, arena_str(lang->arena, value), NULL);
}

Value *lang_make_enum(Lang *lang, Str tag) {
    return value_enum(lang, symbol_intern(lang->symbols, tag), NULL, NULL);
}

Value *lang_make_array(Lang *lang, Value *const *items, size_t count) {
    Value **copy = ARENA_ARRAY(lang->arena, Value *, count ? count : 1);
    if (count)
        memcpy(copy, items, count * sizeof(Value *));
    return value_array(lang, copy, count, NULL);
}

Value *lang_make_record(Lang *lang, const Str *names, Value *const *values, size_t count) {
    Symbol *symbols = ARENA_ARRAY(lang->arena, Symbol, count ? count : 1);
    for (size_t i = 0; i < count; i++)
        symbols[i] = symbol_intern(lang->symbols, names[i]);
    return record_make(lang, symbols, values, (uint32_t)count, NULL);
}

// ---- looking ----

Error *lang_force(Lang *lang, Value *value) {
    char *previous = stack_enter(&lang->stack);
    Error *error = force(lang, value);
    stack_leave(&lang->stack, previous);
    return error;
}

LangType lang_type(const Value *value) {
    switch (value->kind) {
    case VALUE_NULL:
        return LANG_NULL;
    case VALUE_BOOL:
        return LANG_BOOL;
    case VALUE_NUMBER:
        return LANG_NUMBER;
    case VALUE_STRING:
        return LANG_STRING;
    case VALUE_ENUM:
        return LANG_ENUM;
    case VALUE_ARRAY:
        return LANG_ARRAY;
    case VALUE_RECORD:
        return LANG_RECORD;
    case VALUE_CLOSURE:
    case VALUE_PARTIAL:
    case VALUE_NATIVE:
    case VALUE_ARROW:
        return LANG_FUNCTION;
    default:
        return LANG_OTHER;
    }
}

const char *lang_type_name(const Value *value) {
    return value_kind_name(value);
}

bool lang_get_bool(const Value *value) {
    BUG_UNLESS(value->kind == VALUE_BOOL);
    return value->boolean;
}

Str lang_get_string(const Value *value) {
    BUG_UNLESS(value->kind == VALUE_STRING);
    return value->string;
}

Str lang_get_tag(const Value *value) {
    BUG_UNLESS(value->kind == VALUE_ENUM);
    return str_from(value->tag);
}

Value *lang_get_argument(const Value *value) {
    BUG_UNLESS(value->kind == VALUE_ENUM);
    return value->argument;
}

bool lang_get_integer(const Value *value, int64_t *out) {
    BUG_UNLESS(value->kind == VALUE_NUMBER);
    if (value->number.den != 1)
        return false;
    *out = value->number.num;
    return true;
}

double lang_get_number(const Value *value) {
    BUG_UNLESS(value->kind == VALUE_NUMBER);
    return number_to_double(value->number);
}

size_t lang_array_count(const Value *value) {
    BUG_UNLESS(value->kind == VALUE_ARRAY);
    return value->array.count;
}

Error *lang_array_item(Lang *lang, Value *array, size_t index, Value **out) {
    BUG_UNLESS(array->kind == VALUE_ARRAY && index < array->array.count);
    *out = array->array.items[index];
    return lang_force(lang, *out);
}

Error *lang_record_field(Lang *lang, Value *record, Str name, Value **out) {
    BUG_UNLESS(record->kind == VALUE_RECORD);
    *out = NULL;
    Symbol symbol = symbol_find(lang->symbols, name);
    Field *field = symbol == SYMBOL_NONE ? NULL : record_visible(record->record, symbol);
    if (!field)
        return NULL;
    char *previous = stack_enter(&lang->stack);
    Error *error = record_get(lang, record, symbol, NULL, out);
    stack_leave(&lang->stack, previous);
    return error;
}

Error *lang_record_names(Lang *lang, Value *record, StrSlice *out) {
    BUG_UNLESS(record->kind == VALUE_RECORD);
    uint32_t count = 0;
    Field **fields = record_sorted(lang, record->record, false, &count);
    Str *names = ARENA_ARRAY(lang->arena, Str, count ? count : 1);
    for (uint32_t i = 0; i < count; i++)
        names[i] = name_text(lang, fields[i]->name);
    *out = (StrSlice){names, count};
    return NULL;
}

SourceSpan lang_span(const Lang *lang, const Value *value) {
    return node_span(lang, value->origin);
}

SourceSpan lang_field_span(const Lang *lang, const Value *record, Str name) {
    BUG_UNLESS(record->kind == VALUE_RECORD);
    Symbol symbol = symbol_find(lang->symbols, name);
    const Field *field = symbol == SYMBOL_NONE ? NULL : record_find(record->record, symbol);
    if (!field)
        return (SourceSpan){0};
    if (field->raw && field->raw->origin)
        return node_span(lang, field->raw->origin);
    return node_span(lang, field->pending_count ? field->pending[0].node : record->record->literal);
}

const void *lang_record_identity(const Value *record) {
    BUG_UNLESS(record->kind == VALUE_RECORD);
    return record->record->identity;
}

// ---- export ----

Error *lang_export_json(Lang *lang, Value *value, bool compact, Buf *out) {
    char *previous = stack_enter(&lang->stack);
    Error *error = data_export_json(lang, value, compact, out);
    stack_leave(&lang->stack, previous);
    return error;
}

// The next name of a path; *rest moves behind it and its dot.
static Error *next_name(Arena *arena, Str *rest, Str *out) {
    size_t end = 0;
    if (rest->len && rest->ptr[0] == '"') {
        char *name = arena_alloc(arena, rest->len);
        size_t len = 0;
        for (end = 1; end < rest->len && rest->ptr[end] != '"'; end++) {
            if (rest->ptr[end] == '\\' && end + 1 < rest->len)
                end++;
            name[len++] = rest->ptr[end];
        }
        if (end == rest->len)
            return error_new(ERROR_INVALID, "unfinished quoted name in the field path");
        *out = (Str){name, len};
        end++;
    } else {
        while (end < rest->len && rest->ptr[end] != '.')
            end++;
        *out = str_slice(*rest, 0, end);
        if (end == 0)
            return error_new(ERROR_INVALID, "empty name in the field path");
    }
    if (end < rest->len && rest->ptr[end] != '.')
        return error_new(ERROR_INVALID, "expected `.` behind a quoted name in the field path");
    if (end + 1 == rest->len)
        return error_new(ERROR_INVALID, "the field path ends with `.`");
    *rest = end < rest->len ? str_slice(*rest, end + 1, rest->len) : STR_NULL;
    return NULL;
}

static Error *follow_path(Lang *lang, Value *value, Str path, Value **out) {
    TRY(force(lang, value));
    while (path.len) {
        Str name;
        TRY(next_name(lang->arena, &path, &name));
        TRY(record_get(lang, value, symbol_intern(lang->symbols, name), value->origin, &value));
    }
    *out = value;
    return NULL;
}

Error *lang_field_path(Lang *lang, Value *value, Str path, Value **out) {
    char *previous = stack_enter(&lang->stack);
    Error *error = follow_path(lang, value, path, out);
    stack_leave(&lang->stack, previous);
    return error;
}

LangStats lang_stats(const Lang *lang) {
    return (LangStats){.files = lang->file_count,
                       .source_bytes = lang->source_bytes,
                       .memory_bytes = arena_used_bytes(lang->arena),
                       .steps = lang->steps};
}
