/* tool_copy.c - a second file or folder like the first, with its modes, times and links; holes of files stay holes.
 */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void copy_times(int fd, const struct stat *st)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st->st_mtim};
    (void)!fchmod(fd, st->st_mode & 0777);
    futimens(fd, times);
}

static bool copy_range(int from, int to, off_t at, off_t end)
{
    char bytes[65536];
    while (at < end) {
        const size_t want = (size_t)(end - at) < sizeof bytes ? (size_t)(end - at) : sizeof bytes;
        const ssize_t n = pread(from, bytes, want, at), done = n > 0 ? pwrite(to, bytes, (size_t)n, at) : 0;
        if (n <= 0 || done < 0)
            return n == 0; /* it has become shorter */
        at += done;        /* less than n, where the disk is nearly full; then the next one says so */
    }
    return true;
}

static bool copy_bytes(int from, int to, const struct stat *st)
{
    off_t at = 0, end;
    if (ftruncate(to, st->st_size) != 0)
        return false;
    while (at < st->st_size) {
        const off_t data = lseek(from, at, SEEK_DATA);
        if (data < 0)
            return errno == ENXIO || copy_range(from, to, at, st->st_size);
        end = lseek(from, data, SEEK_HOLE);
        if (!copy_range(from, to, data, end < 0 ? st->st_size : end))
            return false;
        at = end < 0 ? st->st_size : end;
    }
    return true;
}

/* Into `to`, an open file that is new. */
static bool copy_file(int folder, const char *name, int to)
{
    struct stat st;
    const int from = openat_below(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const bool ok = from >= 0 && fstat(from, &st) == 0 && copy_bytes(from, to, &st);
    if (ok)
        copy_times(to, &st);
    const int e = errno;
    if (from >= 0)
        close(from);
    errno = e;
    return ok && fsync(to) == 0;
}

static bool copy_folder(int folder, const char *name, int to, int depth);

static bool copy_entry(int folder, const char *name, int to, int depth)
{
    struct stat st;
    char target[MAX_PATH + 1];
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return false;
    if (S_ISLNK(st.st_mode)) {
        const ssize_t n = readlinkat(folder, name, target, sizeof target - 1);
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, st.st_mtim};
        if (n < 0)
            return false;
        target[n] = '\0';
        return symlinkat(target, to, name) == 0 && utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) == 0;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
        errno = EINVAL;
        return false;
    }
    const bool is_folder = S_ISDIR(st.st_mode);
    if (depth >= MAX_DEPTH) {
        errno = EOVERFLOW;
        return false;
    }
    if (is_folder && mkdirat(to, name, 0700) != 0)
        return false;
    const int fd = is_folder ? openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                             : openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    const bool ok = fd >= 0 && (is_folder ? copy_folder(folder, name, fd, depth + 1) : copy_file(folder, name, fd));
    const int e = errno;
    if (fd >= 0)
        close(fd);
    errno = e;
    return ok;
}

/* What is in a folder, into `to`, an open folder that is new. */
static bool copy_folder(int folder, const char *name, int to, int depth)
{
    struct stat st;
    char **names;
    size_t n;
    const int from = openat_below(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW),
              again = from >= 0 ? dup(from) : -1;
    if (again < 0 || fstat(from, &st) != 0 || !names_read(again, &names, &n)) {
        const int e = errno;
        if (from >= 0)
            close(from);
        errno = e;
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++)
        ok = copy_entry(from, names[i], to, depth);
    const int e = errno;
    names_release(names, n);
    close(from);
    errno = e;
    if (ok)
        copy_times(to, &st);
    return ok && fsync(to) == 0;
}

static viv_status run(const struct tool_call *c, struct text *result)
{
    struct stat st;
    int folder = -1, fd = -1;
    const char *name;
    viv_status status = root_parent(c->root, c->words[0], &folder, &name);
    if (status != VIV_OK)
        return status;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))) {
        errno = fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0 ? ENOENT : EINVAL;
        status = root_fail(c->root, "copy", c->words[0]);
    }
    if (status == VIV_OK)
        status = journal_stage(c->journal, S_ISDIR(st.st_mode), &fd);
    if (status == VIV_OK && !(S_ISDIR(st.st_mode) ? copy_folder(folder, name, fd, 0) : copy_file(folder, name, fd)))
        status = root_fail(c->root, "copy", c->words[0]);
    if (fd >= 0)
        close(fd);
    if (status == VIV_OK)
        status = journal_commit(c->journal, "copy", NULL, c->words[1], false);
    if (status == VIV_OK)
        text_printf(result, "it was copied\n");
    close(folder);
    return status;
}

const struct tool tool_copy = {
    .name = "copy",
    .summary = "a second file or folder like the first, at a place that must be free",
    .arguments = {{.name = "from", .kind = ARGUMENT_ANY}, {.name = "to", .kind = ARGUMENT_NEW}},
    .changes = true,
    .run = run};
