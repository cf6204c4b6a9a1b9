/* lines.c - see lines.h. Prompts go to standard error, so that standard output holds answers alone. */
#include "cli/lines.h"

#include "base/utf8.h"
#include "cli/interrupt.h"
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_LIBEDIT
#include <histedit.h>
#endif

enum { LONGEST_LINE = 16 << 20, HISTORY_LINES = 1000 };

struct lines {
    FILE *file;
    const char *name;
    bool typed, goes_on; /* goes_on: the line before ended in a backslash */
    uint64_t n;          /* lines read */
#ifdef HAVE_LIBEDIT
    EditLine *editor; /* NULL: nobody sits there */
    History *history;
#endif
};

static const char *prompt_of(const struct lines *l)
{
    return l->goes_on ? ". " : "> ";
}

/* --- typed --------------------------------------------------------------------------------------------------- */

#ifdef HAVE_LIBEDIT
static char *editor_prompt(EditLine *editor)
{
    struct lines *l;
    el_get(editor, EL_CLIENTDATA, &l);
    return (char *)prompt_of(l);
}

/* The editor's own way to read a character waits on when a signal comes. */
static int read_character(EditLine *editor, wchar_t *out)
{
    char bytes[4];
    (void)editor;
    for (size_t n = 0; n < sizeof bytes;) {
        ssize_t got = interrupted() ? -1 : read(STDIN_FILENO, bytes + n, 1);
        if (got < 0 && errno == EINTR && !interrupted())
            continue;
        if (got <= 0)
            return (int)got;
        uint32_t c;
        n++;
        if (utf8_decode(bytes, n, &c) == n) {
            *out = (wchar_t)c;
            return 1;
        }
    }
    *out = 0xFFFD;
    return 1;
}

static viv_status editor_open(struct lines *l, struct error *err)
{
    HistEvent event;
    l->editor = el_init("viv", stdin, stderr, stderr);
    l->history = history_init();
    if (!l->editor || !l->history)
        return error_nomem(err);
    history(l->history, &event, H_SETSIZE, HISTORY_LINES);
    history(l->history, &event, H_SETUNIQUE, 1);
    el_set(l->editor, EL_CLIENTDATA, l);
    el_set(l->editor, EL_EDITOR, "emacs");
    el_set(l->editor, EL_PROMPT, editor_prompt);
    el_set(l->editor, EL_HIST, history, l->history);
    el_set(l->editor, EL_GETCFN, read_character);
    el_source(l->editor, NULL); /* ~/.editrc */
    return VIV_OK;
}

static void editor_close(struct lines *l)
{
    if (l->editor)
        el_end(l->editor);
    if (l->history)
        history_end(l->history);
}

static viv_status edit(struct lines *l, struct buf *line, bool *end, struct error *err)
{
    HistEvent event;
    int n;
    const char *text = el_gets(l->editor, &n);
    if (!text || n <= 0) {
        fputc('\n', stderr);
        *end = true;
        return interrupted() ? error_set(err, VIV_ECANCELLED, "interrupted") : VIV_OK;
    }
    if (n > 1)
        history(l->history, &event, H_ENTER, text);
    return buf_append(line, text, (size_t)n) ? VIV_OK : error_nomem(err);
}
#endif

/* --- from a file --------------------------------------------------------------------------------------------- */

static viv_status read_line(struct lines *l, struct buf *line, bool *end, struct error *err)
{
    const size_t before = line->size;
    int c;
    if (l->typed)
        fputs(prompt_of(l), stderr);
    while ((c = getc(l->file)) != EOF) {
        if (line->size > LONGEST_LINE)
            return error_set(err, VIV_ELIMIT, "%s: line %" PRIu64 " has more than %d bytes", l->name, l->n,
                             LONGEST_LINE);
        if (!buf_putc(line, (char)c))
            return error_nomem(err);
        if (c == '\n')
            return VIV_OK;
    }
    if (interrupted()) {
        *end = true;
        return error_set(err, VIV_ECANCELLED, "interrupted");
    }
    if (ferror(l->file))
        return error_set(err, VIV_EIO, "%s: %s", l->name, strerror(errno));
    *end = line->size == before;
    return VIV_OK;
}

static viv_status next(struct lines *l, struct buf *line, bool *end, struct error *err)
{
    l->n++;
#ifdef HAVE_LIBEDIT
    if (l->editor)
        return edit(l, line, end, err);
#endif
    return read_line(l, line, end, err);
}

/* --- both ---------------------------------------------------------------------------------------------------- */

viv_status lines_open(struct lines **out, const char *path, struct error *err)
{
    const bool from_stdin = !path || strcmp(path, "-") == 0;
    struct lines *l = calloc(1, sizeof *l);
    if (!l)
        return error_nomem(err);
    viv_status status = VIV_OK;
    l->file = from_stdin ? stdin : fopen(path, "re");
    l->name = from_stdin ? "standard input" : path;
    if (!l->file)
        status = error_set(err, errno == ENOENT ? VIV_ENOTFOUND : VIV_EIO, "%s: %s", path, strerror(errno));
    l->typed = status == VIV_OK && from_stdin && isatty(STDIN_FILENO);
#ifdef HAVE_LIBEDIT
    if (l->typed)
        status = editor_open(l, err);
#endif
    if (status != VIV_OK) {
        lines_close(l);
        return status;
    }
    *out = l;
    return VIV_OK;
}

void lines_close(struct lines *l)
{
    if (!l)
        return;
#ifdef HAVE_LIBEDIT
    editor_close(l);
#endif
    if (l->file && l->file != stdin)
        fclose(l->file);
    free(l);
}

bool lines_typed(const struct lines *l)
{
    return l->typed;
}

static void cut_end(struct buf *line, char c)
{
    if (line->size > 0 && line->data[line->size - 1] == c)
        line->data[--line->size] = '\0';
}

viv_status lines_next(struct lines *l, struct buf *line, bool *end, struct error *err)
{
    viv_status status;
    buf_clear(line);
    l->goes_on = *end = false;
    do {
        if (l->goes_on)
            line->data[line->size - 1] = '\n'; /* in place of the backslash */
        status = next(l, line, end, err);
        if (status != VIV_OK || *end)
            return status;
        cut_end(line, '\n');
        cut_end(line, '\r');
        l->goes_on = l->typed && line->size > 0 && line->data[line->size - 1] == '\\';
    } while (l->goes_on);
    if (!utf8_valid(buf_text(line), line->size) || memchr(buf_text(line), '\0', line->size))
        return error_set(err, VIV_EFORMAT, "%s: line %" PRIu64 " is not UTF-8, or holds the byte 0", l->name, l->n);
    return VIV_OK;
}
