/* rule_nearest_aspect.c - internvl (got_ocr2), deepseek_ocr2: the grid of tiles whose aspect is nearest; the whole
 * picture last. */
#include "rules.h"

static void judge_aspect(void *data, uint32_t cols, uint32_t rows)
{
    struct nearest *best = data;
    const double difference = fabs(best->aspect - (double)cols / rows);
    if (difference > best->difference)
        return;
    if (difference == best->difference && !(best->area > 0.5 * best->tile_area * cols * rows))
        return;
    best->difference = difference;
    best->cols = cols;
    best->rows = rows;
}

struct nearest find_nearest_aspect(const struct maker *m, double tile_h, double tile_w)
{
    struct nearest best = {m->w / m->h, m->w * m->h, tile_h * tile_w, INFINITY, 1, 1};
    for_each_grid(m->s->min_tiles, m->s->max_tiles, judge_aspect, &best);
    return best;
}

/* deepseek_ocr2: the whole picture unstretched, on a square. */
static viv_status add_whole_on_square(struct maker *m, double side)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const double scale = side / fmax(m->h, m->w);
    v->whole = true;
    const viv_status status = add_resize(m, v, rint(m->h * scale), rint(m->w * scale));
    return status == VIV_OK ? add_square(m, v, m->s->background) : status;
}

static viv_status plan_on_square(struct maker *m)
{
    const double tile = m->s->tile_size;
    viv_status status = need_tiles(m);
    if (status == VIV_OK && m->s->split && fmax(m->h, m->w) > tile) {
        const struct nearest best = find_nearest_aspect(m, tile, tile);
        status = add_tiles(m, best.rows, best.cols, tile, tile);
    }
    if (status != VIV_OK)
        return status;
    return add_whole_on_square(m, m->s->split ? m->s->size.height : tile);
}

viv_status rule_nearest_aspect(struct maker *m)
{
    const double h = m->s->size.height, w = m->s->size.width;
    viv_status status = need_setting(m, fmin(h, w), "size");
    if (status == VIV_OK && m->s->tile_size)
        return plan_on_square(m);
    if (status == VIV_OK)
        status = need_tiles(m);
    if (status != VIV_OK)
        return status;
    if (!m->s->split)
        return add_tiles(m, 1, 1, h, w);
    const struct nearest best = find_nearest_aspect(m, h, w);
    status = add_tiles(m, best.rows, best.cols, h, w);
    return status == VIV_OK && best.rows * best.cols > 1 ? add_whole(m, h, w) : status;
}
