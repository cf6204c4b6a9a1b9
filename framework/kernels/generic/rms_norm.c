/* rms_norm.c - y = x / sqrt(mean(x^2) + eps) * weight                          (Zhang and Sennrich, 2019) */
#include "kernels/kernels.h"

#include <math.h>

static void rms_norm(float *y, const float *x, const float *weight, uint64_t n, float eps)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    float factor = (float)(1.0 / sqrt(sum / (double)n + eps));
    for (uint64_t i = 0; i < n; i++)
        y[i] = x[i] * factor * (weight ? weight[i] : 1.0f);
}

const struct kernel kernel_generic_rms_norm = {
    .operation = KERNEL_RMS_NORM, .name = "generic", .rms_norm = rms_norm};
