/* environment.c - the process state that a plugin must not change while it is loaded: locale, directory,
 * floating-point mode, umask, signals, processes, standard output. Threads are counted separately,
 * because libraries may start some. */
#include "base/float_mode.h"
#include "host/plugin.h"

#include <fcntl.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct environment {
    char locale[512], directory[4096];
    uint32_t float_control;
    mode_t mask;
    sigset_t blocked;
    void (*handlers[NSIG])(int);
};

struct environment *environment_capture(void)
{
    struct environment *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    snprintf(s->locale, sizeof s->locale, "%s", setlocale(LC_ALL, NULL));
    if (!getcwd(s->directory, sizeof s->directory))
        s->directory[0] = '\0';
    s->float_control = float_mode();
    s->mask = umask(0);
    umask(s->mask);
    sigprocmask(SIG_SETMASK, NULL, &s->blocked);
    for (int i = 1; i < NSIG; i++) {
        struct sigaction action;
        s->handlers[i] = sigaction(i, NULL, &action) == 0 ? action.sa_handler : SIG_DFL;
    }
    return s;
}

viv_status environment_compare(const struct environment *a, const struct environment *b, struct error *err)
{
    if (strcmp(a->locale, b->locale) != 0)
        return error_set(err, VIV_EABI, "loading it changes the locale from %s to %s: a plugin must leave it alone",
                         a->locale, b->locale);
    if (strcmp(a->directory, b->directory) != 0)
        return error_set(err, VIV_EABI, "loading it changes the current directory: a plugin must leave it alone");
    if (a->float_control != b->float_control)
        return error_set(
            err, VIV_EABI,
            "loading it changes the floating-point mode from 0x%x to 0x%x: link it without -ffast-math",
            a->float_control, b->float_control);
    if (a->mask != b->mask)
        return error_set(err, VIV_EABI, "loading it changes the umask: a plugin must leave it alone");
    for (int i = 1; i < NSIG; i++)
        if (a->handlers[i] != b->handlers[i] || sigismember(&a->blocked, i) != sigismember(&b->blocked, i))
            return error_set(err, VIV_EABI,
                             "loading it changes the handling of signal %d (%s): a plugin must leave it alone", i,
                             strsignal(i));
    if (lseek(STDOUT_FILENO, 0, SEEK_END) > 0)
        return error_set(err, VIV_EABI, "loading it writes to standard output, which is only for results");
    return VIV_OK;
}

uint64_t probe_count_threads(void)
{
    struct stat tasks;
    return stat("/proc/self/task", &tasks) == 0 ? tasks.st_nlink - 2 : 0; /* 2, plus one for each thread */
}

void probe_kill_children_of(const char *process)
{
    char path[64], list[4096];
    snprintf(path, sizeof path, "/proc/%s/children", process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, list, sizeof list - 1) : 0;
    if (fd >= 0)
        close(fd);
    list[n > 0 ? n : 0] = '\0';
    for (char *at = list; *at; at += strspn(at, " \n")) {
        char *end;
        long child = strtol(at, &end, 10);
        if (end == at)
            return;
        kill((pid_t)child, SIGKILL);
        at = end;
    }
}

bool probe_kill_children(void)
{
    bool any = false;
    for (int tries = 0; tries < 64; tries++) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0)
            return any;
        any = true;
        if (pid > 0)
            continue;
        probe_kill_children_of("thread-self");
        usleep(1000);
    }
    return any;
}
