/* product_float.c - products with F32, F16 and BF16 weights in f32 arithmetic: a tile of 2 outputs by 6 rows, 12
 * sums, 8 loads per 12 multiply-adds. */
#include <immintrin.h>
#include <string.h>
#include <vivarium/tensor.h>

#define TARGET
typedef __m256 vec;
typedef __m256 operand;
typedef float row_element;
enum { LANES = 8, OUTPUTS = 2, ROWS = 6 };

static inline operand load_weights(uint32_t dtype, const void *w)
{
    if (dtype == VIV_F32)
        return _mm256_loadu_ps(w);
    if (dtype == VIV_F16)
        return _mm256_cvtph_ps(_mm_loadu_si128(w));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(w)), 16));
}

static inline operand load_row(const float *x)
{
    return _mm256_loadu_ps(x);
}

static inline vec vec_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vec vec_fma(operand w, operand x, vec sum)
{
    return _mm256_fmadd_ps(w, x, sum);
}

static inline void store_sums(float *y, const vec *v, int n)
{
    for (int i = 0; i < n; i++) {
        __m128 s = _mm_add_ps(_mm256_castps256_ps128(v[i]), _mm256_extractf128_ps(v[i], 1));
        s = _mm_add_ps(s, _mm_movehl_ps(s, s));
        y[i] = _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
    }
}

static inline void fill_row(void *row, const float *x, uint64_t k)
{
    memcpy(row, x, k * sizeof *x);
}

#include "kernels/product_float_wide.h"

/* clang-format off */
DEFINE_PRODUCT(f32, VIV_F32, "avx2", "f32")
DEFINE_PRODUCT(f16, VIV_F16, "avx2", "f32")
DEFINE_PRODUCT(bf16, VIV_BF16, "avx2", "f32")
/* clang-format on */

const struct kernel kernel_avx2_product_f32 = {.operation = KERNEL_PRODUCT,
                                               .rank = 20,
                                               .name = "avx2",
                                               .cpu = VIV_CPU_AVX2,
                                               .dtype = VIV_F32,
                                               .product = &product_f32};
const struct kernel kernel_avx2_product_f16 = {.operation = KERNEL_PRODUCT,
                                               .rank = 20,
                                               .name = "avx2",
                                               .cpu = VIV_CPU_AVX2,
                                               .dtype = VIV_F16,
                                               .product = &product_f16};
const struct kernel kernel_avx2_product_bf16 = {.operation = KERNEL_PRODUCT,
                                                .rank = 20,
                                                .name = "avx2",
                                                .cpu = VIV_CPU_AVX2,
                                                .dtype = VIV_BF16,
                                                .product = &product_bf16};

#include "kernels/product_decoded.h"

const struct kernel kernel_avx2_decoded_products = {.operation = KERNEL_DECODED_PRODUCTS,
                                                    .rank = 20,
                                                    .name = "avx2",
                                                    .cpu = VIV_CPU_AVX2,
                                                    .products = decoded_products};
