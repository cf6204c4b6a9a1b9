/* viv diff - where the numbers of two models part: two files of one model, or one with two schedulers, kernels or
 * adapters. */
#include "base/size.h"
#include "cli/feed.h"
#include "cli/shared.h"
#include "quality/difference.h"
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
     .help = "a common option for the first model alone, as in scheduler=serial; or rows=N: in steps of N rows; "
             "may be repeated"},
    {"on-b", 0, OPTION_STRINGS, OPT(on_b), "NAME=VALUE", .help = "the same for the second"},
    TOKENS_OPTION(OPT(tokens), "default: 16 that both models know"),
    PROMPT_OPTION(OPTION_STRING, OPT(text), "both must make the same tokens of it"),
    {"tolerance", 0, OPTION_FLOAT, OPT(tolerance), "X",
     .help = "how far apart numbers may be, as a part of the layer's largest; default: 1e-4 for f32, more for "
             "coarser types",
     .min = 0, .max = 1e6},
    {"each", 0, OPTION_FLAG, OPT(each),
     .help = "give each layer of the second model the numbers of the first, so that its own error is seen alone"},
    {"all", 0, OPTION_FLAG, OPT(all), .help = "show every layer, and not only the worst of each block"},
    JSON_OPTION(OPT(json), "one object"),
    {0}};

/* One of the two models. */
struct side {
    char letter;
    const char *name;
    struct side_options {
        struct common common;
        int64_t rows; /* of a step; 0: as many as the model takes */
    } options;
    struct opened o;
    struct input in;
    uint32_t weights; /* the coarsest type among them */
    struct model_stats stats;
};

static const struct option side_table[] = {
    {"rows", 0, OPTION_INT, offsetof(struct side_options, rows), "N", .help = "", .min = 1, .max = 1 << 20}, {0}};

struct diff {
    const struct diff_options *options;
    struct side a, b;
    struct difference found;
};

/* --- the two models ------------------------------------------------------------------------------------------ */

static viv_status open_side(struct side *s, struct error *err)
{
    s->o.max_rows = (uint64_t)s->options.rows;
    viv_status status = cli_open_model(&s->o, &s->options.common, s->name, err);
    return status == VIV_OK ? difference_coarsest(s->o.model, &s->weights, err) : status;
}

static viv_status run_side(struct side *s, struct error *err)
{
    viv_status status = cli_load_model(&s->o, err);
    if (status == VIV_OK)
        status = cli_feed(&s->o, &s->in, (uint64_t)s->options.rows, NULL, err);
    if (status == VIV_OK)
        model_stats(s->o.model, &s->stats);
    return status;
}

static double tolerance_of(const struct side *s)
{
    const struct cache_types types = model_cache_types(s->o.model);
    const bool chosen = s->options.common.cache_type != NULL;
    return fmax(difference_tolerance(s->weights),
                chosen ? fmax(difference_tolerance(types.keys), difference_tolerance(types.values)) : 0);
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
    return model_encoder_dim(s->o.model)
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
        const struct ids written = model_encoder_dim(sides[i]->o.model) ? given : (struct ids){0};
        status = feed_arrange(&sides[i]->o, &given, &written, &sides[i]->in, err);
        if (status != VIV_OK)
            error_prefix(err, "%c", sides[i]->letter);
    }
    return status;
}

/* --- telling ------------------------------------------------------------------------------------------------- */

static const char *path_of(const struct layer_difference *l)
{
    return l->a ? l->a : l->b;
}

/* Whether both lie in one block: "layers.3.attention" and "layers.3.mlp". */
static bool same_block(const struct layer_difference *x, const struct layer_difference *y)
{
    const char *a = path_of(x), *b = path_of(y), *dot = strrchr(a, '.');
    const size_t n = dot ? (size_t)(dot - a) + 1 : 0;
    return n > 0 && strncmp(a, b, n) == 0 && !strchr(b + n, '.');
}

/* Without --all: the worst layer of its block, and where the models part. */
static bool shown(const struct diff *d, const struct layer_difference *l, const struct layer_difference *first)
{
    const struct layer_difference *begin = d->found.layers, *end = begin + d->found.n_layers;
    if (d->options->all || l == first)
        return true;
    if (!l->n_compared)
        return l == d->found.alone;
    for (const struct layer_difference *x = l; x-- > begin && same_block(l, x);)
        if (x->n_compared && difference_relative(x) >= difference_relative(l))
            return false;
    for (const struct layer_difference *x = l + 1; x < end && same_block(l, x); x++)
        if (x->n_compared && difference_relative(x) > difference_relative(l))
            return false;
    return true;
}

static void add_layer(const struct diff *d, struct columns *c, const struct layer_difference *l,
                      const struct layer_difference *first)
{
    const bool here = l == first || (d->options->each && difference_parts(&d->found, l));
    if (l->a && l->b && strcmp(l->a, l->b) != 0)
        columns_add(c, "%s = %s", l->a, l->b);
    else
        columns_add(c, "%s", path_of(l));
    if (l->n_compared) {
        columns_add(c, "%.3g", l->error);
        columns_add(c, "%.3g", difference_relative(l));
        columns_add(c, "%.7f", difference_cosine(l));
        columns_add(c, "%s", here ? "<- parts here" : "");
        return;
    }
    columns_add(c, "%s", "");
    columns_add(c, "%s", "");
    columns_add(c, "%s", "");
    columns_add(c, "in %c alone, [%" PRIu64 "]", l->a ? 'A' : 'B', l->a ? l->a_dim : l->b_dim);
}

static void print_side(const struct side *s)
{
    const char *kernels = s->options.common.kernels;
    printf("%c  ", s->letter);
    cli_print_safe(stdout, s->name, strlen(s->name));
    printf(": weights %s, kernels %s, scheduler %s, %" PRIu32 " thread%s", dtype_get(s->weights)->name,
           kernels ? kernels : "exact", s->stats.scheduler, s->stats.n_threads, s->stats.n_threads == 1 ? "" : "s");
    if (s->options.rows)
        printf(", %" PRId64 " row%s at once", s->options.rows, s->options.rows == 1 ? "" : "s");
    putchar('\n');
}

static void print_verdict(const struct diff *d, const struct layer_difference *first)
{
    const struct difference *f = &d->found;
    putchar('\n');
    if (f->output.n_rows > 0 && !f->each)
        printf("logits: the same best token for %" PRIu64 " of %" PRIu64
               ", KL divergence %.3g on average and %.3g at most\n",
               f->output.n_same_best, f->output.n_rows, f->output.kl_sum / (double)f->output.n_rows,
               f->output.kl_most);
    if (f->alone)
        printf("They cannot be aligned where %s.\n", difference_mismatch(f).text);
    if (!f->result)
        printf("What the models give cannot be compared.\n");
    if (first)
        printf("They part at %s: at token %" PRIu64 ", feature %" PRIu64
               ", they are %.3g apart, where the largest number is %.3g.\n",
               path_of(first), first->row, first->feature, first->error, first->largest);
    else if (f->result)
        printf("They agree.\n");
}

static viv_status print_for_people(const struct diff *d, struct error *err)
{
    struct columns c = {.align = "lrrrl"};
    static const char *const heads[] = {"layer", "error", "relative", "cosine", ""};
    const struct layer_difference *first = difference_first(&d->found);
    print_side(&d->a);
    print_side(&d->b);
    printf("%" PRIu64 " tokens, tolerance %g of a layer's largest number\n\n", d->b.in.tokens.n,
           d->found.tolerance);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        columns_add(&c, "%s", heads[i]);
    for (uint32_t i = 0; i < d->found.n_layers; i++)
        if (shown(d, &d->found.layers[i], first))
            add_layer(d, &c, &d->found.layers[i], first);
    viv_status status = columns_print(&c, 0, err);
    if (status == VIV_OK)
        print_verdict(d, first);
    return status;
}

static json_t *side_json(const struct side *s)
{
    const char *kernels = s->options.common.kernels;
    return json_pack("{s:o, s:s, s:s, s:s, s:i}", "model", cli_json_word(s->name), "weights",
                     dtype_get(s->weights)->name, "kernels", kernels ? kernels : "exact", "scheduler",
                     s->stats.scheduler, "threads", (int)s->stats.n_threads);
}

static json_t *layer_json(const struct diff *d, const struct layer_difference *l)
{
    if (!l->n_compared)
        return json_pack("{s:o, s:o}", "a", cli_json_word(l->a), "b", cli_json_word(l->b));
    return json_pack("{s:o, s:o, s:o, s:o, s:f, s:b, s:I, s:I}", "a", cli_json_word(l->a), "b", cli_json_word(l->b),
                     "error", cli_json_number(l->error), "relative", cli_json_number(difference_relative(l)),
                     "cosine", difference_cosine(l), "parts", difference_parts(&d->found, l), "token",
                     (json_int_t)l->row, "feature", (json_int_t)l->feature);
}

static json_t *logits_json(const struct difference *f)
{
    if (f->output.n_rows == 0 || f->each)
        return json_null();
    return json_pack("{s:I, s:I, s:o, s:o}", "rows", (json_int_t)f->output.n_rows, "same_best",
                     (json_int_t)f->output.n_same_best, "kl_mean",
                     cli_json_number(f->output.kl_sum / (double)f->output.n_rows), "kl_most",
                     cli_json_number(f->output.kl_most));
}

static viv_status print_for_scripts(const struct diff *d, struct error *err)
{
    const struct difference *f = &d->found;
    const struct layer_difference *first = difference_first(f);
    json_t *layers = json_array();
    for (uint32_t i = 0; i < f->n_layers; i++)
        if (shown(d, &f->layers[i], first))
            json_array_append_new(layers, layer_json(d, &f->layers[i]));
    return cli_print_json(json_pack("{s:o, s:o, s:I, s:f, s:b, s:o, s:o, s:o, s:o}", "a", side_json(&d->a), "b",
                                    side_json(&d->b), "tokens", (json_int_t)d->b.in.tokens.n, "tolerance",
                                    f->tolerance, "agree", difference_agrees(f), "first",
                                    cli_json_word(first ? path_of(first) : NULL), "mismatch",
                                    cli_json_word(f->alone ? difference_mismatch(f).text : NULL), "layers", layers,
                                    "logits", logits_json(f)),
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
        return cli_fail(&err);
    }
    for (size_t i = 0; i < on->n; i++) {
        int status = option_assign(a->command, side_table, on->items[i], &s->options);
        if (status != ARGUMENTS_OK)
            return status;
    }
    return ARGUMENTS_OK;
}

/* Both are opened before one runs, so that what is wrong with either is known at once. */
static viv_status begin(struct diff *d, struct token_ids *ids, struct error *err)
{
    struct side *const sides[] = {&d->a, &d->b};
    struct error none;
    viv_status status = VIV_OK;
    d->a.o.hook = difference_keep;
    d->b.o.hook = difference_compare;
    d->a.o.hook_ctx = d->b.o.hook_ctx = &d->found;
    for (int i = 0; status == VIV_OK && i < 2; i++)
        status = open_side(sides[i], err);
    if (status == VIV_OK)
        status = choose_input(d, ids, err);
    if (status != VIV_OK)
        return status;
    const double given = d->options->tolerance;
    const uint64_t n_rows[] = {[STACK_GRAPH] = d->b.in.tokens.n, [STACK_ENCODER] = d->b.in.read.n};
    d->found.tolerance = isnan(given) ? fmax(tolerance_of(&d->a), tolerance_of(&d->b)) : given;
    d->found.each = d->options->each;
    d->found.logits = cli_want_logits(&d->a.o, &none) == VIV_OK && cli_want_logits(&d->b.o, &none) == VIV_OK;
    return difference_begin(&d->found, model_graph(d->a.o.model), model_graph(d->b.o.model), n_rows, err);
}

static int run_both(struct diff *d)
{
    struct token_ids ids = {0};
    struct error err = {0};
    viv_status status = begin(d, &ids, &err);
    if (status == VIV_OK)
        status = run_side(&d->a, &err);
    int exit_status = cli_close_opened(&d->a.o, status, &err);
    if (exit_status == EXIT_DONE)
        status = run_side(&d->b, &err);
    if (exit_status == EXIT_DONE && status == VIV_OK)
        status = d->options->json ? print_for_scripts(d, &err) : print_for_people(d, &err);
    const bool alike = exit_status == EXIT_DONE && status == VIV_OK && difference_agrees(&d->found);
    int other = cli_close_opened(&d->b.o, exit_status == EXIT_DONE ? status : VIV_OK, &err);
    token_ids_release(&ids);
    return exit_status != EXIT_DONE ? exit_status : other != EXIT_DONE ? other : alike ? EXIT_DONE : EXIT_FAILED;
}

static int diff(const struct arguments *a)
{
    const struct diff_options *options = a->options;
    struct diff d = {.options = options, .a.letter = 'A', .b.letter = 'B'};
    if (options->text && options->tokens.n)
        return cli_usage_error("diff", "what is read comes from --tokens or from --prompt, not from both");
    int status = read_side(&d.a, a, a->words[0], &options->on_a);
    if (status == ARGUMENTS_OK)
        status = read_side(&d.b, a, a->words[a->n_words - 1], &options->on_b);
    if (status == ARGUMENTS_OK)
        status = run_both(&d);
    difference_release(&d.found);
    common_release(&d.a.options.common);
    common_release(&d.b.options.common);
    return status;
}

const struct command command_diff = {
    .name = "diff",
    .summary = "where two models' numbers part",
    .words = "MODEL [MODEL]",
    .text =
        "Runs the same tokens through two models, or one model in two ways, and compares what each layer makes: "
        "the largest difference, the same as a part of the layer's largest number, and the cosine. The first layer "
        "beyond the tolerance is where they part. Layers correspond by their paths, else by kind and size.\n"
        "Exit status 0 if they agree, 1 if they part.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct diff_options),
    .examples = "viv diff ./llama-hf llama-f16.gguf\n"
                "viv diff ./my-port ./reference --tokens 1,2,3 --all\n"
                "viv diff model.gguf --on-a kernels=generic --on-b threads=7 --tolerance 1e-5\n"
                "viv diff model.gguf --on-b rows=1       # at once, and token by token\n"
                "viv diff ./llama-hf q4_0.gguf --each    # what quantizing does to a layer",
    .group = GROUP_MEASURE,
    .models = true,
    .main = diff,
};
