/* globals.c - the functions that are everywhere: range, namespace, dict, raise_exception, strftime_now. */
#include "text/jinja/jinja.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static bool range(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    int64_t begin = 0, end, by;
    (void)v;
    if (a->n == 0)
        return fail_at(r, VIV_EINVAL, "range wants an end");
    if (!int_arg(r, a, a->n > 1, "stop", 0, &end) || !int_arg(r, a, 2, "step", 1, &by) ||
        (a->n > 1 && !int_arg(r, a, 0, "start", 0, &begin)))
        return false;
    if (by == 0)
        return fail_at(r, VIV_EINVAL, "range cannot step by 0");
    uint64_t distance = by > 0 ? (end > begin ? (uint64_t)end - (uint64_t)begin : 0)
                               : (begin > end ? (uint64_t)begin - (uint64_t)end : 0);
    uint64_t size = by > 0 ? (uint64_t)by : -(uint64_t)by, n = distance / size + (distance % size != 0);
    if (n > MAX_RANGE)
        return fail_at(r, VIV_ELIMIT, "a range of %" PRIu64 " numbers, at most %d", n, MAX_RANGE);
    struct list *l = make_list(r, n);
    if (!l || !step(r, n))
        return false;
    for (size_t i = 0; i < n; i++)
        l->items[i] = make_int(begin + (int64_t)i * by);
    *out = of_list(l, LIST);
    return true;
}

/* dict(a=1), namespace(a=1), of a dict or of names */
static bool make_members(struct run *r, const struct args *a, enum kind kind, struct value *out)
{
    struct dict *d = make_dict(r);
    if (!d)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (a->values[i].kind != DICT)
            return fail_at(r, VIV_EINVAL, "expected a dict, found %s", kind_name(&a->values[i]));
        for (size_t j = 0; j < a->values[i].dict->n; j++)
            if (!dict_put(r, d, &a->values[i].dict->entries[j].key, &a->values[i].dict->entries[j].value))
                return false;
    }
    for (size_t i = 0; i < a->n_named; i++) {
        struct value key = make_literal(a->named[i].name);
        if (!dict_put(r, d, &key, &a->named[i].value))
            return false;
    }
    *out = (struct value){.kind = kind, .dict = d};
    return true;
}

static bool make_namespace(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)v;
    return make_members(r, a, NAMESPACE, out);
}

static bool to_dict(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    (void)v;
    return make_members(r, a, DICT, out);
}

static bool raise_exception(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    struct value text = make_literal("");
    (void)v, (void)out;
    if (a->n && !text_of(r, &a->values[0], &text))
        return false;
    return fail_at(r, VIV_EINVAL, "%s", text.s.text);
}

/* The pattern is the template's: strftime reads nothing but the time for it, and writes no further than told. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static size_t write_time(char *text, size_t size, const char *pattern, const struct tm *now)
{
    return strftime(text, size, pattern, now);
}
#pragma GCC diagnostic pop

static bool strftime_now(struct run *r, const struct value *v, const struct args *a, struct value *out)
{
    const char *pattern = text_arg(a, 0, "format", NULL);
    char text[512];
    struct tm local;
    time_t t = time(NULL);
    (void)v;
    if (!pattern)
        return fail_at(r, VIV_EINVAL, "strftime_now wants a format");
    const struct tm *now = r->options->now ? r->options->now : localtime_r(&t, &local);
    size_t n = now && *pattern ? write_time(text, sizeof text, pattern, now) : 0;
    if (n == 0 && *pattern)
        return fail_at(r, VIV_EINVAL, "strftime_now: '%.60s' gives no date of less than 512 characters", pattern);
    return make_string(r, text, n, out);
}

function *find_global(const char *name)
{
    static const struct {
        const char *name;
        function *call;
    } globals[] = {{"range", range},
                   {"namespace", make_namespace},
                   {"dict", to_dict},
                   {"raise_exception", raise_exception},
                   {"strftime_now", strftime_now}};
    for (size_t i = 0; i < sizeof globals / sizeof *globals; i++)
        if (strcmp(globals[i].name, name) == 0)
            return globals[i].call;
    return NULL;
}
