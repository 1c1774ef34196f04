#!/bin/bash
# Every corpus, through its target: an input that once crashed stays fixed.
cd "$SRC" || exit 1
n=0 bad=0
for target in "$BUILD"/fuzz/*; do
    [ -x "$target" ] && [ ! -d "$target" ] || continue
    name=${target##*/}
    n=$((n + 1))
    files=(tests/fuzz/corpus/"$name"/*)
    if [ ! -e "${files[0]}" ]; then
        echo "not ok $n - $name has no corpus"; bad=1
    elif timeout 120 "$target" "${files[@]}" >"$TEST_DIR/out" 2>&1; then
        echo "ok $n - $name: ${#files[@]} inputs"
    else
        echo "not ok $n - $name"; sed 's/^/# /' "$TEST_DIR/out" | tail -20; bad=1
    fi
done
echo "1..$n"
exit $bad
