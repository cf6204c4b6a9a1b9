/* int8_rows.h - rows of activations quantized to int8 by AVX-512: see kernels/blocks.h. */
#ifndef KERNELS_AVX512_INT8_ROWS_H
#define KERNELS_AVX512_INT8_ROWS_H

#include "kernels/blocks.h"

#include <immintrin.h>

static void prepare(void *row, const float *x, uint64_t k)
{
    int8_t *q = row;
    float *d = (float *)((char *)row + k);
    int32_t *s = (int32_t *)((char *)row + k + k / BLOCK * 4);
    int16_t *h = (int16_t *)((char *)row + k + k / BLOCK * 8);
    const __m512i magnitude = _mm512_set1_epi32(0x7fffffff);
    for (uint64_t b = 0; b < k / BLOCK; b++, x += BLOCK) {
        __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
        /* as whole numbers, so that a NaN is larger than any number */
        __m512i bits = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(low), magnitude),
                                        _mm512_and_si512(_mm512_castps_si512(high), magnitude));
        float largest = float_of_bits(_mm512_reduce_max_epu32(bits));
        __m512 factor = _mm512_set1_ps(int8_block_factor(largest));
        __mmask16 some = _mm512_cmp_ps_mask(factor, _mm512_setzero_ps(), _CMP_GT_OQ);
        __m512i a = _mm512_maskz_cvtps_epi32(some, _mm512_mul_ps(low, factor));
        __m512i c = _mm512_maskz_cvtps_epi32(some, _mm512_mul_ps(high, factor));
        _mm_storeu_si128((__m128i *)(q + b * BLOCK), _mm512_cvtepi32_epi8(a));
        _mm_storeu_si128((__m128i *)(q + b * BLOCK + 16), _mm512_cvtepi32_epi8(c));
        d[b] = largest / 127.0f;
        h[2 * b] = (int16_t)_mm512_reduce_add_epi32(a);
        h[2 * b + 1] = (int16_t)_mm512_reduce_add_epi32(c);
        s[b] = -128 * (h[2 * b] + h[2 * b + 1]);
    }
}

#endif
