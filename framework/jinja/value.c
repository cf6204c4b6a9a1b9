/* value.c - makes, compares and iterates values, by Python's rules. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* --- the run ------------------------------------------------------------------------------------------------- */

void jinja_set_error(struct run *r, viv_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_setv(r->err, status, format, args);
    va_end(args);
    error_prefix(r->err, "%s:%" PRIu32, r->options->name, r->line);
}

bool jinja_step(struct run *r, uint64_t n)
{
    r->steps += n;
    return r->steps <= MAX_STEPS || jinja_fail(r, VIV_ELIMIT, "the template takes more than %d steps", MAX_STEPS);
}

void *jinja_alloc(struct run *r, size_t size)
{
    void *p = NULL;
    if (size > MAX_MEMORY || (r->memory += size) > MAX_MEMORY)
        jinja_set_error(r, VIV_ELIMIT, "the template needs more than %d MiB", MAX_MEMORY >> 20);
    else if (!(p = arena_alloc(r->arena, size ? size : 1)))
        error_nomem(r->err);
    return p;
}

bool jinja_emit(struct run *r, const char *text, size_t n)
{
    r->output += n;
    if (r->output > MAX_OUTPUT)
        return jinja_fail(r, VIV_ELIMIT, "the template gives more than %d MiB of text", MAX_OUTPUT >> 20);
    return buf_append(r->out, text, n) || error_nomem(r->err) == VIV_OK;
}

/* --- making -------------------------------------------------------------------------------------------------- */

struct value jinja_make_bool(bool b)
{
    return (struct value){.kind = BOOL, .is_true = b, .i = b};
}

struct value jinja_make_int(int64_t i)
{
    return (struct value){.kind = INT, .i = i};
}

struct value jinja_make_float(double f)
{
    return (struct value){.kind = FLOAT, .f = f};
}

struct value jinja_make_undefined(const char *name)
{
    return (struct value){.kind = UNDEFINED, .name = name};
}

struct value jinja_make_literal(const char *text)
{
    return (struct value){.kind = STRING, .s = {text, strlen(text)}};
}

struct value jinja_make_missing(const struct value *owner, const char *name)
{
    return (struct value){.kind = UNDEFINED, .owner = owner->kind, .name = name};
}

bool jinja_make_string(struct run *r, const char *text, size_t n, struct value *out)
{
    const bool watched = r->options->from_data != NULL;
    char *copy = watched ? jinja_origin_alloc(r, n + 1) : jinja_alloc(r, n + 1);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, text, n);
    if (watched)
        jinja_origin_copy(r, copy, text, n);
    *out = (struct value){.kind = STRING, .s = {copy, n}};
    return true;
}

bool jinja_take_buf(struct run *r, struct buf *b, struct value *out)
{
    bool ok = b->failed ? error_nomem(r->err) == VIV_OK : jinja_make_string(r, buf_text(b), b->size, out);
    if (ok && r->options->from_data)
        jinja_origin_take(r, b, (char *)out->s.text);
    buf_release(b);
    return ok;
}

struct list *jinja_make_list(struct run *r, size_t n)
{
    struct list *l =
        n <= MAX_MEMORY / sizeof(struct value) ? jinja_alloc(r, sizeof *l + n * sizeof(struct value)) : NULL;
    if (l)
        l->n = n;
    else if (n > MAX_MEMORY / sizeof(struct value))
        jinja_set_error(r, VIV_ELIMIT, "a list of %zu elements", n);
    return l;
}

struct value jinja_list_value(const struct list *l, enum kind kind)
{
    return (struct value){.kind = kind, .list = l};
}

bool jinja_make_iterable(struct run *r, const struct list *l, const char *class, bool once, struct value *out)
{
    if (r->options->values == TEMPLATE_JSON) {
        *out = jinja_list_value(l, LIST);
        return true;
    }
    struct iterable *it = jinja_alloc(r, sizeof *it);
    if (!it)
        return false;
    *it = (struct iterable){.class = class, .items = l, .once = once};
    *out = (struct value){.kind = ITERABLE, .iterable = it};
    return true;
}

struct dict *jinja_make_dict(struct run *r)
{
    return jinja_alloc(r, sizeof(struct dict));
}

bool jinja_is_hashable(const struct value *v)
{
    for (size_t i = 0; v->kind == TUPLE && i < v->list->n; i++)
        if (!jinja_is_hashable(&v->list->items[i]))
            return false;
    return v->kind != LIST && v->kind != DICT && v->kind != ITERABLE;
}

bool jinja_dict_put(struct run *r, struct dict *d, const struct value *key, const struct value *value)
{
    if (!jinja_step(r, 1 + d->n / 8))
        return false;
    if (!jinja_is_hashable(key))
        return jinja_fail(r, VIV_EINVAL, "%s cannot be a key", jinja_kind_name(key));
    for (size_t i = 0; i < d->n; i++)
        if (jinja_equal(r, &d->entries[i].key, key)) {
            d->entries[i].value = *value;
            return true;
        }
    if (d->n == d->capacity) {
        size_t capacity = d->capacity ? 2 * d->capacity : 4;
        struct entry *grown = jinja_alloc(r, capacity * sizeof *grown);
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

const struct value *jinja_dict_get(const struct run *r, const struct dict *d, const struct value *key)
{
    for (size_t i = 0; i < d->n; i++)
        if (jinja_equal(r, &d->entries[i].key, key))
            return &d->entries[i].value;
    return NULL;
}

const struct value *jinja_dict_find(const struct dict *d, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i < d->n; i++) {
        const struct value *k = &d->entries[i].key;
        if (k->kind == STRING && k->s.size == n && memcmp(k->s.text, key, n) == 0)
            return &d->entries[i].value;
    }
    return NULL;
}

/* An integer of more than 63 bits, as json_parse_data() writes it; false: it is something else. */
static bool is_large_integer(struct run *r, json_t *j, struct value *out, bool *ok)
{
    const char *s = json_object_size(j) == 1 ? json_string_value(json_object_get(j, JSON_LARGE_INTEGER)) : NULL;
    const size_t minus = s && *s == '-', n = s ? strlen(s + minus) : 0;
    struct value v;
    if (n == 0 || strspn(s + minus, "0123456789") != n)
        return false;
    *ok = jinja_integer_of_text(r, s + minus, n, 10, &v) && jinja_sign(r, minus, &v, out);
    return true;
}

bool jinja_from_json(struct run *r, json_t *j, uint32_t depth, struct value *out)
{
    bool ok;
    if (depth > MAX_DEPTH)
        return jinja_fail(r, VIV_ELIMIT, "data nested more than %d deep", MAX_DEPTH);
    switch (json_typeof(j)) {
    case JSON_NULL:
        *out = (struct value){.kind = NONE};
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *out = jinja_make_bool(json_is_true(j));
        return true;
    case JSON_INTEGER:
        *out = jinja_make_int(json_integer_value(j));
        return true;
    case JSON_REAL:
        *out = jinja_make_float(json_real_value(j));
        return true;
    case JSON_STRING:
        return jinja_make_string(r, json_string_value(j), json_string_length(j), out);
    case JSON_ARRAY: {
        struct list *l = jinja_make_list(r, json_array_size(j));
        if (!l)
            return false;
        for (size_t i = 0; i < l->n; i++)
            if (!jinja_from_json(r, json_array_get(j, i), depth + 1, &l->items[i]))
                return false;
        *out = jinja_list_value(l, LIST);
        return true;
    }
    default:
        break;
    }
    if (is_large_integer(r, j, out, &ok))
        return ok;
    struct dict *d = jinja_make_dict(r);
    const char *name;
    json_t *member;
    if (!d)
        return false;
    *out = (struct value){.kind = DICT, .dict = d};
    d->capacity = json_object_size(j);
    d->entries = jinja_alloc(r, d->capacity * sizeof *d->entries);
    if (!d->entries)
        return false;
    json_object_foreach(j, name, member)
    {
        struct entry *e = &d->entries[d->n++];
        const bool before = r->reads_data;
        if (!jinja_make_string(r, name, strlen(name), &e->key))
            return false;
        r->reads_data = before && jinja_is_data(name, member, depth);
        if (!jinja_from_json(r, member, depth + 1, &e->value))
            return false;
        r->reads_data = before;
    }
    return true;
}

/* --- asking -------------------------------------------------------------------------------------------------- */

const char *jinja_kind_name(const struct value *v)
{
    static const char *const names[] = {
        "undefined", "none",   "a boolean",   "an integer",  "an integer", "a number",   "a text", "a list",
        "a tuple",   "a dict", "a namespace", "an iterator", "a macro",    "a function", "a loop", "nothing"};
    return v->kind == ITERABLE ? v->iterable->class : names[v->kind];
}

bool jinja_fail_undefined(struct run *r, const struct value *v, const char *why)
{
    const struct value owner = {.kind = v->owner};
    if (!v->name)
        return jinja_fail(r, VIV_EINVAL, "an undefined value %s", why);
    if (v->owner == UNDEFINED)
        return jinja_fail(r, VIV_EINVAL, "'%.60s' is undefined, and %s", v->name, why);
    return jinja_fail(r, VIV_EINVAL, "%s has no '%.60s', and what is undefined %s",
                      v->owner == ITERABLE ? "an iterator" : jinja_kind_name(&owner), v->name, why);
}

bool jinja_is_number(const struct value *v)
{
    return v->kind == FLOAT || jinja_is_integer(v);
}

bool jinja_is_integer(const struct value *v)
{
    return v->kind == INT || v->kind == BIG || v->kind == BOOL;
}

bool jinja_is_list(const struct value *v)
{
    return v->kind == LIST || v->kind == TUPLE;
}

double jinja_to_number(const struct value *v)
{
    return v->kind == FLOAT ? v->f : jinja_integer_float(v);
}

bool jinja_truth(const struct value *v)
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
    case ITERABLE:
        return v->iterable->once || v->iterable->items->n > 0;
    default:
        return true;
    }
}

static bool equal_dicts(const struct run *r, const struct dict *a, const struct dict *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct value *other = jinja_dict_get(r, b, &a->entries[i].key);
        if (!other || !jinja_equal(r, &a->entries[i].value, other))
            return false;
    }
    return true;
}

/* -1, 0, 1; 2: one of them is not a number */
static int compare_numbers(const struct value *a, const struct value *b)
{
    if (a->kind != FLOAT && b->kind != FLOAT)
        return jinja_integer_compare(a, b);
    if (jinja_to_number(a) != jinja_to_number(a) || jinja_to_number(b) != jinja_to_number(b))
        return 2;
    if (a->kind != FLOAT)
        return jinja_integer_compare_float(a, b->f);
    if (b->kind != FLOAT)
        return -jinja_integer_compare_float(b, a->f);
    return (a->f > b->f) - (a->f < b->f);
}

bool jinja_equal(const struct run *r, const struct value *a, const struct value *b)
{
    bool strict = r->options->values == TEMPLATE_JSON; /* in JavaScript, true is not 1 */
    if (jinja_is_number(a) && jinja_is_number(b) && !(strict && (a->kind == BOOL) != (b->kind == BOOL)))
        return compare_numbers(a, b) == 0;
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
            if (!jinja_equal(r, &a->list->items[i], &b->list->items[i]))
                return false;
        return true;
    case DICT:
        return equal_dicts(r, a->dict, b->dict);
    case ITERABLE:
        if (a->iterable->once || b->iterable->once)
            return a->iterable == b->iterable;
        const struct value x = jinja_list_value(a->iterable->items, LIST),
                           y = jinja_list_value(b->iterable->items, LIST);
        return jinja_equal(r, &x, &y);
    default:
        return a->macro == b->macro;
    }
}

bool jinja_compare(struct run *r, const struct value *a, const struct value *b, int *order)
{
    if (jinja_is_number(a) && jinja_is_number(b)) {
        *order = compare_numbers(a, b);
        return true;
    }
    if (a->kind == STRING && b->kind == STRING) {
        size_t n = a->s.size < b->s.size ? a->s.size : b->s.size;
        int c = memcmp(a->s.text, b->s.text, n);
        *order = c ? c : (a->s.size > b->s.size) - (a->s.size < b->s.size);
        return true;
    }
    if (jinja_is_list(a) && a->kind == b->kind) {
        for (size_t i = 0; i < a->list->n && i < b->list->n; i++)
            if (!jinja_step(r, 1))
                return false;
            else if (!jinja_equal(r, &a->list->items[i], &b->list->items[i]))
                return jinja_compare(r, &a->list->items[i], &b->list->items[i], order);
        *order = (a->list->n > b->list->n) - (a->list->n < b->list->n);
        return true;
    }
    *order = 0;
    const struct value *undefined = a->kind == UNDEFINED ? a : b->kind == UNDEFINED ? b : NULL;
    return undefined ? jinja_fail_undefined(r, undefined, "has no order")
                     : jinja_fail(r, VIV_EINVAL, "%s and %s have no order", jinja_kind_name(a), jinja_kind_name(b));
}

bool jinja_contains(struct run *r, const struct value *all, const struct value *one, bool *out)
{
    *out = false;
    if (all->kind == STRING) {
        if (one->kind != STRING)
            return r->options->values == TEMPLATE_JSON ||
                   jinja_fail(r, VIV_EINVAL, "`in` of a text: expected a text, found %s", jinja_kind_name(one));
        *out = memmem(all->s.text, all->s.size, one->s.text, one->s.size) != NULL;
        return jinja_step(r, 1 + all->s.size / 64);
    }
    const struct list *l;
    struct iterable *it = all->kind == ITERABLE && all->iterable->once ? all->iterable : NULL;
    const size_t begin = it ? it->next : 0; /* `in` takes the items that it looks at */
    if (all->kind == DICT && !jinja_is_hashable(one) && r->options->values == TEMPLATE_PYTHON)
        return jinja_fail(r, VIV_EINVAL, "%s cannot be a key", jinja_kind_name(one));
    if (all->kind == DICT) {
        *out = jinja_dict_get(r, all->dict, one) != NULL;
        return jinja_step(r, 1 + all->dict->n / 8);
    }
    if (!jinja_items(r, all, &l) || !jinja_step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n && !*out; i++) {
        *out = jinja_equal(r, &l->items[i], one);
        if (it && *out)
            it->next = begin + i + 1;
    }
    return true;
}

size_t jinja_count_characters(const char *text, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += (text[i] & 0xC0) != 0x80;
    return count;
}

size_t jinja_bytes_of(const char *text, size_t n, size_t count)
{
    size_t at = 0;
    for (; at < n && (count > 0 || (text[at] & 0xC0) == 0x80); at++)
        count -= (text[at] & 0xC0) != 0x80;
    return at;
}

static bool split_characters(struct run *r, const struct value *v, const struct list **out)
{
    struct list *l = jinja_make_list(r, jinja_count_characters(v->s.text, v->s.size));
    size_t at = 0;
    if (!l)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        size_t n = 1;
        while (at + n < v->s.size && (v->s.text[at + n] & 0xC0) == 0x80)
            n++;
        if (!jinja_make_string(r, v->s.text + at, n, &l->items[i]))
            return false;
        at += n;
    }
    *out = l;
    return true;
}

bool jinja_items(struct run *r, const struct value *v, const struct list **out)
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
        if (!(l = jinja_make_list(r, v->dict->n)))
            return false;
        for (size_t i = 0; i < l->n; i++)
            l->items[i] = v->dict->entries[i].key;
        *out = l;
        return true;
    case ITERABLE:
        if (!v->iterable->once) {
            *out = v->iterable->items;
            return true;
        }
        if (!(l = jinja_make_list(r, v->iterable->items->n - v->iterable->next)))
            return false;
        for (size_t i = 0; i < l->n; i++)
            l->items[i] = v->iterable->items->items[v->iterable->next + i];
        v->iterable->next = v->iterable->items->n;
        *out = l;
        return true;
    case UNDEFINED:
        return (*out = jinja_make_list(r, 0)) != NULL;
    default:
        return jinja_fail(r, VIV_EINVAL, "%s cannot be iterated", jinja_kind_name(v));
    }
}
