/* sentencepiece.c - tokenizer.model: a protobuf ModelProto (sentencepiece_model.proto). Of it, read here:
 *
 *   1 pieces: repeated {1 piece: string, 2 score: float, 3 type: NORMAL 1, UNKNOWN 2, CONTROL 3, USER_DEFINED 4,
 * UNUSED 5, BYTE 6} 2 trainer: {3 model_type: UNIGRAM 1, BPE 2, 35 byte_fallback, 41 bos_id, 42 eos_id, 44
 * unk_surface} 3 normalizer: {2 precompiled_charsmap, 3 add_dummy_prefix, 4 remove_extra_whitespaces, 5
 * escape_whitespaces} */
#include "tokenizer/pipeline.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NORMAL = 1, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE };

/* --- protobuf ------------------------------------------------------------------------------------------------ */

struct wire {
    const unsigned char *at, *end;
};

struct field {
    uint32_t number, type;
    uint64_t value;             /* varint, fixed */
    const unsigned char *bytes; /* length-delimited */
    uint64_t n;
};

static bool take_varint(struct wire *w, uint64_t *out)
{
    uint64_t v = 0;
    for (uint32_t shift = 0; shift < 64 && w->at < w->end; shift += 7) {
        unsigned char b = *w->at++;
        v |= (uint64_t)(b & 0x7F) << shift;
        if (!(b & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

/* Reads the next field; false at the end, or, with *ok false, if the message is broken. */
static bool next_field(struct wire *w, struct field *f, bool *ok)
{
    uint64_t key, n;
    if (w->at == w->end)
        return false;
    *ok = take_varint(w, &key) && key >> 3 && key >> 3 <= UINT32_MAX;
    if (!*ok)
        return false;
    *f = (struct field){.number = (uint32_t)(key >> 3), .type = key & 7};
    switch (f->type) {
    case 0:
        *ok = take_varint(w, &f->value);
        return *ok;
    case 1:
    case 5:
        n = f->type == 1 ? 8 : 4;
        break;
    case 2:
        *ok = take_varint(w, &n);
        break;
    default:
        *ok = false;
    }
    *ok = *ok && n <= (uint64_t)(w->end - w->at);
    if (!*ok)
        return false;
    f->bytes = w->at;
    f->n = n;
    for (uint64_t i = n; f->type != 2 && i-- > 0;)
        f->value = f->value << 8 | w->at[i];
    w->at += n;
    return true;
}

/* --- the model ----------------------------------------------------------------------------------------------- */

struct proto {
    struct tokenizer *t;
    struct error *err;
    double *scores;
    uint8_t *types;
    size_t n, scores_capacity, types_capacity;
    uint64_t model_type;
    int32_t unk, bos, eos;
    bool byte_fallback, dummy, squeeze, escape;
    const unsigned char *charsmap;
    uint64_t n_charsmap;
};

static viv_status malformed(const struct proto *p)
{
    return error_set(p->err, VIV_EFORMAT, "not a SentencePiece model: its protobuf is cut short or broken");
}

static viv_status read_piece(struct proto *p, const struct field *message)
{
    struct wire w = {message->bytes, message->bytes + message->n};
    struct field f;
    bool ok = true;
    const unsigned char *piece = NULL;
    uint64_t n = 0, type = NORMAL;
    float score = 0;
    while (next_field(&w, &f, &ok)) {
        if (f.number == 1 && f.type == 2) {
            piece = f.bytes;
            n = f.n;
        } else if (f.number == 2 && f.type == 5) {
            uint32_t bits = (uint32_t)f.value;
            memcpy(&score, &bits, sizeof score);
        } else if (f.number == 3 && f.type == 0) {
            type = f.value;
        }
    }
    if (!ok || !piece || n == 0 || !utf8_valid((const char *)piece, n) || type < NORMAL || type > BYTE)
        return ok ? error_set(p->err, VIV_EFORMAT, "piece %zu is not a text of a known type", p->n) : malformed(p);
    if (p->n >= MAX_VOCAB)
        return error_set(p->err, VIV_ELIMIT, "more than %d pieces", MAX_VOCAB);
    char *copy = arena_strndup(&p->t->arena, (const char *)piece, n);
    if (!copy || !VEC_RESERVE(p->scores, p->n, p->scores_capacity) ||
        !VEC_RESERVE(p->types, p->n, p->types_capacity))
        return error_nomem(p->err);
    /* texts never become these pieces */
    p->scores[p->n] = type == NORMAL || type == USER_DEFINED ? (double)score : -INFINITY;
    p->types[p->n] = (uint8_t)type;
    if (type == UNKNOWN && p->unk < 0)
        p->unk = (int32_t)p->n;
    return vocab_add(&p->t->vocab, copy, n, (uint32_t)p->n++, p->err);
}

static viv_status read_trainer(struct proto *p, const struct field *message)
{
    struct wire w = {message->bytes, message->bytes + message->n};
    struct field f;
    bool ok = true;
    while (next_field(&w, &f, &ok)) {
        if (f.type == 2 && f.number == 44 && utf8_valid((const char *)f.bytes, f.n) && !memchr(f.bytes, 0, f.n) &&
            !(p->t->unk_surface = arena_strndup(&p->t->arena, (const char *)f.bytes, f.n)))
            return error_nomem(p->err);
        if (f.type != 0)
            continue;
        if (f.number == 3)
            p->model_type = f.value;
        else if (f.number == 35)
            p->byte_fallback = f.value != 0;
        else if (f.number == 41)
            p->bos = (int32_t)f.value;
        else if (f.number == 42)
            p->eos = (int32_t)f.value;
    }
    return ok ? VIV_OK : malformed(p);
}

static viv_status read_normalizer(struct proto *p, const struct field *message)
{
    struct wire w = {message->bytes, message->bytes + message->n};
    struct field f;
    bool ok = true;
    while (next_field(&w, &f, &ok)) {
        if (f.number == 2 && f.type == 2) {
            p->charsmap = f.bytes;
            p->n_charsmap = f.n;
        } else if (f.type == 0 && f.number == 3) {
            p->dummy = f.value != 0;
        } else if (f.type == 0 && f.number == 4) {
            p->squeeze = f.value != 0;
        } else if (f.type == 0 && f.number == 5) {
            p->escape = f.value != 0;
        }
    }
    return ok ? VIV_OK : malformed(p);
}

static viv_status read_message(struct proto *p, const unsigned char *bytes, size_t n)
{
    struct wire w = {bytes, bytes + n};
    struct field f;
    bool ok = true;
    while (next_field(&w, &f, &ok)) {
        viv_status status = VIV_OK;
        if (f.type != 2)
            continue;
        if (f.number == 1)
            status = read_piece(p, &f);
        else if (f.number == 2)
            status = read_trainer(p, &f);
        else if (f.number == 3)
            status = read_normalizer(p, &f);
        if (status != VIV_OK)
            return status;
    }
    return ok && p->n ? VIV_OK : malformed(p);
}

static viv_status make_model(struct proto *p, const struct tokenizer_words *w)
{
    struct token_model base = tokenizer_model_base(p->t, p->unk);
    base.byte_fallback = p->byte_fallback;
    base.fuse_unk = true;
    if (p->model_type != 1 && p->model_type != 2)
        return error_set(p->err, VIV_EUNSUPPORTED,
                         "a SentencePiece model of type %" PRIu64 ", expected Unigram (1) or BPE (2)",
                         p->model_type);
    if (p->model_type == 1)
        return unigram_create(&base, p->scores, !w, &p->t->model, p->err);
    float *scores = calloc(p->n, sizeof *scores);
    if (!scores)
        return error_nomem(p->err);
    for (size_t i = 0; i < p->n; i++)
        scores[i] = (float)p->scores[i];
    viv_status status = bpe_create(&base, &(struct bpe_options){.scores = scores}, &p->t->model, p->err);
    free(scores);
    return status;
}

/* Llama's tokenizer class adds a space only before the first part of a text, unless "legacy" is set, and never
 * before a space. Others do as SentencePiece does. */
static enum dummy_prefix find_prefix(const struct proto *p, const struct tokenizer_words *w)
{
    json_t *config = w ? w->config : NULL, *legacy = json_object_get(config, "legacy");
    const bool llama = w && w->class && w->class->llama;
    json_t *prefix = llama ? json_object_get(config, "add_prefix_space") : NULL;
    if (json_is_boolean(prefix) ? json_is_false(prefix) : !p->dummy)
        return PREFIX_NONE;
    if (json_is_boolean(legacy) ? json_is_false(legacy) : llama)
        return PREFIX_FIRST;
    return llama ? PREFIX_EVERY : PREFIX_DOUBLED;
}

static viv_status make_stages(struct proto *p, const struct tokenizer_words *w)
{
    if (p->n_charsmap) {
        struct normalizer *z = normalizers_add(&p->t->normalizers, NORMALIZE_CHARSMAP);
        viv_status status =
            z ? charsmap_create(p->charsmap, p->n_charsmap, &z->charsmap, p->err) : error_nomem(p->err);
        if (status != VIV_OK)
            return status;
        z->by_prefix = true;
    }
    if (p->squeeze && !normalizers_add(&p->t->normalizers, NORMALIZE_SQUEEZE))
        return error_nomem(p->err);
    return tokenizer_add_metaspace(p->t, find_prefix(p, w), p->err);
}

static viv_status add_tokens(struct proto *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->types[i] != CONTROL && p->types[i] != USER_DEFINED && p->types[i] != UNKNOWN)
            continue;
        const struct added_token token = {.content = p->t->vocab.pieces[i],
                                          .n = p->t->vocab.sizes[i],
                                          .id = (int32_t)i,
                                          .special = p->types[i] != USER_DEFINED,
                                          .as_is = p->types[i] == USER_DEFINED};
        viv_status status = tokenizer_add_token(p->t, &token, p->err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

viv_status tokenizer_read_sentencepiece(struct tokenizer *t, const struct tokenizer_words *w,
                                        const unsigned char *bytes, size_t n, struct error *err)
{
    struct proto p = {.t = t,
                      .err = err,
                      .model_type = 1,
                      .unk = -1,
                      .bos = 1,
                      .eos = 2,
                      .dummy = true,
                      .squeeze = true,
                      .escape = true};
    t->unk_surface = " \u2047 "; /* as decoding returns it, unless the file has another */
    viv_status status = read_message(&p, bytes, n);
    t->unk = p.unk;
    if (w) /* transformers decodes it to its own text */
        t->unk_surface = NULL;
    if (status == VIV_OK)
        status = make_model(&p, w);
    if (status == VIV_OK)
        status = make_stages(&p, w);
    if (status == VIV_OK)
        status = add_tokens(&p);
    if (status == VIV_OK) {
        t->bos = p.bos >= 0 && (uint32_t)p.bos < t->vocab.n ? p.bos : -1;
        t->eos = p.eos >= 0 && (uint32_t)p.eos < t->vocab.n ? p.eos : -1;
    }
    free(p.scores);
    free(p.types);
    return status;
}
