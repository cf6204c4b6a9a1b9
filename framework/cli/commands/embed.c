/* viv embed - vectors of texts. */
#include "base/near.h"
#include "cli/ask.h"
#include "cli/images.h"
#include "cli/npy.h"
#include "cli/shared.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct embed_options {
    struct common common;
    struct id_list tokens;
    struct string_list images;
    const char *file, *prompt, *pooling, *output;
    bool no_normalize, cut, json;
};

#define OPT(field) offsetof(struct embed_options, field)
static const struct option table[] = {
    FILE_OPTION(OPT(file), "each line is a text"),
    TOKENS_OPTION(OPT(tokens), NULL),
    IMAGE_OPTION(OPT(images), "each has a vector"),
    {"prompt-name", 0, OPTION_STRING, OPT(prompt), "NAME",
     .help = "begin each text with this one of the prompts in the model's own files, such as query; '': with none"},
    {"pooling", 0, OPTION_CHOICE, OPT(pooling), "HOW",
     .help = "how the tokens' vectors become that of the text, unless as the model's files say; none: all of them, "
             "as they are",
     .choices = "none|cls|mean|last"},
    {"no-normalize", 0, OPTION_FLAG, OPT(no_normalize), .help = "leave vectors as long as they are"},
    CUT_OPTION(OPT(cut)),
    OUTPUT_OPTION(OPT(output), ".npy, float32 [n_texts or n_tokens, hidden_size]"),
    JSON_OPTION(OPT(json), "one object"),
    {0}};

static viv_status print_vectors(const struct answer *v, struct error *err)
{
    const float *data = (const float *)(const void *)v->numbers.data;
    for (uint64_t i = 0; i < v->rows * v->dim; i++)
        printf("%.9g%c", (double)data[i], (i + 1) % v->dim ? ' ' : '\n');
    return fflush(stdout) == 0 ? VIV_OK : error_set(err, VIV_EIO, "standard output could not be written");
}

static viv_status print_vectors_json(const struct answer *v, const char *output, struct error *err)
{
    if (output)
        return cli_print_json(json_pack("{s:o, s:[I, I]}", "output", cli_json_word(output), "shape",
                                        (json_int_t)v->rows, (json_int_t)v->dim),
                              true, err);
    const float *data = (const float *)(const void *)v->numbers.data;
    json_t *list = json_array();
    for (uint64_t i = 0; i < v->rows; i++) {
        json_t *row = json_array();
        for (uint64_t j = 0; j < v->dim; j++)
            json_array_append_new(row, json_real((double)data[i * v->dim + j]));
        json_array_append_new(list, row);
    }
    return cli_print_json(json_pack("{s:I, s:o}", "dim", (json_int_t)v->dim, "vectors", list), true, err);
}

/* --- prompts ------------------------------------------------------------------------------------------------- */

/* The prompt called `name`, or the preset one; *out NULL: there is none. */
static viv_status find_prompt(const struct checkpoint *c, const char *name, const char **out, struct error *err)
{
    json_t *said = json_object_get(c->config, "sentence_transformers"), *prompts = json_object_get(said, "prompts");
    const char *names[64], *key;
    json_t *text;
    size_t n = 0;
    name = name ? name : json_string_value(json_object_get(said, "default_prompt_name"));
    *out = NULL;
    if (!name || !*name)
        return VIV_OK;
    *out = json_string_value(json_object_get(prompts, name));
    json_object_foreach(prompts, key, text) if (n < 64) names[n++] = key;
    if (!*out) {
        const char *nearest = near_word(name, names, n);
        return error_set(err, VIV_ENOTFOUND, "%s: its files name no prompt '%s'%s%s%s", c->path, name,
                         nearest ? ", did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    if (**out && json_is_false(json_object_get(said, "include_prompt")))
        return error_set(err, VIV_EUNSUPPORTED,
                         "%s: its vectors are made without the tokens of the prompt (include_prompt: false), which "
                         "this version cannot do",
                         c->path);
    return VIV_OK;
}

/* Makes each text begin with the prompt; the new ones live in *store. */
static viv_status begin_with(const char *prompt, const char **texts, size_t n, struct buf *store, struct error *err)
{
    for (size_t i = 0; i < n; i++) {
        buf_puts(store, prompt);
        buf_append(store, texts[i], strlen(texts[i]) + 1);
    }
    if (store->failed)
        return error_nomem(err);
    const char *at = store->data;
    for (size_t i = 0; i < n; i++, at += strlen(at) + 1)
        texts[i] = at;
    return VIV_OK;
}

static viv_status write_vectors(const struct answer *v, const char *output, struct error *err)
{
    struct buf npy = {0};
    float *data;
    viv_status status = npy_begin(&npy, v->rows, v->dim, &data, err);
    if (status == VIV_OK && v->numbers.size)
        memcpy(data, v->numbers.data, v->numbers.size);
    if (status == VIV_OK)
        status = cli_write_output(output, npy.data, npy.size, err);
    buf_release(&npy);
    return status;
}

static viv_status answer(struct opened *o, const struct embed_options *options, const char *const *list, size_t n,
                         struct error *err)
{
    static const char *const names[] = {"", "none", "cls", "mean", "last"};
    struct request r;
    struct answer v = {0};
    request_init(&r, o->model);
    r.viv.task = VIV_TASK_EMBED;
    r.viv.flags = (options->no_normalize ? VIV_REQUEST_RAW : 0) | (options->cut ? VIV_REQUEST_CUT : 0);
    while (options->pooling && strcmp(options->pooling, names[r.viv.pooling]) != 0)
        r.viv.pooling++;
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < options->images.n; i++) {
        status = request_add_message(&r, NULL, err);
        if (status == VIV_OK)
            status = request_add_picture(&r, options->images.items[i], err);
    }
    if (status == VIV_OK && !options->images.n)
        status = options->tokens.n ? request_add_tokens(&r, options->tokens.ids, options->tokens.n, err)
                                   : request_add_texts(&r, NULL, list, n, err);
    if (status == VIV_OK)
        status = ask_vectors(o, &r, &v, err);
    if (status == VIV_OK && options->output)
        status = write_vectors(&v, options->output, err);
    if (status == VIV_OK && options->json)
        status = print_vectors_json(&v, options->output, err);
    else if (status == VIV_OK && !options->output)
        status = print_vectors(&v, err);
    answer_release(&v);
    request_release(&r);
    return status;
}

static int embed(const struct arguments *a)
{
    const struct embed_options *options = a->options;
    struct opened o = {0};
    struct error err = {0};
    struct buf lines = {0}, prompted = {0};
    const char **list = NULL, *prompt = NULL;
    size_t n = 0;
    if ((options->tokens.n > 0) + (options->images.n > 0) + (options->file != NULL) + (a->n_words > 1) > 1)
        return cli_usage_error("embed",
                               "texts come as words, from --file, or as --tokens, and pictures as --image: "
                               "one of these");
    if (options->tokens.n > 0 && options->prompt)
        return cli_usage_error("embed", "--prompt-name stands before texts, not before --tokens");
    if (options->json && options->output && strcmp(options->output, "-") == 0)
        return cli_usage_error("embed", "standard output takes the array or the JSON, not both");
    viv_status status = cli_open_model(&o, &options->common, a->words[0], &err);
    const bool reads = options->tokens.n == 0 && options->images.n == 0;
    if (status == VIV_OK && reads)
        status = ask_read_texts(options->file, &lines, a->words + 1, a->n_words - 1, &list, &n, &err);
    if (status == VIV_OK && reads && n == 0)
        status = error_set(&err, VIV_EINVAL, "there are no texts to embed");
    if (status == VIV_OK)
        status = cli_load_model(&o, &err);
    if (status == VIV_OK && n)
        status = find_prompt(model_checkpoint(o.model), options->prompt, &prompt, &err);
    if (status == VIV_OK && prompt)
        status = begin_with(prompt, list, n, &prompted, &err);
    if (status == VIV_OK)
        status = answer(&o, options, list, n, &err);
    free(list);
    buf_release(&lines);
    buf_release(&prompted);
    return cli_close_opened(&o, status, &err);
}

const struct command command_embed = {
    .name = "embed",
    .summary = "vectors of texts and pictures",
    .words = "MODEL [TEXT]...",
    .text = "Gives a vector for each text: one a line on standard output, or all in a .npy file. Without texts, "
            "--file and --tokens, texts are the lines of standard input.\n"
            "How the vectors of a text's tokens become one, whether it has length 1, where long texts are cut and "
            "what texts begin with, the model's own files say (modules.json of sentence-transformers, pooling_type "
            "of GGUF).",
    .options = table,
    .options_size = sizeof(struct embed_options),
    .examples = "viv embed ./all-MiniLM-L6-v2 \"A text.\" \"Another one.\" -o vectors.npy\n"
                "viv embed bge-small.gguf --file texts.txt --json\n"
                "viv embed ./Qwen3-Embedding-0.6B --prompt-name query \"What is a vivarium?\"\n"
                "viv embed ./bert --tokens 101,7592,102 --pooling none\n"
                "viv embed ./clip-vit-base --image cat.png --image dog.jpg -o v.npy",
    .group = GROUP_RUN,
    .models = true,
    .main = embed,
};
