#!/usr/bin/env bats
# A build from outside: interrupted, killed, twice at once, without a network, with failures in the middle of it.
load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

# in_background WORD...: minimal WORD... with its output in $world/out and $world/err, as a job of its own whose signals
# are ours alone; $job is its pid.
in_background() {
    # A shell ignores SIGINT in what it puts into the background; this gives it back. And no function: $! would be the
    # shell that runs it.
    env HOME="$home" MINIMAL_TEST_WORLD="$world" python3 -c '
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execv(sys.argv[1], sys.argv[1:])' "$MINIMAL" "$@" >"$world/out" 2>"$world/err" 3>&- &
    job=$!
}
said() { grep -qF -- "$1" "$world/err"; }
# ended JOB: waits for it; its code is in $code.
ended() { code=0; wait "$1" || code=$?; }
# Whether a command of a box runs: its words, and the world's mark of its mounts.
running() { local pid; for pid in $(processes); do grep -qsazF -- "$1" "/proc/$pid/cmdline" && return; done; return 1; }

sleeping() { # NAME: a package that would build for ten minutes
    package "$1" "${2:-}" <<END
  cmds = [["tool", "sleep", "600"], ["tool", "write", "output/usr/share/$1", "$1"]],
  outputs = { data = { glob = "usr/share/*" } | OutputData },
END
}

@test "Ctrl-C: the build ends at once, what was finished is kept, the exit code names the signal" {
    simple a
    sleeping b "$(import_of a)"
    for signal in INT TERM HUP; do
        in_background build b
        eventually running 600
        kill -$signal $job
        ended $job
        cat "$world/err"
        [ $code = $((128 + $(kill -l $signal))) ]
        [ ! -s "$world/out" ]
        [ "$(grep -c '^minimal: ' "$world/err")" = 1 ]
        said 'minimal: interrupted; what was finished is kept'
        no_processes
        [ -z "$(ls -A "$store/kept")" ] # what was interrupted is no evidence
    done
    minimal build a --offline 2>"$world/again"
    [ ! -s "$world/again" ] # it was there
}

@test "a second Ctrl-C ends the program itself, and nothing is left of its boxes" {
    sleeping a
    in_background build a
    eventually running 600
    kill -STOP $job # so that both signals are there before it looks
    kill -TERM $job
    kill -INT $job
    kill -CONT $job
    ended $job
    [ $code -ge 128 ]
    eventually no_processes
}

@test "kill -9 in the middle of a build: the next run goes on from what was finished" {
    simple a
    sleeping b "$(import_of a)"
    in_background build b
    eventually running 600
    kill -KILL $job
    ended $job
    [ $code = 137 ]
    eventually no_processes # the boxes end with it
    simple b b "$(import_of a)"
    run --separate-stderr minimal build b
    echo "$stderr"
    [ "$status" = 0 ]
    [[ $stderr == *"built b in "* ]]
    [[ $stderr != *"built a in "* ]] # that one was finished
    [[ $stderr != *"unpacked tool"* ]]
}

@test "two runs of one package at once build it once" {
    package a <<'END'
  cmds = [["tool", "sleep", "1"], ["tool", "write", "output/a", "a"]],
  outputs = { data = { glob = "a" } | OutputData },
END
    minimal build tool
    in_background build a
    eventually said 'building a'
    run --separate-stderr minimal build a
    ended $job
    echo "$stderr"
    cat "$world/err"
    [ $code = 0 ]
    [ "$status" = 0 ]
    [ "$output" = "$(cat "$world/out")" ]
    [ "$( (grep -c '^ *built a in' "$world/err"; grep -c '^ *built a in' <<<"$stderr") | sort | xargs)" = "0 2" ]
    [ "$(find "$home/.local/state/minimal/logs/a" -name "*.log" | wc -l)" = 1 ] # one log: one build
}

@test "-n 1 builds one after the other, -n 4 at the same time; the results are equal" {
    for name in a b c d; do
        package $name <<END
  cmds = [["tool", "sleep", "0.4"], ["tool", "write", "output/$name", "$name"]],
  outputs = { data = { glob = "$name" } | OutputData },
END
    done
    minimal build tool
    minimal build a b c d -n 1 >"$world/one" 2>"$world/err"
    # In the order of the lines: building x, built x, building y, built y.
    grep -oE '^(building|built) [abcd]' "$world/err" >"$world/order"
    cat "$world/order"
    [ "$(cut -d' ' -f1 "$world/order" | head -8 | xargs)" = "building built building built building built building built" ]
    rm -r "$home/.cache"
    minimal build a b c d -n 4 >"$world/four" 2>"$world/err"
    grep -oE '^(building|built) [abcd]' "$world/err" >"$world/order"
    cat "$world/order"
    [ "$(cut -d' ' -f1 "$world/order" | head -8 | xargs)" = "building building building building built built built built" ]
    cmp "$world/one" "$world/four"
}

@test "one failure stops what depends on it; the rest goes on, and the summary says so" {
    package bad <<<'  cmd = ["tool", "exit", "1"],'
    simple above above "$(import_of bad)"
    simple top top "$(import_of above)"
    simple good
    simple better better "$(import_of good)"
    run --separate-stderr minimal build top better -n 1
    echo "$stderr"
    [ "$status" = 1 ]
    [ "$(cat "$output/usr/share/better")" = better ]
    [[ $stderr == *"made 3 of 6 packages"* ]]
    [[ $stderr == *"  built good in "* ]]
    [[ $stderr == *"  built better in "* ]]
    [[ $stderr == *"  not built: above, because of bad"* ]]
    [[ $stderr == *"  not built: top, because of "* ]]
    [ "$(grep -c '^minimal: ' <<<"$stderr")" = 1 ]
    [[ $stderr == *"minimal: 'bad': \`tool exit 1\` failed with exit code 1"* ]]
}

@test "several failures: each is told, the last line names them all" {
    package bad <<<'  cmd = ["tool", "exit", "1"],'
    package worse <<<'  cmd = ["tool", "exit", "2"],'
    simple top top "$(import_of worse)"
    run --separate-stderr minimal build bad top
    echo "$stderr"
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ $stderr == *"\`tool exit 1\` failed with exit code 1"* ]]
    [[ $stderr == *"\`tool exit 2\` failed with exit code 2"* ]]
    [ "$(grep '^minimal: ' <<<"$stderr")" = "minimal: 2 packages failed: bad, worse" ]
    grep -qF 'not built because of them: top' <<<"$stderr"
}

@test "--json: one object on stdout, also when something failed; the error on stderr is one too" {
    simple good
    package bad <<<'  cmd = ["tool", "exit", "1"],'
    minimal build good --json >"$world/out" 2>"$world/err"
    [ ! -s "$world/err" ]
    python3 - "$world/out" <<'PY'
import json, os, sys
result = json.load(open(sys.argv[1]))
assert result["schema"] == "minimal.build.1", result
(package,) = result["packages"]
assert package["name"] == "good" and package["present"] is True, package
assert open(package["path"] + "/usr/share/good").read() == "good"
assert os.path.isdir(package["outputs"]["data"]["path"]), package
assert sorted((step["name"], step["outcome"]) for step in result["steps"]) == [("good", "made"), ("tool", "made")], result
PY
    run -1 minimal build bad good --json >/dev/null
    minimal build bad good --json >"$world/out" 2>"$world/err" || status=$?
    [ "$status" = 1 ]
    python3 - "$world/out" "$world/err" <<'PY'
import json, os, sys
result = json.load(open(sys.argv[1]))
assert [(p["name"], p["present"]) for p in result["packages"]] == [("bad", False), ("good", True)], result
(step,) = result["steps"]
assert step["name"] == "bad" and step["outcome"] == "failed" and os.path.isfile(step["log"]), step
error = json.load(open(sys.argv[2]))["error"]
assert error["kind"] == "build-failed", error
assert "tool exit 1" in error["message"], error
assert step["log"] in error["hint"], error
PY
}

@test "log: of the last build, of one that failed, of none" {
    package a <<'END'
  cmds = [["tool", "print", "the first words"], ["tool", "write", "output/a", "a"]],
  outputs = { data = { glob = "a" } | OutputData },
END
    run --separate-stderr minimal log a
    [ "$status" = 1 ]
    [ -z "$output" ]
    [ "$(grep -c '^minimal: ' <<<"$stderr")" = 1 ]
    minimal build a
    minimal log a | grep -qx 'the first words'
    package a <<<'  cmds = [["tool", "print", "the second words"], ["tool", "exit", "1"]],'
    run -1 minimal build a
    minimal log a | grep -qx 'the second words'
    [ -f "$(minimal log a --path)" ]
}

@test "--rebuild builds the named package alone, --no-cache everything" {
    simple a
    simple b b "$(import_of a)"
    path=$(minimal build b)
    run --separate-stderr minimal build b --rebuild
    echo "$stderr"
    [ "$status" = 0 ]
    [ "$output" = "$path" ]
    [[ $stderr == *"built b in "* ]]
    [[ $stderr != *"built a in "* ]]
    run --separate-stderr minimal build b --no-cache
    echo "$stderr"
    [ "$status" = 0 ]
    [ "$output" = "$path" ]
    [[ $stderr == *"made 3 of 3 packages"* ]]
    [[ $stderr == *"built a in "* ]]
    [[ $stderr == *"unpacked 1 prebuilt package"* ]]
}

@test "--offline names what is missing and the way out; the file handed in serves whatever URL" {
    archive "$world/x.tar" 'file x 0644 content'
    pin=$(sha256 "$world/x.tar")
    with_url() {
        package a "{ url = \"$1\", sha256 = \"$pin\", extract = true } | Source" <<'END'
  cmd = ["tool", "copy", "x", "output/x"],
  outputs = { data = { glob = "x" } | OutputData },
END
    }
    with_url http://192.0.2.1/dir/x.tar # no host has this address
    fails 1 "packages/a/build.ncl:4:35: 'a': cannot get the source x.tar: http://192.0.2.1/dir/x.tar (sha256 $pin) is not in the store, and --offline forbids to fetch it" \
        'run once without --offline, or hand the file in: minimal cache add FILE' -- build a --offline
    run -0 --separate-stderr minimal cache add "$world/x.tar"
    [ "$output" = "$pin  $world/x.tar" ]
    rm "$world/x.tar"
    path=$(minimal build a --offline)
    [ "$(cat "$path/x")" = content ]
    # Another URL is neither another package nor another download.
    with_url http://192.0.2.2/elsewhere/x.tar
    run --separate-stderr minimal build a --offline
    [ "$status" = 0 ]
    [ "$output" = "$path" ]
    [ -z "$stderr" ]
    run -0 minimal build a --offline --rebuild
}

@test "a package's tests that fail: exit 1, the artifact is kept and known to be untested until they pass" {
    with_test() {
        package a <<END
  cmd = ["tool", "write", "output/usr/share/a", "a"],
  outputs = { data = { glob = "usr/share/a" } | OutputData },
  tests = { works = { class = 'Standalone, cmd = ["tool", "exit", "$1"], test_deps = [tool] } | Test },
END
    }
    with_test 3
    run --separate-stderr minimal build a
    echo "$stderr"
    [ "$status" = 1 ]
    [ "$(cat "$output/usr/share/a")" = a ]
    [[ $stderr == *"built a in "*", its tests FAILED; it is kept, and tested again by the next build that names it"* ]]
    [ "$(grep '^minimal: ' <<<"$stderr")" = "minimal: packages/a/build.ncl:7:21: 'a', test 'works': \`tool exit 3\` failed with exit code 3" ]
    path=$output
    run --separate-stderr minimal build a # again, without being built
    echo "$stderr"
    [ "$status" = 1 ]
    [[ $stderr != *"built a in "* ]]
    [[ $stderr == *"its tests FAILED"* ]]
    # What depends on it may be built: the artifact is there.
    with_test 0
    run --separate-stderr minimal build a
    echo "$stderr"
    [ "$status" = 0 ]
    [ "$output" = "$path" ]
    [[ $stderr != *"built a in "* ]]
    [[ $stderr == *"its tests passed"* ]]
    run --separate-stderr minimal build a
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "a test inside of the build that fails: no artifact" {
    package a <<'END'
  cmd = ["tool", "write", "output/usr/share/a", "a"],
  outputs = { data = { glob = "usr/share/a" } | OutputData },
  tests = { works = { class = 'Build, cmd = ["tool", "exit", "3"] } | Test },
END
    fails 1 "packages/a/build.ncl:7:21: 'a', test 'works': \`tool exit 3\` failed with exit code 3" -- build a
    run --separate-stderr minimal build a --json
    [ "$status" = 1 ]
    [[ $output == *'"present": false'* ]]
}

@test "build --all builds the layer; -q says nothing but the paths" {
    simple a
    simple b
    run --separate-stderr minimal build --all -q
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [ "${#lines[@]}" = 3 ]
}
