/* tile_neon.h - products with block-quantized weights by NEON's dot products, or by those of matrices (i8mm): for
 * neon/ and neon_i8mm/ (kernels/blocks.h has the formula, decode.h the types).
 *
 * The offset is taken off when weights are loaded: all fit signed bytes then.
 *
 * Few rows of x (bound by memory): rows of weights are read one after the other, each as one stream that the
 * processor reads ahead, decoded into the first cache and multiplied there. The products of four rows' blocks are
 * stored, transposed, and added in the order of blocks with a lane for each row.
 *
 * Many rows (bound by arithmetic): 256 weights of eight rows are decoded and laid out so that a lane is a row; then
 * all rows of x pass by, four at a time. Four consecutive weights of each of four rows make one vector, which is
 * multiplied with one lane of sixteen activations. With i8mm, eight consecutive weights of two rows make one
 * vector, which is multiplied with eight activations of two rows of x at once. */
#ifndef KERNELS_TILE_NEON_H
#define KERNELS_TILE_NEON_H

#include "kernels/product_blocks.h"

#include <arm_neon.h>

#define INLINE static inline __attribute__((always_inline))
#if defined __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    LANES = 4,
    STREAMS = LANES, /* rows of weights whose products are added together */
    FEW = 3,         /* rows of x up to which streams are best */
    VECTORS = 2,     /* of outputs in a tile */
    GROUP = VECTORS * LANES,
    ROWS = 4 /* of x in a tile */
};

static void prepare(void *row, const float *x, uint64_t k)
{
    const struct int8_row to = int8_row_begin(row, k);
    for (uint64_t b = 0; b < k / BLOCK; b++, x += BLOCK) {
        uint32x4_t most = vdupq_n_u32(0);
        int16x8_t whole[4];
        UNROLL
        for (int i = 0; i < 8; i++) /* as whole numbers, so that a NaN is larger than any number */
            most = vmaxq_u32(most, vreinterpretq_u32_f32(vabsq_f32(vld1q_f32(x + 4 * i))));
        const float largest = float_of_bits(vmaxvq_u32(most));
        /* what is not a number becomes 0 */
        const float factor = int8_block_factor(largest);
        UNROLL
        for (int i = 0; i < 4; i++)
            whole[i] = vcombine_s16(vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 8 * i), factor))),
                                    vmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + 8 * i + 4), factor))));
        UNROLL
        for (int i = 0; i < 2; i++) {
            const int8x16_t half = vcombine_s8(vmovn_s16(whole[2 * i]), vmovn_s16(whole[2 * i + 1]));
            vst1q_s8(to.q + b * BLOCK + 16 * i, half);
            to.h[2 * b + (uint64_t)i] = vaddlvq_s8(half);
        }
        to.d[b] = largest / 127.0f;
        to.s[b] = -128 * (to.h[2 * b] + to.h[2 * b + 1]);
    }
}

/* Sixteen weights, less their offset. */
INLINE int8x16_t weights_at(const struct block_type t, const uint8_t *u)
{
    const uint8x16_t v = vld1q_u8(u);
    return vreinterpretq_s8_u8(t.offset ? vsubq_u8(v, vdupq_n_u8(t.offset)) : v);
}

/* --- few rows ------------------------------------------------------------------------------------------------ */

static uint64_t scratch_bytes(uint64_t k)
{
    return size_align(k / BLOCK, UNIT_BLOCKS) * FEW * 2 * STREAMS * sizeof(float);
}

/* Sums of the four lanes of each of four vectors. */
INLINE int32x4_t sums_of(const int32x4_t v[4])
{
    return vpaddq_s32(vpaddq_s32(v[0], v[1]), vpaddq_s32(v[2], v[3]));
}

/* Products of eight int16 by pairs, added. */
INLINE int32x4_t sums_of_pairs(int16x8_t a, int16x8_t b)
{
    return vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b));
}

/* A unit of one row with one row of x: products by block into p, those of mins into p_min. */
INLINE void stream_unit(const struct block_type t, const struct decoded *w, const char *x, uint64_t k,
                        uint64_t first, float *p, float *p_min)
{
    const int8_t *q = (const int8_t *)x + first * BLOCK;
    const float *scales = int8_row_scales(x, k) + first;
    const int32_t *s = int8_row_sums(x, k) + first;
    const int16_t *h = int8_row_halves(x, k) + 2 * first;
    const int32x4_t zero = vdupq_n_s32(0);
    int32x4_t half[2 * UNIT_BLOCKS];
    UNROLL
    for (int i = 0; i < 2 * UNIT_BLOCKS; i++)
        half[i] = vdotq_s32(t.has_sub || i % 2 == 0 ? zero : half[i - 1], weights_at(t, w->u + i * 16),
                            vld1q_s8(q + i * 16));
    UNROLL
    for (int i = 0; i < 2; i++) { /* four blocks each */
        int32x4_t sum, *v = half + 8 * i;
        const float32x4_t d = vld1q_f32(scales + 4 * i);
        if (t.has_sub) {
            const int16x8_t sub = vld1q_s16(w->sub + 8 * i);
            sum = vpaddq_s32(vmulq_s32(sums_of(v), vmovl_s16(vget_low_s16(sub))),
                             vmulq_s32(sums_of(v + 4), vmovl_high_s16(sub)));
        } else {
            sum = vpaddq_s32(vpaddq_s32(v[1], v[3]), vpaddq_s32(v[5], v[7]));
        }
        vst1q_f32(p + 4 * i, vmulq_f32(vmulq_f32(vld1q_f32(w->scale + 4 * i), d), vcvtq_f32_s32(sum)));
        if (t.has_sub_min) {
            const int32x4_t mins = sums_of_pairs(vld1q_s16(w->sub_min + 8 * i), vld1q_s16(h + 8 * i));
            vst1q_f32(p_min + 4 * i, vmulq_f32(vmulq_f32(vld1q_f32(w->min + 4 * i), d), vcvtq_f32_s32(mins)));
        } else if (t.has_min) {
            const float32x4_t min = vmulq_n_f32(vld1q_f32(w->min + 4 * i), -0x1p-7f);
            vst1q_f32(p_min + 4 * i, vmulq_f32(vmulq_f32(min, d), vcvtq_f32_s32(vld1q_s32(s + 4 * i))));
        }
    }
}

/* Four blocks of four rows, from p[row][stride]; afterwards a lane is a row. */
INLINE void load_products(const float *p, uint64_t stride, float32x4_t v[4])
{
    float32x4_t a[4];
    UNROLL
    for (int i = 0; i < 4; i++)
        a[i] = vld1q_f32(p + (uint64_t)i * stride);
    UNROLL
    for (int i = 0; i < 2; i++) {
        const float64x2_t even = vreinterpretq_f64_f32(i ? vtrn2q_f32(a[0], a[1]) : vtrn1q_f32(a[0], a[1])),
                          odd = vreinterpretq_f64_f32(i ? vtrn2q_f32(a[2], a[3]) : vtrn1q_f32(a[2], a[3]));
        v[i] = vreinterpretq_f32_f64(vtrn1q_f64(even, odd));
        v[2 + i] = vreinterpretq_f32_f64(vtrn2q_f64(even, odd));
    }
}

/* The products of four rows, added in the order of blocks. */
INLINE float32x4_t add_products(const float *p, const float *p_min, uint64_t stride, uint64_t blocks,
                                const int has_min)
{
    float32x4_t y = vdupq_n_f32(0.0f);
    for (uint64_t first = 0; first < blocks; first += 4) {
        float32x4_t v[4], min[4];
        load_products(p + first, stride, v);
        if (has_min)
            load_products(p_min + first, stride, min);
        for (uint64_t b = 0; b < 4 && first + b < blocks; b++) {
            y = vaddq_f32(y, v[b]);
            if (has_min)
                y = vaddq_f32(y, min[b]);
        }
    }
    return y;
}

/* `one`: there is one row of x. */
INLINE void stream_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end, const int one)
{
    const uint64_t n_rows = one ? 1 : m->n_rows;
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = m->k / BLOCK, stride = size_align(blocks, UNIT_BLOCKS);
    float *p = m->scratch; /* [n_rows][2][STREAMS][stride] */
    struct decoded w;
    for (uint64_t n = n_first; n < n_end; n += STREAMS) {
        const uint64_t n_out = size_min(n_end - n, STREAMS);
        for (uint64_t i = 0; i < n_out; i++)
            for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
                const char *row = (const char *)m->w + (n + i) * m->w_stride;
                decode(dtype, row, first, blocks, &w);
                for (uint64_t r = 0; r < n_rows; r++) {
                    float *at = p + (r * 2 * STREAMS + i) * stride + first;
                    stream_unit(t, &w, (const char *)m->x + r * m->x_stride, m->k, first, at,
                                at + STREAMS * stride);
                }
            }
        for (uint64_t r = 0; r < n_rows; r++) {
            const float *at = p + r * 2 * STREAMS * stride;
            float out[STREAMS];
            vst1q_f32(out, add_products(at, at + STREAMS * stride, stride, blocks, t.has_min));
            for (uint64_t i = 0; i < n_out; i++)
                m->y[r * m->y_stride + n + i] = out[i];
        }
    }
}

/* --- many rows ----------------------------------------------------------------------------------------------- */

/* A block of four rows, a lane for each. */
struct laid {
    int8x16_t u[BLOCK / 4]; /* four weights of each row; with i8mm, eight of each row of a pair */
    float32x4_t scale, min;
    int32x4_t sub[2], sub_min[2]; /* of both halves */
};

INLINE int8x16_t first_halves(int8x16_t a, int8x16_t b)
{
    return vreinterpretq_s8_s64(vtrn1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

INLINE int8x16_t second_halves(int8x16_t a, int8x16_t b)
{
    return vreinterpretq_s8_s64(vtrn2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

/* Sixteen weights of four rows, as products take them. */
#ifdef __ARM_FEATURE_MATMUL_INT8
INLINE void lay_half(const int8x16_t rows[LANES], int8x16_t out[4])
{
    UNROLL
    for (int pair = 0; pair < 2; pair++) {
        out[2 * pair] = first_halves(rows[2 * pair], rows[2 * pair + 1]);
        out[2 * pair + 1] = second_halves(rows[2 * pair], rows[2 * pair + 1]);
    }
}
#else
INLINE void lay_half(const int8x16_t rows[LANES], int8x16_t out[4])
{
    UNROLL
    for (int i = 0; i < 2; i++) {
        const int32x4_t a = vreinterpretq_s32_s8(rows[0]), b = vreinterpretq_s32_s8(rows[1]),
                        c = vreinterpretq_s32_s8(rows[2]), d = vreinterpretq_s32_s8(rows[3]);
        const int8x16_t even = vreinterpretq_s8_s32(i ? vtrn2q_s32(a, b) : vtrn1q_s32(a, b)),
                        odd = vreinterpretq_s8_s32(i ? vtrn2q_s32(c, d) : vtrn1q_s32(c, d));
        out[i] = first_halves(even, odd);
        out[2 + i] = second_halves(even, odd);
    }
}
#endif

INLINE void lay(const struct block_type t, const struct decoded *w, struct laid *out)
{
    for (int b = 0; b < UNIT_BLOCKS; b++) {
        struct laid *l = &out[b * VECTORS];
        UNROLL
        for (int half = 0; half < 2; half++) {
            int8x16_t rows[LANES];
            UNROLL
            for (int i = 0; i < LANES; i++)
                rows[i] = weights_at(t, w[i].u + b * BLOCK + half * 16);
            lay_half(rows, l->u + half * 4);
            if (t.has_sub)
                l->sub[half] = (int32x4_t){w[0].sub[2 * b + half], w[1].sub[2 * b + half], w[2].sub[2 * b + half],
                                           w[3].sub[2 * b + half]};
            if (t.has_sub_min)
                l->sub_min[half] = (int32x4_t){w[0].sub_min[2 * b + half], w[1].sub_min[2 * b + half],
                                               w[2].sub_min[2 * b + half], w[3].sub_min[2 * b + half]};
        }
        l->scale = (float32x4_t){w[0].scale[b], w[1].scale[b], w[2].scale[b], w[3].scale[b]};
        if (t.has_min)
            l->min = (float32x4_t){w[0].min[b], w[1].min[b], w[2].min[b], w[3].min[b]};
        if (t.has_min && !t.has_sub_min)
            l->min = vmulq_n_f32(l->min, -0x1p-7f);
    }
}

/* sum[row][vector] of half a block. */
#ifdef __ARM_FEATURE_MATMUL_INT8
INLINE void add_half(const struct laid *l, const char *x, uint64_t stride, const int half,
                     int32x4_t sum[ROWS][VECTORS], const int n_rows)
{
    UNROLL
    for (int r = 0; r < n_rows; r += 2) { /* two rows of x; the last one stands for the next, too */
        const int8_t *at = (const int8_t *)x + (uint64_t)r * stride + half * 16;
        const int8x16_t a = vld1q_s8(at), b = vld1q_s8(at + (r + 1 < n_rows ? stride : 0));
        const int8x16_t first = first_halves(a, b), second = second_halves(a, b);
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            int32x4_t two[2]; /* of two rows of weights: with the first row of x, with the second */
            UNROLL
            for (int pair = 0; pair < 2; pair++) {
                const int8x16_t *u = l[v].u + half * 4 + 2 * pair;
                two[pair] = vmmlaq_s32(vmmlaq_s32(vdupq_n_s32(0), first, u[0]), second, u[1]);
            }
            const int64x2_t low = vreinterpretq_s64_s32(two[0]), high = vreinterpretq_s64_s32(two[1]);
            sum[r][v] = vaddq_s32(sum[r][v], vreinterpretq_s32_s64(vtrn1q_s64(low, high)));
            if (r + 1 < n_rows)
                sum[r + 1][v] = vaddq_s32(sum[r + 1][v], vreinterpretq_s32_s64(vtrn2q_s64(low, high)));
        }
    }
}
#else
INLINE void add_half(const struct laid *l, const char *x, uint64_t stride, const int half,
                     int32x4_t sum[ROWS][VECTORS], const int n_rows)
{
    int8x16_t q[ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        q[r] = vld1q_s8((const int8_t *)x + (uint64_t)r * stride + half * 16);
#define ADD_LANE(lane)                                                                                             \
    UNROLL                                                                                                         \
    for (int v = 0; v < VECTORS; v++) {                                                                            \
        const int8x16_t u = l[v].u[half * 4 + (lane)];                                                             \
        UNROLL                                                                                                     \
        for (int r = 0; r < n_rows; r++)                                                                           \
            sum[r][v] = vdotq_laneq_s32(sum[r][v], u, q[r], lane);                                                 \
    }
    ADD_LANE(0)
    ADD_LANE(1)
    ADD_LANE(2)
    ADD_LANE(3)
#undef ADD_LANE
}
#endif

INLINE void add_block(const struct block_type t, const struct laid *l, const char *x, uint64_t stride, uint64_t k,
                      uint64_t b, float32x4_t y[ROWS][VECTORS], const int n_rows)
{
    int32x4_t sum[ROWS][VECTORS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        UNROLL
    for (int v = 0; v < VECTORS; v++)
        sum[r][v] = vdupq_n_s32(0);
    add_half(l, x + b * BLOCK, stride, 0, sum, n_rows);
    if (t.has_sub) {
        int32x4_t second[ROWS][VECTORS];
        UNROLL
        for (int r = 0; r < n_rows; r++)
            UNROLL
        for (int v = 0; v < VECTORS; v++)
            second[r][v] = vdupq_n_s32(0);
        add_half(l, x + b * BLOCK, stride, 1, second, n_rows);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            UNROLL
        for (int v = 0; v < VECTORS; v++)
            sum[r][v] = vmlaq_s32(vmulq_s32(sum[r][v], l[v].sub[0]), second[r][v], l[v].sub[1]);
    } else {
        add_half(l, x + b * BLOCK, stride, 1, sum, n_rows);
    }
    UNROLL
    for (int r = 0; r < n_rows; r++) {
        const char *row = x + (uint64_t)r * stride;
        const float d = int8_row_scales(row, k)[b];
        const float s = (float)int8_row_sums(row, k)[b];
        const int16_t *h = int8_row_halves(row, k) + 2 * b;
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            y[r][v] = vaddq_f32(y[r][v], vmulq_f32(vmulq_n_f32(l[v].scale, d), vcvtq_f32_s32(sum[r][v])));
            if (t.has_sub_min) {
                const int32x4_t mins = vmlaq_n_s32(vmulq_n_s32(l[v].sub_min[0], h[0]), l[v].sub_min[1], h[1]);
                y[r][v] = vaddq_f32(y[r][v], vmulq_f32(vmulq_n_f32(l[v].min, d), vcvtq_f32_s32(mins)));
            } else if (t.has_min) {
                y[r][v] = vaddq_f32(y[r][v], vmulq_n_f32(vmulq_n_f32(l[v].min, d), s));
            }
        }
    }
}

/* Eight outputs of n_rows rows over some blocks. */
INLINE void tile(const struct block_type t, const viv_matmul *m, const struct laid *weights, uint64_t first,
                 int n_blocks, uint64_t r0, uint64_t n, uint64_t n_out, const int n_rows)
{
    const char *x = (const char *)m->x + r0 * m->x_stride;
    float *out = m->y + r0 * m->y_stride + n;
    float32x4_t y[ROWS][VECTORS];
    float rest[ROWS][GROUP] = {{0}};
    if (first && n_out < GROUP)
        for (int r = 0; r < n_rows; r++)
            memcpy(rest[r], out + (uint64_t)r * m->y_stride, n_out * sizeof *out);
    UNROLL
    for (int r = 0; r < n_rows; r++)
        UNROLL
    for (int v = 0; v < VECTORS; v++)
        y[r][v] =
            vld1q_f32(first && n_out == GROUP ? out + (uint64_t)r * m->y_stride + v * LANES : rest[r] + v * LANES);
    for (int b = 0; b < n_blocks; b++)
        add_block(t, weights + b * VECTORS, x, m->x_stride, m->k, first + (uint64_t)b, y, n_rows);
    UNROLL
    for (int r = 0; r < n_rows; r++)
        UNROLL
    for (int v = 0; v < VECTORS; v++)
        vst1q_f32(n_out == GROUP ? out + (uint64_t)r * m->y_stride + v * LANES : rest[r] + v * LANES, y[r][v]);
    if (n_out < GROUP)
        for (int r = 0; r < n_rows; r++)
            memcpy(out + (uint64_t)r * m->y_stride, rest[r], n_out * sizeof *out);
}

INLINE void many_rows(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const struct block_type t = block_type(dtype);
    const uint64_t blocks = m->k / BLOCK;
    struct decoded w[GROUP];
    struct laid laid[UNIT_BLOCKS * VECTORS];
    for (uint64_t n = n_first; n < n_end; n += GROUP) {
        const uint64_t n_out = size_min(n_end - n, GROUP);
        for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
            const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
            for (uint64_t i = 0; i < GROUP; i++) /* a row past the last stands for it again */
                decode(dtype, (const char *)m->w + size_min(n + i, n_end - 1) * m->w_stride, first, blocks, &w[i]);
            for (int v = 0; v < VECTORS; v++)
                lay(t, w + v * LANES, laid + v);
            uint64_t r = 0;
            for (; r + ROWS <= m->n_rows; r += ROWS)
                tile(t, m, laid, first, n_blocks, r, n, n_out, ROWS);
            for (; r < m->n_rows; r++)
                tile(t, m, laid, first, n_blocks, r, n, n_out, 1);
        }
    }
}

MULTIPLY_FEW_OR_MANY

#endif
