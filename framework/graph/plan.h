/* plan.h - where each value of a stack of layers lies while a step runs, and in what order what is done. Made once.
 *
 * From some node on, only row-wise layers remain: what they do to one row no other row notices. There the rows
 * whose output nobody asked for are dropped ("the tail"), so that a prompt of 512 tokens pays for one row of
 * logits. */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include "graph/graph.h"

struct plan_op {
    uint32_t node;  /* PLAN_DROP_ROWS: of none */
    uint32_t phase; /* PLAN_TAP: show what the node has made */
};

struct plan {
    struct arena arena;
    uint32_t *slot_of;     /* [n_values] which buffer a value lies in; of value 0: none */
    uint64_t *slot_floats; /* [n_slots] features per row */
    bool *slot_in_tail;    /* [n_slots] written by tail nodes only: holds as many rows as are asked for */
    uint32_t n_slots;
    uint32_t tail;  /* first node of the tail; the stack's end when there is none */
    uint32_t *kept; /* [n_kept] values that live on into the tail */
    uint32_t n_kept;
    struct plan_op *ops;
    uint32_t n_ops;
};

/* Drops the rows that nobody asked for; lets those who look on see a node's output. */
static const uint32_t PLAN_DROP_ROWS = UINT32_MAX, PLAN_TAP = UINT32_MAX;

/* taps: somebody looks on, at all rows but those of the stack's last node, of which there are as many as are asked
 * for. */
viv_status plan_make(const struct graph *g, enum stack_id stack, bool taps, struct plan *out, struct error *err);
void plan_release(struct plan *p);

#endif
