/* kv_cache.h - the KV cache of an attention layer, and attention over it.
 *
 * A page holds, for each key/value head, its keys as [head_dim][page_rows] and its values as [page_rows][head_dim],
 * as the kernel expects them (kernels.h). A row is a token, or in cross-attention a row of the encoder output. */
#ifndef LAYERS_KV_CACHE_H
#define LAYERS_KV_CACHE_H

#include "layers/cache.h"

enum {
    CACHE_ROWS = 16, /* rows of a task that writes to the cache */
    ATTEND_ROWS = 32 /* queries of a task */
};

struct kv_cache {
    const viv_kernels *kernels;
    uint64_t n_heads, n_kv_heads, head_dim; /* set by the layer, before all else */
    uint32_t k, v;                          /* indices of the caches (viv_span.cache) */
    struct cache_writer writer;
};

/* Declares the caches by want_cache, or want_encoder_cache. */
viv_status kv_cache_infer(struct kv_cache *s, viv_infer *b,
                          viv_status (*want)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index));
/* Takes those that an earlier layer lends under this name (viv_infer.lend_caches), to read them only. */
viv_status kv_cache_borrow(struct kv_cache *s, viv_infer *b, const char *lent);
viv_status kv_cache_prepare(struct kv_cache *s, const viv_prepare *p);
uint64_t kv_cache_scratch(const struct kv_cache *s, const viv_prepare *p); /* bytes that kv_cache_attend needs */

/* Writes the keys, or values, of n_heads key/value heads from `head` on, of n rows, from row `row` of the cache on:
 * those of the r-th are x + r * stride. VIV_ERANGE if a number is too large for the cache's type. */
viv_status kv_cache_write_keys(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t row,
                               uint64_t n, const float *x, uint64_t stride, uint64_t head, uint64_t n_heads);
viv_status kv_cache_write_values(const struct kv_cache *s, const viv_exec *e, const viv_span *span, uint64_t row,
                                 uint64_t n, const float *x, uint64_t stride, uint64_t head, uint64_t n_heads);

/* Runs attention for one key/value head. The caller sets the mask and the output of all heads in *a, and passes the
 * queries of all heads, which this may change; the rest is filled in here. */
void kv_cache_attend(const struct kv_cache *s, const viv_span *span, uint64_t head, float *q, viv_attend *a);

#endif
