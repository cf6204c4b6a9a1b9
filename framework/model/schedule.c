/* schedule.c - the only place that runs a scheduler's code. vivarium/scheduler.h states the rules. Our own
 * schedulers are tested in tests/sched. A plugin's is checked here: it must run each task once, in the order of
 * operations, by workers that exist. */
#include "model/schedule.h"

#include "base/trail.h"
#include "model/instance.h"
#include "sched/sched.h"
#include "sched/workers.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

/* The tasks of an operation that were run. If both the count and the sum of their numbers (from 1) are right, each
 * was run once. */
struct watched {
    _Atomic uint64_t n, done, sum; /* n: UNASKED until the scheduler asks for it */
};
static const uint64_t UNASKED = UINT64_MAX;

struct watch {
    const viv_model *model;
    const viv_step *step; /* the real step behind the one that the scheduler gets */
    struct watched *ops;  /* [capacity] */
    uint32_t capacity;
    _Atomic uint32_t *busy; /* [n_workers] this worker runs a task */
    pthread_mutex_t lock;
    _Atomic bool failed; /* the first failure: of a task, or of the scheduler */
    struct error error;
};

static viv_status named(const viv_model *m, const char *call, struct error *err)
{
    if (!m->scheduler_plugin)
        return err->status;
    return error_prefix(err, "scheduler '%s' of %s, %s", m->scheduler_class->name, m->scheduler_plugin, call);
}

/* --- life -------------------------------------------------------------------------------------------------- */

static viv_status watch_create(viv_model *m, struct error *err)
{
    struct watch *w = calloc(1, sizeof *w);
    if (!w)
        return error_nomem(err);
    w->model = m;
    pthread_mutex_init(&w->lock, NULL);
    m->watch = w;
    w->busy = calloc(m->n_workers, sizeof *w->busy);
    return w->busy ? VIV_OK : error_nomem(err);
}

static viv_status create(viv_model *m, uint32_t n_threads, struct error *err)
{
    struct trail before = trail_enter(m->scheduler_plugin, "create");
    viv_status status = m->scheduler_class->create(m->options.host, n_threads, &m->scheduler);
    trail = before;
    if (status != VIV_OK) {
        error_take(err, status);
        return named(m, "create", err);
    }
    m->scheduling = true;
    before = trail_enter(m->scheduler_plugin, "n_workers");
    m->n_workers = m->scheduler_class->n_workers(m->scheduler);
    trail = before;
    if (m->n_workers < 1 || m->n_workers > MAX_WORKERS) {
        error_set(err, VIV_EINTERNAL, "it has %" PRIu32 " workers, expected 1 to %d", m->n_workers, MAX_WORKERS);
        m->n_workers = 0;
        return named(m, "n_workers", err);
    }
    return VIV_OK;
}

viv_status schedule_start(viv_model *m, const char *name, uint32_t n_threads, struct error *err)
{
    viv_status status =
        m->options.find_scheduler(m->options.find_ctx, name, &m->scheduler_class, &m->scheduler_plugin, err);
    if (status == VIV_OK)
        status = create(m, n_threads, err);
    if (status == VIV_OK && m->scheduler_plugin)
        status = watch_create(m, err);
    return status;
}

void schedule_end(viv_model *m)
{
    struct watch *w = m->watch;
    if (m->scheduling) {
        const struct trail before = trail_enter(m->scheduler_plugin, "destroy");
        m->scheduler_class->destroy(m->scheduler);
        trail = before;
    }
    if (w) {
        pthread_mutex_destroy(&w->lock);
        free(w->ops);
        free(w->busy);
        free(w);
    }
    m->scheduling = false;
    m->watch = NULL;
}

/* --- checking ------------------------------------------------------------------------------------------------ */

static viv_status keep(struct watch *w, const struct error *err)
{
    pthread_mutex_lock(&w->lock);
    if (!w->failed)
        w->error = *err;
    w->failed = true;
    viv_status status = w->error.status;
    error_leave(status, w->error.text);
    pthread_mutex_unlock(&w->lock);
    return status;
}

static viv_status __attribute__((format(printf, 3, 4)))
broken(struct watch *w, const char *call, const char *format, ...)
{
    struct error err;
    va_list args;
    va_start(args, format);
    error_setv(&err, VIV_EINTERNAL, format, args);
    va_end(args);
    named(w->model, call, &err);
    return keep(w, &err);
}

static void begin(struct watch *w, struct watched *ops, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        ops[i].n = UNASKED;
        ops[i].done = ops[i].sum = 0;
    }
    w->failed = false;
}

/* The sum of first + 1 to end. */
static uint64_t sum_of(uint64_t first, uint64_t end)
{
    const uint64_t n = end - first, twice = first + 1 + end;
    return n % 2 ? twice / 2 * n : n / 2 * twice;
}

static bool is_complete(const struct watched *op)
{
    const uint64_t n = op->n;
    return n != UNASKED && op->done == n && op->sum == sum_of(0, n);
}

static viv_status incomplete(struct watch *w, uint32_t op, const char *then)
{
    const struct watched *o = &w->ops[op];
    if (o->n == UNASKED)
        return broken(w, "run_step", "it %s and has left out operation %" PRIu32 " of %" PRIu32, then, op,
                      w->step->n_ops);
    return broken(w, "run_step",
                  "it %s when of operation %" PRIu32 " it had run %" PRIu64 " tasks of %" PRIu64
                  ": each must be run once",
                  then, op, o->done, o->n);
}

/* Several workers may ask: all get the same answer. */
static viv_status ask(struct watch *w, uint32_t op, uint64_t *n)
{
    *n = 0;
    if (w->failed)
        return w->error.status;
    if (op >= w->step->n_ops)
        return broken(w, "run_step", "it asks for operation %" PRIu32 ", the step has %" PRIu32, op,
                      w->step->n_ops);
    if (op > 0 && !is_complete(&w->ops[op - 1]))
        return incomplete(w, op - 1, "goes on");
    *n = w->ops[op].n;
    if (*n == UNASKED) {
        *n = w->step->tasks(w->step, op);
        w->ops[op].n = *n;
    }
    return VIV_OK;
}

static uint64_t watch_tasks(const viv_step *step, uint32_t op)
{
    const struct trail before = trail_enter(NULL, NULL);
    uint64_t n;
    ask(step->ctx, op, &n);
    trail = before;
    return n;
}

static viv_status run_watched(struct watch *w, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    uint64_t n;
    if (worker >= w->model->n_workers)
        return broken(w, "run_step",
                      "it runs tasks as worker %" PRIu32 ", by its n_workers there are 0 to %" PRIu32, worker,
                      w->model->n_workers - 1);
    viv_status status = ask(w, op, &n);
    if (status != VIV_OK)
        return status;
    if (first >= end || end > n)
        return broken(w, "run_step",
                      "it runs tasks %" PRIu64 " to %" PRIu64 " of operation %" PRIu32 ", which has %" PRIu64,
                      first, end, op, n);
    struct watched *o = &w->ops[op];
    const uint64_t count = end - first;
    if (atomic_fetch_add(&o->done, count) > n - count)
        return broken(w, "run_step",
                      "it runs tasks %" PRIu64 " to %" PRIu64 " of operation %" PRIu32 " when all %" PRIu64
                      " have been run: each must be run once",
                      first, end, op, n);
    if (atomic_exchange(&w->busy[worker], 1))
        return broken(w, "run_step", "it runs two tasks at once as worker %" PRIu32, worker);
    status = w->step->run(w->step, op, first, end, worker);
    atomic_store(&w->busy[worker], 0);
    atomic_fetch_add(&o->sum, sum_of(first, end)); /* after the tasks: only then may the next operation begin */
    if (status != VIV_OK) {
        struct error err;
        error_take(&err, status);
        return keep(w, &err);
    }
    return VIV_OK;
}

static viv_status watch_run(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    const struct trail before = trail_enter(NULL, NULL);
    viv_status status = run_watched(step->ctx, op, first, end, worker);
    trail = before;
    return status;
}

/* Checks the step after the scheduler has returned `status`. */
static viv_status settle(struct watch *w, uint32_t n_ops, viv_status status, const char *call, struct error *err)
{
    if (w->failed) {
        *err = w->error;
        return err->status;
    }
    if (status == VIV_ECANCELLED && !__atomic_load_n(w->step->cancel, __ATOMIC_RELAXED)) {
        error_set(err, VIV_EINTERNAL, "it returned VIV_ECANCELLED, but the step was not cancelled");
        return named(w->model, call, err);
    }
    if (status != VIV_OK) {
        error_take(err, status);
        return named(w->model, call, err);
    }
    for (uint32_t i = 0; i < n_ops; i++)
        if (!is_complete(&w->ops[i])) {
            incomplete(w, i, "ends");
            *err = w->error;
            return err->status;
        }
    return VIV_OK;
}

viv_status schedule_reserve(const viv_model *m, uint32_t n_ops, struct error *err)
{
    struct watch *w = m->watch;
    if (!w || n_ops <= w->capacity)
        return VIV_OK;
    struct watched *ops = calloc(n_ops, sizeof *ops);
    if (!ops)
        return error_nomem(err);
    free(w->ops);
    w->ops = ops;
    w->capacity = n_ops;
    return VIV_OK;
}

viv_status schedule_step(viv_model *m, const viv_step *step, struct error *err)
{
    struct watch *w = m->watch;
    if (!w) {
        viv_status status = m->scheduler_class->run_step(m->scheduler, step);
        return status == VIV_OK ? VIV_OK : error_take(err, status);
    }
    viv_status status = schedule_reserve(m, step->n_ops, err);
    if (status != VIV_OK)
        return status;
    const viv_step watched = {.struct_size = sizeof watched,
                              .n_ops = step->n_ops,
                              .ctx = w,
                              .tasks = watch_tasks,
                              .run = watch_run,
                              .cancel = step->cancel};
    w->step = step;
    begin(w, w->ops, step->n_ops);
    const struct trail before = trail_enter(m->scheduler_plugin, "run_step");
    status = m->scheduler_class->run_step(m->scheduler, &watched);
    trail = before;
    return settle(w, step->n_ops, status, "run_step", err);
}

/* --- tasks outside a step ------------------------------------------------------------------------------------ */

struct loose {
    struct watch *watch;
    uint64_t n;
    viv_status (*task)(void *ctx, uint64_t i);
    void *ctx;
    _Atomic uint64_t done;
};

static viv_status run_loose(void *ctx, uint64_t i)
{
    struct loose *l = ctx;
    if (i >= l->n)
        return broken(l->watch, "run_tasks", "it runs task %" PRIu64 ", there are %" PRIu64, i, l->n);
    atomic_fetch_add(&l->done, 1);
    const struct trail before = trail_enter(NULL, NULL);
    viv_status status = l->task(l->ctx, i);
    trail = before;
    return status;
}

viv_status schedule_tasks(const viv_model *m, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx,
                          struct error *err)
{
    struct loose l = {.watch = m->watch, .n = n, .task = task, .ctx = ctx};
    if (!m->watch) {
        viv_status status = m->scheduler_class->run_tasks(m->scheduler, n, task, ctx);
        return status == VIV_OK ? VIV_OK : error_take(err, status);
    }
    m->watch->failed = false;
    const struct trail before = trail_enter(m->scheduler_plugin, "run_tasks");
    viv_status status = m->scheduler_class->run_tasks(m->scheduler, n, run_loose, &l);
    trail = before;
    if (status == VIV_OK && !m->watch->failed && l.done != n)
        broken(m->watch, "run_tasks", "it succeeds when it has run %" PRIu64 " tasks of %" PRIu64, l.done, n);
    if (m->watch->failed) {
        *err = m->watch->error;
        return err->status;
    }
    return status == VIV_OK ? VIV_OK : error_take(err, status);
}
