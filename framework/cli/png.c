/* png.c - see png.h. */
#include "cli/png.h"

#include "base/size.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void put_big_endian(uint8_t *to, uint32_t n)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(n >> (24 - 8 * i));
}

/* length, type, bytes, and the checksum of the last two */
static void put_chunk(struct buf *out, const char *type, const uint8_t *bytes, uint32_t n)
{
    uint8_t number[4];
    uLong sum = crc32(0, (const Bytef *)type, 4);
    put_big_endian(number, n);
    buf_append(out, number, 4);
    buf_append(out, type, 4);
    if (n) {
        buf_append(out, bytes, n);
        sum = crc32_z(sum, bytes, n);
    }
    put_big_endian(number, (uint32_t)sum);
    buf_append(out, number, 4);
}

viv_status png_write(struct buf *out, uint32_t height, uint32_t width, const uint8_t *pixels, struct error *err)
{
    uint8_t header[13] = {[8] = 8, [9] = 2}; /* 8 bits of three colours */
    uint64_t line = 0, raw = 0;
    if (!size_mul(width, 3, &line) || !size_mul(line + 1, height, &raw) || raw > INT32_MAX || !raw)
        return error_set(err, VIV_ELIMIT, "a picture of %u x %u is too large for a PNG file", width, height);
    uLongf packed_size = compressBound((uLong)raw);
    uint8_t *lines = malloc((size_t)raw), *packed = malloc(packed_size);
    viv_status status = lines && packed ? VIV_OK : error_nomem(err);
    for (uint64_t y = 0; status == VIV_OK && y < height; y++) {
        lines[y * (line + 1)] = 0; /* no filter */
        memcpy(lines + y * (line + 1) + 1, pixels + y * line, (size_t)line);
    }
    if (status == VIV_OK && compress2(packed, &packed_size, lines, (uLong)raw, 6) != Z_OK)
        status = error_nomem(err);
    if (status == VIV_OK) {
        put_big_endian(header, width);
        put_big_endian(header + 4, height);
        buf_append(out, "\x89PNG\r\n\x1a\n", 8);
        put_chunk(out, "IHDR", header, sizeof header);
        put_chunk(out, "IDAT", packed, (uint32_t)packed_size);
        put_chunk(out, "IEND", NULL, 0);
        status = out->failed ? error_nomem(err) : VIV_OK;
    }
    free(lines);
    free(packed);
    return status;
}
