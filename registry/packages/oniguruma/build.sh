#!/bin/sh
set -eu

cd "oniguruma-$MINIMAL_ARG_VERSION"
export CFLAGS="-O2 -pipe"

autoreconf -fi
./configure --prefix=/usr
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
