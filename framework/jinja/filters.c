/* filters.c - filters that return texts, and the table of all filters. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <string.h>

/* Filters that are methods of strings: x | upper is str(x).upper(). */
#define METHOD_FILTER(filter, method)                                                                              \
    static bool filter(struct run *r, const struct value *v, const struct args *a, struct value *out)              \
    {                                                                                                              \
        struct value text;                                                                                         \
        return jinja_to_text(r, v, &text) && jinja_call_method(r, &text, method, a, out);                          \
    }
METHOD_FILTER(filter_capitalize, "capitalize")
METHOD_FILTER(filter_lower, "lower")
METHOD_FILTER(filter_trim, "strip")
METHOD_FILTER(filter_upper, "upper")

static bool filter_center(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *given = jinja_arg(a, 0), width = given ? *given : jinja_make_int(80);
    struct value text;
    return jinja_to_text(r, v, &text) &&
           jinja_call_method(r, &text, "center", &(struct args){.values = &width, .n = 1}, out);
}

static bool filter_default(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *otherwise = jinja_arg(a, 0);
    (void)r;
    bool missing = v->kind == UNDEFINED || (jinja_flag_arg(a, 1, false) && !jinja_truth(v));
    *out = !missing ? *v : otherwise ? *otherwise : jinja_make_literal("");
    return true;
}

static bool filter_string(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return jinja_to_text(r, v, out);
}

static bool filter_safe(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    *out = *v;
    if (r->options->values == TEMPLATE_JSON)
        return true;
    if (!jinja_to_text(r, v, out))
        return false;
    out->is_true = true;
    return true;
}

static bool filter_escape(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return jinja_escape_html(r, v, out);
}

static bool filter_forceescape(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text;
    (void)a;
    if (!jinja_to_text(r, v, &text))
        return false;
    text.is_true = false;
    return jinja_escape_html(r, &text, out);
}

/* Takes any values as texts: 1 | replace(1, 2) is '2'. */
static bool filter_replace(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text, words[3] = {{.kind = ABSENT}, {.kind = ABSENT}, {.kind = ABSENT}};
    if (!jinja_to_text(r, v, &text) || !jinja_to_text(r, jinja_arg(a, 0), &words[0]) ||
        !jinja_to_text(r, jinja_arg(a, 1), &words[1]))
        return false;
    text.is_true = false;
    if (jinja_arg(a, 2) && jinja_arg(a, 2)->kind != NONE)
        words[2] = *jinja_arg(a, 2);
    return jinja_call_method(r, &text, "replace",
                             &(struct args){.values = words, .n = words[2].kind == ABSENT ? 2 : 3}, out);
}

static bool begins_word(int32_t c)
{
    return jinja_is_white(c) || (c < 0x80 && c && strchr("-({[<", (char)c));
}

/* Words begin after white space, a hyphen or an opening bracket, but not after an apostrophe, unlike those
 * of the method. */
static bool filter_title(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text, part;
    struct buf b = {0};
    int32_t c;
    (void)a;
    if (!jinja_to_text(r, v, &text))
        return false;
    for (size_t at = 0, end; at < text.s.size; at = end) {
        end = at + jinja_decode(text.s.text + at, text.s.size - at, &c);
        bool ok = jinja_make_string(r, text.s.text + at, end - at, &part);
        if (ok && !begins_word(c)) {
            ok = jinja_recase(r, &part, UPPER, &part);
            buf_append(&b, part.s.text, part.s.size);
            const size_t begin = end;
            for (size_t n; end < text.s.size; end += n) {
                n = jinja_decode(text.s.text + end, text.s.size - end, &c);
                if (begins_word(c))
                    break;
            }
            ok = ok && jinja_make_string(r, text.s.text + begin, end - begin, &part) &&
                 jinja_recase(r, &part, LOWER, &part);
        }
        if (!ok) {
            buf_release(&b);
            return false;
        }
        buf_append(&b, part.s.text, part.s.size);
    }
    return jinja_take_buf(r, &b, out);
}

/* The lines of a text, plus an empty one if it ends in a line feed. JavaScript also takes values that
 * are not texts. */
static bool lines_of(struct run *r, const struct value *v, const char *name, const struct list **out)
{
    struct value text = *v, lines;
    struct buf b = {0};
    if (r->options->values == TEMPLATE_JSON && !jinja_to_text(r, v, &text))
        return false;
    if (text.kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "%s: expected a text, found %s", name, jinja_kind_name(v));
    buf_append(&b, text.s.text, text.s.size);
    buf_putc(&b, '\n');
    if (!jinja_take_buf(r, &b, &text) || !jinja_call_method(r, &text, "splitlines", &(struct args){0}, &lines))
        return false;
    *out = lines.list;
    return true;
}

static bool filter_indent(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *width = jinja_arg(a, 0);
    const bool first = jinja_flag_arg(a, 1, false), blank = jinja_flag_arg(a, 2, false);
    const struct list *lines;
    struct buf b = {0}, by = {0};
    if (width && width->kind != INT && width->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "indent: expected a width or a text, found %s", jinja_kind_name(width));
    const int64_t n = width && width->kind == INT ? width->i : 4;
    if (n > 10000)
        return jinja_fail(r, VIV_ELIMIT, "an indent of %" PRId64, n);
    if (!lines_of(r, v, "indent", &lines) || !jinja_step(r, lines->n))
        return false;
    if (width && width->kind == STRING)
        buf_append(&by, width->s.text, width->s.size);
    for (int64_t i = 0; i < n && !(width && width->kind == STRING); i++)
        buf_putc(&by, ' ');
    for (size_t i = 0; i < lines->n && b.size <= MAX_OUTPUT; i++) {
        const struct value *line = &lines->items[i];
        if (i)
            buf_putc(&b, '\n');
        if (i ? blank || line->s.size > 0 : first)
            buf_append(&b, buf_text(&by), by.size);
        buf_append(&b, line->s.text, line->s.size);
    }
    buf_release(&by);
    if (b.size > MAX_OUTPUT) {
        buf_release(&b);
        return jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    return jinja_take_buf(r, &b, out);
}

static bool filter_truncate(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *given = jinja_arg(a, 2), end = given ? *given : jinja_make_literal("...");
    int64_t length, leeway;
    struct buf b = {0};
    const bool has_length = v->kind == STRING || v->kind == UNDEFINED || v->kind == DICT || jinja_is_list(v);
    if (!has_length || end.kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "truncate: expected a text, found %s", jinja_kind_name(v));
    if (!jinja_int_arg(r, a, 0, "length", 255, &length) || !jinja_int_arg(r, a, 3, "leeway", 5, &leeway))
        return false;
    const int64_t n_end = (int64_t)jinja_count_characters(end.s.text, end.s.size);
    if (length < n_end || leeway < 0 || leeway > MAX_OUTPUT || length > MAX_OUTPUT)
        return jinja_fail(r, VIV_EINVAL,
                          "truncate: expected a length of at least %" PRId64 " and a leeway of at least 0", n_end);
    *out = *v;
    const size_t n_all = v->kind == STRING  ? jinja_count_characters(v->s.text, v->s.size)
                         : jinja_is_list(v) ? v->list->n
                         : v->kind == DICT  ? v->dict->n
                                            : 0;
    if ((int64_t)n_all <= length + leeway)
        return true;
    if (v->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "truncate: expected a text, found %s", jinja_kind_name(v));
    size_t n = jinja_bytes_of(v->s.text, v->s.size, (size_t)(length - n_end));
    const char *space = jinja_flag_arg(a, 1, false) ? NULL : memrchr(v->s.text, ' ', n);
    buf_append(&b, v->s.text, space ? (size_t)(space - v->s.text) : n);
    buf_append(&b, end.s.text, end.s.size);
    return jinja_take_buf(r, &b, out);
}

static bool filter_format(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct list *l = jinja_make_list(r, a->n);
    struct dict *d = jinja_make_dict(r);
    struct value text;
    if (!l || !d || !jinja_to_text(r, v, &text))
        return false;
    if (a->n && a->n_named)
        return jinja_fail(r, VIV_EINVAL, "format takes values by place or by name, not both");
    for (size_t i = 0; i < a->n; i++)
        l->items[i] = a->values[i];
    for (size_t i = 0; i < a->n_named; i++) {
        const struct value key = jinja_make_literal(a->named[i].name);
        if (!jinja_dict_put(r, d, &key, &a->named[i].value))
            return false;
    }
    const struct value values = a->n_named ? (struct value){.kind = DICT, .dict = d} : jinja_list_value(l, TUPLE);
    return jinja_format_percent(r, &text, &values, out);
}

static bool filter_wordcount(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text;
    int64_t n = 0;
    (void)a;
    if (!jinja_to_text(r, v, &text) || !jinja_step(r, 1 + text.s.size / 8))
        return false;
    bool before = false;
    int32_t c;
    for (size_t at = 0; at < text.s.size;) {
        at += jinja_decode(text.s.text + at, text.s.size - at, &c);
        const bool word = jinja_is_word_character(c);
        n += word && !before;
        before = word;
    }
    *out = jinja_make_int(n);
    return true;
}

static bool quote_url(struct run *r, const struct value *v, bool in_query, struct buf *out)
{
    static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/";
    struct value text;
    if (!jinja_to_text(r, v, &text) || !jinja_step(r, 1 + text.s.size / 8))
        return false;
    for (size_t i = 0; i < text.s.size; i++) {
        const char c = text.s.text[i];
        if (in_query && c == ' ')
            buf_putc(out, '+');
        else if (c && strchr(kept, c) && !(in_query && c == '/'))
            buf_putc(out, c);
        else
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
    return true;
}

/* Quotes a text; or writes a dict, or pairs, as name=value&name=value. */
static bool filter_urlencode(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct buf b = {0};
    struct value pairs = *v;
    const struct list *l = NULL;
    (void)a;
    bool ok = v->kind != DICT || jinja_call_method(r, v, "items", &(struct args){0}, &pairs);
    const bool is_query = pairs.kind == ITERABLE || jinja_is_list(&pairs);
    ok = ok && (is_query ? jinja_items(r, &pairs, &l) : quote_url(r, v, false, &b));
    for (size_t i = 0; ok && l && i < l->n; i++) {
        const struct list *pair;
        ok = jinja_items(r, &l->items[i], &pair) &&
             (pair->n == 2 || jinja_fail(r, VIV_EINVAL, "urlencode: expected pairs, found %zu values", pair->n));
        if (i)
            buf_putc(&b, '&');
        ok = ok && quote_url(r, &pair->items[0], true, &b) && buf_putc(&b, '=') &&
             quote_url(r, &pair->items[1], true, &b);
    }
    if (ok)
        return jinja_take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

/* Writes {'class': 'x'} as class="x", without members that are none or undefined. */
static bool filter_xmlattr(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct buf b = {0};
    bool ok =
        v->kind == DICT || jinja_fail(r, VIV_EINVAL, "xmlattr: expected a dict, found %s", jinja_kind_name(v));
    for (size_t i = 0; ok && i < v->dict->n; i++) {
        const struct entry *e = &v->dict->entries[i];
        struct value key, value;
        if (e->value.kind == NONE || e->value.kind == UNDEFINED)
            continue;
        ok = (e->key.kind == STRING && !strpbrk(e->key.s.text, " \t\n\r\f\v/>=")) ||
             jinja_fail(r, VIV_EINVAL, "xmlattr: a key is no name of an attribute");
        ok = ok && jinja_escape_html(r, &e->key, &key) && jinja_escape_html(r, &e->value, &value) &&
             buf_printf(&b, "%s%s=\"%s\"", b.size || jinja_flag_arg(a, 0, true) ? " " : "", key.s.text,
                        value.s.text);
    }
    if (ok)
        return jinja_take_buf(r, &b, out);
    if (b.failed)
        error_nomem(r->err);
    buf_release(&b);
    return false;
}

static bool read_separators(struct run *r, const struct value *v, struct json_style *s)
{
    if (!jinja_is_list(v) || v->list->n != 2 || v->list->items[0].kind != STRING ||
        v->list->items[1].kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "tojson: expected two texts as separators");
    s->item = v->list->items[0].s.text;
    s->colon = v->list->items[1].s.text;
    return true;
}

/* JSON without escapes for HTML, as in transformers. */
static bool filter_tojson(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *indent = jinja_arg(a, 1), *separators = jinja_arg(a, 2);
    struct json_style style = {.sort_keys = jinja_flag_arg(a, 3, false), .indent = "", .colon = ": "};
    struct buf b = {0};
    if (r->options->values == TEMPLATE_JSON && jinja_arg(a, 0) &&
        jinja_arg(a, 0)->kind == INT) /* in JavaScript it is the first */
        indent = jinja_arg(a, 0);
    else
        style.ensure_ascii = jinja_flag_arg(a, 0, false);
    style.lines = indent && indent->kind != NONE;
    style.item = style.lines ? "," : ", ";
    if (style.lines && indent->kind == STRING) {
        style.indent = indent->s.text;
    } else if (style.lines) {
        if ((indent->kind != INT && indent->kind != BOOL) || indent->i > 1000)
            return jinja_fail(r, VIV_EINVAL, "tojson: an indent is a text or at most 1000, found %s",
                              jinja_kind_name(indent));
        const size_t n = indent->i < 0 ? 0 : (size_t)indent->i;
        char *spaces = jinja_alloc(r, n + 1);
        if (!spaces)
            return false;
        memset(spaces, ' ', n);
        style.indent = spaces;
    }
    if (separators && separators->kind != NONE && !read_separators(r, separators, &style))
        return false;
    if (jinja_print_json(r, v, &style, 0, &b))
        return jinja_take_buf(r, &b, out);
    if (b.failed)
        error_nomem(r->err);
    buf_release(&b);
    return false;
}

static bool filter_attr(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *name = jinja_arg(a, 0);
    if (name->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "attr: expected a name, found %s", jinja_kind_name(name));
    if (v->kind == DICT && !jinja_find_method(v, name->s.text) && r->options->values == TEMPLATE_PYTHON) {
        *out = jinja_make_missing(v, name->s.text); /* members are no attributes */
        return true;
    }
    return jinja_get_attr(r, v, name->s.text, out);
}

static const struct callable text_filters[] = {
    {"attr", filter_attr, "name"},
    {"capitalize", filter_capitalize, NULL},
    {"center", filter_center, "width?"},
    {"d", filter_default, "default_value? boolean?"},
    {"default", filter_default, "default_value? boolean?"},
    {"e", filter_escape, NULL},
    {"escape", filter_escape, NULL},
    {"forceescape", filter_forceescape, NULL},
    {"format", filter_format, "* **"},
    {"indent", filter_indent, "width? first? blank?"},
    {"lower", filter_lower, NULL},
    {"pprint", NULL, "it is for debugging; `tojson` or `string` print any value"},
    {"random", NULL, "a prompt must be the same each time"},
    {"replace", filter_replace, "old new count?"},
    {"safe", filter_safe, NULL},
    {"string", filter_string, NULL},
    {"striptags", NULL, "it is for web pages"},
    {"title", filter_title, NULL},
    {"tojson", filter_tojson, "ensure_ascii? indent? separators? sort_keys?"},
    {"trim", filter_trim, "chars?"},
    {"truncate", filter_truncate, "length? killwords? end? leeway?"},
    {"upper", filter_upper, NULL},
    {"urlencode", filter_urlencode, NULL},
    {"urlize", NULL, "it is for web pages"},
    {"wordcount", filter_wordcount, NULL},
    {"wordwrap", NULL, "prompts are not broken into lines"},
    {"xmlattr", filter_xmlattr, "autospace?"},
    {NULL, NULL, NULL}};

const struct callable *jinja_find_filter(const char *name)
{
    const struct callable *const tables[] = {text_filters, jinja_list_filters, jinja_number_filters};
    const struct callable *f = NULL;
    for (size_t i = 0; i < 3 && !f; i++)
        f = jinja_find_callable(tables[i], name);
    return f;
}
