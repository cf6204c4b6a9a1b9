/* see.c - what a model sees of a picture:
 *
 *   file -> picture -> plan of its size -> canvases -> tiles -> patches -> tower -> (projector) -> rows
 *
 * Tiles go through tower and projector one by one, so that they do not see each other. In a model with a stack
 * `tiles`, those of a view then go through it as one grid, without what the picture was padded with; a picture that
 * is not cut goes through a stack `alone`, if there is one. */
#include "tiles.h"

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

/* "name": [a, b, c], of a param that is a list of three numbers. */
static void write_channels(const struct vlm *v, const char *name, char *json, size_t capacity)
{
    double c[3];
    const size_t n = strlen(json);
    if (v->params->get_floats(v->model, name, c, 3) == 3)
        snprintf(json + n, capacity - n, ", \"%s\": [%.9g, %.9g, %.9g]", name, c[0], c[1], c[2]);
}

/* Whole numbers of the file that the spec may have, each as the param image_KEY. */
static const char *const counts[] = {"patch_size", "merge_size", "min_pixels",       "max_pixels",      "tile_size",
                                     "min_tiles",  "max_tiles",  "min_image_tokens", "max_image_tokens"};

static void write_counts(const struct vlm *v, char *json, size_t capacity)
{
    char name[64];
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const size_t n = strlen(json);
        snprintf(name, sizeof name, "image_%s", counts[i]);
        const int64_t value = v->params->get_int(v->model, name, 0);
        if (value > 0)
            snprintf(json + n, capacity - n, ", \"%s\": %" PRId64, counts[i], value);
    }
}

/* Of a model without such a file, the spec knows the class and what differs from its defaults. */
static viv_status settings_of_params(struct vlm *v, const char *file)
{
    const char *type = v->params->get_word(v->model, "image_processor", NULL);
    const int64_t size = v->params->get_int(v->model, "image_size", 0),
                  longest = v->params->get_int(v->model, "image_longest_edge", 0);
    char json[1024];
    if (!type)
        return viv_fail(
            v->host, VIV_ENOTFOUND,
            "the model's folder has no %s, which says what is done to a picture before the model sees it", file);
    snprintf(json, sizeof json, "{\"image_processor_type\": \"%.100s\"", type);
    if (size > 0 && size <= VLM_MAX_SIDE)
        snprintf(json + strlen(json), sizeof json - strlen(json),
                 ", \"size\": %" PRId64 ", \"crop_size\": %" PRId64, size, size);
    else if (longest > 0)
        snprintf(json + strlen(json), sizeof json - strlen(json), ", \"size\": {\"longest_edge\": %" PRId64 "}",
                 longest);
    write_counts(v, json, sizeof json);
    if (v->params->get_int(v->model, "image_split", 0))
        snprintf(json + strlen(json), sizeof json - strlen(json), ", \"crop_to_patches\": true");
    write_channels(v, "image_mean", json, sizeof json);
    write_channels(v, "image_std", json, sizeof json);
    snprintf(json + strlen(json), sizeof json - strlen(json), "}");
    return vlm_settings_read(v->host, json, strlen(json), false, type, &v->settings);
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
        return settings_of_params(v, files[0]);
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
    v->projects = v->sequences->stack_output(v->model, "project") > 0;
    v->joins = v->sequences->stack_output(v->model, "tiles") > 0;
    v->ends_alone = v->sequences->stack_output(v->model, "alone") > 0;
    v->dim = v->sequences->stack_output(v->model, v->projects ? "project" : v->tower ? v->tower : "graph");
    const uint64_t vector_dim = v->sequences->vector_dim(v->model);
    if (v->language && v->tower && v->params->get_int(v->model, "image_token", -1) >= 0 && v->dim != vector_dim)
        return viv_fail(v->host, VIV_ESHAPE,
                        "pictures become rows of %" PRIu64 " features, and the text takes vectors of %" PRIu64,
                        v->dim, vector_dim);
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

/* --- rows ---------------------------------------------------------------------------------------------------- */

/* On the way of a picture to its rows. */
struct seeing {
    const struct vlm *v;
    const struct vlm_tiles *tiles;
    viv_sequence *sequence;
    const viv_sink *sink; /* told of progress; or NULL */
    const uint32_t *cancel;
    uint64_t n_done; /* tiles */
    float *at;       /* where the next rows go */
};

/* Progress within a step. If the sink refuses it, its next event is refused, too. */
static void tell_layers(void *sink, uint64_t done, uint64_t total)
{
    viv_emit_progress(sink, "layers", done, total);
}

viv_status vlm_run_stack(const struct vlm *v, viv_sequence *sequence, const char *stack,
                         const float *const *vectors, uint64_t n, const viv_grid *grid, const viv_sink *sink,
                         const uint32_t *cancel, const float **rows, uint64_t *n_rows)
{
    uint8_t *all = malloc((size_t)n);
    if (!all)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    memset(all, 1, (size_t)n);
    const viv_rows step = {.struct_size = sizeof step,
                           .sequence = sequence,
                           .n_rows = n,
                           .vectors = vectors,
                           .output_rows = all,
                           .stack = stack,
                           .grid = grid,
                           .told = sink ? tell_layers : NULL,
                           .told_ctx = (void *)sink};
    const viv_rows *const list[] = {&step};
    const viv_status status = v->sequences->step(v->model, list, 1, cancel, rows, n_rows);
    free(all);
    return status;
}

viv_status vlm_run_next(const struct vlm *v, viv_sequence *sequence, const char *stack, const uint32_t *cancel,
                        const float **rows, uint64_t *n_rows)
{
    const uint64_t n = *n_rows, dim = v->sequences->stack_input(v->model, stack);
    float *copy = malloc((size_t)(n * dim) * sizeof *copy);
    const float **vectors = malloc((size_t)n * sizeof *vectors);
    viv_status status = copy && vectors ? VIV_OK : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK) {
        memcpy(copy, *rows, (size_t)(n * dim) * sizeof *copy);
        for (uint64_t r = 0; r < n; r++)
            vectors[r] = copy + r * dim;
        status = vlm_run_stack(v, sequence, stack, vectors, n, NULL, NULL, cancel, rows, n_rows);
    }
    free(vectors);
    free(copy);
    return status;
}

static viv_status run_patches(const struct vlm *v, viv_sequence *sequence, const struct vlm_values *values,
                              const struct vlm_picture *const *pictures, uint32_t n_pictures, struct vlm_rect rect,
                              const viv_grid *grid, const viv_sink *sink, const uint32_t *cancel, float *patches,
                              const float **vectors, const float **rows, uint64_t *n_rows)
{
    const struct vlm_patching *p = &v->patching;
    const uint64_t n = grid->height * grid->width, dim = 3ull * p->frames * p->side * p->side;
    const uint32_t of_each = n_pictures / (uint32_t)grid->frames;
    const struct vlm_rect whole = {rect.x, rect.y, (uint32_t)grid->width * p->side,
                                   (uint32_t)grid->height * p->side};
    viv_status status = VIV_OK;
    for (uint32_t f = 0; status == VIV_OK && f < grid->frames; f++)
        status = vlm_patches(v->host, values, p, pictures + f * of_each, of_each, whole, patches + f * n * dim);
    for (uint64_t i = 0; status == VIV_OK && i < grid->frames * n; i++)
        vectors[i] = patches + i * dim;
    if (status == VIV_OK)
        status = vlm_run_stack(v, sequence, v->tower, vectors, grid->frames * n, grid, sink, cancel, rows, n_rows);
    return status == VIV_OK && v->projects ? vlm_run_next(v, sequence, "project", cancel, rows, n_rows) : status;
}

viv_status vlm_run_tower(const struct vlm *v, viv_sequence *sequence, const struct vlm_values *values,
                         const struct vlm_picture *const *pictures, uint32_t n_pictures, struct vlm_rect rect,
                         const viv_grid *grid, const viv_sink *sink, const uint32_t *cancel, const float **rows,
                         uint64_t *n_rows)
{
    const struct vlm_patching *p = &v->patching;
    const uint64_t n = grid->frames * grid->height * grid->width, dim = 3ull * p->frames * p->side * p->side,
                   wanted = v->sequences->stack_input(v->model, v->tower ? v->tower : "graph");
    if (dim != wanted)
        return viv_fail(v->host, VIV_ESHAPE, "patches of %" PRIu64 " numbers, the model takes patches of %" PRIu64,
                        dim, wanted);
    float *patches = malloc((size_t)(n * dim) * sizeof *patches);
    const float **vectors = malloc((size_t)n * sizeof *vectors);
    const viv_status status = patches && vectors ? run_patches(v, sequence, values, pictures, n_pictures, rect,
                                                               grid, sink, cancel, patches, vectors, rows, n_rows)
                                                 : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    free(patches);
    free(vectors);
    return status;
}

/* A tile through the tower, and through the projector if there is one. */
static viv_status see_tile(struct seeing *s, uint32_t view, uint32_t tile, const float **rows, uint64_t *n_rows)
{
    const struct vlm *v = s->v;
    const struct vlm_view *w = &s->tiles->plan.views[view];
    const struct vlm_picture *canvas = &s->tiles->canvases[view];
    viv_grid grid;
    viv_status status = vlm_patch_grid(v, w, &grid);
    const bool alone = s->tiles->n_parts == 1; /* then progress is that of its layers */
    if (status == VIV_OK && s->sink && !alone)
        status = viv_emit_progress(s->sink, "tiles", s->n_done++, vlm_plan_n_images(&s->tiles->plan));
    return status == VIV_OK ? vlm_run_tower(v, s->sequence, &v->values, &canvas, 1, vlm_tile(w, tile), &grid,
                                            alone ? s->sink : NULL, s->cancel, rows, n_rows)
                            : status;
}

/* Takes the rows of a part. Their number is known: for the host has said it, of the same stacks. */
static viv_status take_rows(struct seeing *s, const float *rows, uint64_t n, uint64_t expected)
{
    if (n != expected)
        return viv_fail(s->v->host, VIV_EINTERNAL,
                        "%" PRIu64 " rows came of a part of a picture, expected %" PRIu64, n, expected);
    memcpy(s->at, rows, (size_t)(n * s->v->dim) * sizeof *rows);
    s->at += n * s->v->dim;
    return VIV_OK;
}

/* The tiles of a view, each by itself. */
static viv_status see_apart(struct seeing *s, uint32_t view, enum vlm_part_kind kind, const struct vlm_part *parts)
{
    const uint32_t n = s->tiles->plan.views[view].rows * s->tiles->plan.views[view].cols;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < n; i++) {
        const float *rows = NULL;
        uint64_t n_rows = 0;
        status = see_tile(s, view, i, &rows, &n_rows);
        if (status == VIV_OK && kind == VLM_PART_ALONE && s->v->ends_alone)
            status = vlm_run_next(s->v, s->sequence, "alone", s->cancel, &rows, &n_rows);
        if (status == VIV_OK)
            status = take_rows(s, rows, n_rows, parts[i].n_rows);
    }
    return status;
}

/* The tiles of a view as one grid: they lie one after the other in `tiles`. */
static viv_status join(struct seeing *s, uint32_t view, const float *tiles, uint64_t side,
                       const struct vlm_part *part)
{
    const struct vlm_view *w = &s->tiles->plan.views[view];
    const float *rows = NULL, **vectors;
    uint64_t n_rows = 0, n = 0;
    struct vlm_grid shown;
    viv_grid grid;
    viv_status status = vlm_joined_grid(s->v, s->tiles, w, &grid, &shown);
    if (status != VIV_OK)
        return status;
    vectors = malloc((size_t)(grid.height * grid.width) * sizeof *vectors);
    if (!vectors)
        return viv_fail(s->v->host, VIV_ENOMEM, "out of memory");
    for (uint64_t y = shown.first_row; y < shown.first_row + grid.height; y++)
        for (uint64_t x = shown.first_col; x < shown.first_col + grid.width; x++) {
            const uint64_t tile = y / side * w->cols + x / side;
            vectors[n++] = tiles + ((tile * side + y % side) * side + x % side) * s->v->dim;
        }
    status = vlm_run_stack(s->v, s->sequence, "tiles", vectors, n, &grid, NULL, s->cancel, &rows, &n_rows);
    free(vectors);
    return status == VIV_OK ? take_rows(s, rows, n_rows, part->n_rows) : status;
}

static viv_status see_joined(struct seeing *s, uint32_t view, const struct vlm_part *part)
{
    const struct vlm_view *w = &s->tiles->plan.views[view];
    const uint32_t n = w->rows * w->cols;
    viv_grid tile;
    viv_status status = vlm_row_grid(s->v, w, 1, &tile);
    const uint64_t per_tile = status == VIV_OK ? tile.height * tile.width * s->v->dim : 0;
    float *tiles = malloc((size_t)(n * per_tile) * sizeof *tiles + 1);
    if (status == VIV_OK && !tiles)
        status = viv_fail(s->v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; status == VIV_OK && i < n; i++) {
        const float *rows = NULL;
        uint64_t n_rows = 0;
        status = see_tile(s, view, i, &rows, &n_rows);
        if (status == VIV_OK && n_rows * s->v->dim != per_tile)
            status = viv_fail(s->v->host, VIV_EINTERNAL, "%" PRIu64 " rows came of a tile", n_rows);
        if (status == VIV_OK)
            memcpy(tiles + i * per_tile, rows, (size_t)per_tile * sizeof *tiles);
    }
    if (status == VIV_OK)
        status = join(s, view, tiles, tile.height, part);
    free(tiles);
    return status;
}

static viv_status see_views(struct seeing *s)
{
    const struct vlm_plan *plan = &s->tiles->plan;
    const struct vlm_part *part = s->tiles->parts;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < plan->n_views; i++) {
        const enum vlm_part_kind kind = vlm_view_kind(s->v, plan, i);
        status = kind == VLM_PART_TILES ? see_joined(s, i, part) : see_apart(s, i, kind, part);
        part += kind == VLM_PART_TILES ? 1 : plan->views[i].rows * plan->views[i].cols;
    }
    return status;
}

/* --- identity ------------------------------------------------------------------------------------------------ */

void vlm_identity(const struct vlm *v, const void *const *pieces, const uint64_t *sizes, uint64_t n,
                  uint8_t identity[16])
{
    uint8_t digest[32];
    v->digest->sha256(pieces, sizes, n, digest);
    memcpy(identity, digest, 16);
}

/* Of what the model is given: the size of the picture, its canvases and how they are cut, and the values of their
 * numbers. Who does not know one picture cannot find another one that is taken for it. */
static void identify(const struct vlm *v, const struct vlm_tiles *t, uint8_t identity[16])
{
    const struct vlm_patching *p = &v->patching;
    const uint32_t rule[] = {t->width, t->height, t->plan.n_views, p->side, p->frames, p->block, p->order};
    uint32_t shapes[VLM_MAX_VIEWS][4];
    const void *pieces[2 + 2 * VLM_MAX_VIEWS] = {rule, &v->values};
    uint64_t sizes[2 + 2 * VLM_MAX_VIEWS] = {sizeof rule, sizeof v->values}, n = 2;
    for (uint32_t i = 0; i < t->plan.n_views; i++) {
        const struct vlm_view *w = &t->plan.views[i];
        const struct vlm_picture *canvas = &t->canvases[i];
        memcpy(shapes[i], (uint32_t[]){canvas->width, canvas->height, w->rows, w->cols}, sizeof shapes[i]);
        pieces[n] = shapes[i];
        sizes[n++] = sizeof shapes[i];
        const uint64_t n_numbers = 3ull * canvas->width * canvas->height;
        pieces[n] = canvas->floats ? (const void *)canvas->floats : canvas->pixels;
        sizes[n++] = n_numbers * (canvas->floats ? sizeof *canvas->floats : 1);
    }
    vlm_identity(v, pieces, sizes, n, identity);
}

/* --- all of it ----------------------------------------------------------------------------------------------- */

static viv_status compute(struct vlm *v, struct vlm_tiles *t, const viv_sink *sink, const uint32_t *cancel,
                          struct seen **out)
{
    struct seeing s = {.v = v, .tiles = t, .sink = sink, .cancel = cancel};
    struct seen *made = calloc(1, sizeof *made);
    viv_status status = made && (made->rows = malloc((size_t)(t->n_rows * v->dim) * sizeof *made->rows))
                            ? v->sequences->create(v->model, &s.sequence)
                            : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    s.at = made ? made->rows : NULL;
    if (status == VIV_OK)
        status = see_views(&s);
    v->sequences->destroy(s.sequence);
    if (status != VIV_OK) {
        vlm_seen_free(made);
        return status;
    }
    made->n_rows = t->n_rows;
    made->parts = t->parts;
    made->n_parts = t->n_parts;
    t->parts = NULL;
    *out = made;
    return VIV_OK;
}

viv_status vlm_check_room(const struct vlm *v, const struct vlm_among *among, uint64_t n_rows)
{
    if (n_rows <= among->room && among->rows <= among->room - n_rows)
        return VIV_OK;
    return viv_fail(v->host, VIV_ELIMIT,
                    "the first %" PRIu32 " of %" PRIu32 " pictures stand for %" PRIu64
                    " tokens, and the context has room for %" PRIu64 " (--context N)",
                    among->index + 1, among->n, among->rows + n_rows, among->room);
}

viv_status vlm_see(struct vlm *v, const viv_part *picture, const struct vlm_among *among, const viv_sink *sink,
                   const uint32_t *cancel, struct seen **out)
{
    struct vlm_tiles *t = NULL;
    uint8_t identity[16];
    viv_status status = sink ? viv_emit_progress(sink, "pictures", among->index, among->n) : VIV_OK;
    if (status == VIV_OK)
        status = vlm_ready(v);
    if (status == VIV_OK)
        status = vlm_tiles_cut(v, picture, among->n_pictures, &t);
    if (status == VIV_OK)
        status = vlm_check_room(v, among, t->n_rows);
    if (status != VIV_OK) {
        vlm_tiles_release(t);
        return status;
    }
    identify(v, t, identity);
    *out = vlm_kept_find(v, identity);
    const bool kept = *out != NULL;
    if (!kept)
        status = compute(v, t, sink, cancel, out);
    if (!kept && status == VIV_OK) {
        memcpy((*out)->identity, identity, sizeof identity);
        vlm_kept_add(v, *out);
    }
    vlm_tiles_release(t);
    if (status == VIV_OK && sink)
        status = viv_emit_picture(sink, picture->name, among->index, among->n, (*out)->n_rows, kept);
    return status;
}
