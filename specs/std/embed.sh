#!/bin/sh
# Prints a C header that holds each given file as a string: struct { name, text } std_modules[].
set -eu
printf '// Made by specs/std/embed.sh; do not edit.\n'
printf '#pragma GCC diagnostic ignored "-Woverlength-strings"\nstatic const LangModule std_modules[] = {\n'
for file; do
    printf '    {STR_INIT("%s"), STR_INIT(""\n' "${file##*/}"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/.*/"&\\n"/' "$file"
    printf ')},\n'
done
printf '};\n'
