/* product_float.c - y[r][n] = sum over k of w[n][k] * x[r][k], weights F32, F16, BF16, activations F32.
 *
 * Sixteen partial sums, one for each k modulo 16; then the halves are added repeatedly. All kernels of these types
 * use this order, whatever the width of their vectors. */
#include "base/size.h"
#include "kernels/generic/flops.h"
#include "kernels/half.h"
#include "kernels/kernels.h"

#include <string.h>

enum { LANES = 16 };

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
    return 0;
}

static float sum_of_lanes(float lanes[LANES])
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lanes[i] += lanes[i + half];
    return lanes[0];
}

#define TO_FLOAT_f32(w)  (w)
#define TO_FLOAT_f16(w)  half_to_float(w)
#define TO_FLOAT_bf16(w) bfloat_to_float(w)

#define DEFINE_PRODUCT(TYPE, ELEMENT)                                                                              \
    static float dot_##TYPE(const ELEMENT *w, const float *x, uint64_t k)                                          \
    {                                                                                                              \
        float lanes[LANES] = {0};                                                                                  \
        uint64_t i = 0;                                                                                            \
        for (; i + LANES <= k; i += LANES)                                                                         \
            for (int j = 0; j < LANES; j++)                                                                        \
                lanes[j] += TO_FLOAT_##TYPE(w[i + j]) * x[i + j];                                                  \
        for (int j = 0; i + j < k; j++)                                                                            \
            lanes[j] += TO_FLOAT_##TYPE(w[i + j]) * x[i + j];                                                      \
        FLOPS(2 * k);                                                                                              \
        return sum_of_lanes(lanes);                                                                                \
    }                                                                                                              \
    static void multiply_##TYPE(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                             \
    {                                                                                                              \
        for (uint64_t n = n_first; n < n_end; n++)                                                                 \
            for (uint64_t r = 0; r < m->n_rows; r++)                                                               \
                m->y[r * m->y_stride + n] =                                                                        \
                    dot_##TYPE((const void *)((const char *)m->w + n * m->w_stride),                               \
                               (const void *)((const char *)m->x + r * m->x_stride), m->k);                        \
    }                                                                                                              \
    static const viv_product product_##TYPE

DEFINE_PRODUCT(f32, float) = {
    .struct_size = sizeof(viv_product),
    .weight_dtype = VIV_F32,
    .tile = 16,
    .name = "generic f32",
    .row_format = "f32",
    .row_bytes = row_bytes,
    .prepare = prepare,
    .scratch_bytes = scratch_bytes,
    .multiply = multiply_f32,
};

DEFINE_PRODUCT(f16, uint16_t) = {
    .struct_size = sizeof(viv_product),
    .weight_dtype = VIV_F16,
    .tile = 16,
    .name = "generic f16",
    .row_format = "f32",
    .row_bytes = row_bytes,
    .prepare = prepare,
    .scratch_bytes = scratch_bytes,
    .multiply = multiply_f16,
};

DEFINE_PRODUCT(bf16, uint16_t) = {
    .struct_size = sizeof(viv_product),
    .weight_dtype = VIV_BF16,
    .tile = 16,
    .name = "generic bf16",
    .row_format = "f32",
    .row_bytes = row_bytes,
    .prepare = prepare,
    .scratch_bytes = scratch_bytes,
    .multiply = multiply_bf16,
};

const struct kernel kernel_generic_product_f32 = {
    .operation = KERNEL_PRODUCT, .name = "generic", .dtype = VIV_F32, .product = &product_f32};
const struct kernel kernel_generic_product_f16 = {
    .operation = KERNEL_PRODUCT, .name = "generic", .dtype = VIV_F16, .product = &product_f16};
const struct kernel kernel_generic_product_bf16 = {
    .operation = KERNEL_PRODUCT, .name = "generic", .dtype = VIV_BF16, .product = &product_bf16};

#include "kernels/product_decoded.h"

const struct kernel kernel_generic_decoded_products = {
    .operation = KERNEL_DECODED_PRODUCTS, .name = "generic", .products = decoded_products};
