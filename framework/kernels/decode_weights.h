/* decode_weights.h - how the weights of each type lie in memory: decode_weights. */
#ifndef KERNELS_DECODE_WEIGHTS_H
#define KERNELS_DECODE_WEIGHTS_H

#include "kernels/block_types.h"
#include "kernels/decode_bytes.h"
#include "kernels/grids.h"

/* 128 more than the values of IQ4_NL and IQ4_XS. */
static const uint8_t iq4_table[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
/* 16 more than twice the values of FP4. */
static const uint8_t fp4_table[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

/* Values that are negative where a bit of 32 `signs` is set, from weight i of the block on, and the offset. */
DECODE_INLINE some_bytes with_signs(some_bytes values, uint32_t signs, const int i, const uint8_t offset)
{
    const some_bytes negative = spread_bits((const uint8_t *)&signs, i, 255);
    return (values ^ negative) - negative + offset;
}

/* The signs of 32 weights in four bytes of 7 bits: an even number of each eight is negative. */
DECODE_INLINE uint32_t even_signs(uint32_t sevens)
{
    uint32_t parity = sevens ^ sevens >> 4;
    parity ^= parity >> 2;
    parity ^= parity >> 1;
    return sevens | (parity & 0x01010101) << 7;
}

/* Those of 28 bits. */
DECODE_INLINE uint32_t packed_signs(uint32_t bits)
{
    return even_signs((bits & 0x7f) | (bits << 1 & 0x7f00) | (bits << 2 & 0x7f0000) | (bits << 3 & 0x7f000000));
}

DECODE_INLINE some_bytes decode_iq2_xxs(const uint8_t *p, const int b, const int i)
{
    const uint8_t *q = p + 2 + 8 * b;
    const uint32_t at[4] = {q[0], q[1], q[2], q[3]};
    return with_signs(look_up_eights(grid_iq2_xxs, at, i), packed_signs(word_at(q + 4)), i, 64);
}

/* Four times 9 bits of a place and 7 of signs. */
DECODE_INLINE some_bytes decode_iq2_xs(const uint8_t *p, const int b, const int i)
{
    const uint64_t q = eight_at(p + 2 + 8 * b);
    const uint32_t at[4] = {q & 511, q >> 16 & 511, q >> 32 & 511, q >> 48 & 511};
    uint64_t sevens = q >> 9 & 0x007f007f007f007fu;
    sevens = (sevens | sevens >> 8) & 0x0000ffff0000ffffu;
    return with_signs(look_up_eights(grid_iq2_xs, at, i), even_signs((uint32_t)(sevens | sevens >> 16)), i, 64);
}

DECODE_INLINE some_bytes decode_iq2_s(const uint8_t *p, const int b, const int i)
{
    const uint8_t *q = p + 2 + 4 * b;
    const uint32_t high = p[66 + b];
    const uint32_t at[4] = {q[0] | (high << 8 & 768), q[1] | (high << 6 & 768), q[2] | (high << 4 & 768),
                            q[3] | (high << 2 & 768)};
    return with_signs(look_up_eights(grid_iq2_s, at, i), word_at(q + 32), i, 64);
}

DECODE_INLINE some_bytes decode_iq3_xxs(const uint8_t *p, const int b, const int i)
{
    const uint8_t *q = p + 2 + 8 * b;
    const uint32_t at[8] = {q[0], q[1], q[2], q[3], q[4], q[5], q[6], q[7]};
    return with_signs(look_up_fours(grid_iq3_xxs, at, i), packed_signs(word_at(p + 66 + 4 * b)), i, 32);
}

DECODE_INLINE some_bytes decode_iq3_s(const uint8_t *p, const int b, const int i)
{
    const uint8_t *q = p + 2 + 8 * b;
    const uint32_t high = p[66 + b];
    const uint32_t at[8] = {q[0] | (high << 8 & 256), q[1] | (high << 7 & 256), q[2] | (high << 6 & 256),
                            q[3] | (high << 5 & 256), q[4] | (high << 4 & 256), q[5] | (high << 3 & 256),
                            q[6] | (high << 2 & 256), q[7] | (high << 1 & 256)};
    return with_signs(look_up_fours(grid_iq3_s, at, i), word_at(p + 74 + 4 * b), i, 16);
}

/* u is 16 + 8 * (value + delta): that of the grid and 9, or 7 where delta is negative. */
DECODE_INLINE some_bytes decode_iq1_s(const uint8_t *p, const int b, const int i)
{
    const uint8_t *q = p + 2 + 4 * b;
    const uint32_t high = half_bits_at(p + 34 + 2 * b);
    const uint32_t at[4] = {q[0] | (high << 8 & 1792), q[1] | (high << 5 & 1792), q[2] | (high << 2 & 1792),
                            q[3] | (high >> 1 & 1792)};
    return look_up_eights(grid_iq1, at, i) + (uint8_t)(high & 0x8000 ? 7 : 9);
}

DECODE_INLINE some_bytes decode_iq1_m(const uint8_t *p, const int b, const int i)
{
    static const uint64_t deltas[2] = {0x0909090909090909, 0x0707070707070707};
    const uint8_t *q = p + 4 * b;
    const uint32_t high = half_bits_at(p + 32 + 2 * b);
    const uint32_t at[4] = {q[0] | (high << 8 & 1792), q[1] | (high << 4 & 1792), q[2] | (high & 1792),
                            q[3] | (high >> 4 & 1792)};
    const uint32_t negative[4] = {high >> 3 & 1, high >> 7 & 1, high >> 11 & 1, high >> 15};
    return look_up_eights(grid_iq1, at, i) + look_up_eights(deltas, negative, i);
}

/* By what the bytes of each half of a block of TQ1_0 are multiplied. */
#define ALL(n)                                                                                                     \
    {                                                                                                              \
        n, n, n, n, n, n, n, n                                                                                     \
    }
static const uint16_t tq1_powers[2 * UNIT_BLOCKS][8] = {
    ALL(1),  ALL(1),  ALL(3), ALL(3), ALL(9), ALL(9),  ALL(27), ALL(27),
    ALL(81), ALL(81), ALL(1), ALL(3), ALL(9), ALL(27), ALL(81), {1, 1, 3, 3, 9, 9, 27, 27}};
#undef ALL

/* A byte is a fraction in base 3: u is its first digit, once the fraction is multiplied by a power of 3. Five
 * digits are in each of 32 bytes, five in each of 16 more, four in each of the last 4. */
DECODE_INLINE some_bytes decode_tq1_0(const uint8_t *p, const int b, const int i)
{
    byte_pairs powers;
    some_bytes v;
    memcpy(&powers, tq1_powers[2 * b + i / 16], sizeof powers);
    if (b < 5) {
        v = load_bytes(p + i);
    } else {
        const uint64_t last = word_at(p + 48) * (uint64_t)0x100000001;
        const bytes16 more = load16(p + 32);
#ifdef __AVX2__
        v = (some_bytes)_mm256_setr_m128i((__m128i)more, b == 7 ? _mm_set1_epi64x((long long)last) : (__m128i)more);
#else
        v = b == 7 && i ? (some_bytes)(byte_eights){last, last} : more;
#endif
    }
    const byte_pairs even = (byte_pairs)v * powers & 255, odd = ((byte_pairs)v >> 8) * powers << 8;
    v = (some_bytes)(even | odd);
    return -(some_bytes)(v > 85) - (some_bytes)(v > 170);
}
/* What stands for nf4_values in a product: 128 + round(112 value), the factor whose errors are smallest. They are
 * at most 1/224 of a block's largest weight, about those of activations of 8 bits. */
static const uint8_t nf4_table[16] = {16, 50, 69, 84, 96, 107, 118, 128, 137, 146, 156, 166, 177, 191, 209, 240};
/* The same for bnb_fp4_values: 128 + 96 value, of which only the smallest value is not exact. */
static const uint8_t bnb_fp4_table[16] = {128, 128, 192, 224, 160, 176, 144, 152,
                                          128, 128, 64,  32,  96,  80,  112, 104};

/* u of weights [i, i + SOME) of block b of the unit at p. Where blocks are of 256, 32 bytes hold two bits of the
 * weights of four blocks, or four bits of those of two. */
DECODE_INLINE some_bytes decode_weights(uint32_t dtype, const uint8_t *p, const int b, const int i)
{
    const int n = b / 4, j = b % 4;
    const struct block_type t = block_type(dtype);
    const uint8_t *own = p + b * BLOCK / t.block * t.bytes; /* the block of the type */
    switch (dtype) {
    case VIV_Q4_0:
        return nibbles(own + 2, i);
    case TYPE_Q4_1:
        return nibbles(own + 4, i);
    case TYPE_Q5_0:
        return nibbles(own + 6, i) | spread_bits(own + 2, i, 16);
    case TYPE_Q5_1:
        return nibbles(own + 8, i) | spread_bits(own + 4, i, 16);
    case VIV_Q8_0:
        return load_bytes(own + 2 + i) ^ 0x80;
    case TYPE_IQ4_NL:
        return look_up(iq4_table, nibbles(own + 2, i));
    case TYPE_Q2_K:
        return shifted(load_bytes(p + 16 + n * 32 + i), 2 * j, 3);
    case TYPE_Q3_K: /* bit 2 is bit b of the first 32 bytes */
        return shifted(load_bytes(p + 32 + n * 32 + i), 2 * j, 3) | shifted(load_bytes(p + i), b - 2, 4);
    case TYPE_Q4_K:
        return shifted(load_bytes(p + 16 + b / 2 * 32 + i), b % 2 * 4, 15);
    case TYPE_Q5_K: /* bit 4 is bit b of 32 bytes */
        return shifted(load_bytes(p + 48 + b / 2 * 32 + i), b % 2 * 4, 15) |
               shifted(load_bytes(p + 16 + i), b - 4, 16);
    case TYPE_Q6_K: /* nibbles of 64 bytes, and bits 4 and 5 of 32 more */
        return shifted(load_bytes(p + n * 64 + j % 2 * 32 + i), j / 2 * 4, 15) |
               shifted(load_bytes(p + 128 + n * 32 + i), 2 * j - 4, 48);
    case TYPE_IQ4_XS:
        return look_up(iq4_table, nibbles(p + 8 + b * 16, i));
    case TYPE_IQ2_XXS:
        return decode_iq2_xxs(p, b, i);
    case TYPE_IQ2_XS:
        return decode_iq2_xs(p, b, i);
    case TYPE_IQ2_S:
        return decode_iq2_s(p, b, i);
    case TYPE_IQ3_XXS:
        return decode_iq3_xxs(p, b, i);
    case TYPE_IQ3_S:
        return decode_iq3_s(p, b, i);
    case TYPE_IQ1_S:
        return decode_iq1_s(p, b, i);
    case TYPE_IQ1_M:
        return decode_iq1_m(p, b, i);
    case TYPE_TQ1_0:
        return decode_tq1_0(p, b, i);
    case TYPE_TQ2_0:
        return shifted(load_bytes(p + n * 32 + i), 2 * j, 3);
    case TYPE_Q1_0: /* 0 for -1, 2 for 1 */
        return spread_bits(own + 2 + j * 4, i, 2);
    case TYPE_Q2_0:
        return pairs_of_bits(own + 2 + b % 2 * 8, i);
    case TYPE_NVFP4:
        return look_up(fp4_table, nibbles_by_eights(own + 4 + b % 2 * 16, i));
    case TYPE_INT4:
        return nibbles(own + offsetof(struct block_int4, q), i) + own[offsetof(struct block_int4, add)];
    case TYPE_INT8:
        return load_bytes(own + offsetof(struct block_int8, q) + i) ^ 0x80;
    case TYPE_UINT8:
        return load_bytes(own + offsetof(struct block_uint8, q) + i);
    case TYPE_UINT4:
        return nibbles(own + offsetof(struct block_uint4, q), i);
    case TYPE_NF4:
        return look_up(nf4_table, nibbles(own + offsetof(struct block_code4, q), i));
    case TYPE_BNB_FP4:
        return look_up(bnb_fp4_table, nibbles(own + offsetof(struct block_code4, q), i));
    case TYPE_NVFP4_F32:
        return look_up(fp4_table, nibbles(own + offsetof(struct block_nvfp4_f32, q), i));
    default: /* VIV_MXFP4 */
        return look_up(fp4_table, nibbles(own + 1, i));
    }
}

#endif
