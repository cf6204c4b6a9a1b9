/* product_blocks.c - products with block-quantized weights by NEON's dot products (kernels/blocks.h has the
 * formula). */
#include "kernels/tile_neon.h"

#define PRODUCT(type, number) BLOCK_PRODUCT(neon, "neon_dotprod", 64, 30, VIV_CPU_NEON_DOTPROD, type, number)
BLOCK_TYPES(PRODUCT)
