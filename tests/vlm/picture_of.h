/* picture_of.h - pictures from integers alone, and sizes: as `picture` and `sizes` of
 * tests/golden/make/pictures.py. */
#ifndef TESTS_VLM_PICTURE_OF_H
#define TESTS_VLM_PICTURE_OF_H

#include "host.h"
#include "testing.h"
#include "vlm/picture.h"

static inline uint8_t value_of(uint32_t seed, uint32_t width, uint32_t y, uint32_t x, uint32_t c)
{
    uint32_t h = (y * width + x) * 3 + c + seed * 0x9E3779B1u;
    h = (h ^ (h >> 15)) * 0x85EBCA77u;
    h = (h ^ (h >> 13)) * 0xC2B2AE3Du;
    const uint32_t noise = h >> 24, ramp = (x * (c + 2) + y * 3 + c * 40 + seed % 1000 * 7) % 510;
    switch (seed % 3) {
    case 0:
        return (uint8_t)noise;
    case 1:
        return (uint8_t)(ramp > 255 ? 510 - ramp : ramp);
    default:
        return (uint8_t)((x / 5 + y / 7 + c) % 2 == 1 ? 255 : noise / 64);
    }
}

static inline struct vlm_picture picture_of(uint32_t seed, uint32_t height, uint32_t width)
{
    struct vlm_picture p = {0};
    ck_assert_int_eq(vlm_picture_init(&test_host, width, height, &p), VIV_OK);
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            for (uint32_t c = 0; c < 3; c++)
                p.pixels[3 * ((uint64_t)y * width + x) + c] = value_of(seed, width, y, x, c);
    return p;
}

static inline uint32_t mix(uint32_t n)
{
    n = (n ^ (n >> 16)) * 0x45D9F3Bu;
    n = (n ^ (n >> 16)) * 0x45D9F3Bu;
    return n ^ (n >> 16);
}

struct sizes {
    uint32_t h, w, oh, ow;
};

static inline struct sizes sizes_of(uint32_t i)
{
    const uint32_t most = i % 3 ? 40 : 160;
    struct sizes s = {1 + mix(4 * i + 1) % most, 1 + mix(4 * i + 2) % most, 1 + mix(4 * i + 3) % most,
                      1 + mix(4 * i + 4) % most};
    if (i % 16 == 3)
        s.oh = s.h;
    if (i % 16 == 7)
        s.ow = s.w;
    if (i % 50 == 11)
        s = (struct sizes){1, 4000, 1 + s.oh % 3, 37};
    return s;
}

#endif
