/* filters.c - `x | name`. */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those that are methods of strings, once `x` is one: x | upper is str(x).upper(). */
static bool as_method(struct run *r, const struct value *v, const char *name, const struct args *a,
                      struct value *out)
{
    struct value text;
    return text_of(r, v, &text) && find_method(&text, name)(r, &text, a, out);
}

#define METHOD_FILTER(filter, method)                                                                              \
    static bool filter(struct run *r, const struct value *v, const struct args *a, struct value *out)              \
    {                                                                                                              \
        return as_method(r, v, method, a, out);                                                                    \
    }
METHOD_FILTER(filter_capitalize, "capitalize")
METHOD_FILTER(filter_center, "center")
METHOD_FILTER(filter_lower, "lower")
METHOD_FILTER(filter_replace, "replace")
METHOD_FILTER(filter_trim, "strip")
METHOD_FILTER(filter_upper, "upper")

/* --- numbers ------------------------------------------------------------------------------------------------- */

static bool filter_abs(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    if (!is_number(v) || (v->kind != FLOAT && v->i == INT64_MIN))
        return fail_at(r, VIV_EINVAL, "abs wants a number, found %s", kind_name(v));
    *out = v->kind == FLOAT ? make_float(fabs(v->f)) : make_int(v->i < 0 ? -v->i : v->i);
    return true;
}

/* A number that a text spells, white space around it aside. */
static bool spelled(const struct value *v, double *out)
{
    char *end;
    const char *s = v->s.text + strspn(v->s.text, " \t\n\r\f\v");
    if (*s == '\0' || strpbrk(s, "xXpPnN"))
        return false;
    *out = strtod(s, &end);
    return end != s && end[strspn(end, " \t\n\r\f\v")] == '\0';
}

static bool filter_int(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *otherwise = arg(a, 0, "default");
    double number = 0;
    (void)r;
    *out = otherwise ? *otherwise : make_int(0);
    if (v->kind == STRING && strspn(v->s.text, " +-0123456789") == v->s.size && v->s.size < 19 &&
        spelled(v, &number))
        *out = make_int(strtoll(v->s.text, NULL, 10));
    else if (v->kind == INT || v->kind == BOOL)
        *out = make_int(v->i);
    else if ((v->kind == FLOAT ? (number = v->f, true) : v->kind == STRING && spelled(v, &number)) &&
             fabs(number) < 9e18)
        *out = make_int((int64_t)number);
    return true;
}

static bool filter_float(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *otherwise = arg(a, 0, "default");
    double number = 0;
    (void)r;
    *out = otherwise ? *otherwise : make_float(0);
    if (is_number(v))
        *out = make_float(number_of(v));
    else if (v->kind == STRING && spelled(v, &number))
        *out = make_float(number);
    return true;
}

static bool filter_round(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t precision;
    const char *method = text_arg(a, 1, "method", "common");
    if (!is_number(v))
        return fail_at(r, VIV_EINVAL, "round wants a number, found %s", kind_name(v));
    if (!int_arg(r, a, 0, "precision", 0, &precision))
        return false;
    if (precision < -30 || precision > 30)
        return fail_at(r, VIV_ELIMIT, "round to %" PRId64 " digits", precision);
    double unit = pow(10, (double)precision), x = number_of(v);
    if (strcmp(method, "ceil") == 0)
        *out = make_float(ceil(x * unit) / unit);
    else if (strcmp(method, "floor") == 0)
        *out = make_float(floor(x * unit) / unit);
    else {
        char text[400]; /* rounds the decimal number as Python does, to even where it is exactly between */
        snprintf(text, sizeof text, "%.*f", precision > 0 ? (int)precision : 0, precision < 0 ? x * unit : x);
        *out = make_float(strtod(text, NULL) / (precision < 0 ? unit : 1));
    }
    return true;
}

/* --- lists --------------------------------------------------------------------------------------------------- */

static bool filter_length(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    (void)a;
    if (v->kind == STRING || v->kind == DICT)
        *out = make_int((int64_t)(v->kind == STRING ? characters(v->s.text, v->s.size) : v->dict->n));
    else if (items_of(r, v, &l))
        *out = make_int((int64_t)l->n);
    else
        return false;
    return true;
}

static bool filter_list(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    (void)a;
    if (!items_of(r, v, &l))
        return false;
    *out = of_list(l, LIST);
    return true;
}

static bool end_of(struct run *r, const struct value *v, bool last, struct value *out)
{
    const struct list *l;
    if (!items_of(r, v, &l))
        return false;
    *out = l->n ? l->items[last ? l->n - 1 : 0] : make_undefined(NULL);
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
    if (!items_of(r, v, &l) || !step(r, l->n))
        return false;
    struct list *reversed = make_list(r, l->n);
    if (!reversed)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        reversed->items[i] = l->items[l->n - 1 - i];
        if (v->kind == STRING)
            buf_append(&b, reversed->items[i].s.text, reversed->items[i].s.size);
    }
    if (v->kind == STRING)
        return take_buf(r, &b, out);
    *out = of_list(reversed, LIST);
    return true;
}

static bool filter_join(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const char *between = text_arg(a, 0, "d", "");
    const struct value *attribute = arg(a, 1, "attribute");
    const struct list *l;
    struct buf b = {0};
    bool ok = items_of(r, v, &l);
    for (size_t i = 0; ok && i < l->n; i++) {
        struct value item = l->items[i];
        if (i)
            buf_puts(&b, between);
        ok = step(r, 1) && (!attribute || get_item(r, &l->items[i], attribute, &item)) && print_value(r, &item, &b);
        if (ok && b.size > MAX_OUTPUT)
            ok = fail_at(r, VIV_ELIMIT, "a text of more than %d MiB", MAX_OUTPUT >> 20);
    }
    if (ok)
        return take_buf(r, &b, out);
    buf_release(&b);
    return false;
}

/* "details.priority" or 0: what lies there in an item */
static bool attribute_of(struct run *r, const struct value *item, const struct value *path, struct value *out)
{
    *out = *item;
    if (path->kind != STRING)
        return get_item(r, item, path, out);
    for (const char *p = path->s.text;;) {
        size_t n = strcspn(p, ".");
        struct value key, at = *out;
        if (!make_string(r, p, n, &key))
            return false;
        if (n && strspn(p, "0123456789") == n)
            key = make_int((int64_t)strtoul(p, NULL, 10));
        if (at.kind == UNDEFINED) /* what is not there has nothing in it */
            return true;
        if (!get_item(r, &at, &key, out))
            return false;
        if (p[n] == '\0')
            return true;
        p += n + 1;
    }
}

static bool folded(struct run *r, const struct value *v, bool fold, struct value *out)
{
    *out = *v;
    return !fold || v->kind != STRING || as_method(r, v, "lower", &(struct args){0}, out);
}

struct sorted {
    struct value key, item;
};

/* Merges, so that equal ones keep their order; descending, too. */
static bool merge_sort(struct run *r, struct sorted *x, struct sorted *spare, size_t n, bool reverse)
{
    size_t half = n / 2, i = 0, j = half;
    if (n < 2)
        return true;
    if (!step(r, n) || !merge_sort(r, x, spare, half, reverse) ||
        !merge_sort(r, x + half, spare, n - half, reverse))
        return false;
    for (size_t k = 0; k < n; k++) {
        int order = 0;
        if (i < half && j < n && !compare(r, &x[i].key, &x[j].key, &order))
            return false;
        bool left = i < half && (j == n || (reverse ? order >= 0 : order <= 0));
        spare[k] = left ? x[i++] : x[j++];
    }
    memcpy(x, spare, n * sizeof *x);
    return true;
}

static bool sort_items(struct run *r, const struct list *l, const struct value *attribute, bool fold, bool reverse,
                       struct value *out)
{
    struct sorted *x = take(r, l->n * sizeof *x), *spare = take(r, l->n * sizeof *spare);
    struct list *sorted = make_list(r, l->n);
    if (!x || !spare || !sorted)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct value key = l->items[i];
        x[i].item = l->items[i];
        if ((attribute && !attribute_of(r, &l->items[i], attribute, &key)) || !folded(r, &key, fold, &x[i].key))
            return false;
    }
    if (!merge_sort(r, x, spare, l->n, reverse))
        return false;
    for (size_t i = 0; i < l->n; i++)
        sorted->items[i] = x[i].item;
    *out = of_list(sorted, LIST);
    return true;
}

static bool filter_sort(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = arg(a, 2, "attribute");
    return items_of(r, v, &l) &&
           sort_items(r, l, attribute && attribute->kind != NONE ? attribute : NULL,
                      !flag_arg(a, 1, "case_sensitive", false), flag_arg(a, 0, "reverse", false), out);
}

static bool filter_items(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    if (v->kind == UNDEFINED)
        return filter_list(r, v, a, out);
    function *items = v->kind == DICT ? find_method(v, "items") : NULL;
    return items ? items(r, v, a, out) : fail_at(r, VIV_EINVAL, "items wants a dict, found %s", kind_name(v));
}

static bool filter_dictsort(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value pairs, by = make_int(strcmp(text_arg(a, 1, "by", "key"), "value") == 0);
    return filter_items(r, v, &(struct args){0}, &pairs) &&
           sort_items(r, pairs.list, &by, !flag_arg(a, 0, "case_sensitive", false),
                      flag_arg(a, 2, "reverse", false), out);
}

static bool filter_unique(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = arg(a, 1, "attribute");
    bool fold = !flag_arg(a, 0, "case_sensitive", false);
    if (!items_of(r, v, &l))
        return false;
    struct list *kept = make_list(r, l->n);
    struct value *keys = take(r, l->n * sizeof *keys);
    size_t n = 0;
    if (!kept || !keys)
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct value key = l->items[i];
        if ((attribute && !attribute_of(r, &l->items[i], attribute, &key)) || !folded(r, &key, fold, &keys[n]) ||
            !step(r, n + 1))
            return false;
        size_t j = 0;
        while (j < n && !equal(r, &keys[j], &keys[n]))
            j++;
        if (j == n)
            kept->items[n++] = l->items[i];
    }
    kept->n = n;
    *out = of_list(kept, LIST);
    return true;
}

static bool extreme(struct run *r, const struct value *v, const struct args *a, int wanted, struct value *out)
{
    const struct list *l;
    const struct value *attribute = arg(a, 1, "attribute");
    bool fold = !flag_arg(a, 0, "case_sensitive", false);
    struct value best, key;
    if (!items_of(r, v, &l) || !step(r, l->n))
        return false;
    *out = make_undefined(NULL);
    for (size_t i = 0; i < l->n; i++) {
        int order = wanted;
        struct value of = l->items[i];
        if ((attribute && !attribute_of(r, &l->items[i], attribute, &of)) || !folded(r, &of, fold, &key) ||
            (i && !compare(r, &key, &best, &order)))
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
    const struct value *attribute = arg(a, 0, "attribute"), *start = arg(a, 1, "start");
    *out = start ? *start : make_int(0);
    if (!items_of(r, v, &l) || !step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct value item = l->items[i], sum;
        if ((attribute && attribute->kind != NONE && !attribute_of(r, &l->items[i], attribute, &item)) ||
            !binary(r, "+", out, &item, &sum))
            return false;
        *out = sum;
    }
    return true;
}

/* map(attribute='a', default=x), map('upper') */
static bool filter_map(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *attribute = arg(a, SIZE_MAX, "attribute"), *otherwise = arg(a, SIZE_MAX, "default");
    const char *name = text_arg(a, 0, NULL, NULL);
    function *f = !attribute && name ? find_filter(name) : NULL;
    if (!attribute && !f)
        return fail_at(r, VIV_EINVAL, "map wants an attribute or the name of a filter");
    if (!items_of(r, v, &l))
        return false;
    struct list *mapped = make_list(r, l->n);
    const struct args rest = {
        .values = a->values + 1, .n = a->n - (a->n > 0), .named = a->named, .n_named = a->n_named};
    if (!mapped || !step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        if (f ? !f(r, &l->items[i], &rest, &mapped->items[i])
              : !attribute_of(r, &l->items[i], attribute, &mapped->items[i]))
            return false;
        if (!f && mapped->items[i].kind == UNDEFINED && otherwise)
            mapped->items[i] = *otherwise;
    }
    *out = of_list(mapped, LIST);
    return true;
}

/* select(test, ...), selectattr(attribute, test, ...), and their opposites */
static bool choose(struct run *r, const struct value *v, const struct args *a, bool by_attribute, bool wanted,
                   struct value *out)
{
    const struct list *l;
    size_t n = 0, skip = by_attribute;
    const char *name = text_arg(a, skip, NULL, NULL);
    if (by_attribute && a->n == 0)
        return fail_at(r, VIV_EINVAL, "selectattr wants an attribute");
    if (name && !is_test(name))
        return fail_at(r, VIV_EUNSUPPORTED, "there is no test '%.60s'", name);
    if (!items_of(r, v, &l))
        return false;
    struct list *kept = make_list(r, l->n);
    const struct args rest = {.values = a->values + skip + 1, .n = a->n > skip ? a->n - skip - 1 : 0};
    if (!kept || !step(r, l->n))
        return false;
    for (size_t i = 0; i < l->n; i++) {
        struct value item = l->items[i];
        bool holds;
        if (by_attribute && !attribute_of(r, &l->items[i], &a->values[0], &item))
            return false;
        if (!name)
            holds = truth(&item);
        else if (!run_test(r, name, &item, &rest, &holds))
            return false;
        if (holds == wanted)
            kept->items[n++] = l->items[i];
    }
    kept->n = n;
    *out = of_list(kept, LIST);
    return true;
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
    const struct value *attribute = arg(a, 0, "attribute");
    struct value sorted;
    if (!attribute)
        return fail_at(r, VIV_EINVAL, "groupby wants an attribute");
    if (!items_of(r, v, &l) || !sort_items(r, l, attribute, true, false, &sorted))
        return false;
    struct list *groups = make_list(r, l->n);
    size_t n = 0;
    if (!groups)
        return false;
    for (size_t i = 0, end; i < l->n; i = end) {
        struct value key, next;
        if (!attribute_of(r, &sorted.list->items[i], attribute, &key))
            return false;
        for (end = i + 1; end < l->n; end++) {
            if (!attribute_of(r, &sorted.list->items[end], attribute, &next))
                return false;
            if (!equal(r, &key, &next))
                break;
        }
        struct list *members = make_list(r, end - i), *pair = make_list(r, 2);
        if (!members || !pair)
            return false;
        memcpy(members->items, &sorted.list->items[i], (end - i) * sizeof *members->items);
        pair->items[0] = key;
        pair->items[1] = of_list(members, LIST);
        groups->items[n++] = of_list(pair, TUPLE);
    }
    groups->n = n;
    *out = of_list(groups, LIST);
    return true;
}

/* batch(n, fill): lists of n */
static bool filter_batch(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct list *l;
    const struct value *fill = arg(a, 1, "fill_with");
    int64_t size;
    if (!int_arg(r, a, 0, "linecount", 0, &size) || !items_of(r, v, &l))
        return false;
    if (size < 1)
        return fail_at(r, VIV_EINVAL, "batch wants a count of at least 1");
    size_t each = (size_t)size > l->n + 1 ? l->n + 1 : (size_t)size, n = l->n ? (l->n - 1) / each + 1 : 0;
    struct list *batches = make_list(r, n);
    if (!batches || !step(r, l->n))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t left = l->n - i * each, count = left < each && !fill ? left : each;
        struct list *batch = make_list(r, count);
        if (!batch)
            return false;
        for (size_t j = 0; j < count; j++)
            batch->items[j] = j < left ? l->items[i * each + j] : *fill;
        batches->items[i] = of_list(batch, LIST);
    }
    *out = of_list(batches, LIST);
    return true;
}

/* --- texts --------------------------------------------------------------------------------------------------- */

static bool filter_default(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *otherwise = arg(a, 0, "default_value");
    (void)r;
    bool missing = v->kind == UNDEFINED || (flag_arg(a, 1, "boolean", false) && !truth(v));
    *out = !missing ? *v : otherwise ? *otherwise : make_literal("");
    return true;
}

static bool filter_string(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)a;
    return text_of(r, v, out);
}

static bool filter_safe(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)r, (void)a;
    *out = *v;
    return true;
}

static bool filter_escape(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text;
    struct buf b = {0};
    (void)a;
    if (!text_of(r, v, &text))
        return false;
    for (size_t i = 0; i < text.s.size; i++) {
        static const char from[] = "&<>'\"";
        static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
        const char *special = text.s.text[i] ? strchr(from, text.s.text[i]) : NULL;
        if (special)
            buf_puts(&b, to[special - from]);
        else
            buf_putc(&b, text.s.text[i]);
    }
    return take_buf(r, &b, out);
}

/* Words begin after white space, a hyphen or an opening bracket: not after an apostrophe, as they do for the
 * method. */
static bool filter_title(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text, word;
    struct buf b = {0};
    if (!text_of(r, v, &text))
        return false;
    for (size_t at = 0, n; at < text.s.size; at += n) {
        n = strcspn(text.s.text + at, "- \t\n\r\f\v({[<");
        if (n == 0) {
            n = 1;
            buf_putc(&b, text.s.text[at]);
            continue;
        }
        if (!make_string(r, text.s.text + at, n, &word) || !filter_capitalize(r, &word, a, &word)) {
            buf_release(&b);
            return false;
        }
        buf_append(&b, word.s.text, word.s.size);
    }
    return take_buf(r, &b, out);
}

static bool filter_indent(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *width = arg(a, 0, "width");
    bool first = flag_arg(a, 1, "first", false), blank = flag_arg(a, 2, "blank", false);
    struct value text;
    struct buf b = {0}, by = {0};
    if (width && width->kind != INT && width->kind != STRING)
        return fail_at(r, VIV_EINVAL, "indent wants a width or a text, found %s", kind_name(width));
    int64_t n = width && width->kind == INT ? width->i : 4;
    if (n > 10000)
        return fail_at(r, VIV_ELIMIT, "an indent of %" PRId64, n);
    if (!text_of(r, v, &text) || !step(r, 1 + text.s.size / 8))
        return false;
    if (width && width->kind == STRING)
        buf_puts(&by, width->s.text);
    for (int64_t i = 0; i < n && !(width && width->kind == STRING); i++)
        buf_putc(&by, ' ');
    const char *s = text.s.text, *end = s + text.s.size;
    for (bool at_first = true; s < end && b.size <= MAX_OUTPUT; at_first = false) {
        const char *line = memchr(s, '\n', (size_t)(end - s));
        size_t size = line ? (size_t)(line - s) : (size_t)(end - s);
        if (at_first ? first : blank || size > 0)
            buf_append(&b, buf_text(&by), by.size);
        buf_append(&b, s, size);
        if (line)
            buf_putc(&b, '\n');
        s += size + (line != NULL);
        if (line && s == end && blank)
            buf_append(&b, buf_text(&by), by.size);
    }
    buf_release(&by);
    return take_buf(r, &b, out);
}

static bool filter_format(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct list *l = make_list(r, a->n);
    if (!l)
        return false;
    for (size_t i = 0; i < a->n; i++)
        l->items[i] = a->values[i];
    struct value values = of_list(l, TUPLE);
    if (v->kind != STRING)
        return fail_at(r, VIV_EINVAL, "format wants a text, found %s", kind_name(v));
    return format_text(r, v, &values, out);
}

static bool filter_wordcount(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value words;
    (void)a;
    if (!as_method(r, v, "split", &(struct args){0}, &words))
        return false;
    *out = make_int((int64_t)words.list->n);
    return true;
}

static bool filter_urlencode(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    static const char kept[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/";
    struct value text;
    struct buf b = {0};
    (void)a;
    if (!text_of(r, v, &text))
        return false;
    for (size_t i = 0; i < text.s.size; i++) {
        char c = text.s.text[i];
        if (c && strchr(kept, c))
            buf_putc(&b, c);
        else
            buf_printf(&b, "%%%02X", (unsigned)(unsigned char)c);
    }
    return take_buf(r, &b, out);
}

static bool filter_tojson(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const struct value *separators = arg(a, SIZE_MAX, "separators");
    struct json_style style = {.ensure_ascii = flag_arg(a, SIZE_MAX, "ensure_ascii", false),
                               .sort_keys = flag_arg(a, SIZE_MAX, "sort_keys", false)};
    struct buf b = {0};
    if (!int_arg(r, a, 0, "indent", -1, &style.indent))
        return false;
    if (style.indent > 1000)
        return fail_at(r, VIV_ELIMIT, "an indent of %" PRId64, style.indent);
    style.item = style.indent >= 0 ? "," : ", ";
    style.colon = ": ";
    if (separators && separators->kind != NONE) {
        if (!is_list(separators) || separators->list->n != 2 || separators->list->items[0].kind != STRING ||
            separators->list->items[1].kind != STRING)
            return fail_at(r, VIV_EINVAL, "tojson wants two texts as separators");
        style.item = separators->list->items[0].s.text;
        style.colon = separators->list->items[1].s.text;
    }
    if (print_json_value(r, v, &style, 0, &b))
        return take_buf(r, &b, out);
    if (b.failed)
        error_nomem(r->err);
    buf_release(&b);
    return false;
}

static bool filter_attr(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const char *name = text_arg(a, 0, "name", NULL);
    return name ? get_attr(r, v, name, out) : fail_at(r, VIV_EINVAL, "attr wants a name");
}

function *find_filter(const char *name)
{
    static const struct {
        const char *name;
        function *call;
    } table[] = {
        {"abs", filter_abs},
        {"attr", filter_attr},
        {"batch", filter_batch},
        {"capitalize", filter_capitalize},
        {"center", filter_center},
        {"count", filter_length},
        {"d", filter_default},
        {"default", filter_default},
        {"dictsort", filter_dictsort},
        {"e", filter_escape},
        {"escape", filter_escape},
        {"first", filter_first},
        {"float", filter_float},
        {"forceescape", filter_escape},
        {"format", filter_format},
        {"groupby", filter_groupby},
        {"indent", filter_indent},
        {"int", filter_int},
        {"items", filter_items},
        {"join", filter_join},
        {"last", filter_last},
        {"length", filter_length},
        {"list", filter_list},
        {"lower", filter_lower},
        {"map", filter_map},
        {"max", filter_max},
        {"min", filter_min},
        {"reject", filter_reject},
        {"rejectattr", filter_rejectattr},
        {"replace", filter_replace},
        {"reverse", filter_reverse},
        {"round", filter_round},
        {"safe", filter_safe},
        {"select", filter_select},
        {"selectattr", filter_selectattr},
        {"sort", filter_sort},
        {"string", filter_string},
        {"sum", filter_sum},
        {"title", filter_title},
        {"tojson", filter_tojson},
        {"trim", filter_trim},
        {"unique", filter_unique},
        {"upper", filter_upper},
        {"urlencode", filter_urlencode},
        {"wordcount", filter_wordcount},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].call;
    return NULL;
}
