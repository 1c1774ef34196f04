// Packages as a few lines of text, for the tests of everything between specs and builds. tests/plan/README says what
// the words mean; tests/plan/keys.py reads the same files on its own.
#ifndef TESTS_UNIT_PLAN_FIXTURE_H
#define TESTS_UNIT_PLAN_FIXTURE_H

#include "base/vec.h"
#include "builder/closure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { FIXTURE_LIST_MAX = 96 };

typedef struct FixturePackage {
    Package package;
    Input inputs[FIXTURE_LIST_MAX];
    Dependency runtime[FIXTURE_LIST_MAX];
    Command commands[FIXTURE_LIST_MAX];
    NamedValue args[FIXTURE_LIST_MAX];
    Output outputs[FIXTURE_LIST_MAX];
    PackageTest tests[FIXTURE_LIST_MAX];
    Str allow[FIXTURE_LIST_MAX], prefer[FIXTURE_LIST_MAX];
    Str id;      // by which the fixture calls it: its name, unless "rename" gave it another
    Str breaker; // by id
} FixturePackage;

typedef struct PlanFixture {
    Arena *arena;
    PackageSet set;
    FixturePackage *parts[1024];
    ClosureRequest requests[FIXTURE_LIST_MAX];
    size_t request_count;
    bool with_tests;
    Str expected; // behind the line "---", or STR_NULL
} PlanFixture;

// The next word of a line; words are divided by blanks, "_" within a name stays.
static Str fixture_word(Str *line) {
    *line = str_trim(*line);
    size_t end = 0;
    while (end < line->len && line->ptr[end] != ' ')
        end++;
    Str word = {line->ptr, end};
    *line = str_slice(*line, end, line->len);
    return word;
}

static StrSlice fixture_words(Arena *arena, Str *line) {
    Str *words = ARENA_ARRAY(arena, Str, FIXTURE_LIST_MAX);
    size_t count = 0;
    for (Str word = fixture_word(line); word.len > 0; word = fixture_word(line)) {
        assert_true(count < FIXTURE_LIST_MAX);
        words[count++] = word;
    }
    return (StrSlice){words, count};
}

// Dependencies are written before the packages they name may be known: the name's index is put in afterwards, so for
// the time being a Dependency's span.source holds the name.
static Dependency fixture_dependency(Arena *arena, Str word, SourceSpan span) {
    Dependency dependency = {.package = PACKAGE_NONE, .span = span};
    Str rest = word;
    str_cut(&rest, ':', &dependency.span.source);
    if (rest.ptr) {
        Str *outputs = ARENA_ARRAY(arena, Str, FIXTURE_LIST_MAX);
        size_t count = 0;
        Str output;
        while (rest.len > 0 && str_cut(&rest, '+', &output))
            outputs[count++] = output;
        qsort(outputs, count, sizeof *outputs, str_compare_qsort);
        dependency.is_subset = true;
        dependency.outputs = (StrSlice){outputs, count};
    }
    return dependency;
}

static void fixture_resolve(const PlanFixture *fixture, Dependency *dependency) {
    Str name = dependency->span.source;
    dependency->span.source = STR_NULL;
    for (PackageIndex i = 0; i < fixture->set.count; i++)
        if (str_eq(fixture->parts[i]->id, name)) {
            dependency->package = i;
            return;
        }
    fail_msg("the fixture has no package '%.*s'", STR_ARG(name));
}

static void fixture_source(FixturePackage *part, Str *line) {
    Input *input = &part->inputs[part->package.input_count++];
    input->kind = INPUT_SOURCE;
    Source *source = &input->source;
    source->name = fixture_word(line);
    source->sha256 = hash_bytes(fixture_word(line));
    for (Str word = fixture_word(line); word.len > 0; word = fixture_word(line)) {
        if (str_is(word, "extract"))
            source->extract = true;
        else if (str_starts_with(word, STR("strip="))) {
            source->has_strip_prefix = true;
            source->strip_prefix = str_slice(word, 6, word.len);
        } else if (str_starts_with(word, STR("url=")))
            source->url = str_slice(word, 4, word.len);
        else
            fail_msg("unknown word '%.*s'", STR_ARG(word));
    }
}

// "name", or "name=glob", with "?" for allow_missing_interpreter, "!" for allow_data, "+" for allow_executable in front
// of the glob, and "lib:" or "data:" in front of all.
static Output fixture_output(Str word) {
    Output output = {.type = OUTPUT_BIN};
    if (str_starts_with(word, STR("lib:"))) {
        output.type = OUTPUT_LIB;
        word = str_slice(word, 4, word.len);
    } else if (str_starts_with(word, STR("data:"))) {
        output.type = OUTPUT_DATA;
        word = str_slice(word, 5, word.len);
    }
    str_cut(&word, '=', &output.name);
    output.glob = word.ptr ? word : STR("**");
    for (; output.glob.len > 0 && memchr("?!+", output.glob.ptr[0], 3);
         output.glob = str_slice(output.glob, 1, output.glob.len)) {
        output.allow_missing_interpreter |= output.glob.ptr[0] == '?';
        output.allow_data |= output.glob.ptr[0] == '!';
        output.allow_executable |= output.glob.ptr[0] == '+';
    }
    return output;
}

static int fixture_by_output(const void *a, const void *b) {
    return str_compare(((const Output *)a)->name, ((const Output *)b)->name);
}

static int fixture_by_arg(const void *a, const void *b) {
    return str_compare(((const NamedValue *)a)->name, ((const NamedValue *)b)->name);
}

static bool fixture_flag(FixturePackage *part, Str key) {
    if (str_is(key, "prebuilt"))
        part->package.prebuilt = true;
    else if (str_is(key, "internet"))
        part->package.needs.internet = true;
    else if (str_is(key, "dns"))
        part->package.needs.dns = true;
    else if (str_is(key, "certificates"))
        part->package.needed_for_internet = true;
    else if (str_is(key, "arm64"))
        part->package.target.arch = ARCH_ARM64;
    else
        return false;
    return true;
}

static void fixture_line(PlanFixture *fixture, FixturePackage *part, Str key, Str line, SourceSpan span) {
    Arena *arena = fixture->arena;
    Package *package = &part->package;
    if (fixture_flag(part, key))
        return;
    if (str_is(key, "source")) {
        fixture_source(part, &line);
    } else if (str_is(key, "local")) {
        Local local = {.name = fixture_word(&line)};
        local.sha256 = hash_bytes(fixture_word(&line));
        local.is_exec = fixture_word(&line).len > 0;
        part->inputs[package->input_count++] = (Input){.kind = INPUT_LOCAL, .local = local};
    } else if (str_is(key, "cmd")) {
        part->commands[package->commands.count++].argv = fixture_words(arena, &line);
    } else if (str_is(key, "arg")) {
        Str name = fixture_word(&line);
        part->args[package->build_args.count++] = (NamedValue){name, fixture_word(&line)};
        qsort(part->args, package->build_args.count, sizeof(NamedValue), fixture_by_arg);
    } else if (str_is(key, "rename")) {
        package->name = fixture_word(&line);
    } else if (str_is(key, "breaker")) {
        part->breaker = fixture_word(&line);
    } else if (str_is(key, "version")) {
        package->version = fixture_word(&line);
    } else if (str_is(key, "allow")) {
        package->needs.allow = fixture_words(arena, &line);
    } else if (str_is(key, "prefer")) {
        package->prefer = fixture_words(arena, &line);
    } else if (str_is(key, "test")) {
        StrSlice words = fixture_words(arena, &line);
        Dependency *deps = ARENA_ARRAY(arena, Dependency, words.count);
        for (size_t i = 0; i < words.count; i++)
            deps[i] = fixture_dependency(arena, words.items[i], span);
        part->tests[package->test_count++] =
            (PackageTest){.name = STR("works"), .deps = {deps, words.count}, .span = span};
    } else {
        StrSlice words = fixture_words(arena, &line);
        for (size_t i = 0; i < words.count; i++)
            if (str_is(key, "build"))
                part->inputs[package->input_count++] = (Input){
                    .kind = INPUT_PACKAGE, .span = span, .package = fixture_dependency(arena, words.items[i], span)};
            else if (str_is(key, "run"))
                part->runtime[package->runtime_deps.count++] = fixture_dependency(arena, words.items[i], span);
            else if (str_is(key, "outputs"))
                part->outputs[package->output_count++] = fixture_output(words.items[i]);
            else
                fail_msg("unknown word '%.*s'", STR_ARG(key));
        qsort(part->outputs, package->output_count, sizeof(Output), fixture_by_output);
    }
}

static FixturePackage *fixture_package(PlanFixture *fixture, Str name, SourceSpan span) {
    FixturePackage *part = ARENA_NEW(fixture->arena, FixturePackage);
    part->id = name;
    part->package = (Package){
        .name = name,
        .span = span,
        .breaker = PACKAGE_NONE,
        .cost = 1,
        .inputs = part->inputs,
        .runtime_deps = {part->runtime, 0},
        .commands = {part->commands, 0},
        .build_args = {part->args, 0},
        .outputs = part->outputs,
        .tests = part->tests,
    };
    assert_true(fixture->set.count < ARRAY_LEN(fixture->parts));
    fixture->parts[fixture->set.count++] = part;
    return part;
}

static void fixture_finish(PlanFixture *fixture) {
    fixture->set.packages = ARENA_ARRAY(fixture->arena, Package, fixture->set.count);
    for (size_t i = 0; i < fixture->set.count; i++) {
        FixturePackage *part = fixture->parts[i];
        for (size_t d = 0; d < part->package.input_count; d++)
            if (part->inputs[d].kind == INPUT_PACKAGE)
                fixture_resolve(fixture, &part->inputs[d].package);
        for (size_t d = 0; d < part->package.runtime_deps.count; d++)
            fixture_resolve(fixture, &part->runtime[d]);
        for (size_t t = 0; t < part->package.test_count; t++)
            for (size_t d = 0; d < part->tests[t].deps.count; d++)
                fixture_resolve(fixture, (Dependency *)(uintptr_t)&part->tests[t].deps.items[d]);
        if (part->breaker.len > 0) {
            Dependency breaker = {.span.source = part->breaker};
            fixture_resolve(fixture, &breaker);
            part->package.breaker = breaker.package;
        }
        fixture->set.packages[i] = part->package;
    }
}

// Reads a fixture; everything lives in the arena.
static PlanFixture *fixture_read(Arena *arena, Str text) {
    PlanFixture *fixture = ARENA_NEW(arena, PlanFixture);
    fixture->arena = fixture->set.arena = arena;
    Dependency requests[FIXTURE_LIST_MAX];
    FixturePackage *part = NULL;
    Str line;
    for (uint32_t number = 1; str_cut(&text, '\n', &line); number++) {
        Str key = fixture_word(&line);
        if (key.len == 0 || key.ptr[0] == '#')
            continue;
        if (str_is(key, "---")) {
            fixture->expected = text;
            break;
        }
        SourceSpan span = {.line = number, .column = 1};
        span.file = arena_printf(arena, "%.*s.ncl", STR_ARG(part ? part->id : STR("fixture")));
        if (str_is(key, "package")) {
            Str name = fixture_word(&line);
            span.file = arena_printf(arena, "%.*s.ncl", STR_ARG(name));
            part = fixture_package(fixture, name, span);
        } else if (str_is(key, "request")) {
            for (Str word = fixture_word(&line); word.len > 0; word = fixture_word(&line))
                requests[fixture->request_count++] = fixture_dependency(arena, word, span);
        } else if (str_is(key, "with-tests")) {
            fixture->with_tests = true;
        } else {
            assert_non_null(part);
            fixture_line(fixture, part, key, line, span);
        }
    }
    fixture_finish(fixture);
    for (size_t i = 0; i < fixture->request_count; i++) {
        fixture_resolve(fixture, &requests[i]);
        fixture->requests[i] = (ClosureRequest){requests[i].package, requests[i].is_subset, requests[i].outputs};
    }
    return fixture;
}

static inline Error *fixture_graph(PlanFixture *fixture, Graph **out) {
    PackageIndex roots[FIXTURE_LIST_MAX];
    for (size_t i = 0; i < fixture->request_count; i++)
        roots[i] = fixture->requests[i].package;
    return graph_new(fixture->arena, &fixture->set, roots, fixture->request_count, fixture->with_tests, out);
}

#endif
