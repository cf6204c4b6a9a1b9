/* lark.c - Lark grammars in llguidance's dialect: rules `name: alternatives` and terminals `NAME: alternatives`, of
 * which `start` is the text; regular expressions between slashes, JSON Schemas by %json, tokens by <name> or
 * <[id]>, %ignore between terminals, %import of common terminals. There is no lexer: a terminal is any text that it
 * matches.
 */
#include "grammar/reader.h"

#include "base/utf8.h"
#include "grammar/sources.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct reader in;
    uint32_t ignored; /* the rule of what may stand between terminals; UINT32_MAX: nothing */
    bool in_terminal; /* the definition that is read is one */
    struct tree_list ignores;
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

static size_t name_length(const struct parser *p)
{
    size_t n = 0;
    while (p->in.at + n < p->in.n &&
           (isalnum((unsigned char)p->in.text[p->in.at + n]) || p->in.text[p->in.at + n] == '_'))
        n++;
    return n && !isdigit((unsigned char)p->in.text[p->in.at]) ? n : 0;
}

static bool is_terminal(const char *name)
{
    while (*name == '_')
        name++;
    return isupper((unsigned char)*name);
}

/* In a rule, what is ignored may follow a terminal. */
static const struct tree *as_terminal(struct parser *p, const struct tree *t)
{
    return p->in_terminal || !t || p->ignored == UINT32_MAX ? t
                                                            : tree_cat2(p->in.r, t, tree_rule(p->in.r, p->ignored));
}

/* --- literals ------------------------------------------------------------------------------------------------- */

/* A text in quotes, as JSON writes it. */
static bool read_quoted(struct parser *p, struct buf *out)
{
    const size_t begin = p->in.at;
    bool escaped = false;
    for (p->in.at++; p->in.at < p->in.n && reader_here(&p->in) != '\n' && (escaped || reader_here(&p->in) != '"');
         p->in.at++)
        escaped = !escaped && reader_here(&p->in) == '\\';
    if (!reader_eat(&p->in, "\""))
        return reader_fail(&p->in, begin, "the text is not closed by '\"'") != NULL;
    struct error err;
    json_t *list = NULL;
    struct buf json = {0};
    buf_putc(&json, '[');
    buf_append(&json, p->in.text + begin, p->in.at - begin);
    buf_putc(&json, ']');
    if (!json.failed && json_parse("the text", buf_text(&json), json.size, &list, &err) == VIV_OK)
        buf_append(out, json_string_value(json_array_get(list, 0)), json_string_length(json_array_get(list, 0)));
    else
        reader_fail(&p->in, begin, "the text has an escape that JSON has not");
    json_decref(list);
    buf_release(&json);
    return p->in.status == VIV_OK && !out->failed;
}

static const struct tree *folded(struct parser *p, const char *text, size_t n)
{
    struct tree_list l = {0};
    for (size_t i = 0; i < n; i++) {
        struct charset set = {0};
        if (!isalpha((unsigned char)text[i])) {
            tree_list_add(&l, tree_bytes(p->in.r, text + i, 1));
            continue;
        }
        charset_add(&set, (unsigned char)text[i], (unsigned char)text[i]);
        charset_fold(&set);
        tree_list_add(&l, tree_class(p->in.r, &set));
    }
    const struct tree *t = l.failed ? NULL : tree_cat(p->in.r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static const struct tree *read_literal(struct parser *p)
{
    const size_t begin = p->in.at;
    struct buf text = {0}, last = {0};
    const struct tree *t = NULL;
    if (read_quoted(p, &text)) {
        if (reader_eat(&p->in, "i")) {
            t = folded(p, buf_text(&text), text.size);
        } else if (reader_eat(&p->in, "..")) {
            uint32_t lo = 0, hi = 0;
            if (reader_here(&p->in) == '"' && read_quoted(p, &last) &&
                utf8_decode(buf_text(&text), text.size, &lo) == text.size &&
                utf8_decode(buf_text(&last), last.size, &hi) == last.size && text.size && last.size && lo <= hi)
                t = tree_range(p->in.r, lo, hi);
            else
                reader_fail(&p->in, begin, "expected a range of two characters, such as \"a\"..\"z\"");
        } else {
            t = tree_bytes(p->in.r, buf_text(&text), text.size);
        }
    }
    buf_release(&text);
    buf_release(&last);
    return t;
}

static const struct tree *read_slashes(struct parser *p)
{
    const size_t begin = p->in.at++;
    struct buf regex = {0};
    unsigned flags = 0;
    const struct tree *t = NULL;
    struct error err;
    for (; p->in.at < p->in.n && reader_here(&p->in) != '/' && reader_here(&p->in) != '\n'; p->in.at++) {
        if (reader_here(&p->in) == '\\' && p->in.at + 1 < p->in.n) {
            p->in.at++;
            if (reader_here(&p->in) != '/')
                buf_putc(&regex, '\\');
        }
        buf_putc(&regex, reader_here(&p->in));
    }
    if (!reader_eat(&p->in, "/"))
        reader_fail(&p->in, begin, "the regular expression is not closed by '/'");
    for (; p->in.status == VIV_OK && strchr("isuxml", reader_here(&p->in)) && reader_here(&p->in); p->in.at++) {
        flags |= reader_here(&p->in) == 'i' ? REGEX_FOLD : reader_here(&p->in) == 's' ? REGEX_DOT_ALL : 0;
        if (strchr("xml", reader_here(&p->in)))
            reader_fail(&p->in, p->in.at, "of the flags, i, s and u are known");
    }
    if (p->in.status == VIV_OK && !regex.failed &&
        parse_regex(p->in.r, buf_text(&regex), regex.size, REGEX_WHOLE, flags, &t, &err) != VIV_OK)
        reader_fail(&p->in, begin, err.text);
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
    reader_skip(&p->in, true);
    const size_t begin = p->in.at;
    do {
        const char c = reader_here(&p->in);
        if (quoted && c == '\\')
            p->in.at++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted)
            depth += c == '{' || c == '[' ? 1 : 0, depth -= (c == '}' || c == ']') && depth ? 1 : 0;
        p->in.at++;
    } while (p->in.at < p->in.n && depth);
    if (p->in.at > p->in.n || json_parse("%json", p->in.text + begin, p->in.at - begin, &schema, &err) != VIV_OK)
        return reader_fail(&p->in, begin, p->in.at > p->in.n ? "expected a JSON Schema behind %json" : err.text);
    const viv_status status = json_schema_rule(p->in.r, schema, false, NULL, &rule, &err);
    json_decref(schema);
    if (status != VIV_OK)
        return reader_fail(&p->in, begin, err.text);
    return tree_rule(p->in.r, rule);
}

/* --- expressions ---------------------------------------------------------------------------------------------- */

static const struct tree *read_alternatives(struct parser *p, bool nested);

static const struct tree *read_group(struct parser *p, const char *close)
{
    const size_t begin = p->in.at - 1;
    if (++p->in.depth > MAX_NESTING)
        return reader_fail(&p->in, begin, "groups nest too deep");
    const struct tree *t = read_alternatives(p, true);
    if (p->in.status == VIV_OK && !reader_eat(&p->in, close))
        return reader_fail(&p->in, begin, "the group is not closed");
    p->in.depth--;
    return t;
}

static const struct tree *read_item(struct parser *p)
{
    const size_t begin = p->in.at;
    if (reader_here(&p->in) == '"')
        return as_terminal(p, read_literal(p));
    if (reader_here(&p->in) == '/')
        return as_terminal(p, read_slashes(p));
    if (reader_eat(&p->in, "("))
        return read_group(p, ")");
    if (reader_eat(&p->in, "[")) {
        const struct tree *t = read_group(p, "]");
        return t ? tree_repeat(p->in.r, t, 0, 1) : NULL;
    }
    if (reader_eat(&p->in, "%json"))
        return as_terminal(p, read_json(p));
    if (reader_here(&p->in) == '<')
        return as_terminal(p, reader_token(&p->in));
    if (reader_here(&p->in) == '~' || reader_here(&p->in) == '&')
        return reader_fail(&p->in, begin, "~ and & of expressions are not supported; write what the text is");
    if (reader_here(&p->in) == '%')
        return reader_fail(&p->in, begin, "of the directives inside a rule, %json is known");
    const size_t n = name_length(p);
    if (n == 0)
        return reader_fail(&p->in, begin, "expected a name, a text in quotes, /a regular expression/ or a group");
    p->in.at += n;
    if (reader_here(&p->in) == '{')
        return reader_fail(&p->in, begin, "templates of rules are not supported; write the rule out");
    const uint32_t rule = reader_rule(&p->in, p->in.text + begin, n, begin);
    if (p->in.status != VIV_OK)
        return NULL;
    const struct tree *t = tree_rule(p->in.r, rule);
    return is_terminal(p->in.r->v[rule].name) ? as_terminal(p, t) : t;
}

/* * + ? {m,n} ~n ~m..n */
static bool read_counts(struct parser *p, uint32_t *min, uint32_t *max)
{
    const size_t begin = p->in.at;
    *min = 0;
    *max = UNBOUNDED;
    if (reader_eat(&p->in, "*"))
        return true;
    if (reader_eat(&p->in, "+")) {
        *min = 1;
        return true;
    }
    if (reader_eat(&p->in, "?")) {
        *max = 1;
        return true;
    }
    const bool braces = reader_eat(&p->in, "{");
    if (!braces && !reader_eat(&p->in, "~"))
        return false;
    if (braces) {
        reader_counts(&p->in, begin, min, max);
        return true;
    }
    reader_skip(&p->in, false);
    if (!reader_count(&p->in, min))
        reader_fail(&p->in, begin, "expected a count");
    *max = *min;
    reader_skip(&p->in, false);
    if (reader_eat(&p->in, "..")) {
        reader_skip(&p->in, false);
        if (!reader_count(&p->in, max))
            *max = UNBOUNDED;
    }
    if (*min > *max)
        reader_fail(&p->in, begin, "a repetition has its counts reversed");
    return true;
}

static bool ends_sequence(const struct parser *p)
{
    const char c = reader_here(&p->in);
    return c == '\0' || c == '|' || c == ')' || c == ']' || c == '\n' || c == '\r';
}

static const struct tree *read_sequence(struct parser *p, bool nested)
{
    struct tree_list l = {0};
    reader_skip(&p->in, nested);
    while (reader_more(&p->in) && !ends_sequence(p)) {
        uint32_t min, max, depth = 0;
        const size_t begin = p->in.at;
        if (reader_eat(&p->in, "->")) { /* the name of an alternative: for trees of a parse */
            reader_skip(&p->in, false);
            p->in.at += name_length(p);
            reader_skip(&p->in, nested);
            continue;
        }
        const struct tree *t = read_item(p);
        while (t && p->in.status == VIV_OK && read_counts(p, &min, &max)) {
            if (++depth > MAX_NESTING)
                reader_fail(&p->in, begin, "repetitions nest too deep");
            t = tree_repeat(p->in.r, t, min, max);
        }
        tree_list_add(&l, t);
        reader_skip(&p->in, nested);
    }
    const struct tree *t = l.failed ? NULL : tree_cat(p->in.r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* Whether the next line goes on with '|'. */
static bool goes_on(struct parser *p)
{
    struct reader ahead = p->in;
    reader_skip(&ahead, true);
    if (reader_here(&ahead) != '|')
        return false;
    p->in.at = ahead.at;
    return true;
}

static const struct tree *read_alternatives(struct parser *p, bool nested)
{
    struct tree_list l = {0};
    do
        tree_list_add(&l, read_sequence(p, nested));
    while (p->in.status == VIV_OK && (nested || goes_on(p) || reader_here(&p->in) == '|') &&
           reader_eat(&p->in, "|"));
    const struct tree *t = l.failed ? NULL : tree_alt(p->in.r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* --- lines ---------------------------------------------------------------------------------------------------- */

static void read_import(struct parser *p)
{
    const size_t begin = p->in.at;
    const struct tree *t = NULL;
    reader_skip(&p->in, false);
    if (!reader_eat(&p->in, "common.")) {
        reader_fail(&p->in, begin, "only %import common.NAME is known");
        return;
    }
    const char *name = p->in.text + p->in.at;
    const size_t n = name_length(p);
    p->in.at += n;
    for (size_t i = 0; i < sizeof common / sizeof *common; i++)
        if (strlen(common[i].name) == n && memcmp(common[i].name, name, n) == 0 &&
            parse_regex(p->in.r, common[i].regex, strlen(common[i].regex), REGEX_WHOLE, 0, &t, p->in.err) != VIV_OK)
            p->in.status = p->in.err->status;
    if (!t) {
        reader_fail(&p->in, begin, "this terminal is not in common; write it as a regular expression");
        return;
    }
    const char *as = name;
    size_t n_as = n;
    reader_skip(&p->in, false);
    if (reader_eat(&p->in, "->")) {
        reader_skip(&p->in, false);
        as = p->in.text + p->in.at;
        n_as = name_length(p);
        p->in.at += n_as;
    }
    const uint32_t rule = reader_rule(&p->in, as, n_as, begin);
    reader_define(&p->in, rule, t, begin);
}

static void read_definition(struct parser *p)
{
    while (reader_here(&p->in) == '?' || reader_here(&p->in) == '!')
        p->in.at++;
    const size_t begin = p->in.at, n = name_length(p);
    if (n == 0) {
        reader_fail(&p->in, begin, "expected a rule: name: ..., or a directive such as %ignore");
        return;
    }
    const uint32_t rule = reader_rule(&p->in, p->in.text + begin, n, begin);
    p->in.at += n;
    reader_skip(&p->in, false);
    if (reader_eat(&p->in, ".")) {
        uint32_t priority; /* of a lexer, which there is not */
        reader_count(&p->in, &priority);
        reader_skip(&p->in, false);
    }
    if (reader_here(&p->in) == '[')
        reader_fail(&p->in, p->in.at, "options of a rule are not supported");
    if (!reader_eat(&p->in, ":")) {
        reader_fail(&p->in, p->in.at, "expected ':' behind the name of the rule");
        return;
    }
    if (p->in.status != VIV_OK)
        return;
    p->in_terminal = is_terminal(p->in.r->v[rule].name);
    reader_define(&p->in, rule, read_alternatives(p, false), begin);
    p->in_terminal = false;
}

static void read_line(struct parser *p)
{
    const size_t begin = p->in.at;
    if (reader_eat(&p->in, "%ignore")) {
        p->in_terminal = true;
        tree_list_add(&p->ignores, read_alternatives(p, false));
        p->in_terminal = false;
    } else if (reader_eat(&p->in, "%import")) {
        read_import(p);
    } else if (reader_eat(&p->in, "%llguidance")) {
        while (p->in.at < p->in.n && reader_here(&p->in) != '\n')
            p->in.at++;
    } else if (reader_here(&p->in) == '%') {
        reader_fail(&p->in, begin, "of the directives, %ignore, %import, %json and %llguidance are known");
    } else {
        read_definition(p);
    }
    reader_skip(&p->in, false);
    if (reader_more(&p->in) && reader_here(&p->in) != '\n' && reader_here(&p->in) != '\r')
        reader_fail(&p->in, p->in.at, "expected the end of the line");
    reader_skip(&p->in, true);
}

/* What is ignored may stand before all; a text of it alone may be longer than one. */
static void finish(struct parser *p)
{
    if (p->ignored == UINT32_MAX)
        return;
    const struct tree *one = p->ignores.failed ? NULL : tree_alt(p->in.r, p->ignores.v, p->ignores.n);
    const struct tree *all = one ? tree_repeat(p->in.r, one, 0, UNBOUNDED) : NULL;
    const uint32_t root = rules_add(p->in.r, "start", 5);
    const struct tree *body =
        all ? tree_cat2(p->in.r, tree_rule(p->in.r, p->ignored), tree_rule(p->in.r, p->in.r->root)) : NULL;
    if (root == UINT32_MAX || !body) {
        p->in.status = error_nomem(p->in.err);
        return;
    }
    p->in.r->v[p->ignored].body = all;
    p->in.r->v[root].body = body;
    p->in.r->root = root;
}

viv_status read_lark(struct rules *r, const char *text, size_t n, const struct token_trie *trie, struct error *err)
{
    struct parser p = {.in = {.r = r, .text = text, .comment = "//", .trie = trie, .n = n, .err = err},
                       .ignored = UINT32_MAX};
    for (size_t i = 0; i + 7 <= n && p.ignored == UINT32_MAX; i++) /* rules may come before it */
        if (memcmp(text + i, "%ignore", 7) == 0 && (i == 0 || text[i - 1] == '\n'))
            p.ignored = rules_add(r, "ignored", 7);
    reader_skip(&p.in, true);
    while (reader_more(&p.in))
        read_line(&p);
    reader_check(&p.in, "start");
    if (p.in.status == VIV_OK)
        finish(&p);
    reader_release(&p.in);
    tree_list_release(&p.ignores);
    return p.in.status;
}
