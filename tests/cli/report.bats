#!/usr/bin/env bats
# What `minimal build` and `minimal log` say: paths on stdout, the story on stderr, one object with --json.

load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

failing() {
    package "$1" <<END
  cmds = [["tool", "print", "compiling"], ["tool", "exit", "3"]],
  outputs = { data = { glob = "**" } | OutputData },
END
}

@test "stdout has one path per package, in the order of the words" {
    simple b
    simple a
    run --separate-stderr minimal build b a
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 2 ]
    [[ ${lines[0]} == "$home/.cache/minimal/artifacts/b-"* ]]
    [[ ${lines[1]} == "$home/.cache/minimal/artifacts/a-"* ]]
    [ "$(cat "${lines[0]}/usr/share/b")" = b ]
    [ "$(cat "${lines[1]}/usr/share/a")" = a ]
    first=$output
    run --separate-stderr minimal build b a
    [ "$output" = "$first" ]
    [ -z "$stderr" ]
}

@test "the story says what was made" {
    simple a
    run --separate-stderr minimal build a
    [ "$(sed -E 's/[0-9.]+ s/TIME/' <<<"$stderr")" = "unpacked tool in TIME
building a
built a in TIME
made 2 of 2 packages in TIME
  unpacked 1 prebuilt package, TIME of work
  built a in TIME" ]
}

@test "-q says nothing but the path" {
    simple a
    run --separate-stderr minimal -q build a
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [ "${#lines[@]}" = 1 ]
}

@test "-v shows what the commands say, line by line, without what a terminal would obey" {
    package a <<END
  cmds = [["tool", "print", "one\u{1b}[31mred\ntwo"], ["tool", "write", "output/x", "x"]],
  outputs = { data = { glob = "**" } | OutputData },
END
    run --separate-stderr minimal -v build a
    [ "$status" = 0 ]
    grep -qxF "a | onered" <<<"$stderr"
    grep -qxF "a | two" <<<"$stderr"
}

@test "--json is one object with paths and outputs" {
    simple a
    run --separate-stderr minimal --json build a
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    python3 - "$output" <<'END'
import json, os, sys
told = json.loads(sys.argv[1])
assert told["schema"] == "minimal.build.1"
package, = told["packages"]
assert package["name"] == "a" and package["present"] is True
assert open(package["path"] + "/usr/share/a").read() == "a"
output = package["outputs"]["data"]
assert len(output["hash"]) == 64 and output["files"] == 1 and output["size_bytes"] == 1
assert os.listdir(output["path"]) == ["usr"]
assert sorted((s["name"], s["outcome"]) for s in told["steps"]) == [("a", "made"), ("tool", "made")]
END
}

@test "a failure shows the last lines, the log and the build directory" {
    failing bad
    run --separate-stderr minimal build bad
    [ "$status" = 1 ]
    [ -z "$output" ]
    grep -qxF "  | compiling" <<<"$stderr"
    grep -qxF "minimal: 'bad': command 2 of 2, \`tool exit 3\`, failed with exit code 3" <<<"$stderr"
    log=$(sed -n 's/^hint: log: //p' <<<"$stderr")
    kept=$(sed -n 's/^ *build directory: //p' <<<"$stderr")
    [ -d "$kept/build/output" ]
    [ "$(minimal log bad --path)" = "$log" ]
    [ "$(minimal log bad)" = "$(cat "$log")" ]
    grep -qxF compiling "$log"
    grep -qxF "## failed: 'bad': command 2 of 2, \`tool exit 3\`, failed with exit code 3" "$log"
}

@test "a failure under --json is in the object and on stderr" {
    failing bad
    run --separate-stderr minimal --json build bad
    [ "$status" = 1 ]
    python3 - "$output" "$stderr" <<'END'
import json, sys
told, error = json.loads(sys.argv[1]), json.loads(sys.argv[2])["error"]
step = [s for s in told["steps"] if s["name"] == "bad"][0]
assert told["packages"][0]["present"] is False and step["outcome"] == "failed"
assert error["kind"] == step["failure"]["error"]["kind"] == "build-failed"
assert step["log"] in error["hint"] and step["kept"] in error["hint"]
END
}

@test "of two failures each is told whole, and what was skipped is named" {
    failing one
    failing two
    simple above above "$(import_of one)"
    run --separate-stderr minimal build two above
    [ "$status" = 1 ]
    grep -qxF "  not built: above, because of one" <<<"$stderr"
    [ "$(grep -c "failed with exit code 3" <<<"$stderr")" = 2 ]
    [ "$(grep '^minimal: ' <<<"$stderr")" = "minimal: 2 packages failed: one, two" ] ||
        [ "$(grep '^minimal: ' <<<"$stderr")" = "minimal: 2 packages failed: two, one" ]
    grep -qxF "hint: not built because of them: above" <<<"$stderr"
}

@test "on a terminal running jobs are lines that go away" {
    package a <<END
  cmds = [["tool", "sleep", "1"], ["tool", "write", "output/x", "x"]],
  outputs = { data = { glob = "**" } | OutputData },
END
    script -qec "stty cols 60 rows 20; '$MINIMAL' --minimal-dir '$world/m' build a" "$world/typed" >/dev/null
    grep -qF $'\033[1A\033[2K' "$world/typed"
    grep -qE 'building +a +[0-9.]+ s' "$world/typed"
    grep -qE '^.*built a in [0-9.]+ s' "$world/typed"
}

@test "log of a package without one says why" {
    simple a
    fails 1 "no build of 'a' has left a log in $home/.local/state/minimal/logs" \
        "a package that was present, or was unpacked as it came, is not built" -- log a
    fails 2 "log takes the name of one package" -- log
    fails 2 "log takes the name of one package" -- log a b
}

@test "build needs names that are there" {
    simple a
    fails 2 "build needs the names of packages, or --all" -- build
    fails 2 "build takes names or --all, not both" -- build --all a
    fails 1 "there is no package 'tol'" "did you mean 'tool'?" -- build tol
}

@test "--all builds every package of the layer" {
    simple a
    simple b
    run --separate-stderr minimal build --all
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 3 ]
}

@test "--rebuild builds what is named anew, and nothing else" {
    simple a
    minimal build a
    run --separate-stderr minimal build --rebuild a
    [ "$status" = 0 ]
    grep -qxE "made 1 of 1 packages in [0-9.]+ s" <<<"$stderr"
    run --separate-stderr minimal build --no-cache a
    grep -qxE "made 2 of 2 packages in [0-9.]+ s" <<<"$stderr"
    grep -qxF "no binary cache is configured: everything is built here" <<<"$stderr"
}
