/* made.c - files that programs have written into their folder, which can become files of the workspace. */
#include "desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LARGEST_MADE = 256 << 20 };

static void forget(struct desktop *d)
{
    for (size_t i = 0; i < d->n_made; i++)
        free(d->made[i].name);
    d->n_made = 0;
}

viv_status made_look(struct desktop *d)
{
    char **names;
    size_t n;
    forget(d);
    if (d->files < 0)
        return VIV_OK;
    const int folder = openat(d->files, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || !names_read(folder, &names, &n))
        return viv_fail(d->host, VIV_EIO, "%s: %s", d->files_path, strerror(errno));
    for (size_t i = 0; i < n && d->n_made < MOST_MADE; i++) {
        struct stat st;
        char *text = text_of_name(names[i]);
        if (!text || names[i][0] == '.' || fstatat(d->files, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode)) {
            free(text);
            continue;
        }
        d->made[d->n_made++] = (struct made){.name = text, .size = (uint64_t)st.st_size};
    }
    names_release(names, n);
    return VIV_OK;
}

viv_status made_load(const struct desktop *d, const char *text, struct text *bytes)
{
    char piece[65536], *name = NULL;
    struct stat st;
    ssize_t n = -1;
    for (size_t i = 0; i < d->n_made; i++)
        if (!name && strcmp(d->made[i].name, text) == 0)
            name = name_of_text(text);
    if (!name)
        return viv_fail(d->host, VIV_ENOTFOUND, "there is no such file");
    const int fd = openat(d->files, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)))
        errno = EINVAL;
    else
        while (fd >= 0 && bytes->size <= LARGEST_MADE && (n = read(fd, piece, sizeof piece)) > 0)
            text_add(bytes, piece, (size_t)n);
    const int e = n > 0 ? EFBIG : errno;
    if (fd >= 0)
        close(fd);
    free(name);
    return n == 0 && !bytes->failed ? VIV_OK
                                    : viv_fail(d->host, VIV_EIO, "the file cannot be read: %s", strerror(e));
}
