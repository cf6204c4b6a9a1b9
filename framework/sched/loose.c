/* loose.c - see loose.h. */
#include "sched/loose.h"

struct loose_tasks {
    uint64_t n;
    viv_status (*task)(void *ctx, uint64_t i);
    void *ctx;
};

static uint64_t count(const viv_step *step, uint32_t op)
{
    (void)op;
    return ((const struct loose_tasks *)step->ctx)->n;
}

static viv_status run(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    const struct loose_tasks *loose = step->ctx;
    viv_status status = VIV_OK;
    (void)op;
    (void)worker;
    for (uint64_t i = first; i < end && status == VIV_OK; i++)
        status = loose->task(loose->ctx, i);
    return status;
}

viv_status loose_run(viv_status (*run_step)(void *scheduler, const viv_step *step), void *scheduler, uint64_t n,
                     viv_status (*task)(void *ctx, uint64_t i), void *ctx)
{
    struct loose_tasks loose = {n, task, ctx};
    const viv_step step = {.struct_size = sizeof step, .n_ops = 1, .ctx = &loose, .tasks = count, .run = run};
    return run_step(scheduler, &step);
}
