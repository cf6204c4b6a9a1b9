/* workers.c - threads that live as long as their pool. Between runs and at barriers they spin for a while, since
 * the next work mostly comes within microseconds, then sleep on a futex.
 *
 * Both waits are for a gate: a turn that only ever counts up. Whoever waits has seen a turn and goes on at any
 * other; turns wrap, but nobody sleeps through 2^32 of them, as each needs every worker. This is a sense-reversing
 * barrier (Hensgen, Finkel and Manber 1988) whose sense has 32 bits. The opener looks for sleepers after it has
 * turned the gate, and a sleeper counts itself before it looks at the turn: in the one order of all these
 * sequentially consistent accesses, one of the two sees the other. */
#include "sched/workers.h"

#include "sched/cpus.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SPINS = 1 << 14,        /* pauses before sleeping: a quarter of a millisecond or more */
    SPINS_CROWDED = 1 << 5, /* when a waiting thread may keep another from its processor */
    YIELD = 1 << 8,         /* pauses after which whoever shares the processor may go first */
    CACHE_LINE = 64
};

struct gate {
    _Alignas(CACHE_LINE) _Atomic uint32_t turn;
    _Atomic uint32_t sleepers;
};

struct thread {
    viv_worker_pool *pool;
    uint32_t worker;
    pthread_t id;
};

struct viv_worker_pool {
    struct gate start, all_here;
    _Alignas(CACHE_LINE) _Atomic uint32_t missing; /* workers that have not come to the barrier */
    _Alignas(CACHE_LINE) uint32_t n, n_threads, n_spins;
    void (*work)(void *ctx, uint32_t worker); /* NULL: the end */
    void *ctx;
    struct thread threads[]; /* [n - 1]; worker 0 is the caller */
};

static inline void pause_processor(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("isb" ::: "memory"); /* `yield` is over at once on most cores */
#endif
}

static void gate_wait(struct gate *gate, uint32_t seen, uint32_t n_spins)
{
    for (uint32_t i = 0; i < n_spins; i++) {
        if (atomic_load_explicit(&gate->turn, memory_order_acquire) != seen)
            return;
        if (i % YIELD == YIELD - 1)
            sched_yield();
        else
            pause_processor();
    }
    atomic_fetch_add(&gate->sleepers, 1);
    while (atomic_load(&gate->turn) == seen)
        syscall(SYS_futex, &gate->turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
    atomic_fetch_sub(&gate->sleepers, 1);
}

static void gate_open(struct gate *gate)
{
    atomic_fetch_add(&gate->turn, 1);
    if (atomic_load(&gate->sleepers))
        syscall(SYS_futex, &gate->turn, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

void workers_barrier(viv_worker_pool *w, uint32_t worker, void (*last)(void *ctx, uint32_t worker), void *ctx)
{
    /* Cannot turn before this worker has come. */
    uint32_t turn = atomic_load_explicit(&w->all_here.turn, memory_order_relaxed);
    if (w->n > 1 && atomic_fetch_sub_explicit(&w->missing, 1, memory_order_acq_rel) > 1) {
        gate_wait(&w->all_here, turn, w->n_spins);
        return;
    }
    atomic_store_explicit(&w->missing, w->n, memory_order_relaxed);
    if (last)
        last(ctx, worker);
    if (w->n > 1)
        gate_open(&w->all_here);
}

static void *thread_main(void *arg)
{
    struct thread *t = arg;
    viv_worker_pool *w = t->pool;
    for (uint32_t turn = 0;; turn++) {
        gate_wait(&w->start, turn, w->n_spins);
        if (!w->work)
            return NULL;
        w->work(w->ctx, t->worker);
        workers_barrier(w, t->worker, NULL, NULL);
    }
}

void workers_run(viv_worker_pool *w, void (*work)(void *ctx, uint32_t worker), void *ctx)
{
    if (w->n > 1) {
        w->work = work;
        w->ctx = ctx;
        gate_open(&w->start);
    }
    work(ctx, 0);
    workers_barrier(w, 0, NULL, NULL);
}

/* Signals are the program's own threads' business, but for those that an instruction of a worker raises: a blocked
 * SIGBUS would end the process without asking its handler. */
static void block_signals(sigset_t *before)
{
    static const int raised[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigset_t blocked;
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
        sigdelset(&blocked, raised[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static viv_status start_threads(viv_worker_pool *w, struct error *err)
{
    viv_status status = VIV_OK;
    sigset_t before;
    block_signals(&before);
    for (uint32_t i = 0; i < w->n - 1 && status == VIV_OK; i++) {
        w->threads[i] = (struct thread){.pool = w, .worker = i + 1};
        int code = pthread_create(&w->threads[i].id, NULL, thread_main, &w->threads[i]);
        if (code)
            status = error_set(err, VIV_EIO, "cannot start thread %u of %u: %s", i + 2, w->n, strerror(code));
        else
            w->n_threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status;
}

viv_status workers_create(uint32_t n, bool spins, viv_worker_pool **out, struct error *err)
{
    if (n < 1 || n > MAX_WORKERS)
        return error_set(err, VIV_EINVAL, "number of threads: expected 1 to %d, found %u", MAX_WORKERS, n);
    size_t size = sizeof(viv_worker_pool) + (n - 1) * sizeof(struct thread);
    viv_worker_pool *w = aligned_alloc(CACHE_LINE, (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (!w)
        return error_nomem(err);
    memset(w, 0, size);
    w->n = n;
    w->n_spins = !spins ? 0 : n > cpus_usable() ? SPINS_CROWDED : SPINS;
    atomic_init(&w->missing, n);
    viv_status status = start_threads(w, err);
    if (status != VIV_OK) {
        workers_destroy(w);
        return status;
    }
    *out = w;
    return VIV_OK;
}

void workers_destroy(viv_worker_pool *w)
{
    if (!w)
        return;
    w->work = NULL;
    gate_open(&w->start);
    for (uint32_t i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i].id, NULL);
    free(w);
}

/* --- as a service ------------------------------------------------------------------------------------------- */

static viv_status make(uint32_t n, bool spins, viv_worker_pool **pool)
{
    struct error err;
    viv_worker_pool *w;
    viv_status status = workers_create(n, spins, &w, &err);
    if (status == VIV_OK)
        *pool = w;
    else
        error_leave(status, err.text);
    return status;
}

static viv_status create(uint32_t n, viv_worker_pool **pool)
{
    return make(n, true, pool);
}

static viv_status create_sleeping(uint32_t n, viv_worker_pool **pool)
{
    return make(n, false, pool);
}

static void destroy(viv_worker_pool *pool)
{
    workers_destroy(pool);
}

static void run(viv_worker_pool *pool, void (*work)(void *ctx, uint32_t worker), void *ctx)
{
    workers_run(pool, work, ctx);
}

static void barrier(viv_worker_pool *pool, uint32_t worker, void (*last)(void *ctx, uint32_t worker), void *ctx)
{
    workers_barrier(pool, worker, last, ctx);
}

const viv_workers workers_service = {.struct_size = sizeof(viv_workers),
                                     .create = create,
                                     .destroy = destroy,
                                     .run = run,
                                     .barrier = barrier,
                                     .create_sleeping = create_sleeping};
