/* attend_floats.h - keys and values of a page as floats, for types that attention does not read directly: bf16 and
 * blocks. The floats lie as a page of VIV_F32 would have them, so that the kernels for f32 compute with them. Every
 * instruction set gives the same floats. */
#ifndef KERNELS_ATTEND_FLOATS_H
#define KERNELS_ATTEND_FLOATS_H

#include "kernels/attend.h"
#include "kernels/decode_floats.h"

/* A block of keys taken apart (kernels.h): the scales of all tokens, then each byte of all tokens. */
enum { ATTEND_STEP = 16 }; /* tokens at once; it divides page_rows */
typedef uint8_t attend_bytes __attribute__((vector_size(ATTEND_STEP)));
typedef int8_t attend_int8 __attribute__((vector_size(ATTEND_STEP)));
typedef float attend_vec __attribute__((vector_size(ATTEND_STEP * sizeof(float))));

/* Writes y[32][page_rows] of tokens [first, end), which are multiples of ATTEND_STEP. */
DECODE_INLINE void attend_block_columns(uint32_t dtype, float *y, const uint8_t *block, uint64_t page_rows,
                                        uint64_t first, uint64_t end)
{
    const uint8_t *q = block + page_rows * sizeof(uint16_t);
    for (uint64_t t = first; t < end; t += ATTEND_STEP) {
        uint16_t d[ATTEND_STEP];
        float scales[ATTEND_STEP];
        attend_vec scale;
        memcpy(d, block + t * sizeof *d, sizeof d);
        for (int i = 0; i < ATTEND_STEP; i++)
            scales[i] = half_to_float(d[i]);
        memcpy(&scale, scales, sizeof scale);
        for (uint64_t j = 0; j < (dtype == VIV_Q8_0 ? BLOCK : BLOCK / 2); j++) {
            attend_bytes bytes;
            memcpy(&bytes, q + j * page_rows + t, sizeof bytes);
            const attend_int8 low = dtype == VIV_Q8_0 ? (attend_int8)bytes : (attend_int8)(bytes & 15) - 8;
            const attend_vec x = __builtin_convertvector(low, attend_vec) * scale;
            memcpy(y + j * page_rows + t, &x, sizeof x);
            if (dtype == VIV_Q8_0)
                continue;
            const attend_int8 high = (attend_int8)(bytes >> 4) - 8;
            const attend_vec z = __builtin_convertvector(high, attend_vec) * scale;
            memcpy(y + (j + BLOCK / 2) * page_rows + t, &z, sizeof z);
        }
    }
}

/* n numbers from the i-th on. */
static inline void attend_row_floats(uint32_t dtype, float *y, const void *array, uint64_t i, uint64_t n)
{
    switch (dtype) {
    case VIV_Q8_0:
        decode_floats(VIV_Q8_0, y, (const struct block_q8_0 *)array + i / BLOCK, n);
        break;
    case VIV_Q4_0:
        decode_floats(VIV_Q4_0, y, (const struct block_q4_0 *)array + i / BLOCK, n);
        break;
    default:
        for (uint64_t k = 0; k < n; k++)
            y[k] = bfloat_to_float(((const uint16_t *)array)[i + k]);
    }
}

/* The keys of tokens [first, end) of a page, and of those around them that complete steps. */
static inline void attend_key_floats(const viv_attend *a, float *y, const void *keys, uint64_t first, uint64_t end)
{
    if (a->k_stride) {
        attend_row_floats(a->k_dtype, y + first * a->k_stride, keys, first * a->k_stride,
                          (end - first) * a->k_stride);
        return;
    }
    first = first / ATTEND_STEP * ATTEND_STEP;
    end = size_align(end, ATTEND_STEP);
    if (a->k_dtype == VIV_BF16)
        for (uint64_t d = 0; d < a->head_dim; d++)
            attend_row_floats(VIV_BF16, y + d * a->page_rows + first, keys, d * a->page_rows + first, end - first);
    else
        for (uint64_t b = 0; b < a->head_dim / BLOCK; b++) {
            float *out = y + b * BLOCK * a->page_rows;
            if (a->k_dtype == VIV_Q8_0)
                attend_block_columns(VIV_Q8_0, out,
                                     (const uint8_t *)keys + b * a->page_rows * sizeof(struct block_q8_0),
                                     a->page_rows, first, end);
            else
                attend_block_columns(VIV_Q4_0, out,
                                     (const uint8_t *)keys + b * a->page_rows * sizeof(struct block_q4_0),
                                     a->page_rows, first, end);
        }
}

/* The values of tokens [first, end) of a page. */
static inline void attend_value_floats(const viv_attend *a, float *y, const void *values, uint64_t first,
                                       uint64_t end)
{
    const uint64_t stride = attend_v_stride(a);
    attend_row_floats(a->v_dtype, y + first * stride, values, first * stride, (end - first) * stride);
}

#endif
