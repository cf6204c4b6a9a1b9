/* lark_text.c - see lark_text.h. A text without some words is a right-linear grammar: a rule for each beginning of
 * a word that the text may have just gone through (Aho and Corasick 1975). */
#include "dialect/lark_text.h"

#include "base/utf8.h"
#include "dialect/dialect.h"

#include <stdlib.h>
#include <string.h>

/* The empty beginning, and all others of the texts of a marker. */
enum { MAX_STATES = MAX_MARKERS * MAX_MARKER + 1 };

void lark_put_literal(struct buf *out, const char *s, size_t n)
{
    buf_puts(out, " \"");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '\n')
            buf_puts(out, "\\n");
        else if (s[i] == '\t')
            buf_puts(out, "\\t");
        else if (s[i] == '\r')
            buf_puts(out, "\\r");
        else if (s[i] == '"' || s[i] == '\\')
            buf_printf(out, "\\%c", s[i]);
        else
            buf_putc(out, s[i]);
    }
    buf_puts(out, "\" ");
}

struct words {
    const char *const *v;
    size_t n;
    char *states[MAX_STATES]; /* proper beginnings of words */
    size_t n_states;
};

static size_t state_of(const struct words *w, const char *s)
{
    for (size_t i = 0; i < w->n_states; i++)
        if (strcmp(w->states[i], s) == 0)
            return i;
    return SIZE_MAX;
}

static bool ends_in(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* The state behind a text; SIZE_MAX: the text has a word. */
static size_t state_behind(const struct words *w, const char *text)
{
    for (size_t i = 0; i < w->n; i++)
        if (ends_in(text, w->v[i]))
            return SIZE_MAX;
    for (; *text; text++) {
        const size_t found = ((unsigned char)*text & 0xC0) == 0x80 ? SIZE_MAX : state_of(w, text);
        if (found != SIZE_MAX)
            return found;
    }
    return 0;
}

static bool add_states(struct words *w)
{
    w->states[w->n_states++] = strdup("");
    for (size_t i = 0; i < w->n; i++)
        for (size_t n = 0, next; w->v[i][n]; n = next) {
            uint32_t c;
            next = n + utf8_decode(w->v[i] + n, strlen(w->v[i] + n), &c);
            if (next == n)
                return false;
            if (!w->v[i][next])
                break;
            char *s = w->n_states < MAX_STATES ? strndup(w->v[i], next) : NULL;
            if (!s)
                return false;
            if (state_of(w, s) == SIZE_MAX)
                w->states[w->n_states++] = s;
            else
                free(s);
        }
    return w->states[0] != NULL;
}

/* The characters of the words, once each. */
static void put_alphabet(const struct words *w, struct buf *out)
{
    for (size_t i = 0; i < w->n; i++)
        for (size_t at = 0, n; w->v[i][at]; at += n) {
            uint32_t c;
            char one[5] = {0};
            n = utf8_decode(w->v[i] + at, strlen(w->v[i] + at), &c);
            n = n ? n : 1;
            memcpy(one, w->v[i] + at, n);
            if (!strstr(buf_text(out), one))
                buf_append(out, one, n);
        }
}

bool lark_put_without(struct buf *out, const char *name, const char *const *words, size_t n)
{
    struct words w = {.v = words, .n = n};
    struct buf alphabet = {0}, text = {0};
    bool ok = add_states(&w);
    put_alphabet(&w, &alphabet);
    for (size_t s = 0; ok && s < w.n_states; s++) {
        buf_printf(out, "%s_%zu: \"\" | /[^", name, s);
        for (size_t at = 0; at < alphabet.size; at++)
            if (alphabet.data[at] == '\n')
                buf_puts(out, "\\n");
            else
                buf_printf(out, strchr("\\]^-[/", alphabet.data[at]) ? "\\%c" : "%c", alphabet.data[at]);
        buf_printf(out, "]/ %s_0", name);
        for (size_t at = 0, size; at < alphabet.size; at += size) {
            uint32_t c;
            size = utf8_decode(alphabet.data + at, alphabet.size - at, &c);
            size = size ? size : 1;
            buf_clear(&text);
            buf_puts(&text, w.states[s]);
            buf_append(&text, alphabet.data + at, size);
            const size_t to = state_behind(&w, buf_text(&text));
            if (to == SIZE_MAX)
                continue;
            buf_puts(out, " |");
            lark_put_literal(out, alphabet.data + at, size);
            buf_printf(out, "%s_%zu", name, to);
        }
        buf_putc(out, '\n');
    }
    for (size_t s = 0; s < w.n_states; s++)
        free(w.states[s]);
    ok = ok && !alphabet.failed && !text.failed;
    buf_release(&alphabet);
    buf_release(&text);
    return ok;
}
