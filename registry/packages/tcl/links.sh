#!/usr/bin/bash
set -eu

mkdir -p "$OUTPUT_DIR/usr/bin"
ln -s tclsh8.6 "$OUTPUT_DIR/usr/bin/tclsh"
