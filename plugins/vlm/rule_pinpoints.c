/* rule_pinpoints.c - llava_next, llava_onevision: the picture as a whole, and in tiles, on the best of some sizes.
 */
#include "rules.h"

/* The pinpoint that shows most pixels of the picture, then the one that wastes least. */
static const uint32_t *choose_pinpoint(const struct maker *m)
{
    const uint32_t *best = NULL;
    double most = 0, least_waste = INFINITY;
    for (uint32_t i = 0; i < m->s->n_pinpoints; i++) {
        const uint32_t *p = m->s->pinpoints[i];
        const double scale = fmin(p[1] / m->w, p[0] / m->h);
        const double shown = fmin(trunc(m->w * scale) * trunc(m->h * scale), m->w * m->h);
        const double waste = (double)p[0] * p[1] - shown;
        if (shown > most || (shown == most && waste < least_waste)) {
            most = shown;
            least_waste = waste;
            best = p;
        }
    }
    return best;
}

static viv_status add_pinpoint(struct maker *m, const uint32_t *p, double tile)
{
    const double scale_h = p[0] / m->h, scale_w = p[1] / m->w;
    const double h = scale_w < scale_h ? fmin(ceil(m->h * scale_w), p[0]) : p[0],
                 w = scale_w < scale_h ? p[1] : fmin(ceil(m->w * scale_h), p[1]);
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = add_resize(m, v, h, w);
    if (status == VIV_OK)
        status = add_window(m, v, -(int32_t)((p[0] - v->height) / 2), -(int32_t)((p[1] - v->width) / 2), p[0], p[1],
                            NULL);
    cut_view(v, p[0] / tile, p[1] / tile);
    return status;
}

viv_status rule_pinpoints(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const uint32_t h = s->size.height ? s->size.height : s->size.shortest_edge,
                   w = s->size.width ? s->size.width : s->size.shortest_edge,
                   tile = s->crop_size.height ? s->crop_size.height : h;
    const bool is_cut = m->n_pictures <= 1 || !s->split_alone;
    uint8_t mean[3];
    viv_status status = need_setting(m, fmin(h, w), "size");
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    colour_of_mean(s, mean);
    if (status == VIV_OK && (h != tile || w != tile))
        status = viv_fail(m->host, VIV_EUNSUPPORTED,
                          "the preprocessor's size is %u x %u, and its tiles are %u x %u: they must agree", w, h,
                          tile, tile);
    if (status == VIV_OK && !is_cut)
        status = add_square(m, v, mean);
    if (status == VIV_OK)
        status = add_resize(m, v, h, w);
    if (status != VIV_OK || !is_cut)
        return status;
    v->whole = true;
    const uint32_t *p = choose_pinpoint(m);
    if (!p || p[0] % tile || p[1] % tile || !p[0] || !p[1])
        return viv_fail(
            m->host, VIV_EINVAL,
            "the preprocessor's 'image_grid_pinpoints' have no size for %.0f x %.0f pixels in multiples of %u",
            m->w, m->h, tile);
    return add_pinpoint(m, p, tile);
}

/* --- rows of the vision tower -------------------------------------------------------------------------------- */

/* int(round(x, 7)) of Python: a product that is a whole number, but for its rounding, is that number */
static double whole_part(double x)
{
    return trunc(rint(x * 1e7) / 1e7);
}

struct vlm_grid vlm_grid_without_padding(uint32_t height, uint32_t width, uint32_t side, uint32_t rows,
                                         uint32_t cols)
{
    struct vlm_grid g = {side * rows, side * cols, 0, 0};
    const double h = height, w = width;
    if (w / h > (double)g.cols / g.rows) {
        const double shown = whole_part(h * (g.cols / w));
        g.first_row = (uint32_t)((g.rows - shown) / 2);
    } else {
        const double shown = whole_part(w * (g.rows / h));
        g.first_col = (uint32_t)((g.cols - shown) / 2);
    }
    g.rows -= 2 * g.first_row;
    g.cols -= 2 * g.first_col;
    return g;
}
