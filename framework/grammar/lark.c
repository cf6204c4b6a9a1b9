/* lark.c - Lark grammars in llguidance's dialect: rules `name: alternatives` and terminals `NAME: alternatives`, of
 * which `start` is the text; regular expressions between slashes, JSON Schemas by %json, %ignore between terminals,
 * %import of common terminals. There is no lexer: a terminal is any text that it matches. */
#include "grammar/sources.h"

#include "base/near.h"
#include "base/strmap.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct rules *r;
    struct strmap names;
    size_t *used_at; /* [r->n] where a rule is used first */
    size_t used_capacity;
    const char *text;
    size_t n, at, depth;
    uint32_t ignored; /* the rule of what may stand between terminals; UINT32_MAX: nothing */
    bool in_terminal; /* the definition that is read is one */
    struct tree_list ignores;
    viv_status status;
    struct error *err;
};

static const struct {
    const char *name, *regex;
} common[] = {{"DIGIT", "[0-9]"},
              {"HEXDIGIT", "[0-9a-fA-F]"},
              {"INT", "[0-9]+"},
              {"SIGNED_INT", "[+-]?[0-9]+"},
              {"DECIMAL", "[0-9]+\\.[0-9]*|\\.[0-9]+"},
              {"FLOAT", "[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?"},
              {"SIGNED_FLOAT", "[+-]?(?:[0-9]+[eE][+-]?[0-9]+|(?:[0-9]+\\.[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"},
              {"NUMBER", "(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?"},
              {"SIGNED_NUMBER", "[+-]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?"},
              {"ESCAPED_STRING", "\"(?:[^\"\\\\\\n]|\\\\[^\\n])*\""},
              {"LCASE_LETTER", "[a-z]"},
              {"UCASE_LETTER", "[A-Z]"},
              {"LETTER", "[a-zA-Z]"},
              {"WORD", "[a-zA-Z]+"},
              {"CNAME", "[a-zA-Z_][a-zA-Z0-9_]*"},
              {"WS_INLINE", "[ \\t]+"},
              {"WS", "[ \\t\\f\\r\\n]+"},
              {"CR", "\\r"},
              {"LF", "\\n"},
              {"NEWLINE", "(?:\\r?\\n)+"}};

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

static char here(const struct parser *p)
{
    return p->at < p->n ? p->text[p->at] : '\0';
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
        const char c = here(p);
        const bool slashes = c == '/' && p->at + 1 < p->n && p->text[p->at + 1] == '/';
        if (c == ' ' || c == '\t' || (lines && (c == '\n' || c == '\r')))
            p->at++;
        else if (c == '#' || slashes)
            while (p->at < p->n && here(p) != '\n')
                p->at++;
        else
            break;
    }
}

static size_t name_length(const struct parser *p)
{
    size_t n = 0;
    while (p->at + n < p->n && (isalnum((unsigned char)p->text[p->at + n]) || p->text[p->at + n] == '_'))
        n++;
    return n && !isdigit((unsigned char)p->text[p->at]) ? n : 0;
}

static bool is_terminal(const char *name)
{
    while (*name == '_')
        name++;
    return isupper((unsigned char)*name);
}

static uint32_t rule_of(struct parser *p, const char *name, size_t n, size_t at)
{
    uint32_t rule;
    if (strmap_get(&p->names, name, n, &rule))
        return rule;
    rule = rules_add(p->r, name, n);
    while (p->status == VIV_OK && rule != UINT32_MAX && p->used_capacity <= rule)
        if (!vec_grow((void **)&p->used_at, &p->used_capacity, sizeof *p->used_at))
            p->status = error_nomem(p->err);
    if (rule == UINT32_MAX || p->status != VIV_OK ||
        strmap_add(&p->names, p->r->v[rule].name, n, rule) == STRMAP_NOMEM) {
        if (p->status == VIV_OK)
            p->status = p->r->n >= MAX_RULES ? error_set(p->err, VIV_ELIMIT, "more than %d rules", MAX_RULES)
                                             : error_nomem(p->err);
        return 0;
    }
    p->used_at[rule] = at;
    return rule;
}

/* In a rule, what is ignored may follow a terminal. */
static const struct tree *as_terminal(struct parser *p, const struct tree *t)
{
    return p->in_terminal || !t || p->ignored == UINT32_MAX ? t : tree_cat2(p->r, t, tree_rule(p->r, p->ignored));
}

/* --- literals ------------------------------------------------------------------------------------------------- */

/* A text in quotes, as JSON writes it. */
static bool read_quoted(struct parser *p, struct buf *out)
{
    const size_t begin = p->at;
    bool escaped = false;
    for (p->at++; p->at < p->n && here(p) != '\n' && (escaped || here(p) != '"'); p->at++)
        escaped = !escaped && here(p) == '\\';
    if (!eat(p, "\""))
        return fail(p, begin, "the text is not closed by '\"'") != NULL;
    struct error err;
    json_t *list = NULL;
    struct buf json = {0};
    buf_putc(&json, '[');
    buf_append(&json, p->text + begin, p->at - begin);
    buf_putc(&json, ']');
    if (!json.failed && json_parse("the text", buf_text(&json), json.size, &list, &err) == VIV_OK)
        buf_append(out, json_string_value(json_array_get(list, 0)), json_string_length(json_array_get(list, 0)));
    else
        fail(p, begin, "the text has an escape that JSON has not");
    json_decref(list);
    buf_release(&json);
    return p->status == VIV_OK && !out->failed;
}

static const struct tree *folded(struct parser *p, const char *text, size_t n)
{
    struct tree_list l = {0};
    for (size_t i = 0; i < n; i++) {
        struct charset set = {0};
        if (!isalpha((unsigned char)text[i])) {
            tree_list_add(&l, tree_bytes(p->r, text + i, 1));
            continue;
        }
        charset_add(&set, (unsigned char)text[i], (unsigned char)text[i]);
        charset_fold(&set);
        tree_list_add(&l, tree_class(p->r, &set));
    }
    const struct tree *t = l.failed ? NULL : tree_cat(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static const struct tree *read_literal(struct parser *p)
{
    const size_t begin = p->at;
    struct buf text = {0}, last = {0};
    const struct tree *t = NULL;
    if (read_quoted(p, &text)) {
        if (eat(p, "i")) {
            t = folded(p, buf_text(&text), text.size);
        } else if (eat(p, "..")) {
            uint32_t lo = 0, hi = 0;
            if (here(p) == '"' && read_quoted(p, &last) &&
                utf8_decode(buf_text(&text), text.size, &lo) == text.size &&
                utf8_decode(buf_text(&last), last.size, &hi) == last.size && text.size && last.size && lo <= hi)
                t = tree_range(p->r, lo, hi);
            else
                fail(p, begin, "expected a range of two characters, such as \"a\"..\"z\"");
        } else {
            t = tree_bytes(p->r, buf_text(&text), text.size);
        }
    }
    buf_release(&text);
    buf_release(&last);
    return t;
}

static const struct tree *read_slashes(struct parser *p)
{
    const size_t begin = p->at++;
    struct buf regex = {0};
    unsigned flags = 0;
    const struct tree *t = NULL;
    struct error err;
    for (; p->at < p->n && here(p) != '/' && here(p) != '\n'; p->at++) {
        if (here(p) == '\\' && p->at + 1 < p->n) {
            p->at++;
            if (here(p) != '/')
                buf_putc(&regex, '\\');
        }
        buf_putc(&regex, here(p));
    }
    if (!eat(p, "/"))
        fail(p, begin, "the regular expression is not closed by '/'");
    for (; p->status == VIV_OK && strchr("isuxml", here(p)) && here(p); p->at++) {
        flags |= here(p) == 'i' ? REGEX_FOLD : here(p) == 's' ? REGEX_DOT_ALL : 0;
        if (strchr("xml", here(p)))
            fail(p, p->at, "of the flags, i, s and u are known");
    }
    if (p->status == VIV_OK && !regex.failed &&
        parse_regex(p->r, buf_text(&regex), regex.size, REGEX_WHOLE, flags, &t, &err) != VIV_OK)
        fail(p, begin, err.text);
    buf_release(&regex);
    return t;
}

/* The JSON behind %json: to the bracket that closes it. */
static const struct tree *read_json(struct parser *p)
{
    struct error err;
    json_t *schema = NULL;
    uint32_t rule;
    size_t depth = 0;
    bool quoted = false;
    skip_space(p, true);
    const size_t begin = p->at;
    do {
        const char c = here(p);
        if (quoted && c == '\\')
            p->at++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += c == '{' || c == '[' ? 1 : 0, depth -= (c == '}' || c == ']') && depth ? 1 : 0;
        p->at++;
    } while (p->at < p->n && depth);
    if (p->at > p->n || json_parse("%json", p->text + begin, p->at - begin, &schema, &err) != VIV_OK)
        return fail(p, begin, p->at > p->n ? "expected a JSON Schema behind %json" : err.text);
    const viv_status status = json_schema_rule(p->r, schema, false, NULL, &rule, &err);
    json_decref(schema);
    if (status != VIV_OK)
        return fail(p, begin, err.text);
    return tree_rule(p->r, rule);
}

/* --- expressions ---------------------------------------------------------------------------------------------- */

static const struct tree *read_alternatives(struct parser *p, bool nested);

static const struct tree *read_group(struct parser *p, const char *close)
{
    const size_t begin = p->at - 1;
    if (++p->depth > MAX_NESTING)
        return fail(p, begin, "groups nest too deep");
    const struct tree *t = read_alternatives(p, true);
    if (p->status == VIV_OK && !eat(p, close))
        return fail(p, begin, "the group is not closed");
    p->depth--;
    return t;
}

static const struct tree *read_item(struct parser *p)
{
    const size_t begin = p->at;
    if (here(p) == '"')
        return as_terminal(p, read_literal(p));
    if (here(p) == '/')
        return as_terminal(p, read_slashes(p));
    if (eat(p, "("))
        return read_group(p, ")");
    if (eat(p, "[")) {
        const struct tree *t = read_group(p, "]");
        return t ? tree_repeat(p->r, t, 0, 1) : NULL;
    }
    if (eat(p, "%json"))
        return as_terminal(p, read_json(p));
    if (here(p) == '<')
        return fail(p, begin, "tokens by name or number are not supported; write their text between quotes");
    if (here(p) == '~' || here(p) == '&')
        return fail(p, begin, "~ and & of expressions are not supported; write what the text is");
    if (here(p) == '%')
        return fail(p, begin, "of the directives inside a rule, %json is known");
    const size_t n = name_length(p);
    if (n == 0)
        return fail(p, begin, "expected a name, a text in quotes, /a regular expression/ or a group");
    p->at += n;
    if (here(p) == '{')
        return fail(p, begin, "templates of rules are not supported; write the rule out");
    const uint32_t rule = rule_of(p, p->text + begin, n, begin);
    if (p->status != VIV_OK)
        return NULL;
    const struct tree *t = tree_rule(p->r, rule);
    return is_terminal(p->r->v[rule].name) ? as_terminal(p, t) : t;
}

static bool read_number(struct parser *p, uint32_t *out)
{
    const size_t begin = p->at;
    uint64_t n = 0;
    while (isdigit((unsigned char)here(p)) && n <= MAX_REPEAT)
        n = n * 10 + (uint64_t)(p->text[p->at++] - '0');
    if (n > MAX_REPEAT)
        fail(p, begin, "a repetition has a count above 1048576");
    *out = (uint32_t)n;
    return p->at > begin;
}

/* * + ? {m,n} ~n ~m..n */
static bool read_counts(struct parser *p, uint32_t *min, uint32_t *max)
{
    const size_t begin = p->at;
    *min = 0;
    *max = UNBOUNDED;
    if (eat(p, "*"))
        return true;
    if (eat(p, "+")) {
        *min = 1;
        return true;
    }
    if (eat(p, "?")) {
        *max = 1;
        return true;
    }
    const bool braces = eat(p, "{");
    if (!braces && !eat(p, "~"))
        return false;
    skip_space(p, false);
    const bool least = read_number(p, min);
    *max = *min;
    skip_space(p, false);
    if (eat(p, braces ? "," : "..")) {
        skip_space(p, false);
        if (!read_number(p, max))
            *max = UNBOUNDED;
        skip_space(p, false);
    } else if (!least) {
        fail(p, begin, "expected a count");
    }
    if (braces && !eat(p, "}"))
        fail(p, begin, "expected {m}, {m,} or {m,n}");
    else if (*min > *max)
        fail(p, begin, "a repetition has its counts reversed");
    return true;
}

static bool ends_sequence(const struct parser *p)
{
    const char c = here(p);
    return c == '\0' || c == '|' || c == ')' || c == ']' || c == '\n' || c == '\r';
}

static const struct tree *read_sequence(struct parser *p, bool nested)
{
    struct tree_list l = {0};
    skip_space(p, nested);
    while (more(p) && !ends_sequence(p)) {
        uint32_t min, max, depth = 0;
        const size_t begin = p->at;
        if (eat(p, "->")) { /* the name of an alternative: for trees of a parse */
            skip_space(p, false);
            p->at += name_length(p);
            skip_space(p, nested);
            continue;
        }
        const struct tree *t = read_item(p);
        while (t && p->status == VIV_OK && read_counts(p, &min, &max)) {
            if (++depth > MAX_NESTING)
                fail(p, begin, "repetitions nest too deep");
            t = tree_repeat(p->r, t, min, max);
        }
        tree_list_add(&l, t);
        skip_space(p, nested);
    }
    const struct tree *t = l.failed ? NULL : tree_cat(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* Whether the next line goes on with '|'. */
static bool goes_on(struct parser *p)
{
    struct parser ahead = *p;
    skip_space(&ahead, true);
    if (here(&ahead) != '|')
        return false;
    p->at = ahead.at;
    return true;
}

static const struct tree *read_alternatives(struct parser *p, bool nested)
{
    struct tree_list l = {0};
    do
        tree_list_add(&l, read_sequence(p, nested));
    while (p->status == VIV_OK && (nested || goes_on(p) || here(p) == '|') && eat(p, "|"));
    const struct tree *t = l.failed ? NULL : tree_alt(p->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

static void define(struct parser *p, uint32_t rule, const struct tree *body, size_t at)
{
    if (p->status == VIV_OK && p->r->v[rule].body)
        fail(p, at, "this name was defined before; put both behind one, with | between them");
    else if (p->status == VIV_OK && !body)
        p->status = error_nomem(p->err);
    else if (p->status == VIV_OK)
        p->r->v[rule].body = body;
}

static void read_import(struct parser *p)
{
    const size_t begin = p->at;
    const struct tree *t = NULL;
    skip_space(p, false);
    if (!eat(p, "common.")) {
        fail(p, begin, "only %import common.NAME is known");
        return;
    }
    const char *name = p->text + p->at;
    const size_t n = name_length(p);
    p->at += n;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strlen(common[i].name) == n && memcmp(common[i].name, name, n) == 0 &&
            parse_regex(p->r, common[i].regex, strlen(common[i].regex), REGEX_WHOLE, 0, &t, p->err) != VIV_OK)
            p->status = p->err->status;
    if (!t) {
        fail(p, begin, "this terminal is not in common; write it as a regular expression");
        return;
    }
    const char *as = name;
    size_t n_as = n;
    skip_space(p, false);
    if (eat(p, "->")) {
        skip_space(p, false);
        as = p->text + p->at;
        n_as = name_length(p);
        p->at += n_as;
    }
    const uint32_t rule = rule_of(p, as, n_as, begin);
    define(p, rule, t, begin);
}

static void read_definition(struct parser *p)
{
    while (here(p) == '?' || here(p) == '!')
        p->at++;
    const size_t begin = p->at, n = name_length(p);
    if (n == 0) {
        fail(p, begin, "expected a rule: name: ..., or a directive such as %ignore");
        return;
    }
    const uint32_t rule = rule_of(p, p->text + begin, n, begin);
    p->at += n;
    skip_space(p, false);
    if (eat(p, ".")) {
        uint32_t priority; /* of a lexer, which there is not */
        read_number(p, &priority);
        skip_space(p, false);
    }
    if (here(p) == '[')
        fail(p, p->at, "options of a rule are not supported");
    if (!eat(p, ":")) {
        fail(p, p->at, "expected ':' behind the name of the rule");
        return;
    }
    if (p->status != VIV_OK)
        return;
    p->in_terminal = is_terminal(p->r->v[rule].name);
    define(p, rule, read_alternatives(p, false), begin);
    p->in_terminal = false;
}

static void read_line(struct parser *p)
{
    const size_t begin = p->at;
    if (eat(p, "%ignore")) {
        p->in_terminal = true;
        tree_list_add(&p->ignores, read_alternatives(p, false));
        p->in_terminal = false;
    } else if (eat(p, "%import")) {
        read_import(p);
    } else if (eat(p, "%llguidance")) {
        while (p->at < p->n && here(p) != '\n')
            p->at++;
    } else if (here(p) == '%') {
        fail(p, begin, "of the directives, %ignore, %import, %json and %llguidance are known");
    } else {
        read_definition(p);
    }
    skip_space(p, false);
    if (more(p) && here(p) != '\n' && here(p) != '\r')
        fail(p, p->at, "expected the end of the line");
    skip_space(p, true);
}

static void check_names(struct parser *p)
{
    const char **names = calloc(p->r->n + 1, sizeof *names);
    size_t n = 0;
    uint32_t rule;
    if (!strmap_get(&p->names, "start", 5, &p->r->root)) {
        p->status = error_set(p->err, VIV_EINVAL, "there is no rule 'start', which is what the whole text is");
        free(names);
        return;
    }
    for (size_t i = 0; names && i < p->r->n && n < 1000; i++)
        if (p->r->v[i].body)
            names[n++] = p->r->v[i].name;
    for (size_t i = 0; p->status == VIV_OK && i < p->r->n; i++) {
        const char *name = p->r->v[i].name;
        if (p->r->v[i].body || !strmap_get(&p->names, name, strlen(name), &rule) || rule != i)
            continue;
        const struct position where = position_of(p->text, p->used_at ? p->used_at[i] : 0);
        const char *nearest = names ? near_word(name, names, n) : NULL;
        p->status = error_set(p->err, VIV_EINVAL, "line %zu, column %zu: '%.100s' is used and not defined%s%s%s",
                              where.line, where.column, name, nearest ? "; did you mean '" : "",
                              nearest ? nearest : "", nearest ? "'?" : "");
    }
    free(names);
}

/* What is ignored may stand before all; a text of it alone may be longer than one. */
static void finish(struct parser *p)
{
    if (p->ignored == UINT32_MAX)
        return;
    const struct tree *one = p->ignores.failed ? NULL : tree_alt(p->r, p->ignores.v, p->ignores.n);
    const struct tree *all = one ? tree_repeat(p->r, one, 0, UNBOUNDED) : NULL;
    const uint32_t root = rules_add(p->r, "start", 5);
    const struct tree *body =
        all ? tree_cat2(p->r, tree_rule(p->r, p->ignored), tree_rule(p->r, p->r->root)) : NULL;
    if (root == UINT32_MAX || !body) {
        p->status = error_nomem(p->err);
        return;
    }
    p->r->v[p->ignored].body = all;
    p->r->v[root].body = body;
    p->r->root = root;
}

viv_status read_lark(struct rules *r, const char *text, size_t n, struct error *err)
{
    struct parser p = {.r = r, .text = text, .n = n, .ignored = UINT32_MAX, .err = err};
    for (size_t i = 0; i + 7 <= n && p.ignored == UINT32_MAX; i++) /* rules may come before it */
        if (memcmp(text + i, "%ignore", 7) == 0 && (i == 0 || text[i - 1] == '\n'))
            p.ignored = rules_add(r, "ignored", 7);
    skip_space(&p, true);
    while (more(&p))
        read_line(&p);
    if (p.status == VIV_OK)
        check_names(&p);
    if (p.status == VIV_OK)
        finish(&p);
    free(p.used_at);
    strmap_release(&p.names);
    tree_list_release(&p.ignores);
    return p.status;
}
