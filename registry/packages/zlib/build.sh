#!/bin/sh
set -eu

cd "zlib-$MINIMAL_ARG_VERSION.dfsg"
export CFLAGS="-O2 -pipe"

./configure --prefix=/usr
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
