/* schedule.h - starts, runs and ends a model's scheduler. A plugin's scheduler is checked, our own are not. */
#ifndef MODEL_SCHEDULE_H
#define MODEL_SCHEDULE_H

#include "base/error.h"

#include <vivarium/architecture.h>
#include <vivarium/scheduler.h>

/* Starts a scheduler by name; NULL: the default. n_threads 0: the number of usable processors. */
viv_status schedule_start(viv_model *m, const char *name, uint32_t n_threads, struct error *err);
void schedule_end(viv_model *m); /* also if it was not started */
/* Steps of so many operations allocate nothing here. */
viv_status schedule_reserve(const viv_model *m, uint32_t n_ops, struct error *err);
/* Runs all of a step, or n tasks. */
viv_status schedule_step(viv_model *m, const viv_step *step, struct error *err);
viv_status schedule_tasks(const viv_model *m, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx,
                          struct error *err);

#endif
