/* grammar_sample.c - see grammar_sample.h. */
#include "cli/grammar_sample.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { SHOWN = 120 }; /* bytes of a text that does not go on */

viv_status grammar_vocabulary(const struct tokenizer *t, struct token_trie **out, struct error *err)
{
    struct token_ids ends = {0};
    bool ok = token_ids_add(&ends, tokenizer_eos(t));
    for (size_t i = 0; ok && tokenizer_end(t, i) >= 0; i++)
        ok = token_ids_add(&ends, tokenizer_end(t, i));
    viv_status status =
        ok ? token_trie_create(t, tokenizer_vocab_size(t), ends.ids, ends.n, out, err) : error_nomem(err);
    token_ids_release(&ends);
    return status;
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t x = *seed += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* The token of the highest of random logits: any of the mask, each as likely; -1: none. */
static int32_t any_token(const struct token_trie *t, const uint64_t *mask, uint64_t *seed)
{
    uint64_t n = 0;
    for (uint32_t w = 0; w < t->n_words; w++)
        n += (uint64_t)__builtin_popcountll(mask[w]);
    uint64_t k = n ? next_random(seed) % n : 0;
    for (uint32_t w = 0; w < t->n_words; w++) {
        const uint64_t here = (uint64_t)__builtin_popcountll(mask[w]);
        if (k >= here) {
            k -= here;
            continue;
        }
        uint64_t bits = mask[w];
        for (; k; k--)
            bits &= bits - 1;
        return (int32_t)(w * 64 + (uint32_t)__builtin_ctzll(bits));
    }
    return -1;
}

/* The longest token of the mask that the bytes begin with; -1: none. */
static int32_t token_of(const struct token_trie *t, const uint64_t *mask, const struct buf *bytes)
{
    int32_t best = -1;
    size_t longest = 0;
    for (uint32_t id = 0; id < t->n_ids; id++) {
        const size_t n = t->first[id + 1] - t->first[id];
        if (n > longest && n <= bytes->size && mask[id / 64] >> id % 64 & 1 &&
            memcmp(t->bytes + t->first[id], bytes->data, n) == 0) {
            best = (int32_t)id;
            longest = n;
        }
    }
    return best;
}

static viv_status nothing_goes_on(const struct buf *text, struct error *err)
{
    const char *s = buf_text(text);
    size_t from = text->size > SHOWN ? text->size - SHOWN : 0;
    while (((unsigned char)s[from] & 0xC0) == 0x80)
        from++;
    return error_set(err, VIV_EINVAL, "no token of the vocabulary goes on with a text that ends in: %.*s",
                     (int)utf8_whole(s + from, text->size - from), s + from);
}

/* One token; *done: the text has ended. Every third, and all behind the longest length, lead to the end. */
static viv_status sample_token(struct grammar_sampler *g, struct recogniser *m, recogniser_state *s, bool hurry,
                               struct buf *out, bool *done, struct error *err)
{
    const struct token_trie *t = recogniser_trie(m);
    uint64_t *seed = &g->seed;
    const uint64_t *mask;
    struct buf end = {0};
    bool any;
    int32_t token = -1;
    const double begin = seconds_now();
    viv_status status = recogniser_mask(m, *s, &mask, &any, err);
    if (g->masked)
        g->masked(g->ctx, seconds_now() - begin);
    if (status != VIV_OK)
        return status;
    *done = recogniser_may_end(m, *s) && (hurry || !any || next_random(seed) % 4 == 0);
    if (*done)
        return VIV_OK;
    if (!any)
        return nothing_goes_on(out, err);
    if (hurry || next_random(seed) % 3 == 0) {
        status = recogniser_finish(m, *s, 16, &end, err);
        token = status == VIV_OK && end.size ? token_of(t, mask, &end) : -1;
        buf_release(&end);
    }
    if (status == VIV_OK && token < 0)
        token = any_token(t, mask, seed);
    *done = token_trie_is_end(t, token);
    if (status != VIV_OK || *done)
        return status;
    const bool appended = tokenizer_is_special(t->tokenizer, token)
                              ? buf_puts(out, tokenizer_piece(t->tokenizer, token))
                              : buf_append(out, t->bytes + t->first[token], t->first[token + 1] - t->first[token]);
    if (!appended)
        return error_nomem(err);
    return recogniser_take(m, s, token, err);
}

viv_status grammar_sample(struct grammar_sampler *g, struct recogniser *m, struct buf *out, struct error *err)
{
    recogniser_state s;
    bool done = false;
    buf_clear(out);
    viv_status status = recogniser_start(m, &s, err);
    if (status != VIV_OK)
        return status;
    for (int64_t i = 0; status == VIV_OK && !done; i++) {
        if (i > 50 * g->longest)
            status = error_set(err, VIV_ELIMIT, "a text has found no end after %" PRId64 " tokens", i);
        else
            status = sample_token(g, m, &s, i >= g->longest, out, &done, err);
    }
    recogniser_drop(m, s);
    return status;
}
