/* tekken.c - tekken.json, the tokenizer of Mistral: {"config": {"pattern", "default_vocab_size",
 * "default_num_special_tokens"}, "vocab": [{"token_bytes": base64}, ...], "special_tokens": [{"rank",
 * "token_str"}, ...]}. Special tokens have the first ids. Pieces follow, in the order in which pairs merge. */
#include "tokenizer/pipeline.h"

#include "base/base64.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Special tokens of files that list none. */
static const char *const usual[] = {"<unk>",
                                    "<s>",
                                    "</s>",
                                    "[INST]",
                                    "[/INST]",
                                    "[AVAILABLE_TOOLS]",
                                    "[/AVAILABLE_TOOLS]",
                                    "[TOOL_RESULTS]",
                                    "[/TOOL_RESULTS]",
                                    "[TOOL_CALLS]",
                                    "[IMG]",
                                    "<pad>",
                                    "[IMG_BREAK]",
                                    "[IMG_END]",
                                    "[PREFIX]",
                                    "[MIDDLE]",
                                    "[SUFFIX]",
                                    "[SYSTEM_PROMPT]",
                                    "[/SYSTEM_PROMPT]",
                                    "[TOOL_CONTENT]"};
enum { N_USUAL = sizeof usual / sizeof *usual };

/* An integer of the config, or `otherwise` if it is missing. */
static viv_status count(json_t *config, const char *key, size_t otherwise, size_t *out, struct error *err)
{
    json_t *v = json_object_get(config, key);
    const bool there = v && !json_is_null(v);
    if (there && (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > MAX_VOCAB))
        return error_set(err, VIV_EFORMAT, "config.%s is not a number from 0 to %d", key, MAX_VOCAB);
    *out = there ? (size_t)json_integer_value(v) : otherwise;
    return VIV_OK;
}

static viv_status add_special(struct tokenizer *t, const char *text, size_t n, size_t id, struct error *err)
{
    const struct added_token token = {.content = text, .n = n, .id = (int32_t)id, .special = true};
    char *copy = arena_strndup(&t->arena, text, n);
    viv_status status = copy ? vocab_add_hidden(&t->vocab, copy, n, (uint32_t)id, err) : error_nomem(err);
    return status == VIV_OK ? tokenizer_add_token(t, &token, err) : status;
}

static viv_status add_listed(struct tokenizer *t, json_t *list, size_t n, struct error *err)
{
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_t *rank = json_object_get(item, "rank"), *text = json_object_get(item, "token_str");
        if (!json_is_integer(rank) || json_integer_value(rank) < 0 || (size_t)json_integer_value(rank) >= n ||
            !json_is_string(text))
            return error_set(err, VIV_EFORMAT, "special_tokens[%zu] has no text with a rank below %zu", i, n);
        viv_status status = add_special(t, json_string_value(text), json_string_length(text),
                                        (size_t)json_integer_value(rank), err);
        if (status != VIV_OK)
            return error_prefix(err, "special_tokens[%zu]", i);
    }
    return VIV_OK;
}

static viv_status add_specials(struct tokenizer *t, json_t *list, size_t n, struct error *err)
{
    viv_status status = add_listed(t, list, n, err);
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        char filler[32];
        snprintf(filler, sizeof filler, "<SPECIAL_%zu>", i);
        const char *text = !list && i < N_USUAL ? usual[i] : filler;
        if (!tokenizer_piece(t, (int32_t)i))
            status = add_special(t, text, strlen(text), i, err);
    }
    return status;
}

static viv_status add_piece(struct tokenizer *t, json_t *item, uint32_t id, struct error *err)
{
    json_t *text = json_object_get(item, "token_bytes");
    struct buf bytes = {0}, letters = {0};
    if (!json_is_string(text) || !base64_decode(json_string_value(text), json_string_length(text), &bytes)) {
        const bool failed = bytes.failed;
        buf_release(&bytes);
        return failed ? error_nomem(err) : error_set(err, VIV_EFORMAT, "token_bytes is not base64");
    }
    char *piece = byte_level_encode(bytes.data, bytes.size, &letters)
                      ? arena_strndup(&t->arena, buf_text(&letters), letters.size)
                      : NULL;
    viv_status status = piece ? vocab_add(&t->vocab, piece, letters.size, id, err) : error_nomem(err);
    buf_release(&bytes);
    buf_release(&letters);
    return status;
}

static viv_status make(struct tokenizer *t, json_t *root, struct error *err)
{
    json_t *config = json_object_get(root, "config"), *vocab = json_object_get(root, "vocab");
    json_t *specials = json_object_get(root, "special_tokens"), *item;
    const char *pattern = json_string_value(json_object_get(config, "pattern"));
    size_t n_special = 0, n_all = 0, i;
    if (!pattern || !json_is_array(vocab) || (specials && !json_is_array(specials)))
        return error_set(err, VIV_EFORMAT,
                         "expected a config with a pattern, a list 'vocab' and one of special tokens");
    viv_status status = count(config, "default_num_special_tokens", specials ? json_array_size(specials) : N_USUAL,
                              &n_special, err);
    if (status == VIV_OK)
        status = count(config, "default_vocab_size", n_special + json_array_size(vocab), &n_all, err);
    if (status == VIV_OK)
        status = add_specials(t, specials, n_special, err);
    json_array_foreach(vocab, i, item)
    {
        if (status != VIV_OK || n_special + i >= n_all)
            break;
        status = add_piece(t, item, (uint32_t)(n_special + i), err);
        if (status != VIV_OK)
            error_prefix(err, "vocab[%zu]", i);
    }
    if (status == VIV_OK)
        status = tokenizer_merge_by_id(t, err);
    return status == VIV_OK ? tokenizer_add_byte_level(t, (const char *const[]){pattern, NULL}, err) : status;
}

viv_status tokenizer_read_tekken(struct tokenizer *t, const char *path, struct error *err)
{
    enum { MAX_FILE = 256 << 20 };
    json_t *root;
    viv_status status = json_read(path, MAX_FILE, &root, err);
    if (status != VIV_OK)
        return status;
    status = make(t, root, err);
    json_decref(root);
    if (status == VIV_OK && !tokenizer_id(t, "<s>", &t->bos))
        t->bos = -1;
    if (status == VIV_OK && !tokenizer_id(t, "</s>", &t->eos))
        t->eos = -1;
    return status;
}
