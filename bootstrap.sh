#!/bin/bash
# From a fresh Debian 12 to a built jq, or to a run of the tests:
#
#   ./bootstrap.sh          install what is missing, build minimal, and let it build jq from source in a cleanroom
#   ./bootstrap.sh check    install what the tests need as well, and run them all
#   ./bootstrap.sh install  only install what is missing
#
# sudo is used for apt-get alone, and only when something is missing. Run it as root, or as a user who may use sudo.
set -euo pipefail
cd "$(dirname "$0")"

build_needs=(gcc make pkg-config libc6-dev libarchive-dev libcurl4-openssl-dev libseccomp-dev libsqlite3-dev nettle-dev
    libpcre2-dev ca-certificates)
check_needs=(bats libcmocka-dev python3 strace util-linux procps binutils zip xz-utils zstd bzip2 git)

say() { printf '\n== %s\n' "$*"; }

missing_of() {
    local name
    for name; do
        dpkg-query -W -f='${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || printf '%s\n' "$name"
    done
}

install_missing() {
    local missing sudo=()
    mapfile -t missing < <(missing_of "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "installing with apt-get: ${missing[*]}"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || {
            echo "bootstrap.sh: these Debian packages are missing and there is no sudo: ${missing[*]}" >&2
            echo "hint: as root, run  apt-get install ${missing[*]}" >&2
            exit 1
        }
        sudo=(sudo)
    fi
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
    say "building minimal"
    make -s -j"$(nproc)" all
}

case ${1:-} in
install)
    install_missing "${build_needs[@]}"
    ;;
check)
    install_missing "${build_needs[@]}" "${check_needs[@]}"
    build
    say "running the tests"
    make -s -j"$(nproc)" check
    ;;
"")
    install_missing "${build_needs[@]}"
    build
    say "building jq from source, with everything that it needs (minimal build jq --no-fetch --no-cache)"
    start=$(date +%s)
    path=$(./build/minimal -C registry build jq --no-fetch --no-cache)
    say "done in $(($(date +%s) - start)) s: $path"
    printf 'Try it:  ./build/minimal -C registry exec --package jq -- jq -n '\''"hello" | test("^h")'\''\n'
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
