/* encode_iq4.h - IQ4_NL and IQ4_XS: 4-bit codes of sixteen values that lie closer together near 0.
 *
 *   IQ4_NL   y = d * value[q]        blocks of 32, d an f16
 *   IQ4_XS   y = d * a * value[q]    256 weights in groups of 32, a from -32 to 31
 *
 * IQ4_XS: each group gets its best scale s; d is fitted to these, weighted by what an error of a scale costs; each
 * group takes the a near s / d with the least error. */
#ifndef KERNELS_ENCODE_IQ4_H
#define KERNELS_ENCODE_IQ4_H

#include "kernels/encode_fit.h"

static inline uint8_t index_of(float value)
{
    uint8_t i = 0;
    while (i < 15 && (float)iq4_values[i] < value)
        i++;
    return i;
}

/* 32 weights; weight i is in the low nibble of byte i, weight 16 + i in the high one. */
static inline void put_codes(uint8_t *p, const float *x, float scale)
{
    float q[BLOCK];
    fit_codes(q, x, BLOCK, IQ4_LEVELS, scale, 0.0f);
    for (int i = 0; i < BLOCK / 2; i++)
        p[i] = (uint8_t)(index_of(q[i]) | index_of(q[i + BLOCK / 2]) << 4);
}

static inline void encode_iq4_nl(void *blocks, const float *x, const float *w, uint64_t n)
{
    uint8_t *p = blocks;
    for (uint64_t i = 0; i < n; i += BLOCK, p += 18) {
        const float d = as_half(fit_multiples(x + i, w + i, BLOCK, IQ4_LEVELS));
        put_half(p, d);
        put_codes(p + 2, x + i, d);
    }
}

static inline float nearest_scale(const float *x, const float *w, float d, float a)
{
    float best = a, error = fit_error(x, w, BLOCK, IQ4_LEVELS, d * a, 0.0f);
    for (int step = -1; step <= 1; step += 2) {
        const float b = fminf(fmaxf(a + (float)step, -32.0f), 31.0f);
        const float e = fit_error(x, w, BLOCK, IQ4_LEVELS, d * b, 0.0f);
        if (e < error) {
            error = e;
            best = b;
        }
    }
    return best;
}

static inline void encode_iq4_xs_unit(uint8_t *p, const float *x, const float *w)
{
    const struct levels scale_levels = {.low = -32.0f, .high = 31.0f};
    float scales[UNIT_BLOCKS], cost[UNIT_BLOCKS], a[UNIT_BLOCKS];
    for (int g = 0; g < UNIT_BLOCKS; g++) {
        scales[g] = fit_multiples(x + g * BLOCK, w + g * BLOCK, BLOCK, IQ4_LEVELS);
        cost[g] = fit_sums(x + g * BLOCK, w + g * BLOCK, BLOCK, IQ4_LEVELS, inverse_of(scales[g]), 0.0f).wqq;
    }
    const float d = as_half(fit_multiples(scales, cost, UNIT_BLOCKS, scale_levels));
    fit_codes(a, scales, UNIT_BLOCKS, scale_levels, d, 0.0f);
    uint32_t high = 0;
    memset(p + 4, 0, 4);
    for (int g = 0; g < UNIT_BLOCKS; g++) {
        a[g] = nearest_scale(x + g * BLOCK, w + g * BLOCK, d, a[g]);
        const uint32_t s = (uint32_t)(a[g] + 32.0f);
        p[4 + g / 2] |= (uint8_t)((s & 15) << (g % 2 * 4));
        high |= (s >> 4) << 2 * g;
        put_codes(p + 8 + g * 16, x + g * BLOCK, d * a[g]);
    }
    put_half(p, d);
    p[2] = (uint8_t)high;
    p[3] = (uint8_t)(high >> 8);
}

static inline void encode_iq4_xs(void *blocks, const float *x, const float *w, uint64_t n)
{
    uint8_t *p = blocks;
    for (uint64_t i = 0; i < n; i += UNIT, p += 136)
        encode_iq4_xs_unit(p, x + i, w + i);
}

#endif
