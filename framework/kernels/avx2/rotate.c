/* rotate.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void rotate(float *head, const float *cos, const float *sin, uint64_t n_pairs, int32_t interleaved)
{
    wide_rotate(head, cos, sin, n_pairs, interleaved);
}

const struct kernel kernel_avx2_rotate = {
    .operation = KERNEL_ROTATE, .rank = 20, .name = "avx2", .cpu = VIV_CPU_AVX2, .rotate = rotate};
