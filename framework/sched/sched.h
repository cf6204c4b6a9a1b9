/* sched.h - our own schedulers. */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <vivarium/scheduler.h>

#define SCHEDULER_DEFAULT "parallel"

/* By name; NULL: the default. NULL if none of ours is called so. */
const viv_scheduler_class *scheduler_find(const char *name);
/* All, ended by NULL. */
const viv_scheduler_class *const *schedulers_all(void);

#endif
