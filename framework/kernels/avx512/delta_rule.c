/* delta_rule.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void delta_rule(const viv_delta_rule *r)
{
    wide_delta_rule(r);
}

const struct kernel kernel_avx512_delta_rule = {
    .operation = KERNEL_DELTA_RULE, .rank = 30, .name = "avx512", .cpu = VIV_CPU_AVX512, .delta_rule = delta_rule};
