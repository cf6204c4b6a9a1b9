/* png.c - a picture of RGB pixels as PNG (RFC 2083): each line is its difference from the one above, which for
 * screens is mostly zeros. */
#include "desktop.h"

#include <stdlib.h>
#include <zlib.h>

enum { FILTER_UP = 2 };

static void add_number(struct text *out, uint32_t n)
{
    const char bytes[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    text_add(out, bytes, sizeof bytes);
}

/* length, type, bytes, and the checksum of the last two */
static void add_chunk(struct text *out, const char *type, const unsigned char *bytes, uint32_t n)
{
    uLong sum = crc32(0, (const Bytef *)type, 4);
    add_number(out, n);
    text_add(out, type, 4);
    if (n) {
        text_add(out, (const char *)bytes, n);
        sum = crc32_z(sum, bytes, n);
    }
    add_number(out, (uint32_t)sum);
}

static unsigned char *filter(const struct text *pixels, size_t line, size_t height)
{
    const unsigned char *from = (const unsigned char *)pixels->data;
    unsigned char *lines = malloc((line + 1) * height), *to = lines;
    for (size_t y = 0; lines && y < height; y++, from += line) {
        const unsigned char *above = y ? from - line : NULL;
        *to++ = FILTER_UP;
        for (size_t x = 0; x < line; x++)
            *to++ = (unsigned char)(from[x] - (above ? above[x] : 0));
    }
    return lines;
}

bool png_write(const struct text *pixels, int width, int height, struct text *out)
{
    const size_t line = 3 * (size_t)width, raw = (line + 1) * (size_t)height;
    uLongf size = compressBound((uLong)raw);
    unsigned char header[13] = {[2] = (unsigned char)(width >> 8),
                                [3] = (unsigned char)width,
                                [6] = (unsigned char)(height >> 8),
                                [7] = (unsigned char)height,
                                [8] = 8,
                                [9] = 2}; /* 8 bits of three colours */
    if (width < 1 || height < 1 || width > UINT16_MAX || height > UINT16_MAX || raw > INT32_MAX ||
        pixels->size != line * (size_t)height)
        return false;
    unsigned char *lines = filter(pixels, line, (size_t)height), *packed = malloc(size);
    const bool ok = lines && packed && compress2(packed, &size, lines, (uLong)raw, 1) == Z_OK;
    if (ok) {
        text_add(out, "\x89PNG\r\n\x1a\n", 8);
        add_chunk(out, "IHDR", header, sizeof header);
        add_chunk(out, "IDAT", packed, (uint32_t)size);
        add_chunk(out, "IEND", NULL, 0);
    }
    free(lines);
    free(packed);
    return ok && !out->failed;
}
