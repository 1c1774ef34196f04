#!/usr/bin/env bats
# minimal cache: what it says, what it finds, and that nothing of root's is left where a user is at home.

bats_require_minimum_version 1.5.0

setup() {
    umask 022
    # Not below TEST_DIR: that may lie where an ordinary user cannot go, or what is open to all.
    dir=$(mktemp -d /tmp/minimal-cache.XXXXXX)
    cd "$dir"
    export HOME=$dir/home
    unset XDG_CACHE_HOME XDG_STATE_HOME
    mkdir "$HOME"
    store=$HOME/.cache/minimal/store
}

teardown() { cd /; rm -rf "$dir"; }

hello=2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824

@test "add keeps files by content, and info counts them" {
    printf hello >a; printf hello >b; printf other >c
    run --separate-stderr "$MINIMAL" cache add a b c
    [ "$status" = 0 ]
    [ "${lines[0]}" = "$hello  a" ]
    [ "${lines[1]}" = "$hello  b" ]
    [ "$(cat "$store/downloads/$hello")" = hello ]
    run --separate-stderr "$MINIMAL" cache info
    [ "$status" = 0 ]
    [ "$output" = "store      $store
objects    0 (0 files, 0 bytes)
records    0
downloads  2 (10 bytes)
kept       0" ]
    run --separate-stderr "$MINIMAL" cache info --json
    [ "$output" = "{\"schema\": \"minimal.cache.info.1\", \"store\": \"$store\", \"objects\": 0, \"object_files\": 0, \"object_bytes\": 0, \"records\": 0, \"downloads\": 2, \"download_bytes\": 10, \"kept\": 0}" ]
}

@test "add of a file that is not there names it, and keeps those before it" {
    printf hello >a
    run --separate-stderr "$MINIMAL" cache add a no
    [ "$status" = 1 ]
    [ "$stderr" = "minimal: cannot open no: No such file or directory" ]
    [ -f "$store/downloads/$hello" ]
}

@test "verify says that all is well, and exits 0" {
    printf hello >a
    "$MINIMAL" cache add a
    run --separate-stderr "$MINIMAL" cache verify
    [ "$status" = 0 ]
    [ "$output" = "looked at 0 objects (0 files, 0 bytes), 0 records, 1 download: all is well" ]
}

@test "verify removes what is damaged, says so, and exits 1; then all is well" {
    printf hello >a
    "$MINIMAL" cache add a
    chmod u+w "$store/downloads/$hello"
    printf hellO >"$store/downloads/$hello"
    run --separate-stderr "$MINIMAL" cache verify
    [ "$status" = 1 ]
    [ "${lines[0]}" = "downloads/$hello is damaged and was removed" ]
    [ "${lines[1]}" = "looked at 0 objects (0 files, 0 bytes), 0 records, 1 download: removed 0 objects, 0 records, 1 download; the next build makes anew what it needs" ]
    [ ! -e "$store/downloads/$hello" ]
    run --separate-stderr "$MINIMAL" cache verify --json
    [ "$status" = 0 ]
    [ "$output" = '{"schema": "minimal.cache.verify.1", "findings": [], "objects": 0, "files": 0, "file_bytes": 0, "records": 0, "downloads": 0, "damaged_objects": 0, "dropped_records": 0, "damaged_downloads": 0, "strays": 0}' ]
}

@test "gc removes what was not used for a month, and with --dry-run only says so" {
    printf hello >a; printf other >b
    "$MINIMAL" cache add a b
    touch -d '40 days ago' "$store/downloads/$hello"
    run --separate-stderr "$MINIMAL" cache gc --dry-run
    [ "$status" = 0 ]
    [ "${lines[0]}" = "downloads/$hello" ]
    [ "${lines[1]}" = "would remove 0 objects, 0 records, 1 download, 0 kept builds: 5 bytes that nothing used for 30 days" ]
    [ -e "$store/downloads/$hello" ]
    run --separate-stderr "$MINIMAL" cache gc
    [ "$status" = 0 ]
    [ ! -e "$store/downloads/$hello" ]
    [ "$(ls "$store/downloads" | wc -l)" = 1 ]
}

@test "wrong words exit 2, and say what would be right" {
    run "$MINIMAL" cache
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: \`minimal cache\` needs to know what to do" ]
    run "$MINIMAL" cache verfy
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: 'verfy' is nothing that \`minimal cache\` does" ]
    [ "${lines[1]}" = "hint: did you mean \`minimal cache verify\`?" ]
    run "$MINIMAL" cache add
    [ "$status" = 2 ]
    [ "$output" = "minimal: \`minimal cache add\` needs a file" ]
    run "$MINIMAL" cache info more
    [ "$status" = 2 ]
    [ "$output" = "minimal: \`minimal cache info\` takes no 'more'" ]
    run "$MINIMAL" cache verify --dry-run
    [ "$status" = 2 ]
    [ "$output" = "minimal: --dry-run goes with \`minimal cache gc\`, not with verify" ]
}

@test "--minimal-dir moves the store" {
    printf hello >a
    "$MINIMAL" --minimal-dir "$dir/elsewhere" cache add a
    [ ! -e "$HOME/.cache" ]
    run find "$dir/elsewhere" -name "$hello"
    [ -n "$output" ]
}

@test "a store that others may write to is refused, with what mends it" {
    mkdir -p "$HOME/.cache"
    chmod 777 "$HOME/.cache"
    run --separate-stderr "$MINIMAL" cache info
    [ "$status" = 1 ]
    [ "${stderr_lines[0]}" = "minimal: the store $store cannot be used: others may write to $HOME/.cache (mode 0777)" ]
    [ "${stderr_lines[1]}" = "hint: chmod go-w $HOME/.cache" ]
    [ ! -e "$HOME/.cache/minimal" ]
    chmod go-w "$HOME/.cache"
    "$MINIMAL" cache info
}

@test "root leaves nothing below a user's home, nor a user below root's" {
    if [ "$(id -u)" != 0 ]; then
        run --separate-stderr "$MINIMAL" --minimal-dir /usr/minimal-test cache info
        [ "$status" = 1 ]
        [ ! -e /usr/minimal-test ]
        return
    fi
    chown -R 65534:65534 "$HOME"
    run --separate-stderr "$MINIMAL" cache info
    [ "$status" = 1 ]
    [ -z "$(find "$HOME" -user root)" ]
    [[ $stderr == *"root"*"without sudo"* ]]
}

@test "an ordinary user has a store of their own" {
    as() { env HOME="$HOME" "$@"; }
    printf hello >a
    cp "$MINIMAL" "$dir/minimal"
    if [ "$(id -u)" = 0 ]; then
        chown -R 65534:65534 "$dir"
        as() { setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$HOME" "$@"; }
    fi
    run --separate-stderr as "$dir/minimal" cache add a
    [ "$status" = 0 ]
    [ "$output" = "$hello  a" ]
    [ "$(stat -c %u:%a "$store")" = "$(stat -c %u:700 "$dir")" ]
    run --separate-stderr as "$dir/minimal" cache verify
    [ "$status" = 0 ]
    [ -z "$(find "$dir" ! -user "$(stat -c %U "$dir")")" ]
}
