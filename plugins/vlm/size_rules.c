/* size_rules.c - what a picture of a size is resized to and cut into: a function for each rule, as in the image
 * processors of transformers. Their arithmetic is Python's: / is of doubles, int() cuts off, round() rounds halves
 * to even. */
#include "plan.h"

#include <inttypes.h>
#include <math.h>

/* The request, and the plan that a rule fills. */
struct maker {
    const viv_host *host;
    const struct vlm_settings *s;
    double h, w; /* of the picture */
    uint32_t n_pictures, n_frames;
    struct vlm_plan *plan;
};

enum { FROM_PICTURE = -1, MAX_TILES = 1024 };

/* --- parts of a plan ------------------------------------------------------------------------------------------ */

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

/* A new view of one tile, without steps. */
static struct vlm_view *add_view(struct maker *m, int32_t from)
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

static viv_status resize(const struct maker *m, struct vlm_view *v, double h, double w)
{
    const viv_status status = check_canvas(m, h, w);
    if (status != VIV_OK)
        return status;
    v->height = (uint32_t)h;
    v->width = (uint32_t)w;
    v->steps[v->n_steps++] = (struct vlm_step){.kind = VLM_STEP_RESIZE, .width = v->width, .height = v->height};
    return VIV_OK;
}

/* fill: NULL for black */
static viv_status window(const struct maker *m, struct vlm_view *v, int32_t y, int32_t x, double h, double w,
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

/* Pads to the longer side, half of it in front, rounded down. */
static viv_status pad_to_square(const struct maker *m, struct vlm_view *v, const uint8_t *fill)
{
    const uint32_t side = v->height > v->width ? v->height : v->width;
    return window(m, v, -(int32_t)((side - v->height) / 2), -(int32_t)((side - v->width) / 2), side, side, fill);
}

/* trunc(mean * 255): the colour of padding */
static void colour_of_mean(const struct vlm_settings *s, uint8_t *fill)
{
    for (int c = 0; c < 3; c++)
        fill[c] = (uint8_t)fmin(fmax(s->image_mean[c] * 255, 0), 255);
}

static viv_status need(const struct maker *m, double value, const char *key)
{
    if (value >= 1)
        return VIV_OK;
    return viv_fail(m->host, VIV_EINVAL,
                    "the preprocessor's '%s' is missing or below 1, and its size rule needs it", key);
}

static double round_to(double x, double unit)
{
    return rint(x / unit) * unit;
}

static double floor_to(double x, double unit)
{
    return floor(x / unit) * unit;
}

static double ceil_to(double x, double unit)
{
    return ceil(x / unit) * unit;
}

/* Tiles of a grid are of whole pixels. */
static void cut(struct vlm_view *v, double rows, double cols)
{
    v->rows = (uint32_t)rows;
    v->cols = (uint32_t)cols;
}

/* --- plain: a side, both sides, or bounds of them, then a crop --------------------------------------------------
 */

/* shortest and longest edge: the first, but no more than the other allows */
static void bound_edges(double h, double w, double shortest, double longest, double *oh, double *ow)
{
    const double low = fmin(h, w), high = fmax(h, w);
    double exact = shortest;
    if (high / low * shortest > longest) {
        exact = longest * low / high;
        shortest = rint(exact);
    }
    *oh = w < h ? trunc(exact * h / w) : shortest;
    *ow = w < h ? shortest : trunc(exact * w / h);
    if ((h <= w && h == shortest) || (w <= h && w == shortest)) {
        *oh = h;
        *ow = w;
    }
}

static viv_status size_as_given(const struct maker *m, double h, double w, double *oh, double *ow)
{
    const struct vlm_size *z = &m->s->size;
    if (z->shortest_edge && z->longest_edge) {
        bound_edges(h, w, z->shortest_edge, z->longest_edge, oh, ow);
    } else if (z->shortest_edge) {
        *oh = w <= h ? trunc(z->shortest_edge * h / w) : z->shortest_edge;
        *ow = w <= h ? z->shortest_edge : trunc(z->shortest_edge * w / h);
    } else if (z->max_height && z->max_width) {
        const double scale = fmin(z->max_height / h, z->max_width / w);
        *oh = trunc(h * scale);
        *ow = trunc(w * scale);
    } else if (z->height && z->width) {
        *oh = z->height;
        *ow = z->width;
    } else {
        return viv_fail(
            m->host, VIV_EINVAL,
            "the preprocessor's 'size' needs height and width, shortest_edge, or max_height and max_width");
    }
    return VIV_OK;
}

/* Where a crop in the middle begins; negative where it is larger. Only transformers' Pillow back-end rounds that
 * up. */
static int32_t centre(uint32_t size, uint32_t crop, enum vlm_backend backend)
{
    if (size >= crop)
        return (int32_t)((size - crop) / 2);
    return -(int32_t)((crop - size + (backend == VLM_PILLOW)) / 2);
}

static viv_status crop_centre(const struct maker *m, struct vlm_view *v)
{
    const uint32_t h = m->s->crop_size.height, w = m->s->crop_size.width;
    if (!h || !w)
        return viv_fail(m->host, VIV_EINVAL, "the preprocessor's 'crop_size' needs height and width");
    return window(m, v, centre(v->height, h, m->s->backend), centre(v->width, w, m->s->backend), h, w, NULL);
}

static viv_status plan_plain(struct maker *m)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    uint8_t mean[3];
    double h = 0, w = 0;
    viv_status status = VIV_OK;
    colour_of_mean(m->s, mean);
    if (m->s->pad_to_square)
        status = pad_to_square(m, v, mean);
    if (status == VIV_OK && m->s->do_resize) {
        status = size_as_given(m, v->height, v->width, &h, &w);
        if (status == VIV_OK)
            status = resize(m, v, h, w);
    }
    if (status == VIV_OK && m->s->do_center_crop)
        status = crop_centre(m, v);
    return status;
}

/* --- gemma3: long pictures are also shown in parts ---------------------------------------------------------------
 */

static viv_status add_crops(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double longer = fmax(m->h, m->w), ratio = longer / fmin(m->h, m->w),
                 least = s->pan_and_scan_min_crop_size;
    viv_status status = need(m, least, "pan_and_scan_min_crop_size");
    if (status == VIV_OK)
        status = need(m, s->max_tiles, "pan_and_scan_max_num_crops");
    if (status != VIV_OK || ratio < s->pan_and_scan_min_ratio_to_activate)
        return status;
    double n = fmin(floor(longer / least), floor(ratio + 0.5));
    n = fmin(s->max_tiles, fmax(2, n));
    const bool wide = m->w >= m->h;
    const double ch = wide ? m->h : ceil(m->h / n), cw = wide ? ceil(m->w / n) : m->w;
    if (fmin(ch, cw) < least)
        return VIV_OK;
    if (n >= VLM_MAX_VIEWS)
        return viv_fail(m->host, VIV_ELIMIT, "pan_and_scan_max_num_crops is %.0f, at most %d are possible", n,
                        VLM_MAX_VIEWS - 1);
    for (uint32_t i = 0; i < n && status == VIV_OK; i++) {
        struct vlm_view *v = add_view(m, FROM_PICTURE);
        const double y = wide ? 0 : i * ch, x = wide ? i * cw : 0;
        status = window(m, v, (int32_t)y, (int32_t)x, fmin(ch, m->h - y), fmin(cw, m->w - x), NULL);
        if (status == VIV_OK)
            status = resize(m, v, s->size.height, s->size.width);
    }
    return status;
}

static viv_status plan_pan_and_scan(struct maker *m)
{
    double h = 0, w = 0;
    viv_status status = size_as_given(m, m->h, m->w, &h, &w);
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    if (status == VIV_OK)
        status = resize(m, v, h, w);
    if (status == VIV_OK && m->s->split)
        status = add_crops(m);
    v->whole = m->plan->n_views > 1;
    return status;
}

/* --- llava_next: the best of some sizes
 * --------------------------------------------------------------------------- */

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
    viv_status status = resize(m, v, h, w);
    if (status == VIV_OK)
        status =
            window(m, v, -(int32_t)((p[0] - v->height) / 2), -(int32_t)((p[1] - v->width) / 2), p[0], p[1], NULL);
    cut(v, p[0] / tile, p[1] / tile);
    return status;
}

static viv_status plan_pinpoints(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const uint32_t h = s->size.height ? s->size.height : s->size.shortest_edge,
                   w = s->size.width ? s->size.width : s->size.shortest_edge,
                   tile = s->crop_size.height ? s->crop_size.height : h;
    const bool is_cut = m->n_pictures <= 1 || !s->split_alone;
    uint8_t mean[3];
    viv_status status = need(m, fmin(h, w), "size");
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    colour_of_mean(s, mean);
    if (status == VIV_OK && (h != tile || w != tile))
        status = viv_fail(m->host, VIV_EUNSUPPORTED,
                          "the preprocessor's size is %u x %u, and its tiles are %u x %u: they must agree", w, h,
                          tile, tile);
    if (status == VIV_OK && !is_cut)
        status = pad_to_square(m, v, mean);
    if (status == VIV_OK)
        status = resize(m, v, h, w);
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

/* --- idefics3: the longest edge, then multiples of a tile
 * ---------------------------------------------------------- */

static void scale_longest_edge(double longest, double *h, double *w)
{
    enum { MOST = 4096 };
    const double aspect = *w / *h;
    if (*w >= *h) {
        *w = longest;
        *h = trunc(*w / aspect);
        *h += fmod(*h, 2);
    } else {
        *h = longest;
        *w = trunc(*h * aspect);
        *w += fmod(*w, 2);
    }
    *h = fmax(*h, 1);
    *w = fmax(*w, 1);
    const double again = *w / *h;
    if (*w >= *h && *w > MOST) {
        *w = MOST;
        *h = trunc(*w / again);
    } else if (*h > *w && *h > MOST) {
        *h = MOST;
        *w = trunc(*h * again);
    }
    *h = fmax(*h, 1);
    *w = fmax(*w, 1);
}

static viv_status plan_longest_edge(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double tile = s->tile_size;
    double h = m->h, w = m->w;
    viv_status status = need(m, tile, "max_image_size");
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    if (status == VIV_OK && s->do_resize) {
        if (s->size.longest_edge) {
            scale_longest_edge(s->size.longest_edge, &h, &w);
        } else {
            h = s->size.height;
            w = s->size.width;
        }
        status = resize(m, v, h, w);
    }
    if (status != VIV_OK)
        return status;
    if (!s->split)
        return resize(m, v, tile, tile);
    const double aspect = w / h;
    if (w >= h) {
        w = ceil_to(w, tile);
        h = ceil_to(trunc(w / aspect), tile);
    } else {
        h = ceil_to(h, tile);
        w = ceil_to(trunc(h * aspect), tile);
    }
    h = fmax(h, tile);
    w = fmax(w, tile);
    status = resize(m, v, h, w);
    if (status != VIV_OK || (h == tile && w == tile))
        return status;
    cut(v, h / tile, w / tile);
    struct vlm_view *whole = add_view(m, 0);
    whole->whole = true;
    return resize(m, whole, tile, tile);
}

/* --- qwen2_vl, glm4v: multiples of a unit, within bounds of the area
 * ------------------------------------------------ */

/* Changes the size oh x ow, to which h x w was rounded, if its area is too small or too large. The area counts
 * `frames` times, in the comparison `rounded` times. */
static void bound_area(double h, double w, double unit, double least, double most, double frames, double rounded,
                       double *oh, double *ow)
{
    const double area = rounded * *oh * *ow;
    if (area > most) {
        const double b = sqrt(frames * h * w / most);
        *oh = fmax(unit, floor_to(h / b, unit));
        *ow = fmax(unit, floor_to(w / b, unit));
    } else if (area < least) {
        const double b = sqrt(least / (frames * h * w));
        *oh = ceil_to(h * b, unit);
        *ow = ceil_to(w * b, unit);
    }
}

static viv_status plan_area(struct maker *m)
{
    enum { MOST_ASPECT = 200 };
    const struct vlm_settings *s = m->s;
    const double unit = (double)s->patch_size * s->merge_size, patch_frames = fmax(s->temporal_patch_size, 1),
                 frames = s->counts_frames ? fmax(m->n_frames, patch_frames) : 1,
                 rounded = s->counts_frames ? round_to(frames, patch_frames) : 1;
    double h = m->h, w = m->w;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need(m, unit, "patch_size");
    if (status == VIV_OK)
        status = need(m, fmin(s->size.shortest_edge, s->size.longest_edge), "size");
    if (status != VIV_OK || !s->do_resize)
        return status;
    if (s->counts_frames && (h < unit || w < unit)) {
        const double scale = fmax(unit / h, unit / w);
        h = trunc(h * scale);
        w = trunc(w * scale);
    }
    if (fmax(h, w) / fmin(h, w) > MOST_ASPECT)
        return viv_fail(m->host, VIV_EUNSUPPORTED,
                        "a picture of %.0f x %.0f pixels is too narrow: this model takes sides of at most %d to 1",
                        m->w, m->h, MOST_ASPECT);
    double oh = round_to(h, unit), ow = round_to(w, unit);
    bound_area(h, w, unit, s->size.shortest_edge, s->size.longest_edge, frames, rounded, &oh, &ow);
    return resize(m, v, oh, ow);
}

/* --- gemma4: as many patches as fit
 * ---------------------------------------------------------------------------------- */

static viv_status plan_soft_tokens(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double pool = s->pooling_kernel_size, side = pool * s->patch_size,
                 patches = s->max_soft_tokens * pool * pool, area = patches * s->patch_size * s->patch_size,
                 factor = sqrt(area / (m->h * m->w)), longest = s->max_soft_tokens * side;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const viv_status status = need(m, fmin(area, side), "max_soft_tokens, patch_size or pooling_kernel_size");
    if (status != VIV_OK || !s->do_resize)
        return status;
    double h = floor_to(factor * m->h, side), w = floor_to(factor * m->w, side);
    if (h == 0 && w > 0) {
        h = side;
        w = fmin(floor(m->w / m->h) * side, longest);
    } else if (w == 0 && h > 0) {
        w = side;
        h = fmin(floor(m->h / m->w) * side, longest);
    }
    if (h * w > area || h * w == 0)
        return viv_fail(m->host, VIV_ELIMIT, "a picture of %.0f x %.0f pixels has no size of at most %.0f patches",
                        m->w, m->h, patches);
    return resize(m, v, h, w);
}

/* --- grids of tiles of nearest aspect: internvl, deepseek_ocr2, lfm2_vl, ovis2
 * ---------------------------------------- */

/* All grids of least to most tiles in the order of transformers: fewer tiles first, then fewer columns. Calls
 * `judge` for each. */
static void for_each_grid(uint32_t least, uint32_t most, void (*judge)(void *data, uint32_t cols, uint32_t rows),
                          void *data)
{
    for (uint32_t n = least ? least : 1; n <= most; n++)
        for (uint32_t cols = 1; cols <= n; cols++)
            if (n % cols == 0)
                judge(data, cols, n / cols);
}

struct nearest {
    double aspect, area, tile_area, difference;
    uint32_t cols, rows;
};

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

static struct nearest find_nearest_aspect(const struct maker *m, double tile_h, double tile_w)
{
    struct nearest best = {m->w / m->h, m->w * m->h, tile_h * tile_w, INFINITY, 1, 1};
    for_each_grid(m->s->min_tiles, m->s->max_tiles, judge_aspect, &best);
    return best;
}

static viv_status need_tiles(const struct maker *m)
{
    if (m->s->max_tiles >= 1 && m->s->min_tiles <= m->s->max_tiles && m->s->max_tiles <= MAX_TILES)
        return VIV_OK;
    return viv_fail(m->host, VIV_EINVAL, "the preprocessor says %u to %u tiles, expected 1 to at most %d",
                    m->s->min_tiles, m->s->max_tiles, MAX_TILES);
}

/* The picture stretched to a grid of tiles. */
static viv_status add_tiles(struct maker *m, uint32_t rows, uint32_t cols, double tile_h, double tile_w)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const viv_status status = resize(m, v, tile_h * rows, tile_w * cols);
    cut(v, rows, cols);
    return status;
}

/* The whole picture, stretched to the size. */
static viv_status add_whole(struct maker *m, double h, double w)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    v->whole = true;
    return resize(m, v, h, w);
}

/* deepseek_ocr2: the whole picture unstretched, on a square. */
static viv_status add_whole_on_square(struct maker *m, double side)
{
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const double scale = side / fmax(m->h, m->w);
    v->whole = true;
    const viv_status status = resize(m, v, rint(m->h * scale), rint(m->w * scale));
    return status == VIV_OK ? pad_to_square(m, v, m->s->background) : status;
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

static viv_status plan_nearest_aspect(struct maker *m)
{
    const double h = m->s->size.height, w = m->s->size.width;
    viv_status status = need(m, fmin(h, w), "size");
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

static viv_status plan_covering(struct maker *m)
{
    const double h = m->s->size.height, w = m->s->size.width;
    viv_status status = need(m, fmin(h, w), "size");
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

static viv_status plan_area_then_tiles(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double unit = (double)s->patch_size * s->downsample_factor, token = unit * unit,
                 most = s->max_image_tokens * token, least = s->min_image_tokens * token;
    viv_status status = need(m, fmin(unit, most), "encoder_patch_size, downsample_factor or max_image_tokens");
    if (status == VIV_OK)
        status = need_tiles(m);
    if (status == VIV_OK)
        status = need(m, s->tile_size, "tile_size");
    if (status != VIV_OK)
        return status;
    double h = fmax(unit, round_to(m->h, unit)), w = fmax(unit, round_to(m->w, unit));
    const double large_h = fmax(s->patch_size, round_to(m->h, unit)),
                 large_w = fmax(s->patch_size, round_to(m->w, unit));
    bound_area(m->h, m->w, unit, least, most, 1, 1, &h, &w);
    const bool large = large_h * large_w > most * s->max_pixels_tolerance;
    if (!large || !s->split || (s->min_tiles == 1 && s->max_tiles == 1))
        return add_tiles(m, 1, 1, h, w);
    const struct nearest best = find_nearest_aspect(m, s->tile_size, s->tile_size);
    status = add_tiles(m, best.rows, best.cols, s->tile_size, s->tile_size);
    return status == VIV_OK && s->use_thumbnail && best.rows * best.cols > 1 ? add_whole(m, h, w) : status;
}

/* --- pixtral: never larger than some size, then up to multiples of a unit
 * ---------------------------------------------- */

static viv_status plan_shrink(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double most_h = s->size.longest_edge ? s->size.longest_edge : s->size.height,
                 most_w = s->size.longest_edge ? s->size.longest_edge : s->size.width,
                 unit = (double)s->patch_size * s->merge_size;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need(m, unit, "patch_size");
    if (status == VIV_OK)
        status = need(m, fmin(most_h, most_w), "size");
    if (status != VIV_OK || !s->do_resize)
        return status;
    const double ratio = fmax(m->h / most_h, m->w / most_w), h = ratio > 1 ? floor(m->h / ratio) : m->h,
                 w = ratio > 1 ? floor(m->w / ratio) : m->w;
    return resize(m, v, ceil_to(h, unit), ceil_to(w, unit));
}

/* --- siglip2: the largest scale with so many patches, found by halving
 * ------------------------------------------------- */

static double scale_side(double scale, double side, double patch)
{
    return fmax(patch, ceil_to(side * scale, patch));
}

static viv_status plan_max_patches(struct maker *m)
{
    const double patch = m->s->patch_size, most = m->s->max_patches, precision = 1e-5;
    double low = precision / 10, high = 100;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    const viv_status status = need(m, fmin(patch, most), "patch_size or max_num_patches");
    if (status != VIV_OK || !m->s->do_resize)
        return status;
    while (high - low >= precision) {
        const double scale = (low + high) / 2;
        if (scale_side(scale, m->h, patch) / patch * (scale_side(scale, m->w, patch) / patch) <= most)
            low = scale;
        else
            high = scale;
    }
    return resize(m, v, scale_side(low, m->h, patch), scale_side(low, m->w, patch));
}

/* --- llama4: the canvas that fits best, in float32
 * --------------------------------------------------------------------- */

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

static viv_status plan_canvas(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double side = s->size.height;
    struct canvas best = {m, 0, 1, 1};
    viv_status status = need(m, side, "size");
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
    status = resize(m, v, fmax(h, 1), fmax(w, 1));
    if (status == VIV_OK)
        status = window(m, v, 0, 0, canvas_h, canvas_w, NULL);
    cut(v, best.rows, best.cols);
    return status == VIV_OK && best.rows * best.cols > 1 ? add_whole(m, side, side) : status;
}

/* --- kimi_k25: never enlarged, then padded to multiples of a unit
 * ------------------------------------------------------ */

static viv_status plan_shrink_and_pad(struct maker *m)
{
    const struct vlm_settings *s = m->s;
    const double patch = s->patch_size, unit = patch * s->merge_size, most = s->size.max_height * patch;
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need(m, fmin(unit, most), "patch_size, merge_size or size.max_height");
    if (status == VIV_OK)
        status = need(m, s->max_patches, "max_patches");
    if (status != VIV_OK || !s->do_resize)
        return status;
    const double patches = fmax(1, floor(m->h / patch)) * fmax(1, floor(m->w / patch));
    const double scale = fmin(fmin(1, sqrt(s->max_patches / patches)), fmin(most / m->h, most / m->w));
    status = resize(m, v, fmin(fmax(1, trunc(m->h * scale)), most), fmin(fmax(1, trunc(m->w * scale)), most));
    return status == VIV_OK ? window(m, v, 0, 0, ceil_to(v->height, unit), ceil_to(v->width, unit), NULL) : status;
}

/* --- deepseek_vl: the longest side, then a square
 * ---------------------------------------------------------------------- */

static viv_status plan_square(struct maker *m)
{
    const double side = m->s->size.height, scale = side / fmax(m->h, m->w);
    uint8_t mean[3];
    struct vlm_view *v = add_view(m, FROM_PICTURE);
    viv_status status = need(m, side, "size");
    colour_of_mean(m->s, mean);
    if (status == VIV_OK && m->s->do_resize)
        status = resize(m, v, fmax(rint(m->h * scale), m->s->min_size), fmax(rint(m->w * scale), m->s->min_size));
    return status == VIV_OK ? pad_to_square(m, v, mean) : status;
}

/* --- minicpmv4_6: slices of nearest aspect
 * ----------------------------------------------------------------------------- */

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
            const double error = fabs(log_aspect - log((double)(slices / r) / r));
            if (slices % r != 0 || error > least || (error == least && r <= *rows))
                continue;
            least = error;
            *rows = r;
            *cols = slices / r;
        }
}

static viv_status plan_slices(struct maker *m)
{
    uint32_t rows = 1, cols = 1;
    double h = 0, w = 0;
    viv_status status = need(m, fmin(m->s->tile_size, (double)m->s->patch_size * m->s->merge_size),
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

/* --- all rules
 * --------------------------------------------------------------------------------------------------------- */

static viv_status (*const rules[VLM_N_RULES])(struct maker *m) = {
    [VLM_RULE_PLAIN] = plan_plain,
    [VLM_RULE_PAN_AND_SCAN] = plan_pan_and_scan,
    [VLM_RULE_PINPOINTS] = plan_pinpoints,
    [VLM_RULE_LONGEST_EDGE] = plan_longest_edge,
    [VLM_RULE_AREA] = plan_area,
    [VLM_RULE_SOFT_TOKENS] = plan_soft_tokens,
    [VLM_RULE_NEAREST_ASPECT] = plan_nearest_aspect,
    [VLM_RULE_COVERING] = plan_covering,
    [VLM_RULE_SHRINK] = plan_shrink,
    [VLM_RULE_MAX_PATCHES] = plan_max_patches,
    [VLM_RULE_AREA_THEN_TILES] = plan_area_then_tiles,
    [VLM_RULE_CANVAS] = plan_canvas,
    [VLM_RULE_SHRINK_AND_PAD] = plan_shrink_and_pad,
    [VLM_RULE_SQUARE] = plan_square,
    [VLM_RULE_SLICES] = plan_slices,
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

/* --- rows of llava_next
 * ------------------------------------------------------------------------------------------------ */

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

struct vlm_grid vlm_grid_shrink(struct vlm_grid grid, uint32_t side, uint32_t max_tiles)
{
    const double ratio = sqrt((double)grid.rows * grid.cols / ((double)max_tiles * side * side));
    if (ratio > 1.1)
        return (struct vlm_grid){(uint32_t)(grid.rows / ratio), (uint32_t)(grid.cols / ratio), 0, 0};
    return grid;
}
