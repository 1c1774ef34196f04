#!/bin/bash
# Which program links which library: the table in docs/worker.md against what the two programs really load. A library that
# `minimal` loads is paid for at every start, and a parser of foreign bytes has no place in it.
set -u
cd "$SRC"
n=0 bad=0
report() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; bad=1; fi; }

# The names of what the loader loads for a program, one per line: "nettle" for libnettle.so.8. libc stands for all of libc.
loaded() {
    ldd "$1" | sed -nE 's/^[[:space:]]*([^ ]+)( =>.*| \(0x.*)$/\1/p' | sed -E 's,.*/,,; s/\.so.*//; s/^lib//' |
        sed -E 's/^(c|m|pthread|dl|rt|resolv|linux-vdso|linux-gate|ld-linux.*|ld64.*|ld-musl.*)$/libc/' | sort -u
}
needed() { # what it links itself
    readelf -d "$1" | sed -nE 's/.*\(NEEDED\).*\[([^]]+)\].*/\1/p' | sed -E 's/\.so.*//; s/^lib//' |
        sed -E 's/^(c|m|pthread|dl|rt|ld-linux.*|ld64.*)$/libc/' | sort -u
}
table() { # the row of a program: what it links
    sed -nE "s/^\| $1 \| ([^|]*) \|.*/\1/p" docs/worker.md | tr ' ' '\n' | sed '/^$/d' | sort -u
}
sanitizers='^(asan|ubsan|tsan|gcov|stdc\+\+|gcc_s)$' # a test build's own

for program in minimal minimal-worker; do
    if [ ! -x "$BUILD/$program" ]; then report "$program is built" "$BUILD/$program is not there"; continue; fi
    [ -n "$(table "$program")" ] && row="" || row="docs/worker.md has no row for $program"
    report "docs/worker.md says what $program links" "$row"
    surplus=$(needed "$BUILD/$program" | grep -vE "$sanitizers" | grep -vxF -f <(table "$program"))
    report "$program links nothing that docs/worker.md does not say" "$surplus"
done
surplus=$(loaded "$BUILD/minimal" | grep -vE "$sanitizers" | grep -vxF -f <(table minimal))
report "minimal loads nothing but what it links" "$surplus"
foreign=$(loaded "$BUILD/minimal" | grep -E '^(curl|archive|git2|crypto|ssl|gnutls|xml2|z|lzma|zstd|bz2|nghttp2)$')
report "minimal loads no network, TLS, archive or compression library" "$foreign"
for library in curl archive; do
    missing=$(needed "$BUILD/minimal-worker" | grep -qx "$library" || echo "lib$library is not linked: is this the right program?")
    report "minimal-worker is the one with lib$library" "$missing"
done
echo "1..$n"
exit $bad
