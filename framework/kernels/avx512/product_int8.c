/* product_int8.c - products with Q8_0, Q4_0 and MXFP4 weights by VNNI (kernels/blocks.h has the formula).
 *
 * A lane is an output, sixteen at a time. Weights are offset to unsigned numbers for vpdpbusd; a block's sum is an
 * exact integer, so both methods give the same bits.
 *
 * Many rows (bound by arithmetic): a chunk of k of some weight rows is unpacked into scratch, where it stays in the
 * second-level cache while all rows of x are multiplied, twelve at a time. Four consecutive weights of each of the
 * sixteen rows form one vector, four activations are broadcast from memory, and nothing is summed across lanes. Few
 * rows (bound by memory): the sixteen rows are multiplied as they lie in memory, and only their sums are moved to
 * the lanes, which is less work than moving the weights. The weights of the next sixteen rows are prefetched. */
#include "kernels/avx512/int8_rows.h"
#include "kernels/kernels.h"

#include <immintrin.h>

#define VNNI   __attribute__((target("avx512vnni")))
#define INLINE static inline __attribute__((always_inline))
#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    GROUP = 16,           /* outputs in the lanes of a vector */
    QUADS = BLOCK / 4,    /* vectors of a group's block */
    ROWS = 12,            /* of x in a tile */
    FEW = 3,              /* rows up to which multiplying weights as they lie is faster */
    CHUNK = 2048 / BLOCK, /* blocks of k that are unpacked at once */
    PASS = 64,            /* outputs that are unpacked at once */
};

struct unpacked {
    __m512i w[QUADS]; /* four weights, each plus 128, of sixteen rows */
    __m512 d;
};

/* The blocks of a group's sixteen rows; rows past the last one repeat it. */
struct group {
    const char *rows[GROUP];
};

INLINE struct group group_at(const viv_matmul *m, uint64_t n, uint64_t n_end)
{
    struct group g;
    for (uint64_t i = 0; i < GROUP; i++)
        g.rows[i] = (const char *)m->w + size_min(n + i, n_end - 1) * m->w_stride;
    return g;
}

/* The scales of the blocks: half of a power of two, or f16. */
INLINE __m512 powers_at(const struct group *g, uint64_t at)
{
    __m128i e = _mm_cvtsi32_si128((unsigned char)g->rows[0][at]);
#define INSERT(i) e = _mm_insert_epi8(e, g->rows[i][at], i)
    INSERT(1), INSERT(2), INSERT(3), INSERT(4), INSERT(5), INSERT(6), INSERT(7), INSERT(8);
    INSERT(9), INSERT(10), INSERT(11), INSERT(12), INSERT(13), INSERT(14), INSERT(15);
#undef INSERT
    __m512i exponent = _mm512_sub_epi32(_mm512_cvtepu8_epi32(e), _mm512_set1_epi32(128));
    return _mm512_scalef_ps(_mm512_set1_ps(1.0f), _mm512_cvtepi32_ps(exponent));
}

INLINE __m512 scales_at(uint32_t dtype, const struct group *g, uint64_t at)
{
    if (dtype == VIV_MXFP4)
        return powers_at(g, at);
#define SCALE(i) (*(const uint16_t *)(const void *)(g->rows[i] + at))
    __m128i low = _mm_cvtsi32_si128(SCALE(0)), high = _mm_cvtsi32_si128(SCALE(8));
#define INSERT(i) low = _mm_insert_epi16(low, SCALE(i), i), high = _mm_insert_epi16(high, SCALE(8 + i), i)
    INSERT(1), INSERT(2), INSERT(3), INSERT(4), INSERT(5), INSERT(6), INSERT(7);
#undef INSERT
#undef SCALE
    return _mm512_cvtph_ps(_mm256_set_m128i(high, low));
}

/* Four vectors of four rows' quads -> four vectors of one quad of the rows, in each 128 bits. */
INLINE void transpose_quads(__m512i v[4])
{
    __m512i a = _mm512_unpacklo_epi32(v[0], v[1]), b = _mm512_unpackhi_epi32(v[0], v[1]);
    __m512i c = _mm512_unpacklo_epi32(v[2], v[3]), d = _mm512_unpackhi_epi32(v[2], v[3]);
    v[0] = _mm512_unpacklo_epi64(a, c);
    v[1] = _mm512_unpackhi_epi64(a, c);
    v[2] = _mm512_unpacklo_epi64(b, d);
    v[3] = _mm512_unpackhi_epi64(b, d);
}

/* a and b hold two 256-bit values each. Result: the first 128 bits of a's first, b's first, a's second, b's second.
 */
INLINE __m512i first_halves(__m512i a, __m512i b)
{
    return _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13), b);
}

INLINE __m512i second_halves(__m512i a, __m512i b)
{
    return _mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15), b);
}

INLINE struct unpacked unpack_q8_0(const struct group *g, uint64_t b)
{
    const uint64_t at = b * sizeof(struct block_q8_0), q = at + offsetof(struct block_q8_0, q);
    const __m512i offset = _mm512_set1_epi8((char)0x80);
    __m512i v[8];
    UNROLL
    for (int i = 0; i < 8; i++)
        v[i] = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const void *)(g->rows[i] + q))),
                                  _mm256_loadu_si256((const void *)(g->rows[i + 8] + q)), 1);
    transpose_quads(v);
    transpose_quads(v + 4);
    struct unpacked u;
    UNROLL
    for (int i = 0; i < 4; i++) {
        u.w[i] = _mm512_xor_si512(first_halves(v[i], v[i + 4]), offset);
        u.w[i + 4] = _mm512_xor_si512(second_halves(v[i], v[i + 4]), offset);
    }
    u.d = scales_at(VIV_Q8_0, g, at);
    return u;
}

INLINE __m512i four_rows(const struct group *g, int i, uint64_t q)
{
#define ROW(i) _mm_loadu_si128((const void *)(g->rows[i] + q))
    __m512i v = _mm512_castsi128_si512(ROW(i));
    v = _mm512_inserti32x4(v, ROW(i + 4), 1);
    v = _mm512_inserti32x4(v, ROW(i + 8), 2);
    return _mm512_inserti32x4(v, ROW(i + 12), 3);
#undef ROW
}

/* The value of each nibble plus `offset`, which makes it unsigned. A nibble of Q4_0 is its value plus 8; of MXFP4,
 * the table has the values. */
INLINE __m512i value_of(uint32_t dtype, __m512i nibbles, const int offset)
{
    if (dtype == VIV_Q4_0)
        return offset == 8 ? nibbles : _mm512_add_epi8(nibbles, _mm512_set1_epi8((char)(offset - 8)));
    const __m512i values = _mm512_broadcast_i32x4(_mm_setr_epi8(MXFP4_VALUES));
    return _mm512_shuffle_epi8(_mm512_add_epi8(values, _mm512_set1_epi8((char)offset)), nibbles);
}

INLINE struct unpacked unpack_nibbles(uint32_t dtype, const struct group *g, uint64_t b)
{
    const uint64_t at = b * (dtype == VIV_Q4_0 ? sizeof(struct block_q4_0) : sizeof(struct block_mxfp4));
    const uint64_t q = at + (dtype == VIV_Q4_0 ? offsetof(struct block_q4_0, q) : offsetof(struct block_mxfp4, q));
    const __m512i nibble = _mm512_set1_epi8(15);
    __m512i v[4] = {four_rows(g, 0, q), four_rows(g, 1, q), four_rows(g, 2, q), four_rows(g, 3, q)};
    transpose_quads(v);
    struct unpacked u;
    UNROLL
    for (int i = 0; i < 4; i++) {
        u.w[i] = value_of(dtype, _mm512_and_si512(v[i], nibble), 128);
        u.w[i + 4] = value_of(dtype, _mm512_and_si512(_mm512_srli_epi16(v[i], 4), nibble), 128);
    }
    u.d = scales_at(dtype, g, at);
    return u;
}

INLINE struct unpacked unpack(uint32_t dtype, const struct group *g, uint64_t b)
{
    return dtype == VIV_Q8_0 ? unpack_q8_0(g, b) : unpack_nibbles(dtype, g, b);
}

INLINE __m512 add_scaled(__m512 y, __m512 dw, float d, __m512i sum)
{
    return _mm512_add_ps(y, _mm512_mul_ps(_mm512_mul_ps(dw, _mm512_set1_ps(d)), _mm512_cvtepi32_ps(sum)));
}

/* Computes y + (dw * d) * sum for n_rows rows, from row r0 of x on. */
INLINE VNNI void add_block(__m512 *y, const struct unpacked *u, const char *x, uint64_t stride, uint64_t k,
                           uint64_t b, const int n_rows)
{
    __m512i sum[ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        sum[r] = _mm512_set1_epi32(*(const int32_t *)(const void *)(x + r * stride + k + k / BLOCK * 4 + b * 4));
    UNROLL
    for (int i = 0; i < QUADS; i++)
        UNROLL
    for (int r = 0; r < n_rows; r++)
        sum[r] = _mm512_dpbusd_epi32(
            sum[r], u->w[i],
            _mm512_set1_epi32(*(const int32_t *)(const void *)(x + r * stride + b * BLOCK + i * 4)));
    UNROLL
    for (int r = 0; r < n_rows; r++)
        y[r] = add_scaled(y[r], u->d, *(const float *)(const void *)(x + r * stride + k + b * 4), sum[r]);
}

/* Computes sixteen outputs of n_rows rows over blocks [0, n_blocks) of `weights`, which are blocks `first` and
 * later of the row. */
INLINE VNNI void tile(const viv_matmul *m, const struct unpacked *weights, uint64_t first, uint64_t n_blocks,
                      uint64_t r0, uint64_t n, __mmask16 lanes, const int n_rows)
{
    const char *x = (const char *)m->x + r0 * m->x_stride;
    float *out = m->y + r0 * m->y_stride + n;
    __m512 y[ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        y[r] = first ? _mm512_maskz_loadu_ps(lanes, out + r * m->y_stride) : _mm512_setzero_ps();
    for (uint64_t b = 0; b < n_blocks; b++)
        add_block(y, weights + b, x, m->x_stride, m->k, first + b, n_rows);
    UNROLL
    for (int r = 0; r < n_rows; r++)
        _mm512_mask_storeu_ps(out + r * m->y_stride, lanes, y[r]);
}

typedef void tile_function(const viv_matmul *, const struct unpacked *, uint64_t, uint64_t, uint64_t, uint64_t,
                           __mmask16);
#define TILE(n_rows)                                                                                               \
    VNNI static void tile_##n_rows(const viv_matmul *m, const struct unpacked *weights, uint64_t first,            \
                                   uint64_t n_blocks, uint64_t r0, uint64_t n, __mmask16 lanes)                    \
    {                                                                                                              \
        tile(m, weights, first, n_blocks, r0, n, lanes, n_rows);                                                   \
    }
/* clang-format off */
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
    /* clang-format on */
    static tile_function *const tiles[ROWS + 1] = {NULL,   tile_1, tile_2, tile_3,  tile_4,  tile_5, tile_6,
                                                   tile_7, tile_8, tile_9, tile_10, tile_11, tile_12};

INLINE __mmask16 lanes_of(uint64_t n, uint64_t n_end)
{
    return (__mmask16)(n_end - n >= GROUP ? 0xffff : (1u << (n_end - n)) - 1);
}

/* Prefetches the part of the next group that corresponds to block b. */
INLINE void call_next(const struct group *g, uint64_t stride, uint64_t b, uint64_t block_bytes)
{
    const char *at = g->rows[0] + GROUP * stride + b * block_bytes * GROUP;
    for (uint64_t i = 0; i < block_bytes * GROUP; i += 64)
        _mm_prefetch(at + i, _MM_HINT_T1);
}

INLINE void many_rows(uint32_t dtype, uint64_t block_bytes, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    struct unpacked *weights = m->scratch;
    const uint64_t blocks = m->k / BLOCK, chunk = size_min(blocks, CHUNK);
    for (uint64_t n0 = n_first; n0 < n_end; n0 += PASS) {
        uint64_t pass_end = size_min(n0 + PASS, n_end);
        for (uint64_t first = 0; first < blocks; first += chunk) {
            uint64_t n_blocks = size_min(blocks - first, chunk);
            for (uint64_t n = n0; n < pass_end; n += GROUP) {
                struct group g = group_at(m, n, n_end);
                for (uint64_t b = 0; b < n_blocks; b++) {
                    weights[(n - n0) / GROUP * chunk + b] = unpack(dtype, &g, first + b);
                    call_next(&g, m->w_stride, first + b, block_bytes);
                }
            }
            for (uint64_t r = 0; r < m->n_rows;) {
                uint64_t n_rows = size_min(m->n_rows - r, ROWS);
                for (uint64_t n = n0; n < pass_end; n += GROUP)
                    tiles[n_rows](m, weights + (n - n0) / GROUP * chunk, first, n_blocks, r, n, lanes_of(n, n_end));
                r += n_rows;
            }
        }
    }
}

/* Sums each 128 bits of four vectors: the sum of v[j] is lane j. */
INLINE __m512i add_lanes(const __m512i v[4])
{
    __m512i a = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
    __m512i b = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
    return _mm512_add_epi32(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

/* Loads the weights of sixteen rows' blocks as they lie, offset to unsigned. For Q8_0, w[i] holds rows i and i + 8;
 * for other types, the low halves of rows i, i + 4, i + 8 and i + 12, and w[i + 4] their high halves. The offset is
 * 8 for Q4_0, and 128 for other types. */
struct laid {
    __m512i w[8];
};

INLINE struct laid lay_q8_0(const struct group *g, uint64_t q)
{
    struct laid l;
    UNROLL
    for (int i = 0; i < 8; i++)
        l.w[i] = _mm512_xor_si512(
            _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const void *)(g->rows[i] + q))),
                               _mm256_loadu_si256((const void *)(g->rows[i + 8] + q)), 1),
            _mm512_set1_epi8((char)0x80));
    return l;
}

INLINE struct laid lay_nibbles(uint32_t dtype, const struct group *g, uint64_t q)
{
    const __m512i nibble = _mm512_set1_epi8(15);
    struct laid l;
    UNROLL
    for (int i = 0; i < 4; i++) {
        __m512i v = four_rows(g, i, q);
        l.w[i] = value_of(dtype, _mm512_and_si512(v, nibble), dtype == VIV_Q4_0 ? 8 : 128);
        l.w[i + 4] =
            value_of(dtype, _mm512_and_si512(_mm512_srli_epi16(v, 4), nibble), dtype == VIV_Q4_0 ? 8 : 128);
    }
    return l;
}

INLINE VNNI __m512i dot_q8_0(const struct laid *l, const char *x)
{
    const __m512i all = _mm512_broadcast_i64x4(_mm256_loadu_si256((const void *)x)), zero = _mm512_setzero_si512();
    __m512i v[8];
    UNROLL
    for (int i = 0; i < 8; i++)
        v[i] = _mm512_dpbusd_epi32(zero, l->w[i], all);
    __m512i a = add_lanes(v), b = add_lanes(v + 4);
    return _mm512_add_epi32(first_halves(a, b), second_halves(a, b));
}

INLINE VNNI __m512i dot_nibbles(const struct laid *l, const char *x)
{
    const __m512i low = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)x)),
                  high = _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)(x + BLOCK / 2)));
    __m512i v[4];
    UNROLL
    for (int i = 0; i < 4; i++)
        v[i] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), l->w[i], low), l->w[i + 4], high);
    return add_lanes(v);
}

INLINE VNNI void few_rows(uint32_t dtype, uint64_t block_bytes, const viv_matmul *m, uint64_t n_first,
                          uint64_t n_end, const int n_rows)
{
    const uint64_t blocks = m->k / BLOCK;
    for (uint64_t n = n_first; n < n_end; n += GROUP) {
        struct group g = group_at(m, n, n_end);
        __m512 y[FEW];
        UNROLL
        for (int r = 0; r < n_rows; r++)
            y[r] = _mm512_setzero_ps();
        for (uint64_t b = 0; b < blocks; b++) {
            const uint64_t at = b * block_bytes;
            const struct laid l = dtype == VIV_Q8_0 ? lay_q8_0(&g, at + offsetof(struct block_q8_0, q))
                                  : dtype == VIV_Q4_0
                                      ? lay_nibbles(VIV_Q4_0, &g, at + offsetof(struct block_q4_0, q))
                                      : lay_nibbles(VIV_MXFP4, &g, at + offsetof(struct block_mxfp4, q));
            const __m512 dw = scales_at(dtype, &g, at);
            call_next(&g, m->w_stride, b, block_bytes);
            UNROLL
            for (int r = 0; r < n_rows; r++) {
                const char *x = (const char *)m->x + (uint64_t)r * m->x_stride;
                const float d = *(const float *)(const void *)(x + m->k + b * 4);
                const int32_t s = *(const int32_t *)(const void *)(x + m->k + blocks * 4 + b * 4);
                __m512i sum = dtype == VIV_Q8_0 ? dot_q8_0(&l, x + b * BLOCK) : dot_nibbles(&l, x + b * BLOCK);
                /* s corrects for an offset of 128 */
                sum = _mm512_add_epi32(sum, _mm512_set1_epi32(dtype == VIV_Q4_0 ? s / 16 : s));
                y[r] = add_scaled(y[r], dw, d, sum);
            }
        }
        UNROLL
        for (int r = 0; r < n_rows; r++)
            _mm512_mask_storeu_ps(m->y + r * m->y_stride + n, lanes_of(n, n_end), y[r]);
    }
}

#define DEFINE_MULTIPLY(TYPE, DTYPE)                                                                               \
    VNNI static void multiply_##TYPE(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                        \
    {                                                                                                              \
        switch (m->n_rows) {                                                                                       \
        case 0:                                                                                                    \
            return;                                                                                                \
        case 1:                                                                                                    \
            few_rows(DTYPE, sizeof(struct block_##TYPE), m, n_first, n_end, 1);                                    \
            return;                                                                                                \
        case 2:                                                                                                    \
            few_rows(DTYPE, sizeof(struct block_##TYPE), m, n_first, n_end, 2);                                    \
            return;                                                                                                \
        case 3:                                                                                                    \
            few_rows(DTYPE, sizeof(struct block_##TYPE), m, n_first, n_end, 3);                                    \
            return;                                                                                                \
        default:                                                                                                   \
            many_rows(DTYPE, sizeof(struct block_##TYPE), m, n_first, n_end);                                      \
        }                                                                                                          \
    }
DEFINE_MULTIPLY(q8_0, VIV_Q8_0)
DEFINE_MULTIPLY(q4_0, VIV_Q4_0)
DEFINE_MULTIPLY(mxfp4, VIV_MXFP4)

static uint64_t scratch_bytes(uint64_t k)
{
    return PASS / GROUP * size_min(k / BLOCK, CHUNK) * sizeof(struct unpacked);
}

#define DEFINE_PRODUCT(TYPE, DTYPE)                                                                                \
    static const viv_product product_##TYPE = {                                                                    \
        .struct_size = sizeof(viv_product),                                                                        \
        .weight_dtype = DTYPE,                                                                                     \
        .tile = PASS,                                                                                              \
        .name = "avx512_vnni " #TYPE,                                                                              \
        .row_format = INT8_ROW_FORMAT,                                                                             \
        .row_bytes = int8_row_bytes,                                                                               \
        .prepare = prepare,                                                                                        \
        .scratch_bytes = scratch_bytes,                                                                            \
        .multiply = multiply_##TYPE,                                                                               \
    };
/* clang-format off */
DEFINE_PRODUCT(q8_0, VIV_Q8_0)
DEFINE_PRODUCT(q4_0, VIV_Q4_0)
DEFINE_PRODUCT(mxfp4, VIV_MXFP4)
/* clang-format on */

const struct kernel kernel_avx512_product_q8_0 = {.operation = KERNEL_PRODUCT,
                                                  .rank = 40,
                                                  .name = "avx512_vnni",
                                                  .cpu = VIV_CPU_AVX512 | VIV_CPU_AVX512_VNNI,
                                                  .dtype = VIV_Q8_0,
                                                  .product = &product_q8_0};
const struct kernel kernel_avx512_product_q4_0 = {.operation = KERNEL_PRODUCT,
                                                  .rank = 40,
                                                  .name = "avx512_vnni",
                                                  .cpu = VIV_CPU_AVX512 | VIV_CPU_AVX512_VNNI,
                                                  .dtype = VIV_Q4_0,
                                                  .product = &product_q4_0};
const struct kernel kernel_avx512_product_mxfp4 = {.operation = KERNEL_PRODUCT,
                                                   .rank = 40,
                                                   .name = "avx512_vnni",
                                                   .cpu = VIV_CPU_AVX512 | VIV_CPU_AVX512_VNNI,
                                                   .dtype = VIV_MXFP4,
                                                   .product = &product_mxfp4};
