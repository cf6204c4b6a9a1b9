/* declared.c - tokens that are declared outside of the vocabulary's file: in tokenizer_config.json
 * (added_tokens_decoder, eos_token and the like, additional_special_tokens, extra_special_tokens),
 * special_tokens_map.json and added_tokens.json. As in transformers, all of them are found in texts and decoded. */
#include "tokenizer/pipeline.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const named[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                    "pad_token", "cls_token", "mask_token"};
enum { N_NAMED = sizeof named / sizeof *named };

/* "<s>", or {"content": "<s>", ...} */
static json_t *content_of(json_t *v)
{
    json_t *content = json_is_object(v) ? json_object_get(v, "content") : v;
    return json_string_length(content) ? content : NULL;
}

/* The value of a key in these files; special_tokens_map.json has precedence if it is read. */
static json_t *said(const struct tokenizer_words *w, const char *key)
{
    json_t *v = json_object_get(w->config, "added_tokens_decoder") ? NULL : json_object_get(w->map, key);
    return v && !json_is_null(v) ? v : json_object_get(w->config, key);
}

static const char *usual(const struct tokenizer_class *class, size_t i)
{
    if (!class)
        return NULL;
    const char *const texts[N_NAMED] = {class->bos, class->eos, class->unk, class->sep,
                                        class->pad, class->cls, class->mask};
    return texts[i];
}

static viv_status add(struct tokenizer *t, json_t *token, int32_t id, bool special, struct error *err)
{
    json_t *content = content_of(token);
    const bool says = json_is_boolean(json_object_get(token, "normalized"));
    special = special || json_is_true(json_object_get(token, "special"));
    if (!content)
        return VIV_OK;
    const struct added_token added = {.content = json_string_value(content),
                                      .n = json_string_length(content),
                                      .id = id,
                                      .special = special,
                                      .single_word = json_is_true(json_object_get(token, "single_word")),
                                      .lstrip = json_is_true(json_object_get(token, "lstrip")),
                                      .rstrip = json_is_true(json_object_get(token, "rstrip")),
                                      .normalized =
                                          says ? json_is_true(json_object_get(token, "normalized")) : !special};
    return tokenizer_add_token(t, &added, err);
}

/* A special token that is not among the added ones yet. */
static viv_status add_special(struct tokenizer *t, json_t *token, struct error *err)
{
    json_t *content = content_of(token);
    if (!content || added_find(&t->added, json_string_value(content), json_string_length(content)))
        return VIV_OK;
    return add(t, token, -1, true, err);
}

static viv_status add_special_text(struct tokenizer *t, const char *text, struct error *err)
{
    json_t *token = json_string(text);
    viv_status status = token ? add_special(t, token, err) : error_nomem(err);
    json_decref(token);
    return status;
}

/* --- lists with ids ------------------------------------------------------------------------------------------ */

struct numbered {
    long id;
    json_t *token; /* borrowed */
    const char *text;
};

static int by_id(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* A token with the id of a piece is that piece under another name. Other tokens are counted, as
 * in the reference. */
static viv_status add_numbered(struct tokenizer *t, struct numbered *v, size_t n, struct error *err)
{
    viv_status status = VIV_OK;
    if (n)
        qsort(v, n, sizeof *v, by_id);
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        const int32_t id = v[i].id < (long)t->vocab.n ? (int32_t)v[i].id : -1;
        const struct added_token plain = {
            .content = v[i].text, .n = v[i].text ? strlen(v[i].text) : 0, .id = id, .normalized = true};
        status = v[i].token ? add(t, v[i].token, id, false, err) : tokenizer_add_token(t, &plain, err);
    }
    return status;
}

/* {"0": {"content": "<unk>", "special": true, ...}, ...} */
static viv_status add_decoder(struct tokenizer *t, json_t *list, struct error *err)
{
    struct numbered *v = NULL;
    size_t n = 0, capacity = 0;
    const char *key;
    json_t *item;
    viv_status status = VIV_OK;
    json_object_foreach(list, key, item)
    {
        char *end;
        const long id = strtol(key, &end, 10);
        if (!json_is_string(json_object_get(item, "content")) || *end || id < 0 || id >= MAX_VOCAB) {
            free(v);
            return error_set(err, VIV_EFORMAT,
                             "tokenizer_config.json: added_tokens_decoder: entry '%.20s' is not a token", key);
        }
        if (!VEC_RESERVE(v, n, capacity)) {
            free(v);
            return error_nomem(err);
        }
        v[n++] = (struct numbered){.id = id, .token = item};
    }
    status = add_numbered(t, v, n, err);
    free(v);
    return status;
}

/* {"<x>": 32000, ...} */
static viv_status add_file(struct tokenizer *t, json_t *list, struct error *err)
{
    struct numbered *v = NULL;
    size_t n = 0, capacity = 0;
    const char *text;
    json_t *id;
    json_object_foreach(list, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= MAX_VOCAB) {
            free(v);
            return error_set(err, VIV_EFORMAT, "added_tokens.json: '%.100s' has no id from 0 to %d", text,
                             MAX_VOCAB - 1);
        }
        if (!VEC_RESERVE(v, n, capacity)) {
            free(v);
            return error_nomem(err);
        }
        v[n++] = (struct numbered){.id = (long)json_integer_value(id), .text = text};
    }
    viv_status status = add_numbered(t, v, n, err);
    free(v);
    return status;
}

/* --- lists without ------------------------------------------------------------------------------------------- */

/* ["<a>", {"content": "<b>"}], or {"image_token": "<image>"} */
static viv_status add_list(struct tokenizer *t, json_t *list, struct error *err)
{
    json_t *item;
    size_t i;
    const char *key;
    viv_status status = VIV_OK;
    json_array_foreach(list, i, item) if (status == VIV_OK) status = add_special(t, item, err);
    json_object_foreach(list, key, item) if (status == VIV_OK) status = add_special(t, item, err);
    return status;
}

/* "image_token": "<image>", and other keys that end in _token */
static viv_status add_other_names(struct tokenizer *t, json_t *config, struct error *err)
{
    const char *key;
    json_t *item;
    viv_status status = VIV_OK;
    json_object_foreach(config, key, item)
    {
        if (status == VIV_OK && json_is_string(item) && text_ends_in(key, "_token"))
            status = add_special(t, item, err);
    }
    return status;
}

static viv_status add_named(struct tokenizer *t, const struct tokenizer_words *w, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < N_NAMED; i++) {
        json_t *token = said(w, named[i]);
        const char *otherwise = usual(w->class, i);
        if (token)
            status = add_special(t, token, err);
        else if (otherwise)
            status = add_special_text(t, otherwise, err);
    }
    if (status == VIV_OK)
        status = add_other_names(t, w->config, err);
    /* an object names tokens; a list is the newer form of additional_special_tokens */
    json_t *extra = said(w, "extra_special_tokens");
    if (status == VIV_OK)
        status = add_list(t, extra, err);
    if (status == VIV_OK && (json_says_nothing(extra) || json_is_object(extra)))
        status = add_list(t, said(w, "additional_special_tokens"), err);
    return status;
}

/* T5's <extra_id_0> and so on, in reverse order. */
static viv_status add_extra_ids(struct tokenizer *t, const struct tokenizer_words *w, struct error *err)
{
    json_t *said_so = json_object_get(w->config, "extra_ids");
    json_int_t n = json_is_integer(said_so) ? json_integer_value(said_so) : 100;
    viv_status status = VIV_OK;
    if (n > MAX_VOCAB)
        return error_set(err, VIV_ELIMIT, "tokenizer_config.json: extra_ids is more than %d", MAX_VOCAB);
    while (status == VIV_OK && n-- > 0) {
        char text[48];
        snprintf(text, sizeof text, "<extra_id_%" JSON_INTEGER_FORMAT ">", n);
        status = add_special_text(t, text, err);
    }
    return status;
}

static void find_named(const struct tokenizer *t, const struct tokenizer_words *w, size_t i, int32_t *out)
{
    json_t *content = content_of(said(w, named[i]));
    const char *text = content ? json_string_value(content) : usual(w->class, i);
    int32_t id;
    if (text && tokenizer_id(t, text, &id))
        *out = id;
}

viv_status tokenizer_declare(struct tokenizer *t, const struct tokenizer_words *w, struct error *err)
{
    json_t *decoder = json_object_get(w->config, "added_tokens_decoder");
    viv_status status = decoder ? add_decoder(t, decoder, err) : add_file(t, w->added, err);
    if (status == VIV_OK && w->class && w->class->t5)
        status = add_extra_ids(t, w, err);
    if (status == VIV_OK)
        status = add_named(t, w, err);
    find_named(t, w, 0, &t->bos);
    find_named(t, w, 1, &t->eos);
    return status;
}
