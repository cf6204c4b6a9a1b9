/* shortest.c - how a text comes to its end soonest, for examples of what a grammar has.
 *
 * distance[i]: least number of bytes from instruction i to the RETURN of its rule, with all counters at their
 * least. A loop that still has to run n times adds n times its body. */
#include "grammar/configs.h"

#include <stdlib.h>

enum { NONE = UINT32_MAX };

static uint64_t add(uint64_t a, uint64_t b)
{
    return a >= FAR || b >= FAR ? FAR : a + b < FAR ? a + b : FAR - 1;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t distance_of(const struct program *p, const struct instruction *i)
{
    const uint64_t *d = p->distance;
    uint64_t to = FAR;
    switch ((enum opcode)i->op) {
    case OP_FAIL:
        return FAR;
    case OP_BYTES:
        for (uint32_t k = 0; k < i->b; k++)
            to = least(to, d[p->edges[i->a + k].to]);
        return add(to, 1);
    case OP_SPLIT:
        return least(d[i->a], d[i->b]);
    case OP_CALL:
        return add(d[p->entries[i->a]], d[i->b]);
    case OP_JUMP:
        return d[p->entries[i->a]];
    case OP_RETURN:
        return 0;
    case OP_PUSH:
        return p->code[i->b].op == OP_LOOP ? add(d[i->b], loop_distance(p, i->a, 0)) : d[i->b];
    case OP_LOOP:
        return d[i->c];
    case OP_TICK:
    case OP_CHECK:
    case OP_POP:
        return d[i->b];
    }
    return FAR;
}

uint64_t loop_distance(const struct program *p, uint32_t counter, uint32_t count)
{
    const struct counter *c = &p->counters[counter];
    const struct instruction *loop = &p->code[c->loop];
    if (loop->op != OP_LOOP || count >= c->min)
        return 0;
    const uint64_t body = p->distance[loop->b], after = p->distance[c->loop];
    if (body >= FAR || after >= FAR)
        return FAR;
    return body <= after ? 0 : least((body - after) * (c->min - count), FAR - 1);
}

/* The k-th instruction whose distance that of i depends on; NONE: there are no more. */
static uint32_t needs(const struct program *p, const struct instruction *i, uint32_t k)
{
    uint32_t v[2] = {NONE, NONE};
    switch ((enum opcode)i->op) {
    case OP_BYTES:
        return k < i->b ? p->edges[i->a + k].to : NONE;
    case OP_SPLIT:
        v[0] = i->a;
        v[1] = i->b;
        break;
    case OP_CALL:
        v[0] = p->entries[i->a];
        v[1] = i->b;
        break;
    case OP_JUMP:
        v[0] = p->entries[i->a];
        break;
    case OP_PUSH:
        v[0] = i->b;
        v[1] = p->code[i->b].op == OP_LOOP ? p->code[i->b].b : NONE;
        break;
    case OP_LOOP:
        v[0] = i->c;
        break;
    case OP_TICK:
    case OP_CHECK:
    case OP_POP:
        v[0] = i->b;
        break;
    case OP_FAIL:
    case OP_RETURN:
        break;
    }
    return k < 2 ? v[k] : NONE;
}

/* An instruction is measured again when one that it needs has come nearer. users[first[i]] to users[first[i + 1]]:
 * those that need instruction i. A queue: rules that refer to each other in a chain are measured in its order. */
static void measure(struct program *p, const size_t *first, const uint32_t *users, uint32_t *queue, uint8_t *waits)
{
    const size_t n = p->n_code;
    size_t n_queue = n, head = 0;
    for (size_t i = 0; i < n; i++) {
        p->distance[i] = FAR;
        queue[i] = (uint32_t)i;
        waits[i] = 1;
    }
    for (; n_queue; n_queue--) {
        const uint32_t at = queue[head];
        head = head + 1 < n ? head + 1 : 0;
        waits[at] = 0;
        const uint64_t d = distance_of(p, &p->code[at]);
        if (d >= p->distance[at])
            continue;
        p->distance[at] = d;
        for (size_t k = first[at]; k < first[at + 1]; k++)
            if (!waits[users[k]]) {
                waits[users[k]] = 1;
                queue[(head + n_queue++ - 1) % n] = users[k];
            }
    }
}

bool program_measure(struct program *p)
{
    const size_t n = p->n_code;
    size_t *first = calloc(n + 2, sizeof *first), n_users = 0;
    uint32_t *queue = malloc((n + 1) * sizeof *queue), *users = NULL;
    uint8_t *waits = malloc(n + 1);
    p->distance = calloc(n + 1, sizeof *p->distance);
    for (size_t i = 0; first && i < n; i++)
        for (uint32_t k = 0, to; (to = needs(p, &p->code[i], k)) != NONE; k++, n_users++)
            first[to + 2]++;
    users = malloc((n_users + 1) * sizeof *users);
    const bool ok = first && queue && users && waits && p->distance;
    for (size_t i = 2; ok && i < n + 2; i++)
        first[i] += first[i - 1];
    for (size_t i = 0; ok && i < n; i++)
        for (uint32_t k = 0, to; (to = needs(p, &p->code[i], k)) != NONE; k++)
            users[first[to + 1]++] = (uint32_t)i;
    if (ok)
        measure(p, first, users, queue, waits);
    free(first);
    free(queue);
    free(users);
    free(waits);
    return ok;
}

/* --- of a text that is under way ---------------------------------------------------------------------------- */

/* Bytes from a thread to the end of the text, at least. */
static uint64_t thread_distance(const struct recogniser *m, uint64_t thread)
{
    return thread == END_THREAD ? 0 : m->p->distance[thread >> 32] + m->frames[(uint32_t)thread].distance;
}

static uint64_t config_distance(const struct recogniser *m, uint32_t config)
{
    const struct config *c = &m->configs[config];
    uint64_t nearest = FAR;
    for (uint32_t k = 0; k < c->n; k++) {
        const uint64_t d = thread_distance(m, m->threads[c->first + k]);
        nearest = d < nearest ? d : nearest;
    }
    return nearest;
}

viv_status recogniser_finish(struct recogniser *m, recogniser_state s, size_t n, struct buf *out, struct error *err)
{
    uint32_t at = recogniser_copy(m, s);
    configs_begin(m, err);
    for (size_t i = 0; i < n && !m->configs[at].ends && m->status == VIV_OK; i++) {
        uint32_t best = DEAD;
        uint64_t nearest = UINT64_MAX;
        uint8_t byte = 0;
        for (uint32_t class = 0; class < m->p->n_classes && m->status == VIV_OK; class ++) {
            const uint32_t to = next_config(m, at, m->p->samples[class]);
            const uint64_t far = to == DEAD || m->status != VIV_OK ? UINT64_MAX : config_distance(m, to);
            if (far >= nearest)
                continue;
            nearest = far;
            byte = m->p->samples[class];
            recogniser_drop(m, best);
            best = recogniser_copy(m, to);
        }
        if (best == DEAD)
            break;
        recogniser_drop(m, at);
        at = best;
        if (!buf_putc(out, (char)byte))
            m->status = error_nomem(err);
    }
    recogniser_drop(m, at);
    return m->status;
}
