/* softcap.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void softcap(float *y, const float *x, float cap, uint64_t n)
{
    wide_softcap(y, x, cap, n);
}

const struct kernel kernel_neon_softcap = {
    .operation = KERNEL_SOFTCAP, .rank = 20, .name = "neon", .cpu = VIV_CPU_NEON, .softcap = softcap};
