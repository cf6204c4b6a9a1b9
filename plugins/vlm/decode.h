/* decode.h - what decoders of file formats share. */
#ifndef VLM_DECODE_H
#define VLM_DECODE_H

#include "picture.h"

#include <inttypes.h>

/* The bytes of a file, and how they are read: max_pixels is not 0. */
struct source {
    const viv_host *host;
    const uint8_t *bytes;
    uint64_t size;
    struct vlm_reading how;
};

/* What the header of a file says. orientation: 1 to 8, as EXIF numbers them. */
struct header {
    uint32_t width, height, orientation;
};

/* A file format. decode and decode_frames check the size before they allocate, and do not turn pictures upright.
 * decode_frames is NULL for formats without animation. */
struct decoder {
    const char *name;
    bool (*matches)(const uint8_t *bytes, uint64_t size);
    viv_status (*measure)(const struct source *s, struct header *out);
    viv_status (*decode)(const struct source *s, struct vlm_picture *out);
    viv_status (*decode_frames)(const struct source *s, struct vlm_frames *out);
};

extern const struct decoder decoder_png, decoder_jpeg, decoder_webp, decoder_gif;

/* --- picture.c --- */

/* Refuses a side of 0, and n_pictures pictures with more pixels than the limit. format: "PNG" */
viv_status check_size(const struct source *s, const char *format, uint64_t width, uint64_t height,
                      uint64_t n_pictures);

/* Memory for the pixels of a checked size, all 0. bytes_per_pixel: 3 or 4 */
viv_status allocate_pixels(const viv_host *host, uint32_t width, uint32_t height, uint32_t bytes_per_pixel,
                           uint8_t **out);

/* R, G, B, alpha of n pixels become R, G, B; rgb may be rgba. */
void flatten_alpha(uint8_t *rgb, const uint8_t *rgba, uint64_t n, const struct vlm_reading *how);

/* --- exif.c --- */

/* The orientation that EXIF data asks for: 1 to 8; 1, upright, where it says nothing or makes no sense. */
uint32_t exif_orientation(const uint8_t *exif, uint64_t size);

#endif
