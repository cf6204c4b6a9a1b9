/* masks.c - which tokens may follow: a walk over the trie of the vocabulary.
 *
 * Where a configuration takes any plain text of n characters, tokens of at most n are a ready slice. In a walk,
 * too: where all tokens below a node are plain text, and no longer than the configuration takes, they are allowed
 * without a look at each. */
#include "grammar/configs.h"

#include <stdlib.h>
#include <string.h>

static bool reads_plain(const struct recogniser *m, uint64_t thread)
{
    const struct instruction *i = &m->p->code[thread >> 32];
    for (uint32_t k = 0; k < i->b; k++) {
        const struct edge *e = &m->p->edges[i->a + k];
        if (e->hi >= 0x20 && !(e->lo == e->hi && (e->lo == '"' || e->lo == '\\')))
            return true;
    }
    return false;
}

/* The slice of tokens that a configuration takes whole; -1: none. *exact: it takes no other plain token. */
static int slice_of(const struct recogniser *m, const struct config *c, bool *exact)
{
    *exact = true;
    if (c->plain == 0)
        return -1;
    for (uint32_t k = 0; c->plain < MAX_PLAIN && k < c->n; k++) {
        const uint64_t t = m->threads[c->first + k];
        bool only;
        const uint32_t plain = plain_of_thread(m, t, &only);
        if (t != END_THREAD && !(plain && only) && reads_plain(m, t))
            *exact = false;
    }
    return c->plain < MAX_PLAIN ? (int)c->plain : MAX_PLAIN;
}

static void walk(struct recogniser *m, const struct trie *t, uint32_t from, uint64_t *mask)
{
    m->path[0] = from;
    for (size_t i = 0; i < t->n_nodes && m->status == VIV_OK;) {
        const struct trie_node *node = &t->nodes[i];
        m->n_path = node->depth;
        const uint32_t to = next_config(m, m->path[node->depth - 1], node->byte);
        m->stats.nodes++;
        if (to == DEAD) {
            i = node->end;
            continue;
        }
        m->path[node->depth] = to;
        i = node->below <= m->configs[to].plain ? node->end : i + 1; /* all of its subtree, or its own tokens */
        for (uint32_t k = node->tokens; k < t->nodes[i].tokens; k++) {
            const uint32_t id = t->tokens[k];
            mask[id / 64] |= (uint64_t)1 << id % 64;
        }
    }
    m->n_path = 0;
}

static bool fill_mask(struct recogniser *m, uint32_t config, uint64_t *mask)
{
    const struct token_trie *t = m->trie;
    const struct config c = m->configs[config];
    bool exact = false, any = false;
    const int slice = slice_of(m, &c, &exact);
    if (slice >= 0)
        memcpy(mask, t->plain[slice], t->n_words * sizeof *mask);
    else
        memset(mask, 0, t->n_words * sizeof *mask);
    walk(m, slice >= 0 && exact ? &t->rest : &t->all, config, mask);
    for (size_t i = 0; c.ends && i < t->n_ends; i++)
        mask[t->ends[i] / 64] |= (uint64_t)1 << t->ends[i] % 64;
    for (uint32_t w = 0; w < t->n_words && !any; w++)
        any = mask[w] != 0;
    return any;
}

static void unlink_slot(struct recogniser *m, uint32_t s)
{
    const struct slot *slot = &m->slots[s];
    if (slot->newer != NOWHERE)
        m->slots[slot->newer].older = slot->older;
    else
        m->newest = slot->older;
    if (slot->older != NOWHERE)
        m->slots[slot->older].newer = slot->newer;
    else
        m->oldest = slot->newer;
}

static void put_newest(struct recogniser *m, uint32_t s)
{
    m->slots[s].newer = NOWHERE;
    m->slots[s].older = m->newest;
    if (m->newest != NOWHERE)
        m->slots[m->newest].newer = s;
    else
        m->oldest = s;
    m->newest = s;
}

/* A slot for another mask: a new one, or that which was used longest ago. */
static uint32_t take_slot(struct recogniser *m)
{
    if (m->n_slots < m->most_slots)
        return m->n_slots++;
    const uint32_t s = m->oldest;
    unlink_slot(m, s);
    m->configs[m->slots[s].config].slot = NOWHERE;
    return s;
}

viv_status recogniser_mask(struct recogniser *m, recogniser_state s, const uint64_t **mask, bool *any,
                           struct error *err)
{
    configs_begin(m, err);
    m->stats.masks++;
    make_room(m);
    const uint32_t config = m->status == VIV_OK ? alike_config(m, s) : DEAD;
    if (m->status != VIV_OK)
        return m->status;
    uint32_t slot = m->configs[config].slot;
    if (slot != NOWHERE) {
        unlink_slot(m, slot);
    } else {
        slot = take_slot(m);
        m->configs[config].pins++;
        m->stats.walked++;
        m->slots[slot].any = fill_mask(m, config, m->masks + (size_t)slot * m->trie->n_words);
        m->configs[config].pins--;
        m->slots[slot].config = config;
        if (m->status == VIV_OK)
            m->configs[config].slot = slot;
    }
    put_newest(m, slot);
    *mask = m->masks + (size_t)slot * m->trie->n_words;
    *any = m->slots[slot].any;
    return m->status;
}

bool masks_create(struct recogniser *m)
{
    m->newest = m->oldest = NOWHERE;
    m->longest = m->trie->longest;
    m->path = calloc((size_t)m->longest + 1, sizeof *m->path);
    const size_t bytes = m->trie->n_words * sizeof *m->masks;
    m->most_slots = (uint32_t)(MASK_BYTES / bytes > 16 ? MASK_BYTES / bytes : 16);
    m->most_slots = m->most_slots < 4096 ? m->most_slots : 4096;
    m->masks = malloc(m->most_slots * bytes);
    m->slots = calloc(m->most_slots, sizeof *m->slots);
    return m->path && m->masks && m->slots;
}

void masks_release(struct recogniser *m)
{
    free(m->path);
    free(m->masks);
    free(m->slots);
}
