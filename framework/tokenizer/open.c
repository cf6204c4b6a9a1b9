/* open.c - finds and opens the tokenizer of a directory or a checkpoint. */
#include "tokenizer/pipeline.h"

#include "base/file.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "directory/name"; the caller made sure that it fits. */
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

static viv_status read_model_file(struct tokenizer *t, const char *path, const struct tokenizer_words *w,
                                  struct error *err)
{
    struct buf bytes = {0};
    viv_status status = file_read(path, MAX_MODEL, &bytes, err);
    if (status == VIV_OK && looks_like_tiktoken(buf_text(&bytes), bytes.size))
        status = tokenizer_read_tiktoken(t, path, buf_text(&bytes), bytes.size, err);
    else if (status == VIV_OK)
        status = tokenizer_read_sentencepiece(t, w, (const unsigned char *)buf_text(&bytes), bytes.size, err);
    buf_release(&bytes);
    return status;
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
    viv_status status = text_ends_in(path, "tekken.json") ? tokenizer_read_tekken(t, path, err)
                        : text_ends_in(path, ".json")     ? tokenizer_read_json(t, path, err)
                                                          : read_model_file(t, path, NULL, err);
    return finish(t, status, path, out, err);
}

/* --- a checkpoint's ------------------------------------------------------------------------------------------ */

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

/* The special tokens around a text: by add_bos_token and add_eos_token; for RoBERTa and T5 always. */
static viv_status put_around(struct tokenizer *t, const struct tokenizer_words *w, bool bos, struct error *err)
{
    json_t *add_bos = json_object_get(w->config, "add_bos_token");
    json_t *add_eos = json_object_get(w->config, "add_eos_token");
    const bool around = w->class && w->class->around, t5 = w->class && w->class->t5;
    viv_status status = VIV_OK;
    bos = around || (json_is_boolean(add_bos) ? json_is_true(add_bos) : bos && !t5);
    postprocessor_release(&t->template);
    if (bos && t->bos >= 0)
        status = tokenizer_put_before(t, t->bos, err);
    if (status == VIV_OK && t->eos >= 0 && (around || t5 || json_is_true(add_eos)))
        status = tokenizer_put_after(t, t->eos, err);
    return status;
}

enum vocabulary { WHOLE, TEKKEN, MODEL, MODEL_TOO, PIECES, LINES, N_VOCABULARIES };
static const char *const files[N_VOCABULARIES] = {"tokenizer.json", "tekken.json", "tokenizer.model",
                                                  "spiece.model",   "vocab.json",  "vocab.txt"};

static viv_status read_vocabulary(struct tokenizer *t, enum vocabulary kind, const char *path,
                                  const char *directory, const struct tokenizer_words *w, struct error *err)
{
    switch (kind) {
    case WHOLE:
        return tokenizer_read_json(t, path, err);
    case TEKKEN:
        return tokenizer_read_tekken(t, path, err);
    case PIECES:
        return tokenizer_read_vocab_merges(t, directory, w, err);
    case LINES:
        return tokenizer_read_vocab_txt(t, path, w->config, err);
    default:
        return read_model_file(t, path, w, err);
    }
}

static viv_status read_all(struct tokenizer *t, const char *directory, struct tokenizer_words *w,
                           char origin[PATH_MAX], struct error *err)
{
    enum vocabulary kind = 0;
    const char *name;
    for (; kind < N_VOCABULARIES; kind++) {
        name_in(origin, directory, files[kind]);
        if (file_exists(origin))
            break;
    }
    if (kind == N_VOCABULARIES) {
        snprintf(origin, PATH_MAX, "%s", directory);
        return error_set(err, VIV_ENOTFOUND,
                         "no tokenizer.json, tekken.json, tokenizer.model, spiece.model, vocab.json or vocab.txt "
                         "beside the weights");
    }
    const struct tokenizer_class *class = tokenizer_class_of(w, &name);
    w->class = kind == WHOLE || kind == LINES || kind == TEKKEN ? NULL : class;
    viv_status status = read_vocabulary(t, kind, origin, directory, w, err);
    if (status == VIV_OK)
        status = tokenizer_declare(t, w, err);
    if (status == VIV_OK && kind != WHOLE && kind != LINES)
        status = put_around(t, w, kind == MODEL || kind == MODEL_TOO, err);
    if (status == VIV_OK)
        read_input_names(t, json_object_get(w->config, "model_input_names"));
    return status;
}

static viv_status open_directory(const char *directory, struct tokenizer *t, char origin[PATH_MAX],
                                 struct error *err)
{
    struct tokenizer_words w = {0};
    viv_status status = json_read_in(directory, "tokenizer_config.json", MAX_CONFIG, &w.config, err);
    if (status == VIV_OK)
        status = json_read_in(directory, "config.json", MAX_CONFIG, &w.model_config, err);
    if (status == VIV_OK)
        status = json_read_in(directory, "special_tokens_map.json", MAX_CONFIG, &w.map, err);
    if (status == VIV_OK)
        status = json_read_in(directory, "added_tokens.json", MAX_CONFIG, &w.added, err);
    if (status == VIV_OK)
        status = read_all(t, directory, &w, origin, err);
    json_decref(w.config);
    json_decref(w.model_config);
    json_decref(w.map);
    json_decref(w.added);
    return status;
}

viv_status tokenizer_open_directory(const char *directory, struct tokenizer **out, struct error *err)
{
    struct tokenizer *t = tokenizer_new();
    char origin[PATH_MAX] = "";
    return t ? finish(t, open_directory(directory, t, origin, err), origin, out, err) : error_nomem(err);
}

/* Applies do_lower_case of sentence-transformers, which has precedence over the tokenizer's own. */
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
