// The evaluator's own interface: what its files offer to each other. lang.h is for everybody else.
#ifndef SPECS_LANG_EVAL_H
#define SPECS_LANG_EVAL_H

#include "specs/lang/value.h"

// ---- eval.c ----

// The node in its frame, to its outermost constructor.
MUST_CHECK Error *eval(Lang *lang, const AstNode *node, Frame *frame, Value **out);
// The same, later: a thunk, or the value itself where that costs nothing.
Value *delay(Lang *lang, const AstNode *node, Frame *frame);
// In place. After it, *value is evaluated.
MUST_CHECK Error *force(Lang *lang, Value *value);
// function applied to one argument, to its outermost constructor.
MUST_CHECK Error *apply(Lang *lang, Value *function, Value *arg, const AstNode *site, Value **out);
MUST_CHECK Error *apply_n(Lang *lang, Value *function, Value **args, uint32_t count, const AstNode *site, Value **out);
// Runs fn on another stack segment when this one is nearly used up: wrap every recursion through values in it.
MUST_CHECK Error *on_fresh_stack(Lang *lang, StackFn fn, void *argument);
MUST_CHECK Error *charge_step(Lang *lang, const AstNode *node);
// All of it, to the bottom. Fields that are not exported are left alone when exported_only.
MUST_CHECK Error *force_deep(Lang *lang, Value *value, bool exported_only);
MUST_CHECK Error *values_equal(Lang *lang, Value *a, Value *b, bool *out);
// What string interpolation inserts.
MUST_CHECK Error *value_to_text(Lang *lang, const Value *value, const AstNode *site, Str *out);
const char *value_kind_name(const Value *value); // "a record"
Symbol value_typeof(const Lang *lang, const Value *value);

// ---- record.c ----

MUST_CHECK Error *eval_record(Lang *lang, const AstNode *node, Frame *frame, Value **out);
Field *record_find(const Record *record, Symbol name);
// There, and defined or required: what has_field sees.
Field *record_visible(const Record *record, Symbol name);
static inline bool field_is_absent(const Field *field) {
    return !field->raw && (field->flags & FIELD_OPTIONAL);
}
// The field's value with its contracts, as a thunk or value; never NULL: without a value, one that fails when forced.
Value *field_value(Lang *lang, Record *record, Field *field);
// The field's value, forced; errors for missing fields and missing definitions. site may be NULL.
MUST_CHECK Error *record_get(Lang *lang, const Value *value, Symbol name, const AstNode *site, Value **out);
// The evaluation of a THUNK_FIELD.
MUST_CHECK Error *force_field(Lang *lang, Record *record, Symbol name, Value **out);
// A copy whose fields are independent of each other, contracts applied (lazily); room for `extra` more fields at the
// end (not counted); call record_sort after adding.
Record *record_freeze(Lang *lang, Record *record, uint32_t extra);
void record_sort(Record *record);
void record_add(Record *record, Symbol name, Value *value);
// Fields that are there, sorted by name; count in *count_out.
Field **record_sorted(Lang *lang, const Record *record, bool with_absent, uint32_t *count_out);
// A record of names and values.
Value *record_make(Lang *lang, const Symbol *names, Value *const *values, uint32_t count, const AstNode *origin);
MUST_CHECK Error *missing_field(Lang *lang, const Record *record, Symbol name, const AstNode *site);
MUST_CHECK Error *tail_access(Lang *lang, const Record *record, const char *action, const AstNode *site);
bool contract_is_kept(const Contract *contract, const Value *value); // without a doubt, and without evaluating

// ---- merge.c ----

// a & b, both forced. label NULL: a standard merge; else the contract record b is applied to a, and *failure says
// whether it was kept.
MUST_CHECK Error *merge_values(Lang *lang, Value *a, Value *b, Label *label, Failure *failure, const AstNode *site,
                               Value **out);

// For { _ | T }: the same record, every field under one more contract.
MUST_CHECK Error *merge_add_contract(Lang *lang, Value *value, Contract *contract, Label *label, const AstNode *node,
                                     Value **out);

// ---- contract.c ----

Contract *contract_new(Lang *lang, const AstNode *node, Frame *frame);
Contract *contract_of_value(Lang *lang, Value *value);
// The immediate part of a contract: *out is the value under it (perhaps a thunk), or failure->failed.
MUST_CHECK Error *contract_check(Lang *lang, Value *contract, Label *label, Value *value, Value **out,
                                 Failure *failure);
// The same, but a contract that is not kept is an error. *out is forced.
MUST_CHECK Error *contract_apply(Lang *lang, Contract *contract, Label *label, Value *value, Value **out);
// contract_apply, later. Values that obviously keep it are returned as they are.
Value *contract_delay(Lang *lang, Contract *contract, Label *label, Value *value);
MUST_CHECK Error *contract_force(Lang *lang, Contract *contract); // sets contract->value
MUST_CHECK Error *eval_annotated(Lang *lang, const AstNode *node, Frame *frame, Value **out);
MUST_CHECK Error *apply_arrow(Lang *lang, const Value *function, Value *arg, const AstNode *site, Value **out);
// The value that 'Ok or 'Error stands for; anything else is an error.
MUST_CHECK Error *verdict(Lang *lang, Value *value, Label *label, const AstNode *site, Value **out, Failure *failure);

// ---- label.c ----

Label *label_new(Lang *lang, const AstNode *contract, const AstNode *site, Value *value);
Label *label_step(Lang *lang, const Label *parent, LabelStep step, Symbol symbol);
Label *label_dup(Lang *lang, const Label *label);
// The error for a broken contract.
MUST_CHECK Error *blame(Lang *lang, const Label *label, const Failure *failure);
// The 'Error {message, notes, blame_location} of a failure.
Value *failure_value(Lang *lang, const Failure *failure, Label *label);
Value *value_label(Lang *lang, Label *label);

// ---- messages ----

SourceSpan node_span(const Lang *lang, const AstNode *node); // NULL is fine: a span of line 0
Error *eval_error(Lang *lang, const AstNode *node, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));
Error *sealed_error(Lang *lang, const Value *value, const AstNode *site) __attribute__((returns_nonnull));
// "file:line:column", for a second place in a text.
Str place_text(Lang *lang, const AstNode *node);
// A short form of a value for a message: `3`, `"text"`, `{ a, b }`.
Str value_brief(Lang *lang, const Value *value);
Str name_text(const Lang *lang, Symbol symbol);
// The name of the field (or let) whose value the node is, if its text has that name in it; else STR_NULL.
Str field_that_names_itself(Lang *lang, const AstNode *node);
// As it must be written in a path: quoted unless it is an identifier.
void add_field_name(Str name, Buf *out);

// ---- pattern.c ----

// Matches, and binds the names into the frame's slots. Forces only what the pattern looks at.
MUST_CHECK Error *pattern_match(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame, bool *matched_out);
MUST_CHECK Error *pattern_bind(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame);
MUST_CHECK Error *eval_match(Lang *lang, const AstNode *node, Frame *outer, Value *arg, const AstNode **body_out,
                             Frame **frame_out);

// ---- import.c ----

// The shared value of the file that an import node names.
MUST_CHECK Error *import_value(Lang *lang, const AstNode *node, Value **out);
MUST_CHECK Error *import_path(Lang *lang, Str path, const AstNode *site, uint8_t format, Value **out);
MUST_CHECK Error *import_text(Lang *lang, Str path, Str text, Value **out);
MUST_CHECK Error *force_file(Lang *lang, uint32_t index, Value **out);

// ---- builtins ----

void builtins_init(Lang *lang); // defines std
// The native behind %name%; NULL when there is none.
const Native *builtin_primop(Str name);
MUST_CHECK Error *run_native(Lang *lang, const Native *native, Value **args, const AstNode *site, Value **out);
void regex_release(Lang *lang);

#endif
