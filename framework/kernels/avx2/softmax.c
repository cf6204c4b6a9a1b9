/* softmax.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void softmax(float *y, const float *x, uint64_t n)
{
    wide_softmax(y, x, n);
}

const struct kernel kernel_avx2_softmax = {
    .operation = KERNEL_SOFTMAX, .rank = 20, .name = "avx2", .cpu = VIV_CPU_AVX2, .softmax = softmax};
