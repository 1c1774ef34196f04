#!/bin/sh
set -eu

cd "lua-$MINIMAL_ARG_VERSION"

make -j"$(nproc)" linux
make INSTALL_TOP="$OUTPUT_DIR/usr" INSTALL_MAN="$OUTPUT_DIR/usr/share/man/man1" install
