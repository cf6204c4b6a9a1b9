/* tool_archive.c - a file or folder, and all that is in it, as one file at a place that must be free: .tar (POSIX.1
 * ustar, with pax records for long names) or .zip (PKWARE's APPNOTE, deflate).
 *
 *   tar:  head of 512 bytes, bytes up to a multiple of 512, ..., two empty heads
 *   zip:  head, name, bytes, ..., a directory of all heads, its place
 *
 * Symbolic links are kept as such in .tar and left out of .zip; pipes, sockets and devices are left out of both. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { BLOCK = 512, MOST_ENTRIES = 65535, LONGEST_IN_TAR = 100, UTF8_NAMES = 1 << 11, DEFLATED = 8 };

struct archive {
    const struct tool_call *call;
    int fd;
    uint64_t size; /* written */
    bool zip;
    struct text directory; /* of a zip, which comes last */
    size_t n;
    int failed; /* errno */
};

static bool fail(struct archive *a, int e)
{
    a->failed = e;
    return false;
}

static bool put(struct archive *a, const void *bytes, size_t n)
{
    const char *at = bytes;
    ssize_t wrote = 0;
    if (is_stopped(a->call->cancel, a->call->stopper))
        return fail(a, ECANCELED);
    while (n && (wrote = write(a->fd, at, n)) > 0) {
        at += wrote;
        n -= (size_t)wrote;
        a->size += (uint64_t)wrote;
    }
    return n == 0 || fail(a, wrote < 0 ? errno : ENOSPC);
}

static bool pad(struct archive *a)
{
    static const char zeros[BLOCK];
    return put(a, zeros, (size_t)(-a->size % BLOCK));
}

/* --- tar ---------------------------------------------------------------------------------------------------- */

struct tar_head {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], kind, link[100], magic[6], version[2],
        user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};

static void octal(char *field, size_t width, uint64_t n)
{
    field[width - 1] = '\0';
    for (size_t i = width - 1; i-- > 0; n >>= 3)
        field[i] = (char)('0' + (n & 7));
}

static bool put_head(struct archive *a, const char *name, const char *link, char kind, const struct stat *st,
                     uint64_t size)
{
    struct tar_head h = {.magic = "ustar", .version = {'0', '0'}, .kind = kind};
    unsigned sum = 0;
    memcpy(h.name, name, strnlen(name, sizeof h.name));
    memcpy(h.link, link, strnlen(link, sizeof h.link));
    octal(h.mode, sizeof h.mode, st->st_mode & 0777);
    octal(h.uid, sizeof h.uid, 0);
    octal(h.gid, sizeof h.gid, 0);
    octal(h.size, sizeof h.size, size);
    octal(h.mtime, sizeof h.mtime, st->st_mtim.tv_sec > 0 ? (uint64_t)st->st_mtim.tv_sec : 0);
    memset(h.sum, ' ', sizeof h.sum);
    for (size_t i = 0; i < sizeof h; i++)
        sum += ((const unsigned char *)&h)[i];
    octal(h.sum, sizeof h.sum - 1, sum);
    return put(a, &h, sizeof h);
}

/* "LENGTH KEY=VALUE\n", whose length counts itself. */
static void pax_record(struct text *out, const char *key, const char *value)
{
    const size_t rest = strlen(key) + strlen(value) + 3;
    size_t n = rest + 1;
    for (int i = 0; i < 3; i++)
        n = rest + (size_t)snprintf(NULL, 0, "%zu", n);
    text_printf(out, "%zu %s=%s\n", n, key, value);
}

/* The head of an entry, behind records for what does not fit into it. */
static bool put_tar(struct archive *a, const char *name, const char *link, char kind, const struct stat *st,
                    uint64_t size)
{
    struct text records = {0};
    char bytes[32];
    if (strlen(name) > LONGEST_IN_TAR)
        pax_record(&records, "path", name);
    if (strlen(link) > LONGEST_IN_TAR)
        pax_record(&records, "linkpath", link);
    if (size >> 33) {
        snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)size);
        pax_record(&records, "size", bytes);
    }
    const bool ok = !records.failed && (!records.size || (put_head(a, "pax", "", 'x', st, records.size) &&
                                                          put(a, records.data, records.size) && pad(a)));
    text_release(&records);
    return ok && put_head(a, name, link, kind, st, size >> 33 ? 0 : size);
}

/* Exactly `size` bytes: a file that shrinks meanwhile ends in zeros. */
static bool put_file_tar(struct archive *a, const char *name, int fd, const struct stat *st)
{
    char bytes[65536];
    uint64_t left = (uint64_t)st->st_size;
    bool ok = put_tar(a, name, "", '0', st, left);
    while (ok && left) {
        const size_t want = left < sizeof bytes ? (size_t)left : sizeof bytes;
        ssize_t n = read(fd, bytes, want);
        if (n < 0)
            return fail(a, errno);
        if (n == 0) {
            memset(bytes, 0, want);
            n = (ssize_t)want;
        }
        ok = put(a, bytes, (size_t)n);
        left -= (uint64_t)n;
    }
    return ok && pad(a);
}

/* --- zip ---------------------------------------------------------------------------------------------------- */

static void little(char **at, uint64_t n, int bytes)
{
    for (int i = 0; i < bytes; i++, n >>= 8)
        *(*at)++ = (char)(n & 0xFF);
}

struct zip_entry {
    uint32_t crc, packed, size, at;
    uint16_t method;
};

/* What a head and the directory have in common: 26 bytes. */
static void zip_fields(char **at, const char *name, const struct zip_entry *e, const struct stat *st)
{
    struct tm tm = {0};
    const time_t time = st->st_mtim.tv_sec;
    if (!gmtime_r(&time, &tm) || tm.tm_year < 80 || tm.tm_year > 207)
        tm = (struct tm){.tm_year = 80, .tm_mday = 1};
    little(at, 20, 2); /* version that unpacks it */
    little(at, text_is_utf8(name, strlen(name)) ? UTF8_NAMES : 0, 2);
    little(at, e->method, 2);
    little(at, (uint64_t)(tm.tm_hour << 11 | tm.tm_min << 5 | tm.tm_sec / 2), 2);
    little(at, (uint64_t)((tm.tm_year - 80) << 9 | (tm.tm_mon + 1) << 5 | tm.tm_mday), 2);
    little(at, e->crc, 4);
    little(at, e->packed, 4);
    little(at, e->size, 4);
    little(at, strlen(name), 2);
    little(at, 0, 2); /* no further fields */
}

static size_t zip_head(char head[30], const char *name, const struct zip_entry *e, const struct stat *st)
{
    char *at = head;
    little(&at, 0x04034b50, 4);
    zip_fields(&at, name, e, st);
    return (size_t)(at - head);
}

static void list_entry(struct archive *a, const char *name, const struct zip_entry *e, const struct stat *st)
{
    char head[46], *at = head;
    little(&at, 0x02014b50, 4);
    little(&at, 3 << 8 | 20, 2); /* made by Unix */
    zip_fields(&at, name, e, st);
    little(&at, 0, 2 + 2 + 2); /* comment, disk, kind of text */
    little(&at, (uint64_t)st->st_mode << 16 | (S_ISDIR(st->st_mode) ? 0x10 : 0), 4);
    little(&at, e->at, 4);
    text_add(&a->directory, head, (size_t)(at - head));
    text_add(&a->directory, name, strlen(name));
}

static bool deflate_all(struct archive *a, int fd, struct zip_entry *e)
{
    z_stream z = {0};
    unsigned char in[65536], out[65536];
    uint64_t size = 0;
    const uint64_t begin = a->size;
    bool ok = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK ||
              fail(a, ENOMEM);
    for (bool end = false; ok && !end;) {
        const ssize_t n = read(fd, in, sizeof in);
        if (n < 0 || (size += (uint64_t)n) > UINT32_MAX) {
            ok = fail(a, n < 0 ? errno : EFBIG);
            break;
        }
        end = n == 0;
        e->crc = (uint32_t)crc32(e->crc, in, (uInt)n);
        z.next_in = in;
        z.avail_in = (uInt)n;
        do {
            z.next_out = out;
            z.avail_out = sizeof out;
            deflate(&z, end ? Z_FINISH : Z_NO_FLUSH);
            ok = put(a, out, sizeof out - z.avail_out);
        } while (ok && z.avail_out == 0);
    }
    deflateEnd(&z);
    e->size = (uint32_t)size;
    e->packed = (uint32_t)(a->size - begin);
    return ok && (a->size <= UINT32_MAX || fail(a, EFBIG));
}

/* The head is written again when the sizes are known. fd -1: a folder. */
static bool put_zip(struct archive *a, const char *name, int fd, const struct stat *st)
{
    char head[30];
    struct zip_entry e = {.at = (uint32_t)a->size, .method = fd >= 0 ? DEFLATED : 0};
    const size_t n = zip_head(head, name, &e, st);
    if (!put(a, head, n) || !put(a, name, strlen(name)) || (fd >= 0 && !deflate_all(a, fd, &e)))
        return false;
    zip_head(head, name, &e, st);
    if (pwrite(a->fd, head, n, (off_t)e.at) != (ssize_t)n)
        return fail(a, errno);
    list_entry(a, name, &e, st);
    return true;
}

static bool end_zip(struct archive *a)
{
    char tail[22], *at = tail;
    const uint64_t begin = a->size;
    little(&at, 0x06054b50, 4);
    little(&at, 0, 4); /* one disk */
    little(&at, a->n, 2);
    little(&at, a->n, 2);
    little(&at, a->directory.size, 4);
    little(&at, begin, 4);
    little(&at, 0, 2);
    return (!a->directory.failed || fail(a, ENOMEM)) &&
           (begin + a->directory.size <= UINT32_MAX || fail(a, EFBIG)) &&
           put(a, text_or_empty(&a->directory), a->directory.size) && put(a, tail, sizeof tail);
}

/* --- the tree ----------------------------------------------------------------------------------------------- */

static bool add(struct archive *a, int folder, const char *name, const char *path, int depth);

static bool add_folder(struct archive *a, int fd, const char *path, const struct stat *st, int depth)
{
    char **names;
    size_t n;
    struct text inner = {0};
    const int again = dup(fd);
    text_printf(&inner, "%s/", path);
    bool ok = !inner.failed || fail(a, ENOMEM);
    ok = ok && (a->zip ? put_zip(a, inner.data, -1, st) : put_tar(a, inner.data, "", '5', st, 0));
    if (again < 0 || !names_read(again, &names, &n)) {
        text_release(&inner);
        return fail(a, errno);
    }
    const size_t size = inner.size;
    for (size_t i = 0; ok && i < n; i++) {
        inner.size = size;
        text_printf(&inner, "%s", names[i]);
        ok = (!inner.failed || fail(a, ENOMEM)) && add(a, fd, names[i], inner.data, depth + 1);
    }
    names_release(names, n);
    text_release(&inner);
    return ok;
}

static bool add(struct archive *a, int folder, const char *name, const char *path, int depth)
{
    struct stat st;
    char target[MAX_PATH + 1];
    if (strcmp(name, STORE) == 0)
        return true;
    if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return fail(a, errno);
    if (depth > MAX_DEPTH)
        return fail(a, EOVERFLOW);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && (!S_ISLNK(st.st_mode) || a->zip))
        return true;
    if (++a->n > MOST_ENTRIES)
        return fail(a, EFBIG);
    if (S_ISLNK(st.st_mode)) {
        const ssize_t n = readlinkat(folder, name, target, sizeof target - 1);
        target[n > 0 ? n : 0] = '\0';
        return n >= 0 ? put_tar(a, path, target, '2', &st, 0) : fail(a, errno);
    }
    const int fd =
        openat_below(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (S_ISDIR(st.st_mode) ? O_DIRECTORY : 0));
    if (fd < 0 || fstat(fd, &st) != 0) {
        const int e = errno;
        if (fd >= 0)
            close(fd);
        return fail(a, e);
    }
    const bool ok = S_ISDIR(st.st_mode) ? add_folder(a, fd, path, &st, depth)
                    : a->zip            ? put_zip(a, path, fd, &st)
                                        : put_file_tar(a, path, fd, &st);
    close(fd);
    return ok;
}

static bool ends_in(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n > m && strcmp(path + n - m, ending) == 0;
}

static viv_status run(const struct tool_call *c, struct text *result)
{
    static const char empty[2 * BLOCK];
    struct archive a = {.call = c, .fd = -1, .zip = ends_in(c->words[1], ".zip")};
    int folder = -1;
    const char *name;
    if (!a.zip && !ends_in(c->words[1], ".tar"))
        return viv_fail(c->host, VIV_EINVAL, "the name of an archive ends in .tar or .zip");
    viv_status status = root_parent(c->root, c->words[0], &folder, &name);
    if (status == VIV_OK)
        status = journal_stage(c->journal, false, &a.fd);
    if (status == VIV_OK) {
        bool ok = add(&a, folder, name, name, 0);
        ok = ok && (a.n > 0 || fail(&a, EINVAL)); /* a pipe, or a link in a .zip */
        ok = ok && (a.zip ? end_zip(&a) : put(&a, empty, sizeof empty));
        ok = ok && (fsync(a.fd) == 0 || fail(&a, errno));
        errno = a.failed;
        if (!ok)
            status = a.failed == ECANCELED ? viv_fail(c->host, VIV_ECANCELLED, "cancelled")
                                           : root_fail(c->root, "archive", c->words[0]);
    }
    if (a.fd >= 0)
        close(a.fd);
    if (status == VIV_OK)
        status = journal_commit(c->journal, "archive", NULL, c->words[1], false);
    if (status == VIV_OK)
        text_printf(result, "%zu files and folders, %llu bytes\n", a.n, (unsigned long long)a.size);
    text_release(&a.directory);
    if (folder >= 0)
        close(folder);
    return status;
}

const struct tool tool_archive = {
    .name = "archive",
    .summary = "a file or folder as one file, whose name ends in .tar or .zip, at a place that must be free",
    .arguments = {{.name = "from", .kind = ARGUMENT_ANY}, {.name = "to", .kind = ARGUMENT_NEW}},
    .changes = true,
    .run = run};
