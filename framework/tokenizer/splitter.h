/* splitter.h - hand-written matchers for patterns of patterns.h: several times as fast as Oniguruma, with constant
 * memory for words of any length. tests/tokenizer/test_splitter.c compares each with its pattern. */
#ifndef TOKENIZER_SPLITTER_H
#define TOKENIZER_SPLITTER_H

#include <stddef.h>

struct splitter;

/* NULL: none for this pattern. */
const struct splitter *splitter_find(const char *pattern);
/* Returns the end of the match that begins at s[at]. These patterns match everywhere. s[0..n) is UTF-8. */
size_t splitter_next(const struct splitter *p, const char *s, size_t n, size_t at);
/* The patterns that have a splitter, in order; NULL after the last. */
const char *splitter_pattern(size_t i);

#endif
