/* lexer.c - splits a template into text, tags, and the words inside them.
 *
 * White space is handled as transformers sets it: lstrip_blocks removes white space before a block tag or comment
 * on its line; trim_blocks removes the line feed after one. '-' on either side removes all white space there, '+'
 * keeps it. One line feed at the end of the template is removed. */
#include "jinja/jinja.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

struct lexer {
    struct run *r;
    const char *s, *end;
    const char *line_from; /* lines are counted from here */
    struct tokens *out;
    uint32_t line;
};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || (c & 0x80);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct token *push(struct lexer *l, enum token_kind kind, const char *text, size_t size)
{
    if (!VEC_RESERVE(l->out->items, l->out->n, l->out->capacity)) {
        error_nomem(l->r->err);
        return NULL;
    }
    struct token *t = &l->out->items[l->out->n++];
    *t = (struct token){.kind = kind, .line = l->line, .text = text, .size = size};
    return t;
}

/* Advances to `to`, and counts the lines up to there. */
static void at(struct lexer *l, const char *to)
{
    for (; l->line_from < to; l->line_from++)
        l->line += *l->line_from == '\n';
    l->r->line = l->line;
}

static bool push_text(struct lexer *l, const char *from, const char *to)
{
    at(l, from);
    return from >= to || push(l, T_TEXT, from, (size_t)(to - from));
}

/* The part of a text before a tag that stays. `strip`: the character after the opening brace. */
static const char *strip_before(const char *from, const char *to, char strip, bool block, bool line_starts)
{
    const char *p = to;
    if (strip == '-') {
        while (p > from && is_space(p[-1]))
            p--;
        return p;
    }
    if (strip == '+' || !block)
        return to;
    while (p > from && (p[-1] == ' ' || p[-1] == '\t'))
        p--;
    bool alone = p > from ? p[-1] == '\n' : line_starts;
    return alone ? p : to;
}

/* Reads the number of a character, of at least `least` and at most `most` digits. */
static bool read_code(struct lexer *l, const char **p, unsigned base, size_t least, size_t most, struct buf *out)
{
    uint32_t code = 0;
    size_t n = 0;
    char utf8[4];
    for (; n < most && *p + n < l->end; n++) {
        const char c = (*p)[n], letter = (char)(c | 0x20);
        const unsigned digit = is_digit(c)                      ? (unsigned)(c - '0')
                               : letter >= 'a' && letter <= 'f' ? (unsigned)(letter - 'a' + 10)
                                                                : 99;
        if (digit >= base)
            break;
        code = code * base + digit;
    }
    const size_t size = utf8_put(code, utf8);
    if (n < least || size == 0)
        return jinja_fail(l->r, VIV_EINVAL, "'\\%.*s' is no character", (int)n + 1, *p - 1);
    buf_append(out, utf8, size);
    *p += n;
    return true;
}

static bool read_escape(struct lexer *l, const char **p, struct buf *out)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char c = *++*p;
    const char *known = c ? strchr(from, c) : NULL;
    if (c >= '0' && c <= '7')
        return read_code(l, p, 8, 1, 3, out);
    ++*p;
    if (c == 'x' || c == 'u' || c == 'U') {
        const size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        return read_code(l, p, 16, n, n, out);
    }
    if (c == 'N')
        return jinja_fail(l->r, VIV_EUNSUPPORTED, "characters by name, as '\\N{...}', are not supported");
    if (known)
        buf_putc(out, to[known - from]);
    else if (c != '\n') { /* unknown escapes stay as they are, as in Python */
        buf_putc(out, '\\');
        buf_putc(out, c);
    }
    return true;
}

static bool read_string(struct lexer *l)
{
    struct buf b = {0};
    struct value v;
    char quote = *l->s;
    const char *p = l->s + 1;
    bool ok = true;
    while (ok && p < l->end && *p != quote) {
        if (*p == '\\' && p + 1 < l->end)
            ok = read_escape(l, &p, &b);
        else
            buf_putc(&b, *p++);
    }
    if (ok && p >= l->end)
        ok = jinja_fail(l->r, VIV_EINVAL, "a text without its closing %c", quote);
    if (!ok) {
        buf_release(&b);
        return false;
    }
    l->s = p + 1;
    return jinja_take_buf(l->r, &b, &v) && push(l, T_STRING, v.s.text, v.s.size);
}

/* 0x1F, 0o17, 0b11, 12, 1_000 */
static bool read_integer_token(struct lexer *l, const char *begin, const char *end)
{
    const char letter = (char)(end - begin > 2 && begin[0] == '0' ? begin[1] | 0x20 : 0);
    const unsigned base = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 10;
    char *digits = jinja_alloc(l->r, (size_t)(end - begin) + 1);
    size_t n = 0;
    struct token *t = push(l, T_INT, begin, (size_t)(end - begin));
    if (!t || !digits)
        return false;
    for (const char *p = begin + (base == 10 ? 0 : 2); p < end; p++)
        if (*p != '_')
            digits[n++] = *p;
    if (n == 0 || (base == 10 && n > 1 && digits[0] == '0' && strspn(digits, "0") != n))
        return jinja_fail(l->r, VIV_EINVAL, "'%.*s' is no number", (int)(end - begin), begin);
    return jinja_integer_of_text(l->r, digits, n, base, &t->number);
}

static bool has_base(const char *p, const char *end, const char **digits)
{
    static const char *const of_base[] = {"x0123456789abcdefABCDEF_", "o01234567_", "b01_"};
    for (size_t i = 0; i < 3 && end - p > 2 && *p == '0'; i++)
        if ((p[1] | 0x20) == of_base[i][0] && p[2] && strchr(of_base[i] + 1, p[2])) {
            *digits = of_base[i] + 1;
            return true;
        }
    return false;
}

static bool read_number(struct lexer *l)
{
    char digits[512];
    size_t n = 0;
    bool is_float = false;
    const char *p = l->s, *allowed, *begin = l->s;
    if (has_base(p, l->end, &allowed)) {
        for (p += 2; p < l->end && *p && strchr(allowed, *p); p++) {
        }
        l->s = p;
        return read_integer_token(l, begin, p);
    }
    for (; p < l->end; p++) {
        bool fraction = *p == '.' && !is_float && p + 1 < l->end && is_digit(p[1]);
        bool exponent = (*p == 'e' || *p == 'E') && p + 1 < l->end &&
                        (is_digit(p[1]) || ((p[1] == '-' || p[1] == '+') && p + 2 < l->end && is_digit(p[2])));
        /* a.0.1: after a point, numbers are indices */
        if (fraction && l->out->n && l->out->items[l->out->n - 1].kind == T_OPERATOR &&
            l->out->items[l->out->n - 1].text[0] == '.')
            break;
        if (!is_digit(*p) && !(*p == '_' && p + 1 < l->end && is_digit(p[1])) && !fraction && !exponent)
            break;
        is_float = is_float || fraction || exponent;
        if (*p != '_' && n + 2 < sizeof digits)
            digits[n++] = *p;
        if (exponent) {
            p++;
            if (n + 2 < sizeof digits)
                digits[n++] = *p;
        }
    }
    l->s = p;
    if (!is_float)
        return read_integer_token(l, begin, p);
    digits[n] = '\0';
    struct token *t = push(l, T_FLOAT, begin, (size_t)(p - begin));
    if (!t)
        return false;
    if (n + 2 >= sizeof digits)
        return jinja_fail(l->r, VIV_ELIMIT, "a number of more than %zu digits", sizeof digits - 2);
    t->number = jinja_make_float(strtod(digits, NULL));
    return true;
}

static bool read_operator(struct lexer *l)
{
    static const char *const pairs[] = {"==", "!=", "<=", ">=", "//", "**"};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (l->end - l->s >= 2 && memcmp(l->s, pairs[i], 2) == 0) {
            l->s += 2;
            return push(l, T_OPERATOR, pairs[i], 2);
        }
    if (!strchr("+-*/%~<>=()[]{}.,:|;", *l->s) || *l->s == '\0')
        return jinja_fail(l->r, VIV_EINVAL, "unexpected '%.1s'", l->s);
    char *one = jinja_alloc(l->r, 2);
    if (!one)
        return false;
    one[0] = *l->s++;
    return push(l, T_OPERATOR, one, 1);
}

/* The words of a tag up to its end, "}}" or "%}"; the braces of dicts inside are counted. *strip: the character
 * before the end. */
static bool read_tag(struct lexer *l, const char *ending, char *strip)
{
    int64_t braces = 0;
    for (;;) {
        while (l->s < l->end && is_space(*l->s))
            l->s++;
        at(l, l->s);
        if (l->s >= l->end)
            return jinja_fail(l->r, VIV_EINVAL, "a tag without its closing '%s'", ending);
        const char *p = l->s + (*l->s == '-' || (*l->s == '+' && ending[0] == '%'));
        if (braces == 0 && l->end - p >= 2 && memcmp(p, ending, 2) == 0) {
            *strip = p > l->s ? *l->s : '\0';
            l->s = p + 2;
            return true;
        }
        bool ok;
        braces += *l->s == '{' ? 1 : *l->s == '}' ? -1 : 0;
        if (*l->s == '\'' || *l->s == '"') {
            ok = read_string(l);
        } else if (is_digit(*l->s)) {
            ok = read_number(l);
        } else if (is_word(*l->s)) {
            const char *begin = l->s;
            while (l->s < l->end && is_word(*l->s))
                l->s++;
            struct value v;
            ok = jinja_make_string(l->r, begin, (size_t)(l->s - begin), &v) && push(l, T_NAME, v.s.text, v.s.size);
        } else {
            ok = read_operator(l);
        }
        if (!ok)
            return false;
    }
}

/* Skips what is removed after a tag, and notes whether a line starts there. */
static bool strip_after(struct lexer *l, char strip, bool block)
{
    if (strip == '-') {
        while (l->s < l->end && is_space(*l->s))
            l->s++;
        return l->s[-1] == '\n';
    }
    if (block && strip != '+' && l->s < l->end && *l->s == '\n') {
        l->s++;
        return true;
    }
    return false;
}

/* {% raw %} ... {% endraw %}: the tag was read, text follows. */
static bool read_raw(struct lexer *l, char strip, bool *line_starts)
{
    *line_starts =
        strip_after(l, strip, false); /* a line feed behind {% raw %} stays, unlike one behind other tags */
    for (const char *p = l->s; p < l->end; p++) {
        const char *q = p;
        if (l->end - q < 2 || q[0] != '{' || q[1] != '%')
            continue;
        q += 2;
        char before = q < l->end && (*q == '-' || *q == '+') ? *q++ : '\0';
        while (q < l->end && is_space(*q))
            q++;
        if (l->end - q < 6 || memcmp(q, "endraw", 6) != 0)
            continue;
        q += 6;
        while (q < l->end && is_space(*q))
            q++;
        char after = q < l->end && (*q == '-' || *q == '+') ? *q++ : '\0';
        if (l->end - q < 2 || q[0] != '%' || q[1] != '}')
            continue;
        if (!push_text(l, l->s, strip_before(l->s, p, before, true, *line_starts)))
            return false;
        l->s = q + 2;
        at(l, l->s);
        *line_starts = strip_after(l, after, true);
        return true;
    }
    return jinja_fail(l->r, VIV_EINVAL, "raw without its endraw");
}

static bool read_comment(struct lexer *l, bool *line_starts)
{
    const char *close = memmem(l->s, (size_t)(l->end - l->s), "#}", 2);
    if (!close)
        return jinja_fail(l->r, VIV_EINVAL, "a comment without its closing '#}'");
    char strip = close > l->s ? close[-1] : '\0';
    l->s = close + 2;
    at(l, l->s);
    *line_starts = strip_after(l, strip, true);
    return true;
}

static bool is_raw(const struct tokens *t, size_t from)
{
    return t->n == from + 2 && t->items[from + 1].kind == T_NAME && strcmp(t->items[from + 1].text, "raw") == 0;
}

bool jinja_lex(struct run *r, const char *source, size_t size, struct tokens *out)
{
    struct lexer l = {.r = r, .s = source, .end = source + size, .line_from = source, .out = out, .line = 1};
    bool line_starts = true;
    while (l.s < l.end) {
        const char *open = l.s;
        while (open < l.end && !(open + 1 < l.end && *open == '{' && strchr("{%#", open[1]) && open[1]))
            open++;
        if (open >= l.end) {
            if (!push_text(&l, l.s, l.end))
                return false;
            break;
        }
        char kind = open[1], strip = open + 2 < l.end ? open[2] : '\0';
        strip = strip == '-' || strip == '+' ? strip : '\0';
        bool block = kind != '{';
        if (!push_text(&l, l.s, strip_before(l.s, open, strip, block, line_starts)))
            return false;
        l.s = open + 2 + (strip != '\0');
        at(&l, open);
        if (kind == '#') {
            if (!read_comment(&l, &line_starts))
                return false;
            continue;
        }
        size_t begin = out->n;
        char after = '\0';
        if (!push(&l, block ? T_BLOCK_BEGIN : T_OUT_BEGIN, open, 0) || !read_tag(&l, block ? "%}" : "}}", &after))
            return false;
        if (block && is_raw(out, begin)) {
            out->n = begin;
            if (!read_raw(&l, after, &line_starts))
                return false;
            continue;
        }
        if (!push(&l, block ? T_BLOCK_END : T_OUT_END, l.s, 0))
            return false;
        line_starts = strip_after(&l, after, block);
    }
    if (out->n) /* where the last token begins */
        l.line = out->items[out->n - 1].line;
    return push(&l, T_END, l.end, 0) != NULL;
}
