/* convert.c - converts rows between f32 and f16 with F16C. For other types the generic versions are fast enough. */
#include "kernels/half.h"
#include "kernels/kernels.h"

#include <immintrin.h>

static void f16_to_f32(float *y, const void *x, uint64_t n)
{
    const uint16_t *from = x;
    uint64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const void *)(from + i))));
    for (; i < n; i++)
        y[i] = half_to_float(from[i]);
}

static void f16_from_f32(void *y, const float *x, uint64_t n)
{
    uint16_t *to = y;
    uint64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((void *)(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
    for (; i < n; i++)
        to[i] = half_of_float(x[i]);
}

const struct kernel kernel_avx2_f16_to_f32 = {.operation = KERNEL_TO_F32,
                                              .rank = 20,
                                              .name = "avx2",
                                              .cpu = VIV_CPU_AVX2,
                                              .dtype = VIV_F16,
                                              .to_f32 = f16_to_f32};
const struct kernel kernel_avx2_f16_from_f32 = {.operation = KERNEL_FROM_F32,
                                                .rank = 20,
                                                .name = "avx2",
                                                .cpu = VIV_CPU_AVX2,
                                                .dtype = VIV_F16,
                                                .from_f32 = f16_from_f32};
