/* loose.h - tasks outside a step, run as a step of one operation. */
#ifndef SCHED_LOOSE_H
#define SCHED_LOOSE_H

#include <vivarium/scheduler.h>

/* Runs n tasks by a scheduler's run_step. */
viv_status loose_run(viv_status (*run_step)(void *scheduler, const viv_step *step), void *scheduler, uint64_t n,
                     viv_status (*task)(void *ctx, uint64_t i), void *ctx);

#endif
