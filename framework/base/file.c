/* file.c - see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *kind_of(mode_t mode)
{
    return S_ISDIR(mode) ? "directory" : S_ISFIFO(mode) ? "FIFO" : S_ISSOCK(mode) ? "socket" : "device";
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static viv_status open_for_reading(const char *path, int *fd, struct error *err)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd >= 0)
        return VIV_OK;
    return error_set(err, errno == ENOENT ? VIV_ENOTFOUND : VIV_EIO, "%s: %s", path, strerror(errno));
}

viv_status file_open_regular(const char *path, int *fd, uint64_t *size, struct error *err)
{
    struct stat st;
    viv_status status = open_for_reading(path, fd, err);
    if (status != VIV_OK)
        return status;
    if (fstat(*fd, &st) != 0) {
        status = error_set(err, VIV_EIO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        status = error_set(err, VIV_EFORMAT, "%s: expected a regular file, found a %s", path, kind_of(st.st_mode));
    } else {
        *size = (uint64_t)st.st_size;
        return VIV_OK;
    }
    close(*fd);
    return status;
}

/* --- mapping ------------------------------------------------------------------------------------------- */

/* What the SIGBUS handler looks at: it may not lock, so slots are claimed and given back atomically. */
enum { MAX_GUARDED = 4096 };
static struct guard {
    _Atomic(uintptr_t) begin; /* 0: free */
    _Atomic(uintptr_t) end;
    _Atomic(const char *) path;
    atomic_bool broken;
} guards[MAX_GUARDED];
static struct sigaction previous_action;

static struct guard *guard_of(const struct file_map *map)
{
    for (size_t i = 0; map->data && i < MAX_GUARDED; i++)
        if (atomic_load(&guards[i].begin) == (uintptr_t)map->data)
            return &guards[i];
    return NULL;
}

static void guard_add(const struct file_map *map)
{
    for (size_t i = 0; i < MAX_GUARDED; i++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&guards[i].begin, &none, (uintptr_t)map->data)) {
            atomic_store(&guards[i].broken, false);
            atomic_store(&guards[i].path, map->path);
            atomic_store(&guards[i].end, (uintptr_t)map->data + map->size);
            return;
        }
    }
}

static void on_sigbus(int signal_number, siginfo_t *info, void *context)
{
    uintptr_t at = (uintptr_t)info->si_addr;
    for (size_t i = 0; i < MAX_GUARDED; i++) {
        uintptr_t begin = atomic_load(&guards[i].begin);
        if (!begin || at < begin || at >= atomic_load(&guards[i].end))
            continue;
        uintptr_t page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
        void *page = (void *)(at & ~(page_size - 1));
        if (mmap(page, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            break;
        atomic_store(&guards[i].broken, true);
        return;
    }
    if (previous_action.sa_flags & SA_SIGINFO) {
        previous_action.sa_sigaction(signal_number, info, context);
    } else {
        /* returning repeats the access, which then ends the process as it would have without us */
        sigaction(SIGBUS, &previous_action, NULL);
    }
}

viv_status file_map_guard(struct error *err)
{
    struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};
    if (sigaction(SIGBUS, &action, &previous_action) != 0)
        return error_set(err, VIV_EIO, "cannot watch for files that shrink: %s", strerror(errno));
    return VIV_OK;
}

bool file_map_broken(const struct file_map *map)
{
    const struct guard *g = guard_of(map);
    return g && atomic_load(&g->broken);
}

const char *file_map_any_broken(void)
{
    for (size_t i = 0; i < MAX_GUARDED; i++)
        if (atomic_load(&guards[i].begin) && atomic_load(&guards[i].broken))
            return atomic_load(&guards[i].path);
    return NULL;
}

viv_status file_map_open(struct file_map *map, const char *path, struct error *err)
{
    int fd;
    *map = (struct file_map){0};
    viv_status status = file_open_regular(path, &fd, &map->size, err);
    if (status != VIV_OK)
        return status;
    map->path = strdup(path);
    if (!map->path) {
        status = error_nomem(err);
    } else if (map->size > 0) {
        void *data = mmap(NULL, map->size, PROT_READ, MAP_SHARED, fd, 0);
        if (data == MAP_FAILED) {
            status = error_set(err, VIV_EIO, "%s: cannot map its %" PRIu64 " bytes: %s", path, map->size,
                               strerror(errno));
            free(map->path);
            *map = (struct file_map){0};
        } else {
            map->data = data;
            map->fd = fd;
            guard_add(map);
            return VIV_OK;
        }
    }
    close(fd);
    return status;
}

void file_map_forget(const void *data, uint64_t n)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = ((uintptr_t)data + page - 1) & ~(page - 1),
                    end = ((uintptr_t)data + n) & ~(page - 1);
    if (end > begin)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}

viv_status file_map_read(const struct file_map *map, uint64_t at, uint64_t n, void *out, struct error *err)
{
    for (uint64_t done = 0; done < n;) {
        ssize_t got = pread(map->fd, (char *)out + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, VIV_EIO, "%s: %" PRIu64 " bytes at %" PRIu64 " cannot be read: %s", map->path, n,
                             at, strerror(errno));
        if (got == 0)
            return error_set(err, VIV_EIO, "%s: the file shrank while it was in use: it ends before %" PRIu64,
                             map->path, at + n);
        done += (uint64_t)got;
    }
    return VIV_OK;
}

void file_map_close(struct file_map *map)
{
    struct guard *g = guard_of(map);
    if (g) {
        atomic_store(&g->end, 0);
        atomic_store(&g->path, NULL);
        atomic_store(&g->begin, 0);
    }
    if (map->data) {
        munmap((void *)map->data, map->size);
        close(map->fd);
    }
    free(map->path);
    *map = (struct file_map){0};
}

/* --- reading and writing -------------------------------------------------------------------------------- */

/* Up to the end, which of a FIFO is where its last writer has closed it; poll waits for the first. */
static viv_status read_to_end(int fd, const char *name, uint64_t limit, struct buf *out, struct error *err)
{
    for (uint64_t total = 0;;) {
        char chunk[16384];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n = poll(&p, 1, -1) < 0 ? -1 : read(fd, chunk, sizeof chunk);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return error_set(err, VIV_EIO, "%s: %s", name, strerror(errno));
        if (n == 0)
            return VIV_OK;
        if ((total += (uint64_t)n) > limit)
            return error_set(err, VIV_ELIMIT,
                             "%s: more than %" PRIu64 " bytes, and no more are read of such a file", name, limit);
        if (!buf_append(out, chunk, (size_t)n))
            return error_nomem(err);
    }
}

viv_status file_read(const char *path, uint64_t limit, struct buf *out, struct error *err)
{
    int fd;
    uint64_t size;
    viv_status status = file_open_regular(path, &fd, &size, err);
    if (status != VIV_OK)
        return status;
    if (size > limit) {
        close(fd);
        return error_set(err, VIV_ELIMIT, "%s: %" PRIu64 " bytes, at most %" PRIu64 " are read of such a file",
                         path, size, limit);
    }
    /* files under /proc say 0 and hold more: read until the end, whatever the size was */
    status = read_to_end(fd, path, limit, out, err);
    close(fd);
    return status;
}

const char *file_input_name(const char *path)
{
    return !path || strcmp(path, "-") == 0 ? "standard input" : path;
}

viv_status file_read_input(const char *path, uint64_t limit, struct buf *out, struct error *err)
{
    int fd = STDIN_FILENO;
    struct stat st;
    const char *name = file_input_name(path);
    viv_status status = name == path ? open_for_reading(path, &fd, err) : VIV_OK;
    if (status != VIV_OK)
        return status;
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        status = error_set(err, VIV_EFORMAT, "%s: expected a file or a pipe, found a directory", name);
    else
        status = read_to_end(fd, name, limit, out, err);
    if (fd != STDIN_FILENO)
        close(fd);
    return status;
}

viv_status file_draft_begin(struct file_draft *d, const char *path, struct error *err)
{
    struct stat st;
    viv_status status;
    *d = (struct file_draft){0};
    /* a rename would put a file in the place of a device */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return error_set(err, VIV_EIO, "%s: a file cannot be written there: it is a %s", path, kind_of(st.st_mode));
    d->path = strdup(path);
    if (!d->path || asprintf(&d->beside, "%s.XXXXXX", path) < 0) {
        free(d->path);
        *d = (struct file_draft){0};
        return error_nomem(err);
    }
    int fd = mkostemp(d->beside, O_CLOEXEC);
    if (fd < 0) {
        status = error_set(err, VIV_EIO, "%s: cannot write beside it: %s", path, strerror(errno));
    } else {
        d->stream = fdopen(fd, "w");
        if (d->stream)
            return VIV_OK;
        status = error_nomem(err);
        close(fd);
        unlink(d->beside);
    }
    free(d->path);
    free(d->beside);
    *d = (struct file_draft){0};
    return status;
}

viv_status file_draft_keep(struct file_draft *d, struct error *err)
{
    mode_t mask = umask(0);
    umask(mask);
    errno = EIO; /* where a write has failed before */
    bool ok = !ferror(d->stream) && fflush(d->stream) == 0 && fchmod(fileno(d->stream), 0666 & ~mask) == 0 &&
              (d->unsynced || fsync(fileno(d->stream)) == 0);
    int reason = errno;
    if (ok && rename(d->beside, d->path) != 0) {
        reason = errno;
        ok = false;
    }
    viv_status status = ok ? VIV_OK : error_set(err, VIV_EIO, "%s: %s", d->path, strerror(reason));
    if (ok)
        *d->beside = '\0';
    file_draft_drop(d);
    return status;
}

void file_draft_drop(struct file_draft *d)
{
    if (d->stream)
        fclose(d->stream);
    if (d->beside && *d->beside)
        unlink(d->beside);
    free(d->path);
    free(d->beside);
    *d = (struct file_draft){0};
}

viv_status file_write(const char *path, const void *bytes, size_t n, struct error *err)
{
    struct file_draft d;
    viv_status status = file_draft_begin(&d, path, err);
    if (status != VIV_OK)
        return status;
    if (n == 0 || fwrite(bytes, 1, n, d.stream) == n)
        return file_draft_keep(&d, err);
    status = error_set(err, VIV_EIO, "%s: %s", path, strerror(errno));
    file_draft_drop(&d);
    return status;
}

bool file_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool file_is_own(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & S_IWOTH);
}

char *path_join(const char *dir, const char *name)
{
    const size_t n = strlen(dir);
    char *path;
    return asprintf(&path, "%s%s%s", dir, n > 0 && dir[n - 1] != '/' ? "/" : "", name) < 0 ? NULL : path;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "$variable/vivarium", or "~/otherwise/vivarium". */
static bool directory_of(const char *variable, const char *otherwise, char *path, size_t capacity)
{
    const char *base = secure_getenv(variable), *home = secure_getenv("HOME");
    int n;
    if (base && *base == '/')
        n = snprintf(path, capacity, "%s/vivarium", base);
    else if (home && *home == '/')
        n = snprintf(path, capacity, "%s/%s/vivarium", home, otherwise);
    else
        return false;
    return n > 0 && (size_t)n < capacity;
}

bool file_cache_directory(char *path, size_t capacity)
{
    return directory_of("XDG_CACHE_HOME", ".cache", path, capacity);
}

bool file_state_directory(char *path, size_t capacity)
{
    return directory_of("XDG_STATE_HOME", ".local/state", path, capacity);
}

bool file_make_parents(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int made = mkdir(path, 0700);
        int reason = errno;
        *slash = '/';
        if (made != 0 && reason != EEXIST)
            return false;
    }
    return true;
}
