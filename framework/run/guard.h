/* guard.h - what a plugin's layer promises of a step. */
#ifndef RUN_GUARD_H
#define RUN_GUARD_H

#include "graph/graph.h"

#include <vivarium/architecture.h>

/* Before its first phase, and when its last is done: whether it has written behind what is its own. */
void guard_set(const viv_model *m, const struct graph_node *n, const viv_exec *e);
viv_status guard_check(const viv_model *m, const struct graph_node *n, const viv_exec *e, struct error *err);
/* Looked at in a model's first step alone: whether it has left its inputs as they were (by their sum from before),
 * and makes no NaN of what is none. */
uint32_t guard_input_sum(const struct graph_node *n, const viv_exec *e);
viv_status guard_prove(const struct graph_node *n, const viv_exec *e, uint32_t input_sum, struct error *err);
/* Whether it can have so many tasks in a phase, n_before of them in those before. */
viv_status guard_count(const struct graph_node *n, uint64_t n_tasks, uint64_t n_before, bool last_phase,
                       uint64_t n_rows, struct error *err);

#endif
