/* tool_list.c - what is in a folder: a line for each entry, with its kind and size. */
#include "lam.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static viv_status run(const struct tool_call *c, struct text *result)
{
    char **names;
    size_t n;
    const int fd = root_openat(c->root, c->words[0], O_RDONLY | O_DIRECTORY),
              again = fd >= 0 ? root_openat(c->root, c->words[0], O_RDONLY | O_DIRECTORY) : -1;
    if (again < 0 || !names_read(again, &names, &n)) {
        const viv_status status = root_fail(c->root, "list", c->words[0]);
        if (fd >= 0)
            close(fd);
        return status;
    }
    size_t shown = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (strcmp(names[i], STORE) == 0 || fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        count++;
        char *text = text_of_name(names[i]);
        if (result->size < c->limit && ++shown)
            text_printf(result,
                        S_ISDIR(st.st_mode)   ? "%s/\n"
                        : S_ISLNK(st.st_mode) ? "%s (symbolic link)\n"
                        : S_ISREG(st.st_mode) ? "%s (%" PRIu64 " bytes)\n"
                                              : "%s (device)\n",
                        text ? text : "", (uint64_t)st.st_size);
        free(text);
    }
    if (shown < count)
        text_printf(result, "... and %zu more\n", count - shown);
    if (count == 0)
        text_printf(result, "the folder is empty\n");
    names_release(names, n);
    close(fd);
    return VIV_OK;
}

const struct tool tool_list = {.name = "list",
                               .summary = "what is in a folder",
                               .arguments = {{.name = "folder", .kind = ARGUMENT_FOLDER}},
                               .run = run};
