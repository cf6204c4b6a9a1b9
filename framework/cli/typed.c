/* typed.c - see typed.h. */
#include "cli/typed.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST = 32 << 10, LARGEST_FILE = 256 << 10 };

/* False: there is no place for it. */
static bool find_path(const char *end, char path[PATH_MAX])
{
    char directory[PATH_MAX];
    if (!file_state_directory(directory, sizeof directory))
        return false;
    const int n = snprintf(path, PATH_MAX, "%s/chat_history%s", directory, end);
    return n > 0 && n < PATH_MAX;
}

static void take_lines(const char *text, size_t size, void (*take)(void *ctx, const char *line), void *ctx)
{
    for (const char *at = text; at < text + size;) {
        const size_t n = strcspn(at, "\n");
        struct error ignored;
        json_t *line = NULL;
        if (n > 0 && json_parse("chat_history", at, n, &line, &ignored) == VIV_OK && json_is_string(line))
            take(ctx, json_string_value(line));
        json_decref(line);
        at += n + 1;
    }
}

void typed_recall(void (*take)(void *ctx, const char *line), void *ctx)
{
    static const char *const ends[] = {".old", ""};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct buf text = {0};
        struct error ignored;
        if (find_path(ends[i], path) && file_read(path, LARGEST_FILE + 8 * LONGEST, &text, &ignored) == VIV_OK)
            take_lines(buf_text(&text), text.size, take, ctx);
        buf_release(&text);
    }
}

static viv_status append(const char *path, const char *text, size_t n, struct error *err)
{
    struct stat st;
    char old[PATH_MAX];
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    bool ok = fd >= 0 && fstat(fd, &st) == 0;
    if (ok && !S_ISREG(st.st_mode)) {
        close(fd);
        return error_set(err, VIV_EIO, "%s: expected a regular file", path);
    }
    ok = ok && fchmod(fd, 0600) == 0 && write(fd, text, n) == (ssize_t)n;
    const int reason = errno;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return error_set(err, VIV_EIO, "%s: %s", path, strerror(reason));
    if (st.st_size > LARGEST_FILE && find_path(".old", old) && rename(path, old) != 0)
        return error_set(err, VIV_EIO, "%s: %s", old, strerror(errno));
    return VIV_OK;
}

viv_status typed_keep(const char *line, struct error *err)
{
    char path[PATH_MAX];
    struct buf text = {0};
    if (*line == ' ' || !*line || strlen(line) > LONGEST)
        return VIV_OK;
    if (!find_path("", path))
        return error_set(err, VIV_ENOTFOUND, "neither $XDG_STATE_HOME nor $HOME is a place for it");
    if (!file_make_parents(path))
        return error_set(err, VIV_EIO, "%s: its directory cannot be made: %s", path, strerror(errno));
    json_t *value = json_string(line);
    char *json = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    json_decref(value);
    const bool whole = json && buf_puts(&text, json) && buf_putc(&text, '\n');
    free(json);
    const viv_status status = whole ? append(path, buf_text(&text), text.size, err) : error_nomem(err);
    buf_release(&text);
    return status;
}
