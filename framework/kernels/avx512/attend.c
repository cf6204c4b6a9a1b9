/* attend.c - attention with vectors of sixteen: 24 sums, 10 loads per 24 multiply-adds. */
#include <immintrin.h>
#include <stdint.h>

typedef __m512 vec;
enum { LANES = 16, VECTORS = 4 };

static inline vec vec_load(const float *x)
{
    return _mm512_loadu_ps(x);
}

static inline vec vec_load_f16(const uint16_t *x)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)x));
}

static inline vec vec_load_i8(const uint8_t *x)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)x)));
}

static inline vec vec_load_i4(const uint8_t *x, int high)
{
    const __m128i bytes = _mm_loadu_si128((const void *)x), half = high ? _mm_srli_epi16(bytes, 4) : bytes;
    const __m512i u = _mm512_cvtepu8_epi32(_mm_and_si128(half, _mm_set1_epi8(15)));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(u, _mm512_set1_epi32(8)));
}

static inline vec vec_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}

static inline void vec_store(float *x, vec v)
{
    _mm512_storeu_ps(x, v);
}

static inline vec vec_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline float vec_sum(vec v)
{
    return _mm512_reduce_add_ps(v);
}

#include "kernels/attend_wide.h"

const struct kernel kernel_avx512_attend = {.operation = KERNEL_ATTEND,
                                            .rank = 30,
                                            .name = "avx512",
                                            .cpu = VIV_CPU_AVX512,
                                            .attend = attend,
                                            .attend_scratch_bytes = attend_scratch_bytes};
