/* product_blocks.c - products with block-quantized weights by AVX2 (kernels/blocks.h has the formula, decode.h the
 * types).
 *
 * Few rows are stream_avx2.h's. Many rows (bound by arithmetic): 256 weights of eight rows are decoded and laid out
 * so that a lane is a row; then all rows of x pass by, some at a time. Four consecutive weights of each of the
 * eight rows make one vector, four activations are broadcast from memory.
 *
 * maddubs adds two products of an unsigned and a signed byte to 16 bits, and saturates. Weights of up to 4 bits can
 * be summed over a whole block before they are widened, those of 5 bits over half of it, those of 6 over a quarter;
 * weights of 8 bits are taken as magnitudes, with their signs on the activations. */
#include "kernels/product_blocks.h"
#include "kernels/stream_avx2.h"

enum {
    GROUP = 8,         /* outputs in the lanes of a vector */
    QUADS = BLOCK / 4, /* vectors of a group's block */
    ROWS = 4           /* of x in a tile */
};

static void prepare(void *row, const float *x, uint64_t k)
{
    int8_t *q = row;
    float *d = (float *)((char *)row + k);
    int32_t *s = (int32_t *)((char *)row + k + k / BLOCK * 4);
    int16_t *h = (int16_t *)((char *)row + k + k / BLOCK * 8);
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
        _mm256_storeu_si256((__m256i *)(q + b * BLOCK), words);
        d[b] = largest / 127.0f;
        for (int i = 0; i < 2; i++) {
            const __m256i sum = _mm256_add_epi32(whole[2 * i], whole[2 * i + 1]);
            four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
            four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
            four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0xb1));
            h[2 * b + (uint64_t)i] = (int16_t)_mm_cvtsi128_si32(four);
        }
        s[b] = -128 * (h[2 * b] + h[2 * b + 1]);
    }
}

/* --- many rows ----------------------------------------------------------------------------------------------- */

/* A block of eight rows, a lane for each. */
struct laid {
    __m256i u[QUADS]; /* four weights of each row */
    __m256 scale, min;
    __m256i sub[2];         /* int16 pairs: both are the sub-scale of half a block */
    __m256i subs, min_subs; /* int16 pairs: the sub-scales of both halves */
};

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

INLINE __m256 floats_of(const struct decoded *w, size_t at)
{
    _Alignas(32) float x[GROUP];
    UNROLL
    for (int i = 0; i < GROUP; i++)
        memcpy(&x[i], (const char *)&w[i] + at, sizeof x[i]);
    return _mm256_load_ps(x);
}

INLINE __m256i int16s_of(const struct decoded *w, size_t at, size_t second)
{
    _Alignas(32) int16_t x[2 * GROUP];
    UNROLL
    for (int i = 0; i < GROUP; i++) {
        memcpy(&x[2 * i], (const char *)&w[i] + at, sizeof x[0]);
        memcpy(&x[2 * i + 1], (const char *)&w[i] + second, sizeof x[0]);
    }
    return _mm256_load_si256((const void *)x);
}

INLINE void lay(const struct block_type t, const struct decoded *w, int n_blocks, struct laid *out)
{
    for (int b = 0; b < n_blocks; b++) {
        struct laid *l = &out[b];
        UNROLL
        for (int i = 0; i < GROUP; i++)
            l->u[i] = _mm256_load_si256((const void *)(w[i].u + b * BLOCK));
        transpose(l->u);
        if (t.bits == 8)
            for (int i = 0; i < QUADS; i++)
                l->u[i] = _mm256_xor_si256(l->u[i], _mm256_set1_epi8((char)0x80));
        l->scale = floats_of(w, offsetof(struct decoded, scale) + (size_t)b * 4);
        const size_t sub = offsetof(struct decoded, sub) + (size_t)b * 4,
                     sub_min = offsetof(struct decoded, sub_min) + (size_t)b * 4;
        if (t.has_sub) {
            l->subs = int16s_of(w, sub, sub + 2);
            l->sub[0] = int16s_of(w, sub, sub);
            l->sub[1] = int16s_of(w, sub + 2, sub + 2);
        }
        if (t.has_min) {
            l->min = floats_of(w, offsetof(struct decoded, min) + (size_t)b * 4);
            if (t.has_sub_min)
                l->min_subs = int16s_of(w, sub_min, sub_min + 2);
            else
                l->min = _mm256_mul_ps(l->min, _mm256_set1_ps(-0x1p-7f));
        }
    }
}

INLINE __m256i quad_of(const char *x)
{
    int32_t quad;
    memcpy(&quad, x, sizeof quad);
    return _mm256_set1_epi32(quad);
}

/* Sums of u * q by output, of the vectors [first, first + n) of a block: as many before they are widened as fit. */
INLINE void add_quads(const struct block_type t, const struct laid *l, const char *x, uint64_t stride,
                      const int first, const int n, __m256i factor, __m256i *sum, const int n_rows)
{
    const int fit = t.bits <= 4 ? 8 : t.bits == 5 ? 4 : t.bits == 6 ? 2 : 1, run = fit < n ? fit : n;
    UNROLL
    for (int i = first; i < first + n; i += run) {
        __m256i pairs[ROWS];
        UNROLL
        for (int j = i; j < i + run; j++) {
            const __m256i magnitude = _mm256_abs_epi8(l->u[j]);
            UNROLL
            for (int r = 0; r < n_rows; r++) {
                const __m256i a = quad_of(x + (uint64_t)r * stride + j * 4);
                const __m256i p = t.bits < 8 ? _mm256_maddubs_epi16(l->u[j], a)
                                             : _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(a, l->u[j]));
                pairs[r] = j == i ? p : _mm256_add_epi16(pairs[r], p);
                KEEP(pairs[r]);
            }
        }
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            sum[r] = _mm256_add_epi32(sum[r], _mm256_madd_epi16(pairs[r], factor));
            KEEP(sum[r]);
        }
    }
}

INLINE void add_block(const struct block_type t, const struct laid *l, const char *x, uint64_t stride, uint64_t k,
                      uint64_t b, __m256 *y, const int n_rows)
{
    __m256i sum[ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        sum[r] = _mm256_setzero_si256();
    if (t.has_sub) {
        add_quads(t, l, x + b * BLOCK, stride, 0, 4, l->sub[0], sum, n_rows);
        add_quads(t, l, x + b * BLOCK, stride, 4, 4, l->sub[1], sum, n_rows);
    } else {
        add_quads(t, l, x + b * BLOCK, stride, 0, 8, _mm256_set1_epi16(1), sum, n_rows);
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        const char *row = x + (uint64_t)r * stride;
        const __m256 d = _mm256_set1_ps(int8_row_scales(row, k)[b]);
        const __m256i s = _mm256_set1_epi32(int8_row_sums(row, k)[b]);
        const __m256i halves = quad_of((const char *)(int8_row_halves(row, k) + 2 * b));
        if (t.has_sub && t.offset)
            sum[r] =
                _mm256_sub_epi32(sum[r], _mm256_slli_epi32(_mm256_madd_epi16(halves, l->subs), log2_of(t.offset)));
        else if (t.offset && t.bits < 8)
            sum[r] = _mm256_add_epi32(sum[r], _mm256_srai_epi32(s, 7 - log2_of(t.offset)));
        y[r] = _mm256_add_ps(y[r], _mm256_mul_ps(_mm256_mul_ps(l->scale, d), _mm256_cvtepi32_ps(sum[r])));
        if (t.has_min)
            y[r] = _mm256_add_ps(
                y[r],
                _mm256_mul_ps(_mm256_mul_ps(l->min, d),
                              _mm256_cvtepi32_ps(t.has_sub_min ? _mm256_madd_epi16(halves, l->min_subs) : s)));
    }
}

/* Eight outputs of n_rows rows over some blocks. */
INLINE void tile(const struct block_type t, const viv_matmul *m, const struct laid *weights, uint64_t first,
                 int n_blocks, uint64_t r0, uint64_t n, __m256i lanes, const int n_rows)
{
    const char *x = (const char *)m->x + r0 * m->x_stride;
    float *out = m->y + r0 * m->y_stride + n;
    __m256 y[ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        y[r] = first ? _mm256_maskload_ps(out + (uint64_t)r * m->y_stride, lanes) : _mm256_setzero_ps();
    for (int b = 0; b < n_blocks; b++)
        add_block(t, weights + b, x, m->x_stride, m->k, first + (uint64_t)b, y, n_rows);
    UNROLL
    for (int r = 0; r < n_rows; r++)
        _mm256_maskstore_ps(out + (uint64_t)r * m->y_stride, lanes, y[r]);
}

INLINE void many_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = m->k / BLOCK;
    struct decoded w[GROUP];
    struct laid laid[UNIT_BLOCKS];
    for (uint64_t n = n_first; n < n_end; n += GROUP) {
        const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)size_min(n_end - n, GROUP)),
                                                 _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
            const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
            for (uint64_t i = 0; i < GROUP; i++) /* a row past the last stands for it again */
                decode(dtype, (const char *)m->w + size_min(n + i, n_end - 1) * m->w_stride, first, n_blocks,
                       &w[i]);
            lay(t, w, n_blocks, laid);
            uint64_t r = 0;
            for (; r + ROWS <= m->n_rows; r += ROWS)
                tile(t, m, laid, first, n_blocks, r, n, lanes, ROWS);
            for (; r < m->n_rows; r++)
                tile(t, m, laid, first, n_blocks, r, n, lanes, 1);
        }
    }
}

static uint64_t scratch_bytes(uint64_t k)
{
    return stream_scratch(k);
}

INLINE void multiply(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    switch (m->n_rows) {
    case 0:
        return;
    case 1:
        stream_rows(dtype, m, n_first, n_end, 1);
        return;
    case 2:
        stream_rows(dtype, m, n_first, n_end, 2);
        return;
    case FEW:
        stream_rows(dtype, m, n_first, n_end, FEW);
        return;
    default:
        many_rows(dtype, m, n_first, n_end);
    }
}

#define DEFINE_PRODUCT(type, number) BLOCK_PRODUCT("avx2", 64, type, number)
BLOCK_TYPES(DEFINE_PRODUCT)

#define PRODUCT(type, number)                                                                                      \
    {                                                                                                              \
        .operation = KERNEL_PRODUCT, .rank = 20, .name = "avx2", .cpu = VIV_CPU_AVX2, .dtype = number,             \
        .product = &product_##type                                                                                 \
    }
const struct kernel kernel_avx2_product_q4_0 = PRODUCT(q4_0, VIV_Q4_0);
const struct kernel kernel_avx2_product_q4_1 = PRODUCT(q4_1, TYPE_Q4_1);
const struct kernel kernel_avx2_product_q5_0 = PRODUCT(q5_0, TYPE_Q5_0);
const struct kernel kernel_avx2_product_q5_1 = PRODUCT(q5_1, TYPE_Q5_1);
const struct kernel kernel_avx2_product_q8_0 = PRODUCT(q8_0, VIV_Q8_0);
const struct kernel kernel_avx2_product_q2_k = PRODUCT(q2_k, TYPE_Q2_K);
const struct kernel kernel_avx2_product_q3_k = PRODUCT(q3_k, TYPE_Q3_K);
const struct kernel kernel_avx2_product_q4_k = PRODUCT(q4_k, TYPE_Q4_K);
const struct kernel kernel_avx2_product_q5_k = PRODUCT(q5_k, TYPE_Q5_K);
const struct kernel kernel_avx2_product_q6_k = PRODUCT(q6_k, TYPE_Q6_K);
const struct kernel kernel_avx2_product_iq4_nl = PRODUCT(iq4_nl, TYPE_IQ4_NL);
const struct kernel kernel_avx2_product_iq4_xs = PRODUCT(iq4_xs, TYPE_IQ4_XS);
const struct kernel kernel_avx2_product_tq2_0 = PRODUCT(tq2_0, TYPE_TQ2_0);
const struct kernel kernel_avx2_product_mxfp4 = PRODUCT(mxfp4, VIV_MXFP4);
const struct kernel kernel_avx2_product_int4 = PRODUCT(int4, TYPE_INT4);
const struct kernel kernel_avx2_product_int8 = PRODUCT(int8, TYPE_INT8);
const struct kernel kernel_avx2_product_uint8 = PRODUCT(uint8, TYPE_UINT8);
const struct kernel kernel_avx2_product_nf4 = PRODUCT(nf4, TYPE_NF4);
const struct kernel kernel_avx2_product_bnb_fp4 = PRODUCT(bnb_fp4, TYPE_BNB_FP4);
const struct kernel kernel_avx2_product_nvfp4_f32 = PRODUCT(nvfp4_f32, TYPE_NVFP4_F32);
