/* open.c - which tokenizer lies where. */
#include "text/pipeline.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "directory/name"; the caller has seen to it that it fits. */
static void name_in(char path[PATH_MAX], const char *directory, const char *name)
{
    snprintf(path, PATH_MAX, "%s/%s", directory, name);
}

enum { MAX_CONFIG = 16 << 20, MAX_MODEL = 256 << 20 };

static bool looks_like_tiktoken(const char *s, size_t n)
{
    size_t i = 0;
    while (i < n && i < 64 && s[i] > ' ')
        i++;
    return i > 0 && i < n && s[i] == ' ' && i + 1 < n && s[i + 1] >= '0' && s[i + 1] <= '9';
}

static viv_status read_model_file(struct tokenizer *t, const char *path, struct error *err)
{
    struct buf bytes = {0};
    viv_status status = file_read(path, MAX_MODEL, &bytes, err);
    if (status == VIV_OK && looks_like_tiktoken(buf_text(&bytes), bytes.size))
        status = tokenizer_read_tiktoken(t, path, buf_text(&bytes), bytes.size, err);
    else if (status == VIV_OK)
        status = tokenizer_read_sentencepiece(t, path, (const unsigned char *)buf_text(&bytes), bytes.size, err);
    buf_release(&bytes);
    return status;
}

static bool ends_in(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

static viv_status finish(struct tokenizer *t, viv_status status, const char *origin, struct tokenizer **out,
                         struct error *err)
{
    if (status == VIV_OK)
        status = tokenizer_finish(t, origin, err);
    if (status != VIV_OK) {
        error_prefix(err, "%s", origin);
        tokenizer_destroy(t);
        return status;
    }
    *out = t;
    return VIV_OK;
}

viv_status tokenizer_open_file(const char *path, struct tokenizer **out, struct error *err)
{
    struct tokenizer *t = tokenizer_new();
    if (!t)
        return error_nomem(err);
    viv_status status = ends_in(path, ".json") ? tokenizer_read_json(t, path, err) : read_model_file(t, path, err);
    return finish(t, status, path, out, err);
}

/* --- a checkpoint's ------------------------------------------------------------------------------------------ */

/* "bos_token": "<s>", or {"content": "<s>", ...} */
static int32_t named_token(const struct tokenizer *t, json_t *config, const char *key)
{
    json_t *v = json_object_get(config, key);
    const char *name = json_string_value(json_is_object(v) ? json_object_get(v, "content") : v);
    int32_t id;
    return name && tokenizer_id(t, name, &id) ? id : -1;
}

/* {"0": {"content": "<unk>", "special": true, ...}, ...} */
static viv_status read_added_decoder(struct tokenizer *t, json_t *list, struct error *err)
{
    const char *key;
    json_t *item;
    json_object_foreach(list, key, item)
    {
        json_t *content = json_object_get(item, "content");
        long id = strtol(key, NULL, 10);
        if (!json_is_string(content) || id < 0 || id >= MAX_VOCAB)
            return error_set(err, VIV_EFORMAT,
                             "tokenizer_config.json: added_tokens_decoder: entry '%.20s' is not a token", key);
        const struct added_token token = {.content = json_string_value(content),
                                          .n = json_string_length(content),
                                          .id = (int32_t)id,
                                          .special = json_is_true(json_object_get(item, "special")),
                                          .single_word = json_is_true(json_object_get(item, "single_word")),
                                          .lstrip = json_is_true(json_object_get(item, "lstrip")),
                                          .rstrip = json_is_true(json_object_get(item, "rstrip")),
                                          .normalized = json_is_true(json_object_get(item, "normalized"))};
        viv_status status = tokenizer_add_token(t, &token, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* Without token_type_ids among the model's inputs, both texts of a pair are of type 0. */
static void read_input_names(struct tokenizer *t, json_t *names)
{
    json_t *name;
    size_t i;
    bool typed = !json_is_array(names);
    json_array_foreach(names, i, name) typed =
        typed || (json_is_string(name) && strcmp(json_string_value(name), "token_type_ids") == 0);
    for (i = 0; !typed && i < t->template.n_pair; i++)
        t->template.pair[i].type = 0;
}

/* What tokenizer_config.json says besides; `whole`: tokenizer.json was there, which has the rest. */
static viv_status read_config(struct tokenizer *t, json_t *config, bool whole, struct error *err)
{
    json_t *add_bos = json_object_get(config, "add_bos_token"), *add_eos = json_object_get(config, "add_eos_token");
    viv_status status =
        whole ? VIV_OK : read_added_decoder(t, json_object_get(config, "added_tokens_decoder"), err);
    const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
    const bool around = class && strncmp(class, "RobertaTokenizer", 16) == 0; /* always, whatever add_... may say */
    int32_t bos = named_token(t, config, "bos_token"), eos = named_token(t, config, "eos_token");
    if (around && bos < 0 && !tokenizer_id(t, "<s>", &bos))
        bos = -1;
    if (around && eos < 0 && !tokenizer_id(t, "</s>", &eos))
        eos = -1;
    t->bos = bos >= 0 ? bos : t->bos;
    t->eos = eos >= 0 ? eos : t->eos;
    read_input_names(t, json_object_get(config, "model_input_names"));
    if (whole || status != VIV_OK)
        return status;
    template_release(&t->template);
    if (t->bos >= 0 && (around || !json_is_boolean(add_bos) || json_is_true(add_bos)))
        status = tokenizer_put_before(t, t->bos, err);
    if (status == VIV_OK && t->eos >= 0 && (around || json_is_true(add_eos)))
        status = tokenizer_put_after(t, t->eos, err);
    return status;
}

static viv_status open_directory(const char *directory, struct tokenizer *t, char origin[PATH_MAX],
                                 struct error *err)
{
    json_t *config = NULL;
    char path[PATH_MAX], lines[PATH_MAX];
    bool whole = false;
    viv_status status = VIV_OK;
    name_in(path, directory, "tokenizer_config.json");
    if (file_exists(path))
        status = json_read(path, MAX_CONFIG, &config, err);
    name_in(origin, directory, "tokenizer.json");
    if (status == VIV_OK && file_exists(origin)) {
        whole = true;
        status = tokenizer_read_json(t, origin, err);
    } else if (status == VIV_OK) {
        name_in(origin, directory, "tokenizer.model");
        name_in(path, directory, "vocab.json");
        name_in(lines, directory, "vocab.txt");
        if (file_exists(origin)) {
            status = read_model_file(t, origin, err);
        } else if (file_exists(path)) {
            memcpy(origin, path, sizeof path);
            const char *class = json_string_value(json_object_get(config, "tokenizer_class"));
            status = tokenizer_read_vocab_merges(t, directory, class ? class : "", err);
        } else if (file_exists(lines)) {
            whole = true;
            memcpy(origin, lines, sizeof lines);
            status = tokenizer_read_vocab_txt(t, lines, config, err);
        } else {
            snprintf(origin, PATH_MAX, "%s", directory);
            status = error_set(err, VIV_ENOTFOUND,
                               "no tokenizer.json, tokenizer.model, vocab.json or vocab.txt beside the weights");
        }
    }
    if (status == VIV_OK && config)
        status = read_config(t, config, whole, err);
    json_decref(config);
    return status;
}

viv_status tokenizer_open_directory(const char *directory, struct tokenizer **out, struct error *err)
{
    struct tokenizer *t = tokenizer_new();
    char origin[PATH_MAX] = "";
    return t ? finish(t, open_directory(directory, t, origin, err), origin, out, err) : error_nomem(err);
}

/* What sentence-transformers does where its own file says do_lower_case, whatever the tokenizer's says. */
static viv_status lower_first(struct tokenizer *t, struct error *err)
{
    struct normalizer *last = normalizers_add(&t->normalizers, NORMALIZE_LOWERCASE), *v = t->normalizers.v;
    if (!last)
        return error_nomem(err);
    const struct normalizer lower = *last;
    memmove(v + 1, v, (t->normalizers.n - 1) * sizeof *v);
    v[0] = lower;
    return VIV_OK;
}

viv_status tokenizer_open(const struct checkpoint *c, struct tokenizer **out, struct error *err)
{
    struct tokenizer *t = tokenizer_new();
    char directory[PATH_MAX], origin[PATH_MAX] = "";
    if (!t)
        return error_nomem(err);
    if (checkpoint_is_gguf(c))
        return finish(t, tokenizer_read_gguf(t, c, err), c->path, out, err);
    if (file_is_dir(c->path)) {
        snprintf(directory, sizeof directory, "%s", c->path);
    } else {
        const char *base = path_base(c->path);
        snprintf(directory, sizeof directory, "%.*s.", (int)(base - c->path), c->path);
    }
    viv_status status = open_directory(directory, t, origin, err);
    if (status == VIV_OK && json_is_true(json_at(c->config, "sentence_transformers.do_lower_case")))
        status = lower_first(t, err);
    return finish(t, status, origin, out, err);
}
