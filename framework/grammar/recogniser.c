/* recogniser.c - see recogniser.h. */
#include "grammar/recogniser.h"

#include "grammar/configs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const struct token_trie *recogniser_trie(const struct recogniser *m)
{
    return m->trie;
}

viv_status recogniser_start(struct recogniser *m, recogniser_state *out, struct error *err)
{
    configs_begin(m, err);
    const uint32_t start = first_config(m);
    if (m->status != VIV_OK)
        return m->status;
    if (start == DEAD)
        return error_set(err, VIV_EINTERNAL, "a grammar without a text was compiled");
    *out = recogniser_copy(m, start);
    return VIV_OK;
}

recogniser_state recogniser_copy(struct recogniser *m, recogniser_state s)
{
    m->configs[s].pins++;
    return s;
}

void recogniser_drop(struct recogniser *m, recogniser_state s)
{
    if (s != DEAD)
        m->configs[s].pins--;
}

bool recogniser_may_end(const struct recogniser *m, recogniser_state s)
{
    return m->configs[s].ends;
}

viv_status recogniser_take_bytes(struct recogniser *m, recogniser_state *s, const char *bytes, size_t n,
                                 struct error *err)
{
    uint32_t at = *s;
    configs_begin(m, err);
    for (size_t i = 0; i < n; i++, m->work = 0) {
        at = next_config(m, at, (uint8_t)bytes[i]);
        if (m->status != VIV_OK)
            return m->status;
        if (at == DEAD)
            return error_set(err, VIV_EINVAL, "the grammar does not allow the byte 0x%02x at offset %zu",
                             (uint8_t)bytes[i], i);
    }
    recogniser_copy(m, at);
    recogniser_drop(m, *s);
    *s = at;
    return VIV_OK;
}

viv_status recogniser_take(struct recogniser *m, recogniser_state *s, int32_t token, struct error *err)
{
    const struct token_trie *t = m->trie;
    if (token < 0 || (uint32_t)token >= t->n_ids || t->first[token] == t->first[token + 1])
        return error_set(err, VIV_EINVAL, "the grammar does not allow the token %" PRId32 ", which is no text",
                         token);
    if (recogniser_take_bytes(m, s, t->bytes + t->first[token], t->first[token + 1] - t->first[token], err) ==
        VIV_OK)
        return VIV_OK;
    return err->status == VIV_EINVAL
               ? error_set(err, VIV_EINVAL, "the grammar does not allow the token %" PRId32, token)
               : err->status;
}

void recogniser_stats(const struct recogniser *m, struct recogniser_stats *out)
{
    *out = m->stats;
    out->configurations = m->n_used;
    out->threads = m->n_threads;
    out->frames = m->n_frames - 1;
}

viv_status recogniser_create(const struct program *p, const struct token_trie *trie, struct recogniser **out,
                             struct error *err)
{
    struct recogniser *m = calloc(1, sizeof *m);
    if (!m)
        return error_nomem(err);
    m->p = p;
    m->trie = trie;
    if (!configs_create(m) || (trie && !masks_create(m))) {
        recogniser_destroy(m);
        return error_nomem(err);
    }
    *out = m;
    return VIV_OK;
}

void recogniser_destroy(struct recogniser *m)
{
    if (!m)
        return;
    configs_release(m);
    masks_release(m);
    free(m);
}
