/* product_blocks.c - products with block-quantized weights by VNNI (kernels/blocks.h has the formula, decode.h the
 * types).
 *
 * Few rows are stream_avx2.h's. Many rows (bound by arithmetic): a chunk of k of some weight rows is decoded and
 * laid out in scratch, a lane for each of sixteen outputs, where it stays in the second cache while all rows of x
 * pass by, twelve at a time. Four consecutive weights of each of the sixteen rows make one vector, four activations
 * are broadcast from memory, and nothing is summed across lanes. */
#include "kernels/product_blocks.h"
#include "kernels/stream_avx2.h"

enum {
    GROUP = 16,           /* outputs in the lanes of a vector */
    QUADS = BLOCK / 4,    /* vectors of a group's block */
    ROWS = 12,            /* of x in a tile */
    CHUNK = 2048 / BLOCK, /* blocks of k that are laid out at once */
    PASS = 64             /* outputs that are laid out at once */
};

/* What a tile is compiled for. */
enum { HAS_MIN = 1, HAS_SUB = 2, HAS_SUB_MIN = 4, HAS_OFFSET = 8, N_KINDS = 16 };

/* A block of sixteen rows, a lane for each. */
struct laid {
    __m512i u[QUADS]; /* four weights of each row */
    __m512 scale, min;
    __m512i sub[2];         /* the sub-scales of both halves */
    __m512i subs, min_subs; /* int16 pairs: those of both halves */
};

/* --- activations ---------------------------------------------------------------------------------------------- */

static void prepare(void *row, const float *x, uint64_t k)
{
    const struct int8_row to = int8_row_begin(row, k);
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (uint64_t b = 0; b < k / BLOCK; b++, x += BLOCK) {
        __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
        /* as whole numbers, so that a NaN is larger than any number */
        __m512i bits = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(low), magnitude),
                                        _mm512_and_si512(_mm512_castps_si512(high), magnitude));
        float largest = float_of_bits(_mm512_reduce_max_epu32(bits));
        __m512 factor = _mm512_set1_ps(int8_block_factor(largest));
        __mmask16 some = _mm512_cmp_ps_mask(factor, _mm512_setzero_ps(), _CMP_GT_OQ);
        __m512i a = _mm512_maskz_cvtps_epi32(some, _mm512_mul_ps(low, factor));
        __m512i c = _mm512_maskz_cvtps_epi32(some, _mm512_mul_ps(high, factor));
        _mm_storeu_si128((__m128i *)(to.q + b * BLOCK), _mm512_cvtepi32_epi8(a));
        _mm_storeu_si128((__m128i *)(to.q + b * BLOCK + 16), _mm512_cvtepi32_epi8(c));
        to.d[b] = largest / 127.0f;
        to.h[2 * b] = (int16_t)_mm512_reduce_add_epi32(a);
        to.h[2 * b + 1] = (int16_t)_mm512_reduce_add_epi32(c);
        to.s[b] = -128 * (to.h[2 * b] + to.h[2 * b + 1]);
    }
}

/* --- weights ------------------------------------------------------------------------------------------------- */

/* The sixteen bytes at `at` of sixteen rows: vector i holds bytes [4i, 4i + 4) of each. */
INLINE void load_transposed(const struct decoded *w, size_t at, __m512i v[4])
{
    __m512i a[4], b[4];
    UNROLL
    for (int i = 0; i < 4; i++) { /* four rows in each 128 bits: i, i + 4, i + 8, i + 12 */
#define ROW(i) _mm_load_si128((const void *)((const char *)&w[i] + at))
        a[i] = _mm512_castsi128_si512(ROW(i));
        a[i] = _mm512_inserti32x4(a[i], ROW(i + 4), 1);
        a[i] = _mm512_inserti32x4(a[i], ROW(i + 8), 2);
        a[i] = _mm512_inserti32x4(a[i], ROW(i + 12), 3);
#undef ROW
    }
    b[0] = _mm512_unpacklo_epi32(a[0], a[1]), b[1] = _mm512_unpackhi_epi32(a[0], a[1]);
    b[2] = _mm512_unpacklo_epi32(a[2], a[3]), b[3] = _mm512_unpackhi_epi32(a[2], a[3]);
    v[0] = _mm512_unpacklo_epi64(b[0], b[2]), v[1] = _mm512_unpackhi_epi64(b[0], b[2]);
    v[2] = _mm512_unpacklo_epi64(b[1], b[3]), v[3] = _mm512_unpackhi_epi64(b[1], b[3]);
}

/* What four blocks from b on have beside their weights. */
INLINE void lay_scales(const struct block_type t, const struct decoded *w, int b, struct laid *out)
{
    const size_t at = (size_t)b * sizeof(float); /* a pair of sub-scales is as long */
    __m512i scale[4], min[4], sub[4], sub_min[4];
    load_transposed(w, offsetof(struct decoded, scale) + at, scale);
    if (t.has_min)
        load_transposed(w, offsetof(struct decoded, min) + at, min);
    if (t.has_sub)
        load_transposed(w, offsetof(struct decoded, sub) + at, sub);
    if (t.has_sub_min)
        load_transposed(w, offsetof(struct decoded, sub_min) + at, sub_min);
    UNROLL
    for (int i = 0; i < 4; i++) {
        out[i].scale = _mm512_castsi512_ps(scale[i]);
        if (t.has_sub) {
            out[i].subs = sub[i];
            out[i].sub[0] = _mm512_srai_epi32(_mm512_slli_epi32(sub[i], 16), 16);
            out[i].sub[1] = _mm512_srai_epi32(sub[i], 16);
        }
        if (t.has_min)
            out[i].min =
                _mm512_mul_ps(_mm512_castsi512_ps(min[i]), _mm512_set1_ps(t.has_sub_min ? 1.0f : -0x1p-7f));
        if (t.has_sub_min)
            out[i].min_subs = sub_min[i];
    }
}

INLINE void lay(const struct block_type t, const struct decoded *w, struct laid *out)
{
    for (int b = 0; b < UNIT_BLOCKS; b++)
        UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i *u = out[b].u + half * 4;
        load_transposed(w, offsetof(struct decoded, u) + (size_t)(b * BLOCK + half * 16), u);
        UNROLL
        for (int i = 0; i < 4; i++)
            if (t.offset && !t.has_sub) /* then a row has the correction of their sums */
                u[i] = _mm512_add_epi8(u[i], _mm512_set1_epi8((char)(128 - t.offset)));
    }
    lay_scales(t, w, 0, out);
    lay_scales(t, w, 4, out + 4);
}

/* Blocks [first, first + n_blocks) of sixteen rows from n on: a row past the last stands for it again. Those of the
 * next sixteen are on their way to the second cache meanwhile. */
INLINE void lay_rows(uint32_t dtype, const viv_matmul *m, uint64_t n, uint64_t n_end, uint64_t first,
                     uint64_t n_blocks, struct laid *out)
{
    const struct block_type t = block_type(dtype);
    const int unit_bytes = UNIT * t.bytes / t.block;
    struct decoded w[GROUP];
    for (uint64_t b = 0; b < n_blocks; b += UNIT_BLOCKS) {
        for (uint64_t i = 0; i < GROUP; i++) {
            const char *row = (const char *)m->w + size_min(n + i, n_end - 1) * m->w_stride;
            const char *next = row + GROUP * m->w_stride + (first + b) / UNIT_BLOCKS * (uint64_t)unit_bytes;
            for (int j = 0; j < unit_bytes; j += 64)
                _mm_prefetch(next + j, _MM_HINT_T1);
            decode(dtype, row, first + b, m->k / BLOCK, &w[i]);
        }
        lay(t, w, out + b);
    }
}

/* --- tiles --------------------------------------------------------------------------------------------------- */

INLINE __m512i broadcast(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}

/* What a block adds to y of n_rows rows. Weights are too large by 2^offset_bits where they have sub-scales, else by
 * 128. */
INLINE void add_block(const int kind, int offset_bits, const struct laid *l, const char *x, uint64_t stride,
                      uint64_t k, uint64_t b, __m512 *y, const int n_rows)
{
    __m512i sum[2][ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        sum[0][r] = sum[1][r] = _mm512_setzero_si512();
        if ((kind & HAS_OFFSET) && !(kind & HAS_SUB)) /* the sums in a row are -128 times those of q */
            sum[0][r] = _mm512_set1_epi32(int8_row_sums(x + (uint64_t)r * stride, k)[b]);
    }
    UNROLL
    for (int i = 0; i < QUADS; i++) {
        UNROLL
        for (int r = 0; r < n_rows; r++) {
            __m512i *s = &sum[kind & HAS_SUB ? i / 4 : 0][r];
            *s =
                _mm512_dpbusd_epi32(*s, l->u[i], broadcast(x + (uint64_t)r * stride + b * BLOCK + (uint64_t)i * 4));
        }
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        const char *row = x + (uint64_t)r * stride;
        const __m512 d = _mm512_set1_ps(int8_row_scales(row, k)[b]);
        __m512i all = sum[0][r];
        if (kind & HAS_SUB) {
            all = _mm512_add_epi32(_mm512_mullo_epi32(sum[0][r], l->sub[0]),
                                   _mm512_mullo_epi32(sum[1][r], l->sub[1]));
            if (kind & HAS_OFFSET)
                all = _mm512_sub_epi32(
                    all, _mm512_sll_epi32(_mm512_madd_epi16(broadcast(int8_row_halves(row, k) + 2 * b), l->subs),
                                          _mm_cvtsi32_si128(offset_bits)));
        }
        y[r] = _mm512_add_ps(y[r], _mm512_mul_ps(_mm512_mul_ps(l->scale, d), _mm512_cvtepi32_ps(all)));
        if (kind & HAS_MIN) {
            const __m512i mins = kind & HAS_SUB_MIN
                                     ? _mm512_madd_epi16(broadcast(int8_row_halves(row, k) + 2 * b), l->min_subs)
                                     : _mm512_set1_epi32(int8_row_sums(row, k)[b]);
            y[r] = _mm512_add_ps(y[r], _mm512_mul_ps(_mm512_mul_ps(l->min, d), _mm512_cvtepi32_ps(mins)));
        }
    }
}

/* Sixteen outputs of n_rows rows over blocks [0, n_blocks) of `weights`, which are blocks first... of the row. */
INLINE void tile(const int kind, int offset_bits, const viv_matmul *m, const struct laid *weights, uint64_t first,
                 uint64_t n_blocks, uint64_t r0, uint64_t n, __mmask16 lanes, const int n_rows)
{
    const char *x = (const char *)m->x + r0 * m->x_stride;
    float *out = m->y + r0 * m->y_stride + n;
    __m512 y[ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        y[r] = first ? _mm512_maskz_loadu_ps(lanes, out + (uint64_t)r * m->y_stride) : _mm512_setzero_ps();
    for (uint64_t b = 0; b < n_blocks; b++)
        add_block(kind, offset_bits, weights + b, x, m->x_stride, m->k, first + b, y, n_rows);
    UNROLL
    for (int r = 0; r < n_rows; r++)
        _mm512_mask_storeu_ps(out + (uint64_t)r * m->y_stride, lanes, y[r]);
}

typedef void tile_function(int, const viv_matmul *, const struct laid *, uint64_t, uint64_t, uint64_t, uint64_t,
                           __mmask16);
#define TILE(name, kind, n_rows)                                                                                   \
    static void tile_##name##_##n_rows(int offset_bits, const viv_matmul *m, const struct laid *weights,           \
                                       uint64_t first, uint64_t n_blocks, uint64_t r0, uint64_t n,                 \
                                       __mmask16 lanes)                                                            \
    {                                                                                                              \
        tile(kind, offset_bits, m, weights, first, n_blocks, r0, n, lanes, n_rows);                                \
    }
#define TILES(name, kind)                                                                                          \
    TILE(name, kind, 1)                                                                                            \
    TILE(name, kind, 2)                                                                                            \
    TILE(name, kind, 3)                                                                                            \
    TILE(name, kind, 4)                                                                                            \
    TILE(name, kind, 6)                                                                                            \
    TILE(name, kind, 8)                                                                                            \
    TILE(name, kind, 12)
TILES(offset, HAS_OFFSET)
TILES(min, HAS_MIN)
TILES(offset_min, HAS_OFFSET | HAS_MIN)
TILES(sub, HAS_OFFSET | HAS_SUB)
TILES(sub_min, HAS_MIN | HAS_SUB | HAS_SUB_MIN)

/* Rows of a tile, the most first. */
static const struct {
    int n_rows;
    tile_function *of[N_KINDS];
} tiles[] = {
#define OF(n)                                                                                                      \
    {                                                                                                              \
        n,                                                                                                         \
        {                                                                                                          \
            [HAS_OFFSET] = tile_offset_##n, [HAS_MIN] = tile_min_##n,                                              \
            [HAS_OFFSET | HAS_MIN] = tile_offset_min_##n, [HAS_OFFSET | HAS_SUB] = tile_sub_##n,                   \
            [HAS_MIN | HAS_SUB | HAS_SUB_MIN] = tile_sub_min_##n                                                   \
        }                                                                                                          \
    }
    OF(12), OF(8), OF(6), OF(4), OF(3), OF(2), OF(1)};

INLINE __mmask16 lanes_of(uint64_t n, uint64_t n_end)
{
    return (__mmask16)(n_end - n >= GROUP ? 0xffff : (1u << (n_end - n)) - 1);
}

/* Blocks that are laid out at once: whole units. */
static uint64_t chunk_of(uint64_t k)
{
    return size_min(size_align(k / BLOCK, UNIT_BLOCKS), CHUNK);
}

INLINE void many_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const struct block_type t = block_type(dtype);
    const int kind = (t.has_min ? HAS_MIN : 0) | (t.has_sub ? HAS_SUB : 0) | (t.has_sub_min ? HAS_SUB_MIN : 0) |
                     (t.offset ? HAS_OFFSET : 0);
    const int offset_bits = t.offset ? __builtin_ctz(t.offset) : -1;
    struct laid *weights = m->scratch;
    const uint64_t blocks = m->k / BLOCK, chunk = chunk_of(m->k);
    for (uint64_t n0 = n_first; n0 < n_end; n0 += PASS) {
        const uint64_t pass_end = size_min(n0 + PASS, n_end);
        for (uint64_t first = 0; first < blocks; first += chunk) {
            const uint64_t n_blocks = size_min(blocks - first, chunk);
            for (uint64_t n = n0; n < pass_end; n += GROUP)
                lay_rows(dtype, m, n, n_end, first, n_blocks, weights + (n - n0) / GROUP * chunk);
            for (uint64_t r = 0, i = 0; r < m->n_rows;) {
                while ((uint64_t)tiles[i].n_rows > m->n_rows - r)
                    i++;
                for (uint64_t n = n0; n < pass_end; n += GROUP)
                    tiles[i].of[kind](offset_bits, m, weights + (n - n0) / GROUP * chunk, first, n_blocks, r, n,
                                      lanes_of(n, n_end));
                r += (uint64_t)tiles[i].n_rows;
            }
        }
    }
}

static uint64_t scratch_bytes(uint64_t k)
{
    const uint64_t laid = PASS / GROUP * chunk_of(k) * sizeof(struct laid);
    return size_max(laid, stream_scratch(k));
}

MULTIPLY_FEW_OR_MANY

#define PRODUCT(type, number)                                                                                      \
    BLOCK_PRODUCT(avx512_vnni, "avx512_vnni", PASS, 40, VIV_CPU_AVX512 | VIV_CPU_AVX512_VNNI, type, number)
BLOCK_TYPES(PRODUCT)
