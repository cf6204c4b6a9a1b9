/* see.c - what a model sees of a picture:
 *
 *   file -> picture -> plan of its size -> canvases -> tiles -> patches -> tower -> (projector) -> rows
 *
 * Each tile is a span of the tower's step, so that tiles do not see each other. */
#include "vlm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The param of the tower: "vision.NAME", or NAME where the tower is the whole model. */
static int64_t tower_int(const struct vlm *v, const char *name, int64_t otherwise)
{
    char full[128];
    snprintf(full, sizeof full, "%s%s%s", v->tower ? v->tower : "", v->tower ? "." : "", name);
    return v->params->get_int(v->model, full, otherwise);
}

static viv_status read_settings(struct vlm *v)
{
    static const char *const files[] = {"preprocessor_config.json", "processor_config.json"};
    const char *json = NULL;
    uint64_t size = 0;
    viv_status status = VIV_OK;
    for (int i = 0; status == VIV_OK && !json && i < 2; i++)
        status = v->params->read_file(v->model, files[i], &json, &size);
    if (status == VIV_OK && !json)
        return viv_fail(
            v->host, VIV_ENOTFOUND,
            "the model's folder has no %s, which says what is done to a picture before the model sees it",
            files[0]);
    return status == VIV_OK
               ? vlm_settings_read(v->host, json, size, false,
                                   v->params->get_word(v->model, "image_processor", NULL), &v->settings)
               : status;
}

viv_status vlm_ready(struct vlm *v)
{
    if (v->ready)
        return VIV_OK;
    if (v->sequences->stack_output(v->model, "vision") > 0)
        v->tower = "vision";
    else if (v->sequences->stack_input(v->model, "graph") == 0)
        return viv_fail(v->host, VIV_EUNSUPPORTED,
                        "this model cannot see: it has no stack that patches of pictures enter");
    const char *last = v->sequences->stack_output(v->model, "project") > 0 ? "project" : v->tower;
    v->dim = v->sequences->stack_output(v->model, last ? last : "graph");
    const int64_t side = tower_int(v, "patch_size", 0), frames = tower_int(v, "temporal_patch_size", 1);
    const int64_t block = tower_int(v, "spatial_merge_size", 1);
    if (side < 1 || side > VLM_MAX_SIDE || frames < 1 || frames > 16 || block < 1 || block > 64)
        return viv_fail(v->host, VIV_EINVAL,
                        "patch_size %" PRId64 ", temporal_patch_size %" PRId64 ", spatial_merge_size %" PRId64
                        ": expected sides of patches that the spec's tower declares",
                        side, frames, block);
    v->patching = (struct vlm_patching){.side = (uint32_t)side,
                                        .frames = (uint32_t)frames,
                                        .block = (uint32_t)block,
                                        .order = VLM_CHANNEL_FRAME_Y_X};
    viv_status status = read_settings(v);
    if (status == VIV_OK)
        status = vlm_values_init(v->host, &v->settings, &v->values);
    v->ready = status == VIV_OK;
    return status;
}

/* --- canvases ------------------------------------------------------------------------------------------------- */

/* A picture cut up: tiles of the same or of different sizes, in the order in which the model gets them. */
struct tiles {
    struct vlm_plan plan;
    struct vlm_picture canvases[VLM_MAX_VIEWS];
    uint32_t n;
};

static void release_tiles(struct tiles *t)
{
    for (uint32_t i = 0; i < t->plan.n_views; i++)
        vlm_picture_release(&t->canvases[i]);
    free(t);
}

static viv_status cut(struct vlm *v, const viv_part *picture, uint32_t n_pictures, struct tiles **out)
{
    const struct vlm_reading how = {0};
    struct vlm_picture whole = {0};
    struct tiles *t = calloc(1, sizeof *t);
    if (!t)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    viv_status status = vlm_picture_read(v->host, picture->data, picture->size, &how, &whole);
    if (status == VIV_OK)
        status = vlm_plan_make(v->host, &v->settings, whole.height, whole.width, n_pictures, 0, &t->plan);
    if (status == VIV_OK)
        status = vlm_plan_render(v->host, &t->plan, &v->settings, &whole, t->canvases);
    vlm_picture_release(&whole);
    t->n = vlm_plan_n_images(&t->plan);
    if (status != VIV_OK) {
        release_tiles(t);
        return status;
    }
    *out = t;
    return VIV_OK;
}

/* The i-th tile: its canvas, and where it lies in it. */
static const struct vlm_picture *tile_of(const struct tiles *t, uint32_t i, struct vlm_rect *rect)
{
    uint32_t view = 0;
    for (uint32_t n; i >= (n = t->plan.views[view].rows * t->plan.views[view].cols); view++)
        i -= n;
    const struct vlm_view *w = &t->plan.views[view];
    const uint32_t width = w->width / w->cols, height = w->height / w->rows;
    *rect = (struct vlm_rect){i % w->cols * width, i / w->cols * height, width, height};
    return &t->canvases[view];
}

/* --- rows ----------------------------------------------------------------------------------------------------- */

/* The patches of one tile on their way. */
struct look {
    float *patches; /* [grid rows, dim] */
    const float **vectors;
    viv_grid grid;
    viv_sequence *sequence;
};

static void end_look(const struct vlm *v, struct look *l)
{
    v->sequences->destroy(l->sequence);
    free(l->patches);
    free(l->vectors);
}

static viv_status begin_look(const struct vlm *v, const struct vlm_picture *canvas, struct vlm_rect rect,
                             struct look *out)
{
    const struct vlm_patching *p = &v->patching;
    const uint64_t height = rect.height / p->side, width = rect.width / p->side;
    const uint64_t n = height * width, dim = 3ull * p->frames * p->side * p->side;
    const uint64_t wanted = v->sequences->stack_input(v->model, v->tower ? v->tower : "graph");
    if (n == 0 || dim != wanted)
        return viv_fail(v->host, VIV_ESHAPE,
                        "a picture of %" PRIu32 " x %" PRIu32 " gives %" PRIu64 " patches of %" PRIu64
                        " numbers, the model takes patches of %" PRIu64,
                        rect.width, rect.height, n, dim, wanted);
    /* what is left over at the right and below is not seen */
    const struct vlm_rect whole = {rect.x, rect.y, (uint32_t)width * p->side, (uint32_t)height * p->side};
    out->grid = (viv_grid){
        .struct_size = sizeof out->grid, .frames = 1, .height = height, .width = width, .block = p->block};
    out->patches = malloc((size_t)(n * dim) * sizeof *out->patches);
    out->vectors = malloc((size_t)n * sizeof *out->vectors);
    if (!out->patches || !out->vectors)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint64_t i = 0; i < n; i++)
        out->vectors[i] = out->patches + i * dim;
    viv_status status = vlm_patches(v->host, &v->values, p, &canvas, 1, whole, out->patches);
    return status == VIV_OK ? v->sequences->create(v->model, &out->sequence) : status;
}

static uint64_t rows_of(const viv_grid *g)
{
    return g->before + g->frames * g->height * g->width + g->after;
}

/* n vectors through a stack, NULL: the graph; all rows that it makes, until the next step. */
static viv_status run_stack(const struct vlm *v, const struct look *l, const char *stack,
                            const float *const *vectors, uint64_t n, const viv_grid *grid, const uint32_t *cancel,
                            const float **rows, uint64_t *n_rows)
{
    uint8_t *all = malloc((size_t)n);
    if (!all)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    memset(all, 1, (size_t)n);
    const viv_rows step = {.struct_size = sizeof step,
                           .sequence = l->sequence,
                           .n_rows = n,
                           .vectors = vectors,
                           .output_rows = all,
                           .stack = stack,
                           .grid = grid};
    const viv_rows *const list[] = {&step};
    const viv_status status = v->sequences->step(v->model, list, 1, cancel, rows, n_rows);
    free(all);
    return status;
}

/* Rows of the tower through the projector. */
static viv_status project(const struct vlm *v, const struct look *l, const uint32_t *cancel, const float **rows,
                          uint64_t *n_rows)
{
    const uint64_t n = *n_rows, dim = v->sequences->stack_input(v->model, "project");
    float *copy = malloc((size_t)(n * dim) * sizeof *copy);
    const float **vectors = malloc((size_t)n * sizeof *vectors);
    viv_status status = copy && vectors ? VIV_OK : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK) {
        memcpy(copy, *rows, (size_t)(n * dim) * sizeof *copy);
        for (uint64_t r = 0; r < n; r++)
            vectors[r] = copy + r * dim;
        status = run_stack(v, l, "project", vectors, n, NULL, cancel, rows, n_rows);
    }
    free(vectors);
    free(copy);
    return status;
}

/* The patches through the tower, then through the projector if there is one; adds the rows that come of it. */
static viv_status run_look(const struct vlm *v, const struct look *l, struct seen *out, const uint32_t *cancel)
{
    const float *rows = NULL;
    uint64_t n = 0;
    viv_status status = run_stack(v, l, v->tower, l->vectors, rows_of(&l->grid), &l->grid, cancel, &rows, &n);
    if (status == VIV_OK && v->sequences->stack_output(v->model, "project") > 0)
        status = project(v, l, cancel, &rows, &n);
    if (status != VIV_OK)
        return status;
    float *grown = realloc(out->rows, (size_t)((out->n_rows + n) * v->dim) * sizeof *grown);
    if (!grown)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    memcpy(grown + out->n_rows * v->dim, rows, (size_t)(n * v->dim) * sizeof *grown);
    out->rows = grown;
    out->n_rows += n;
    return VIV_OK;
}

/* A hash of 128 bits, as two of 64 that go on byte by byte in different ways (the first is FNV-1a). */
static void add_to_identity(uint64_t hash[2], const void *data, uint64_t size)
{
    const unsigned char *p = data;
    for (uint64_t i = 0; i < size; i++) {
        hash[0] = (hash[0] ^ p[i]) * 0x100000001B3u;
        hash[1] = (hash[1] ^ p[i]) * 0xD6E8FEB86659FD93u;
        hash[1] ^= hash[1] >> 29;
    }
}

viv_status vlm_see(struct vlm *v, const viv_part *picture, uint32_t n_pictures, struct seen *out,
                   const uint32_t *cancel)
{
    struct tiles *t = NULL;
    uint64_t hash[2] = {0xCBF29CE484222325u, 0x9E3779B97F4A7C15u};
    viv_status status = vlm_ready(v);
    if (status == VIV_OK)
        status = cut(v, picture, n_pictures, &t);
    for (uint32_t i = 0; status == VIV_OK && i < t->n; i++) {
        struct vlm_rect rect;
        struct look look = {0};
        const struct vlm_picture *canvas = tile_of(t, i, &rect);
        status = begin_look(v, canvas, rect, &look);
        if (status == VIV_OK) {
            add_to_identity(hash, &look.grid, sizeof look.grid);
            add_to_identity(hash, look.patches,
                            rows_of(&look.grid) * 3 * v->patching.frames * v->patching.side * v->patching.side *
                                sizeof *look.patches);
            status = run_look(v, &look, out, cancel);
        }
        end_look(v, &look);
    }
    memcpy(out->identity, hash, sizeof out->identity);
    if (t)
        release_tiles(t);
    return status;
}

/* --- pixels --------------------------------------------------------------------------------------------------- */

viv_status vlm_pixels(void *instance, const viv_part *picture, viv_pixels *out)
{
    struct vlm *v = instance;
    struct tiles *t = NULL;
    struct vlm_rect first, rect;
    viv_status status = vlm_ready(v);
    if (status == VIV_OK)
        status = cut(v, picture, 1, &t);
    if (status != VIV_OK)
        return status;
    tile_of(t, 0, &first);
    const uint64_t elems = 3ull * first.width * first.height;
    free(v->pixels);
    v->pixels = malloc((size_t)(t->n * elems) * sizeof *v->pixels);
    if (!v->pixels)
        status = viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; status == VIV_OK && i < t->n; i++) {
        const struct vlm_picture *canvas = tile_of(t, i, &rect);
        if (rect.width != first.width || rect.height != first.height)
            status = viv_fail(v->host, VIV_EUNSUPPORTED,
                              "the model is given pictures of %" PRIu32 " x %" PRIu32 " and %" PRIu32 " x %" PRIu32
                              ", which are not one array",
                              first.width, first.height, rect.width, rect.height);
        else
            vlm_values_of(&v->values, canvas, rect, v->pixels + i * elems);
    }
    *out = (viv_pixels){.struct_size = sizeof *out,
                        .n = t->n,
                        .channels = 3,
                        .height = first.height,
                        .width = first.width,
                        .values = v->pixels};
    release_tiles(t);
    return status;
}
