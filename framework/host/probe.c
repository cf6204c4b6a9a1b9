/* probe.c - loads a plugin for the first time in a child process, so that a crash, a hang, an exit or a changed
 * process state does not affect this one. The child is a fork and not another program, because the host may be in
 * any program. It keeps only the pipe for its report open (report.c).
 *
 * If a thread is started meanwhile, a second child finds out by which library: it loads the plugin's libraries
 * first, one after the other, and then the plugin. */
#include "base/buf.h"
#include "base/file.h"
#include "host/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REPORT = 1 << 18, MAX_NOISE = 1 << 20, REPORT_FD = 3, REPORT_GONE = 113 };
/* The most that a plugin may allocate while it is loaded. */
static const uint64_t MAX_HEAP = (uint64_t)8 << 30;

/* --- the child --------------------------------------------------------------------------------------------- */

static void say(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t written = write(REPORT_FD, text, n);
        if (written <= 0)
            _exit(REPORT_GONE);
        text += written;
        n -= (size_t)written;
    }
}

static void enter(const struct plugin *p, const char *phase)
{
    char line[64];
    (void)p;
    int n = snprintf(line, sizeof line, "at %s\n", phase);
    say(line, (size_t)n);
}

/* If memory runs out, the kernel kills this process first. */
static void limit_memory(void)
{
    unsigned long pages = 0;
    struct rlimit limit;
    FILE *statm = fopen("/proc/self/statm", "re");
    if (statm && fscanf(statm, "%*u %*u %*u %*u %*u %lu", &pages) == 1 && getrlimit(RLIMIT_DATA, &limit) == 0) {
        rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + MAX_HEAP;
        if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > most)
            setrlimit(RLIMIT_DATA, &(const struct rlimit){most, limit.rlim_max});
    }
    if (statm)
        fclose(statm);
    int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (score >= 0 && write(score, "1000", 4) == 4)
        errno = 0;
    if (score >= 0)
        close(score);
}

/* Sets up files, signals, limits and output so that nothing outside is affected. */
static void seclude(int report)
{
    const struct rlimit no_core = {0, 0}, noise = {MAX_NOISE, MAX_NOISE};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setpgid(0, 0);
    __fpurge(stdout); /* the parent writes its own buffered output */
    int nowhere = open("/dev/null", O_RDWR), heard = memfd_create("stdout", 0);
    dup2(nowhere, STDIN_FILENO);
    dup2(heard >= 0 ? heard : nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    if (report != REPORT_FD)
        dup2(report, REPORT_FD);
    close_range(REPORT_FD + 1, ~0u, 0);
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_FSIZE, &noise);
    limit_memory();
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
}

/* Collects the objects of this process in the order in which they were loaded. */
static const struct link_map *first_object(void)
{
    struct link_map *map = NULL;
    void *program = dlopen(NULL, RTLD_LAZY);
    return program && dlinfo(program, RTLD_DI_LINKMAP, &map) == 0 ? map : NULL;
}

static const struct link_map *last_object(void)
{
    const struct link_map *map = first_object();
    while (map && map->l_next)
        map = map->l_next;
    return map;
}

/* The libraries loaded after this object, except the plugin itself. */
static viv_status list_uses(struct plugin *p, const struct link_map *last, struct error *err)
{
    for (const struct link_map *map = last ? last->l_next : NULL; map; map = map->l_next) {
        struct buf line = {0};
        if (strcmp(map->l_name, p->path) == 0 || strchr(map->l_name, '\n') ||
            !plugin_file_stamp(map->l_name, &line))
            continue;
        buf_printf(&line, " %s", map->l_name);
        if (line.failed || !host_words_add(&p->uses, line.data))
            return error_nomem(err);
    }
    return VIV_OK;
}

/* Begins with the last one, which depends on none of the others, so that each is loaded by itself. */
static viv_status load_libraries(struct plugin *p, struct error *err)
{
    for (size_t i = p->uses.n; i-- > 0;) {
        const char *path = strchr(p->uses.items[i], ' ') + 1;
        uint64_t before = probe_count_threads();
        enter(p, "loading of a library that it needs");
        if (dlopen(path, RTLD_NOW | RTLD_LOCAL) && probe_count_threads() > before &&
            !host_words_add(&p->threads, path_base(path)))
            return error_nomem(err);
    }
    return VIV_OK;
}

static viv_status check_threads(struct plugin *p, uint64_t before, struct error *err)
{
    if (probe_count_threads() <= before)
        return VIV_OK;
    p->starts_thread = true;
    return error_set(err, VIV_EABI, "loading it starts a thread: threads are the host's (VIV_SERVICE_WORKERS)");
}

static viv_status try_it(struct plugin *p, const viv_host *host, bool libraries_first, struct error *err)
{
    struct environment *before = environment_capture(), *after;
    const struct link_map *last = last_object();
    p->starts_thread = false;
    viv_status status = before ? VIV_OK : error_nomem(err);
    if (status == VIV_OK && libraries_first)
        status = load_libraries(p, err);
    uint64_t threads = probe_count_threads();
    if (status == VIV_OK)
        status = plugin_load(p, host, enter, err);
    if (status == VIV_OK) {
        fflush(stdout);
        after = environment_capture();
        status = after ? environment_compare(before, after, err) : error_nomem(err);
    }
    if (probe_kill_children() && status == VIV_OK)
        status = error_set(err, VIV_EABI, "loading it starts another process: a plugin must not");
    struct error late;
    if (!libraries_first && list_uses(p, last, &late) != VIV_OK && status == VIV_OK)
        status = error_nomem(err);
    if (status == VIV_OK)
        status = check_threads(p, threads, err);
    if (status == VIV_OK)
        status = plugin_list_classes(p, err);
    if (status == VIV_OK && p->entry->deinit) {
        enter(p, "its deinit");
        p->entry->deinit();
    }
    return status;
}

#define MEMORY_RAN_OUT "memory ran out while it was loaded"
static const char no_memory[] = "forget\nfailed -5 " MEMORY_RAN_OUT "\n";
_Static_assert(VIV_EABI == -5, "no_memory is a failed report");

static void __attribute__((noreturn))
child(struct plugin *p, const viv_host *host, bool libraries_first, int report)
{
    struct error err;
    struct buf text = {0};
    seclude(report);
    viv_status status = try_it(p, host, libraries_first, &err);
    if (status == VIV_ENOMEM)
        status = error_set(&err, VIV_EABI, MEMORY_RAN_OUT);
    for (char *c = err.text; status != VIV_OK && *c; c++)
        if (*c == '\n')
            *c = ' ';
    if (report_write(p, status, &err, &text))
        say(text.data, text.size);
    else
        say(no_memory, sizeof no_memory - 1);
    _exit(EXIT_SUCCESS);
}

/* --- the parent -------------------------------------------------------------------------------------------- */

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_complete(const struct buf *report)
{
    const char *failed = strstr(buf_text(report), "failed -");
    return strstr(buf_text(report), "\ndone\n") || (failed && strchr(failed, '\n'));
}

/* Reads until the report is complete or the pipe ends; false: timeout. */
static bool listen_to(int fd, struct buf *report)
{
    int64_t end = milliseconds() + PROBE_SECONDS * 1000;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        int64_t left = end - milliseconds();
        char chunk[4096];
        if (left <= 0)
            return false;
        int n_ready = poll(&ready, 1, (int)left);
        if (n_ready < 0 && errno == EINTR)
            continue;
        if (n_ready == 0)
            return false;
        ssize_t n = n_ready > 0 ? read(fd, chunk, sizeof chunk) : -1;
        if (n <= 0 || report->size > MAX_REPORT || !buf_append(report, chunk, (size_t)n) || is_complete(report))
            return true;
    }
}

/* What it was doing: its last line "at PHASE". */
static const char *last_phase(const struct buf *report, char phase[64])
{
    const char *last = NULL;
    for (const char *at = buf_text(report); (at = strstr(at, "at ")); at += 3)
        last = at + 3;
    snprintf(phase, 64, "%.*s", last ? (int)strcspn(last, "\n") : 7, last ? last : "loading");
    return phase;
}

static viv_status cause_of_death(int wait_status, const struct buf *report, struct error *err)
{
    char phase[64];
    last_phase(report, phase);
    if (WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGXFSZ)
        return error_set(err, VIV_EABI,
                         "it writes more than %d bytes during %s: standard output is only for results", MAX_NOISE,
                         phase);
    if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == REPORT_GONE)
        return error_set(err, VIV_EABI, "it closes files that are not its own during %s", phase);
    if (WIFSIGNALED(wait_status))
        return error_set(err, VIV_EABI, "its code crashed during %s: signal %d (%s)", phase, WTERMSIG(wait_status),
                         strsignal(WTERMSIG(wait_status)));
    return error_set(err, VIV_EABI, "its code ended the process during %s, with exit status %d", phase,
                     WEXITSTATUS(wait_status));
}

/* Whether it ends within half a second. Does not reap it. */
static bool ends_soon(pid_t pid)
{
    static const struct timespec nap = {0, 5000000};
    siginfo_t info = {0};
    for (int i = 0; i < 100; i++) {
        if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid)
            return true;
        nanosleep(&nap, NULL);
    }
    return false;
}

static viv_status hear(struct plugin *p, pid_t pid, int fd, struct arena *arena, struct error *err)
{
    struct buf report = {0};
    int wait_status = 0;
    char phase[64], process[64];
    bool in_time = listen_to(fd, &report);
    snprintf(process, sizeof process, "%d/task/%d", pid, pid);
    /* gives the process time to end; then kills it and all that it has started */
    bool ended = in_time && !is_complete(&report) && ends_soon(pid);
    if (!in_time)
        probe_kill_children_of(process);
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
        continue;
    if (in_time && !ended) /* it has closed the pipe but still runs */
        wait_status = REPORT_GONE << 8;
    viv_status status;
    if (report.failed)
        status = error_nomem(err);
    else if (!in_time)
        status = error_set(err, VIV_EABI, "its code was still busy with %s after %d seconds",
                           last_phase(&report, phase), PROBE_SECONDS);
    else if (is_complete(&report))
        status = report_read(p, report.data, arena, err);
    else
        status = cause_of_death(wait_status, &report, err);
    buf_release(&report);
    return status;
}

static viv_status try_in_child(struct plugin *p, const viv_host *host, bool libraries_first, struct arena *arena,
                               struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(err, VIV_EIO, "cannot probe it: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        child(p, host, libraries_first, ends[1]);
    close(ends[1]);
    viv_status status = pid > 0 ? hear(p, pid, ends[0], arena, err)
                                : error_set(err, VIV_EIO, "cannot probe it: %s", strerror(errno));
    close(ends[0]);
    return status;
}

viv_status plugin_probe(struct plugin *p, const viv_host *host, struct arena *arena, struct error *err)
{
    p->n_classes = p->uses.n = p->threads.n = 0;
    p->starts_thread = p->forget = false;
    viv_status status = try_in_child(p, host, false, arena, err);
    if (status == VIV_EABI && p->starts_thread && p->uses.n > 0)
        status = try_in_child(p, host, true, arena, err);
    return status;
}
