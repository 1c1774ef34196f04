// What a package says about itself beside its files: commands, outputs, needs, attributes.
#include "specs/decode_private.h"
#include "specs/words.h"

enum { COST_MAX = 1024 };

static Error *take_command(Decoder *decoder, Value *value, Where at, Command *out) {
    Arena *arena = decoder->builder->arena;
    if (lang_type(value) == LANG_STRING) {
        Str text;
        TRY(decode_string_value(decoder, value, at, &text));
        Error *error = words_split(arena, text, &out->argv);
        return error ? error_at(decode_wrap(decoder, error), decode_place(decoder, at)) : NULL;
    }
    if (lang_type(value) != LANG_ARRAY)
        return decode_error(decoder, ERROR_INVALID, at, "must be a string or an array of strings, not %s",
                            lang_type_name(value));
    size_t count = lang_array_count(value);
    Str *words = ARENA_ARRAY(arena, Str, count);
    for (size_t i = 0; i < count; i++) {
        Value *word;
        decode_enter_item(decoder, i);
        DECODE_TRY(decoder, lang_array_item(decoder->lang, value, i, &word));
        TRY(decode_string_value(decoder, word, at, &words[i]));
        decode_leave(decoder);
    }
    out->argv = (StrSlice){words, count};
    return NULL;
}

static Error *check_command(Decoder *decoder, const Command *command, Where at) {
    if (command->argv.count == 0 || command->argv.items[0].len == 0)
        return decode_error(decoder, ERROR_INVALID, at, "the command is empty");
    return NULL;
}

static Error *take_cmds(Decoder *decoder, Value *record, Commands *out) {
    ItemReader reader;
    TRY(decode_items(decoder, record, "cmds", &reader));
    Command *items = ARENA_ARRAY(decoder->builder->arena, Command, reader.count);
    decode_enter(decoder, STR("cmds"));
    while (reader.at < reader.count) {
        Value *item;
        Where at;
        Command *command = &items[reader.at];
        TRY(decode_next(decoder, &reader, &item, &at));
        TRY(take_command(decoder, item, at, command));
        TRY(check_command(decoder, command, at));
        decode_leave(decoder);
    }
    decode_leave(decoder);
    *out = (Commands){items, reader.count};
    return NULL;
}

// `cmd = ""` says that there is nothing to run, and is the same as no command.
static Error *take_cmd(Decoder *decoder, Value *value, Where at, Commands *out) {
    decode_enter(decoder, STR("cmd"));
    Command *command = ARENA_NEW(decoder->builder->arena, Command);
    TRY(take_command(decoder, value, at, command));
    bool nothing = lang_type(value) == LANG_STRING && command->argv.count == 0;
    if (!nothing)
        TRY(check_command(decoder, command, at));
    decode_leave(decoder);
    *out = (Commands){command, nothing ? 0 : 1};
    return NULL;
}

Error *decode_commands(Decoder *decoder, Value *record, Commands *out) {
    Value *one, *several;
    *out = (Commands){0};
    TRY(decode_field(decoder, record, "cmd", &one));
    TRY(decode_field(decoder, record, "cmds", &several));
    if (one && several)
        return decode_error(decoder, ERROR_INVALID, where_field(record, "cmds"),
                            "has both `cmd` and `cmds`: say the commands once");
    if (one)
        return take_cmd(decoder, one, where_field(record, "cmd"), out);
    return several ? take_cmds(decoder, record, out) : NULL;
}

// The forced record at a field with its sorted names; *out NULL when the field is absent.
static Error *take_record(Decoder *decoder, Value *record, const char *field, Value **out, StrSlice *names_out) {
    *names_out = (StrSlice){0};
    TRY(decode_field(decoder, record, field, out));
    if (!*out)
        return NULL;
    decode_enter(decoder, str_from(field));
    TRY(decode_expect(decoder, *out, LANG_RECORD, where_field(record, field)));
    DECODE_TRY(decoder, lang_record_names(decoder->lang, *out, names_out));
    decode_leave(decoder);
    return NULL;
}

Error *decode_build_args(Decoder *decoder, Value *record, NamedValues *out) {
    Value *args;
    StrSlice names;
    TRY(take_record(decoder, record, "build_args", &args, &names));
    NamedValue *items = ARENA_ARRAY(decoder->builder->arena, NamedValue, names.count);
    size_t count = 0;
    decode_enter(decoder, STR("build_args"));
    for (size_t i = 0; i < names.count; i++) {
        Value *value;
        Where at = where_named(args, names.items[i]);
        decode_enter(decoder, names.items[i]);
        DECODE_TRY(decoder, lang_record_field(decoder->lang, args, names.items[i], &value));
        if (value) {
            items[count].name = arena_str(decoder->builder->arena, names.items[i]);
            TRY(decode_string_value(decoder, value, at, &items[count++].value));
        }
        decode_leave(decoder);
    }
    decode_leave(decoder);
    *out = (NamedValues){items, count};
    return NULL;
}

static Error *check_glob(Decoder *decoder, Str glob, Where at) {
    if (glob.len == 0)
        return decode_error(decoder, ERROR_INVALID, at, "the glob is empty");
    if (glob.ptr[0] == '/')
        return decode_error(decoder, ERROR_INVALID, at,
                            "globs are relative to the output directory: '%.*s' matches nothing", STR_ARG(glob));
    Str rest = glob, part;
    while (str_cut(&rest, '/', &part))
        if (str_is(part, ".."))
            return decode_error(decoder, ERROR_INVALID, at, "the glob '%.*s' leaves the output directory",
                                STR_ARG(glob));
    return NULL;
}

static Error *take_output(Decoder *decoder, Value *value, Where at, Output *out) {
    static const struct {
        const char *kind, *flag, *what;
        OutputType type;
    } types[] = {{"OutputBin", "allow_missing_interpreter", "an OutputBin", OUTPUT_BIN},
                 {"OutputLib", "allow_data", "an OutputLib", OUTPUT_LIB},
                 {"OutputData", "allow_executable", "an OutputData", OUTPUT_DATA}};
    static const char expected[] = "an OutputBin, an OutputLib or an OutputData";
    Str kind;
    TRY(decode_kind(decoder, value, at, expected, &kind));
    size_t type = 0;
    while (type < ARRAY_LEN(types) && !str_is(kind, types[type].kind))
        type++;
    if (type == ARRAY_LEN(types))
        return decode_error(decoder, ERROR_INVALID, at, "must be %s, not a %.*s", expected, STR_ARG(kind));
    const char *fields[] = {"ty", "glob", types[type].flag};
    TRY(decode_only(decoder, value, fields, ARRAY_LEN(fields), types[type].what));
    out->type = types[type].type;
    out->span = decode_span(decoder, at);
    bool has_glob;
    TRY(decode_string(decoder, value, "glob", &has_glob, &out->glob));
    if (!has_glob)
        return decode_error(decoder, ERROR_INVALID, at, "needs a `glob`");
    decode_enter(decoder, STR("glob"));
    TRY(check_glob(decoder, out->glob, where_field(value, "glob")));
    decode_leave(decoder);
    bool *const flags[] = {&out->allow_missing_interpreter, &out->allow_data, &out->allow_executable};
    return decode_bool(decoder, value, types[type].flag, flags[type]);
}

// Output names stand on command lines (PKG:OUTPUT,OUTPUT) and in file names.
static bool is_output_name(Str name) {
    if (name.len == 0 || name.len > 128 || name.ptr[0] == '.' || name.ptr[0] == '-')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
              c == '.' || c == '+'))
            return false;
    }
    return true;
}

Error *decode_outputs(Decoder *decoder, Value *record, Package *package) {
    Value *outputs;
    StrSlice names;
    TRY(take_record(decoder, record, "outputs", &outputs, &names));
    Output *items = ARENA_ARRAY(decoder->builder->arena, Output, names.count);
    size_t count = 0;
    decode_enter(decoder, STR("outputs"));
    for (size_t i = 0; i < names.count; i++) {
        Value *value;
        Where at = where_named(outputs, names.items[i]);
        decode_enter(decoder, names.items[i]);
        if (!is_output_name(names.items[i]))
            return decode_error(decoder, ERROR_INVALID, at,
                                "an output's name is made of letters, digits, '_', '-', '.' and '+'");
        DECODE_TRY(decoder, lang_record_field(decoder->lang, outputs, names.items[i], &value));
        if (value) {
            items[count].name = arena_str(decoder->builder->arena, names.items[i]);
            items[count].glob = STR("");
            TRY(take_output(decoder, value, at, &items[count++]));
        }
        decode_leave(decoder);
    }
    decode_leave(decoder);
    package->outputs = items;
    package->output_count = count;
    return NULL;
}

static bool is_port(Str text) {
    uint64_t port;
    return str_parse_u64(text, &port) && port >= 1 && port <= 65535;
}

// "dns", "tcp:HOST:PORT", "udp:HOST:PORT", "https:HOST" or "https:HOST:PORT". A HOST is a name, "*." and a name, an
// IPv4 address, or an IPv6 address in brackets.
static bool is_allow_rule(Str rule) {
    if (str_is(rule, "dns"))
        return true;
    Str scheme, rest = rule;
    if (!str_cut(&rest, ':', &scheme) || rest.len == 0)
        return false;
    bool is_https = str_is(scheme, "https");
    if (!is_https && !str_is(scheme, "tcp") && !str_is(scheme, "udp"))
        return false;
    ptrdiff_t bracket = rest.ptr[0] == '[' ? str_find_byte(rest, ']') : 0;
    if (bracket < 0)
        return false;
    Str tail = str_slice(rest, (size_t)bracket, rest.len);
    ptrdiff_t colon = str_find_byte(tail, ':');
    Str host = colon < 0 ? rest : str_slice(rest, 0, (size_t)(bracket + colon));
    if (host.len == 0 || (colon < 0 && !is_https))
        return false;
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.ptr[i] <= ' ' || host.ptr[i] == '/')
            return false;
    return colon < 0 || is_port(str_slice(tail, (size_t)colon + 1, tail.len));
}

static Error *take_network(Decoder *decoder, Value *record, Needs *out) {
    Value *network;
    StrSlice names;
    TRY(take_record(decoder, record, "network", &network, &names));
    if (!network)
        return NULL;
    static const char *const fields[] = {"allow"};
    decode_enter(decoder, STR("network"));
    TRY(decode_only(decoder, network, fields, ARRAY_LEN(fields), "`network`"));
    TRY(decode_strings(decoder, network, "allow", &out->allow));
    for (size_t i = 0; i < out->allow.count; i++)
        if (!is_allow_rule(out->allow.items[i]))
            return error_hint(decode_error(decoder, ERROR_INVALID, where_field(network, "allow"), "'%.*s' is no rule",
                                           STR_ARG(out->allow.items[i])),
                              "rules are dns, https:HOST, tcp:HOST:PORT and udp:HOST:PORT");
    decode_leave(decoder);
    return NULL;
}

Error *decode_needs(Decoder *decoder, Value *record, Needs *out) {
    Value *needs;
    StrSlice names;
    *out = (Needs){0};
    TRY(take_record(decoder, record, "needs", &needs, &names));
    decode_enter(decoder, STR("needs"));
    for (size_t i = 0; i < names.count; i++) {
        Value *value;
        DECODE_TRY(decoder, lang_record_field(decoder->lang, needs, names.items[i], &value));
        if (str_is(names.items[i], "internet"))
            out->internet = value != NULL;
        else if (str_is(names.items[i], "dns"))
            out->dns = value != NULL;
        else
            return error_hint(decode_error(decoder, ERROR_INVALID, where_named(needs, names.items[i]),
                                           "`%.*s` is not a valid need", STR_ARG(names.items[i])),
                              "the needs are dns and internet");
    }
    decode_leave(decoder);
    return take_network(decoder, record, out);
}

// What the program itself acts on.
static Error *note_attr(Decoder *decoder, Package *package, Str name, Value *value, Where at) {
    if (str_is(name, "upstream_version"))
        return decode_string_value(decoder, value, at, &package->version);
    if (str_is(name, "needed_for_internet"))
        package->needed_for_internet = true;
    if (str_is(name, "redistributable")) {
        TRY(decode_expect(decoder, value, LANG_BOOL, at));
        package->not_redistributable = !lang_get_bool(value);
    }
    if (str_is(name, "build_cost_multiple")) {
        TRY(decode_expect(decoder, value, LANG_NUMBER, at));
        double cost = lang_get_number(value);
        if (!(cost > 0 && cost <= COST_MAX))
            return decode_error(decoder, ERROR_INVALID, at, "must be above 0 and at most %d", COST_MAX);
        package->cost = cost < 1 ? 1 : (uint32_t)cost;
    }
    return NULL;
}

Error *decode_attrs(Decoder *decoder, Value *record, Package *package) {
    Value *attrs;
    StrSlice names;
    TRY(take_record(decoder, record, "attrs", &attrs, &names));
    Attr *items = ARENA_ARRAY(decoder->builder->arena, Attr, names.count);
    size_t count = 0;
    AUTO_BUF Buf json;
    buf_init(&json, BUF_NO_LIMIT);
    decode_enter(decoder, STR("attrs"));
    for (size_t i = 0; i < names.count; i++) {
        Value *value;
        Where at = where_named(attrs, names.items[i]);
        decode_enter(decoder, names.items[i]);
        DECODE_TRY(decoder, lang_record_field(decoder->lang, attrs, names.items[i], &value));
        if (value) {
            buf_clear(&json);
            TRY(note_attr(decoder, package, names.items[i], value, at));
            TRY(decode_json(decoder, value, at, &json));
            items[count++] = (Attr){arena_str(decoder->builder->arena, names.items[i]),
                                    arena_str(decoder->builder->arena, buf_str(&json))};
        }
        decode_leave(decoder);
    }
    decode_leave(decoder);
    package->attrs = items;
    package->attr_count = count;
    return NULL;
}
