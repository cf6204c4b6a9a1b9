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

static bool add_file(int folder, const char *name, struct text *to)
{
    char bytes[65536];
    ssize_t n;
    const int fd = openat_below(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == EACCES || errno == EPERM; /* a file that may not be read: its size and time must do */
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        text_add(to, bytes, (size_t)n);
    close(fd);
    return n == 0;
}

static bool add_link(int folder, const char *name, struct text *to)
{
    char target[MAX_PATH + 1];
    const ssize_t n = readlinkat(folder, name, target, sizeof target);
    if (n >= 0)
        text_add(to, target, (size_t)n);
    return n >= 0;
}

/* Names, kinds, modes, sizes and times of all in a folder; of folders no times, which change with what is in them.
 */
static bool add_folder(int folder, const char *name, struct text *to, int depth)
{
    char **names;
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
        text_add(to, names[i], strlen(names[i]) + 1);
        text_printf(to, " %o %" PRIu64 " %" PRId64 "\n", st.st_mode, is_folder ? 0 : (uint64_t)st.st_size,
                    is_folder ? 0 : stat_mtime(&st));
        if (is_folder) {
            ok = add_folder(fd, names[i], to, depth + 1);
            text_add(to, "/", 1);
        } else if (S_ISLNK(st.st_mode)) {
            ok = add_link(fd, names[i], to);
        }
    }
    names_release(names, n);
    close(fd);
    return ok;
}

static void digest(const viv_digest *service, const struct text *of, char hex[65])
{
    const void *piece = text_or_empty(of);
    const uint64_t size = of->size;
    uint8_t bytes[32];
    service->sha256(&piece, &size, 1, bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

bool print_take(const viv_digest *service, int folder, const char *name, struct print *out)
{
    struct stat st;
    struct text what = {0};
    *out = (struct print){0};
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT;
    *out =
        (struct print){.kind = kind_of(st.st_mode), .mode = st.st_mode, .ino = st.st_ino, .mtime = stat_mtime(&st)};
    bool ok = true, digested = true;
    if (out->kind == PRINT_FOLDER)
        ok = add_folder(folder, name, &what, 0);
    else if (out->kind == PRINT_LINK)
        ok = add_link(folder, name, &what);
    else if (out->kind == PRINT_FILE && st.st_size <= MAX_DIGESTED)
        ok = add_file(folder, name, &what);
    else
        digested = false;
    if (out->kind != PRINT_FOLDER)
        out->size = (uint64_t)st.st_size;
    if (what.failed) {
        errno = ENOMEM;
        ok = false;
    }
    if (ok && digested)
        digest(service, &what, out->digest);
    text_release(&what);
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
