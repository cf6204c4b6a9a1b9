/* gbnf.c - llama.cpp's grammars: rules `name ::= alternatives`, of which `root` is the text. */
#include "grammar/reader.h"

#include "base/buf.h"
#include "base/utf8.h"
#include "grammar/sources.h"

#include <string.h>

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t name_length(const struct reader *p)
{
    size_t n = 0;
    while (p->at + n < p->n && is_name(p->text[p->at + n]))
        n++;
    return n;
}

/* A character of a literal or class, with escapes. */
static uint32_t read_character(struct reader *p)
{
    const size_t begin = p->at;
    uint32_t c = 0;
    if (!reader_eat(p, "\\")) {
        const size_t n = utf8_decode(p->text + p->at, p->n - p->at, &c);
        p->at += n ? n : 1;
        return c;
    }
    const char letter = p->at < p->n ? p->text[p->at++] : '\0';
    const size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    if (digits) {
        if (p->n - p->at < digits || !read_hex(p->text + p->at, digits, &c) || c > MAX_CODE_POINT ||
            (c >= 0xD800 && c <= 0xDFFF))
            reader_fail(p, begin, "expected a character as \\xHH, \\uHHHH or \\UHHHHHHHH");
        p->at += digits;
        return c;
    }
    switch (letter) {
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case '\\':
    case '"':
    case '[':
    case ']':
    case '-':
    case '^':
        return (unsigned char)letter;
    default:
        reader_fail(p, begin,
                    "this escape is not known; there are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\x \\u \\U");
        return 0;
    }
}

static const struct tree *read_literal(struct reader *p)
{
    const size_t begin = p->at - 1;
    struct buf b = {0};
    while (reader_more(p) && p->text[p->at] != '"') {
        char bytes[4];
        const size_t n = utf8_put(read_character(p), bytes);
        buf_append(&b, bytes, n);
    }
    if (p->status == VIV_OK && !reader_eat(p, "\""))
        reader_fail(p, begin, "the text is not closed by '\"'");
    const struct tree *t = p->status == VIV_OK && !b.failed ? tree_bytes(p->r, buf_text(&b), b.size) : NULL;
    buf_release(&b);
    return t;
}

static const struct tree *read_class(struct reader *p)
{
    const size_t begin = p->at - 1;
    struct charset s = {0};
    const bool negated = reader_eat(p, "^");
    while (reader_more(p) && p->text[p->at] != ']') {
        const size_t from = p->at;
        const uint32_t lo = read_character(p);
        uint32_t hi = lo;
        if (p->at + 1 < p->n && p->text[p->at] == '-' && p->text[p->at + 1] != ']') {
            p->at++;
            hi = read_character(p);
        }
        if (hi < lo)
            reader_fail(p, from, "the range is reversed");
        charset_add(&s, lo, hi);
    }
    if (p->status == VIV_OK && !reader_eat(p, "]"))
        reader_fail(p, begin, "'[' is not closed by ']'");
    charset_normalize(&s);
    if (negated)
        charset_complement(&s);
    if (p->status == VIV_OK && s.n == 0)
        reader_fail(p, begin, "the class has no character");
    if (p->status != VIV_OK) {
        charset_release(&s);
        return NULL;
    }
    return tree_class(p->r, &s);
}

static const struct tree *read_alternatives(struct reader *p, bool nested);

static const struct tree *read_item(struct reader *p)
{
    const size_t begin = p->at;
    if (reader_eat(p, "\""))
        return read_literal(p);
    if (reader_eat(p, "["))
        return read_class(p);
    if (reader_eat(p, "."))
        return tree_range(p->r, 0, MAX_CODE_POINT);
    if (reader_eat(p, "(")) {
        if (++p->depth > MAX_NESTING)
            return reader_fail(p, begin, "groups nest too deep");
        reader_skip(p, true);
        const struct tree *t = read_alternatives(p, true);
        if (p->status == VIV_OK && !reader_eat(p, ")"))
            return reader_fail(p, begin, "'(' is not closed by ')'");
        p->depth--;
        return t;
    }
    if (reader_here(p) == '<')
        return reader_token(p);
    const size_t n = name_length(p);
    if (n == 0)
        return reader_fail(p, begin, "expected a name, a text in quotes, a class or a group");
    p->at += n;
    return tree_rule(p->r, reader_rule(p, p->text + begin, n, begin));
}

static bool reads_counts(struct reader *p, uint32_t *min, uint32_t *max)
{
    const size_t begin = p->at;
    if (!reader_eat(p, "{"))
        return false;
    reader_counts(p, begin, min, max);
    return true;
}

/* Whether another rule begins here: a name and "::=". */
static bool begins_rule(const struct reader *p)
{
    struct reader ahead = *p;
    const size_t n = name_length(p);
    ahead.at += n;
    reader_skip(&ahead, false);
    return n && reader_eat(&ahead, "::=");
}

static const struct tree *read_sequence(struct reader *p, bool nested)
{
    struct tree_list l = {0};
    while (reader_more(p) && p->text[p->at] != '|' && p->text[p->at] != ')' && !(!nested && begins_rule(p))) {
        const size_t begin = p->at;
        const struct tree *t = read_item(p);
        uint32_t depth = 0;
        for (reader_skip(p, nested); t && reader_more(p); reader_skip(p, nested)) {
            uint32_t min = 0, max = UNBOUNDED;
            if (reader_eat(p, "+"))
                min = 1;
            else if (reader_eat(p, "?"))
                max = 1;
            else if (!reader_eat(p, "*") && !reads_counts(p, &min, &max))
                break;
            if (++depth > MAX_NESTING)
                reader_fail(p, begin, "repetitions nest too deep");
            t = tree_repeat(p->r, t, min, max);
        }
        tree_list_add(&l, t);
        if (!nested && p->at < p->n && (p->text[p->at] == '\n' || p->text[p->at] == '\r')) {
            /* a line ends the rule, unless the next goes on with '|' */
            struct reader ahead = *p;
            reader_skip(&ahead, true);
            if (ahead.at < ahead.n && ahead.text[ahead.at] == '|')
                p->at = ahead.at;
            break;
        }
    }
    const struct tree *t = l.failed ? NULL : tree_cat(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static const struct tree *read_alternatives(struct reader *p, bool nested)
{
    struct tree_list l = {0};
    do {
        reader_skip(p, true);
        tree_list_add(&l, read_sequence(p, nested));
        reader_skip(p, nested);
    } while (p->status == VIV_OK && reader_eat(p, "|"));
    const struct tree *t = l.failed ? NULL : tree_alt(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static void read_rule(struct reader *p)
{
    const size_t begin = p->at, n = name_length(p);
    if (n == 0) {
        reader_fail(p, begin, "expected a rule: name ::= ...");
        return;
    }
    const uint32_t rule = reader_rule(p, p->text + begin, n, begin);
    p->at += n;
    reader_skip(p, false);
    if (!reader_eat(p, "::=")) {
        reader_fail(p, p->at, "expected ::= behind the name of the rule");
        return;
    }
    reader_define(p, rule, read_alternatives(p, false), begin);
    reader_skip(p, true);
}

viv_status read_gbnf(struct rules *r, const char *text, size_t n, const struct token_trie *trie, struct error *err)
{
    struct reader p = {.r = r, .text = text, .trie = trie, .n = n, .err = err};
    reader_skip(&p, true);
    while (reader_more(&p))
        read_rule(&p);
    reader_check(&p, "root");
    reader_release(&p);
    return p.status;
}
