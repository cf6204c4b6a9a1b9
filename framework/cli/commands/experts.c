/* viv experts - who works on a text: how often the routers of a sparse model choose each expert. */
#include "base/file.h"
#include "base/size.h"
#include "cli/compare/svg.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/open.h"
#include "cli/shared.h"
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct experts_options {
    struct common common;
    const char *file, *svg, *profile;
    int64_t window, limit;
    bool json;
};
static const struct experts_options defaults = {.window = 512};

#define OPT(field) offsetof(struct experts_options, field)
static const struct option table[] = {
    {"svg", 0, OPTION_STRING, OPT(svg), "FILE", .help = "draw the load of every expert in every layer"},
    {"profile", 0, OPTION_STRING, OPT(profile), "FILE", .help = "write what --expert-profile reads"},
    FILE_OPTION(OPT(file), "the same as the word FILE"),
    WINDOW_OPTION(OPT(window), "default 512; each window by itself"),
    {"limit", 0, OPTION_INT, OPT(limit), "N", .help = "read N tokens and no more; 0: all", .min = 0,
     .max = 1 << 30},
    JSON_OPTION(OPT(json), "one object"),
    {0}};

/* One routing layer. */
struct routing {
    const struct graph_node *node;
    const char *experts_path; /* of the layer that its routes lead to */
    uint64_t n, k;            /* experts, and how many of them work on a row */
    uint64_t n_rows;
    uint64_t *chosen;   /* [n] */
    uint64_t *together; /* [n][n], a < b: rows that chose both */
};

struct survey {
    struct opened o;
    const struct experts_options *options;
    struct routing *layers;
    size_t n_layers;
    uint64_t n_tokens;
};

/* --- looking on ---------------------------------------------------------------------------------------------- */

static void look(void *ctx, const struct hook_call *t)
{
    struct survey *s = ctx;
    struct routing *l = s->layers;
    if (!graph_routes(t->node))
        return;
    while (l->node != t->node)
        l++;
    l->n_rows += t->n_rows;
    for (uint64_t r = 0; r < t->n_rows; r++) {
        const float *experts = t->out + r * 2 * l->k;
        for (uint64_t j = 0; j < l->k; j++) {
            uint64_t a = (uint64_t)experts[j];
            if (a >= l->n)
                continue;
            l->chosen[a]++;
            for (uint64_t i = 0; i < j; i++) {
                uint64_t b = (uint64_t)experts[i];
                if (b < l->n)
                    l->together[size_min(a, b) * l->n + size_max(a, b)]++;
            }
        }
    }
}

/* The layer that reads a router's output first. */
static const char *path_after(const struct graph *g, const struct graph_node *router)
{
    for (const struct graph_node *n = router + 1; n < g->nodes + g->n_nodes; n++)
        if (n->spec->inputs[0] == router->spec->output)
            return n->spec->path;
    return router->spec->path;
}

static viv_status find_layers(struct survey *s, struct error *err)
{
    const struct graph *g = model_graph(s->o.model);
    s->layers = calloc(g->n_nodes, sizeof *s->layers);
    if (!s->layers)
        return error_nomem(err);
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const viv_routes *routes = graph_routes(&g->nodes[i]);
        if (!routes)
            continue;
        struct routing *l = &s->layers[s->n_layers++];
        l->node = &g->nodes[i];
        l->experts_path = path_after(g, l->node);
        l->n = routes->n_experts(l->node->layer);
        l->k = l->node->out_dim / 2;
        l->chosen = calloc(l->n, sizeof *l->chosen);
        l->together = l->n <= 4096 ? calloc(l->n * l->n, sizeof *l->together) : NULL;
        if (!l->chosen || !l->together)
            return error_nomem(err);
    }
    if (s->n_layers > 0)
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED, "%s has no experts: every token goes through all of it",
                     spec_name(model_spec(s->o.model)));
}

static void release_layers(struct survey *s)
{
    for (size_t i = 0; i < s->n_layers; i++) {
        free(s->layers[i].chosen);
        free(s->layers[i].together);
    }
    free(s->layers);
}

/* --- reading the text ---------------------------------------------------------------------------------------- */

static viv_status read_window(struct survey *s, const int32_t *tokens, uint64_t n, const uint8_t *output_rows,
                              const uint32_t *cancel, struct error *err)
{
    viv_sequence *sequence;
    const uint64_t most = model_max_rows(s->o.model);
    viv_status status = sequence_create(s->o.model, &sequence, err);
    if (status != VIV_OK)
        return status;
    for (uint64_t at = 0; status == VIV_OK && at < n;) {
        const float *outputs;
        uint64_t n_outputs, n_rows = size_min(most, n - at);
        const viv_rows rows = {.struct_size = sizeof rows,
                               .sequence = sequence,
                               .n_rows = n_rows,
                               .tokens = tokens + at,
                               .output_rows = output_rows,
                               .length = n};
        const viv_rows *const list[] = {&rows};
        status = model_step(s->o.model, list, 1, cancel, &outputs, &n_outputs, err);
        at += n_rows;
        s->n_tokens += status == VIV_OK ? n_rows : 0;
    }
    sequence_destroy(sequence);
    return status;
}

/* All rows are asked for, since the last layers work on no others. An interruption ends the reading and not the
 * survey. */
static viv_status read_text(struct survey *s, const struct token_ids *ids, struct error *err)
{
    const uint64_t window = size_min((uint64_t)s->options->window, model_context(s->o.model));
    const uint64_t n = s->options->limit ? size_min((uint64_t)s->options->limit, ids->n) : ids->n;
    const uint32_t *cancel = interrupt_watch();
    uint8_t *output_rows = malloc(model_max_rows(s->o.model));
    viv_status status = output_rows ? VIV_OK : error_nomem(err);
    if (output_rows)
        memset(output_rows, 1, model_max_rows(s->o.model));
    for (uint64_t at = 0; status == VIV_OK && at < n; at += window) {
        progress_show(&s->o.progress, "tokens", at, n);
        status = read_window(s, ids->ids + at, size_min(window, n - at), output_rows, cancel, err);
    }
    progress_clear(&s->o.progress);
    free(output_rows);
    return status == VIV_ECANCELLED && s->n_tokens > 0 ? VIV_OK : status;
}

/* --- figures ------------------------------------------------------------------------------------------------- */

struct figures {
    double entropy; /* of the loads, as a part of the most that it can be */
    uint64_t busiest, n_unused;
    double busiest_share; /* of the rows */
    uint64_t a, b;        /* the two that work together most more often than by chance */
    double pair_share, pair_lift;
};

/* Pairs of whom neither was chosen in fewer than one of a hundred rows. */
static void find_pair(const struct routing *l, struct figures *f)
{
    for (uint64_t a = 0; a < l->n; a++)
        for (uint64_t b = a + 1; b < l->n; b++) {
            double x = (double)l->chosen[a], y = (double)l->chosen[b], rows = (double)l->n_rows;
            double both = (double)l->together[a * l->n + b];
            if (x < rows / 100 || y < rows / 100 || both * rows <= f->pair_lift * x * y)
                continue;
            f->a = a;
            f->b = b;
            f->pair_share = both / rows;
            f->pair_lift = both * rows / (x * y);
        }
}

static struct figures figures_of(const struct routing *l)
{
    struct figures f = {0};
    const double choices = (double)l->n_rows * (double)l->k;
    for (uint64_t i = 0; i < l->n; i++) {
        double p = choices > 0 ? (double)l->chosen[i] / choices : 0;
        f.entropy -= p > 0 ? p * log(p) : 0;
        f.n_unused += l->chosen[i] == 0;
        if (l->chosen[i] > l->chosen[f.busiest])
            f.busiest = i;
    }
    f.entropy = l->n > 1 ? f.entropy / log((double)l->n) : 1;
    f.busiest_share = l->n_rows ? (double)l->chosen[f.busiest] / (double)l->n_rows : 0;
    find_pair(l, &f);
    return f;
}

/* --- printing ------------------------------------------------------------------------------------------------ */

static viv_status print_table(const struct survey *s, struct error *err)
{
    struct columns c = {.align = "lrrrrrr"};
    static const char *const heads[] = {"layer",   "experts",      "of them at work", "evenness",
                                        "busiest", "never chosen", "most together"};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        columns_add(&c, "%s", heads[i]);
    for (size_t i = 0; i < s->n_layers; i++) {
        const struct routing *l = &s->layers[i];
        const struct figures f = figures_of(l);
        columns_add(&c, "%s", l->node->spec->path);
        columns_add(&c, "%" PRIu64, l->n);
        columns_add(&c, "%" PRIu64, l->k);
        columns_add(&c, "%.3f", f.entropy);
        columns_add(&c, "%" PRIu64 " (%.1f %%)", f.busiest, 100 * f.busiest_share);
        columns_add(&c, "%" PRIu64, f.n_unused);
        if (f.pair_lift > 0)
            columns_add(&c, "%" PRIu64 " and %" PRIu64 " (%.1f %%, %.1f times chance)", f.a, f.b,
                        100 * f.pair_share, f.pair_lift);
        else
            columns_add(&c, "%s", "");
    }
    printf("%" PRIu64 " tokens\n\n", s->n_tokens);
    return columns_print(&c, 0, err);
}

static json_t *layer_json(const struct routing *l)
{
    const struct figures f = figures_of(l);
    json_t *loads = json_array(), *unused = json_array();
    for (uint64_t i = 0; i < l->n; i++) {
        json_array_append_new(loads, json_integer((json_int_t)l->chosen[i]));
        if (l->chosen[i] == 0)
            json_array_append_new(unused, json_integer((json_int_t)i));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:I, s:f, s:o, s:o, s:{s:[I, I], s:f, s:f}}", "router",
                     l->node->spec->path, "experts_layer", l->experts_path, "experts", (json_int_t)l->n,
                     "experts_per_token", (json_int_t)l->k, "rows", (json_int_t)l->n_rows, "evenness", f.entropy,
                     "busiest", (json_int_t)f.busiest, "busiest_share", f.busiest_share, "chosen", loads,
                     "never_chosen", unused, "most_together", "experts", (json_int_t)f.a, (json_int_t)f.b, "share",
                     f.pair_share, "times_chance", f.pair_lift);
}

static viv_status print_as_json(const struct survey *s, struct error *err)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < s->n_layers; i++)
        json_array_append_new(layers, layer_json(&s->layers[i]));
    return cli_print_json(json_pack("{s:o, s:I, s:o}", "model", cli_json_word(spec_name(model_spec(s->o.model))),
                                    "tokens", (json_int_t)s->n_tokens, "layers", layers),
                          false, err);
}

static void warn_of_unused(const struct survey *s)
{
    for (size_t i = 0; i < s->n_layers; i++) {
        const struct routing *l = &s->layers[i];
        const struct figures f = figures_of(l);
        uint64_t first = 0;
        while (first < l->n && l->chosen[first])
            first++;
        if (f.n_unused)
            fprintf(stderr,
                    "viv: %s never chose %" PRIu64 " of its %" PRIu64 " experts in %" PRIu64
                    " tokens, expert %" PRIu64 " among them\n",
                    l->node->spec->path, f.n_unused, l->n, l->n_rows, first);
    }
}

/* --- files --------------------------------------------------------------------------------------------------- */

/* {"layers.0.experts": [chosen, ...], ...} */
static viv_status write_profile(const struct survey *s, struct error *err)
{
    json_t *root = json_object();
    for (size_t i = 0; i < s->n_layers; i++) {
        json_t *counts = json_array();
        for (uint64_t x = 0; x < s->layers[i].n; x++)
            json_array_append_new(counts, json_integer((json_int_t)s->layers[i].chosen[x]));
        json_object_set_new(root, s->layers[i].experts_path, counts);
    }
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    viv_status status = text && !json_lost_something() ? file_write(s->options->profile, text, strlen(text), err)
                                                       : error_nomem(err);
    free(text);
    return status;
}

/* A line of cells for each layer, a cell for each expert, darker the more often it was chosen. */
static viv_status write_svg(const struct survey *s, struct error *err)
{
    enum { LEFT = 130, TOP = 76, ROW = 18 };
    struct buf out = {0};
    char text[256], tip[256];
    uint64_t most = 1;
    for (size_t i = 0; i < s->n_layers; i++)
        most = size_max(most, s->layers[i].n);
    const double width = 960, cell = fmin(24, (width - LEFT - 20) / (double)most);
    const char *name = spec_name(model_spec(s->o.model));
    snprintf(text, sizeof text, "Load of the experts of %.100s", name);
    snprintf(tip, sizeof tip,
             "For each of %zu routing layers, how often each expert was chosen in %" PRIu64 " tokens.", s->n_layers,
             s->n_tokens);
    svg_begin(&out, LEFT + cell * (double)most + 20, TOP + ROW * (double)s->n_layers + 24, text, tip, true);
    svg_text(&out, 12, 26, "start", "title", text);
    snprintf(tip, sizeof tip, "%" PRIu64 " tokens; full colour: twice an even share of the load, or more",
             s->n_tokens);
    svg_text(&out, 12, 46, "start", "quiet", tip);
    for (uint64_t x = 0; x<most; x += most> 40 ? 8 : most > 12 ? 4 : 1) {
        snprintf(tip, sizeof tip, "%" PRIu64, x);
        svg_text(&out, LEFT + cell * ((double)x + 0.5), TOP - 6, "middle", "small quiet", tip);
    }
    for (size_t i = 0; i < s->n_layers; i++) {
        const struct routing *l = &s->layers[i];
        const double y = TOP + ROW * (double)i, even = (double)l->n_rows * (double)l->k / (double)l->n;
        svg_text(&out, LEFT - 8, y + 12, "end", "small", l->node->spec->path);
        for (uint64_t x = 0; x < l->n; x++) {
            double load = even > 0 ? (double)l->chosen[x] / even : 0;
            snprintf(tip, sizeof tip,
                     "%s, expert %" PRIu64 ": %" PRIu64 " of %" PRIu64 " tokens, %.2f of an even share",
                     l->node->spec->path, x, l->chosen[x], l->n_rows, load);
            svg_rect(&out, LEFT + cell * (double)x, y, cell - 1, ROW - 2, "faint", 1, NULL);
            svg_rect(&out, LEFT + cell * (double)x, y, cell - 1, ROW - 2, "load", fmin(1, load / 2), tip);
        }
    }
    svg_end(&out);
    viv_status status = out.failed ? error_nomem(err) : file_write(s->options->svg, buf_text(&out), out.size, err);
    buf_release(&out);
    return status;
}

/* --- the verb ------------------------------------------------------------------------------------------------ */

static const uint64_t LONGEST_TEXT = 256u << 20;

static viv_status tokenize(struct survey *s, const char *file, struct token_ids *ids, struct error *err)
{
    const struct tokenizer *t;
    struct buf text = {0};
    viv_status status = model_tokenizer(s->o.model, &t, err);
    if (status == VIV_OK)
        status = cli_read_input(file, LONGEST_TEXT, &text, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, buf_text(&text), text.size, TOKENIZER_ADD_SPECIAL, ids, err);
    if (status == VIV_OK && ids->n == 0)
        status = error_set(err, VIV_EINVAL, "%s: there is no text in it", file_input_name(file));
    buf_release(&text);
    return status;
}

static viv_status report(const struct survey *s, struct error *err)
{
    viv_status status = s->options->json ? print_as_json(s, err) : print_table(s, err);
    if (status == VIV_OK && s->options->svg)
        status = write_svg(s, err);
    if (status == VIV_OK && s->options->profile)
        status = write_profile(s, err);
    warn_of_unused(s);
    if (status == VIV_OK && interrupt_happened())
        status = error_set(err, VIV_ECANCELLED, "interrupted after %" PRIu64 " tokens", s->n_tokens);
    return status;
}

static int experts(const struct arguments *a)
{
    struct survey s = {.options = a->options};
    struct token_ids ids = {0};
    struct error err = {0};
    const char *file = s.options->file ? s.options->file : a->n_words > 1 ? a->words[1] : NULL;
    if (!file || (s.options->file && a->n_words > 1))
        return cli_usage_error("experts", "one text is wanted: FILE or --file FILE");
    s.o.hook = look;
    s.o.hook_ctx = &s;
    s.o.max_rows = 128; /* the head works on all of them */
    viv_status status = cli_open_model(&s.o, &s.options->common, a->words[0], &err);
    if (status == VIV_OK)
        status = find_layers(&s, &err);
    if (status == VIV_OK)
        status = tokenize(&s, file, &ids, &err);
    if (status == VIV_OK)
        status = cli_load_model(&s.o, &err);
    if (status == VIV_OK)
        status = read_text(&s, &ids, &err);
    if (status == VIV_OK)
        status = report(&s, &err);
    token_ids_release(&ids);
    int exit_status = cli_close_opened(&s.o, status, &err);
    release_layers(&s);
    return exit_status;
}

const struct command command_experts = {
    .name = "experts",
    .summary = "which experts of a sparse model work on a text",
    .words = "MODEL [FILE]",
    .text = "Reads a text and counts how often the router of each layer chooses each expert. Evenness is the "
            "entropy of the loads as a part of the most that it can be: 1 where all work equally, near 0 where a "
            "few do it all. Pairs are those that work together most above chance.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct experts_options),
    .examples = "viv experts mixtral.gguf book.txt --limit 10000\n"
                "viv experts ./olmoe book.txt --svg load.svg --profile book.json\n"
                "viv run ./olmoe --expert-memory 2GiB --expert-profile book.json -p \"Call me\"",
    .group = GROUP_MEASURE,
    .models = true,
    .main = experts,
};
