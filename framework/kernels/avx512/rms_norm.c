/* rms_norm.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void rms_norm(float *y, const float *x, const float *weight, uint64_t n, float eps)
{
    wide_rms_norm(y, x, weight, n, eps);
}

const struct kernel kernel_avx512_rms_norm = {
    .operation = KERNEL_RMS_NORM, .rank = 30, .name = "avx512", .cpu = VIV_CPU_AVX512, .rms_norm = rms_norm};
