/* pictures.h - what a model that sees makes of pictures: an extension of architecture classes, returned by
 * get_ext(VIV_ARCHITECTURE_PICTURES). Pictures are parts of a request's messages (VIV_PART_IMAGE). */
#ifndef VIVARIUM_PICTURES_H
#define VIVARIUM_PICTURES_H

#include <vivarium/architecture.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_ARCHITECTURE_PICTURES "viv.pictures/0"

/* The pictures that a model is given for one: tiles, frames, or one alone. */
typedef struct viv_pixels {
    uint32_t struct_size, n; /* all of one size */
    uint32_t channels, height, width, reserved;
    const float *values; /* [n, channels, height, width] */
    uint64_t n_rows;     /* that stand for it in a text */
} viv_pixels;

typedef struct viv_pictures {
    uint32_t struct_size, flags;
    /* Computes the rows of all pictures of a request, in order, and places them in the sequence (viv_sequences.place); then
     * *ids [n] are those of its prompt, with as many for each picture as it has rows, of which the last *n_answer are those
     * of a VIV_PART_ANSWER. All that is returned or placed lives until the next call, or until the instance is closed.
     * [setup: after open] */
    viv_status (*place)(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                        const int32_t **ids, uint64_t *n, uint64_t *n_answer);
    /* What the model is given of a picture. It lives until the next call, or until the instance is closed.
     * [setup: after open] */
    viv_status (*pixels)(void *instance, const viv_part *picture, viv_pixels *pixels);
} viv_pictures;

#ifdef __cplusplus
}
#endif
#endif
