/* cache_types.h - element types of the KV cache: what there is, what a user may write, and how many bytes a cache
 * of these types has. Keys and values may differ: small errors of keys, which go through the softmax, cost more
 * quality than those of values. */
#ifndef GRAPH_CACHE_TYPES_H
#define GRAPH_CACHE_TYPES_H

#include "graph/graph.h"

#define CACHE_TYPE_CHOICES "f32, f16, bf16, q8_0 or q4_0"

struct cache_types {
    uint32_t keys, values; /* VIV_F32, VIV_F16, VIV_BF16, VIV_Q8_0 or VIV_Q4_0 */
};

/* Reads "q8_0", for keys and values, or "k=q8_0,v=q4_0", or one of these two: what it does not name stays as it is.
 */
viv_status cache_types_parse(const char *text, struct cache_types *types, struct error *err);

enum { CACHE_TYPES_TEXT = 32 };
/* The same backwards: "q8_0", "k=q8_0,v=q4_0". */
const char *cache_types_text(const struct cache_types *types, char out[CACHE_TYPES_TEXT]);

/* The type of caches that hold neither keys nor values: f32 where keys have the range of f32, else f16. */
uint32_t cache_types_other(const struct cache_types *types);
/* The type of this cache. */
uint32_t cache_types_of(const struct cache_types *types, const struct graph_cache *cache);

/* Fails if the blocks of a type do not fit the features of some layer, which it names. */
viv_status graph_check_cache_types(const struct graph *g, const struct cache_types *types, struct error *err);
/* Bytes of all caches of a kind that graph_check_cache_types has passed, per row of what they grow with; of
 * recurrent state, of one copy. */
uint64_t graph_cache_bytes(const struct graph *g, const struct cache_types *types, enum cache_kind kind);

#endif
