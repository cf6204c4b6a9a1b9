/* decode.h - block-quantized weights, decoded: the one place that knows how each type lies in memory. Layouts are
 * those of GGML (ggml-common.h of 2026).
 *
 * A row is decoded 256 weights at a time, eight blocks of 32, whatever the type's own block is. Weight i of block b
 * is
 *
 *   scale[b] * sub[2b + i / 16] * (u[32b + i] - offset) + min[b] * sub_min[2b + i / 16]
 *
 * with u of so many bits, without a sign, and sub, min and sub_min where the type has them (else 1, 0 and 1).
 * Products and conversions are written once over this form: see struct block_type. */
#ifndef KERNELS_DECODE_H
#define KERNELS_DECODE_H

#include "kernels/block_types.h"
#include "kernels/blocks.h"
#include "kernels/grids.h"

#include <string.h>

#define DECODE_INLINE static inline __attribute__((always_inline))
#if defined __clang__
#define DECODE_UNROLL _Pragma("unroll")
#else
#define DECODE_UNROLL _Pragma("GCC unroll 16")
#endif

/* The compiler may not look through this value: it would take a vector apart, or keep all products and add them
 * last, with too few registers. */
#ifdef __x86_64__
#define KEEP(value) __asm__("" : "+v"(value))
#else
#define KEEP(value) __asm__("" : "+w"(value))
#endif

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
    case TYPE_IQ2_XXS:
        return (struct block_type){dtype, 256, 66, 7, 64, 0, 0, 0};
    case TYPE_IQ2_XS:
        return (struct block_type){dtype, 256, 74, 7, 64, 0, 1, 0};
    case TYPE_IQ3_XXS:
        return (struct block_type){dtype, 256, 98, 6, 32, 0, 0, 0};
    case TYPE_IQ1_S:
        return (struct block_type){dtype, 256, 50, 5, 16, 0, 0, 0};
    case TYPE_IQ4_NL:
        return (struct block_type){dtype, 32, 18, 8, 128, 0, 0, 0};
    case TYPE_IQ3_S:
        return (struct block_type){dtype, 256, 110, 5, 16, 0, 0, 0};
    case TYPE_IQ2_S:
        return (struct block_type){dtype, 256, 82, 7, 64, 0, 1, 0};
    case TYPE_IQ4_XS:
        return (struct block_type){dtype, 256, 136, 8, 128, 0, 0, 0};
    case TYPE_IQ1_M:
        return (struct block_type){dtype, 256, 56, 5, 16, 0, 1, 0};
    case TYPE_TQ1_0:
        return (struct block_type){dtype, 256, 54, 2, 1, 0, 0, 0};
    case TYPE_TQ2_0:
        return (struct block_type){dtype, 256, 66, 2, 1, 0, 0, 0};
    case TYPE_NVFP4:
        return (struct block_type){dtype, 64, 36, 5, 16, 0, 1, 0};
    case TYPE_Q1_0:
        return (struct block_type){dtype, 128, 18, 2, 1, 0, 0, 0};
    case TYPE_Q2_0:
        return (struct block_type){dtype, 64, 18, 2, 1, 0, 0, 0};
    case TYPE_INT4:
        return (struct block_type){dtype, 32, sizeof(struct block_int4), 5, 16, 0, 0, 0};
    case TYPE_INT8:
        return (struct block_type){dtype, 32, sizeof(struct block_int8), 8, 128, 0, 0, 0};
    case TYPE_UINT8:
        return (struct block_type){dtype, 32, sizeof(struct block_uint8), 8, 128, 1, 0, 0};
    case TYPE_NF4:
    case TYPE_BNB_FP4:
        return (struct block_type){dtype, 32, sizeof(struct block_code4), 8, 128, 0, 0, 0};
    case TYPE_NVFP4_F32:
        return (struct block_type){dtype, 32, sizeof(struct block_nvfp4_f32), 5, 16, 0, 1, 0};
    case TYPE_FP8:
        return (struct block_type){dtype, 32, sizeof(struct block_fp8), 8, 0, 0, 0, 0};
    default: /* VIV_MXFP4 */
        return (struct block_type){dtype, 32, 17, 5, 16, 0, 0, 0};
    }
}

#ifdef __F16C__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

DECODE_INLINE float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
#ifdef __F16C__
    return _cvtsh_ss(h);
#elif defined __aarch64__
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0);
#else
    return half_to_float(h);
#endif
}

/* --- vectors, as compilers of C know them --------------------------------------------------------------------- */

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef int8_t signed16 __attribute__((vector_size(16)));

/* As many bytes as are decoded at once: those of a block, or of half of one. (Vectors of 64 bytes are no faster.)
 */
#ifdef __AVX2__
enum { SOME = 32 };
#else
enum { SOME = 16 };
#endif
typedef uint8_t some_bytes __attribute__((vector_size(SOME)));
typedef uint16_t byte_pairs __attribute__((vector_size(SOME)));
typedef uint32_t byte_fours __attribute__((vector_size(SOME)));
typedef uint64_t byte_eights __attribute__((vector_size(SOME)));

DECODE_INLINE uint16_t half_bits_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return h;
}

DECODE_INLINE uint32_t word_at(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

DECODE_INLINE uint64_t eight_at(const uint8_t *p)
{
    uint64_t eight;
    memcpy(&eight, p, sizeof eight);
    return eight;
}

DECODE_INLINE bytes16 load16(const uint8_t *p)
{
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

DECODE_INLINE some_bytes load_bytes(const uint8_t *p)
{
    some_bytes v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The bits `mask` of each byte once it is shifted to the right by `by`, to the left where `by` is below 0. */
DECODE_INLINE some_bytes shifted(some_bytes v, const int by, const uint8_t mask)
{
    return (some_bytes)(by < 0 ? (byte_pairs)v << (by < 0 ? -by : 0) : (byte_pairs)v >> (by < 0 ? 0 : by)) & mask;
}

/* The low 4 bits of each of eight bytes. */
DECODE_INLINE uint64_t low_nibbles(uint64_t eight)
{
    return eight & 0x0f0f0f0f0f0f0f0fu;
}

/* The eight nibbles of four bytes, in order, as bytes. */
DECODE_INLINE uint64_t spread_nibbles(uint64_t four)
{
    four = (four | four << 16) & 0x0000ffff0000ffffu;
    four = (four | four << 8) & 0x00ff00ff00ff00ffu;
    return low_nibbles(four | four << 4);
}

/* 32 nibbles of 16 bytes, the low ones first: those from weight i of the block on. */
DECODE_INLINE some_bytes nibbles(const uint8_t *q, const int i)
{
#ifdef __AVX2__
    (void)i;
    const __m256i v = _mm256_broadcastsi128_si256((__m128i)load16(q));
    return (some_bytes)_mm256_srlv_epi64(v, _mm256_setr_epi64x(0, 0, 4, 4)) & 15;
#else
    return shifted(load16(q), i ? 4 : 0, 15);
#endif
}

/* The same, but the low and the high ones of eight bytes take turns. */
DECODE_INLINE some_bytes nibbles_by_eights(const uint8_t *q, const int i)
{
#ifdef __AVX2__
    (void)i;
    const __m256i v = _mm256_permute4x64_epi64(_mm256_castsi128_si256((__m128i)load16(q)), 0x50);
    return (some_bytes)_mm256_srlv_epi64(v, _mm256_setr_epi64x(0, 4, 0, 4)) & 15;
#else
    const uint64_t eight = eight_at(q + i / 2);
    return (some_bytes)(byte_eights){eight, eight >> 4} & 15;
#endif
}

/* Pairs of bits of eight bytes, the lowest of a byte first: those from weight i of the block on. */
DECODE_INLINE some_bytes pairs_of_bits(const uint8_t *q, const int i)
{
#ifdef __AVX2__
    (void)i;
    byte_fours v = (byte_fours)_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)eight_at(q)));
#else
    q += i / 4;
    byte_fours v = {q[0], q[1], q[2], q[3]};
#endif
    v |= v << 12;
    return (some_bytes)(v | v << 6) & 3;
}

/* `value` where a bit of the four bytes is set, else 0: from weight i of the block on. */
DECODE_INLINE some_bytes spread_bits(const uint8_t *four, const int i, const uint8_t value)
{
#ifdef __AVX512BW__
    (void)i;
    return (some_bytes)_mm256_maskz_set1_epi8(word_at(four), (char)value);
#elif defined __AVX2__
    (void)i;
    const __m256i each =
        _mm256_shuffle_epi8(_mm256_set1_epi32((int)word_at(four)),
                            _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
    const __m256i bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    return (some_bytes)_mm256_cmpeq_epi8(_mm256_and_si256(each, bit), bit) & value;
#else
    const bytes16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
#ifdef __aarch64__
    const uint8x16_t each = vcombine_u8(vdup_n_u8(four[i / 8]), vdup_n_u8(four[i / 8 + 1]));
    return (bytes16)vtstq_u8(each, (uint8x16_t)bit) & value;
#else
    const uint64_t ones = 0x0101010101010101u, each[2] = {four[i / 8] * ones, four[i / 8 + 1] * ones};
    return (bytes16)((load16((const uint8_t *)each) & bit) == bit) & value;
#endif
#endif
}

/* table[v[j]], of indices below 16 */
DECODE_INLINE some_bytes look_up(const uint8_t *table, some_bytes v)
{
#ifdef __AVX2__
    return (some_bytes)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256((__m128i)load16(table)), (__m256i)v);
#elif defined __aarch64__
    return (bytes16)vqtbl1q_u8((uint8x16_t)load16(table), (uint8x16_t)v);
#else
    some_bytes out;
    for (int j = 0; j < SOME; j++)
        out[j] = table[v[j]];
    return out;
#endif
}

/* Points of a grid, eight values each, at four places: from weight i of the block on. */
DECODE_INLINE some_bytes look_up_eights(const uint64_t *grid, const uint32_t at[4], const int i)
{
#ifdef __AVX2__
    (void)i;
    return (some_bytes)(byte_eights){grid[at[0]], grid[at[1]], grid[at[2]], grid[at[3]]};
#else
    return (some_bytes)(byte_eights){grid[at[i / 8]], grid[at[i / 8 + 1]]};
#endif
}

/* Points of a grid, four values each, at eight places: from weight i of the block on. */
DECODE_INLINE some_bytes look_up_fours(const uint32_t *grid, const uint32_t at[8], const int i)
{
    const uint32_t *from = at + i / 4;
#ifdef __AVX2__
    return (some_bytes)(byte_fours){grid[from[0]], grid[from[1]], grid[from[2]], grid[from[3]],
                                    grid[from[4]], grid[from[5]], grid[from[6]], grid[from[7]]};
#else
    return (some_bytes)(byte_fours){grid[from[0]], grid[from[1]], grid[from[2]], grid[from[3]]};
#endif
}

DECODE_INLINE void store_shorts(int16_t *p, signed16 v)
{
#ifdef __AVX2__
    _mm256_store_si256((__m256i *)(void *)p, _mm256_cvtepi8_epi16((__m128i)v));
#elif defined __aarch64__
    vst1q_s16(p, vmovl_s8(vget_low_s8((int8x16_t)v)));
    vst1q_s16(p + 8, vmovl_high_s8((int8x16_t)v));
#else
    for (int i = 0; i < 16; i++)
        p[i] = (int16_t)v[i];
#endif
}

DECODE_INLINE void store_eight_times(float *p, float x)
{
    for (int i = 0; i < 8; i++)
        p[i] = x;
}

#ifdef __AVX2__
DECODE_INLINE __m256i widen_bytes(uint64_t eight)
{
    __m128i v = _mm_cvtsi64_si128((long long)eight);
    KEEP(v);
    return _mm256_cvtepu8_epi32(v);
}
#endif

/* d * (byte - less) of eight bytes */
DECODE_INLINE void store_scaled_bytes(float *p, float d, uint64_t eight, float less)
{
#ifdef __AVX2__
    const __m256 v = _mm256_cvtepi32_ps(widen_bytes(eight));
    _mm256_store_ps(p, _mm256_mul_ps(_mm256_sub_ps(v, _mm256_set1_ps(less)), _mm256_set1_ps(d)));
#elif defined __aarch64__
    const uint16x8_t v = vmovl_u8(vcreate_u8(eight));
    const float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(v))), high = vcvtq_f32_u32(vmovl_high_u16(v));
    vst1q_f32(p, vmulq_n_f32(vsubq_f32(low, vdupq_n_f32(less)), d));
    vst1q_f32(p + 4, vmulq_n_f32(vsubq_f32(high, vdupq_n_f32(less)), d));
#else
    for (int i = 0; i < 8; i++)
        p[i] = d * ((float)(eight >> 8 * i & 255) - less);
#endif
}

/* Four f16 that lie `stride` bytes apart. */
DECODE_INLINE uint64_t four_halves(const uint8_t *p, size_t stride)
{
    return half_bits_at(p) | (uint64_t)half_bits_at(p + stride) << 16 |
           (uint64_t)half_bits_at(p + 2 * stride) << 32 | (uint64_t)half_bits_at(p + 3 * stride) << 48;
}

/* Eight f16 that lie `stride` bytes apart. */
DECODE_INLINE void store_halves(float *out, const uint8_t *p, const size_t stride)
{
#ifdef __AVX512BW__
    const short s = (short)(stride / 2);
    if (stride <= 20) { /* 64 bytes reach four of them */
        const __m128i which = _mm_setr_epi16(0, s, 2 * s, 3 * s, 32, 32 + s, 32 + 2 * s, 32 + 3 * s);
        const __m512i h = _mm512_permutex2var_epi16(_mm512_loadu_si512(p), _mm512_castsi128_si512(which),
                                                    _mm512_loadu_si512(p + 4 * stride));
        _mm256_store_ps(out, _mm256_cvtph_ps(_mm512_castsi512_si128(h)));
        return;
    }
#endif
    uint64_t a = four_halves(p, stride), b = four_halves(p + 4 * stride, stride);
#ifdef __AVX2__
    __asm__("" : "+r"(a), "+r"(b)); /* otherwise gcc does this with vectors, which have enough to do */
    _mm256_store_ps(out, _mm256_cvtph_ps(_mm_set_epi64x((long long)b, (long long)a)));
#elif defined __aarch64__
    vst1q_f32(out, vcvt_f32_f16(vreinterpret_f16_u64(vcreate_u64(a))));
    vst1q_f32(out + 4, vcvt_f32_f16(vreinterpret_f16_u64(vcreate_u64(b))));
#else
    for (int i = 0; i < 4; i++) {
        out[i] = half_to_float((uint16_t)(a >> i * 16));
        out[4 + i] = half_to_float((uint16_t)(b >> i * 16));
    }
#endif
}

/* --- weights -------------------------------------------------------------------------------------------------- */

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

/* --- scales and mins ------------------------------------------------------------------------------------------ */

/* Eight powers of two for MXFP4, halved, from bytes `stride` apart. */
DECODE_INLINE void store_powers(float *out, const uint8_t *p, size_t stride)
{
    uint64_t e = 0;
    for (int b = 0; b < 8; b++)
        e |= (uint64_t)p[(size_t)b * stride] << 8 * b;
#ifdef __AVX2__
    const __m256i v = widen_bytes(e), one = _mm256_set1_epi32(1);
    const __m256i small = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), v); /* below the least normal number */
    const __m256i large = _mm256_slli_epi32(_mm256_sub_epi32(v, one), 23);
    _mm256_store_si256((__m256i *)(void *)out, _mm256_blendv_epi8(small, large, _mm256_cmpgt_epi32(v, one)));
#else
    for (int b = 0; b < 8; b++)
        out[b] = mxfp4_half_scale((uint8_t)(e >> 8 * b));
#endif
}

/* A scale of NVFP4, a float of 4 and 3 bits without a sign: m * 2^(e - 11), half its value as those of MXFP4. */
struct nvfp4_scale {
    uint32_t e, m;
};

DECODE_INLINE struct nvfp4_scale nvfp4_scale(uint32_t byte)
{
    const uint32_t e = byte >> 3 & 15, m = byte & 7;
    const uint32_t is_number = -(uint32_t)(byte != 0x7f), is_small = e == 0;
    return (struct nvfp4_scale){((e + is_small - 1) & is_number) + 1, (m + 8 - is_small * 8) & is_number};
}

/* Those of a block's halves become the power of two of the larger one, and int16. A half whose scale is more than
 * 2^11 times smaller loses its lowest bits: at most 2^-14 of the other's scale. */
DECODE_INLINE void decode_nvfp4_scales(const uint8_t *p, struct decoded *out)
{
    uint32_t pairs[UNIT_BLOCKS], subs[UNIT_BLOCKS],
        powers[UNIT_BLOCKS]; /* loops that the compiler makes vectors of */
    for (int b = 0; b < UNIT_BLOCKS; b++)
        pairs[b] = half_bits_at(p + b / 2 * 36 + b % 2 * 2);
    for (int b = 0; b < UNIT_BLOCKS; b++) {
        const struct nvfp4_scale first = nvfp4_scale(pairs[b] & 255), second = nvfp4_scale(pairs[b] >> 8);
        const uint32_t e = first.e > second.e ? first.e : second.e;
        powers[b] = (e + 105) << 23; /* 2^(e - 22) */
        subs[b] = first.m << 11 >> (e - first.e) | second.m << 11 >> (e - second.e) << 16;
    }
    memcpy(out->scale, powers, sizeof powers);
    memcpy(out->sub, subs, sizeof subs);
}

/* Those of blocks of 32 or a few of these. */
DECODE_INLINE void decode_own_scales(const struct block_type t, const uint8_t *p, struct decoded *out)
{
    if (t.dtype == VIV_MXFP4) {
        store_powers(out->scale, p, t.bytes);
        return;
    }
    if (t.block > BLOCK) {
        for (int b = 0; b < UNIT_BLOCKS; b++)
            out->scale[b] = half_at(p + b * BLOCK / t.block * t.bytes);
        return;
    }
    store_halves(out->scale, p, t.bytes);
    if (t.has_min)
        store_halves(out->min, p + 2, t.bytes);
}

/* Eight scales and eight mins of 6 bits each in 12 bytes: the first four have theirs in the low bits of 4 bytes
 * each, of the others 4 bits are in the last 4 bytes, and 2 above the first four's. */
DECODE_INLINE void decode_six_bits(const uint8_t *s, float d, float dmin, struct decoded *out)
{
    const uint32_t a = word_at(s), b = word_at(s + 4), c = word_at(s + 8);
    const uint64_t scales = (uint64_t)((c & 0x0f0f0f0f) | (a >> 2 & 0x30303030)) << 32 | (a & 0x3f3f3f3f);
    const uint64_t mins = (uint64_t)((c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030)) << 32 | (b & 0x3f3f3f3f);
    store_scaled_bytes(out->scale, d, scales, 0.0f);
    store_scaled_bytes(out->min, -dmin, mins, 0.0f);
}

DECODE_INLINE void decode_q2_k_scales(const uint8_t *p, struct decoded *out)
{
    const bytes16 scales = load16(p);
    store_shorts(out->sub, (signed16)(scales & 15));
    store_shorts(out->sub_min, (signed16)(scales >> 4));
    store_eight_times(out->scale, half_at(p + 80));
    store_eight_times(out->min, -half_at(p + 82));
}

/* Sixteen of 6 bits: 4 of each in the nibbles of 8 bytes, 2 in the pairs of 4 more. */
DECODE_INLINE void decode_q3_k_scales(const uint8_t *p, struct decoded *out)
{
    uint32_t all[4];
    for (int i = 0; i < 4; i++)
        all[i] = (word_at(p + 96 + i % 2 * 4) >> i / 2 * 4 & 0x0f0f0f0f) | (word_at(p + 104) >> 2 * i & 0x03030303)
                                                                               << 4;
    store_shorts(out->sub, (signed16)load16((const uint8_t *)all) - 32);
    store_eight_times(out->scale, half_at(p + 108));
}

/* Eight of 6 bits, less 32: 4 of each in the nibbles of 4 bytes, 2 in the pairs of 2 more. */
DECODE_INLINE void decode_iq4_xs_scales(const uint8_t *p, struct decoded *out)
{
    uint64_t high = half_bits_at(p + 2);
    high = (high | high << 24) & 0x000000ff000000ffu;
    high = (high | high << 12) & 0x000f000f000f000fu;
    high = (high | high << 6) & 0x0303030303030303u;
    store_scaled_bytes(out->scale, half_at(p), spread_nibbles(word_at(p + 4)) | high << 4, 32.0f);
}

/* Scales d * (2 s + 1): s is in the highest 4 bits, or in the 3 below the highest, of bytes that lie `stride`
 * apart; `mask` is that of 2 s in each byte. */
DECODE_INLINE void decode_odd_scales(float d, const uint8_t *p, size_t stride, uint64_t mask, struct decoded *out)
{
    uint64_t s = 0;
    for (int b = 0; b < UNIT_BLOCKS; b++)
        s |= (uint64_t)p[(size_t)b * stride] << 8 * b;
    store_scaled_bytes(out->scale, d, (s >> 3 & mask) | 0x0101010101010101, 0.0f);
}

/* Sub-scales of 2 s + 1, of sixteen s of 4 bits. */
DECODE_INLINE void decode_odd_nibbles(const uint8_t *p, struct decoded *out)
{
    const uint64_t s[2] = {spread_nibbles(word_at(p)), spread_nibbles(word_at(p + 4))};
    store_shorts(out->sub, (signed16)(load16((const uint8_t *)s) * 2 + 1));
}

/* Four times four s of 3 bits, and above these a part of the f16. */
DECODE_INLINE void decode_iq1_m_scales(const uint8_t *p, struct decoded *out)
{
    uint32_t d = 0;
    for (int i = 0; i < 4; i++) {
        const uint64_t four = half_bits_at(p + 48 + 2 * i);
        uint64_t s = (four | four << 26) & 0x0000003f0000003fu;
        s = (s | s << 13) & 0x0007000700070007u;
        s = s << 1 | 0x0001000100010001u;
        memcpy(out->sub + 4 * i, &s, sizeof s);
        d |= (uint32_t)(four >> 12) << 4 * i;
    }
    store_eight_times(out->scale, half_at((const uint8_t *)&d) * 0.125f);
}

/* --- the same for types of our own ---------------------------------------------------------------------------- */

DECODE_INLINE float float_at(const void *p)
{
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

typedef float floats8 __attribute__((vector_size(32)));
typedef uint32_t words8 __attribute__((vector_size(32)));
typedef int32_t whole8 __attribute__((vector_size(32)));

/* The two scales of eight blocks as 14 bits of each and a power of two: exact where they are 8-bit floats times a
 * power of two and at most 2^10 apart, else within 2^-14 of the larger. Values of 4-bit floats are stored twice as
 * large. */
DECODE_INLINE void decode_two_scales(const float first[UNIT_BLOCKS], const float second[UNIT_BLOCKS],
                                     struct decoded *out)
{
    floats8 a, b;
    memcpy(&a, first, sizeof a);
    memcpy(&b, second, sizeof b);
    const words8 exponents = (words8){0} + 0x7f800000, ea = (words8)a & exponents, eb = (words8)b & exponents;
    const words8 largest = (words8)(ea > eb);
    const words8 e = (ea & largest) | (eb & ~largest);
    const words8 usual = (words8)(e >= 32u << 23) & (words8)(e <= 238u << 23);
    /* the larger becomes 2^13 up to 2^14 */
    const floats8 factor = (floats8)(((254u + 13) << 23) - e), half = (floats8){0} + 0.5f;
    const words8 sign = (words8){0} + 0x80000000;
    const floats8 x = a * (floats8)((words8)factor & usual), y = b * (floats8)((words8)factor & usual);
    const whole8 low = __builtin_convertvector(x + (floats8)((words8)half | ((words8)x & sign)), whole8),
                 high = __builtin_convertvector(y + (floats8)((words8)half | ((words8)y & sign)), whole8);
    const words8 both = ((words8)low & 0xffff) | (words8)high << 16, scale = (e - (14u << 23)) & usual;
    memcpy(out->sub, &both, sizeof both);
    memcpy(out->scale, &scale, sizeof scale);
}

DECODE_INLINE void decode_nvfp4_f32_scales(const uint8_t *p, struct decoded *out)
{
    float first[UNIT_BLOCKS], second[UNIT_BLOCKS];
    for (int b = 0; b < UNIT_BLOCKS; b++, p += sizeof(struct block_nvfp4_f32)) {
        first[b] = float_at(p);
        second[b] = float_at(p + sizeof(float));
    }
    decode_two_scales(first, second, out);
}

/* Eight f32 `stride` bytes apart, of which the bits of `mask` count, times `factor`. */
DECODE_INLINE void store_floats(float *out, const uint8_t *p, size_t stride, uint32_t mask, float factor)
{
    for (int b = 0; b < UNIT_BLOCKS; b++)
        out[b] = float_of_bits(word_at(p + (size_t)b * stride) & mask) * factor;
}

DECODE_INLINE void decode_scales(uint32_t dtype, const uint8_t *p, struct decoded *out)
{
    switch (dtype) {
    case TYPE_Q2_K:
        decode_q2_k_scales(p, out);
        break;
    case TYPE_Q3_K:
        decode_q3_k_scales(p, out);
        break;
    case TYPE_Q4_K:
    case TYPE_Q5_K:
        decode_six_bits(p + 4, half_at(p), half_at(p + 2), out);
        break;
    case TYPE_Q6_K:
        store_shorts(out->sub, (signed16)load16(p + 192));
        store_eight_times(out->scale, half_at(p + 208));
        break;
    case TYPE_IQ4_XS:
        decode_iq4_xs_scales(p, out);
        break;
    case TYPE_IQ2_XXS:
        decode_odd_scales(half_at(p) * 0.125f, p + 9, 8, 0x1e1e1e1e1e1e1e1e, out);
        break;
    case TYPE_IQ2_XS:
    case TYPE_IQ2_S:
        decode_odd_nibbles(p + (dtype == TYPE_IQ2_XS ? 66 : 74), out);
        store_eight_times(out->scale, half_at(p) * 0.125f);
        break;
    case TYPE_IQ3_XXS:
        decode_odd_scales(half_at(p) * 0.5f, p + 69, 4, 0x1e1e1e1e1e1e1e1e, out);
        break;
    case TYPE_IQ3_S:
        store_scaled_bytes(out->scale, half_at(p), spread_nibbles(word_at(p + 106)) << 1 | 0x0101010101010101,
                           0.0f);
        break;
    case TYPE_IQ1_S:
        decode_odd_scales(half_at(p) * 0.125f, p + 35, 2, 0x0e0e0e0e0e0e0e0e, out);
        break;
    case TYPE_IQ1_M:
        decode_iq1_m_scales(p, out);
        break;
    case TYPE_TQ1_0:
        store_eight_times(out->scale, half_at(p + 52));
        break;
    case TYPE_TQ2_0:
        store_eight_times(out->scale, half_at(p + 64));
        break;
    case TYPE_INT4: /* the upper three bytes */
        store_floats(out->scale, p, sizeof(struct block_int4), 0xffffff00, 1.0f);
        break;
    case TYPE_UINT8:
        store_floats(out->min, p + offsetof(struct block_uint8, min), sizeof(struct block_uint8), ~0u, 1.0f);
        /* fallthrough */
    case TYPE_INT8:
        store_floats(out->scale, p, block_type(dtype).bytes, ~0u, 1.0f);
        break;
    case TYPE_NF4:
        store_floats(out->scale, p, sizeof(struct block_code4), ~0u, 1.0f / 112.0f);
        break;
    case TYPE_BNB_FP4:
        store_floats(out->scale, p, sizeof(struct block_code4), ~0u, 1.0f / 96.0f);
        break;
    case TYPE_NVFP4_F32:
        decode_nvfp4_f32_scales(p, out);
        break;
    case TYPE_NVFP4:
        decode_nvfp4_scales(p, out);
        break;
    default:
        decode_own_scales(block_type(dtype), p, out);
    }
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* The unit that begins with block `first` of a row of `blocks`. One that the row does not fill is copied into
 * `end`, with zeros after it, so that all units can be read alike. */
struct unit_end {
    uint8_t bytes[UNIT_BLOCKS * sizeof(struct block_uint8)]; /* the largest that has blocks of 32 */
};

DECODE_INLINE const uint8_t *unit_at(uint32_t dtype, const void *row, uint64_t first, uint64_t blocks,
                                     struct unit_end *end)
{
    const struct block_type t = block_type(dtype);
    const uint8_t *p = (const uint8_t *)row + first * BLOCK / t.block * t.bytes;
    if (t.block == UNIT || blocks - first >= UNIT_BLOCKS)
        return p;
    memset(end, 0, sizeof *end);
    memcpy(end, p, (blocks - first) * BLOCK / t.block * t.bytes);
    return end->bytes;
}

/* The unit that begins with block `first`, a multiple of 8, of a row of `blocks`. */
DECODE_INLINE void decode(uint32_t dtype, const void *row, uint64_t first, uint64_t blocks, struct decoded *out)
{
    struct unit_end end;
    const uint8_t *p = unit_at(dtype, row, first, blocks, &end);
    decode_scales(dtype, p, out);
    DECODE_UNROLL
    for (int i = 0; i < UNIT; i += SOME) {
        const some_bytes v = decode_weights(dtype, p, i / BLOCK, i % BLOCK);
        memcpy(out->u + i, &v, sizeof v);
    }
}

#endif
