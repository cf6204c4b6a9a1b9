/* lark_text.h - texts in a Lark grammar: one, and any that has none of some words. */
#ifndef DIALECT_LARK_TEXT_H
#define DIALECT_LARK_TEXT_H

#include "base/buf.h"

/* A terminal: this text. */
void lark_put_literal(struct buf *out, const char *s, size_t n);
/* Rules NAME_0, ...: any text that has none of the words, which are those of a marker. false: memory is out. */
bool lark_put_without(struct buf *out, const char *name, const char *const *words, size_t n);

#endif
