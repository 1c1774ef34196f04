// `minimal plan`: what `minimal build` would do with the store as it is, without doing it.
#include "builder/resolve.h"
#include "cmd/cmd.h"
#include "cmd/session.h"

// NULL for a step that a build would not take.
static const char *state_word(const Resolution *resolution, StepIndex step, bool with_present) {
    switch (resolution_step(resolution, step).state) {
    case STEP_READY:
        return "ready";
    case STEP_WAITING:
        return "waiting";
    case STEP_PRESENT:
        return with_present ? "present" : NULL;
    case STEP_UNNEEDED:
        return with_present ? "unneeded" : NULL;
    case STEP_FAILED:
    default:
        BUG("a step failed before anything ran");
    }
}

static void print_plan(const Globals *globals, const Plan *plan, const Resolution *resolution, bool full) {
    const char **states = ARENA_ARRAY(globals->arena, const char *, plan->step_count);
    size_t to_make = 0;
    for (StepIndex i = 0; i < plan->step_count; i++) {
        states[i] = state_word(resolution, i, full || globals->json);
        StepState state = resolution_step(resolution, i).state;
        to_make += state == STEP_READY || state == STEP_WAITING;
    }
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    PlanPrint options = {.with_keys = true, .states = states};
    if (globals->json) {
        plan_print_json(plan, &options, &text);
        buf_add_byte(&text, '\n');
    } else {
        plan_print(plan, &options, &text);
    }
    fwrite(text.ptr, 1, text.len, stdout);
    if (globals->json || globals->quiet)
        return;
    if (to_make == 0)
        fputs("nothing to do\n", stderr);
    else
        fprintf(stderr, "%zu to make\n", to_make);
}

Error *cmd_plan(Globals *globals, int argc, char **argv, int *exit_out) {
    bool rebuild = false, full = false;
    const Option table[] = {{.name = "--rebuild", .flag = &rebuild}, {.name = "--full", .flag = &full}};
    TRY(cmd_options(globals, table, ARRAY_LEN(table), false, &argc, argv));
    if (argc < 2)
        return error_hint(error_new(ERROR_USAGE, "plan needs the names of packages"), "`minimal list` prints them");
    AUTO_SESSION Session session = {0};
    TRY(session_open(globals, &session));
    ClosureRequest *requests = ARENA_ARRAY(globals->arena, ClosureRequest, (size_t)argc);
    size_t count = 0;
    for (int i = 1; i < argc; i++)
        TRY(package_lookup(session.set, str_from(argv[i]), &requests[count++].package));
    ResolveOptions options = {.no_cache = globals->no_cache, .rebuild = rebuild, .tests = true};
    Plan *plan;
    AUTO_RESOLUTION Resolution *resolution = NULL;
    TRY(resolve_request(globals->arena, session.set, requests, count, session.store, &options, &plan, &resolution));
    // All of it: also what is present, and what is needed for nothing now.
    if (full)
        TRY(plan_complete(plan));
    print_plan(globals, plan, resolution, full);
    *exit_out = EXIT_OK;
    return NULL;
}
