/* attend.c - attention with vectors of eight: 12 sums, 8 loads per 12 multiply-adds. */
#include <immintrin.h>
#include <stdint.h>

typedef __m256 vec;
enum { LANES = 8, VECTORS = 2 };

static inline vec vec_load(const float *x)
{
    return _mm256_loadu_ps(x);
}

static inline vec vec_load_f16(const uint16_t *x)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)x));
}

static inline vec vec_load_i8(const uint8_t *x)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)x)));
}

static inline vec vec_load_i4(const uint8_t *x, int high)
{
    const __m128i bytes = _mm_loadl_epi64((const void *)x), half = high ? _mm_srli_epi16(bytes, 4) : bytes;
    const __m256i u = _mm256_cvtepu8_epi32(_mm_and_si128(half, _mm_set1_epi8(15)));
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(u, _mm256_set1_epi32(8)));
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}

static inline void vec_store(float *x, vec v)
{
    _mm256_storeu_ps(x, v);
}

static inline vec vec_set1(float x)
{
    return _mm256_set1_ps(x);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline float vec_sum(vec v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

#include "kernels/attend_wide.h"

const struct kernel kernel_avx2_attend = {.operation = KERNEL_ATTEND,
                                          .rank = 20,
                                          .name = "avx2",
                                          .cpu = VIV_CPU_AVX2,
                                          .attend = attend,
                                          .attend_scratch_bytes = attend_scratch_bytes};
