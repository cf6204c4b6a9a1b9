/* decode_bytes.h - what the decoders of weights do with bytes: load them, move their bits, look them up, widen
 * them; by vectors where the processor has them. */
#ifndef KERNELS_DECODE_BYTES_H
#define KERNELS_DECODE_BYTES_H

#include "kernels/blocks.h"

#include <string.h>

#ifdef __F16C__
#include <immintrin.h>
#elif defined __aarch64__
#include <arm_neon.h>
#endif

#define DECODE_INLINE static inline __attribute__((always_inline))

/* The compiler may not look through this value: it would take a vector apart, or keep all products and add them
 * last, with too few registers. */
#ifdef __x86_64__
#define KEEP(value) __asm__("" : "+v"(value))
#else
#define KEEP(value) __asm__("" : "+w"(value))
#endif

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

DECODE_INLINE float half_at(const uint8_t *p)
{
#ifdef __F16C__
    return _cvtsh_ss(half_bits_at(p));
#elif defined __aarch64__
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half_bits_at(p)))), 0);
#else
    return half_to_float(half_bits_at(p));
#endif
}

DECODE_INLINE uint32_t word_at(const uint8_t *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

DECODE_INLINE float float_at(const uint8_t *p)
{
    return float_of_bits(word_at(p));
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

#endif
