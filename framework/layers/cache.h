/* cache.h - writes numbers to the pages of a cache, converted to its element type, which may change between steps.
 *
 * Types with blocks hold them rotated (hadamard.h) where that reduces their error: cache_rotates. Then scores need
 * queries that are rotated, too, and a sum of values is rotated back. */
#ifndef LAYERS_CACHE_H
#define LAYERS_CACHE_H

#include "layers/layer.h"

#include <stdbool.h>

enum { N_CACHE_TYPES = 5, CACHE_BLOCK = 32 };

/* Conversions to all element types. */
struct cache_writer {
    void (*from_f32[N_CACHE_TYPES])(void *y, const float *x, uint64_t n);
};
viv_status cache_writer_init(struct cache_writer *s, const viv_host *host);
uint64_t cache_bytes(uint32_t dtype, uint64_t n); /* bytes of n elements */
bool cache_has_blocks(uint32_t dtype);
bool cache_rotates(uint32_t dtype);

/* Writes x to the elements of a page from `at` on; for types without blocks. */
void cache_write(const struct cache_writer *s, uint32_t dtype, void *page, uint64_t at, const float *x, uint64_t n);
/* VIV_ERANGE if x, [n_rows, n] with this stride, has a number that is too large for the element type. `what` names
 * x in the message. */
viv_status cache_check(const viv_exec *e, uint32_t dtype, const char *what, const float *x, uint64_t stride,
                       uint64_t n_rows, uint64_t n);

/* Writes n features, which rotate together, as blocks. A block with a number that is not finite has the scale NaN.
 * VIV_ERANGE as for cache_check. */
viv_status cache_write_blocks(const struct cache_writer *s, const viv_exec *e, uint32_t dtype, const char *what,
                              void *blocks, const float *x, uint64_t n);

#endif
