/* exif.c - the tag Orientation of EXIF data: CIPA DC-008, which is a TIFF file (TIFF 6.0, section 2) inside the
 * picture's. Of the first directory only. Broken data say nothing. */
#include "decode.h"

enum { ORIENTATION = 0x0112, SHORT = 3, ENTRY_SIZE = 12 };

struct tiff {
    const uint8_t *bytes;
    uint64_t size;
    bool little;
};

/* A number of n bytes; 0 beyond the end. */
static uint32_t number(const struct tiff *t, uint64_t at, uint32_t n)
{
    uint32_t value = 0;
    if (at > t->size || n > t->size - at)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        value = value << 8 | t->bytes[t->little ? at + n - 1 - i : at + i];
    return value;
}

uint32_t exif_orientation(const uint8_t *exif, uint64_t size)
{
    struct tiff t = {exif, size, false};
    if (size >= 6 && memcmp(exif, "Exif\0\0", 6) == 0) {
        t.bytes += 6;
        t.size -= 6;
    }
    if (t.size < 8 || (memcmp(t.bytes, "II*\0", 4) != 0 && memcmp(t.bytes, "MM\0*", 4) != 0))
        return 1;
    t.little = t.bytes[0] == 'I';
    const uint64_t directory = number(&t, 4, 4), n = number(&t, directory, 2);
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t entry = directory + 2 + i * ENTRY_SIZE;
        if (number(&t, entry, 2) != ORIENTATION)
            continue;
        const uint32_t value = number(&t, entry + 8, 2);
        return number(&t, entry + 2, 2) == SHORT && value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}
