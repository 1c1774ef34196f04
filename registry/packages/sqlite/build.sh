#!/bin/sh
set -eu

cd "sqlite3-$MINIMAL_ARG_VERSION"
export CFLAGS="-O2 -pipe"

./configure --prefix=/usr --disable-tcl --disable-readline
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
