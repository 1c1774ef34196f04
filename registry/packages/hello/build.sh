#!/bin/sh
set -eu

cd "hello-$MINIMAL_ARG_VERSION"
export CFLAGS="-O2 -pipe"

./configure --prefix=/usr --disable-nls
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
