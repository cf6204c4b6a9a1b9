/* masks.c - which tokens may follow: a walk over the trie of the vocabulary.
 *
 * Where a configuration takes any plain text of n characters, tokens of at most n are a ready slice. In a walk,
 * too: where all tokens below a node are plain text, and no longer than the configuration takes, they are allowed
 * without a look at each. Where they have no byte that would leave the loops over text, those of at most n
 * characters are allowed, and the others are not: mostly, these are in the slice, and the subtree is passed over.
 *
 * What a configuration allows is what each of its threads allows, taken together. Where counters run beside each
 * other, (.{0,50}x){3}, configurations are many, and threads are few: their masks are made and kept apart. */
#include "grammar/configs.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 16 };

static void allow_tokens(const struct trie *t, uint32_t from, uint32_t to, uint64_t *mask)
{
    for (uint32_t k = from; k < to; k++)
        mask[t->tokens[k] / 64] |= (uint64_t)1 << t->tokens[k] % 64;
}

/* The tokens of a subtree of plain text that have at most so many characters. */
static void allow_short(const struct trie *t, size_t at, uint32_t most, uint64_t *mask)
{
    for (const size_t end = t->nodes[at].end; at < end;) {
        const struct trie_node *node = &t->nodes[at];
        if (t->chars[at] > most) {
            at = node->end;
            continue;
        }
        at++;
        allow_tokens(t, node->tokens, t->nodes[at].tokens, mask);
    }
}

/* known: plain tokens of at most so many characters are in the mask. */
static void walk(struct recogniser *m, const struct trie *t, uint32_t from, uint32_t known, uint64_t *mask)
{
    m->path[0] = (struct step){from, m->configs[from].plain, m->configs[from].leaving};
    for (size_t i = 0; i < t->n_nodes && m->status == VIV_OK;) {
        const struct trie_node *node = &t->nodes[i];
        const struct step *before = &m->path[node->depth - 1];
        m->stats.nodes++;
        if (!(t->bytes[i] & before->leaving)) { /* no more than text that is counted */
            if (before->longest > known)
                allow_short(t, i, before->longest, mask);
            i = node->end;
            continue;
        }
        m->n_path = node->depth;
        const uint32_t to = next_config(m, before->config, node->byte), chars = t->chars[i];
        if (to == DEAD) {
            i = node->end;
            continue;
        }
        const struct config *c = &m->configs[to];
        m->path[node->depth] = (struct step){to, chars + c->plain, chars < NOT_PLAIN ? c->leaving : ~(uint64_t)0};
        const bool whole = node->below <= c->plain; /* all of its subtree, or its own tokens */
        const size_t next = whole ? node->end : i + 1;
        if (!whole || chars + node->below > known)
            allow_tokens(t, node->tokens, t->nodes[next].tokens, mask);
        i = next;
    }
    m->n_path = 0;
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

static void fill_mask(struct recogniser *m, uint32_t config, uint64_t *mask)
{
    const struct token_trie *t = m->trie;
    const struct config c = m->configs[config];
    const uint32_t slice = c.plain < MAX_PLAIN ? c.plain : MAX_PLAIN;
    const bool exact = slice == MAX_PLAIN || c.leaving == NOT_PLAIN_BIT; /* no other plain token is allowed */
    memcpy(mask, t->plain[slice], t->n_words * sizeof *mask);
    walk(m, exact ? &t->rest : &t->all, config, slice, mask);
    for (size_t i = 0; c.ends && i < t->n_ends; i++)
        mask[t->ends[i] / 64] |= (uint64_t)1 << t->ends[i] % 64;
}

/* Whether a walk is long, and threads with other counters make other configurations all the time. */
static bool falls_apart(const struct recogniser *m, const struct config *c)
{
    const bool is_text = c->plain && c->leaving != NOT_PLAIN_BIT;
    bool same = true;
    for (uint32_t k = 1; is_text && k < c->n; k++)
        same = same && (uint32_t)m->threads[c->first + k] == (uint32_t)m->threads[c->first];
    return is_text && !same && c->n <= MOST_PARTS;
}

/* The slot of the mask of a configuration, which is made if there is none. */
static uint32_t slot_of(struct recogniser *m, uint32_t config)
{
    uint32_t slot = m->configs[config].slot;
    if (slot != NOWHERE) {
        unlink_slot(m, slot);
    } else {
        slot = take_slot(m);
        m->configs[config].pins++;
        m->stats.walked++;
        fill_mask(m, config, m->masks + (size_t)slot * m->trie->n_words);
        m->configs[config].pins--;
        m->slots[slot].config = config;
        if (m->status == VIV_OK)
            m->configs[config].slot = slot;
    }
    put_newest(m, slot);
    return slot;
}

/* Adds what the threads of each stack allow. */
static void join_parts(struct recogniser *m, uint32_t config, uint64_t *mask)
{
    memset(mask, 0, m->trie->n_words * sizeof *mask);
    for (uint32_t k = 0; m->status == VIV_OK && k < m->configs[config].n; k++) {
        const uint64_t *threads = m->threads + m->configs[config].first;
        const uint32_t stack = (uint32_t)threads[k];
        bool is_first = true;
        for (uint32_t i = 0; i < k; i++)
            is_first = is_first && (uint32_t)threads[i] != stack;
        m->n_found = 0;
        for (uint32_t i = k; is_first && i < m->configs[config].n; i++)
            if ((uint32_t)threads[i] == stack)
                m->found[m->n_found++] = threads[i];
        const uint32_t part = found_config(m);
        if (part == DEAD)
            continue;
        const uint64_t *of_part = m->masks + (size_t)slot_of(m, part) * m->trie->n_words;
        for (uint32_t w = 0; w < m->trie->n_words; w++)
            mask[w] |= of_part[w];
    }
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
    if (falls_apart(m, &m->configs[config])) {
        m->configs[config].pins++;
        join_parts(m, config, m->joined);
        m->configs[config].pins--;
        *mask = m->joined;
    } else {
        *mask = m->masks + (size_t)slot_of(m, config) * m->trie->n_words;
    }
    *any = false;
    for (uint32_t w = 0; w < m->trie->n_words && !*any; w++)
        *any = (*mask)[w] != 0;
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
    m->joined = malloc(bytes);
    m->slots = calloc(m->most_slots, sizeof *m->slots);
    return m->path && m->masks && m->joined && m->slots;
}

void masks_release(struct recogniser *m)
{
    free(m->path);
    free(m->masks);
    free(m->joined);
    free(m->slots);
}
