/* chart.c - see chart.h. */
#include "cli/compare/chart.h"

#include "base/figure.h"
#include "cli/compare/facts.h"
#include "cli/compare/svg.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 476,
    HEIGHT = 310,
    LEFT = 70,
    RIGHT = 128, /* the names of series */
    TOP = 12,
    BOTTOM = 44,
    N_COLOURS = 10, /* in report.css */
    MOST_TICKS = 8
};

/* --- axes ---------------------------------------------------------------------------------------------------- */

/* From values to pixels. */
struct scale {
    const struct axis *axis;
    double least, most; /* of the axis, or their logarithms */
    double from, to;    /* pixels */
    double ticks[MOST_TICKS + 2];
    uint32_t n_ticks;
};

static bool shown(const struct axis *a, double v)
{
    return isfinite(v) && (!a->log || v > 0);
}

static double on_axis(const struct axis *a, double v)
{
    return a->log ? log2(v) : v;
}

static double place(const struct scale *s, double v)
{
    return s->from + (on_axis(s->axis, v) - s->least) / (s->most - s->least) * (s->to - s->from);
}

static void find_range(struct scale *s, const struct chart *c, bool is_x)
{
    bool any = false;
    for (size_t i = 0; i < c->n; i++)
        for (size_t j = 0; j < c->series[i].n; j++) {
            const double x = c->series[i].x[j], y = c->series[i].y[j], v = is_x ? x : y;
            if (!shown(&c->x, x) || !shown(&c->y, y))
                continue;
            const double at = on_axis(s->axis, v);
            const bool spread = !is_x && c->series[i].low && c->series[i].low[j] > 0;
            const double low = spread ? on_axis(s->axis, c->series[i].low[j]) : at,
                         high = spread ? on_axis(s->axis, c->series[i].high[j]) : at;
            s->least = any ? fmin(s->least, low) : low;
            s->most = any ? fmax(s->most, high) : high;
            any = true;
        }
    if (!any)
        s->most = s->axis->log ? 1 : 0;
}

/* 1, 2 or 5 times a power of ten. */
static double round_step(double step)
{
    const double power = pow(10, floor(log10(step))), digit = step / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static void add_tick(struct scale *s, double v)
{
    if (s->n_ticks < MOST_TICKS + 2)
        s->ticks[s->n_ticks++] = v;
}

static void linear_ticks(struct scale *s)
{
    if (s->axis->from_zero)
        s->least = fmin(0, s->least);
    if (s->most <= s->least)
        s->most = s->least + (s->least != 0 ? fabs(s->least) : 1);
    const double step = round_step((s->most - s->least) / (MOST_TICKS - 2));
    s->least = floor(s->least / step + 1e-9) * step;
    s->most = ceil(s->most / step - 1e-9) * step;
    for (int i = 0; s->least + i * step <= s->most + step / 2; i++)
        add_tick(s, s->least + i * step);
}

/* Whole powers of two for bytes and tokens, else of ten, with 2 and 5 between where there are few. */
static void log_ticks(struct scale *s)
{
    const double unit = s->axis->unit == AXIS_BYTES || s->axis->unit == AXIS_TOKENS ? 1 : log2(10);
    double first = floor(s->least / unit + 1e-9), last = ceil(s->most / unit - 1e-9);
    if (last <= first)
        last = first + 1;
    const double step = fmax(1, ceil((last - first) / (MOST_TICKS - 1)));
    last = first + ceil((last - first) / step) * step;
    for (int i = 0; first + i * step <= last + step / 2; i++) {
        const double at = first + i * step;
        add_tick(s, exp2(at * unit));
        if (unit > 1 && last - first <= 2 && at < last) {
            add_tick(s, 2 * exp2(at * unit));
            add_tick(s, 5 * exp2(at * unit));
        }
    }
    s->least = first * unit;
    s->most = last * unit;
}

static void make_scale(struct scale *s, const struct chart *c, bool is_x)
{
    *s = (struct scale){
        .axis = is_x ? &c->x : &c->y, .from = is_x ? LEFT : HEIGHT - BOTTOM, .to = is_x ? WIDTH - RIGHT : TOP};
    find_range(s, c, is_x);
    if (s->axis->log)
        log_ticks(s);
    else
        linear_ticks(s);
}

/* "1.5 K", "2 GiB": a number as the axis writes it. */
static void put_unit(enum unit unit, double v, struct buf *out)
{
    static const char *const counts[] = {"", " K", " M", " B", " T", " P", " E"};
    static const char *const bytes[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB"};
    static const char *const tokens[] = {"", "k", "M"};
    const bool binary = unit == AXIS_BYTES || unit == AXIS_TOKENS;
    const char *const *names = unit == AXIS_BYTES ? bytes : unit == AXIS_TOKENS ? tokens : counts;
    const size_t n = unit == AXIS_BYTES ? 6 : unit == AXIS_TOKENS ? 3 : unit == AXIS_COUNT ? 7 : 1;
    size_t i = 0;
    for (; i + 1 < n && fabs(v) >= (binary ? 1023.5 : 999.5); i++)
        v /= binary ? 1024 : 1000;
    buf_printf(out, fabs(v) >= 999.5 ? "%.0f%s" : "%.3g%s", v, names[i]);
}

static void draw_axes(const struct scale *x, const struct scale *y, struct buf *out)
{
    struct buf text = {0};
    for (uint32_t i = 0; i < y->n_ticks; i++) {
        const double at = place(y, y->ticks[i]);
        svg_path(out, "grid", "M%d %.6gH%d", LEFT, at, WIDTH - RIGHT);
        buf_clear(&text);
        put_unit(y->axis->unit, y->ticks[i], &text);
        svg_text(out, LEFT - 6, at + 4, "end", "small quiet", buf_text(&text));
    }
    for (uint32_t i = 0; i < x->n_ticks; i++) {
        const double at = place(x, x->ticks[i]);
        svg_path(out, "grid", "M%.6g %dV%d", at, TOP, HEIGHT - BOTTOM);
        buf_clear(&text);
        put_unit(x->axis->unit, x->ticks[i], &text);
        svg_text(out, at, HEIGHT - BOTTOM + 15, "middle", "small quiet", buf_text(&text));
    }
    svg_text(out, (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "middle", "small", x->axis->label);
    buf_printf(out, "<text class=\"small\" text-anchor=\"middle\" transform=\"translate(13 %.6g)rotate(-90)\">",
               (TOP + HEIGHT - BOTTOM) / 2.0);
    svg_escape(out, y->axis->label);
    buf_puts(out, "</text>\n");
    out->failed |= text.failed;
    buf_release(&text);
}

/* --- series -------------------------------------------------------------------------------------------------- */

/* A shape for each colour: circle, square, diamond, triangle up and down. */
static void draw_mark(struct buf *out, double x, double y, const struct series *s, const char *tip)
{
    const uint32_t colour = s->colour % N_COLOURS;
    char d[96];
    switch (s->colour % 5) { /* formats are literals, so that the compiler checks them */
    case 0:
        snprintf(d, sizeof d, "M%.6g %.6gm-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z", x, y);
        break;
    case 1:
        snprintf(d, sizeof d, "M%.6g %.6gm-4-4h8v8h-8z", x, y);
        break;
    case 2:
        snprintf(d, sizeof d, "M%.6g %.6gm0-5.5l5.5 5.5l-5.5 5.5l-5.5-5.5z", x, y);
        break;
    case 3:
        snprintf(d, sizeof d, "M%.6g %.6gm0-5l5 9h-10z", x, y);
        break;
    default:
        snprintf(d, sizeof d, "M%.6g %.6gm0 5l5-9h-10z", x, y);
        break;
    }
    buf_printf(out, "<path class=\"%s%" PRIu32 "\" d=\"%s\"><title>", s->hollow ? "hollow s" : "mark s", colour, d);
    svg_escape(out, tip);
    buf_puts(out, "</title></path>\n");
}

static void draw_line(const struct chart *c, const struct series *s, const struct scale *x, const struct scale *y,
                      struct buf *out)
{
    static const char *const dashes[] = {"none", "7 3", "2 3", "9 3 2 3"};
    bool open = false;
    if (s->plain)
        buf_puts(out, "<path class=\"limit\" d=\"");
    else
        buf_printf(out, "<path class=\"line s%" PRIu32 "\" stroke-dasharray=\"%s\" d=\"", s->colour % N_COLOURS,
                   dashes[s->colour % 4]);
    for (size_t i = 0; i < s->n; i++) {
        const bool here = shown(&c->x, s->x[i]) && shown(&c->y, s->y[i]);
        if (here)
            buf_printf(out, "%c%.6g %.6g", open ? 'L' : 'M', place(x, s->x[i]), place(y, s->y[i]));
        open = here;
    }
    buf_puts(out, "\"/>\n");
}

static void draw_series(const struct chart *c, const struct series *s, const char *name, const struct scale *x,
                        const struct scale *y, struct buf *out)
{
    struct buf tip = {0};
    size_t points = 0;
    for (size_t i = 0; i < s->n; i++)
        points += shown(&c->x, s->x[i]) && shown(&c->y, s->y[i]);
    if (points > 1 && s->line)
        draw_line(c, s, x, y, out);
    for (size_t i = 0; i < s->n && !s->plain; i++) {
        if (!shown(&c->x, s->x[i]) || !shown(&c->y, s->y[i]))
            continue;
        buf_clear(&tip);
        buf_printf(&tip, "%s%s%s: ", name, s->says ? ", " : "", s->says ? s->says : "");
        put_unit(c->x.unit, s->x[i], &tip);
        buf_printf(&tip, " %s, ", c->x.label);
        put_unit(c->y.unit, s->y[i], &tip);
        buf_printf(&tip, " %s", c->y.label);
        if (s->low && s->low[i] > 0 && s->high[i] > s->low[i])
            svg_path(out, "spread", "M%.6g %.6gV%.6g", place(x, s->x[i]), place(y, s->low[i]),
                     place(y, s->high[i]));
        draw_mark(out, place(x, s->x[i]), place(y, s->y[i]), s, buf_text(&tip));
    }
    out->failed |= tip.failed;
    buf_release(&tip);
}

/* --- names of series, where they end ------------------------------------------------------------------------- */

struct label {
    const struct series *series;
    double x, y, at; /* the last point; where its name stands */
};

static int by_height(const void *a, const void *b)
{
    const struct label *x = a, *y = b;
    return x->y < y->y ? -1 : x->y > y->y ? 1 : x->series < y->series ? -1 : 1;
}

/* Apart by a line of text, and as near to their points as that allows. */
static void spread(struct label *labels, size_t n)
{
    enum { LINE = 14 };
    const double least = TOP + 6, most = HEIGHT - BOTTOM;
    for (size_t i = 0; i < n; i++)
        labels[i].at = fmax(labels[i].y, i ? labels[i - 1].at + LINE : least);
    for (size_t i = n; i-- > 0;)
        labels[i].at = fmin(labels[i].at, i + 1 < n ? labels[i + 1].at - LINE : most);
}

static viv_status draw_labels(const struct chart *c, const struct scale *x, const struct scale *y, struct buf *out,
                              struct error *err)
{
    struct label *labels = calloc(c->n + 1, sizeof *labels);
    size_t n = 0;
    char text[128];
    if (!labels)
        return error_nomem(err);
    for (size_t i = 0; i < c->n; i++) {
        const struct series *s = &c->series[i];
        size_t last = s->n;
        while (last > 0 && !(shown(&c->x, s->x[last - 1]) && shown(&c->y, s->y[last - 1])))
            last--;
        if (last > 0 && s->name)
            labels[n++] = (struct label){s, place(x, s->x[last - 1]), place(y, s->y[last - 1]), 0};
    }
    qsort(labels, n, sizeof *labels, by_height);
    spread(labels, n);
    const double from = WIDTH - RIGHT + 12;
    for (size_t i = 0; i < n; i++) {
        svg_path(out, "lead", "M%.6g %.6gL%.6g %.6g", labels[i].x + 6, labels[i].y, from - 2, labels[i].at);
        if (labels[i].series->plain)
            buf_puts(out, "<text class=\"small quiet\"");
        else
            buf_printf(out, "<text class=\"small t%" PRIu32 "\"", labels[i].series->colour % N_COLOURS);
        buf_printf(out, " x=\"%.6g\" y=\"%.6g\">", from, labels[i].at + 4);
        svg_escape(out, svg_fit(labels[i].series->name, RIGHT - 12, 11, text, sizeof text));
        buf_puts(out, "</text>\n");
    }
    free(labels);
    return VIV_OK;
}

viv_status chart_write(const struct chart *c, struct buf *out, struct error *err)
{
    struct scale x, y;
    make_scale(&x, c, true);
    make_scale(&y, c, false);
    svg_begin(out, WIDTH, HEIGHT, c->title, c->about, false);
    draw_axes(&x, &y, out);
    const char *name = "";
    for (size_t i = 0; i < c->n; i++) {
        name = c->series[i].name ? c->series[i].name : name;
        draw_series(c, &c->series[i], name, &x, &y, out);
    }
    viv_status status = draw_labels(c, &x, &y, out, err);
    svg_end(out);
    return status == VIV_OK && out->failed ? error_nomem(err) : status;
}

/* --- bars ---------------------------------------------------------------------------------------------------- */

viv_status chart_bars(const char *title, const struct bar *bars, size_t n, uint32_t n_parts, struct buf *out,
                      struct error *err)
{
    enum { ROW = 40, BAR = 16 };
    struct buf about = {0};
    char class[16], tip[192];
    for (size_t i = 0; i < n; i++)
        buf_printf(&about, "%s%s %s", i ? ", " : "", bars[i].name, bars[i].figure);
    svg_begin(out, WIDTH, ROW * (double)n + 6, title, buf_text(&about), false);
    for (size_t i = 0; i < n; i++) {
        double sum = 0, x = 2;
        const double y = ROW * (double)i;
        for (uint32_t p = 0; p < n_parts; p++)
            sum += bars[i].parts[p];
        svg_text(out, 2, y + 14, "start", "strong", svg_fit(bars[i].name, WIDTH - 120, 12, tip, sizeof tip));
        svg_text(out, WIDTH - 2, y + 14, "end", "quiet", bars[i].figure);
        for (uint32_t p = 1; p <= n_parts && sum > 0; p++) {
            const uint32_t part = p % n_parts; /* what is no part of its own, last */
            const double width = (WIDTH - 4) * bars[i].parts[part] / sum;
            if (width <= 0)
                continue;
            snprintf(tip, sizeof tip, "%s: %s, %s", facts_part_names[part],
                     human_count((uint64_t)bars[i].parts[part]).text, human_share(bars[i].parts[part] / sum).text);
            snprintf(class, sizeof class, "e%" PRIu32, part);
            svg_rect(out, x, y + 19, width, BAR, class, 1, tip);
            x += width;
        }
    }
    svg_end(out);
    bool failed = about.failed || out->failed;
    buf_release(&about);
    return failed ? error_nomem(err) : VIV_OK;
}
