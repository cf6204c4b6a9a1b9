/* json_schema.c - JSON Schema, sound or refused: see json_schema.h. Properties come in the order of the schema. */
#include "grammar/json_schema.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHAIN = 128 };

/* --- errors --------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 5, 0))) static void failv(struct schema_reader *s, viv_status status,
                                                        const struct item *i, const char *keyword,
                                                        const char *format, va_list args)
{
    char sentence[512];
    if (s->status != VIV_OK)
        return;
    vsnprintf(sentence, sizeof sentence, format, args);
    s->status = error_set(s->err, status, "%.300s%s%s: %s", i ? i->path : "#", keyword ? "/" : "",
                          keyword ? keyword : "", sentence);
}

void schema_fail(struct schema_reader *s, viv_status status, const struct item *i, const char *keyword,
                 const char *format, ...)
{
    va_list args;
    va_start(args, format);
    failv(s, status, i, keyword, format, args);
    va_end(args);
}

void schema_refuse(struct schema_reader *s, const struct item *i, const char *keyword, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (s->lenient && s->notes) {
        char sentence[512];
        vsnprintf(sentence, sizeof sentence, format, args);
        buf_printf(s->notes, "%.300s/%s: not enforced: %s\n", i->path, keyword, sentence);
    } else if (!s->lenient) {
        failv(s, VIV_EUNSUPPORTED, i, keyword, format, args);
    }
    va_end(args);
}

static void nomem(struct schema_reader *s)
{
    if (s->status == VIV_OK)
        s->status = error_nomem(s->err);
}

const char *path_of(struct schema_reader *s, const struct item *i, const char *keyword, const char *name)
{
    const char *path = name ? arena_printf(&s->r->arena, "%.400s/%s/%.100s", i->path, keyword, name)
                            : arena_printf(&s->r->arena, "%.400s/%s", i->path, keyword);
    if (!path)
        nomem(s);
    return path ? path : "#";
}

/* --- conjunctions --------------------------------------------------------------------------------------------- */

void conjunction_release(struct conjunction *c)
{
    free(c->v);
    *c = (struct conjunction){0};
}

static void add_item(struct schema_reader *s, struct conjunction *c, struct item item)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].schema == item.schema && c->v[i].done == item.done)
            return;
    if (!VEC_RESERVE(c->v, c->n, c->capacity))
        nomem(s);
    else
        c->v[c->n++] = item;
}

struct chain {
    const json_t *schema;
    const struct chain *before;
    int length;
};

static void expand(struct schema_reader *s, struct conjunction *c, struct item item, const struct chain *before)
{
    const struct chain here = {item.schema, before, before ? before->length + 1 : 1};
    json_t *schema = item.schema, *part;
    size_t k;
    if (s->status != VIV_OK)
        return;
    for (const struct chain *x = before; x; x = x->before)
        if (x->schema == schema) {
            schema_fail(s, VIV_EINVAL, &item, NULL, "the schema refers to itself without anything in between");
            return;
        }
    if (++s->n_expansions > MAX_EXPANSIONS || here.length > MAX_CHAIN) {
        schema_fail(s, VIV_ELIMIT, &item, NULL, "too many references, allOf or cases inside each other");
        return;
    }
    if (!json_is_object(schema) && !json_is_boolean(schema)) {
        schema_fail(s, VIV_EINVAL, &item, NULL, "expected a schema (an object, true or false), found %s",
                    json_kind(schema));
        return;
    }
    const json_t *id = json_object_get(schema, "$id");
    if (schema != s->root && json_is_string(id) && json_string_value(id)[0] != '#')
        item.base = schema;
    add_item(s, c, item);
    const json_t *ref = json_object_get(schema, "$ref");
    if (ref) {
        json_t *base_of_target = item.base;
        json_t *target = json_is_string(ref) ? schema_find(s, json_string_value(ref), &base_of_target) : NULL;
        if (!target)
            schema_fail(s, VIV_EINVAL, &item, "$ref",
                        "'%.100s' is not in this schema; schemas elsewhere are never fetched, copy it into $defs",
                        json_is_string(ref) ? json_string_value(ref) : json_kind(ref));
        else
            expand(s, c,
                   (struct item){.schema = target, .base = base_of_target, .path = path_of(s, &item, "$ref", NULL)},
                   &here);
    }
    json_t *base = item.base, *dynamic = schema_find_dynamic(s, schema, &base);
    if (dynamic)
        expand(s, c, (struct item){.schema = dynamic, .base = base, .path = path_of(s, &item, "$dynamicRef", NULL)},
               &here);
    json_t *all = json_object_get(schema, "allOf");
    json_array_foreach(all, k, part)
    {
        expand(s, c, (struct item){.schema = part, .base = item.base, .path = path_of(s, &item, "allOf", NULL)},
               &here);
    }
}

void conjunction_add(struct schema_reader *s, struct conjunction *c, json_t *schema, json_t *base, const char *path)
{
    expand(s, c, (struct item){.schema = schema, .base = base, .path = path}, NULL);
}

static int by_place(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->schema != y->schema)
        return x->schema < y->schema ? -1 : 1;
    return (x->done > y->done) - (x->done < y->done);
}

/* The rule of a conjunction; a new one is a job. */
static uint32_t rule_of(struct schema_reader *s, const struct conjunction *c)
{
    struct conjunction sorted = {.v = malloc((c->n + 1) * sizeof *sorted.v), .n = c->n};
    struct buf key = {0};
    uint32_t rule = UINT32_MAX;
    if (!sorted.v) {
        nomem(s);
        return rule;
    }
    if (c->n)
        memcpy(sorted.v, c->v, c->n * sizeof *sorted.v);
    qsort(sorted.v, sorted.n, sizeof *sorted.v, by_place);
    for (size_t i = 0; i < sorted.n; i++)
        buf_printf(&key, "%" PRIxPTR ":%u ", (uintptr_t)sorted.v[i].schema, sorted.v[i].done);
    free(sorted.v);
    if (!key.failed && !strmap_get(&s->known, buf_text(&key), key.size, &rule)) {
        const char *kept = arena_strndup(&s->r->arena, buf_text(&key), key.size);
        struct conjunction copy = {.v = malloc((c->n + 1) * sizeof *copy.v), .n = c->n, .capacity = c->n + 1};
        const struct item anything = {.path = ""}, *first = c->n ? c->v : &anything;
        rule = rules_add(s->r, first->path, strlen(first->path));
        if (rule == UINT32_MAX && s->r->n >= MAX_RULES)
            schema_fail(s, VIV_ELIMIT, first, NULL, "anyOf, oneOf and allOf combine to more than %d cases",
                        MAX_RULES);
        if (rule == UINT32_MAX || !kept || !copy.v || strmap_add(&s->known, kept, key.size, rule) == STRMAP_NOMEM ||
            !VEC_RESERVE(s->jobs, s->n_jobs, s->jobs_capacity)) {
            free(copy.v);
            nomem(s);
            buf_release(&key);
            return UINT32_MAX;
        }
        if (c->n)
            memcpy(copy.v, c->v, c->n * sizeof *copy.v);
        s->jobs[s->n_jobs++] = (struct job){copy, rule};
    }
    if (key.failed)
        nomem(s);
    buf_release(&key);
    return rule;
}

const struct tree *value_of(struct schema_reader *s, const struct conjunction *c)
{
    bool free_of_demands = true;
    if (s->status != VIV_OK)
        return NULL;
    for (size_t i = 0; i < c->n; i++)
        free_of_demands =
            free_of_demands && (json_is_true(c->v[i].schema) ||
                                (json_is_object(c->v[i].schema) && json_object_size(c->v[i].schema) == 0));
    return free_of_demands ? any_value(s) : tree_rule(s->r, rule_of(s, c));
}

/* --- texts ---------------------------------------------------------------------------------------------------- */

const struct tree *comma(struct schema_reader *s)
{
    return tree_cat2(s->r, tree_text(s->r, ","), tree_repeat(s->r, tree_text(s->r, " "), 0, 1));
}

const struct tree *colon(struct schema_reader *s)
{
    return tree_cat2(s->r, tree_text(s->r, ":"), tree_repeat(s->r, tree_text(s->r, " "), 0, 1));
}

const struct tree *quoted(struct schema_reader *s, const char *text, size_t n)
{
    json_t *string = json_stringn(text, n);
    char *written = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    const struct tree *t = written ? tree_text(s->r, written) : NULL;
    free(written);
    json_decref(string);
    if (!t)
        nomem(s);
    return t;
}

const struct tree *literal_of(struct schema_reader *s, const json_t *value)
{
    struct tree_list l = {0};
    const struct tree *t = NULL;
    if (json_is_string(value))
        return quoted(s, json_string_value(value), json_string_length(value));
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            tree_list_add(&l, i ? comma(s) : tree_text(s->r, "["));
            tree_list_add(&l, literal_of(s, json_array_get(value, i)));
        }
        tree_list_add(&l, tree_text(s->r, l.n ? "]" : "[]"));
    } else if (json_is_object(value)) {
        const char *key;
        json_t *member;
        json_object_foreach((json_t *)value, key, member)
        {
            tree_list_add(&l, l.n ? comma(s) : tree_text(s->r, "{"));
            tree_list_add(&l, quoted(s, key, strlen(key)));
            tree_list_add(&l, colon(s));
            tree_list_add(&l, literal_of(s, member));
        }
        tree_list_add(&l, tree_text(s->r, l.n ? "}" : "{}"));
    } else {
        char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
        tree_list_add(&l, text ? tree_text(s->r, text) : NULL);
        free(text);
    }
    t = l.failed ? NULL : tree_cat(s->r, l.v, l.n);
    tree_list_release(&l);
    if (!t)
        nomem(s);
    return t;
}

static const struct tree *define(struct schema_reader *s, uint32_t *rule, const char *name)
{
    *rule = rules_add(s->r, name, strlen(name));
    return tree_rule(s->r, *rule);
}

/* Any JSON value, by rules of their own. */
const struct tree *any_value(struct schema_reader *s)
{
    struct rules *r = s->r;
    if (!s->made_any) {
        const struct conjunction none = {0};
        const struct tree *any = define(s, &s->any, "any value"), *string = string_of(s, &none);
        const struct tree *member = tree_cat3(r, string, colon(s), any);
        const struct tree *members =
            tree_cat2(r, member, tree_repeat(r, tree_cat2(r, comma(s), member), 0, UNBOUNDED));
        const struct tree *elements = tree_cat2(r, any, tree_repeat(r, tree_cat2(r, comma(s), any), 0, UNBOUNDED));
        const struct tree *kinds[] = {
            tree_text(r, "null"),
            tree_text(r, "true"),
            tree_text(r, "false"),
            number_of(s, &none, TYPE_NUMBER),
            string,
            tree_cat3(r, tree_text(r, "["), tree_repeat(r, elements, 0, 1), tree_text(r, "]")),
            tree_cat3(r, tree_text(r, "{"), tree_repeat(r, members, 0, 1), tree_text(r, "}"))};
        const struct tree *body = tree_alt(r, kinds, sizeof kinds / sizeof *kinds);
        if (!body || s->any == UINT32_MAX) {
            nomem(s);
            return NULL;
        }
        r->v[s->any].body = body;
        s->made_any = true;
    }
    return tree_rule(r, s->any);
}

uint32_t count_of(struct schema_reader *s, const struct item *i, const char *keyword, uint32_t otherwise)
{
    const json_t *v = json_object_get(i->schema, keyword);
    if (!v)
        return otherwise;
    const double n = json_number_value(v);
    if (!json_is_number(v) || n < 0 || n != (double)(uint64_t)n) {
        schema_fail(s, VIV_EINVAL, i, keyword, "expected an integer of 0 or more, found %s",
                    json_is_number(v) ? "another number" : json_kind(v));
        return otherwise;
    }
    return n >= UNBOUNDED ? UNBOUNDED - 1 : (uint32_t)n;
}

/* --- alternatives --------------------------------------------------------------------------------------------- */

/* The conjunction with one alternative of an item chosen. */
static const struct tree *choose(struct schema_reader *s, const struct conjunction *c, size_t of,
                                 const char *keyword, unsigned which, json_t *alternative)
{
    struct conjunction chosen = {0};
    const char *path = path_of(s, &c->v[of], keyword, NULL);
    for (size_t i = 0; i < c->n; i++) {
        struct item item = c->v[i];
        item.done |= i == of ? which : 0;
        add_item(s, &chosen, item);
    }
    conjunction_add(s, &chosen, alternative, c->v[of].base, path);
    const struct tree *t = value_of(s, &chosen);
    conjunction_release(&chosen);
    return t;
}

const struct tree *choose_each(struct schema_reader *s, const struct conjunction *c, size_t of, const char *keyword,
                               unsigned which, json_t *list)
{
    const struct item *i = &c->v[of];
    json_t *alternative;
    struct tree_list l = {0};
    size_t k;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        schema_fail(s, VIV_EINVAL, i, keyword, "expected a list of schemas, found %s",
                    json_is_array(list) ? "an empty one" : json_kind(list));
        return NULL;
    }
    json_array_foreach(list, k, alternative)
    {
        if (s->status == VIV_OK)
            tree_list_add(&l, choose(s, c, of, keyword, which, alternative));
    }
    const struct tree *t = l.failed || s->status != VIV_OK ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* --- values --------------------------------------------------------------------------------------------------- */

/* "not" of types alone: the others. Whatever else is not, is cases. */
static unsigned types_without(const json_t * not, unsigned types)
{
    const json_t *type = json_object_get(not, "type");
    return type ? types & ~schema_types((json_t *)type) : json_is_false(not ) ? types : 0;
}

static unsigned types_of(struct schema_reader *s, const struct conjunction *c)
{
    unsigned types = TYPE_ALL;
    for (size_t i = 0; i < c->n; i++) {
        const struct item *item = &c->v[i];
        json_t *type = json_object_get(item->schema, "type"), *not = json_object_get(item->schema, "not");
        if (json_is_false(item->schema))
            return 0;
        if (type) {
            const unsigned named = schema_types(type);
            if (named == 0)
                schema_fail(s, VIV_EINVAL, item, "type",
                            "expected null, boolean, integer, number, string, array or object, or a list of them");
            types &= named;
        }
        if (not &&!(item->done & CASES_OF_NOT))
            types = types_without(not, types);
    }
    return types;
}

static bool is_exact(const json_t *value)
{
    size_t i;
    const char *key;
    json_t *part;
    if (json_is_real(value)) {
        const double x = json_real_value(value);
        return x > -9e15 && x < 9e15;
    }
    json_array_foreach((json_t *)value, i, part) if (!is_exact(part)) return false;
    json_object_foreach((json_t *)value, key, part) if (!is_exact(part)) return false;
    return true;
}

/* enum and const: the values that all schemas accept. */
static const struct tree *listed_values(struct schema_reader *s, const struct conjunction *c,
                                        const struct item *from, const char *keyword, json_t *values)
{
    struct tree_list l = {0};
    json_t *value;
    size_t k;
    if (json_array_size(values) > MAX_CHOICES)
        schema_fail(s, VIV_ELIMIT, from, keyword, "more than %d values", MAX_CHOICES);
    s->listed = values;
    json_array_foreach(values, k, value)
    {
        enum validity all = VALID_YES;
        for (size_t i = 0; i < c->n && all == VALID_YES; i++)
            all = schema_accepts(s, c->v[i].schema, c->v[i].base, value, 0);
        if (all == VALID_UNKNOWN && s->lenient)
            all = VALID_YES;
        if (all == VALID_UNKNOWN)
            schema_refuse(s, from, keyword, "the schema has keywords beside it that cannot be tried on its values");
        else if (!is_exact(value))
            schema_fail(s, VIV_EUNSUPPORTED, from, keyword, "a number is too large to be written exactly");
        if (s->status == VIV_OK && all == VALID_YES)
            tree_list_add(&l, literal_of(s, value));
    }
    const struct tree *t = l.failed || s->status != VIV_OK ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

static void refuse_keywords(struct schema_reader *s, const struct conjunction *c)
{
    static const char *const dynamic[] = {"$dynamicRef", "$recursiveRef"};
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < 2; k++) {
            json_t *base = c->v[i].base;
            if (json_object_get(c->v[i].schema, dynamic[k]) && !schema_find_dynamic(s, c->v[i].schema, &base))
                schema_refuse(s, &c->v[i], dynamic[k],
                              "cannot be kept where more than one schema may be meant; use $ref");
        }
}

static const struct tree *compile_conjunction(struct schema_reader *s, const struct conjunction *c)
{
    struct tree_list l = {0};
    for (size_t i = 0; i < c->n; i++) {
        const struct item *item = &c->v[i];
        json_t *values = json_object_get(item->schema, "enum"), *constant = json_object_get(item->schema, "const");
        if (values && !json_is_array(values))
            schema_fail(s, VIV_EINVAL, item, "enum", "expected a list of values, found %s", json_kind(values));
        if (constant) {
            json_t *one = json_pack("[O]", constant);
            const struct tree *t = one ? listed_values(s, c, item, "const", one) : NULL;
            json_decref(one);
            return t;
        }
        if (values)
            return listed_values(s, c, item, "enum", values);
    }
    for (size_t i = 0; i < c->n && s->status == VIV_OK; i++) {
        const json_t *schema = c->v[i].schema;
        const char *keyword;
        unsigned done;
        if (json_object_get(schema, "anyOf") && !(c->v[i].done & ANY_OF))
            return choose_each(s, c, i, "anyOf", ANY_OF, json_object_get(schema, "anyOf"));
        if (json_object_get(schema, "oneOf") && !(c->v[i].done & ONE_OF))
            return choose_each(s, c, i, "oneOf", ONE_OF, schema_one_of(s, &c->v[i]));
        json_t *cases = schema_cases(s, &c->v[i], &keyword, &done);
        if (cases)
            return choose_each(s, c, i, keyword, done, cases);
    }
    refuse_keywords(s, c);
    const unsigned types = types_of(s, c);
    if (types & TYPE_NULL)
        tree_list_add(&l, tree_text(s->r, "null"));
    if (types & TYPE_BOOLEAN) {
        tree_list_add(&l, tree_text(s->r, "true"));
        tree_list_add(&l, tree_text(s->r, "false"));
    }
    if (types & TYPE_NUMBER && s->status == VIV_OK)
        tree_list_add(&l, number_of(s, c, types & TYPE_NUMBER));
    if (types & TYPE_STRING && s->status == VIV_OK)
        tree_list_add(&l, string_of(s, c));
    if (types & TYPE_ARRAY && s->status == VIV_OK)
        tree_list_add(&l, array_of(s, c));
    if (types & TYPE_OBJECT && s->status == VIV_OK)
        tree_list_add(&l, object_of(s, c));
    const struct tree *t = l.failed || s->status != VIV_OK ? NULL : tree_alt(s->r, l.v, l.n);
    tree_list_release(&l);
    return t;
}

/* --- the schema ----------------------------------------------------------------------------------------------- */

viv_status json_schema_rule(struct rules *r, json_t *schema, bool lenient, struct buf *notes, uint32_t *rule,
                            struct error *err)
{
    struct schema_reader s = {.r = r, .root = schema, .lenient = lenient, .notes = notes, .err = err};
    struct conjunction root = {0};
    conjunction_add(&s, &root, schema, schema, "#");
    *rule = s.status == VIV_OK ? rule_of(&s, &root) : UINT32_MAX;
    conjunction_release(&root);
    for (size_t i = 0; i < s.n_jobs; i++) {
        const struct conjunction c = s.jobs[i].of;
        const struct tree *body = s.status == VIV_OK ? compile_conjunction(&s, &c) : NULL;
        if (!body)
            nomem(&s);
        else
            r->v[s.jobs[i].rule].body = body;
        free(c.v);
    }
    free(s.jobs);
    json_decref(s.cases);
    strmap_release(&s.known);
    return s.status;
}

viv_status read_json_schema(struct rules *r, const char *text, size_t n, bool lenient, struct buf *notes,
                            struct error *err)
{
    json_t *schema = NULL;
    viv_status status = json_parse("the schema", text, n, &schema, err);
    if (status == VIV_OK)
        status = json_schema_rule(r, schema, lenient, notes, &r->root, err);
    json_decref(schema);
    return status;
}
