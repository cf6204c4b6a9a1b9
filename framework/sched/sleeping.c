/* sleeping.c - the tasks of an operation shared by all workers of a pool, as in parallel.c, but who waits sleeps:
 * no processor spins. Slower by the time that waking up takes, for each operation; meant for machines that run on a
 * battery, or that do something else besides.
 *
 * Workers take chunks of neighbouring tasks until there are none, and meet at a barrier. The last to come runs the
 * operations that follow as long as they have a single task. It also sees to failure and cancelling. */
#include "sched/sched.h"

#include "base/size.h"
#include "sched/cpus.h"
#include "sched/loose.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { CHUNKS = 8 }; /* of a worker's share */

struct sleeping {
    const viv_workers *workers;
    viv_worker_pool *pool;
    uint32_t n;
    const viv_step *step;
    uint32_t op; /* changes while all are at the barrier, like the next two */
    uint64_t n_tasks, chunk;
    _Atomic uint64_t next; /* the first task that nobody has taken */
    _Atomic viv_status status;
};

static void stop(struct sleeping *s, viv_status status)
{
    viv_status none = VIV_OK;
    atomic_compare_exchange_strong(&s->status, &none, status);
}

static int stopped(struct sleeping *s)
{
    if (s->step->cancel && __atomic_load_n(s->step->cancel, __ATOMIC_RELAXED))
        stop(s, VIV_ECANCELLED);
    return s->status != VIV_OK;
}

static void run_tasks_of(struct sleeping *s, uint64_t first, uint64_t end, uint32_t worker)
{
    const viv_status status = s->step->run(s->step, s->op, first, end, worker);
    if (status != VIV_OK)
        stop(s, status);
}

/* From operation `op` on: runs what has a single task, up to an operation to share or the end. */
static void advance_to(struct sleeping *s, uint32_t op, uint32_t worker)
{
    for (s->op = op; s->op < s->step->n_ops && !stopped(s); s->op++) {
        s->n_tasks = s->step->tasks(s->step, s->op);
        if (s->n_tasks > 1 && s->n > 1) {
            s->chunk = size_max(1, s->n_tasks / s->n / CHUNKS);
            s->next = 0;
            return;
        }
        if (s->n_tasks > 0)
            run_tasks_of(s, 0, s->n_tasks, worker);
    }
    s->op = s->step->n_ops;
}

static void advance(void *ctx, uint32_t worker)
{
    struct sleeping *s = ctx;
    advance_to(s, s->op + 1, worker);
}

static void work(void *ctx, uint32_t worker)
{
    struct sleeping *s = ctx;
    while (s->op < s->step->n_ops) {
        for (uint64_t first; (first = atomic_fetch_add(&s->next, s->chunk)) < s->n_tasks && !stopped(s);)
            run_tasks_of(s, first, size_min(first + s->chunk, s->n_tasks), worker);
        s->workers->barrier(s->pool, worker, advance, s);
    }
}

static viv_status run_step(void *scheduler, const viv_step *step)
{
    struct sleeping *s = scheduler;
    s->step = step;
    s->status = VIV_OK;
    advance_to(s, 0, 0);
    if (s->op < step->n_ops)
        s->workers->run(s->pool, work, s);
    return s->status;
}

static viv_status run_tasks(void *scheduler, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx)
{
    return loose_run(run_step, scheduler, n, task, ctx);
}

static void destroy(void *scheduler)
{
    struct sleeping *s = scheduler;
    if (s && s->pool)
        s->workers->destroy(s->pool);
    free(s);
}

static viv_status create(const viv_host *host, uint32_t n_threads, void **scheduler)
{
    const viv_workers *workers = host->get_service(host, VIV_SERVICE_WORKERS);
    if (!workers || !VIV_HAS(workers, viv_workers, create_sleeping)) {
        host->set_error(host, VIV_EUNSUPPORTED,
                        "scheduler 'sleeping': this host has no service " VIV_SERVICE_WORKERS
                        " whose threads sleep");
        return VIV_EUNSUPPORTED;
    }
    struct sleeping *s = calloc(1, sizeof *s);
    if (!s) {
        host->set_error(host, VIV_ENOMEM, "out of memory");
        return VIV_ENOMEM;
    }
    s->workers = workers;
    s->n = n_threads ? n_threads : cpus_usable();
    viv_status status = workers->create_sleeping(s->n, &s->pool); /* has left its sentence with this thread */
    if (status != VIV_OK) {
        destroy(s);
        return status;
    }
    *scheduler = s;
    return VIV_OK;
}

static uint32_t n_workers(const void *scheduler)
{
    return ((const struct sleeping *)scheduler)->n;
}

const viv_scheduler_class scheduler_sleeping = {
    .struct_size = sizeof(viv_scheduler_class),
    .name = "sleeping",
    .summary = "As parallel, but threads that wait sleep instead of spinning: less power, less speed.",
    .create = create,
    .n_workers = n_workers,
    .run_step = run_step,
    .run_tasks = run_tasks,
    .destroy = destroy,
};
