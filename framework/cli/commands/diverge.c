/* viv diverge - how far a model's next-token probabilities are from another's. */
#include "cli/pair.h"
#include "cli/passage.h"
#include "quality/divergence.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

struct diverge_options {
    struct common common;
    struct string_list on_reference, on_model; /* "cache-type=q8_0" */
    struct passage passage;
    bool json;
};
static const struct diverge_options defaults = {0};

#define OPT(field) offsetof(struct diverge_options, field)
static const struct option table[] = {
    {"on-reference", 0, OPTION_STRINGS, OPT(on_reference), "NAME=VALUE",
     .help = "a common option for the reference alone, as in cache-type=f32; may be repeated"},
    {"on-model", 0, OPTION_STRINGS, OPT(on_model), "NAME=VALUE", .help = "the same for the other model"},
    PASSAGE_OPTIONS(OPT(passage)),
    JSON_OPTION(OPT(json), "one object"),
    {0}};
static const struct option no_options[] = {{0}};

/* The common options, and those for one of the two; as arguments_parse. */
static int read_options(const struct arguments *a, const struct string_list *on, struct common *out)
{
    struct error err;
    if (!common_copy(a->options, out)) {
        error_nomem(&err);
        return cli_fail(&err);
    }
    int status = ARGUMENTS_OK;
    for (size_t i = 0; status == ARGUMENTS_OK && i < on->n; i++)
        status = option_assign(a->command, no_options, on->items[i], out);
    return status;
}

static viv_status print_as_json(const struct pair *p, const struct divergence *d, struct error *err)
{
    const double *q = d->kl_quantiles;
    json_t *kl = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "mean", cli_json_number(d->kl), "error",
                           cli_json_number(d->kl_error), "median", cli_json_number(q[0]), "p90",
                           cli_json_number(q[1]), "p95", cli_json_number(q[2]), "p99", cli_json_number(q[3]),
                           "p99.9", cli_json_number(q[4]), "max", cli_json_number(q[5]));
    return cli_print_json(
        json_pack("{s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:[o, o], s:b, s:f}", "reference",
                  cli_json_word(p->names[0]), "model", cli_json_word(p->names[1]), "tokens",
                  (json_int_t)d->n_tokens, "predicted", (json_int_t)d->n_predicted, "window", (json_int_t)d->window,
                  "stride", (json_int_t)d->stride, "kl", kl, "same_top", cli_json_number(d->same_top),
                  "mean_abs_dp", cli_json_number(d->mean_abs_dp), "rms_dp", cli_json_number(d->rms_dp),
                  "perplexity", cli_json_number(d->perplexity[0]), cli_json_number(d->perplexity[1]), "complete",
                  d->complete, "seconds", d->seconds),
        false, err);
}

static void print_for_people(const struct pair *p, const struct divergence *d)
{
    const double *q = d->kl_quantiles;
    cli_print_safe(stdout, p->names[1], strlen(p->names[1]));
    fputs(" from ", stdout);
    cli_print_safe(stdout, p->names[0], strlen(p->names[0]));
    putchar('\n');
    printf("KL, in nats  mean %.4g", d->kl);
    if (isfinite(d->kl_error))
        printf(" +- %.2g", d->kl_error);
    printf(", median %.4g, 90 %% %.4g, 95 %% %.4g, 99 %% %.4g, 99.9 %% %.4g, largest %.4g\n", q[0], q[1], q[2],
           q[3], q[4], q[5]);
    printf("same top     %.2f %% of the tokens\n", 100 * d->same_top);
    printf("dp           mean %.4g %%, root mean square %.4g %%, of the tokens that came\n", 100 * d->mean_abs_dp,
           100 * d->rms_dp);
    printf("perplexity   %.4f, the reference %.4f\n", d->perplexity[1], d->perplexity[0]);
    printf("predicted    %" PRIu64 " of %" PRIu64 " tokens, in windows of %" PRIu64 ", one every %" PRIu64 "\n",
           d->n_predicted, d->n_tokens, d->window, d->stride);
    printf("time         %s, %.4g tokens/s\n", human_seconds(d->seconds).text, (double)d->n_predicted / d->seconds);
}

static viv_status measure(struct pair *p, const struct diverge_options *options, struct quality_text *text,
                          struct error *err)
{
    const struct quality_options pass = passage_options(&options->passage, &p->a);
    struct divergence d;
    struct error printing;
    viv_status status = divergence_measure(p->a.model, p->b.model, text, &pass, &d, err);
    progress_clear(&p->a.progress);
    if (status != VIV_OK && status != VIV_ECANCELLED)
        return status;
    if (d.n_predicted > 0 && options->json && print_as_json(p, &d, &printing) != VIV_OK) {
        *err = printing;
        return printing.status;
    }
    if (d.n_predicted > 0 && !options->json)
        print_for_people(p, &d);
    return status == VIV_OK ? status : passage_partly(d.n_predicted, d.n_tokens - (text->start.n ? 0 : 1), err);
}

static int diverge_pair(struct pair *p, const struct common *on_reference, const struct common *on_model,
                        const struct diverge_options *options, const struct passage *passage)
{
    struct quality_text text = {0};
    struct error err = {0};
    viv_status status = pair_open(p, on_reference, on_model, &err);
    if (status == VIV_OK)
        status = quality_check_pair(p->a.model, p->b.model, &err);
    if (status == VIV_OK)
        status = passage_read(passage, p->a.model, &text, &err);
    if (status == VIV_OK)
        status = pair_load(p, &err);
    if (status == VIV_OK)
        status = measure(p, options, &text, &err);
    quality_text_release(&text);
    return pair_close(p, status, &err);
}

static int diverge(const struct arguments *a)
{
    const struct diverge_options *options = a->options;
    struct pair p = {.names = a->words};
    struct common on_reference = {0}, on_model = {0};
    struct passage passage;
    int status = passage_choose(a, 2, &options->passage, &passage);
    if (status == ARGUMENTS_OK)
        status = read_options(a, &options->on_reference, &on_reference);
    if (status == ARGUMENTS_OK)
        status = read_options(a, &options->on_model, &on_model);
    if (status == ARGUMENTS_OK)
        status = diverge_pair(&p, &on_reference, &on_model, options, &passage);
    common_release(&on_reference);
    common_release(&on_model);
    return status;
}

const struct command command_diverge = {
    .name = "diverge",
    .summary = "how far a model is from another, by a text",
    .words = "REFERENCE MODEL [FILE]",
    .text =
        "Reads a text with two models of one vocabulary, step by step, and compares what they expect next: the "
        "Kullback-Leibler divergence of the second from the first, mean and quantiles over the tokens; how "
        "often both find the same token most likely; how far the probabilities of the tokens that came are "
        "apart. This is how one sees what quantization, another format, an adapter or a smaller KV cache did to "
        "a model. MODEL may be the reference itself, with other options.\n"
        "Ctrl-C ends the reading; what was counted until then is printed.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct diverge_options),
    .examples = "viv diverge model-f16.gguf model-q4_0.gguf wiki.test.raw\n"
                "viv diverge ./model model.gguf text.txt --window 2048 --stride 1024 --json\n"
                "viv diverge model.gguf model.gguf wiki.test.raw --on-model cache-type=q8_0",
    .group = GROUP_MEASURE,
    .models = true,
    .main = diverge,
};
