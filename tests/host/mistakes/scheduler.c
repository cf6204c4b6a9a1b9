/* A plugin with a scheduler that breaks one of its promises, chosen by $MISTAKE. Without one it works. */
#include <vivarium/scheduler.h>

#include <stdlib.h>
#include <string.h>

static int is(const char *mistake)
{
    const char *made = getenv("MISTAKE");
    return made && strcmp(made, mistake) == 0;
}

struct scheduler {
    const viv_workers *workers;
    viv_worker_pool *pool;
};

static viv_status create(const viv_host *host, uint32_t n_threads, void **scheduler)
{
    struct scheduler *s = calloc(1, sizeof *s);
    (void)n_threads;
    if (is("fails") || !s)
        return VIV_ENOMEM;
    s->workers = host->get_service(host, VIV_SERVICE_WORKERS);
    *scheduler = s;
    viv_status status = s->workers->create(2, &s->pool);
    if (status == VIV_OK && is("none")) { /* which is no mistake */
        s->workers->destroy(s->pool);
        free(s);
        *scheduler = NULL;
    }
    return status;
}

static uint32_t n_workers(const void *scheduler)
{
    (void)scheduler;
    return is("no_workers") ? 0 : is("many_workers") ? 0xffffffffu : 1;
}

static viv_status run_tasks_of(const viv_step *step, uint32_t op)
{
    if (is("unasked"))
        return step->run(step, op, 0, 1, 0);
    const uint64_t n = step->tasks(step, op);
    for (uint64_t i = 0; i < n; i++) {
        if (is("leaves_task") && i + 1 == n)
            continue;
        if (is("twice"))
            step->run(step, op, i, i + 1, 0);
        const uint64_t end = is("beyond") ? i + 1000 : is("empty") ? i : i + 1;
        viv_status status = step->run(step, op, i, end, is("worker") ? 77 : 0);
        if (status != VIV_OK && !is("hides_failure"))
            return status;
        if (is("one_for_another") && n > 1 && i == 0) { /* as many as there are, but not these */
            step->run(step, op, 0, 1, 0);
            i++;
        }
    }
    return VIV_OK;
}

static viv_status run_step(void *scheduler, const viv_step *step)
{
    (void)scheduler;
    if (is("cancels"))
        return VIV_ECANCELLED;
    if (is("strange_op"))
        step->tasks(step, step->n_ops);
    for (uint32_t i = 0; i < step->n_ops; i++) {
        const uint32_t op = is("backwards") ? step->n_ops - 1 - i : i;
        if ((is("leaves_operation") && op == 3) || (is("leaves_last") && op + 1 == step->n_ops))
            continue;
        viv_status status = run_tasks_of(step, op);
        if (status != VIV_OK)
            return status;
    }
    if (is("crashes"))
        *(volatile int *)16 = 1;
    return is("positive") ? 4 : is("fails_late") ? VIV_EIO : VIV_OK;
}

static viv_status run_tasks(void *scheduler, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx)
{
    (void)scheduler;
    if (is("tasks_beyond"))
        return task(ctx, n);
    for (uint64_t i = 0; i < n && !is("tasks_none"); i++) {
        viv_status status = task(ctx, i);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

static void destroy(void *scheduler)
{
    struct scheduler *s = scheduler;
    if (s)
        s->workers->destroy(s->pool);
    free(s);
}

static const viv_scheduler_class class = {.struct_size = sizeof class,
                                          .name = "bads",
                                          .summary = "Breaks promises.",
                                          .create = create,
                                          .n_workers = n_workers,
                                          .run_step = run_step,
                                          .run_tasks = run_tasks,
                                          .destroy = destroy};

static const void *const *get_classes(const char *id)
{
    static const void *const all[] = {&class, NULL};
    return strcmp(id, VIV_CLASS_SCHEDULER) == 0 ? all : NULL;
}

VIV_PLUGIN_BY("bads", "1.0", "tests", .get_classes = get_classes)
