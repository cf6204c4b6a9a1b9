/* softmax.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void softmax(float *y, const float *x, uint64_t n)
{
    wide_softmax(y, x, n);
}

const struct kernel kernel_neon_softmax = {
    .operation = KERNEL_SOFTMAX, .rank = 20, .name = "neon", .cpu = VIV_CPU_NEON, .softmax = softmax};
