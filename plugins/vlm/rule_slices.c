/* rule_slices.c - minicpmv4_6: the whole picture, and slices in the grid of nearest aspect. */
#include "rules.h"

static double nearest_multiple(double x, double unit)
{
    return fmax(round_to(x, unit), unit);
}

/* A size of about tile x tile pixels. */
static void fit_area(const struct maker *m, double h, double w, bool enlarge, double *oh, double *ow)
{
    const double tile = m->s->tile_size, unit = (double)m->s->patch_size * m->s->merge_size;
    if (h * w > tile * tile || enlarge) {
        const double aspect = w / h;
        h = trunc(tile / sqrt(aspect));
        w = trunc(h * aspect);
    }
    *oh = nearest_multiple(h, unit);
    *ow = nearest_multiple(w, unit);
}

static void choose_slices(const struct maker *m, uint32_t *rows, uint32_t *cols)
{
    const double tile = m->s->tile_size, log_aspect = log(m->w / m->h),
                 n = fmin(ceil(m->w * m->h / (tile * tile)), m->s->max_tiles);
    double least = INFINITY;
    *rows = *cols = 1;
    if (n <= 1)
        return;
    for (uint32_t slices = (uint32_t)n - 1; slices <= (uint32_t)n + 1; slices++)
        for (uint32_t r = 1; r <= slices && slices != 1 && slices <= m->s->max_tiles; r++) {
            const uint32_t c = slices / r;
            const double error = fabs(log_aspect - log((double)c / r));
            if (slices % r != 0 || error > least || (error == least && r <= *rows))
                continue;
            least = error;
            *rows = r;
            *cols = c;
        }
}

viv_status rule_slices(struct maker *m)
{
    uint32_t rows = 1, cols = 1;
    double h = 0, w = 0;
    viv_status status = need_setting(m, fmin(m->s->tile_size, (double)m->s->patch_size * m->s->merge_size),
                                     "scale_resolution or patch_size");
    if (status == VIV_OK)
        status = need_tiles(m);
    if (status != VIV_OK)
        return status;
    if (m->s->split)
        choose_slices(m, &rows, &cols);
    fit_area(m, m->h, m->w, rows * cols == 1, &h, &w);
    if (rows * cols == 1)
        return add_tiles(m, 1, 1, h, w);
    status = add_whole(m, h, w);
    fit_area(m, nearest_multiple(m->h, rows) / rows, nearest_multiple(m->w, cols) / cols, true, &h, &w);
    return status == VIV_OK ? add_tiles(m, rows, cols, h, w) : status;
}
