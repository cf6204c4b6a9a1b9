/* state.h - numbers into the pages of a state, as elements of the type that these have in a step. */
#ifndef LAYERS_STATE_H
#define LAYERS_STATE_H

#include "layers/layer.h"

/* How numbers become elements of a state, whichever type its pages have. */
struct state_store {
    void (*f32)(void *y, const float *x, uint64_t n);
    void (*f16)(void *y, const float *x, uint64_t n);
};
viv_status state_store_init(struct state_store *s, const viv_host *host);
uint64_t state_element(const viv_exec *e); /* bytes of an element */
/* Writes x to the elements of a page from `at` on. */
void state_write(const struct state_store *s, const viv_exec *e, void *page, uint64_t at, const float *x,
                 uint64_t n);
/* VIV_ERANGE where x, [n_rows, n] with this stride, has a number that the elements do not hold. */
viv_status state_check(const viv_exec *e, const char *what, const float *x, uint64_t stride, uint64_t n_rows,
                       uint64_t n);

#endif
