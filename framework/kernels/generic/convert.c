/* convert.c - converts rows between f32 and the types used in computation. Quantization follows ggml's reference
 * functions (quantize_row_q8_0_ref, q4_0, mxfp4), so that files are identical. */
#include "kernels/blocks.h"
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

static void f32_to_f32(float *y, const void *x, uint64_t n)
{
    memcpy(y, x, n * sizeof *y);
}

static void f16_to_f32(float *y, const void *x, uint64_t n)
{
    const uint16_t *from = x;
    for (uint64_t i = 0; i < n; i++)
        y[i] = half_to_float(from[i]);
}

static void bf16_to_f32(float *y, const void *x, uint64_t n)
{
    const uint16_t *from = x;
    for (uint64_t i = 0; i < n; i++)
        y[i] = bfloat_to_float(from[i]);
}

static const int8_t mxfp4_values[] = {MXFP4_VALUES};

static void f32_from_f32(void *y, const float *x, uint64_t n)
{
    memcpy(y, x, n * sizeof *x);
}

static void f16_from_f32(void *y, const float *x, uint64_t n)
{
    uint16_t *to = y;
    for (uint64_t i = 0; i < n; i++)
        to[i] = half_of_float(x[i]);
}

static void bf16_from_f32(void *y, const float *x, uint64_t n)
{
    uint16_t *to = y;
    for (uint64_t i = 0; i < n; i++)
        to[i] = bfloat_of_float(x[i]);
}

/* Clamps to [low, high]; NaN becomes low. */
static int whole_within(float x, int low, int high)
{
    return x >= (float)high ? high : x > (float)low ? (int)x : low;
}

static void q8_0_from_f32(void *y, const float *x, uint64_t n)
{
    struct block_q8_0 *to = y;
    for (uint64_t b = 0; b < n / BLOCK; b++, x += BLOCK) {
        float largest = 0.0f;
        for (int i = 0; i < BLOCK; i++)
            largest = fmaxf(largest, fabsf(x[i]));
        float d = largest / 127.0f, factor = d != 0.0f ? 1.0f / d : 0.0f;
        to[b].d = half_of_float(d);
        for (int i = 0; i < BLOCK; i++)
            to[b].q[i] = (int8_t)whole_within(roundf(x[i] * factor), -127, 127);
    }
}

static void q4_0_from_f32(void *y, const float *x, uint64_t n)
{
    struct block_q4_0 *to = y;
    for (uint64_t b = 0; b < n / BLOCK; b++, x += BLOCK) {
        float extreme = 0.0f;
        for (int i = 0; i < BLOCK; i++)
            if (fabsf(x[i]) > fabsf(extreme))
                extreme = x[i];
        float d = extreme / -8.0f, factor = d != 0.0f ? 1.0f / d : 0.0f;
        to[b].d = half_of_float(d);
        for (int i = 0; i < BLOCK / 2; i++) {
            int low = whole_within(x[i] * factor + 8.5f, 0, 15);
            int high = whole_within(x[i + BLOCK / 2] * factor + 8.5f, 0, 15);
            to[b].q[i] = (uint8_t)(low | high << 4);
        }
    }
}

/* The index of the value nearest to x; the first of two. */
static int nearest_mxfp4(float x)
{
    int best = 0;
    for (int i = 1; i < 16; i++)
        if (fabsf((float)mxfp4_values[i] - x) < fabsf((float)mxfp4_values[best] - x))
            best = i;
    return best;
}

static void mxfp4_from_f32(void *y, const float *x, uint64_t n)
{
    struct block_mxfp4 *to = y;
    for (uint64_t b = 0; b < n / BLOCK; b++, x += BLOCK) {
        float largest = 0.0f;
        int exponent = 0;
        for (int i = 0; i < BLOCK; i++)
            largest = fmaxf(largest, fabsf(x[i]));
        frexpf(largest, &exponent); /* the largest value, 6, has the exponent 2 */
        to[b].e =
            (uint8_t)(largest > 0.0f && isfinite(largest) ? whole_within((float)(exponent - 3 + 127), 0, 254) : 0);
        float factor = 1.0f / mxfp4_half_scale(to[b].e);
        for (int i = 0; i < BLOCK / 2; i++)
            to[b].q[i] = (uint8_t)(nearest_mxfp4(x[i] * factor) | nearest_mxfp4(x[i + BLOCK / 2] * factor) << 4);
    }
}

const struct kernel kernel_generic_f32_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_F32, .to_f32 = f32_to_f32};
const struct kernel kernel_generic_f16_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_F16, .to_f32 = f16_to_f32};
const struct kernel kernel_generic_bf16_to_f32 = {
    .operation = KERNEL_TO_F32, .name = "generic", .dtype = VIV_BF16, .to_f32 = bf16_to_f32};
const struct kernel kernel_generic_f32_from_f32 = {
    .operation = KERNEL_FROM_F32, .name = "generic", .dtype = VIV_F32, .from_f32 = f32_from_f32};
const struct kernel kernel_generic_f16_from_f32 = {
    .operation = KERNEL_FROM_F32, .name = "generic", .dtype = VIV_F16, .from_f32 = f16_from_f32};
const struct kernel kernel_generic_bf16_from_f32 = {
    .operation = KERNEL_FROM_F32, .name = "generic", .dtype = VIV_BF16, .from_f32 = bf16_from_f32};
const struct kernel kernel_generic_q8_0_from_f32 = {
    .operation = KERNEL_FROM_F32, .name = "generic", .dtype = VIV_Q8_0, .from_f32 = q8_0_from_f32};
const struct kernel kernel_generic_q4_0_from_f32 = {
    .operation = KERNEL_FROM_F32, .name = "generic", .dtype = VIV_Q4_0, .from_f32 = q4_0_from_f32};
const struct kernel kernel_generic_mxfp4_from_f32 = {
    .operation = KERNEL_FROM_F32, .name = "generic", .dtype = VIV_MXFP4, .from_f32 = mxfp4_from_f32};
