/* decode_floats.h - block-quantized weights as floats, as the reference decodes them: rounded after each operation,
 * in the order (scale * sub) * value + min. */
#ifndef KERNELS_DECODE_FLOATS_H
#define KERNELS_DECODE_FLOATS_H

#include "kernels/decode.h"

typedef uint8_t bytes8 __attribute__((vector_size(8)));

static const float nf4_values[16] = {NF4_VALUES}, bnb_fp4_values[16] = {BNB_FP4_VALUES};
static const float e2m1_values[16] = {0.0f,  0.5f,  1.0f,  1.5f,  2.0f,  3.0f,  4.0f,  6.0f,
                                      -0.0f, -0.5f, -1.0f, -1.5f, -2.0f, -3.0f, -4.0f, -6.0f};

/* scale[half] * table[nibble] */
DECODE_INLINE void nibbles_to_floats(float *y, const uint8_t *q, const float *table, float low, float high)
{
    for (int i = 0; i < BLOCK / 2; i++) {
        y[i] = table[q[i] & 15] * low;
        y[BLOCK / 2 + i] = table[q[i] >> 4] * high;
    }
}

/* An 8-bit float has 4 bits of exponent with a bias of 7, 3 of mantissa. Those with an exponent of 0 are
 * m * 2^-9 = (1 + m / 8) * 2^-6 - 2^-6: no f32 is ever subnormal, which processors are slow with. */
DECODE_INLINE void e4m3_to_floats(float *y, const uint8_t *q, float scale)
{
    for (int i = 0; i < BLOCK; i += 8) {
        bytes8 codes;
        memcpy(&codes, q + i, sizeof codes);
        const words8 x = __builtin_convertvector(codes, words8), magnitude = x & 0x7f;
        const words8 tiny = (words8)(magnitude < 8);
        const floats8 v = (floats8)((magnitude << 20) + (120u << 23) + (tiny & (1u << 23))) -
                          (floats8)(tiny & bits_of_float(0x1p-6f));
        const floats8 w = (floats8)((words8)v | (x & 0x80) << 24) * scale;
        memcpy(y + i, &w, sizeof w);
    }
}

/* Whether a type's values are in tables or are floats themselves. */
DECODE_INLINE int decodes_to_floats(uint32_t dtype)
{
    return dtype >= TYPE_NF4 && dtype <= TYPE_FP8;
}

DECODE_INLINE void block_to_floats(uint32_t dtype, float *y, const uint8_t *p)
{
    switch (dtype) {
    case TYPE_NF4:
        nibbles_to_floats(y, p + offsetof(struct block_code4, q), nf4_values, float_at(p), float_at(p));
        break;
    case TYPE_BNB_FP4:
        nibbles_to_floats(y, p + offsetof(struct block_code4, q), bnb_fp4_values, float_at(p), float_at(p));
        break;
    case TYPE_NVFP4_F32:
        nibbles_to_floats(y, p + offsetof(struct block_nvfp4_f32, q), e2m1_values, float_at(p),
                          float_at(p + sizeof(float)));
        break;
    default: /* TYPE_FP8 */
        e4m3_to_floats(y, p + offsetof(struct block_fp8, q), float_at(p));
    }
}

/* The scale of sixteen weights of a row of NVFP4: products round it where its neighbour's is much larger. */
DECODE_INLINE float nvfp4_scale_at(const void *row, uint64_t i)
{
    const struct nvfp4_scale s = nvfp4_scale(((const uint8_t *)row)[i / 4 * 36 + i % 4]);
    return (float)s.m * float_of_bits((uint32_t)(s.e + 116) << 23); /* m * 2^(e - 11) */
}

/* Blocks [first, first + n_blocks) of a row, which are decoded in w. */
DECODE_INLINE void decoded_to_floats(const struct block_type t, float *y, const void *row, uint64_t first,
                                     const struct decoded *w, int n_blocks)
{
    for (int i = 0; i < 2 * n_blocks; i++) {
        const float scale = t.dtype == TYPE_NVFP4 ? nvfp4_scale_at(row, first * 2 + (uint64_t)i)
                            : t.has_sub           ? w->scale[i / 2] * (float)w->sub[i]
                                                  : w->scale[i / 2];
        const float min = t.has_sub_min ? w->min[i / 2] * (float)w->sub_min[i] : t.has_min ? w->min[i / 2] : 0.0f;
        for (int j = 0; j < 16; j++) {
            const float value = scale * (float)(w->u[i * 16 + j] - t.offset);
            *y++ = t.has_min ? value + min : value;
        }
    }
}

/* n weights, a multiple of the type's block, from the begin of a row. */
DECODE_INLINE void decode_floats(uint32_t dtype, float *y, const void *row, uint64_t n)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = n / BLOCK;
    if (decodes_to_floats(dtype)) {
        for (uint64_t b = 0; b < blocks; b++)
            block_to_floats(dtype, y + b * BLOCK, (const uint8_t *)row + b * t.bytes);
        return;
    }
    struct decoded w;
    for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
        const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
        decode(dtype, row, first, blocks, &w);
        decoded_to_floats(t, y + first * BLOCK, row, first, &w, n_blocks);
    }
}

#endif
