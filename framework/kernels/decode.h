/* decode.h - block-quantized weights, decoded: decode_weights.h and decode_scales.h know how each type lies in
 * memory, and nothing else does. Layouts are those of GGML (ggml-common.h of 2026).
 *
 * A row is decoded 256 weights at a time, eight blocks of 32, whatever the type's own block is. Weight i of block b
 * is
 *
 *   scale[b] * sub[2b + i / 16] * (u[32b + i] - offset) + min[b] * sub_min[2b + i / 16]
 *
 * with u of so many bits, without a sign, and sub, min and sub_min where the type has them (else 1, 0 and 1).
 * Products and conversions are written once over this form: see struct block_type. */
#ifndef KERNELS_DECODE_H
#define KERNELS_DECODE_H

#include "kernels/decode_scales.h"
#include "kernels/decode_weights.h"

#if defined __clang__
#define DECODE_UNROLL _Pragma("unroll")
#else
#define DECODE_UNROLL _Pragma("GCC unroll 16")
#endif

/* The unit that begins with block `first` of a row of `blocks`. One that the row does not fill is copied into
 * `end`, with zeros after it, so that all units can be read alike. */
struct unit_end {
    uint8_t bytes[UNIT_BLOCKS * sizeof(struct block_uint8)]; /* the largest that has blocks of 32 */
};

DECODE_INLINE const uint8_t *unit_at(uint32_t dtype, const void *row, uint64_t first, uint64_t blocks,
                                     struct unit_end *end)
{
    const struct block_type t = block_type(dtype);
    const uint8_t *p = (const uint8_t *)row + first * BLOCK / t.block * t.bytes;
    if (t.block == UNIT || blocks - first >= UNIT_BLOCKS)
        return p;
    memset(end, 0, sizeof *end);
    memcpy(end, p, (blocks - first) * BLOCK / t.block * t.bytes);
    return end->bytes;
}

DECODE_INLINE void decode_unit(uint32_t dtype, const uint8_t *p, struct decoded *out)
{
    decode_scales(dtype, p, out);
    DECODE_UNROLL
    for (int i = 0; i < UNIT; i += SOME) {
        const some_bytes v = decode_weights(dtype, p, i / BLOCK, i % BLOCK);
        memcpy(out->u + i, &v, sizeof v);
    }
}

/* The unit that begins with block `first`, a multiple of 8, of a row of `blocks`. */
DECODE_INLINE void decode(uint32_t dtype, const void *row, uint64_t first, uint64_t blocks, struct decoded *out)
{
    struct unit_end end;
    decode_unit(dtype, unit_at(dtype, row, first, blocks, &end), out);
}

#endif
