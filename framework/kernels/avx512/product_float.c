/* product_float.c - products with F32, F16 and BF16 weights in f32 arithmetic.
 *
 * A lane is a sixteenth of k: each output has one vector of partial sums, whose lanes are added, halves to halves,
 * at the end. So the weights are read as they lie in the file, and the order of summation is that of generic (but
 * for the single rounding of a fused multiply-add).
 *
 * Many rows (bound by arithmetic): a tile of 4 weight rows by 6 rows of x, 24 vectors of sums, 10 loads per 24
 * multiply-adds. k is cut so that the six parts of x stay in the first cache while the weight rows of a pass go by
 * from the second; meanwhile the sums of the others wait in scratch. Few rows (bound by memory): the same tile,
 * four weight rows by as many rows as there are, the weights called for ahead of their time. */
#include "base/size.h"
#include "kernels/kernels.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    LANES = 16,
    OUTPUTS = 4,            /* of a tile */
    ROWS = 6,               /* of a tile */
    CHUNK = 1024,           /* elements of k */
    PASS = 64,              /* outputs whose sums may wait */
    PASS_BYTES = 384 << 10, /* of weights that stay in the second cache */
};

static uint64_t row_bytes(uint64_t k)
{
    return size_align(k * sizeof(float), 64);
}

static void prepare(void *row, const float *x, uint64_t k)
{
    memcpy(row, x, k * sizeof(float));
}

static uint64_t scratch_bytes(uint64_t k)
{
    (void)k;
    return (uint64_t)PASS * ROWS * sizeof(__m512);
}

INLINE uint64_t element_bytes(uint32_t dtype)
{
    return dtype == VIV_F32 ? 4 : 2;
}

/* The first lanes of `mask`, the others zero. */
INLINE __m512 load(uint32_t dtype, const char *w, __mmask16 mask)
{
    if (dtype == VIV_F32)
        return _mm512_maskz_loadu_ps(mask, w);
    __m256i half = _mm256_maskz_loadu_epi16(mask, w);
    if (dtype == VIV_F16)
        return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Sums of the lanes of four vectors. */
INLINE __m128 sums_of_lanes(__m512 a, __m512 b, __m512 c, __m512 d)
{
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    __m512 s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
    return _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, s));
}

/* Where a tile is: outputs n..., rows r..., elements [k, k_end) of k. */
struct place {
    uint64_t n, r, k, k_end;
    __m512 *waiting; /* sums of this tile between chunks of k */
};

INLINE void step(uint32_t dtype, __m512 sum[OUTPUTS][ROWS], const char *const w[OUTPUTS], const char *const x[ROWS],
                 uint64_t k, __mmask16 mask, const int n_outputs, const int n_rows)
{
    __m512 weights[OUTPUTS];
    UNROLL
    for (int i = 0; i < n_outputs; i++)
        weights[i] = load(dtype, w[i] + k * element_bytes(dtype), mask);
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        __m512 activations = _mm512_maskz_loadu_ps(mask, x[r] + k * sizeof(float));
        UNROLL
        for (int i = 0; i < n_outputs; i++)
            sum[i][r] = _mm512_fmadd_ps(weights[i], activations, sum[i][r]);
    }
}

INLINE void call_next(const char *at, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 64)
        _mm_prefetch(at + i, _MM_HINT_T1);
}

INLINE void tile(uint32_t dtype, const viv_matmul *m, struct place p, const int n_outputs, const int n_rows)
{
    __m512 sum[OUTPUTS][ROWS];
    const char *w[OUTPUTS], *x[ROWS];
    UNROLL
    for (int i = 0; i < n_outputs; i++) {
        w[i] = (const char *)m->w + (p.n + i) * m->w_stride;
        UNROLL
        for (int r = 0; r < n_rows; r++)
            sum[i][r] = p.k ? p.waiting[i * ROWS + r] : _mm512_setzero_ps();
    }
    UNROLL
    for (int r = 0; r < n_rows; r++)
        x[r] = (const char *)m->x + (p.r + r) * m->x_stride;
    uint64_t k = p.k;
    for (; k + LANES <= p.k_end; k += LANES) {
        if (n_rows < ROWS)
            call_next(w[0] + n_outputs * (m->w_stride + k * element_bytes(dtype)),
                      n_outputs * LANES * element_bytes(dtype));
        step(dtype, sum, w, x, k, 0xffff, n_outputs, n_rows);
    }
    if (k < p.k_end)
        step(dtype, sum, w, x, k, (__mmask16)((1u << (p.k_end - k)) - 1), n_outputs, n_rows);
    if (p.k_end < m->k) {
        UNROLL
        for (int i = 0; i < n_outputs; i++)
            UNROLL
        for (int r = 0; r < n_rows; r++)
            p.waiting[i * ROWS + r] = sum[i][r];
        return;
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        float *y = m->y + (p.r + r) * m->y_stride + p.n;
        if (n_outputs == OUTPUTS)
            _mm_storeu_ps(y, sums_of_lanes(sum[0][r], sum[1][r], sum[2][r], sum[3][r]));
        else
            *y = _mm_cvtss_f32(sums_of_lanes(sum[0][r], sum[0][r], sum[0][r], sum[0][r]));
    }
}

typedef void tile_function(const viv_matmul *, struct place);
#define TILE(TYPE, DTYPE, outputs, rows)                                                                           \
    static void tile_##TYPE##_##outputs##x##rows(const viv_matmul *m, struct place p)                              \
    {                                                                                                              \
        tile(DTYPE, m, p, outputs, rows);                                                                          \
    }
#define TILES(TYPE, DTYPE, outputs)                                                                                \
    TILE(TYPE, DTYPE, outputs, 1)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 2)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 3)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 4)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 5)                                                                                  \
    TILE(TYPE, DTYPE, outputs, 6)                                                                                  \
    static tile_function *const tiles_##TYPE##_##outputs[ROWS + 1] = {NULL,                                        \
                                                                      tile_##TYPE##_##outputs##x1,                 \
                                                                      tile_##TYPE##_##outputs##x2,                 \
                                                                      tile_##TYPE##_##outputs##x3,                 \
                                                                      tile_##TYPE##_##outputs##x4,                 \
                                                                      tile_##TYPE##_##outputs##x5,                 \
                                                                      tile_##TYPE##_##outputs##x6};

static void multiply(uint32_t dtype, tile_function *const *tiles_of_4, tile_function *const *tiles_of_1,
                     const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    __m512 *waiting = m->scratch;
    uint64_t pass = PASS_BYTES / (m->k * element_bytes(dtype)) / OUTPUTS * OUTPUTS;
    pass = size_min(size_max(pass, OUTPUTS), PASS);
    uint64_t chunk = m->n_rows < ROWS ? m->k : CHUNK;
    for (uint64_t n0 = n_first; n0 < n_end; n0 += pass) {
        uint64_t pass_end = size_min(n0 + pass, n_end);
        for (uint64_t r = 0; r < m->n_rows; r += ROWS) {
            uint64_t rows = size_min(m->n_rows - r, ROWS);
            for (uint64_t k = 0; k < m->k; k += chunk) {
                struct place p = {.n = n0, .r = r, .k = k, .k_end = size_min(k + chunk, m->k), .waiting = waiting};
                for (; p.n + OUTPUTS <= pass_end; p.n += OUTPUTS, p.waiting += OUTPUTS * ROWS)
                    tiles_of_4[rows](m, p);
                for (; p.n < pass_end; p.n++, p.waiting += ROWS)
                    tiles_of_1[rows](m, p);
            }
        }
    }
}

#define DEFINE_PRODUCT(TYPE, DTYPE)                                                                                \
    TILES(TYPE, DTYPE, 4)                                                                                          \
    TILES(TYPE, DTYPE, 1)                                                                                          \
    static void multiply_##TYPE(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                             \
    {                                                                                                              \
        multiply(DTYPE, tiles_##TYPE##_4, tiles_##TYPE##_1, m, n_first, n_end);                                    \
    }                                                                                                              \
    static const viv_product product_##TYPE = {                                                                    \
        .struct_size = sizeof(viv_product),                                                                        \
        .weight_dtype = DTYPE,                                                                                     \
        .tile = PASS,                                                                                              \
        .name = "avx512 " #TYPE,                                                                                   \
        .row_format = "f32",                                                                                       \
        .row_bytes = row_bytes,                                                                                    \
        .prepare = prepare,                                                                                        \
        .scratch_bytes = scratch_bytes,                                                                            \
        .multiply = multiply_##TYPE,                                                                               \
    };
DEFINE_PRODUCT(f32, VIV_F32)
DEFINE_PRODUCT(f16, VIV_F16)
DEFINE_PRODUCT(bf16, VIV_BF16)

const struct kernel kernel_avx512_product_f32 = {.operation = KERNEL_PRODUCT,
                                                 .rank = 30,
                                                 .name = "avx512",
                                                 .cpu = VIV_CPU_AVX512,
                                                 .dtype = VIV_F32,
                                                 .product = &product_f32};
const struct kernel kernel_avx512_product_f16 = {.operation = KERNEL_PRODUCT,
                                                 .rank = 30,
                                                 .name = "avx512",
                                                 .cpu = VIV_CPU_AVX512,
                                                 .dtype = VIV_F16,
                                                 .product = &product_f16};
const struct kernel kernel_avx512_product_bf16 = {.operation = KERNEL_PRODUCT,
                                                  .rank = 30,
                                                  .name = "avx512",
                                                  .cpu = VIV_CPU_AVX512,
                                                  .dtype = VIV_BF16,
                                                  .product = &product_bf16};
