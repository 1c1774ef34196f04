#!/usr/bin/env bats
# minimal exec: a command in a box made of packages. Its input, output, signals and exit code are the caller's; what it
# sees is the packages' and nothing else.
load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

@test "the command's exit code is ours; what cannot be run is 126 and 127, as in a shell" {
    run -7 --separate-stderr minimal exec -p tool -- tool exit 7
    run -139 --separate-stderr minimal exec -p tool -- tool kill 11
    run -127 --separate-stderr minimal exec -p tool -- nothing
    [ "$stderr" = "minimal: nothing: there is no such command in the sandbox
hint: it is looked up in the sandbox's PATH; name the package that has it" ]
    run -126 --separate-stderr minimal exec -p tool -- /etc/passwd
    [ "$stderr" = "minimal: /etc/passwd: not an executable file in the sandbox" ]
}

@test "standard input, output and error are the caller's" {
    echo "some text" >"$world/in"
    minimal exec -p tool -- tool cat /dev/stdin <"$world/in" >"$world/out"
    cmp "$world/in" "$world/out"
    minimal exec -p tool -- tool cat /nowhere 2>"$world/err" || [ $? = 1 ]
    [ "$(cat "$world/err")" = "tool: /nowhere: No such file or directory" ]
    # A reader that goes away ends it, as a pipe does.
    minimal exec -p tool -- tool chatter | head -1 | grep -q 'still here'
}

@test "words behind -- belong to the command" {
    run -0 --separate-stderr minimal exec -p tool -- tool print --offline
    [ "$output" = --offline ]
}

@test "nothing of the host is there: files, variables, processes" {
    minimal exec -p tool -- tool exit 0
    for path in "$layer" "$home" "$MINIMAL" /root /home /usr/bin/env /etc/hostname /sys/kernel "/proc/$$"; do
        run -0 minimal exec -p tool -- tool absent "$path"
    done
    SECRET=x minimal exec -p tool -- tool cat /proc/self/environ >"$world/environ"
    grep -aq HOME=/tmp/home "$world/environ"
    run ! grep -aE 'SECRET|MINIMAL_TEST_WORLD' "$world/environ"
    run ! grep -aF "$world" "$world/environ"
}

@test "what it writes is gone with it, and where it must not write it cannot" {
    minimal exec -p tool -- tool write /build/x 1
    run -1 minimal exec -p tool -- tool cat /build/x
    for path in /usr/bin/tool /usr/share/x /etc/passwd /x; do
        run -1 minimal exec -p tool -- tool write "$path" x
    done
    minimal cache verify
}

@test "only what was asked for is in the box: packages with what they need at run time, or some of their outputs" {
    simple a
    package b <<END
  cmds = [["tool", "write", "output/usr/share/b", "b"], ["tool", "write", "output/usr/share/doc/b", "b"]],
  runtime_deps = [$(import_of a)],
  outputs = { data = { glob = "usr/share/b" } | OutputData, doc = { glob = "usr/share/doc/*" } | OutputData },
END
    run -0 minimal exec -p tool -p b -- tool cat /usr/share/a
    run -0 minimal exec -p tool -p b -- tool cat /usr/share/doc/b
    run -1 minimal exec -p tool -p b:data -- tool cat /usr/share/doc/b
    run -1 minimal exec -p tool -p a -- tool cat /usr/share/b
}

@test "signals go to the command, and its end by one is told" {
    nap=600.$$$RANDOM # nobody else's; in a file, so that grep does not have it among its own words
    echo "$nap" >"$world/nap"
    napping() { # the command itself, not those who have it among their words
        local file
        for file in $(grep -lsaF -f "$world/nap" /proc/[0-9]*/cmdline); do
            [[ $(tr '\0' ' ' <"$file") != *tool" sleep $nap "* || $(tr '\0' ' ' <"$file") == *exec* ]] || return 0
        done
        return 1
    }
    nobody_naps() { [ -z "$(grep -lsaF -f "$world/nap" /proc/[0-9]*/cmdline)" ]; }
    env HOME="$home" MINIMAL_TEST_WORLD="$world" "$MINIMAL" exec -p tool -- tool sleep "$nap" 3>&- &
    job=$!
    eventually napping
    kill -TERM $job
    code=0
    wait $job || code=$?
    [ $code = 143 ]
    eventually nobody_naps
}

@test "wrong words" {
    fails 2 'exec needs a command' 'minimal exec --package PKG -- COMMAND [ARG...]' -- exec -p tool
    fails 2 'exec needs at least one --package: the sandbox holds nothing else' -- exec -- tool
    fails 1 "there is no package 'tol'" "did you mean 'tool'?" -- exec -p tol -- tool
    fails 2 '--package tool:,: an output has no name' -- exec -p tool:, -- tool
    run --separate-stderr minimal exec -p tool:bin -- tool
    [ "$status" = 1 ]
    [[ $stderr == "minimal: "*"'bin'"* ]]
}
