/* softcap.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void softcap(float *y, const float *x, float cap, uint64_t n)
{
    wide_softcap(y, x, cap, n);
}

const struct kernel kernel_avx2_softcap = {
    .operation = KERNEL_SOFTCAP, .rank = 20, .name = "avx2", .cpu = VIV_CPU_AVX2, .softcap = softcap};
