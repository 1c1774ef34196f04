#!/bin/bash
# Kills `minimal build` at one change on disk after the other, from the making of the store to the last record: download,
# unpack, import, commit. After each: the store holds no damage, the same command again succeeds, and what it made is
# what an undisturbed run makes. By default every STRIDE'th call; LONG=1 tries each.
set -u
program=$BUILD/minimal-dynamic # what is linked whole has no calls to stand between
bad=0 n=0
result() { n=$((n + 1)); [ "$1" = 0 ] && echo "ok $n - $2" || { echo "not ok $n - $2"; bad=1; }; }

dir=$(mktemp -d /tmp/minimal-kill.XXXXXX)
trap 'rm -rf "$dir"' EXIT
export HOME=$dir/home
mkdir "$HOME"
cd "$dir" || exit 1
"${CC:-cc}" -shared -fPIC -O1 -U_FORTIFY_SOURCE -o shim.so "$SRC/tests/fault/shim.c" || { echo "1..1"; echo "not ok 1 - the shim compiles"; exit 1; }

# Two packages made of local archives, one needing the other at run time.
mkdir -p layer/packages tree/usr/bin tree/usr/lib/data
touch layer/minimal.toml
printf '#!/bin/sh\necho tool\n' >tree/usr/bin/tool
chmod 755 tree/usr/bin/tool
ln -s tool tree/usr/bin/alias
for i in 1 2 3 4 5; do echo "data $i" >tree/usr/lib/data/$i; done
package() { # name, runtime_deps, what of the tree
    mkdir -p "layer/packages/$1"
    tar -C tree -cf "$1.tar" "$3"
    cat >"layer/packages/$1/build.ncl" <<EOF
let { Attrs, BuildSpec, OutputData, Source, .. } = import "minimal.ncl" in
{
  name = "$1",
  prebuilt = true,
  build_deps = [
    {
      url = "file://$dir/$1.tar",
      sha256 = "$(sha256sum "$1.tar" | cut -d' ' -f1)",
      extract = true,
    } | Source,
  ],
  runtime_deps = [$2],
  outputs = { files = { glob = "usr/**", allow_executable = true } | OutputData },
  attrs = { description = "a test's package" } | Attrs,
} | BuildSpec
EOF
}
package leaf "" usr/lib
package thing '(import "../leaf/build.ncl")' usr/bin

build() { "$program" -C "$dir/layer" -q --minimal-dir "$1" build thing; }
names() { (cd "$1/cache/store" && find objects records downloads -mindepth 2 -maxdepth 3 ! -name manifest ! -name tree; ls downloads) | grep -vE '^records/[a-z]*/..$' | sort; }
contents() { (cd "$1/cache/store" && find objects -name manifest -exec sha256sum {} + | sort; find objects ! -type d -path '*/tree/*' -printf '%p %m %s %l %Ts\n' | sort); }
preloaded() { ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=$dir/shim.so FAULT_PROGRAM=${program##*/} "$@"; }

build "$dir/reference" >reference.out 2>reference.err
result $? "the packages can be built at all"
[ "$bad" = 0 ] || { sed 's/^/# /' reference.err; echo "1..$n"; exit 1; }
names "$dir/reference" >names
contents "$dir/reference" >contents
FAULT_AT=0 FAULT_COUNT=$dir/count preloaded "$program" -C "$dir/layer" -q --minimal-dir "$dir/counted" build thing >/dev/null 2>&1
calls=$(cat "$dir/count" 2>/dev/null || echo 0)
[ "$calls" -ge 60 ]
result $? "the changes on disk are counted ($calls)"

STRIDE=5
[ "${LONG:-0}" = 1 ] && STRIDE=1
killed=0 wrong=""
complain() { wrong+="call $1: $2"$'\n'"$(sed 's/^/    /' "$dir/err" 2>/dev/null | tail -5)"$'\n'; }
for ((at = 1; at <= calls; at += STRIDE)); do
    work=$dir/work.$at
    FAULT_AT=$at preloaded "$program" -C "$dir/layer" -q --minimal-dir "$work" build thing >/dev/null 2>&1
    [ $? = 137 ] && killed=$((killed + 1)) # a thread or a lucky order may need a call less
    "$program" --minimal-dir "$work" cache verify >err 2>&1 || complain $at "the store is damaged"
    build "$work" >out 2>err || complain $at "the next run fails"
    names "$work" | cmp -s - names || complain $at "other names than without the kill"
    contents "$work" | cmp -s - contents || complain $at "other contents than without the kill"
    [ -z "$(ls "$work/cache/store/staging")" ] || complain $at "something is left in staging"
    rm -rf "$work"
done 2>/dev/null # the shell's own word about each kill
[ "$killed" -ge $((calls / STRIDE / 2)) ]
result $? "most runs were killed ($killed)"
[ -z "$wrong" ]
result $? "after a kill the same command goes on as if nothing had been (1 in $STRIDE changes tried)"
[ -z "$wrong" ] || sed 's/^/# /' <<<"$wrong" | head -40
echo "1..$n"
exit $bad
