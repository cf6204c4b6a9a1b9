/* sandbox_child.c - the two processes of a sandbox. The first makes the namespaces, waits for the second, and with
 * it everything in a PID namespace ends. The second takes on the other layers and becomes the command. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
enum { HIGH = 10, MOST_FILES = 256, MOST_BYTES = 256 << 20 };

static void tell(int report, enum report_kind kind, int layer, int value)
{
    const struct report r = {kind, layer, value};
    (void)!write(report, &r, sizeof r);
}

static void fail(int report, enum layer layer, int value)
{
    tell(report, REPORT_FAILED, layer, value);
    _exit(1);
}

static void default_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < 65; i++)
        signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* No descriptor is left but 0 to 2, and that of reports, which exec closes. */
static void set_descriptors(int out, int report)
{
    const int null = open("/dev/null", O_RDONLY);
    if (null > 0)
        dup2(null, 0);
    dup2(out, 1);
    dup2(out, 2);
    syscall(SYS_close_range, 3U, (unsigned)report - 1, 0U);
    syscall(SYS_close_range, (unsigned)report + 1, ~0U, 0U);
}

static void limit(int what, uint64_t n)
{
    const struct rlimit l = {n, n};
    (void)!setrlimit((__rlimit_resource_t)what, &l);
}

static void set_limits(const struct sandbox *s)
{
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, MOST_FILES);
    limit(RLIMIT_FSIZE, MOST_BYTES);
    limit(RLIMIT_AS, (uint64_t)s->memory << 20);
    limit(RLIMIT_CPU, (uint64_t)s->seconds);
    limit(RLIMIT_MEMLOCK, 0);
    limit(RLIMIT_MSGQUEUE, 0);
}

/* Without a namespace, all processes of the user count: those of the machine are as many, or more. */
static void limit_processes(const struct sandbox *s, bool namespaces)
{
    struct sysinfo info;
    const uint64_t others = namespaces || sysinfo(&info) != 0 ? 0 : info.procs;
    limit(RLIMIT_NPROC, others + (uint64_t)s->processes);
}

static void drop_capabilities(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct none[2] = {{0}};
    for (int i = 0; i < 64; i++)
        prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_capset, &head, none);
}

static void become(const struct sandbox *s, bool namespaces, int report)
{
    static char *const with[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=/tmp", "TMPDIR=/tmp",
                                 NULL},
                       *const without[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8", "HOME=.", NULL};
    static const char *const folders[] = {"/usr/local/bin/", "/usr/bin/", "/bin/"};
    char *const *const environment = s->environment ? s->environment : namespaces ? with : without;
    char path[MAX_PATH + 1];
    int e = ENOENT;
    if (strchr(s->argv[0], '/')) {
        execve(s->argv[0], s->argv, environment);
        e = errno;
    }
    for (size_t i = 0; e == ENOENT && !strchr(s->argv[0], '/') && i < sizeof folders / sizeof *folders; i++) {
        if ((size_t)snprintf(path, sizeof path, "%s%s", folders[i], s->argv[0]) >= sizeof path)
            continue;
        execve(path, s->argv, environment);
        e = errno;
    }
    tell(report, REPORT_NO_PROGRAM, 0, e);
    _exit(127);
}

static void second(const struct sandbox *s, unsigned wanted, bool few, int report) __attribute__((noreturn));
static void second(const struct sandbox *s, unsigned wanted, bool few, int report)
{
    const bool namespaces = wanted >> LAYER_NAMESPACES & 1;
    int e = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    limit_processes(s, namespaces);
    if (wanted >> LAYER_PROCESSES & 1 && !few) /* the limit is none for root */
        fail(report, LAYER_PROCESSES, EPERM);
    drop_capabilities();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (wanted >> LAYER_LANDLOCK & 1 && (e = landlock_enter(s, namespaces)) != 0)
        fail(report, LAYER_LANDLOCK, e);
    if (wanted >> LAYER_SECCOMP & 1 && (e = seccomp_enter(!namespaces)) != 0)
        fail(report, LAYER_SECCOMP, e);
    if (!s->argv) {
        tell(report, REPORT_READY, 0, 0);
        _exit(0);
    }
    set_limits(s);
    become(s, namespaces, report);
    _exit(127);
}

void sandbox_child(const struct sandbox *s, unsigned wanted, unsigned uid, unsigned gid, int out, int report)
{
    bool few = uid != 0;
    int e = 0, status = 0;
    default_signals();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    setsid();
    umask(022);
    out = fcntl(out, F_DUPFD_CLOEXEC, HIGH);
    report = fcntl(report, F_DUPFD_CLOEXEC, HIGH);
    if (wanted >> LAYER_NAMESPACES & 1) {
        bool pids = false;
        if ((e = namespaces_enter(s, uid, gid, &pids)) != 0)
            fail(report, LAYER_NAMESPACES, e);
        few = few || pids;
    } else if (s->fresh >= 0 && fchdir(s->fresh) != 0) {
        fail(report, LAYER_NAMESPACES, errno);
    }
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    set_descriptors(out, report);
    struct pollfd reader = {.fd = report, .events = POLLOUT};
    if (poll(&reader, 1, 0) == 1 && (reader.revents & POLLERR)) /* it died before it could be noticed */
        _exit(1);
    const pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        second(s, wanted, few, report);
    if (pid < 0)
        fail(report, LAYER_PROCESSES, errno);
    for (pid_t ended = 0; ended != pid;)
        if ((ended = waitpid(-1, &status, 0)) < 0 && errno != EINTR)
            _exit(1);
    tell(report, REPORT_ENDED, 0, status);
    _exit(0);
}
