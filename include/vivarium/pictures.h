/* pictures.h - what a model that sees makes of pictures: an extension of architecture classes, returned by
 * get_ext(VIV_ARCHITECTURE_PICTURES). Pictures are parts of a request's messages (VIV_PART_IMAGE). */
#ifndef VIVARIUM_PICTURES_H
#define VIVARIUM_PICTURES_H

#include <vivarium/architecture.h>
#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_ARCHITECTURE_PICTURES "viv.pictures/0"

enum {
    VIV_VIEW_WHOLE = 1, /* it shows the whole picture, besides views that show parts of it */
    VIV_VIEW_FRAMES = 2 /* its tiles are frames of a video, which are seen together */
};

/* The picture as it is resized, padded or cropped, and cut into tiles of one size, line by line. */
typedef struct viv_view {
    uint32_t struct_size, flags;
    uint32_t lines, columns; /* of tiles */
    uint32_t height, width;  /* of a tile, in pixels */
    uint32_t patch, reserved; /* the side of a patch, in pixels */
    const uint8_t *pixels;   /* [lines * height, columns * width, 3] red, green, blue */
    const float *values;     /* [lines * columns, 3, height, width] what the model computes with */
    uint64_t n_rows;         /* that stand for it in a text */
    double begin;            /* of frames: the second that the first is from */
} viv_view;

/* What a model is given of a picture or a video. */
typedef struct viv_look {
    uint32_t struct_size, n_views;
    uint32_t height, width; /* of the picture, or of a frame */
    const viv_view *const *views; /* [n_views] in the order in which the model gets them */
    uint64_t n_rows;        /* of all of them */
} viv_look;

typedef struct viv_pictures {
    uint32_t struct_size, flags;
    /* Computes the rows of all pictures of a request, in order, and places them in the sequence (viv_sequences.place); then
     * *ids [n] are those of its prompt, with as many for each picture as it has rows, of which the last *n_answer are those
     * of a VIV_PART_ANSWER. All that is returned or placed lives until the next call, or until the instance is closed.
     * [setup: after open] */
    viv_status (*place)(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                        const int32_t **ids, uint64_t *n, uint64_t *n_answer);
    /* What the model is given of a picture, or of a video. It lives until the next call, or until the instance is closed.
     * [setup: after open] */
    viv_status (*look)(void *instance, const viv_part *part, viv_look *look);
    /* What the model is given of a picture of this size, without one: writes the patches of at most `capacity` tiles, in
     * order, and sets *n_grids to how many tiles there are; *n_rows: that stand for the picture in a text.
     * [setup: after open] */
    viv_status (*measure)(void *instance, uint32_t height, uint32_t width, viv_grid *grids, uint32_t capacity,
                          uint32_t *n_grids, uint64_t *n_rows);
} viv_pictures;

#ifdef __cplusplus
}
#endif
#endif
