/* look.c - what a model is given of a picture or a video, for those who want to see it: viv_look of
 * vivarium/pictures.h. */
#include "tiles.h"

#include <inttypes.h>
#include <stdlib.h>

struct shown {
    viv_view view;
    uint8_t *pixels; /* of frames, side by side; those of a picture are in its tiles */
    float *values;
};

struct vlm_looked {
    struct vlm_tiles *tiles; /* of a picture */
    struct shown *shown;     /* [n] */
    const viv_view **list;   /* [n] */
    uint32_t n, capacity;
    uint64_t n_pixels;
};

void vlm_forget_look(struct vlm *v)
{
    struct vlm_looked *l = v->looked;
    for (uint32_t i = 0; l && i < l->n; i++) {
        free(l->shown[i].pixels);
        free(l->shown[i].values);
    }
    if (l) {
        vlm_tiles_release(l->tiles);
        free(l->shown);
        free(l->list);
    }
    free(l);
    v->looked = NULL;
}

/* A view of so many tiles, without pixels, and room for the values of all. */
static viv_status add_view(const struct vlm *v, uint32_t lines, uint32_t columns, uint32_t height, uint32_t width,
                           struct shown **out)
{
    struct vlm_looked *l = v->looked;
    const uint64_t n = UINT64_C(1) * lines * columns * height * width;
    l->n_pixels += n;
    if (l->n_pixels > VLM_MAX_PIXELS)
        return viv_fail(v->host, VIV_ELIMIT, "more than %" PRIu64 " pixels are seen, too many to be shown",
                        VLM_MAX_PIXELS);
    if (l->n == l->capacity) {
        const uint32_t capacity = l->capacity ? 2 * l->capacity : 8;
        struct shown *shown = realloc(l->shown, capacity * sizeof *shown);
        if (!shown)
            return viv_fail(v->host, VIV_ENOMEM, "out of memory");
        l->shown = shown;
        l->capacity = capacity;
    }
    struct shown *s = &l->shown[l->n];
    *s = (struct shown){.view = {.struct_size = sizeof s->view,
                                 .lines = lines,
                                 .columns = columns,
                                 .height = height,
                                 .width = width,
                                 .patch = v->patching.side},
                        .values = malloc((size_t)(3 * n) * sizeof *s->values)};
    if (!s->values)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    s->view.values = s->values;
    l->n++;
    *out = s;
    return VIV_OK;
}

/* --- pictures ------------------------------------------------------------------------------------------------ */

/* Its tiles, and the parts that they become, of which *part is the first. */
static viv_status show_view(const struct vlm *v, uint32_t i, const struct vlm_part **part)
{
    const struct vlm_tiles *t = v->looked->tiles;
    const struct vlm_view *view = &t->plan.views[i];
    const struct vlm_rect first = vlm_tile(view, 0);
    const uint32_t n = view->rows * view->cols, n_parts = vlm_view_kind(v, &t->plan, i) == VLM_PART_TILES ? 1 : n;
    struct shown *s = NULL;
    const viv_status status = add_view(v, view->rows, view->cols, first.height, first.width, &s);
    if (status != VIV_OK)
        return status;
    s->view.flags = view->whole ? VIV_VIEW_WHOLE : 0;
    s->view.pixels = t->canvases[i].pixels;
    for (uint32_t k = 0; k < n; k++)
        vlm_values_of(&v->values, &t->canvases[i], vlm_tile(view, k),
                      s->values + k * 3ull * first.width * first.height);
    for (uint32_t k = 0; k < n_parts; k++)
        s->view.n_rows += (*part)++->n_rows;
    return VIV_OK;
}

static viv_status look_at_picture(struct vlm *v, const viv_part *picture, viv_look *out)
{
    struct vlm_looked *l = v->looked;
    viv_status status = vlm_tiles_cut(v, picture, 1, &l->tiles);
    const struct vlm_part *part = status == VIV_OK ? l->tiles->parts : NULL;
    for (uint32_t i = 0; status == VIV_OK && i < l->tiles->plan.n_views; i++)
        status = show_view(v, i, &part);
    if (status == VIV_OK) {
        out->height = l->tiles->height;
        out->width = l->tiles->width;
    }
    return status;
}

/* --- videos -------------------------------------------------------------------------------------------------- */

/* The frames of a group side by side. */
static viv_status show_frames(struct vlm *v, const struct vlm_part *part, const struct vlm_picture *frames,
                              uint32_t n)
{
    const uint32_t height = frames->height, width = frames->width;
    const size_t line = 3ull * width;
    struct shown *s = NULL;
    const viv_status status = add_view(v, 1, n, height, width, &s);
    if (status != VIV_OK)
        return status;
    s->pixels = malloc(n * line * height);
    if (!s->pixels)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t k = 0; k < n; k++) {
        for (uint32_t y = 0; y < height; y++)
            memcpy(s->pixels + (y * (size_t)n + k) * line, frames[k].pixels + y * line, line);
        vlm_values_of(&v->video_values, &frames[k], (struct vlm_rect){0, 0, width, height},
                      s->values + k * line * height);
    }
    s->view.flags = VIV_VIEW_FRAMES;
    s->view.pixels = s->pixels;
    s->view.n_rows = part->n_rows;
    s->view.begin = part->begin;
    return VIV_OK;
}

/* --- both ---------------------------------------------------------------------------------------------------- */

static viv_status list_views(const struct vlm *v, viv_look *out)
{
    struct vlm_looked *l = v->looked;
    l->list = calloc(l->n + (size_t)1, sizeof(const viv_view *));
    if (!l->list)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < l->n; i++) {
        l->list[i] = &l->shown[i].view;
        out->n_rows += l->shown[i].view.n_rows;
    }
    out->n_views = l->n;
    out->views = l->list;
    return VIV_OK;
}

viv_status vlm_look(void *instance, const viv_part *part, viv_look *out)
{
    struct vlm *v = instance;
    viv_look look = {.struct_size = sizeof look};
    viv_status status = vlm_ready(v);
    vlm_forget_look(v);
    v->looked = status == VIV_OK ? calloc(1, sizeof *v->looked) : NULL;
    if (status == VIV_OK && !v->looked)
        status = viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        status = part->kind == VIV_PART_VIDEO ? vlm_watch_frames(v, part, show_frames, &look.height, &look.width)
                                              : look_at_picture(v, part, &look);
    if (status == VIV_OK)
        status = list_views(v, &look);
    if (status == VIV_OK)
        *out = look;
    return status;
}
