/* stream_avx2.h - products of block-quantized weights with few rows of activations, by AVX2: for avx2/ and avx512/.
 *
 * Bound by memory: rows of weights are read one after the other, each as one stream that the processor reads ahead,
 * decoded into the first cache and multiplied there. The products of eight rows' blocks are stored, transposed, and
 * added in the order of blocks with a lane for each row. */
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

/* The compiler may not move sums around this: it would keep all products and add them last, with too few registers.
 */
#define KEEP(v) __asm__("" : "+x"(v))

enum {
    STREAMS = 8, /* rows of weights whose products are added together */
    FEW = 3      /* rows of x up to which this is best */
};

/* Bytes of scratch. */
static inline uint64_t stream_scratch(uint64_t k)
{
    return size_align(k / BLOCK, UNIT_BLOCKS) * FEW * 2 * STREAMS * sizeof(float);
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

/* The first of two int16 in the low half, the second in the high one. */
INLINE __m256i spread_pair(const int16_t *p)
{
    int32_t both;
    memcpy(&both, p, sizeof both);
    const __m256i which =
        _mm256_set_epi64x(0x0302030203020302, 0x0302030203020302, 0x0100010001000100, 0x0100010001000100);
    return _mm256_shuffle_epi8(_mm256_set1_epi32(both), which);
}

INLINE int log2_of(int offset)
{
    return offset == 0 ? 0 : __builtin_ctz((unsigned)offset);
}

/* What stands in a row of x beside eight of its blocks; zeros for those that are not there. */
struct beside {
    __m256 d;
    __m256i s, h;
};

INLINE struct beside beside_at(const char *x, uint64_t k, uint64_t first, int n_blocks)
{
    const float *d = int8_row_scales(x, k) + first;
    const int32_t *s = int8_row_sums(x, k) + first;
    const int16_t *h = int8_row_halves(x, k) + 2 * first;
    const __m256i lanes =
        _mm256_cmpgt_epi32(_mm256_set1_epi32(n_blocks), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    if (n_blocks == UNIT_BLOCKS)
        return (struct beside){_mm256_loadu_ps(d), _mm256_loadu_si256((const void *)s),
                               _mm256_loadu_si256((const void *)h)};
    return (struct beside){_mm256_maskload_ps(d, lanes), _mm256_maskload_epi32(s, lanes),
                           _mm256_maskload_epi32((const int *)(const void *)h, lanes)};
}

/* Up to eight blocks of one row with one row of x: products by block into p, those of mins into p_min. */
INLINE void stream_unit(const struct block_type t, const struct decoded *w, const char *x, uint64_t k,
                        uint64_t first, const int n_blocks, float *p, float *p_min)
{
    const int8_t *q = (const int8_t *)x + first * BLOCK;
    const struct beside at = beside_at(x, k, first, n_blocks);
    __m256i v[UNIT_BLOCKS];
    UNROLL
    for (int b = 0; b < UNIT_BLOCKS; b++) {
        if (b >= n_blocks) {
            v[b] = _mm256_setzero_si256();
            continue;
        }
        const __m256i factor = t.has_sub ? spread_pair(w->sub + 2 * b) : _mm256_set1_epi16(1);
        v[b] = _mm256_madd_epi16(pairs_of(t, w->u + b * BLOCK, q + b * BLOCK), factor);
        KEEP(v[b]);
    }
    __m256i sum = sums_of(v);
    if (t.has_sub && t.offset)
        sum = _mm256_sub_epi32(
            sum,
            _mm256_slli_epi32(_mm256_madd_epi16(at.h, _mm256_load_si256((const void *)w->sub)), log2_of(t.offset)));
    else if (t.offset && t.bits < 8) /* the sums are -128 times those of q */
        sum = _mm256_add_epi32(sum, _mm256_srai_epi32(at.s, 7 - log2_of(t.offset)));
    _mm256_store_ps(p, _mm256_mul_ps(_mm256_mul_ps(_mm256_load_ps(w->scale), at.d), _mm256_cvtepi32_ps(sum)));
    if (t.has_sub_min) {
        const __m256i mins = _mm256_madd_epi16(at.h, _mm256_load_si256((const void *)w->sub_min));
        _mm256_store_ps(p_min,
                        _mm256_mul_ps(_mm256_mul_ps(_mm256_load_ps(w->min), at.d), _mm256_cvtepi32_ps(mins)));
    } else if (t.has_min) {
        const __m256 min = _mm256_mul_ps(_mm256_load_ps(w->min), _mm256_set1_ps(-0x1p-7f));
        _mm256_store_ps(p_min, _mm256_mul_ps(_mm256_mul_ps(min, at.d), _mm256_cvtepi32_ps(at.s)));
    }
}

/* Eight vectors of eight floats, transposed. */
INLINE void transpose_floats(__m256 v[8])
{
    __m256 a[8], b[8];
    UNROLL
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_ps(v[2 * i], v[2 * i + 1]);
    }
    UNROLL
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0x44);
        b[4 * i + 1] = _mm256_shuffle_ps(a[4 * i], a[4 * i + 2], 0xee);
        b[4 * i + 2] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0x44);
        b[4 * i + 3] = _mm256_shuffle_ps(a[4 * i + 1], a[4 * i + 3], 0xee);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x20);
        v[4 + i] = _mm256_permute2f128_ps(b[i], b[4 + i], 0x31);
    }
}

/* Eight blocks of eight rows, from p[row][stride]; afterwards a lane is a row. */
INLINE void load_products(const float *p, uint64_t stride, __m256 v[8])
{
    UNROLL
    for (int i = 0; i < STREAMS; i++)
        v[i] = _mm256_load_ps(p + (uint64_t)i * stride);
    transpose_floats(v);
}

/* The products of eight rows, added in the order of blocks. */
INLINE __m256 add_products(const float *p, const float *p_min, uint64_t stride, uint64_t blocks, const int has_min)
{
    __m256 y = _mm256_setzero_ps();
    for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
        __m256 v[8], min[8];
        load_products(p + first, stride, v);
        if (has_min)
            load_products(p_min + first, stride, min);
        for (uint64_t b = 0; b < UNIT_BLOCKS && first + b < blocks; b++) {
            y = _mm256_add_ps(y, v[b]);
            if (has_min)
                y = _mm256_add_ps(y, min[b]);
        }
    }
    return y;
}

INLINE void stream_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end, const int n_rows)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = m->k / BLOCK, stride = size_align(blocks, UNIT_BLOCKS);
    float *p = m->scratch; /* [n_rows][2][STREAMS][stride] */
    struct decoded w;
    for (uint64_t n = n_first; n < n_end; n += STREAMS) {
        const uint64_t n_out = size_min(n_end - n, STREAMS);
        for (uint64_t i = 0; i < n_out; i++)
            for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
                const char *row = (const char *)m->w + (n + i) * m->w_stride;
                const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
                if (n_blocks == UNIT_BLOCKS)
                    decode(dtype, row, first, UNIT_BLOCKS, &w);
                else
                    decode(dtype, row, first, n_blocks, &w);
                for (int r = 0; r < n_rows; r++) {
                    float *at = p + ((uint64_t)r * 2 * STREAMS + i) * stride + first;
                    const char *x = (const char *)m->x + (uint64_t)r * m->x_stride;
                    if (n_blocks == UNIT_BLOCKS)
                        stream_unit(t, &w, x, m->k, first, UNIT_BLOCKS, at, at + STREAMS * stride);
                    else
                        stream_unit(t, &w, x, m->k, first, n_blocks, at, at + STREAMS * stride);
                }
            }
        for (int r = 0; r < n_rows; r++) {
            const float *at = p + (uint64_t)r * 2 * STREAMS * stride;
            _Alignas(32) float out[STREAMS];
            _mm256_store_ps(out, add_products(at, at + STREAMS * stride, stride, blocks, t.has_min));
            for (uint64_t i = 0; i < n_out; i++)
                m->y[(uint64_t)r * m->y_stride + n + i] = out[i];
        }
    }
}

#endif
