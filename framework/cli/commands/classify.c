/* viv classify - what a classifier says of texts or pictures, and which of any labels fit a picture.
 *
 * The labels' names are id2label of config.json, or classifier.output_labels of a GGUF file. Scores are a softmax
 * of the logits; of a single label, or where problem_type says that several may hold at once, a sigmoid of each. A
 * model with vectors of pictures and texts takes any texts for labels; its spec's param `match` says whether one of
 * them fits. */
#include "cli/ask.h"
#include "cli/images.h"
#include "cli/shared.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct classify_options {
    struct common common;
    const char *file, *pair;
    struct string_list images, labels;
    bool cut, json;
};

#define OPT(field) offsetof(struct classify_options, field)
static const struct option table[] = {
    FILE_OPTION(OPT(file), "each line is a text"),
    {"pair", 0, OPTION_STRING, OPT(pair), "TEXT", .help = "judge pairs: this text, and then each of the others"},
    IMAGE_OPTION(OPT(images), "each is classified"),
    {"label", 0, OPTION_STRINGS, OPT(labels), "TEXT",
     .help = "what a picture may show, such as \"a photo of a cat\"; may be repeated",
     .here = "for models with vectors of pictures and texts, such as CLIP and SigLIP"},
    CUT_OPTION(OPT(cut)),
    JSON_OPTION(OPT(json), "one object for each text or picture, one per line"),
    {0}};

/* "LABEL_3" where neither the user nor the files say. */
static void label_name(const struct checkpoint *c, const struct string_list *labels, uint64_t i, char out[256])
{
    if (labels->n) {
        snprintf(out, 256, "%s", labels->items[i]);
        return;
    }
    char key[32];
    snprintf(key, sizeof key, "%" PRIu64, i);
    const char *name = json_string_value(json_object_get(json_object_get(c->config, "id2label"), key));
    const char *architecture = checkpoint_architecture(c);
    char place[128];
    snprintf(out, 256, "LABEL_%" PRIu64, i);
    if (name)
        snprintf(out, 256, "%s", name);
    if (c->config || !architecture)
        return;
    snprintf(place, sizeof place, "%s.classifier.output_labels", architecture);
    const struct meta list = checkpoint_meta(c, place), m = checkpoint_meta_element(c, &list, i);
    if (m.kind == META_STRING)
        snprintf(out, 256, "%.*s", (int)(m.n < 255 ? m.n : 255), m.s);
}

static bool several_at_once(const viv_model *m, const struct string_list *labels, uint64_t n_labels)
{
    const struct value *match = expansion_param(model_expansion(m), "match");
    if (labels->n)
        return match && match->kind == VALUE_STRING && strcmp(match->s, "each") == 0;
    const char *type = json_string_value(json_object_get(model_checkpoint(m)->config, "problem_type"));
    return n_labels == 1 || (type && strcmp(type, "multi_label_classification") == 0);
}

struct scored {
    uint64_t label;
    double score;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score ? 1 : -1) : (x->label > y->label) - (x->label < y->label);
}

static void score(const float *logits, uint64_t n, bool several, struct scored *out)
{
    double most = -INFINITY, sum = 0;
    for (uint64_t i = 0; i < n; i++)
        most = fmax(most, (double)logits[i]);
    for (uint64_t i = 0; i < n; i++)
        sum += exp((double)logits[i] - most);
    for (uint64_t i = 0; i < n; i++) {
        double x = (double)logits[i];
        out[i] = (struct scored){i, several ? 1 / (1 + exp(-x)) : exp(x - most) / sum};
    }
    qsort(out, n, sizeof *out, by_score);
}

/* text: or the name of a picture's file */
static viv_status print_scores(const viv_model *m, const struct classify_options *options, const char *text,
                               const float *logits, uint64_t n, struct scored *j, struct error *err)
{
    const struct checkpoint *c = model_checkpoint(m);
    const bool json = options->json;
    char name[256];
    json_t *list = json ? json_array() : NULL;
    score(logits, n, several_at_once(m, &options->labels, n), j);
    if (!json) {
        cli_print_safe(stdout, text, strlen(text));
        putchar('\n');
    }
    for (uint64_t i = 0; i < n; i++) {
        label_name(c, &options->labels, j[i].label, name);
        if (!json) {
            printf("  %8.6f  ", j[i].score);
            cli_print_safe(stdout, name, strlen(name));
            putchar('\n');
        } else if (json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "label", cli_json_word(name), "score",
                                                         json_real(j[i].score), "logit",
                                                         json_real((double)logits[j[i].label]))) != 0) {
            json_decref(list);
            return error_nomem(err);
        }
    }
    return json ? cli_print_json(json_pack("{s:o, s:o}", options->images.n ? "image" : "text", cli_json_word(text),
                                           "labels", list),
                                 true, err)
                : VIV_OK;
}

/* A message for each label, and for each picture. */
static viv_status add_pictures(const struct classify_options *options, struct request *r, struct error *err)
{
    viv_status status =
        options->labels.n ? request_add_texts(r, NULL, options->labels.items, options->labels.n, err) : VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < options->images.n; i++) {
        status = request_add_message(r, NULL, err);
        if (status == VIV_OK)
            status = request_add_picture(r, options->images.items[i], err);
    }
    return status;
}

static viv_status answer(struct opened *o, const struct classify_options *options, const char *const *list,
                         size_t n, struct error *err)
{
    struct request r;
    struct answer v = {0};
    struct scored *j = NULL;
    request_init(&r, o->model);
    r.viv.task = VIV_TASK_SCORE;
    r.viv.flags = options->cut ? VIV_REQUEST_CUT : 0;
    viv_status status =
        options->images.n ? add_pictures(options, &r, err) : request_add_texts(&r, options->pair, list, n, err);
    if (status == VIV_OK)
        status = ask_vectors(o, &r, &v, err);
    if (status == VIV_OK && options->labels.n && v.dim != options->labels.n)
        status = error_set(err, VIV_EINTERNAL, "%zu labels have %" PRIu64 " scores", options->labels.n, v.dim);
    if (status == VIV_OK && !(j = calloc(v.dim, sizeof *j)))
        status = error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < n; i++)
        status = print_scores(o->model, options, list[i], (const float *)(const void *)v.numbers.data + i * v.dim,
                              v.dim, j, err);
    answer_release(&v);
    request_release(&r);
    free(j);
    return status;
}

static int classify(const struct arguments *a)
{
    const struct classify_options *options = a->options;
    struct opened o = {0};
    struct error err = {0};
    struct buf lines = {0};
    const char **list = NULL;
    size_t n = 0;
    if ((options->file != NULL) + (options->images.n > 0) + (a->n_words > 1) > 1)
        return cli_usage_error("classify",
                               "texts come as words or from --file, and pictures as --image: one of these");
    if (options->images.n > 0 && options->pair)
        return cli_usage_error("classify", "--pair is for texts, not for pictures");
    if (options->images.n == 0 && options->labels.n > 0)
        return cli_usage_error("classify", "--label says what a picture may show: --image FILE");
    viv_status status = cli_open_model(&o, &options->common, a->words[0], &err);
    if (status == VIV_OK && options->images.n == 0)
        status = ask_read_texts(options->file, &lines, a->words + 1, a->n_words - 1, &list, &n, &err);
    if (status == VIV_OK && options->images.n == 0 && n == 0)
        status = error_set(&err, VIV_EINVAL, "there are no texts to classify");
    if (status == VIV_OK)
        status = cli_load_model(&o, &err);
    if (status == VIV_OK && options->images.n)
        status = answer(&o, options, options->images.items, options->images.n, &err);
    else if (status == VIV_OK)
        status = answer(&o, options, list, n, &err);
    free(list);
    buf_release(&lines);
    return cli_close_opened(&o, status, &err);
}

const struct command command_classify = {
    .name = "classify",
    .summary = "labels of texts and pictures",
    .words = "MODEL [TEXT]...",
    .text = "Prints, for each text or picture, the classifier's labels with their scores, the best first. Without "
            "texts, --file and --image, texts are the lines of standard input.\n"
            "A model with vectors of pictures and texts, such as CLIP, takes any labels: --label.",
    .options = table,
    .options_size = sizeof(struct classify_options),
    .examples = "viv classify ./distilbert-sst2 \"What a lovely day.\"\n"
                "viv classify ./roberta-mnli --pair \"A man sleeps.\" \"A man is awake.\" --json\n"
                "viv classify ./vit-base --image a.jpg\n"
                "viv classify ./clip-vit-base --image a.jpg --label \"a cat\" --label \"a dog\"",
    .group = GROUP_RUN,
    .models = true,
    .main = classify,
};
