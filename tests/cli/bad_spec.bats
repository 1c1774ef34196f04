#!/usr/bin/env bats
# Specs that are wrong: each gets one error that names file, line and field, exit code 1, and nothing is lost by it.
# tests/lang/eval has the evaluator's own messages; here it is the door that is tested.
load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

# The lines under an error: the excerpt and the caret.
shows() { grep -qF -- "$1" <<<"$stderr"; }

@test "syntax: an expression that is missing" {
    spec a <<'END'
let { BuildSpec, .. } = import "minimal.ncl" in
{
  name = "a",
  build_deps = [,
} | BuildSpec
END
    fails 1 'packages/a/build.ncl:4:17: unexpected `,`: expected an expression' -- build a
    shows '     4 |   build_deps = [,'
    shows '       |                 ^'
}

@test "syntax: a string that is never closed, bytes that are no text, an empty file" {
    printf '{\n  name = "a\n}\n' | spec a
    fails 1 'packages/a/build.ncl:2:10: this string is never closed' -- build a
    printf '{ name = "a", \xff\xfe }' | spec a
    fails 1 'packages/a/build.ncl:1:15: the file is not valid UTF-8: byte 0xff at offset 14' -- build a
    : | spec a
    fails 1 'packages/a/build.ncl:1:1: the file ends where an expression was expected' -- build a
}

@test "syntax: a nesting without end" {
    python3 -c 'print("{ name = " + "(" * 200000 + "1" + ")" * 200000 + " }")' | spec a
    fails 1 'packages/a/build.ncl:1:509: nested more than 1000 levels deep' -- build a
    [ "${#stderr}" -lt 1000 ] # the excerpt of a very long line is cut
}

@test "types: a value of another type than its field" {
    package a <<<'  cmd = 17,'
    fails 1 'packages/a/build.ncl:5:9: cmd: contract broken by the value of `cmd`: must be a string or an array of strings' -- build a
    package a <<<'  cmd = ["tool", 17],'
    fails 1 'packages/a/build.ncl:5:18: cmd[1]: contract broken by the value of `cmd[1]`: expected a String, got a Number (17)' -- build a
    package a <<<'  outputs = { data = "usr/bin/x" },'
    fails 1 'packages/a/build.ncl:5:22: outputs.data: contract broken by the value of `outputs.data`: expected an OutputBin, an OutputLib or an OutputData' -- build a
    package a <<<'  needs = { internet = "yes" },'
    fails 1 'packages/a/build.ncl:5:24: needs: contract broken by the value of `needs.internet`: expected a record, got a String ("yes")' -- build a
    package a <<<'  runtime_deps = [{ file = "x" } | Local],'
    fails 1 'packages/a/build.ncl:5:19: runtime_deps[0]: contract broken by the value of `runtime_deps[0]`: expected a package or a Subset, found a Local' -- build a
    package a <<<'  outputs = { data = { glob = "/usr/bin/x" } | OutputData },'
    fails 1 'packages/a/build.ncl:5:31: outputs.data.glob: contract broken by the value of `outputs.data.glob`: must be a glob relative to the output directory, such as "usr/bin/*"' -- build a
}

@test "types: an operation on the wrong things" {
    package a <<<'  cmd = "make " + 4,'
    fails 1 'packages/a/build.ncl:5:9: cmd: + expects a Number, but this is a String ("make ")' -- build a
}

@test "unknown field of a package, of a Source, of needs: the nearest is named" {
    package a <<<'  outptus = {},'
    fails 1 'packages/a/build.ncl:5:13: contract broken by the value of `outptus`: extra field `outptus`' \
        'did you mean `outputs`?' -- build a
    package a '{ url = "file:///x", sha265 = "00", extract = true } | Source' </dev/null
    fails 1 'packages/a/build.ncl:4:65: build_deps[1]: contract broken by the value of `build_deps[1].sha265`: extra field `sha265`' \
        'did you mean `sha256`?' -- build a
    package a <<<'  needs = { internte = {} },'
    fails 1 'packages/a/build.ncl:5:11: needs: contract broken by the value of `needs`: `internte` is not a valid need' -- build a
}

@test "a Source without a pin, with one that is none; a Local that is not there, or not a file" {
    package a '{ url = "file:///x", extract = true } | Source' </dev/null
    fails 1 'packages/a/build.ncl:4:35: build_deps[1]: a Source with a `url` needs a `sha256`' -- build a
    package a '{ url = "file:///x", sha256 = "00" } | Source' </dev/null
    fails 1 'packages/a/build.ncl:4:65: build_deps[1].sha256: contract broken by the value of `build_deps[1].sha256`: must be a SHA-256: 64 hexadecimal digits' -- build a
    package a '{ file = "build.sh" } | Local' </dev/null
    fails 1 "packages/a/build.ncl:4:44: build_deps[1].file: there is no file 'packages/a/build.sh'" -- build a
}

@test "minimal.toml: an unknown key, no TOML, an upstream that is not there" {
    printf '[upstreem]\n' >minimal.toml
    fails 1 "minimal.toml:1:2: minimal.toml has no 'upstreem'" "did you mean 'upstream'?" -- build tool
    printf 'x = \n' >minimal.toml
    fails 1 'minimal.toml:1:5: a value was expected' -- build tool
    printf '[upstream]\ndir = "../nowhere"\n' >minimal.toml
    fails 1 'minimal.toml:2:7: there is no directory ../nowhere' -- build tool
    rm minimal.toml
    cd "$world"
    fails 1 "there is no minimal.toml in $world, nor above it" \
        'an empty minimal.toml makes a directory a layer; -C DIR works in another one' -- build tool
}

@test "config.toml of the user: an unknown limit, a wrong value, a mirror that is none" {
    mkdir -p "$home/.config/minimal"
    config=$home/.config/minimal/config.toml
    printf '[limits]\nidle_timeout = 3\n' >"$config"
    fails 1 "$config:2:1: [limits] has no 'idle_timeout'" "did you mean 'idle_timeout_s'?" -- build tool
    printf '[limits]\nidle_timeout_s = "3 min"\n' >"$config"
    fails 1 "$config:2:18: idle_timeout_s must be an integer, not a string" -- build tool
    printf '[limits]\ndisk_mib = 0\n' >"$config"
    fails 1 "$config:2:12: disk_mib must be from 1 to 1073741824" -- build tool
    printf '[mirrors]\ndebian = ["ftp://x"]\n' >"$config"
    fails 1 "$config:2:11: a mirror is an http, https or file URL, not 'ftp://x'" -- build tool
    printf '[limit]\n' >"$config"
    fails 1 "$config:1:2: config.toml has no 'limit'" "did you mean 'limits'?" -- build tool
}

@test "unknown package, on the command line and in a spec" {
    simple bash
    fails 1 "there is no package 'bsah'" "did you mean 'bash'?" -- build bsah
    fails 1 "there is no package 'nosuch'" '`minimal list` shows the packages that there are' -- build tool nosuch
    [ ! -e "$store/objects" ] || [ -z "$(ls -A "$store/objects")" ] # nothing was begun
    package a "$(import_of bahs)" </dev/null
    fails 1 'packages/a/build.ncl:4:35: build_deps[1]: could not find import `../bahs/build.ncl` (looked in packages/a, the built-in modules)' -- build a
    package a '"bash"' </dev/null
    fails 1 'packages/a/build.ncl:4:35: build_deps[1]: contract broken by the value of `build_deps[1]`: expected a package, a Subset, a Source or a Local' -- build a
    package a '{ name = "bahs" } | (import "minimal.ncl").UpstreamPkg' </dev/null
    fails 1 "packages/a/build.ncl:4:35: build_deps[1]: no layer above has a package 'bahs'" -- build a
}

@test "unknown output of a package" {
    package a '{ from = tool, outputs = ["bin"] } | Subset' </dev/null
    fails 1 "packages/a/build.ncl:4:28: build_deps: package 'tool' has no output 'bin'" "did you mean 'bins'?" -- build a
}

@test "two packages of one name" {
    simple a
    mkdir packages/b
    cp packages/a/build.ncl packages/b/
    fails 1 "packages/b/build.ncl:3:1: a package 'a' is declared already at packages/a/build.ncl:3:1: a name stands for one package in all layers" -- build a
}

@test "a file that declares no package" {
    spec a <<<'{ name = "a" }'
    fails 1 'packages/a/build.ncl:1:1: must be a package, not a plain record' \
        'its contract makes it one, as in `{ .. } | BuildSpec`, `{ .. } | Source`' -- build tool
}

@test "missing breaker in a cycle: the cycle is shown" {
    simple a a "$(import_of b)"
    simple b b "$(import_of c)"
    simple c c "$(import_of a)"
    fails 1 'packages/a/build.ncl:4:28: missing breaker in a cycle: a -> b (packages/a/build.ncl:4) -> c (packages/b/build.ncl:4) -> a (packages/c/build.ncl:4)' \
        'give one of them `replace_on_cycle`: a package that needs none of them to be built, such as a prebuilt one' -- build tool a
    rm -r packages/b packages/c
    simple a a "$(import_of a)"
    fails 1 'packages/a/build.ncl:4:28: missing breaker in a cycle: a -> a (packages/a/build.ncl:4)' -- build a
}

@test "infinite recursion: a field that needs itself" {
    spec a <<'END'
let { BuildSpec, .. } = import "minimal.ncl" in
{
  name = name ++ "x",
  build_deps = [],
} | BuildSpec
END
    fails 1 'packages/a/build.ncl:3:10: name: infinite recursion: this value depends on itself' -- build a
    grep -q '^hint: .*`name`' <<<"$stderr"
}

@test "infinite recursion: deeper and deeper" {
    spec a <<'END'
let { BuildSpec, .. } = import "minimal.ncl" in
let rec count = fun n => n + count (n + 1) in
{
  name = std.to_string (count 0),
  build_deps = [],
} | BuildSpec
END
    run --separate-stderr minimal build a
    echo "$stderr"
    [ "$status" = 1 ]
    [[ ${stderr_lines[0]} == "minimal: packages/a/build.ncl:"*": evaluation is nested too deeply ("*" MiB of stack used)" ]]
}

@test "a spec that computes for ever, or that wants all memory, is stopped" {
    spec a <<'END'
let { BuildSpec, .. } = import "minimal.ncl" in
let rec double = fun s => double (s ++ s) in
{
  name = double "aaaaaaaaaaaaaaaa",
  build_deps = [],
} | BuildSpec
END
    fails 1 'packages/a/build.ncl:2:27: name: evaluation needs more than its 1024 MiB of memory' -- build a
    spec a <<'END'
let { BuildSpec, .. } = import "minimal.ncl" in
let rec for_ever = fun x => for_ever x in
{
  name = for_ever "a",
  build_deps = [],
} | BuildSpec
END
    run --separate-stderr minimal build a
    [ "$status" = 1 ]
    [[ ${stderr_lines[0]} == "minimal: packages/a/build.ncl:2:29: name: evaluation "* ]]
    # The layer's other packages are not lost with it.
    rm -r packages/a
    minimal build tool
}

@test "under --json the error is one object, with its place" {
    package a <<<'  cmd = 17,'
    run --separate-stderr minimal build a --json
    [ "$status" = 1 ]
    [ -z "$output" ]
    python3 - "$stderr" <<'PY'
import json, sys
error = json.loads(sys.argv[1])["error"]
assert error["kind"] == "invalid", error
place = error # the innermost is the nearest to what is wrong
while "cause" in place: place = place["cause"]
assert place["where"] == {"file": "packages/a/build.ncl", "line": 5, "column": 9}, error
PY
}

@test "what was built before a spec broke is still there" {
    simple a
    path=$(minimal build a -q)
    printf 'broken' >>packages/a/build.ncl
    run --separate-stderr minimal build a
    [ "$status" = 1 ]
    [ "$(cat "$path/usr/share/a")" = a ]
    simple a
    [ "$(minimal build a 2>&1)" = "$path" ] # the same bytes again: nothing to do
}
