/* value.c - what values are, how they print, compare and are gone through: Python's rules, and for values inside of
 * text those of either style (template.h). */
#include "text/jinja/jinja.h"

#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

/* --- the run ------------------------------------------------------------------------------------------------- */

void set_error_at(struct run *r, viv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(r->err, status, format, args);
    va_end(args);
    error_prefix(r->err, "%s:%" PRIu32, r->options->name, r->line);
}

bool step(struct run *r, uint64_t n)
{
    r->steps += n;
    return r->steps <= MAX_STEPS || fail_at(r, VIV_ELIMIT, "the template takes more than %d steps", MAX_STEPS);
}

void *take(struct run *r, size_t size)
{
    void *p = NULL;
    if (size > MAX_MEMORY || (r->memory += size) > MAX_MEMORY)
        set_error_at(r, VIV_ELIMIT, "the template needs more than %d MiB", MAX_MEMORY >> 20);
    else if (!(p = arena_alloc(r->arena, size ? size : 1)))
        error_nomem(r->err);
    return p;
}

bool emit(struct run *r, const char *text, size_t n)
{
    r->output += n;
    if (r->output > MAX_OUTPUT)
        return fail_at(r, VIV_ELIMIT, "the template gives more than %d MiB of text", MAX_OUTPUT >> 20);
    return buf_append(r->out, text, n) || error_nomem(r->err) == VIV_OK;
}

/* --- making -------------------------------------------------------------------------------------------------- */

struct value make_bool(bool b)
{
    return (struct value){.kind = BOOL, .is_true = b, .i = b};
}

struct value make_int(int64_t i)
{
    return (struct value){.kind = INT, .i = i};
}

struct value make_float(double f)
{
    return (struct value){.kind = FLOAT, .f = f};
}

struct value make_undefined(const char *name)
{
    return (struct value){.kind = UNDEFINED, .name = name};
}

struct value make_literal(const char *text)
{
    return (struct value){.kind = STRING, .s = {text, strlen(text)}};
}

bool make_string(struct run *r, const char *text, size_t n, struct value *out)
{
    char *copy = take(r, n + 1);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, text, n);
    *out = (struct value){.kind = STRING, .s = {copy, n}};
    return true;
}

bool take_buf(struct run *r, struct buf *b, struct value *out)
{
    bool ok = b->failed ? error_nomem(r->err) == VIV_OK : make_string(r, buf_text(b), b->size, out);
    buf_release(b);
    return ok;
}

struct list *make_list(struct run *r, size_t n)
{
    struct list *l = n <= MAX_MEMORY / sizeof(struct value) ? take(r, sizeof *l + n * sizeof(struct value)) : NULL;
    if (l)
        l->n = n;
    else if (n > MAX_MEMORY / sizeof(struct value))
        set_error_at(r, VIV_ELIMIT, "a list of %zu elements", n);
    return l;
}

struct value of_list(const struct list *l, enum kind kind)
{
    return (struct value){.kind = kind, .list = l};
}

struct dict *make_dict(struct run *r)
{
    return take(r, sizeof(struct dict));
}

bool dict_put(struct run *r, struct dict *d, const struct value *key, const struct value *value)
{
    if (!step(r, 1 + d->n / 8))
        return false;
    for (size_t i = 0; i < d->n; i++)
        if (equal(r, &d->entries[i].key, key)) {
            d->entries[i].value = *value;
            return true;
        }
    if (d->n == d->capacity) {
        size_t capacity = d->capacity ? 2 * d->capacity : 4;
        struct entry *grown = take(r, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (d->n)
            memcpy(grown, d->entries, d->n * sizeof *grown);
        d->entries = grown;
        d->capacity = capacity;
    }
    d->entries[d->n++] = (struct entry){*key, *value};
    return true;
}

const struct value *dict_get(const struct run *r, const struct dict *d, const struct value *key)
{
    for (size_t i = 0; i < d->n; i++)
        if (equal(r, &d->entries[i].key, key))
            return &d->entries[i].value;
    return NULL;
}

const struct value *dict_find(const struct dict *d, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < d->n; i++) {
        const struct value *k = &d->entries[i].key;
        if (k->kind == STRING && k->s.size == n && memcmp(k->s.text, key, n) == 0)
            return &d->entries[i].value;
    }
    return NULL;
}

bool from_json(struct run *r, json_t *j, uint32_t depth, struct value *out)
{
    if (depth > MAX_DEPTH)
        return fail_at(r, VIV_ELIMIT, "data nested more than %d deep", MAX_DEPTH);
    switch (json_typeof(j)) {
    case JSON_NULL:
        *out = (struct value){.kind = NONE};
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = make_bool(json_is_true(j));
        return true;
    case JSON_INTEGER:
        *out = make_int(json_integer_value(j));
        return true;
    case JSON_REAL:
        *out = make_float(json_real_value(j));
        return true;
    case JSON_STRING:
        return make_string(r, json_string_value(j), json_string_length(j), out);
    case JSON_ARRAY: {
        struct list *l = make_list(r, json_array_size(j));
        if (!l)
            return false;
        for (size_t i = 0; i < l->n; i++)
            if (!from_json(r, json_array_get(j, i), depth + 1, &l->items[i]))
                return false;
        *out = of_list(l, LIST);
        return true;
    }
    default:
        break;
    }
    struct dict *d = make_dict(r);
    const char *name;
    json_t *member;
    if (!d)
        return false;
    *out = (struct value){.kind = DICT, .dict = d};
    d->capacity = json_object_size(j);
    d->entries = take(r, d->capacity * sizeof *d->entries);
    if (!d->entries)
        return false;
    json_object_foreach(j, name, member)
    {
        struct entry *e = &d->entries[d->n++];
        if (!make_string(r, name, strlen(name), &e->key) || !from_json(r, member, depth + 1, &e->value))
            return false;
    }
    return true;
}

/* --- asking -------------------------------------------------------------------------------------------------- */

const char *kind_name(const struct value *v)
{
    static const char *const names[] = {"undefined", "none",       "a boolean", "an integer", "a number",
                                        "a text",    "a list",     "a tuple",   "a dict",     "a namespace",
                                        "a macro",   "a function", "a loop"};
    return names[v->kind];
}

bool is_number(const struct value *v)
{
    return v->kind == INT || v->kind == FLOAT || v->kind == BOOL;
}

bool is_list(const struct value *v)
{
    return v->kind == LIST || v->kind == TUPLE;
}

double number_of(const struct value *v)
{
    return v->kind == FLOAT ? v->f : (double)v->i;
}

bool truth(const struct value *v)
{
    switch (v->kind) {
    case UNDEFINED:
    case NONE:
        return false;
    case BOOL:
        return v->is_true;
    case INT:
        return v->i != 0;
    case FLOAT:
        return v->f != 0;
    case STRING:
        return v->s.size > 0;
    case LIST:
    case TUPLE:
        return v->list->n > 0;
    case DICT:
        return v->dict->n > 0;
    default:
        return true;
    }
}

static bool equal_dicts(const struct run *r, const struct dict *a, const struct dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct value *other = dict_get(r, b, &a->entries[i].key);
        if (!other || !equal(r, &a->entries[i].value, other))
            return false;
    }
    return true;
}

bool equal(const struct run *r, const struct value *a, const struct value *b)
{
    bool strict = r->options->values == TEMPLATE_JSON; /* there, true is not 1 */
    if (is_number(a) && is_number(b) && !(strict && (a->kind == BOOL) != (b->kind == BOOL)))
        return a->kind != FLOAT && b->kind != FLOAT ? a->i == b->i : number_of(a) == number_of(b);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case UNDEFINED:
    case NONE:
        return true;
    case STRING:
        return a->s.size == b->s.size && memcmp(a->s.text, b->s.text, a->s.size) == 0;
    case LIST:
    case TUPLE:
        if (a->list->n != b->list->n)
            return false;
        for (size_t i = 0; i < a->list->n; i++)
            if (!equal(r, &a->list->items[i], &b->list->items[i]))
                return false;
        return true;
    case DICT:
        return equal_dicts(r, a->dict, b->dict);
    default:
        return a->macro == b->macro;
    }
}

static int sign_of(double d)
{
    return (d > 0) - (d < 0);
}

bool compare(struct run *r, const struct value *a, const struct value *b, int *order)
{
    if (is_number(a) && is_number(b)) {
        *order = a->kind != FLOAT && b->kind != FLOAT ? (a->i > b->i) - (a->i < b->i)
                                                      : sign_of(number_of(a) - number_of(b));
        return true;
    }
    if (a->kind == STRING && b->kind == STRING) {
        size_t n = a->s.size < b->s.size ? a->s.size : b->s.size;
        int c = memcmp(a->s.text, b->s.text, n);
        *order = c ? c : (a->s.size > b->s.size) - (a->s.size < b->s.size);
        return true;
    }
    if (is_list(a) && is_list(b)) {
        for (size_t i = 0; i < a->list->n && i < b->list->n; i++) {
            if (!compare(r, &a->list->items[i], &b->list->items[i], order))
                return false;
            if (*order)
                return true;
        }
        *order = (a->list->n > b->list->n) - (a->list->n < b->list->n);
        return true;
    }
    *order = 0;
    bool nothing = (a->kind == NONE && b->kind == NONE) || (a->kind == UNDEFINED && b->kind == UNDEFINED);
    return nothing || fail_at(r, VIV_EINVAL, "%s and %s have no order", kind_name(a), kind_name(b));
}

bool contains(struct run *r, const struct value *all, const struct value *one, bool *out)
{
    *out = false;
    if (all->kind == STRING) {
        if (one->kind != STRING)
            return r->options->values == TEMPLATE_JSON ||
                   fail_at(r, VIV_EINVAL, "`in` a text wants a text, found %s", kind_name(one));
        *out = memmem(all->s.text, all->s.size, one->s.text, one->s.size) != NULL;
        return step(r, 1 + all->s.size / 64);
    }
    const struct list *l;
    if (!items_of(r, all, &l) || !step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n && !*out; i++)
        *out = equal(r, &l->items[i], one);
    return true;
}

size_t characters(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (text[i] & 0xC0) != 0x80;
    return count;
}

static bool split_characters(struct run *r, const struct value *v, const struct list **out)
{
    struct list *l = make_list(r, characters(v->s.text, v->s.size));
    size_t at = 0;
    if (!l)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        size_t n = 1;
        while (at + n < v->s.size && (v->s.text[at + n] & 0xC0) == 0x80)
            n++;
        if (!make_string(r, v->s.text + at, n, &l->items[i]))
            return false;
        at += n;
    }
    *out = l;
    return true;
}

bool items_of(struct run *r, const struct value *v, const struct list **out)
{
    struct list *l;
    switch (v->kind) {
    case LIST:
    case TUPLE:
        *out = v->list;
        return true;
    case STRING:
        return split_characters(r, v, out);
    case DICT:
        if (!(l = make_list(r, v->dict->n)))
            return false;
        for (size_t i = 0; i < l->n; i++)
            l->items[i] = v->dict->entries[i].key;
        *out = l;
        return true;
    case UNDEFINED:
        return (*out = make_list(r, 0)) != NULL;
    default:
        return fail_at(r, VIV_EINVAL, "%s cannot be gone through", kind_name(v));
    }
}

/* --- printing ------------------------------------------------------------------------------------------------ */

/* The shortest digits that read back as the same number, as Python's repr() has them. */
static bool print_float(double f, struct buf *out)
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

static bool is_printable(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    case UTF8PROC_CATEGORY_ZS:
        return c == ' ';
    default:
        return true;
    }
}

/* 'text', as repr() writes it */
static bool print_quoted(const char *s, size_t n, struct buf *out)
{
    char quote = memchr(s, '\'', n) && !memchr(s, '"', n) ? '"' : '\'';
    buf_putc(out, quote);
    for (size_t at = 0, k; at < n; at += k) {
        uint32_t c;
        k = utf8_decode(s + at, n - at, &c);
        if (k == 0) { /* only from a template that is no UTF-8, which is refused */
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
        else if (is_printable(c))
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
    for (int64_t i = 0; i < s->indent * (int64_t)depth && !out->failed; i++)
        buf_putc(out, ' ');
    return !out->failed;
}

static bool print_json_key(struct run *r, const struct value *k, const struct json_style *s, struct buf *out)
{
    if (k->kind == STRING)
        return print_json_string(k->s.text, k->s.size, s->ensure_ascii, out);
    buf_putc(out, '"');
    return print_json_value(r, k, s, 0, out) && buf_putc(out, '"');
}

static int by_key(const void *a, const void *b)
{
    const struct value *x = &(*(struct entry *const *)a)->key, *y = &(*(struct entry *const *)b)->key;
    if (x->kind != STRING || y->kind != STRING)
        return sign_of(number_of(x) - number_of(y));
    return strcmp(x->s.text, y->s.text);
}

static bool print_json_dict(struct run *r, const struct dict *d, const struct json_style *s, uint32_t depth,
                            struct buf *out)
{
    struct entry **order = take(r, d->n * sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < d->n; i++)
        order[i] = &d->entries[i];
    if (s->sort_keys && d->n)
        qsort(order, d->n, sizeof *order, by_key);
    buf_putc(out, '{');
    for (size_t i = 0; i < d->n; i++) {
        if (i)
            buf_puts(out, s->item);
        if (s->indent >= 0)
            new_line(s, depth + 1, out);
        if (!print_json_key(r, &order[i]->key, s, out) || !buf_puts(out, s->colon) ||
            !print_json_value(r, &order[i]->value, s, depth + 1, out))
            return false;
    }
    if (s->indent >= 0 && d->n)
        new_line(s, depth, out);
    return buf_putc(out, '}');
}

bool print_json_value(struct run *r, const struct value *v, const struct json_style *s, uint32_t depth,
                      struct buf *out)
{
    if (depth > MAX_DEPTH)
        return fail_at(r, VIV_ELIMIT, "values nested more than %d deep", MAX_DEPTH);
    if (out->size > MAX_OUTPUT)
        return fail_at(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    if (!step(r, 1))
        return false;
    switch (v->kind) {
    case NONE:
        return buf_puts(out, "null");
    case BOOL:
        return buf_puts(out, v->is_true ? "true" : "false");
    case INT:
        return buf_printf(out, "%" PRId64, v->i);
    case FLOAT:
        return isfinite(v->f) ? print_float(v->f, out)
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
            if (s->indent >= 0)
                new_line(s, depth + 1, out);
            if (!print_json_value(r, &v->list->items[i], s, depth + 1, out))
                return false;
        }
        if (s->indent >= 0 && v->list->n)
            new_line(s, depth, out);
        return buf_putc(out, ']');
    case DICT:
    case NAMESPACE:
        return print_json_dict(r, v->dict, s, depth, out);
    case UNDEFINED:
        if (r->options->values == TEMPLATE_JSON)
            return buf_puts(out, depth ? "undefined" : "null");
        return v->name ? fail_at(r, VIV_EINVAL, "'%s' is undefined and has no JSON", v->name)
                       : fail_at(r, VIV_EINVAL, "an undefined value has no JSON");
    default:
        return fail_at(r, VIV_EINVAL, "%s has no JSON", kind_name(v));
    }
}

static bool print_python(struct run *r, const struct value *v, uint32_t depth, struct buf *out);

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

/* repr() */
static bool print_python(struct run *r, const struct value *v, uint32_t depth, struct buf *out)
{
    if (depth > MAX_DEPTH)
        return fail_at(r, VIV_ELIMIT, "values nested more than %d deep", MAX_DEPTH);
    if (out->size > MAX_OUTPUT)
        return fail_at(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    if (!step(r, 1))
        return false;
    switch (v->kind) {
    case UNDEFINED:
        return buf_puts(out, "Undefined");
    case NONE:
        return buf_puts(out, "None");
    case BOOL:
        return buf_puts(out, v->is_true ? "True" : "False");
    case INT:
        return buf_printf(out, "%" PRId64, v->i);
    case FLOAT:
        return print_float(v->f, out);
    case STRING:
        return print_quoted(v->s.text, v->s.size, out);
    case LIST:
    case TUPLE:
    case DICT:
    case NAMESPACE:
        return print_python_items(r, v, depth, out);
    default:
        return fail_at(r, VIV_EINVAL, "%s has no text", kind_name(v));
    }
}

bool print_value(struct run *r, const struct value *v, struct buf *out)
{
    static const struct json_style style = {.indent = -1, .item = ", ", .colon = ": "};
    bool ok;
    if (v->kind == STRING)
        ok = buf_append(out, v->s.text, v->s.size);
    else if (v->kind == UNDEFINED || (v->kind == NONE && r->options->values == TEMPLATE_JSON))
        return true;
    else if (v->kind == FLOAT)
        ok = print_float(v->f, out);
    else
        ok = r->options->values == TEMPLATE_JSON ? print_json_value(r, v, &style, 0, out)
                                                 : print_python(r, v, 0, out);
    return ok || (out->failed ? error_nomem(r->err) == VIV_OK : false);
}

bool text_of(struct run *r, const struct value *v, struct value *out)
{
    struct buf b = {0};
    if (v->kind == STRING) {
        *out = *v;
        return true;
    }
    if (!print_value(r, v, &b)) {
        buf_release(&b);
        return false;
    }
    return take_buf(r, &b, out);
}
