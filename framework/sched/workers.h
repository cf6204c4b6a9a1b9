/* workers.h - a pool of threads: the service VIV_SERVICE_WORKERS. */
#ifndef SCHED_WORKERS_H
#define SCHED_WORKERS_H

#include "base/error.h"

#include <vivarium/scheduler.h>

enum { MAX_WORKERS = 4096 };

/* See viv_workers for what they do. */
struct workers;
viv_status workers_create(uint32_t n, struct workers **out, struct error *err);
void workers_destroy(struct workers *w); /* accepts NULL */
void workers_run(struct workers *w, void (*work)(void *ctx, uint32_t worker), void *ctx);
void workers_barrier(struct workers *w, uint32_t worker, void (*last)(void *ctx, uint32_t worker), void *ctx);

extern const viv_workers workers_service;

#endif
