#!/usr/bin/env bats
# `minimal plan`, from specs on disk to its text, its JSON and its refusals.
bats_require_minimum_version 1.5.0

setup() {
    layer="$BATS_TEST_TMPDIR/layer"
    export HOME="$BATS_TEST_TMPDIR/home"
    unset XDG_CACHE_HOME XDG_STATE_HOME
    mkdir -p "$layer/packages" "$HOME"
    : >"$layer/minimal.toml"
    cd "$layer"
    spec seed '{ name = "seed", prebuilt = true, build_deps = [{ url = "https://example.org/seed.tar.gz", sha256 = "'"$zeros"'", extract = true } | Source],
  outputs = { bin = { glob = "usr/bin/*" } | OutputBin } } | BuildSpec'
    spec cc 'let cc = import "../cc/build.ncl" in let seed = import "../seed/build.ncl" in
{ name = "cc", build_deps = [cc], cmd = "make", replace_on_cycle = seed,
  outputs = { bin = { glob = "usr/bin/*" } | OutputBin } } | BuildSpec'
    spec app 'let cc = import "../cc/build.ncl" in
{ name = "app", build_deps = [subsetOf cc ["bin"]], cmd = "make", outputs = { bin = { glob = "usr/bin/*" } | OutputBin } } | BuildSpec'
}
zeros=0000000000000000000000000000000000000000000000000000000000000000

spec() { # name, text behind the import line
    mkdir -p "packages/$1"
    printf 'let { BuildSpec, OutputBin, Source, subsetOf, .. } = import "minimal.ncl" in\n%s\n' "$2" >"packages/$1/build.ncl"
}

without_keys() { sed -E 's/  [0-9a-f]{12}  /  /'; }

@test "a plan names its steps, their roots and their reasons" {
    run --separate-stderr "$MINIMAL" plan app
    [ "$status" = 0 ]
    [ "$stderr" = "4 to make" ]
    diff <(echo "$output" | without_keys) - <<'END'
cc (stage 0) = seed  prebuilt  ready  to build cc (stage 1)
cc (stage 1)  build  waiting  to build cc
    root: cc@0
cc  build  waiting  to build app
    root: cc@1
app  build  waiting  requested
    root: cc:bin
with app at run time: app
END
}

@test "the JSON is one object whose steps stand in order" {
    run --separate-stderr "$MINIMAL" plan app --json
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    python3 - "$output" <<'END'
import json, sys
plan = json.loads(sys.argv[1])
assert plan["schema"] == "minimal.plan.1", plan
assert [(s["package"], s["stage"], s["state"]) for s in plan["steps"]] == [
    ("cc", 0, "ready"), ("cc", 1, "waiting"), ("cc", 2, "waiting"), ("app", 1, "waiting")]
assert plan["steps"][3]["root"] == [{"step": 2, "whole": False, "outputs": ["bin"]}]
assert plan["requested"] == [{"step": 3, "runtime": [{"step": 3, "whole": True, "outputs": ["bin"]}]}]
assert all(len(s["spec_key"]) == 64 for s in plan["steps"])
END
}

@test "keys do not depend on where the layer lies, nor on comments, nor on the order of anything outside of it" {
    "$MINIMAL" plan app >"$BATS_TEST_TMPDIR/first" 2>/dev/null
    sed -i '1i # a comment' packages/app/build.ncl
    spec another '{ name = "another", build_deps = [], cmd = "x" } | BuildSpec'
    mv "$layer" "$BATS_TEST_TMPDIR/moved"
    cd "$BATS_TEST_TMPDIR/moved"
    "$MINIMAL" plan app 2>/dev/null | diff - "$BATS_TEST_TMPDIR/first"
    sed -i 's/cmd = "make", outputs/cmd = "make all", outputs/' packages/app/build.ncl
    run -1 diff <("$MINIMAL" plan app 2>/dev/null) "$BATS_TEST_TMPDIR/first"
}

@test "a cycle without a breaker is one line that names it, its places, and what to add" {
    spec a 'let b = import "../b/build.ncl" in { name = "a", build_deps = [b], cmd = "x" } | BuildSpec'
    spec b 'let a = import "../a/build.ncl" in { name = "b", build_deps = [a], cmd = "x" } | BuildSpec'
    run "$MINIMAL" plan a
    [ "$status" = 1 ]
    [[ "${lines[0]}" == "minimal: "*"packages/a/build.ncl:2:"*": missing breaker in a cycle: a -> b ("*"packages/a/build.ncl:2) -> a ("*"packages/b/build.ncl:2)" ]]
    [[ "$output" == *"hint: give one of them \`replace_on_cycle\`: a package that needs none of them to be built, such as a prebuilt one" ]]
    # Who does not need the cycle is not kept from being planned.
    run "$MINIMAL" plan app
    [ "$status" = 0 ]
}

@test "an unknown package, no package, an unknown flag" {
    run "$MINIMAL" plan ap
    [ "$status" = 1 ]
    [[ "${lines[0]}" == "minimal: there is no package 'ap'" ]]
    run "$MINIMAL" plan
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: plan needs the names of packages" ]
    run "$MINIMAL" plan app --fulll
    [ "$status" = 2 ]
}
