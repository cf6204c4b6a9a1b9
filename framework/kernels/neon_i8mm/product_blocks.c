/* product_blocks.c - products with block-quantized weights by NEON's products of matrices of bytes
 * (kernels/blocks.h has the formula). */
#include "kernels/tile_neon.h"

#define PRODUCT(type, number)                                                                                      \
    BLOCK_PRODUCT(neon_i8mm, "neon_i8mm", 64, 40, VIV_CPU_NEON_DOTPROD | VIV_CPU_NEON_I8MM, type, number)
BLOCK_TYPES(PRODUCT)
