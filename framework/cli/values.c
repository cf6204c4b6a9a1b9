/* values.c - what the value of an option says. */
#include "base/buf.h"
#include "cli/options.h"
#include "graph/cache_types.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "512", "8k": k is 1024. */
static bool read_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    const bool is_k = end != text && (*end == 'k' || *end == 'K');
    if (end == text || end[is_k] || errno || (is_k && (value > INT64_MAX / 1024 || value < INT64_MIN / 1024)))
        return false;
    *out = is_k ? value * 1024 : value;
    return true;
}

static bool read_float(const char *text, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static bool is_choice(const struct option *o, const char *word)
{
    size_t n = strlen(word);
    for (const char *c = o->choices; *c; c += strcspn(c, "|"), c += *c == '|')
        if (strcspn(c, "|") == n && (o->any_case ? strncasecmp : strncmp)(c, word, n) == 0)
            return true;
    return false;
}

static viv_status set_int(const struct option *o, const char *text, int64_t *out, struct error *err)
{
    int64_t value;
    if (!read_int(text, &value) || (double)value < o->min || (double)value > o->max)
        return error_set(err, VIV_EINVAL, "--%s takes an integer from %.0f to %.0f, not '%s'", o->name, o->min,
                         o->max, text);
    *out = value;
    return VIV_OK;
}

static viv_status set_float(const struct option *o, const char *text, double *out, struct error *err)
{
    double value;
    if (!read_float(text, &value) || value < o->min || value > o->max)
        return error_set(err, VIV_EINVAL, "--%s takes a number from %g to %g, not '%s'", o->name, o->min, o->max,
                         text);
    *out = value;
    return VIV_OK;
}

/* "4GiB", "512M", "1.5g", "4096": K, M, G and T are powers of 1024. */
static viv_status set_size(const struct option *o, const char *text, uint64_t *out, struct error *err)
{
    static const char units[] = "KMGT";
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    bool fits = end != text && !errno && value > 0;
    if (fits && unit) {
        value = ldexp(value, 10 * (int)(unit - units + 1));
        end += 1 + (end[1] == 'i');
    }
    end += *end == 'B';
    if (!fits || *end || value < 1 || value > 0x1p60)
        return error_set(err, VIV_EINVAL, "--%s takes a size such as 4GiB or 512M, not '%s'", o->name, text);
    *out = (uint64_t)value;
    return VIV_OK;
}

static viv_status add_ids(const struct option *o, const char *text, struct id_list *list, struct error *err)
{
    for (const char *at = text;; at++) {
        char *end;
        errno = 0;
        long long id = strtoll(at, &end, 10);
        if (end == at || (*end && *end != ',') || errno || id < 0 || id > INT32_MAX)
            return error_set(err, VIV_EINVAL, "--%s takes token ids such as 1,2,3, not '%s'", o->name, text);
        if (!VEC_RESERVE(list->ids, list->n, list->capacity))
            return error_nomem(err);
        list->ids[list->n++] = (int32_t)id;
        if (!*end)
            return VIV_OK;
        at = end;
    }
}

static viv_status add_bias(const struct option *o, const char *text, struct bias_list *list, struct error *err)
{
    char *end;
    double value;
    errno = 0;
    long long id = strtoll(text, &end, 10);
    if (end == text || *end != '=' || errno || id < 0 || id > INT32_MAX || !read_float(end + 1, &value) ||
        fabs(value) > 1e30)
        return error_set(err, VIV_EINVAL, "--%s takes a token id and a number such as 17=-2.5, not '%s'", o->name,
                         text);
    if (!VEC_RESERVE(list->items, list->n, list->capacity))
        return error_nomem(err);
    list->items[list->n++] = (struct bias){(int32_t)id, (float)value};
    return VIV_OK;
}

viv_status option_set(const struct option *o, const char *text, void *options, struct error *err)
{
    void *field = (char *)options + o->offset;
    switch (o->kind) {
    case OPTION_FLAG:
        *(bool *)field = true;
        return VIV_OK;
    case OPTION_INT:
        return set_int(o, text, field, err);
    case OPTION_FLOAT:
        return set_float(o, text, field, err);
    case OPTION_SIZE:
        return set_size(o, text, field, err);
    case OPTION_CHOICE:
        if (!is_choice(o, text))
            return error_set(err, VIV_EINVAL, "--%s takes one of %s, not '%s'", o->name, o->choices, text);
        *(const char **)field = text;
        return VIV_OK;
    case OPTION_STRING:
        *(const char **)field = text;
        return VIV_OK;
    case OPTION_STRINGS: {
        struct string_list *list = field;
        if (!VEC_RESERVE(list->items, list->n, list->capacity))
            return error_nomem(err);
        list->items[list->n++] = text;
        return VIV_OK;
    }
    case OPTION_IDS:
        return add_ids(o, text, field, err);
    case OPTION_BIAS:
        return add_bias(o, text, field, err);
    case OPTION_CACHE:
        *(const char **)field = text;
        return cache_types_parse(text, &(struct cache_types){0}, err);
    }
    return VIV_OK;
}
