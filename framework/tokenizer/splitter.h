/* splitter.h - patterns of patterns.h, matched by hand: some times as fast as by Oniguruma, and in constant memory
 * however long a word is. tests/tokenizer/test_splitter.c proves each equal to its pattern. */
#ifndef TOKENIZER_SPLITTER_H
#define TOKENIZER_SPLITTER_H

#include <stddef.h>

struct splitter;

/* NULL: none for this pattern. */
const struct splitter *splitter_find(const char *pattern);
/* The end of the match that begins at s[at]. These patterns match everywhere. s[0..n) is UTF-8. */
size_t splitter_next(const struct splitter *p, const char *s, size_t n, size_t at);
/* The patterns that have one, in order; NULL after the last. */
const char *splitter_pattern(size_t i);

#endif
