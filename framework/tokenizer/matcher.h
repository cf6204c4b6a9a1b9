/* matcher.h - regular expressions that have no splitter: by Oniguruma, unless it is built without (then they are
 * refused). For regex.c. */
#ifndef TOKENIZER_MATCHER_H
#define TOKENIZER_MATCHER_H

#include "tokenizer/regex.h"

struct matcher;

/* The pattern is UTF-8, and outlives the matcher. */
viv_status matcher_create(const char *pattern, enum regex_syntax syntax, struct matcher **out, struct error *err);
void matcher_destroy(struct matcher *e); /* accepts NULL */
/* See regex_ranges; text[0..n) is UTF-8, and n is not 0. */
viv_status matcher_ranges(const struct matcher *e, const char *text, size_t n, struct ranges *out,
                          struct error *err);

#endif
