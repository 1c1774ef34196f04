#!/usr/bin/bash
set -eu

bin=$OUTPUT_DIR/usr/bin
mkdir -p "$bin"
ln -s bash "$bin/sh" # not dash: build scripts out there use bash's ways under #!/bin/sh
ln -s gawk "$bin/awk"
ln -s which.debianutils "$bin/which"
