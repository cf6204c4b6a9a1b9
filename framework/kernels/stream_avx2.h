/* stream_avx2.h - products of block-quantized weights with few rows of activations, by AVX2: for avx2/, avx_vnni/
 * and avx512_vnni/.
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

/* Adds the products of four unsigned and four signed bytes to each int32 of `to`, where there is an instruction. */
#if defined DOT_BYTES /* a test's */
#elif defined __AVX512VNNI__
#define DOT_BYTES(to, u, q) _mm256_dpbusd_epi32(to, u, q)
#elif defined __AVXVNNI__
#define DOT_BYTES(to, u, q) _mm256_dpbusd_avx_epi32(to, u, q)
#endif

enum {
    STREAMS = 8,  /* rows of weights whose products are added together */
    AHEAD = 2048, /* bytes */
    FEW = 2       /* rows of x up to which this is best */
};

/* Bytes of scratch. */
static inline uint64_t stream_scratch(uint64_t k)
{
    return size_align(k / BLOCK, UNIT_BLOCKS) * FEW * 2 * STREAMS * sizeof(float);
}

INLINE int log2_of(int offset)
{
    return offset == 0 ? 0 : __builtin_ctz((unsigned)offset);
}

/* Whether products are those of u, which are to be corrected where it has an offset. */
INLINE int corrected(const struct block_type t)
{
#ifdef DOT_BYTES
    return t.offset != 0;
#else
    return t.offset != 0 && t.bits < 8;
#endif
}

/* A row of x. Its parts are found once: the compiler thinks that a store of products may change a viv_matmul. */
struct row_of_x {
    const int8_t *q;
    const float *d;
    const int32_t *s;
    const int16_t *h;
};

INLINE struct row_of_x row_of_x(const viv_matmul *m, uint64_t r)
{
    const char *x = (const char *)m->x + r * m->x_stride;
    return (struct row_of_x){(const int8_t *)x, int8_row_scales(x, m->k), int8_row_sums(x, m->k),
                             int8_row_halves(x, m->k)};
}

INLINE void prefetch(const char *p, const int n)
{
    UNROLL
    for (int i = 0; i < n; i += 64)
        _mm_prefetch(p + i, _MM_HINT_T0);
}

/* Products of u, or of u - 128, with x, added by twos as int16, or by fours as int32. */
INLINE __m256i products_of(const struct block_type t, __m256i u, const int8_t *x)
{
    const __m256i q = _mm256_loadu_si256((const void *)x);
#ifdef DOT_BYTES
    (void)t;
    return DOT_BYTES(_mm256_setzero_si256(), u, q);
#else
    if (t.bits < 7)
        return _mm256_maddubs_epi16(u, q);
    if (t.bits == 7)
        return _mm256_madd_epi16(_mm256_maddubs_epi16(u, q), _mm256_set1_epi16(1));
    const __m256i v = _mm256_xor_si256(u, _mm256_set1_epi8((char)0x80));
    return _mm256_madd_epi16(_mm256_maddubs_epi16(_mm256_abs_epi8(v), _mm256_sign_epi8(q, v)),
                             _mm256_set1_epi16(1));
#endif
}

/* How often two of these can be added before they must be widened to int32; 0: they are wide. */
INLINE int additions_that_fit(const struct block_type t)
{
#ifdef DOT_BYTES
    (void)t;
    return 0;
#else
    return t.bits <= 5 ? 2 : t.bits == 6 ? 1 : 0;
#endif
}

INLINE __m256i add(__m256i a, __m256i b, const int wide)
{
    return wide ? _mm256_add_epi32(a, b) : _mm256_add_epi16(a, b);
}

/* In 128 bits each: the halves of both, added; of a in the low half, of b in the high one. */
INLINE __m256i add_halves(__m256i a, __m256i b, const int wide)
{
    return add(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b), wide);
}

/* In 64 bits each: the halves of both, added; those of a in the low half of 128 bits, those of b in the high one.
 */
INLINE __m256i add_quarters(__m256i a, __m256i b, const int wide)
{
    const __m256 x = _mm256_castsi256_ps(a), y = _mm256_castsi256_ps(b);
    return add(_mm256_castps_si256(_mm256_shuffle_ps(x, y, 0x88)),
               _mm256_castps_si256(_mm256_shuffle_ps(x, y, 0xdd)), wide);
}

INLINE void widen(__m256i *v, const int n)
{
    UNROLL
    for (int i = 0; i < n; i++)
        v[i] = _mm256_madd_epi16(v[i], _mm256_set1_epi16(1));
}

/* The exact sums of u * q over the first and the second half of each block, of weights at p or, where these are
 * decoded already, in w. */
INLINE void sums_of(uint32_t dtype, const uint8_t *p, const struct decoded *w, const int decoded, const int8_t *q,
                    __m256i sums[2])
{
    const struct block_type t = block_type(dtype);
    const int fit = additions_that_fit(t);
    __m256i v[UNIT_BLOCKS];
    UNROLL
    for (int b = 0; b < UNIT_BLOCKS; b++) {
        const __m256i u =
            decoded ? _mm256_load_si256((const void *)(w->u + b * BLOCK)) : (__m256i)decode_weights(dtype, p, b, 0);
        v[b] = products_of(t, u, q + b * BLOCK);
    }
    UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = add_halves(v[2 * i], v[2 * i + 1], fit < 1);
    if (fit == 1)
        widen(v, 4);
    UNROLL
    for (int i = 0; i < 2; i++)
        v[i] = add_quarters(v[2 * i], v[2 * i + 1], fit < 2);
    if (fit == 2)
        widen(v, 2);
    sums[0] = _mm256_permute2x128_si256(v[0], v[1], 0x20);
    sums[1] = _mm256_permute2x128_si256(v[0], v[1], 0x31);
}

/* A unit of one row with one row of x: products by block into y, those of mins into y_min. */
INLINE void stream_unit(uint32_t dtype, const uint8_t *p, const struct decoded *w, const int decoded,
                        const struct row_of_x *x, uint64_t first, float *y, float *y_min)
{
    const struct block_type t = block_type(dtype);
    const __m256 d = _mm256_loadu_ps(x->d + first);
    const __m256i s = _mm256_loadu_si256((const void *)(x->s + first));
    const __m256i h = _mm256_loadu_si256((const void *)(x->h + 2 * first));
    __m256i sums[2], sum;
    sums_of(dtype, p, w, decoded, x->q + first * BLOCK, sums);
    if (t.has_sub) {
        const __m256i sub = _mm256_load_si256((const void *)w->sub);
        sum = _mm256_add_epi32(_mm256_mullo_epi32(sums[0], _mm256_srai_epi32(_mm256_slli_epi32(sub, 16), 16)),
                               _mm256_mullo_epi32(sums[1], _mm256_srai_epi32(sub, 16)));
        if (t.offset)
            sum = _mm256_sub_epi32(sum, _mm256_slli_epi32(_mm256_madd_epi16(h, sub), log2_of(t.offset)));
    } else {
        sum = _mm256_add_epi32(sums[0], sums[1]);
        if (corrected(t)) /* the sums are -128 times those of q */
            sum = _mm256_add_epi32(sum, _mm256_srai_epi32(s, 7 - log2_of(t.offset)));
    }
    _mm256_store_ps(y, _mm256_mul_ps(_mm256_mul_ps(_mm256_load_ps(w->scale), d), _mm256_cvtepi32_ps(sum)));
    if (t.has_sub_min) {
        const __m256i mins = _mm256_madd_epi16(h, _mm256_load_si256((const void *)w->sub_min));
        _mm256_store_ps(y_min, _mm256_mul_ps(_mm256_mul_ps(_mm256_load_ps(w->min), d), _mm256_cvtepi32_ps(mins)));
    } else if (t.has_min) {
        const __m256 min = _mm256_mul_ps(_mm256_load_ps(w->min), _mm256_set1_ps(-0x1p-7f));
        _mm256_store_ps(y_min, _mm256_mul_ps(_mm256_mul_ps(min, d), _mm256_cvtepi32_ps(s)));
    }
}

/* Eight vectors of eight 32-bit lanes, transposed. */
INLINE void transpose(__m256i v[8])
{
    __m256i a[8], b[8];
    UNROLL
    for (int i = 0; i < 4; i++) {
        a[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
        a[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
    }
    UNROLL
    for (int i = 0; i < 2; i++) {
        b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
        b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
        b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
    }
    UNROLL
    for (int i = 0; i < 4; i++) {
        v[i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x20);
        v[4 + i] = _mm256_permute2x128_si256(b[i], b[4 + i], 0x31);
    }
}

/* Eight blocks of eight rows, from p[row][stride]; afterwards a lane is a row. */
INLINE void load_products(const float *p, uint64_t stride, __m256i v[8])
{
    UNROLL
    for (int i = 0; i < STREAMS; i++)
        v[i] = _mm256_load_si256((const void *)(p + (uint64_t)i * stride));
    transpose(v);
}

/* The products of eight rows, added in the order of blocks. */
INLINE __m256 add_products(const float *p, const float *p_min, uint64_t stride, uint64_t blocks, const int has_min)
{
    __m256 y = _mm256_setzero_ps();
    for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
        __m256i v[8], min[8];
        load_products(p + first, stride, v);
        if (has_min)
            load_products(p_min + first, stride, min);
        for (uint64_t b = 0; b < UNIT_BLOCKS && first + b < blocks; b++) {
            y = _mm256_add_ps(y, _mm256_castsi256_ps(v[b]));
            if (has_min)
                y = _mm256_add_ps(y, _mm256_castsi256_ps(min[b]));
        }
    }
    return y;
}

/* One row of x (`one`) is multiplied while weights are decoded; for more they are decoded once. */
INLINE void stream_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end, const int one)
{
    const struct block_type t = block_type(dtype);
    const uint64_t n_rows = one ? 1 : m->n_rows;
    const uint64_t blocks = m->k / BLOCK, stride = size_align(blocks, UNIT_BLOCKS);
    float *y = m->scratch; /* products by block: [n_rows][2][STREAMS][stride] */
    struct row_of_x x[FEW];
    for (uint64_t r = 0; r < n_rows; r++)
        x[r] = row_of_x(m, r);
    for (uint64_t n = n_first; n < n_end; n += STREAMS) {
        const uint64_t n_out = size_min(n_end - n, STREAMS);
        for (uint64_t i = 0; i < n_out; i++) {
            const char *row = (const char *)m->w + (n + i) * m->w_stride;
            for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
                struct decoded w;
                struct unit_end end;
                const uint8_t *p = unit_at(dtype, row, first, blocks, &end);
                if (t.bytes < t.block) /* those of 8 bits are bound by memory alone, which reads ahead by itself */
                    prefetch(row + first * BLOCK / t.block * t.bytes + AHEAD, UNIT * t.bytes / t.block);
                if (one)
                    decode_scales(dtype, p, &w);
                else
                    decode_unit(dtype, p, &w);
                for (uint64_t r = 0; r < n_rows; r++) {
                    float *at = y + (r * 2 * STREAMS + i) * stride + first;
                    stream_unit(dtype, p, &w, !one, &x[r], first, at, at + STREAMS * stride);
                }
            }
        }
        for (uint64_t r = 0; r < n_rows; r++) {
            const float *at = y + r * 2 * STREAMS * stride;
            _Alignas(32) float out[STREAMS];
            _mm256_store_ps(out, add_products(at, at + STREAMS * stride, stride, blocks, t.has_min));
            for (uint64_t i = 0; i < n_out; i++)
                m->y[r * m->y_stride + n + i] = out[i];
        }
    }
}

#endif
