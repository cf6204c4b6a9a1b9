/* activate.c - kernels/wide.h compiled for this instruction set. */
#include "kernels/kernels.h"
#include "kernels/wide.h"

static void activate(uint32_t act, float *y, const float *x, uint64_t n)
{
    wide_activate(act, y, x, n);
}

static void gate(uint32_t act, float *y, const float *gate_row, const float *up, uint64_t n)
{
    wide_gate(act, y, gate_row, up, n);
}

const struct kernel kernel_avx2_activate = {
    .operation = KERNEL_ACTIVATE, .rank = 20, .name = "avx2", .cpu = VIV_CPU_AVX2, .activate = activate};
const struct kernel kernel_avx2_gate = {
    .operation = KERNEL_GATE, .rank = 20, .name = "avx2", .cpu = VIV_CPU_AVX2, .gate = gate};
