#!/usr/bin/env bats
# Words on the command line: verbs, global flags, and what is said about wrong ones.

setup() { cd "$BATS_TEST_TMPDIR"; }

@test "no verb prints the usage and exits 2" {
    run "$MINIMAL"
    [ "$status" = 2 ]
    [[ $output == *"usage: minimal"* ]]
}

@test "help lists every verb, and exits 0" {
    run "$MINIMAL" help
    [ "$status" = 0 ]
    for verb in build exec eval list plan log cache doctor help version; do [[ $output == *"  $verb "* ]]; done
}

@test "help of a verb is the same with --help" {
    run "$MINIMAL" help build
    [ "$status" = 0 ]
    first=$output
    run "$MINIMAL" build --help
    [ "$output" = "$first" ]
}

@test "version prints the version" {
    run "$MINIMAL" version
    [ "$status" = 0 ]
    [ "$output" = "minimal $(cat "$SRC/VERSION")" ]
}

@test "a misspelt verb names the nearest, and exits 2" {
    run "$MINIMAL" biuld
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: 'biuld' is not a verb of minimal" ]
    [ "${lines[1]}" = 'hint: did you mean `minimal build`?' ]
}

@test "an unknown option names the nearest, before and after the verb" {
    run "$MINIMAL" --ofline build
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: unknown option --ofline" ]
    [ "${lines[1]}" = "hint: did you mean --offline?" ]
    run "$MINIMAL" build --rebiuld jq
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: unknown option --rebiuld" ]
    [ "${lines[1]}" = "hint: did you mean --rebuild?" ]
}

@test "-n refuses what is no number of jobs" {
    for bad in 0 x -1 5000 ""; do
        run "$MINIMAL" -n "$bad" version
        [ "$status" = 2 ]
        [ "${lines[0]}" = "minimal: -n takes a number from 1 to 4096, not '$bad'" ]
    done
}

@test "an option that needs a value says so" {
    run "$MINIMAL" -C
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: -C needs a value behind it" ]
}

@test "a flag that takes no value says so" {
    run "$MINIMAL" --offline=yes version
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: --offline takes no value" ]
}

@test "-C to a directory that is not there names it" {
    run "$MINIMAL" -C /nowhere/at/all version
    [ "$status" = 1 ]
    [ "${lines[0]}" = "minimal: -C /nowhere/at/all: No such file or directory" ]
}

@test "--color takes three words" {
    run "$MINIMAL" --color sometimes version
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: --color takes auto, always or never, not 'sometimes'" ]
}

@test "an error under --json is one object on stderr, and stdout stays empty" {
    "$MINIMAL" --json biuld >out 2>err || status=$?
    [ "$status" = 2 ]
    [ ! -s out ]
    python3 - <<'PY'
import json
error = json.load(open("err"))["error"]
assert error["kind"] == "usage", error
assert error["message"] == "'biuld' is not a verb of minimal", error
assert "minimal build" in error["hint"], error
PY
}

@test "a closed standard output is an error, not a silent success" {
    run bash -c '"$MINIMAL" help > /dev/full'
    [ "$status" = 1 ]
    [[ $output == *"cannot write to standard output"* ]]
}
