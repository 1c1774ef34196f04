// Files of data, and data as text: JSON, YAML, TOML and plain text, as values.
#ifndef SPECS_LANG_DATA_H
#define SPECS_LANG_DATA_H

#include "specs/lang/eval.h"

MUST_CHECK Error *data_parse(Lang *lang, const LoadedFile *file, Value **out);
// Text of a format (ImportFormat) as a value; `source` is for messages.
MUST_CHECK Error *data_parse_text(Lang *lang, uint8_t format, const SourceFile *source, Value **out);
// The documents of a text; one alone stands for itself unless always_array.
MUST_CHECK Error *yaml_parse(Lang *lang, const SourceFile *source, bool always_array, Value **out);
// Deeply forced value as JSON; see lang_export_json.
MUST_CHECK Error *data_export_json(Lang *lang, Value *value, bool compact, Buf *out);
// As TOML: the value must be a record; the records in it become inline tables.
MUST_CHECK Error *data_export_toml(Lang *lang, Value *value, Buf *out);

#endif
