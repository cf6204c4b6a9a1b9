/* look.c - what a model is given of a picture, for those who want to see it: viv_look of vivarium/pictures.h. */
#include "tiles.h"

#include <stdlib.h>

struct vlm_looked {
    struct vlm_tiles *tiles;
    viv_view views[VLM_MAX_VIEWS];
    const viv_view *list[VLM_MAX_VIEWS];
    float *values[VLM_MAX_VIEWS];
};

void vlm_forget_look(struct vlm *v)
{
    struct vlm_looked *l = v->looked;
    for (uint32_t i = 0; l && l->tiles && i < l->tiles->plan.n_views; i++)
        free(l->values[i]);
    if (l)
        vlm_tiles_release(l->tiles);
    free(l);
    v->looked = NULL;
}

static viv_status look_at(const struct vlm *v, struct vlm_looked *l, uint32_t i)
{
    const struct vlm_view *view = &l->tiles->plan.views[i];
    const struct vlm_rect first = vlm_tile(view, 0);
    const uint64_t n = (uint64_t)view->rows * view->cols, elems = 3ull * first.width * first.height;
    l->values[i] = malloc((size_t)(n * elems) * sizeof *l->values[i]);
    if (!l->values[i])
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t k = 0; k < n; k++)
        vlm_values_of(&v->values, &l->tiles->canvases[i], vlm_tile(view, k), l->values[i] + k * elems);
    l->views[i] = (viv_view){.struct_size = sizeof *l->views,
                             .flags = view->whole ? VIV_VIEW_WHOLE : 0,
                             .lines = view->rows,
                             .columns = view->cols,
                             .height = first.height,
                             .width = first.width,
                             .patch = v->patching.side,
                             .pixels = l->tiles->canvases[i].pixels,
                             .values = l->values[i]};
    l->list[i] = &l->views[i];
    return VIV_OK;
}

/* Parts stand in the order of the views. */
static void add_rows(struct vlm_looked *l, const struct vlm *v)
{
    const struct vlm_tiles *t = l->tiles;
    uint32_t part = 0;
    for (uint32_t i = 0; i < t->plan.n_views; i++) {
        const struct vlm_view *view = &t->plan.views[i];
        const uint32_t n = vlm_view_kind(v, &t->plan, i) == VLM_PART_TILES ? 1 : view->rows * view->cols;
        for (uint32_t k = 0; k < n; k++)
            l->views[i].n_rows += t->parts[part++].n_rows;
    }
}

viv_status vlm_look(void *instance, const viv_part *picture, viv_look *out)
{
    struct vlm *v = instance;
    viv_status status = vlm_ready(v);
    vlm_forget_look(v);
    v->looked = status == VIV_OK ? calloc(1, sizeof *v->looked) : NULL;
    if (status == VIV_OK && !v->looked)
        status = viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        status = vlm_tiles_cut(v, picture, 1, &v->looked->tiles);
    for (uint32_t i = 0; status == VIV_OK && i < v->looked->tiles->plan.n_views; i++)
        status = look_at(v, v->looked, i);
    if (status != VIV_OK)
        return status;
    const struct vlm_tiles *t = v->looked->tiles;
    add_rows(v->looked, v);
    *out = (viv_look){.struct_size = sizeof *out,
                      .n_views = t->plan.n_views,
                      .height = t->height,
                      .width = t->width,
                      .views = v->looked->list,
                      .n_rows = t->n_rows};
    return VIV_OK;
}
