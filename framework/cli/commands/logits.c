/* viv logits - what the model says about every next token: the raw truth, for tests and porters. */
#include "base/size.h"
#include "cli/feed.h"
#include "cli/images.h"
#include "cli/npy.h"
#include "cli/shared.h"
#include "engine/pictures.h"
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct logits_options {
    struct common common;
    struct id_list tokens, decoder_tokens;
    struct string_list images;
    const char *text, *output;
    int64_t top;
    bool json, no_special;
};

static const struct logits_options defaults = {.top = 5};

#define OPT(field) offsetof(struct logits_options, field)
static const struct option table[] = {
    TOKENS_OPTION(OPT(tokens), NULL),
    PROMPT_OPTION(OPTION_STRING, OPT(text), NULL),
    {"decoder-tokens", 0, OPTION_IDS, OPT(decoder_tokens), "IDS",
     .help = "of a model with an encoder: the ids of what it writes, of which there are logits; default the one it "
             "begins with"},
    NO_SPECIAL_OPTION(OPT(no_special), "of --prompt"),
    IMAGE_OPTION(OPT(images), "the tokens have one for each picture, or as many as it has rows"),
    OUTPUT_OPTION(OPT(output), "all logits: .npy, float32 [n_tokens, vocab_size]"),
    TOP_OPTION(OPT(top), "of each position; default 5", 1),
    JSON_OPTION(OPT(json), "one object"),
    {0}};

/* --- printing ------------------------------------------------------------------------------------------ */

struct best {
    int32_t id;
    float logit;
};

/* The `n` largest, the lower id first among equals. */
static void find_best(const float *logits, uint64_t vocab, struct best *best, size_t n)
{
    size_t found = 0;
    for (uint64_t id = 0; n > 0 && id < vocab; id++) {
        const float logit = logits[id];
        if (found == n && logit <= best[n - 1].logit)
            continue;
        size_t at = found < n ? found++ : n - 1;
        for (; at > 0 && best[at - 1].logit < logit; at--)
            best[at] = best[at - 1];
        best[at] = (struct best){(int32_t)id, logit};
    }
}

static double log_sum(const float *logits, uint64_t vocab)
{
    double most = -INFINITY, sum = 0;
    for (uint64_t i = 0; i < vocab; i++)
        most = fmax(most, (double)logits[i]);
    for (uint64_t i = 0; i < vocab; i++)
        sum += exp((double)logits[i] - most);
    return most + log(sum);
}

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *best_json(const struct best *best, size_t n, double total, const struct tokenizer *t)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < n; i++) {
        json_t *item =
            json_pack("{s:i, s:o, s:o, s:o}", "id", best[i].id, "piece",
                      cli_json_word(t ? tokenizer_piece(t, best[i].id) : NULL), "logit",
                      number_or_null(best[i].logit), "logprob", number_or_null((double)best[i].logit - total));
        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void print_piece(const struct tokenizer *t, int32_t id)
{
    const char *piece = t ? tokenizer_piece(t, id) : NULL;
    printf("%d", id);
    if (piece) {
        fputs(" '", stdout);
        cli_print_safe(stdout, piece, strlen(piece));
        putchar('\'');
    }
}

static void print_best(const struct best *best, size_t n, double total, const struct tokenizer *t)
{
    for (size_t i = 0; i < n; i++) {
        printf("    %10.5f  %5.1f%%  ", (double)best[i].logit, 100 * exp((double)best[i].logit - total));
        print_piece(t, best[i].id);
        putchar('\n');
    }
}

static viv_status print_all(const struct logits_options *o, const int32_t *tokens, uint64_t n, const float *logits,
                            uint64_t vocab, const struct tokenizer *t, struct error *err)
{
    size_t top = (size_t)size_min((uint64_t)o->top, vocab);
    struct best *best = calloc(top, sizeof *best);
    json_t *list = o->json ? json_array() : NULL;
    viv_status status = best && (list || !o->json) ? VIV_OK : error_nomem(err);
    for (uint64_t i = 0; status == VIV_OK && i < n; i++) {
        const float *row = logits + i * vocab;
        double total = log_sum(row, vocab);
        find_best(row, vocab, best, top);
        if (!o->json) {
            printf("%" PRIu64 "  ", i);
            print_piece(t, tokens[i]);
            putchar('\n');
            print_best(best, top, total, t);
        } else if (json_array_append_new(list, json_pack("{s:i, s:o}", "token", tokens[i], "next",
                                                         best_json(best, top, total, t))) != 0) {
            status = error_nomem(err);
        }
    }
    free(best);
    if (status == VIV_OK && o->json)
        return cli_print_json(json_pack("{s:I, s:o}", "vocab_size", (json_int_t)vocab, "positions", list), false,
                              err);
    json_decref(list);
    return status;
}

/* --- the verb ------------------------------------------------------------------------------------------ */

/* Weights that are broken, or overflow, make logits that are no numbers: nobody is given these for an answer. */
static viv_status check_numbers(const struct opened *o, const int32_t *tokens, uint64_t n, const float *logits,
                                uint64_t vocab, struct error *err)
{
    for (uint64_t i = 0; i < n; i++)
        for (uint64_t id = 0; id < vocab; id++)
            if (!isfinite(logits[i * vocab + id]))
                return error_set(err, VIV_EFORMAT,
                                 "%s: after token %d at position %" PRIu64 " the logit of token %" PRIu64
                                 " is %g, which is no number: are the model's weights?",
                                 spec_name(model_spec(o->model)), tokens[i], i, id, (double)logits[i * vocab + id]);
    return VIV_OK;
}

static viv_status write_or_print(struct opened *o, const struct logits_options *options, const struct input *in,
                                 struct error *err)
{
    const uint64_t vocab = model_output_dim(o->model), n = in->tokens.n;
    const struct tokenizer *t = NULL;
    struct error no_tokenizer;
    struct buf npy = {0};
    float *logits;
    viv_status status = npy_begin(&npy, n, vocab, &logits, err);
    if (status == VIV_OK)
        status = cli_feed(o, in, 0, logits, err);
    if (status == VIV_OK)
        status = check_numbers(o, in->tokens.ids, n, logits, vocab, err);
    if (status == VIV_OK && options->output) {
        status = cli_write_output(options->output, npy.data, npy.size, err);
        if (status == VIV_OK && options->json)
            status = cli_print_json(json_pack("{s:o, s:[I, I]}", "output", cli_json_word(options->output), "shape",
                                              (json_int_t)n, (json_int_t)vocab),
                                    true, err);
    } else if (status == VIV_OK) {
        if (model_tokenizer(o->model, &t, &no_tokenizer) != VIV_OK)
            t = NULL; /* ids speak for themselves */
        status = print_all(options, in->tokens.ids, n, logits, vocab, t, err);
    }
    buf_release(&npy);
    return status;
}

/* Pictures among the tokens: in->tokens become those with as many as the pictures have rows. */
static viv_status place_images(struct opened *o, const struct logits_options *options, struct pictures *pictures,
                               struct input *in, struct error *err)
{
    struct request r;
    request_init(&r, o->model);
    viv_status status = pictures_open(o->engine, o->model, pictures, err);
    if (status == VIV_OK && options->text) /* what stands for a picture is a text, in some families */
        status = request_add_text(&r, NULL, options->text, strlen(options->text), err);
    else if (status == VIV_OK)
        status = request_add_tokens(&r, in->tokens.ids, in->tokens.n, err);
    if (status == VIV_OK)
        status = images_add(&options->images, &r, err);
    if (status == VIV_OK)
        status = sequence_create(o->model, &in->sequence, err);
    if (status == VIV_OK)
        status = pictures_place(pictures, &r.viv, in->sequence, &in->tokens.ids, &in->tokens.n, err);
    request_release(&r);
    return status;
}

static int logits(const struct arguments *a)
{
    const struct logits_options *options = a->options;
    struct opened o = {0};
    struct token_ids ids = {0};
    struct error err = {0};
    const struct tokenizer *t;
    if ((options->text != NULL) + (options->tokens.n > 0) != 1)
        return cli_usage_error("logits", "either --tokens or --prompt is wanted");
    if (options->json && options->output && strcmp(options->output, "-") == 0)
        return cli_usage_error("logits", "standard output takes the array or the JSON, not both");
    if (options->images.n && options->no_special)
        return cli_usage_error("logits", "--no-special is of prompts without --image");
    viv_status status = cli_open_model(&o, &options->common, a->words[0], &err);
    if (status == VIV_OK)
        status = cli_want_logits(&o, &err);
    if (status == VIV_OK && options->text) {
        status = model_tokenizer(o.model, &t, &err);
        if (status == VIV_OK)
            status = tokenizer_encode(t, options->text, strlen(options->text),
                                      options->no_special ? 0 : TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL,
                                      &ids, &err);
    }
    const struct ids given =
        options->text ? (struct ids){ids.ids, ids.n} : (struct ids){options->tokens.ids, options->tokens.n};
    const struct ids written = {options->decoder_tokens.ids, options->decoder_tokens.n};
    struct input in = {0};
    struct pictures pictures = {0};
    if (status == VIV_OK)
        status = feed_arrange(&o, &given, &written, &in, &err);
    if (status == VIV_OK)
        status = cli_load_model(&o, &err);
    if (status == VIV_OK && options->images.n)
        status = place_images(&o, options, &pictures, &in, &err);
    if (status == VIV_OK)
        status = write_or_print(&o, options, &in, &err);
    sequence_destroy(in.sequence);
    pictures_close(&pictures);
    token_ids_release(&ids);
    return cli_close_opened(&o, status, &err);
}

const struct command command_logits = {
    .name = "logits",
    .summary = "the numbers behind every next token",
    .words = "MODEL",
    .text = "Runs tokens through the model and gives the logits after each of them: all into a .npy file, or the "
            "best few on standard output. A model with an encoder reads these tokens and has logits for those that "
            "it writes.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct logits_options),
    .examples = "viv logits llm --prompt \"To be, or\"\n"
                "viv logits llm --tokens 1,2,3 -o logits.npy\n"
                "viv logits llm --tokens 1,2,3 --top 2 --json\n"
                "viv logits ./llava-1.5-7b-hf --image a.png -p \"<image> A\" -o x.npy",
    .group = GROUP_MEASURE,
    .models = true,
    .main = logits,
};
