/* layer_norm.c - y = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias        (Ba, Kiros and Hinton, 2016) */
#include "kernels/kernels.h"

#include <math.h>

static void layer_norm(float *y, const float *x, const float *weight, const float *bias, uint64_t n, float eps)
{
    double sum = 0, squares = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += x[i];
    float mean = (float)(sum / (double)n);
    for (uint64_t i = 0; i < n; i++)
        squares += (double)(x[i] - mean) * (x[i] - mean);
    float factor = (float)(1.0 / sqrt(squares / (double)n + eps));
    for (uint64_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * factor * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
}

const struct kernel kernel_generic_layer_norm = {
    .operation = KERNEL_LAYER_NORM, .name = "generic", .layer_norm = layer_norm};
