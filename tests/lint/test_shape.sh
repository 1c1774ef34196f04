#!/bin/bash
# Files and functions stay small enough to read; words that promise later work stay out.
set -u
cd "$SRC"
n=0 bad=0
report() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; bad=1; fi; }
files=$(git ls-files '*.c' '*.h' '*.sh' '*.bats' 2>/dev/null)
[ -n "$files" ] || files=$(find . -path ./build -prune -o \( -name '*.c' -o -name '*.h' \) -print)
report "no file over 1,200 lines" "$(echo "$files" | xargs wc -l | awk '$2 != "total" && $1 > 1200 {print $1, $2}')"
report "no words that promise later work" "$(echo "$files" | grep -v tests/lint | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b|not implemented|unimplemented|for now\b')"
report "no tabs in C sources" "$(echo "$files" | grep '\.[ch]$' | xargs grep -nP '^\s*\t' | head -5)"
report "no banned functions" "$(echo "$files" | grep '\.[ch]$' | xargs grep -nE '\b(strcpy|strcat|sprintf|gets|strtok|alloca|system|popen|mktemp|tmpnam) *\(' | grep -vE ':[0-9]+: *\"' | head)"
# Longest function bodies: a line that starts with an identifier and ends with "{", up to "^}". Those that earn more
# are listed with their length in tests/lint/long-functions.
long=$(echo "$files" | grep '\.c$' | grep -v '^tests/' | xargs awk '
    FNR == 1 { name = "" }
    /^[A-Za-z_].*\) *\{$/ || (/\) *\{$/ && /^ /  && name == "" && header) { }
    /^[A-Za-z_][^;=]*\(/ { candidate = $0; start = FNR }
    /\{$/ && candidate != "" && name == "" && /^[^ ]|^ .*\) *\{$/ { name = candidate; }
    /^\}/ { if (name != "" && FNR - start > 80) { sub(/\(.*/, "", name); sub(/.*[ *]/, "", name); print FILENAME ":" name " " FNR - start + 1 } name = ""; candidate = "" }
' | while read -r where length; do grep -qxF "$where" tests/lint/long-functions 2>/dev/null || echo "$where: $length lines"; done)
report "no function over 80 lines" "$long"
echo "1..$n"
exit $bad
