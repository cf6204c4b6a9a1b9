/* tiles.c - see tiles.h. */
#include "tiles.h"

#include <inttypes.h>
#include <stdlib.h>

struct vlm_rect vlm_tile(const struct vlm_view *view, uint32_t i)
{
    const uint32_t width = view->width / view->cols, height = view->height / view->rows;
    return (struct vlm_rect){i % view->cols * width, i / view->cols * height, width, height};
}

enum vlm_part_kind vlm_view_kind(const struct vlm *v, const struct vlm_plan *plan, uint32_t view)
{
    if (plan->views[view].whole)
        return VLM_PART_WHOLE;
    if (plan->n_views == 1 && plan->views[view].rows * plan->views[view].cols == 1)
        return VLM_PART_ALONE;
    return v->joins ? VLM_PART_TILES : VLM_PART_TILE;
}

/* --- grids of rows ------------------------------------------------------------------------------------------- */

viv_status vlm_patch_grid(const struct vlm *v, const struct vlm_view *view, viv_grid *out)
{
    const struct vlm_rect tile = vlm_tile(view, 0);
    const uint32_t side = v->patching.side, block = v->patching.block;
    *out = (viv_grid){.struct_size = sizeof *out,
                      .frames = 1,
                      .height = tile.height / side, /* what is left over at the right and below is not seen */
                      .width = tile.width / side,
                      .block = block};
    if (out->height % block || out->width % block)
        return viv_fail(v->host, VIV_ESHAPE,
                        "a picture becomes %" PRIu32 " x %" PRIu32 " pixels, no whole blocks of %" PRIu32
                        " x %" PRIu32 " patches of %" PRIu32 " x %" PRIu32
                        ": the preprocessor's patch_size or merge_size is another model's",
                        tile.width, tile.height, block, block, side, side);
    if (out->height && out->width)
        return VIV_OK;
    return viv_fail(v->host, VIV_ESHAPE,
                    "a picture of %" PRIu32 " x %" PRIu32 " has no patch of %" PRIu32 " x %" PRIu32, tile.width,
                    tile.height, side, side);
}

viv_status vlm_row_grid(const struct vlm *v, const struct vlm_view *view, uint32_t frames, viv_grid *out)
{
    viv_status status = vlm_patch_grid(v, view, out);
    out->frames = frames;
    if (status == VIV_OK)
        status = v->sequences->stack_grid(v->model, v->tower ? v->tower : "graph", out);
    return status == VIV_OK && v->projects ? v->sequences->stack_grid(v->model, "project", out) : status;
}

viv_status vlm_joined_grid(const struct vlm *v, const struct vlm_tiles *t, const struct vlm_view *view,
                           viv_grid *out, struct vlm_grid *shown)
{
    viv_grid tile;
    const viv_status status = vlm_row_grid(v, view, 1, &tile);
    if (status != VIV_OK)
        return status;
    if (tile.height != tile.width || tile.before || tile.after || tile.block != 1)
        return viv_fail(v->host, VIV_EUNSUPPORTED,
                        "tiles of %" PRIu64 " x %" PRIu64 " rows and %" PRIu64 " besides cannot lie side by side: "
                        "expected squares, line by line",
                        tile.height, tile.width, tile.before + tile.after);
    *shown = vlm_grid_without_padding(t->height, t->width, (uint32_t)tile.height, view->rows, view->cols);
    if (shown->rows == 0 || shown->cols == 0)
        return viv_fail(v->host, VIV_ELIMIT,
                        "a picture of %" PRIu32 " x %" PRIu32
                        " pixels is too narrow: besides its padding, it fills no "
                        "row of the model",
                        t->width, t->height);
    *out = tile;
    out->height = shown->rows;
    out->width = shown->cols;
    return VIV_OK;
}

static uint64_t rows_of(const viv_grid *g)
{
    return g->before + g->frames * g->height * g->width + g->after;
}

/* Rows of each part of a view. */
static viv_status count_rows(const struct vlm *v, const struct vlm_tiles *t, const struct vlm_view *view,
                             enum vlm_part_kind kind, viv_grid *grid, uint64_t *n)
{
    struct vlm_grid shown;
    viv_status status =
        kind == VLM_PART_TILES ? vlm_joined_grid(v, t, view, grid, &shown) : vlm_row_grid(v, view, 1, grid);
    const char *stack = kind == VLM_PART_TILES ? "tiles" : kind == VLM_PART_ALONE && v->ends_alone ? "alone" : NULL;
    if (status == VIV_OK && stack)
        status = v->sequences->stack_grid(v->model, stack, grid);
    *n = status == VIV_OK ? rows_of(grid) : 0;
    return status;
}

/* A view of one tile, besides others: such views, one behind the other, are a line of tiles. */
static bool is_crop(const struct vlm *v, const struct vlm_plan *plan, uint32_t i)
{
    return i < plan->n_views && plan->views[i].rows * plan->views[i].cols == 1 &&
           vlm_view_kind(v, plan, i) == VLM_PART_TILE;
}

static viv_status make_parts(const struct vlm *v, struct vlm_tiles *t)
{
    viv_status status = VIV_OK;
    uint32_t n_crops = 0; /* of a line */
    t->parts = calloc(vlm_plan_n_images(&t->plan), sizeof *t->parts);
    if (!t->parts)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; status == VIV_OK && i < t->plan.n_views; i++) {
        const struct vlm_view *view = &t->plan.views[i];
        const enum vlm_part_kind kind = vlm_view_kind(v, &t->plan, i);
        const uint32_t n = kind == VLM_PART_TILES ? 1 : view->rows * view->cols;
        const bool crop = is_crop(v, &t->plan, i);
        uint64_t n_rows = 0;
        viv_grid grid;
        n_crops = crop ? n_crops + 1 : 0;
        status = count_rows(v, t, view, kind, &grid, &n_rows);
        for (uint32_t k = 0; status == VIV_OK && k < n; k++)
            t->parts[t->n_parts++] = (struct vlm_part){.kind = kind,
                                                       .row = k / view->cols,
                                                       .col = crop ? n_crops - 1 : k % view->cols,
                                                       .ends_line = crop ? !is_crop(v, &t->plan, i + 1)
                                                                         : k % view->cols + 1 == view->cols,
                                                       .n_rows = n_rows,
                                                       .grid = grid};
        t->n_rows += n * n_rows;
    }
    return status;
}

/* --- pictures ------------------------------------------------------------------------------------------------ */

void vlm_tiles_release(struct vlm_tiles *t)
{
    for (uint32_t i = 0; t && i < t->plan.n_views; i++)
        vlm_picture_release(&t->canvases[i]);
    if (t)
        free(t->parts);
    free(t);
}

viv_status vlm_tiles_cut(const struct vlm *v, const viv_part *picture, uint32_t n_pictures, struct vlm_tiles **out)
{
    const struct vlm_naming naming = vlm_naming(v->host, picture);
    struct vlm named = *v;
    struct vlm_picture whole = {0};
    struct vlm_tiles *t = calloc(1, sizeof *t);
    named.host = &naming.host;
    if (!t)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    viv_status status = vlm_part_read(v->host, picture, &whole);
    if (status == VIV_OK)
        status = vlm_plan_make(named.host, &v->settings, whole.height, whole.width, n_pictures, 0, &t->plan);
    t->height = whole.height;
    t->width = whole.width;
    if (status == VIV_OK)
        status = make_parts(&named, t);
    if (status == VIV_OK)
        status = vlm_plan_render(named.host, &t->plan, &v->settings, &whole, t->canvases);
    vlm_picture_release(&whole);
    if (status != VIV_OK) {
        vlm_tiles_release(t);
        return status;
    }
    *out = t;
    return VIV_OK;
}

viv_status vlm_measure(void *instance, uint32_t height, uint32_t width, viv_grid *grids, uint32_t capacity,
                       uint32_t *n_grids, uint64_t *n_rows)
{
    struct vlm *v = instance;
    struct vlm_tiles *t = calloc(1, sizeof *t);
    if (!t)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    t->height = height;
    t->width = width;
    viv_status status = vlm_ready(v);
    if (status == VIV_OK)
        status = vlm_plan_make(v->host, &v->settings, height, width, 1, 0, &t->plan);
    if (status == VIV_OK)
        status = make_parts(v, t);
    uint32_t n = 0;
    for (uint32_t i = 0; status == VIV_OK && i < t->plan.n_views; i++) {
        const struct vlm_view *view = &t->plan.views[i];
        viv_grid grid;
        status = vlm_patch_grid(v, view, &grid);
        for (uint32_t k = 0; status == VIV_OK && k < view->rows * view->cols; k++, n++)
            if (n < capacity)
                grids[n] = grid;
    }
    *n_grids = n;
    *n_rows = t->n_rows;
    vlm_tiles_release(t);
    return status;
}
