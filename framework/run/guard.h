/* guard.h - checks that a plugin's layer does in a step only what the ABI allows. */
#ifndef RUN_GUARD_H
#define RUN_GUARD_H

#include "graph/graph.h"

#include <vivarium/architecture.h>

/* guard_set before its first phase writes guard bytes behind its buffers; guard_check after its last finds out
 * whether it wrote beyond them. */
void guard_set(const viv_model *m, const struct graph_node *n, const viv_exec *e);
viv_status guard_check(const viv_model *m, const struct graph_node *n, const viv_exec *e, struct error *err);
/* Checked only in the first step of a model: the layer left its inputs unchanged (compared by their checksum from
 * before) and did not produce NaN from inputs without NaN. */
uint32_t guard_input_sum(const struct graph_node *n, const viv_exec *e);
viv_status guard_prove(const struct graph_node *n, const viv_exec *e, uint32_t input_sum, struct error *err);
/* Checks the number of tasks of a phase; n_before: those of the phases before. */
viv_status guard_count(const struct graph_node *n, uint64_t n_tasks, uint64_t n_before, bool last_phase,
                       uint64_t n_rows, struct error *err);

#endif
