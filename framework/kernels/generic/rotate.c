/* rotate.c - (a, b) -> (a cos - b sin, a sin + b cos) for the pairs of a head  (Su et al., 2021) */
#include "kernels/kernels.h"

static void rotate(float *head, const float *cos, const float *sin, uint64_t n_pairs, int32_t interleaved)
{
    uint64_t step = interleaved ? 2 : 1, other = interleaved ? 1 : n_pairs;
    for (uint64_t p = 0; p < n_pairs; p++) {
        float *pair = head + p * step;
        float a = pair[0], b = pair[other];
        pair[0] = a * cos[p] - b * sin[p];
        pair[other] = a * sin[p] + b * cos[p];
    }
}

const struct kernel kernel_generic_rotate = {.operation = KERNEL_ROTATE, .name = "generic", .rotate = rotate};
