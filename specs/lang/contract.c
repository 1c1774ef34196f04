// Contracts: builtin types natively, records as merges, functions as user code. Each has an immediate part, which looks
// at the outermost constructor and can be caught (contract_check), and a delayed part: contracts put on elements,
// fields and arguments, which blame when those are read.
#include "specs/lang/eval.h"

// ---- contracts as written ----

Contract *contract_new(Lang *lang, const AstNode *node, Frame *frame) {
    Contract *contract = ARENA_NEW(lang->arena, Contract);
    contract->node = node;
    contract->frame = frame;
    contract->value = node->value;
    if (!contract->value && node->kind == AST_VAR) {
        for (uint32_t i = node->var.depth; i > 0; i--)
            frame = frame->parent;
        contract->value = frame->slots[node->var.slot];
    }
    return contract;
}

Contract *contract_of_value(Lang *lang, Value *value) {
    Contract *contract = ARENA_NEW(lang->arena, Contract);
    contract->value = value;
    return contract;
}

Error *contract_force(Lang *lang, Contract *contract) {
    if (contract->value)
        return force(lang, contract->value);
    return eval(lang, contract->node, contract->frame, &contract->value);
}

static bool is_dyn(const Contract *contract) {
    const Value *value = contract->value;
    return value && value->kind == VALUE_TYPE &&
           (value->origin->kind == AST_TYPE_DYN || value->origin->kind == AST_TYPE_WILDCARD);
}

static const AstRow *find_row(const AstRows *rows, Symbol name) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->rows[i].name == name)
            return &rows->rows[i];
    return NULL;
}

// The row for a bare tag, or for one with an argument.
static const AstRow *find_variant(const AstRows *rows, const Value *value) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->rows[i].name == value->symbol && !rows->rows[i].type == !value->argument)
            return &rows->rows[i];
    return NULL;
}

bool contract_is_kept(const Contract *contract, const Value *value) {
    const Value *type = contract->value;
    if (!type || type->kind != VALUE_TYPE)
        return false;
    switch (type->origin->kind) {
    case AST_TYPE_DYN:
    case AST_TYPE_WILDCARD:
        return true;
    case AST_TYPE_NUMBER:
        return value->kind == VALUE_NUMBER;
    case AST_TYPE_BOOL:
        return value->kind == VALUE_BOOL;
    case AST_TYPE_STRING:
        return value->kind == VALUE_STRING;
    case AST_TYPE_ENUM:
        return value->kind == VALUE_ENUM && !value->argument && find_variant(type->origin->rows, value);
    default:
        return false;
    }
}

Value *contract_delay(Lang *lang, Contract *contract, Label *label, Value *value) {
    if (contract_is_kept(contract, value))
        return value;
    Guard *guard = ARENA_NEW(lang->arena, Guard);
    guard->contract = contract;
    guard->label = label;
    Value *thunk = value_new(lang, THUNK_CONTRACT, value->origin);
    thunk->guarded.guard = guard;
    thunk->guarded.value = value;
    return thunk;
}

// ---- failures ----

static Error *fail(Lang *lang, Failure *failure, const char *wanted, const Value *got) {
    failure->failed = true;
    Str brief = value_brief(lang, got);
    failure->message =
        arena_printf(lang->arena, "expected %s, got %s (%.*s)", wanted, value_kind_name(got), STR_ARG(brief));
    return NULL;
}

static Error *fail_text(Failure *failure, Str message) {
    failure->failed = true;
    failure->message = message;
    return NULL;
}

// Forced, and not sealed: what every contract that looks at a value needs.
static Error *look(Lang *lang, Value *value, const Label *label) {
    TRY(force(lang, value));
    return value->kind == VALUE_SEALED ? sealed_error(lang, value, label->site) : NULL;
}

// ---- builtin types ----

static Contract *part(Lang *lang, Value *type, uint32_t index, uint32_t count, const AstNode *node) {
    if (!type->type.parts)
        type->type.parts = ARENA_ARRAY(lang->arena, Contract *, count);
    Contract **slot = &type->type.parts[index];
    if (!*slot)
        *slot = contract_new(lang, node, type->type.frame);
    return *slot;
}

static Error *check_basic(Lang *lang, ValueKind kind, const char *wanted, const Label *label, Value *value, Value **out,
                          Failure *failure) {
    TRY(look(lang, value, label));
    *out = value;
    return value->kind == kind ? NULL : fail(lang, failure, wanted, value);
}

static Error *check_array(Lang *lang, Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    TRY(look(lang, value, label));
    *out = value;
    if (value->kind != VALUE_ARRAY)
        return fail(lang, failure, "an Array", value);
    if (!type->origin->child)
        return NULL;
    Contract *item = part(lang, type, 0, 1, type->origin->child);
    size_t count = value->array.count, i = 0;
    while (i < count && contract_is_kept(item, value->array.items[i]))
        i++;
    if (i == count || is_dyn(item))
        return NULL;
    TRY(lang_reserve(lang, count, sizeof(Value *) + sizeof(Value) + sizeof(Label), type->origin));
    Value **items = ARENA_ARRAY(lang->arena, Value *, count);
    memcpy(items, value->array.items, i * sizeof(Value *));
    for (; i < count; i++) {
        if (contract_is_kept(item, value->array.items[i])) {
            items[i] = value->array.items[i];
            continue;
        }
        Label *step = label_step(lang, label, STEP_ELEMENT, (Symbol)i);
        step->contract = type->origin->child;
        step->value = value->array.items[i];
        items[i] = contract_delay(lang, item, step, value->array.items[i]);
    }
    *out = value_array(lang, items, count, value->origin);
    return NULL;
}

static void guard_field(Lang *lang, Field *field, Contract *contract, const Label *label, LabelStep step,
                        const AstNode *node) {
    if (!field->raw)
        return;
    Label *own = label_step(lang, label, step, field->name);
    own->contract = node;
    own->value = field->raw;
    field->raw = field->final = contract_delay(lang, contract, own, field->raw);
}

static Error *check_dict(Lang *lang, Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    TRY(look(lang, value, label));
    *out = value;
    if (value->kind != VALUE_RECORD)
        return fail(lang, failure, "a record", value);
    const AstNode *node = type->origin->child;
    Contract *item = part(lang, type, 0, 1, node);
    if (value->record->tail)
        return tail_access(lang, value->record, "put contracts on", label->site);
    if (value->record->count == 0 || is_dyn(item))
        return NULL;
    if (type->origin->flags & AST_FLAG_DICT_CONTRACT)
        return merge_add_contract(lang, value, item, label, node, out);
    Record *record = record_freeze(lang, value->record, 0);
    for (uint32_t i = 0; i < record->count; i++)
        guard_field(lang, &record->fields[i], item, label, STEP_DICT, node);
    record->identity = value->record->identity;
    *out = value_record(lang, record, value->origin);
    return NULL;
}

static Error *check_enum(Lang *lang, Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    const AstRows *rows = type->origin->rows;
    TRY(look(lang, value, label));
    *out = value;
    if (value->kind != VALUE_ENUM)
        return fail(lang, failure, "an enum tag", value);
    const AstRow *row = find_variant(rows, value);
    Str tag = name_text(lang, value->symbol);
    if (!row && rows->tail != AST_TAIL_NONE)
        return NULL;
    const AstRow *near = row ? row : find_row(rows, value->symbol);
    if (!near) {
        Str *known = ARENA_ARRAY(lang->arena, Str, rows->count + 1);
        for (uint32_t i = 0; i < rows->count; i++)
            known[i] = name_text(lang, rows->rows[i].name);
        Str nearest = str_nearest(tag, known, rows->count);
        if (nearest.ptr)
            failure->notes = arena_printf(lang->arena, "did you mean `'%.*s`?", STR_ARG(nearest));
        return fail_text(failure, arena_printf(lang->arena, "the tag '%.*s is not in the enum type", STR_ARG(tag)));
    }
    if (!row)
        return fail_text(failure, arena_printf(lang->arena, "the tag '%.*s must have %s argument", STR_ARG(tag),
                                               near->type ? "an" : "no"));
    if (!row->type)
        return NULL;
    Label *step = label_step(lang, label, STEP_VARIANT, value->symbol);
    step->contract = row->type;
    step->value = value->argument;
    Contract *contract = part(lang, type, (uint32_t)(row - rows->rows), rows->count, row->type);
    Value *argument = contract_delay(lang, contract, step, value->argument);
    if (argument != value->argument)
        *out = value_enum(lang, value->symbol, argument, value->origin);
    return NULL;
}

// ---- record types ----

static Error *check_rows(Lang *lang, const AstRows *rows, const Record *record, Failure *failure) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (!record_visible(record, rows->rows[i].name))
            return fail_text(failure, arena_printf(lang->arena, "missing field `%.*s`",
                                                   STR_ARG(name_text(lang, rows->rows[i].name))));
    if (rows->tail != AST_TAIL_NONE)
        return NULL;
    for (uint32_t i = 0; i < record->count; i++)
        if (!find_row(rows, record->fields[i].name) && !field_is_absent(&record->fields[i]))
            return fail_text(failure, arena_printf(lang->arena, "extra field `%.*s`",
                                                   STR_ARG(name_text(lang, record->fields[i].name))));
    return NULL;
}

static Error *key_of(Lang *lang, const AstNode *var, Frame *frame, Value **out) {
    TRY(eval(lang, var, frame, out));
    if ((*out)->kind != VALUE_KEY)
        return eval_error(lang, var, "the tail of a record type must be a type variable");
    return NULL;
}

// Whether the type gives `name` to a record beside the variable: then the variable cannot stand for such a field.
static bool excludes(const AstNode *type, Symbol variable, Symbol name) {
    bool found = false;
    switch (type->kind) {
    case AST_TYPE_ARROW:
        return excludes(type->pair.left, variable, name) || excludes(type->pair.right, variable, name);
    case AST_TYPE_ARRAY:
    case AST_TYPE_DICT:
        return type->child && excludes(type->child, variable, name);
    case AST_TYPE_FORALL:
        for (uint32_t i = 0; i < type->forall->count; i++)
            if (type->forall->variables[i] == variable) // another one of the same name
                return false;
        return excludes(type->forall->body, variable, name);
    case AST_TYPE_RECORD:
        if (type->rows->tail == AST_TAIL_VAR && type->rows->tail_var->symbol == variable && find_row(type->rows, name))
            return true;
        for (uint32_t i = 0; i < type->rows->count && !found; i++)
            found = excludes(type->rows->rows[i].type, variable, name);
        return found;
    default:
        return false;
    }
}

// Hides the fields that the type does not name, so that a polymorphic function cannot look at them.
static void seal_tail(Lang *lang, Record *record, const AstRows *rows, Label *label, uint32_t key) {
    Record *hidden = record_new(lang, record->count);
    uint32_t kept = 0;
    hidden->count = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        if (find_row(rows, record->fields[i].name))
            record->fields[kept++] = record->fields[i];
        else
            hidden->fields[hidden->count++] = record->fields[i];
    }
    record->count = kept;
    Tail *tail = ARENA_NEW(lang->arena, Tail);
    *tail = (Tail){.key = key, .label = label, .hidden = hidden};
    record->tail = tail;
}

static Error *unseal_tail(Lang *lang, Record **record, uint32_t key, const AstRows *rows, Failure *failure) {
    const Tail *tail = (*record)->tail;
    if (!tail || tail->key != key)
        return fail_text(failure, STR("a polymorphic function must return the hidden fields that it was given"));
    for (uint32_t i = 0; i < (*record)->count; i++)
        if (!find_row(rows, (*record)->fields[i].name))
            return fail_text(failure, arena_printf(lang->arena, "extra field `%.*s`",
                                                   STR_ARG(name_text(lang, (*record)->fields[i].name))));
    Record *whole = record_freeze(lang, *record, tail->hidden->count);
    memcpy(whole->fields + whole->count, tail->hidden->fields, tail->hidden->count * sizeof(Field));
    whole->count += tail->hidden->count;
    whole->tail = NULL;
    record_sort(whole);
    *record = whole;
    return NULL;
}

static Error *check_tail(Lang *lang, const Value *type, Label *label, Record **record, Failure *failure) {
    const AstRows *rows = type->origin->rows;
    if (rows->tail == AST_TAIL_NONE && (*record)->tail)
        return fail_text(failure, STR("the record has fields that a polymorphic type hides"));
    if (rows->tail != AST_TAIL_VAR)
        return NULL;
    Value *key = NULL;
    TRY(key_of(lang, rows->tail_var, type->type.frame, &key));
    if (label->negative == key->key.negative)
        return unseal_tail(lang, record, key->key.id, rows, failure);
    if ((*record)->tail)
        return tail_access(lang, *record, "seal again", label->site);
    for (uint32_t i = 0; i < (*record)->count; i++) {
        Symbol name = (*record)->fields[i].name;
        if (!find_row(rows, name) && excludes(key->origin->forall->body, rows->tail_var->symbol, name))
            return fail_text(failure, arena_printf(lang->arena, "the field `%.*s` must not be in the record's tail",
                                                   STR_ARG(name_text(lang, name))));
    }
    seal_tail(lang, *record, rows, label, key->key.id);
    return NULL;
}

static Error *check_record_type(Lang *lang, Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    const AstRows *rows = type->origin->rows;
    TRY(look(lang, value, label));
    *out = value;
    if (value->kind != VALUE_RECORD)
        return fail(lang, failure, "a record", value);
    TRY(check_rows(lang, rows, value->record, failure));
    if (failure->failed)
        return NULL;
    Record *record = record_freeze(lang, value->record, 0);
    TRY(check_tail(lang, type, label, &record, failure));
    if (failure->failed)
        return NULL;
    for (uint32_t i = 0; i < rows->count; i++) {
        const AstRow *row = &rows->rows[i];
        Field *field = record_find(record, row->name);
        Contract *contract = part(lang, type, i, rows->count, row->type);
        guard_field(lang, field, contract, label, STEP_FIELD, row->type);
    }
    record->identity = value->record->identity;
    *out = value_record(lang, record, value->origin);
    return NULL;
}

// ---- functions ----

static bool is_function(const Value *value) {
    return value->kind == VALUE_CLOSURE || value->kind == VALUE_PARTIAL || value->kind == VALUE_NATIVE ||
           value->kind == VALUE_ARROW;
}

static Error *check_arrow(Lang *lang, Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    TRY(look(lang, value, label));
    *out = value;
    if (!is_function(value))
        return fail(lang, failure, "a function", value);
    Contract *domain = part(lang, type, 0, 2, type->origin->pair.left);
    Contract *codomain = part(lang, type, 1, 2, type->origin->pair.right);
    if (is_dyn(domain) && is_dyn(codomain))
        return NULL;
    Arrow *arrow = ARENA_NEW(lang->arena, Arrow);
    *arrow = (Arrow){.domain = domain, .codomain = codomain, .label = label, .function = value};
    *out = value_new(lang, VALUE_ARROW, value->origin);
    (*out)->arrow = arrow;
    return NULL;
}

Error *apply_arrow(Lang *lang, const Value *function, Value *arg, const AstNode *site, Value **out) {
    const Arrow *arrow = function->arrow;
    Label *domain = label_step(lang, arrow->label, STEP_DOMAIN, SYMBOL_NONE);
    domain->negative = !domain->negative;
    domain->contract = arrow->domain->node;
    domain->value = arg;
    if (site)
        domain->site = site;
    Value *guarded = contract_delay(lang, arrow->domain, domain, arg), *result = NULL;
    if (is_dyn(arrow->codomain))
        return apply(lang, arrow->function, guarded, site, out);
    Label *codomain = label_step(lang, arrow->label, STEP_CODOMAIN, SYMBOL_NONE);
    codomain->contract = arrow->codomain->node;
    result = value_apply(lang, arrow->function, guarded);
    result->origin = site;
    codomain->value = result;
    return contract_apply(lang, arrow->codomain, codomain, result, out);
}

// Each application of a forall has sealing keys of its own, in a frame of its own.
static Error *check_forall(Lang *lang, const Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    const AstForall *forall = type->origin->forall;
    Frame *frame = frame_new(lang, type->type.frame, forall->frame_size);
    for (uint32_t i = 0; i < forall->count; i++) {
        Value *key = value_new(lang, VALUE_KEY, type->origin);
        key->key = (Key){.id = lang->next_key++, .negative = label->negative};
        frame->slots[i] = key;
    }
    Value *body = NULL;
    TRY(eval(lang, forall->body, frame, &body));
    return contract_check(lang, body, label, value, out, failure);
}

static Error *check_variable(Lang *lang, const Value *key, Label *label, Value *value, Value **out, Failure *failure) {
    if (label->negative != key->key.negative) {
        Sealed *sealed = ARENA_NEW(lang->arena, Sealed);
        *sealed = (Sealed){.key = key->key.id, .label = label, .value = value};
        *out = value_new(lang, VALUE_SEALED, value->origin);
        (*out)->sealed = sealed;
        return NULL;
    }
    TRY(force(lang, value));
    if (value->kind == VALUE_SEALED && value->sealed->key == key->key.id) {
        *out = value->sealed->value;
        return force(lang, *out);
    }
    return fail_text(failure,
                     STR("a polymorphic function must return a value of its type variable, not one of its own"));
}

static Error *check_type(Lang *lang, Value *type, Label *label, Value *value, Value **out, Failure *failure) {
    switch (type->origin->kind) {
    case AST_TYPE_DYN:
    case AST_TYPE_WILDCARD:
        *out = value;
        return NULL;
    case AST_TYPE_NUMBER:
        return check_basic(lang, VALUE_NUMBER, "a Number", label, value, out, failure);
    case AST_TYPE_BOOL:
        return check_basic(lang, VALUE_BOOL, "a Bool", label, value, out, failure);
    case AST_TYPE_STRING:
        return check_basic(lang, VALUE_STRING, "a String", label, value, out, failure);
    case AST_TYPE_ARRAY:
        return check_array(lang, type, label, value, out, failure);
    case AST_TYPE_DICT:
        return check_dict(lang, type, label, value, out, failure);
    case AST_TYPE_ENUM:
        return check_enum(lang, type, label, value, out, failure);
    case AST_TYPE_RECORD:
        return check_record_type(lang, type, label, value, out, failure);
    case AST_TYPE_ARROW:
        return check_arrow(lang, type, label, value, out, failure);
    case AST_TYPE_FORALL:
        return check_forall(lang, type, label, value, out, failure);
    default:
        BUG("type of kind %u", type->origin->kind);
    }
}

// ---- contracts by value ----

static Error *read_notes(Lang *lang, Value *notes, Failure *failure) {
    AUTO_BUF Buf text;
    buf_init(&text, 64 * 1024);
    if (notes->kind != VALUE_ARRAY)
        return NULL;
    for (size_t i = 0; i < notes->array.count; i++) {
        Value *note = notes->array.items[i];
        TRY(force(lang, note));
        if (note->kind != VALUE_STRING)
            continue;
        if (text.len)
            buf_add_cstr(&text, "; ");
        buf_add_str(&text, note->string);
    }
    if (text.len)
        failure->notes = arena_str(lang->arena, buf_str(&text));
    return NULL;
}

// The parts of 'Error {message?, notes?, blame_location?}.
static Error *read_error(Lang *lang, Value *argument, Label *label, Failure *failure) {
    failure->failed = true;
    if (!argument)
        return NULL;
    TRY(look(lang, argument, label));
    if (argument->kind != VALUE_RECORD)
        return eval_error(lang, argument->origin, "the argument of 'Error must be a record, this is %s",
                          value_kind_name(argument));
    const Record *record = argument->record;
    Value *part_value = NULL;
    if (record_visible(record, lang->sym_message)) {
        TRY(record_get(lang, argument, lang->sym_message, NULL, &part_value));
        if (part_value->kind == VALUE_STRING)
            failure->message = part_value->string;
    }
    if (record_visible(record, lang->sym_notes)) {
        TRY(record_get(lang, argument, lang->sym_notes, NULL, &part_value));
        TRY(read_notes(lang, part_value, failure));
    }
    if (record_visible(record, lang->sym_blame_location)) {
        TRY(record_get(lang, argument, lang->sym_blame_location, NULL, &part_value));
        if (part_value->kind == VALUE_LABEL)
            failure->label = part_value->label;
    }
    return NULL;
}

Error *verdict(Lang *lang, Value *value, Label *label, const AstNode *site, Value **out, Failure *failure) {
    TRY(look(lang, value, label));
    if (value->kind == VALUE_ENUM && value->symbol == lang->sym_Ok && value->argument) {
        *out = value->argument;
        return NULL;
    }
    if (value->kind == VALUE_ENUM && value->symbol == lang->sym_Error)
        return read_error(lang, value->argument, label, failure);
    Str brief = value_brief(lang, value);
    return eval_error(lang, site, "a custom contract must return 'Ok value or 'Error {..}, not %s (%.*s)",
                      value_kind_name(value), STR_ARG(brief));
}

static Error *check_custom(Lang *lang, const Value *contract, Label *label, Value *value, Value **out,
                           Failure *failure) {
    Value *args[] = {value_label(lang, label), value}, *result = NULL;
    TRY(apply_n(lang, contract->argument, args, 2, contract->origin, &result));
    return verdict(lang, result, label, contract->origin, out, failure);
}

static Error *check_record(Lang *lang, Value *contract, Label *label, Value *value, Value **out, Failure *failure) {
    TRY(look(lang, value, label));
    *out = value;
    if (value->kind != VALUE_RECORD)
        return fail(lang, failure, "a record", value);
    return merge_values(lang, value, contract, label, failure, label->contract, out);
}

typedef struct CheckCall {
    Lang *lang;
    Value *contract, *value, **out;
    Label *label;
    Failure *failure;
} CheckCall;

static Error *check_on_segment(void *argument) {
    CheckCall *call = argument;
    return contract_check(call->lang, call->contract, call->label, call->value, call->out, call->failure);
}

Error *contract_check(Lang *lang, Value *contract, Label *label, Value *value, Value **out, Failure *failure) {
    if (stack_is_low(&lang->stack)) {
        CheckCall call = {lang, contract, value, out, label, failure};
        return on_fresh_stack(lang, check_on_segment, &call);
    }
    TRY(force(lang, contract));
    TRY(charge_step(lang, contract->origin));
    if (contract->kind == VALUE_TYPE)
        return check_type(lang, contract, label, value, out, failure);
    if (contract->kind == VALUE_RECORD)
        return check_record(lang, contract, label, value, out, failure);
    if (contract->kind == VALUE_CUSTOM)
        return check_custom(lang, contract, label, value, out, failure);
    if (contract->kind == VALUE_KEY)
        return check_variable(lang, contract, label, value, out, failure);
    if (is_function(contract)) {
        Value *args[] = {value_label(lang, label), value};
        return apply_n(lang, contract, args, 2, contract->origin, out);
    }
    if (contract->kind == VALUE_SEALED)
        return sealed_error(lang, contract, label->contract);
    Str brief = value_brief(lang, contract);
    return eval_error(lang, label->contract, "not a contract: this is %s (%.*s)", value_kind_name(contract),
                      STR_ARG(brief));
}

Error *contract_apply(Lang *lang, Contract *contract, Label *label, Value *value, Value **out) {
    Failure failure = {0};
    TRY(contract_force(lang, contract));
    TRY(contract_check(lang, contract->value, label, value, out, &failure));
    if (failure.failed)
        return blame(lang, label, &failure);
    return force(lang, *out);
}

Error *eval_annotated(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    const AstAnnotated *annotated = node->annotated;
    Value *value = delay(lang, annotated->value, frame);
    for (uint32_t i = 0; i < annotated->count; i++) {
        const AstNode *type = annotated->annotations[i].type;
        Contract *contract = contract_new(lang, type, frame);
        if (contract_is_kept(contract, value))
            continue;
        Label *label = label_new(lang, type, annotated->value, value);
        label->symbol = annotated->name;
        TRY(contract_apply(lang, contract, label, value, &value));
    }
    *out = value;
    return force(lang, value);
}
