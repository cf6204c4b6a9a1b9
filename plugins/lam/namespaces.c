/* namespaces.c - a root of its own, on a tmpfs that is mounted over /tmp, which all systems have:
 *
 *   /usr /bin /lib ...  of the system, read-only      /work/new         the new folder
 *   /dev/null ...       four devices                  /work/workspace   read-only, with an empty .viv
 *   /proc               of this PID namespace         /tmp              64 MiB, thrown away
 *   /tmp/.X11-unix      of programs with windows: sockets of the display and of its bus
 */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
enum { RECURSIVE = 0x8000, READ_ONLY = 1, NO_SETUID = 2, NO_DEVICES = 4, INSIDE_ID = 1000 };
#define BASE "/tmp"

const unsigned long namespace_flags =
    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

const char *const system_paths[] = {"/usr",
                                    "/bin",
                                    "/sbin",
                                    "/lib",
                                    "/lib32",
                                    "/lib64",
                                    "/libx32",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/full",
                                    "/dev/random",
                                    "/dev/urandom",
                                    "/etc/ld.so.cache",
                                    "/etc/alternatives",
                                    "/etc/localtime",
                                    "/etc/fonts",
                                    NULL};

bool is_device(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0;
}

static int put(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    const ssize_t n = write(fd, text, strlen(text));
    const int e = n == (ssize_t)strlen(text) ? 0 : errno;
    close(fd);
    return e;
}

/* Some other number than 0 for root, too: nothing inside is to look like root. */
static int map(const char *path, unsigned outside)
{
    char line[64];
    snprintf(line, sizeof line, "%d %u 1", INSIDE_ID, outside);
    return put(path, line);
}

static int restrict_mount(const char *target, uint64_t what)
{
    const struct {
        uint64_t set, clear, propagation, userns;
    } attributes = {.set = what};
    return syscall(SYS_mount_setattr, AT_FDCWD, target, RECURSIVE, &attributes, sizeof attributes) == 0 ? 0 : errno;
}

static int bind(const char *source, const char *target, uint64_t what)
{
    if (mount(source, target, NULL, MS_BIND, NULL) != 0 &&
        (errno != EINVAL || mount(source, target, NULL, MS_BIND | MS_REC, NULL) != 0))
        return errno;
    return restrict_mount(target, what);
}

static int bind_fd(int fd, const char *target, uint64_t what)
{
    char source[64];
    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    return mount(source, target, NULL, MS_BIND, NULL) == 0 ? restrict_mount(target, what) : errno;
}

/* One of system_paths, under the base; a link stays a link. */
static int place(const char *path)
{
    char target[64], link[256];
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? 0 : errno;
    snprintf(target, sizeof target, BASE "%s", path);
    if (S_ISLNK(st.st_mode)) {
        const ssize_t n = readlink(path, link, sizeof link - 1);
        if (n < 0)
            return errno;
        link[n] = '\0';
        return symlink(link, target) == 0 ? 0 : errno;
    }
    if (S_ISDIR(st.st_mode) ? mkdir(target, 0755) != 0 : mknod(target, S_IFREG | 0644, 0) != 0)
        return errno;
    return bind(path, target, READ_ONLY | NO_SETUID | (is_device(path) ? 0 : NO_DEVICES));
}

/* In the new mount namespace, for a descriptor of the old one cannot be mounted. It must be the same folder. */
static int open_again(const char *path, int old)
{
    struct stat a, b;
    const int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &a) != 0 || fstat(old, &b) != 0 || a.st_dev != b.st_dev || a.st_ino != b.st_ino)) {
        errno = ESTALE;
        return -1;
    }
    return fd;
}

/* The smallest that a kernel from 6.14 on takes; others have none for a namespace. */
static int mount_proc(bool *few)
{
    const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    if (mount("proc", BASE "/proc", "proc", flags, NULL) != 0)
        return errno;
    *few = put(BASE "/proc/sys/kernel/pid_max", "301") == 0;
    return umount2(BASE "/proc", MNT_DETACH) == 0 && mount("proc", BASE "/proc", "proc", flags, "subset=pid") == 0
               ? 0
               : errno;
}

/* What a browser reads besides. */
static const char *const browser_paths[] = {
    "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ssl", "/etc/chromium", "/etc/chromium.d", "/opt",
    NULL};

const char *const window_paths[] = {"/etc/X11", "/etc/gtk-3.0", "/var/cache/fontconfig", NULL};

/* A bus wants to know who its user is. */
static int make_users(const char *path)
{
    char line[64];
    snprintf(line, sizeof line, "user:x:%d:%d::/tmp:/bin/sh\n", INSIDE_ID, INSIDE_ID);
    return mknod(path, S_IFREG | 0644, 0) == 0 ? put(path, line) : errno;
}

static int place_sockets(const struct sandbox *s, int sockets)
{
    if (mkdir(BASE "/var", 0755) != 0 || mkdir(BASE "/var/cache", 0755) != 0)
        return errno;
    int e = make_users(BASE "/etc/passwd");
    for (size_t i = 0; e == 0 && window_paths[i]; i++)
        e = place(window_paths[i]);
    if (e)
        return e;
    return mkdir(BASE "/tmp/.X11-unix", 0755) == 0
               ? bind_fd(sockets, BASE "/tmp/.X11-unix", NO_SETUID | NO_DEVICES | (s->serves ? 0 : READ_ONLY))
               : errno;
}

static int make_root(const struct sandbox *s, int workspace, int fresh, int sockets, bool *few)
{
    static const char *const folders[] = {BASE "/dev",  BASE "/etc",      BASE "/proc",          BASE "/tmp",
                                          BASE "/work", BASE "/work/new", BASE "/work/workspace"};
    const unsigned long flags = MS_NOSUID | MS_NODEV;
    int e = 0;
    if (mount("tmpfs", BASE, "tmpfs", flags, "mode=755,size=4m") != 0)
        return errno;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        if (mkdir(folders[i], 0755) != 0)
            return errno;
    for (size_t i = 0; e == 0 && system_paths[i]; i++)
        e = place(system_paths[i]);
    for (size_t i = 0; e == 0 && s->browser && browser_paths[i]; i++)
        e = place(browser_paths[i]);
    if (e == 0 && s->browser)
        e = mount("proc", BASE "/proc", "proc", flags | MS_NOEXEC, NULL) == 0 ? 0 : errno;
    else if (e == 0)
        e = mount_proc(few);
    if (e == 0 &&
        mount("tmpfs", BASE "/tmp", "tmpfs", flags, s->browser ? "mode=700,size=1g" : "mode=700,size=64m") != 0)
        e = errno;
    if (e == 0 && !s->browser)
        e = bind_fd(workspace, BASE "/work/workspace", READ_ONLY | NO_SETUID | NO_DEVICES);
    for (size_t i = 0; e == 0 && i < s->n_names; i++)
        if (strcmp(s->names[i], STORE) == 0 &&
            mount("tmpfs", BASE "/work/workspace/" STORE, "tmpfs", flags | MS_RDONLY, "mode=755,size=4k") != 0)
            e = errno;
    if (e == 0 && sockets >= 0)
        e = place_sockets(s, sockets);
    return e == 0 && fresh >= 0 ? bind_fd(fresh, BASE "/work/new", NO_SETUID | NO_DEVICES) : e;
}

int namespaces_enter(const struct sandbox *s, unsigned uid, unsigned gid, bool *few)
{
    int e = put("/proc/self/setgroups", "deny");
    if (e == 0)
        e = map("/proc/self/uid_map", uid);
    if (e == 0)
        e = map("/proc/self/gid_map", gid);
    if (e)
        return e;
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return errno;
    const int workspace = s->browser ? 0 : open_again(s->root->path, s->root->fd),
              fresh = s->fresh >= 0 ? open_again(s->fresh_path, s->fresh) : -1,
              sockets = s->sockets_path ? open_again(s->sockets_path, s->sockets) : -1;
    if (workspace < 0 || (s->fresh >= 0 && fresh < 0) || (s->sockets_path && sockets < 0))
        return errno;
    e = make_root(s, workspace, fresh, sockets, few);
    if (e)
        return e;
    if (chdir(BASE) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", MNT_DETACH) != 0)
        return errno;
    const struct {
        uint64_t set, clear, propagation, userns;
    } attributes = {.set = READ_ONLY};
    if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &attributes, sizeof attributes) != 0 ||
        sethostname("viv", 3) != 0 || chdir("/work/new") != 0)
        return errno;
    return 0;
}
