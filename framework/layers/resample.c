/* resample.c - see resample.h.
 *
 *   linear  k(t) = max(1 - |t|, 0)
 *   cubic   k(t) = (a + 2)|t|^3 - (a + 3)|t|^2 + 1 up to 1, a|t|^3 - 5a|t|^2 + 8a|t| - 4a up to 2    (Keys 1981)
 *
 *   place i lies at c = (i + 0.5) n_in / n_out - 0.5, or, aligned, at i (n_in - 1) / (n_out - 1)
 *   weight of place p = k(p - c), a = -0.75; antialiased, with f = max(n_in / n_out, 1), k((p - c) / f) / their
 * sum, a = -0.5, over the places that there are */
#include "layers/resample.h"

#include <math.h>

static float kernel(const struct resample *r, float t)
{
    const float a = r->antialias ? -0.5f : -0.75f;
    t = fabsf(t);
    if (r->method == RESAMPLE_LINEAR)
        return fmaxf(1 - t, 0);
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

static uint64_t antialiased(const struct resample *r, float scale, float centre, uint64_t n_in, struct tap *taps)
{
    const float f = fmaxf(scale, 1), support = (r->method == RESAMPLE_LINEAR ? 1.0f : 2.0f) * f;
    const float begin = fmaxf(centre - support + 0.5f, 0), end = fminf(centre + support + 0.5f, (float)n_in);
    float sum = 0;
    uint64_t n = 0;
    for (uint64_t p = (uint64_t)begin; p < (uint64_t)end; p++, n++) {
        taps[n] = (struct tap){p, kernel(r, ((float)p - centre + 0.5f) / f)};
        sum += taps[n].weight;
    }
    for (uint64_t k = 0; k < n; k++)
        taps[k].weight /= sum;
    return n;
}

uint64_t resample_taps(const struct resample *r, uint64_t n_in, uint64_t n_out, uint64_t i, struct tap *taps)
{
    const float scale = (float)n_in / (float)n_out;
    if (r->antialias)
        return antialiased(r, scale, scale * ((float)i + 0.5f), n_in, taps);
    const float aligned = n_out > 1 ? (float)i * ((float)(n_in - 1) / (float)(n_out - 1)) : 0;
    const float c = r->aligned ? aligned : scale * ((float)i + 0.5f) - 0.5f;
    const int64_t first = (int64_t)floorf(c) - (r->method == RESAMPLE_CUBIC), last = (int64_t)n_in - 1;
    const uint64_t n = r->method == RESAMPLE_CUBIC ? 4 : 2;
    for (uint64_t k = 0; k < n; k++) {
        const int64_t p = first + (int64_t)k;
        taps[k] = (struct tap){(uint64_t)(p < 0 ? 0 : p > last ? last : p), kernel(r, (float)p - c)};
    }
    return n;
}
