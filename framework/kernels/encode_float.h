/* encode_float.h - MXFP4: 4-bit floats (e2m1) of 32 weights with a power of two in common.
 *
 *   y = 2^(e - 128) * value[q]        values as in kernels/blocks.h: twice those of e2m1
 *
 * The power with which the largest weight is at most 6, and that with which it is at most 12 or 3, are tried; the
 * one with the least error is taken. */
#ifndef KERNELS_ENCODE_FLOAT_H
#define KERNELS_ENCODE_FLOAT_H

#include "kernels/encode_fit.h"

static const float e2m1_levels[8] = {0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 6.0f, 8.0f, 12.0f};

FIT_INLINE floats8 without_sign(floats8 v)
{
    return (floats8)((ints8)v & 0x7fffffff);
}

FIT_INLINE floats8 nearest_e2m1(floats8 size)
{
    floats8 level = {0};
    for (int i = 1; i < 8; i++) {
        const floats8 step = (floats8){0} + (e2m1_levels[i] - e2m1_levels[i - 1]);
        level += (floats8)((size > 0.5f * (e2m1_levels[i] + e2m1_levels[i - 1])) & (ints8)step);
    }
    return level;
}

FIT_INLINE float mxfp4_error(const float *x, const float *w, int e)
{
    const float scale = mxfp4_half_scale((uint8_t)e), inverse = 1.0f / scale;
    floats8 error = {0};
    for (int i = 0; i < BLOCK; i += 8) {
        const floats8 size = without_sign(eight(x + i)), d = size - nearest_e2m1(size * inverse) * scale;
        error += eight(w + i) * d * d;
    }
    return sum8(error);
}

static inline uint8_t mxfp4_code(float x, float level)
{
    uint8_t code = 0;
    while (code < 7 && e2m1_levels[code] < level)
        code++;
    return (uint8_t)(code | (x < 0.0f && code ? 8 : 0));
}

static inline void put_mxfp4(struct block_mxfp4 *to, const float *x, int e)
{
    const float inverse = 1.0f / mxfp4_half_scale((uint8_t)e);
    uint8_t codes[BLOCK];
    for (int i = 0; i < BLOCK; i += 8) {
        const floats8 level = nearest_e2m1(without_sign(eight(x + i)) * inverse);
        for (int j = 0; j < 8; j++)
            codes[i + j] = mxfp4_code(x[i + j], level[j]);
    }
    to->e = (uint8_t)e;
    for (int i = 0; i < BLOCK / 2; i++)
        to->q[i] = (uint8_t)(codes[i] | codes[i + BLOCK / 2] << 4);
}

static inline void encode_mxfp4(void *blocks, const float *x, const float *w, uint64_t n)
{
    struct block_mxfp4 *to = blocks;
    for (uint64_t b = 0; b < n / BLOCK; b++, x += BLOCK, w += BLOCK, to++) {
        float low, high;
        fit_range(x, BLOCK, &low, &high);
        const float size = fmaxf(-low, high);
        if (!(size >= 0x1p-100f)) {
            memset(to, 0, sizeof *to);
            continue;
        }
        const int e = ilogbf(size) + 128 - 3; /* the largest becomes 8 to 16 */
        int best = e;
        float least = mxfp4_error(x, w, e);
        for (int step = -1; step <= 1; step += 2) {
            const float error = mxfp4_error(x, w, e + step);
            if (error < least) {
                least = error;
                best = e + step;
            }
        }
        put_mxfp4(to, x, best);
    }
}

#endif
