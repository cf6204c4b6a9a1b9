/* report.c - see report.h.
 *
 *   header    what was compared, when, where, by which command
 *   models    the first rows, a line for each model
 *   drawings  side by side, at one scale or each at its own
 *   structure what layers say of themselves: what is shared and what is not
 *   charts    parts, memory, speed, the roofline, quality
 *   numbers   all rows, a table for each section
 *   notes     why cells are empty, and what numbers mean
 *
 * Every text goes through svg_escape. A content security policy forbids the file to load anything, and to run any
 * script but ours, which it names by its hash. */
#include "compare/report.h"

#include "base/figure.h"
#include "base/sha256.h"
#include "base/size.h"
#include "compare/chart.h"
#include "compare/drawing.h"
#include "compare/svg.h"
#include "compare/table.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char css[] =
#include "registry/report_css.inc"
    ;
static const char script[] = "\n"
#include "registry/report_js.inc"
    ;

struct report {
    const struct comparison *c;
    const struct questions *q;
    struct buf *out;
    struct error *err;
};

/* Words as text between tags. */
static void put(struct report *r, const char *text)
{
    svg_escape(r->out, text);
}

static bool takes_part(const struct compared *m)
{
    return !m->why && m->facts.graph;
}

/* --- head ---------------------------------------------------------------------------------------------------- */

static void put_base64(struct buf *out, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < n; i += 3) {
        const uint32_t b = (uint32_t)bytes[i] << 16 | (uint32_t)(i + 1 < n ? bytes[i + 1] : 0) << 8 |
                           (uint32_t)(i + 2 < n ? bytes[i + 2] : 0);
        for (size_t d = 0; d < 4; d++)
            buf_putc(out, i + d > n ? '=' : digits[b >> (18 - 6 * d) & 63]);
    }
}

static void put_script_hash(struct buf *out)
{
    char hex[65];
    unsigned char bytes[32];
    sha256_hex(script, sizeof script - 1, hex);
    for (size_t i = 0; i < sizeof bytes; i++) {
        const char pair[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
        bytes[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    put_base64(out, bytes, sizeof bytes);
}

static void put_names(struct report *r)
{
    enum { MOST = 6 };
    const uint32_t n = r->c->n_models;
    for (uint32_t i = 0; i < n && i < MOST; i++) {
        buf_puts(r->out, i == 0 ? "" : i + 1 == n ? " and " : ", ");
        put(r, r->c->models[i].name);
    }
    if (n > MOST)
        buf_printf(r->out, " and %" PRIu32 " more", n - MOST);
}

static void put_fact(struct report *r, const char *name, const char *value)
{
    buf_printf(r->out, "<dt>%s</dt><dd>", name);
    put(r, value);
    buf_puts(r->out, "</dd>\n");
}

static void put_device(const struct device *d, struct buf *out)
{
    buf_printf(out, "%s: %.4g GB/s from memory, %.3g TFLOP/s in f32", d->name, d->limits.read * 1e-9,
               d->limits.f32 * 1e-12);
    if (d->limits.bf16 > 0 || d->limits.f16 > 0)
        buf_printf(out, ", %.3g in 16 bits", device_arithmetic(d, VIV_F16) * 1e-12);
    if (d->limits.int8 > 0)
        buf_printf(out, ", %.4g TOP/s in int8", d->limits.int8 * 1e-12);
    if (d->memory)
        buf_printf(out, ", %s", human_bytes(d->memory).text);
}

static void put_head(struct report *r, const struct report_origin *o)
{
    struct buf device = {0};
    buf_puts(r->out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>");
    put_names(r);
    buf_puts(r->out,
             " compared</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
             "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"viv ");
    put(r, o->version);
    buf_puts(r->out, "\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                     "'unsafe-inline'; img-src data:; script-src 'sha256-");
    put_script_hash(r->out);
    buf_printf(r->out, "'\">\n<style>\n%s%s</style>\n</head>\n<body>\n", svg_css, css);
    buf_puts(r->out, "<a class=\"skip\" href=\"#main\">To the comparison</a>\n<header>\n<h1>");
    put_names(r);
    buf_puts(r->out, "</h1>\n<dl class=\"facts\">\n");
    put_fact(r, "Made", o->date);
    put_fact(r, "On", o->machine);
    if (r->c->device.limits.read > 0) {
        put_device(&r->c->device, &device);
        put_fact(r, "Ceilings of", buf_text(&device));
    }
    buf_puts(r->out, "<dt>By</dt><dd><code>");
    put(r, o->command);
    buf_puts(r->out, "</code></dd>\n");
    put_fact(r, "Version", o->version);
    buf_puts(r->out, "</dl>\n<nav aria-label=\"Parts of the report\"><ul>"
                     "<li><a href=\"#models\">Models</a></li><li><a href=\"#drawings\">Drawings</a></li>"
                     "<li><a href=\"#structure\">Structure</a></li><li><a href=\"#charts\">Charts</a></li>"
                     "<li><a href=\"#numbers\">Numbers</a></li><li><a href=\"#notes\">Notes</a></li></ul></nav>\n"
                     "</header>\n<main id=\"main\">\n<p id=\"said\" class=\"hidden\" role=\"status\"></p>\n");
    r->out->failed |= device.failed;
    buf_release(&device);
}

/* --- tables: a line for each model, a column for each row of the comparison ---------------------------------- */

static bool is_words(const struct row *row)
{
    return row->unit == UNIT_WORDS;
}

static void put_cell(struct report *r, const struct row *row, uint32_t model, bool best)
{
    const struct cell *cell = &row->cells[model];
    struct buf text = {0};
    cell_text(row, model, &text);
    buf_puts(r->out, is_words(row) ? "<td class=\"text\"" : "<td");
    if (!is_words(row))
        buf_puts(r->out, " data-v=\"");
    if (!is_words(row) && cell->known && isfinite(cell->value))
        buf_printf(r->out, "%.10g", cell->value);
    if (!is_words(row))
        buf_puts(r->out, "\"");
    if (cell->why) {
        buf_puts(r->out, " title=\"");
        put(r, cell->why);
        buf_puts(r->out, "\"");
    }
    buf_puts(r->out, best ? "><b>" : ">");
    put(r, cell->known ? buf_text(&text) : "\xE2\x80\x93");
    buf_puts(r->out, best ? "</b><span class=\"hidden\"> (best)</span></td>" : "</td>");
    r->out->failed |= text.failed;
    buf_release(&text);
}

static bool among(const struct row *row, const char *const *sections)
{
    for (; *sections; sections++)
        if (strcmp(row->section, *sections) == 0)
            return true;
    return false;
}

/* The rows of these sections. */
static void put_table(struct report *r, const char *const *sections, const char *caption, bool shown)
{
    const struct comparison *c = r->c;
    buf_puts(r->out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    put(r, caption);
    buf_printf(r->out, "\"><table class=\"sorts\">\n<caption%s>", shown ? "" : " class=\"hidden\"");
    put(r, caption);
    buf_puts(r->out, "</caption>\n<thead><tr><th scope=\"col\"><button type=\"button\">model</button></th>");
    for (size_t i = 0; i < c->n_rows; i++) {
        if (!among(&c->rows[i], sections))
            continue;
        buf_printf(r->out, "<th scope=\"col\"%s><button type=\"button\">",
                   is_words(&c->rows[i]) ? " class=\"text\"" : "");
        put(r, c->rows[i].label);
        buf_puts(r->out, "</button></th>");
    }
    buf_puts(r->out, "</tr></thead>\n<tbody>\n");
    for (uint32_t m = 0; m < c->n_models; m++) {
        buf_puts(r->out, "<tr><th scope=\"row\">");
        put(r, c->models[m].name);
        buf_puts(r->out, "</th>");
        for (size_t i = 0; i < c->n_rows; i++)
            if (among(&c->rows[i], sections))
                put_cell(r, &c->rows[i], m, row_best(c, &c->rows[i]) == m);
        buf_puts(r->out, "</tr>\n");
    }
    buf_puts(r->out, "</tbody></table></div>\n");
}

static const char *const first_sections[] = {"model", "size", NULL};

static void put_models(struct report *r)
{
    buf_puts(r->out, "<section aria-labelledby=\"models\">\n<h2 id=\"models\">Models</h2>\n");
    put_table(r, first_sections, "What each model is. The head of a column sorts by it.", true);
    buf_puts(r->out, "</section>\n");
}

/* Long words, answers to prompts say, are read side by side: a column for each model. */
static bool is_said(const struct row *row)
{
    return is_words(row) && !among(row, first_sections);
}

static void put_sayings(struct report *r, const char *section)
{
    const struct comparison *c = r->c;
    buf_puts(r->out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"");
    put(r, section);
    buf_puts(r->out, "\"><table class=\"say\">\n<caption>What each model says.</caption>\n<thead><tr><th "
                     "scope=\"col\">asked</th>");
    for (uint32_t m = 0; m < c->n_models; m++) {
        buf_puts(r->out, "<th scope=\"col\" class=\"text\">");
        put(r, c->models[m].name);
        buf_puts(r->out, "</th>");
    }
    buf_puts(r->out, "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < c->n_rows; i++) {
        if (strcmp(c->rows[i].section, section) != 0 || !is_said(&c->rows[i]))
            continue;
        buf_puts(r->out, "<tr><th scope=\"row\">");
        put(r, c->rows[i].label);
        buf_puts(r->out, "</th>");
        for (uint32_t m = 0; m < c->n_models; m++) {
            const struct cell *cell = &c->rows[i].cells[m];
            buf_puts(r->out, "<td>");
            put(r, cell->known ? cell->words : cell->why ? cell->why : "\xE2\x80\x93");
            buf_puts(r->out, "</td>");
        }
        buf_puts(r->out, "</tr>\n");
    }
    buf_puts(r->out, "</tbody></table></div>\n");
}

static void put_numbers(struct report *r)
{
    const struct comparison *c = r->c;
    buf_puts(r->out, "<section aria-labelledby=\"numbers\">\n<h2 id=\"numbers\">Numbers</h2>\n");
    for (size_t i = 0; i < c->n_rows; i++) {
        const char *const sections[] = {c->rows[i].section, NULL};
        bool before = among(&c->rows[i], first_sections), numbers = false, words = false;
        for (size_t j = 0; j < i; j++)
            before |= strcmp(c->rows[j].section, sections[0]) == 0;
        if (before)
            continue;
        for (size_t j = i; j < c->n_rows; j++) {
            const bool here = strcmp(c->rows[j].section, sections[0]) == 0;
            numbers |= here && !is_said(&c->rows[j]);
            words |= here && is_said(&c->rows[j]);
        }
        buf_puts(r->out, "<h3>");
        if (sections[0][0] >= 'a' && sections[0][0] <= 'z') {
            buf_putc(r->out, (char)(sections[0][0] - 'a' + 'A'));
            put(r, sections[0] + 1);
        } else {
            put(r, sections[0]);
        }
        buf_puts(r->out, "</h3>\n");
        if (numbers)
            put_table(r, sections, sections[0], false);
        if (words)
            put_sayings(r, sections[0]);
    }
    buf_puts(r->out, "</section>\n");
}

/* --- drawings ------------------------------------------------------------------------------------------------ */

enum { BY_PARAMS, BY_SHARE, BY_FLOPS, N_SCALES };
static const char *const scale_names[N_SCALES] = {"parameters, one scale", "parameters, each its own scale",
                                                  "operations a token, one scale"};

/* Blocks of all models that take part, by one measure, and how they are to look. */
struct gallery {
    struct blocks *blocks;       /* [n_models] */
    const struct blocks **shown; /* [n] */
    struct drawing_look *looks;  /* [n] */
    uint32_t *models;            /* [n] whose they are */
    uint32_t n, n_made;
};

static void gallery_release(struct gallery *g)
{
    for (uint32_t i = 0; i < g->n_made; i++)
        blocks_release(&g->blocks[i]);
    free(g->blocks);
    free(g->shown);
    free(g->looks);
    free(g->models);
}

static viv_status gallery_make(struct report *r, int scale, uint64_t context, struct gallery *g)
{
    const uint32_t n = r->c->n_models;
    double most = 0;
    *g = (struct gallery){calloc(n, sizeof *g->blocks),
                          calloc(n, sizeof *g->shown),
                          calloc(n, sizeof *g->looks),
                          calloc(n, sizeof *g->models),
                          0,
                          0};
    if (!g->blocks || !g->shown || !g->looks || !g->models)
        return error_nomem(r->err);
    for (uint32_t i = 0; i < n; i++) {
        const struct compared *m = &r->c->models[i];
        if (!takes_part(m))
            continue;
        viv_status status = blocks_make(&m->facts, scale == BY_FLOPS ? MEASURE_FLOPS : MEASURE_PARAMS,
                                        size_min(context, m->facts.context), &g->blocks[g->n], r->err);
        if (status != VIV_OK)
            return status;
        g->n_made = g->n + 1;
        most = fmax(most, g->blocks[g->n].total);
        g->models[g->n] = i;
        g->shown[g->n] = &g->blocks[g->n];
        g->looks[g->n] = (struct drawing_look){.measured = scale == BY_FLOPS ? "operations" : "parameters"};
        g->n++;
    }
    for (uint32_t i = 0; i < g->n; i++)
        g->looks[i].unit = scale != BY_SHARE && most > 0 ? FULL_HEIGHT / most : 0;
    drawing_align(g->shown, g->looks, g->n);
    return VIV_OK;
}

static void put_drawing_head(struct report *r, const struct compared *m)
{
    const struct facts *f = &m->facts;
    buf_puts(r->out, "<figure><h3>");
    put(r, m->name);
    buf_printf(r->out, "</h3><p class=\"note\">%s parameters", human_count(f->params).text);
    if (f->active < f->params)
        buf_printf(r->out, ", %s active", human_count(f->active).text);
    buf_puts(r->out, "</p>\n");
}

/* What colours mean, of parts that any model has. */
static void put_key(struct report *r)
{
    buf_puts(r->out, "<ul class=\"key\" aria-label=\"Colours\">");
    for (uint32_t i = 1; i <= N_MODEL_PARTS; i++) {
        const uint32_t part = i % N_MODEL_PARTS;
        bool any = false;
        for (uint32_t m = 0; m < r->c->n_models; m++)
            any |= takes_part(&r->c->models[m]) && r->c->models[m].facts.parts[part] > 0;
        if (any)
            buf_printf(r->out,
                       "<li><svg viewBox=\"0 0 14 12\" aria-hidden=\"true\"><rect class=\"p%" PRIu32
                       "\" width=\"14\" height=\"12\"/><rect class=\"e%" PRIu32
                       "\" width=\"5\" height=\"12\"/></svg>%s</li>",
                       part, part, model_part_names[part]);
    }
    buf_puts(r->out, "</ul>\n");
}

static viv_status put_drawings(struct report *r)
{
    struct gallery g[N_SCALES] = {0};
    const uint64_t context = r->q->n_contexts ? (uint64_t)r->q->contexts[r->q->n_contexts - 1] : 1;
    viv_status status = VIV_OK;
    for (int s = 0; s < N_SCALES && status == VIV_OK; s++)
        status = gallery_make(r, s, context, &g[s]);
    buf_puts(r->out,
             "<section aria-labelledby=\"drawings\">\n<h2 id=\"drawings\">Drawings</h2>\n"
             "<p>Each block is a layer, its colour as high as its share of what is chosen below; a block too low "
             "for its name has an empty rest. Of experts, the solid part works on one token. Equal layers stand "
             "once, with how often they come. Attention and feed-forward begin at one height.</p>\n");
    put_key(r);
    for (int s = 0; s < N_SCALES; s++)
        buf_printf(r->out,
                   "<input class=\"by-input\" type=\"radio\" name=\"by\" id=\"by-%d\"%s><label for=\"by-%d\">%s"
                   "</label>\n",
                   s, s == 0 ? " checked" : "", s, scale_names[s]);
    buf_puts(r->out,
             "<div class=\"drawings\" role=\"region\" tabindex=\"0\" aria-label=\"Drawings of the models\">\n");
    for (uint32_t i = 0; i < g[0].n && status == VIV_OK; i++) {
        put_drawing_head(r, &r->c->models[g[0].models[i]]);
        for (int s = 0; s < N_SCALES && status == VIV_OK; s++) {
            buf_printf(r->out, "<div class=\"by by-%d\">\n", s);
            g[s].looks[i].called = r->c->models[g[s].models[i]].name;
            status = drawing_write(g[s].shown[i], &g[s].looks[i], r->out, r->err);
            buf_puts(r->out, "</div>\n");
        }
        buf_puts(r->out, "</figure>\n");
    }
    buf_printf(r->out,
               "</div>\n<p class=\"note\">Operations are those of a token that sees %" PRIu64
               " others, or as many as its model can.</p>\n</section>\n",
               context);
    for (int s = 0; s < N_SCALES; s++)
        gallery_release(&g[s]);
    return status;
}

/* --- structure ----------------------------------------------------------------------------------------------- */

static bool has_aspect(const struct structure *s, size_t n, const char *aspect)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(s->traits[i].aspect, aspect) == 0)
            return true;
    return false;
}

/* Whether all models say the same of an aspect. */
static bool all_alike(const struct comparison *c, const char *aspect)
{
    const struct compared *first = NULL;
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct compared *m = &c->models[i];
        if (!takes_part(m))
            continue;
        if (!first) {
            first = m;
            continue;
        }
        for (int side = 0; side < 2; side++) {
            const struct structure *a = side ? &first->structure : &m->structure,
                                   *b = side ? &m->structure : &first->structure;
            for (size_t t = 0; t < a->n; t++)
                if (strcmp(a->traits[t].aspect, aspect) == 0 && !structure_find(b, aspect, a->traits[t].words))
                    return false;
        }
    }
    return true;
}

/* "as in a and 3 more": the others that say the same. */
static void put_others(struct report *r, uint32_t model, const struct trait *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->c->n_models; i++) {
        if (i == model || !structure_find(&r->c->models[i].structure, t->aspect, t->words))
            continue;
        if (n++)
            continue;
        buf_puts(r->out, "<br><span class=\"note\">as in ");
        put(r, r->c->models[i].name);
    }
    if (n > 1)
        buf_printf(r->out, " and %" PRIu32 " more", n - 1);
    buf_puts(r->out, n ? "</span>" : "");
}

static void put_aspect(struct report *r, const char *aspect)
{
    const struct comparison *c = r->c;
    const bool alike = c->n_models > 1 && all_alike(c, aspect);
    buf_printf(r->out, "<tr%s><th scope=\"row\">", alike ? " class=\"shared\"" : "");
    put(r, aspect);
    buf_puts(r->out, alike ? "<br><span class=\"pill\">shared by all</span></th>" : "</th>");
    for (uint32_t m = 0; m < c->n_models; m++) {
        const struct structure *s = &c->models[m].structure;
        bool any = false;
        buf_puts(r->out, "<td>");
        for (size_t t = 0; t < s->n; t++) {
            if (strcmp(s->traits[t].aspect, aspect) != 0)
                continue;
            buf_puts(r->out, any ? "<br>" : "");
            put(r, s->traits[t].words);
            if (s->traits[t].n_layers > 1)
                buf_printf(r->out, " <span class=\"note\">\xC3\x97\xC2\xA0%" PRIu32 "</span>",
                           s->traits[t].n_layers);
            if (!alike)
                put_others(r, m, &s->traits[t]);
            any = true;
        }
        buf_puts(r->out, any ? "</td>" : "\xE2\x80\x93</td>");
    }
    buf_puts(r->out, "</tr>\n");
}

static void put_structure(struct report *r)
{
    const struct comparison *c = r->c;
    buf_puts(r->out,
             "<section aria-labelledby=\"structure\">\n<h2 id=\"structure\">Structure</h2>\n"
             "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"Structure\"><table class=\"like\">\n"
             "<caption>What layers say of themselves, and in how many they are (\xC3\x97). Lines that all models "
             "share are marked.</caption>\n<thead><tr><th scope=\"col\">aspect</th>");
    for (uint32_t m = 0; m < c->n_models; m++) {
        buf_puts(r->out, "<th scope=\"col\">");
        put(r, c->models[m].name);
        buf_puts(r->out, "</th>");
    }
    buf_puts(r->out, "</tr></thead>\n<tbody>\n");
    for (uint32_t m = 0; m < c->n_models; m++) {
        const struct structure *s = &c->models[m].structure;
        for (size_t t = 0; t < s->n; t++) {
            bool before = has_aspect(s, t, s->traits[t].aspect);
            for (uint32_t i = 0; i < m; i++)
                before |= has_aspect(&c->models[i].structure, c->models[i].structure.n, s->traits[t].aspect);
            if (!before)
                put_aspect(r, s->traits[t].aspect);
        }
    }
    buf_puts(r->out, "</tbody></table></div>\n</section>\n");
}

/* --- charts -------------------------------------------------------------------------------------------------- */

/* One chart in the making: some points for each model, and a limit. */
struct plot {
    struct chart chart;
    struct series *series; /* [2 * n_models + 1] */
    double *numbers;
    size_t used, room;
};

enum { MOST_POINTS = 24 };

static viv_status plot_begin(struct report *r, struct plot *p, const char *title, struct axis x, struct axis y)
{
    const size_t n_series = 3 * (size_t)r->c->n_models + 2;
    *p = (struct plot){.chart = {.title = title, .about = title, .x = x, .y = y}};
    p->room = n_series * 2 * MOST_POINTS;
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
    *s = (struct series){.name = name, .colour = colour, .x = p->numbers + p->used};
    s->y = s->x + MOST_POINTS;
    p->used += (size_t)2 * MOST_POINTS;
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

/* Powers of two from 256 on, and the longest that the model can. */
static uint64_t next_context(const struct facts *f, uint64_t at)
{
    const uint64_t next = at == 0 ? 256 : at * 2;
    return at >= f->context ? 0 : size_min(next, f->context);
}

static const struct axis contexts_axis = {"tokens of context", AXIS_TOKENS, true, false};

static viv_status put_memory_chart(struct report *r)
{
    struct plot p;
    double least = INFINITY, most = 0;
    char name[192];
    viv_status status =
        plot_begin(r, &p, "Memory against context", contexts_axis, (struct axis){"bytes", AXIS_BYTES, true, false});
    for (uint32_t i = 0; status == VIV_OK && i < r->c->n_models; i++) {
        const struct compared *m = &r->c->models[i];
        uint64_t weights;
        if (!takes_part(m) || !facts_weight_bytes(&m->facts, r->q->type, &weights))
            continue;
        struct series *s = plot_series(&p, m->name, i);
        s->line = true;
        for (uint64_t at = 0; (at = next_context(&m->facts, at)) != 0;) {
            plot_point(s, (double)at,
                       (double)weights + (double)facts_state_bytes(&m->facts, at, r->q->n_texts, VIV_F16));
            least = fmin(least, (double)at);
            most = fmax(most, (double)at);
        }
    }
    const uint64_t memory = r->q->memory ? r->q->memory : r->c->device.memory;
    if (status == VIV_OK && memory && most > least) {
        struct series *s = plot_series(&p, name, 0);
        snprintf(name, sizeof name, "%s to fit into", human_bytes(memory).text);
        s->plain = s->line = true;
        plot_point(s, least, (double)memory);
        plot_point(s, most, (double)memory);
    }
    return status == VIV_OK ? plot_end(r, &p, "Weights, and state in f16 for the texts that are written at once.")
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
        plot_point(s, at, row->cells[model].value);
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
        if (!takes_part(m) || (decode && !facts_writes(&m->facts)))
            continue;
        struct series *s = plot_series(&p, m->name, i);
        s->line = s->hollow = true;
        s->says = "ceiling";
        for (uint64_t at = 0; status == VIV_OK && (at = next_context(&m->facts, at)) != 0;) {
            struct work_cost w;
            if (!decode && at > LONGEST_PREFILL)
                break;
            status = decode ? facts_decode(&m->facts, at, r->q->n_texts, &w, r->err)
                            : facts_prefill(&m->facts, at, &w, r->err);
            if (status == VIV_OK)
                plot_point(s, (double)at,
                           (double)w.n_tokens / work_seconds(&m->facts, r->q->type, &r->c->device, &w));
        }
        add_measured(r, &p, i, decode ? "measured_decode_" : "measured_prefill_");
    }
    return status == VIV_OK
               ? plot_end(r, &p,
                          "Hollow: the ceiling that memory and arithmetic set. Filled: measured, where it was.")
               : (plot_release(&p), status);
}

static double row_value(struct report *r, const char *prefix, uint64_t context, uint32_t model)
{
    char key[96];
    snprintf(key, sizeof key, "%s_%" PRIu64, prefix, context);
    for (size_t i = 0; i < r->c->n_rows; i++)
        if (strcmp(r->c->rows[i].key, key) == 0 && r->c->rows[i].cells[model].known)
            return r->c->rows[i].cells[model].value;
    return NAN;
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
                     seconds = work_seconds(&m->facts, r->q->type, &r->c->device, &w),
                     rate = row_value(r, decode ? "measured_decode" : "measured_prefill", context, model);
        struct series *s = plot_series(p, decode ? NULL : m->name, model);
        s->hollow = true;
        s->says = decode ? "writing, ceiling" : "reading, ceiling";
        plot_point(s, intensity, w.flops / seconds);
        if (isfinite(rate)) {
            s = plot_series(p, NULL, model);
            s->says = decode ? "writing, measured" : "reading, measured";
            plot_point(s, intensity, w.flops * rate / (double)w.n_tokens);
        }
        *least = fmin(*least, intensity);
        *most = fmax(*most, intensity);
    }
    return VIV_OK;
}

static viv_status put_roofline(struct report *r)
{
    const double peak = device_arithmetic(&r->c->device, r->q->type < 0 ? VIV_F16 : (uint32_t)r->q->type),
                 read = r->c->device.limits.read;
    double least = peak / read, most = peak / read;
    struct plot p;
    char caption[256], name[192];
    const struct axis x = {"operations per byte", AXIS_PLAIN, true, false},
                      y = {"operations per second", AXIS_COUNT, true, false};
    viv_status status = plot_begin(r, &p, "Roofline", x, y);
    if (status == VIV_OK && read > 0 && peak > 0 && r->q->n_contexts) {
        struct series *roof = plot_series(&p, name, 0);
        for (uint32_t i = 0; status == VIV_OK && i < r->c->n_models; i++)
            if (takes_part(&r->c->models[i]))
                status = add_roof_points(r, &p, i, &least, &most);
        snprintf(name, sizeof name, "%.3g TFLOP/s, %.4g GB/s", peak * 1e-12, read * 1e-9);
        roof->plain = roof->line = true;
        plot_point(roof, least / 2, least / 2 * read);
        plot_point(roof, peak / read, peak);
        plot_point(roof, most * 2, peak);
    }
    snprintf(caption, sizeof caption,
             "On the slope memory decides, on the flat arithmetic. Right: reading %" PRId32
             " tokens; left: writing the next. Hollow: ceilings. Filled: measured, where it was.",
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
        if (!takes_part(m))
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
        put_key(r);
        buf_puts(r->out, "<figcaption>Each bar is all of a model, as long as any other.</figcaption></figure>\n");
    }
    free(bars);
    free(parts);
    free(figures);
    return status;
}

static viv_status put_charts(struct report *r)
{
    buf_puts(r->out,
             "<section aria-labelledby=\"charts\">\n<h2 id=\"charts\">Charts</h2>\n<div class=\"charts\">\n");
    viv_status status = put_parts_chart(r);
    if (status == VIV_OK)
        status = put_memory_chart(r);
    if (status == VIV_OK && r->c->device.limits.read > 0)
        status = put_speed_chart(r, true);
    if (status == VIV_OK && r->c->device.limits.read > 0)
        status = put_speed_chart(r, false);
    if (status == VIV_OK)
        status = put_roofline(r);
    if (status == VIV_OK)
        status = put_quality_chart(r);
    buf_puts(r->out, "</div>\n</section>\n");
    return status;
}

/* --- notes --------------------------------------------------------------------------------------------------- */

static void put_reasons(struct report *r)
{
    const struct comparison *c = r->c;
    bool any = false;
    for (uint32_t m = 0; m < c->n_models; m++)
        for (size_t i = 0; i < c->n_rows; i++) {
            const char *why = c->rows[i].cells[m].why;
            bool said = !why;
            for (size_t j = 0; j < i && !said; j++)
                said = c->rows[j].cells[m].why && strcmp(c->rows[j].cells[m].why, why) == 0;
            if (said)
                continue;
            buf_puts(r->out, any ? "<li>" : "<p>Where there is a dash:</p>\n<ul>\n<li>");
            put(r, c->models[m].name);
            buf_puts(r->out, ": ");
            put(r, why);
            buf_puts(r->out, "</li>\n");
            any = true;
        }
    buf_puts(r->out, any ? "</ul>\n" : "");
}

static void put_notes(struct report *r)
{
    buf_puts(
        r->out,
        "<section aria-labelledby=\"notes\">\n<h2 id=\"notes\">Notes</h2>\n"
        "<p>Parameters are elements of distinct tensors; active are those that work on one token. Operations are "
        "those of products and attention, a multiply-add being two.</p>\n"
        "<p>A ceiling is what no program can pass: each token takes at least as long as its arithmetic at the "
        "machine's best, and as long as reading the bytes that it needs.");
    if (r->q->type >= 0)
        buf_printf(r->out, " Weights are taken to be in %s.", dtype_get((uint32_t)r->q->type)->name);
    else
        buf_puts(r->out, " Weights are taken as they are in the checkpoint, or in f16 without one.");
    if (r->q->n_texts > 1)
        buf_printf(r->out, " %" PRIu64 " texts are written at once.", r->q->n_texts);
    buf_puts(r->out, "</p>\n");
    put_reasons(r);
    buf_puts(r->out, "</section>\n");
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

viv_status report_html(const struct comparison *c, const struct questions *q, const struct report_origin *origin,
                       FILE *stream, struct error *err)
{
    struct buf out = {0};
    struct report r = {c, q, &out, err};
    put_head(&r, origin);
    put_models(&r);
    viv_status status = put_drawings(&r);
    if (status == VIV_OK) {
        put_structure(&r);
        status = put_charts(&r);
    }
    if (status == VIV_OK) {
        put_numbers(&r);
        put_notes(&r);
        buf_puts(&out, "</main>\n<footer><p>Made by viv ");
        put(&r, origin->version);
        buf_puts(&out,
                 ". This file needs nothing else: no network, no fonts, no scripts of others.</p></footer>\n");
        buf_printf(&out, "<script>%s</script>\n</body>\n</html>\n", script);
    }
    if (status == VIV_OK && out.failed)
        status = error_nomem(err);
    if (status == VIV_OK && fwrite(buf_text(&out), 1, out.size, stream) != out.size)
        status = error_set(err, VIV_EIO, "the report cannot be written");
    buf_release(&out);
    return status;
}
