/* viv calibrate - makes an importance matrix. */
#include "quantize/calibrate.h"
#include "cli/passage.h"
#include "kernels/observe.h"
#include "quality/perplexity.h"
#include "quality/sensitivity.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct calibrate_options {
    struct common common;
    const char *file, *output;
    int64_t window;
    bool sensitivity, force, json;
};
static const struct calibrate_options defaults = {0};

#define OPT(field) offsetof(struct calibrate_options, field)
static const struct option table[] = {
    FILE_OPTION(OPT(file), "the same as the word FILE"),
    OUTPUT_OPTION(OPT(output), "for a table alone; without it, imatrix.gguf or sensitivity.json"),
    {"sensitivity", 0, OPTION_FLAG, OPT(sensitivity),
     .help = "measure instead what each type costs the weights of each role, and "
             "write a table for viv run --memory --precision"},
    WINDOW_OPTION(OPT(window), "default 512, or the context if that is less"),
    {"force", 0, OPTION_FLAG, OPT(force), .help = "replace a file that exists"},
    JSON_OPTION(OPT(json), "one object"),
    {0}};

/* Windows follow one another: every token is read once, but for the one that predicts the first of the next. */
static struct passage whole_windows(const struct calibrate_options *options, const struct opened *o,
                                    const char *file)
{
    const uint64_t context = model_context(o->model);
    int64_t window = options->window ? options->window : 512;
    if (context && (uint64_t)window > context && !options->window)
        window = (int64_t)context;
    return (struct passage){.file = file, .window = window, .stride = window - 1};
}

static viv_status print_result(const struct calibrate_options *options, const char *output,
                               const struct perplexity *p, uint32_t n_entries, uint32_t n_weights,
                               struct error *err)
{
    if (options->json)
        return cli_print_json(json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:f}", "output", cli_json_word(output),
                                        "entries", (json_int_t)n_entries, "weights", (json_int_t)n_weights,
                                        "tokens", (json_int_t)p->n_tokens, "window", (json_int_t)p->window,
                                        "perplexity", cli_json_number(p->perplexity), "seconds", p->seconds),
                              false, err);
    printf("%s\n", output);
    printf("weights        %" PRIu32 " of %" PRIu32 " were seen\n", n_entries, n_weights);
    printf("perplexity     %.4f\n", p->perplexity);
    printf("tokens         %" PRIu64 ", in windows of %" PRIu64 "\n", p->n_tokens, p->window);
    printf("time           %s\n", human_seconds(p->seconds).text);
    return VIV_OK;
}

static viv_status collect(struct opened *o, const struct calibrate_options *options, const char *file,
                          const char *output, struct calibration *c, struct error *err)
{
    const struct passage passage = whole_windows(options, o, file);
    struct quality_text text = {0};
    struct perplexity p;
    uint32_t n_entries;
    viv_status status = passage_read(&passage, o->model, &text, err);
    if (status == VIV_OK)
        status = cli_load_model(o, err);
    if (status == VIV_OK) {
        const struct quality_options pass = passage_options(&passage, o);
        status = perplexity_measure(o->model, &text, &pass, &p, err);
        progress_clear(&o->progress);
    }
    if (status == VIV_OK)
        status = calibration_write(c, output, path_base(file_input_name(file)),
                                   (p.n_tokens + p.window - 1) / p.window, p.window, &n_entries, err);
    if (status == VIV_OK)
        status = print_result(options, output, &p, n_entries, c->n, err);
    quality_text_release(&text);
    return status;
}

/* --- sensitivity --------------------------------------------------------------------------------------------- */

static viv_status write_table(const struct calibrate_options *options, const char *output, const char *model,
                              const char *file, const struct sensitivity *s, const struct quality_text *text,
                              struct error *err)
{
    json_t *root = sensitivity_json(s, model, path_base(file_input_name(file)), text->ids.n);
    char *bytes = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    viv_status status = bytes ? cli_write_output(output, bytes, strlen(bytes), err) : error_nomem(err);
    free(bytes);
    json_decref(root);
    if (status != VIV_OK || strcmp(output, "-") == 0)
        return status;
    if (options->json)
        return cli_print_json(json_pack("{s:o, s:I, s:I}", "output", cli_json_word(output), "roles",
                                        (json_int_t)s->n, "tokens", (json_int_t)text->ids.n),
                              false, err);
    printf("%s\nroles          %zu\ntokens         %zu\n", output, s->n, text->ids.n);
    return VIV_OK;
}

static viv_status measure_sensitivity(struct opened *o, const struct calibrate_options *options, const char *model,
                                      const char *file, const char *output, struct error *err)
{
    const struct passage passage = whole_windows(options, o, file);
    struct quality_text text = {0};
    struct sensitivity s = {0};
    viv_status status = passage_read(&passage, o->model, &text, err);
    if (status == VIV_OK)
        status = cli_load_model(o, err);
    if (status == VIV_OK) {
        const struct model_options with = cli_model_options(o, &options->common);
        const struct quality_options pass = passage_options(&passage, o);
        status = sensitivity_measure(o->engine, &with, model, o->model, &text, &pass, &s, err);
        progress_clear(&o->progress);
    }
    if (status == VIV_OK)
        status = write_table(options, output, spec_name(model_spec(o->model)), file, &s, &text, err);
    sensitivity_release(&s);
    quality_text_release(&text);
    return status;
}

static int calibrate(const struct arguments *a)
{
    const struct calibrate_options *options = a->options;
    const bool sensitivity = options->sensitivity;
    const char *file = options->file ? options->file : a->n_words > 1 ? a->words[1] : NULL;
    const char *output = options->output ? options->output : sensitivity ? "sensitivity.json" : "imatrix.gguf";
    struct calibration c = {0};
    const struct product_observer observer = {calibration_see, &c};
    struct opened o = {.observer = sensitivity ? NULL : &observer};
    struct error err = {0};
    viv_status status = VIV_OK;
    if (!file || (options->file && a->n_words > 1))
        return cli_usage_error("calibrate", "one text is wanted: FILE or --file FILE");
    if (options->common.expert_memory)
        return cli_usage_error("calibrate", "the experts must be in memory: without --expert-memory");
    if (!sensitivity && strcmp(output, "-") == 0)
        return cli_usage_error("calibrate", "an importance matrix is written to a file, not to standard output");
    const char *const inputs[] = {a->words[0], file, NULL};
    status = cli_open_model(&o, &options->common, a->words[0], &err);
    if (status == VIV_OK)
        status = cli_check_output(output, options->force, inputs, model_checkpoint(o.model), &err);
    if (status == VIV_OK)
        status = quality_check_model(o.model, &err);
    if (status == VIV_OK)
        status = model_need_weights(o.model, &err);
    if (status == VIV_OK && sensitivity)
        status = measure_sensitivity(&o, options, a->words[0], file, output, &err);
    else if (status == VIV_OK)
        status = calibration_begin(&c, model_checkpoint(o.model), &err);
    if (status == VIV_OK && !sensitivity)
        status = collect(&o, options, file, output, &c, &err);
    const int exit_status = cli_close_opened(&o, status, &err);
    calibration_release(&c);
    return exit_status;
}

const struct command command_calibrate = {
    .name = "calibrate",
    .summary = "makes an importance matrix for viv quantize",
    .words = "MODEL [FILE]",
    .text =
        "Reads a text with a GGUF model, and writes down how large the inputs of each linear layer are, column by "
        "column: an importance matrix. viv quantize and llama-quantize take it by --imatrix, and then spend their "
        "precision on the columns that matter.\n"
        "The text should be like what the model is for; a few hundred thousand characters are enough. The model "
        "should be the one that will be quantized, in f16 or bf16. Products take activations as they are, as with "
        "--activations f32.\n"
        "With --sensitivity, reads the text once more for each role of weights (the queries of all attentions, "
        "say) and "
        "each type that makes them smaller, and writes down how far the model is then from itself: the "
        "Kullback-Leibler divergence, in nats. By this table, viv run --memory chooses the type of each weight. A "
        "few "
        "thousand tokens are enough, of any model with weights.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct calibrate_options),
    .examples = "viv calibrate model-f16.gguf calibration.txt -o imatrix.gguf\n"
                "viv calibrate model-f16.gguf chats.txt --sensitivity -o table.json\n"
                "viv calibrate model-f16.gguf --file chats.txt --window 2048 --json",
    .group = GROUP_MAKE,
    .models = true,
    .main = calibrate,
};
