/* tokenizer_json.c - reads tokenizer.json of the tokenizers library, component by component. */
#include "tokenizer/pipeline.h"

#include "base/near.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 256 << 20 };

viv_status tokenizer_read_pieces(struct tokenizer *t, json_t *vocab, struct error *err)
{
    const char *key;
    size_t n;
    json_t *id;
    if (!json_is_object(vocab))
        return error_set(err, VIV_EFORMAT, "model.vocab: expected an object, found %s", json_kind(vocab));
    if (!strmap_reserve(&t->vocab.ids, json_object_size(vocab)))
        return error_nomem(err);
    json_object_keylen_foreach(vocab, key, n, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= MAX_VOCAB)
            return error_set(err, VIV_EFORMAT, "model.vocab: token '%.100s' has no id from 0 to %d", key,
                             MAX_VOCAB - 1);
        char *piece = arena_strndup(&t->arena, key, n);
        viv_status status =
            piece ? vocab_add(&t->vocab, piece, n, (uint32_t)json_integer_value(id), err) : error_nomem(err);
        if (status != VIV_OK)
            return error_prefix(err, "model.vocab");
    }
    return VIV_OK;
}

static int32_t id_of_text(const struct tokenizer *t, json_t *text)
{
    int32_t id;
    return json_is_string(text) && tokenizer_id(t, json_string_value(text), &id) ? id : -1;
}

/* --- BPE ----------------------------------------------------------------------------------------------------- */

static viv_status add_merge(struct tokenizer *t, json_t *merge, struct error *err)
{
    json_t *left = json_array_get(merge, 0), *right = json_array_get(merge, 1);
    if (json_is_string(left) && json_is_string(right))
        return bpe_add_merge(t->model, json_string_value(left), json_string_length(left), json_string_value(right),
                             json_string_length(right), err);
    const char *s = json_string_value(merge), *space = s ? strchr(s, ' ') : NULL;
    if (!space || strchr(space + 1, ' '))
        return error_set(err, VIV_EFORMAT, "expected two pieces, found %s", s ? s : json_kind(merge));
    return bpe_add_merge(t->model, s, (size_t)(space - s), space + 1,
                         json_string_length(merge) - (size_t)(space + 1 - s), err);
}

static viv_status make_bpe(struct tokenizer *t, json_t *j, struct error *err)
{
    json_t *merge;
    size_t i;
    viv_status status = tokenizer_read_pieces(t, json_object_get(j, "vocab"), err);
    if (status != VIV_OK)
        return status;
    struct token_model base = tokenizer_model_base(t, id_of_text(t, json_object_get(j, "unk_token")));
    base.fuse_unk = json_is_true(json_object_get(j, "fuse_unk"));
    base.byte_fallback = json_is_true(json_object_get(j, "byte_fallback"));
    const struct bpe_options options = {
        .continuing_prefix = json_string_value(json_object_get(j, "continuing_subword_prefix")),
        .end_suffix = json_string_value(json_object_get(j, "end_of_word_suffix")),
        .ignore_merges = json_is_true(json_object_get(j, "ignore_merges")),
    };
    status = bpe_create(&base, &options, &t->model, err);
    json_array_foreach(json_object_get(j, "merges"), i, merge)
    {
        if (status == VIV_OK)
            status = add_merge(t, merge, err);
        if (status != VIV_OK)
            return error_prefix(err, "model.merges[%zu]", i);
    }
    return status;
}

/* --- Unigram, WordPiece, WordLevel --------------------------------------------------------------------------- */

/* A score, parsed as the reference does (serde_json): the digits as an integer, divided by a power of ten, which
 * rounds twice. This decides between splits of a word whose scores have the same sum. */
static double read_score(double exact)
{
    char digits[48] = "0";
    for (int n = 15; n <= 17; n++) { /* the fewest digits for this number: those of the file */
        snprintf(digits, sizeof digits, "%.*e", n - 1, exact);
        if (strtod(digits, NULL) == exact)
            break;
    }
    char *e = strchr(digits, 'e'), *point = strchr(digits, '.');
    if (!e || !point || exact == 0)
        return exact;
    long power = strtol(e + 1, NULL, 10) - (e - point - 1);
    char *last = e - 1;
    while (*last == '0') {
        last--;
        power++;
    }
    last[1] = '\0';
    memmove(point, point + 1, strlen(point));
    char scale[32];
    snprintf(scale, sizeof scale, "1e%ld", labs(power));
    const double whole = strtod(digits, NULL), by = strtod(scale, NULL);
    return power < 0 ? whole / by : whole * by;
}

/* [["<unk>", 0.0], ["a", -3.5], ...] */
static viv_status make_unigram(struct tokenizer *t, json_t *j, struct error *err)
{
    json_t *vocab = json_object_get(j, "vocab"), *entry, *unk = json_object_get(j, "unk_id");
    size_t i;
    if (!json_is_array(vocab) || json_array_size(vocab) == 0 || json_array_size(vocab) > MAX_VOCAB)
        return error_set(err, VIV_EFORMAT, "model.vocab: expected a list of 1 to %d pieces with their scores",
                         MAX_VOCAB);
    double *scores = calloc(json_array_size(vocab), sizeof *scores);
    viv_status status = scores ? VIV_OK : error_nomem(err);
    json_array_foreach(vocab, i, entry)
    {
        json_t *piece = json_array_get(entry, 0), *score = json_array_get(entry, 1);
        if (status != VIV_OK)
            break;
        if (!json_is_string(piece) || !json_is_number(score)) {
            status = error_set(err, VIV_EFORMAT, "model.vocab[%zu]: expected a piece and its score", i);
            break;
        }
        char *copy = arena_strndup(&t->arena, json_string_value(piece), json_string_length(piece));
        status = copy ? vocab_add(&t->vocab, copy, json_string_length(piece), (uint32_t)i, err) : error_nomem(err);
        scores[i] = read_score(json_number_value(score));
    }
    if (status == VIV_OK && json_is_integer(unk) &&
        (json_integer_value(unk) < 0 || json_integer_value(unk) >= t->vocab.n))
        status = error_set(err, VIV_EFORMAT, "model.unk_id is outside the vocabulary of %" PRIu32, t->vocab.n);
    if (status == VIV_OK) {
        struct token_model base =
            tokenizer_model_base(t, json_is_integer(unk) ? (int32_t)json_integer_value(unk) : -1);
        base.fuse_unk = true;
        base.byte_fallback = json_is_true(json_object_get(j, "byte_fallback"));
        status = unigram_create(&base, scores, false, &t->model, err);
    }
    free(scores);
    return status;
}

static viv_status make_wordpiece(struct tokenizer *t, json_t *j, struct error *err)
{
    const char *prefix = json_string_value(json_object_get(j, "continuing_subword_prefix"));
    json_t *max = json_object_get(j, "max_input_chars_per_word");
    viv_status status = tokenizer_read_pieces(t, json_object_get(j, "vocab"), err);
    if (status != VIV_OK)
        return status;
    const struct token_model base = tokenizer_model_base(t, id_of_text(t, json_object_get(j, "unk_token")));
    json_int_t most = json_is_integer(max) ? json_integer_value(max) : 100;
    return wordpiece_create(&base, prefix ? prefix : "##", most > 0 && most < UINT32_MAX ? (uint32_t)most : 100,
                            &t->model, err);
}

static viv_status make_wordlevel(struct tokenizer *t, json_t *j, struct error *err)
{
    viv_status status = tokenizer_read_pieces(t, json_object_get(j, "vocab"), err);
    if (status != VIV_OK)
        return status;
    const struct token_model base = tokenizer_model_base(t, id_of_text(t, json_object_get(j, "unk_token")));
    return wordlevel_create(&base, &t->model, err);
}

static viv_status make_model(struct tokenizer *t, json_t *j, struct error *err)
{
    static const char *const names[] = {"BPE", "Unigram", "WordPiece", "WordLevel"};
    static viv_status (*const makers[])(struct tokenizer *, json_t *,
                                        struct error *) = {make_bpe, make_unigram, make_wordpiece, make_wordlevel};
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type) /* files of before 2020 leave it out */
        type = json_object_get(j, "merges")                 ? "BPE"
               : json_is_array(json_object_get(j, "vocab")) ? "Unigram"
                                                            : "WordPiece";
    for (size_t i = 0; i < 4; i++)
        if (strcmp(type, names[i]) == 0)
            return makers[i](t, j, err);
    const char *nearest = near_word(type, names, 4);
    return error_set(err, VIV_EUNSUPPORTED, "model '%s' is unknown%s%s", type, nearest ? "; the nearest is " : "",
                     nearest ? nearest : "");
}

/* --- the file ------------------------------------------------------------------------------------------------ */

static bool is_true(json_t *j, const char *key, bool otherwise)
{
    json_t *v = json_object_get(j, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static viv_status read_added(struct tokenizer *t, json_t *list, struct error *err)
{
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_t *content = json_object_get(item, "content"), *id = json_object_get(item, "id");
        if (!json_is_string(content) || !json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= MAX_VOCAB)
            return error_set(err, VIV_EFORMAT, "added_tokens[%zu] has no content with an id from 0 to %d", i,
                             MAX_VOCAB - 1);
        const struct added_token token = {.content = json_string_value(content),
                                          .n = json_string_length(content),
                                          .id = -1, /* the reference counts, whatever the file has */
                                          .special = is_true(item, "special", false),
                                          .single_word = is_true(item, "single_word", false),
                                          .lstrip = is_true(item, "lstrip", false),
                                          .rstrip = is_true(item, "rstrip", false),
                                          .normalized =
                                              is_true(item, "normalized", !is_true(item, "special", false))};
        viv_status status = tokenizer_add_token(t, &token, err);
        if (status != VIV_OK)
            return error_prefix(err, "added_tokens[%zu]", i);
    }
    return VIV_OK;
}

viv_status tokenizer_read_components(struct tokenizer *t, json_t *root, struct error *err)
{
    json_t *model = json_object_get(root, "model");
    if (!json_is_object(model))
        return error_set(err, VIV_EFORMAT, "not a tokenizer: it has no 'model'");
    viv_status status = make_model(t, model, err);
    if (status == VIV_OK)
        status = normalizers_add_json(&t->normalizers, json_object_get(root, "normalizer"), err);
    if (status == VIV_OK)
        status = pretokenizers_add_json(&t->pretokenizers, json_object_get(root, "pre_tokenizer"), err);
    if (status == VIV_OK)
        status = postprocessor_from_json(json_object_get(root, "post_processor"), &t->template, err);
    if (status == VIV_OK)
        status = decoders_add_json(&t->decoders, json_object_get(root, "decoder"), err);
    return status == VIV_OK ? read_added(t, json_object_get(root, "added_tokens"), err) : status;
}

viv_status tokenizer_read_json(struct tokenizer *t, const char *path, struct error *err)
{
    json_t *root;
    viv_status status = json_read(path, MAX_FILE, &root, err);
    if (status != VIV_OK)
        return status;
    status = tokenizer_read_components(t, root, err);
    json_decref(root);
    return status;
}
