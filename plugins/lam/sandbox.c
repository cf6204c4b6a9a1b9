/* sandbox.c - starts a sandbox, layer by layer, and reads what the command says. An attempt has all its layers, or
 * says which one it could not have; then the next is made without that one, if the mode is auto. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_OUTPUT = 1 << 20, PATIENCE = 100 /* ms between looks at `cancel` */ };

static const char *const names[N_LAYERS] = {"namespaces", "Landlock", "seccomp", "a limit of processes"};

void sandbox_describe(const struct sandbox_outcome *o, struct text *out)
{
    const char *separator = " ";
    text_printf(out, "sandbox:");
    for (int i = 0; i < N_LAYERS; i++)
        if (o->held >> i & 1) {
            text_printf(out, "%s%s", separator, names[i]);
            separator = ", ";
        }
    for (int i = 0; i < N_LAYERS; i++)
        if (o->missing[i])
            text_printf(out, "; without %s (%s)", names[i], strerror(o->missing[i]));
    text_printf(out, o->held ? "\n" : " none: it can read and change all that you can\n");
}

/* Nothing that it changes is out of reach of undo. */
static bool is_contained(unsigned layers)
{
    const unsigned either = 1 << LAYER_LANDLOCK | 1 << LAYER_SECCOMP;
    return (layers >> LAYER_NAMESPACES & 1) || (layers & either) == either;
}

static viv_status start(const struct sandbox *s, unsigned wanted, struct sandbox_process *a)
{
    int out[2], report[2];
    if (pipe2(out, O_CLOEXEC | O_NONBLOCK) != 0)
        return viv_fail(s->root->host, VIV_EIO, "shell: cannot make a pipe: %s", strerror(errno));
    if (pipe2(report, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return viv_fail(s->root->host, VIV_EIO, "shell: cannot make a pipe: %s", strerror(errno));
    }
    (void)!fcntl(out[1], F_SETFL, 0); /* the command's end waits */
    const unsigned uid = geteuid(), gid = getegid();
    const unsigned long flags = wanted >> LAYER_NAMESPACES & 1 ? namespace_flags : 0;
    a->pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    const int e = errno;
    if (a->pid == 0)
        sandbox_child(s, wanted, uid, gid, out[1], report[1]);
    close(out[1]);
    close(report[1]);
    a->out = out[0];
    a->report = report[0];
    errno = e;
    return VIV_OK;
}

/* What there is. false: nobody can write more. */
static bool take_output(int fd, struct sandbox_outcome *o)
{
    char bytes[65536];
    ssize_t n;
    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        const size_t room = MOST_OUTPUT - o->output.size, take = (size_t)n < room ? (size_t)n : room;
        text_add(&o->output, bytes, take);
        o->dropped += (size_t)n - take;
    }
    return n < 0;
}

/* The first report, or why there is none. false: the first process died. */
static bool await(const struct sandbox *s, const struct sandbox_process *a, struct sandbox_outcome *o,
                  struct report *r)
{
    const int64_t end = clock_ms() + 1000 * s->seconds;
    bool open = true;
    for (;;) {
        struct pollfd fds[2] = {{.fd = a->report, .events = POLLIN}, {.fd = a->out, .events = POLLIN}};
        poll(fds, open ? 2 : 1, PATIENCE);
        open = open && take_output(a->out, o);
        if (fds[0].revents)
            return read(a->report, r, sizeof *r) == (ssize_t)sizeof *r;
        o->how = is_stopped(s->cancel, s->stopper) ? CANCELLED : clock_ms() >= end ? TIMED_OUT : ENDED;
        if (o->how != ENDED) {
            *r = (struct report){.kind = REPORT_ENDED};
            return true;
        }
    }
}

/* Ends whatever is left: the first process and its group, and with a PID namespace all that is in it. */
static void stop(const struct sandbox_process *a, struct sandbox_outcome *o)
{
    kill(-a->pid, SIGKILL);
    kill(a->pid, SIGKILL);
    while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    take_output(a->out, o);
    close(a->out);
    close(a->report);
}

static viv_status attempt(const struct sandbox *s, unsigned wanted, struct sandbox_outcome *o, struct report *r)
{
    struct sandbox_process a;
    viv_status status = start(s, wanted, &a);
    if (status != VIV_OK)
        return status;
    if (a.pid < 0) {
        *r = (struct report){REPORT_FAILED, LAYER_NAMESPACES, errno};
        close(a.out);
        close(a.report);
        return VIV_OK;
    }
    const bool told = await(s, &a, o, r);
    stop(&a, o);
    return told ? VIV_OK : viv_fail(s->root->host, VIV_EIO, "shell: the sandbox was killed");
}

viv_status sandbox_run(const struct sandbox *s, struct sandbox_outcome *out)
{
    const viv_host *host = s->root->host;
    unsigned wanted = s->layers;
    for (;;) {
        struct report r;
        if (s->layers && !is_contained(wanted))
            return viv_fail(
                host, VIV_EUNSUPPORTED,
                "shell: there are neither namespaces (%s) nor Landlock and seccomp (%s): nothing is run",
                strerror(out->missing[LAYER_NAMESPACES]),
                strerror(out->missing[out->missing[LAYER_LANDLOCK] ? LAYER_LANDLOCK : LAYER_SECCOMP]));
        const viv_status status = attempt(s, wanted, out, &r);
        if (status != VIV_OK)
            return status;
        if (r.kind != REPORT_FAILED) {
            out->held = wanted;
            if (r.kind == REPORT_NO_PROGRAM)
                out->how = NOT_FOUND;
            out->status = r.value;
            return VIV_OK;
        }
        if (r.layer < 0 || r.layer >= N_LAYERS || !(wanted >> r.layer & 1))
            return viv_fail(host, VIV_EIO, "shell: a process cannot be started: %s", strerror(r.value));
        out->missing[r.layer] = r.value;
        wanted &= ~(1U << r.layer);
        if (s->all)
            return viv_fail(host, VIV_EUNSUPPORTED,
                            "shell: the sandbox lacks %s (%s), and the spec says `sandbox: on`: nothing is run",
                            names[r.layer], strerror(r.value));
    }
}

/* --- commands that go on ------------------------------------------------------------------------------------ */

viv_status sandbox_start(const struct sandbox *s, unsigned layers, struct sandbox_process *out)
{
    struct sandbox_process p;
    const viv_status status = start(s, layers, &p);
    if (status == VIV_OK && p.pid < 0) {
        const int e = errno;
        close(p.out);
        close(p.report);
        return viv_fail(s->root->host, VIV_EIO, "a process cannot be started: %s", strerror(e));
    }
    if (status == VIV_OK) {
        fcntl(p.report, F_SETFL, O_NONBLOCK);
        *out = p;
    }
    return status;
}

bool sandbox_goes_on(const struct sandbox_process *p, struct sandbox_outcome *out)
{
    struct report r;
    take_output(p->out, out);
    const ssize_t n = read(p->report, &r, sizeof r);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n != (ssize_t)sizeof r) /* its first process was killed */
        r = (struct report){.kind = REPORT_ENDED, .value = SIGKILL};
    out->how = r.kind == REPORT_ENDED ? ENDED : NOT_FOUND;
    out->status = r.value;
    return false;
}

void sandbox_end(struct sandbox_process *p, struct sandbox_outcome *out)
{
    if (p->pid > 0)
        stop(p, out);
    *p = (struct sandbox_process){0};
}
