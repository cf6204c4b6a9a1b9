/* stream_avx2.h - products of block-quantized weights with few rows of activations, by AVX2: for avx2/ and avx512/.
 *
 * Bound by memory: rows of weights are read one after the other, each as one stream that the processor reads ahead, decoded
 * into the first cache and multiplied there. The products of eight rows' blocks are stored side by side, and added in the
 * order of blocks with a lane for each row. */
#ifndef KERNELS_STREAM_AVX2_H
#define KERNELS_STREAM_AVX2_H

#include "kernels/decode.h"

#include <immintrin.h>
#include <vivarium/kernels.h>

#define INLINE static inline __attribute__((always_inline))
#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    STREAMS = 8, /* rows of weights whose products are added together */
    FEW = 3      /* rows of x up to which this is best */
};

/* Bytes of scratch. */
static inline uint64_t stream_scratch(uint64_t k)
{
    return size_align(k / BLOCK * FEW * 2 * STREAMS * sizeof(float), 64);
}

/* Sums of the eight lanes of each of eight vectors. */
INLINE __m256i sums_of(const __m256i v[8])
{
    const __m256i a = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    const __m256i b = _mm256_hadd_epi32(_mm256_hadd_epi32(v[4], v[5]), _mm256_hadd_epi32(v[6], v[7]));
    return _mm256_add_epi32(_mm256_permute2x128_si256(a, b, 0x20), _mm256_permute2x128_si256(a, b, 0x31));
}

/* Sixteen products of pairs: of u, or of u - 128, with x. */
INLINE __m256i pairs_of(const struct block_type t, const uint8_t *u, const int8_t *x)
{
    const __m256i w = _mm256_load_si256((const void *)u), a = _mm256_loadu_si256((const void *)x);
    if (t.bits < 8)
        return _mm256_maddubs_epi16(w, a);
    const __m256i v = _mm256_xor_si256(w, _mm256_set1_epi8((char)0x80));
    return _mm256_maddubs_epi16(_mm256_abs_epi8(v), _mm256_sign_epi8(a, v));
}

INLINE int log2_of(int offset)
{
    return offset == 0 ? 0 : __builtin_ctz((unsigned)offset);
}

/* Up to eight blocks of one row with one row of x: products by block into p[b][STREAMS], those of mins into p_min. */
INLINE void stream_unit(const struct block_type t, const struct decoded *w, const char *x, uint64_t k, uint64_t first,
                     int n_blocks, float *p, float *p_min)
{
    const int8_t *q = (const int8_t *)x + first * BLOCK;
    const float *d = int8_row_scales(x, k) + first;
    const int32_t *s = int8_row_sums(x, k) + first;
    const int16_t *h = int8_row_halves(x, k) + 2 * first;
    _Alignas(32) float out[UNIT_BLOCKS], out_min[UNIT_BLOCKS], scales[UNIT_BLOCKS];
    _Alignas(32) int32_t sums[UNIT_BLOCKS];
    _Alignas(32) int16_t halves[2 * UNIT_BLOCKS];
    __m256i v[UNIT_BLOCKS];
    UNROLL
    for (int b = 0; b < UNIT_BLOCKS; b++) {
        if (b >= n_blocks) {
            v[b] = _mm256_setzero_si256();
            scales[b] = 0;
            sums[b] = 0;
            halves[2 * b] = halves[2 * b + 1] = 0;
            continue;
        }
        const __m256i ones = _mm256_set1_epi16(1);
        const __m256i sub = _mm256_set_m128i(_mm_set1_epi16(w->sub[2 * b + 1]), _mm_set1_epi16(w->sub[2 * b]));
        v[b] = _mm256_madd_epi16(pairs_of(t, w->u + b * BLOCK, q + b * BLOCK), t.has_sub ? sub : ones);
        scales[b] = d[b];
        sums[b] = s[b];
        halves[2 * b] = h[2 * b];
        halves[2 * b + 1] = h[2 * b + 1];
    }
    __m256i sum = sums_of(v);
    const __m256i x_sums = _mm256_load_si256((const void *)sums), x_halves = _mm256_load_si256((const void *)halves);
    if (t.has_sub && t.offset)
        sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(_mm256_madd_epi16(x_halves, _mm256_load_si256((const void *)w->sub)),
                                                      log2_of(t.offset)));
    else if (t.offset && t.bits < 8) /* x_sums is -128 times the sum */
        sum = _mm256_add_epi32(sum, _mm256_srai_epi32(x_sums, 7 - log2_of(t.offset)));
    const __m256 dx = _mm256_load_ps(scales);
    _mm256_store_ps(out, _mm256_mul_ps(_mm256_mul_ps(_mm256_load_ps(w->scale), dx), _mm256_cvtepi32_ps(sum)));
    if (t.has_sub_min) {
        const __m256i mins = _mm256_madd_epi16(x_halves, _mm256_load_si256((const void *)w->sub_min));
        _mm256_store_ps(out_min, _mm256_mul_ps(_mm256_mul_ps(_mm256_load_ps(w->min), dx), _mm256_cvtepi32_ps(mins)));
    } else if (t.has_min) {
        const __m256 min = _mm256_mul_ps(_mm256_load_ps(w->min), _mm256_set1_ps(-0x1p-7f));
        _mm256_store_ps(out_min, _mm256_mul_ps(_mm256_mul_ps(min, dx), _mm256_cvtepi32_ps(x_sums)));
    }
    for (int b = 0; b < n_blocks; b++) {
        p[b * STREAMS] = out[b];
        if (t.has_min)
            p_min[b * STREAMS] = out_min[b];
    }
}

INLINE void stream_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end, const int n_rows)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = m->k / BLOCK;
    float *p = m->scratch; /* [n_rows][2][blocks][STREAMS] */
    struct decoded w;
    for (uint64_t n = n_first; n < n_end; n += STREAMS) {
        const uint64_t n_out = size_min(n_end - n, STREAMS);
        for (uint64_t i = 0; i < n_out; i++)
            for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
                const char *row = (const char *)m->w + (n + i) * m->w_stride;
                const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
                decode(dtype, row, first, n_blocks, &w);
                for (int r = 0; r < n_rows; r++) {
                    float *at = p + (uint64_t)r * 2 * blocks * STREAMS + first * STREAMS + i;
                    const char *x = (const char *)m->x + (uint64_t)r * m->x_stride;
                    if (n_blocks == UNIT_BLOCKS)
                        stream_unit(t, &w, x, m->k, first, UNIT_BLOCKS, at, at + blocks * STREAMS);
                    else
                        stream_unit(t, &w, x, m->k, first, n_blocks, at, at + blocks * STREAMS);
                }
            }
        for (int r = 0; r < n_rows; r++) {
            const float *at = p + (uint64_t)r * 2 * blocks * STREAMS;
            _Alignas(32) float out[STREAMS];
            __m256 y = _mm256_setzero_ps();
            for (uint64_t b = 0; b < blocks; b++) {
                y = _mm256_add_ps(y, _mm256_load_ps(at + b * STREAMS));
                if (t.has_min)
                    y = _mm256_add_ps(y, _mm256_load_ps(at + (blocks + b) * STREAMS));
            }
            _mm256_store_ps(out, y);
            for (uint64_t i = 0; i < n_out; i++)
                m->y[(uint64_t)r * m->y_stride + n + i] = out[i];
        }
    }
}

#endif
