/* encode_k.h - the K-quants: 256 weights in groups of 16 or 32, whose scales (and mins) are small whole numbers.
 *
 *            y                          q              a              b           group
 *   Q2_K     d * a * q - m * b          0 to 3         0 to 15        0 to 15     16
 *   Q3_K     d * a * q                  -4 to 3        -32 to 31                  16
 *   Q4_K     d * a * q - m * b          0 to 15        0 to 63        0 to 63     32
 *   Q5_K     d * a * q - m * b          0 to 31        0 to 63        0 to 63     32
 *   Q6_K     d * a * q                  -32 to 31      -128 to 127                16
 *
 * d and m are f16, a and b of each group, q of each weight. The search goes down and up:
 *   1. each group gets the scale s and the min t that are best for it alone (encode_fit.h)
 *   2. d is fitted to the scales, each weighted by its sum of w q^2, which is what an error of it costs; m to the
 *      mins, by sums of w
 *   3. each group takes the a and b, near s / d and t / m, with the least error
 *   4. with all a, b and q fixed, d and m are those of least squares over the 256 weights; then 3 again, while that
 *      lowers the error */
#ifndef KERNELS_ENCODE_K_H
#define KERNELS_ENCODE_K_H

#include "kernels/encode_fit.h"

enum { MOST_GROUPS = UNIT / 16, ROUNDS = 3 };

static const float ENOUGH = 0.995f; /* of the error: a round that leaves more of it is the last */

struct k_type {
    int group; /* weights in one */
    struct levels codes, scales;
    bool has_min;
};

/* A unit as it is written: y = d * a[g] * q[i] - m * b[g]. */
struct k_unit {
    float d, m;
    float a[MOST_GROUPS], b[MOST_GROUPS], q[UNIT];
};

/* Step 3 for one group: among a and b and their neighbours. Returns the error. */
FIT_INLINE float choose_scales(struct k_unit *u, int g, const float *x, const float *w, const struct k_type t)
{
    const float a = u->a[g], b = u->b[g];
    float best = fit_error(x, w, t.group, t.codes, u->d * a, -u->m * b);
    for (int da = -1; da <= 1; da++)
        for (int db = t.has_min ? -1 : 0; db <= (t.has_min ? 1 : 0); db++) {
            const float p = a + (float)da, q = b + (float)db;
            if ((da == 0 && db == 0) || p < t.scales.low || p > t.scales.high || q < 0.0f || q > t.scales.high)
                continue;
            const float e = fit_error(x, w, t.group, t.codes, u->d * p, -u->m * q);
            if (e < best) {
                best = e;
                u->a[g] = p;
                u->b[g] = q;
            }
        }
    return best;
}

/* Step 4: the codes of all groups, and the d and m that are best with them. */
FIT_INLINE void fit_unit(struct k_unit *u, const float *x, const float *w, const struct k_type t)
{
    /* y = d p - m r, with p = a q and r = b */
    float pp = 0.0f, pr = 0.0f, rr = 0.0f, xp = 0.0f, xr = 0.0f;
    for (int g = 0; g < UNIT / t.group; g++) {
        const float a = u->a[g], b = u->b[g];
        const float inverse = inverse_of(u->d * a), min = -u->m * b;
        const struct fit_sums s = fit_sums(x + g * t.group, w + g * t.group, t.group, t.codes, inverse, min);
        pp += a * a * s.wqq;
        xp += a * s.wxq;
        if (!t.has_min)
            continue;
        floats8 sum = {0}, product = {0};
        for (int i = g * t.group; i < (g + 1) * t.group; i += 8) {
            sum += eight(w + i);
            product += eight(w + i) * eight(x + i);
        }
        pr += a * b * s.wq;
        rr += b * b * sum8(sum);
        xr += b * sum8(product);
    }
    const float determinant = pp * rr - pr * pr;
    if (determinant > 0.0f && rr > 0.0f) {
        const float d = (xp * rr - xr * pr) / determinant, m = (xp * pr - xr * pp) / determinant;
        if (d > 0.0f && m > 0.0f) {
            u->d = as_half(d);
            u->m = as_half(m);
        }
    } else if (pp > 0.0f && !(rr > 0.0f)) {
        u->d = as_half(xp / pp);
    }
}

/* Steps 1 and 2. */
FIT_INLINE void begin_unit(struct k_unit *u, const float *x, const float *w, const struct k_type t)
{
    const int n_groups = UNIT / t.group;
    float scales[MOST_GROUPS], mins[MOST_GROUPS] = {0}, cost[MOST_GROUPS], min_cost[MOST_GROUPS];
    for (int g = 0; g < n_groups; g++, x += t.group, w += t.group) {
        if (t.has_min) {
            const struct line l = fit_line(x, w, t.group, t.codes, true);
            scales[g] = l.scale;
            mins[g] = -l.min;
        } else {
            scales[g] = fit_multiples(x, w, t.group, t.codes);
        }
        const struct fit_sums s = fit_sums(x, w, t.group, t.codes, inverse_of(scales[g]), -mins[g]);
        floats8 sum = {0};
        for (int i = 0; i < t.group; i += 8)
            sum += eight(w + i);
        cost[g] = s.wqq;
        min_cost[g] = sum8(sum);
    }
    const struct levels up = {.high = t.scales.high};
    u->d = as_half(fit_multiples(scales, cost, n_groups, t.scales));
    u->m = t.has_min ? as_half(fit_multiples(mins, min_cost, n_groups, up)) : 0.0f;
    fit_codes(u->a, scales, n_groups, t.scales, u->d, 0.0f);
    fit_codes(u->b, mins, n_groups, up, u->m, 0.0f);
}

FIT_INLINE float choose_all_scales(struct k_unit *u, const float *x, const float *w, const struct k_type t)
{
    float error = 0.0f;
    for (int g = 0; g < UNIT / t.group; g++)
        error += choose_scales(u, g, x + g * t.group, w + g * t.group, t);
    return error;
}

FIT_INLINE void search_unit(struct k_unit *best, const float *x, const float *w, const struct k_type t)
{
    begin_unit(best, x, w, t);
    float error = choose_all_scales(best, x, w, t);
    struct k_unit next = *best;
    for (int i = 0; i < ROUNDS; i++) {
        fit_unit(&next, x, w, t);
        const float e = choose_all_scales(&next, x, w, t);
        if (!(e < error))
            break;
        *best = next;
        if (e > ENOUGH * error)
            break;
        error = e;
    }
    for (int g = 0; g < UNIT / t.group; g++)
        fit_codes(best->q + g * t.group, x + g * t.group, t.group, t.codes, best->d * best->a[g],
                  -best->m * best->b[g]);
}

/* --- how a unit lies in memory: the inverse of kernels/decode.h ---------------------------------------------- */

/* Two bits of weight 128 n + 32 j + i are in byte 32 n + i, from bit 2 j on: bits [shift, shift + 2) of its code.
 */
static inline void put_pairs(uint8_t *p, const uint8_t *u, int shift)
{
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < 32; i++) {
            const uint8_t *v = u + n * 128 + i;
            uint32_t byte = 0;
            for (int j = 0; j < 4; j++)
                byte |= (uint32_t)(v[j * 32] >> shift & 3) << 2 * j;
            p[n * 32 + i] = (uint8_t)byte;
        }
}

/* Bit `shift` of weight 32 b + i is bit b of byte i. */
static inline void put_bits(uint8_t *p, const uint8_t *u, int shift)
{
    for (int i = 0; i < 32; i++) {
        uint32_t byte = 0;
        for (int b = 0; b < 8; b++)
            byte |= (uint32_t)(u[b * 32 + i] >> shift & 1) << b;
        p[i] = (uint8_t)byte;
    }
}

/* Codes without a sign. */
static inline void unsigned_codes(uint8_t *u, const float *q, float offset)
{
    for (int i = 0; i < UNIT; i++)
        u[i] = (uint8_t)(q[i] + offset);
}

static inline void put_q2_k(uint8_t *p, const struct k_unit *k)
{
    uint8_t u[UNIT];
    unsigned_codes(u, k->q, 0.0f);
    for (int g = 0; g < 16; g++)
        p[g] = (uint8_t)((uint8_t)k->a[g] | (uint8_t)k->b[g] << 4);
    put_pairs(p + 16, u, 0);
    put_half(p + 80, k->d);
    put_half(p + 82, k->m);
}

static inline void put_q3_k(uint8_t *p, const struct k_unit *k)
{
    uint8_t u[UNIT];
    unsigned_codes(u, k->q, 4.0f);
    put_bits(p, u, 2);
    put_pairs(p + 32, u, 0);
    /* scales of 6 bits: 4 of each in nibbles of 8 bytes, 2 in pairs of bits of 4 more */
    memset(p + 96, 0, 12);
    for (int g = 0; g < 16; g++) {
        const uint32_t s = (uint32_t)(k->a[g] + 32.0f);
        p[96 + g % 8] |= (uint8_t)((s & 15) << (g / 8 * 4));
        p[104 + g % 4] |= (uint8_t)((s >> 4) << (g / 4 * 2));
    }
    put_half(p + 108, k->d);
}

/* Eight scales and mins of 6 bits in 12 bytes. */
static inline void put_six_bits(uint8_t *p, const struct k_unit *k)
{
    for (int g = 0; g < 4; g++) {
        const uint32_t a = (uint32_t)k->a[g + 4], b = (uint32_t)k->b[g + 4];
        p[g] = (uint8_t)((uint32_t)k->a[g] | (a >> 4) << 6);
        p[g + 4] = (uint8_t)((uint32_t)k->b[g] | (b >> 4) << 6);
        p[g + 8] = (uint8_t)((a & 15) | (b & 15) << 4);
    }
}

/* Nibbles of weights 64 h + i and 64 h + 32 + i in byte 32 h + i. */
static inline void put_q4_nibbles(uint8_t *p, const uint8_t *u)
{
    for (int h = 0; h < 4; h++)
        for (int i = 0; i < 32; i++)
            p[h * 32 + i] = (uint8_t)((u[h * 64 + i] & 15) | (u[h * 64 + 32 + i] & 15) << 4);
}

static inline void put_q4_k(uint8_t *p, const struct k_unit *k)
{
    uint8_t u[UNIT];
    unsigned_codes(u, k->q, 0.0f);
    put_half(p, k->d);
    put_half(p + 2, k->m);
    put_six_bits(p + 4, k);
    put_q4_nibbles(p + 16, u);
}

static inline void put_q5_k(uint8_t *p, const struct k_unit *k)
{
    uint8_t u[UNIT];
    unsigned_codes(u, k->q, 0.0f);
    put_half(p, k->d);
    put_half(p + 2, k->m);
    put_six_bits(p + 4, k);
    put_bits(p + 16, u, 4);
    put_q4_nibbles(p + 48, u);
}

static inline void put_q6_k(uint8_t *p, const struct k_unit *k)
{
    uint8_t u[UNIT];
    unsigned_codes(u, k->q, 32.0f);
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < 64; i++)
            p[n * 64 + i] = (uint8_t)((u[n * 128 + i] & 15) | (u[n * 128 + 64 + i] & 15) << 4);
    put_pairs(p + 128, u, 4);
    for (int g = 0; g < 16; g++)
        p[192 + g] = (uint8_t)(int8_t)k->a[g];
    put_half(p + 208, k->d);
}

/* --- the types ----------------------------------------------------------------------------------------------- */

/* The type is a constant, so that each has a search of its own. */
#define K_ENCODER(name, size, ...)                                                                                 \
    static inline void encode_##name(void *blocks, const float *x, const float *w, uint64_t n)                     \
    {                                                                                                              \
        uint8_t *p = blocks;                                                                                       \
        for (uint64_t i = 0; i < n; i += UNIT, p += (size)) {                                                      \
            struct k_unit u;                                                                                       \
            search_unit(&u, x + i, w + i, (struct k_type)__VA_ARGS__);                                             \
            put_##name(p, &u);                                                                                     \
        }                                                                                                          \
    }

K_ENCODER(q2_k, 84, {.group = 16, .codes = {.high = 3}, .scales = {.high = 15}, .has_min = true})
K_ENCODER(q3_k, 110, {.group = 16, .codes = {.low = -4, .high = 3}, .scales = {.low = -32, .high = 31}})
K_ENCODER(q4_k, 144, {.group = 32, .codes = {.high = 15}, .scales = {.high = 63}, .has_min = true})
K_ENCODER(q5_k, 176, {.group = 32, .codes = {.high = 31}, .scales = {.high = 63}, .has_min = true})
K_ENCODER(q6_k, 210, {.group = 16, .codes = {.low = -32, .high = 31}, .scales = {.low = -128, .high = 127}})

#endif
