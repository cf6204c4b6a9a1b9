/* filters_list.c - filters of lists and of other values with items. Filters that are generators in Jinja return a
 * generator: it can be iterated once, is true even if it is empty, and has no length. */
#include "jinja/jinja.h"

#include <stdlib.h>
#include <string.h>

static bool generate(struct run *r, const struct list *l, struct value *out)
{
    return jinja_make_iterable(r, l, "generator", true, out);
}

static bool filter_length(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    (void)a;
    if (v->kind == ITERABLE && v->iterable->once)
        return jinja_fail(r, VIV_EINVAL, "%s has no length: `| list` makes a list of it", jinja_kind_name(v));
    if (v->kind == STRING || v->kind == DICT)
        *out = jinja_make_int(
            (int64_t)(v->kind == STRING ? jinja_count_characters(v->s.text, v->s.size) : v->dict->n));
    else if (jinja_items(r, v, &l))
        *out = jinja_make_int((int64_t)l->n);
    else
        return false;
    return true;
}

static bool filter_list(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    (void)a;
    if (!jinja_items(r, v, &l))
        return false;
    *out = jinja_list_value(l, LIST);
    return true;
}

static bool end_of(struct run *r, const struct value *v, bool last, struct value *out)
{
    const struct list *l;
    if (v->kind == ITERABLE && v->iterable->once) { /* removes the first item */
        struct iterable *it = v->iterable;
        if (last)
            return jinja_fail(r, VIV_EINVAL, "%s has no last item: `| list` makes a list of it", it->class);
        *out = it->next < it->items->n ? it->items->items[it->next++] : jinja_make_undefined(NULL);
        return true;
    }
    if (!jinja_items(r, v, &l))
        return false;
    *out = l->n ? l->items[last ? l->n - 1 : 0] : jinja_make_undefined(NULL);
    return true;
}

static bool filter_first(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return end_of(r, v, false, out);
}

static bool filter_last(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return end_of(r, v, true, out);
}

static bool filter_reverse(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    struct buf b = {0};
    (void)a;
    if (!jinja_items(r, v, &l) || !jinja_step(r, l->n))
        return false;
    struct list *reversed = jinja_make_list(r, l->n);
    if (!reversed)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        reversed->items[i] = l->items[l->n - 1 - i];
        if (v->kind == STRING)
            buf_append(&b, reversed->items[i].s.text, reversed->items[i].s.size);
    }
    if (v->kind == STRING)
        return jinja_take_buf(r, &b, out);
    return generate(r, reversed, out);
}

/* Whether an argument is given, and not none. */
static const struct value *given_arg(const struct args *a, size_t place)
{
    const struct value *v = jinja_arg(a, place);
    return v && v->kind != NONE ? v : NULL;
}

/* Looks up an attribute, such as "details.priority" or 0, of an item. `otherwise`, unless NULL, replaces
 * a missing one. */
static bool attribute_at(struct run *r, const struct value *item, const char *path, size_t size,
                         const struct value *otherwise, struct value *out)
{
    *out = *item;
    for (const char *p = path, *end = path + size;; p++) {
        const char *dot = memchr(p, '.', (size_t)(end - p));
        const size_t n = (size_t)((dot ? dot : end) - p);
        struct value key, at = *out;
        if (!jinja_make_string(r, p, n, &key))
            return false;
        if (n && n < 10 && strspn(key.s.text, "0123456789") == n)
            key = jinja_make_int((int64_t)strtoul(key.s.text, NULL, 10));
        if (at.kind == UNDEFINED && r->options->values == TEMPLATE_JSON)
            return true;
        if (!jinja_get_item(r, &at, &key, out))
            return false;
        if (out->kind == UNDEFINED && otherwise)
            *out = *otherwise;
        if (!dot)
            return true;
        p = dot;
    }
}

static bool attribute_of(struct run *r, const struct value *item, const struct value *path,
                         const struct value *otherwise, struct value *out)
{
    if (path->kind == STRING)
        return attribute_at(r, item, path->s.text, path->s.size, otherwise, out);
    if (!jinja_get_item(r, item, path, out))
        return false;
    if (out->kind == UNDEFINED && otherwise)
        *out = *otherwise;
    return true;
}

static bool filter_join(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *d = jinja_arg(a, 0), *attribute = given_arg(a, 1);
    const struct list *l;
    struct value between = jinja_make_literal("");
    struct buf b = {0};
    bool ok = jinja_items(r, v, &l) && (!d || jinja_to_text(r, d, &between));
    for (size_t i = 0; ok && i < l->n; i++) {
        struct value item = l->items[i];
        if (i)
            buf_append(&b, between.s.text, between.s.size);
        ok = jinja_step(r, 1) && (!attribute || attribute_of(r, &l->items[i], attribute, NULL, &item)) &&
             jinja_print(r, &item, &b);
        if (ok && b.size > MAX_OUTPUT)
            ok = jinja_fail(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    if (ok)
        return jinja_take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

static bool folded(struct run *r, const struct value *v, bool fold, struct value *out)
{
    *out = *v;
    return !fold || v->kind != STRING || jinja_recase(r, v, LOWER, out);
}

/* The sort key of an item: an attribute, or a list of attributes, which are separated by commas. */
static bool sort_key(struct run *r, const struct value *item, const struct value *attribute,
                     const struct value *otherwise, bool fold, struct value *out)
{
    struct value key = *item;
    const size_t commas =
        attribute && attribute->kind == STRING && memchr(attribute->s.text, ',', attribute->s.size)
            ? 1 + attribute->s.size
            : 0;
    if (!commas)
        return (!attribute || attribute_of(r, item, attribute, otherwise, &key)) && folded(r, &key, fold, out);
    struct list *keys = jinja_make_list(r, commas);
    const char *s = attribute ? attribute->s.text : NULL, *end = attribute ? s + attribute->s.size : NULL;
    if (!keys)
        return false;
    keys->n = 0;
    for (const char *comma = s; comma; s = comma ? comma + 1 : end) {
        comma = memchr(s, ',', (size_t)(end - s));
        if (!attribute_at(r, item, s, (size_t)((comma ? comma : end) - s), otherwise, &key) ||
            !folded(r, &key, fold, &keys->items[keys->n++]))
            return false;
    }
    *out = jinja_list_value(keys, LIST);
    return true;
}

struct sorted {
    struct value key, item;
};

/* Merge sort, so equal items keep their order, also if it is descending. `equals`: items without an order
 * count as equal. */
static bool merge_sort(struct run *r, struct sorted *x, struct sorted *spare, size_t n, bool reverse, bool equals)
{
    size_t half = n / 2, i = 0, j = half;
    if (n < 2)
        return true;
    if (!jinja_step(r, n) || !merge_sort(r, x, spare, half, reverse, equals) ||
        !merge_sort(r, x + half, spare, n - half, reverse, equals))
        return false;
    for (size_t k = 0; k < n; k++) {
        int order = 0;
        if (i < half && j < n && !(equals && jinja_equal(r, &x[i].key, &x[j].key)) &&
            !jinja_compare(r, &x[i].key, &x[j].key, &order))
            return false;
        bool left = i < half && (j == n || (reverse ? order >= 0 : order <= 0));
        spare[k] = left ? x[i++] : x[j++];
    }
    memcpy(x, spare, n * sizeof *x);
    return true;
}

static bool sort_items(struct run *r, const struct list *l, const struct value *attribute,
                       const struct value *otherwise, bool fold, bool reverse, bool equals, struct value *out)
{
    struct sorted *x = jinja_alloc(r, l->n * sizeof *x), *spare = jinja_alloc(r, l->n * sizeof *spare);
    struct list *sorted = jinja_make_list(r, l->n);
    if (!x || !spare || !sorted)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        x[i].item = l->items[i];
        if (!sort_key(r, &l->items[i], attribute, otherwise, fold, &x[i].key))
            return false;
    }
    if (!merge_sort(r, x, spare, l->n, reverse, equals))
        return false;
    for (size_t i = 0; i < l->n; i++)
        sorted->items[i] = x[i].item;
    *out = jinja_list_value(sorted, LIST);
    return true;
}

static bool filter_sort(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    return jinja_items(r, v, &l) && sort_items(r, l, given_arg(a, 2), NULL, !jinja_flag_arg(a, 1, false),
                                               jinja_flag_arg(a, 0, false), true, out);
}

static bool pairs_of(struct run *r, const struct value *v, const char *name, const struct list **out)
{
    struct value pairs;
    if (v->kind != DICT)
        return jinja_fail(r, VIV_EINVAL, "%s: expected a dict, found %s", name, jinja_kind_name(v));
    return jinja_call_method(r, v, "items", &(struct args){0}, &pairs) && jinja_items(r, &pairs, out);
}

static bool filter_items(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    (void)a;
    if (v->kind == UNDEFINED ? !jinja_items(r, v, &l) : !pairs_of(r, v, "items", &l))
        return false;
    return generate(r, l, out);
}

static bool filter_dictsort(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const char *name = jinja_text_arg(a, 1, "key");
    const struct list *l;
    const struct value by = jinja_make_int(strcmp(name, "value") == 0);
    if (!by.i && strcmp(name, "key") != 0)
        return jinja_fail(r, VIV_EINVAL, "dictsort: by is 'key' or 'value', found '%.60s'", name);
    return pairs_of(r, v, "dictsort", &l) &&
           sort_items(r, l, &by, NULL, !jinja_flag_arg(a, 0, false), jinja_flag_arg(a, 2, false), false, out);
}

static bool filter_unique(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = given_arg(a, 1);
    bool fold = !jinja_flag_arg(a, 0, false);
    if (!jinja_items(r, v, &l))
        return false;
    struct list *kept = jinja_make_list(r, l->n);
    struct value *keys = jinja_alloc(r, l->n * sizeof *keys);
    size_t n = 0;
    if (!kept || !keys)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct value key = l->items[i];
        if ((attribute && !attribute_of(r, &l->items[i], attribute, NULL, &key)) ||
            !folded(r, &key, fold, &keys[n]) || !jinja_step(r, n + 1))
            return false;
        if (!jinja_is_hashable(&keys[n]) && r->options->values == TEMPLATE_PYTHON)
            return jinja_fail(r, VIV_EINVAL, "unique: %s is not compared", jinja_kind_name(&keys[n]));
        size_t j = 0;
        while (j < n && !jinja_equal(r, &keys[j], &keys[n]))
            j++;
        if (j == n)
            kept->items[n++] = l->items[i];
    }
    kept->n = n;
    return generate(r, kept, out);
}

static bool extreme(struct run *r, const struct value *v, const struct args *a, int wanted, struct value *out)
{
    const struct list *l;
    const struct value *attribute = given_arg(a, 1);
    bool fold = !jinja_flag_arg(a, 0, false);
    struct value best, key;
    if (!jinja_items(r, v, &l) || !jinja_step(r, l->n))
        return false;
    *out = jinja_make_undefined(NULL);
    for (size_t i = 0; i < l->n; i++) {
        int order = wanted;
        struct value of = l->items[i];
        if ((attribute && !attribute_of(r, &l->items[i], attribute, NULL, &of)) || !folded(r, &of, fold, &key) ||
            (i && !jinja_compare(r, &key, &best, &order)))
            return false;
        if (i == 0 || (wanted < 0 ? order < 0 : order > 0)) {
            best = key;
            *out = l->items[i];
        }
    }
    return true;
}

static bool filter_min(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return extreme(r, v, a, -1, out);
}

static bool filter_max(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    return extreme(r, v, a, 1, out);
}

static bool filter_sum(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = given_arg(a, 0), *start = jinja_arg(a, 1);
    *out = start ? *start : jinja_make_int(0);
    if (out->kind == STRING && r->options->values == TEMPLATE_PYTHON)
        return jinja_fail(r, VIV_EINVAL, "sum: texts are joined, not summed");
    if (!jinja_items(r, v, &l) || !jinja_step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct value item = l->items[i], sum;
        if ((attribute && !attribute_of(r, &l->items[i], attribute, NULL, &item)) ||
            !jinja_binary(r, "+", out, &item, &sum))
            return false;
        *out = sum;
    }
    return true;
}

/* The items of a value; none for values that are false, such as none and undefined. */
static bool items_if_true(struct run *r, const struct value *v, const struct list **out)
{
    return jinja_truth(v) ? jinja_items(r, v, out) : (*out = jinja_make_list(r, 0)) != NULL;
}

static const struct value *named_arg(const struct args *a, const char *name)
{
    for (size_t i = 0; i < a->n_named; i++)
        if (strcmp(a->named[i].name, name) == 0)
            return &a->named[i].value;
    return NULL;
}

/* map(attribute='a', default=x), map('upper') */
static bool filter_map(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = a->n == 0 ? named_arg(a, "attribute") : NULL,
                       *otherwise = named_arg(a, "default"), *name = jinja_arg(a, 0);
    if (!items_if_true(r, v, &l))
        return false;
    struct list *mapped = jinja_make_list(r, l->n);
    const struct args rest = {
        .values = a->values + 1, .n = a->n - (a->n > 0), .named = a->named, .n_named = a->n_named};
    if (!mapped || !jinja_step(r, l->n))
        return false;
    if (l->n && !attribute && (!name || name->kind != STRING))
        return jinja_fail(r, VIV_EINVAL, "map: expected an attribute or the name of a filter");
    if (l->n && attribute && a->n_named > 1U + (otherwise != NULL))
        return jinja_fail(r, VIV_EINVAL, "map: with an attribute, it takes a default and nothing else");
    otherwise = otherwise && otherwise->kind != NONE ? otherwise : NULL;
    for (size_t i = 0; i < l->n; i++)
        if (attribute ? !attribute_of(r, &l->items[i], attribute, otherwise, &mapped->items[i])
                      : !jinja_call_filter(r, name->s.text, &l->items[i], &rest, &mapped->items[i]))
            return false;
    return generate(r, mapped, out);
}

/* select(test, ...), selectattr(attribute, test, ...), and their opposites */
static bool choose(struct run *r, const struct value *v, const struct args *a, bool by_attribute, bool wanted,
                   struct value *out)
{
    const struct list *l;
    size_t n = 0;
    const size_t skip = by_attribute;
    const struct value *attribute = by_attribute ? jinja_arg(a, 0) : NULL, *name = jinja_arg(a, skip);
    if (!items_if_true(r, v, &l))
        return false;
    struct list *kept = jinja_make_list(r, l->n);
    const struct args rest = {.values = a->values + skip + 1,
                              .n = a->n > skip ? a->n - skip - 1 : 0,
                              .named = a->named,
                              .n_named = a->n_named};
    if (!kept || !jinja_step(r, l->n))
        return false;
    if (l->n && by_attribute && !attribute)
        return jinja_fail(r, VIV_EINVAL, "%s: expected an attribute", wanted ? "selectattr" : "rejectattr");
    if (l->n && name && name->kind != STRING)
        return jinja_fail(r, VIV_EINVAL, "the name of a test is a text, found %s", jinja_kind_name(name));
    for (size_t i = 0; i < l->n; i++) {
        struct value item = l->items[i];
        bool holds;
        if (attribute && !attribute_of(r, &l->items[i], attribute, NULL, &item))
            return false;
        if (!name)
            holds = jinja_truth(&item);
        else if (!jinja_call_test(r, name->s.text, &item, &rest, &holds))
            return false;
        if (holds == wanted)
            kept->items[n++] = l->items[i];
    }
    kept->n = n;
    return generate(r, kept, out);
}

#define CHOOSE(filter, by_attribute, wanted)                                                                       \
    static bool filter(struct run *r, const struct value *v, const struct args *a, struct value *out)              \
    {                                                                                                              \
        return choose(r, v, a, by_attribute, wanted, out);                                                         \
    }
CHOOSE(filter_select, false, true)
CHOOSE(filter_reject, false, false)
CHOOSE(filter_selectattr, true, true)
CHOOSE(filter_rejectattr, true, false)

static bool filter_groupby(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = jinja_arg(a, 0), *otherwise = given_arg(a, 1);
    const bool fold = !jinja_flag_arg(a, 2, false);
    struct value sorted;
    if (!jinja_items(r, v, &l) || !sort_items(r, l, attribute, otherwise, fold, false, false, &sorted))
        return false;
    struct list *groups = jinja_make_list(r, l->n);
    size_t n = 0;
    if (!groups)
        return false;
    for (size_t i = 0, end; i < l->n; i = end) {
        struct value key, next, grouper;
        if (!sort_key(r, &sorted.list->items[i], attribute, otherwise, fold, &key) ||
            !attribute_of(r, &sorted.list->items[i], attribute, otherwise, &grouper))
            return false;
        for (end = i + 1; end < l->n; end++) {
            if (!sort_key(r, &sorted.list->items[end], attribute, otherwise, fold, &next))
                return false;
            if (!jinja_equal(r, &key, &next))
                break;
        }
        struct list *members = jinja_make_list(r, end - i), *pair = jinja_make_list(r, 2);
        if (!members || !pair)
            return false;
        memcpy(members->items, &sorted.list->items[i], (end - i) * sizeof *members->items);
        pair->is_group = true;
        pair->items[0] = grouper;
        pair->items[1] = jinja_list_value(members, LIST);
        groups->items[n++] = jinja_list_value(pair, TUPLE);
    }
    groups->n = n;
    *out = jinja_list_value(groups, LIST);
    return true;
}

static bool make_part(struct run *r, const struct list *l, size_t begin, size_t n, const struct value *fill,
                      size_t n_fill, struct value *out)
{
    struct list *part = jinja_make_list(r, n + n_fill);
    if (!part || !jinja_step(r, part->n))
        return false;
    for (size_t i = 0; i < part->n; i++)
        part->items[i] = i < n ? l->items[begin + i] : *fill;
    *out = jinja_list_value(part, LIST);
    return true;
}

/* batch(n, fill): lists of n items */
static bool filter_batch(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *fill = given_arg(a, 1);
    int64_t size;
    if (!jinja_int_arg(r, a, 0, "linecount", 0, &size) || !jinja_items(r, v, &l))
        return false;
    if (size < 1)
        return jinja_fail(r, VIV_EINVAL, "batch: expected a count of at least 1");
    const size_t each = (size_t)size, n = l->n ? (l->n - 1) / each + 1 : 0;
    struct list *batches = jinja_make_list(r, n);
    if (!batches)
        return false;
    for (size_t i = 0; i < n; i++) {
        const size_t left = l->n - i * each, count = left < each ? left : each;
        if (!make_part(r, l, i * each, count, fill, fill ? each - count : 0, &batches->items[i]))
            return false;
    }
    return generate(r, batches, out);
}

/* slice(n, fill): n lists; the first ones have one item more if they cannot be equal */
static bool filter_slice(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *fill = given_arg(a, 1);
    int64_t count;
    if (!jinja_int_arg(r, a, 0, "slices", 0, &count) || !jinja_items(r, v, &l))
        return false;
    if (count < 1 || count > MAX_RANGE)
        return jinja_fail(r, VIV_EINVAL, "slice: expected a count of 1 to %d", MAX_RANGE);
    const size_t n = (size_t)count, each = l->n / n, longer = l->n % n;
    struct list *slices = jinja_make_list(r, n);
    if (!slices)
        return false;
    for (size_t i = 0; i < n; i++) {
        const size_t begin = i * each + (i < longer ? i : longer);
        if (!make_part(r, l, begin, each + (i < longer), fill, fill && i >= longer, &slices->items[i]))
            return false;
    }
    return generate(r, slices, out);
}

const struct callable jinja_list_filters[] = {{"batch", filter_batch, "linecount fill_with?"},
                                              {"count", filter_length, NULL},
                                              {"dictsort", filter_dictsort, "case_sensitive? by? reverse?"},
                                              {"first", filter_first, NULL},
                                              {"groupby", filter_groupby, "attribute default? case_sensitive?"},
                                              {"items", filter_items, NULL},
                                              {"join", filter_join, "d? attribute?"},
                                              {"last", filter_last, NULL},
                                              {"length", filter_length, NULL},
                                              {"list", filter_list, NULL},
                                              {"map", filter_map, "* **"},
                                              {"max", filter_max, "case_sensitive? attribute?"},
                                              {"min", filter_min, "case_sensitive? attribute?"},
                                              {"reject", filter_reject, "* **"},
                                              {"rejectattr", filter_rejectattr, "* **"},
                                              {"reverse", filter_reverse, NULL},
                                              {"select", filter_select, "* **"},
                                              {"selectattr", filter_selectattr, "* **"},
                                              {"slice", filter_slice, "slices fill_with?"},
                                              {"sort", filter_sort, "reverse? case_sensitive? attribute?"},
                                              {"sum", filter_sum, "attribute? start?"},
                                              {"unique", filter_unique, "case_sensitive? attribute?"},
                                              {NULL, NULL, NULL}};
