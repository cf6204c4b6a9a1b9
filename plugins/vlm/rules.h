/* rules.h - what the size rules share. Each is a function that adds views to a plan; plan.c has their table. Sizes
 * are doubles, since the arithmetic is Python's: / is of doubles, int() cuts off, round() rounds halves to even. */
#ifndef VLM_RULES_H
#define VLM_RULES_H

#include "plan.h"

#include <math.h>

enum { FROM_PICTURE = -1 };

/* The request, and the plan that a rule fills. */
struct maker {
    const viv_host *host;
    const struct vlm_settings *s;
    double h, w; /* of the picture */
    uint32_t n_pictures, n_frames;
    struct vlm_plan *plan;
};

/* --- parts of a plan: plan.c --- */

/* A new view of one tile, without steps. from: another view, or FROM_PICTURE */
struct vlm_view *add_view(struct maker *m, int32_t from);

/* Steps. They refuse sizes below 1 pixel and beyond the limits. fill: NULL for black */
viv_status add_resize(const struct maker *m, struct vlm_view *v, double h, double w);
viv_status add_window(const struct maker *m, struct vlm_view *v, int32_t y, int32_t x, double h, double w,
                      const uint8_t *fill);

/* Pads to the longer side, half of it in front, rounded down. */
viv_status add_square(const struct maker *m, struct vlm_view *v, const uint8_t *fill);

/* How the canvas is cut: into whole tiles. */
void cut_view(struct vlm_view *v, double rows, double cols);

/* A new view: the picture stretched to a grid of tiles; the whole picture stretched to a size. */
viv_status add_tiles(struct maker *m, uint32_t rows, uint32_t cols, double tile_h, double tile_w);
viv_status add_whole(struct maker *m, double h, double w);

/* trunc(mean * 255): the colour of padding */
void colour_of_mean(const struct vlm_settings *s, uint8_t *fill);

/* Refuses a setting below 1; min_tiles to max_tiles that are none or too many. */
viv_status need_setting(const struct maker *m, double value, const char *key);
viv_status need_tiles(const struct maker *m);

/* To a multiple of `unit`. */
double round_to(double x, double unit);
double floor_to(double x, double unit);
double ceil_to(double x, double unit);

/* Calls `judge` for all grids of least to most tiles, in the order of transformers: fewer tiles first, then fewer
 * columns. */
void for_each_grid(uint32_t least, uint32_t most, void (*judge)(void *data, uint32_t cols, uint32_t rows),
                   void *data);

/* --- parts of one rule that another uses --- */

/* rule_plain.c: of a picture of h x w, what `size` says. */
viv_status size_as_given(const struct maker *m, double h, double w, double *oh, double *ow);

/* rule_area.c: changes the size oh x ow, to which h x w was rounded, if its area is too small or too large. The
 * area counts `frames` times, in the comparison `rounded` times. */
void bound_area(double h, double w, double unit, double least, double most, double frames, double rounded,
                double *oh, double *ow);

/* rule_nearest_aspect.c: the grid of min_tiles to max_tiles whose aspect is nearest. */
struct nearest {
    double aspect, area, tile_area, difference;
    uint32_t cols, rows;
};
struct nearest find_nearest_aspect(const struct maker *m, double tile_h, double tile_w);

/* --- the rules, each in its file --- */

viv_status rule_plain(struct maker *m);
viv_status rule_pan_and_scan(struct maker *m);
viv_status rule_pinpoints(struct maker *m);
viv_status rule_longest_edge(struct maker *m);
viv_status rule_area(struct maker *m);
viv_status rule_soft_tokens(struct maker *m);
viv_status rule_nearest_aspect(struct maker *m);
viv_status rule_covering(struct maker *m);
viv_status rule_shrink(struct maker *m);
viv_status rule_max_patches(struct maker *m);
viv_status rule_area_then_tiles(struct maker *m);
viv_status rule_canvas(struct maker *m);
viv_status rule_shrink_and_pad(struct maker *m);
viv_status rule_square(struct maker *m);
viv_status rule_slices(struct maker *m);

#endif
