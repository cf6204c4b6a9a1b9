/* literal.c - see literal.h. */
#include "dialect/literal.h"

#include "base/utf8.h"

#include <string.h>

enum { MAX_DEPTH = 64 };

/* --- where it ends -------------------------------------------------------------------------------------------- */

static char closes(char open)
{
    return open == '(' ? ')' : open == '[' ? ']' : '}';
}

/* A byte inside a text. */
static void in_text(struct literal_scan *l, char c)
{
    if (l->in == 'q') { /* markers do not overlap themselves */
        l->matched = c == l->quote[l->matched] ? l->matched + 1 : c == l->quote[0] ? 1 : 0;
        if (!l->quote[l->matched]) {
            l->in = 0;
            l->matched = 0;
        }
    } else if (l->escaped) {
        l->escaped = false;
    } else if (c == '\\') {
        l->escaped = true;
    } else if (c == l->in) {
        l->in = 0;
    }
}

static bool step(struct literal_scan *l, char c)
{
    if (l->in) {
        in_text(l, c);
        return true;
    }
    if (l->quote && c == l->quote[l->matched]) {
        if (!l->quote[++l->matched]) {
            l->in = 'q';
            l->matched = 0;
        }
        return true;
    }
    if (l->matched) /* of the marker, only its beginning */
        return false;
    if (c == '"' || c == '\'') {
        l->in = c;
    } else if (c == '(' || c == '[' || c == '{') {
        if (l->depth == JSON_SCAN_DEPTH)
            return false;
        l->open[l->depth++] = c;
    } else if (c == ')' || c == ']' || c == '}') {
        return l->depth && closes(l->open[--l->depth]) == c;
    } else {
        return (unsigned char)c >= 0x20 || c == '\n' || c == '\t' || c == '\r';
    }
    return true;
}

enum json_scan_result literal_scan(struct literal_scan *l, const char *s, size_t n, size_t *used)
{
    for (*used = 0; *used < n; ++*used) {
        if (!step(l, s[*used]) || (l->depth == 0 && closes('(') != s[*used] && closes('{') != s[*used]))
            return JSON_SCAN_BAD;
        if (l->depth == 0) {
            ++*used;
            return JSON_SCAN_DONE;
        }
    }
    return JSON_SCAN_MORE;
}

/* --- what it says ----------------------------------------------------------------------------------------------
 */

struct reader {
    const char *at, *end, *quote;
    struct buf *out;
    int depth;
};

static void skip_space(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\r\n", *r->at) && *r->at)
        r->at++;
}

static bool eat(struct reader *r, const char *word)
{
    const size_t n = strlen(word);
    skip_space(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
        return false;
    r->at += n;
    return true;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || (unsigned char)c >= 0x80;
}

static size_t word_length(const struct reader *r)
{
    size_t n = 0;
    while (r->at + n < r->end && is_word(r->at[n]))
        n++;
    return n;
}

bool literal_is_key(const char *s)
{
    size_t n = 0;
    while (is_word(s[n]))
        n++;
    return n > 0 && !s[n];
}

/* One character inside a JSON string. */
static void put_character(struct buf *out, uint32_t c)
{
    char bytes[4];
    if (c == '"' || c == '\\')
        buf_putc(out, '\\');
    if (c < 0x20)
        buf_printf(out, "\\u%04x", (unsigned)c);
    else
        buf_append(out, bytes, utf8_put(c, bytes));
}

bool literal_quote(const char *s, size_t n, struct buf *out)
{
    buf_putc(out, '"');
    for (size_t at = 0, length; at < n; at += length) {
        uint32_t c;
        length = utf8_decode(s + at, n - at, &c);
        if (!length)
            return false;
        if (c == '\n')
            buf_puts(out, "\\n");
        else
            put_character(out, c);
    }
    return buf_putc(out, '"');
}

static bool read_hex(struct reader *r, size_t digits, uint32_t *c)
{
    *c = 0;
    for (size_t i = 0; i < digits; i++, r->at++) {
        const char *hex = "0123456789abcdef", *found;
        if (r->at == r->end || !*r->at ||
            !(found = strchr(hex, *r->at >= 'A' && *r->at <= 'F' ? *r->at + 32 : *r->at)))
            return false;
        *c = *c * 16 + (uint32_t)(found - hex);
    }
    return true;
}

/* Behind a backslash. */
static bool read_escape(struct reader *r)
{
    static const char letters[] = "abfnrtv0\n\\'\"/", characters[] = "\a\b\f\n\r\t\v\0\n\\'\"/";
    const char letter = r->at < r->end ? *r->at++ : '\0';
    const size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    const char *known = letter ? strchr(letters, letter) : NULL;
    uint32_t c = 0, low;
    if (digits) {
        if (!read_hex(r, digits, &c) || c > 0x10FFFF)
            return false;
        if (c >= 0xD800 && c < 0xDC00) { /* a pair of surrogates */
            if (r->end - r->at < 6 || r->at[0] != '\\' || r->at[1] != 'u')
                return false;
            r->at += 2;
            if (!read_hex(r, 4, &low) || low < 0xDC00 || low > 0xDFFF)
                return false;
            c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
        if (c >= 0xD800 && c <= 0xDFFF)
            return false;
    } else if (known) {
        c = (unsigned char)characters[known - letters];
        if (letter == '\n') /* a line that goes on */
            return true;
    } else {
        put_character(r->out, '\\'); /* as Python: it stays */
        r->at--;
        return r->at < r->end;
    }
    put_character(r->out, c);
    return true;
}

static bool read_text(struct reader *r, char mark)
{
    buf_putc(r->out, '"');
    while (r->at < r->end && *r->at != mark) {
        uint32_t c;
        const size_t n = utf8_decode(r->at, (size_t)(r->end - r->at), &c);
        r->at += n;
        if (!n || (c == '\\' && !read_escape(r)))
            return false;
        if (c != '\\')
            put_character(r->out, c);
    }
    return r->at++ < r->end && buf_putc(r->out, '"');
}

static bool read_marked(struct reader *r)
{
    const char *end = memmem(r->at, (size_t)(r->end - r->at), r->quote, strlen(r->quote));
    if (!end || !literal_quote(r->at, (size_t)(end - r->at), r->out))
        return false;
    r->at = end + strlen(r->quote);
    return true;
}

static bool read_value(struct reader *r);

static bool read_items(struct reader *r, const char *close)
{
    buf_putc(r->out, '[');
    for (bool first = true; !eat(r, close); first = false) {
        if (!first && !eat(r, ","))
            return false;
        if (!first && eat(r, close)) /* Python: a comma behind the last */
            break;
        if (!first)
            buf_puts(r->out, ", ");
        if (!read_value(r))
            return false;
    }
    return buf_putc(r->out, ']');
}

static bool read_key(struct reader *r)
{
    const size_t n = word_length(r);
    if (!n)
        return false;
    r->at += n;
    return literal_quote(r->at - n, n, r->out);
}

/* key: value, ... or key=value, ... */
static bool read_members(struct reader *r, const char *close, const char *between)
{
    buf_putc(r->out, '{');
    for (bool first = true; !eat(r, close); first = false) {
        if (!first && !eat(r, ","))
            return false;
        if (!first && eat(r, close))
            break;
        if (!first)
            buf_puts(r->out, ", ");
        skip_space(r);
        const bool quoted = r->at < r->end && (*r->at == '"' || *r->at == '\'');
        const bool marked = !quoted && r->quote && eat(r, r->quote);
        if (!(quoted ? read_text(r, *r->at++) : marked ? read_marked(r) : read_key(r)) || !eat(r, between))
            return false;
        buf_puts(r->out, ": ");
        if (!read_value(r))
            return false;
    }
    return buf_putc(r->out, '}');
}

/* A number or a word. */
static bool read_word(struct reader *r)
{
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "null"},
                                           {"true", "true"}, {"false", "false"}, {"null", "null"}};
    size_t n = word_length(r), used;
    struct json_scan j = {0};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (n == strlen(words[i][0]) && memcmp(words[i][0], r->at, n) == 0) {
            r->at += n;
            return buf_puts(r->out, words[i][1]);
        }
    while (n && r->at + n < r->end && r->at[n] == '+') { /* 1e+5 */
        const char *at = r->at;
        r->at += n + 1;
        const size_t more = word_length(r);
        r->at = at;
        n += 1 + more;
    }
    if (!n || json_scan(&j, r->at, n, &used) == JSON_SCAN_BAD || used < n || !json_scan_end(&j))
        return false;
    r->at += n;
    return buf_append(r->out, r->at - n, n);
}

static bool read_value(struct reader *r)
{
    skip_space(r);
    if (r->at == r->end || r->depth == MAX_DEPTH)
        return false;
    r->depth++;
    bool read;
    if (r->quote && eat(r, r->quote))
        read = read_marked(r);
    else if (*r->at == '"' || *r->at == '\'')
        read = read_text(r, *r->at++);
    else if (eat(r, "["))
        read = read_items(r, "]");
    else if (eat(r, "("))
        read = read_items(r, ")");
    else if (eat(r, "{"))
        read = read_members(r, "}", ":");
    else
        read = read_word(r);
    r->depth--;
    return read;
}

static bool finish(struct reader *r, bool read)
{
    skip_space(r);
    return read && r->at == r->end && !r->out->failed;
}

bool literal_value(const char *s, size_t n, const char *quote, struct buf *out)
{
    struct reader r = {s, s + n, quote, out, 0};
    return finish(&r, read_value(&r));
}

bool literal_arguments(const char *s, size_t n, const char *quote, struct buf *out)
{
    struct reader r = {s, s + n, quote, out, 0};
    return finish(&r, eat(&r, "(") ? read_members(&r, ")", "=") : eat(&r, "{") && read_members(&r, "}", ":"));
}
