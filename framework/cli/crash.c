/* crash.c - see crash.h. A plugin's code runs in our process: that it crashes cannot be helped, but it can be said
 * whose code it was (base/trail.h). Of a crash in other code nothing is said here: it goes its way. */
#include "cli/crash.h"

#include "base/trail.h"
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
enum { N_DEADLY = sizeof deadly / sizeof *deadly, STACK = 1 << 16 };
static struct sigaction before[N_DEADLY];

/* Pieces one after the other, with nothing that could fail: the heap may be in ruins. */
static void tell(const char *const *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (const char *p = pieces[i]; *p;) {
            ssize_t written = write(STDERR_FILENO, p, strlen(p));
            if (written <= 0)
                return;
            p += written;
        }
}

static void tell_of_crash(const char *signal_text)
{
    const char *const spoilt[] = {"viv: ", trail_spoilt, "\n"};
    const char *const crashed[] = {"viv: ", trail.plugin, " crashed in ", trail.where, ": ", signal_text, "\n"};
    if (trail_spoilt)
        tell(spoilt, 3);
    else
        tell(crashed, 7);
}

static void on_deadly(int number, siginfo_t *info, void *context)
{
    static const char *const texts[] = {
        "signal 11 (segmentation fault)", "signal 7 (bus error)", "signal 8 (arithmetic exception)",
        "signal 4 (illegal instruction)", "signal 6 (aborted)",   "signal 5 (trap)"};
    int i = 0;
    while (deadly[i] != number)
        i++;
    const bool theirs = trail.plugin || trail_spoilt;
    if (theirs)
        tell_of_crash(texts[i]);
    if (before[i].sa_flags & SA_SIGINFO)
        before[i].sa_sigaction(number, info, context); /* of a sanitizer */
    if (theirs)
        _exit(EXIT_FAILED);
    sigaction(number, &before[i], NULL);
    raise(number);
}

/* Where `exit` is called by a plugin. */
static void on_exit_of_plugin(void)
{
    const char *const pieces[] = {"viv: ", trail.plugin, " ended the program in ", trail.where, "\n"};
    if (!trail.plugin)
        return;
    tell(pieces, 5);
    _exit(EXIT_FAILED);
}

void crash_watch(void)
{
    static char stack[STACK]; /* of its own: the plugin may have used up the other */
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigaltstack(&other, NULL);
    for (int i = 0; i < N_DEADLY; i++)
        sigaction(deadly[i], &action, &before[i]);
    atexit(on_exit_of_plugin);
}
