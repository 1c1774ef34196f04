// Evaluates a whole registry for both targets and says what it found: `make compat REGISTRY=<checkout>`.
// Outside of `make check`, because a checkout is no part of the project. With --expect, the counts are compared.
#include "base/fd.h"
#include "base/vec.h"
#include "specs/load.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

typedef struct Counts {
    size_t declarations, names, prebuilt, build_edges, runtime_edges, test_edges, subsets, sources, locals, outputs,
        tests, harnesses;
} Counts;

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void count_package(const Package *package, Counts *counts) {
    counts->names += package->name.len > 0;
    counts->prebuilt += package->prebuilt;
    counts->outputs += package->output_count;
    counts->tests += package->test_count;
    counts->runtime_edges += package->runtime_deps.count;
    for (size_t i = 0; i < package->runtime_deps.count; i++)
        counts->subsets += package->runtime_deps.items[i].is_subset;
    for (size_t i = 0; i < package->test_count; i++)
        counts->test_edges += package->tests[i].deps.count;
    for (size_t i = 0; i < package->input_count; i++) {
        counts->build_edges += package->inputs[i].kind == INPUT_PACKAGE;
        counts->sources += package->inputs[i].kind == INPUT_SOURCE;
        counts->locals += package->inputs[i].kind == INPUT_LOCAL;
    }
}

static void print_names(const PackageSet *set) {
    for (size_t i = 0; i < set->count; i++)
        printf("  %.*s\n", STR_ARG(set->packages[set->by_name[i]].name));
}

// Evaluates once and returns how long it took; the set stays in arena.
static double evaluate(const SpecsOptions *options, Arena *arena, PackageSet **out) {
    double start = now_ms();
    Error *error = specs_load(options, arena, out);
    double took = now_ms() - start;
    if (error) {
        AUTO_BUF Buf text;
        buf_init(&text, BUF_NO_LIMIT);
        error_format(error, &text);
        fprintf(stderr, "%s\n", buf_cstr(&text));
        error_free(error);
        exit(1);
    }
    return took;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool run_target(const char *registry, Target target, size_t expected_build_edges, bool expect, bool names) {
    enum { ROUNDS = 9 };
    double times[ROUNDS];
    SpecsStats stats;
    Counts counts = {0};
    SpecsOptions options = {
        .start = str_from(registry), .home = STR(""), .target = target, .snapshot_dir = STR(""), .stats = &stats};
    for (int i = 0; i < ROUNDS; i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        PackageSet *set;
        times[i] = evaluate(&options, arena, &set);
        if (i > 0)
            continue;
        for (size_t j = 0; j < set->count; j++)
            count_package(&set->packages[j], &counts);
        counts.declarations = set->count;
        counts.harnesses = set->harness_count;
        if (names)
            print_names(set);
    }
    qsort(times, ROUNDS, sizeof *times, compare_doubles);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    Str text = target_text(target);
    printf("%.*s: %zu declarations, %zu names, %zu stacks\n", STR_ARG(text), counts.declarations, counts.names,
           counts.harnesses);
    size_t build_deps = counts.build_edges + counts.sources + counts.locals;
    printf(
        "  edges: %zu build (%zu to packages, %zu to sources, %zu to local files), %zu runtime (%zu to subsets), %zu "
        "test\n",
        build_deps, counts.build_edges, counts.sources, counts.locals, counts.runtime_edges, counts.subsets,
        counts.test_edges);
    printf("  %zu outputs, %zu tests, %zu prebuilt\n", counts.outputs, counts.tests, counts.prebuilt);
    printf("  %zu files, %zu kB of source, %llu steps, %zu kB of values; %zu stamps\n", stats.lang.files,
           stats.lang.source_bytes / 1024, (unsigned long long)stats.lang.steps, stats.lang.memory_bytes / 1024,
           stats.stamp_count);
    printf("  median of %d: %.1f ms (least %.1f); most memory of the process: %ld kB\n", ROUNDS, times[ROUNDS / 2],
           times[0], usage.ru_maxrss);
    bool fits = counts.declarations == 495 && counts.names == 495 && counts.runtime_edges == 1221 &&
                build_deps == expected_build_edges && counts.harnesses == 23;
    if (expect && !fits)
        printf("  NOT AS EXPECTED: 495 declarations, %zu build edges, 1221 runtime edges, 23 stacks\n",
               expected_build_edges);
    return fits || !expect;
}

int main(int argc, char **argv) {
    bool expect = false, names = false;
    char *registry = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--expect") == 0)
            expect = true;
        else if (strcmp(argv[i], "--names") == 0)
            names = true;
        else
            registry = realpath(argv[i], NULL);
    }
    if (!registry) {
        fprintf(stderr, "usage: compat [--expect] [--names] REGISTRY\n"
                        "  --expect  the counts must be those of the registry's commit that they were taken from\n");
        return 2;
    }
    bool good = run_target(registry, (Target){ARCH_AMD64, OS_LINUX}, 3335, expect, names);
    good = run_target(registry, (Target){ARCH_ARM64, OS_LINUX}, 3333, expect, names) && good;
    free(registry);
    return good ? 0 : 1;
}
