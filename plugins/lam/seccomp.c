/* seccomp.c - system calls that no command needs, refused by a filter. Most answer EPERM; those whose arguments a
 * filter cannot see answer ENOSYS, so that libraries fall back on older ones; those of another machine's numbering
 * kill. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifndef ARCHITECTURE
int seccomp_enter(bool alone)
{
    (void)alone;
    return ENOSYS;
}
#else

/* Numbers from 424 on are those of all machines; headers may be older. */
enum {
    IO_URING_SETUP = 425,
    IO_URING_ENTER = 426,
    IO_URING_REGISTER = 427,
    OPEN_TREE = 428,
    MOVE_MOUNT = 429,
    FSOPEN = 430,
    FSCONFIG = 431,
    FSMOUNT = 432,
    FSPICK = 433,
    CLONE3 = 435,
    OPENAT2 = 437,
    PIDFD_GETFD = 438,
    PROCESS_MADVISE = 440,
    MOUNT_SETATTR = 442,
    QUOTACTL_FD = 443,
    PROCESS_MRELEASE = 448,
    FCHMODAT2 = 452,
    SETXATTRAT = 463,
    REMOVEXATTRAT = 466,
    OPEN_TREE_ATTR = 467,
    FILE_SETATTR = 469
};

static const int refused[] = {
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    PIDFD_GETFD,
    PROCESS_MADVISE,
    PROCESS_MRELEASE,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    OPEN_TREE,
    MOVE_MOUNT,
    FSOPEN,
    FSCONFIG,
    FSMOUNT,
    FSPICK,
    MOUNT_SETATTR,
    OPEN_TREE_ATTR,
    SYS_unshare,
    SYS_setns,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    IO_URING_SETUP,
    IO_URING_ENTER,
    IO_URING_REGISTER,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_mknodat,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    QUOTACTL_FD,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_personality,
    SYS_syslog,
    SYS_vhangup,
    SYS_fanotify_init,
    SYS_move_pages,
    SYS_migrate_pages,
    SYS_mbind,
    SYS_set_mempolicy,
    SYS_lookup_dcookie,
    SYS_sched_setscheduler,
    SYS_sched_setparam,
    SYS_sched_setattr,
    SYS_sched_setaffinity,
    SYS_setpriority,
    SYS_ioprio_set,
#ifdef __x86_64__
    SYS_mknod,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_uselib,
    SYS_ustat,
    SYS_sysfs,
#endif
};
/* Landlock does not know of these. */
static const int refused_alone[] = {
    SYS_socket,
    SYS_kill,
    SYS_tkill,
    SYS_tgkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_send_signal,
    SYS_setsid,
    SYS_setpgid,
    SYS_fchmod,
    SYS_fchmodat,
    FCHMODAT2,
    SYS_fchown,
    SYS_fchownat,
    SYS_utimensat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SETXATTRAT,
    REMOVEXATTRAT,
    FILE_SETATTR,
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
    SYS_msgget,
    SYS_semget,
    SYS_mq_open,
    SYS_mq_unlink,
#ifdef __x86_64__
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#endif
};
static const int unknown[] = {CLONE3, OPENAT2};

/* Bits of modes that let others become the owner. */
enum { SETUID_BITS = 06000, MAKES = O_CREAT | (O_TMPFILE & ~O_DIRECTORY) };
static const struct {
    int call, flags, mode; /* arguments; flags -1: it always makes something */
} modes[] = {
    {SYS_fchmod, -1, 1}, {SYS_fchmodat, -1, 2}, {FCHMODAT2, -1, 2}, {SYS_mkdirat, -1, 2}, {SYS_openat, 2, 3},
#ifdef __x86_64__
    {SYS_chmod, -1, 1},  {SYS_mkdir, -1, 1},    {SYS_creat, -1, 1}, {SYS_open, 1, 2},
#endif
};

struct program {
    struct sock_filter at[400];
    unsigned short n;
};

static void add(struct program *p, unsigned short code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->at[p->n++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void load_argument(struct program *p, int i) /* its lower half: both machines are little-endian */
{
    load(p, offsetof(struct seccomp_data, args) + 8 * (size_t)i);
}

static void load_number(struct program *p)
{
    load(p, offsetof(struct seccomp_data, nr));
}

static void if_equal(struct program *p, uint32_t k, uint8_t yes, uint8_t no)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, k, yes, no);
}

static void if_bits(struct program *p, uint32_t k, uint8_t yes, uint8_t no)
{
    add(p, BPF_JMP | BPF_JSET | BPF_K, k, yes, no);
}

static void answer(struct program *p, uint32_t what)
{
    add(p, BPF_RET | BPF_K, what, 0, 0);
}

static void refuse(struct program *p, const int *calls, size_t n, int e)
{
    for (size_t i = 0; i < n; i++) {
        if_equal(p, (uint32_t)calls[i], 0, 1);
        answer(p, SECCOMP_RET_ERRNO | (uint32_t)e);
    }
}

static void refuse_bits(struct program *p, int call, int argument, uint32_t bits)
{
    if_equal(p, (uint32_t)call, 0, 4);
    load_argument(p, argument);
    if_bits(p, bits, 0, 1);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
    load_number(p);
}

static void refuse_modes(struct program *p)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (modes[i].flags < 0) {
            refuse_bits(p, modes[i].call, modes[i].mode, SETUID_BITS);
            continue;
        }
        if_equal(p, (uint32_t)modes[i].call, 0, 6);
        load_argument(p, modes[i].flags);
        if_bits(p, MAKES, 0, 3);
        load_argument(p, modes[i].mode);
        if_bits(p, SETUID_BITS, 0, 1);
        answer(p, SECCOMP_RET_ERRNO | EPERM);
        load_number(p);
    }
}

static void refuse_others(struct program *p)
{
    refuse_bits(p, SYS_clone, 0,
                CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                    CLONE_NEWCGROUP);
    if_equal(p, SYS_prlimit64, 0, 4); /* of another process */
    load_argument(p, 0);
    if_equal(p, 0, 1, 0);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
    load_number(p);
    if_equal(p, SYS_socket, 0, 6);
    load_argument(p, 0);
    if_equal(p, AF_UNIX, 3, 0);
    if_equal(p, AF_INET, 2, 0);
    if_equal(p, AF_INET6, 1, 0);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
    load_number(p);
    if_equal(p, SYS_ioctl, 0, 5); /* typing into a terminal */
    load_argument(p, 1);
    if_equal(p, TIOCSTI, 1, 0);
    if_equal(p, TIOCLINUX, 0, 1);
    answer(p, SECCOMP_RET_ERRNO | EPERM);
    load_number(p);
}

int seccomp_enter(bool alone)
{
    struct program p = {.n = 0};
    load(&p, offsetof(struct seccomp_data, arch));
    if_equal(&p, ARCHITECTURE, 1, 0);
    answer(&p, SECCOMP_RET_KILL_PROCESS);
    load_number(&p);
#ifdef __x86_64__
    add(&p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); /* the x32 numbering */
    answer(&p, SECCOMP_RET_KILL_PROCESS);
#endif
    refuse(&p, refused, sizeof refused / sizeof *refused, EPERM);
    if (alone)
        refuse(&p, refused_alone, sizeof refused_alone / sizeof *refused_alone, EPERM);
    refuse(&p, unknown, sizeof unknown / sizeof *unknown, ENOSYS);
    refuse_modes(&p);
    refuse_others(&p);
    answer(&p, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {p.n, p.at};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0 ? 0 : errno;
}
#endif
