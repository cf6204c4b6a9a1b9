/* blocks.h - block quantization: the layouts of weights (those of GGML), and of the int8 rows to which activations
 * are quantized before a product with such weights.
 *
 * An int8 row of k activations (k a multiple of 32), shared by all types; K is k rounded up to whole units of 256,
 * and what lies past k is 0: int8_t q[K]          x rounded to a multiple of d, to nearest even float d[K / 32] max
 * |x| / 127 of each block; not finite, with q all 0, where x is not int32_t s[K / 32]    -128 * (sum of q):
 * corrects a product whose weights were offset by 128 int16_t h[K / 16]    sums of q by halves of a block
 *
 * A product with such a row is, in the order of blocks and rounded after each operation (so that every instruction
 * set gives the same bits; scale, sub, u, offset, min and sub_min as in decode.h):
 *
 *   y = y + (scale * d) * (float)(exact sum of sub * (u - offset) * q)
 *   y = y + (min / -128 * d) * (float)s             where the type has mins,
 *       or  (min * d) * (float)(sum of sub_min * h)  where these have sub-scales */
#ifndef KERNELS_BLOCKS_H
#define KERNELS_BLOCKS_H

#include "base/size.h"
#include "kernels/half.h"

#include <string.h>

enum { BLOCK = 32, UNIT = 256, UNIT_BLOCKS = UNIT / BLOCK };
#define INT8_ROW_FORMAT "int8 by 32"

struct block_q8_0 {
    uint16_t d; /* f16 */
    int8_t q[BLOCK];
};

struct block_q4_0 {
    uint16_t d;           /* f16 */
    uint8_t q[BLOCK / 2]; /* weight j + 8: low nibble of q[j] for j < 16, then the high ones */
};

/* OCP Microscaling Formats 1.0: 4-bit floats with a shared power of two. Stored as twice their value, which is an
 * integer, and half the scale. */
struct block_mxfp4 {
    uint8_t e;            /* the scale is 2^(e - 127) */
    uint8_t q[BLOCK / 2]; /* as in block_q4_0 */
};
#define MXFP4_VALUES 0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12

/* 2^(e - 128) */
static inline float mxfp4_half_scale(uint8_t e)
{
    return float_of_bits(e < 2 ? 0x00200000u << e : (uint32_t)(e - 1) << 23);
}

/* --- types of our own (decode.h has their numbers), nibbles as in block_q4_0 ---------------------------------- */

/* weight = scale * (q - zero), zero from 0 to 16 */
struct block_int4 {
    uint8_t add;      /* 16 - zero */
    uint8_t scale[3]; /* the upper bytes of an f32 whose lowest byte is 0 */
    uint8_t q[BLOCK / 2];
};

struct block_int8 {
    float scale;
    int8_t q[BLOCK];
};

/* weight = scale * (q - 128) + min */
struct block_uint8 {
    float scale, min;
    uint8_t q[BLOCK];
};

/* weight = scale * (q - 8) + min */
struct block_uint4 {
    float scale, min;
    uint8_t q[BLOCK / 2];
};

/* weight = scale * values[q], values of bitsandbytes: those of a normal distribution, or of its own 4-bit floats */
struct block_code4 {
    float scale;
    uint8_t q[BLOCK / 2];
};
#define NF4_VALUES                                                                                                 \
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,               \
        -0.18477343022823334f, -0.09105003625154495f, 0.0f, 0.07958029955625534f, 0.16093020141124725f,            \
        0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f,                     \
        0.7229568362236023f, 1.0f
#define BNB_FP4_VALUES                                                                                             \
    0.0f, 0.005208333333f, 0.66666667f, 1.0f, 0.33333333f, 0.5f, 0.16666667f, 0.25f, 0.0f, -0.005208333333f,       \
        -0.66666667f, -1.0f, -0.33333333f, -0.5f, -0.16666667f, -0.25f

/* 4-bit floats (e2m1) with a scale for each half */
struct block_nvfp4_f32 {
    float scale[2];
    uint8_t q[BLOCK / 2];
};

/* 8-bit floats (e4m3) */
struct block_fp8 {
    float scale;
    uint8_t q[BLOCK];
};

static inline uint64_t int8_row_bytes(uint64_t k)
{
    return size_align(size_align(k, UNIT) / BLOCK * 44, 64);
}

static inline const float *int8_row_scales(const void *row, uint64_t k)
{
    return (const float *)((const char *)row + size_align(k, UNIT));
}

static inline const int32_t *int8_row_sums(const void *row, uint64_t k)
{
    return (const int32_t *)((const char *)row + size_align(k, UNIT) / BLOCK * 36);
}

static inline const int16_t *int8_row_halves(const void *row, uint64_t k)
{
    return (const int16_t *)(const void *)((const char *)row + size_align(k, UNIT) / BLOCK * 40);
}

/* A row that is written. */
struct int8_row {
    int8_t *q;
    float *d;
    int32_t *s;
    int16_t *h;
};

/* Its parts; what lies past k is set to 0. */
static inline struct int8_row int8_row_begin(void *row, uint64_t k)
{
    const uint64_t n = size_align(k, UNIT) / BLOCK, first = k / BLOCK;
    const struct int8_row r = {row, (float *)row + n * 8, (int32_t *)row + n * 9, (int16_t *)row + n * 20};
    memset(r.q + k, 0, (n - first) * BLOCK);
    memset(r.d + first, 0, (n - first) * sizeof *r.d);
    memset(r.s + first, 0, (n - first) * sizeof *r.s);
    memset(r.h + 2 * first, 0, (n - first) * 2 * sizeof *r.h);
    return r;
}

/* The factor for a block with this largest |x|; 0 if it would overflow or is not finite. */
static inline float int8_block_factor(float largest)
{
    return largest >= 0x1p-100f && largest <= 0x1.fffffep127f ? 127.0f / largest : 0.0f;
}

#endif
