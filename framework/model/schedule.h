/* schedule.h - a model's scheduler: started, run and ended. A plugin's is watched, ours is not. */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include "base/error.h"

#include <vivarium/architecture.h>
#include <vivarium/scheduler.h>

/* By name; NULL: the default. n_threads 0: as many as there are usable processors. */
viv_status schedule_start(viv_model *m, const char *name, uint32_t n_threads, struct error *err);
void schedule_end(viv_model *m); /* also of one that was not started */
/* All of a step, or all of so many tasks. */
viv_status schedule_step(viv_model *m, const viv_step *step, struct error *err);
viv_status schedule_tasks(const viv_model *m, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx,
                          struct error *err);

#endif
