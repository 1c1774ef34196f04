// `minimal eval`: what a file comes to, as JSON.
#include "base/path.h"
#include "cmd/cmd.h"
#include "specs/export.h"
#include "specs/load.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static Error *evaluate(Globals *globals, Str file, const char *field, Buf *out) {
    AUTO_FREE char *here = getcwd(NULL, 0);
    if (!here)
        return error_sys(errno, "cannot tell the current directory");
    const char *home = getenv("HOME");
    SpecsOptions options = {.start = str_from(here),
                            .home = home && home[0] == '/' ? path_clean(globals->arena, str_from(home)) : STR(""),
                            .target = target_host()};
    AUTO_SPECS_FILE SpecsFile opened = {0};
    TRY(specs_file_open(&options, file, &opened));
    Value *value = opened.value;
    if (field)
        TRY(lang_field_path(opened.lang, opened.value, str_from(field), &value));
    return specs_export_json(opened.lang, opened.value, value, out);
}

Error *cmd_eval(Globals *globals, int argc, char **argv, int *exit_out) {
    const char *field = NULL;
    const Option options[] = {{.name = "--field", .value = &field}};
    TRY(cmd_options(globals, options, ARRAY_LEN(options), false, &argc, argv));
    if (argc != 2)
        return error_hint(error_new(ERROR_USAGE, argc < 2 ? "eval needs a file" : "eval takes one file"),
                          "minimal eval packages/jq/build.ncl --field attrs");
    AUTO_BUF Buf json;
    buf_init(&json, BUF_NO_LIMIT);
    TRY(evaluate(globals, str_from(argv[1]), field, &json));
    buf_add_byte(&json, '\n');
    fwrite(json.ptr, 1, json.len, stdout);
    *exit_out = EXIT_OK;
    return NULL;
}
