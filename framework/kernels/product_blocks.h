/* product_blocks.h - the products of one instruction set with block-quantized weights, one for each type. A file
 * that uses it has
 *
 *   multiply(dtype, m, n_first, n_end)   always inlined: with a constant dtype, one type's branches are left
 *   prepare, scratch_bytes               as in viv_product
 *
 * and says, so that build-aux/lists registers a kernel for each type,
 *
 *   #define PRODUCT(type, number) BLOCK_PRODUCT(avx2, "avx2", 64, 20, VIV_CPU_AVX2, type, number)
 *   BLOCK_TYPES(PRODUCT) */
#ifndef KERNELS_PRODUCT_BLOCKS_H
#define KERNELS_PRODUCT_BLOCKS_H

#include "kernels/decode.h"
#include "kernels/kernels.h"

/* Few rows of activations go by streams of weights, more by tiles: FEW, stream_rows and many_rows are the file's.
 */
#define MULTIPLY_FEW_OR_MANY                                                                                       \
    static inline __attribute__((always_inline)) void multiply(uint32_t dtype, const viv_matmul *m,                \
                                                               uint64_t n_first, uint64_t n_end)                   \
    {                                                                                                              \
        if (m->n_rows > FEW)                                                                                       \
            many_rows(dtype, m, n_first, n_end);                                                                   \
        else if (m->n_rows > 1)                                                                                    \
            stream_rows(dtype, m, n_first, n_end, 0);                                                              \
        else if (m->n_rows == 1)                                                                                   \
            stream_rows(dtype, m, n_first, n_end, 1);                                                              \
    }

#define BLOCK_PRODUCT(set, instructions, outputs, its_rank, its_cpu, type, number)                                 \
    static void multiply_##type(const viv_matmul *m, uint64_t n_first, uint64_t n_end)                             \
    {                                                                                                              \
        multiply(number, m, n_first, n_end);                                                                       \
    }                                                                                                              \
    static const viv_product product_##type = {                                                                    \
        .struct_size = sizeof(viv_product),                                                                        \
        .weight_dtype = number,                                                                                    \
        .tile = outputs,                                                                                           \
        .name = instructions " " #type,                                                                            \
        .row_format = INT8_ROW_FORMAT,                                                                             \
        .row_bytes = int8_row_bytes,                                                                               \
        .prepare = prepare,                                                                                        \
        .scratch_bytes = scratch_bytes,                                                                            \
        .multiply = multiply_##type,                                                                               \
    };                                                                                                             \
    const struct kernel kernel_##set##_product_##type = {                                                          \
        .operation = KERNEL_PRODUCT,                                                                               \
        .rank = its_rank,                                                                                          \
        .name = instructions,                                                                                      \
        .cpu = its_cpu,                                                                                            \
        .dtype = number,                                                                                           \
        .product = &product_##type,                                                                                \
    };

#endif
