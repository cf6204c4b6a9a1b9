/* wide.h - operations that pass over a row once or twice, written so that a compiler vectorises them for the
 * including file's instruction set: branch-free functions in loops without dependences, and sums in sixteen lanes.
 * Fused multiply-adds are explicit, so every instruction set that has them (AVX2 with FMA, AVX-512, NEON) gives the
 * same bits.
 *
 * Polynomials interpolate at Chebyshev nodes; errors are relative, measured over the whole range. */
#ifndef KERNELS_WIDE_H
#define KERNELS_WIDE_H

#include "kernels/half.h"

#include <math.h>
#include <string.h>
#include <vivarium/kernels.h>

#define FMA __builtin_fmaf

/* e^x within 1.2 units of the last place; 0 below -104, infinity above 89. */
static inline float wide_exp(float x)
{
    x = x < -104.0f ? -104.0f : x;
    x = x > 89.0f ? 89.0f : x;
    /* x = n ln 2 + r: adding 1.5 * 2^23 leaves n in the low bits */
    float shifted = FMA(x, 0x1.715476p+0f, 0x1.8p23f);
    float n = shifted - 0x1.8p23f;
    float r = FMA(n, -0x1.62e400p-1f, x);
    r = FMA(n, -0x1.7f7d1cp-20f, r);
    float p = 0x1.6d117cp-10f;
    p = FMA(p, r, 0x1.120be2p-7f);
    p = FMA(p, r, 0x1.555518p-5f);
    p = FMA(p, r, 0x1.5554dcp-3f);
    p = FMA(p, r, 0.5f);
    p = FMA(p, r * r, r) + 1.0f;
    /* times 2^n in two steps, so that neither leaves the range of exponents */
    int32_t power = (int32_t)(bits_of_float(shifted) - 0x4b400000u);
    int32_t half = power >> 1;
    return p * float_of_bits((uint32_t)(half + 127) << 23) * float_of_bits((uint32_t)(power - half + 127) << 23);
}

/* Within 2 units of the last place. */
static inline float wide_tanh(float x)
{
    float magnitude = fabsf(x), square = x * x;
    float p = -0x1.8f6b1ep-8f;
    p = FMA(p, square, 0x1.57fe94p-6f);
    p = FMA(p, square, -0x1.b924eap-5f);
    p = FMA(p, square, 0x1.110e1ap-3f);
    p = FMA(p, square, -0x1.555552p-2f);
    float small = FMA(p * square, x, x);
    float large = copysignf(1.0f - 2.0f / (wide_exp(2.0f * magnitude) + 1.0f), x);
    return magnitude < 0.625f ? small : large;
}

/* 1 - erf(x) for x >= 0: e^(-x^2) times a polynomial in (x - 2) / (x + 2). */
static inline float wide_erfc(float x)
{
    float u = (x - 2.0f) / (x + 2.0f);
    float p = 0x1.22a30ap-15f;
    p = FMA(p, u, 0x1.37dea4p-13f);
    p = FMA(p, u, 0x1.a07646p-16f);
    p = FMA(p, u, -0x1.ff1ccep-11f);
    p = FMA(p, u, -0x1.b77066p-11f);
    p = FMA(p, u, 0x1.ca9244p-8f);
    p = FMA(p, u, 0x1.e9109ap-9f);
    p = FMA(p, u, -0x1.437f2ap-4f);
    p = FMA(p, u, 0x1.eeea8cp-3f);
    p = FMA(p, u, -0x1.b57034p-2f);
    p = FMA(p, u, 0x1.058672p-2f);
    return wide_exp(-(x * x)) * p;
}

static inline float wide_silu(float x)
{
    return x / (1.0f + wide_exp(-x));
}

static inline float wide_gelu(float x)
{
    /* beyond 12 the complement is 0, and infinity would make u NaN */
    float y = fabsf(x) * 0.70710678118654752f;
    float complement = wide_erfc(y > 12.0f ? 12.0f : y);
    return 0.5f * x * (x < 0.0f ? complement : 2.0f - complement);
}

static inline float wide_gelu_tanh(float x)
{
    return 0.5f * x * (1.0f + wide_tanh(0.79788456080286536f * (x + 0.044715f * x * x * x)));
}

static inline float wide_relu(float x)
{
    return x < 0.0f ? 0.0f : x;
}

static inline float wide_relu2(float x)
{
    return wide_relu(x) * wide_relu(x);
}

static inline float wide_quick_gelu(float x)
{
    return x / (1.0f + wide_exp(-1.702f * x));
}

static inline float wide_sigmoid(float x)
{
    return 1.0f / (1.0f + wide_exp(-x));
}

static inline float wide_none(float x)
{
    return x;
}

/* Calls LOOP(function) for the activation with this number. */
#define WIDE_SWITCH(act, LOOP)                                                                                     \
    switch (act) {                                                                                                 \
    case VIV_ACT_SILU:                                                                                             \
        LOOP(wide_silu);                                                                                           \
        break;                                                                                                     \
    case VIV_ACT_GELU:                                                                                             \
        LOOP(wide_gelu);                                                                                           \
        break;                                                                                                     \
    case VIV_ACT_GELU_TANH:                                                                                        \
        LOOP(wide_gelu_tanh);                                                                                      \
        break;                                                                                                     \
    case VIV_ACT_RELU:                                                                                             \
        LOOP(wide_relu);                                                                                           \
        break;                                                                                                     \
    case VIV_ACT_RELU2:                                                                                            \
        LOOP(wide_relu2);                                                                                          \
        break;                                                                                                     \
    case VIV_ACT_QUICK_GELU:                                                                                       \
        LOOP(wide_quick_gelu);                                                                                     \
        break;                                                                                                     \
    case VIV_ACT_SIGMOID:                                                                                          \
        LOOP(wide_sigmoid);                                                                                        \
        break;                                                                                                     \
    case VIV_ACT_TANH:                                                                                             \
        LOOP(wide_tanh);                                                                                           \
        break;                                                                                                     \
    default:                                                                                                       \
        LOOP(wide_none);                                                                                           \
    }

static inline void wide_activate(uint32_t act, float *y, const float *x, uint64_t n)
{
#define LOOP(function)                                                                                             \
    for (uint64_t i = 0; i < n; i++)                                                                               \
    y[i] = function(x[i])
    WIDE_SWITCH(act, LOOP)
#undef LOOP
}

static inline void wide_gate(uint32_t act, float *y, const float *gate, const float *up, uint64_t n)
{
#define LOOP(function)                                                                                             \
    for (uint64_t i = 0; i < n; i++)                                                                               \
    y[i] = function(gate[i]) * up[i]
    WIDE_SWITCH(act, LOOP)
#undef LOOP
}

static inline void wide_softcap(float *y, const float *x, float cap, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] = cap * wide_tanh(x[i] / cap);
}

/* Sixteen numbers, in as many vectors as needed. */
enum { WIDE = 16 };
typedef float wide_lanes __attribute__((vector_size(WIDE * sizeof(float)), aligned(4), may_alias));

static inline float wide_sum_of_lanes(const wide_lanes *lanes)
{
    wide_lanes v = *lanes;
    for (int half = WIDE / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            v[i] += v[i + half];
    return v[0];
}

static inline float wide_sum(const float *x, uint64_t n)
{
    wide_lanes sum = {0};
    uint64_t i = 0;
    for (; i + WIDE <= n; i += WIDE)
        sum += *(const wide_lanes *)(x + i);
    wide_lanes rest = {0};
    for (uint64_t j = 0; i + j < n; j++)
        rest[j] = x[i + j];
    sum += rest;
    return wide_sum_of_lanes(&sum);
}

/* Sum of (x - mean)^2. */
static inline float wide_squares(const float *x, uint64_t n, float mean)
{
    wide_lanes sum = {0};
    uint64_t i = 0;
    for (; i + WIDE <= n; i += WIDE) {
        wide_lanes v = *(const wide_lanes *)(x + i) - mean;
        sum += v * v;
    }
    wide_lanes rest = {0};
    for (uint64_t j = 0; i + j < n; j++)
        rest[j] = x[i + j] - mean;
    sum += rest * rest;
    return wide_sum_of_lanes(&sum);
}

static inline void wide_rms_norm(float *y, const float *x, const float *weight, uint64_t n, float eps)
{
    float factor = 1.0f / sqrtf(wide_squares(x, n, 0.0f) / (float)n + eps);
    if (weight)
        for (uint64_t i = 0; i < n; i++)
            y[i] = x[i] * factor * weight[i];
    else
        for (uint64_t i = 0; i < n; i++)
            y[i] = x[i] * factor;
}

static inline void wide_layer_norm(float *y, const float *x, const float *weight, const float *bias, uint64_t n,
                                   float eps)
{
    float mean = wide_sum(x, n) / (float)n;
    float factor = 1.0f / sqrtf(wide_squares(x, n, mean) / (float)n + eps);
    if (weight && bias)
        for (uint64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * factor * weight[i] + bias[i];
    else
        for (uint64_t i = 0; i < n; i++)
            y[i] = (x[i] - mean) * factor * (weight ? weight[i] : 1.0f) + (bias ? bias[i] : 0.0f);
}

/* The largest number, ignoring NaN. */
static inline float wide_max(const float *x, uint64_t n)
{
    typedef int32_t mask_lanes __attribute__((vector_size(WIDE * sizeof(int32_t))));
    float largest = -INFINITY;
    wide_lanes lanes = (wide_lanes){0} - INFINITY;
    uint64_t i = 0;
    for (; i + WIDE <= n; i += WIDE) {
        wide_lanes v = *(const wide_lanes *)(x + i);
        mask_lanes larger = v > lanes;
        lanes = (wide_lanes)(((mask_lanes)v & larger) | ((mask_lanes)lanes & ~larger));
    }
    for (int j = 0; j < WIDE; j++)
        largest = lanes[j] > largest ? lanes[j] : largest;
    for (; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

static inline void wide_softmax(float *y, const float *x, uint64_t n)
{
    float largest = wide_max(x, n);
    for (uint64_t i = 0; i < n; i++)
        y[i] = wide_exp(x[i] - largest);
    float factor = 1.0f / wide_sum(y, n);
    for (uint64_t i = 0; i < n; i++)
        y[i] *= factor;
}

static inline void wide_rotate(float *restrict head, const float *restrict cos, const float *restrict sin,
                               uint64_t n_pairs, int32_t interleaved)
{
    if (interleaved) {
        for (uint64_t p = 0; p < n_pairs; p++) {
            float a = head[2 * p], b = head[2 * p + 1];
            head[2 * p] = a * cos[p] - b * sin[p];
            head[2 * p + 1] = a * sin[p] + b * cos[p];
        }
        return;
    }
    for (uint64_t p = 0; p < n_pairs; p++) {
        float a = head[p], b = head[n_pairs + p];
        head[p] = a * cos[p] - b * sin[p];
        head[n_pairs + p] = a * sin[p] + b * cos[p];
    }
}

/* y += the sum over four rows of m [4, n] of f[i] m[i] */
static inline void wide_add_rows(float *restrict y, const float *restrict m, const float *f, uint64_t n)
{
    const float f0 = f[0], f1 = f[1], f2 = f[2], f3 = f[3];
    for (uint64_t j = 0; j < n; j++)
        y[j] = FMA(f3, m[3 * n + j], FMA(f2, m[2 * n + j], FMA(f1, m[n + j], FMA(f0, m[j], y[j]))));
}

static inline void wide_add_row(float *restrict y, const float *restrict m, float f, uint64_t n)
{
    for (uint64_t j = 0; j < n; j++)
        y[j] = FMA(f, m[j], y[j]);
}

/* One row of S = alpha S + k d^T, and its part in S^T q. */
static inline void wide_correct_row(float *restrict s, float *restrict out, const float *restrict d, float alpha,
                                    float k, float q, uint64_t n)
{
    for (uint64_t j = 0; j < n; j++) {
        s[j] = FMA(k, d[j], alpha * s[j]);
        out[j] = FMA(q, s[j], out[j]);
    }
}

/* A head's S is about 64 KiB: bound by the second-level cache, or by memory if there is only one row. */
static inline void wide_delta_rule(const viv_delta_rule *r)
{
    const uint64_t n = r->value_dim;
    float *s = r->after, *d = r->scratch;
    memcpy(s, r->before, r->key_dim * n * sizeof *s);
    for (uint64_t t = 0; t < r->n_rows; t++) {
        const float *q = r->q + t * r->stride, *k = r->k + t * r->stride, *v = r->v + t * r->v_stride;
        const float alpha = r->alpha[t * r->stride], beta = r->beta[t * r->stride];
        float *out = r->out + t * r->out_stride;
        uint64_t i = 0;
        for (uint64_t j = 0; j < n; j++)
            d[j] = out[j] = 0;
        for (; i + 4 <= r->key_dim; i += 4)
            wide_add_rows(d, s + i * n, k + i, n);
        for (; i < r->key_dim; i++)
            wide_add_row(d, s + i * n, k[i], n);
        for (uint64_t j = 0; j < n; j++)
            d[j] = beta * FMA(-alpha, d[j], v[j]);
        for (i = 0; i < r->key_dim; i++)
            wide_correct_row(s + i * n, out, d, alpha, k[i], q[i], n);
    }
}

#endif
