/* regex.h - regular expressions, by Oniguruma: the engine of the tokenizers library, with the syntax and options
 * that library uses. Text and pattern are UTF-8. A regex is immutable; threads may share it.
 *
 * Matching is bounded. A search may take some steps for each byte that it moves forward; what it takes beyond that
 * comes from a fixed allowance for the whole text. A pattern that runs wild ends in an error, not in a hang. */
#ifndef TOKENIZER_REGEX_H
#define TOKENIZER_REGEX_H

#include "tokenizer/pretokens.h"

struct regex;

enum regex_syntax {
    REGEX_TOKENIZERS, /* Oniguruma's own */
    REGEX_PYTHON      /* as the module re of Python */
};

viv_status regex_create(const char *pattern, size_t n, enum regex_syntax syntax, struct regex **out,
                        struct error *err);
void regex_destroy(struct regex *r);
/* Covers text[0..n) with matches and what lies between. A match of length zero is a range, too. An empty text has
 * no range at all. */
viv_status regex_ranges(const struct regex *r, const char *text, size_t n, struct ranges *out, struct error *err);

#endif
