// `minimal doctor`: what this host gives for sandboxes, one line each, and what to do about what is missing. It tries
// instead of guessing: the last line is a real box.
#include "base/json.h"
#include "cmd/cmd.h"
#include "sandbox/sandbox.h"

static void print_json(const SandboxCheck *checks, size_t count) {
    AUTO_BUF Buf text;
    JsonWriter json;
    buf_init(&text, BUF_NO_LIMIT);
    json_begin(&json, &text, false);
    json_open_object(&json);
    json_key(&json, "schema");
    json_cstring(&json, "minimal.doctor.1");
    json_key(&json, "checks");
    json_open_array(&json);
    for (size_t i = 0; i < count; i++) {
        json_open_object(&json);
        json_key(&json, "name");
        json_cstring(&json, checks[i].name);
        json_key(&json, "works");
        json_bool(&json, checks[i].works);
        json_key(&json, "needed");
        json_bool(&json, checks[i].needed);
        json_key(&json, "detail");
        json_string(&json, checks[i].detail);
        if (checks[i].hint.len) {
            json_key(&json, "hint");
            json_string(&json, checks[i].hint);
        }
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
    puts(buf_cstr(&text));
}

static void print_text(const SandboxCheck *checks, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const SandboxCheck *check = &checks[i];
        printf("%-7s %s: %.*s\n", check->works ? "ok" : check->needed ? "MISSING" : "without", check->name,
               STR_ARG(check->detail));
        if (check->hint.len)
            printf("        %.*s\n", STR_ARG(check->hint));
    }
}

Error *cmd_doctor(Globals *globals, int argc, char **argv, int *exit_out) {
    TRY(cmd_options(globals, NULL, 0, false, &argc, argv));
    if (argc > 1)
        return error_new(ERROR_USAGE, "doctor takes no words, and got '%s'", argv[1]);
    SandboxCheck checks[SANDBOX_CHECKS_MAX];
    size_t count = sandbox_check_host(globals->arena, checks);
    bool whole = true;
    for (size_t i = 0; i < count; i++)
        whole &= checks[i].works || !checks[i].needed;
    if (globals->json)
        print_json(checks, count);
    else
        print_text(checks, count);
    *exit_out = whole ? EXIT_OK : EXIT_SANDBOX;
    return NULL;
}
