/* viv perplexity - how well a model predicts a text. */
#include "quality/perplexity.h"
#include "cli/passage.h"

#include <inttypes.h>
#include <math.h>

struct perplexity_options {
    struct common common;
    struct passage passage;
    bool json;
};
static const struct perplexity_options defaults = {0};

#define OPT(field) offsetof(struct perplexity_options, field)
static const struct option table[] = {PASSAGE_OPTIONS(OPT(passage)), JSON_OPTION(OPT(json), "one object"), {0}};

static viv_status print_as_json(const struct opened *o, const struct perplexity *p, struct error *err)
{
    return cli_print_json(
        json_pack("{s:o, s:I, s:I, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:f}", "model",
                  cli_json_word(spec_name(model_spec(o->model))), "tokens", (json_int_t)p->n_tokens, "predicted",
                  (json_int_t)p->n_predicted, "bytes",
                  p->n_bytes ? json_integer((json_int_t)p->n_bytes) : json_null(), "window", (json_int_t)p->window,
                  "stride", (json_int_t)p->stride, "nats", cli_json_number(p->nll), "nats_per_token",
                  cli_json_number(p->nats_per_token), "nats_per_token_error", cli_json_number(p->nats_error),
                  "perplexity", cli_json_number(p->perplexity), "bits_per_byte", cli_json_number(p->bits_per_byte),
                  "exact", p->exact, "complete", p->complete, "seconds", p->seconds),
        false, err);
}

static void print_for_people(const struct opened *o, const struct perplexity *p)
{
    printf("%s\n", spec_name(model_spec(o->model)));
    printf("perplexity     %.4f", p->perplexity);
    if (isfinite(p->nats_error))
        printf(" +- %.4f", p->perplexity * p->nats_error);
    printf("\nnats per token %.5f\n", p->nats_per_token);
    if (isfinite(p->bits_per_byte))
        printf("bits per byte  %.5f  (%" PRIu64 " bytes%s)\n", p->bits_per_byte, p->n_bytes,
               p->exact ? "" : ", not all of which the tokenizer keeps");
    printf("predicted      %" PRIu64 " of %" PRIu64 " tokens, in windows of %" PRIu64 ", one every %" PRIu64 "\n",
           p->n_predicted, p->n_tokens, p->window, p->stride);
    printf("time           %s, %.4g tokens/s\n", human_seconds(p->seconds).text,
           (double)p->n_predicted / p->seconds);
}

static viv_status measure(struct opened *o, const struct perplexity_options *options, struct quality_text *text,
                          struct error *err)
{
    const struct quality_options pass = passage_options(&options->passage, o);
    struct perplexity p;
    struct error printing;
    viv_status status = perplexity_measure(o->model, text, &pass, &p, err);
    progress_clear(&o->progress);
    if (status != VIV_OK && status != VIV_ECANCELLED)
        return status;
    if (p.n_predicted > 0 && options->json && print_as_json(o, &p, &printing) != VIV_OK) {
        *err = printing;
        return printing.status;
    }
    if (p.n_predicted > 0 && !options->json)
        print_for_people(o, &p);
    return status == VIV_OK ? status : passage_partly(p.n_predicted, p.n_tokens - (text->start.n ? 0 : 1), err);
}

static int perplexity(const struct arguments *a)
{
    const struct perplexity_options *options = a->options;
    struct opened o = {0};
    struct quality_text text = {0};
    struct error err = {0};
    struct passage passage;
    const int usage = passage_choose(a, 1, &options->passage, &passage);
    if (usage != ARGUMENTS_OK)
        return usage;
    viv_status status = cli_open_model(&o, &options->common, a->words[0], &err);
    if (status == VIV_OK)
        status = quality_check_model(o.model, &err);
    if (status == VIV_OK)
        status = passage_read(&passage, o.model, &text, &err);
    if (status == VIV_OK)
        status = cli_load_model(&o, &err);
    if (status == VIV_OK)
        status = measure(&o, options, &text, &err);
    quality_text_release(&text);
    return cli_close_opened(&o, status, &err);
}

const struct command command_perplexity = {
    .name = "perplexity",
    .summary = "how well a model predicts a text",
    .words = "MODEL [FILE]",
    .text = "Reads a text in windows that overlap, and says how likely the model found each token after those "
            "before it: as perplexity, as nats per token, and as bits per byte of the text, which compares models "
            "of different tokenizers.\n"
            "What the tokenizer puts before a text stands before every window. Ctrl-C ends the reading; what was "
            "counted until then is printed.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct perplexity_options),
    .examples = "viv perplexity llm play.txt\n"
                "viv perplexity ./my-checkpoint wiki.test.raw --window 2048 --stride 512 --json\n"
                "viv perplexity ./my-checkpoint --tokens 1,15,7,22",
    .group = GROUP_MEASURE,
    .models = true,
    .main = perplexity,
};
