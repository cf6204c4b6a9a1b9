/* json_schema_array.c - arrays: what stands first, what all others are, how many there are; different items of a
 * short list. */
#include "grammar/json_schema.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DIFFERENT = 10, NESTED = 64, MAX_COUNTED = 1 << 12 };

/* "unevaluatedItems", where nothing beside it looks at items but prefixItems: they are all others. */
static json_t *unevaluated_items(struct schema_reader *s, const struct item *i)
{
    static const char *const looks[] = {"allOf", "anyOf",       "oneOf",         "$ref",     "if",
                                        "not",   "$dynamicRef", "$recursiveRef", "contains", "dependentSchemas"};
    json_t *schema = json_object_get(i->schema, "unevaluatedItems");
    for (size_t k = 0; schema && !json_is_true(schema) && k < sizeof looks / sizeof *looks; k++)
        if (json_object_get(i->schema, looks[k])) {
            schema_refuse(s, i, "unevaluatedItems", "cannot be kept beside %s; use items or prefixItems", looks[k]);
            return NULL;
        }
    return schema;
}

/* The schemas of item k; all: of those behind the first ones. */
static void add_item_schemas(struct schema_reader *s, const struct conjunction *c, size_t k,
                             struct conjunction *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct item *item = &c->v[i];
        json_t *items = json_object_get(item->schema, "items");
        json_t *first = json_is_array(items) ? items : json_object_get(item->schema, "prefixItems");
        json_t *rest = json_is_array(items) ? json_object_get(item->schema, "additionalItems") : items;
        rest = rest ? rest : unevaluated_items(s, item);
        const bool is_first = json_is_array(first) && k < json_array_size(first);
        json_t *schema = is_first ? json_array_get(first, k) : rest;
        if (schema)
            conjunction_add(s, out, schema, item->base, path_of(s, item, is_first ? "prefixItems" : "items", NULL));
    }
}

static size_t count_first(const struct conjunction *c)
{
    size_t most = 0;
    for (size_t i = 0; i < c->n; i++) {
        json_t *items = json_object_get(c->v[i].schema, "items");
        json_t *first = json_is_array(items) ? items : json_object_get(c->v[i].schema, "prefixItems");
        most = json_array_size(first) > most ? json_array_size(first) : most;
    }
    return most;
}

static const struct tree *item_at(struct schema_reader *s, const struct conjunction *c, size_t k)
{
    struct conjunction of = {0};
    add_item_schemas(s, c, k, &of);
    const struct tree *t = s->status == VIV_OK ? value_of(s, &of) : NULL;
    conjunction_release(&of);
    return t;
}

/* --- items that all differ ------------------------------------------------------------------------------------ */

/* The values that all items can have, if there is a short list of them. */
static json_t *values_of_items(struct schema_reader *s, const struct conjunction *c)
{
    struct conjunction of = {0};
    json_t *values = NULL, *value;
    size_t k;
    add_item_schemas(s, c, 0, &of);
    for (size_t i = 0; i < of.n && !values; i++)
        values = json_object_get(of.v[i].schema, "enum");
    json_t *list = json_is_array(values) ? json_array() : NULL;
    json_array_foreach(list ? values : NULL, k, value)
    {
        enum validity all = VALID_YES;
        for (size_t i = 0; i < of.n && all == VALID_YES; i++)
            all = schema_accepts(s, of.v[i].schema, of.v[i].base, value, 0);
        bool there = false;
        for (size_t i = 0; i < json_array_size(list); i++)
            there = there || values_equal(json_array_get(list, i), value);
        if (all == VALID_YES && !there)
            json_array_append(list, value);
    }
    conjunction_release(&of);
    if (list && json_array_size(list) > MAX_DIFFERENT) {
        json_decref(list);
        return NULL;
    }
    return list;
}

/* A rule for each set of values that were not there yet, to the rest of the list. */
static const struct tree *different(struct schema_reader *s, json_t *values, uint32_t min, uint32_t max)
{
    const uint32_t n = (uint32_t)json_array_size(values), all = 1u << n;
    const uint32_t first = (uint32_t)s->r->n;
    for (uint32_t left = 0; left < all; left++)
        if (rules_add(s->r, "different items", 15) == UINT32_MAX)
            return NULL;
    for (uint32_t left = 0; left < all; left++) {
        const uint32_t taken = n - (uint32_t)__builtin_popcount(left);
        struct tree_list l = {0};
        if (taken >= min && taken <= max)
            tree_list_add(&l, tree_bytes(s->r, "", 0));
        for (uint32_t i = 0; i < n && taken < max; i++) {
            if (!(left >> i & 1))
                continue;
            const struct tree *value = literal_of(s, json_array_get(values, i));
            const struct tree *rest = tree_rule(s->r, first + (left & ~(1u << i)));
            tree_list_add(&l, taken ? tree_cat3(s->r, comma(s), value, rest) : tree_cat2(s->r, value, rest));
        }
        const struct tree *body = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
        tree_list_release(&l);
        if (!body)
            return NULL;
        s->r->v[first + left].body = body;
    }
    return tree_rule(s->r, first + all - 1);
}

/* --- arrays --------------------------------------------------------------------------------------------------- */

static const struct tree *in_brackets(struct schema_reader *s, const struct tree *t)
{
    return tree_cat3(s->r, tree_text(s->r, "["), t, tree_text(s->r, "]"));
}

/* min to max items alike, with commas. */
static const struct tree *many(struct schema_reader *s, const struct tree *item, uint32_t min, uint32_t max)
{
    if (max == 0)
        return tree_bytes(s->r, "", 0);
    const struct tree *next = tree_cat2(s->r, comma(s), item);
    const struct tree *some =
        tree_cat2(s->r, item, tree_repeat(s->r, next, min ? min - 1 : 0, max == UNBOUNDED ? UNBOUNDED : max - 1));
    return min ? some : tree_repeat(s->r, some, 0, 1);
}

/* The same in a rule of its own: a list of many first items nests no deeper than NESTED. */
static const struct tree *in_rule(struct schema_reader *s, const struct tree *t)
{
    const uint32_t rule = t ? rules_add(s->r, "further items", 13) : UINT32_MAX;
    if (rule == UINT32_MAX)
        return NULL;
    s->r->v[rule].body = t;
    return tree_rule(s->r, rule);
}

/* The first items each have a schema; from the end: what follows item i - 1. */
static const struct tree *tuple(struct schema_reader *s, const struct conjunction *c, size_t n, uint32_t min,
                                uint32_t max)
{
    const struct tree *rest = tree_bytes(s->r, "", 0);
    if (max > n) {
        const uint32_t least = min > n ? min - (uint32_t)n : 0;
        const uint32_t most = max == UNBOUNDED ? UNBOUNDED : max - (uint32_t)n;
        rest = tree_repeat(s->r, tree_cat2(s->r, comma(s), item_at(s, c, n)), least, most);
    }
    for (size_t i = n < max ? n : max; i-- > 0 && s->status == VIV_OK;) {
        const struct tree *item = item_at(s, c, i);
        rest = i ? tree_cat3(s->r, comma(s), item, rest) : tree_cat2(s->r, item, rest);
        if (i >= min)
            rest = tree_repeat(s->r, rest, 0, 1);
        if (i && i % NESTED == 0)
            rest = in_rule(s, rest);
    }
    return rest;
}

/* "contains": items i on, where x of those before were of it, of which there must be least to most:
 *
 *     items(i, x) = X items(i + 1, x + 1)  |  N items(i + 1, x)  |  nothing, if i and x may be so
 *
 * X: an item of it; N: another one, or, without a maximum, any. A rule each; where more need not be counted, i and
 * x stay what they are. */
struct containing {
    const struct item *item; /* whose "contains" it is; NULL: nobody's */
    uint32_t min, max;       /* items */
    uint32_t least, most;    /* of those */
};

/* One item at place i, and a comma before it; is_x: of those. */
static const struct tree *contained(struct schema_reader *s, const struct conjunction *c,
                                    const struct containing *k, uint32_t i, bool is_x)
{
    json_t *schema = json_object_get(k->item->schema, "contains");
    const char *path = path_of(s, k->item, "contains", NULL);
    struct conjunction of = {0};
    add_item_schemas(s, c, i, &of);
    if (is_x)
        conjunction_add(s, &of, schema, k->item->base, path);
    else if (k->most != UNBOUNDED && s->status == VIV_OK && !add_opposite(s, &of, schema, k->item->base, path))
        schema_refuse(s, k->item, "maxContains",
                      "cannot be kept, because the opposite of contains cannot be written");
    const struct tree *t = s->status == VIV_OK ? value_of(s, &of) : NULL;
    conjunction_release(&of);
    return i ? tree_cat2(s->r, comma(s), t) : t;
}

static const struct tree *containing(struct schema_reader *s, const struct conjunction *c,
                                     const struct containing *k)
{
    const size_t n_first = count_first(c);
    const uint32_t floor = k->min > n_first ? k->min : (uint32_t)n_first;
    const uint32_t n = k->max != UNBOUNDED ? k->max : floor ? floor : 1;
    const uint32_t width = (k->most != UNBOUNDED ? k->most : k->least) + 1;
    if ((uint64_t)n * width > MAX_COUNTED) {
        schema_refuse(s, k->item, "contains",
                      "too many items to count; make minItems, maxItems or minContains less");
        return NULL;
    }
    const uint32_t first = (uint32_t)s->r->n;
    for (uint32_t i = 0; i < (n + 1) * width; i++)
        if (rules_add(s->r, "items with some of contains", 27) == UINT32_MAX)
            return NULL;
    for (uint32_t i = 0; i <= n && s->status == VIV_OK; i++) {
        const bool more = i < n || k->max == UNBOUNDED;
        const struct tree *of = more ? contained(s, c, k, i, true) : NULL;
        const struct tree *other = of ? contained(s, c, k, i, false) : NULL;
        for (uint32_t x = 0; x < width && s->status == VIV_OK; x++) {
            struct tree_list l = {0};
            const uint32_t next = first + (i < n ? i + 1 : i) * width;
            if (i >= k->min && x >= k->least)
                tree_list_add(&l, tree_bytes(s->r, "", 0));
            if (more && x < k->most)
                tree_list_add(&l, tree_cat2(s->r, of, tree_rule(s->r, next + (x + 1 < width ? x + 1 : x))));
            if (more)
                tree_list_add(&l, tree_cat2(s->r, other, tree_rule(s->r, next + x)));
            const struct tree *t = l.failed ? NULL : tree_alt(s->r, l.v, l.n);
            tree_list_release(&l);
            if (!t)
                return NULL;
            s->r->v[first + i * width + x].body = t;
        }
    }
    return tree_rule(s->r, first);
}

/* The "contains" that demands something. */
static void find_contains(struct schema_reader *s, const struct conjunction *c, struct containing *out)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct item *item = &c->v[i];
        if (!json_object_get(item->schema, "contains"))
            continue;
        const uint32_t least = count_of(s, item, "minContains", 1),
                       most = count_of(s, item, "maxContains", UNBOUNDED);
        if (least == 0 && most == UNBOUNDED)
            continue;
        if (out->item) {
            schema_refuse(s, item, "contains",
                          "cannot be kept beside another one; say what all items are, by items");
            return;
        }
        out->item = item;
        out->least = least;
        out->most = most;
    }
}

const struct tree *array_of(struct schema_reader *s, const struct conjunction *c)
{
    uint32_t min = 0, max = UNBOUNDED;
    const struct item *unique = NULL;
    const size_t n_first = count_first(c);
    for (size_t i = 0; i < c->n; i++) {
        const uint32_t least = count_of(s, &c->v[i], "minItems", 0);
        const uint32_t most = count_of(s, &c->v[i], "maxItems", UNBOUNDED);
        min = least > min ? least : min;
        max = most < max ? most : max;
        if (json_is_true(json_object_get(c->v[i].schema, "uniqueItems")))
            unique = &c->v[i];
    }
    if (min > max)
        return tree_never(s->r);
    struct containing contains = {.min = min, .max = max};
    find_contains(s, c, &contains);
    if (contains.item && unique)
        schema_refuse(s, contains.item, "contains", "cannot be kept beside uniqueItems");
    if (unique && max > 1) {
        json_t *values = n_first || contains.item ? NULL : values_of_items(s, c);
        const struct tree *t = values ? different(s, values, min, max) : NULL;
        json_decref(values);
        if (t)
            return in_brackets(s, t);
        schema_refuse(s, unique, "uniqueItems",
                      "items can be kept different only where they are an enum of at most %d values; add one, or "
                      "maxItems 1",
                      MAX_DIFFERENT);
    }
    if (s->status != VIV_OK)
        return NULL;
    if (contains.item)
        return in_brackets(s, contains.least > contains.most ? tree_never(s->r) : containing(s, c, &contains));
    return in_brackets(s, n_first ? tuple(s, c, n_first, min, max)
                                  : many(s, max ? item_at(s, c, 0) : tree_never(s->r), min, max));
}
