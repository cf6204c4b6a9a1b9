/* split.c - string methods that strip, split or partition. */
#include "jinja/jinja.h"

#include <string.h>

enum { LEFT = 1, RIGHT = 2 };

/* Decodes the character that ends at `end`; returns its length. */
static size_t last_character(const char *s, size_t end, int32_t *c)
{
    size_t n = 1;
    while (n < end && (s[end - n] & 0xC0) == 0x80)
        n++;
    jinja_decode(s + end - n, n, c);
    return n;
}

static bool in_set(int32_t c, const struct value *set)
{
    if (!set)
        return jinja_is_white(c);
    for (size_t at = 0; at < set->s.size;) {
        int32_t one;
        at += jinja_decode(set->s.text + at, set->s.size - at, &one);
        if (one == c)
            return true;
    }
    return false;
}

static bool strip_sides(struct run *r, const struct value *v, const struct args *a, int sides, struct value *out)
{
    const struct value *set = jinja_arg(a, 0);
    size_t begin = 0, end = v->s.size;
    int32_t c;
    if (set && set->kind != STRING && set->kind != NONE)
        return jinja_fail(r, VIV_EINVAL, "strip: expected a text, found %s", jinja_kind_name(set));
    set = set && set->kind == STRING ? set : NULL;
    if (!jinja_step(r, 1 + v->s.size / 16))
        return false;
    while (sides & LEFT && begin < end) {
        size_t n = jinja_decode(v->s.text + begin, end - begin, &c);
        if (!in_set(c, set))
            break;
        begin += n;
    }
    while (sides & RIGHT && end > begin) {
        const size_t n = last_character(v->s.text, end, &c);
        if (!in_set(c, set))
            break;
        end -= n;
    }
    return jinja_make_string(r, v->s.text + begin, end - begin, out);
}

static bool strip(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return strip_sides(r, v, a, LEFT | RIGHT, out);
}

static bool lstrip(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return strip_sides(r, v, a, LEFT, out);
}

static bool rstrip(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return strip_sides(r, v, a, RIGHT, out);
}

/* A list that grows as parts are found. */
struct parts {
    struct value *items;
    size_t n, capacity;
};

static bool add_part(struct run *r, struct parts *p, const char *text, size_t n)
{
    if (p->n == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 8;
        struct value *grown = jinja_alloc(r, capacity * sizeof *grown);
        if (!grown)
            return false;
        if (p->n)
            memcpy(grown, p->items, p->n * sizeof *grown);
        p->items = grown;
        p->capacity = capacity;
    }
    return jinja_step(r, 1) && jinja_make_string(r, text, n, &p->items[p->n++]);
}

static bool list_parts(struct run *r, const struct parts *p, bool reversed, struct value *out)
{
    struct list *l = jinja_make_list(r, p->n);
    if (!l)
        return false;
    for (size_t i = 0; i < p->n; i++)
        l->items[i] = p->items[reversed ? p->n - 1 - i : i];
    *out = jinja_list_value(l, LIST);
    return true;
}

/* split() at runs of white space, at most `max` times (-1: always) */
static bool split_white(struct run *r, const struct value *v, int64_t max, struct value *out)
{
    struct parts p = {0};
    size_t at = 0, end = v->s.size;
    int32_t c;
    for (;;) {
        size_t n;
        while (at < end && (n = jinja_decode(v->s.text + at, end - at, &c)) && jinja_is_white(c))
            at += n;
        if (at >= end)
            break;
        size_t begin = at;
        if (max >= 0 && (int64_t)p.n >= max) {
            at = end;
        } else {
            while (at < end && (n = jinja_decode(v->s.text + at, end - at, &c)) && !jinja_is_white(c))
                at += n;
        }
        if (!add_part(r, &p, v->s.text + begin, at - begin))
            return false;
    }
    return list_parts(r, &p, false, out);
}

/* The same from the right, which finds the parts in reverse order. */
static bool rsplit_white(struct run *r, const struct value *v, int64_t max, struct value *out)
{
    struct parts p = {0};
    size_t end = v->s.size;
    int32_t c;
    while (end > 0) {
        size_t n, begin;
        while (end > 0 && (n = last_character(v->s.text, end, &c)) && jinja_is_white(c))
            end -= n;
        for (begin = end; begin > 0 && (int64_t)p.n < max; begin -= n)
            if ((n = last_character(v->s.text, begin, &c)) && jinja_is_white(c))
                break;
        if ((int64_t)p.n >= max)
            begin = 0;
        if (end > 0 && !add_part(r, &p, v->s.text + begin, end - begin))
            return false;
        end = begin;
    }
    return list_parts(r, &p, true, out);
}

static bool split(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *by = jinja_arg(a, 0);
    int64_t max;
    struct parts p = {0};
    if (!jinja_int_arg(r, a, 1, "maxsplit", -1, &max) || !jinja_step(r, 1 + v->s.size / 16))
        return false;
    if (!by || by->kind == NONE)
        return split_white(r, v, max, out);
    if (by->kind != STRING || by->s.size == 0)
        return jinja_fail(r, VIV_EINVAL, "split: expected a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    for (const char *found;
         (max < 0 || (int64_t)p.n < max) && (found = memmem(s, (size_t)(end - s), by->s.text, by->s.size));
         s = found + by->s.size)
        if (!add_part(r, &p, s, (size_t)(found - s)))
            return false;
    return add_part(r, &p, s, (size_t)(end - s)) && list_parts(r, &p, false, out);
}

static bool rsplit(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *by = jinja_arg(a, 0);
    int64_t max;
    struct parts p = {0};
    if (!jinja_int_arg(r, a, 1, "maxsplit", -1, &max) || !jinja_step(r, 1 + v->s.size / 4))
        return false;
    if (max < 0)
        return split(r, v, a, out);
    if (!by || by->kind == NONE)
        return rsplit_white(r, v, max, out);
    if (by->kind != STRING || by->s.size == 0)
        return jinja_fail(r, VIV_EINVAL, "rsplit: expected a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    for (const char *found;
         (int64_t)p.n < max && (size_t)(end - s) >= by->s.size && (found = jinja_find_last(s, end, by));
         end = found)
        if (!add_part(r, &p, found + by->s.size, (size_t)(end - found) - by->s.size))
            return false;
    return add_part(r, &p, s, (size_t)(end - s)) && list_parts(r, &p, true, out);
}

static bool ends_line(int32_t c)
{
    return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool splitlines(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const bool keep = jinja_flag_arg(a, 0, false);
    struct parts p = {0};
    const char *s = v->s.text, *end = s + v->s.size;
    if (!jinja_step(r, 1 + v->s.size / 16))
        return false;
    while (s < end) {
        size_t n = 0, k = 0;
        int32_t c = 0;
        while (s + n < end && (k = jinja_decode(s + n, (size_t)(end - s) - n, &c)) && !ends_line(c))
            n += k;
        if (s + n == end)
            k = 0;
        else if (c == '\r' && s + n + 1 < end && s[n + 1] == '\n')
            k = 2;
        if (!add_part(r, &p, s, n + (keep ? k : 0)))
            return false;
        s += n + k;
    }
    return list_parts(r, &p, false, out);
}

/* partition, rpartition: (before, separator, after) */
static bool cut(struct run *r, const struct value *v, const struct args *a, bool last, struct value *out)
{
    const struct value *by = jinja_arg(a, 0);
    if (!by || by->kind != STRING || by->s.size == 0)
        return jinja_fail(r, VIV_EINVAL, "partition: expected a text that is not empty");
    const char *s = v->s.text, *end = s + v->s.size;
    const char *found = last ? (v->s.size >= by->s.size ? jinja_find_last(s, end, by) : NULL)
                             : memmem(s, v->s.size, by->s.text, by->s.size);
    struct list *l = jinja_make_list(r, 3);
    if (!l || !jinja_step(r, 1 + v->s.size / 16))
        return false;
    for (size_t i = 0; i < 3; i++)
        l->items[i] = jinja_make_literal("");
    if (found) {
        if (!jinja_make_string(r, s, (size_t)(found - s), &l->items[0]) ||
            !jinja_make_string(r, found + by->s.size, (size_t)(end - found) - by->s.size, &l->items[2]))
            return false;
        l->items[1] = *by;
    } else {
        l->items[last ? 2 : 0] = *v;
    }
    *out = jinja_list_value(l, TUPLE);
    return true;
}

static bool partition(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return cut(r, v, a, false, out);
}

static bool rpartition(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return cut(r, v, a, true, out);
}

const struct callable jinja_splitting_methods[] = {{"lstrip", lstrip, "chars?"},
                                                   {"partition", partition, "sep"},
                                                   {"rpartition", rpartition, "sep"},
                                                   {"rsplit", rsplit, "sep? maxsplit?"},
                                                   {"rstrip", rstrip, "chars?"},
                                                   {"split", split, "sep? maxsplit?"},
                                                   {"splitlines", splitlines, "keepends?"},
                                                   {"strip", strip, "chars?"},
                                                   {NULL, NULL, NULL}};
