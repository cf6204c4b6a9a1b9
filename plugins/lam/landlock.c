/* landlock.c - which files may be read and which written, by the kernel's own rules for unprivileged programs. The
 * headers of older systems end at ABI 2: what is newer is defined here, and asked for at run time. */
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_MAKE_CHAR = 1 << 6,
    FS_MAKE_BLOCK = 1 << 11,
    FS_REFER = 1 << 13,     /* ABI 2 */
    FS_TRUNCATE = 1 << 14,  /* ABI 3 */
    FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
    FS_READ = FS_EXECUTE | FS_READ_FILE | FS_READ_DIR,
    FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV,
    NET_TCP = 3, /* bind and connect, ABI 4 */
    SCOPES = 3   /* abstract sockets and signals, ABI 6 */
};

struct ruleset {
    uint64_t fs, net, scopes;
};
struct rule {
    uint64_t allowed;
    int32_t fd;
} __attribute__((packed));

static size_t ruleset_of(long abi, struct ruleset *r)
{
    *r = (struct ruleset){.fs = (abi >= 5   ? FS_IOCTL_DEV << 1
                                 : abi >= 3 ? FS_TRUNCATE << 1
                                 : abi >= 2 ? FS_REFER << 1
                                            : FS_REFER) -
                                1,
                          .net = abi >= 4 ? NET_TCP : 0,
                          .scopes = abi >= 6 ? SCOPES : 0};
    return sizeof(uint64_t) * (abi >= 6 ? 3 : abi >= 4 ? 2 : 1);
}

/* What is not there needs no rule. */
static int allow(int set, const struct ruleset *r, const char *path, uint64_t what, bool follow)
{
    struct stat st;
    const int fd = open(path, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return errno == ENOENT || errno == EACCES ? 0 : errno;
    int e = fstat(fd, &st) == 0 ? 0 : errno;
    if (e == 0 && !S_ISLNK(st.st_mode)) {
        const struct rule rule = {what & r->fs & (S_ISDIR(st.st_mode) ? ~(uint64_t)0 : FS_OF_FILES), fd};
        if (syscall(SYS_landlock_add_rule, set, 1, &rule, 0) != 0)
            e = errno;
    }
    close(fd);
    return e;
}

/* One name of the workspace: all but the store. */
static int allow_name(int set, const struct ruleset *r, const char *name)
{
    char path[MAX_NAME + 32];
    if (strcmp(name, STORE) == 0)
        return 0;
    snprintf(path, sizeof path, "../workspace/%s", name);
    return allow(set, r, path, FS_READ, false);
}

static int allow_all(int set, const struct ruleset *r, const struct sandbox *s, bool namespaces)
{
    const uint64_t all = r->fs & ~(uint64_t)(FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEV);
    int e = allow(set, r, ".", s->fresh >= 0 ? all : FS_READ, true);
    if (e == 0)
        e = allow(set, r, "../workspace", FS_READ_DIR, true);
    for (size_t i = 0; e == 0 && i < s->n_names; i++)
        e = allow_name(set, r, s->names[i]);
    for (size_t i = 0; e == 0 && system_paths[i]; i++)
        e = allow(set, r, system_paths[i], is_device(system_paths[i]) ? FS_READ_FILE | FS_WRITE_FILE : FS_READ,
                  true);
    if (e == 0 && s->sockets_path)
        e = allow(set, r, "/etc/passwd", FS_READ, true);
    for (size_t i = 0; e == 0 && s->sockets_path && window_paths[i]; i++)
        e = allow(set, r, window_paths[i], FS_READ, true);
    if (e == 0 && namespaces)
        e = allow(set, r, "/tmp", all, true);
    return e == 0 && namespaces ? allow(set, r, "/proc", FS_READ_FILE | FS_READ_DIR, true) : e;
}

int landlock_enter(const struct sandbox *s, bool namespaces)
{
    struct ruleset r;
    const long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);
    if (abi < 1)
        return errno;
    if (abi < 3 && !namespaces) /* files could be truncated that may not be written */
        return EOPNOTSUPP;
    const size_t size = ruleset_of(abi, &r);
    const int set = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
    if (set < 0)
        return errno;
    const int e = allow_all(set, &r, s, namespaces);
    return e ? e : syscall(SYS_landlock_restrict_self, set, 0) == 0 ? 0 : errno;
}
