/* decoder.c - reads the list of decoders from tokenizer.json; decoding.c runs them. */
#include "tokenizer/stages.h"

#include "base/near.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DECODERS = 64 };

struct decoder *decoders_add(struct decoders *list, enum decoder_kind kind)
{
    if (!VEC_RESERVE(list->v, list->n, list->capacity))
        return NULL;
    list->v[list->n] = (struct decoder){.kind = kind};
    list->present = true;
    return &list->v[list->n++];
}

void decoders_release(struct decoders *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pattern_release(&list->v[i].pattern);
        free(list->v[i].text);
    }
    free(list->v);
    *list = (struct decoders){0};
}

static viv_status read_text(struct decoder *d, json_t *j, const char *key, const char *otherwise, struct error *err)
{
    json_t *v = json_object_get(j, key);
    d->text = strdup(json_is_string(v) ? json_string_value(v) : otherwise);
    return d->text ? VIV_OK : error_nomem(err);
}

static bool flag(json_t *j, const char *key, bool otherwise)
{
    json_t *v = json_object_get(j, key);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static viv_status read_options(struct decoder *d, json_t *j, struct error *err)
{
    const char *scheme = json_string_value(json_object_get(j, "prepend_scheme"));
    viv_status status = VIV_OK;
    switch (d->kind) {
    case DECODE_METASPACE:
        d->flag = scheme ? strcmp(scheme, "never") != 0 : flag(j, "add_prefix_space", true);
        return read_text(d, j, "replacement", "\xE2\x96\x81", err);
    case DECODE_WORDPIECE:
        d->flag = flag(j, "cleanup", true);
        return read_text(d, j, "prefix", "##", err);
    case DECODE_BPE:
        return read_text(d, j, "suffix", "</w>", err);
    case DECODE_STRIP:
        d->left = (uint32_t)json_integer_value(json_object_get(j, "start"));
        d->right = (uint32_t)json_integer_value(json_object_get(j, "stop"));
        status = read_text(d, j, "content", " ", err);
        return status == VIV_OK && !*d->text ? error_set(err, VIV_EFORMAT, "'content' is empty") : status;
    case DECODE_REPLACE:
        status = read_text(d, j, "content", "", err);
        return status == VIV_OK ? pattern_from_json(json_object_get(j, "pattern"), &d->pattern, err) : status;
    case DECODE_CTC:
        d->flag = flag(j, "cleanup", true);
        status = read_text(d, j, "pad_token", "<pad>", err);
        if (status == VIV_OK) {
            json_t *delimiter = json_object_get(j, "word_delimiter_token");
            d->pattern.literal = strdup(json_is_string(delimiter) ? json_string_value(delimiter) : "|");
            status = d->pattern.literal ? VIV_OK : error_nomem(err);
        }
        return status;
    default:
        return VIV_OK;
    }
}

viv_status decoders_add_json(struct decoders *list, json_t *j, struct error *err)
{
    static const char *const names[] = {"ByteLevel", "Metaspace", "WordPiece", "BPEDecoder", "ByteFallback",
                                        "Fuse",      "Strip",     "Replace",   "CTC"};
    enum { N = sizeof names / sizeof *names };
    if (!j || json_is_null(j))
        return VIV_OK;
    list->present = true;
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type)
        return error_set(err, VIV_EFORMAT, "decoder: a component without a type");
    if (strcmp(type, "Sequence") == 0) {
        json_t *item;
        size_t i;
        json_array_foreach(json_object_get(j, "decoders"), i, item)
        {
            viv_status status = decoders_add_json(list, item, err);
            if (status != VIV_OK)
                return status;
        }
        return VIV_OK;
    }
    for (int i = 0; i < N; i++)
        if (strcmp(type, names[i]) == 0) {
            if (list->n >= MAX_DECODERS)
                return error_set(err, VIV_ELIMIT, "more than %d decoders", MAX_DECODERS);
            struct decoder *d = decoders_add(list, (enum decoder_kind)i);
            viv_status status = d ? read_options(d, j, err) : error_nomem(err);
            return status == VIV_OK ? status : error_prefix(err, "decoder %s", type);
        }
    const char *nearest = near_word(type, names, N);
    return error_set(err, VIV_EUNSUPPORTED, "decoder '%s' is unknown%s%s", type, nearest ? "; the nearest is " : "",
                     nearest ? nearest : "");
}
