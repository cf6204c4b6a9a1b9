/* product_int8.c - products with Q8_0, Q4_0 and MXFP4 weights, activations quantized to int8: see kernels/blocks.h
 * for the formula. Every other kernel of these types gives the same bits. */
#include "kernels/blocks.h"
#include "kernels/kernels.h"

#include <math.h>

static void prepare(void *row, const float *x, uint64_t k)
{
    int8_t *q = row;
    float *d = (float *)((char *)row + k);
    int32_t *s = (int32_t *)((char *)row + k + k / BLOCK * 4);
    for (uint64_t b = 0; b < k / BLOCK; b++) {
        /* compared as bits, a NaN is larger than any number */
        uint32_t largest_bits = 0;
        for (int i = 0; i < BLOCK; i++) {
            uint32_t bits = bits_of_float(x[b * BLOCK + i]) & 0x7fffffff;
            if (bits > largest_bits)
                largest_bits = bits;
        }
        float largest = float_of_bits(largest_bits);
        float factor = int8_block_factor(largest);
        int32_t sum = 0;
        for (int i = 0; i < BLOCK; i++) {
            q[b * BLOCK + i] = factor > 0.0f ? (int8_t)rintf(x[b * BLOCK + i] * factor) : 0;
            sum += q[b * BLOCK + i];
        }
        d[b] = largest / 127.0f;
        s[b] = -128 * sum;
    }
}

static uint64_t scratch_bytes(uint64_t k)
{
    (void)k;
    return 0;
}

static float dot_q8_0(const struct block_q8_0 *w, const void *x, uint64_t k)
{
    const int8_t *q = x;
    const float *d = int8_row_scales(x, k);
    float y = 0.0f;
    for (uint64_t b = 0; b < k / BLOCK; b++, q += BLOCK) {
        int32_t sum = 0;
        for (int i = 0; i < BLOCK; i++)
            sum += w[b].q[i] * q[i];
        y += half_to_float(w[b].d) * d[b] * (float)sum;
    }
    return y;
}

static float dot_q4_0(const struct block_q4_0 *w, const void *x, uint64_t k)
{
    const int8_t *q = x;
    const float *d = int8_row_scales(x, k);
    float y = 0.0f;
    for (uint64_t b = 0; b < k / BLOCK; b++, q += BLOCK) {
        int32_t sum = 0;
        for (int i = 0; i < BLOCK / 2; i++)
            sum += ((w[b].q[i] & 15) - 8) * q[i] + ((w[b].q[i] >> 4) - 8) * q[i + BLOCK / 2];
        y += half_to_float(w[b].d) * d[b] * (float)sum;
    }
    return y;
}

static float dot_mxfp4(const struct block_mxfp4 *w, const void *x, uint64_t k)
{
    static const int8_t values[] = {MXFP4_VALUES};
    const int8_t *q = x;
    const float *d = int8_row_scales(x, k);
    float y = 0.0f;
    for (uint64_t b = 0; b < k / BLOCK; b++, q += BLOCK) {
        int32_t sum = 0;
        for (int i = 0; i < BLOCK / 2; i++)
            sum += values[w[b].q[i] & 15] * q[i] + values[w[b].q[i] >> 4] * q[i + BLOCK / 2];
        y += mxfp4_half_scale(w[b].e) * d[b] * (float)sum;
    }
    return y;
}

#define DEFINE_PRODUCT(TYPE, DTYPE)                                                                                \
    static void multiply_##TYPE(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                             \
    {                                                                                                              \
        for (uint64_t n = n_first; n < n_end; n++)                                                                 \
            for (uint64_t r = 0; r < m->n_rows; r++)                                                               \
                m->y[r * m->y_stride + n] = dot_##TYPE((const void *)((const char *)m->w + n * m->w_stride),       \
                                                       (const char *)m->x + r * m->x_stride, m->k);                \
    }                                                                                                              \
    static const viv_product product_##TYPE = {                                                                    \
        .struct_size = sizeof(viv_product),                                                                        \
        .weight_dtype = DTYPE,                                                                                     \
        .tile = 16,                                                                                                \
        .name = "generic " #TYPE,                                                                                  \
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

const struct kernel kernel_generic_product_q8_0 = {
    .operation = KERNEL_PRODUCT, .name = "generic", .dtype = VIV_Q8_0, .product = &product_q8_0};
const struct kernel kernel_generic_product_q4_0 = {
    .operation = KERNEL_PRODUCT, .name = "generic", .dtype = VIV_Q4_0, .product = &product_q4_0};
const struct kernel kernel_generic_product_mxfp4 = {
    .operation = KERNEL_PRODUCT, .name = "generic", .dtype = VIV_MXFP4, .product = &product_mxfp4};
