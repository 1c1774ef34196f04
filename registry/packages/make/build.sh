#!/bin/sh
set -eu

cd "make-$MINIMAL_ARG_VERSION"
export CFLAGS="-O2 -pipe"

# Debian leaves doc/ out; configure and make only need it to be there.
mkdir -p doc
printf 'all install install-exec install-data install-strip check clean:\n' > doc/Makefile.in
: > doc/make.1

./configure --prefix=/usr --without-guile --disable-nls
make -j"$(nproc)"
make DESTDIR="$OUTPUT_DIR" install
