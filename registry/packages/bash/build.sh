#!/bin/sh
set -eu

cd "bash-$MINIMAL_ARG_VERSION"
export CFLAGS="-O2 -pipe"

./configure --prefix=/usr --without-bash-malloc --disable-nls
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
