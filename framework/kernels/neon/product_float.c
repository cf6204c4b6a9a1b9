/* product_float.c - products with F32, F16 and BF16 weights in f32 arithmetic: a tile of 4 outputs by 6 rows, 24
 * sums, 10 loads per 24 multiply-adds. */
#include <arm_neon.h>
#include <string.h>
#include <vivarium/tensor.h>

#define TARGET
typedef float32x4_t vec;
typedef float32x4_t operand;
typedef float row_element;
enum { LANES = 4, OUTPUTS = 4, ROWS = 6 };

static inline operand load_weights(uint32_t dtype, const void *w)
{
    if (dtype == VIV_F32)
        return vreinterpretq_f32_u8(vld1q_u8(w));
    uint8x8_t half = vld1_u8(w);
    if (dtype == VIV_F16)
        return vcvt_f32_f16(vreinterpret_f16_u8(half));
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(half), 16));
}

static inline operand load_row(const float *x)
{
    return vld1q_f32(x);
}

static inline vec vec_zero(void)
{
    return vdupq_n_f32(0.0f);
}

static inline vec vec_fma(operand w, operand x, vec sum)
{
    return vfmaq_f32(sum, w, x);
}

static inline void store_sums(float *y, const vec *v, int n)
{
    for (int i = 0; i < n; i++)
        y[i] = vaddvq_f32(v[i]);
}

static inline void fill_row(void *row, const float *x, uint64_t k)
{
    memcpy(row, x, k * sizeof *x);
}

#include "kernels/product_float_wide.h"

/* clang-format off */
DEFINE_PRODUCT(f32, VIV_F32, "neon", "f32")
DEFINE_PRODUCT(f16, VIV_F16, "neon", "f32")
DEFINE_PRODUCT(bf16, VIV_BF16, "neon", "f32")
/* clang-format on */

const struct kernel kernel_neon_product_f32 = {.operation = KERNEL_PRODUCT,
                                               .rank = 20,
                                               .name = "neon",
                                               .cpu = VIV_CPU_NEON,
                                               .dtype = VIV_F32,
                                               .product = &product_f32};
const struct kernel kernel_neon_product_f16 = {.operation = KERNEL_PRODUCT,
                                               .rank = 20,
                                               .name = "neon",
                                               .cpu = VIV_CPU_NEON,
                                               .dtype = VIV_F16,
                                               .product = &product_f16};
const struct kernel kernel_neon_product_bf16 = {.operation = KERNEL_PRODUCT,
                                                .rank = 20,
                                                .name = "neon",
                                                .cpu = VIV_CPU_NEON,
                                                .dtype = VIV_BF16,
                                                .product = &product_bf16};

#include "kernels/product_decoded.h"

const struct kernel kernel_neon_decoded_products = {.operation = KERNEL_DECODED_PRODUCTS,
                                                    .rank = 20,
                                                    .name = "neon",
                                                    .cpu = VIV_CPU_NEON,
                                                    .products = decoded_products};
