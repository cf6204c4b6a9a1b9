/* tile_avx2.h - products of block-quantized weights with many rows of activations by vectors of 256 bits: for avx2/
 * and avx_vnni/ (kernels/blocks.h has the formula, decode.h the types).
 *
 * Few rows are stream_avx2.h's. Many rows (bound by arithmetic): 256 weights of sixteen rows are decoded and laid
 * out so that a lane is a row; then all rows of x pass by, some at a time. Four consecutive weights of each of
 * eight rows make one vector, four activations are broadcast from memory.
 *
 * VNNI multiplies four bytes by four and adds them to 32 bits. Without it, maddubs adds two products of an unsigned
 * and a signed byte to 16 bits, and saturates: weights of up to 4 bits can be summed over a whole block before they
 * are widened, those of 5 bits over half of it, those of 6 over a quarter; weights of 8 bits are taken as
 * magnitudes, with their signs on the activations. */
#ifndef KERNELS_TILE_AVX2_H
#define KERNELS_TILE_AVX2_H

#include "kernels/product_blocks.h"
#include "kernels/stream_avx2.h"

enum {
    LANES = 8,         /* outputs in a vector */
    VECTORS = 2,       /* of outputs in a tile */
    QUADS = BLOCK / 4, /* of four weights, in a block */
    ROWS = 4,          /* of x in a tile */
    PASS_ROWS = 128    /* of x that pass by all outputs before the next do: they stay in the second cache */
};

static void prepare(void *row, const float *x, uint64_t k)
{
    const struct int8_row to = int8_row_begin(row, k);
    const __m256i magnitude = _mm256_set1_epi32(0x7fffffff);
    for (uint64_t b = 0; b < k / BLOCK; b++, x += BLOCK) {
        __m256i most = _mm256_setzero_si256(), whole[4];
        for (int i = 0; i < 4; i++) /* as whole numbers, so that a NaN is larger than any number */
            most = _mm256_max_epu32(most,
                                    _mm256_and_si256(_mm256_castps_si256(_mm256_loadu_ps(x + 8 * i)), magnitude));
        __m128i four = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
        four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0x4e));
        four = _mm_max_epu32(four, _mm_shuffle_epi32(four, 0xb1));
        const float largest = float_of_bits((uint32_t)_mm_cvtsi128_si32(four));
        const __m256 factor = _mm256_set1_ps(int8_block_factor(largest));
        const __m256 some = _mm256_cmp_ps(factor, _mm256_setzero_ps(), _CMP_GT_OQ);
        for (int i = 0; i < 4; i++)
            whole[i] = _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + 8 * i), factor)),
                                        _mm256_castps_si256(some));
        const __m256i words = _mm256_permutevar8x32_epi32(
            _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3])),
            _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        _mm256_storeu_si256((__m256i *)(to.q + b * BLOCK), words);
        to.d[b] = largest / 127.0f;
        for (int i = 0; i < 2; i++) {
            const __m256i sum = _mm256_add_epi32(whole[2 * i], whole[2 * i + 1]);
            four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
            four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
            four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
            to.h[2 * b + (uint64_t)i] = (int16_t)_mm_cvtsi128_si32(four);
        }
        to.s[b] = -128 * (to.h[2 * b] + to.h[2 * b + 1]);
    }
}

/* --- many rows ----------------------------------------------------------------------------------------------- */

/* A block of sixteen rows, a lane for each. */
struct laid {
    __m256i u[VECTORS][QUADS]; /* four weights of each row */
    __m256 scale[VECTORS], min[VECTORS];
    __m256i sub[VECTORS][2];                  /* the sub-scale of half a block: int32, or int16 twice */
    __m256i subs[VECTORS], min_subs[VECTORS]; /* int16 pairs: the sub-scales of both halves */
};

/* The 32 bytes at `at` of eight rows: vector i holds bytes [4i, 4i + 4) of each. */
INLINE void load_transposed(const struct decoded *w, size_t at, __m256i v[8])
{
    UNROLL
    for (int i = 0; i < LANES; i++)
        v[i] = _mm256_load_si256((const void *)((const char *)&w[i] + at));
    transpose(v);
}

/* A unit of eight rows, as the vectors v of its blocks. */
INLINE void lay(const struct block_type t, const struct decoded *w, const int v, struct laid *out)
{
    __m256i scale[UNIT_BLOCKS], min[UNIT_BLOCKS], sub[UNIT_BLOCKS], sub_min[UNIT_BLOCKS];
    load_transposed(w, offsetof(struct decoded, scale), scale);
    if (t.has_min)
        load_transposed(w, offsetof(struct decoded, min), min);
    if (t.has_sub)
        load_transposed(w, offsetof(struct decoded, sub), sub);
    if (t.has_sub_min)
        load_transposed(w, offsetof(struct decoded, sub_min), sub_min);
    for (int b = 0; b < UNIT_BLOCKS; b++) {
        struct laid *l = &out[b];
        load_transposed(w, offsetof(struct decoded, u) + (size_t)b * BLOCK, l->u[v]);
        if (t.offset && !corrected(t))
            for (int i = 0; i < QUADS; i++)
                l->u[v][i] = _mm256_xor_si256(l->u[v][i], _mm256_set1_epi8((char)0x80));
        l->scale[v] = _mm256_castsi256_ps(scale[b]);
        if (t.has_sub) {
            l->subs[v] = sub[b];
#ifdef DOT_BYTES
            l->sub[v][0] = _mm256_srai_epi32(_mm256_slli_epi32(sub[b], 16), 16);
            l->sub[v][1] = _mm256_srai_epi32(sub[b], 16);
#else
            l->sub[v][0] = _mm256_blend_epi16(sub[b], _mm256_slli_epi32(sub[b], 16), 0xaa);
            l->sub[v][1] = _mm256_blend_epi16(_mm256_srli_epi32(sub[b], 16), sub[b], 0xaa);
#endif
        }
        if (t.has_min)
            l->min[v] = _mm256_mul_ps(_mm256_castsi256_ps(min[b]), _mm256_set1_ps(t.has_sub_min ? 1.0f : -0x1p-7f));
        if (t.has_sub_min)
            l->min_subs[v] = sub_min[b];
    }
}

INLINE __m256i quad_of(const void *x)
{
    int32_t quad;
    memcpy(&quad, x, sizeof quad);
    return _mm256_set1_epi32(quad);
}

#ifdef DOT_BYTES
/* Sums of u * q by output, of the vectors [first, first + n) of a block, scaled where they have a scale of their
 * own. */
INLINE void add_quads(const struct block_type t, const struct laid *l, const int8_t *q, uint64_t stride,
                      const int first, const int n, __m256i sum[VECTORS][ROWS], const int n_rows)
{
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        __m256i dot[VECTORS];
        UNROLL
        for (int i = first; i < first + n; i++) {
            const __m256i x = quad_of(q + (uint64_t)r * stride + i * 4);
            UNROLL
            for (int v = 0; v < VECTORS; v++)
                dot[v] = DOT_BYTES(i == first ? _mm256_setzero_si256() : dot[v], l->u[v][i], x);
        }
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            const __m256i scaled = t.has_sub ? _mm256_mullo_epi32(dot[v], l->sub[v][first / 4]) : dot[v];
            sum[v][r] = first ? _mm256_add_epi32(sum[v][r], scaled) : scaled;
        }
    }
}
#else
/* Sums of u * q by output, of the vectors [first, first + n) of a block: as many before they are widened as fit. */
INLINE void add_quads(const struct block_type t, const struct laid *l, const int8_t *q, uint64_t stride,
                      const int first, const int n, __m256i sum[VECTORS][ROWS], const int n_rows)
{
    const int fit = t.bits <= 4 ? 8 : t.bits == 5 ? 4 : t.bits == 6 ? 2 : 1, run = fit < n ? fit : n;
    UNROLL
    for (int i = first; i < first + n; i += run) {
        __m256i pairs[VECTORS][ROWS];
        UNROLL
        for (int j = i; j < i + run; j++) {
            UNROLL
            for (int r = 0; r < n_rows; r++) {
                const __m256i x = quad_of(q + (uint64_t)r * stride + j * 4);
                UNROLL
                for (int v = 0; v < VECTORS; v++) {
                    const __m256i u = l->u[v][j];
                    const __m256i p = t.bits < 8 ? _mm256_maddubs_epi16(u, x)
                                                 : _mm256_maddubs_epi16(_mm256_abs_epi8(u), _mm256_sign_epi8(x, u));
                    pairs[v][r] = j == i ? p : _mm256_add_epi16(pairs[v][r], p);
                    KEEP(pairs[v][r]);
                }
            }
        }
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            const __m256i factor = t.has_sub ? l->sub[v][i / 4] : _mm256_set1_epi16(1);
            UNROLL
            for (int r = 0; r < n_rows; r++) {
                sum[v][r] = i == first && first == 0
                                ? _mm256_madd_epi16(pairs[v][r], factor)
                                : _mm256_add_epi32(sum[v][r], _mm256_madd_epi16(pairs[v][r], factor));
                KEEP(sum[v][r]);
            }
        }
    }
}
#endif

/* What block b adds to y. */
INLINE void add_block(const struct block_type t, const struct laid *l, const struct row_of_x *x, uint64_t stride,
                      uint64_t b, __m256 y[VECTORS][ROWS], const int n_rows)
{
    __m256i sum[VECTORS][ROWS];
    if (t.has_sub) {
        add_quads(t, l, x->q + b * BLOCK, stride, 0, 4, sum, n_rows);
        add_quads(t, l, x->q + b * BLOCK, stride, 4, 4, sum, n_rows);
    } else {
        add_quads(t, l, x->q + b * BLOCK, stride, 0, 8, sum, n_rows);
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        const uint64_t at = (uint64_t)r * stride;
        const __m256 d = _mm256_castsi256_ps(quad_of((const char *)(x->d + b) + at));
        const __m256i s = quad_of((const char *)(x->s + b) + at);
        const __m256i halves = quad_of((const char *)(x->h + 2 * b) + at);
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            __m256i all = sum[v][r];
            if (t.has_sub && t.offset)
                all = _mm256_sub_epi32(all,
                                       _mm256_slli_epi32(_mm256_madd_epi16(halves, l->subs[v]), log2_of(t.offset)));
            else if (corrected(t))
                all = _mm256_add_epi32(all, _mm256_srai_epi32(s, 7 - log2_of(t.offset)));
            y[v][r] = _mm256_add_ps(y[v][r], _mm256_mul_ps(_mm256_mul_ps(l->scale[v], d), _mm256_cvtepi32_ps(all)));
            const __m256i mins = t.has_sub_min ? _mm256_madd_epi16(halves, l->min_subs[v]) : s;
            if (t.has_min)
                y[v][r] =
                    _mm256_add_ps(y[v][r], _mm256_mul_ps(_mm256_mul_ps(l->min[v], d), _mm256_cvtepi32_ps(mins)));
        }
    }
}

INLINE __m256i lanes_of(uint64_t n, uint64_t n_end)
{
    const uint64_t some = n < n_end ? size_min(n_end - n, LANES) : 0;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)some), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* Sixteen outputs of n_rows rows over the blocks of a unit. */
INLINE void tile(const struct block_type t, const viv_matmul *m, const struct laid *weights, uint64_t first,
                 int n_blocks, uint64_t r0, uint64_t n, uint64_t n_end, const int n_rows)
{
    const struct row_of_x x = row_of_x(m, r0);
    float *out = m->y + r0 * m->y_stride + n;
    __m256 y[VECTORS][ROWS];
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        UNROLL
    for (int r = 0; r < n_rows; r++)
        y[v][r] = first ? _mm256_maskload_ps(out + (uint64_t)r * m->y_stride + v * LANES,
                                             lanes_of(n + (uint64_t)v * LANES, n_end))
                        : _mm256_setzero_ps();
    for (int b = 0; b < n_blocks; b++)
        add_block(t, weights + b, &x, m->x_stride, first + (uint64_t)b, y, n_rows);
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        UNROLL
    for (int r = 0; r < n_rows; r++)
        _mm256_maskstore_ps(out + (uint64_t)r * m->y_stride + v * LANES, lanes_of(n + (uint64_t)v * LANES, n_end),
                            y[v][r]);
}

/* So many rows that they stay in the second cache. */
INLINE void some_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = m->k / BLOCK;
    const int unit_bytes = UNIT * t.bytes / t.block;
    struct decoded w[LANES];
    struct laid laid[UNIT_BLOCKS];
    for (uint64_t n = n_first; n < n_end; n += VECTORS * LANES)
        for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
            const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
            for (int v = 0; v < VECTORS; v++) {
                for (uint64_t i = 0; i < LANES; i++) { /* a row past the last stands for it again */
                    const uint64_t row = size_min(n + (uint64_t)v * LANES + i, n_end - 1);
                    const char *at = (const char *)m->w + row * m->w_stride;
                    const char *next =
                        at + VECTORS * LANES * m->w_stride + first / UNIT_BLOCKS * (uint64_t)unit_bytes;
                    for (int j = 0; j < unit_bytes; j += 64)
                        _mm_prefetch(next + j, _MM_HINT_T1);
                    decode(dtype, at, first, blocks, &w[i]);
                }
                lay(t, w, v, laid);
            }
            uint64_t r = 0;
            for (; r + ROWS <= m->n_rows; r += ROWS)
                tile(t, m, laid, first, n_blocks, r, n, n_end, ROWS);
            for (; r < m->n_rows; r++)
                tile(t, m, laid, first, n_blocks, r, n, n_end, 1);
        }
}

static uint64_t scratch_bytes(uint64_t k)
{
    return stream_scratch(k);
}

INLINE void many_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    for (uint64_t r = 0; r < m->n_rows; r += PASS_ROWS) {
        viv_matmul part = *m;
        part.n_rows = size_min(m->n_rows - r, PASS_ROWS);
        part.x = (const char *)m->x + r * m->x_stride;
        part.y = m->y + r * m->y_stride;
        some_rows(dtype, &part, n_first, n_end);
    }
}

MULTIPLY_FEW_OR_MANY

#endif
