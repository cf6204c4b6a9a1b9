/* lines.c - see lines.h. Prompts go to standard error, so that standard output holds answers alone. */
#include "cli/lines.h"

#include "base/utf8.h"
#include "cli/interrupt.h"
#include "cli/typed.h"
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAVE_LIBEDIT
#include <histedit.h>
#include <signal.h>
#include <termios.h>
#endif

enum { LONGEST_LINE = 16 << 20, HISTORY_LINES = 1000 };

struct lines {
    FILE *file;
    const char *name;
    bool typed, keeps;
    bool marks;                   /* the terminal marks what is pasted */
    bool goes_on, pastes, quotes; /* the line is not whole yet; within a paste; behind """ */
    uint64_t n;                   /* lines read */
#ifdef HAVE_LIBEDIT
    EditLine *editor; /* NULL: nobody sits there */
    History *history;
#endif
};

/* What a terminal that is asked to puts around a paste ("bracketed paste"). */
static const char PASTE_BEGINS[] = "\033[200~", PASTE_ENDS[] = "\033[201~";

static const char *prompt_of(const struct lines *l)
{
    return l->goes_on ? ". " : "> ";
}

/* --- typed --------------------------------------------------------------------------------------------------- */

#ifdef HAVE_LIBEDIT
static void ask_for_marks(const struct lines *l, bool on)
{
    if (l->marks)
        fprintf(stderr, "\033[?2004%c", on ? 'h' : 'l');
    fflush(stderr);
}

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
        ssize_t got = interrupt_happened() ? -1 : read(STDIN_FILENO, bytes + n, 1);
        if (got < 0 && errno == EINTR && !interrupt_happened())
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

/* Characters as they were pasted, up to the mark of their end. */
static bool read_paste(EditLine *editor, wchar_t **text, size_t *n)
{
    static const size_t mark = sizeof PASTE_ENDS - 1;
    size_t capacity = 0;
    for (*n = 0; *n < LONGEST_LINE; ++*n) {
        if (!VEC_RESERVE(*text, *n + 1, capacity) || read_character(editor, *text + *n) != 1)
            return false;
        size_t same = 0;
        while (same < mark && same <= *n && (*text)[*n - same] == (wchar_t)PASTE_ENDS[mark - 1 - same])
            same++;
        if (same == mark) {
            *n = *n + 1 - mark;
            return true;
        }
    }
    return false;
}

/* Line ends as line feeds, none at the end; of other control characters only tabs. */
static void clean_paste(wchar_t *text, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        const bool ends = text[i] == L'\n' || text[i] == L'\r';
        if (text[i] == L'\r' && i + 1 < n && text[i + 1] == L'\n')
            continue;
        if (ends || text[i] == L'\t' || (text[i] >= L' ' && text[i] != 0x7F))
            text[to++] = ends ? L'\n' : text[i];
    }
    while (to > 0 && text[to - 1] == L'\n')
        to--;
    text[to] = L'\0';
}

static unsigned char paste(EditLine *editor, int key)
{
    wchar_t *text = NULL;
    size_t n;
    (void)key;
    bool ok = read_paste(editor, &text, &n);
    if (ok) {
        clean_paste(text, n);
        ok = !*text || el_winsertstr(editor, text) == 0;
    }
    free(text);
    return interrupt_happened() ? CC_EOF : ok ? CC_REFRESH : CC_ERROR;
}

static void recall(void *ctx, const char *line)
{
    HistEvent event;
    history(ctx, &event, H_ENTER, line);
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
    el_wset(l->editor, EL_ADDFN, L"viv-paste", L"Insert what is pasted", paste); /* el_set would leak copies */
    el_source(l->editor, NULL); /* ~/.editrc, which may choose the keys of vi */
    el_set(l->editor, EL_BIND, PASTE_BEGINS, "viv-paste", NULL);
    el_set(l->editor, EL_BIND, "-a", PASTE_BEGINS, "viv-paste", NULL);
    if (l->keeps)
        typed_recall(recall, l->history);
    return VIV_OK;
}

static void editor_close(struct lines *l)
{
    if (l->editor)
        el_end(l->editor);
    if (l->history)
        history_end(l->history);
}

/* The terminal as it was before the editor changed it: a signal that ends the program must not leave it without
 * echo. */
static struct termios terminal;
static const int ending[] = {SIGTERM, SIGHUP, SIGQUIT};
enum { N_ENDING = sizeof ending / sizeof *ending };

static void give_back_terminal(int signal_number)
{
    static const char marks_off[] = "\033[?2004l\n";
    ssize_t ignored = write(STDERR_FILENO, marks_off, sizeof marks_off - 1);
    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
    raise(signal_number); /* whose handler is the default again */
}

/* What was done about these signals goes to `before`; those that are ignored stay so. */
static void watch_ending(struct sigaction before[N_ENDING])
{
    const struct sigaction action = {.sa_handler = give_back_terminal, .sa_flags = (int)SA_RESETHAND};
    for (int i = 0; i < N_ENDING; i++)
        if (sigaction(ending[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(ending[i], &action, NULL);
}

static viv_status edit(struct lines *l, struct buf *line, bool *end, struct error *err)
{
    struct sigaction before[N_ENDING];
    int n;
    const bool watched = tcgetattr(STDIN_FILENO, &terminal) == 0;
    if (watched)
        watch_ending(before);
    ask_for_marks(l, true);
    const char *text = el_gets(l->editor, &n);
    ask_for_marks(l, false);
    for (int i = 0; watched && i < N_ENDING; i++)
        sigaction(ending[i], &before[i], NULL);
    if (!text || n <= 0) {
        fputc('\n', stderr);
        *end = true;
        return interrupt_happened() ? error_set(err, VIV_ECANCELLED, "interrupted") : VIV_OK;
    }
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
    if (interrupt_happened()) {
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

/* Whether it asks, on a terminal that knows such marks, to see them. */
static bool has_marks(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

viv_status lines_open(struct lines **out, const char *path, bool keeps, struct error *err)
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
    l->keeps = l->typed && keeps;
    l->marks = l->typed && has_marks();
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

void lines_keep(struct lines *l, bool keeps)
{
    l->keeps = l->typed && keeps;
}

static void cut_end(struct buf *line, char c)
{
    if (line->size > 0 && line->data[line->size - 1] == c)
        line->data[--line->size] = '\0';
}

static bool ends_in(const struct buf *line, const char *end)
{
    const size_t n = strlen(end);
    return line->size >= n && memcmp(line->data + line->size - n, end, n) == 0;
}

/* Takes the first mark out of a line that no editor has read. */
static bool cut_out(struct buf *line, const char *mark)
{
    char *at = strstr(line->data, mark);
    const size_t n = strlen(mark);
    if (!at)
        return false;
    memmove(at, at + n, line->size - (size_t)(at - line->data) - n + 1);
    line->size -= n;
    return true;
}

/* Whether what is typed, of which `line` is the part so far, goes on in the next line: in a paste, between """ and
 * """, and behind a backslash. */
static bool typed_goes_on(struct lines *l, struct buf *line, bool first)
{
    static const char quote[] = "\"\"\"";
    if (line->size == 0)
        return l->pastes || l->quotes;
    if (cut_out(line, PASTE_BEGINS))
        l->pastes = true;
    if (cut_out(line, PASTE_ENDS))
        l->pastes = false;
    if (first && strncmp(line->data, quote, 3) == 0)
        l->quotes = cut_out(line, quote);
    if (l->quotes && ends_in(line, quote)) {
        line->data[line->size -= 3] = '\0';
        l->quotes = false;
        cut_end(line, '\n');
    } else if (!l->quotes && !l->pastes && ends_in(line, "\\")) {
        cut_end(line, '\\');
        return true;
    }
    return l->pastes || l->quotes;
}

/* A whole line, as it was typed, for another time. */
static void keep(struct lines *l, const char *line)
{
    struct error err;
#ifdef HAVE_LIBEDIT
    HistEvent event;
    if (l->editor && *line)
        history(l->history, &event, H_ENTER, line);
#endif
    if (!l->keeps || typed_keep(line, &err) == VIV_OK)
        return;
    fprintf(stderr, "viv: what is typed is not kept: %s (--no-history is silent)\n", err.text);
    l->keeps = false;
}

viv_status lines_next(struct lines *l, struct buf *line, bool *end, struct error *err)
{
    viv_status status;
    bool first = true;
    buf_clear(line);
    l->goes_on = l->pastes = l->quotes = *end = false;
    do {
        if (line->size > 0 && !buf_putc(line, '\n'))
            return error_nomem(err);
        status = next(l, line, end, err);
        if (status != VIV_OK || *end)
            return status;
        cut_end(line, '\n');
        cut_end(line, '\r');
        l->goes_on = l->typed && typed_goes_on(l, line, first);
        first = false;
    } while (l->goes_on);
    if (!utf8_valid(buf_text(line), line->size) || memchr(buf_text(line), '\0', line->size))
        return error_set(err, VIV_EFORMAT, "%s: line %" PRIu64 " is not UTF-8, or holds the byte 0", l->name, l->n);
    if (l->typed)
        keep(l, buf_text(line));
    return VIV_OK;
}
