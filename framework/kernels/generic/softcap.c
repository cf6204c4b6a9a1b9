/* softcap.c - y = cap * tanh(x / cap)                                          (Gemma 2) */
#include "kernels/kernels.h"

#include <math.h>

static void softcap(float *y, const float *x, float cap, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] = cap * tanhf(x[i] / cap);
}

const struct kernel kernel_generic_softcap = {.operation = KERNEL_SOFTCAP, .name = "generic", .softcap = softcap};
