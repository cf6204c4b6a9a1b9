/* product_float.c - products with F32, F16 and BF16 weights in f32 arithmetic: a tile of 4 outputs by 6 rows, 24
 * sums, 10 loads per 24 multiply-adds. */
#include "kernels/avx512/sums.h"

#include <string.h>
#include <vivarium/tensor.h>

#define TARGET
typedef __m512 vec;
typedef __m512 operand;
typedef float row_element;
enum { LANES = 16, OUTPUTS = 4, ROWS = 6 };

static inline operand load_weights(uint32_t dtype, const void *w)
{
    if (dtype == VIV_F32)
        return _mm512_loadu_ps(w);
    if (dtype == VIV_F16)
        return _mm512_cvtph_ps(_mm256_loadu_si256(w));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(w)), 16));
}

static inline operand load_row(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline vec vec_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vec vec_fma(operand w, operand x, vec sum)
{
    return _mm512_fmadd_ps(w, x, sum);
}

static inline void fill_row(void *row, const float *x, uint64_t k)
{
    memcpy(row, x, k * sizeof *x);
}

#include "kernels/product_float_wide.h"

/* clang-format off */
DEFINE_PRODUCT(f32, VIV_F32, "avx512", "f32")
DEFINE_PRODUCT(f16, VIV_F16, "avx512", "f32")
DEFINE_PRODUCT(bf16, VIV_BF16, "avx512", "f32")
/* clang-format on */

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

#include "kernels/product_decoded.h"

const struct kernel kernel_avx512_decoded_products = {.operation = KERNEL_DECODED_PRODUCTS,
                                                      .rank = 30,
                                                      .name = "avx512",
                                                      .cpu = VIV_CPU_AVX512,
                                                      .products = decoded_products};
