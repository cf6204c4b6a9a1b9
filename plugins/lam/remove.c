/* remove.c - removes a tree that is ours, of any depth and whatever its modes: what is in its folders moves up to
 * its top, folder by folder, until there is nothing but empty ones. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/* The names in a folder that is to be emptied; *fd is the folder. */
static bool look(int at, const char *name, int *fd, char ***names, size_t *n)
{
    struct stat st;
    if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
        return false;
    fchmodat(at, name, 0700, 0);
    *fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int again = *fd >= 0 ? openat(*fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (again >= 0 && names_read(again, names, n))
        return true;
    if (*fd >= 0)
        close(*fd);
    return false;
}

/* A folder that is not empty gets a free name at the top. */
static void move_up(int folder, const char *name, int top, uint64_t *next)
{
    char free_name[32];
    fchmodat(folder, name, 0700, 0); /* its ".." changes */
    do
        snprintf(free_name, sizeof free_name, "up-%" PRIu64, (*next)++);
    while (renameat2(folder, name, top, free_name, RENAME_NOREPLACE) != 0 && errno == EEXIST);
}

/* One entry of the top. */
static bool remove_one(int top, const char *name, uint64_t *next)
{
    char **names;
    size_t n;
    int folder;
    if (unlinkat(top, name, 0) == 0 || unlinkat(top, name, AT_REMOVEDIR) == 0)
        return true;
    if (!look(top, name, &folder, &names, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (unlinkat(folder, names[i], 0) != 0 && unlinkat(folder, names[i], AT_REMOVEDIR) != 0)
            move_up(folder, names[i], top, next);
    names_release(names, n);
    close(folder);
    return unlinkat(top, name, AT_REMOVEDIR) == 0;
}

void remove_tree(int at, const char *name)
{
    char **names;
    size_t n;
    int top;
    uint64_t next = 0;
    bool more = unlinkat(at, name, 0) != 0;
    while (more && unlinkat(at, name, AT_REMOVEDIR) != 0 && look(at, name, &top, &names, &n)) {
        more = false;
        for (size_t i = 0; i < n; i++)
            more = remove_one(top, names[i], &next) || more;
        names_release(names, n);
        close(top);
    }
}
