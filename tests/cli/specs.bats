#!/usr/bin/env bats
# Specs as a person meets them: eval, list, the first package of docs/language.md, and mistakes.

bats_require_minimum_version 1.5.0

setup() {
    export HOME="$BATS_TEST_TMPDIR/home"
    export XDG_CACHE_HOME="$HOME/.cache" XDG_STATE_HOME="$HOME/.local/state"
    mkdir -p "$HOME" "$BATS_TEST_TMPDIR/layer/packages/base"
    cd "$BATS_TEST_TMPDIR/layer"
    : >minimal.toml
    cat >packages/base/build.ncl <<'NCL'
let { BuildSpec, .. } = import "minimal.ncl" in
{ name = "base", build_deps = [] } | BuildSpec
NCL
}

# The first block of that language in docs/language.md.
doc_block() { awk -v fence="\`\`\`$1" '$0 == fence {on = 1; next} on && /^```/ {exit} on' "$SRC/docs/language.md"; }

@test "the first package of docs/language.md is one" {
    mkdir packages/greet
    doc_block nickel >packages/greet/build.ncl
    doc_block sh >packages/greet/build.sh
    run "$MINIMAL" list
    [ "$status" = 0 ]
    [[ $output == *"greet  1.0      no       base | base"* ]]
}

@test "the minimal.toml of docs/language.md can be read" {
    doc_block toml >minimal.toml
    mkdir ../registry
    mkdir ../extra
    printf '[params]\nlevel = { type = "number", default = 1 }\n' >../extra/minimal.toml
    run "$MINIMAL" list
    [ "$status" = 0 ]
}

@test "list --json has every package with name, version, layer, key, dependencies and presence" {
    run --separate-stderr "$MINIMAL" list --json
    [ "$status" = 0 ]
    python3 - <<PY
import json
listed = json.loads('''$output''')
assert listed["schema"] == "minimal.list.1", listed
(base,) = listed["packages"]
assert base["name"] == "base" and base["layer"] == "$PWD" and base["present"] is False, base
assert len(base["spec_key"]) == 64 and base["build_deps"] == [] and base["runtime_deps"] == [], base
PY
}

@test "list takes no names" {
    run "$MINIMAL" list jq
    [ "$status" = 2 ]
    [ "$output" = "minimal: list takes no names, such as 'jq'" ]
}

@test "eval prints a file as JSON, sorted" {
    echo '{ b = [1, 2.5, "x"], a = { c = null, d = true } }' >x.ncl
    run "$MINIMAL" eval x.ncl
    [ "$status" = 0 ]
    [ "$output" = '{
  "a": {
    "c": null,
    "d": true
  },
  "b": [
    1,
    2.5,
    "x"
  ]
}' ]
}

@test "eval --field goes down a path, with quotes where a name needs them" {
    echo '{ a."x y".b = "found" }' >x.ncl
    run "$MINIMAL" eval x.ncl --field 'a."x y".b'
    [ "$status" = 0 ]
    [ "$output" = '"found"' ]
}

@test "eval names the packages that a package refers to, and ends where they refer to each other" {
    mkdir packages/one packages/two
    for pair in one:two two:one; do
        cat >"packages/${pair%:*}/build.ncl" <<NCL
let { BuildSpec, .. } = import "minimal.ncl" in
let other = import "../${pair#*:}/build.ncl" in
{ name = "${pair%:*}", build_deps = [other] } | BuildSpec
NCL
    done
    run "$MINIMAL" eval packages/one/build.ncl --field build_deps
    [ "$status" = 0 ]
    [ "$output" = '[
  {
    "name": "two",
    "ty": "Builder"
  }
]' ]
}

@test "eval sees the layer's parameters and target" {
    printf '[params]\nlevel = { type = "number", default = 2 }\n' >minimal.toml
    echo 'let { param, target, .. } = import "config.ncl" in { l = param "level", os = target.os }' >x.ncl
    run "$MINIMAL" eval x.ncl
    [ "$status" = 0 ]
    [[ $output == *'"l": 2'* && $output == *'"os": "Linux"'* ]]
}

@test "eval without a file, of a file that is not there, and of a field that is not there" {
    run "$MINIMAL" eval
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: eval needs a file" ]
    run "$MINIMAL" eval nothing.ncl
    [ "$status" = 1 ]
    [[ $output == *nothing.ncl* ]]
    echo '{ name = 1 }' >x.ncl
    run "$MINIMAL" eval x.ncl --field nmae
    [ "$status" = 1 ]
    [ "${lines[0]}" = 'minimal: x.ncl:1:1: missing field `nmae`' ]
}

# Each mistake: exit 1, and the first line names file, line and field.
refused() { # want, spec
    mkdir -p packages/p
    printf '%s\n' "$2" >packages/p/build.ncl
    run "$MINIMAL" list
    echo "$output"
    [ "$status" = 1 ]
    [ "${lines[0]}" = "minimal: $1" ]
}

@test "a syntax error" {
    refused 'packages/p/build.ncl:1:1: this `{` is never closed: the file ends where a field'"'s name was expected" '{ name = "p",'
}

@test "an unknown field" {
    refused 'packages/p/build.ncl:2:38: contract broken by the value of `cdm`: extra field `cdm`' \
        'let { BuildSpec, .. } = import "minimal.ncl" in
{ name = "p", build_deps = [], cdm = "x" } | BuildSpec'
}

@test "an unknown package" {
    refused 'packages/p/build.ncl:2:28: build_deps[0]: no layer above has a package '"'zlib'" \
        'let { BuildSpec, upstream, .. } = import "minimal.ncl" in
{ name = "p", build_deps = [upstream "zlib"] } | BuildSpec'
}

@test "infinite recursion" {
    refused 'packages/p/build.ncl:2:13: name: infinite recursion: this value depends on itself' \
        'let { BuildSpec, .. } = import "minimal.ncl" in
let rec n = n in { name = n, build_deps = [] } | BuildSpec'
}

@test "an edit is noticed by the next run" {
    run "$MINIMAL" list
    [[ $output != *7.7* ]]
    sed -i 's/build_deps/attrs.upstream_version = "7.7", build_deps/' packages/base/build.ncl
    run "$MINIMAL" list
    [[ $output == *"base  7.7"* ]]
}
