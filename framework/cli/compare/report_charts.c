/* report_charts.c - the charts of a report: of facts at many contexts, and of what was measured. */
#include "base/figure.h"
#include "base/size.h"
#include "cli/compare/chart.h"
#include "cli/compare/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One chart in the making: some points for each model, and a limit. */
struct plot {
    struct chart chart;
    struct series *series; /* [4 * n_models + n_devices + 1] */
    double *numbers;
    size_t used, room;
};

enum { MOST_POINTS = 24 };

static viv_status plot_begin(struct report *r, struct plot *p, const char *title, struct axis x, struct axis y)
{
    const size_t n_series = 4 * (size_t)r->c->n_models + r->c->n_devices + 1;
    *p = (struct plot){.chart = {.title = title, .about = title, .x = x, .y = y}};
    p->room = n_series * 4 * MOST_POINTS;
    p->series = calloc(n_series, sizeof *p->series);
    p->numbers = calloc(p->room, sizeof *p->numbers);
    p->chart.series = p->series;
    return p->series && p->numbers ? VIV_OK : error_nomem(r->err);
}

static void plot_release(struct plot *p)
{
    free(p->series);
    free(p->numbers);
}

/* A new series, whose points follow. */
static struct series *plot_series(struct plot *p, const char *name, uint32_t colour)
{
    struct series *s = &p->series[p->chart.n++];
    double *numbers = p->numbers + p->used;
    *s = (struct series){.name = name, .colour = colour, .x = numbers};
    s->y = numbers + MOST_POINTS;
    s->low = numbers + 2 * MOST_POINTS;
    s->high = numbers + 3 * MOST_POINTS;
    p->used += (size_t)4 * MOST_POINTS;
    return s;
}

static void plot_point(struct series *s, double x, double y)
{
    if (s->n == MOST_POINTS || !isfinite(x) || !isfinite(y))
        return;
    ((double *)s->x)[s->n] = x;
    ((double *)s->y)[s->n++] = y;
}

static bool plot_has_points(const struct plot *p)
{
    for (size_t i = 0; i < p->chart.n; i++)
        if (p->series[i].n && !p->series[i].plain)
            return true;
    return false;
}

static viv_status plot_end(struct report *r, struct plot *p, const char *caption)
{
    viv_status status = VIV_OK;
    if (plot_has_points(p)) {
        buf_printf(r->out, "<figure><h3>%s</h3>\n", p->chart.title);
        status = chart_write(&p->chart, r->out, r->err);
        buf_printf(r->out, "<figcaption>%s</figcaption></figure>\n", caption);
    }
    plot_release(p);
    return status;
}

/* A value as it was measured, with its spread. */
static void plot_cell(struct series *s, double x, const struct cell *cell, double factor)
{
    const size_t at = s->n;
    plot_point(s, x, cell->value * factor);
    if (s->n > at && cell->high > cell->low) {
        ((double *)s->low)[at] = cell->low * factor;
        ((double *)s->high)[at] = cell->high * factor;
    }
}

/* Doubled from 256 on, or from less where less is asked for, up to the longest that the model can. */
static uint64_t next_context(const struct report *r, const struct facts *f, uint64_t at)
{
    uint64_t first = 256;
    for (size_t i = 0; i < r->q->n_contexts; i++)
        first = size_min(first, (uint64_t)r->q->contexts[i]);
    return at >= f->context ? 0 : size_min(at ? at * 2 : first, f->context);
}

static const struct axis contexts_axis = {"tokens of context", AXIS_TOKENS, true, false};

static viv_status put_memory_chart(struct report *r)
{
    struct plot p;
    double least = INFINITY, most = 0;
    viv_status status =
        plot_begin(r, &p, "Memory against context", contexts_axis, (struct axis){"bytes", AXIS_BYTES, true, false});
    for (uint32_t i = 0; status == VIV_OK && i < r->c->n_models; i++) {
        const struct compared *m = &r->c->models[i];
        uint64_t weights;
        if (!is_first_column(r, m) || !facts_weight_bytes(&m->facts, r->q->type, &weights))
            continue;
        struct series *s = plot_series(&p, m->name, i);
        s->line = true;
        for (uint64_t at = 0; (at = next_context(r, &m->facts, at)) != 0;) {
            plot_point(s, (double)at, (double)weights + (double)facts_cache_bytes(&m->facts, at, r->q->n_texts));
            least = fmin(least, (double)at);
            most = fmax(most, (double)at);
        }
    }
    for (uint32_t i = 0; status == VIV_OK && most > least && i < (r->q->memory ? 1 : r->c->n_devices); i++) {
        const uint64_t memory = r->q->memory ? r->q->memory : r->c->devices[i].memory;
        if (!memory)
            continue;
        struct series *s = plot_series(&p, NULL, 0);
        s->plain = s->line = true;
        plot_point(s, least, (double)memory);
        plot_point(s, most, (double)memory);
    }
    return status == VIV_OK ? plot_end(r, &p,
                                       "Weights, and the KV cache of the sequences that are generated at once. The "
                                       "level lines are the memory that there is.")
                            : (plot_release(&p), status);
}

/* Rows "<key>_<context>" as points. */
static void add_measured(struct report *r, struct plot *p, uint32_t model, const char *prefix)
{
    struct series *s = NULL;
    const size_t n = strlen(prefix);
    for (size_t i = 0; i < r->c->n_rows; i++) {
        const struct row *row = &r->c->rows[i];
        char *end;
        if (strncmp(row->key, prefix, n) != 0 || !row->cells[model].known)
            continue;
        const double at = strtod(row->key + n, &end);
        if (end == row->key + n || *end)
            continue;
        if (!s)
            s = plot_series(p, NULL, model);
        s->says = "measured";
        s->line = true;
        plot_cell(s, at, &row->cells[model], 1);
    }
}

/* Longer texts take a while to count, where windows make each token's work its own. */
enum { LONGEST_PREFILL = 16384 };

static viv_status put_speed_chart(struct report *r, bool decode)
{
    struct plot p;
    viv_status status =
        plot_begin(r, &p, decode ? "Writing: speed against context" : "Reading: speed against length",
                   contexts_axis, (struct axis){"tokens per second", AXIS_COUNT, true, false});
    for (uint32_t i = 0; status == VIV_OK && i < r->c->n_models; i++) {
        const struct compared *m = &r->c->models[i];
        if (!takes_part(m) || m->device->limits.read <= 0 || (decode && !facts_writes(&m->facts)))
            continue;
        struct series *s = plot_series(&p, m->name, i);
        s->line = s->hollow = true;
        s->says = "ceiling";
        for (uint64_t at = 0; status == VIV_OK && (at = next_context(r, &m->facts, at)) != 0;) {
            struct work_cost w;
            if (!decode && at > LONGEST_PREFILL)
                break;
            status = decode ? facts_decode(&m->facts, at, r->q->n_texts, &w, r->err)
                            : facts_prefill(&m->facts, at, &w, r->err);
            if (status == VIV_OK)
                plot_point(s, (double)at, (double)w.n_tokens / work_seconds(&m->facts, r->q->type, m->device, &w));
        }
        add_measured(r, &p, i, decode ? "measured_decode_" : "measured_prefill_");
    }
    return status == VIV_OK ? plot_end(r, &p,
                                       "Hollow: the ceiling that memory and arithmetic set. Filled: measured, with "
                                       "its spread, where it was.")
                            : (plot_release(&p), status);
}

static const struct cell *find_cell(const struct report *r, const char *prefix, uint64_t context, uint32_t model)
{
    char key[96];
    snprintf(key, sizeof key, "%s_%" PRIu64, prefix, context);
    for (size_t i = 0; i < r->c->n_rows; i++)
        if (strcmp(r->c->rows[i].key, key) == 0 && r->c->rows[i].cells[model].known)
            return &r->c->rows[i].cells[model];
    return NULL;
}

static viv_status add_roof_points(struct report *r, struct plot *p, uint32_t model, double *least, double *most)
{
    const struct compared *m = &r->c->models[model];
    const uint64_t context = size_min((uint64_t)r->q->contexts[0], m->facts.context);
    for (int decode = 0; decode < 2; decode++) {
        struct work_cost w;
        if (decode && !facts_writes(&m->facts))
            continue;
        viv_status status = decode ? facts_decode(&m->facts, context, r->q->n_texts, &w, r->err)
                                   : facts_prefill(&m->facts, context, &w, r->err);
        if (status != VIV_OK)
            return status;
        const double intensity = w.flops / work_bytes(&m->facts, r->q->type, &w),
                     seconds = work_seconds(&m->facts, r->q->type, m->device, &w);
        const struct cell *rate = find_cell(r, decode ? "measured_decode" : "measured_prefill", context, model);
        struct series *s = plot_series(p, decode ? NULL : m->name, model);
        s->hollow = true;
        s->says = decode ? "writing, ceiling" : "reading, ceiling";
        plot_point(s, intensity, w.flops / seconds);
        if (rate) {
            s = plot_series(p, NULL, model);
            s->says = decode ? "writing, measured" : "reading, measured";
            plot_cell(s, intensity, rate, w.flops / (double)w.n_tokens);
        }
        *least = fmin(*least, intensity);
        *most = fmax(*most, intensity);
    }
    return VIV_OK;
}

/* The roof of a machine: on its slope memory decides, on its flat part arithmetic. */
static void add_roof(struct report *r, struct plot *p, const struct device *d, double least, double most)
{
    const double peak = device_arithmetic(d, r->q->type < 0 ? VIV_F16 : (uint32_t)r->q->type),
                 read = d->limits.read;
    if (read <= 0 || peak <= 0)
        return;
    struct series *roof = plot_series(p, NULL, 0);
    roof->plain = roof->line = true;
    least = fmin(least, peak / read);
    most = fmax(most, peak / read);
    plot_point(roof, least / 2, least / 2 * read);
    plot_point(roof, peak / read, peak);
    plot_point(roof, most * 2, peak);
}

static viv_status put_roofline(struct report *r)
{
    double least = INFINITY, most = 0;
    struct plot p;
    char caption[384];
    const struct axis x = {"operations per byte", AXIS_PLAIN, true, false},
                      y = {"operations per second", AXIS_COUNT, true, false};
    viv_status status = plot_begin(r, &p, "Roofline", x, y);
    for (uint32_t i = 0; status == VIV_OK && r->q->n_contexts && i < r->c->n_models; i++)
        if (takes_part(&r->c->models[i]) && r->c->models[i].device->limits.read > 0)
            status = add_roof_points(r, &p, i, &least, &most);
    for (uint32_t i = 0; status == VIV_OK && most > 0 && i < r->c->n_devices; i++)
        add_roof(r, &p, &r->c->devices[i], least, most);
    snprintf(caption, sizeof caption,
             "On the slope of a machine's line memory decides, on its flat part arithmetic. Right: reading %" PRId32
             " tokens; left: writing the next. Hollow: ceilings. Filled: measured, with its spread, where it was.",
             r->q->n_contexts ? r->q->contexts[0] : 0);
    return status == VIV_OK ? plot_end(r, &p, caption) : (plot_release(&p), status);
}

static viv_status put_quality_chart(struct report *r)
{
    struct plot p;
    const struct axis x = {"parameters", AXIS_COUNT, true, false}, y = {"bits per byte", AXIS_PLAIN, false, false};
    viv_status status = plot_begin(r, &p, "Quality against size", x, y);
    for (size_t i = 0; status == VIV_OK && i < r->c->n_rows; i++) {
        const struct row *row = &r->c->rows[i];
        if (strcmp(row->key, "bits_per_byte") != 0)
            continue;
        for (uint32_t m = 0; m < r->c->n_models; m++)
            if (row->cells[m].known && takes_part(&r->c->models[m]))
                plot_point(plot_series(&p, r->c->models[m].name, m), (double)r->c->models[m].facts.params,
                           row->cells[m].value);
    }
    return status == VIV_OK ? plot_end(r, &p, "Lower is better: fewer bits are needed to tell the text.")
                            : (plot_release(&p), status);
}

static viv_status put_parts_chart(struct report *r)
{
    struct bar *bars = calloc(r->c->n_models, sizeof *bars);
    double *parts = calloc((size_t)r->c->n_models * N_MODEL_PARTS, sizeof *parts);
    struct figure *figures = calloc(r->c->n_models, sizeof *figures);
    size_t n = 0;
    viv_status status = bars && parts && figures ? VIV_OK : error_nomem(r->err);
    for (uint32_t i = 0; status == VIV_OK && i < r->c->n_models; i++) {
        const struct compared *m = &r->c->models[i];
        if (!is_first_column(r, m))
            continue;
        for (uint32_t part = 0; part < N_MODEL_PARTS; part++)
            parts[n * N_MODEL_PARTS + part] = (double)m->facts.parts[part];
        figures[n] = human_count(m->facts.params);
        bars[n] = (struct bar){m->name, figures[n].text, parts + n * N_MODEL_PARTS};
        n++;
    }
    if (status == VIV_OK && n) {
        buf_puts(r->out, "<figure><h3>Parameters by part</h3>\n");
        status = chart_bars("Parameters by part", bars, n, N_MODEL_PARTS, r->out, r->err);
        report_put_key(r);
        buf_puts(r->out, "<figcaption>Each bar is all of a model, as long as any other.</figcaption></figure>\n");
    }
    free(bars);
    free(parts);
    free(figures);
    return status;
}

viv_status report_put_charts(struct report *r)
{
    buf_puts(r->out,
             "<section aria-labelledby=\"charts\">\n<h2 id=\"charts\">Charts</h2>\n<div class=\"charts\">\n");
    viv_status status = put_parts_chart(r);
    if (status == VIV_OK)
        status = put_memory_chart(r);
    if (status == VIV_OK)
        status = put_speed_chart(r, true);
    if (status == VIV_OK)
        status = put_speed_chart(r, false);
    if (status == VIV_OK)
        status = put_roofline(r);
    if (status == VIV_OK)
        status = put_quality_chart(r);
    buf_puts(r->out, "</div>\n</section>\n");
    return status;
}
