/* print.c - prints values as Python's str() and repr() do, and as JSON. */
#include "jinja/jinja.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The fewest digits that read back as the same number, as in Python's repr(). */
bool jinja_print_float(double f, struct buf *out)
{
    char text[48];
    if (isnan(f))
        return buf_puts(out, "nan");
    if (isinf(f))
        return buf_puts(out, f > 0 ? "inf" : "-inf");
    int digits = 1;
    do
        snprintf(text, sizeof text, "%.*e", digits - 1, f);
    while (strtod(text, NULL) != f && ++digits <= 17);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent < -4 || exponent >= 16) {
        char *e = strchr(text, 'e');
        *e = '\0';
        return buf_printf(out, "%se%c%02d", text, exponent < 0 ? '-' : '+', abs(exponent));
    }
    int decimals = digits - 1 - exponent;
    return buf_printf(out, "%.*f", decimals > 1 ? decimals : 1, f);
}

/* 'text', as repr() writes it */
static bool print_quoted(const char *s, size_t n, struct buf *out)
{
    char quote = memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'';
    buf_putc(out, quote);
    for (size_t at = 0, k; at < n; at += k) {
        uint32_t c;
        k = utf8_decode(s + at, n - at, &c);
        if (k == 0) { /* only if the template is not UTF-8, which is refused before */
            k = 1;
            c = 0xFFFD;
        }
        if (c == '\n')
            buf_puts(out, "\\n");
        else if (c == '\r')
            buf_puts(out, "\\r");
        else if (c == '\t')
            buf_puts(out, "\\t");
        else if (c == '\\' || c == (uint32_t)quote)
            buf_printf(out, "\\%c", (char)c);
        else if (jinja_is_printable((int32_t)c))
            buf_append(out, s + at, k);
        else
            buf_printf(out, c < 0x100 ? "\\x%02" PRIx32 : c < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, c);
    }
    return buf_putc(out, quote);
}

static bool print_json_string(const char *s, size_t n, bool ensure_ascii, struct buf *out)
{
    static const char letters[] = "btn\0fr"; /* of 8 to 13 */
    buf_putc(out, '"');
    for (size_t at = 0, k; at < n; at += k) {
        uint32_t c;
        k = utf8_decode(s + at, n - at, &c);
        if (k == 0) {
            k = 1;
            c = 0xFFFD;
        }
        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else if (c >= 8 && c <= 13 && letters[c - 8])
            buf_printf(out, "\\%c", letters[c - 8]);
        else if (c < 0x20 || (ensure_ascii && c > 0x7E && c < 0x10000))
            buf_printf(out, "\\u%04" PRIx32, c);
        else if (ensure_ascii && c >= 0x10000)
            buf_printf(out, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xD800 + ((c - 0x10000) >> 10),
                       0xDC00 + ((c - 0x10000) & 0x3FF));
        else
            buf_append(out, s + at, k);
    }
    return buf_putc(out, '"');
}

static bool new_line(const struct json_style *s, uint32_t depth, struct buf *out)
{
    buf_putc(out, '\n');
    for (uint32_t i = 0; i < depth && !out->failed && out->size <= MAX_OUTPUT; i++)
        buf_puts(out, s->indent);
    return !out->failed;
}

static bool print_json_key(struct run *r, const struct value *k, const struct json_style *s, struct buf *out)
{
    if (k->kind == STRING)
        return print_json_string(k->s.text, k->s.size, s->ensure_ascii, out);
    if (k->kind > FLOAT)
        return jinja_fail(r, VIV_EINVAL, "a key of JSON is a text, a number or none, found %s", jinja_kind_name(k));
    buf_putc(out, '"');
    return jinja_print_json(r, k, s, 0, out) && buf_putc(out, '"');
}

/* Members sorted by their keys, which must have an order. Insertion sort, because objects are small. */
static bool sort_members(struct run *r, struct entry **order, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct entry *e = order[i];
        size_t at = i;
        for (int sign; at > 0; at--) {
            if (!jinja_step(r, 1) || !jinja_compare(r, &order[at - 1]->key, &e->key, &sign))
                return false;
            if (sign <= 0)
                break;
            order[at] = order[at - 1];
        }
        order[at] = e;
    }
    return true;
}

static bool print_json_dict(struct run *r, const struct dict *d, const struct json_style *s, uint32_t depth,
                            struct buf *out)
{
    struct entry **order = jinja_alloc(r, d->n * sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < d->n; i++)
        order[i] = &d->entries[i];
    if (s->sort_keys && !sort_members(r, order, d->n))
        return false;
    buf_putc(out, '{');
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            buf_puts(out, s->item);
        if (s->lines)
            new_line(s, depth + 1, out);
        if (!print_json_key(r, &order[i]->key, s, out) || !buf_puts(out, s->colon) ||
            !jinja_print_json(r, &order[i]->value, s, depth + 1, out))
            return false;
    }
    if (s->lines && d->n)
        new_line(s, depth, out);
    return buf_putc(out, '}');
}

/* Whether one more value may be printed at this depth. */
static bool within_limits(struct run *r, uint32_t depth, const struct buf *out)
{
    if (depth > MAX_DEPTH)
        return jinja_fail(r, VIV_ELIMIT, "values nested more than %d deep", MAX_DEPTH);
    if (out->size > MAX_OUTPUT)
        return jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    return jinja_step(r, 1);
}

bool jinja_print_json(struct run *r, const struct value *v, const struct json_style *s, uint32_t depth,
                      struct buf *out)
{
    if (!within_limits(r, depth, out))
        return false;
    switch (v->kind) {
    case NONE:
        return buf_puts(out, "null");
    case BOOL:
        return buf_puts(out, v->is_true ? "true" : "false");
    case INT:
    case BIG:
        return jinja_integer_print(r, v, 10, out);
    case FLOAT:
        return isfinite(v->f) ? jinja_print_float(v->f, out)
                              : buf_puts(out, isnan(v->f) ? "NaN"
                                              : v->f > 0  ? "Infinity"
                                                          : "-Infinity");
    case STRING:
        return print_json_string(v->s.text, v->s.size, s->ensure_ascii, out);
    case LIST:
    case TUPLE:
        buf_putc(out, '[');
        for (size_t i = 0; i < v->list->n; i++) {
            if (i)
                buf_puts(out, s->item);
            if (s->lines)
                new_line(s, depth + 1, out);
            if (!jinja_print_json(r, &v->list->items[i], s, depth + 1, out))
                return false;
        }
        if (s->lines && v->list->n)
            new_line(s, depth, out);
        return buf_putc(out, ']');
    case DICT:
        return print_json_dict(r, v->dict, s, depth, out);
    case UNDEFINED:
        if (r->options->values == TEMPLATE_JSON)
            return buf_puts(out, depth ? "undefined" : "null");
        return jinja_fail_undefined(r, v, "has no JSON");
    default:
        return jinja_fail(r, VIV_EINVAL, "%s has no JSON", jinja_kind_name(v));
    }
}

static bool print_python(struct run *r, const struct value *v, uint32_t depth, struct buf *out);

static bool print_iterable(struct run *r, const struct iterable *it, uint32_t depth, struct buf *out)
{
    const struct value items = jinja_list_value(it->items, LIST);
    if (it->once)
        return jinja_fail(r, VIV_EINVAL, "%s has no text: `| list` makes a list of it", it->class);
    if (it->shown)
        return buf_puts(out, it->shown);
    return buf_printf(out, "%s(", it->class) && print_python(r, &items, depth + 1, out) && buf_putc(out, ')');
}

static bool print_python_items(struct run *r, const struct value *v, uint32_t depth, struct buf *out)
{
    bool is_dict = v->kind == DICT || v->kind == NAMESPACE;
    size_t n = is_dict ? v->dict->n : v->list->n;
    buf_putc(out, is_dict ? '{' : v->kind == LIST ? '[' : '(');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_puts(out, ", ");
        if (is_dict && (!print_python(r, &v->dict->entries[i].key, depth + 1, out) || !buf_puts(out, ": ")))
            return false;
        if (!print_python(r, is_dict ? &v->dict->entries[i].value : &v->list->items[i], depth + 1, out))
            return false;
    }
    if (v->kind == TUPLE && n == 1)
        buf_putc(out, ',');
    return buf_putc(out, is_dict ? '}' : v->kind == LIST ? ']' : ')');
}

/* <LoopContext 1/3>, <Macro 'f'> */
static bool print_named(struct run *r, const struct value *v, struct buf *out)
{
    struct value a, b;
    if (v->kind == MACRO) {
        struct value name;
        return jinja_macro_attr(r, v, "name", &name) && buf_puts(out, "<Macro ") &&
               print_python(r, &name, 0, out) && buf_putc(out, '>');
    }
    return jinja_loop_attr(r, v, "index", &a) && jinja_loop_attr(r, v, "length", &b) &&
           buf_printf(out, "<LoopContext %" PRId64 "/%" PRId64 ">", a.i, b.i);
}

/* repr() */
static bool print_python(struct run *r, const struct value *v, uint32_t depth, struct buf *out)
{
    if (!within_limits(r, depth, out))
        return false;
    switch (v->kind) {
    case UNDEFINED:
        return buf_puts(out, "Undefined");
    case NONE:
        return buf_puts(out, "None");
    case BOOL:
        return buf_puts(out, v->is_true ? "True" : "False");
    case INT:
    case BIG:
        return jinja_integer_print(r, v, 10, out);
    case FLOAT:
        return jinja_print_float(v->f, out);
    case STRING:
        if (!v->is_true)
            return print_quoted(v->s.text, v->s.size, out);
        return buf_puts(out, "Markup(") && print_quoted(v->s.text, v->s.size, out) && buf_putc(out, ')');
    case LIST:
    case TUPLE:
    case DICT:
        return print_python_items(r, v, depth, out);
    case NAMESPACE:
        return buf_puts(out, "<Namespace ") && print_python_items(r, v, depth, out) && buf_putc(out, '>');
    case ITERABLE:
        return print_iterable(r, v->iterable, depth, out);
    case LOOP:
    case MACRO:
        return print_named(r, v, out);
    default:
        return jinja_fail(r, VIV_EINVAL, "%s has no text", jinja_kind_name(v));
    }
}

bool jinja_print(struct run *r, const struct value *v, struct buf *out)
{
    static const struct json_style style = {.item = ", ", .colon = ": "};
    bool ok;
    if (v->kind == STRING)
        ok = buf_append(out, v->s.text, v->s.size);
    else if (v->kind == UNDEFINED || (v->kind == NONE && r->options->values == TEMPLATE_JSON))
        return true;
    else if (v->kind == FLOAT)
        ok = jinja_print_float(v->f, out);
    else
        ok = r->options->values == TEMPLATE_JSON ? jinja_print_json(r, v, &style, 0, out)
                                                 : print_python(r, v, 0, out);
    return ok || (out->failed ? error_nomem(r->err) == VIV_OK : false);
}

bool jinja_print_repr(struct run *r, const struct value *v, struct buf *out)
{
    return print_python(r, v, 0, out) || (out->failed ? error_nomem(r->err) == VIV_OK : false);
}

bool jinja_to_text(struct run *r, const struct value *v, struct value *out)
{
    struct buf b = {0};
    if (v->kind == STRING) {
        *out = *v;
        return true;
    }
    if (!jinja_print(r, v, &b)) {
        buf_release(&b);
        return false;
    }
    return jinja_take_buf(r, &b, out);
}

/* Writes & < > ' " as entities, unless the text is escaped already. */
bool jinja_escape_html(struct run *r, const struct value *v, struct value *out)
{
    static const struct {
        char c;
        const char *entity;
    } entities[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&#34;"}, {'\'', "&#39;"}};
    struct value text;
    struct buf b = {0};
    if (!jinja_to_text(r, v, &text) || !jinja_step(r, 1 + text.s.size / 8))
        return false;
    *out = text;
    if (text.is_true)
        return true;
    for (size_t i = 0; i < text.s.size; i++) {
        size_t k = 0;
        while (k < 5 && entities[k].c != text.s.text[i])
            k++;
        if (k < 5)
            buf_puts(&b, entities[k].entity);
        else
            buf_putc(&b, text.s.text[i]);
    }
    if (!jinja_take_buf(r, &b, out))
        return false;
    out->is_true = true;
    return true;
}
