#!/usr/bin/bash
set -eu

bin=$OUTPUT_DIR/usr/bin
mkdir -p "$bin"
ln -s g++-12 "$bin/g++"
ln -s x86_64-linux-gnu-g++-12 "$bin/x86_64-linux-gnu-g++"
ln -s g++ "$bin/c++"
