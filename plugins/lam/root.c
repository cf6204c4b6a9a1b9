/* root.c - a granted folder, out of which no path leads: openat2(2) with RESOLVE_BENEATH, through no symbolic link,
 * and onto no other file system, so that each rename within it is one. */
#include "lam.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

viv_status root_open(const viv_host *host, const char *path, struct root *out)
{
    struct stat st;
    const viv_digest *digest = viv_need_service(host, VIV_SERVICE_DIGEST, sizeof *digest);
    if (!digest)
        return VIV_EABI;
    char *real = NULL, *bare = strdup(path);
    size_t n = bare ? strlen(bare) : 0;
    int fd = -1;
    viv_status status = VIV_OK;
    while (n > 1 && bare[n - 1] == '/') /* "link/" would be what it leads to */
        bare[--n] = '\0';
    if (!bare)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    if (lstat(bare, &st) != 0)
        status = errno == ENOENT ? viv_fail(host, VIV_ENOTFOUND, "workspace %s: there is no such folder", bare)
                                 : viv_fail(host, VIV_EIO, "workspace %s: %s", bare, strerror(errno));
    else if (S_ISLNK(st.st_mode))
        status =
            viv_fail(host, VIV_EINVAL, "workspace %s is a symbolic link: name the folder that it leads to", bare);
    else if (!S_ISDIR(st.st_mode))
        status = viv_fail(host, VIV_EINVAL, "workspace %s: expected a folder, found a file", bare);
    if (status == VIV_OK &&
        (!(real = realpath(bare, NULL)) || (fd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0))
        status = viv_fail(host, VIV_EIO, "workspace %s: %s", bare, strerror(errno));
    free(bare);
    if (status == VIV_OK)
        *out = (struct root){host, digest, fd, real};
    else
        free(real);
    return status;
}

void root_close(struct root *r)
{
    if (r->path)
        close(r->fd);
    free(r->path);
    *r = (struct root){0};
}

viv_status root_check(const struct root *r, const char *path, bool whole)
{
    const char *why = NULL;
    size_t depth = 0;
    if (whole && strcmp(path, ".") == 0)
        return VIV_OK;
    if (!*path)
        why = "it is empty";
    else if (*path == '/')
        why = "it begins with '/', and paths are within the workspace";
    else if (strlen(path) > MAX_PATH)
        why = "it is longer than 4095 bytes";
    for (const char *at = path; !why && *at;) {
        const size_t n = strcspn(at, "/");
        if (n == 0 || (at[n] == '/' && at[n + 1] == '\0'))
            why = "it has an empty component";
        else if ((n == 1 && at[0] == '.') || (n == 2 && at[0] == '.' && at[1] == '.'))
            why = "it has a component '.' or '..'";
        else if (n > MAX_NAME)
            why = "it has a name of more than 255 bytes";
        else if (n == strlen(STORE) && memcmp(at, STORE, n) == 0)
            why = "the folder " STORE " holds what undoing needs";
        else if (++depth > MAX_DEPTH)
            why = "it has more than 64 components";
        at += n + (at[n] == '/');
    }
    if (!why)
        return VIV_OK;
    char *text = short_text_of_name(path);
    const viv_status status = viv_fail(r->host, VIV_EINVAL, "'%s' is no path: %s", text ? text : "", why);
    free(text);
    return status;
}

int openat_below(int folder, const char *path, int flags)
{
    const struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                                 .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
                                            RESOLVE_NO_XDEV};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int root_openat(const struct root *r, const char *path, int flags)
{
    return openat_below(r->fd, path, flags);
}

viv_status root_fail(const struct root *r, const char *what, const char *path)
{
    const int e = errno;
    char *text = short_text_of_name(path);
    const char *name = text ? text : "", *why = strerror(e);
    viv_status status = e == ENOENT || e == ENOTDIR ? VIV_ENOTFOUND : e == ENOMEM ? VIV_ENOMEM : VIV_EIO;
    if (e == ELOOP)
        why = "a symbolic link is on the way, and none is followed";
    else if (e == EXDEV)
        why = "it, or something in it, lies outside the workspace or on another file system";
    else if (e == EOVERFLOW)
        why = "folders in it are more than 64 deep";
    else if (e == ENOSYS)
        why = "this system has no openat2 (Linux 5.6)";
    else if (e == ENOSPC)
        why = "the disk is full";
    status = viv_fail(r->host, status, "cannot %s '%s': %s", what, name, why);
    free(text);
    return status;
}

viv_status root_parent(const struct root *r, const char *path, int *folder, const char **name)
{
    const char *slash = strrchr(path, '/');
    char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
    if (!parent)
        return viv_fail(r->host, VIV_ENOMEM, "out of memory");
    const int fd = root_openat(r, parent, O_RDONLY | O_DIRECTORY);
    const viv_status status = fd < 0 ? root_fail(r, "enter the folder", parent) : VIV_OK;
    free(parent);
    if (status == VIV_OK) {
        *folder = fd;
        *name = slash ? slash + 1 : path;
    }
    return status;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool names_read(int folder, char ***names, size_t *n)
{
    DIR *d = fdopendir(folder);
    char **all = NULL;
    size_t count = 0, capacity = 0;
    const struct dirent *e;
    if (!d) {
        close(folder);
        return false;
    }
    for (errno = 0; (e = readdir(d)); errno = 0) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (count == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            char **more = realloc(all, capacity * sizeof *all);
            if (!more)
                break;
            all = more;
        }
        if (!(all[count] = strdup(e->d_name)))
            break;
        count++;
    }
    const int failed = e ? ENOMEM : errno;
    closedir(d);
    if (failed) {
        names_release(all, count);
        errno = failed;
        return false;
    }
    if (count)
        qsort(all, count, sizeof *all, compare);
    *names = all;
    *n = count;
    return true;
}

void names_release(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}
