#!/usr/bin/bash
set -eu

bin=$OUTPUT_DIR/usr/bin
mkdir -p "$bin"
ln -s automake-1.16 "$bin/automake"
ln -s aclocal-1.16 "$bin/aclocal"
