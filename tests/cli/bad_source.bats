#!/usr/bin/env bats
# Sources that are not what they should be: missing, other bytes than pinned, truncated, hostile. One error that names
# the spec's line, the package and the entry; nothing of it is unpacked where it does not belong.
load lib

setup_file() { make_tool; }
setup() { make_world; }
teardown() { check_world; }

at='packages/a/build.ncl:4:35'

# from FILE [FIELDS]: the package a, which unpacks FILE.
from() {
    package a "{ url = \"file://$world/$1\", sha256 = \"$(sha256 "$world/$1")\", extract = true${2:+, $2} } | Source" <<'END'
  cmd = ["tool", "write", "output/ok", "ok"],
  outputs = { ok = { glob = "ok" } | OutputData },
END
}

# refuses NAME WHY ENTRY...: an archive of these entries is not unpacked.
refuses() {
    local name=$1 why=$2
    shift 2
    archive "$world/$name" "$@"
    from "$name"
    fails 1 "$at: 'a': cannot unpack $name: $why" -- build a
    # Nothing came out, neither above nor anywhere else.
    [ -z "$(find "$world" -name '*evil*' ! -path '*/locks/*')" ]
}

@test "wrong sha256: want, got and where it comes from; the file is not kept" {
    printf hello >"$world/hello"
    package a "{ url = \"file://$world/hello\", sha256 = \"$(printf other | sha256sum | cut -d' ' -f1)\" } | Source" </dev/null
    fails 1 "$at: 'a': cannot get the source hello: cannot fetch file://$world/hello: content has another sha256: want $(printf other | sha256sum | cut -d' ' -f1), got $(printf hello | sha256sum | cut -d' ' -f1)" \
        'the file was changed where it comes from, or the spec pins another one; compare with what its authors publish before changing the pin' -- build a
    [ ! -e "$store/downloads/$(sha256 "$world/hello")" ]
    [ ! -e "$store/downloads/$(printf other | sha256sum | cut -d' ' -f1)" ]
}

@test "a file that is not there, or is no file: its URL and the way out" {
    pin=$(printf x | sha256sum | cut -d' ' -f1)
    package a "{ url = \"file://$world/gone\", sha256 = \"$pin\" } | Source" </dev/null
    fails 1 "$at: 'a': cannot get the source gone: cannot fetch file://$world/gone: cannot open $world/gone: No such file or directory" \
        'a file with this sha256 can be handed in: minimal cache add FILE' -- build a
    package a "{ url = \"file://$world\", sha256 = \"$pin\" } | Source" </dev/null
    fails 1 "$at: 'a': cannot get the source ${world##*/}: cannot fetch file://$world: $world is no regular file" -- build a
}

@test "a URL of a kind that nobody knows, a mirror that nobody declares" {
    pin=$(printf x | sha256sum | cut -d' ' -f1)
    package a "{ url = \"ftp://example.org/x\", sha256 = \"$pin\" } | Source" </dev/null
    fails 1 "packages/a/build.ncl:4:43: build_deps[1].url: 'ftp://example.org/x' is no URL that can be fetched: http, https, file, gs or mirror" -- build a
    package a "{ url = \"mirror://nobody/x\", sha256 = \"$pin\" } | Source" </dev/null
    run --separate-stderr minimal build a
    [ "$status" = 1 ]
    [[ $stderr == *"minimal: $at: 'a': cannot get the source x: cannot fetch mirror://nobody/x: no mirror named \"nobody\" is declared"* ]]
    # Every way out that the hint names is one.
    mkdir -p "$world/files" "$home/.config/minimal"
    printf x >"$world/files/x"
    printf '[mirrors]\nnobody = ["file://%s"]\n' "$world/files" >"$home/.config/minimal/config.toml"
    minimal build a
    rm "$home/.config/minimal/config.toml"
    rm -rf "${home:?}/.cache"
    printf '[mirrors]\nnobody = ["file://%s"]\n' "$world/files" >minimal.toml
    minimal build a
}

@test "truncated archives" {
    archive "$world/whole.tar.gz" "file a 0644 $(seq 1000)"
    head -c 1000 "$world/whole.tar.gz" >"$world/cut.tar.gz"
    from cut.tar.gz
    fails 1 "$at: 'a': cannot unpack cut.tar.gz: damaged or truncated archive: truncated gzip input" -- build a
    archive "$world/whole.tar" "file a 0644 hello"
    head -c 1024 "$world/whole.tar" >"$world/cut.tar"
    from cut.tar
    fails 1 "$at: 'a': cannot unpack cut.tar: damaged or truncated archive: it ends without the end mark of a tar" -- build a
    : >"$world/empty.tar"
    from empty.tar
    fails 1 "$at: 'a': cannot unpack empty.tar: is an empty file, not an archive" -- build a
    echo '<html>404 Not Found</html>' >"$world/page.tar"
    from page.tar
    fails 1 "$at: 'a': cannot unpack page.tar: is not an archive in a format that is enabled (tar, zip, .deb)" -- build a
}

@test "names with .. and absolute names" {
    refuses up.tar 'entry "../../evil" has ".." in its path' 'file ../../evil 0644 x'
    refuses in.tar 'entry "d/../../evil" has ".." in its path' 'file d/../../evil 0644 x'
    refuses root.tar "entry \"$world/evil\" is an absolute path" "file $world/evil 0644 x"
}

@test "links that lead out, and files through links" {
    refuses out.tar 'entry "a" is a symbolic link out of the archive'"'"'s root, to "../../.."' 'link a - ../../..' "file a/evil 0644 x"
    refuses through.tar 'entry "a/evil" goes through "a", which the archive says is a symbolic link' "link a - $world" 'file a/evil 0644 x'
    refuses hard.tar 'hard link "a": entry "../../../etc/passwd" has ".." in its path' 'hard a - ../../../etc/passwd'
    refuses absolute.tar 'hard link "a": entry "/etc/passwd" is an absolute path' 'hard a - /etc/passwd'
    refuses unknown.tar 'entry "a" is a hard link to "b", which is not in the archive before it' 'hard a - b'
}

@test "devices and pipes" {
    refuses char.tar 'entry "null" is a device' 'char null'
    refuses block.tar 'entry "disk" is a device' 'block disk'
    refuses fifo.tar 'entry "pipe" is a named pipe' 'fifo pipe'
}

@test "set-id bits of an archive do not come out" {
    archive "$world/su.tar" 'file usr/bin/su 6755 @'"$BATS_FILE_TMPDIR/tool"
    spec a <<END
let { BuildSpec, OutputBin, Source, .. } = import "minimal.ncl" in
{
  name = "a",
  prebuilt = true,
  build_deps = [{ url = "file://$world/su.tar", sha256 = "$(sha256 "$world/su.tar")", extract = true } | Source],
  outputs = { bins = { glob = "usr/bin/*" } | OutputBin },
} | BuildSpec
END
    path=$(minimal build a)
    [ "$(stat -L -c %a "$path/usr/bin/su")" = 555 ]
    [ -z "$(find "$home" -perm /7000 ! -type d ! -type l)" ]
}

@test "decompression bombs: stopped early, and nothing of them stays" {
    archive "$world/bomb.tar.gz" 'zeros big 0644 300000000'
    from bomb.tar.gz
    [ "$(stat -c %s "$world/bomb.tar.gz")" -lt 1000000 ]
    run --separate-stderr minimal build a
    echo "$stderr"
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ $stderr == *"minimal: $at: 'a': cannot unpack bomb.tar.gz: entry \"big\": expands to more than "*" bytes, 200 times its size and more: taken for a decompression bomb"* ]]
    [ "$(du -sm "$home" | cut -f1)" -lt 5 ]
}

@test "strip_prefix that is not there" {
    archive "$world/x.tar" 'file x-1.0/a 0644 x'
    from x.tar 'strip_prefix = "x-2.0"'
    fails 1 "$at: 'a': cannot unpack x.tar: entry \"x-1.0/a\" is outside of strip_prefix \"x-2.0\"" \
        'strip_prefix is the directory that all of the archive is in; leave it out if there is none' -- build a
}

@test "two inputs of one name" {
    archive "$world/x.tar" 'file d/a 0644 x'
    archive "$world/y.tar" 'file d/a 0644 y'
    package a "{ url = \"file://$world/x.tar\", sha256 = \"$(sha256 "$world/x.tar")\", extract = true } | Source, { url = \"file://$world/y.tar\", sha256 = \"$(sha256 "$world/y.tar")\", extract = true } | Source" </dev/null
    run --separate-stderr minimal build a
    [ "$status" = 1 ]
    [[ $stderr == *"minimal: packages/a/build.ncl:4:"*": 'a': two inputs both bring 'a' into /build"* ]]
}

@test "a source that fails says so once, and what was built before stays" {
    simple b
    before=$(minimal build b -q)
    printf x >"$world/x"
    package a "{ url = \"file://$world/x\", sha256 = \"$(printf y | sha256sum | cut -d' ' -f1)\" } | Source, $(import_of b)" </dev/null
    run --separate-stderr minimal build a b
    [ "$status" = 1 ]
    [ "$output" = "$before" ]
    [ "$(grep -c '^minimal: ' <<<"$stderr")" = 1 ]
    [ "$(cat "$before/usr/share/b")" = b ]
}
