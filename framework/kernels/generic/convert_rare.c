/* convert_rare.c - converts types that occur in files, but not in computation, to f32: f64, integers, and the 8-bit
 * floats of the Open Compute Project (OFP8). Values are rounded to nearest, as in torch. */
#include "kernels/half.h"
#include "kernels/kernels.h"

#define CONVERT(name, type)                                                                                        \
    static void name##_to_f32(float *y, const void *x, uint64_t n)                                                 \
    {                                                                                                              \
        const type *from = x;                                                                                      \
        for (uint64_t i = 0; i < n; i++)                                                                           \
            y[i] = (float)from[i];                                                                                 \
    }

CONVERT(f64, double)
CONVERT(i8, int8_t)
CONVERT(i16, int16_t)
CONVERT(i32, int32_t)
CONVERT(i64, int64_t)
CONVERT(u8, uint8_t)
CONVERT(u16, uint16_t)
CONVERT(u32, uint32_t)
CONVERT(u64, uint64_t)

static void f8_e4m3_to_f32(float *y, const void *x, uint64_t n)
{
    const uint8_t *from = x;
    for (uint64_t i = 0; i < n; i++)
        y[i] = e4m3_to_float(from[i]);
}

/* the upper half of an f16 */
static void f8_e5m2_to_f32(float *y, const void *x, uint64_t n)
{
    const uint8_t *from = x;
    for (uint64_t i = 0; i < n; i++)
        y[i] = half_to_float((uint16_t)(from[i] << 8));
}

const struct kernel kernel_generic_f64_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_F64, .to_f32 = f64_to_f32};
const struct kernel kernel_generic_i8_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_I8, .to_f32 = i8_to_f32};
const struct kernel kernel_generic_i16_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_I16, .to_f32 = i16_to_f32};
const struct kernel kernel_generic_i32_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_I32, .to_f32 = i32_to_f32};
const struct kernel kernel_generic_i64_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_I64, .to_f32 = i64_to_f32};
const struct kernel kernel_generic_u8_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_U8, .to_f32 = u8_to_f32};
const struct kernel kernel_generic_u16_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_U16, .to_f32 = u16_to_f32};
const struct kernel kernel_generic_u32_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_U32, .to_f32 = u32_to_f32};
const struct kernel kernel_generic_u64_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_U64, .to_f32 = u64_to_f32};
const struct kernel kernel_generic_f8_e4m3_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_F8_E4M3, .to_f32 = f8_e4m3_to_f32};
const struct kernel kernel_generic_f8_e5m2_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_F8_E5M2, .to_f32 = f8_e5m2_to_f32};
