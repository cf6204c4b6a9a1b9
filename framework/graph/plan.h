/* plan.h - the buffers of a stack's values during a step, and the order of its operations. Made once.
 *
 * The tail of a stack is its last nodes that are all row-wise. Before the tail, all rows but the output rows are
 * dropped, so that the prefill of 512 tokens computes only one row of logits. */
#ifndef GRAPH_PLAN_H
#define GRAPH_PLAN_H

#include "graph/graph.h"

struct plan_op {
    uint32_t node;  /* or PLAN_DROP_ROWS */
    uint32_t phase; /* or PLAN_HOOK: pass the node's output to the hook */
};

struct plan {
    struct arena arena;
    uint32_t *slot_of;     /* [n_values] the buffer of a value; value 0 has none */
    uint64_t *slot_floats; /* [n_slots] features per row */
    bool *slot_in_tail;    /* [n_slots] written by tail nodes only: holds output rows only */
    uint32_t n_slots;
    uint32_t tail;  /* first node of the tail; the stack's end if there is none */
    uint32_t *kept; /* [n_kept] values that the tail reads */
    uint32_t n_kept;
    struct plan_op *ops;
    uint32_t n_ops;
};

/* Drops all rows but the output rows; passes a node's output to the hook. */
static const uint32_t PLAN_DROP_ROWS = UINT32_MAX, PLAN_HOOK = UINT32_MAX;

/* hooked: a hook sees the output of each node. Then all nodes but the stack's last compute all rows. */
viv_status plan_make(const struct graph *g, enum stack_id stack, bool hooked, struct plan *out, struct error *err);
void plan_release(struct plan *p);

#endif
