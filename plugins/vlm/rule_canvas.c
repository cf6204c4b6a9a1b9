/* rule_canvas.c - llama4: the grid of tiles that fits best, in float32, the picture in its upper left corner; the
 * whole last. */
#include "rules.h"

struct canvas {
    const struct maker *m;
    float scale;
    uint32_t cols, rows;
};

/* Enlarging beats shrinking; then the smallest enlargement, or the largest one if that is asked for, or the least
 * shrinking; then the smaller canvas, which comes first. */
static void judge_canvas(void *data, uint32_t cols, uint32_t rows)
{
    struct canvas *best = data;
    const struct maker *m = best->m;
    const float side = (float)m->s->size.height, scale_h = side * (float)rows / (float)m->h,
                scale_w = side * (float)cols / (float)m->w, scale = scale_h > scale_w ? scale_w : scale_h;
    const bool larger = scale > best->scale;
    if (best->scale >= 1 && scale >= 1 ? (m->s->resize_to_max_canvas ? !larger : scale >= best->scale) : !larger)
        return;
    best->scale = scale;
    best->cols = cols;
    best->rows = rows;
}

viv_status rule_canvas(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double side = s->size.height;
    struct canvas best = {m, 0, 1, 1};
    viv_status status = need_setting(m, side, "size");
    if (status == VIV_OK)
        status = need_tiles(m);
    if (status == VIV_OK && s->size.width != s->size.height)
        status = viv_fail(m->host, VIV_EUNSUPPORTED, "the preprocessor's 'size' is %u x %u, expected a square",
                          s->size.width, s->size.height);
    if (status != VIV_OK)
        return status;
    for_each_grid(1, s->max_tiles, judge_canvas, &best);
    const double canvas_h = best.rows * side, canvas_w = best.cols * side;
    const double most_h = s->resize_to_max_canvas ? canvas_h : fmin(fmax(m->h, side), canvas_h),
                 most_w = s->resize_to_max_canvas ? canvas_w : fmin(fmax(m->w, side), canvas_w);
    const double scale_h = most_h / m->h, scale_w = most_w / m->w;
    const double h = scale_w < scale_h ? fmin(floor(m->h * scale_w), most_h) : most_h,
                 w = scale_w < scale_h ? most_w : fmin(floor(m->w * scale_h), most_w);
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    status = add_resize(m, v, fmax(h, 1), fmax(w, 1));
    if (status == VIV_OK)
        status = add_window(m, v, 0, 0, canvas_h, canvas_w, NULL);
    cut_view(v, best.rows, best.cols);
    return status == VIV_OK && best.rows * best.cols > 1 ? add_whole(m, side, side) : status;
}
