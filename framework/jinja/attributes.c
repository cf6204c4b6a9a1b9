/* attributes.c - a.name, a[key], a[from:to:by]. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <string.h>

bool jinja_make_function(struct run *r, const struct callable *f, const struct value *self, struct value *out)
{
    struct bound *b = jinja_alloc(r, sizeof *b);
    struct value *kept = self ? jinja_alloc(r, sizeof *kept) : NULL;
    if (!b || (self && !kept))
        return false;
    if (self)
        *kept = *self;
    *b = (struct bound){.f = f, .self = kept};
    *out = (struct value){.kind = FUNCTION, .bound = b};
    return true;
}

/* Attributes of numbers: real, imag, numerator, denominator. */
static bool number_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    const bool real = strcmp(name, "real") == 0 || (v->kind != FLOAT && strcmp(name, "numerator") == 0);
    if (real)
        return jinja_sign(r, false, v, out);
    if (strcmp(name, "imag") == 0)
        *out = v->kind == FLOAT ? jinja_make_float(0) : jinja_make_int(0);
    else if (v->kind != FLOAT && strcmp(name, "denominator") == 0)
        *out = jinja_make_int(1);
    else
        *out = jinja_make_missing(v, name);
    return true;
}

/* Methods of values, and attributes of loops and the like. UNDEFINED: there is none. */
static bool attribute(struct run *r, const struct value *v, const char *name, struct value *out)
{
    const struct callable *method = jinja_find_method(v, name);
    *out = jinja_make_missing(v, name);
    if (method)
        return jinja_make_function(r, method, v, out);
    if (v->kind == LOOP)
        return jinja_loop_attr(r, v, name, out);
    if (v->kind == MACRO)
        return jinja_macro_attr(r, v, name, out);
    if (v->kind == FUNCTION)
        return jinja_function_attr(r, v, name, out);
    if (jinja_is_number(v))
        return number_attr(r, v, name, out);
    if (v->kind == TUPLE && v->list->is_group && strcmp(name, "grouper") == 0)
        *out = v->list->items[0];
    if (v->kind == TUPLE && v->list->is_group && strcmp(name, "list") == 0)
        *out = v->list->items[1];
    return true;
}

bool jinja_get_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    if (v->kind == UNDEFINED) {
        char why[96];
        snprintf(why, sizeof why, "has no '%.60s'", name);
        return jinja_fail_undefined(r, v, why);
    }
    if (!attribute(r, v, name, out))
        return false;
    const struct value *member =
        v->kind == NAMESPACE || (v->kind == DICT && out->kind == UNDEFINED) ? jinja_dict_find(v->dict, name) : NULL;
    if (member)
        *out = *member;
    return true;
}

static bool at_index(struct run *r, const struct value *v, int64_t i, struct value *out)
{
    const struct list *items;
    if (v->kind == STRING) {
        const int64_t n = (int64_t)jinja_count_characters(v->s.text, v->s.size);
        i = i < 0 ? i + n : i;
        if (i < 0 || i >= n)
            return true;
        const size_t begin = jinja_bytes_of(v->s.text, v->s.size, (size_t)i);
        const size_t size = jinja_bytes_of(v->s.text + begin, v->s.size - begin, 1);
        const bool ok = jinja_step(r, 1 + v->s.size / 64) && jinja_make_string(r, v->s.text + begin, size, out);
        out->is_true = ok && v->is_true;
        return ok;
    }
    if (!jinja_items(r, v, &items))
        return false;
    const int64_t n = (int64_t)items->n;
    i = i < 0 ? i + n : i;
    if (i >= 0 && i < n)
        *out = items->items[i];
    return true;
}

static bool has_indices(const struct value *v)
{
    return jinja_is_list(v) || v->kind == STRING || (v->kind == ITERABLE && v->iterable->shown);
}

bool jinja_get_item(struct run *r, const struct value *v, const struct value *key, struct value *out)
{
    *out = jinja_make_missing(v, key->kind == STRING ? key->s.text : "item at this place");
    if (v->kind == UNDEFINED)
        return jinja_get_attr(r, v, key->kind == STRING ? key->s.text : "item", out);
    if (v->kind == DICT) {
        const struct value *member = jinja_dict_get(r, v->dict, key);
        if (!jinja_step(r, 1 + v->dict->n / 8))
            return false;
        if (member) {
            *out = *member;
            return true;
        }
    } else if (has_indices(v) && (key->kind == INT || key->kind == BOOL)) {
        return at_index(r, v, key->i, out);
    }
    return key->kind != STRING || jinja_get_attr(r, v, key->s.text, out);
}

/* The first or last index of a slice, as in Python's slice.indices(). */
static bool slice_bound(struct run *r, const struct value *v, int64_t otherwise, int64_t length, int64_t by,
                        int64_t *out)
{
    *out = otherwise;
    if (v->kind == NONE)
        return true;
    if (!jinja_is_integer(v))
        return jinja_fail(r, VIV_EINVAL, "a slice: expected integers, found %s", jinja_kind_name(v));
    const int64_t low = by < 0 ? -1 : 0, high = by < 0 ? length - 1 : length;
    const int64_t at = v->kind == BIG ? (v->big->negative ? INT64_MIN : INT64_MAX) : v->i;
    const int64_t i = at < 0 ? (at < -length ? -length - 1 : at) + length : at;
    *out = i < low ? low : i > high ? high : i;
    return true;
}

bool jinja_get_slice(struct run *r, const struct value *v, const struct value *from, const struct value *to,
                     const struct value *step_by, struct value *out)
{
    const struct list *items;
    int64_t by = 1, begin, end;
    if (v->kind == UNDEFINED)
        return jinja_get_attr(r, v, "slice", out);
    if (!has_indices(v))
        return jinja_fail(r, VIV_EINVAL, "%s cannot be sliced", jinja_kind_name(v));
    if (step_by->kind != NONE && !jinja_is_integer(step_by))
        return jinja_fail(r, VIV_EINVAL, "a slice: expected integers, found %s", jinja_kind_name(step_by));
    if (step_by->kind == BIG)
        by = step_by->big->negative ? -MAX_MEMORY : MAX_MEMORY;
    else if (step_by->kind != NONE)
        by = step_by->i < -MAX_MEMORY ? -MAX_MEMORY : step_by->i > MAX_MEMORY ? MAX_MEMORY : step_by->i;
    if (by == 0)
        return jinja_fail(r, VIV_EINVAL, "a slice cannot step by 0");
    if (!jinja_items(r, v, &items))
        return false;
    const int64_t length = (int64_t)items->n;
    if (!slice_bound(r, from, by < 0 ? length - 1 : 0, length, by, &begin) ||
        !slice_bound(r, to, by < 0 ? -1 : length, length, by, &end))
        return false;
    if (v->kind == ITERABLE) {
        const struct iterable *it =
            v->iterable; /* a range of a range: its ends are within 2^17 steps of each other */
        int64_t stride, first, last;
        return (!__builtin_mul_overflow(it->by, by, &stride) && !__builtin_mul_overflow(it->by, begin, &first) &&
                !__builtin_mul_overflow(it->by, end, &last) && !__builtin_add_overflow(first, it->start, &first) &&
                !__builtin_add_overflow(last, it->start, &last))
                   ? jinja_make_range(r, first, last, stride, out)
                   : jinja_fail(r, VIV_ELIMIT, "a slice of a range beyond 64 bits");
    }
    const int64_t count = by > 0 ? (end - begin + by - 1) / by : (begin - end - by - 1) / -by;
    struct list *l = jinja_make_list(r, count > 0 ? (size_t)count : 0);
    struct buf text = {0};
    if (!l || !jinja_step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        l->items[i] = items->items[begin + (int64_t)i * by];
        if (v->kind == STRING)
            buf_append(&text, l->items[i].s.text, l->items[i].s.size);
    }
    if (v->kind == STRING)
        return jinja_take_buf(r, &text, out);
    *out = jinja_list_value(l, v->kind == TUPLE ? TUPLE : LIST);
    return true;
}
