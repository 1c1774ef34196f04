#!/usr/bin/env bats
# `minimal exec` and `minimal doctor`, as we are and, when we are root, once more as an ordinary user. The packages are
# made of a few programs of the host: a shell with what it needs, and a second one beside it.
bats_require_minimum_version 1.5.0

setup_file() {
    # bats' own directory is closed to others.
    top=$(mktemp -d "${TEST_DIR:-/tmp}/exec.XXXXXX")
    export top
    chmod 755 "$top"
    cp "$MINIMAL" "$top/minimal" # where an ordinary user can reach it
    cp "$(dirname "$MINIMAL")/minimal-worker" "$top/minimal-worker"
    root="$top/shell"
    mkdir -p "$root/usr/bin" "$root/usr/lib" "$root/usr/share/doc"
    for program in dash cat sleep env stat; do cp "$(readlink -f "/usr/bin/$program")" "$root/usr/bin/$program"; done
    ln -s dash "$root/usr/bin/sh"
    for library in $(ldd "$root"/usr/bin/* 2>/dev/null | sed -nE 's/.*[[:space:]](\/[^ ]+) \(.*/\1/p' | sort -u); do
        cp "$(readlink -f "$library")" "$root/usr/lib/$(basename "$library")"
    done
    echo shell >"$root/usr/share/doc/shell"
    mkdir -p "$top/extra/usr/share/doc"
    echo extra >"$top/extra/usr/share/doc/extra"
    mkdir -p "$top/layer/packages"
    : >"$top/layer/minimal.toml"
    package shell '[]' 'bins = { glob = "usr/bin/*" } | OutputBin, libs = { glob = "usr/lib/*", allow_executable = true } | OutputData, docs = { glob = "usr/share/**" } | OutputData'
    package extra '[shell]' 'docs = { glob = "usr/share/**" } | OutputData'
    chmod -R a+rX "$top"
}

package() { # name, runtime_deps, outputs
    local tar="$top/$1.tar" imports=""
    [ "$1" = shell ] || imports='let shell = import "../shell/build.ncl" in'
    tar -C "$top/$1" --owner=0 --group=0 --mtime=@1 --sort=name -cf "$tar" usr
    mkdir -p "$top/layer/packages/$1"
    cat >"$top/layer/packages/$1/build.ncl" <<END
let { BuildSpec, OutputBin, OutputData, Source, .. } = import "minimal.ncl" in
$imports
{
  name = "$1", prebuilt = true,
  build_deps = [{ url = "file://$tar", sha256 = "$(sha256sum "$tar" | cut -d' ' -f1)", extract = true } | Source],
  runtime_deps = $2,
  outputs = { $3 },
} | BuildSpec
END
}

teardown_file() {
    chmod -R u+w "$top" && rm -rf "$top"
}

setup() {
    cd "$top/layer"
    users=(caller)
    [ "$(id -u)" != 0 ] || users+=(user)
}

# Runs minimal as `caller` or as an ordinary `user`, each with a home of its own.
as() {
    local who=$1 home="$top/home-$1"
    shift
    mkdir -p "$home"
    if [ "$who" = caller ]; then
        HOME=$home XDG_CACHE_HOME= XDG_STATE_HOME= "$@"
    else
        chown 65534:65534 "$home"
        HOME=$home XDG_CACHE_HOME= XDG_STATE_HOME= setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    fi
}

@test "a command runs on a package, with its exit code, output and input" {
    for who in "${users[@]}"; do
        run --separate-stderr as "$who" "$top/minimal" -q exec --package shell -- sh -c 'echo out; echo err >&2; exit 7'
        [ "$status" = 7 ] && [ "$output" = out ] && [ "$stderr" = err ]
        run --separate-stderr as "$who" "$top/minimal" exec -p shell -- cat <<<"to the box"
        [ "$status" = 0 ] && [ "$output" = "to the box" ] && [ -z "$stderr" ]
    done
}

@test "a command that is not there is 127, one that cannot be executed 126" {
    for who in "${users[@]}"; do
        run -127 --separate-stderr as "$who" "$top/minimal" -q exec -p shell no-such
        [ "$status" = 127 ] && [ -z "$output" ]
        [ "${stderr_lines[0]}" = "minimal: no-such: there is no such command in the sandbox" ]
        [ "${stderr_lines[1]}" = "hint: it is looked up in the sandbox's PATH; name the package that has it" ]
        run --separate-stderr as "$who" "$top/minimal" -q exec -p shell -- /etc/passwd
        [ "$status" = 126 ]
        [ "$stderr" = "minimal: /etc/passwd: not an executable file in the sandbox" ]
    done
}

@test "a command that a signal ends is 128 + its number" {
    for who in "${users[@]}"; do
        run as "$who" "$top/minimal" -q exec -p shell -- sh -c 'kill -TERM $$'
        [ "$status" = 143 ]
        run as "$who" "$top/minimal" -q exec -p shell -- sh -c 'kill -KILL $$'
        [ "$status" = 137 ]
    done
}

@test "signals reach the command" {
    for who in "${users[@]}"; do
        for name in TERM INT HUP USR1; do
            rm -f "$top/ready"
            mkfifo "$top/ready" && chmod 666 "$top/ready"
            as "$who" "$top/minimal" -q exec -p shell -- \
                sh -c "trap 'exit 9' $name; echo ready; while :; do sleep 0.05; done" >"$top/ready" 2>/dev/null &
            pid=$!
            read -r line <"$top/ready"
            [ "$line" = ready ]
            child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null | tr -d ' ')
            # `as` runs in a shell of its own; minimal is its child, or itself.
            [ "$(cat "/proc/$pid/comm")" = minimal ] && kill "-$name" "$pid" || kill "-$name" "$child"
            status=0
            wait "$pid" || status=$?
            [ "$status" = 9 ]
        done
    done
}

@test "the box holds the packages with what they need, and nothing of the host" {
    for who in "${users[@]}"; do
        run as "$who" "$top/minimal" -q exec -p extra -- sh -c 'cat /usr/share/doc/*; echo /usr/bin/*; echo /*; echo /home/* /root/*'
        [ "$status" = 0 ]
        [ "${lines[0]}" = extra ] && [ "${lines[1]}" = shell ]
        [ "${lines[2]}" = "/usr/bin/cat /usr/bin/dash /usr/bin/env /usr/bin/sh /usr/bin/sleep /usr/bin/stat" ]
        [ "${lines[3]}" = "/bin /build /dev /etc /lib /lib64 /proc /run /sbin /state /tmp /usr" ]
        [ "${lines[4]}" = "/home/* /root/*" ]
    done
}

@test "the variables are the documented ones, and none of the caller's" {
    export MINIMAL_TEST=leaks LD_LIBRARY_PATH=/nowhere http_proxy=http://192.0.2.1
    for who in "${users[@]}"; do
        run as "$who" "$top/minimal" -q exec -p shell -- env
        [ "$status" = 0 ]
        diff <(printf '%s\n' "${lines[@]}" | sort) \
            <(sed -n '/^### Variables/,/^### Limits/s/^| `\(.*\)` | `\(.*\)` |$/\1=\2/p' "$SRC/docs/sandbox.md" | sort)
    done
}

@test "files look the same for everyone, and what is written is gone" {
    script='stat -c "%n %u:%g %a %Y" /usr/bin/cat /usr/bin /etc/passwd /; echo x >/build/f && echo x >/tmp/f && echo x >/state/f && cat /build/f; echo x 2>/dev/null >/usr/f || echo read-only'
    run as caller "$top/minimal" -q exec -p shell -- sh -c "$script"
    [ "$status" = 0 ]
    first=$output
    [[ $first == "/usr/bin/cat 1000:1000 555 315619200"*"x"*"read-only" ]]
    for who in "${users[@]}"; do
        run as "$who" "$top/minimal" -q exec -p shell -- sh -c "$script"
        [ "$output" = "$first" ]
    done
}

@test "some outputs of a package are taken by name" {
    run as caller "$top/minimal" -q exec -p shell:bins,libs,bins -- sh -c 'echo /usr/share/*'
    [ "$status" = 0 ] && [ "$output" = "/usr/share/*" ]
    run as caller "$top/minimal" -q exec -p shell:bins,libs -p extra:docs -- sh -c 'cat /usr/share/doc/extra'
    [ "$status" = 0 ] && [ "$output" = extra ]
    run as caller "$top/minimal" -q exec -p shell:nothing -- sh
    [ "$status" = 1 ]
    [[ $output == *"nothing"* ]]
    run as caller "$top/minimal" -q exec -p shell: -- sh
    [ "$status" = 2 ]
    [ "${lines[0]}" = "minimal: --package shell:: an output has no name" ]
}

@test "--dry-run prints the box, and runs nothing" {
    for who in "${users[@]}"; do
        run --separate-stderr as "$who" "$top/minimal" -q exec -p shell --dry-run -- sh -c 'echo ran'
        [ "$status" = 0 ] && [ -z "$stderr" ]
        [ "${lines[0]}" = "sandbox version $(sed -n 's/^Sandbox version \(.*\)\.$/\1/p' "$SRC/docs/sandbox.md")" ]
        [ "$(grep -c '^layer /' <<<"$output")" = 3 ]
        [ "${lines[-1]}" = "command 'sh' '-c' 'echo ran'" ]
        [[ $output == *"network none"* && $output != *$'\n'ran* ]]
    done
}

@test "wrong words are usage errors" {
    run as caller "$top/minimal" exec -p shell
    [ "$status" = 2 ] && [ "${lines[0]}" = "minimal: exec needs a command" ]
    run as caller "$top/minimal" exec -- sh
    [ "$status" = 2 ] && [ "${lines[0]}" = "minimal: exec needs at least one --package: the sandbox holds nothing else" ]
    run as caller "$top/minimal" exec --packages shell -- sh
    [ "$status" = 2 ] && [ "${lines[0]}" = "minimal: unknown option --packages" ]
    run as caller "$top/minimal" exec -p shel -- sh
    [ "$status" = 1 ] && [ "${lines[0]}" = "minimal: there is no package 'shel'" ]
    # Words of the command are its own.
    run as caller "$top/minimal" -q exec -p shell sh -c 'echo "$@"' x --package -v --json
    [ "$status" = 0 ] && [ "$output" = "--package -v --json" ]
}

@test "a missing tree is made again, and the command runs on it" {
    run as caller "$top/minimal" -q exec -p extra --dry-run -- sh
    [ "$status" = 0 ]
    for tree in $(sed -n 's/^layer //p' <<<"$output"); do
        chmod -R u+w "$tree" && rm -rf "$tree"
    done
    run as caller "$top/minimal" -q exec -p extra -- cat /usr/share/doc/extra
    [ "$status" = 0 ] && [ "$output" = extra ]
}

@test "closed descriptors are empty ones in the box" {
    for who in "${users[@]}"; do
        as "$who" "$top/minimal" -q exec -p shell -- sh -c 'cat && echo read && exit 3' <&- >"$top/closed" || [ $? = 3 ]
        [ "$(cat "$top/closed")" = read ]
        status=0
        as "$who" "$top/minimal" -q exec -p shell -- sh -c 'echo gone; echo gone >&2; exit 4' >&- 2>&- || status=$?
        [ "$status" = 4 ]
    done
}

@test "a directory of the host is no input" {
    run as caller "$top/minimal" -q exec -p shell -- sh -c 'echo ran' </
    [ "$status" = 125 ] && [ "$output" = "minimal: stdin is a directory of the host, which a sandbox must not have" ]
}

@test "doctor says that this host gives all that is needed" {
    for who in "${users[@]}"; do
        run as "$who" "$top/minimal" doctor
        [ "$status" = 0 ]
        [ "${lines[-1]}" = "ok      a whole sandbox: every wall goes up" ]
        for name in kernel user "user namespaces" overlayfs "system call filters"; do
            [[ $output == *"ok      $name: "* ]]
        done
        run as "$who" "$top/minimal" doctor --json
        [ "$status" = 0 ]
        python3 -c 'import json, sys
checks = json.loads(sys.argv[1])
assert checks["schema"] == "minimal.doctor.1"
assert all(c["works"] for c in checks["checks"] if c["needed"]), checks' "$output"
    done
    run as caller "$top/minimal" doctor now
    [ "$status" = 2 ] && [ "${lines[0]}" = "minimal: doctor takes no words, and got 'now'" ]
}

@test "without user namespaces nothing runs, and the setting is named" {
    # A user namespace whose own limit of user namespaces is none.
    none='echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"'
    who=${users[-1]}
    as "$who" "$top/minimal" -q exec -p shell -- sh -c 'exit 0' # so that nothing is left to be made
    run as "$who" unshare --user --map-root-user sh -c "$none" - "$top/minimal" -q exec -p shell -- sh -c 'echo ran'
    [ "$status" = 125 ]
    [[ ${lines[0]} == "minimal: this host does not let us make a sandbox: "*": No space left on device" ]]
    [ "${lines[1]}" = "hint: user namespaces are switched off: sudo sysctl user.max_user_namespaces=28633" ]
    run as "$who" unshare --user --map-root-user sh -c "$none" - "$top/minimal" doctor
    [ "$status" = 125 ]
    [[ $output == *"MISSING user namespaces: No space left on device"* ]]
    [[ $output == *"sudo sysctl user.max_user_namespaces=28633"* ]]
}

@test "in a container with a single id the box is that id" {
    who=${users[-1]}
    [ "$who" = user ] || [ "$(id -u)" != 0 ] || skip "needs an ordinary user"
    run as "$who" unshare --user --map-root-user "$top/minimal" -q exec -p shell -- sh -c 'cat /proc/self/uid_map'
    [ "$status" = 0 ]
    [[ $output =~ ^\ +1000\ +0\ +1$ ]]
}
