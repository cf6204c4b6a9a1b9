/* tool_folder.c - a new folder, with those above it that are missing: they are staged as one tree, and come by one
 * rename. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the first component ends that is not there. */
static size_t first_missing(const struct root *r, const char *path)
{
    size_t end = 0;
    for (;;) {
        end += strcspn(path + end, "/");
        char *above = strndup(path, end);
        const int fd = above ? root_openat(r, above, O_PATH | O_NOFOLLOW) : -1;
        free(above);
        if (fd < 0 || !path[end])
            return fd >= 0 ? (close(fd), end) : end;
        close(fd);
        end++;
    }
}

static viv_status make_below(const struct tool_call *c, int folder, const char *rest)
{
    viv_status status = VIV_OK;
    while (status == VIV_OK && *rest == '/') {
        char name[MAX_NAME + 1] = "";
        const size_t n = strcspn(++rest, "/");
        memcpy(name, rest, n < MAX_NAME ? n : MAX_NAME);
        rest += n;
        const int next =
            mkdirat(folder, name, 0777) == 0 ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (next < 0 || fsync(folder) != 0)
            status = root_fail(c->root, "make", c->words[0]);
        close(folder);
        folder = next;
    }
    if (folder >= 0)
        close(folder);
    return status;
}

static viv_status run(const struct tool_call *c, struct text *result)
{
    int folder = -1;
    const size_t end = first_missing(c->root, c->words[0]);
    char *first = strndup(c->words[0], end);
    viv_status status =
        first ? journal_stage(c->journal, true, &folder) : viv_fail(c->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        status = make_below(c, folder, c->words[0] + end);
    if (status == VIV_OK)
        status = journal_commit(c->journal, "make_folder", NULL, first, false);
    if (status == VIV_OK)
        text_printf(result, "the folder is there now\n");
    free(first);
    return status;
}

const struct tool tool_make_folder = {.name = "make_folder",
                                      .summary = "a new folder, with those above it that are missing",
                                      .arguments = {{.name = "path", .kind = ARGUMENT_NEW}},
                                      .changes = true,
                                      .run = run};
