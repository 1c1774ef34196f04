#!/usr/bin/env bats
# Long: everything that the registry builds from source, from nothing, twice under different conditions (job count, path
# of the store, and as root the user as well): every package's own tests pass, and every artifact is the same.

setup_file() {
    export WORK="$TEST_DIR/work" # not below the temporary directory of bats: that is closed to other users
    mkdir -p "$WORK"
    chmod 755 "$WORK"
    mkdir -p "$WORK/tool/bin" "$WORK/tool/libexec/minimal" "$WORK/second/a/much/longer/path"
    cp "$MINIMAL" "$WORK/tool/bin/"
    cp "$BUILD/minimal-worker" "$WORK/tool/libexec/minimal/"
    cp -r "$SRC/registry" "$WORK/registry"
    chmod -R a+rX "$WORK"
    export PACKAGES="bash cmake cxx hello jq lua make meson ninja oniguruma perl python sed sqlite zlib"
    export ENTER=""
    if [ "$(id -u)" = 0 ]; then
        getent passwd minimal-test >/dev/null ||
            useradd --no-create-home --home-dir /nonexistent --shell /bin/bash minimal-test
        chown -R minimal-test "$WORK/second"
        ENTER="setpriv --reuid=minimal-test --regid=minimal-test --clear-groups"
    fi
    mkdir "$WORK/first"
}

tool() { # which, words...
    local dir="$WORK/first" enter=""
    [ "$1" = first ] || { dir="$WORK/second/a/much/longer/path"; enter=$ENTER; }
    shift
    # shellcheck disable=SC2086
    (cd "$WORK/registry" && env -i PATH=/usr/bin:/bin HOME="$dir" $enter "$WORK/tool/bin/minimal" "$@")
}

@test "everything builds from source and passes its tests" {
    # shellcheck disable=SC2086
    tool first build --no-cache --no-fetch -n 2 $PACKAGES >"$WORK/first.paths" 2>"$WORK/first.log" || { tail -50 "$WORK/first.log"; false; }
    tail -30 "$WORK/first.log" >&3
}

@test "the same again, one job at a time, elsewhere" {
    # shellcheck disable=SC2086
    tool second build --no-cache --no-fetch -n 1 $PACKAGES >"$WORK/second.paths" 2>"$WORK/second.log" || { tail -50 "$WORK/second.log"; false; }
}

@test "both gave the same bytes, package by package" {
    for name in $PACKAGES; do
        tool first build --json "$name" 2>/dev/null | python3 -c 'import json,sys; print({n: o["hash"] for n, o in json.load(sys.stdin)["packages"][0]["outputs"].items()})' >"$WORK/one"
        tool second build --json "$name" 2>/dev/null | python3 -c 'import json,sys; print({n: o["hash"] for n, o in json.load(sys.stdin)["packages"][0]["outputs"].items()})' >"$WORK/two"
        cmp "$WORK/one" "$WORK/two" || { echo "$name differs"; cat "$WORK/one" "$WORK/two"; false; }
    done
}

@test "the store verifies" {
    tool first cache verify
    tool second cache verify
}
