// Any text as a program, with small budgets: it is evaluated and exported, or it fails, within them.
#include "specs/lang/lang.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Error *no_files(void *context, Str path, Str *out) {
    (void)context;
    (void)out;
    return error_new(ERROR_NOT_FOUND, "no %.*s", STR_ARG(path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LangModule module = {STR("m.ncl"), STR("{ C = { x | Number, .. }, f = fun x => x }")};
    LangOptions options = {.memory_budget_bytes = 16 << 20,
                           .step_budget = 50000,
                           .loader = {NULL, no_files},
                           .modules = &module,
                           .module_count = 1};
    Lang *lang = NULL;
    Value *value = NULL;
    Buf out;
    buf_init(&out, 1 << 20);
    Error *error = lang_new(&options, &lang);
    if (!error)
        error = lang_program(lang, STR("fuzz.ncl"), (Str){(const char *)data, size}, &value);
    if (!error)
        error = lang_export_json(lang, value, true, &out);
    if (error)
        error_format(error, &out);
    error_free(error);
    buf_release(&out);
    lang_free(lang);
    return 0;
}
