// Names that the interpreter itself speaks of, as symbols of each Lang (lang->sym_<id>).
#ifndef SPECS_LANG_NAMES_H
#define SPECS_LANG_NAMES_H

// clang-format off
#define LANG_NAMES(X) \
    X(Ok, "Ok") X(Error, "Error") X(Some, "Some") X(None, "None") \
    X(message, "message") X(notes, "notes") X(blame_location, "blame_location") \
    X(field, "field") X(value, "value") X(right, "right") X(wrong, "wrong") X(left, "left") \
    X(matched, "matched") X(index, "index") X(groups, "groups") X(tag, "tag") X(arg, "arg") \
    X(Lesser, "Lesser") X(Equal, "Equal") X(Greater, "Greater") \
    X(Number, "Number") X(Bool, "Bool") X(String, "String") X(Enum, "Enum") X(Array, "Array") \
    X(Record, "Record") X(Function, "Function") X(Label, "Label") \
    X(CustomContract, "CustomContract") X(Type, "Type") X(Other, "Other") \
    X(Sha256, "Sha256") X(Json, "Json") X(Toml, "Toml") X(Yaml, "Yaml") X(YamlDocuments, "YamlDocuments") \
    X(SymbolicString, "SymbolicString") X(prefix, "prefix") X(fragments, "fragments")
// clang-format on

#endif
