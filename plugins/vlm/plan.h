/* plan.h - what becomes of a picture of a size: pictures to resize, to pad or crop, and to cut into tiles, in the
 * order in which the model gets them. A plan is a pure function of the size and the settings: it is made before a
 * picture is decoded, to count tokens, and again to compute. */
#ifndef VLM_PLAN_H
#define VLM_PLAN_H

#include "settings.h"

enum { VLM_MAX_STEPS = 3, VLM_MAX_VIEWS = 33, VLM_MAX_SIDE = 1 << 16 };

enum vlm_step_kind {
    VLM_STEP_RESIZE, /* to width x height */
    VLM_STEP_WINDOW  /* the rectangle at (x, y); what lies outside of the picture gets the colour `fill` */
};

struct vlm_step {
    enum vlm_step_kind kind;
    int32_t x, y;
    uint32_t width, height;
    uint8_t fill[3];
};

/* A canvas, and how it is cut: into rows x cols tiles of the same size, row by row. */
struct vlm_view {
    int32_t from; /* the canvas of this view is the input of the first step; -1: the picture is */
    uint32_t n_steps;
    struct vlm_step steps[VLM_MAX_STEPS];
    uint32_t width, height; /* of the canvas */
    uint32_t rows, cols;
    bool whole; /* it shows the whole picture, besides views that show parts of it */
};

struct vlm_plan {
    uint32_t n_views;
    struct vlm_view views[VLM_MAX_VIEWS]; /* in the order of the images; `from` is an earlier one */
};

/* n_pictures: of the message; llava_onevision cuts a picture only where it is the only one. n_frames: of the video
 * that this is a frame of; 0 for a still picture. */
viv_status vlm_plan_make(const viv_host *host, const struct vlm_settings *settings, uint32_t height, uint32_t width,
                         uint32_t n_pictures, uint32_t n_frames, struct vlm_plan *out);

/* Tiles of all views. */
uint32_t vlm_plan_n_images(const struct vlm_plan *plan);

/* The part of a grid of rows of llava_next and llava_onevision that shows the picture, not what it was padded with.
 * side: rows of the vision tower along a tile's edge; cols, rows: tiles; first: rows and columns that are left out
 * above and on the left, and as many below and on the right. */
struct vlm_grid {
    uint32_t rows, cols, first_row, first_col;
};
struct vlm_grid vlm_grid_without_padding(uint32_t height, uint32_t width, uint32_t side, uint32_t rows,
                                         uint32_t cols);

/* The canvases of all views, plan->n_views of them. The caller releases each. */
viv_status vlm_plan_render(const viv_host *host, const struct vlm_plan *plan, const struct vlm_settings *settings,
                           const struct vlm_picture *picture, struct vlm_picture *canvases);

#endif
