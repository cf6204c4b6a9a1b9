/* rule_covering.c - ovis2: the smallest grid of tiles that shows nine tenths of the picture; the whole picture
 * first. */
#include "rules.h"

struct covering {
    double h, w, side, most;
    bool enough;
    uint32_t cols, rows;
};

/* Pixels that a tile of the model shows of a part of a picture. */
static double covered_by_tile(double w, double h, double side)
{
    const double longer = fmax(w, h), shorter = fmin(w, h);
    return longer > side ? side * (shorter / longer * side) : longer * shorter;
}

/* The reference counts the rows of the grid as columns here, and only here. */
static void judge_covering(void *data, uint32_t cols, uint32_t rows)
{
    static const double THRESHOLD = 0.9;
    struct covering *best = data;
    const double row = floor(best->h / cols), col = floor(best->w / rows);
    double covered = 0;
    for (uint32_t y = 0; y < cols; y++)
        for (uint32_t x = 0; x < rows; x++)
            covered += covered_by_tile(x == rows - 1 ? best->w - x * col : col,
                                       y == cols - 1 ? best->h - y * row : row, best->side);
    const double share = covered / (best->h * best->w);
    const bool enough = share > THRESHOLD;
    if (best->enough ? !(enough && cols * rows == best->cols * best->rows && share > best->most)
                     : !(enough || share > best->most))
        return;
    *best = (struct covering){best->h, best->w, best->side, share, enough, cols, rows};
}

viv_status rule_covering(struct maker *m)
{
    const double h = m->s->size.height, w = m->s->size.width;
    viv_status status = need_setting(m, fmin(h, w), "size");
    if (status == VIV_OK)
        status = need_tiles(m);
    if (status != VIV_OK)
        return status;
    uint32_t rows = 1, cols = 1;
    if (m->s->split && m->s->use_covering_area_grid) {
        struct covering best = {m->h, m->w, h, -1, false, 1, 1};
        for_each_grid(1, m->s->max_tiles, judge_covering, &best);
        rows = best.rows;
        cols = best.cols;
    } else if (m->s->split) {
        const struct nearest best = find_nearest_aspect(m, h, w);
        rows = best.rows;
        cols = best.cols;
    }
    if (rows * cols > 1)
        status = add_whole(m, h, w);
    return status == VIV_OK ? add_tiles(m, rows, cols, h, w) : status;
}
