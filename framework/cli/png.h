/* png.h - writes pictures as PNG (ISO/IEC 15948): 8 bits of red, green and blue. */
#ifndef CLI_PNG_H
#define CLI_PNG_H

#include "base/buf.h"
#include "base/error.h"

#include <stdint.h>

/* pixels: [height, width, 3] */
viv_status png_write(struct buf *out, uint32_t height, uint32_t width, const uint8_t *pixels, struct error *err);

#endif
