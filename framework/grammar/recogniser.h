/* recogniser.h - runs a program over tokens, and says which may come next.
 *
 *   recogniser_create(program, trie, &m)        tables, empty; both are borrowed
 *   recogniser_start(m, &state)                 a text begins
 *   recogniser_mask(m, state, &mask)            tokens that may follow
 *   recogniser_take(m, &state, token)           one of them did
 *   recogniser_drop(m, state)                   the state is no longer needed
 *
 * A state is a number; recogniser_copy gives a second owner one, for speculation and answers that fork.
 * Configurations that no state points at are collected when the tables are full. For one thread at a time. */
#ifndef GRAMMAR_RECOGNISER_H
#define GRAMMAR_RECOGNISER_H

#include "base/buf.h"
#include "grammar/program.h"
#include "grammar/token_trie.h"

enum {
    MAX_CONFIGS = 1 << 16,
    MAX_THREADS = 1 << 14, /* of a configuration */
    MAX_STACK = 2048,      /* frames: what nests deeper is not allowed */
    MASK_BYTES = 8 << 20   /* of cached masks */
};

struct recogniser;
typedef uint32_t recogniser_state;

/* trie may be NULL: then bytes alone are matched. */
viv_status recogniser_create(const struct program *p, const struct token_trie *trie, struct recogniser **out,
                             struct error *err);
void recogniser_destroy(struct recogniser *m); /* accepts NULL */

const struct token_trie *recogniser_trie(const struct recogniser *m); /* borrowed */

viv_status recogniser_start(struct recogniser *m, recogniser_state *out, struct error *err);
recogniser_state recogniser_copy(struct recogniser *m, recogniser_state s);
void recogniser_drop(struct recogniser *m, recogniser_state s);

/* Goes on by a token of the mask. VIV_EINVAL: it is none; the state is as before. */
viv_status recogniser_take(struct recogniser *m, recogniser_state *s, int32_t token, struct error *err);
/* The same with bytes. */
viv_status recogniser_take_bytes(struct recogniser *m, recogniser_state *s, const char *bytes, size_t n,
                                 struct error *err);
/* Whether the text may end here. */
bool recogniser_may_end(const struct recogniser *m, recogniser_state s);
/* Bit i: token i may follow; end-of-text tokens, where the text may end. [trie->n_words], until the next call.
 * *any: there is one. */
viv_status recogniser_mask(struct recogniser *m, recogniser_state s, const uint64_t **mask, bool *any,
                           struct error *err);

/* Appends bytes that bring the text nearer to its end, at most n of them, as few as can be; none where it may end.
 */
viv_status recogniser_finish(struct recogniser *m, recogniser_state s, size_t n, struct buf *out,
                             struct error *err);

struct recogniser_stats {
    uint64_t configurations, threads, frames, collections; /* now, of these, now, ever */
    uint64_t masks, walked, nodes; /* asked for; not cached; nodes of the trie that were looked at */
};
void recogniser_stats(const struct recogniser *m, struct recogniser_stats *out);

#endif
