/* product_blocks.h - the products of one instruction set with block-quantized weights, one for each type. A file
 * that uses it has
 *
 *   multiply(dtype, m, n_first, n_end)   always inlined: with a constant dtype, one type's branches are left
 *   prepare, scratch_bytes               as in viv_product */
#ifndef KERNELS_PRODUCT_BLOCKS_H
#define KERNELS_PRODUCT_BLOCKS_H

#include "kernels/decode.h"
#include "kernels/kernels.h"

#define BLOCK_PRODUCT(instructions, outputs, type, number)                                                         \
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
    };

#endif
