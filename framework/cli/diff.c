/* viv diff - where the numbers of two models part: two files of one model, or one with two schedulers, kernels or
 * adapters.
 *
 * A runs first, and what its layers make is kept. Then B runs, and each of its layers is compared with the one of A
 * that corresponds to it (graph/align.h), over all tokens:
 *
 *   error = max |a - b|      relative = error / max |a|      cosine = <a, b> / |a| |b|
 *
 * Of a router, what it chose is compared as a row of what each expert counts. */
#include "base/size.h"
#include "cli/feed.h"
#include "graph/align.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct diff_options {
    struct common common;
    struct string_list on_a, on_b;
    struct id_list tokens;
    const char *text;
    double tolerance; /* NAN: by the types of the weights */
    bool each, all, json;
};
static const struct diff_options defaults = {.tolerance = NAN};

#define OPT(field) offsetof(struct diff_options, field)
static const struct option table[] = {
    {"on-a", 0, OPTION_STRINGS, OPT(on_a), "NAME=VALUE",
     "a common option for the first model alone, as in scheduler=serial; or rows=N: in steps of N rows; may be "
     "repeated",
     0, 0, NULL},
    {"on-b", 0, OPTION_STRINGS, OPT(on_b), "NAME=VALUE", "the same for the second", 0, 0, NULL},
    {"tokens", 0, OPTION_IDS, OPT(tokens), "IDS", "the ids to run, such as 1,2,3; default: 16 that both know", 0, 0,
     NULL},
    {"text", 'p', OPTION_STRING, OPT(text), "TEXT", "or a text, of which both make the same tokens", 0, 0, NULL},
    {"tolerance", 0, OPTION_FLOAT, OPT(tolerance), "X",
     "how far apart numbers may be, as a part of the layer's largest; default: 1e-4 for f32, more for coarser "
     "types",
     0, 1e6, NULL},
    {"each", 0, OPTION_FLAG, OPT(each), NULL,
     "give each layer of the second model the numbers of the first, so that its own error is seen alone", 0, 0,
     NULL},
    {"all", 0, OPTION_FLAG, OPT(all), NULL, "show every layer, and not only the worst of each block", 0, 0, NULL},
    {"json", 0, OPTION_FLAG, OPT(json), NULL, "print one JSON object", 0, 0, NULL},
    {0}};

/* One of the two models. */
struct side {
    const char *name;
    struct side_options {
        struct common common;
        int64_t rows; /* of a step; 0: as many as the model takes */
    } options;
    struct opened o;
    struct input in;
    const char *weights; /* the coarsest type among them */
    double tolerance;    /* that it asks for */
    bool gives_logits;
    struct model_stats stats;
};

static const struct option side_table[] = {
    {"rows", 0, OPTION_INT, offsetof(struct side_options, rows), "N", "", 1, 1 << 20, NULL}, {0}};

/* Two layers that correspond, or one that is alone. */
struct line {
    struct align_pair pair;
    char *a;       /* its path; NULL: only B has it */
    const char *b; /* the same */
    uint64_t a_dim, b_dim;
    const viv_routes *routes;
    uint64_t dim; /* numbers of a row as they are compared: a_dim, or the experts of a router */
    float *rows;  /* [n_rows, a_dim] what A's has made */
    uint64_t n_rows, n_kept, n_compared;
    double error, largest, ab, aa, bb; /* largest: of A */
    uint64_t row, feature;             /* where the error is */
};

struct output {
    uint64_t n_rows, n_same_best;
    double kl_sum, kl_most;
};

struct diff {
    const struct diff_options *options;
    struct side a, b;
    struct line *lines;
    uint32_t n_lines;
    uint32_t *line_of_a, *line_of_b; /* [nodes] */
    float *x, *y;                    /* a router's rows, spread: [most experts] each */
    double tolerance;
    uint32_t result; /* the line of what B gives; n_lines: A has none like it */
    struct output output;
};

/* --- looking on ---------------------------------------------------------------------------------------------- */

static uint32_t node_index(const struct opened *o, const struct graph_node *n)
{
    return (uint32_t)(n - model_graph(o->model)->nodes);
}

static void keep(void *ctx, const struct tap *t)
{
    struct diff *d = ctx;
    struct line *l = &d->lines[d->line_of_a[node_index(&d->a.o, t->node)]];
    const uint64_t n = size_min(t->n_rows, l->n_rows - l->n_kept);
    if (l->rows)
        memcpy(l->rows + l->n_kept * l->a_dim, t->out, n * l->a_dim * sizeof *l->rows);
    l->n_kept += n;
}

/* [experts, weights] of 2k numbers as a row of what each expert counts. */
static const float *spread(const struct line *l, const float *row, float *out)
{
    if (!l->routes)
        return row;
    memset(out, 0, l->dim * sizeof *out);
    for (uint64_t j = 0, k = l->a_dim / 2; j < k; j++)
        if (row[j] >= 0 && row[j] < (float)l->dim)
            out[(uint64_t)row[j]] = row[k + j];
    return out;
}

static double distance(float a, float b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return 0;
    double d = fabs((double)a - (double)b);
    return isnan(d) ? INFINITY : d;
}

static void compare_rows(struct line *l, const float *a, const float *b, uint64_t row)
{
    for (uint64_t i = 0; i < l->dim; i++) {
        const double x = (double)a[i], y = (double)b[i], error = distance(a[i], b[i]);
        if (error > l->error) {
            l->error = error;
            l->row = row;
            l->feature = i;
        }
        if (!isfinite(x) || !isfinite(y))
            continue;
        l->largest = fmax(l->largest, fabs(x));
        l->ab += x * y;
        l->aa += x * x;
        l->bb += y * y;
    }
}

/* Of logits: the best token, and log of the sum of all exponentials. */
static uint64_t best_of(const float *z, uint64_t n, double *log_sum)
{
    uint64_t best = 0;
    double sum = 0;
    for (uint64_t i = 1; i < n; i++)
        if (z[i] > z[best])
            best = i;
    for (uint64_t i = 0; i < n; i++)
        sum += exp((double)z[i] - (double)z[best]);
    *log_sum = (double)z[best] + log(sum);
    return best;
}

/* KL(A || B) = sum of p_a (log p_a - log p_b) */
static void compare_logits(struct output *out, const float *a, const float *b, uint64_t n)
{
    double sum_a, sum_b, kl = 0;
    out->n_same_best += best_of(a, n, &sum_a) == best_of(b, n, &sum_b);
    for (uint64_t i = 0; i < n; i++) {
        double log_a = (double)a[i] - sum_a, log_b = (double)b[i] - sum_b;
        if (log_a > -INFINITY)
            kl += exp(log_a) * (log_a - log_b);
    }
    kl = isnan(kl) ? INFINITY : fmax(kl, 0);
    out->kl_sum += kl;
    out->kl_most = fmax(out->kl_most, kl);
    out->n_rows++;
}

static void compare(void *ctx, const struct tap *t)
{
    struct diff *d = ctx;
    const uint32_t index = d->line_of_b[node_index(&d->b.o, t->node)];
    struct line *l = &d->lines[index];
    for (uint64_t r = 0; l->rows && r < t->n_rows && l->n_compared < l->n_kept; r++, l->n_compared++) {
        const float *a = l->rows + l->n_compared * l->a_dim;
        float *b = t->out + r * l->b_dim;
        compare_rows(l, spread(l, a, d->x), spread(l, b, d->y), l->n_compared);
        if (index == d->result && d->a.gives_logits && d->b.gives_logits)
            compare_logits(&d->output, a, b, l->dim);
        if (d->options->each)
            memcpy(b, a, l->b_dim * sizeof *b);
    }
}

static bool compared(const struct line *l)
{
    return l->n_compared > 0;
}

static double relative(const struct line *l)
{
    return l->error == 0 ? 0 : l->largest > 0 ? l->error / l->largest : INFINITY;
}

static double cosine(const struct line *l)
{
    if (l->aa == 0 || l->bb == 0)
        return l->aa == l->bb;
    return fmin(1, fmax(-1, l->ab / (sqrt(l->aa) * sqrt(l->bb))));
}

static bool parts(const struct diff *d, const struct line *l)
{
    return compared(l) && relative(l) > d->tolerance;
}

/* --- the two models ------------------------------------------------------------------------------------------ */

/* What rounding to a type, and computing on it, may do to the numbers of a deep model. */
static double tolerance_of(uint32_t type)
{
    const struct dtype *t = dtype_get(type);
    return type == VIV_F32              ? 1e-4
           : type == VIV_F16            ? 5e-3
           : type == VIV_BF16           ? 2e-2
           : t->block_bytes >= t->block ? 5e-2
                                        : 3e-1;
}

static viv_status find_type(struct side *s, struct error *err)
{
    const struct binding *bindings;
    const char *state = s->options.common.state_type;
    viv_status status = model_bindings(s->o.model, &bindings, err);
    for (uint32_t i = 0; status == VIV_OK && i < model_expansion(s->o.model)->n_weights; i++) {
        const viv_tensor *t = bindings[i].tensor;
        if (!t || t->dl.ndim < 2 || tolerance_of(t->dtype) <= s->tolerance)
            continue;
        s->tolerance = tolerance_of(t->dtype);
        s->weights = dtype_get(t->dtype)->name;
    }
    if (state && strcmp(state, "f16") == 0)
        s->tolerance = fmax(s->tolerance, tolerance_of(VIV_F16));
    return status;
}

static viv_status open_side(struct side *s, struct error *err)
{
    struct error none;
    s->weights = dtype_get(VIV_F32)->name;
    s->tolerance = tolerance_of(VIV_F32);
    s->o.max_rows = (uint64_t)s->options.rows;
    viv_status status = open_model(&s->o, &s->options.common, s->name, err);
    if (status == VIV_OK)
        status = find_type(s, err);
    s->gives_logits = status == VIV_OK && want_logits(&s->o, &none) == VIV_OK;
    return status;
}

static viv_status run_side(struct side *s, struct error *err)
{
    viv_status status = load_model(&s->o, err);
    if (status == VIV_OK)
        status = feed(&s->o, &s->in, (uint64_t)s->options.rows, NULL, err);
    if (status == VIV_OK)
        model_stats(s->o.model, &s->stats);
    return status;
}

static char side_letter(const struct diff *d, const struct side *s)
{
    return s == &d->a ? 'A' : 'B';
}

/* --- what they read ------------------------------------------------------------------------------------------ */

static viv_status tokenize(struct side *s, const char *text, struct token_ids *out, struct error *err)
{
    const struct tokenizer *t;
    viv_status status = model_tokenizer(s->o.model, &t, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, text, strlen(text), TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL, out, err);
    return status;
}

static viv_status tokenize_both(struct diff *d, struct token_ids *out, struct error *err)
{
    struct token_ids b = {0};
    viv_status status = tokenize(&d->a, d->options->text, out, err);
    if (status == VIV_OK)
        status = tokenize(&d->b, d->options->text, &b, err);
    for (size_t i = 0; status == VIV_OK && i < size_max(out->n, b.n); i++)
        if (i >= out->n || i >= b.n || out->ids[i] != b.ids[i])
            status =
                error_set(err, VIV_EINVAL,
                          "the tokenizers part at token %zu of the text (%zu tokens of A, %zu of B): give --tokens",
                          i, out->n, b.n);
    token_ids_release(&b);
    return status;
}

static uint64_t least_vocab(const struct side *s)
{
    const struct graph *g = model_graph(s->o.model);
    return model_memory_dim(s->o.model)
               ? size_min(g->stacks[STACK_GRAPH].vocab_size, g->stacks[STACK_ENCODER].vocab_size)
               : g->stacks[STACK_GRAPH].vocab_size;
}

/* Ids from all over both vocabularies. */
static viv_status choose_tokens(const struct diff *d, struct token_ids *out, struct error *err)
{
    const uint64_t vocab = size_min(least_vocab(&d->a), least_vocab(&d->b));
    const uint64_t room = size_min(model_context(d->a.o.model), model_context(d->b.o.model));
    out->n = (size_t)size_min(16, room);
    out->ids = calloc(out->n, sizeof *out->ids);
    if (!out->ids)
        return error_nomem(err);
    for (uint64_t i = 0; i < out->n && vocab > 0; i++)
        out->ids[i] = (int32_t)((i * 7919 + 5) % vocab);
    return VIV_OK;
}

/* The decoder of a model with an encoder is given the same tokens. */
static viv_status choose_input(struct diff *d, struct token_ids *ids, struct error *err)
{
    struct side *const sides[] = {&d->a, &d->b};
    viv_status status = VIV_OK;
    if (d->options->text)
        status = tokenize_both(d, ids, err);
    else if (!d->options->tokens.n)
        status = choose_tokens(d, ids, err);
    const struct ids given = d->options->tokens.n ? (struct ids){d->options->tokens.ids, d->options->tokens.n}
                                                  : (struct ids){ids->ids, ids->n};
    for (int i = 0; status == VIV_OK && i < 2; i++) {
        const struct ids written = model_memory_dim(sides[i]->o.model) ? given : (struct ids){0};
        status = feed_arrange(&sides[i]->o, &given, &written, &sides[i]->in, err);
        if (status != VIV_OK)
            error_prefix(err, "%c", side_letter(d, sides[i]));
    }
    return status;
}

/* --- which layers are compared ------------------------------------------------------------------------------- */

static viv_status begin_line(struct diff *d, struct line *l, struct error *err)
{
    const struct graph *a = model_graph(d->a.o.model), *b = model_graph(d->b.o.model);
    const struct graph_node *x = l->pair.a == ALIGN_NONE ? NULL : &a->nodes[l->pair.a];
    const struct graph_node *y = l->pair.b == ALIGN_NONE ? NULL : &b->nodes[l->pair.b];
    const struct stack *encoder = &b->expansion->stacks[STACK_ENCODER];
    uint64_t bytes;
    if (x) {
        d->line_of_a[l->pair.a] = (uint32_t)(l - d->lines);
        l->a_dim = x->out_dim;
        l->a = strdup(x->spec->path); /* A is closed before B runs */
        if (!l->a)
            return error_nomem(err);
    }
    if (y) {
        d->line_of_b[l->pair.b] = (uint32_t)(l - d->lines);
        l->b_dim = y->out_dim;
        l->b = y->spec->path;
    }
    if (!x || !y)
        return VIV_OK;
    l->dim = l->a_dim;
    l->routes = graph_routes(x) ? graph_routes(y) : NULL;
    if (l->routes)
        l->dim = size_max(graph_routes(x)->n_experts(x->layer), l->routes->n_experts(y->layer));
    l->n_rows = l->pair.b >= encoder->begin && l->pair.b < encoder->end ? d->b.in.read.n : d->b.in.tokens.n;
    if (!size_mul(l->n_rows, l->a_dim * sizeof *l->rows, &bytes) || !(l->rows = malloc(bytes)))
        return error_nomem(err);
    if (y->spec->output == b->expansion->stacks[STACK_GRAPH].output)
        d->result = (uint32_t)(l - d->lines);
    return VIV_OK;
}

static viv_status begin_lines(struct diff *d, struct error *err)
{
    const struct graph *a = model_graph(d->a.o.model), *b = model_graph(d->b.o.model);
    struct align_pair *pairs = NULL;
    uint64_t most = 1;
    viv_status status = graph_align(a, b, &pairs, &d->n_lines, err);
    if (status != VIV_OK)
        return status;
    d->result = d->n_lines;
    d->lines = calloc(d->n_lines, sizeof *d->lines);
    d->line_of_a = calloc(a->n_nodes, sizeof *d->line_of_a);
    d->line_of_b = calloc(b->n_nodes, sizeof *d->line_of_b);
    if (!d->lines || !d->line_of_a || !d->line_of_b)
        status = error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < d->n_lines; i++) {
        d->lines[i].pair = pairs[i];
        status = begin_line(d, &d->lines[i], err);
        most = size_max(most, d->lines[i].dim);
    }
    free(pairs);
    d->x = calloc(most, sizeof *d->x);
    d->y = calloc(most, sizeof *d->y);
    return status != VIV_OK || (d->x && d->y) ? status : error_nomem(err);
}

static void release_lines(struct diff *d)
{
    for (uint32_t i = 0; d->lines && i < d->n_lines; i++) {
        free(d->lines[i].a);
        free(d->lines[i].rows);
    }
    free(d->lines);
    free(d->line_of_a);
    free(d->line_of_b);
    free(d->x);
    free(d->y);
}

/* --- telling ------------------------------------------------------------------------------------------------- */

/* The first line that parts, or that is alone; n_lines: there is none. */
static uint32_t first_that_parts(const struct diff *d)
{
    uint32_t i = 0;
    while (i < d->n_lines && !parts(d, &d->lines[i]))
        i++;
    return i;
}

static uint32_t first_alone(const struct diff *d)
{
    uint32_t i = 0;
    while (i < d->n_lines && d->lines[i].a && d->lines[i].b)
        i++;
    return i;
}

/* "A has layers.0.router, [4], and B has layers.0.mlp, [36]": what stands there in each before they correspond
 * again. */
struct misfit {
    char text[512];
};
static struct misfit misfit(const struct diff *d)
{
    const struct line *a = NULL, *b = NULL;
    struct misfit m;
    for (uint32_t i = first_alone(d); i < d->n_lines && !(d->lines[i].a && d->lines[i].b); i++) {
        const struct line *l = &d->lines[i];
        a = !a && l->a ? l : a;
        b = !b && l->b ? l : b;
    }
    if (a && b)
        snprintf(m.text, sizeof m.text, "A has %.200s, [%" PRIu64 "], and B has %.200s, [%" PRIu64 "]", a->a,
                 a->a_dim, b->b, b->b_dim);
    else
        snprintf(m.text, sizeof m.text, "%c has %.200s, [%" PRIu64 "], and %c nothing like it", a ? 'A' : 'B',
                 a ? a->a : b->b, a ? a->a_dim : b->b_dim, a ? 'B' : 'A');
    return m;
}

static bool agree(const struct diff *d)
{
    return first_that_parts(d) == d->n_lines && d->result < d->n_lines;
}

static const char *path_of(const struct line *l)
{
    return l->a ? l->a : l->b;
}

/* Whether both lie in one block: "layers.3.attention" and "layers.3.mlp". */
static bool same_block(const struct line *x, const struct line *y)
{
    const char *a = path_of(x), *b = path_of(y), *dot = strrchr(a, '.');
    const size_t n = dot ? (size_t)(dot - a) + 1 : 0;
    return n > 0 && strncmp(a, b, n) == 0 && !strchr(b + n, '.');
}

/* Without --all: the worst line of its block, and where the models part. */
static bool shown(const struct diff *d, uint32_t i, uint32_t first)
{
    const struct line *l = &d->lines[i];
    if (d->options->all || i == first)
        return true;
    if (!compared(l))
        return i == first_alone(d);
    for (uint32_t j = i; j-- > 0 && same_block(l, &d->lines[j]);)
        if (compared(&d->lines[j]) && relative(&d->lines[j]) >= relative(l))
            return false;
    for (uint32_t j = i + 1; j < d->n_lines && same_block(l, &d->lines[j]); j++)
        if (compared(&d->lines[j]) && relative(&d->lines[j]) > relative(l))
            return false;
    return true;
}

static void add_line(const struct diff *d, struct columns *c, uint32_t i, uint32_t first)
{
    const struct line *l = &d->lines[i];
    if (l->a && l->b && strcmp(l->a, l->b) != 0)
        columns_add(c, "%s = %s", l->a, l->b);
    else
        columns_add(c, "%s", path_of(l));
    if (compared(l)) {
        columns_add(c, "%.3g", l->error);
        columns_add(c, "%.3g", relative(l));
        columns_add(c, "%.7f", cosine(l));
        columns_add(c, "%s", i == first || (d->options->each && parts(d, l)) ? "<- parts here" : "");
        return;
    }
    columns_add(c, "%s", "");
    columns_add(c, "%s", "");
    columns_add(c, "%s", "");
    columns_add(c, "in %c alone, [%" PRIu64 "]", l->a ? 'A' : 'B', l->a ? l->a_dim : l->b_dim);
}

static void print_side(const struct diff *d, const struct side *s)
{
    const char *kernels = s->options.common.kernels;
    printf("%c  ", side_letter(d, s));
    print_safe(stdout, s->name, strlen(s->name));
    printf(": weights %s, kernels %s, scheduler %s, %" PRIu32 " thread%s", s->weights, kernels ? kernels : "exact",
           s->stats.scheduler, s->stats.n_threads, s->stats.n_threads == 1 ? "" : "s");
    if (s->options.rows)
        printf(", %" PRId64 " row%s at once", s->options.rows, s->options.rows == 1 ? "" : "s");
    putchar('\n');
}

static void print_verdict(const struct diff *d)
{
    const uint32_t first = first_that_parts(d);
    const struct output *out = &d->output;
    putchar('\n');
    if (out->n_rows > 0 && !d->options->each)
        printf("logits: the same best token for %" PRIu64 " of %" PRIu64
               ", KL divergence %.3g on average and %.3g at most\n",
               out->n_same_best, out->n_rows, out->kl_sum / (double)out->n_rows, out->kl_most);
    if (first_alone(d) < d->n_lines)
        printf("They cannot be aligned where %s.\n", misfit(d).text);
    if (d->result == d->n_lines)
        printf("What the models give cannot be compared.\n");
    if (first < d->n_lines)
        printf("They part at %s: at token %" PRIu64 ", feature %" PRIu64
               ", they are %.3g apart, where the largest number is "
               "%.3g.\n",
               path_of(&d->lines[first]), d->lines[first].row, d->lines[first].feature, d->lines[first].error,
               d->lines[first].largest);
    else if (agree(d))
        printf("They agree.\n");
}

static viv_status print_for_people(const struct diff *d, struct error *err)
{
    struct columns c = {.align = "lrrrl"};
    static const char *const heads[] = {"layer", "error", "relative", "cosine", ""};
    const uint32_t first = first_that_parts(d);
    print_side(d, &d->a);
    print_side(d, &d->b);
    printf("%" PRIu64 " tokens, tolerance %g of a layer's largest number\n\n", d->b.in.tokens.n, d->tolerance);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        columns_add(&c, "%s", heads[i]);
    for (uint32_t i = 0; i < d->n_lines; i++)
        if (shown(d, i, first))
            add_line(d, &c, i, first);
    viv_status status = columns_print(&c, 0, err);
    if (status == VIV_OK)
        print_verdict(d);
    return status;
}

static json_t *side_json(const struct side *s)
{
    const char *kernels = s->options.common.kernels;
    return json_pack("{s:o, s:s, s:s, s:s, s:i}", "model", json_word(s->name), "weights", s->weights, "kernels",
                     kernels ? kernels : "exact", "scheduler", s->stats.scheduler, "threads",
                     (int)s->stats.n_threads);
}

static json_t *line_json(const struct diff *d, const struct line *l)
{
    if (!compared(l))
        return json_pack("{s:o, s:o}", "a", json_word(l->a), "b", json_word(l->b));
    return json_pack("{s:o, s:o, s:o, s:o, s:f, s:b, s:I, s:I}", "a", json_word(l->a), "b", json_word(l->b),
                     "error", json_number(l->error), "relative", json_number(relative(l)), "cosine", cosine(l),
                     "parts", parts(d, l), "token", (json_int_t)l->row, "feature", (json_int_t)l->feature);
}

static viv_status print_for_scripts(const struct diff *d, struct error *err)
{
    const uint32_t first = first_that_parts(d);
    const struct output *out = &d->output;
    json_t *lines = json_array();
    for (uint32_t i = 0; i < d->n_lines; i++)
        if (shown(d, i, first))
            json_array_append_new(lines, line_json(d, &d->lines[i]));
    json_t *logits =
        out->n_rows > 0 && !d->options->each
            ? json_pack("{s:I, s:I, s:o, s:o}", "rows", (json_int_t)out->n_rows, "same_best",
                        (json_int_t)out->n_same_best, "kl_mean", json_number(out->kl_sum / (double)out->n_rows),
                        "kl_most", json_number(out->kl_most))
            : json_null();
    return print_json(json_pack("{s:o, s:o, s:I, s:f, s:b, s:o, s:o, s:o, s:o}", "a", side_json(&d->a), "b",
                                side_json(&d->b), "tokens", (json_int_t)d->b.in.tokens.n, "tolerance", d->tolerance,
                                "agree", agree(d), "first",
                                json_word(first < d->n_lines ? path_of(&d->lines[first]) : NULL), "misfit",
                                json_word(first_alone(d) < d->n_lines ? misfit(d).text : NULL), "layers", lines,
                                "logits", logits),
                      false, err);
}

/* --- the verb ------------------------------------------------------------------------------------------------ */

static int read_side(struct side *s, const struct arguments *a, const char *name, const struct string_list *on)
{
    const struct diff_options *options = a->options;
    struct error err;
    s->name = name;
    if (!common_copy(&options->common, &s->options.common)) {
        error_nomem(&err);
        return fail(&err);
    }
    for (size_t i = 0; i < on->n; i++) {
        int status = option_assign(a->command, side_table, on->items[i], &s->options);
        if (status != ARGUMENTS_OK)
            return status;
    }
    return ARGUMENTS_OK;
}

static bool any_compared(const struct diff *d)
{
    for (uint32_t i = 0; i < d->n_lines; i++)
        if (d->lines[i].rows)
            return true;
    return false;
}

/* Both are opened before one runs, so that what is wrong with either is known at once. */
static viv_status begin(struct diff *d, struct token_ids *ids, struct error *err)
{
    struct side *const sides[] = {&d->a, &d->b};
    viv_status status = VIV_OK;
    d->a.o.tap = keep;
    d->b.o.tap = compare;
    d->a.o.tap_ctx = d->b.o.tap_ctx = d;
    for (int i = 0; status == VIV_OK && i < 2; i++)
        status = open_side(sides[i], err);
    if (status == VIV_OK)
        status = choose_input(d, ids, err);
    if (status == VIV_OK)
        status = begin_lines(d, err);
    if (status == VIV_OK && !any_compared(d))
        status =
            error_set(err, VIV_ESHAPE, "no layer of one model corresponds to one of the other: %s", misfit(d).text);
    d->tolerance = isnan(d->options->tolerance) ? fmax(d->a.tolerance, d->b.tolerance) : d->options->tolerance;
    return status;
}

static int run_both(struct diff *d)
{
    struct token_ids ids = {0};
    struct error err = {0};
    viv_status status = begin(d, &ids, &err);
    if (status == VIV_OK)
        status = run_side(&d->a, &err);
    int exit_status = close_opened(&d->a.o, status, &err);
    if (exit_status == EXIT_DONE)
        status = run_side(&d->b, &err);
    if (exit_status == EXIT_DONE && status == VIV_OK)
        status = d->options->json ? print_for_scripts(d, &err) : print_for_people(d, &err);
    const bool alike = exit_status == EXIT_DONE && status == VIV_OK && agree(d);
    int other = close_opened(&d->b.o, exit_status == EXIT_DONE ? status : VIV_OK, &err);
    token_ids_release(&ids);
    return exit_status != EXIT_DONE ? exit_status : other != EXIT_DONE ? other : alike ? EXIT_DONE : EXIT_FAILED;
}

static int diff(const struct arguments *a)
{
    const struct diff_options *options = a->options;
    struct diff d = {.options = options};
    if (options->text && options->tokens.n)
        return usage_error("diff", "what is read comes from --tokens or from --text, not from both");
    int status = read_side(&d.a, a, a->words[0], &options->on_a);
    if (status == ARGUMENTS_OK)
        status = read_side(&d.b, a, a->words[a->n_words - 1], &options->on_b);
    if (status == ARGUMENTS_OK)
        status = run_both(&d);
    release_lines(&d);
    common_release(&d.a.options.common);
    common_release(&d.b.options.common);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "where two models' numbers part",
    .words = "MODEL [MODEL]",
    .text = "Runs the same tokens through two models, or one model in two ways, and compares what each layer "
            "makes: the "
            "largest difference, the same as a part of the layer's largest number, and the cosine. The first layer "
            "beyond the tolerance is where they part. Layers correspond by their paths, else by kind and size.\n"
            "Exit status 0 if they agree, 1 if they part.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct diff_options),
    .examples = "viv diff ./llama-hf llama-f16.gguf\n"
                "viv diff ./my-port ./reference --tokens 1,2,3 --all\n"
                "viv diff model.gguf --on-a kernels=generic --on-b threads=7 --tolerance 1e-5\n"
                "viv diff model.gguf --on-b rows=1              # a text at once, and token by token\n"
                "viv diff ./llama-hf llama-q4_0.gguf --each     # what quantizing does to each layer",
    .group = GROUP_MEASURE,
    .models = true,
    .main = diff,
};
