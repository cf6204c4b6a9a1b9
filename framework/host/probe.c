/* probe.c - a plugin's first loading, in a child process, so that what crashes, hangs, ends the process or bends it
 * does so there. The child is a fork, not another program: the host may live in any program. It keeps no file of
 * ours but the pipe it reports through.
 *
 * Report, line by line: "at PHASE" (not kept), "class KIND NAME", then "done"; or "failed STATUS SENTENCE". */
#include "base/buf.h"
#include "host/plugin.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
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

enum { MAX_REPORT = 1 << 18, MAX_NOISE = 1 << 20, REPORT_FD = 3 };

/* --- the report -------------------------------------------------------------------------------------------- */

bool report_write(const struct plugin *p, viv_status status, const struct error *why, struct buf *out)
{
    if (status != VIV_OK)
        return buf_printf(out, "failed %d %s\n", status, why->text);
    for (size_t i = 0; i < p->n_classes; i++)
        buf_printf(out, "class %d %s\n", p->classes[i].kind, p->classes[i].name);
    return buf_puts(out, "done\n");
}

static viv_status add_class(struct plugin *p, const char *line, struct arena *arena, struct error *err)
{
    char *rest;
    long kind = strtol(line, &rest, 10);
    if (kind < 0 || kind >= N_CLASS_KINDS || *rest != ' ' || !name_is_plain(rest + 1, 64) ||
        p->n_classes >= N_CLASS_KINDS * MAX_CLASSES)
        return error_set(err, VIV_EINTERNAL, "the probe's report makes no sense");
    const char *name = arena_strdup(arena, rest + 1);
    if (!name || !VEC_RESERVE(p->classes, p->n_classes, p->capacity))
        return error_nomem(err);
    p->classes[p->n_classes++] = (struct plugin_class){.kind = (enum class_kind)kind, .name = name};
    return VIV_OK;
}

viv_status report_read(struct plugin *p, char *report, struct arena *arena, struct error *err)
{
    char *rest;
    p->n_classes = 0;
    for (char *line = strtok_r(report, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        viv_status status = VIV_OK;
        if (strcmp(line, "done") == 0)
            return VIV_OK;
        if (strncmp(line, "class ", 6) == 0)
            status = add_class(p, line + 6, arena, err);
        if (strncmp(line, "failed -", 8) == 0) {
            char *sentence;
            long code = strtol(line + 7, &sentence, 10);
            return error_set(err, code < 0 && code >= VIV_ELIMIT ? (viv_status)code : VIV_EINTERNAL, "%s",
                             *sentence ? sentence + 1 : "it failed");
        }
        if (status != VIV_OK)
            return status;
    }
    return error_set(err, VIV_EINTERNAL, "the probe's report ends early");
}

/* --- what a plugin must leave as it was -------------------------------------------------------------------- */

struct surroundings {
    char locale[512], directory[4096];
    uint32_t float_control;
    mode_t mask;
    sigset_t blocked;
    void (*handlers[NSIG])(int);
    nlink_t threads;
};

static uint32_t float_control(void)
{
#if defined __x86_64__
    return __builtin_ia32_stmxcsr() & 0xffc0; /* rounding, flushing, masks; not the sticky flags */
#else
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return (uint32_t)control;
#endif
}

static void look_around(struct surroundings *s)
{
    struct stat tasks;
    memset(s, 0, sizeof *s);
    snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
    if (!getcwd(s->directory, sizeof s->directory))
        s->directory[0] = '\0';
    s->float_control = float_control();
    s->mask = umask(0);
    umask(s->mask);
    sigprocmask(SIG_SETMASK, NULL, &s->blocked);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;
        s->handlers[i] = sigaction(i, NULL, &action) == 0 ? action.sa_handler : SIG_DFL;
    }
    s->threads = stat("/proc/self/task", &tasks) == 0 ? tasks.st_nlink : 0; /* 2 and one for each thread */
}

static viv_status compare(const struct surroundings *a, const struct surroundings *b, struct error *err)
{
    if (strcmp(a->locale, b->locale) != 0)
        return error_set(err, VIV_EABI, "loading it changes the locale from %s to %s: a plugin must leave it alone",
                         a->locale, b->locale);
    if (strcmp(a->directory, b->directory) != 0)
        return error_set(err, VIV_EABI, "loading it changes the current directory: a plugin must leave it alone");
    if (a->float_control != b->float_control)
        return error_set(err, VIV_EABI,
                         "loading it changes the floating-point mode from 0x%x to 0x%x: link it "
                         "without -ffast-math",
                         a->float_control, b->float_control);
    if (a->mask != b->mask)
        return error_set(err, VIV_EABI, "loading it changes the umask: a plugin must leave it alone");
    for (int i = 1; i < NSIG; i++)
        if (a->handlers[i] != b->handlers[i] || sigismember(&a->blocked, i) != sigismember(&b->blocked, i))
            return error_set(err, VIV_EABI,
                             "loading it changes the handling of signal %d (%s): a plugin must leave "
                             "it alone",
                             i, strsignal(i));
    if (b->threads > a->threads)
        return error_set(err, VIV_EABI, "loading it starts a thread: threads are the host's (VIV_SERVICE_WORKERS)");
    if (lseek(STDOUT_FILENO, 0, SEEK_END) > 0)
        return error_set(err, VIV_EABI, "loading it writes to standard output: that is for results alone");
    return VIV_OK;
}

/* --- the child --------------------------------------------------------------------------------------------- */

static void say(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t written = write(REPORT_FD, text, n);
        if (written <= 0)
            _exit(EXIT_FAILURE);
        text += written;
        n -= (size_t)written;
    }
}

static void enter(const char *phase)
{
    char line[64];
    int n = snprintf(line, sizeof line, "at %s\n", phase);
    say(line, (size_t)n);
}

/* Files, signals, limits and output such that nothing of it reaches the world outside. */
static void seclude(int report)
{
    const struct rlimit no_core = {0, 0}, noise = {MAX_NOISE, MAX_NOISE};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    __fpurge(stdout); /* what the parent has not yet written stays the parent's */
    int nowhere = open("/dev/null", O_RDWR), heard = memfd_create("stdout", 0);
    dup2(nowhere, STDIN_FILENO);
    dup2(heard >= 0 ? heard : nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    if (report != REPORT_FD)
        dup2(report, REPORT_FD);
    close_range(REPORT_FD + 1, ~0u, 0);
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_FSIZE, &noise);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
}

static viv_status list_classes(struct plugin *p, struct error *err)
{
    for (int kind = 0; kind < N_CLASS_KINDS; kind++)
        for (size_t i = 0; p->tables[kind] && p->tables[kind][i]; i++) {
            if (!VEC_RESERVE(p->classes, p->n_classes, p->capacity))
                return error_nomem(err);
            p->classes[p->n_classes++] = (struct plugin_class){kind, class_name(p->tables[kind][i])};
        }
    return VIV_OK;
}

static viv_status try_it(struct plugin *p, const viv_host *host, struct error *err)
{
    struct surroundings before, after;
    look_around(&before);
    enter("loading");
    viv_status status = plugin_load(p, host, err);
    if (status == VIV_OK) {
        fflush(stdout);
        look_around(&after);
        status = compare(&before, &after, err);
    }
    if (status == VIV_OK)
        status = list_classes(p, err);
    if (status == VIV_OK && p->entry->deinit) {
        enter("its deinit");
        p->entry->deinit();
    }
    return status;
}

static const char no_memory[] = "failed -2 out of memory\n";
_Static_assert(VIV_ENOMEM == -2, "no_memory is a failed report");

static void __attribute__((noreturn)) child(struct plugin *p, const viv_host *host, int report)
{
    struct error err;
    struct buf text = {0};
    seclude(report);
    viv_status status = try_it(p, host, &err);
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

/* Reads until the report is complete or the pipe ends; false: time is up. */
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

/* What it was doing, by its last line "at PHASE". */
static const char *last_phase(const struct buf *report, char phase[32])
{
    const char *last = NULL;
    for (const char *at = buf_text(report); (at = strstr(at, "at ")); at += 3)
        last = at + 3;
    snprintf(phase, 32, "%.*s", last ? (int)strcspn(last, "\n") : 7, last ? last : "loading");
    return phase;
}

static viv_status cause_of_death(int wait_status, const struct buf *report, struct error *err)
{
    char phase[32];
    last_phase(report, phase);
    if (WIFSIGNALED(wait_status))
        return error_set(err, VIV_EABI, "its code crashed during %s: signal %d (%s)", phase, WTERMSIG(wait_status),
                         strsignal(WTERMSIG(wait_status)));
    return error_set(err, VIV_EABI, "its code ended the process during %s, with exit status %d", phase,
                     WEXITSTATUS(wait_status));
}

static viv_status hear(struct plugin *p, pid_t pid, int fd, struct arena *arena, struct error *err)
{
    struct buf report = {0};
    int wait_status = 0;
    char phase[32];
    bool in_time = listen_to(fd, &report);
    /* a process that ends by itself has its status by now, the rest is killed with what it has started */
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
        continue;
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

viv_status plugin_probe(struct plugin *p, const viv_host *host, struct arena *arena, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return error_set(err, VIV_EIO, "cannot probe it: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        child(p, host, ends[1]);
    close(ends[1]);
    viv_status status = pid > 0 ? hear(p, pid, ends[0], arena, err)
                                : error_set(err, VIV_EIO, "cannot probe it: %s", strerror(errno));
    close(ends[0]);
    return status;
}
