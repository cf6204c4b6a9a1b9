/* guard.h - what a plugin's layer promises of a step. */
#ifndef SESSION_GUARD_H
#define SESSION_GUARD_H

#include "graph/graph.h"

#include <vivarium/architecture.h>

/* Before its first phase, and when its last is done: whether it has written behind what is its own. */
void guard_set(const viv_model *m, const struct graph_node *n, const viv_exec *e);
viv_status guard_check(const viv_model *m, const struct graph_node *n, const viv_exec *e, struct error *err);
/* Whether it can have so many tasks in a phase, n_before of them in those before. */
viv_status guard_count(const struct graph_node *n, uint64_t n_tasks, uint64_t n_before, bool last_phase,
                       uint64_t n_rows, struct error *err);

#endif
