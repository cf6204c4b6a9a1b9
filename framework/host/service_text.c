/* service_text.c - viv.text: the model's tokenizer, for pipelines. */
#include "host/service.h"
#include "model/instance.h"

#include <stdlib.h>
#include <string.h>
#include <vivarium/text.h>

static viv_status encode(viv_model *model, const char *text, uint64_t size, uint32_t flags, int32_t *ids,
                         uint64_t capacity, uint64_t *n)
{
    const struct tokenizer *t;
    struct token_ids out = {0};
    struct error err;
    viv_status status = model_tokenizer(model, &t, &err);
    int how = ((flags & VIV_ENCODE_SPECIAL) ? TOKENIZER_ADD_SPECIAL : 0) |
              ((flags & VIV_ENCODE_PARSE_SPECIAL) ? TOKENIZER_PARSE_SPECIAL : 0);
    if (status == VIV_OK)
        status = tokenizer_encode(t, text, size, how, &out, &err);
    if (status != VIV_OK) {
        token_ids_release(&out);
        return leave(&err, status);
    }
    uint64_t copied = out.n < capacity ? out.n : capacity;
    if (copied)
        memcpy(ids, out.ids, copied * sizeof *ids);
    *n = out.n;
    token_ids_release(&out);
    return VIV_OK;
}

static viv_status encode_texts(viv_model *model, uint32_t n_texts, const char *const *texts, const uint64_t *sizes,
                               uint64_t limit, int32_t *ids, int32_t *types, uint64_t capacity, uint64_t *n)
{
    const struct tokenizer *t;
    struct token_ids out = {0}, of = {0};
    struct error err;
    viv_status status = n_texts == 1 || n_texts == 2
                            ? model_tokenizer(model, &t, &err)
                            : error_set(&err, VIV_EINVAL, "one text or two, not %u", n_texts);
    if (status == VIV_OK)
        status = tokenizer_encode_texts(t, n_texts, texts, sizes, limit, &out, &of, &err);
    if (status == VIV_OK) {
        uint64_t copied = out.n < capacity ? out.n : capacity;
        if (copied) {
            memcpy(ids, out.ids, copied * sizeof *ids);
            memcpy(types, of.ids, copied * sizeof *types);
        }
        *n = out.n;
    }
    token_ids_release(&out);
    token_ids_release(&of);
    return leave(&err, status);
}

static viv_status encode_request(viv_model *model, const viv_request *request, int32_t *ids, uint64_t capacity,
                                 uint64_t *n, uint64_t *n_answer)
{
    struct token_ids out = {0};
    struct error err;
    size_t said;
    viv_status status = model_encode_request(model, request, &out, &said, &err);
    if (status == VIV_OK) {
        const uint64_t copied = out.n < capacity ? out.n : capacity;
        if (copied)
            memcpy(ids, out.ids, copied * sizeof *ids);
        *n = out.n;
        *n_answer = said;
    }
    token_ids_release(&out);
    return leave(&err, status);
}

static bool shows(const void *model, int32_t id)
{
    return model_shows_token(model, id);
}

static viv_status decoder_create(viv_model *model, viv_decoder **decoder)
{
    const struct tokenizer *t;
    viv_decoder *d;
    struct error err;
    viv_status status = model_tokenizer(model, &t, &err);
    if (status == VIV_OK)
        status = stream_decoder_create(t, TOKENIZER_SKIP_SPECIAL, &d, &err);
    if (status != VIV_OK)
        return leave(&err, status);
    stream_decoder_show(d, shows, model);
    *decoder = d;
    return VIV_OK;
}

static viv_status decoder_push(viv_decoder *decoder, int32_t id, const char **text, uint64_t *size)
{
    struct error err;
    size_t n;
    viv_status status = stream_decoder_push(decoder, id, text, &n, &err);
    if (status != VIV_OK)
        return leave(&err, status);
    *size = n;
    return VIV_OK;
}

static viv_status decoder_finish(viv_decoder *decoder, const char **text, uint64_t *size)
{
    struct error err;
    size_t n;
    viv_status status = stream_decoder_finish(decoder, text, &n, &err);
    if (status != VIV_OK)
        return leave(&err, status);
    *size = n;
    return VIV_OK;
}

static void decoder_destroy(viv_decoder *decoder)
{
    stream_decoder_destroy(decoder);
}

static int32_t is_end(viv_model *model, int32_t id)
{
    const struct tokenizer *t;
    struct error err;
    return model_tokenizer(model, &t, &err) == VIV_OK && model_is_end(model, id);
}

static const viv_text text = {
    .struct_size = sizeof(viv_text),
    .encode = encode,
    .decoder_create = decoder_create,
    .decoder_push = decoder_push,
    .decoder_finish = decoder_finish,
    .decoder_destroy = decoder_destroy,
    .is_end = is_end,
    .encode_texts = encode_texts,
    .encode_request = encode_request,
};

const struct service service_text = {.id = VIV_SERVICE_TEXT, .table = &text};
