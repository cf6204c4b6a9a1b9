/* moe.h - what router and experts share: failing with a sentence, and a matrix as this machine multiplies it. */
#ifndef MOE_H
#define MOE_H

#include <vivarium/vivarium.h>

viv_status moe_fail(const viv_host *host, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline uint64_t align_64(uint64_t n)
{
    return (n + 63) & ~(uint64_t)63;
}

static inline uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* W [n_out, n_in] of some type, wherever its data are. */
struct matrix {
    const viv_product *product;
    uint64_t n_out, n_in, row_bytes;
    uint64_t tile; /* outputs of a task */
};

/* kind: a tensor of two dimensions; its data are not looked at. */
viv_status matrix_init(struct matrix *m, const viv_host *host, const viv_tensor *kind);
uint64_t matrix_tiles(const struct matrix *m);
/* y[r][n] = x[r] W[n] for the outputs of a tile; returns how many. y begins with the tile's first. */
uint64_t matrix_tile(const struct matrix *m, const void *data, uint64_t tile, const void *x, uint64_t x_stride,
                     uint64_t n_rows, float *y, uint64_t y_stride, void *scratch);
uint64_t matrix_scratch(const struct matrix *m);

extern const viv_layer_class moe_router, moe_experts;
extern const viv_architecture_class moe_architecture;

#endif
