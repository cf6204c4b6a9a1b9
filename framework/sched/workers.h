/* workers.h - a pool of threads: the service VIV_SERVICE_WORKERS. */
#ifndef SCHED_WORKERS_H
#define SCHED_WORKERS_H

#include "base/error.h"

#include <stdbool.h>

#include <vivarium/scheduler.h>

enum { MAX_WORKERS = 4096 };

/* See viv_workers for what they do. */
viv_status workers_create(uint32_t n, bool spins, viv_worker_pool **out, struct error *err);
void workers_destroy(viv_worker_pool *w); /* accepts NULL */
void workers_run(viv_worker_pool *w, void (*work)(void *ctx, uint32_t worker), void *ctx);
void workers_barrier(viv_worker_pool *w, uint32_t worker, void (*last)(void *ctx, uint32_t worker), void *ctx);

extern const viv_workers workers_service;

#endif
