/* process.c - a program with pipes, and a keeper between it and us:
 *
 *   viv --- keeper --- program --- what it starts
 *
 * The keeper sleeps until the program ends, or until viv closes the lifeline or dies, whatever the reason. Then the
 * program has a moment to end by itself; after that its group is told to, and at last all are killed. Who leaves
 * the group and its parent becomes a child of the keeper (a subreaper), so that nothing outlives it. */
#include "mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
enum { GENTLE = 2000, FIRM = 1000 /* ms: by itself, by SIGTERM */, HIGH = 10 };

/* --- in the keeper, and in the program: nothing that may lock, for viv has threads --- */

static void be_program(char *const *argv, char *const *environment, int folder, const int ends[3], int report)
    __attribute__((noreturn));
static void be_program(char *const *argv, char *const *environment, int folder, const int ends[3], int report)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < 65; i++)
        signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (fchdir(folder) == 0 && dup2(ends[0], 0) == 0 && dup2(ends[1], 1) == 1 && dup2(ends[2], 2) == 2 &&
        dup2(report, 3) == 3 && fcntl(3, F_SETFD, FD_CLOEXEC) == 0) {
        syscall(SYS_close_range, 4U, ~0U, 0U);
        execvpe(argv[0], argv, environment);
    }
    const int e = errno;
    (void)!write(3, &e, sizeof e);
    _exit(127);
}

/* Kills children until there are none: who loses a parent becomes one. */
static void kill_all(void)
{
    char text[4096];
    for (;;) {
        const int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
        const ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
        if (fd >= 0)
            close(fd);
        pid_t id = 0;
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                id = 10 * id + (text[i] - '0');
            } else if (id > 1) {
                kill(id, SIGKILL);
                id = 0;
            }
        }
        if (waitpid(-1, NULL, n > 0 ? 0 : WNOHANG) <= 0 && errno != EINTR)
            return;
    }
}

static void be_keeper(pid_t program, int lifeline) __attribute__((noreturn));
static void be_keeper(pid_t program, int lifeline)
{
    const int fd = (int)syscall(SYS_pidfd_open, program, 0);
    struct pollfd fds[2] = {{.fd = lifeline}, {.fd = fd, .events = POLLIN}};
    while (fd >= 0 && poll(fds, 2, -1) < 0 && errno == EINTR)
        ;
    if (fd >= 0 && poll(&fds[1], 1, GENTLE) == 0) {
        kill(-program, SIGTERM);
        poll(&fds[1], 1, FIRM);
    }
    kill(-program, SIGKILL);
    kill_all();
    _exit(0);
}

static void keep(char *const *argv, char *const *environment, int folder, const int ends[3], int report,
                 int lifeline) __attribute__((noreturn));
static void keep(char *const *argv, char *const *environment, int folder, const int ends[3], int report,
                 int lifeline)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    setsid(); /* Ctrl-C at a terminal is for viv, which then ends it */
    for (int i = 1; i < 32; i++)
        if (i != SIGCHLD)
            signal(i, SIG_IGN);
    signal(SIGCHLD, SIG_DFL);
    const pid_t program = fork();
    if (program == 0)
        be_program(argv, environment, folder, ends, report);
    const int e = errno, null = open("/dev/null", O_RDWR);
    if (program < 0)
        (void)!write(report, &e, sizeof e);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    dup2(lifeline, 3);
    syscall(SYS_close_range, 4U, ~0U, 0U);
    if (program < 0)
        _exit(1);
    be_keeper(program, 3);
}

/* --- in viv --- */

static void close_all(int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Ends of pipes, above those that the child gives new numbers to. */
static bool make_pipes(int fds[10])
{
    bool ok = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0; /* a write to it raises no signal */
    for (int i = 2; ok && i < 10; i += 2)
        ok = pipe2(fds + i, O_CLOEXEC) == 0;
    for (int i = 0; ok && i < 10; i++) {
        const int high = fcntl(fds[i], F_DUPFD_CLOEXEC, HIGH);
        close(fds[i]);
        ok = (fds[i] = high) >= 0;
    }
    return ok;
}

/* 0, or why the program could not be started. */
static int read_report(int fd)
{
    int e = 0;
    ssize_t n;
    while ((n = read(fd, &e, sizeof e)) < 0 && errno == EINTR)
        ;
    return n == (ssize_t)sizeof e ? e : 0;
}

viv_status process_start(const viv_host *host, const char *name, char *const *argv, char *const *environment,
                         int folder, struct process *out)
{
    enum { IN, IN_END, OUT, OUT_END, ERR, ERR_END, REPORT, REPORT_END, LIFELINE, LIFELINE_END, N };
    int fds[N] = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    if (!make_pipes(fds)) {
        const int e = errno;
        close_all(fds, N);
        return viv_fail(host, VIV_EIO, "server '%s': cannot make a pipe: %s", name, strerror(e));
    }
    const pid_t keeper = fork();
    if (keeper == 0)
        keep(argv, environment, folder, (const int[3]){fds[IN_END], fds[OUT_END], fds[ERR_END]}, fds[REPORT_END],
             fds[LIFELINE]);
    int e = keeper < 0 ? errno : 0;
    const int theirs[] = {fds[IN_END], fds[OUT_END], fds[ERR_END], fds[REPORT_END], fds[LIFELINE]};
    close_all((int *)theirs, 5);
    *out = (struct process){keeper, fds[IN], fds[OUT], fds[ERR], fds[LIFELINE_END]};
    if (!e)
        e = read_report(fds[REPORT]);
    close(fds[REPORT]);
    for (int i = OUT; i <= ERR; i += ERR - OUT)
        (void)!fcntl(fds[i], F_SETFL, O_NONBLOCK);
    (void)!fcntl(fds[IN], F_SETFL, O_NONBLOCK);
    if (!e)
        return VIV_OK;
    process_end(out);
    return viv_fail(host, e == ENOENT ? VIV_ENOTFOUND : VIV_EIO, "server '%s': cannot run '%s': %s", name, argv[0],
                    strerror(e));
}

void process_end(struct process *p)
{
    if (!p->keeper)
        return;
    const int fds[] = {p->in, p->out, p->err, p->lifeline};
    close(fds[0]);
    close(fds[3]);
    while (p->keeper > 0 && waitpid(p->keeper, NULL, 0) < 0 && errno == EINTR)
        ;
    close(fds[1]);
    close(fds[2]);
    *p = (struct process){0};
}
