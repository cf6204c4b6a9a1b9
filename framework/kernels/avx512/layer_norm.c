/* layer_norm.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void layer_norm(float *y, const float *x, const float *weight, const float *bias, uint64_t n, float eps)
{
    wide_layer_norm(y, x, weight, bias, n, eps);
}

const struct kernel kernel_avx512_layer_norm = {
    .operation = KERNEL_LAYER_NORM, .rank = 30, .name = "avx512", .cpu = VIV_CPU_AVX512, .layer_norm = layer_norm};
