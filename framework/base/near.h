/* near.h - "did you mean": the valid word nearest to a misspelt one. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>

/* The candidate within a third of the word's length (edit distance with swaps), else the shortest one of which the
 * word is an abbreviation ("n_head" of "num_attention_heads"), else NULL. */
const char *near_word(const char *word, const char *const *candidates, size_t n);

/* The `most` candidates of the least distance, the nearest first, each once; none of which less than half is
 * shared. Returns how many there are. */
size_t near_words(const char *word, const char *const *candidates, size_t n, const char **out, size_t most);

#endif
