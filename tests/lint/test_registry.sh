#!/bin/bash
# The starter registry: generated specs are what the pins give, every pin is named the portable way.
set -u
cd "$SRC"
n=0 bad=0
report() { n=$((n + 1)); if [ -z "$2" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; echo "$2" | sed 's/^/# /'; bad=1; fi; }
report "packages/d is what debian/pins.tsv gives" "$(python3 registry/debian/import.py check)"
report "every source is named by mirror://" "$(grep -rnE '\burl *= *"' registry --include='*.ncl' | grep -v '"mirror://')"
report "nothing is pinned where files vanish" "$(grep -rnE 'mirror://debian-(security|backports)|experimental' registry --include='*.ncl' --include='*.tsv')"
report "build scripts are executable" "$(find registry/packages -name '*.sh' ! -perm -u+x)"
report "a package is named like its directory" "$(for spec in registry/packages/*/build.ncl registry/packages/d/*/build.ncl; do
    dir=${spec%/build.ncl}; grep -qxF "  name = \"${dir##*/}\"," "$spec" || echo "$spec"; done)"
report "what is built from source has tests" "$(grep -rlE 'extract = true' registry/packages/*/build.ncl | xargs grep -LE '^  tests = \{')"
report "sha256 are 64 lower-case digits" "$(grep -rhoE 'sha256 = "[^"]*"' registry --include='*.ncl' | grep -vE '"[0-9a-f]{64}"')"
echo "1..$n"
exit $bad
