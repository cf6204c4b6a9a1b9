/* vocab.c - the vocabulary of a tokenizer: from pieces to ids and back. */
#include "tokenizer/model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

viv_status vocab_add_hidden(struct vocab *v, const char *piece, size_t size, uint32_t id, struct error *err)
{
    if (id >= MAX_VOCAB)
        return error_set(err, VIV_ELIMIT, "token '%.100s' has the id %" PRIu32 ", at most %d are taken", piece, id,
                         MAX_VOCAB - 1);
    if (id < v->n && v->pieces[id])
        return error_set(err, VIV_EFORMAT, "tokens '%.100s' and '%.100s' have the same id %" PRIu32, v->pieces[id],
                         piece, id);
    while (v->n <= id) {
        if (!VEC_RESERVE(v->pieces, v->n, v->capacity) || !VEC_RESERVE(v->sizes, v->n, v->sizes_capacity))
            return error_nomem(err);
        v->pieces[v->n] = NULL;
        v->sizes[v->n++] = 0;
    }
    v->pieces[id] = piece;
    v->sizes[id] = (uint32_t)size;
    v->n_pieces++;
    return VIV_OK;
}

viv_status vocab_add(struct vocab *v, const char *piece, size_t size, uint32_t id, struct error *err)
{
    viv_status status = vocab_add_hidden(v, piece, size, id, err);
    if (status != VIV_OK)
        return status;
    switch (strmap_add(&v->ids, piece, size, id)) {
    case STRMAP_NOMEM:
        return error_nomem(err);
    case STRMAP_EXISTS:
        return error_set(err, VIV_EFORMAT, "token '%.100s' is there a second time", piece);
    default:
        return VIV_OK;
    }
}

void vocab_release(struct vocab *v)
{
    free(v->pieces);
    free(v->sizes);
    strmap_release(&v->ids);
    *v = (struct vocab){0};
}

bool vocab_find(const struct vocab *v, const char *piece, size_t size, uint32_t *id)
{
    return strmap_get(&v->ids, piece, size, id);
}

bool token_ids_add(struct token_ids *ids, int32_t id)
{
    if (!VEC_RESERVE(ids->ids, ids->n, ids->capacity))
        return false;
    ids->ids[ids->n++] = id;
    return true;
}

bool token_ids_reserve(struct token_ids *ids, size_t n)
{
    while (ids->capacity - ids->n < n)
        if (!vec_grow((void **)&ids->ids, &ids->capacity, sizeof *ids->ids))
            return false;
    return true;
}

void token_ids_release(struct token_ids *ids)
{
    free(ids->ids);
    *ids = (struct token_ids){0};
}

void token_model_find_bytes(struct token_model *m)
{
    for (int b = 0; b < 256; b++) {
        char piece[8];
        uint32_t id;
        snprintf(piece, sizeof piece, "<0x%02X>", b);
        m->byte_ids[b] = vocab_find(m->vocab, piece, 6, &id) ? (int32_t)id : -1;
    }
}

bool token_model_add_unknown(const struct token_model *m, const char *s, size_t n, bool *after_unk,
                             struct token_ids *out)
{
    bool bytes = m->byte_fallback;
    for (size_t i = 0; bytes && i < n; i++)
        bytes = m->byte_ids[(unsigned char)s[i]] >= 0;
    if (bytes) {
        *after_unk = false;
        for (size_t i = 0; i < n; i++)
            if (!token_ids_add(out, m->byte_ids[(unsigned char)s[i]]))
                return false;
        return true;
    }
    if (m->unk < 0 || (m->fuse_unk && *after_unk))
        return true;
    *after_unk = true;
    return token_ids_add(out, m->unk);
}
