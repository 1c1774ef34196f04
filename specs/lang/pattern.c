// Patterns: force only what they look at, bind by writing into the slots that scope.c gave their names.
#include "specs/lang/eval.h"

typedef struct MatchCall {
    Lang *lang;
    const AstPattern *pattern;
    Value *value;
    Frame *frame;
    bool *matched;
} MatchCall;

static Error *match_on_segment(void *argument) {
    MatchCall *call = argument;
    return pattern_match(call->lang, call->pattern, call->value, call->frame, call->matched);
}

static Error *match_constant(Lang *lang, const AstPattern *pattern, Value *value, bool *matched) {
    const Value *constant = pattern->constant->value;
    TRY(force(lang, value));
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, pattern->constant);
    *matched = false;
    if (value->kind != constant->kind)
        return NULL;
    switch (value->kind) {
    case VALUE_BOOL:
        *matched = value->boolean == constant->boolean;
        break;
    case VALUE_NUMBER:
        *matched = number_equal(value->number, constant->number);
        break;
    case VALUE_STRING:
        *matched = str_eq(value->string, constant->string);
        break;
    default:
        *matched = true; // null
    }
    return NULL;
}

static Error *match_enum(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame, bool *matched) {
    TRY(force(lang, value));
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, value->origin);
    *matched = value->kind == VALUE_ENUM && value->symbol == pattern->symbol && !value->argument == !pattern->child;
    if (*matched && pattern->child)
        return pattern_match(lang, pattern->child, value->argument, frame, matched);
    return NULL;
}

static Error *rest_of_record(Lang *lang, const AstPattern *pattern, Record *record, Frame *frame) {
    Record *rest = record_freeze(lang, record, 0);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < rest->count; i++) {
        bool named = false;
        for (uint32_t k = 0; k < pattern->count && !named; k++)
            named = pattern->fields[k].name == rest->fields[i].name;
        if (!named)
            rest->fields[kept++] = rest->fields[i];
    }
    rest->count = kept;
    frame->slots[pattern->rest_slot] = value_record(lang, rest, NULL);
    return NULL;
}

// The default of a field that the record declares without a value is held to the field's own contracts.
static Value *default_part(Lang *lang, const Field *field, Value *value) {
    for (uint32_t i = 0; field && i < field->pending_count; i++) {
        Label *label = label_step(lang, field->pending[i].parent, STEP_FIELD, field->name);
        label->contract = field->pending[i].node;
        label->value = value;
        value = contract_delay(lang, field->pending[i].contract, label, value);
    }
    return value;
}

static Error *match_field(Lang *lang, const AstFieldPattern *pattern, const Value *value, Frame *frame, bool *matched) {
    Record *record = value->record;
    Field *field = record_find(record, pattern->name);
    Value *part = NULL;
    if (field && field->raw)
        part = field_value(lang, record, field);
    else if (pattern->default_value)
        part = default_part(lang, field, delay(lang, pattern->default_value, frame));
    if (!part) {
        *matched = false;
        return NULL;
    }
    for (uint32_t i = 0; i < pattern->annotation_count; i++) {
        const AstNode *type = pattern->annotations[i].type;
        Label *label = label_new(lang, type, part->origin, part);
        part = contract_delay(lang, contract_new(lang, type, frame), label, part);
    }
    return pattern_match(lang, pattern->pattern, part, frame, matched);
}

static Error *match_record(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame, bool *matched) {
    TRY(force(lang, value));
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, value->origin);
    *matched = value->kind == VALUE_RECORD;
    if (!*matched)
        return NULL;
    Record *record = value->record;
    if (record->tail && pattern->rest == PATTERN_REST)
        return tail_access(lang, record, "take apart", value->origin);
    for (uint32_t i = 0; i < pattern->count && *matched; i++)
        TRY(match_field(lang, &pattern->fields[i], value, frame, matched));
    if (!*matched)
        return NULL;
    if (pattern->rest == PATTERN_REST)
        return rest_of_record(lang, pattern, record, frame);
    if (pattern->rest == PATTERN_OPEN)
        return NULL;
    for (uint32_t i = 0; i < record->count && *matched; i++) {
        bool named = field_is_absent(&record->fields[i]);
        for (uint32_t k = 0; k < pattern->count && !named; k++)
            named = pattern->fields[k].name == record->fields[i].name;
        *matched = named;
    }
    return NULL;
}

static Error *match_array(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame, bool *matched) {
    TRY(force(lang, value));
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, value->origin);
    *matched = value->kind == VALUE_ARRAY && (pattern->rest == PATTERN_CLOSED ? value->array.count == pattern->count
                                                                              : value->array.count >= pattern->count);
    for (uint32_t i = 0; i < pattern->count && *matched; i++)
        TRY(pattern_match(lang, pattern->items[i], value->array.items[i], frame, matched));
    if (*matched && pattern->rest == PATTERN_REST)
        frame->slots[pattern->rest_slot] =
            value_array(lang, value->array.items + pattern->count, value->array.count - pattern->count, value->origin);
    return NULL;
}

static Error *match_or(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame, bool *matched) {
    *matched = false;
    for (uint32_t i = 0; i < pattern->count && !*matched; i++)
        TRY(pattern_match(lang, pattern->items[i], value, frame, matched));
    return NULL;
}

Error *pattern_match(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame, bool *matched_out) {
    if (stack_is_low(&lang->stack)) {
        MatchCall call = {lang, pattern, value, frame, matched_out};
        return on_fresh_stack(lang, match_on_segment, &call);
    }
    if (pattern->alias != SYMBOL_NONE)
        frame->slots[pattern->alias_slot] = value;
    *matched_out = true;
    switch (pattern->kind) {
    case PATTERN_VAR:
        frame->slots[pattern->slot] = value;
        return NULL;
    case PATTERN_CONSTANT:
        return match_constant(lang, pattern, value, matched_out);
    case PATTERN_ENUM:
        return match_enum(lang, pattern, value, frame, matched_out);
    case PATTERN_RECORD:
        return match_record(lang, pattern, value, frame, matched_out);
    case PATTERN_ARRAY:
        return match_array(lang, pattern, value, frame, matched_out);
    case PATTERN_OR:
        return match_or(lang, pattern, value, frame, matched_out);
    default:
        return NULL; // PATTERN_ANY
    }
}

// What a record pattern does not find, for the message.
static Error *explain(Lang *lang, const AstPattern *pattern, const Value *value, Error *error) {
    if (pattern->kind != PATTERN_RECORD || value->kind != VALUE_RECORD)
        return error;
    for (uint32_t i = 0; i < pattern->count; i++) {
        const AstFieldPattern *field = &pattern->fields[i];
        const Field *found = record_find(value->record, field->name);
        if (found ? !found->raw && !field->default_value : !field->default_value)
            return error_hint(error, "the record has no field `%.*s`", STR_ARG(name_text(lang, field->name)));
    }
    for (uint32_t i = 0; i < value->record->count && pattern->rest == PATTERN_CLOSED; i++) {
        bool named = false;
        for (uint32_t k = 0; k < pattern->count && !named; k++)
            named = pattern->fields[k].name == value->record->fields[i].name;
        if (!named)
            return error_hint(error, "the pattern does not admit the field `%.*s`; end it with `..` to ignore others",
                              STR_ARG(name_text(lang, value->record->fields[i].name)));
    }
    return error;
}

Error *pattern_bind(Lang *lang, const AstPattern *pattern, Value *value, Frame *frame) {
    bool matched = false;
    TRY(pattern_match(lang, pattern, value, frame, &matched));
    if (matched)
        return NULL;
    AstNode at = {.file = pattern->file, .start = pattern->start, .end = pattern->end};
    Str brief = value_brief(lang, value);
    Error *error = eval_error(lang, &at, "destructuring failed: this pattern does not match %s (%.*s)",
                              value_kind_name(value), STR_ARG(brief));
    return explain(lang, pattern, value, error);
}

static Error *no_branch(Lang *lang, const AstNode *node, Value *arg) {
    Str brief = value_brief(lang, arg);
    const AstNode *site = arg->origin ? arg->origin : node;
    Error *error = eval_error(lang, site, "unmatched pattern: no branch of the match takes %s (%.*s)",
                              value_kind_name(arg), STR_ARG(brief));
    Str place = place_text(lang, node);
    return error_hint(error, "the match is at %.*s", STR_ARG(place));
}

Error *eval_match(Lang *lang, const AstNode *node, Frame *outer, Value *arg, const AstNode **body_out,
                  Frame **frame_out) {
    const AstMatch *match = node->match;
    Frame *frame = frame_new(lang, outer, match->frame_size);
    for (uint32_t i = 0; i < match->count; i++) {
        const AstBranch *branch = &match->branches[i];
        bool matched = false;
        TRY(pattern_match(lang, branch->pattern, arg, frame, &matched));
        if (!matched)
            continue;
        if (branch->guard) {
            Value *guard = NULL;
            TRY(eval(lang, branch->guard, frame, &guard));
            if (guard->kind != VALUE_BOOL)
                return eval_error(lang, branch->guard, "the guard of a branch must be a Bool, this is %s",
                                  value_kind_name(guard));
            if (!guard->boolean)
                continue;
        }
        *body_out = branch->body;
        *frame_out = frame;
        return NULL;
    }
    TRY(force(lang, arg));
    if (arg->kind == VALUE_SEALED)
        return sealed_error(lang, arg, node);
    return no_branch(lang, node, arg);
}
