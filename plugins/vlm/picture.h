/* picture.h - pictures from files: PNG, JPEG, WebP and GIF become 8-bit RGB, upright, without transparency.
 *
 *   picture.c       finds the decoder by the first bytes, checks sizes, turns pictures upright
 *   decode_*.c      one file format each
 *   exif.c          how a camera was held
 *
 * The size of a picture is checked against a limit before memory for its pixels is allocated. Any bytes end in a
 * picture or in an error. A picture owns its pixels. Functions may be called from any thread, on different objects
 * at the same time. */
#ifndef VLM_PICTURE_H
#define VLM_PICTURE_H

#include <stdbool.h>
#include <vivarium/helpers.h>

/* Rows from top to bottom, without gaps: pixel x of row y begins at pixels[3 * (y * width + x)], in order R, G, B.
 */
struct vlm_picture {
    uint32_t width, height;
    uint8_t *pixels;
    float *floats; /* as long as pixels: what they were before they were rounded, rescaled; or NULL (resize.h) */
};

/* A picture of a video or animation, and how long it is shown. */
struct vlm_frame {
    struct vlm_picture picture;
    uint32_t milliseconds;
};

struct vlm_frames {
    struct vlm_frame *frames;
    uint32_t n;
};

/* The default limit: 11,585 x 11,585 pixels, 400 MB. Decoders need up to 8 bytes per pixel more. */
#define VLM_MAX_PIXELS (UINT64_C(1) << 27)

/* How a file is read. Set it to {0} for the default of each. */
struct vlm_reading {
    uint64_t max_pixels;   /* 0: VLM_MAX_PIXELS. For animations, of all frames together */
    bool drop_alpha;       /* show the colours of transparent pixels as they are in the file */
    bool on_colour;        /* composite over `background`; else over white */
    uint8_t background[3]; /* R, G, B */
};

/* The size of the picture, as it will be when it is upright, from the header of the file. Decodes nothing. */
viv_status vlm_picture_measure(const viv_host *host, const void *bytes, uint64_t size,
                               const struct vlm_reading *how, uint32_t *width, uint32_t *height);

/* One picture. An animation of several frames is refused. */
viv_status vlm_picture_read(const viv_host *host, const void *bytes, uint64_t size, const struct vlm_reading *how,
                            struct vlm_picture *out);

/* All frames of an animated GIF or WebP, each as it is shown. Any other picture is one frame of 0 ms. */
viv_status vlm_frames_read(const viv_host *host, const void *bytes, uint64_t size, const struct vlm_reading *how,
                           struct vlm_frames *out);

/* A picture with all pixels 0. Refuses a side of 0, and more pixels than memory can address. */
viv_status vlm_picture_init(const viv_host *host, uint32_t width, uint32_t height, struct vlm_picture *out);

void vlm_picture_release(struct vlm_picture *picture);
void vlm_frames_release(struct vlm_frames *frames);

#endif
