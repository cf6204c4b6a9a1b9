/* sums.h - the sums of the lanes of vectors. */
#ifndef KERNELS_AVX512_SUMS_H
#define KERNELS_AVX512_SUMS_H

#include <immintrin.h>

/* y[i] = the sum of the lanes of v[i], for n = 1 or 4: halves are added repeatedly, for four vectors at once. */
static inline void store_sums(float *y, const __m512 *v, int n)
{
    __m512 a = v[0], b = n == 1 ? a : v[1], c = n == 1 ? a : v[2], d = n == 1 ? a : v[3];
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    __m512 s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
    __m128 sums = _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, s));
    if (n == 1)
        *y = _mm_cvtss_f32(sums);
    else
        _mm_storeu_ps(y, sums);
}

#endif
