/* convert_blocks.c - rows of block-quantized weights to f32. */
#include "kernels/decode_floats.h"
#include "kernels/kernels.h"

#define CONVERSION(type, number)                                                                                   \
    static void type##_to_f32(float *y, const void *x, uint64_t n)                                                 \
    {                                                                                                              \
        decode_floats(number, y, x, n);                                                                            \
    }                                                                                                              \
    const struct kernel kernel_generic_##type##_to_f32 = {                                                         \
        .operation = KERNEL_TO_F32, .name = "generic", .dtype = number, .to_f32 = type##_to_f32};
FLOAT_BLOCK_TYPES(CONVERSION)
