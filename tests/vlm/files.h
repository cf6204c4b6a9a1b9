/* files.h - files of the tests, and CRC-32 of pixels. */
#ifndef TESTS_VLM_FILES_H
#define TESTS_VLM_FILES_H

#include "testing.h"
#include "vlm/picture.h"

#include <zlib.h>

/* A whole file, or NULL if there is none. The caller frees it. */
static inline uint8_t *read_file(const char *path, uint64_t *size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = NULL;
    long n = 0;
    if (!f)
        return NULL;
    if (fseek(f, 0, SEEK_END) == 0 && (n = ftell(f)) >= 0 && fseek(f, 0, SEEK_SET) == 0 &&
        (bytes = malloc((size_t)n + 1)))
        *size = fread(bytes, 1, (size_t)n, f);
    fclose(f);
    return bytes;
}

static inline uint8_t *read_source_file(const char *folder, const char *name, uint64_t *size)
{
    char relative[256];
    snprintf(relative, sizeof relative, "%s/%s", folder, name);
    return read_file(source_path(relative), size);
}

static inline uint32_t crc_of(const void *bytes, uint64_t size)
{
    return (uint32_t)crc32_z(0, bytes, size);
}

static inline uint32_t crc_of_picture(const struct vlm_picture *p)
{
    return crc_of(p->pixels, UINT64_C(3) * p->width * p->height);
}

#endif
