/* product_blocks.c - products with block-quantized weights by AVX2 (kernels/blocks.h has the formula). */
#include "kernels/tile_avx2.h"

#define PRODUCT(type, number) BLOCK_PRODUCT(avx2, "avx2", 64, 20, VIV_CPU_AVX2, type, number)
BLOCK_TYPES(PRODUCT)
