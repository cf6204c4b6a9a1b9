/* regex.h - regular expressions by Oniguruma, with the syntax and options of the tokenizers library. Text and
 * pattern are UTF-8. A regex is immutable; threads may share it.
 *
 * Matching is bounded: a search may take a number of steps for each byte that it advances, and a fixed number more
 * for the whole text. A pathological pattern results in an error, not in a hang. */
#ifndef TOKENIZER_REGEX_H
#define TOKENIZER_REGEX_H

#include "tokenizer/pretokens.h"

struct regex;

enum regex_syntax {
    REGEX_TOKENIZERS, /* Oniguruma's own */
    REGEX_PYTHON      /* like Python's module re */
};

viv_status regex_create(const char *pattern, size_t n, enum regex_syntax syntax, struct regex **out,
                        struct error *err);
void regex_destroy(struct regex *r);
/* Covers text[0..n) with matches and the text between them. A match of length zero is a range too. An empty text
 * has no ranges. */
viv_status regex_ranges(const struct regex *r, const char *text, size_t n, struct ranges *out, struct error *err);

#endif
