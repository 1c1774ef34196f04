// The tests that packages bring along.
//
// A test of class 'Build runs in the build's own root and /build, after the outputs were collected and before the
// result is committed: when it fails, the build has failed. A test of class 'Standalone runs on the finished artifact,
// its runtime closure and the test's own dependencies, nothing else: when it fails, the artifact stays (its key says
// nothing about tests, and a mistake in a test must not cost a rebuild), but it is remembered as untested, in a small
// file named after its spec key, and each build that asks for it runs the tests again until they pass.
#ifndef BUILDER_PACKAGE_TEST_H
#define BUILDER_PACKAGE_TEST_H

#include "builder/realise.h"

// How many Standalone tests an artifact has; 0 for an earlier stage of one.
size_t package_test_count(const PlanStep *step);

MUST_CHECK Error *package_test_in_build(const BoxRequest *build, const Package *package, Cancel *cancel, Arena *arena);

// Runs them; every step of their roots must be present. On success the artifact is no longer remembered. The report is
// filled as by realise_step.
MUST_CHECK Error *package_test_run(const Realiser *realiser, StepIndex step, const PlanInputs *roots, uint32_t cpus,
                                   const RealiseWatch *watch, Arena *arena, StepReport *out);

MUST_CHECK Error *package_test_remember(const Paths *paths, const PlanStep *step);
bool package_test_is_remembered(const Paths *paths, const PlanStep *step);

#endif
