/* plan.c - see plan.h. A buffer is used again once its value is not read any more. */
#include "graph/plan.h"

#include <stdlib.h>

/* last[v]: the last node that reads value v. The output is read after all of them. */
static void find_last_reads(const struct graph *g, const struct stack *s, uint32_t *last)
{
    for (uint32_t i = s->begin; i < s->end; i++)
        for (uint32_t j = 0; j < g->nodes[i].spec->n_inputs; j++)
            last[g->nodes[i].spec->inputs[j]] = i;
    last[s->output] = UINT32_MAX;
}

/* Takes a free buffer: the smallest that is wide enough, else the widest one, widened, else a new one. */
static uint32_t take_slot(struct plan *p, bool *busy, uint64_t floats, bool in_tail)
{
    uint32_t best = p->n_slots;
    for (uint32_t s = 0; s < p->n_slots; s++) {
        if (busy[s] || p->slot_in_tail[s] != in_tail)
            continue;
        if (best == p->n_slots) {
            best = s;
            continue;
        }
        uint64_t a = p->slot_floats[s], b = p->slot_floats[best];
        if (a >= floats ? (b < floats || a < b) : (b < floats && a > b))
            best = s;
    }
    if (best == p->n_slots) {
        p->n_slots++;
        p->slot_floats[best] = 0;
        p->slot_in_tail[best] = in_tail;
    }
    if (p->slot_floats[best] < floats)
        p->slot_floats[best] = floats;
    busy[best] = true;
    return best;
}

static void place_values(const struct graph *g, const struct stack *s, struct plan *p, const uint32_t *last,
                         bool *busy)
{
    for (uint32_t i = s->begin; i < s->end; i++) {
        const struct node *n = g->nodes[i].spec;
        uint32_t reused = UINT32_MAX;
        if ((g->nodes[i].class->flags & VIV_LAYER_IN_PLACE) && n->inputs[0] != 0 && last[n->inputs[0]] == i &&
            g->value_dims[n->inputs[0]] == g->nodes[i].out_dim)
            reused = p->slot_of[n->inputs[0]];
        for (uint32_t j = 1; j < n->n_inputs; j++)
            if (n->inputs[j] == n->inputs[0])
                reused = UINT32_MAX;
        p->slot_of[n->output] =
            reused != UINT32_MAX ? reused : take_slot(p, busy, g->nodes[i].out_dim, i >= p->tail);
        for (uint32_t j = 0; j < n->n_inputs; j++) {
            uint32_t v = n->inputs[j];
            if (v != 0 && last[v] == i && p->slot_of[v] != p->slot_of[n->output])
                busy[p->slot_of[v]] = false;
        }
        if (last[n->output] == 0 && n->output != s->output)
            busy[p->slot_of[n->output]] = false; /* never read */
    }
}

viv_status plan_make(const struct graph *g, enum stack_id stack, bool hooked, struct plan *out, struct error *err)
{
    const struct stack *s = &g->expansion->stacks[stack];
    struct plan p = {0};
    uint32_t n_values = g->expansion->n_values, n_ops = 1;
    for (uint32_t i = s->begin; i < s->end; i++)
        n_ops += g->nodes[i].n_phases + hooked;
    uint32_t *last = arena_array(&p.arena, n_values, sizeof *last);
    bool *busy = arena_array(&p.arena, n_values, sizeof *busy);
    p.slot_of = arena_array(&p.arena, n_values, sizeof *p.slot_of);
    p.slot_floats = arena_array(&p.arena, n_values, sizeof *p.slot_floats);
    p.slot_in_tail = arena_array(&p.arena, n_values, sizeof *p.slot_in_tail);
    p.kept = arena_array(&p.arena, n_values, sizeof *p.kept);
    p.ops = arena_array(&p.arena, n_ops, sizeof *p.ops);
    if (!last || !busy || !p.slot_of || !p.slot_floats || !p.slot_in_tail || !p.kept || !p.ops) {
        plan_release(&p);
        return error_nomem(err);
    }
    find_last_reads(g, s, last);
    p.tail = g->stacks[stack].tail;
    if (hooked && p.tail + 1 < s->end) /* the hook sees all rows: only the head drops some */
        p.tail = s->end - 1;
    place_values(g, s, &p, last, busy);
    for (uint32_t i = s->begin; i < p.tail; i++)
        if (last[g->nodes[i].spec->output] >= p.tail)
            p.kept[p.n_kept++] = g->nodes[i].spec->output;
    for (uint32_t i = s->begin; i < s->end; i++) {
        if (i == p.tail)
            p.ops[p.n_ops++] = (struct plan_op){PLAN_DROP_ROWS, 0};
        for (uint32_t phase = 0; phase < g->nodes[i].n_phases; phase++)
            p.ops[p.n_ops++] = (struct plan_op){i, phase};
        if (hooked)
            p.ops[p.n_ops++] = (struct plan_op){i, PLAN_HOOK};
    }
    if (p.tail == s->end)
        p.ops[p.n_ops++] = (struct plan_op){PLAN_DROP_ROWS, 0};
    *out = p;
    return VIV_OK;
}

void plan_release(struct plan *p)
{
    arena_release(&p->arena);
    *p = (struct plan){0};
}
