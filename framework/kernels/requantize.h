/* requantize.h - rows of one type become rows of another, by way of f32: for blocks with the search of encode.h,
 * for plain types by rounding. */
#ifndef KERNELS_REQUANTIZE_H
#define KERNELS_REQUANTIZE_H

#include "kernels/kernels.h"

struct requantizer {
    uint64_t n;    /* numbers of a row; a multiple of both types' blocks */
    float largest; /* that the type to be made holds; scales of blocks are f16 */
    void (*to_f32)(float *, const void *, uint64_t);
    void (*from_f32)(void *, const float *, uint64_t);
    const struct encoders *encoders;
    const struct encoder *encoder; /* NULL: a plain type */
};

/* False if `from` cannot be read as numbers, or `to` not be made. */
bool requantizer_init(struct requantizer *r, uint32_t from, uint32_t to, uint64_t n);
/* One row. importance: [n], or NULL: all columns count the same. x: [2 n] of the caller's. Returns n; or, if the
 * row has a number that is none or too large, its column, and nothing is written: x[column] is the number. */
uint64_t requantize_row(const struct requantizer *r, const void *from, const float *importance, void *to, float *x);

#endif
