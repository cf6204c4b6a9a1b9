/* grammar_sample.h - random texts of a grammar, token by token of a vocabulary. */
#ifndef CLI_GRAMMAR_SAMPLE_H
#define CLI_GRAMMAR_SAMPLE_H

#include "grammar/recogniser.h"
#include "tokenizer/tokenizer.h"

struct grammar_sampler {
    uint64_t seed;
    int64_t longest;                           /* tokens after which a text goes straight to its end */
    void (*masked)(void *ctx, double seconds); /* told how long each mask took; or NULL */
    void *ctx;
};

/* The vocabulary of a tokenizer. */
viv_status grammar_vocabulary(const struct tokenizer *t, struct token_trie **out, struct error *err);
/* Replaces *out by a text. */
viv_status grammar_sample(struct grammar_sampler *g, struct recogniser *m, struct buf *out, struct error *err);

#endif
