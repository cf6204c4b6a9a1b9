/* cache.h - writes numbers to the pages of a cache, converted to its element type, which may change between steps.
 */
#ifndef LAYERS_CACHE_H
#define LAYERS_CACHE_H

#include "layers/layer.h"

/* Conversions to both element types. */
struct cache_writer {
    void (*f32)(void *y, const float *x, uint64_t n);
    void (*f16)(void *y, const float *x, uint64_t n);
};
viv_status cache_writer_init(struct cache_writer *s, const viv_host *host);
uint64_t cache_element_bytes(const viv_exec *e); /* bytes of an element */
/* Writes x to the elements of a page from `at` on. */
void cache_write(const struct cache_writer *s, const viv_exec *e, void *page, uint64_t at, const float *x,
                 uint64_t n);
/* VIV_ERANGE if x, [n_rows, n] with this stride, has a number that is too large for the element type. `what` names
 * x in the message. */
viv_status cache_check(const viv_exec *e, const char *what, const float *x, uint64_t stride, uint64_t n_rows,
                       uint64_t n);

#endif
