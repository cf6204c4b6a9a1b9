/* parallel.c - the tasks of an operation shared by all workers of a pool.
 *
 * Workers take chunks of tasks from a cursor until it is past the end, so that one that loses its processor for a
 * while does not hold up the rest. They meet at one barrier after each such operation. The last to come there,
 * alone while the others wait, runs the operations that follow as long as these have a single task, then lays out
 * the next one to share: half the operations of a decoding step cost no barrier that way. It also sees to failure
 * and cancelling, so all workers agree on where to stop. */
#include "sched/sched.h"

#include "base/size.h"
#include "sched/cpus.h"

#include <stdatomic.h>
#include <stdlib.h>

/* Chunks per worker: the last one is what others may have to wait for. */
enum { CHUNKS = 16, CACHE_LINE = 64 };

struct parallel {
    const viv_workers *workers;
    void *pool;
    uint32_t n;

    /* Written by one worker while all others wait. */
    const viv_step *step;
    uint32_t op; /* being shared; step->n_ops: done */
    uint64_t n_tasks, chunk;

    _Alignas(CACHE_LINE) _Atomic uint64_t cursor;   /* first task of the operation that nobody has taken */
    _Alignas(CACHE_LINE) _Atomic viv_status status; /* the first failure */
};

static void stop(struct parallel *p, viv_status status)
{
    viv_status none = VIV_OK;
    atomic_compare_exchange_strong(&p->status, &none, status);
}

static int stopped(struct parallel *p)
{
    if (p->step->cancel && __atomic_load_n(p->step->cancel, __ATOMIC_RELAXED))
        stop(p, VIV_ECANCELLED);
    return atomic_load_explicit(&p->status, memory_order_relaxed) != VIV_OK;
}

static void run_chunk(struct parallel *p, uint64_t first, uint64_t end, uint32_t worker)
{
    viv_status status = p->step->run(p->step, p->op, first, end, worker);
    if (status != VIV_OK)
        stop(p, status);
}

/* From operation `op` on, runs what one worker does best alone, up to an operation to share or the end. */
static void advance_to(struct parallel *p, uint32_t op, uint32_t worker)
{
    const viv_step *step = p->step;
    for (p->op = op; p->op < step->n_ops && !stopped(p); p->op++) {
        p->n_tasks = step->tasks(step, p->op);
        if (p->n_tasks > 1 && p->n > 1) {
            p->chunk = size_max(1, p->n_tasks / p->n / CHUNKS);
            atomic_store_explicit(&p->cursor, 0, memory_order_relaxed);
            return;
        }
        if (p->n_tasks > 0)
            run_chunk(p, 0, p->n_tasks, worker);
    }
    p->op = step->n_ops;
}

static void advance(void *ctx, uint32_t worker)
{
    struct parallel *p = ctx;
    advance_to(p, p->op + 1, worker);
}

static void work(void *ctx, uint32_t worker)
{
    struct parallel *p = ctx;
    while (p->op < p->step->n_ops) {
        uint64_t n = p->n_tasks, chunk = p->chunk, first;
        while ((first = atomic_fetch_add_explicit(&p->cursor, chunk, memory_order_relaxed)) < n && !stopped(p))
            run_chunk(p, first, size_min(first + chunk, n), worker);
        p->workers->barrier(p->pool, worker, advance, p);
    }
}

static viv_status run_step(void *scheduler, const viv_step *step)
{
    struct parallel *p = scheduler;
    p->step = step;
    atomic_store_explicit(&p->status, VIV_OK, memory_order_relaxed);
    advance_to(p, 0, 0);
    if (p->op < step->n_ops)
        p->workers->run(p->pool, work, p);
    return atomic_load_explicit(&p->status, memory_order_relaxed);
}

struct loose_tasks {
    uint64_t n;
    viv_status (*task)(void *ctx, uint64_t i);
    void *ctx;
};

static uint64_t count_loose(const viv_step *step, uint32_t op)
{
    (void)op;
    return ((const struct loose_tasks *)step->ctx)->n;
}

static viv_status run_loose(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    const struct loose_tasks *loose = step->ctx;
    viv_status status = VIV_OK;
    (void)op;
    (void)worker;
    for (uint64_t i = first; i < end && status == VIV_OK; i++)
        status = loose->task(loose->ctx, i);
    return status;
}

static viv_status run_tasks(void *scheduler, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx)
{
    struct loose_tasks loose = {n, task, ctx};
    const viv_step step = {
        .struct_size = sizeof step, .n_ops = 1, .ctx = &loose, .tasks = count_loose, .run = run_loose};
    return run_step(scheduler, &step);
}

static void destroy(void *scheduler)
{
    struct parallel *p = scheduler;
    if (p && p->pool)
        p->workers->destroy(p->pool);
    free(p);
}

static viv_status create(const viv_host *host, uint32_t n_threads, void **scheduler)
{
    const viv_workers *workers = host->get_service(host, VIV_SERVICE_WORKERS);
    if (!workers) {
        host->set_error(host, VIV_EUNSUPPORTED,
                        "scheduler 'parallel': this host has no service " VIV_SERVICE_WORKERS);
        return VIV_EUNSUPPORTED;
    }
    struct parallel *p = aligned_alloc(CACHE_LINE, sizeof *p);
    if (!p) {
        host->set_error(host, VIV_ENOMEM, "out of memory");
        return VIV_ENOMEM;
    }
    *p = (struct parallel){.workers = workers, .n = n_threads ? n_threads : cpus_usable()};
    viv_status status = workers->create(p->n, &p->pool); /* has left its sentence with this thread */
    if (status != VIV_OK) {
        destroy(p);
        return status;
    }
    *scheduler = p;
    return VIV_OK;
}

static uint32_t n_workers(const void *scheduler)
{
    return ((const struct parallel *)scheduler)->n;
}

const viv_scheduler_class scheduler_parallel = {
    .struct_size = sizeof(viv_scheduler_class),
    .name = "parallel",
    .summary = "Shares the tasks of each operation among a pool of threads.",
    .create = create,
    .n_workers = n_workers,
    .run_step = run_step,
    .run_tasks = run_tasks,
    .destroy = destroy,
};
