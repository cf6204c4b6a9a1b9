/* rotate.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void rotate(float *head, const float *cos, const float *sin, uint64_t n_pairs, int32_t interleaved)
{
    wide_rotate(head, cos, sin, n_pairs, interleaved);
}

const struct kernel kernel_avx512_rotate = {
    .operation = KERNEL_ROTATE, .rank = 30, .name = "avx512", .cpu = VIV_CPU_AVX512, .rotate = rotate};
