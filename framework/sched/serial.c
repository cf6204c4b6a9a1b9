/* serial.c - the reference: one operation after the other, whole, on the caller's thread. */
#include "sched/sched.h"

static viv_status create(const viv_host *host, uint32_t n_threads, void **scheduler)
{
    static char nothing_to_remember;
    (void)host;
    (void)n_threads;
    *scheduler = &nothing_to_remember;
    return VIV_OK;
}

static void destroy(void *scheduler)
{
    (void)scheduler;
}

static uint32_t n_workers(const void *scheduler)
{
    (void)scheduler;
    return 1;
}

static viv_status run_step(void *scheduler, const viv_step *step)
{
    (void)scheduler;
    for (uint32_t op = 0; op < step->n_ops; op++) {
        if (step->cancel && __atomic_load_n(step->cancel, __ATOMIC_RELAXED))
            return VIV_ECANCELLED;
        uint64_t tasks = step->tasks(step, op);
        viv_status status = tasks ? step->run(step, op, 0, tasks, 0) : VIV_OK;
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

static viv_status run_tasks(void *scheduler, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx)
{
    (void)scheduler;
    viv_status status = VIV_OK;
    for (uint64_t i = 0; i < n && status == VIV_OK; i++)
        status = task(ctx, i);
    return status;
}

const viv_scheduler_class scheduler_serial = {
    .struct_size = sizeof(viv_scheduler_class),
    .name = "serial",
    .summary = "Runs everything on one thread, in order: the reference.",
    .create = create,
    .n_workers = n_workers,
    .run_step = run_step,
    .run_tasks = run_tasks,
    .destroy = destroy,
};
