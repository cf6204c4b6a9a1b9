/* decode.h - block-quantized weights, decoded: the one place that knows how each type lies in memory. Layouts are those of
 * GGML (ggml-common.h of 2026).
 *
 * A row is decoded 256 weights at a time, eight blocks of 32, whatever the type's own block is. Weight i of block b is
 *
 *   scale[b] * sub[2b + i / 16] * (u[32b + i] - offset) + min[b] * sub_min[2b + i / 16]
 *
 * with u of so many bits, without a sign, and sub, min and sub_min where the type has them (else 1, 0 and 1). Products and
 * conversions are written once over this form: see struct block_type. */
#ifndef KERNELS_DECODE_H
#define KERNELS_DECODE_H

#include "kernels/blocks.h"

#include <string.h>
#include <vivarium/tensor.h>

#define DECODE_INLINE static inline __attribute__((always_inline))

enum { UNIT = 256, UNIT_BLOCKS = UNIT / BLOCK };

/* The numbers of GGML's types that are not in vivarium/tensor.h. */
enum {
    TYPE_Q4_1 = 3,
    TYPE_Q5_0 = 6,
    TYPE_Q5_1 = 7,
    TYPE_Q2_K = 10,
    TYPE_Q3_K = 11,
    TYPE_Q4_K = 12,
    TYPE_Q5_K = 13,
    TYPE_Q6_K = 14,
    TYPE_IQ4_NL = 20,
    TYPE_IQ4_XS = 23,
    TYPE_TQ2_0 = 35
};

struct decoded {
    _Alignas(64) uint8_t u[UNIT];
    _Alignas(32) float scale[UNIT_BLOCKS];
    _Alignas(32) float min[UNIT_BLOCKS];
    _Alignas(32) int16_t sub[2 * UNIT_BLOCKS];
    _Alignas(32) int16_t sub_min[2 * UNIT_BLOCKS];
};

/* What a product chooses its instructions by. */
struct block_type {
    uint32_t dtype;
    uint16_t block, bytes; /* weights and bytes of a block of the type */
    uint8_t bits;          /* of u */
    uint8_t offset;        /* a power of two, or 0 */
    uint8_t has_min, has_sub, has_sub_min;
};

DECODE_INLINE struct block_type block_type(uint32_t dtype)
{
    switch (dtype) {
    case VIV_Q4_0:
        return (struct block_type){dtype, 32, 18, 4, 8, 0, 0, 0};
    case TYPE_Q4_1:
        return (struct block_type){dtype, 32, 20, 4, 0, 1, 0, 0};
    case TYPE_Q5_0:
        return (struct block_type){dtype, 32, 22, 5, 16, 0, 0, 0};
    case TYPE_Q5_1:
        return (struct block_type){dtype, 32, 24, 5, 0, 1, 0, 0};
    case VIV_Q8_0:
        return (struct block_type){dtype, 32, 34, 8, 128, 0, 0, 0};
    case TYPE_Q2_K:
        return (struct block_type){dtype, 256, 84, 2, 0, 1, 1, 1};
    case TYPE_Q3_K:
        return (struct block_type){dtype, 256, 110, 3, 4, 0, 1, 0};
    case TYPE_Q4_K:
        return (struct block_type){dtype, 256, 144, 4, 0, 1, 0, 0};
    case TYPE_Q5_K:
        return (struct block_type){dtype, 256, 176, 5, 0, 1, 0, 0};
    case TYPE_Q6_K:
        return (struct block_type){dtype, 256, 210, 6, 32, 0, 1, 0};
    case TYPE_IQ4_NL:
        return (struct block_type){dtype, 32, 18, 8, 128, 0, 0, 0};
    case TYPE_IQ4_XS:
        return (struct block_type){dtype, 256, 136, 8, 128, 0, 0, 0};
    case TYPE_TQ2_0:
        return (struct block_type){dtype, 256, 66, 2, 1, 0, 0, 0};
    default: /* VIV_MXFP4 */
        return (struct block_type){dtype, 32, 17, 5, 16, 0, 0, 0};
    }
}

DECODE_INLINE float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return half_to_float(h);
}

/* --- blocks of 32 -------------------------------------------------------------------------------------------- */

/* Weight j is the low nibble of q[j], weight 16 + j its high one. */
DECODE_INLINE void decode_nibbles(uint8_t *u, const uint8_t *q)
{
    for (int j = 0; j < 16; j++) {
        u[j] = q[j] & 15;
        u[16 + j] = q[j] >> 4;
    }
}

DECODE_INLINE void decode_table(uint8_t *u, const uint8_t *q, const uint8_t *table)
{
    for (int j = 0; j < 16; j++) {
        u[j] = table[q[j] & 15];
        u[16 + j] = table[q[j] >> 4];
    }
}

/* And the fifth bit of weight i is bit i of the four bytes `high`. */
DECODE_INLINE void decode_five(uint8_t *u, const uint8_t *q, const uint8_t *high)
{
    uint32_t bits;
    memcpy(&bits, high, sizeof bits);
    decode_nibbles(u, q);
    for (int j = 0; j < 32; j++)
        u[j] |= (uint8_t)((bits >> j & 1) << 4);
}

/* 128 more than the values of IQ4_NL and IQ4_XS. */
static const uint8_t iq4_table[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
/* 16 more than twice the values of FP4. */
static const uint8_t fp4_table[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

DECODE_INLINE void decode_block(uint32_t dtype, const uint8_t *p, int b, struct decoded *out)
{
    uint8_t *u = out->u + b * BLOCK;
    if (dtype != VIV_MXFP4)
        out->scale[b] = half_at(p);
    switch (dtype) {
    case VIV_Q4_0:
        decode_nibbles(u, p + 2);
        break;
    case TYPE_Q4_1:
        out->min[b] = half_at(p + 2);
        decode_nibbles(u, p + 4);
        break;
    case TYPE_Q5_0:
        decode_five(u, p + 6, p + 2);
        break;
    case TYPE_Q5_1:
        out->min[b] = half_at(p + 2);
        decode_five(u, p + 8, p + 4);
        break;
    case VIV_Q8_0:
        for (int j = 0; j < BLOCK; j++)
            u[j] = p[2 + j] ^ 0x80;
        break;
    case TYPE_IQ4_NL:
        decode_table(u, p + 2, iq4_table);
        break;
    default: /* VIV_MXFP4 */
        out->scale[b] = mxfp4_half_scale(p[0]);
        decode_table(u, p + 1, fp4_table);
    }
}

/* --- blocks of 256 ------------------------------------------------------------------------------------------- */

/* Two bits of each weight: 32 bytes are four blocks, one for each pair of bits. */
DECODE_INLINE void decode_pairs(uint8_t *u, const uint8_t *q)
{
    for (int n = 0; n < 2; n++)
        for (int j = 0; j < 4; j++)
            for (int i = 0; i < 32; i++)
                u[n * 128 + j * 32 + i] = q[n * 32 + i] >> 2 * j & 3;
}

/* 4 bits: 32 bytes are two blocks, low nibbles first. */
DECODE_INLINE void decode_halves(uint8_t *u, const uint8_t *q)
{
    for (int j = 0; j < 4; j++)
        for (int i = 0; i < 32; i++) {
            u[j * 64 + i] = q[j * 32 + i] & 15;
            u[j * 64 + 32 + i] = q[j * 32 + i] >> 4;
        }
}

/* Eight scales and eight mins of 6 bits each in 12 bytes. */
DECODE_INLINE void decode_six_bits(const uint8_t *s, float d, float dmin, struct decoded *out)
{
    for (int b = 0; b < 8; b++) {
        const int sc = b < 4 ? s[b] & 63 : (s[b + 4] & 15) | s[b - 4] >> 6 << 4;
        const int m = b < 4 ? s[b + 4] & 63 : s[b + 4] >> 4 | s[b] >> 6 << 4;
        out->scale[b] = d * (float)sc;
        out->min[b] = -(dmin * (float)m);
    }
}

DECODE_INLINE void fill(float *x, float value)
{
    for (int b = 0; b < UNIT_BLOCKS; b++)
        x[b] = value;
}

DECODE_INLINE void decode_q2_k(const uint8_t *p, struct decoded *out)
{
    decode_pairs(out->u, p + 16);
    for (int i = 0; i < 16; i++) {
        out->sub[i] = p[i] & 15;
        out->sub_min[i] = p[i] >> 4;
    }
    fill(out->scale, half_at(p + 80));
    fill(out->min, -half_at(p + 82));
}

DECODE_INLINE void decode_q3_k(const uint8_t *p, struct decoded *out)
{
    const uint8_t *high = p, *s = p + 96;
    decode_pairs(out->u, p + 32);
    for (int b = 0; b < 8; b++)
        for (int i = 0; i < 32; i++)
            out->u[b * 32 + i] |= (uint8_t)((high[i] >> b & 1) << 2);
    for (int i = 0; i < 16; i++) {
        const int low = i < 8 ? s[i] & 15 : s[i - 8] >> 4;
        out->sub[i] = (int16_t)((low | (s[8 + i % 4] >> 2 * (i / 4) & 3) << 4) - 32);
    }
    fill(out->scale, half_at(p + 108));
}

DECODE_INLINE void decode_q5_k(const uint8_t *p, struct decoded *out)
{
    const uint8_t *high = p + 16;
    decode_halves(out->u, p + 48);
    for (int b = 0; b < 8; b++)
        for (int i = 0; i < 32; i++)
            out->u[b * 32 + i] |= (uint8_t)((high[i] >> b & 1) << 4);
    decode_six_bits(p + 4, half_at(p), half_at(p + 2), out);
}

DECODE_INLINE void decode_q6_k(const uint8_t *p, struct decoded *out)
{
    for (int n = 0; n < 2; n++) {
        const uint8_t *low = p + n * 64, *high = p + 128 + n * 32;
        uint8_t *u = out->u + n * 128;
        for (int i = 0; i < 32; i++) {
            u[i] = (uint8_t)((low[i] & 15) | (high[i] & 3) << 4);
            u[32 + i] = (uint8_t)((low[32 + i] & 15) | (high[i] >> 2 & 3) << 4);
            u[64 + i] = (uint8_t)(low[i] >> 4 | (high[i] >> 4 & 3) << 4);
            u[96 + i] = (uint8_t)(low[32 + i] >> 4 | high[i] >> 6 << 4);
        }
    }
    for (int i = 0; i < 16; i++)
        out->sub[i] = (int8_t)p[192 + i];
    fill(out->scale, half_at(p + 208));
}

DECODE_INLINE void decode_iq4_xs(const uint8_t *p, struct decoded *out)
{
    const float d = half_at(p);
    const int high = p[2] | p[3] << 8;
    for (int b = 0; b < 8; b++) {
        const int sc = (p[4 + b / 2] >> 4 * (b % 2) & 15) | (high >> 2 * b & 3) << 4;
        out->scale[b] = d * (float)(sc - 32);
        decode_table(out->u + b * BLOCK, p + 8 + b * 16, iq4_table);
    }
}

DECODE_INLINE void decode_unit(uint32_t dtype, const uint8_t *p, struct decoded *out)
{
    switch (dtype) {
    case TYPE_Q2_K:
        decode_q2_k(p, out);
        break;
    case TYPE_Q3_K:
        decode_q3_k(p, out);
        break;
    case TYPE_Q4_K:
        decode_halves(out->u, p + 16);
        decode_six_bits(p + 4, half_at(p), half_at(p + 2), out);
        break;
    case TYPE_Q5_K:
        decode_q5_k(p, out);
        break;
    case TYPE_Q6_K:
        decode_q6_k(p, out);
        break;
    case TYPE_IQ4_XS:
        decode_iq4_xs(p, out);
        break;
    default: /* TYPE_TQ2_0 */
        decode_pairs(out->u, p);
        fill(out->scale, half_at(p + 64));
    }
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* Blocks [first, first + n_blocks) of 32 of a row, n_blocks <= 8 and first a multiple of 8. */
DECODE_INLINE void decode(uint32_t dtype, const void *row, uint64_t first, int n_blocks, struct decoded *out)
{
    const struct block_type t = block_type(dtype);
    if (t.block == UNIT) {
        decode_unit(dtype, (const uint8_t *)row + first / UNIT_BLOCKS * t.bytes, out);
        return;
    }
    for (int b = 0; b < n_blocks; b++)
        decode_block(dtype, (const uint8_t *)row + (first + (uint64_t)b) * t.bytes, b, out);
}

/* X(name, number) for each type. */
#define BLOCK_TYPES(X)                                                                                             \
    X(q4_0, VIV_Q4_0)                                                                                              \
    X(q4_1, TYPE_Q4_1)                                                                                             \
    X(q5_0, TYPE_Q5_0)                                                                                             \
    X(q5_1, TYPE_Q5_1)                                                                                             \
    X(q8_0, VIV_Q8_0)                                                                                              \
    X(q2_k, TYPE_Q2_K)                                                                                             \
    X(q3_k, TYPE_Q3_K)                                                                                             \
    X(q4_k, TYPE_Q4_K)                                                                                             \
    X(q5_k, TYPE_Q5_K)                                                                                             \
    X(q6_k, TYPE_Q6_K)                                                                                             \
    X(iq4_nl, TYPE_IQ4_NL)                                                                                         \
    X(iq4_xs, TYPE_IQ4_XS)                                                                                         \
    X(tq2_0, TYPE_TQ2_0)                                                                                           \
    X(mxfp4, VIV_MXFP4)

#endif
