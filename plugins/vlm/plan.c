/* plan.c - makes plans: the parts that rules put together, and the table of rules. */
#include "rules.h"

#include <inttypes.h>

enum { MAX_TILES = 1024 };

static viv_status check_canvas(const struct maker *m, double h, double w)
{
    if (h >= 1 && w >= 1 && h <= VLM_MAX_SIDE && w <= VLM_MAX_SIDE && h * w <= (double)VLM_MAX_PIXELS)
        return VIV_OK;
    return viv_fail(
        m->host, VIV_ELIMIT,
        "a picture of %.0f x %.0f pixels would be resized to %.0f x %.0f for this model (width x height): at "
        "least 1 and at most %d pixels per side, and %" PRIu64 " in all, are possible; give one that is less "
        "narrow",
        m->w, m->h, w, h, VLM_MAX_SIDE, VLM_MAX_PIXELS);
}

struct vlm_view *add_view(struct maker *m, int32_t from)
{
    struct vlm_view *v = &m->plan->views[m->plan->n_views++];
    const struct vlm_view *before = from == FROM_PICTURE ? NULL : &m->plan->views[from];
    *v = (struct vlm_view){.from = from,
                           .width = before ? before->width : (uint32_t)m->w,
                           .height = before ? before->height : (uint32_t)m->h,
                           .rows = 1,
                           .cols = 1};
    return v;
}

/* Lines are resized before columns: what is between them is as high as the picture, and bounded, too. */
static viv_status check_lines(const struct maker *m, const struct vlm_view *v, double w)
{
    const double bytes = m->s->rescale_first ? sizeof(float) : 1, lines = v->height * w * bytes;
    if (v->height <= VLM_MAX_SIDE || lines <= (double)VLM_MAX_PIXELS)
        return VIV_OK;
    return viv_fail(
        m->host, VIV_ELIMIT,
        "a picture of %.0f x %.0f pixels is too narrow for this model, which makes its lines %.0f pixels "
        "wide: expected at most %.0f lines; cut it into parts",
        m->w, m->h, w, fmax(VLM_MAX_SIDE, floor((double)VLM_MAX_PIXELS / w / bytes)));
}

viv_status add_resize(const struct maker *m, struct vlm_view *v, double h, double w)
{
    viv_status status = check_canvas(m, h, w);
    if (status == VIV_OK)
        status = check_lines(m, v, w);
    if (status != VIV_OK)
        return status;
    v->height = (uint32_t)h;
    v->width = (uint32_t)w;
    v->steps[v->n_steps++] = (struct vlm_step){.kind = VLM_STEP_RESIZE, .width = v->width, .height = v->height};
    return VIV_OK;
}

viv_status add_window(const struct maker *m, struct vlm_view *v, int32_t y, int32_t x, double h, double w,
                      const uint8_t *fill)
{
    const viv_status status = check_canvas(m, h, w);
    if (status != VIV_OK || (y == 0 && x == 0 && h == v->height && w == v->width))
        return status;
    v->height = (uint32_t)h;
    v->width = (uint32_t)w;
    struct vlm_step *step = &v->steps[v->n_steps++];
    *step = (struct vlm_step){.kind = VLM_STEP_WINDOW, .x = x, .y = y, .width = v->width, .height = v->height};
    if (fill)
        memcpy(step->fill, fill, sizeof step->fill);
    return VIV_OK;
}

viv_status add_square(const struct maker *m, struct vlm_view *v, const uint8_t *fill)
{
    const uint32_t side = v->height > v->width ? v->height : v->width;
    return add_window(m, v, -(int32_t)((side - v->height) / 2), -(int32_t)((side - v->width) / 2), side, side,
                      fill);
}

void colour_of_mean(const struct vlm_settings *s, uint8_t *fill)
{
    for (int c = 0; c < 3; c++)
        fill[c] = (uint8_t)fmin(fmax(s->image_mean[c] * 255, 0), 255);
}

viv_status need_setting(const struct maker *m, double value, const char *key)
{
    if (value >= 1)
        return VIV_OK;
    return viv_fail(m->host, VIV_EINVAL,
                    "the preprocessor's '%s' is missing or below 1, and its size rule needs it", key);
}

double round_to(double x, double unit)
{
    return rint(x / unit) * unit;
}

double floor_to(double x, double unit)
{
    return floor(x / unit) * unit;
}

double ceil_to(double x, double unit)
{
    return ceil(x / unit) * unit;
}

void cut_view(struct vlm_view *v, double rows, double cols)
{
    v->rows = (uint32_t)rows;
    v->cols = (uint32_t)cols;
}

void for_each_grid(uint32_t least, uint32_t most, void (*judge)(void *data, uint32_t cols, uint32_t rows),
                   void *data)
{
    for (uint32_t n = least ? least : 1; n <= most; n++)
        for (uint32_t cols = 1; cols <= n; cols++)
            if (n % cols == 0)
                judge(data, cols, n / cols);
}

viv_status need_tiles(const struct maker *m)
{
    if (m->s->max_tiles >= 1 && m->s->min_tiles <= m->s->max_tiles && m->s->max_tiles <= MAX_TILES)
        return VIV_OK;
    return viv_fail(m->host, VIV_EINVAL, "the preprocessor says %u to %u tiles, expected 1 to at most %d",
                    m->s->min_tiles, m->s->max_tiles, MAX_TILES);
}

viv_status add_tiles(struct maker *m, uint32_t rows, uint32_t cols, double tile_h, double tile_w)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const viv_status status = add_resize(m, v, tile_h * rows, tile_w * cols);
    cut_view(v, rows, cols);
    return status;
}

viv_status add_whole(struct maker *m, double h, double w)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    v->whole = true;
    return add_resize(m, v, h, w);
}

/* --- all rules ----------------------------------------------------------------------------------------------- */

static viv_status (*const rules[VLM_N_RULES])(struct maker *m) = {
    [VLM_RULE_PLAIN] = rule_plain,
    [VLM_RULE_PAN_AND_SCAN] = rule_pan_and_scan,
    [VLM_RULE_PINPOINTS] = rule_pinpoints,
    [VLM_RULE_LONGEST_EDGE] = rule_longest_edge,
    [VLM_RULE_AREA] = rule_area,
    [VLM_RULE_SOFT_TOKENS] = rule_soft_tokens,
    [VLM_RULE_NEAREST_ASPECT] = rule_nearest_aspect,
    [VLM_RULE_COVERING] = rule_covering,
    [VLM_RULE_SHRINK] = rule_shrink,
    [VLM_RULE_MAX_PATCHES] = rule_max_patches,
    [VLM_RULE_AREA_THEN_TILES] = rule_area_then_tiles,
    [VLM_RULE_CANVAS] = rule_canvas,
    [VLM_RULE_SHRINK_AND_PAD] = rule_shrink_and_pad,
    [VLM_RULE_SQUARE] = rule_square,
    [VLM_RULE_SLICES] = rule_slices,
};

viv_status vlm_plan_make(const viv_host *host, const struct vlm_settings *settings, uint32_t height, uint32_t width,
                         uint32_t n_pictures, uint32_t n_frames, struct vlm_plan *out)
{
    struct vlm_plan plan = {0};
    struct maker m = {host, settings, height, width, n_pictures, n_frames, &plan};
    if (height == 0 || width == 0 || height > INT32_MAX || width > INT32_MAX)
        return viv_fail(host, VIV_ESHAPE, "a picture of %u x %u pixels, expected 1 to %d per side", width, height,
                        INT32_MAX);
    if ((uint32_t)settings->rule >= VLM_N_RULES)
        return viv_fail(host, VIV_EINVAL, "size rule %u, expected 0 to %d", (uint32_t)settings->rule,
                        VLM_N_RULES - 1);
    const viv_status status = rules[settings->rule](&m);
    if (status == VIV_OK)
        *out = plan;
    return status;
}

uint32_t vlm_plan_n_images(const struct vlm_plan *plan)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->n_views; i++)
        n += plan->views[i].rows * plan->views[i].cols;
    return n;
}
