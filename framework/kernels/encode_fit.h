/* encode_fit.h - the search that all encoders share: the scale (and min) with which a group of values is best
 * written as multiples of it.
 *
 *   fit_multiples   minimises  sum of w (x - scale q)^2          q a whole number in [low, high], or a value of IQ4
 *   fit_line        minimises  sum of w (x - scale q - min)^2    q a whole number in [0, high]
 *
 * Both try a grid of scales around that which just covers the values. With the codes q that a candidate gives, the
 * best scale and min are those of least squares. The best candidate is refined: codes and scale in turn.
 *
 * Values come in vectors of eight, n is a multiple of that, and sums are added in a fixed order: the results are
 * the same on all processors. */
#ifndef KERNELS_ENCODE_FIT_H
#define KERNELS_ENCODE_FIT_H

#include "kernels/block_types.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#ifdef __AVX__
#include <immintrin.h>
#endif

#if defined __clang__
#define FIT_UNROLL _Pragma("unroll")
#else
#define FIT_UNROLL _Pragma("GCC unroll 4")
#endif
/* A fit is compiled anew for the codes of each type, except where a small program is asked for (-Os). */
#ifdef __OPTIMIZE_SIZE__
#define FIT_INLINE static
#else
#define FIT_INLINE static inline __attribute__((always_inline))
#endif

/* All functions of vectors are this file's own: it does not matter how they are passed. */
#pragma GCC diagnostic ignored "-Wpsabi"

typedef float floats4 __attribute__((vector_size(16)));
typedef float floats8 __attribute__((vector_size(32)));
typedef int32_t ints8 __attribute__((vector_size(32)));

enum { FIT_REFINEMENTS = 2 };

/* What codes may be. */
struct levels {
    float low, high;
    bool iq4; /* they are the values of IQ4, not the whole numbers from low to high */
};

/* Values of IQ4_NL and IQ4_XS. */
#define IQ4_VALUES -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113
static const int8_t iq4_values[16] = {IQ4_VALUES};
#define IQ4_LEVELS ((struct levels){-127.0f, 113.0f, true})

FIT_INLINE floats8 eight(const float *x)
{
    floats8 v;
    memcpy(&v, x, sizeof v);
    return v;
}

FIT_INLINE floats8 select8(ints8 mask, floats8 a, floats8 b)
{
    return (floats8)((mask & (ints8)a) | (~mask & (ints8)b));
}

FIT_INLINE floats8 at_least(floats8 v, floats8 low)
{
#ifdef __AVX__
    return (floats8)_mm256_max_ps((__m256)v, (__m256)low);
#else
    return select8(v > low, v, low);
#endif
}

FIT_INLINE floats8 at_most(floats8 v, floats8 high)
{
#ifdef __AVX__
    return (floats8)_mm256_min_ps((__m256)v, (__m256)high);
#else
    return select8(v < high, v, high);
#endif
}

FIT_INLINE float sum8(floats8 v)
{
    floats4 halves[2];
    memcpy(halves, &v, sizeof halves);
    const floats4 s = halves[0] + halves[1];
    return (s[0] + s[2]) + (s[1] + s[3]);
}

/* The nearest level. Adding and subtracting 1.5 * 2^23 rounds to a whole number. */
FIT_INLINE floats8 nearest_level(floats8 v, const struct levels l)
{
    const floats8 round = (floats8){0} + 0x1.8p23f;
    if (!l.iq4)
        return (at_most(at_least(v, (floats8){0} + l.low), (floats8){0} + l.high) + round) - round;
    floats8 level = (floats8){0} + (float)iq4_values[0];
    for (int i = 1; i < 16; i++) {
        const float middle = 0.5f * (float)(iq4_values[i - 1] + iq4_values[i]);
        const floats8 step = (floats8){0} + (float)(iq4_values[i] - iq4_values[i - 1]);
        level += (floats8)((v > middle) & (ints8)step);
    }
    return level;
}

FIT_INLINE float inverse_of(float scale)
{
    return fabsf(scale) >= 0x1p-120f ? 1.0f / scale : 0.0f;
}

struct fit_sums {
    float wq, wqq, wxq;
};

/* Of the codes that x has with this scale and min. */
FIT_INLINE struct fit_sums fit_sums(const float *x, const float *w, int n, const struct levels l, float inverse,
                                    float min)
{
    floats8 wq = {0}, wqq = {0}, wxq = {0};
    FIT_UNROLL
    for (int i = 0; i < n; i += 8) {
        const floats8 v = eight(x + i), q = nearest_level((v - min) * inverse, l), a = eight(w + i) * q;
        wq += a;
        wqq += a * q;
        wxq += a * v;
    }
    return (struct fit_sums){sum8(wq), sum8(wqq), sum8(wxq)};
}

/* The error of a scale and a min with the best codes. */
FIT_INLINE float fit_error(const float *x, const float *w, int n, const struct levels l, float scale, float min)
{
    const float inverse = inverse_of(scale);
    floats8 e = {0};
    FIT_UNROLL
    for (int i = 0; i < n; i += 8) {
        const floats8 v = eight(x + i) - min, d = v - nearest_level(v * inverse, l) * scale;
        e += eight(w + i) * d * d;
    }
    return sum8(e);
}

/* The codes themselves. */
FIT_INLINE void fit_codes(float *q, const float *x, int n, const struct levels l, float scale, float min)
{
    const float inverse = inverse_of(scale);
    FIT_UNROLL
    for (int i = 0; i < n; i += 8) {
        const floats8 v = nearest_level((eight(x + i) - min) * inverse, l);
        memcpy(q + i, &v, sizeof v);
    }
}

FIT_INLINE void fit_range(const float *x, int n, float *low, float *high)
{
    floats8 a = eight(x), b = a;
    for (int i = 8; i < n; i += 8) {
        a = at_most(eight(x + i), a);
        b = at_least(eight(x + i), b);
    }
    *low = a[0];
    *high = b[0];
    for (int i = 1; i < 8; i++) {
        *low = a[i] < *low ? a[i] : *low;
        *high = b[i] > *high ? b[i] : *high;
    }
}

/* --- multiples ------------------------------------------------------------------------------------------------ */

struct multiple {
    float scale, gain; /* gain: by how much the error is less than with a scale of 0 */
};

FIT_INLINE bool try_multiple(const float *x, const float *w, int n, const struct levels l, float inverse,
                             struct multiple *best)
{
    const struct fit_sums s = fit_sums(x, w, n, l, inverse, 0.0f);
    if (!(s.wqq > 0.0f))
        return false;
    const float scale = s.wxq / s.wqq, gain = scale * s.wxq;
    if (!(gain > best->gain))
        return false;
    *best = (struct multiple){scale, gain};
    return true;
}

/* 0 where all values or all weights are. */
FIT_INLINE float fit_multiples(const float *x, const float *w, int n, const struct levels l)
{
    struct multiple best = {0};
    float low, high;
    fit_range(x, n, &low, &high);
    const float extreme = -low > high ? low : high;
    if (!(fabsf(extreme) >= 0x1p-100f))
        return 0.0f;
    /* the extreme value gets the lowest or the highest code, or would get up to one more or less */
    const float step = l.iq4 ? 2.0f : 0.35f, inverse = 1.0f / extreme;
    const int steps = l.iq4 ? 4 : 2;
    for (int i = -steps; i <= steps; i++) {
        if (l.low < 0.0f)
            try_multiple(x, w, n, l, (l.low + (float)i * step) * inverse, &best);
        try_multiple(x, w, n, l, (l.high + (float)i * step) * inverse, &best);
    }
    for (int i = 0; i < FIT_REFINEMENTS; i++)
        if (!try_multiple(x, w, n, l, inverse_of(best.scale), &best))
            break;
    return best.scale;
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

struct line {
    float scale, min, gain; /* gain: by how much the error is less than with a scale and a min of 0 */
};

/* The line of least squares through the codes; with `below`, the best whose min is not positive. */
FIT_INLINE bool try_line(const float *x, const float *w, int n, const struct levels l, bool below, float inverse,
                         float min, const float totals[2], struct line *best)
{
    const struct fit_sums s = fit_sums(x, w, n, l, inverse, min);
    const float determinant = totals[0] * s.wqq - s.wq * s.wq;
    struct line t = {0};
    if (!(determinant > 0.0f))
        return false;
    t.scale = (totals[0] * s.wxq - totals[1] * s.wq) / determinant;
    t.min = (s.wqq * totals[1] - s.wq * s.wxq) / determinant;
    if (below && t.min > 0.0f) {
        t.min = 0.0f;
        t.scale = s.wxq / s.wqq;
    }
    t.gain = t.scale * s.wxq + t.min * totals[1];
    if (!(t.scale > 0.0f) || !(t.gain > best->gain))
        return false;
    *best = t;
    return true;
}

/* `below`: the min may not be positive. */
FIT_INLINE struct line fit_line(const float *x, const float *w, int n, const struct levels l, bool below)
{
    float low, high;
    fit_range(x, n, &low, &high);
    floats8 a = {0}, b = {0};
    FIT_UNROLL
    for (int i = 0; i < n; i += 8) {
        a += eight(w + i);
        b += eight(w + i) * eight(x + i);
    }
    const float totals[2] = {sum8(a), sum8(b)};
    if (below)
        low = fminf(low, 0.0f);
    struct line best = {0.0f, low, -INFINITY};
    if (!(high - low >= 0x1p-100f))
        return best;
    /* the range of the values is that of the codes, or up to one code wider or narrower */
    const float inverse = 1.0f / (high - low);
    for (int i = -5; i <= 5; i++)
        try_line(x, w, n, l, below, (l.high + (float)i * 0.2f) * inverse, low, totals, &best);
    for (int i = 0; i < FIT_REFINEMENTS; i++)
        if (!try_line(x, w, n, l, below, inverse_of(best.scale), best.min, totals, &best))
            break;
    if (best.scale == 0.0f) { /* no weights: any line will do that covers the values */
        best.scale = (high - low) / l.high;
        best.min = low;
    }
    return best;
}

/* --- what is written ----------------------------------------------------------------------------------------- */

/* A scale as files have it. */
FIT_INLINE float as_half(float scale)
{
    return half_to_float(half_of_float(fmaxf(fminf(scale, 65504.0f), -65504.0f)));
}

static inline void put_half(uint8_t *p, float v)
{
    const uint16_t h = half_of_float(v);
    memcpy(p, &h, sizeof h);
}

#endif
