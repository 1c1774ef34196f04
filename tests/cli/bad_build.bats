#!/usr/bin/env bats
# Builds that go wrong: each ends, says why in one error with the package's name, and leaves what was there before.
load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

# limits KEY=VALUE...: the user's own, so that a test need not wait for hours.
limits() {
    mkdir -p "$home/.config/minimal"
    printf '[limits]\n' >"$home/.config/minimal/config.toml"
    printf '%s\n' "$@" >>"$home/.config/minimal/config.toml"
}

@test "a build that fails: the command, its exit code, the log and the build directory" {
    package a <<'END'
  cmds = [["tool", "write", "half-done", "x"], ["tool", "print", "the reason"], ["tool", "exit", "7"], ["tool", "exit", "0"]],
END
    fails 1 "'a': command 3 of 4, \`tool exit 7\`, failed with exit code 7" -- build a
    log=$(sed -nE 's/^hint: log: (.*)$/\1/p' <<<"$stderr")
    grep -qx 'the reason' "$log"
    grep -qF '`tool exit 7`, failed with exit code 7' "$log"
    kept=$(sed -nE 's/^ +build directory: (.*)$/\1/p' <<<"$stderr")
    [ "$(cat "$kept/build/half-done")" = x ]
    grep -qF '  | the reason' <<<"$stderr" # the log's end is shown at once
    cmp <(minimal log a) "$log"
}

@test "a build that is ended by a signal" {
    package a <<<'  cmd = ["tool", "kill", "11"],'
    fails 1 "'a': \`tool kill 11\` was ended by signal 11 (Segmentation fault)" -- build a
}

@test "a command that is not there" {
    package a <<<'  cmd = "make all",'
    fails 1 "'a': there is no 'make' in /build nor in /usr/bin of the root" 'a dependency that has it belongs into the spec' -- build a 
    printf '#!/bin/sh\n' >packages/a/run.sh
    chmod 755 packages/a/run.sh
    package a '{ file = "run.sh" } | Local' <<<'  cmd = "./run.sh",'
    fails 1 "'a': ./run.sh: there is no such command in the sandbox" -- build a
    chmod 644 packages/a/run.sh
    fails 1 "'a': ./run.sh: not an executable file in the sandbox" -- build a
}

@test "output glob without a match: what there is instead is shown" {
    package a <<'END'
  cmd = ["tool", "write", "output/usr/share/doc/a", "x"],
  outputs = { data = { glob = "usr/share/a/*" } | OutputData },
END
    fails 1 "packages/a/build.ncl:6:22: 'a', output 'data': nothing matches the glob 'usr/share/a/*'" -- build a
    grep -qF 'usr/share/doc/a' <<<"$stderr"
    [ -z "$(ls -A "$store/records/spec" | grep -v "$(ls "$store/records/spec" | head -1)")" ] # tool's alone
}

@test "outputs of the wrong type" {
    package a <<'END'
  cmd = ["tool", "write", "output/usr/bin/a", "text"],
  outputs = { bins = { glob = "usr/bin/*" } | OutputBin },
END
    fails 1 "packages/a/build.ncl:6:22: 'a', output 'bins': usr/bin/a is neither a program (ELF) nor a script ('#!')" \
        'files that are no programs belong into an OutputData or OutputLib' -- build a
    package a <<'END'
  cmd = ["tool", "copy", "/usr/bin/tool", "output/usr/share/a"],
  outputs = { data = { glob = "usr/share/*" } | OutputData },
END
    fails 1 "packages/a/build.ncl:6:22: 'a', output 'data': usr/share/a is an ELF object, not data" \
        'put it into an OutputBin or OutputLib, or say allow_executable = true' -- build a
    package a <<'END'
  cmd = ["tool", "write", "output/usr/lib/liba.so", "text"],
  outputs = { libs = { glob = "usr/lib/*" } | OutputLib },
END
    fails 1 "packages/a/build.ncl:6:22: 'a', output 'libs': usr/lib/liba.so is no library, object, archive or linker script" \
        'narrow the glob, or say allow_data = true' -- build a
    package a <<'END'
  cmd = ["tool", "fifo", "output/usr/share/a"],
  outputs = { data = { glob = "usr/share/*" } | OutputData },
END
    fails 1 "packages/a/build.ncl:6:22: 'a', output 'data': usr/share/a is a fifo; outputs hold files and links" -- build a
    package a <<'END'
  cmd = ["tool", "write", "output/usr/bin/a", "#!/bin/sh"],
  outputs = { bins = { glob = "usr/bin/*" } | OutputBin },
END
    fails 1 "packages/a/build.ncl:6:22: 'a', output 'bins': usr/bin/a is a script for /bin/sh, which neither the package nor its runtime dependencies have" \
        'add the package that has it to runtime_deps, or say allow_missing_interpreter = true' -- build a
}

@test "a symbolic link that leaves the root, that leads nowhere, that goes in circles" {
    link() {
        package a <<END
  cmd = ["tool", "link", "$1", "output/usr/share/a"],
  outputs = { data = { glob = "usr/share/a" } | OutputData },
END
    }
    link ../../../../etc/passwd
    fails 1 "'a': the link usr/share/a -> ../../../../etc/passwd leaves the root" -- build a
    link nowhere
    fails 1 "'a': the link usr/share/a -> nowhere leads nowhere: neither the package's outputs nor its runtime dependencies have usr/share/nowhere" \
        'is there an output whose glob takes usr/share/nowhere?' -- build a
    link a
    fails 1 "'a': the link usr/share/a -> a goes in circles" -- build a
    link /etc/passwd # within the root, and there
    minimal build a
}

@test "a build that removes its output directory, or puts a link there" {
    package a <<'END'
  cmd = ["tool", "rename", "output", "elsewhere"],
  outputs = { data = { glob = "**" } | OutputData },
END
    fails 1 "'a': the build removed its output directory: cannot open output without following links: No such file or directory" -- build a
    package a <<'END'
  cmds = [["tool", "rename", "output", "elsewhere"], ["tool", "link", "/etc", "output"]],
  outputs = { data = { glob = "**" } | OutputData },
END
    run --separate-stderr minimal build a
    echo "$stderr"
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ $stderr == *"minimal: 'a': the build removed its output directory"* ]]
}

@test "conflicting files of two packages: the path and both names" {
    for name in b c; do
        package $name <<END
  cmd = ["tool", "write", "output/usr/share/same", "from $name"],
  outputs = { data = { glob = "usr/share/**" } | OutputData },
END
    done
    simple a a "$(import_of b), $(import_of c)"
    fails 1 "packages/a/build.ncl:3:1: 'a': /usr/share/same differs between 'b' (output data) and 'c' (output data)" \
        '`prefer = ["b"]` in the spec takes its file' -- build a
    # Both are there, and the way out that the hint names works.
    minimal build b c --offline
    package a "$(import_of b), $(import_of c)" <<'END'
  prefer = ["c"],
  cmd = ["tool", "copy", "/usr/share/same", "output/usr/share/a"],
  outputs = { data = { glob = "usr/share/a" } | OutputData },
END
    path=$(minimal build a)
    [ "$(cat "$path/usr/share/a")" = "from c" ]
}

@test "a build that says nothing for too long is ended" {
    limits 'idle_timeout_s = 1'
    package a <<<'  cmd = ["tool", "sleep", "600"],'
    fails 1 "'a': \`tool sleep 600\` was ended: it said nothing for 1 s" -- build a
}

@test "a build that takes too long is ended, however much it says" {
    limits 'total_timeout_s = 1'
    package a <<<'  cmd = ["tool", "chatter"],'
    fails 1 "'a': \`tool chatter\` was ended: it took longer than 1 s" -- build a
}

@test "a build that fills the disk is ended, and what it wrote is looked after" {
    limits 'disk_mib = 4'
    package a <<<'  cmds = [["tool", "fill", "output/big"], ["tool", "exit", "0"]],'
    simple b
    run --separate-stderr minimal build a b
    echo "$stderr"
    [ "$status" = 1 ]
    [[ $stderr == *"minimal: 'a': command 1 of 2, \`tool fill output/big\`, was ended: it wrote more than 4 MiB"* ]]
    [ "$(cat "$output/usr/share/b")" = b ]
}

@test "the disk is full: nothing finished is lost, and with room again the build goes on" {
    simple a
    package b "$(import_of a)" <<'END'
  cmd = ["tool", "copy", "/usr/bin/tool", "output/usr/bin/b"],
  outputs = { bins = { glob = "usr/bin/b" } | OutputBin },
END
    cat >"$world/script" <<'END'
set -eu
minimal() { "$MINIMAL" --minimal-dir "$world/small" "$@"; }
mkdir "$world/small"
mount -t tmpfs -o size=64m,mode=700 none "$world/small"
minimal build a >"$world/path"
head -c 62m /dev/zero >"$world/small/ballast" || true # what is left is less than a build needs
code=0
minimal build b >"$world/out" 2>"$world/err" || code=$?
cat "$world/err"
[ $code = 1 ]
[ ! -s "$world/out" ]
[ "$(grep -c '^minimal: ' "$world/err")" = 1 ]
grep -E "^minimal: .*(No space left on device|it wrote more than the [0-9]+ MiB that the disk has left|failed with exit code 1)" "$world/err"
minimal build a --offline >"$world/out" 2>"$world/err" # to find what is there takes no room
cat "$world/err"
[ ! -s "$world/err" ]
cmp "$world/path" "$world/out"
[ "$(cat "$(cat "$world/path")/usr/share/a")" = a ]
rm "$world/small/ballast"
minimal cache verify
minimal build b
minimal cache verify
END
    privately=(unshare --mount)
    [ "$(id -u)" = 0 ] || privately+=(--user --map-root-user)
    export world
    minimal_env "${privately[@]}" bash "$world/script"
}

@test "a build that forks without end meets a limit, and all of it is gone afterwards" {
    package a <<<'  cmd = ["tool", "fork"],'
    fails 1 "'a': \`tool fork\` failed with exit code 3" -- build a
    grep -qE '\| tool: fork [0-9]+: Resource temporarily unavailable' <<<"$stderr"
    no_processes
}

@test "what a build leaves running is gone when it ends" {
    package a <<'END'
  cmds = [["tool", "leave-behind", "600"], ["tool", "write", "output/a", "a"]],
  outputs = { data = { glob = "a" } | OutputData },
END
    minimal build a
    no_processes
}

@test "a build that writes where it must not" {
    for path in /usr/share/x /etc/x /x /dev/shm/../x /proc/sys/kernel/core_pattern; do
        package a <<<"  cmd = [\"tool\", \"write\", \"$path\", \"x\"],"
        fails 1 "'a': \`tool write $path x\` failed with exit code 1" -- build a
    done
}

@test "a build for another machine" {
    case $(uname -m) in x86_64) other=arm64 here=amd64 ;; *) other=amd64 here=arm64 ;; esac
    package a <<<"  target = \"$other/linux\", cmd = [\"tool\", \"exit\", \"0\"],"
    fails 1 "packages/a/build.ncl:3:1: 'a' is for $other/linux and cannot be built on $here/linux" -- build a
}

@test "a build that asks for the network has to pin what it downloads instead" {
    package a <<<'  needs = { internet = {} }, cmd = ["tool", "exit", "0"],'
    fails 1 "packages/a/build.ncl:3:1: 'a' declares that its build needs the network, and a build has none" \
        'pin what it downloads as a Source' -- build a
}

@test "no sandbox can be made: which setting, and what to do; exit code 125" {
    simple a
    # A namespace of our own in which none may be made: what the administrator's setting does to a whole host.
    cat >"$world/without" <<'END'
#!/bin/sh
echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"
END
    chmod 755 "$world/without"
    inside() { minimal_env unshare --user --map-root-user "$world/without" "$@"; }
    run --separate-stderr inside "$MINIMAL" build a
    echo "$stderr"
    [ "$status" = 125 ]
    [ -z "$output" ]
    [ "$(grep -c '^minimal: ' <<<"$stderr")" = 1 ]
    if [ "$(id -u)" = 0 ]; then # root is never handed in, and here is nobody else
        grep -qF "the only user id here is the host's root, which must not be handed to a sandbox" <<<"$stderr"
        grep -qF 'hint: run minimal as an ordinary user of the host' <<<"$stderr"
    else
        grep -qF "minimal: 'a': this host does not let us make a sandbox: cannot clone into new namespaces: No space left on device" <<<"$stderr"
        grep -qF 'hint: user namespaces are switched off: sudo sysctl user.max_user_namespaces=28633' <<<"$stderr"
        run inside "$MINIMAL" doctor
        echo "$output"
        [[ $output == *"sudo sysctl user.max_user_namespaces=28633"* ]]
    fi
    # With the setting put right the same build works.
    minimal build a
}
