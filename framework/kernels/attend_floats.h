/* attend_floats.h - keys and values of a page as floats, for types that attention does not read directly: bf16 and
 * blocks. The floats lie as a page of VIV_F32 would have them, so that the kernels for f32 compute with them. Every
 * instruction set gives the same floats. */
#ifndef KERNELS_ATTEND_FLOATS_H
#define KERNELS_ATTEND_FLOATS_H

#include "kernels/attend.h"
#include "kernels/blocks.h"

#define ATTEND_INLINE static inline __attribute__((always_inline))

enum { ATTEND_STEP = 16 }; /* tokens at once; it divides page_rows */

/* Writes LANES integers of a block's bytes, times the scale; of q4_0 those of their low halves, or of the high
 * ones. */
ATTEND_INLINE void attend_step(uint32_t dtype, float *y, const uint8_t *bytes, vec scale, const int high)
{
    const vec x = dtype == VIV_Q8_0 ? vec_load_i8(bytes) : vec_load_i4(bytes, high);
    vec_store(y, vec_mul(x, scale));
}

/* Blocks of keys taken apart (kernels.h). Writes y[32][page_rows] of tokens [first, end), multiples of ATTEND_STEP.
 */
ATTEND_INLINE void attend_block_columns(uint32_t dtype, float *y, const uint8_t *block, uint64_t page_rows,
                                        uint64_t first, uint64_t end)
{
    const uint8_t *q = block + page_rows * sizeof(uint16_t);
    for (uint64_t t = first; t < end; t += LANES) {
        const vec scale = vec_load_f16((const uint16_t *)(const void *)block + t);
        for (uint64_t j = 0; j < (dtype == VIV_Q8_0 ? BLOCK : BLOCK / 2); j++) {
            attend_step(dtype, y + j * page_rows + t, q + j * page_rows + t, scale, 0);
            if (dtype == VIV_Q4_0)
                attend_step(dtype, y + (j + BLOCK / 2) * page_rows + t, q + j * page_rows + t, scale, 1);
        }
    }
}

/* n_blocks blocks one after the other. */
ATTEND_INLINE void attend_blocks(uint32_t dtype, float *y, const uint8_t *block, uint64_t n_blocks)
{
    const uint64_t bytes = dtype == VIV_Q8_0 ? sizeof(struct block_q8_0) : sizeof(struct block_q4_0);
    for (; n_blocks-- > 0; block += bytes, y += BLOCK) {
        uint16_t d;
        memcpy(&d, block, sizeof d);
        const vec scale = vec_set1(half_to_float(d));
        for (uint64_t i = 0; i < bytes - sizeof d; i += LANES) {
            attend_step(dtype, y + i, block + sizeof d + i, scale, 0);
            if (dtype == VIV_Q4_0)
                attend_step(dtype, y + BLOCK / 2 + i, block + sizeof d + i, scale, 1);
        }
    }
}

/* n numbers from the i-th on. */
static inline void attend_row_floats(uint32_t dtype, float *y, const void *array, uint64_t i, uint64_t n)
{
    switch (dtype) {
    case VIV_Q8_0:
        attend_blocks(VIV_Q8_0, y, (const uint8_t *)((const struct block_q8_0 *)array + i / BLOCK), n / BLOCK);
        break;
    case VIV_Q4_0:
        attend_blocks(VIV_Q4_0, y, (const uint8_t *)((const struct block_q4_0 *)array + i / BLOCK), n / BLOCK);
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
