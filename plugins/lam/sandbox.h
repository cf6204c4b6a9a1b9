/* sandbox.h - runs a command that reaches only what it is given: the programs of the system and a workspace, to
 * read, and one new folder, to write. Its layers, from the outside in:
 *
 *   namespaces   user, mount, PID, network, IPC, UTS, cgroup: a root of its own, no network, no other processes
 *   Landlock     the same files again, for a kernel that forbids namespaces; TCP, signals, abstract sockets
 *   seccomp      no system call that administers, traces, mounts, makes namespaces or setuid files
 *   processes    how many there may be
 *
 * Always: no new privileges, no capabilities, no descriptors but 0 to 2, a clean environment, a session of its own,
 * limits of memory, file size, descriptors and time. The command is in the new folder; the workspace is
 * ../workspace. */
#ifndef LAM_SANDBOX_H
#define LAM_SANDBOX_H

#include "lam.h"

enum layer { LAYER_NAMESPACES, LAYER_LANDLOCK, LAYER_SECCOMP, LAYER_PROCESSES, N_LAYERS };
enum { ALL_LAYERS = (1 << N_LAYERS) - 1 };

struct sandbox {
    const struct root *root;
    unsigned layers;   /* that are wanted; 0: no sandbox */
    bool all;          /* of them must be had; else namespaces, or Landlock and seccomp, are enough */
    char *const *argv; /* NULL: nothing is run, the layers are tried */
    int fresh;         /* the new folder; -1: none, when nothing is run */
    const char *fresh_path;
    char **names; /* of what is in the workspace */
    size_t n_names;
    int64_t seconds, memory, processes; /* memory: MiB of a process */
    const uint32_t *cancel;             /* or NULL */
    const struct stopper *stopper;      /* or NULL */
    bool browser; /* a program of many processes, for which /proc is whole, and which does not see the workspace */
    char *const *environment; /* or NULL: the usual one */
    const char *sockets_path; /* a folder that is /tmp/.X11-unix in the sandbox; or NULL */
    int sockets;
    bool serves; /* it makes its socket there; others can only connect */
};
struct sandbox_outcome {
    unsigned held;         /* layers */
    int missing[N_LAYERS]; /* errno: why a layer could not be had; 0: it was, or was not wanted */
    struct text output;
    size_t dropped; /* bytes of output that were too many */
    enum { ENDED, NOT_FOUND, TIMED_OUT, CANCELLED } how;
    int status; /* of waitpid, when it ended; errno, when there is no such program */
};
/* Fails when a layer is missing that must not be; the sentence names it. */
viv_status sandbox_run(const struct sandbox *s, struct sandbox_outcome *out);
/* A command that goes on while others do. */
struct sandbox_process {
    pid_t pid; /* 0: none */
    int out, report;
};
/* Starts it with just these layers, which have been tried. */
viv_status sandbox_start(const struct sandbox *s, unsigned layers, struct sandbox_process *out);
/* Takes what it says. false: it has ended, and out->how and out->status say how. */
bool sandbox_goes_on(const struct sandbox_process *p, struct sandbox_outcome *out);
/* Ends all of it. Accepts a zeroed struct. */
void sandbox_end(struct sandbox_process *p, struct sandbox_outcome *out);
/* "sandbox: namespaces, Landlock, seccomp, processes; without ...", for people. */
void sandbox_describe(const struct sandbox_outcome *o, struct text *out);

/* --- between the files of the sandbox. What follows runs in a child of a process with threads: it calls the kernel
 * and no function that may lock. Functions return 0 or an errno. --- */

enum report_kind { REPORT_FAILED, REPORT_NO_PROGRAM, REPORT_READY, REPORT_ENDED };
struct report {
    int32_t kind, layer, value;
};
/* Never returns. Output goes to `out`, reports to `report`. */
void sandbox_child(const struct sandbox *s, unsigned wanted, unsigned uid, unsigned gid, int out, int report)
    __attribute__((noreturn));

/* What of the system may be read. NULL-terminated; what is not there is left out. */
extern const char *const system_paths[];
/* What programs with windows may read besides. */
extern const char *const window_paths[];
/* A device that may be written, too. */
bool is_device(const char *path);

/* namespaces.c: of a process that was made by clone with these flags. *few: whether the number of processes is
 * limited by the PID namespace. */
extern const unsigned long namespace_flags;
int namespaces_enter(const struct sandbox *s, unsigned uid, unsigned gid, bool *few);
/* landlock.c, from within the new folder. */
int landlock_enter(const struct sandbox *s, bool namespaces);
/* seccomp.c: `alone`: no namespaces hold, so that sockets, signals and changes of modes and times are refused, too.
 */
int seccomp_enter(bool alone);

#endif
