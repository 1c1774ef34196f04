#!/usr/bin/bash
set -eu

bin=$OUTPUT_DIR/usr/bin
mkdir -p "$bin" "$OUTPUT_DIR/usr/lib"
for name in gcc gcov gcc-ar gcc-nm gcc-ranlib cpp; do
    ln -s "$name-12" "$bin/$name"
    ln -s "x86_64-linux-gnu-$name-12" "$bin/x86_64-linux-gnu-$name"
done
ln -s gcc "$bin/cc"
ln -s ../bin/cpp "$OUTPUT_DIR/usr/lib/cpp"

# How our libraries win over Debian's.
#
# Debian's ld.so looks into /usr/lib/x86_64-linux-gnu before /usr/lib. What we build lives in /usr/lib. So where a root
# holds both Debian's libz.so.1 (because binutils needs it) and ours (because the spec declares it), Debian's would be
# loaded. Every program and library that this toolchain links therefore carries the search path /usr/lib, which ld.so
# reads before its own list. Debian's programs carry none, and go on using the libraries that they were made with.
#
# gcc takes a whole set of specs or none: these are its own, with that one option added to the linker's.
gcc_lib=$OUTPUT_DIR/usr/lib/gcc/x86_64-linux-gnu/12
mkdir -p "$gcc_lib"
gcc-12 -dumpspecs > specs
before=
while IFS= read -r line; do
    [ "$before" = '*link:' ] && line="%{!static:%{!static-pie:%{!r:-rpath /usr/lib}}} $line"
    printf '%s\n' "$line"
    before=$line
done < specs > "$gcc_lib/specs"
grep -q -- '-rpath /usr/lib' "$gcc_lib/specs"
