/* regex.h - regular expressions of tokenizers, by PCRE2 with Unicode properties. The reference uses Oniguruma; the
 * patterns that tokenizers are published with mean the same in both once \s, \d and \w follow Unicode. Matching is
 * bounded: a pattern that runs wild ends in an error. */
#ifndef TEXT_REGEX_H
#define TEXT_REGEX_H

#include "text/pieces.h"

struct regex;

viv_status regex_create(const char *pattern, size_t n, struct regex **out, struct error *err);
void regex_destroy(struct regex *r);
/* Covers text[0..n) with matches and what lies between. Empty matches are passed over. */
viv_status regex_ranges(const struct regex *r, const char *text, size_t n, struct ranges *out, struct error *err);

#endif
