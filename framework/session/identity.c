/* identity.c - hashes that identify a model. Weights are gigabytes, so only a sample of a few kilobytes of each
 * tensor is hashed: that distinguishes trained models. */
#include "session/session.h"

#include "adapters/adapter.h"
#include "base/file.h"
#include "base/sha256.h"
#include "base/size.h"
#include "model/instance.h"

#include <string.h>

enum { N_SAMPLES = 8, SAMPLE_BYTES = 256 };

static void put_sample(struct buf *out, const viv_tensor *t)
{
    const char *data = (const char *)t->dl.data + t->dl.byte_offset;
    if (!t->dl.data)
        return;
    if (t->nbytes <= (uint64_t)N_SAMPLES * SAMPLE_BYTES) {
        buf_append(out, data, (size_t)t->nbytes);
        return;
    }
    for (uint64_t i = 0; i < N_SAMPLES; i++)
        buf_append(out, data + (t->nbytes - SAMPLE_BYTES) / (N_SAMPLES - 1) * i, SAMPLE_BYTES);
}

/* The tensor as it is in the file, before adapters. */
static const viv_tensor *untouched(const viv_model *m, const struct checkpoint *c, uint32_t i)
{
    for (size_t k = 0; c == &m->checkpoint && k < m->n_adapted; k++)
        if (m->adapted[k].tensor == i)
            return &m->adapted[k].base;
    return &c->tensors[i];
}

static void put_tensors(struct buf *out, const viv_model *m, const struct checkpoint *c)
{
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        const viv_tensor *t = untouched(m, c, i);
        buf_printf(out, "%s %u", c->tensors[i].name, t->dtype);
        for (int32_t d = 0; d < t->dl.ndim; d++)
            buf_printf(out, " %lld", (long long)t->dl.shape[d]);
        put_sample(out, t);
        /* what a budget counts are not these pages */
        if (m->options.weight_budget && checkpoint_is_mapped(c, t->dl.data))
            file_map_forget((const char *)t->dl.data + t->dl.byte_offset, t->nbytes);
    }
}

/* The types that weights have been given for a budget. */
static void put_types(struct buf *out, const viv_model *m)
{
    for (uint32_t i = 0; m->options.weight_budget && m->bindings && i < m->expansion->n_weights; i++)
        buf_printf(out, " %u", m->bindings[i].tensor ? m->bindings[i].tensor->dtype : UINT32_MAX);
}

static void put_vocabulary(struct buf *out, const struct tokenizer *t)
{
    for (uint32_t i = 0; i < tokenizer_vocab_size(t); i++) {
        const char *piece = tokenizer_piece(t, (int32_t)i);
        buf_append(out, piece ? piece : "", (piece ? strlen(piece) : 0) + 1);
    }
}

/* The hash of what was gathered, which is then forgotten. */
static viv_status take_hash(struct buf *gathered, char hex[65], struct error *err)
{
    if (gathered->failed)
        return error_nomem(err);
    sha256_hex(buf_text(gathered), gathered->size, hex);
    buf_clear(gathered);
    return VIV_OK;
}

viv_status identity_of(viv_model *m, struct identity *out, struct error *err)
{
    const struct tokenizer *tokenizer;
    struct buf gathered = {0};
    *out = (struct identity){0};
    struct error none;
    viv_status found = model_tokenizer(m, &tokenizer, &none);
    viv_status status = found == VIV_OK || found == VIV_ENOTFOUND ? VIV_OK : error_set(err, found, "%s", none.text);
    if (status == VIV_OK)
        status = expansion_hash(m->expansion, out->spec, err);
    if (status == VIV_OK) {
        put_tensors(&gathered, m, &m->checkpoint);
        put_types(&gathered, m);
        status = take_hash(&gathered, out->weights, err);
    }
    if (status == VIV_OK && m->n_adapters > 0) {
        for (uint32_t i = 0; i < m->n_adapters; i++) {
            buf_printf(&gathered, "%a ", m->adapters[i].scale);
            put_tensors(&gathered, m, &m->adapters[i].files);
        }
        status = take_hash(&gathered, out->adapters, err);
    }
    if (status == VIV_OK && found == VIV_OK) {
        put_vocabulary(&gathered, tokenizer);
        status = take_hash(&gathered, out->tokenizer, err);
    }
    buf_release(&gathered);
    return status;
}
