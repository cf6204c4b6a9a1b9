/* parallel.c - the tasks of an operation shared by all workers of a pool.
 *
 * An operation is over when its tasks are done, not when all workers have come: one that has lost its processor
 * holds up the rest only if it has a chunk of tasks in hand. So there is no barrier between operations. Each worker
 * has a share of neighbouring tasks, since weights are best read in the order in which they lie, and takes chunks
 * of it, then of the others' shares, by moving the share's ticket, which says operation and first free task in one
 * word. Whoever finishes the last task of an operation runs those that follow as long as they have a single task,
 * then issues the tickets of the next one to share. It also sees to failure and cancelling, so that all workers
 * agree on where to stop. */
#include "sched/sched.h"

#include "base/size.h"
#include "sched/cpus.h"
#include "sched/loose.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    CHUNKS = 16,    /* of a share: the last one is what others may have to wait for */
    YIELD = 1 << 8, /* pauses after which whoever shares the processor may go first */
    SPINS = 1 << 16,
    CACHE_LINE = 64
};

/* Tasks of one operation fit 32 bits, the last value of which says that the ticket is being written. */
static const uint64_t MAX_TASKS = UINT32_MAX - 1;

/* operation << 32 | first task of the share that nobody has taken */
struct share {
    _Alignas(CACHE_LINE) _Atomic uint64_t ticket;
};

struct parallel {
    const viv_workers *workers;
    viv_worker_pool *pool;
    uint32_t n;
    const viv_step *step;

    _Alignas(CACHE_LINE) _Atomic uint64_t n_tasks, chunk; /* of the tickets' operation */
    _Alignas(CACHE_LINE) _Atomic uint64_t n_done;         /* tasks of it that are finished */
    _Alignas(CACHE_LINE) _Atomic viv_status status;       /* the first failure */
    struct share shares[];
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

static void run_chunk(struct parallel *p, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    viv_status status = stopped(p) ? VIV_OK : p->step->run(p->step, op, first, end, worker);
    if (status != VIV_OK)
        stop(p, status);
}

static uint64_t share_begin(const struct parallel *p, uint64_t n_tasks, uint32_t worker)
{
    return n_tasks * worker / p->n;
}

static void issue(struct parallel *p, uint32_t op, uint64_t n_tasks)
{
    for (uint32_t w = 0; w < p->n; w++)
        atomic_store_explicit(&p->shares[w].ticket, (uint64_t)op << 32 | share_begin(p, n_tasks, w),
                              memory_order_release);
}

/* Called by one worker when nothing is left to take: runs what it does best alone, up to an operation to share or
 * the end, and issues the tickets. */
static void advance_to(struct parallel *p, uint32_t op, uint32_t worker)
{
    const viv_step *step = p->step;
    /* from here on nobody can take anything, even who still holds an old ticket */
    for (uint32_t w = 0; w < p->n; w++)
        atomic_exchange(&p->shares[w].ticket, (uint64_t)op << 32 | UINT32_MAX);
    for (; op < step->n_ops && !stopped(p); op++) {
        uint64_t n = step->tasks(step, op);
        if (n > 1 && n <= MAX_TASKS && p->n > 1) {
            atomic_store_explicit(&p->n_tasks, n, memory_order_relaxed);
            atomic_store_explicit(&p->chunk, size_max(1, n / p->n / CHUNKS), memory_order_relaxed);
            atomic_store_explicit(&p->n_done, 0, memory_order_relaxed);
            issue(p, op, n);
            return;
        }
        if (n > 0)
            run_chunk(p, op, 0, n, worker);
    }
    issue(p, step->n_ops, 0);
}

/* Waits a little for another ticket: spinning first, since the next work mostly comes within microseconds. */
static void wait_a_little(uint32_t *spins)
{
    static const struct timespec nap = {0, 50000};
    if (*spins >= SPINS) {
        nanosleep(&nap, NULL);
    } else if (++*spins % YIELD == 0) {
        sched_yield();
    } else {
#if defined __x86_64__
        __builtin_ia32_pause();
#elif defined __aarch64__
        __asm__ volatile("isb" ::: "memory");
#endif
    }
}

/* Takes a chunk of the worker's own share, else of the others'; false: there is none. */
static bool take(struct parallel *p, uint32_t worker, uint32_t *op, uint64_t *first, uint64_t *end)
{
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t w = (worker + i) % p->n;
        uint64_t ticket = atomic_load_explicit(&p->shares[w].ticket, memory_order_acquire);
        for (;;) {
            uint64_t n = atomic_load_explicit(&p->n_tasks, memory_order_relaxed);
            uint64_t chunk = atomic_load_explicit(&p->chunk, memory_order_relaxed);
            *op = (uint32_t)(ticket >> 32);
            *first = ticket & UINT32_MAX;
            *end = size_min(*first + chunk, share_begin(p, n, w + 1));
            if (*op >= p->step->n_ops || *first >= *end)
                break;
            /* fails when anything changed since the ticket was read: then n and chunk may be another operation's */
            if (atomic_compare_exchange_strong(&p->shares[w].ticket, &ticket, ticket + (*end - *first)))
                return true;
        }
    }
    return false;
}

static void work(void *ctx, uint32_t worker)
{
    struct parallel *p = ctx;
    uint32_t op, spins = 0;
    uint64_t first, end;
    while (atomic_load_explicit(&p->shares[worker].ticket, memory_order_acquire) >> 32 < p->step->n_ops) {
        if (!take(p, worker, &op, &first, &end)) {
            wait_a_little(&spins);
            continue;
        }
        spins = 0;
        run_chunk(p, op, first, end, worker);
        uint64_t n = atomic_load_explicit(&p->n_tasks, memory_order_relaxed);
        if (atomic_fetch_add_explicit(&p->n_done, end - first, memory_order_acq_rel) + (end - first) == n)
            advance_to(p, op + 1, worker);
    }
}

static viv_status run_step(void *scheduler, const viv_step *step)
{
    struct parallel *p = scheduler;
    p->step = step;
    atomic_store_explicit(&p->status, VIV_OK, memory_order_relaxed);
    advance_to(p, 0, 0);
    if (atomic_load_explicit(&p->shares[0].ticket, memory_order_relaxed) >> 32 < step->n_ops)
        p->workers->run(p->pool, work, p);
    return atomic_load_explicit(&p->status, memory_order_relaxed);
}

static viv_status run_tasks(void *scheduler, uint64_t n, viv_status (*task)(void *ctx, uint64_t i), void *ctx)
{
    return loose_run(run_step, scheduler, n, task, ctx);
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
    uint32_t n = n_threads ? n_threads : cpus_usable();
    struct parallel *p = aligned_alloc(CACHE_LINE, sizeof *p + n * sizeof *p->shares);
    if (!p) {
        host->set_error(host, VIV_ENOMEM, "out of memory");
        return VIV_ENOMEM;
    }
    memset(p, 0, sizeof *p + n * sizeof *p->shares);
    p->workers = workers;
    p->n = n;
    viv_status status = workers->create(n, &p->pool); /* has left its sentence with this thread */
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
