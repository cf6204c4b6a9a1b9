/* half.h - converts one number between f32 and the 16-bit types, rounding to nearest even. Compilers can vectorise
 * loops over these functions; results are bit-identical to F16C and similar instructions. */
#ifndef KERNELS_HALF_H
#define KERNELS_HALF_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline uint32_t bits_of_float(float f)
{
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return bits;
}

static inline float half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, magnitude = (uint32_t)(h & 0x7fff) << 13;
    /* the exponent's bias differs by 112; the product also normalises subnormal numbers */
    uint32_t finite = bits_of_float(float_of_bits(magnitude) * 0x1p112f);
    uint32_t special = magnitude | 0x7f800000 | (magnitude & 0x7fe000 ? 0x400000 : 0);
    return float_of_bits(sign | ((h & 0x7c00) == 0x7c00 ? special : finite));
}

static inline uint16_t half_of_float(float f)
{
    uint32_t bits = bits_of_float(f), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) /* 65520: halfway between the largest f16 and the next power of two */
        return (uint16_t)(sign | 0x7c00);
    if (magnitude < 0x38800000) /* subnormal: the last bit of 0.5 has the value of the last bit of a half */
        return (uint16_t)(sign | (bits_of_float(float_of_bits(magnitude) + 0.5f) - bits_of_float(0.5f)));
    return (uint16_t)(sign | ((magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13));
}

static inline float bfloat_to_float(uint16_t b)
{
    return float_of_bits((uint32_t)b << 16);
}

static inline uint16_t bfloat_of_float(float f)
{
    uint32_t bits = bits_of_float(f);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* An 8-bit float (OFP8): 4 bits of exponent with a bias of 7, 3 of mantissa; no infinity, and NaN where all are
 * set. */
static inline float e4m3_to_float(uint8_t code)
{
    const uint32_t sign = (uint32_t)(code & 0x80) << 24, magnitude = code & 0x7f;
    const float finite = float_of_bits(magnitude << 20) * 0x1p120f;
    return float_of_bits(sign | (magnitude == 0x7f ? 0x7fc00000 : bits_of_float(finite)));
}

#endif
