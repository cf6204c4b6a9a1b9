/* activate.c - y = act(x), and y = act(gate) * up
 *
 *   silu        x / (1 + exp(-x))
 *   gelu        x / 2 * (1 + erf(x / sqrt(2)))
 *   gelu_tanh   x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))
 *   quick_gelu  x / (1 + exp(-1.702 x))
 *   relu2       max(x, 0)^2                                                                              */
#include "kernels/kernels.h"

#include <math.h>

static float silu(float x)
{
    return x / (1.0f + expf(-x));
}

static float gelu(float x)
{
    return 0.5f * x * erfcf(x * -0.70710678118654752f);
}

static float gelu_tanh(float x)
{
    return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

static float relu(float x)
{
    return x < 0.0f ? 0.0f : x; /* a NaN stays */
}

static float activation(uint32_t act, float x)
{
    switch (act) {
    case VIV_ACT_SILU:
        return silu(x);
    case VIV_ACT_GELU:
        return gelu(x);
    case VIV_ACT_GELU_TANH:
        return gelu_tanh(x);
    case VIV_ACT_RELU:
        return relu(x);
    case VIV_ACT_RELU2:
        return relu(x) * relu(x);
    case VIV_ACT_QUICK_GELU:
        return x / (1.0f + expf(-1.702f * x));
    case VIV_ACT_SIGMOID:
        return 1.0f / (1.0f + expf(-x));
    case VIV_ACT_TANH:
        return tanhf(x);
    default:
        return x;
    }
}

static void activate(uint32_t act, float *y, const float *x, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] = activation(act, x[i]);
}

static void gate(uint32_t act, float *y, const float *gate_row, const float *up, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] = activation(act, gate_row[i]) * up[i];
}

const struct kernel kernel_generic_activate = {
    .operation = KERNEL_ACTIVATE, .name = "generic", .activate = activate};
const struct kernel kernel_generic_gate = {.operation = KERNEL_GATE, .name = "generic", .gate = gate};
