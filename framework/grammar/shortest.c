/* shortest.c - how a text comes to its end soonest, for examples of what a grammar has.
 *
 * distance[i]: least number of bytes from instruction i to the RETURN of its rule, with all counters at their
 * least. A loop that still has to run n times adds n times its body. */
#include "grammar/program.h"

#include <stdlib.h>

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

bool program_measure(struct program *p)
{
    p->distance = malloc((p->n_code + 1) * sizeof *p->distance);
    if (!p->distance)
        return false;
    for (size_t i = 0; i < p->n_code; i++)
        p->distance[i] = FAR;
    for (bool changed = true; changed;) { /* code was made from its end: few rounds */
        changed = false;
        for (size_t i = 0; i < p->n_code; i++) {
            const uint64_t d = distance_of(p, &p->code[i]);
            changed = changed || d < p->distance[i];
            p->distance[i] = least(d, p->distance[i]);
        }
    }
    return true;
}
