// Operators of expressions, and what they share with natives: text of values, equality, deep forcing.
#ifndef SPECS_LANG_OPERATORS_H
#define SPECS_LANG_OPERATORS_H

#include "specs/lang/eval.h"
#include "specs/lang/number.h"

MUST_CHECK Error *eval_chunks(Lang *lang, const AstNode *node, Frame *frame, Value **out);
MUST_CHECK Error *eval_unary(Lang *lang, const AstNode *node, Frame *frame, Value **out);
MUST_CHECK Error *eval_binary(Lang *lang, const AstNode *node, Frame *frame, Value **out);
// `(+)` and the like.
const Native *operator_native(AstOp op);
MUST_CHECK Error *arithmetic(Lang *lang, AstOp op, const Value *a, const Value *b, const AstNode *site, Value **out);

#endif
