// Values as JSON for people and programs: what `minimal eval` prints.
#ifndef SPECS_EXPORT_H
#define SPECS_EXPORT_H

#include "specs/lang/lang.h"

// The value of a file, or of a field in it: indented, with sorted keys. Of a package (a record whose `ty` is 'Builder)
// the packages that it refers to are only named, as {"name": .., "ty": "Builder"}: in full they would be the whole graph
// again and again, without end where it has cycles. Other files are exported as lang_export_json does.
MUST_CHECK Error *specs_export_json(Lang *lang, Value *file, Value *value, Buf *out);

// A number as JSON, shortest form that reads back the same; false when it is too large for a double.
bool export_number(const Value *number, Buf *out);

#endif
