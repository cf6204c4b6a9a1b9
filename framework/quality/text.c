/* text.c - see text.h. */
#include "quality/text.h"

#include "base/size.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Seen from what it does to a short one. */
viv_status quality_start(const struct tokenizer *t, struct token_ids *out, struct error *err)
{
    struct token_ids bare = {0};
    size_t at = 0;
    viv_status status = tokenizer_encode(t, "a", 1, 0, &bare, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, "a", 1, TOKENIZER_ADD_SPECIAL, out, err);
    if (status == VIV_OK) {
        const size_t bytes = bare.n * sizeof *bare.ids;
        while (at + bare.n < out->n && memcmp(out->ids + at, bare.ids, bytes) != 0)
            at++;
        out->n = bare.n > 0 && at + bare.n <= out->n ? at : 0;
    }
    token_ids_release(&bare);
    return status;
}

static viv_status check_text(const char *name, const char *text, uint64_t size, struct error *err)
{
    if (size == 0)
        return error_set(err, VIV_EINVAL, "%s: the text is empty", name);
    for (size_t at = 0, n; at < size; at += n) {
        uint32_t c;
        n = utf8_decode(text + at, size - at, &c);
        if (n == 0)
            return error_set(err, VIV_EFORMAT, "%s: expected UTF-8, found the byte 0x%02x at offset %zu", name,
                             (unsigned char)text[at], at);
    }
    return VIV_OK;
}

static viv_status check_length(const struct quality_text *t, const char *name, struct error *err)
{
    if (t->ids.n > 0 && t->start.n + t->ids.n >= 2)
        return VIV_OK;
    return error_set(err, VIV_EINVAL, "%s: a text of %zu token%s has no token to predict from another", name,
                     t->ids.n, t->ids.n == 1 ? "" : "s");
}

viv_status quality_text_read(struct quality_text *out, viv_model *m, const char *name, const char *text,
                             uint64_t size, struct error *err)
{
    const struct tokenizer *t;
    struct buf decoded = {0};
    *out = (struct quality_text){.n_bytes = size};
    viv_status status = check_text(name, text, size, err);
    if (status == VIV_OK)
        status = model_tokenizer(m, &t, err);
    if (status == VIV_OK)
        status = quality_start(t, &out->start, err);
    if (status == VIV_OK)
        status = tokenizer_encode(t, text, size, 0, &out->ids, err);
    if (status == VIV_OK)
        status = check_length(out, name, err);
    if (status == VIV_OK)
        status = tokenizer_decode(t, out->ids.ids, out->ids.n, 0, &decoded, err);
    out->exact = status == VIV_OK && decoded.size == size && memcmp(decoded.data, text, size) == 0;
    buf_release(&decoded);
    if (status != VIV_OK)
        quality_text_release(out);
    return status;
}

viv_status quality_text_of_ids(struct quality_text *out, const int32_t *ids, uint64_t n, struct error *err)
{
    *out = (struct quality_text){0};
    out->ids.ids = calloc(n ? n : 1, sizeof *ids);
    if (!out->ids.ids)
        return error_nomem(err);
    if (n)
        memcpy(out->ids.ids, ids, n * sizeof *ids);
    out->ids.n = out->ids.capacity = n;
    viv_status status = check_length(out, "the tokens", err);
    if (status != VIV_OK)
        quality_text_release(out);
    return status;
}

void quality_text_release(struct quality_text *t)
{
    token_ids_release(&t->start);
    token_ids_release(&t->ids);
}

viv_status quality_text_bytes(const struct quality_text *t, viv_model *m, uint64_t n, uint64_t *out,
                              struct error *err)
{
    const struct tokenizer *tokenizer;
    struct buf decoded = {0};
    *out = n == t->ids.n ? t->n_bytes : 0;
    if (n == t->ids.n || !t->exact)
        return VIV_OK;
    viv_status status = model_tokenizer(m, &tokenizer, err);
    if (status == VIV_OK)
        status = tokenizer_decode(tokenizer, t->ids.ids, n, 0, &decoded, err);
    if (status == VIV_OK)
        *out = decoded.size;
    buf_release(&decoded);
    return status;
}

/* --- who can be measured ------------------------------------------------------------------------------------- */

viv_status quality_check_model(const viv_model *m, struct error *err)
{
    const struct value *output = expansion_param(model_expansion(m), "output");
    const char *name = spec_name(model_spec(m));
    if (output && output->kind == VALUE_STRING && strcmp(output->s, "logits") != 0)
        return error_set(err, VIV_EUNSUPPORTED, "%s gives %s: it has no probabilities of a next token", name,
                         strcmp(output->s, "scores") == 0 ? "the scores of a classifier" : "vectors of texts");
    if (model_encoder_dim(m))
        return error_set(err, VIV_EUNSUPPORTED,
                         "%s reads one text and writes another: a text by itself has no probability under it",
                         name);
    return VIV_OK;
}

viv_status quality_check_ids(const viv_model *m, const struct token_ids *ids, struct error *err)
{
    const uint64_t most = size_min(model_output_dim(m), model_graph(m)->stacks[STACK_GRAPH].vocab_size);
    for (size_t i = 0; i < ids->n; i++)
        if (ids->ids[i] < 0 || (uint64_t)ids->ids[i] >= most)
            return error_set(err, VIV_EINVAL,
                             "token %" PRId32 " at position %zu: the model has tokens 0 to %" PRIu64, ids->ids[i],
                             i, most - 1);
    return VIV_OK;
}

viv_status quality_check_pair(viv_model *a, viv_model *b, struct error *err)
{
    viv_status status = quality_check_model(a, err);
    if (status == VIV_OK)
        status = quality_check_model(b, err);
    if (status != VIV_OK)
        return status;
    const uint64_t n = model_output_dim(a), n_b = model_output_dim(b);
    const char *name_a = spec_name(model_spec(a)), *name_b = spec_name(model_spec(b));
    const struct tokenizer *ta, *tb;
    struct error none;
    if (n != n_b)
        return error_set(err, VIV_EUNSUPPORTED,
                         "the vocabularies differ: %s has %" PRIu64 " tokens, %s has %" PRIu64, name_a, n, name_b,
                         n_b);
    if (model_tokenizer(a, &ta, &none) != VIV_OK || model_tokenizer(b, &tb, &none) != VIV_OK)
        return VIV_OK; /* ids are all that is known */
    for (uint64_t id = 0; id < n; id++) {
        const char *pa = tokenizer_piece(ta, (int32_t)id), *pb = tokenizer_piece(tb, (int32_t)id);
        if (pa != pb && (!pa || !pb || strcmp(pa, pb) != 0))
            return error_set(err, VIV_EUNSUPPORTED,
                             "the vocabularies differ: token %" PRIu64 " is '%.64s' of %s, '%.64s' of %s", id,
                             pa ? pa : "", name_a, pb ? pb : "", name_b);
    }
    return VIV_OK;
}
