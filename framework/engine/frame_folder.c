/* frame_folder.c - see frame_folder.h. */
#include "engine/frame_folder.h"

#include "base/file.h"
#include "base/size.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FRAMES = 100000 };

/* Runs of digits compare as numbers, all else byte by byte. */
static int compare(const char *a, const char *b)
{
    while (*a && *b) {
        if (!isdigit((unsigned char)*a) || !isdigit((unsigned char)*b)) {
            if (*a != *b)
                return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
            a++;
            b++;
            continue;
        }
        a += strspn(a, "0");
        b += strspn(b, "0");
        const size_t n = strspn(a, "0123456789"), m = strspn(b, "0123456789");
        const int order = n != m ? (n < m ? -1 : 1) : memcmp(a, b, n);
        if (order)
            return order;
        a += n;
        b += m;
    }
    return *a ? 1 : *b ? -1 : 0;
}

static int compare_paths(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    const int order = compare(x, y);
    return order ? order : strcmp(x, y);
}

static viv_status add(struct frame_folder *f, const char *folder, const char *name, struct error *err)
{
    if (*name == '.')
        return VIV_OK;
    if (f->n == MOST_FRAMES)
        return error_set(err, VIV_ELIMIT, "%s has more than %d files: expected at most as many frames", folder,
                         MOST_FRAMES);
    char *path = path_join(folder, name);
    if (!path || !VEC_RESERVE(f->paths, f->n, f->capacity)) {
        free(path);
        return error_nomem(err);
    }
    f->paths[f->n++] = path;
    return file_is_dir(path) ? error_set(err, VIV_EFORMAT,
                                         "%s is a folder: expected pictures alone in %s, the "
                                         "frames of a video",
                                         path, folder)
                             : VIV_OK;
}

viv_status frame_folder_read(const char *path, struct frame_folder *out, struct error *err)
{
    struct frame_folder f = {0};
    DIR *d = opendir(path);
    viv_status status = d ? VIV_OK : error_set(err, VIV_EIO, "%s: %s", path, strerror(errno));
    for (struct dirent *e; status == VIV_OK && (e = readdir(d));)
        status = add(&f, path, e->d_name, err);
    if (d)
        closedir(d);
    if (status == VIV_OK && f.n == 0)
        status = error_set(err, VIV_EFORMAT, "%s is empty: expected pictures, the frames of a video", path);
    if (status != VIV_OK) {
        frame_folder_release(&f);
        return status;
    }
    qsort(f.paths, f.n, sizeof *f.paths, compare_paths);
    *out = f;
    return VIV_OK;
}

void frame_folder_release(struct frame_folder *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->paths[i]);
    free(f->paths);
    *f = (struct frame_folder){0};
}
