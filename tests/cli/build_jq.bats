#!/usr/bin/env bats
# The whole path, on real input: jq and what it needs, from pinned sources to tested bytes, once as root and once as an
# ordinary user, each with a fresh home. About 75 MB of downloads each; everything else in tests/ stays small.

setup_file() {
    export WORK="$TEST_DIR/work" # not below the temporary directory of bats: that is closed to other users
    mkdir -p "$WORK"
    chmod 755 "$WORK"
    if [ "$(id -u)" = 0 ]; then
        export BUILDERS="root user"
    else
        export BUILDERS="self"
    fi
    # The ordinary user may not be able to read the checkout: it gets a copy of what it needs.
    mkdir -p "$WORK/tool/bin" "$WORK/tool/libexec/minimal"
    cp "$MINIMAL" "$WORK/tool/bin/"
    cp "$BUILD/minimal-worker" "$WORK/tool/libexec/minimal/"
    cp -r "$SRC/registry" "$WORK/registry"
    chmod -R a+rX "$WORK"
    if [ "$(id -u)" = 0 ] && ! getent passwd minimal-test >/dev/null; then
        useradd --no-create-home --home-dir /nonexistent --shell /bin/bash minimal-test
    fi
}

# as WHO COMMAND...: with a home of its own and nothing else of our environment.
as() {
    local who=$1 home="$WORK/home-$1" enter=()
    shift
    mkdir -p "$home"
    if [ "$who" = user ]; then
        chown minimal-test "$home"
        enter=(setpriv --reuid=minimal-test --regid=minimal-test --clear-groups)
    fi
    (cd "$WORK/registry" && env -i PATH=/usr/bin:/bin HOME="$home" "${enter[@]}" "$@")
}
tool() { local who=$1; shift; as "$who" "$WORK/tool/bin/minimal" "$@"; }

recorded() { sed -n "s/^$1 //p" "$SRC/tests/cli/artifacts.txt"; }

@test "builds jq from nothing, as each kind of user" {
    for who in $BUILDERS; do
        for attempt in 1 2 3; do # the mirror may fail; a build that failed for another reason fails three times
            tool "$who" build jq --no-fetch --no-cache >"$WORK/path-$who" 2>"$WORK/log-$who" && break
            cat "$WORK/log-$who"
            [ "$attempt" != 3 ]
        done
        cat "$WORK/log-$who"
        [ "$(wc -l <"$WORK/path-$who")" = 1 ]
        [ -x "$(cat "$WORK/path-$who")/usr/bin/jq" ]
    done
}

@test "both users' artifacts are the same, and the one that is recorded" {
    for who in $BUILDERS; do
        for name in oniguruma jq; do
            got=$(tool "$who" build --json "$name" 2>/dev/null | python3 -c '
import json, sys
outputs = json.load(sys.stdin)["packages"][0]["outputs"]
print(" ".join(name + "=" + outputs[name]["hash"] for name in sorted(outputs)))')
            echo "$who $name $got"
            [ "$got" = "$(recorded "$name")" ]
        done
    done
}

@test "jq links the registry's own oniguruma" {
    who=${BUILDERS%% *}
    readelf -d "$(cat "$WORK/path-$who")/usr/bin/jq" | grep -q 'NEEDED.*libonig.so.5'
    run tool "$who" exec --package jq --package base -- bash -c 'LD_TRACE_LOADED_OBJECTS=1 jq | grep libonig'
    [ "$status" = 0 ]
    [[ $output == *"libonig.so.5 => /usr/lib/libonig.so.5"* ]]
}

@test "a regular expression goes through it, in a box that holds jq alone" {
    for who in $BUILDERS; do
        run tool "$who" exec --package jq -- jq -n -c '"2024-05" | capture("(?<y>\\d+)-(?<m>\\d+)")'
        [ "$status" = 0 ]
        [ "$output" = '{"y":"2024","m":"05"}' ]
    done
}

@test "nothing of the host is in sight" {
    for who in $BUILDERS; do
        for absent in /usr/bin/gcc /usr/bin/git /usr/bin/python3 /usr/bin/sh "$WORK" /home /root/.bashrc /usr/share/doc; do
            run tool "$who" exec --package jq -- jq -n --rawfile x "$absent" '$x'
            [ "$status" = 2 ]
            [[ $output == *"No such file or directory"* ]]
        done
    done
}

@test "a second build does nothing, and says the same path" {
    for who in $BUILDERS; do
        run tool "$who" build jq
        [ "$status" = 0 ]
        [ "${lines[-1]}" = "$(cat "$WORK/path-$who")" ]
        run tool "$who" build jq -q --offline
        [ "$output" = "$(cat "$WORK/path-$who")" ]
    done
}

@test "the exit code of a command is its own" {
    who=${BUILDERS%% *}
    run tool "$who" exec --package jq -- jq -n 'halt_error(7)'
    [ "$status" = 7 ]
    run tool "$who" exec --package jq -- no-such-program
    [ "$status" = 127 ]
}

@test "nothing below a home belongs to another" {
    for who in $BUILDERS; do
        owner=$(stat -c %u "$WORK/home-$who")
        [ -z "$(find "$WORK/home-$who" ! -uid "$owner" -print -quit)" ]
    done
}
