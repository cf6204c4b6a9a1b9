/* encode.h - block quantization: rows of f32 to the blocks of a type of GGML.
 *
 * The encoders of all types minimise one number, the weighted squared error of a row:
 *
 *   E = sum over i of w[i] * (x[i] - y[i])^2            y: the row as it is decoded
 *   w[i] = importance[i] * sqrt(mean of x^2 over the row + x[i]^2)
 *
 * importance[i] is the mean square of the i-th input of the weight's linear layer (quantize/imatrix.h), or 1 where
 * none is known. The square root gives large weights a little more: they are few, and they matter most.
 *
 * An encoder reads its row alone, and its sums have a fixed order: the bytes do not depend on threads or on the
 * processor. The search is in encode_fit.h, the types are in encode_legacy.h, encode_k.h, encode_iq4.h and
 * encode_float.h; an instruction set compiles all of them by one file that
 * ends in ENCODERS_TABLE and its entry. */
#ifndef KERNELS_ENCODE_H
#define KERNELS_ENCODE_H

#include "kernels/encode_float.h"
#include "kernels/encode_iq4.h"
#include "kernels/encode_k.h"
#include "kernels/encode_legacy.h"
#include "kernels/kernels.h"

/* An importance of 0 would leave the scale of a group undetermined: all get at least 2^-20 of the mean. */
static inline float least_importance(const float *importance, uint64_t n)
{
    double sum = 0.0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)importance[i];
    return (float)(sum / (double)n * 0x1p-20);
}

static inline void encode_weights(float *w, const float *x, const float *importance, uint64_t n)
{
    floats8 squares = {0};
    for (uint64_t i = 0; i < n; i += 8) {
        const floats8 v = eight(x + i);
        squares += v * v;
    }
    const float mean = sum8(squares) / (float)n, least = importance ? least_importance(importance, n) : 0.0f;
    for (uint64_t i = 0; i < n; i++)
        w[i] = sqrtf(mean + x[i] * x[i]);
    for (uint64_t i = 0; i < n && least > 0.0f; i++)
        w[i] *= importance[i] > least ? importance[i] : least;
}

#define ENCODERS_TABLE                                                                                             \
    static const struct encoder types[] = {{VIV_Q4_0, encode_q4_0},      {TYPE_Q4_1, encode_q4_1},                 \
                                           {TYPE_Q5_0, encode_q5_0},     {TYPE_Q5_1, encode_q5_1},                 \
                                           {VIV_Q8_0, encode_q8_0},      {TYPE_Q2_K, encode_q2_k},                 \
                                           {TYPE_Q3_K, encode_q3_k},     {TYPE_Q4_K, encode_q4_k},                 \
                                           {TYPE_Q5_K, encode_q5_k},     {TYPE_Q6_K, encode_q6_k},                 \
                                           {TYPE_IQ4_NL, encode_iq4_nl}, {TYPE_IQ4_XS, encode_iq4_xs},             \
                                           {VIV_MXFP4, encode_mxfp4},    {0, NULL}};                               \
    static const struct encoders encoders = {encode_weights, types};

#endif
