/* decode_scales.h - a unit of 256 weights as it is decoded, and how the scales and mins of each type lie in memory:
 * decode_scales. */
#ifndef KERNELS_DECODE_SCALES_H
#define KERNELS_DECODE_SCALES_H

#include "kernels/block_types.h"
#include "kernels/decode_bytes.h"

/* The form of decode.h. */
struct decoded {
    _Alignas(64) uint8_t u[UNIT];
    _Alignas(32) float scale[UNIT_BLOCKS];
    _Alignas(32) float min[UNIT_BLOCKS];
    _Alignas(32) int16_t sub[2 * UNIT_BLOCKS];
    _Alignas(32) int16_t sub_min[2 * UNIT_BLOCKS];
};

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
    case TYPE_UINT4: /* both begin with scale and min */
        store_floats(out->min, p + offsetof(struct block_uint8, min), block_type(dtype).bytes, ~0u, 1.0f);
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

#endif
