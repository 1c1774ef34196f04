# What the tests of builds share: a world of their own (a home, a layer), a package `tool` that is one static program, and
# what must hold after every test, whatever went wrong in it: the store is whole, and nothing is left running or mounted.

bats_require_minimum_version 1.5.0
# As tests/run sets them; so that one file can also be run by hand.
: "${SRC:=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)}"
: "${BUILD:=$SRC/build}" "${MINIMAL:=$BUILD/minimal}"
export SRC BUILD MINIMAL LC_ALL=C.UTF-8

# Once per file: the program, as an archive that a prebuilt package can pin.
make_tool() {
    "${CC:-cc}" -O1 -static -s -o "$BATS_FILE_TMPDIR/tool" "$SRC/tests/cli/tool.c"
    archive "$BATS_FILE_TMPDIR/tool.tar" "file usr/bin/tool 0755 @$BATS_FILE_TMPDIR/tool"
    export TOOL_SHA256
    TOOL_SHA256=$(sha256 "$BATS_FILE_TMPDIR/tool.tar")
}

sha256() { sha256sum "$1" | cut -d' ' -f1; }

# archive FILE ENTRY...: a tar. An entry is "KIND NAME [MODE] [WHAT]": `file NAME MODE TEXT` (or @FILE), `dir NAME MODE`,
# `link NAME - TARGET`, `hard NAME - TARGET`, `char NAME`, `block NAME`, `fifo NAME`, `zeros NAME MODE BYTES`.
archive() {
    python3 - "$@" <<'PY'
import io, sys, tarfile

class Zeros:
    def read(self, count): return bytes(count)

types = {"dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "char": tarfile.CHRTYPE,
         "block": tarfile.BLKTYPE, "fifo": tarfile.FIFOTYPE}
name = sys.argv[1]
mode = "w:gz" if name.endswith("gz") else "w:xz" if name.endswith("xz") else "w"
with tarfile.open(name, mode, format=tarfile.PAX_FORMAT) as tar:
    for text in sys.argv[2:]:
        kind, path, mode, what = (text.split(" ", 3) + ["", ""])[:4]
        entry = tarfile.TarInfo(path)
        entry.mode = int(mode, 8) if mode not in ("", "-") else 0o644
        if kind == "file":
            content = open(what[1:], "rb").read() if what[:1] == "@" else what.encode()
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
        elif kind == "zeros":
            entry.size = int(what)
            tar.addfile(entry, Zeros())
        else:
            entry.type = types[kind]
            entry.linkname = what
            if kind in ("char", "block"):
                entry.devmajor, entry.devminor = 1, 3
            tar.addfile(entry)
PY
}

# A fresh home and a layer with `tool` in it; we stand in the layer.
make_world() {
    umask 022
    unset XDG_CACHE_HOME XDG_STATE_HOME XDG_CONFIG_HOME
    world=$BATS_TEST_TMPDIR
    layer=$world/layer
    home=$world/home
    store=$home/.cache/minimal/store
    mkdir -p "$home" "$layer/packages"
    : >"$layer/minimal.toml"
    cd "$layer"
    spec tool <<END
let { BuildSpec, OutputBin, Source, .. } = import "minimal.ncl" in
{
  name = "tool",
  prebuilt = true,
  build_deps = [
    { url = "file://$BATS_FILE_TMPDIR/tool.tar", sha256 = "$TOOL_SHA256", extract = true } | Source,
  ],
  outputs = { bins = { glob = "usr/bin/*" } | OutputBin },
} | BuildSpec
END
}

# spec NAME: standard input becomes its build.ncl.
spec() {
    mkdir -p "$layer/packages/$1"
    cat >"$layer/packages/$1/build.ncl"
}

# package NAME [BUILD_DEPS]: standard input holds the fields, from line 5 on; `tool` is a dependency already.
package() {
    spec "$1" <<END
let { BuildSpec, Local, OutputBin, OutputData, OutputLib, Source, Subset, Test, .. } = import "minimal.ncl" in
let tool = import "../tool/build.ncl" in
{
  name = "$1", build_deps = [tool${2:+, $2}],
$(cat)
} | BuildSpec
END
}

# simple NAME [TEXT] [BUILD_DEPS]: a package whose one file usr/share/NAME holds TEXT.
simple() {
    package "$1" "${3:-}" <<END
  cmd = ["tool", "write", "output/usr/share/$1", "${2:-$1}"],
  outputs = { data = { glob = "usr/share/$1" } | OutputData },
END
}
import_of() { echo "import \"../$1/build.ncl\""; }

# The program, with a home of its own and a mark by which whatever it leaves behind is known.
minimal() { minimal_env "$MINIMAL" "$@"; }
minimal_env() {
    env HOME="$home" MINIMAL_TEST_WORLD="$world" "$@"
}

# The processes of this world: ours by the mark, a box's by where its files are.
processes() {
    local environ
    for environ in /proc/[0-9]*/environ; do
        if grep -qsazxF "MINIMAL_TEST_WORLD=$world" "$environ"; then
            environ=${environ%/environ}
            # A dead one that nobody has waited for yet is gone for our purposes.
            grep -qs '^State:.[ZX]' "$environ/status" || echo "${environ#/proc/}"
        fi
    done
    grep -lsF -e "$world" /proc/[0-9]*/mountinfo | grep -oE '[0-9]+' || true
}

# Waits until a command succeeds: for what another process does soon. The time is a safety net, not a measure.
eventually() {
    local until=$((SECONDS + 20))
    while [ $SECONDS -lt $until ]; do
        "$@" && return
        sleep 0.05
    done
    echo "never came true: $*"
    return 1
}
no_processes() { [ -z "$(processes)" ]; }

# What must hold after every test. Each line speaks for itself: in a teardown, bash does not stop at the first failure.
check_world() {
    cd "$world" || return 1
    eventually no_processes || return 1
    if grep -F "$world" /proc/self/mountinfo; then return 1; fi
    [ -d "$store" ] || return 0
    if [ -n "$(ls -A "$store/staging" 2>/dev/null)" ]; then # half-made; verify would sweep it away
        ls -lR "$store/staging"
        return 1
    fi
    (cd "$layer" && minimal cache verify) >"$world/verify" 2>&1 || { cat "$world/verify"; return 1; }
}

# fails CODE ERROR [HINT] -- WORD...: minimal WORD... must end with CODE, print nothing on stdout, and exactly one error.
fails() {
    local code=$1 error=$2 hint=
    shift 2
    [ "$1" = -- ] || { hint=$1; shift; }
    shift
    run --separate-stderr minimal "$@"
    echo "status $status (want $code), stdout: $output, stderr:"
    echo "$stderr"
    [ "$status" = "$code" ]
    [ -z "$output" ]
    [ "$(grep -c '^minimal: ' <<<"$stderr")" = 1 ]
    [ "$(grep '^minimal: ' <<<"$stderr")" = "minimal: $error" ]
    [ -z "$hint" ] || grep -qxF -- "hint: $hint" <<<"$stderr"
}
