/* encode.c - rows of f32 to blocks, for all types: see kernels/encode.h. */
#include "kernels/encode.h"

ENCODERS_TABLE

const struct kernel kernel_generic_encoders = {
    .operation = KERNEL_ENCODERS, .name = "generic", .rank = 0, .encoders = &encoders};
