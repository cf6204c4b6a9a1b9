/* Schedulers and the pool of threads under them: order, completeness, failure, cancelling. */
#include "sched/cpus.h"
#include "sched/sched.h"
#include "sched/workers.h"
#include "testing.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static char last_error[1024];

static const void *get_service(const viv_host *host, const char *id)
{
    (void)host;
    return strcmp(id, VIV_SERVICE_WORKERS) == 0 ? &workers_service : NULL;
}

static const void *get_no_service(const viv_host *host, const char *id)
{
    (void)host;
    (void)id;
    return NULL;
}

static void set_error(const viv_host *host, viv_status status, const char *sentence)
{
    (void)host;
    (void)status;
    snprintf(last_error, sizeof last_error, "%s", sentence);
}

static const viv_host host = {.struct_size = sizeof host, .get_service = get_service, .set_error = set_error};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A step whose tasks count how often they ran, and whether anything before them had not. */
enum { MAX_OPS = 64, MAX_TASKS = 1000 };

struct probe {
    viv_step step;
    uint64_t n_tasks[MAX_OPS];
    _Atomic uint32_t ran[MAX_OPS][MAX_TASKS];
    _Atomic uint64_t done[MAX_OPS];
    _Atomic uint32_t disorder, foreign_workers;
    uint32_t n_workers;
    _Atomic uint32_t busy[16]; /* a worker runs one thing at a time */
    uint32_t fail_op, cancel_op;
    uint64_t fail_task;
    uint32_t cancel;
};

static uint64_t probe_tasks(const viv_step *step, uint32_t op)
{
    return ((struct probe *)step->ctx)->n_tasks[op];
}

static viv_status probe_run(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    struct probe *p = step->ctx;
    if (worker >= p->n_workers || atomic_exchange(&p->busy[worker], 1))
        atomic_fetch_add(&p->foreign_workers, 1);
    for (uint32_t before = 0; before < op; before++)
        if (atomic_load(&p->done[before]) != p->n_tasks[before])
            atomic_fetch_add(&p->disorder, 1);
    for (uint64_t i = first; i < end; i++)
        atomic_fetch_add(&p->ran[op][i], 1);
    atomic_fetch_add(&p->done[op], end - first);
    atomic_store(&p->busy[worker], 0);
    if (op == p->cancel_op)
        __atomic_store_n(&p->cancel, 1, __ATOMIC_RELAXED);
    return op == p->fail_op && first <= p->fail_task && p->fail_task < end ? VIV_ESHAPE : VIV_OK;
}

static struct probe *probe_create(uint32_t n_ops)
{
    struct probe *p = calloc(1, sizeof *p);
    ck_assert_ptr_nonnull(p);
    p->step = (viv_step){.struct_size = sizeof p->step,
                         .n_ops = n_ops,
                         .ctx = p,
                         .tasks = probe_tasks,
                         .run = probe_run,
                         .cancel = &p->cancel};
    p->fail_op = p->cancel_op = UINT32_MAX;
    return p;
}

static viv_status probe_through(struct probe *p, const char *name, uint32_t n_threads)
{
    const viv_scheduler_class *class = scheduler_find(name);
    void *scheduler;
    ck_assert_ptr_nonnull(class);
    ck_assert_int_eq(class->create(&host, n_threads, &scheduler), VIV_OK);
    p->n_workers = class->n_workers(scheduler);
    viv_status status = class->run_step(scheduler, &p->step);
    class->destroy(scheduler);
    return status;
}

static const struct setting {
    const char *name;
    uint32_t n_threads;
} settings[] = {{"serial", 1},   {"parallel", 1}, {"parallel", 2}, {"parallel", 3}, {"parallel", 16},
                {"sleeping", 1}, {"sleeping", 2}, {"sleeping", 3}, {"sleeping", 16}};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

TEST(scheduler__runs_every_task_once_after_all_before_it)
{
    static const uint64_t counts[] = {1, 1, 100, 0, 1, 0, 1, 7, 1000, 2, 0, 0, 3, 1, 16, 17, 1, 1};
    for (int s = 0; s < N_SETTINGS; s++) {
        struct probe *p = probe_create(MAX_OPS);
        for (uint32_t op = 0; op < MAX_OPS; op++)
            p->n_tasks[op] = counts[op % (sizeof counts / sizeof *counts)];
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_OK);
        ck_assert_uint_eq(p->n_workers, settings[s].n_threads);
        ck_assert_uint_eq(p->disorder, 0);
        ck_assert_uint_eq(p->foreign_workers, 0);
        for (uint32_t op = 0; op < MAX_OPS; op++)
            for (uint64_t i = 0; i < MAX_TASKS; i++)
                ck_assert_uint_eq(p->ran[op][i], i < p->n_tasks[op]);
        free(p);
    }
}
END_TEST

TEST(scheduler__steps_without_work_end)
{
    for (int s = 0; s < N_SETTINGS; s++) {
        struct probe *p = probe_create(0);
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_OK);
        p->step.n_ops = MAX_OPS;
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_OK);
        free(p);
    }
}
END_TEST

TEST(scheduler__first_failure_ends_the_step_and_is_returned)
{
    static const uint64_t counts[] = {1, 50};
    for (int s = 0; s < N_SETTINGS; s++)
        for (uint32_t fail_op = 0; fail_op < 6; fail_op++) {
            struct probe *p = probe_create(MAX_OPS);
            for (uint32_t op = 0; op < MAX_OPS; op++)
                p->n_tasks[op] = counts[op / 2 % 2];
            p->fail_op = fail_op;
            p->fail_task = p->n_tasks[fail_op] - 1;
            ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_ESHAPE);
            ck_assert_uint_eq(p->disorder, 0);
            for (uint32_t op = 0; op < MAX_OPS; op++)
                for (uint64_t i = 0; i < MAX_TASKS; i++)
                    ck_assert_uint_le(p->ran[op][i], i < p->n_tasks[op] && op <= fail_op);
            free(p);
        }
}
END_TEST

TEST(scheduler__cancel_ends_the_step)
{
    for (int s = 0; s < N_SETTINGS; s++) {
        struct probe *p = probe_create(MAX_OPS);
        for (uint32_t op = 0; op < MAX_OPS; op++)
            p->n_tasks[op] = op % 3 ? 20 : 1;
        p->cancel_op = 7;
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_ECANCELLED);
        for (uint32_t op = 8; op < MAX_OPS; op++)
            ck_assert_uint_eq(p->done[op], 0);
        free(p);
    }
}
END_TEST

TEST(scheduler__cancel_after_the_last_operation_comes_too_late)
{
    for (int s = 0; s < N_SETTINGS; s++) {
        struct probe *p = probe_create(3);
        p->n_tasks[0] = p->n_tasks[2] = 1;
        p->cancel_op = 2;
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_OK);
        p->cancel = 1;
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_ECANCELLED);
        p->step.cancel = NULL;
        ck_assert_int_eq(probe_through(p, settings[s].name, settings[s].n_threads), VIV_OK);
        free(p);
    }
}
END_TEST

/* The number of tasks of an operation is what the operation before it computed. */
static uint64_t grown[8];

static uint64_t grown_tasks(const viv_step *step, uint32_t op)
{
    (void)step;
    return op ? grown[op - 1] : 1;
}

static viv_status grow(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    (void)step;
    (void)worker;
    __atomic_fetch_add(&grown[op], (op % 2 ? 1 : 5) * (end - first), __ATOMIC_RELAXED);
    return VIV_OK;
}

TEST(scheduler__tasks_may_depend_on_what_was_computed)
{
    const viv_step step = {.struct_size = sizeof step, .n_ops = 8, .tasks = grown_tasks, .run = grow};
    for (int s = 0; s < N_SETTINGS; s++) {
        const viv_scheduler_class *class = scheduler_find(settings[s].name);
        void *scheduler;
        memset(grown, 0, sizeof grown);
        ck_assert_int_eq(class->create(&host, settings[s].n_threads, &scheduler), VIV_OK);
        ck_assert_int_eq(class->run_step(scheduler, &step), VIV_OK);
        ck_assert_uint_eq(grown[7], 625);
        class->destroy(scheduler);
    }
}
END_TEST

static _Atomic uint32_t loose_ran[MAX_TASKS];

static viv_status loose_task(void *ctx, uint64_t i)
{
    atomic_fetch_add(&loose_ran[i], 1);
    return ctx && *(uint64_t *)ctx == i ? VIV_EIO : VIV_OK;
}

TEST(scheduler__loose_tasks_run_once_and_failure_ends_them)
{
    for (int s = 0; s < N_SETTINGS; s++) {
        const viv_scheduler_class *class = scheduler_find(settings[s].name);
        void *scheduler;
        uint64_t bad = 300;
        memset(loose_ran, 0, sizeof loose_ran);
        ck_assert_int_eq(class->create(&host, settings[s].n_threads, &scheduler), VIV_OK);
        ck_assert_int_eq(class->run_tasks(scheduler, MAX_TASKS, loose_task, NULL), VIV_OK);
        for (int i = 0; i < MAX_TASKS; i++)
            ck_assert_uint_eq(loose_ran[i], 1);
        ck_assert_int_eq(class->run_tasks(scheduler, MAX_TASKS, loose_task, &bad), VIV_EIO);
        ck_assert_int_eq(class->run_tasks(scheduler, 0, loose_task, NULL), VIV_OK);
        class->destroy(scheduler);
    }
}
END_TEST

static _Atomic uint64_t tiny_ran;

static uint64_t tiny_tasks(const viv_step *step, uint32_t op)
{
    (void)step;
    return op % 2 ? 4 : 1;
}

static viv_status tiny_run(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    (void)step;
    (void)op;
    (void)worker;
    atomic_fetch_add_explicit(&tiny_ran, end - first, memory_order_relaxed);
    return VIV_OK;
}

/* Thousands of chances to lose a wake-up; with more workers than processors nobody may spin for long. */
TEST(scheduler__many_tiny_steps_are_fast)
{
    const viv_step step = {.struct_size = sizeof step, .n_ops = 6, .tasks = tiny_tasks, .run = tiny_run};
    for (int s = 0; s < N_SETTINGS; s++) {
        const viv_scheduler_class *class = scheduler_find(settings[s].name);
        const uint64_t n_steps = settings[s].n_threads > 3 ? 1000 : 10000;
        void *scheduler;
        tiny_ran = 0;
        ck_assert_int_eq(class->create(&host, settings[s].n_threads, &scheduler), VIV_OK);
        double start = seconds();
        for (uint64_t i = 0; i < n_steps; i++) {
            ck_assert_int_eq(class->run_step(scheduler, &step), VIV_OK);
            if (i % 1000 == 0)
                usleep(2000); /* long enough to fall asleep */
        }
        double took = seconds() - start;
        fprintf(stderr, "%s, %u workers: %.2f us a step\n", settings[s].name, settings[s].n_threads,
                1e6 * took / (double)n_steps);
        ck_assert_uint_eq(tiny_ran, n_steps * 15);
        ck_assert_double_lt(took, 30);
        class->destroy(scheduler);
    }
}
END_TEST

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t two_tasks(const viv_step *step, uint32_t op)
{
    (void)step, (void)op;
    return 2;
}

/* The first task of each operation lasts long, without using a processor. */
static viv_status run_slowly(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    (void)step, (void)op, (void)end, (void)worker;
    if (first == 0)
        usleep(2000);
    return VIV_OK;
}

/* The others wait for it: 0.4 seconds in all. */
TEST(scheduler__sleeping_uses_no_processor_to_wait)
{
    const viv_step step = {.struct_size = sizeof step, .n_ops = 200, .tasks = two_tasks, .run = run_slowly};
    const viv_scheduler_class *class = scheduler_find("sleeping");
    void *scheduler;
    ck_assert_int_eq(class->create(&host, 3, &scheduler), VIV_OK);
    const double begin = cpu_seconds();
    ck_assert_int_eq(class->run_step(scheduler, &step), VIV_OK);
    ck_assert_double_lt(cpu_seconds() - begin, 0.3);
    class->destroy(scheduler);
}
END_TEST

TEST(scheduler__is_found_by_name_and_parallel_is_the_default)
{
    ck_assert_str_eq(scheduler_find(NULL)->name, "parallel");
    ck_assert_str_eq(scheduler_find("serial")->name, "serial");
    ck_assert_str_eq(scheduler_find("sleeping")->name, "sleeping");
    ck_assert_ptr_null(scheduler_find("paralell"));
    size_t n = 0;
    while (schedulers_all()[n])
        n++;
    ck_assert_uint_eq(n, 3);
}
END_TEST

TEST(scheduler__parallel_takes_all_usable_processors_unless_told)
{
    void *scheduler;
    ck_assert_int_eq(scheduler_find(NULL)->create(&host, 0, &scheduler), VIV_OK);
    ck_assert_uint_eq(scheduler_find(NULL)->n_workers(scheduler), cpus_usable());
    scheduler_find(NULL)->destroy(scheduler);
    scheduler_find(NULL)->destroy(NULL);
}
END_TEST

TEST(scheduler__parallel_says_when_the_host_has_no_threads)
{
    const viv_host bare = {.struct_size = sizeof bare, .get_service = get_no_service, .set_error = set_error};
    void *scheduler = NULL;
    ck_assert_int_eq(scheduler_find(NULL)->create(&bare, 2, &scheduler), VIV_EUNSUPPORTED);
    ck_assert_ptr_null(scheduler);
    ck_assert_ptr_nonnull(strstr(last_error, "viv.workers/0"));
}
END_TEST

/* 0, always, where /proc is not mounted. */
static int threads_of_process(void)
{
    char line[256];
    int n = 0;
    FILE *f = fopen("/proc/self/status", "r");
    if (!f)
        return 0;
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "Threads: %d", &n) == 1)
            break;
    fclose(f);
    return n;
}

/* A joined thread may be listed for a moment longer. */
static void expect_threads(int n)
{
    for (int i = 0; i < 1000 && threads_of_process() != n; i++)
        usleep(1000);
    ck_assert_int_eq(threads_of_process(), n);
}

TEST(workers__destroy_joins)
{
    struct error err;
    viv_worker_pool *w;
    int before = threads_of_process();
    ck_assert_int_eq(workers_create(5, true, &w, &err), VIV_OK);
    ck_assert_int_eq(threads_of_process(), before ? before + 4 : 0);
    workers_destroy(w);
    expect_threads(before);
    workers_destroy(NULL);
}
END_TEST

TEST(workers__a_number_out_of_range_is_refused)
{
    struct error err;
    viv_worker_pool *w = NULL;
    ck_assert_int_eq(workers_create(0, true, &w, &err), VIV_EINVAL);
    ck_assert_str_eq(err.text, "number of threads: expected 1 to 4096, found 0");
    ck_assert_int_eq(workers_create(4097, true, &w, &err), VIV_EINVAL);
    ck_assert_ptr_null(w);
    viv_worker_pool *pool = NULL;
    ck_assert_int_eq(workers_service.create(4097, &pool), VIV_EINVAL);
    ck_assert_int_eq(error_take(&err, VIV_EINVAL), VIV_EINVAL);
    ck_assert_str_eq(err.text, "number of threads: expected 1 to 4096, found 4097");
}
END_TEST

/* Stacks that do not fit into the address space make pthread_create fail. */
TEST(workers__a_thread_that_cannot_start_is_an_error)
{
    if (SANITIZED) {
        fprintf(stderr, "skipped: sanitizers need the address space themselves\n");
        return;
    }
    struct error err;
    viv_worker_pool *w = NULL;
    int before = threads_of_process();
    struct rlimit usual, small;
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &usual), 0);
    small = (struct rlimit){.rlim_cur = 512 << 20, .rlim_max = usual.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &small), 0);
    viv_status status = workers_create(1000, true, &w, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &usual), 0);
    ck_assert_int_eq(status, VIV_EIO);
    ck_assert_msg(strncmp(err.text, "cannot start thread ", 20) == 0 && strstr(err.text, " of 1000: "), "%s",
                  err.text);
    ck_assert_ptr_null(w);
    expect_threads(before);
}
END_TEST

static sigset_t masks[3];

static void take_mask(void *ctx, uint32_t worker)
{
    (void)ctx;
    pthread_sigmask(SIG_SETMASK, NULL, &masks[worker]);
}

TEST(workers__leave_signals_to_the_program_but_not_their_own_faults)
{
    struct error err;
    viv_worker_pool *w;
    ck_assert_int_eq(workers_create(3, true, &w, &err), VIV_OK);
    workers_run(w, take_mask, NULL);
    workers_destroy(w);
    ck_assert_int_eq(sigismember(&masks[0], SIGINT), 0);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(sigismember(&masks[i], SIGINT), 1);
        ck_assert_int_eq(sigismember(&masks[i], SIGTERM), 1);
        ck_assert_int_eq(sigismember(&masks[i], SIGBUS), 0);
    }
}
END_TEST

static void use_barrier(void *ctx, uint32_t worker);
static uint32_t n_last, n_seen_too_early, counted;

static void count_last(void *ctx, uint32_t worker)
{
    (void)worker;
    n_seen_too_early += __atomic_load_n(&counted, __ATOMIC_RELAXED) % 4 != 0;
    *(uint32_t *)ctx += 1;
}

static void use_barrier(void *ctx, uint32_t worker)
{
    for (int i = 0; i < 1000; i++) {
        __atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
        workers_barrier(ctx, worker, count_last, &n_last);
        workers_barrier(ctx, worker, NULL, NULL);
    }
}

TEST(workers__last_at_the_barrier_is_alone)
{
    struct error err;
    viv_worker_pool *w;
    ck_assert_int_eq(workers_create(4, true, &w, &err), VIV_OK);
    workers_run(w, use_barrier, w);
    ck_assert_uint_eq(n_last, 1000);
    ck_assert_uint_eq(n_seen_too_early, 0);
    workers_destroy(w);
}
END_TEST

static void put(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

TEST(cpus__the_tightest_quota_on_the_way_up_counts)
{
    char root[] = "/tmp/viv-test-cpus-XXXXXX", path[512], membership[512], command[600];
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(path, sizeof path, "%s/a", root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/a/b", root);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(membership, sizeof membership, "%s/membership", root);

    put(root, "membership", "1:cpu:/old\n0::/a/b\n");
    ck_assert_uint_eq(cpus_quota(membership, root), UINT32_MAX);
    put(root, "a/b/cpu.max", "max 100000\n");
    ck_assert_uint_eq(cpus_quota(membership, root), UINT32_MAX);
    put(root, "a/cpu.max", "150000 100000\n");
    ck_assert_uint_eq(cpus_quota(membership, root), 2);
    put(root, "a/b/cpu.max", "800000 100000\n");
    ck_assert_uint_eq(cpus_quota(membership, root), 2);
    put(root, "a/b/cpu.max", "1000 100000\n");
    ck_assert_uint_eq(cpus_quota(membership, root), 1);
    put(root, "a/b/cpu.max", "nonsense");
    ck_assert_uint_eq(cpus_quota(membership, root), 2);
    put(root, "membership", "0::/\n");
    put(root, "cpu.max", "300000 100000\n");
    ck_assert_uint_eq(cpus_quota(membership, root), 3);
    ck_assert_uint_eq(cpus_quota("/nonexistent", root), UINT32_MAX);
    ck_assert_uint_ge(cpus_usable(), 1);

    snprintf(command, sizeof command, "rm -r %s", root);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

TESTS(scheduler__runs_every_task_once_after_all_before_it, scheduler__steps_without_work_end,
      scheduler__first_failure_ends_the_step_and_is_returned, scheduler__cancel_ends_the_step,
      scheduler__cancel_after_the_last_operation_comes_too_late, scheduler__tasks_may_depend_on_what_was_computed,
      scheduler__loose_tasks_run_once_and_failure_ends_them, scheduler__many_tiny_steps_are_fast,
      scheduler__sleeping_uses_no_processor_to_wait, scheduler__is_found_by_name_and_parallel_is_the_default,
      scheduler__parallel_takes_all_usable_processors_unless_told,
      scheduler__parallel_says_when_the_host_has_no_threads, workers__destroy_joins,
      workers__a_number_out_of_range_is_refused, workers__a_thread_that_cannot_start_is_an_error,
      workers__leave_signals_to_the_program_but_not_their_own_faults, workers__last_at_the_barrier_is_alone,
      cpus__the_tightest_quota_on_the_way_up_counts)
