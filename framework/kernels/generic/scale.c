/* scale.c - y = x * factor. Bound by memory, so it has no other version. */
#include "kernels/kernels.h"

static void scale(float *y, const float *x, float factor, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] = x[i] * factor;
}

const struct kernel kernel_generic_scale = {.operation = KERNEL_SCALE, .name = "generic", .scale = scale};
