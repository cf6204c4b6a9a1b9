/* print.c - what stands at a path: kind, inode, size, mode, time, and a digest of what is in it. Two prints that
 * are the same mean that nobody has changed it. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int64_t stat_mtime(const struct stat *st)
{
    const int64_t most = INT64_MAX / 1000000000 - 1, seconds = st->st_mtim.tv_sec;
    return seconds > most || seconds < -most ? -1 : seconds * 1000000000 + st->st_mtim.tv_nsec;
}

static enum print_kind kind_of(mode_t mode)
{
    return S_ISREG(mode) ? PRINT_FILE : S_ISDIR(mode) ? PRINT_FOLDER : S_ISLNK(mode) ? PRINT_LINK : PRINT_OTHER;
}

static bool digest_file(int folder, const char *name, struct sha256 *s)
{
    char bytes[65536];
    ssize_t n;
    const int fd = openat_below(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == EACCES || errno == EPERM; /* a file that may not be read: its size and time must do */
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        lam_sha256_add(s, bytes, (size_t)n);
    close(fd);
    return n == 0;
}

static bool digest_link(int folder, const char *name, struct sha256 *s)
{
    char target[MAX_PATH + 1];
    const ssize_t n = readlinkat(folder, name, target, sizeof target);
    if (n >= 0)
        lam_sha256_add(s, target, (size_t)n);
    return n >= 0;
}

/* Names, kinds, modes, sizes and times of all in a folder; of folders no times, which change with what is in them.
 */
static bool digest_folder(int folder, const char *name, struct sha256 *s, int depth)
{
    char **names, line[128];
    size_t n;
    bool ok = true;
    const int fd = openat_below(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0)
        return errno == EACCES;
    if (depth > MAX_DEPTH) {
        close(fd);
        errno = EOVERFLOW;
        return false;
    }
    const int again = dup(fd);
    if (again < 0 || !names_read(again, &names, &n)) {
        close(fd);
        return false;
    }
    for (size_t i = 0; ok && i < n; i++) {
        struct stat st;
        ok = fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0;
        const bool is_folder = ok && S_ISDIR(st.st_mode);
        if (!ok)
            break;
        const int length = snprintf(line, sizeof line, " %o %" PRIu64 " %" PRId64 "\n", st.st_mode,
                                    is_folder ? 0 : (uint64_t)st.st_size, is_folder ? 0 : stat_mtime(&st));
        lam_sha256_add(s, names[i], strlen(names[i]) + 1);
        lam_sha256_add(s, line, (size_t)length);
        if (is_folder) {
            ok = digest_folder(fd, names[i], s, depth + 1);
            lam_sha256_add(s, "/", 1);
        } else if (S_ISLNK(st.st_mode)) {
            ok = digest_link(fd, names[i], s);
        }
    }
    names_release(names, n);
    close(fd);
    return ok;
}

bool print_take(int folder, const char *name, struct print *out)
{
    struct stat st;
    struct sha256 s;
    *out = (struct print){0};
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    *out =
        (struct print){.kind = kind_of(st.st_mode), .mode = st.st_mode, .ino = st.st_ino, .mtime = stat_mtime(&st)};
    lam_sha256_begin(&s);
    bool ok = true, digested = true;
    if (out->kind == PRINT_FOLDER)
        ok = digest_folder(folder, name, &s, 0);
    else if (out->kind == PRINT_LINK)
        ok = digest_link(folder, name, &s);
    else if (out->kind == PRINT_FILE && st.st_size <= MAX_DIGESTED)
        ok = digest_file(folder, name, &s);
    else
        digested = false;
    if (out->kind != PRINT_FOLDER)
        out->size = (uint64_t)st.st_size;
    if (ok && digested)
        lam_sha256_end(&s, out->digest);
    return ok;
}

/* The time of a folder changes with what is in it, which the digest knows better. */
bool print_same(const struct print *a, const struct print *b)
{
    return a->kind == b->kind &&
           (a->kind == PRINT_NONE ||
            (a->ino == b->ino && a->size == b->size && a->mode == b->mode &&
             (a->kind == PRINT_FOLDER || a->mtime == b->mtime) && strcmp(a->digest, b->digest) == 0));
}

void print_describe(const struct print *p, char *out, size_t size)
{
    static const char *const names[] = {"nothing", "a file", "a folder", "a symbolic link", "a device or pipe"};
    char when[32] = "", digits[16];
    const int64_t floor = p->mtime / 1000000000 - (p->mtime % 1000000000 < 0);
    const time_t seconds = (time_t)floor;
    struct tm tm;
    if (localtime_r(&seconds, &tm))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(digits, sizeof digits, "%09d", (int)(p->mtime - floor * 1000000000));
    if (p->kind == PRINT_NONE)
        snprintf(out, size, "nothing");
    else if (p->kind == PRINT_FILE)
        snprintf(out, size, "a file of %" PRIu64 " bytes from %s.%s (inode %" PRIu64 ", mode %o, SHA-256 %.8s)",
                 p->size, when, digits, p->ino, p->mode & 07777, *p->digest ? p->digest : "unknown");
    else
        snprintf(out, size, "%s from %s.%s (inode %" PRIu64 ", mode %o, digest %.8s)", names[p->kind], when, digits,
                 p->ino, p->mode & 07777, *p->digest ? p->digest : "unknown");
}
