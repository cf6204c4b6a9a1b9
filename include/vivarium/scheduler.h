/* scheduler.h - the class of a scheduler: given the work of one step, decides what runs when and where.
 *
 * A step is a list of operations, each a phase of a layer with a number of tasks. Tasks of one operation do not
 * depend on each other; an operation needs all before it. Results are the same bits for every legal order. */
#ifndef VIVARIUM_SCHEDULER_H
#define VIVARIUM_SCHEDULER_H

#include <vivarium/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Threads are the host's: plugins start none. */
#define VIV_SERVICE_WORKERS "viv.workers/0"

typedef struct viv_worker_pool viv_worker_pool;

typedef struct viv_workers {
    uint32_t struct_size, flags;
    /* A pool of n threads, the caller being worker 0. [setup: always] */
    viv_status (*create)(uint32_t n, viv_worker_pool **pool);
    void (*destroy)(viv_worker_pool *pool); /* accepts NULL. [setup: after create, last; not in run] */
    /* Runs work(ctx, worker) once on each worker and returns when all have. Between calls the threads spin
     * a little, then sleep. [setup: after create; not in run] */
    void (*run)(viv_worker_pool *pool, void (*work)(void *ctx, uint32_t worker), void *ctx);
    /* Waits within `work` until all workers have come here. Every worker must come. The last to come calls
     * last(ctx, worker), unless that is NULL, while the others still wait.
     * Blocks. [worker: in `work`] */
    void (*barrier)(viv_worker_pool *pool, uint32_t worker, void (*last)(void *ctx, uint32_t worker), void *ctx);
    /* As create; threads that wait, between calls and at barriers, sleep at once. [setup: always] */
    viv_status (*create_sleeping)(uint32_t n, viv_worker_pool **pool);
} viv_workers;

typedef struct viv_step viv_step;
struct viv_step {
    uint32_t struct_size, n_ops;
    void *ctx;
    /* Asked when all operations before it are done: what they computed may decide.
     * [worker: in viv_scheduler_class.run_step] */
    uint64_t (*tasks)(const viv_step *step, uint32_t op);
    /* Runs the tasks [first, end) as one of the workers. [worker: in viv_scheduler_class.run_step, after tasks(op)] */
    viv_status (*run)(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker);
    const uint32_t *cancel; /* becomes non-zero when the caller wants to stop; poll between operations; or NULL */
};

typedef struct viv_scheduler_class {
    uint32_t struct_size, flags;
    const char *name, *summary;
    /* n_threads 0: as many as there are usable processors. *scheduler: NULL where there is nothing to keep.
     * [setup: after init] */
    viv_status (*create)(const viv_host *host, uint32_t n_threads, void **scheduler);
    /* 1 to 4096, the same at each call; `worker` is below it. [any: after create] */
    uint32_t (*n_workers)(const void *scheduler);
    /* Runs every task of every operation once, no two at a time as one worker; returns the first failure, or
     * VIV_ECANCELLED once *cancel is set. [setup: after create] */
    viv_status (*run_step)(void *scheduler, const viv_step *step);
    /* Runs `n` independent tasks outside a step (repacking at load). [setup: after create; not in run_step] */
    viv_status (*run_tasks)(void *scheduler, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx);
    void (*destroy)(void *scheduler);        /* accepts NULL. [setup: after create, once, last] */
    const void *(*get_ext)(const char *id);  /* or NULL. [any: always] */
} viv_scheduler_class;

#ifdef __cplusplus
}
#endif
#endif
