/* tool_write.c - write makes a file, or replaces its text; append adds to it. The new file is staged and exchanged
 * with the old one, so that another name of the old one (a hard link) keeps the old text. */
#include "lam.h"

#include <string.h>
#include <unistd.h>

enum { MOST_WRITTEN = 64 << 20, MOST_SHOWN = 40 };

/* The text that the file is to have, and the one that it has. */
static viv_status texts(const struct tool_call *c, bool append, struct text *old, struct text *new)
{
    viv_status status = file_load(c->root, c->words[0], MOST_WRITTEN, old);
    if (status == VIV_ENOTFOUND && !append)
        status = VIV_OK;
    if (status != VIV_OK)
        return status;
    if (append)
        text_add(new, text_or_empty(old), old->size);
    text_add(new, c->words[1], strlen(c->words[1]));
    return new->failed ? viv_fail(c->host, VIV_ENOMEM, "out of memory") : VIV_OK;
}

static viv_status put(const struct tool_call *c, bool append, struct text *result)
{
    struct text old = {0}, new = {0};
    int fd = -1;
    viv_status status = texts(c, append, &old, &new);
    if (status == VIV_OK)
        status = journal_stage(c->journal, false, &fd);
    if (status == VIV_OK)
        status = staged_write(c, fd, &new, c->words[0]);
    if (status == VIV_OK)
        status = journal_commit(c->journal, append ? "append" : "write", NULL, c->words[0], true);
    if (status == VIV_OK)
        text_printf(result, "%zu bytes are there now, %zu were before\n", new.size, old.size);
    text_release(&old);
    text_release(&new);
    return status;
}

static size_t count_lines(const char *s, size_t n)
{
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += s[i] == '\n' || i + 1 == n;
    return lines;
}

static void show_lines(struct text *out, char sign, const char *s, size_t n)
{
    size_t shown = 0;
    for (size_t at = 0; at < n; shown++) {
        const char *end = memchr(s + at, '\n', n - at);
        const size_t length = end ? (size_t)(end - s) - at : n - at;
        if (shown == MOST_SHOWN) {
            text_printf(out, "%c ... and %zu more lines\n", sign, count_lines(s + at, n - at));
            return;
        }
        text_printf(out, "%c ", sign);
        text_add(out, s + at, length);
        text_add(out, "\n", 1);
        at += length + (end != NULL);
    }
}

static bool begins_line(const char *s, size_t at)
{
    return at == 0 || s[at - 1] == '\n';
}

/* The lines between those that both begin with and those that both end in. */
static viv_status show(const struct tool_call *c, bool append, struct text *out)
{
    struct text old = {0}, new = {0};
    viv_status status = texts(c, append, &old, &new);
    if (status == VIV_OK &&
        (!text_is_utf8(text_or_empty(&old), old.size) || !text_is_utf8(text_or_empty(&new), new.size))) {
        text_printf(out, "%zu bytes that are no text become %zu\n", old.size, new.size);
    } else if (status == VIV_OK) {
        const char *a = text_or_empty(&old), *b = text_or_empty(&new);
        size_t begin = 0, end = 0;
        for (size_t i = 0; i < old.size && i < new.size &&a[i] == b[i]; i++)
            begin = a[i] == '\n' ? i + 1 : begin;
        while (end < old.size - begin && end < new.size - begin &&a[old.size - 1 - end] == b[new.size - 1 - end])
            end++;
        while (end > 0 && !(begins_line(a, old.size - end) && begins_line(b, new.size - end)))
            end--;
        show_lines(out, '-', a + begin, old.size - begin - end);
        show_lines(out, '+', b + begin, new.size - begin - end);
    }
    text_release(&old);
    text_release(&new);
    return status;
}

static viv_status run_write(const struct tool_call *c, struct text *result)
{
    return put(c, false, result);
}

static viv_status run_append(const struct tool_call *c, struct text *result)
{
    return put(c, true, result);
}

static viv_status effect_write(const struct tool_call *c, struct text *out)
{
    return show(c, false, out);
}

static viv_status effect_append(const struct tool_call *c, struct text *out)
{
    return show(c, true, out);
}

const struct tool tool_write = {
    .name = "write",
    .summary = "a file gets this text, instead of what it had",
    .arguments = {{.name = "path", .kind = ARGUMENT_NEW}, {.name = "text", .kind = ARGUMENT_TEXT}},
    .changes = true,
    .effect = effect_write,
    .run = run_write};
const struct tool tool_append = {
    .name = "append",
    .summary = "this text is added at the end of a file",
    .arguments = {{.name = "path", .kind = ARGUMENT_FILE}, {.name = "text", .kind = ARGUMENT_TEXT}},
    .changes = true,
    .effect = effect_append,
    .run = run_append};
