/* product_blocks.c - products with block-quantized weights, activations quantized to int8: kernels/blocks.h has the
 * formula, which every other kernel of these types follows to the bit. */
#include "kernels/product_blocks.h"

#include <math.h>

static void prepare(void *row, const float *x, uint64_t k)
{
    const struct int8_row to = int8_row_begin(row, k);
    for (uint64_t b = 0; b < k / BLOCK; b++) {
        /* as bits, a NaN is larger than any number */
        uint32_t largest_bits = 0;
        for (int i = 0; i < BLOCK; i++) {
            uint32_t bits = bits_of_float(x[b * BLOCK + i]) & 0x7fffffff;
            if (bits > largest_bits)
                largest_bits = bits;
        }
        float largest = float_of_bits(largest_bits);
        float factor = int8_block_factor(largest);
        int16_t sums[2] = {0, 0};
        for (int i = 0; i < BLOCK; i++) {
            to.q[b * BLOCK + i] = factor > 0.0f ? (int8_t)rintf(x[b * BLOCK + i] * factor) : 0;
            sums[i / 16] = (int16_t)(sums[i / 16] + to.q[b * BLOCK + i]);
        }
        to.d[b] = largest / 127.0f;
        to.s[b] = -128 * (sums[0] + sums[1]);
        memcpy(to.h + 2 * b, sums, sizeof sums);
    }
}

static uint64_t scratch_bytes(uint64_t k)
{
    (void)k;
    return 0;
}

/* y and what the blocks [first, first + n_blocks) of a row of weights add to it. */
DECODE_INLINE float add_unit(uint32_t dtype, float y, const struct decoded *w, const void *x, uint64_t k,
                             uint64_t first, int n_blocks)
{
    const struct block_type t = block_type(dtype);
    const float *d = int8_row_scales(x, k) + first;
    const int32_t *s = int8_row_sums(x, k) + first;
    const int16_t *h = int8_row_halves(x, k) + 2 * first;
    for (int b = 0; b < n_blocks; b++) {
        int32_t sum = 0, mins = 0;
        for (int i = 2 * b; i < 2 * b + 2; i++) {
            const int8_t *q = (const int8_t *)x + first * BLOCK + (uint64_t)i * 16;
            int32_t half = 0;
            for (int j = 0; j < 16; j++)
                half += (w->u[i * 16 + j] - t.offset) * q[j];
            sum += t.has_sub ? w->sub[i] * half : half;
            mins += t.has_sub_min ? w->sub_min[i] * h[i] : 0;
        }
        y += w->scale[b] * d[b] * (float)sum;
        if (t.has_sub_min)
            y += w->min[b] * d[b] * (float)mins;
        else if (t.has_min)
            y += w->min[b] * -0x1p-7f * d[b] * (float)s[b];
    }
    return y;
}

DECODE_INLINE void multiply(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const uint64_t blocks = m->k / BLOCK;
    struct decoded w;
    for (uint64_t n = n_first; n < n_end; n++)
        for (uint64_t first = 0; first < blocks; first += UNIT_BLOCKS) {
            const int n_blocks = (int)size_min(blocks - first, UNIT_BLOCKS);
            decode(dtype, (const char *)m->w + n * m->w_stride, first, blocks, &w);
            for (uint64_t r = 0; r < m->n_rows; r++) {
                float *y = m->y + r * m->y_stride + n;
                *y = add_unit(dtype, first ? *y : 0.0f, &w, (const char *)m->x + r * m->x_stride, m->k, first,
                              n_blocks);
            }
        }
}

#define PRODUCT(type, number) BLOCK_PRODUCT(generic, "generic", 16, 0, 0, type, number)
BLOCK_TYPES(PRODUCT)
