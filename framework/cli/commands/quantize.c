/* viv quantize - writes a model with quantized weights, as a GGUF file. */
#include "quantize/quantize.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/pair.h"
#include "cli/passage.h"
#include "kernels/kernels.h"
#include "quality/divergence.h"
#include "quantize/keep_list.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct quantize_arguments {
    struct common common;
    const char *type, *output, *imatrix, *verify;
    struct string_list rules, keep_vocab;
    bool force, dry_run, json, verbose;
};
static const struct quantize_arguments defaults = {0};

#define OPT(field) offsetof(struct quantize_arguments, field)
static const struct option table[] = {
    {"type", 0, OPTION_CHOICE, OPT(type), "TYPE", .choices = MIX_NAMES, .any_case = true,
     .help = "the type of the weights", .here = "a mix, such as q4_k_m, q6_k or q8_0"},
    {"output", 'o', OPTION_STRING, OPT(output), "FILE", .help = "write to FILE; -: standard output",
     .here = "not here, a model needs a file; without it, MODEL-TYPE.gguf in the current directory"},
    {"rule", 0, OPTION_STRINGS, OPT(rules), "PATTERN=TYPE",
     .help = "tensors whose names match PATTERN get TYPE; may be repeated, the last that matches counts"},
    {"imatrix", 0, OPTION_STRING, OPT(imatrix), "FILE",
     .help = "an importance matrix of viv calibrate or llama-imatrix"},
    {"keep-vocab", 0, OPTION_STRINGS, OPT(keep_vocab), "LIST",
     .help = "keep only these tokens, and those that the tokenizer needs: FILE, with an id or a range as 100-199 "
             "on each "
             "line, or @FILE, a text whose tokens they are; may be repeated"},
    {"force", 0, OPTION_FLAG, OPT(force), .help = "replace a file that exists"},
    {"dry-run", 0, OPTION_FLAG, OPT(dry_run), .help = "print what would be written, and write nothing"},
    {"verify", 0, OPTION_STRING, OPT(verify), "FILE",
     .help = "measure by the text in FILE how far the result is from the source: perplexity and KL divergence"},
    VERBOSE_OPTION(OPT(verbose), "a line for each tensor"),
    JSON_OPTION(OPT(json), "one object"),
    {0}};

struct run {
    const struct quantize_arguments *options;
    const char *model;
    struct opened opened; /* a MODEL that is not the path of a checkpoint */
    struct checkpoint own;
    const struct checkpoint *source; /* the model's files */
    struct weight_source weights;    /* the model in GGUF */
    struct weight_source smaller;    /* the same with fewer tokens, by --keep-vocab */
    const struct mix *mix;
    struct type_rule *rules;
    struct imatrix imatrix;
    struct quantize_plan plan;
    char *output;
    struct progress progress;
    double seconds;
};

/* --- what is asked for --------------------------------------------------------------------------------------- */

/* A GGUF file needs no family; one of safetensors becomes GGUF by its family's spec. */
static viv_status open_source(struct run *r, struct error *err)
{
    uint32_t n_adapters = 0;
    viv_status status = checkpoint_probe(r->model) ? checkpoint_open(&r->own, r->model, err) : VIV_OK;
    r->source = &r->own;
    if (status == VIV_OK && (!r->own.format || !checkpoint_is_gguf(&r->own))) {
        checkpoint_close(&r->own);
        status = cli_open_model(&r->opened, &r->options->common, r->model, err);
        r->source = status == VIV_OK ? model_checkpoint(r->opened.model) : NULL;
        if (status == VIV_OK && !r->source)
            status = error_set(err, VIV_EUNSUPPORTED, "%s: a spec without weights", r->model);
        if (status == VIV_OK)
            spec_adapters(model_spec(r->opened.model), &n_adapters);
        if (n_adapters)
            status = error_set(
                err, VIV_EUNSUPPORTED,
                "%s: the spec has adapters, which are merged into weights as they run, not into a file", r->model);
    }
    return status;
}

static viv_status keep_vocab(struct run *r, struct error *err)
{
    const struct string_list *lists = &r->options->keep_vocab;
    const uint64_t n = source_vocab_size(&r->weights);
    bool *keep = calloc(n + 1, sizeof *keep);
    viv_status status = keep ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && n && i < lists->n; i++) /* without tokens, source_keep_vocab says so */
        status = keep_list_read(lists->items[i], r->weights.header, keep, n, err);
    if (status == VIV_OK)
        status = source_keep_vocab(&r->weights, keep, &r->smaller, err);
    free(keep);
    return status;
}

static viv_status open_weights(struct run *r, struct error *err)
{
    viv_status status = checkpoint_is_gguf(r->source) ? source_of_gguf(r->source, &r->weights, err)
                                                      : source_convert(r->opened.model, &r->weights, err);
    return status == VIV_OK && r->options->keep_vocab.n ? keep_vocab(r, err) : status;
}

/* What is quantized. */
static const struct weight_source *final_source(const struct run *r)
{
    return r->smaller.header ? &r->smaller : &r->weights;
}

static viv_status read_rules(struct run *r, struct error *err)
{
    const struct string_list *list = &r->options->rules;
    viv_status status = VIV_OK;
    r->rules = calloc(list->n ? list->n : 1, sizeof *r->rules);
    if (!r->rules)
        return error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < list->n; i++)
        status = type_rule_parse(&r->rules[i], list->items[i], err);
    return status;
}

/* MODEL-TYPE.gguf, without the directory and the number of a part. */
static viv_status name_output(struct run *r, struct error *err)
{
    const char *given = r->options->output, *path = r->source->path;
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') /* of a directory */
        end--;
    const char *base = path + end;
    while (base > path && base[-1] != '/')
        base--;
    size_t n = (size_t)(path + end - base);
    unsigned part, parts;
    n -= text_ends_in(base, ".gguf") ? 5 : 0;
    if (n > 15 && sscanf(base + n - 15, "-%5u-of-%5u", &part, &parts) == 2)
        n -= 15;
    if (given && strcmp(given, "-") == 0)
        return error_set(err, VIV_EINVAL, "--output -: a model is written to a file, not to standard output");
    /* with "./", so that --verify reads it as a path and not as the name of a spec */
    r->output = given && (strchr(given, '/') || !*given) ? strdup(given) : NULL;
    if ((given && !r->output && asprintf(&r->output, "./%s", given) < 0) ||
        (!given && asprintf(&r->output, "./%.*s-%s.gguf", (int)n, base, r->mix->name) < 0))
        r->output = NULL;
    return r->output ? VIV_OK : error_nomem(err);
}

static viv_status check_output(const struct run *r, struct error *err)
{
    const struct quantize_arguments *o = r->options;
    const char **inputs = calloc(o->keep_vocab.n + 4, sizeof *inputs);
    if (!inputs)
        return error_nomem(err);
    inputs[0] = r->model;
    inputs[1] = o->imatrix ? o->imatrix : "";
    inputs[2] = o->verify ? o->verify : "";
    for (size_t i = 0; i < o->keep_vocab.n; i++)
        inputs[3 + i] = o->keep_vocab.items[i] + (*o->keep_vocab.items[i] == '@');
    viv_status status = cli_check_output(r->output, o->force, inputs, r->source, err);
    free(inputs);
    return status;
}

/* What would otherwise fail only when the work is done: the text, and a tokenizer to read it with. */
static viv_status check_verify(struct run *r, struct error *err)
{
    const struct passage passage = {.file = r->options->verify};
    struct quality_text text = {0};
    struct opened o = {0};
    viv_status status = cli_open_model(&o, &r->options->common, r->model, err);
    if (status == VIV_OK)
        status = quality_check_model(o.model, err);
    if (status == VIV_OK)
        status = passage_read(&passage, o.model, &text, err);
    quality_text_release(&text);
    struct error closing;
    if (status != VIV_OK)
        error_prefix(err, "--verify");
    cli_close_opened(&o, VIV_OK, &closing);
    return status;
}

static viv_status prepare(struct run *r, struct error *err)
{
    const struct quantize_arguments *o = r->options;
    r->mix = mix_find(o->type);
    viv_status status = read_rules(r, err);
    if (status == VIV_OK)
        status = open_source(r, err);
    if (status == VIV_OK)
        status = name_output(r, err);
    if (status == VIV_OK && !o->dry_run)
        status = check_output(r, err);
    if (status == VIV_OK)
        status = open_weights(r, err);
    if (status == VIV_OK && o->verify)
        status = check_verify(r, err);
    if (status == VIV_OK && o->imatrix)
        status = imatrix_read(&r->imatrix, o->imatrix, err);
    if (status == VIV_OK)
        status = quantize_plan(&r->plan, final_source(r), r->mix, r->rules, o->rules.n,
                               o->imatrix ? &r->imatrix : NULL, err);
    return status;
}

static void print_notices(const struct run *r)
{
    const struct quantize_plan *p = &r->plan;
    const char *parts = "";
    const uint32_t n_unused = r->opened.model && r->weights.self ? model_n_unused(r->opened.model, &parts) : 0;
    if (n_unused) {
        fprintf(stderr, "viv: %" PRIu32 " tensors of other parts are left out: ", n_unused);
        cli_print_safe(stderr, parts, strlen(parts));
        fprintf(stderr, "\n");
    }
    if (r->weights.window)
        fprintf(stderr,
                "viv: GGUF files of this family have no window: the context becomes its %" PRIu64
                " tokens, within which the model is the same\n",
                r->weights.window);
    if (p->n_requantized)
        fprintf(stderr,
                "viv: %" PRIu32
                " tensors of the source are quantized already: the result is worse than one that is "
                "made from f16 or bf16 weights\n",
                p->n_requantized);
    if (p->n_replaced)
        fprintf(stderr,
                "viv: %" PRIu32 " tensors get another type, since the blocks of the wanted one do not divide their "
                "rows (--dry-run shows which)\n",
                p->n_replaced);
    if (p->n_without_importance)
        fprintf(stderr, "viv: %" PRIu32 " tensors are not in %s: all their columns count the same\n",
                p->n_without_importance, p->imatrix->path);
}

/* --- results ------------------------------------------------------------------------------------------------- */

static double bits_per_weight(uint64_t bytes, const struct quantize_plan *p)
{
    return p->n_elements ? 8.0 * (double)bytes / (double)p->n_elements : NAN;
}

static viv_status print_plan(const struct quantize_plan *p, struct error *err)
{
    struct columns c = {.align = "llllrl"};
    char shape[128];
    for (uint32_t i = 0; i < p->source->n_tensors; i++) {
        const struct planned *t = &p->tensors[i];
        const viv_tensor *from = t->from;
        columns_add(&c, "%s", from->name);
        columns_add(&c, "%s", tensor_shape_text(from->dl.shape, (uint32_t)from->dl.ndim, shape));
        columns_add(&c, "%s", dtype_get(from->dtype)->name);
        columns_add(&c, "%s", t->dtype == from->dtype ? "" : dtype_get(t->dtype)->name);
        columns_add(&c, "%s", human_bytes(t->bytes).text);
        if (t->dtype != t->wanted)
            columns_add(&c, "not %s: its blocks of %u do not divide %" PRId64, dtype_get(t->wanted)->name,
                        dtype_get(t->wanted)->block, from->dl.shape[from->dl.ndim - 1]);
        else
            columns_add(&c, "%s", t->by_rule ? "by a rule" : "");
    }
    return columns_print(&c, 0, err);
}

static void print_sum(const struct run *r, const struct divergence *d)
{
    const struct quantize_plan *p = &r->plan;
    if (!r->options->dry_run)
        printf("%s\n", r->output);
    printf("size             %s, %.2f bits per weight\n", human_bytes(p->bytes).text, bits_per_weight(p->bytes, p));
    printf("the source       %s, %.2f bits per weight\n", human_bytes(p->bytes_before).text,
           bits_per_weight(p->bytes_before, p));
    if (r->smaller.header)
        printf("tokens           %" PRIu64 " of %" PRIu64 "\n", source_vocab_size(&r->smaller),
               source_vocab_size(&r->weights));
    if (!r->options->dry_run)
        printf("time             %s\n", human_seconds(r->seconds).text);
    if (!d)
        return;
    printf("perplexity       %.4f, the source %.4f\n", d->perplexity[1], d->perplexity[0]);
    printf("KL divergence    %.4g nats", d->kl);
    if (isfinite(d->kl_error))
        printf(" +- %.2g", d->kl_error);
    printf("\nsame top token   %.2f %%\n", 100 * d->same_top);
}

static json_t *tensors_as_json(const struct quantize_plan *p)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < p->source->n_tensors; i++) {
        const struct planned *t = &p->tensors[i];
        json_array_append_new(list,
                              json_pack("{s:o, s:s, s:s, s:s, s:I}", "name", cli_json_word(t->from->name), "from",
                                        dtype_get(t->from->dtype)->name, "type", dtype_get(t->dtype)->name,
                                        "wanted", dtype_get(t->wanted)->name, "bytes", (json_int_t)t->bytes));
    }
    return list;
}

/* The ids of the tokens that stay, in the order of their new ones; null: all stay as they are. */
static json_t *tokens_as_json(const struct run *r)
{
    uint64_t n = 0;
    const uint32_t *ids = r->smaller.header ? source_kept_ids(&r->smaller, &n) : NULL;
    json_t *list = ids ? json_array() : json_null();
    for (uint64_t i = 0; ids && i < n; i++)
        json_array_append_new(list, json_integer(ids[i]));
    return list;
}

static viv_status print_as_json(const struct run *r, const struct divergence *d, struct error *err)
{
    const struct quantize_plan *p = &r->plan;
    json_t *verify =
        d ? json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "perplexity", cli_json_number(d->perplexity[1]),
                      "source_perplexity", cli_json_number(d->perplexity[0]), "kl", cli_json_number(d->kl),
                      "kl_error", cli_json_number(d->kl_error), "same_top", cli_json_number(d->same_top),
                      "predicted", (json_int_t)d->n_predicted)
          : json_null();
    return cli_print_json(
        json_pack("{s:o, s:o, s:s, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o}", "model", cli_json_word(r->model),
                  "output", r->options->dry_run ? json_null() : cli_json_word(r->output), "type", r->mix->name,
                  "bytes", (json_int_t)p->bytes, "source_bytes", (json_int_t)p->bytes_before, "bits_per_weight",
                  bits_per_weight(p->bytes, p), "source_bits_per_weight", bits_per_weight(p->bytes_before, p),
                  "seconds", r->options->dry_run ? json_null() : cli_json_number(r->seconds), "verify", verify,
                  "kept_tokens", tokens_as_json(r), "tensors", tensors_as_json(p)),
        false, err);
}

static viv_status print_result(const struct run *r, const struct divergence *d, struct error *err)
{
    if (r->options->json)
        return print_as_json(r, d, err);
    viv_status status = r->options->dry_run ? print_plan(&r->plan, err) : VIV_OK;
    if (status == VIV_OK)
        print_sum(r, d);
    return status;
}

/* --- the work ------------------------------------------------------------------------------------------------ */

static void on_tensor(void *ctx, const struct planned *t, uint64_t done, uint64_t total)
{
    struct run *r = ctx;
    const struct quantize_plan *p = &r->plan;
    if (t && r->options->verbose) {
        progress_clear(&r->progress);
        fprintf(stderr, "[%*td/%" PRIu32 "] ", snprintf(NULL, 0, "%" PRIu32, p->source->n_tensors),
                t - p->tensors + 1, p->source->n_tensors);
        cli_print_safe(stderr, t->from->name, strlen(t->from->name));
        fprintf(stderr, "  %s", dtype_get(t->from->dtype)->name);
        if (t->dtype != t->from->dtype)
            fprintf(stderr, " -> %s%s", dtype_get(t->dtype)->name, t->importance ? ", by importance" : "");
        fprintf(stderr, ", %s\n", human_bytes(t->bytes).text);
    }
    progress_show(&r->progress, "bytes", done, total);
}

static viv_status write_result(struct run *r, struct error *err)
{
    const struct quantize_options options = {.n_threads = (uint32_t)r->options->common.threads,
                                             .cancel = interrupt_watch(),
                                             .progress = on_tensor,
                                             .progress_ctx = r};
    const double began = seconds_now();
    progress_init(&r->progress);
    viv_status status = quantize_write(&r->plan, r->output, &options, err);
    progress_clear(&r->progress);
    r->seconds = seconds_now() - began;
    return status;
}

/* Compares the result with the source by a text. */
static viv_status verify(const struct run *r, struct divergence *d, struct error *err)
{
    const char *const names[] = {r->model, r->output};
    const struct passage passage = {.file = r->options->verify};
    struct pair p = {.names = names};
    struct quality_text text = {0};
    viv_status status = pair_open(&p, &r->options->common, &r->options->common, err);
    if (status == VIV_OK)
        status = quality_check_pair(p.a.model, p.b.model, err);
    if (status == VIV_OK)
        status = passage_read(&passage, p.a.model, &text, err);
    if (status == VIV_OK)
        status = pair_load(&p, err);
    if (status == VIV_OK) {
        const struct quality_options options = passage_options(&passage, &p.a);
        status = divergence_measure(p.a.model, p.b.model, &text, &options, d, err);
    }
    if (status == VIV_ECANCELLED && d->n_predicted)
        status = VIV_OK; /* what was counted until then */
    quality_text_release(&text);
    struct error closing;
    pair_close(&p, VIV_OK, &closing);
    return status;
}

static int quantize(const struct arguments *a)
{
    const struct quantize_arguments *options = a->options;
    struct run r = {.options = options, .model = a->words[0]};
    struct divergence d = {0};
    struct error err = {0};
    if (!options->type)
        return cli_usage_error("quantize", "--type is wanted, one of " MIX_NAMES);
    if (options->common.lora.n)
        return cli_usage_error("quantize", "--lora: adapters are merged into weights as they run, not into a file");
    if (options->verify && options->dry_run)
        return cli_usage_error("quantize", "--dry-run writes nothing that --verify could measure");
    if (options->verify && options->keep_vocab.n)
        return cli_usage_error("quantize",
                               "--verify compares models of the same tokens, and --keep-vocab takes some away");
    viv_status status = prepare(&r, &err);
    if (status == VIV_OK)
        print_notices(&r);
    if (status == VIV_OK && !options->dry_run)
        status = write_result(&r, &err);
    if (status == VIV_OK && options->verify)
        status = verify(&r, &d, &err);
    if (status == VIV_OK)
        status = print_result(&r, options->verify ? &d : NULL, &err);
    quantize_plan_release(&r.plan);
    source_release(&r.smaller);
    source_release(&r.weights);
    imatrix_release(&r.imatrix);
    for (size_t i = 0; r.rules && i < options->rules.n; i++)
        free((char *)r.rules[i].pattern);
    free(r.rules);
    free(r.output);
    checkpoint_close(&r.own);
    return cli_close_opened(&r.opened, status, &err);
}

const struct command command_quantize = {
    .name = "quantize",
    .summary = "writes a model with quantized weights",
    .words = "MODEL",
    .text =
        "Writes a model's weights in other types, as a GGUF file that llama.cpp reads, too. Of a GGUF model, "
        "metadata and "
        "tokenizer are copied. A checkpoint of Hugging Face's (safetensors, quantized ones too) becomes GGUF by "
        "its "
        "family's spec: what GGUF has no words for is refused, so that the result computes the same.\n"
        "--type names a mix, as llama-quantize has them: most weights get one type, and those that matter more get "
        "more bits. From small to large: q2_k_s (with --imatrix), q2_k, q3_k_s, q3_k_m, q3_k_l, iq4_xs, iq4_nl, "
        "q4_k_s, q4_0, q4_k_m, q4_1, q5_k_s, q5_0, q5_k_m, q5_1, q6_k, q8_0, f16, bf16, f32; mxfp4_moe for models "
        "with experts. --rule changes the type of single tensors.\n"
        "An importance matrix (viv calibrate) says which columns of each weight matter; with it, q4_k_m and "
        "smaller are clearly better.\n"
        "--keep-vocab is for devices that need few words: rows of the embedding and of the output head go with the "
        "tokens, "
        "which are numbered anew (--json has the ids that they had). Control tokens, bytes and the pieces that "
        "merges "
        "need stay, and what the chat template writes, if a text is given. The logits of tokens that stay are what "
        "they were.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct quantize_arguments),
    .examples = "viv quantize model-f16.gguf --type q4_k_m -o model-q4_k_m.gguf\n"
                "viv quantize m.gguf --type q4_k_m --rule '*.ffn_down.weight=q6_k' --dry-run\n"
                "viv quantize ./Qwen3-0.6B --type q4_k_m --keep-vocab @words.txt -o s.gguf\n"
                "viv quantize m.gguf --type iq4_xs --imatrix imatrix.gguf --verify wiki.txt",
    .group = GROUP_MAKE,
    .models = true,
    .main = quantize,
};
