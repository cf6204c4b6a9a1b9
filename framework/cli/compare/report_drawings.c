/* report_drawings.c - the architectures side by side, once for each scale. */
#include "base/figure.h"
#include "base/size.h"
#include "cli/compare/drawing.h"
#include "cli/compare/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum { BY_PARAMS, BY_SHARE, BY_FLOPS, N_SCALES };
static const char *const scale_names[N_SCALES] = {"parameters, one scale", "parameters, each its own scale",
                                                  "operations a token, one scale"};

/* The drawings of all models by one measure. */
struct drawings {
    struct blocks *blocks;       /* [n_models] */
    const struct blocks **shown; /* [n] */
    struct drawing_look *looks;  /* [n] */
    uint32_t *models;            /* [n] index of the model */
    uint32_t n, n_made;
};

static void drawings_release(struct drawings *g)
{
    for (uint32_t i = 0; i < g->n_made; i++)
        blocks_release(&g->blocks[i]);
    free(g->blocks);
    free(g->shown);
    free(g->looks);
    free(g->models);
}

static viv_status drawings_make(struct report *r, int scale, uint64_t context, struct drawings *g)
{
    const uint32_t n = r->c->n_models;
    double most = 0;
    *g = (struct drawings){calloc(n, sizeof *g->blocks),
                           calloc(n, sizeof *g->shown),
                           calloc(n, sizeof *g->looks),
                           calloc(n, sizeof *g->models),
                           0,
                           0};
    if (!g->blocks || !g->shown || !g->looks || !g->models)
        return error_nomem(r->err);
    for (uint32_t i = 0; i < n; i++) {
        const struct compared *m = &r->c->models[i];
        if (!is_first_column(r, m))
            continue;
        viv_status status = blocks_make(&m->facts, scale == BY_FLOPS ? MEASURE_FLOPS : MEASURE_PARAMS,
                                        size_min(context, m->facts.context), DRAWN_KINDS, &g->blocks[g->n], r->err);
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

void report_put_key(struct report *r)
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
                       part, part, facts_part_names[part]);
    }
    buf_puts(r->out, "</ul>\n");
}

/* On one scale with a model so many times as large, of a small one only its names would be seen. */
static int best_scale(const struct drawings *g)
{
    enum { MOST_TIMES = 20 };
    double least = INFINITY, most = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        least = fmin(least, g->blocks[i].total);
        most = fmax(most, g->blocks[i].total);
    }
    return most > MOST_TIMES * least ? BY_SHARE : BY_PARAMS;
}

viv_status report_put_drawings(struct report *r)
{
    struct drawings g[N_SCALES] = {0};
    const uint64_t context = r->q->n_contexts ? (uint64_t)r->q->contexts[r->q->n_contexts - 1] : 1;
    viv_status status = VIV_OK;
    for (int s = 0; s < N_SCALES && status == VIV_OK; s++)
        status = drawings_make(r, s, context, &g[s]);
    buf_puts(r->out,
             "<section aria-labelledby=\"drawings\">\n<h2 id=\"drawings\">Drawings</h2>\n"
             "<p>Each block is a layer, its colour as high as its share of what is chosen below; a block too low "
             "for its name has an empty rest. Of experts, the solid part works on one token. Equal layers stand "
             "once, with how often they come. Attention and feed-forward begin at one height.</p>\n");
    report_put_key(r);
    for (int s = 0; s < N_SCALES; s++)
        buf_printf(r->out,
                   "<input class=\"by-input\" type=\"radio\" name=\"by\" id=\"by-%d\"%s><label for=\"by-%d\">%s"
                   "</label>\n",
                   s, s == best_scale(&g[BY_PARAMS]) ? " checked" : "", s, scale_names[s]);
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
        drawings_release(&g[s]);
    return status;
}
