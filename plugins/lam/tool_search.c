/* tool_search.c - the lines of files below a folder that hold a text, and the names that do. Files that may not be
 * read are not looked into. */
#include "lam.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SEARCHED = 4 << 20, LONGEST_LINE = 200 };

static void search_file(const struct tool_call *c, const char *path, const char *text, struct text *result)
{
    struct text bytes = {0};
    size_t line = 1;
    if (file_load(c->root, path, MOST_SEARCHED, &bytes) != VIV_OK ||
        !text_is_utf8(text_or_empty(&bytes), bytes.size)) {
        text_release(&bytes);
        return;
    }
    for (const char *at = text_or_empty(&bytes); *at && result->size < c->limit; line++) {
        const size_t n = strcspn(at, "\n");
        if (memmem(at, n, c->words[1], strlen(c->words[1])))
            text_printf(result, "%s:%zu: %.*s\n", text, line, (int)text_cut(at, n, LONGEST_LINE), at);
        at += n + (at[n] == '\n');
    }
    text_release(&bytes);
}

static void search_folder(const struct tool_call *c, const char *path, int depth, struct text *result)
{
    char **names;
    size_t n;
    const bool top = strcmp(path, ".") == 0;
    const int fd = root_openat(c->root, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || depth > MAX_DEPTH) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (!names_read(fd, &names, &n))
        return;
    for (size_t i = 0; i < n && result->size < c->limit; i++) {
        struct stat st;
        struct text below = {0};
        if (strcmp(names[i], STORE) == 0)
            continue;
        text_printf(&below, "%s%s%s", top ? "" : path, top ? "" : "/", names[i]);
        char *text = below.failed ? NULL : text_of_name(below.data);
        const int one = text ? root_openat(c->root, below.data, O_PATH | O_NOFOLLOW) : -1;
        if (one >= 0 && fstat(one, &st) == 0) {
            if (strstr(text, c->words[1]))
                text_printf(result, "%s\n", text);
            if (S_ISDIR(st.st_mode))
                search_folder(c, below.data, depth + 1, result);
            else if (S_ISREG(st.st_mode) && (!c->settings || policy_of_reading(c->settings, below.data) == ALLOW))
                search_file(c, below.data, text, result);
        }
        if (one >= 0)
            close(one);
        free(text);
        text_release(&below);
    }
    names_release(names, n);
}

static viv_status run(const struct tool_call *c, struct text *result)
{
    if (!*c->words[1])
        return viv_fail(c->host, VIV_EINVAL, "search: the text is empty");
    search_folder(c, c->words[0], 0, result);
    if (result->size == 0)
        text_printf(result, "nothing was found\n");
    return VIV_OK;
}

const struct tool tool_search = {
    .name = "search",
    .summary = "names and lines below a folder that hold a text",
    .arguments = {{.name = "folder", .kind = ARGUMENT_FOLDER}, {.name = "text", .kind = ARGUMENT_TEXT}},
    .untrusted = true,
    .run = run};
