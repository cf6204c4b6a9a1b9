/* escapes.h - ways out of a sandbox. Each returns whether it has succeeded; it is run as the command of a sandbox,
 * by the test's own program, and as a control without one. */
#ifndef TESTS_LAM_ESCAPES_H
#define TESTS_LAM_ESCAPES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

/* What the test has prepared outside: arguments of the command. */
static struct {
    const char *file, *socket, *abstract;
    pid_t pid; /* of the test */
    int port, key;
} target;

static inline bool opens(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC, 0600);
    return fd >= 0 && close(fd) == 0;
}

/* --- files: patterns 118 and 119 of bad inputs --- */
static inline bool read_outside(void)
{
    return opens(target.file, O_RDONLY);
}
static inline bool write_outside(void)
{
    return opens(target.file, O_WRONLY);
}
static inline bool truncate_outside(void)
{
    return truncate(target.file, 0) == 0;
}
static inline bool follow_a_link_out(void)
{
    return symlink(target.file, "link") == 0 && opens("link", O_RDONLY);
}
static inline bool climb_out(void)
{
    char path[4200];
    snprintf(path, sizeof path, "../../../../../../../..%s", target.file);
    return opens(path, O_RDONLY);
}
static inline bool chmod_outside(void)
{
    return chmod(target.file, 0777) == 0;
}
static inline bool set_times_outside(void)
{
    return utimensat(AT_FDCWD, target.file, NULL, 0) == 0;
}
static inline bool remove_outside(void)
{
    char name[4200];
    snprintf(name, sizeof name, "%s.moved", target.file);
    return rename(target.file, name) == 0 && rename(name, target.file) == 0;
}
static inline bool write_the_workspace(void)
{
    return opens("../workspace/a.txt", O_WRONLY);
}
static inline bool make_in_the_workspace(void)
{
    return opens("../workspace/made", O_WRONLY | O_CREAT);
}
static inline bool remove_in_the_workspace(void)
{
    return unlink("../workspace/b.txt") == 0;
}
static inline bool chmod_in_the_workspace(void)
{
    return chmod("../workspace/a.txt", 0777) == 0;
}
static inline bool link_the_workspace(void)
{
    return link("../workspace/a.txt", "hard") == 0;
}
static inline bool read_the_store(void)
{
    return opens("../workspace/.viv/journal", O_RDONLY);
}
static inline bool write_shared_memory(void)
{
    return opens("/dev/shm/viv-escape", O_RDWR | O_CREAT) && unlink("/dev/shm/viv-escape") == 0;
}
static inline bool write_temporary_files(void)
{
    struct stat st;
    char path[64]; /* a private /tmp is no way out */
    snprintf(path, sizeof path, "/tmp/viv-escape-%d", target.pid);
    return opens(path, O_RDWR | O_CREAT) && stat("/work/new", &st) != 0 && unlink(path) == 0;
}
static inline bool make_a_setuid_file(void)
{
    return opens("setuid", O_WRONLY | O_CREAT) && chmod("setuid", 04755) == 0;
}
static inline bool create_a_setuid_file(void)
{
    struct stat st;
    const int fd = open("setuid2", O_WRONLY | O_CREAT | O_CLOEXEC, 04755);
    return fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_ISUID);
}
static inline bool make_a_device(void)
{
    return mknod("device", S_IFCHR | 0666, (1 << 8) | 3) == 0;
}

/* --- processes --- */
static inline bool in_proc(const char *what)
{
    char path[4400], byte;
    snprintf(path, sizeof path, "/proc/%d/%s", target.pid, what);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &byte, 1) == 1;
}
static inline bool read_an_environment(void)
{
    return in_proc("environ");
}
static inline bool read_by_another_root(void)
{
    char path[4300];
    snprintf(path, sizeof path, "root%s", target.file);
    return in_proc(path);
}
static inline bool read_by_its_own_root(void)
{
    char path[4300];
    snprintf(path, sizeof path, "/proc/self/root%s", target.file);
    return opens(path, O_RDONLY);
}
static inline bool trace_a_process(void)
{
    return ptrace(PTRACE_SEIZE, target.pid, NULL, NULL) == 0;
}
static inline bool read_a_process(void)
{
    char byte;
    struct iovec to = {&byte, 1}, from = {&target, 1};
    return process_vm_readv(target.pid, &to, 1, &from, 1, 0) == 1 || errno == EFAULT;
}
static inline bool signal_a_process(void)
{
    return kill(target.pid, 0) == 0;
}
static inline bool slow_a_process(void)
{
    return setpriority(PRIO_PROCESS, (id_t)target.pid, 19) == 0;
}
static inline bool limit_a_process(void)
{
    struct rlimit old;
    return prlimit(target.pid, RLIMIT_CORE, NULL, &old) == 0;
}
static inline bool shared_segments(void)
{
    return shmget(target.key, 1, 0) >= 0;
}
static inline bool inherit_descriptors(void)
{
    for (int fd = 3; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return true;
    return false;
}
static inline bool inherit_the_environment(void)
{
    return getenv("VIV_SECRET") != NULL;
}
static inline bool use_capabilities(void)
{
    return setgroups(0, NULL) == 0;
}

/* --- the network: pattern 122 --- */
static inline bool connects(const void *address, socklen_t size, int kind)
{
    const int fd = socket(((const struct sockaddr *)address)->sa_family, kind | SOCK_CLOEXEC, 0);
    return fd >= 0 && connect(fd, address, size) == 0 && (kind != SOCK_DGRAM || send(fd, "x", 1, 0) == 1);
}
static inline bool to_port(int kind)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)target.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return connects(&address, sizeof address, kind);
}
static inline bool connect_by_tcp(void)
{
    return to_port(SOCK_STREAM);
}
static inline bool send_by_udp(void)
{
    return to_port(SOCK_DGRAM);
}
static inline bool connect_by_a_path(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", target.socket);
    return connects(&address, sizeof address, SOCK_STREAM);
}
static inline bool connect_by_an_abstract_name(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t n = strlen(target.abstract);
    memcpy(address.sun_path + 1, target.abstract, n);
    return connects(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n), SOCK_STREAM);
}
static inline bool open_netlink(void)
{
    return socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}
static inline bool open_vsock(void)
{
    return socket(AF_VSOCK, SOCK_STREAM, 0) >= 0;
}
static inline bool open_packets(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) >= 0;
}

/* --- the kernel: pattern 123 of bad inputs, but for its processes above --- */
static inline bool start_io_uring(void)
{
    char parameters[120] = "";
    return syscall(425, 1, parameters) >= 0;
}
static inline bool make_a_bpf_map(void)
{
    const uint32_t array[32] = {2, 4, 4, 1}; /* type, sizes of key and value, entries */
    return syscall(SYS_bpf, 0, array, sizeof array) >= 0;
}
static inline bool make_a_namespace(void)
{
    return unshare(CLONE_NEWUSER) == 0;
}
static inline bool clone_a_namespace(void)
{
    uint64_t arguments[8] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    const long pid = syscall(435, arguments, sizeof arguments);
    if (pid == 0)
        _exit(0);
    return pid > 0 && waitpid((pid_t)pid, NULL, 0) == pid;
}
static inline bool mount_something(void)
{
    return mount("tmpfs", ".", "tmpfs", 0, NULL) == 0;
}
static inline bool change_the_root(void)
{
    return chroot(".") == 0;
}
static inline bool add_a_key(void)
{
    return syscall(SYS_add_key, "user", "viv-escape", "x", 1, -4 /* of the user */) >= 0;
}
static inline bool name_the_machine(void)
{
    return sethostname("x", 1) == 0;
}

/* --- too much: pattern 121 --- */
static inline bool fork_a_bomb(void)
{
    for (int i = 0; i < 500; i++) {
        const pid_t pid = fork();
        if (pid < 0)
            return false;
        if (pid == 0)
            for (;;)
                pause();
    }
    return true;
}
static inline bool take_memory(void)
{
    return mmap(NULL, (size_t)8 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                0) != MAP_FAILED;
}
static inline bool make_a_large_file(void)
{
    signal(SIGXFSZ, SIG_IGN);
    const int fd = open("large", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return ftruncate(fd, (off_t)1 << 30) == 0;
}

enum {
    CONTROL = 1,      /* it succeeds for anyone who is in no sandbox */
    OF_PROCESSES = 2, /* the layer of processes holds it */
    OF_MEMORY = 4     /* the limit of memory does */
};
static const struct {
    const char *name;
    bool (*run)(void);
    int flags;
} escapes[] = {
#define ESCAPE(name, flags)                                                                                        \
    {                                                                                                              \
#name, name, flags                                                                                         \
    }
    ESCAPE(read_outside, CONTROL),
    ESCAPE(write_outside, CONTROL),
    ESCAPE(truncate_outside, CONTROL),
    ESCAPE(follow_a_link_out, CONTROL),
    ESCAPE(climb_out, 0),
    ESCAPE(chmod_outside, CONTROL),
    ESCAPE(set_times_outside, CONTROL),
    ESCAPE(remove_outside, CONTROL),
    ESCAPE(write_the_workspace, CONTROL),
    ESCAPE(make_in_the_workspace, CONTROL),
    ESCAPE(chmod_in_the_workspace, CONTROL),
    ESCAPE(remove_in_the_workspace, 0),
    ESCAPE(link_the_workspace, CONTROL),
    ESCAPE(read_the_store, CONTROL),
    ESCAPE(write_shared_memory, 0),
    ESCAPE(write_temporary_files, CONTROL),
    ESCAPE(make_a_setuid_file, CONTROL),
    ESCAPE(create_a_setuid_file, CONTROL),
    ESCAPE(make_a_device, 0),
    ESCAPE(read_an_environment, 0),
    ESCAPE(read_by_another_root, 0),
    ESCAPE(read_by_its_own_root, CONTROL),
    ESCAPE(trace_a_process, 0),
    ESCAPE(read_a_process, 0),
    ESCAPE(signal_a_process, CONTROL),
    ESCAPE(slow_a_process, 0),
    ESCAPE(limit_a_process, CONTROL),
    ESCAPE(shared_segments, CONTROL),
    ESCAPE(inherit_descriptors, 0),
    ESCAPE(inherit_the_environment, 0),
    ESCAPE(use_capabilities, 0),
    ESCAPE(connect_by_tcp, CONTROL),
    ESCAPE(send_by_udp, CONTROL),
    ESCAPE(connect_by_a_path, CONTROL),
    ESCAPE(connect_by_an_abstract_name, CONTROL),
    ESCAPE(open_netlink, CONTROL),
    ESCAPE(open_vsock, 0),
    ESCAPE(open_packets, 0),
    ESCAPE(start_io_uring, 0),
    ESCAPE(make_a_bpf_map, 0),
    ESCAPE(make_a_namespace, 0),
    ESCAPE(clone_a_namespace, 0),
    ESCAPE(mount_something, 0),
    ESCAPE(change_the_root, 0),
    ESCAPE(add_a_key, 0),
    ESCAPE(name_the_machine, 0),
    ESCAPE(fork_a_bomb, OF_PROCESSES),
    ESCAPE(take_memory, OF_MEMORY),
    ESCAPE(make_a_large_file, 0),
#undef ESCAPE
};
enum { N_ESCAPES = sizeof escapes / sizeof *escapes };

#endif
