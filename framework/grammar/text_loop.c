/* text_loop.c - with what bytes the loops over plain text of a program are left.
 *
 * While a thread reads plain text in a loop, only its counter changes. Bytes that cannot begin what follows the
 * loop make no other thread. So masks need no look at each token that has no other bytes (masks.c). */
#include "grammar/program.h"

enum { MOST_STEPS = 64 };
#define ALL_BYTES (~(uint64_t)0)

uint64_t bytes_read(const struct program *p, const struct instruction *i)
{
    uint64_t bits = 0;
    for (uint32_t k = 0; k < i->b; k++)
        for (unsigned byte = p->edges[i->a + k].lo; byte <= p->edges[i->a + k].hi; byte++)
            bits |= byte_bit((uint8_t)byte);
    return bits;
}

/* Instructions that are reached without a byte. */
struct reached {
    uint32_t v[MOST_STEPS];
    uint32_t n;
    bool full;
};

static void reach(struct reached *r, uint32_t at)
{
    for (uint32_t i = 0; i < r->n; i++)
        if (r->v[i] == at)
            return;
    if (r->n < MOST_STEPS)
        r->v[r->n++] = at;
    else
        r->full = true;
}

/* Where a loop is left. */
static uint32_t way_out(const struct program *p, uint32_t loop)
{
    const struct instruction *i = &p->code[loop];
    if (i->op == OP_LOOP)
        return i->c;
    return i->op == OP_TICK ? p->code[i->b].b : i->b; /* a state of an automaton: its arcs, and where it ends */
}

/* All bytes, where this takes more than a few steps, depends on the stack, or leads to plain text again. */
static uint64_t bytes_after(const struct program *p, uint32_t loop)
{
    struct reached r = {.n = 0};
    uint64_t bits = 0;
    reach(&r, way_out(p, loop));
    for (uint32_t k = 0; k < r.n && !r.full; k++) {
        const struct instruction *i = &p->code[r.v[k]];
        switch ((enum opcode)i->op) {
        case OP_FAIL:
            break;
        case OP_BYTES:
            if (i->is_text)
                return ALL_BYTES;
            bits |= bytes_read(p, i);
            break;
        case OP_SPLIT:
            reach(&r, i->a);
            reach(&r, i->b);
            break;
        case OP_CALL:
        case OP_JUMP:
            reach(&r, p->entries[i->a]);
            break;
        case OP_RETURN:
            return ALL_BYTES;
        case OP_LOOP:
            reach(&r, i->b);
            reach(&r, i->c);
            break;
        case OP_PUSH:
        case OP_TICK:
        case OP_CHECK:
        case OP_POP:
            reach(&r, i->b);
            break;
        }
    }
    return r.full ? ALL_BYTES : bits;
}

void program_find_leaving(struct program *p)
{
    for (size_t i = 0; i < p->n_texts; i++)
        p->texts[i].leaving = bytes_after(p, p->texts[i].loop);
}
