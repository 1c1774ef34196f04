// Words on the command line: one parser for all verbs. The global flags are one table here; each verb has its own.
// Nothing is guessed: a word that begins with '-' and is in neither table is an error with the nearest name.
#include "cmd/cmd.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { JOBS_MAX = 4096 };

typedef enum GlobalId {
    GLOBAL_DIRECTORY,
    GLOBAL_MINIMAL_DIR,
    GLOBAL_NO_CACHE,
    GLOBAL_NO_FETCH,
    GLOBAL_OFFLINE,
    GLOBAL_JOBS,
    GLOBAL_JSON,
    GLOBAL_VERBOSE,
    GLOBAL_QUIET,
    GLOBAL_COLOR,
} GlobalId;

static const struct {
    const char *name, *short_name, *other_short;
    bool has_value;
    GlobalId id;
} global_options[] = {
    {"--directory", "-C", NULL, true, GLOBAL_DIRECTORY},
    {"--minimal-dir", NULL, NULL, true, GLOBAL_MINIMAL_DIR},
    {"--no-cache", NULL, NULL, false, GLOBAL_NO_CACHE},
    {"--no-fetch", NULL, NULL, false, GLOBAL_NO_FETCH},
    {"--offline", NULL, NULL, false, GLOBAL_OFFLINE},
    {"--jobs", "-n", "-j", true, GLOBAL_JOBS},
    {"--json", NULL, NULL, false, GLOBAL_JSON},
    {"--verbose", "-v", NULL, false, GLOBAL_VERBOSE},
    {"--quiet", "-q", NULL, false, GLOBAL_QUIET},
    {"--color", NULL, NULL, true, GLOBAL_COLOR},
};

static Error *parse_jobs(const char *value, unsigned *out) {
    uint64_t jobs;
    if (!str_parse_u64(str_from(value), &jobs) || jobs == 0 || jobs > JOBS_MAX)
        return error_new(ERROR_USAGE, "-n takes a number from 1 to %d, not '%s'", JOBS_MAX, value);
    *out = (unsigned)jobs;
    return NULL;
}

static Error *parse_color(const char *value, bool *out) {
    if (strcmp(value, "always") == 0)
        *out = true;
    else if (strcmp(value, "never") == 0)
        *out = false;
    else if (strcmp(value, "auto") == 0)
        *out = isatty(STDERR_FILENO) == 1;
    else
        return error_new(ERROR_USAGE, "--color takes auto, always or never, not '%s'", value);
    return NULL;
}

static Error *set_global(Globals *globals, GlobalId id, const char *value) {
    switch (id) {
    case GLOBAL_DIRECTORY:
        globals->directory = value;
        if (chdir(value) < 0)
            return error_sys(errno, "-C %s", value);
        break;
    case GLOBAL_MINIMAL_DIR:
        globals->minimal_dir = value;
        break;
    case GLOBAL_NO_CACHE:
        globals->no_cache = true;
        break;
    case GLOBAL_NO_FETCH:
        globals->no_fetch = true;
        break;
    case GLOBAL_OFFLINE:
        globals->offline = true;
        break;
    case GLOBAL_JOBS:
        return parse_jobs(value, &globals->jobs);
    case GLOBAL_JSON:
        globals->json = true;
        break;
    case GLOBAL_VERBOSE:
        globals->verbose++;
        break;
    case GLOBAL_QUIET:
        globals->quiet = true;
        break;
    case GLOBAL_COLOR:
        return parse_color(value, &globals->color);
    }
    return NULL;
}

// One word of the command line taken apart: "--name=value" or "--name", and where the next word is.
typedef struct Words {
    int argc, at;
    char **argv;
    Str name;
    const char *inline_value; // behind '=', or NULL
} Words;

static void take_word(Words *words) {
    const char *word = words->argv[words->at++];
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    words->name = equals ? (Str){word, (size_t)(equals - word)} : str_from(word);
    words->inline_value = equals ? equals + 1 : NULL;
}

static Error *take_value(Words *words, const char **value_out) {
    if (words->inline_value) {
        *value_out = words->inline_value;
        return NULL;
    }
    if (words->at >= words->argc)
        return error_new(ERROR_USAGE, "%.*s needs a value behind it", STR_ARG(words->name));
    *value_out = words->argv[words->at++];
    return NULL;
}

static Error *no_value(const Words *words) {
    if (words->inline_value)
        return error_new(ERROR_USAGE, "%.*s takes no value", STR_ARG(words->name));
    return NULL;
}

static Error *try_global(Globals *globals, Words *words, bool *taken_out) {
    *taken_out = false;
    for (size_t i = 0; i < ARRAY_LEN(global_options); i++) {
        const char *short_name = global_options[i].short_name, *other = global_options[i].other_short;
        if (!str_is(words->name, global_options[i].name) && !(short_name && str_is(words->name, short_name)) &&
            !(other && str_is(words->name, other)))
            continue;
        *taken_out = true;
        const char *value = NULL;
        if (global_options[i].has_value)
            TRY(take_value(words, &value));
        else
            TRY(no_value(words));
        return set_global(globals, global_options[i].id, value);
    }
    return NULL;
}

static Error *set_option(Globals *globals, const Option *option, Words *words) {
    const char *value;
    if (option->flag) {
        TRY(no_value(words));
        *option->flag = true;
        return NULL;
    }
    TRY(take_value(words, &value));
    if (option->value) {
        *option->value = value;
        return NULL;
    }
    Str *grown = ARENA_ARRAY(globals->arena, Str, option->values->count + 1);
    if (option->values->count)
        memcpy(grown, option->values->items, option->values->count * sizeof *grown);
    grown[option->values->count] = str_from(value);
    *option->values = (StrSlice){grown, option->values->count + 1};
    return NULL;
}

static Error *unknown_option(Str name, const Option *options, size_t count) {
    Str names[64];
    size_t known = 0;
    for (size_t i = 0; i < ARRAY_LEN(global_options) && known < ARRAY_LEN(names); i++)
        names[known++] = str_from(global_options[i].name);
    for (size_t i = 0; i < count && known < ARRAY_LEN(names); i++)
        names[known++] = str_from(options[i].name);
    Str nearest = str_nearest(name, names, known);
    Error *error = error_new(ERROR_USAGE, "unknown option %.*s", STR_ARG(name));
    return nearest.ptr ? error_hint(error, "did you mean %.*s?", STR_ARG(nearest)) : error;
}

static const Option *option_find(const Option *options, size_t count, Str name) {
    for (size_t i = 0; i < count; i++)
        if (str_is(name, options[i].name) || (options[i].short_name && str_is(name, options[i].short_name)))
            return &options[i];
    return NULL;
}

Error *cmd_leading_globals(Globals *globals, int argc, char **argv, int *at) {
    Words words = {.argc = argc, .at = *at, .argv = argv};
    while (words.at < argc && argv[words.at][0] == '-') {
        if (strcmp(argv[words.at], "-h") == 0 || strcmp(argv[words.at], "--help") == 0 ||
            strcmp(argv[words.at], "--version") == 0)
            break; // other words for a verb
        bool taken;
        take_word(&words);
        TRY(try_global(globals, &words, &taken));
        if (!taken)
            return unknown_option(words.name, NULL, 0);
    }
    *at = words.at;
    return NULL;
}

Error *cmd_options(Globals *globals, const Option *options, size_t count, bool stop_at_word, int *argc, char **argv) {
    Words words = {.argc = *argc, .at = 1, .argv = argv};
    int kept = 1;
    while (words.at < words.argc) {
        const char *word = argv[words.at];
        bool is_option = word[0] == '-' && word[1] != '\0';
        if (strcmp(word, "--") == 0) {
            words.at++;
            break;
        }
        if (!is_option && stop_at_word)
            break;
        if (!is_option) {
            argv[kept++] = argv[words.at++];
            continue;
        }
        take_word(&words);
        const Option *option = option_find(options, count, words.name);
        bool taken = option != NULL;
        if (option)
            TRY(set_option(globals, option, &words));
        else
            TRY(try_global(globals, &words, &taken));
        if (!taken)
            return unknown_option(words.name, options, count);
    }
    while (words.at < words.argc)
        argv[kept++] = argv[words.at++];
    argv[kept] = NULL;
    *argc = kept;
    return NULL;
}
