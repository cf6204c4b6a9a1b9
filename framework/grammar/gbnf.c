/* gbnf.c - llama.cpp's grammars: rules `name ::= alternatives`, of which `root` is the text. */
#include "grammar/sources.h"

#include "base/near.h"
#include "base/strmap.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct rules *r;
    struct strmap names;
    size_t *used_at; /* [r->n] where a rule is used first */
    size_t used_capacity;
    const char *text;
    size_t n, at, depth;
    viv_status status;
    struct error *err;
};

struct position position_of(const char *text, size_t at)
{
    struct position p = {1, 1};
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n') {
            p.line++;
            p.column = 1;
        } else {
            p.column += ((unsigned char)text[i] & 0xC0) != 0x80;
        }
    return p;
}

static const struct tree *fail(struct parser *p, size_t at, const char *sentence)
{
    const struct position where = position_of(p->text, at);
    if (p->status == VIV_OK)
        p->status = error_set(p->err, VIV_EINVAL, "line %zu, column %zu: %s", where.line, where.column, sentence);
    return NULL;
}

static bool more(const struct parser *p)
{
    return p->status == VIV_OK && p->at < p->n;
}

static bool eat(struct parser *p, const char *s)
{
    const size_t n = strlen(s);
    if (p->n - p->at < n || memcmp(p->text + p->at, s, n) != 0)
        return false;
    p->at += n;
    return true;
}

static void skip_space(struct parser *p, bool lines)
{
    while (p->at < p->n) {
        const char c = p->text[p->at];
        if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
            p->at++;
        else if (c == '#')
            while (p->at < p->n && p->text[p->at] != '\n' && p->text[p->at] != '\r')
                p->at++;
        else
            break;
    }
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t name_length(const struct parser *p)
{
    size_t n = 0;
    while (p->at + n < p->n && is_name(p->text[p->at + n]))
        n++;
    return n;
}

/* The rule of a name, made when it is first met. */
static uint32_t rule_of(struct parser *p, const char *name, size_t n, size_t at)
{
    uint32_t rule;
    if (strmap_get(&p->names, name, n, &rule))
        return rule;
    size_t count = p->r->n;
    rule = rules_add(p->r, name, n);
    if (rule == UINT32_MAX || !VEC_RESERVE(p->used_at, count, p->used_capacity) ||
        strmap_add(&p->names, p->r->v[rule].name, n, rule) == STRMAP_NOMEM) {
        if (p->status == VIV_OK)
            p->status = p->r->n >= MAX_RULES ? error_set(p->err, VIV_ELIMIT, "more than %d rules", MAX_RULES)
                                             : error_nomem(p->err);
        return 0;
    }
    p->used_at[rule] = at;
    return rule;
}

/* A character of a literal or class, with escapes. */
static uint32_t read_character(struct parser *p)
{
    const size_t begin = p->at;
    uint32_t c = 0;
    if (!eat(p, "\\")) {
        const size_t n = utf8_decode(p->text + p->at, p->n - p->at, &c);
        p->at += n ? n : 1;
        return c;
    }
    const char letter = p->at < p->n ? p->text[p->at++] : '\0';
    const size_t digits = letter == 'x' ? 2 : letter == 'u' ? 4 : letter == 'U' ? 8 : 0;
    if (digits) {
        if (p->n - p->at < digits || !read_hex(p->text + p->at, digits, &c) || c > MAX_CODE_POINT ||
            (c >= 0xD800 && c <= 0xDFFF))
            fail(p, begin, "expected a character as \\xHH, \\uHHHH or \\UHHHHHHHH");
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
        fail(p, begin, "this escape is not known; there are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\x \\u \\U");
        return 0;
    }
}

static const struct tree *read_literal(struct parser *p)
{
    const size_t begin = p->at - 1;
    struct buf b = {0};
    while (more(p) && p->text[p->at] != '"') {
        char bytes[4];
        const size_t n = utf8_put(read_character(p), bytes);
        buf_append(&b, bytes, n);
    }
    if (p->status == VIV_OK && !eat(p, "\""))
        fail(p, begin, "the text is not closed by '\"'");
    const struct tree *t = p->status == VIV_OK && !b.failed ? tree_bytes(p->r, buf_text(&b), b.size) : NULL;
    buf_release(&b);
    return t;
}

static const struct tree *read_class(struct parser *p)
{
    const size_t begin = p->at - 1;
    struct charset s = {0};
    const bool negated = eat(p, "^");
    while (more(p) && p->text[p->at] != ']') {
        const size_t from = p->at;
        const uint32_t lo = read_character(p);
        uint32_t hi = lo;
        if (p->at + 1 < p->n && p->text[p->at] == '-' && p->text[p->at + 1] != ']') {
            p->at++;
            hi = read_character(p);
        }
        if (hi < lo)
            fail(p, from, "the range is reversed");
        charset_add(&s, lo, hi);
    }
    if (p->status == VIV_OK && !eat(p, "]"))
        fail(p, begin, "'[' is not closed by ']'");
    charset_normalize(&s);
    if (negated)
        charset_complement(&s);
    if (p->status == VIV_OK && s.n == 0)
        fail(p, begin, "the class has no character");
    if (p->status != VIV_OK) {
        charset_release(&s);
        return NULL;
    }
    return tree_class(p->r, &s);
}

static const struct tree *read_alternatives(struct parser *p, bool nested);

static const struct tree *read_item(struct parser *p)
{
    const size_t begin = p->at;
    if (eat(p, "\""))
        return read_literal(p);
    if (eat(p, "["))
        return read_class(p);
    if (eat(p, "."))
        return tree_range(p->r, 0, MAX_CODE_POINT);
    if (eat(p, "(")) {
        if (++p->depth > MAX_NESTING)
            return fail(p, begin, "groups nest too deep");
        skip_space(p, true);
        const struct tree *t = read_alternatives(p, true);
        if (p->status == VIV_OK && !eat(p, ")"))
            return fail(p, begin, "'(' is not closed by ')'");
        p->depth--;
        return t;
    }
    if (eat(p, "<") || eat(p, "!<"))
        return fail(p, begin, "tokens by name or number are not supported; write their text between quotes");
    const size_t n = name_length(p);
    if (n == 0)
        return fail(p, begin, "expected a name, a text in quotes, a class or a group");
    p->at += n;
    return tree_rule(p->r, rule_of(p, p->text + begin, n, begin));
}

static bool read_count(struct parser *p, uint32_t *out)
{
    const size_t begin = p->at;
    uint64_t n = 0;
    while (p->at < p->n && p->text[p->at] >= '0' && p->text[p->at] <= '9' && n <= MAX_REPEAT)
        n = n * 10 + (uint64_t)(p->text[p->at++] - '0');
    if (n > MAX_REPEAT)
        fail(p, begin, "a repetition has a count above 1048576");
    *out = (uint32_t)n;
    return p->at > begin;
}

static bool read_counts(struct parser *p, uint32_t *min, uint32_t *max)
{
    const size_t begin = p->at;
    if (!eat(p, "{"))
        return false;
    skip_space(p, true);
    if (!read_count(p, min))
        *min = 0; /* {,n} */
    *max = *min;
    skip_space(p, true);
    if (eat(p, ",")) {
        skip_space(p, true);
        if (!read_count(p, max))
            *max = UNBOUNDED;
        skip_space(p, true);
    }
    if (!eat(p, "}"))
        fail(p, begin, "expected {m}, {m,} or {m,n}");
    else if (*min > *max)
        fail(p, begin, "a repetition has its counts reversed");
    return true;
}

/* Whether another rule begins here: a name and "::=". */
static bool begins_rule(const struct parser *p)
{
    struct parser ahead = *p;
    const size_t n = name_length(p);
    ahead.at += n;
    skip_space(&ahead, false);
    return n && eat(&ahead, "::=");
}

static const struct tree *read_sequence(struct parser *p, bool nested)
{
    struct tree_list l = {0};
    while (more(p) && p->text[p->at] != '|' && p->text[p->at] != ')' && !(!nested && begins_rule(p))) {
        const size_t begin = p->at;
        const struct tree *t = read_item(p);
        uint32_t depth = 0;
        for (skip_space(p, nested); t && more(p); skip_space(p, nested)) {
            uint32_t min = 0, max = UNBOUNDED;
            if (eat(p, "+"))
                min = 1;
            else if (eat(p, "?"))
                max = 1;
            else if (!eat(p, "*") && !read_counts(p, &min, &max))
                break;
            if (++depth > MAX_NESTING)
                fail(p, begin, "repetitions nest too deep");
            t = tree_repeat(p->r, t, min, max);
        }
        tree_list_add(&l, t);
        if (!nested && p->at < p->n && (p->text[p->at] == '\n' || p->text[p->at] == '\r')) {
            /* a line ends the rule, unless the next goes on with '|' */
            struct parser ahead = *p;
            skip_space(&ahead, true);
            if (ahead.at < ahead.n && ahead.text[ahead.at] == '|')
                p->at = ahead.at;
            break;
        }
    }
    const struct tree *t = l.failed ? NULL : tree_cat(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static const struct tree *read_alternatives(struct parser *p, bool nested)
{
    struct tree_list l = {0};
    do {
        skip_space(p, true);
        tree_list_add(&l, read_sequence(p, nested));
        skip_space(p, nested);
    } while (p->status == VIV_OK && eat(p, "|"));
    const struct tree *t = l.failed ? NULL : tree_alt(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static void read_rule(struct parser *p)
{
    const size_t begin = p->at, n = name_length(p);
    if (n == 0) {
        fail(p, begin, "expected a rule: name ::= ...");
        return;
    }
    const uint32_t rule = rule_of(p, p->text + begin, n, begin);
    p->at += n;
    skip_space(p, false);
    if (!eat(p, "::=")) {
        fail(p, p->at, "expected ::= behind the name of the rule");
        return;
    }
    if (p->status == VIV_OK && p->r->v[rule].body) {
        fail(p, begin, "this rule was defined before; put both behind one name, with | between them");
        return;
    }
    const struct tree *body = read_alternatives(p, false);
    if (p->status == VIV_OK && !body)
        p->status = error_nomem(p->err);
    if (p->status == VIV_OK)
        p->r->v[rule].body = body;
    skip_space(p, true);
}

static void refuse_undefined(struct parser *p, uint32_t rule)
{
    const char **names = calloc(p->r->n + 1, sizeof *names);
    const struct position where = position_of(p->text, p->used_at ? p->used_at[rule] : 0);
    size_t n = 0;
    for (size_t i = 0; names && i < p->r->n && n < 1000; i++)
        if (p->r->v[i].body)
            names[n++] = p->r->v[i].name;
    const char *nearest = names ? near_word(p->r->v[rule].name, names, n) : NULL;
    p->status = error_set(p->err, VIV_EINVAL, "line %zu, column %zu: rule '%.100s' is used and not defined%s%s%s",
                          where.line, where.column, p->r->v[rule].name, nearest ? "; did you mean '" : "",
                          nearest ? nearest : "", nearest ? "'?" : "");
    free(names);
}

/* Every rule is defined, and the root leads to it. */
static void check_rules(struct parser *p)
{
    uint32_t root;
    if (!strmap_get(&p->names, "root", 4, &root)) {
        p->status = error_set(p->err, VIV_EINVAL, "there is no rule 'root', which is what the whole text is");
        return;
    }
    p->r->root = root;
    for (uint32_t i = 0; i < p->r->n && p->status == VIV_OK; i++)
        if (!p->r->v[i].body)
            refuse_undefined(p, i);
}

viv_status read_gbnf(struct rules *r, const char *text, size_t n, struct error *err)
{
    struct parser p = {.r = r, .text = text, .n = n, .err = err};
    skip_space(&p, true);
    while (more(&p))
        read_rule(&p);
    if (p.status == VIV_OK)
        check_rules(&p);
    free(p.used_at);
    strmap_release(&p.names);
    return p.status;
}
