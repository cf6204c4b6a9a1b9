/* product_decoded.h - products with block-quantized weights and f32 activations, in the arithmetic of the including
 * file, which has the product with f32 weights: multiply_f32, prepare, row_bytes, scratch_bytes.
 *
 *   y[r][n] = sum over k of (float)w[n][k] * x[r][k]
 *
 * The weights of a few outputs are decoded into scratch, where they stay in the second-level cache while all rows
 * are multiplied: exact but for the rounding of sums, at the cost of decoding to four bytes per weight. For weights
 * that have no products of integers, and for all with `--activations f32`. */
#ifndef KERNELS_PRODUCT_DECODED_H
#define KERNELS_PRODUCT_DECODED_H

#include "kernels/decode_floats.h"
#include "kernels/kernels.h"

enum { DECODED_BYTES = 128 << 10, FEWEST_DECODED = 4, MOST_DECODED = 64 }; /* of weights, of outputs */

static inline uint64_t decoded_row_bytes(uint64_t k)
{
    return size_align(k * sizeof(float), 64);
}

/* Outputs whose weights are decoded at once. */
static inline uint64_t decoded_outputs(uint64_t k)
{
    const uint64_t fit = DECODED_BYTES / size_max(decoded_row_bytes(k), 1) / FEWEST_DECODED * FEWEST_DECODED;
    return size_min(size_max(fit, FEWEST_DECODED), MOST_DECODED);
}

static uint64_t decoded_scratch_bytes(uint64_t k)
{
    return decoded_outputs(k) * decoded_row_bytes(k) + scratch_bytes(k);
}

DECODE_INLINE void multiply_decoded(uint32_t dtype, const viv_matmul *m, uint64_t n_first, uint64_t n_end)
{
    const uint64_t row = decoded_row_bytes(m->k), most = decoded_outputs(m->k);
    char *weights = m->scratch;
    viv_matmul some = *m;
    some.w = weights;
    some.w_stride = row;
    some.scratch = weights + most * row;
    for (uint64_t n = n_first, n_out; n < n_end; n += n_out) {
        n_out = size_min(n_end - n, most);
        for (uint64_t i = 0; i < n_out; i++)
            decode_floats(dtype, (float *)(void *)(weights + i * row), (const char *)m->w + (n + i) * m->w_stride,
                          m->k);
        some.y = m->y + n;
        multiply_f32(&some, 0, n_out);
    }
}

#define DECODED_PRODUCT(type, number)                                                                              \
    static void multiply_decoded_##type(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                     \
    {                                                                                                              \
        multiply_decoded(number, m, n_first, n_end);                                                               \
    }                                                                                                              \
    static const viv_product decoded_##type = {                                                                    \
        .struct_size = sizeof(viv_product),                                                                        \
        .weight_dtype = number,                                                                                    \
        .tile = MOST_DECODED,                                                                                      \
        .name = "decoded " #type,                                                                                  \
        .row_format = "f32",                                                                                       \
        .row_bytes = row_bytes,                                                                                    \
        .prepare = prepare,                                                                                        \
        .scratch_bytes = decoded_scratch_bytes,                                                                    \
        .multiply = multiply_decoded_##type,                                                                       \
    };
FLOAT_BLOCK_TYPES(DECODED_PRODUCT)

#define DECODED_ENTRY(type, number) &decoded_##type,
static const viv_product *const decoded_products[] = {FLOAT_BLOCK_TYPES(DECODED_ENTRY) NULL};

#endif
