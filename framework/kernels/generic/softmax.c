/* softmax.c - y = exp(x - max(x)) / sum(exp(x - max(x))) */
#include "kernels/kernels.h"

#include <math.h>

static void softmax(float *y, const float *x, uint64_t n)
{
    float largest = -INFINITY;
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    for (uint64_t i = 0; i < n; i++)
        sum += y[i] = expf(x[i] - largest);
    float factor = (float)(1.0 / sum);
    for (uint64_t i = 0; i < n; i++)
        y[i] *= factor;
}

const struct kernel kernel_generic_softmax = {.operation = KERNEL_SOFTMAX, .name = "generic", .softmax = softmax};
