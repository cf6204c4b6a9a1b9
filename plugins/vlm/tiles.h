/* tiles.h - a picture cut up for a model, and how many rows will stand for each part, known before any is computed.
 */
#ifndef VLM_TILES_H
#define VLM_TILES_H

#include "vlm.h"

/* Tiles of the same or of different sizes, in the order in which the model gets them. */
struct vlm_tiles {
    uint32_t height, width; /* of the picture */
    struct vlm_plan plan;
    struct vlm_picture canvases[VLM_MAX_VIEWS];
    struct vlm_part *parts;
    uint32_t n_parts;
    uint64_t n_rows; /* of all parts */
};

viv_status vlm_tiles_cut(const struct vlm *v, const viv_part *picture, uint32_t n_pictures, struct vlm_tiles **out);
void vlm_tiles_release(struct vlm_tiles *t); /* accepts NULL */

/* Where the i-th tile of a view lies in its canvas. */
struct vlm_rect vlm_tile(const struct vlm_view *view, uint32_t i);

/* What the tiles of a view become: each a part of its own, or all of them one. */
enum vlm_part_kind vlm_view_kind(const struct vlm *v, const struct vlm_plan *plan, uint32_t view);

/* The patches of a tile; what the tower and the projector make of them, or of those of several frames. */
viv_status vlm_patch_grid(const struct vlm *v, const struct vlm_view *view, viv_grid *out);
viv_status vlm_row_grid(const struct vlm *v, const struct vlm_view *view, uint32_t frames, viv_grid *out);

/* All tiles of a view as one grid, without the rows of what the picture was padded with, and where it begins. */
viv_status vlm_joined_grid(const struct vlm *v, const struct vlm_tiles *t, const struct vlm_view *view,
                           viv_grid *out, struct vlm_grid *shown);

#endif
