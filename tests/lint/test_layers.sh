#!/bin/bash
# An include may point only down the house, never up or sideways, and libraries stay in their one file.
set -u
cd "$SRC"
declare -A may=(
    [cmd]="cmd harness builder cache store specs specs/lang sandbox net base"
    [harness]="harness builder specs cache store sandbox base"
    [builder]="builder specs cache store sandbox base"
    [cache]="cache store base" [cache/worker]="cache/worker cache base"
    [store]="store base" [specs]="specs specs/lang base" [specs/lang]="specs/lang base"
    [sandbox]="sandbox base" [net]="net base" [base]="base"
)
# What builder and harness may know of specs is its plain data and how to load it, never the language.
n=0 bad=0
report() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; bad=1; fi; }

wrong=""
for folder in "${!may[@]}"; do
    for file in "$folder"/*.[ch]; do
        [ -f "$file" ] || continue
        while IFS= read -r included; do
            case $included in */*) dir=${included%/*} ;; *.h) [ -f "$BUILD/gen/$included" ] && continue; dir="(none)" ;; esac
            case " ${may[$folder]} " in *" $dir "*) ;; *) wrong+="$file includes $included"$'\n' ;; esac
        done < <(sed -nE 's/^#include "([^"]+)".*/\1/p' "$file")
    done
done
report "includes point only down, and name their folder" "$wrong"

confined() { # header pattern, the only place
    local hits
    hits=$(grep -lE "#include <$1" -r base cmd specs builder cache store sandbox net harness --include='*.[ch]' 2>/dev/null | grep -vE "^$2\$")
    report "<$1> stays in $2" "$hits"
}
confined 'curl/' 'cache/worker/http\.c'
confined 'archive' 'cache/worker/unpack[a-z_]*\.c'
confined 'sqlite3' 'store/index\.c'
confined 'seccomp\.h' '(sandbox/seccomp\.c|cache/worker/confine\.c)'
confined 'nettle/' 'base/hash\.c'
confined 'pcre2' 'specs/lang/[a-z_]*\.c'

code() { # the lines of code that match, comments left out: file:line:text
    grep -nE "$1" -r base specs builder cache store sandbox $(ls -d net harness 2>/dev/null) --include='*.c' |
        grep -v '^cache/worker/' | sed -E 's,//.*,,' | grep -E "$1"
}
prints=$(code '\b(printf|puts|putchar|fprintf *\( *std(out|err))' | grep -vE '^base/mem\.c|snprintf|buf_printf|arena_printf|format\(printf')
report "only cmd/ prints" "$prints"
exits=$(code '\b(exit|_exit|abort) *\(' | grep -vE '^base/mem\.c|^sandbox/')
report "only cmd/, a box's child and the worker exit" "$exits"
echo "1..$n"
exit $bad
