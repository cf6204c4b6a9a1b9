/* attributes.c - a.name, a[key], a[from:to:by]. */
#include "jinja/jinja.h"

#include <inttypes.h>
#include <string.h>

bool make_function(struct run *r, const struct callable *f, const struct value *self, struct value *out)
{
    struct bound *b = take(r, sizeof *b);
    struct value *kept = self ? take(r, sizeof *kept) : NULL;
    if (!b || (self && !kept))
        return false;
    if (self)
        *kept = *self;
    *b = (struct bound){.f = f, .self = kept};
    *out = (struct value){.kind = FUNCTION, .bound = b};
    return true;
}

/* What numbers have beside methods: real, imag, numerator, denominator. */
static bool number_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    const bool real = strcmp(name, "real") == 0 || (v->kind != FLOAT && strcmp(name, "numerator") == 0);
    if (real)
        return sign(r, false, v, out);
    if (strcmp(name, "imag") == 0)
        *out = v->kind == FLOAT ? make_float(0) : make_int(0);
    else if (v->kind != FLOAT && strcmp(name, "denominator") == 0)
        *out = make_int(1);
    else
        *out = make_missing(v, name);
    return true;
}

/* Attributes alone: methods, and what loops and the like have. UNDEFINED: there is no such. */
static bool attribute(struct run *r, const struct value *v, const char *name, struct value *out)
{
    const struct callable *method = find_method(v, name);
    *out = make_missing(v, name);
    if (method)
        return make_function(r, method, v, out);
    if (v->kind == LOOP)
        return loop_attr(r, v, name, out);
    if (v->kind == MACRO)
        return macro_attr(r, v, name, out);
    if (v->kind == FUNCTION)
        return function_attr(r, v, name, out);
    if (is_number(v))
        return number_attr(r, v, name, out);
    if (v->kind == TUPLE && v->list->is_group && strcmp(name, "grouper") == 0)
        *out = v->list->items[0];
    if (v->kind == TUPLE && v->list->is_group && strcmp(name, "list") == 0)
        *out = v->list->items[1];
    return true;
}

bool get_attr(struct run *r, const struct value *v, const char *name, struct value *out)
{
    if (v->kind == UNDEFINED) {
        char why[96];
        snprintf(why, sizeof why, "has no '%.60s'", name);
        return fail_undefined(r, v, why);
    }
    if (!attribute(r, v, name, out))
        return false;
    const struct value *member =
        v->kind == NAMESPACE || (v->kind == DICT && out->kind == UNDEFINED) ? dict_find(v->dict, name) : NULL;
    if (member)
        *out = *member;
    return true;
}

static bool at_index(struct run *r, const struct value *v, int64_t i, struct value *out)
{
    const struct list *items;
    if (v->kind == STRING) {
        const int64_t n = (int64_t)characters(v->s.text, v->s.size);
        i = i < 0 ? i + n : i;
        if (i < 0 || i >= n)
            return true;
        const size_t begin = bytes_of(v->s.text, v->s.size, (size_t)i);
        const size_t size = bytes_of(v->s.text + begin, v->s.size - begin, 1);
        const bool ok = step(r, 1 + v->s.size / 64) && make_string(r, v->s.text + begin, size, out);
        out->is_true = ok && v->is_true;
        return ok;
    }
    if (!items_of(r, v, &items))
        return false;
    const int64_t n = (int64_t)items->n;
    i = i < 0 ? i + n : i;
    if (i >= 0 && i < n)
        *out = items->items[i];
    return true;
}

static bool has_indices(const struct value *v)
{
    return is_list(v) || v->kind == STRING || (v->kind == ITERABLE && v->iterable->shown);
}

bool get_item(struct run *r, const struct value *v, const struct value *key, struct value *out)
{
    *out = make_missing(v, key->kind == STRING ? key->s.text : "item at this place");
    if (v->kind == UNDEFINED)
        return get_attr(r, v, key->kind == STRING ? key->s.text : "item", out);
    if (v->kind == DICT) {
        const struct value *member = dict_get(r, v->dict, key);
        if (!step(r, 1 + v->dict->n / 8))
            return false;
        if (member) {
            *out = *member;
            return true;
        }
    } else if (has_indices(v) && (key->kind == INT || key->kind == BOOL)) {
        return at_index(r, v, key->i, out);
    }
    return key->kind != STRING || get_attr(r, v, key->s.text, out);
}

/* Where a slice begins or ends, as Python's slice.indices(). */
static bool slice_bound(struct run *r, const struct value *v, int64_t otherwise, int64_t length, int64_t by,
                        int64_t *out)
{
    *out = otherwise;
    if (v->kind == NONE)
        return true;
    if (!is_integer(v))
        return fail_at(r, VIV_EINVAL, "a slice wants integers, found %s", kind_name(v));
    const int64_t low = by < 0 ? -1 : 0, high = by < 0 ? length - 1 : length;
    const int64_t at = v->kind == BIG ? (v->big->negative ? INT64_MIN : INT64_MAX) : v->i;
    const int64_t i = at < 0 ? (at < -length ? -length - 1 : at) + length : at;
    *out = i < low ? low : i > high ? high : i;
    return true;
}

bool get_slice(struct run *r, const struct value *v, const struct value *from, const struct value *to,
               const struct value *step_by, struct value *out)
{
    const struct list *items;
    int64_t by = 1, begin, end;
    if (v->kind == UNDEFINED)
        return get_attr(r, v, "slice", out);
    if (!has_indices(v))
        return fail_at(r, VIV_EINVAL, "%s cannot be sliced", kind_name(v));
    if (step_by->kind != NONE && !is_integer(step_by))
        return fail_at(r, VIV_EINVAL, "a slice wants integers, found %s", kind_name(step_by));
    if (step_by->kind == BIG)
        by = step_by->big->negative ? -MAX_MEMORY : MAX_MEMORY;
    else if (step_by->kind != NONE)
        by = step_by->i < -MAX_MEMORY ? -MAX_MEMORY : step_by->i > MAX_MEMORY ? MAX_MEMORY : step_by->i;
    if (by == 0)
        return fail_at(r, VIV_EINVAL, "a slice cannot step by 0");
    if (!items_of(r, v, &items))
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
                   ? make_range(r, first, last, stride, out)
                   : fail_at(r, VIV_ELIMIT, "a slice of a range beyond 64 bits");
    }
    const int64_t count = by > 0 ? (end - begin + by - 1) / by : (begin - end - by - 1) / -by;
    struct list *l = make_list(r, count > 0 ? (size_t)count : 0);
    struct buf text = {0};
    if (!l || !step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        l->items[i] = items->items[begin + (int64_t)i * by];
        if (v->kind == STRING)
            buf_append(&text, l->items[i].s.text, l->items[i].s.size);
    }
    if (v->kind == STRING)
        return take_buf(r, &text, out);
    *out = of_list(l, v->kind == TUPLE ? TUPLE : LIST);
    return true;
}
