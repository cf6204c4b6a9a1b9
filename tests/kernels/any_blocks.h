/* any_blocks.h - block-quantized weights of any bits, for types that nothing here writes, but that their scales are
 * of a usual size. */
#ifndef TESTS_ANY_BLOCKS_H
#define TESTS_ANY_BLOCKS_H

#include "kernels/decode.h"

/* Where a block's f16 scale stands; below 0: it has none of 16 bits in a row. */
static int scale_place(uint32_t dtype)
{
    switch (dtype) {
    case TYPE_IQ1_M:
    case TYPE_NVFP4:
        return -1;
    case TYPE_Q2_K:
        return 80;
    case TYPE_Q3_K:
    case TYPE_Q6_K:
    case TYPE_TQ1_0:
    case TYPE_TQ2_0:
        return block_type(dtype).bytes - 2;
    default:
        return 0;
    }
}

/* Scales of a block of our own types: they are f32. */
static void own_scales(uint32_t dtype, uint8_t *w, float (*uniform)(void))
{
    const float d[2] = {uniform() * 0.02f, uniform() * 0.02f};
    memcpy(w, d, block_type(dtype).has_min || dtype == TYPE_NVFP4_F32 ? 8 : 4);
    if (dtype == TYPE_INT4)
        w[0] %= 17;
}

/* Writes k weights; `uniform` gives numbers from -0.5 to 0.5. */
static void any_blocks(uint32_t dtype, uint8_t *w, uint64_t k, float (*uniform)(void))
{
    const struct block_type t = block_type(dtype);
    const int at = scale_place(dtype);
    for (uint64_t b = 0; b < k / t.block; b++, w += t.bytes) {
        for (int i = 0; i < t.bytes; i++)
            w[i] = (uint8_t)((int)(uniform() * 255.0f) & 255);
        if (dtype >= TYPE_INT4) {
            own_scales(dtype, w, uniform);
            continue;
        }
        const uint16_t d[2] = {half_of_float(uniform() * 0.02f), half_of_float(uniform() * 0.02f)};
        if (at >= 0)
            memcpy(w + at, d, t.has_min ? 4 : 2);
        for (int i = 0; dtype == TYPE_IQ1_M && i < 4; i++) /* four bits of it are in each of four words */
            w[49 + 2 * i] = (uint8_t)((w[49 + 2 * i] & 15) | (d[0] >> 4 * i & 15) << 4);
    }
}

#endif
