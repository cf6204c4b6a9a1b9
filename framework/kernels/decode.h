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

/* Types of our own, for weights that safetensors files have in parts (formats/packed/); a block is 32 weights. They
 * follow the numbers of vivarium/tensor.h, and occur in no file. */
enum {
    TYPE_INT4 = 78,      /* scale * (q - zero) */
    TYPE_INT8 = 79,      /* scale * q */
    TYPE_UINT8 = 80,     /* scale * (q - 128) + min */
    TYPE_NF4 = 81,       /* scale * nf4_values[q] */
    TYPE_BNB_FP4 = 82,   /* scale * bnb_fp4_values[q] */
    TYPE_NVFP4_F32 = 83, /* scale[i / 16] * the value of a 4-bit float */
    TYPE_FP8 = 84        /* scale * the value of an 8-bit float: has no decoded form, only decode_floats */
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

typedef uint8_t bytes8 __attribute__((vector_size(8)));
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef int8_t signed16 __attribute__((vector_size(16)));
typedef uint8_t bytes32 __attribute__((vector_size(32)));
typedef int16_t shorts16 __attribute__((vector_size(32)));
typedef uint16_t halves8 __attribute__((vector_size(16)));
typedef float floats8 __attribute__((vector_size(32)));

DECODE_INLINE bytes16 load16(const uint8_t *p)
{
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* As many bytes as the processor takes at once: those that lie side by side are decoded together. */
#ifdef __AVX2__
typedef bytes32 some_bytes;
#else
typedef bytes16 some_bytes;
#endif
enum { SOME = sizeof(some_bytes) };

DECODE_INLINE some_bytes load_some(const uint8_t *p)
{
    some_bytes v;
    memcpy(&v, p, sizeof v);
    return v;
}

DECODE_INLINE void store_some(uint8_t *p, some_bytes v)
{
    memcpy(p, &v, sizeof v);
}

/* What is loaded as 32 bytes next must be stored as 32 bytes: otherwise the load waits for both stores. Where
 * vectors are of 16 bytes, compilers take longer ones apart into single numbers. */
DECODE_INLINE void store32(uint8_t *p, bytes16 a, bytes16 b)
{
#ifdef __aarch64__
    memcpy(p, &a, sizeof a);
    memcpy(p + sizeof a, &b, sizeof b);
#else
    const bytes32 v = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                                              18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
    memcpy(p, &v, sizeof v);
#endif
}

DECODE_INLINE void store_shorts(int16_t *p, signed16 bytes)
{
#ifdef __aarch64__
    vst1q_s16(p, vmovl_s8(vget_low_s8((int8x16_t)bytes)));
    vst1q_s16(p + 8, vmovl_high_s8((int8x16_t)bytes));
#else
    const shorts16 v = __builtin_convertvector(bytes, shorts16);
    memcpy(p, &v, sizeof v);
#endif
}

DECODE_INLINE void store_eight_times(float *p, float x)
{
#ifdef __aarch64__
    vst1q_f32(p, vdupq_n_f32(x));
    vst1q_f32(p + 4, vdupq_n_f32(x));
#else
    const floats8 v = {x, x, x, x, x, x, x, x};
    memcpy(p, &v, sizeof v);
#endif
}

/* d * (byte - less) of eight bytes */
DECODE_INLINE void store_scaled_bytes(float *p, float d, uint64_t eight, float less)
{
#ifdef __aarch64__
    const uint16x8_t v = vmovl_u8(vcreate_u8(eight));
    const float32x4_t low = vcvtq_f32_u32(vmovl_u16(vget_low_u16(v))), high = vcvtq_f32_u32(vmovl_high_u16(v));
    vst1q_f32(p, vmulq_n_f32(vsubq_f32(low, vdupq_n_f32(less)), d));
    vst1q_f32(p + 4, vmulq_n_f32(vsubq_f32(high, vdupq_n_f32(less)), d));
#else
    bytes8 bytes;
    memcpy(&bytes, &eight, sizeof bytes);
    const floats8 v = d * (__builtin_convertvector(bytes, floats8) - less);
    memcpy(p, &v, sizeof v);
#endif
}

DECODE_INLINE uint16_t half_bits_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return h;
}

/* Eight f16 that lie `stride` bytes apart. */
DECODE_INLINE void store_halves(float *out, const uint8_t *p, size_t stride)
{
    const halves8 h = {half_bits_at(p),
                       half_bits_at(p + stride),
                       half_bits_at(p + 2 * stride),
                       half_bits_at(p + 3 * stride),
                       half_bits_at(p + 4 * stride),
                       half_bits_at(p + 5 * stride),
                       half_bits_at(p + 6 * stride),
                       half_bits_at(p + 7 * stride)};
#ifdef __F16C__
    _mm256_store_ps(out, _mm256_cvtph_ps((__m128i)h));
#elif defined __aarch64__
    const float16x8_t v = vreinterpretq_f16_u16((uint16x8_t)h);
    vst1q_f32(out, vcvt_f32_f16(vget_low_f16(v)));
    vst1q_f32(out + 4, vcvt_high_f32_f16(v));
#else
    for (int i = 0; i < 8; i++)
        out[i] = half_to_float(h[i]);
#endif
}

/* table[i[j]], of indices below 16 */
DECODE_INLINE bytes16 look_up(const uint8_t *table, bytes16 i)
{
#ifdef __F16C__
    return (bytes16)_mm_shuffle_epi8((__m128i)load16(table), (__m128i)i);
#elif defined __aarch64__
    return (bytes16)vqtbl1q_u8((uint8x16_t)load16(table), (uint8x16_t)i);
#else
    bytes16 v;
    for (int j = 0; j < 16; j++)
        v[j] = table[i[j]];
    return v;
#endif
}

/* Byte j is 255 where bit j is set. */
DECODE_INLINE bytes16 spread_bits(uint32_t bits)
{
    const bytes16 bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
#ifdef __F16C__
    const __m128i twice = _mm_shuffle_epi8(_mm_cvtsi32_si128((int)bits), _mm_set_epi64x(0x0101010101010101, 0));
    return (bytes16)_mm_cmpeq_epi8(_mm_and_si128(twice, (__m128i)bit), (__m128i)bit);
#elif defined __aarch64__
    const uint8x16_t twice = vcombine_u8(vdup_n_u8((uint8_t)bits), vdup_n_u8((uint8_t)(bits >> 8)));
    return (bytes16)vtstq_u8(twice, (uint8x16_t)bit);
#else
    const uint64_t each = 0x0101010101010101u, two[2] = {(bits & 255) * each, (bits >> 8 & 255) * each};
    return (bytes16)((load16((const uint8_t *)two) & bit) == bit);
#endif
}

/* --- blocks of 32 -------------------------------------------------------------------------------------------- */

/* Weight j is the low nibble of q[j], weight 16 + j its high one. */
DECODE_INLINE void decode_nibbles(uint8_t *u, const uint8_t *q)
{
    const bytes16 v = load16(q);
    store32(u, v & 15, v >> 4);
}

DECODE_INLINE void decode_table(uint8_t *u, const uint8_t *q, const uint8_t *table)
{
    const bytes16 v = load16(q);
    store32(u, look_up(table, v & 15), look_up(table, v >> 4));
}

/* And the fifth bit of weight i is bit i of the four bytes `high`. */
DECODE_INLINE void decode_five(uint8_t *u, const uint8_t *q, const uint8_t *high)
{
    const bytes16 v = load16(q);
    uint32_t bits;
    memcpy(&bits, high, sizeof bits);
    store32(u, (v & 15) | (spread_bits(bits) & 16), v >> 4 | (spread_bits(bits >> 16) & 16));
}

/* 128 more than the values of IQ4_NL and IQ4_XS. */
static const uint8_t iq4_table[16] = {1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241};
/* 16 more than twice the values of FP4. */
static const uint8_t fp4_table[16] = {16, 17, 18, 19, 20, 22, 24, 28, 16, 15, 14, 13, 12, 10, 8, 4};

DECODE_INLINE void decode_block(uint32_t dtype, const uint8_t *p, uint8_t *u)
{
    switch (dtype) {
    case VIV_Q4_0:
        decode_nibbles(u, p + 2);
        break;
    case TYPE_Q4_1:
        decode_nibbles(u, p + 4);
        break;
    case TYPE_Q5_0:
        decode_five(u, p + 6, p + 2);
        break;
    case TYPE_Q5_1:
        decode_five(u, p + 8, p + 4);
        break;
    case VIV_Q8_0:
        for (int i = 0; i < BLOCK; i += SOME)
            store_some(u + i, load_some(p + 2 + i) ^ 0x80);
        break;
    case TYPE_IQ4_NL:
        decode_table(u, p + 2, iq4_table);
        break;
    default: /* VIV_MXFP4 */
        decode_table(u, p + 1, fp4_table);
    }
}

DECODE_INLINE void decode_scales(const struct block_type t, const uint8_t *p, int n_blocks, struct decoded *out)
{
    for (int b = 0; b < n_blocks; b++) {
        const uint8_t *block = p + b * t.bytes;
        out->scale[b] = t.dtype == VIV_MXFP4 ? mxfp4_half_scale(block[0]) : half_at(block);
        if (t.has_min)
            out->min[b] = half_at(block + 2);
    }
}

DECODE_INLINE void decode_eight_scales(const struct block_type t, const uint8_t *p, struct decoded *out)
{
    if (t.dtype == VIV_MXFP4) {
        const floats8 v = {mxfp4_half_scale(p[0]),           mxfp4_half_scale(p[t.bytes]),
                           mxfp4_half_scale(p[2 * t.bytes]), mxfp4_half_scale(p[3 * t.bytes]),
                           mxfp4_half_scale(p[4 * t.bytes]), mxfp4_half_scale(p[5 * t.bytes]),
                           mxfp4_half_scale(p[6 * t.bytes]), mxfp4_half_scale(p[7 * t.bytes])};
        memcpy(out->scale, &v, sizeof v);
        return;
    }
    store_halves(out->scale, p, t.bytes);
    if (t.has_min)
        store_halves(out->min, p + 2, t.bytes);
}

/* --- blocks of 256 ------------------------------------------------------------------------------------------- */

/* The bits from `shift` on of sixteen bytes, two or four of them. */
#define TWO(v, shift) ((v) >> (shift)&3)

/* Two bits of each weight: 32 bytes are four blocks, one for each pair of bits. */
DECODE_INLINE void decode_pairs(uint8_t *u, const uint8_t *q)
{
    for (int n = 0; n < 2; n++, q += 32, u += 128)
        for (int i = 0; i < BLOCK; i += SOME) {
            const some_bytes v = load_some(q + i);
            for (int j = 0; j < 4; j++)
                store_some(u + j * BLOCK + i, TWO(v, 2 * j));
        }
}

/* 4 bits: 32 bytes are two blocks, low nibbles first. */
DECODE_INLINE void decode_halves(uint8_t *u, const uint8_t *q)
{
    for (int n = 0; n < 4; n++, q += 32, u += 64)
        for (int i = 0; i < BLOCK; i += SOME) {
            const some_bytes v = load_some(q + i);
            store_some(u + i, v & 15);
            store_some(u + BLOCK + i, v >> 4);
        }
}

/* Eight scales and eight mins of 6 bits each in 12 bytes: the first four have theirs in the low bits of 4 bytes
 * each, of the others 4 bits are in the last 4 bytes, and 2 above the first four's. */
DECODE_INLINE void decode_six_bits(const uint8_t *s, float d, float dmin, struct decoded *out)
{
    uint32_t a[3];
    memcpy(a, s, sizeof a);
    const uint64_t scales = (uint64_t)((a[2] & 0x0f0f0f0f) | (a[0] >> 2 & 0x30303030)) << 32 | (a[0] & 0x3f3f3f3f);
    const uint64_t mins =
        (uint64_t)((a[2] >> 4 & 0x0f0f0f0f) | (a[1] >> 2 & 0x30303030)) << 32 | (a[1] & 0x3f3f3f3f);
    store_scaled_bytes(out->scale, d, scales, 0.0f);
    store_scaled_bytes(out->min, -dmin, mins, 0.0f);
}

DECODE_INLINE void decode_q2_k(const uint8_t *p, struct decoded *out)
{
    const bytes16 scales = load16(p);
    decode_pairs(out->u, p + 16);
    store_shorts(out->sub, (signed16)(scales & 15));
    store_shorts(out->sub_min, (signed16)(scales >> 4));
    store_eight_times(out->scale, half_at(p + 80));
    store_eight_times(out->min, -half_at(p + 82));
}

/* Its sixteen scales of 6 bits: 4 of each in the nibbles of 8 bytes, 2 in the pairs of 4 more. */
DECODE_INLINE void decode_q3_k(const uint8_t *p, struct decoded *out)
{
    for (int i = 0; i < BLOCK; i += SOME) {
        const some_bytes high = load_some(p + i);
        for (int n = 0; n < 2; n++) {
            const some_bytes low = load_some(p + 32 + n * 32 + i);
            for (int j = 0; j < 4; j++)
                store_some(out->u + n * 128 + j * BLOCK + i, TWO(low, 2 * j) | (high >> (4 * n + j) & 1) << 2);
        }
    }
    uint32_t s[3], all[4];
    memcpy(s, p + 96, sizeof s);
    for (int i = 0; i < 4; i++)
        all[i] = (s[i % 2] >> (i < 2 ? 0 : 4) & 0x0f0f0f0f) | (s[2] >> 2 * i & 0x03030303) << 4;
    store_shorts(out->sub, (signed16)load16((const uint8_t *)all) - 32);
    store_eight_times(out->scale, half_at(p + 108));
}

DECODE_INLINE void decode_q5_k(const uint8_t *p, struct decoded *out)
{
    for (int i = 0; i < BLOCK; i += SOME) {
        const some_bytes high = load_some(p + 16 + i);
        for (int n = 0; n < 4; n++) {
            const some_bytes v = load_some(p + 48 + n * 32 + i);
            store_some(out->u + n * 64 + i, (v & 15) | (high >> 2 * n & 1) << 4);
            store_some(out->u + n * 64 + BLOCK + i, v >> 4 | (high >> (2 * n + 1) & 1) << 4);
        }
    }
    decode_six_bits(p + 4, half_at(p), half_at(p + 2), out);
}

DECODE_INLINE void decode_q6_k(const uint8_t *p, struct decoded *out)
{
    for (int n = 0; n < 2; n++)
        for (int i = 0; i < BLOCK; i += SOME) {
            const some_bytes first = load_some(p + n * 64 + i), second = load_some(p + n * 64 + 32 + i);
            const some_bytes high = load_some(p + 128 + n * 32 + i);
            uint8_t *u = out->u + n * 128 + i;
            store_some(u, (first & 15) | TWO(high, 0) << 4);
            store_some(u + BLOCK, (second & 15) | TWO(high, 2) << 4);
            store_some(u + 2 * BLOCK, first >> 4 | TWO(high, 4) << 4);
            store_some(u + 3 * BLOCK, second >> 4 | TWO(high, 6) << 4);
        }
    store_shorts(out->sub, (signed16)load16(p + 192));
    store_eight_times(out->scale, half_at(p + 208));
}

/* Its eight scales of 6 bits, less 32: 4 of each in the nibbles of 4 bytes, 2 in the pairs of 2 more. */
DECODE_INLINE void decode_iq4_xs(const uint8_t *p, struct decoded *out)
{
    uint32_t nibbles;
    memcpy(&nibbles, p + 4, sizeof nibbles);
    uint64_t low = nibbles, high = half_bits_at(p + 2);
    low = (low | low << 16) & 0x0000ffff0000ffffu;
    low = (low | low << 8) & 0x00ff00ff00ff00ffu;
    low = (low | low << 4) & 0x0f0f0f0f0f0f0f0fu;
    high = (high | high << 24) & 0x000000ff000000ffu;
    high = (high | high << 12) & 0x000f000f000f000fu;
    high = (high | high << 6) & 0x0303030303030303u;
    store_scaled_bytes(out->scale, half_at(p), low | high << 4, 32.0f);
    for (int b = 0; b < UNIT_BLOCKS; b++)
        decode_table(out->u + b * BLOCK, p + 8 + b * 16, iq4_table);
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
        store_eight_times(out->scale, half_at(p + 64));
    }
}

/* --- blocks of our own: weights that safetensors files have in parts ------------------------------------------ */

/* What stands for nf4_values in a product: 128 + round(112 value), the factor whose errors are smallest. They are
 * at most 1/224 of a block's largest weight, about those of activations of 8 bits. */
static const uint8_t nf4_table[16] = {16, 50, 69, 84, 96, 107, 118, 128, 137, 146, 156, 166, 177, 191, 209, 240};
/* The same for bnb_fp4_values: 128 + 96 value, of which only the smallest value is not exact. */
static const uint8_t bnb_fp4_table[16] = {128, 128, 192, 224, 160, 176, 144, 152,
                                          128, 128, 64,  32,  96,  80,  112, 104};

DECODE_INLINE float float_at(const void *p)
{
    float x;
    memcpy(&x, p, sizeof x);
    return x;
}

/* The scale is the upper three bytes of the f32: an f16 or a bf16 has no more. */
DECODE_INLINE float int4_scale(const struct block_int4 *block)
{
    uint32_t bits;
    memcpy(&bits, block, sizeof bits);
    return float_of_bits(bits & 0xffffff00);
}

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

DECODE_INLINE void decode_nvfp4_f32(const uint8_t *p, int n_blocks, struct decoded *out)
{
    float first[UNIT_BLOCKS] = {0}, second[UNIT_BLOCKS] = {0};
    for (int b = 0; b < n_blocks; b++, p += sizeof(struct block_nvfp4_f32)) {
        decode_table(out->u + b * BLOCK, p + offsetof(struct block_nvfp4_f32, q), fp4_table);
        first[b] = float_at(p);
        second[b] = float_at(p + sizeof(float));
    }
    decode_two_scales(first, second, out);
}

DECODE_INLINE void decode_own(uint32_t dtype, const uint8_t *p, int b, struct decoded *out)
{
    uint8_t *u = out->u + b * BLOCK;
    switch (dtype) {
    case TYPE_INT4: {
        const struct block_int4 *block = (const void *)p;
        const bytes16 v = load16(block->q);
        store32(u, (v & 15) + block->add, (v >> 4) + block->add);
        out->scale[b] = int4_scale(block);
        break;
    }
    case TYPE_INT8:
        for (int i = 0; i < BLOCK; i += SOME)
            store_some(u + i, load_some(p + offsetof(struct block_int8, q) + i) ^ 0x80);
        out->scale[b] = float_at(p);
        break;
    case TYPE_UINT8:
        for (int i = 0; i < BLOCK; i += SOME)
            store_some(u + i, load_some(p + offsetof(struct block_uint8, q) + i));
        out->scale[b] = float_at(p);
        out->min[b] = float_at(p + offsetof(struct block_uint8, min));
        break;
    case TYPE_NF4:
        decode_table(u, p + offsetof(struct block_code4, q), nf4_table);
        out->scale[b] = float_at(p) * (1.0f / 112.0f);
        break;
    default: /* TYPE_BNB_FP4 */
        decode_table(u, p + offsetof(struct block_code4, q), bnb_fp4_table);
        out->scale[b] = float_at(p) * (1.0f / 96.0f);
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
    const uint8_t *p = (const uint8_t *)row + first * t.bytes;
    if (dtype == TYPE_NVFP4_F32) {
        decode_nvfp4_f32(p, n_blocks, out);
        return;
    }
    if (dtype >= TYPE_INT4) {
        for (int b = 0; b < n_blocks; b++)
            decode_own(dtype, p + b * t.bytes, b, out);
        return;
    }
    if (n_blocks == UNIT_BLOCKS)
        decode_eight_scales(t, p, out);
    else
        decode_scales(t, p, n_blocks, out);
    for (int b = 0; b < n_blocks; b++)
        decode_block(dtype, p + b * t.bytes, out->u + b * BLOCK);
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
    X(mxfp4, VIV_MXFP4)                                                                                            \
    OWN_BLOCK_TYPES(X)

/* Those of them that are our own. */
#define OWN_BLOCK_TYPES(X)                                                                                         \
    X(int4, TYPE_INT4)                                                                                             \
    X(int8, TYPE_INT8)                                                                                             \
    X(uint8, TYPE_UINT8)                                                                                           \
    X(nf4, TYPE_NF4)                                                                                               \
    X(bnb_fp4, TYPE_BNB_FP4)                                                                                       \
    X(nvfp4_f32, TYPE_NVFP4_F32)

#endif
