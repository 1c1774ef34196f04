#!/usr/bin/env bats
# The second time: what changes nothing rebuilds nothing, what changes something is always noticed.
load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

# nothing_to_do PKG: a build that has nothing to do prints the path that $path holds, and not a word besides.
nothing_to_do() {
    run --separate-stderr minimal build "$1"
    echo "$output $stderr"
    [ "$status" = 0 ]
    [ "$output" = "$path" ]
    [ -z "$stderr" ]
}
# builds PKG WHAT...: exactly these are built, in any order.
builds() {
    local name=$1
    shift
    run --separate-stderr minimal build "$name"
    echo "$output $stderr"
    [ "$status" = 0 ]
    path=$output
    [ "$(sed -nE 's/^  built ([a-z-]+) .*/\1/p' <<<"$stderr" | sort | xargs)" = "$*" ]
}
key() { minimal plan "$1" --full --json | python3 -c 'import json,sys
print([step["spec_key"] for step in json.load(sys.stdin)["steps"] if step["package"] == sys.argv[1]][0])' "$1"; }

@test "comments, attributes, formatting, URLs and tests rebuild nothing" {
    archive "$world/x.tar" 'file x 0644 content'
    pin=$(sha256 "$world/x.tar")
    write() { # URL, COMMENT, ATTRS, TESTS
        package a "{ url = \"$1\", sha256 = \"$pin\", extract = true } | Source" <<END
  # $2
  cmd = ["tool", "copy", "x", "output/x"],
  outputs = { data = { glob = "x" } | OutputData },
  ${3:-}
  ${4:-}
END
    }
    write "file://$world/x.tar" one
    builds a a
    before=$(key a)
    write "file://$world/x.tar" two
    nothing_to_do a
    write "file://$world/x.tar" two 'attrs = { upstream_version = "1.0" },'
    nothing_to_do a
    mkdir "$world/elsewhere"
    mv "$world/x.tar" "$world/elsewhere/x.tar" # the same name: that is seen in /build
    write "file://$world/elsewhere/x.tar" two 'attrs = { upstream_version = "1.0" },'
    nothing_to_do a
    write "file://$world/elsewhere/x.tar" two 'attrs = { upstream_version = "1.0" },' \
        "tests = { t = { class = 'Standalone, cmd = [\"tool\", \"exit\", \"0\"], test_deps = [tool] } | Test },"
    nothing_to_do a
    [ "$(key a)" = "$before" ]
}

@test "what a build can see is in the key: command, arguments, outputs, files and their mode, names" {
    write() { # CMD, ARG, GLOB
        package a '{ file = "input" } | Local' <<END
  cmds = [["tool", "write", "output/x", "$1"], ["tool", "copy", "input", "output/y"]],
  build_args = { arg = "$2" },
  outputs = { data = { glob = "$3" } | OutputData },
END
    }
    echo 1 >packages/a.input
    mkdir -p packages/a
    mv packages/a.input packages/a/input
    write 1 1 '*'; builds a a
    write 2 1 '*'; builds a a
    write 2 2 '*'; builds a a
    write 2 2 'x'; builds a a
    echo 2 >packages/a/input; builds a a
    chmod 755 packages/a/input; builds a a
    nothing_to_do a
    # Back to the beginning: every one of them is still there.
    chmod 644 packages/a/input
    echo 1 >packages/a/input
    write 1 1 '*'; builds a
    [ -z "$stderr" ]
}

@test "a changed script rebuilds its package; what depends on it only when the bytes differ" {
    script() {
        package a <<END
  cmds = [["tool", "print", "$1"], ["tool", "write", "output/usr/share/a", "$2"]],
  outputs = { data = { glob = "usr/share/a" } | OutputData },
END
    }
    script 1 same
    package b "$(import_of a)" <<'END'
  cmd = ["tool", "copy", "/usr/share/a", "output/usr/share/b"],
  outputs = { data = { glob = "usr/share/b" } | OutputData },
END
    simple c c "$(import_of b)"
    builds c a b c
    script 2 same
    builds c a # early cutoff
    nothing_to_do c
    script 2 other
    builds c a b c
    [ "$(cat "$(minimal build b -q)/usr/share/b")" = other ]
}

@test "noticed: a byte changed with size and mtime restored" {
    simple a one
    builds a a
    nothing_to_do a
    touch -r packages/a/build.ncl "$world/stamp"
    sed -i 's/"one"/"two"/' packages/a/build.ncl
    touch -r "$world/stamp" packages/a/build.ncl
    builds a a
    [ "$(cat "$path/usr/share/a")" = two ]
}

@test "noticed: edits in the same tick of the clock as the last run" {
    simple a 0
    for i in 1 2 3 4 5 6 7 8; do
        simple a $i
        [ "$(cat "$(minimal build a -q)/usr/share/a")" = $i ]
    done
}

@test "noticed: a changed import two levels up, by its content and by its coming into being" {
    mkdir lib
    echo '{ text = import "deeper.ncl" }' >lib/shared.ncl
    echo '"one"' >lib/deeper.ncl
    package a <<'END'
  cmd = ["tool", "write", "output/a", (import "../../lib/shared.ncl").text],
  outputs = { data = { glob = "a" } | OutputData },
END
    builds a a
    nothing_to_do a
    echo '"two"' >lib/deeper.ncl
    builds a a
    [ "$(cat "$path/a")" = two ]
}

@test "noticed: a new package directory, one that is gone, one that was moved" {
    simple a
    builds a a
    [ "$(minimal list | grep -c '^z')" = 0 ]
    simple z
    [ "$(minimal list | grep -c '^z')" = 1 ]
    builds z z
    rm -r packages/z
    fails 1 "there is no package 'z'" -- build z
    mkdir packages/d
    mv packages/a packages/d/a
    sed -i 's|"../tool/|"../../tool/|' packages/d/a/build.ncl
    run -0 --separate-stderr minimal build a
    [ -z "$stderr" ] # where a spec lies is not what a build sees
}

@test "noticed: a changed minimal.toml, also one that is wrong now" {
    simple a
    builds a a
    nothing_to_do a
    printf '[nonsense]\n' >minimal.toml
    fails 1 "minimal.toml:1:2: minimal.toml has no 'nonsense'" -- build a
    : >minimal.toml
    nothing_to_do a
}

@test "noticed: another binary" {
    simple a
    builds a a
    kept() { stat -c '%i %.Z' "$home"/.cache/minimal/evaluations/*.specs; }
    nothing_to_do a
    before=$(kept)
    nothing_to_do a
    [ "$(kept)" = "$before" ] # nothing is evaluated again
    mkdir "$world/other"
    cp "$MINIMAL" "${MINIMAL%/*}/minimal-worker" "$world/other/"
    MINIMAL=$world/other/minimal
    nothing_to_do a
    [ "$(kept)" != "$before" ] # what another program found out is not believed
}

@test "noticed: an object of the closure that is gone, truncated, or has other bytes" {
    simple a
    package b <<END
  cmd = ["tool", "write", "output/usr/share/b", "b"],
  runtime_deps = [$(import_of a)],
  outputs = { data = { glob = "usr/share/b" } | OutputData },
END
    builds b a b
    nothing_to_do b
    object() { readlink -f "$(minimal build "$1" -q)/usr/share/$1"; }
    damaged=$(object a)
    chmod -R u+w "${damaged%/tree/*}"
    rm -r "${damaged%/tree/*}"
    builds b a
    [ "$(cat "$damaged")" = a ]
    chmod u+w "$damaged"
    : >"$damaged"
    builds b a
    [ "$(cat "$damaged")" = a ]
    chmod u+w "$damaged" "${damaged%/*}"
    rm "$damaged"
    builds b a
    [ "$(cat "$damaged")" = a ]
    # And what was asked for itself.
    damaged=$(object b)
    chmod u+w "$damaged"
    echo longer >"$damaged"
    builds b b
    [ "$(cat "$damaged")" = b ]
}

@test "plan says what a build would do, and does nothing" {
    simple a
    simple b b "$(import_of a)"
    run --separate-stderr minimal plan b
    echo "$output"
    [ "$status" = 0 ]
    [ "$stderr" = "3 to make" ]
    grep -qE '^tool .*ready|ready.*tool' <<<"$output"
    grep -qE 'a .*waiting|waiting.* a' <<<"$output"
    [ ! -e "$store/objects" ] || [ -z "$(ls -A "$store/objects")" ]
    minimal build a
    run --separate-stderr minimal plan b
    [ "$stderr" = "1 to make" ]
    run --separate-stderr minimal plan b --json
    python3 - "$output" <<'PY'
import json, sys
plan = json.loads(sys.argv[1])
states = {step["package"]: step["state"] for step in plan["steps"]}
assert states["b"] in ("ready", "waiting") and states["a"] == "present", states
PY
    minimal build b
    run --separate-stderr minimal plan b
    [ "$stderr" = "nothing to do" ]
    [ "$output" = "with b at run time: b" ]
    fails 1 "there is no package 'c'" -- plan c
}
