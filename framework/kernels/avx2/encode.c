/* encode.c - rows of f32 to blocks, for all types: see kernels/encode.h. Bound by arithmetic: about 20 candidates
 * for each group, each in a pass over its values. */
#include "kernels/encode.h"

ENCODERS_TABLE

const struct kernel kernel_avx2_encoders = {
    .operation = KERNEL_ENCODERS, .name = "avx2", .cpu = VIV_CPU_AVX2, .rank = 20, .encoders = &encoders};
