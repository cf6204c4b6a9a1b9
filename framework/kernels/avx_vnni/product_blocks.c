/* product_blocks.c - products with block-quantized weights by AVX-VNNI (kernels/blocks.h has the formula). */
#include "kernels/tile_avx2.h"

#define PRODUCT(type, number)                                                                                      \
    BLOCK_PRODUCT(avx_vnni, "avx_vnni", 64, 25, VIV_CPU_AVX2 | VIV_CPU_AVX_VNNI, type, number)
BLOCK_TYPES(PRODUCT)
