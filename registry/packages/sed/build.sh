#!/bin/sh
set -eu

cd "sed-$MINIMAL_ARG_VERSION"
export CFLAGS="-O2 -pipe"

./configure --prefix=/usr --disable-nls --without-selinux --disable-acl
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
