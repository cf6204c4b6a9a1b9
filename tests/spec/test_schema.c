/* `viv spec schema` against our own specs: a validator for the keywords that the schema uses, and no others, over
 * the specs as the spec language reads them. */
#include "world.h"

#include "spec/yaml.h"

#include <dirent.h>

enum { MAX_DEPTH = 200 };

static const json_t *root_schema;
static char complaint_text[512];

static bool valid(const json_t *schema, const struct yaml *y, int depth);

static bool invalid(const struct yaml *y, const char *what, const char *detail)
{
    snprintf(complaint_text, sizeof complaint_text, "%s:%u:%u: %s %s", y->at.file, y->at.line, y->at.column, what,
             detail);
    return false;
}

/* Of patterns the schema has beginnings only: "^x-". */
static bool matches(const char *text, const char *pattern)
{
    ck_assert_int_eq(pattern[0], '^');
    ck_assert_ptr_null(strpbrk(pattern + 1, "$.[](){}*+?|^\\"));
    return strncmp(text, pattern + 1, strlen(pattern + 1)) == 0;
}

static bool among(const char *text, const char *const *words)
{
    while (*words && strcmp(*words, text) != 0)
        words++;
    return *words != NULL;
}

/* The JSON type of a YAML value, by the core schema of YAML 1.2. */
static const char *type_of(const struct yaml *y)
{
    static const char *const booleans[] = {"true", "false", "True", "False", "TRUE", "FALSE", NULL},
                             *const nulls[] = {"", "null", "Null", "NULL", "~", NULL};
    char *end;
    if (y->kind != YAML_SCALAR)
        return y->kind == YAML_MAP ? "object" : "array";
    if (y->quoted)
        return "string";
    if (among(y->text, booleans))
        return "boolean";
    if (among(y->text, nulls))
        return "null";
    strtod(y->text, &end);
    return *end == '\0' && strspn(y->text, "+-.0123456789eE") == strlen(y->text) ? "number" : "string";
}

static bool valid_type(const json_t *types, const struct yaml *y)
{
    const char *type = type_of(y);
    if (json_is_string(types))
        return strcmp(json_string_value(types), type) == 0 || invalid(y, "expected", json_string_value(types));
    for (size_t i = 0; i < json_array_size(types); i++)
        if (strcmp(json_string_value(json_array_get(types, i)), type) == 0)
            return true;
    return invalid(y, "has none of the types expected:", type);
}

static const json_t *followed(const char *reference)
{
    ck_assert_int_eq(strncmp(reference, "#/$defs/", 8), 0);
    const json_t *found = json_object_get(json_object_get(root_schema, "$defs"), reference + 8);
    ck_assert_msg(found != NULL, "%s is not there", reference);
    return found;
}

static bool valid_member(const json_t *schema, const char *key, const struct yaml *value, int depth)
{
    const json_t *inner = json_object_get(json_object_get(schema, "properties"), key);
    if (inner)
        return valid(inner, value, depth);
    const char *pattern;
    json_t *with;
    json_object_foreach(json_object_get(schema, "patternProperties"), pattern,
                        with) if (matches(key, pattern)) return valid(with, value, depth);
    const json_t *others = json_object_get(schema, "additionalProperties");
    if (json_is_false(others))
        return invalid(value, "unknown key", key);
    return !json_is_object(others) || valid(others, value, depth);
}

static bool valid_object(const json_t *schema, const struct yaml *y, int depth)
{
    const json_t *least = json_object_get(schema, "minProperties"),
                 *most = json_object_get(schema, "maxProperties");
    size_t i;
    json_t *name;
    if ((least && y->n < json_integer_value(least)) || (most && y->n > json_integer_value(most)))
        return invalid(y, "number of keys", "");
    json_array_foreach(json_object_get(schema, "required"), i,
                       name) if (!yaml_get(y, json_string_value(name))) return invalid(y, "missing key",
                                                                                       json_string_value(name));
    for (uint32_t k = 0; k < y->n; k++)
        if (!valid_member(schema, y->keys[k], y->items[k], depth))
            return false;
    return true;
}

static bool valid_array(const json_t *schema, const struct yaml *y, int depth)
{
    const json_t *least = json_object_get(schema, "minItems"), *most = json_object_get(schema, "maxItems"),
                 *prefix = json_object_get(schema, "prefixItems"), *items = json_object_get(schema, "items");
    if ((least && y->n < json_integer_value(least)) || (most && y->n > json_integer_value(most)))
        return invalid(y, "number of items", "");
    for (uint32_t i = 0; i < y->n; i++) {
        const json_t *of = i < json_array_size(prefix) ? json_array_get(prefix, i) : items;
        if (of && !valid(of, y->items[i], depth))
            return false;
    }
    return true;
}

static bool valid_choice(const json_t *words, const struct yaml *y)
{
    for (size_t i = 0; i < json_array_size(words); i++)
        if (y->kind == YAML_SCALAR && strcmp(y->text, json_string_value(json_array_get(words, i))) == 0)
            return true;
    return invalid(y, "is none of the words", "");
}

static bool valid(const json_t *schema, const struct yaml *y, int depth)
{
    static const char *const known[] = {"$defs",
                                        "$ref",
                                        "$schema",
                                        "additionalProperties",
                                        "anyOf",
                                        "description",
                                        "enum",
                                        "items",
                                        "maxItems",
                                        "minItems",
                                        "maxProperties",
                                        "minProperties",
                                        "patternProperties",
                                        "prefixItems",
                                        "properties",
                                        "required",
                                        "title",
                                        "type"};
    const char *keyword;
    json_t *value;
    ck_assert_int_lt(depth, MAX_DEPTH);
    json_object_foreach((json_t *)schema, keyword, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            is_known |= strcmp(known[i], keyword) == 0;
        ck_assert_msg(is_known, "this test does not know the keyword '%s'", keyword);
        if (strcmp(keyword, "type") == 0 && !valid_type(value, y))
            return false;
        if (strcmp(keyword, "$ref") == 0 && !valid(followed(json_string_value(value)), y, depth + 1))
            return false;
        if (strcmp(keyword, "enum") == 0 && !valid_choice(value, y))
            return false;
        if (strcmp(keyword, "anyOf") == 0) {
            bool any = false;
            for (size_t i = 0; i < json_array_size(value) && !any; i++)
                any = valid(json_array_get(value, i), y, depth + 1);
            if (!any)
                return false;
        }
    }
    return y->kind == YAML_MAP    ? valid_object(schema, y, depth + 1)
           : y->kind == YAML_LIST ? valid_array(schema, y, depth + 1)
                                  : true;
}

static void open_schema(struct specs *specs, struct buf *text)
{
    struct error err;
    specs_init(specs);
    ck_assert_msg(host_load_layers(specs->host, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(spec_schema(&specs->world, text, &err) == VIV_OK, "%s", err.text);
    root_schema = json_loadb(text->data, text->size, 0, NULL);
    ck_assert_ptr_nonnull(root_schema);
}

static void close_schema(struct specs *specs, struct buf *text)
{
    json_decref((json_t *)root_schema);
    buf_release(text);
    specs_release(specs);
}

TEST(schema__accepts_every_spec_of_ours)
{
    static const char *const folders[] = {"families", "zoo", "embedded"};
    struct specs specs;
    struct buf text = {0};
    size_t n = 0;
    open_schema(&specs, &text);
    for (size_t f = 0; f < 3; f++) {
        char folder[8192], path[9216];
        snprintf(folder, sizeof folder, "%s/%s", specs.dir, folders[f]);
        DIR *d = opendir(folder);
        ck_assert_ptr_nonnull(d);
        for (struct dirent *e; (e = readdir(d));) {
            struct arena arena = {0};
            struct yaml *y;
            struct error err;
            if (!strstr(e->d_name, ".yaml"))
                continue;
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            ck_assert_msg(yaml_read(&arena, path, &y, &err) == VIV_OK, "%s", err.text);
            ck_assert_msg(valid(root_schema, y, 0), "%s", complaint_text);
            arena_release(&arena);
            n++;
        }
        closedir(d);
    }
    ck_assert_uint_gt(n, 100);
    close_schema(&specs, &text);
}
END_TEST

TEST(schema__refuses_what_the_language_has_not)
{
    static const char *const bad[] = {
        "family: x",                                            /* no version */
        "viv: 1\ngraf: []",                                     /* an unknown key */
        "viv: 1\ngraph: {}",                                    /* a mapping for a list */
        "viv: 1\ngraph: [{mlp: {up: a, dwon: b}}]",             /* an attribute that the layer has not */
        "viv: 1\ngraph: [{mlp: {up: [a], down: b}}]",           /* a list for a name */
        "viv: 1\ngraph: [{residual: [], mlp: {}}]",             /* two items in one */
        "viv: 1\nparams: {n: {type: [int, 2, 3]}}",             /* a type of three parts */
        "viv: 1\nparams: {n: {type: number}}",                  /* an unknown type */
        "viv: 1\nweights: {w: {hf: w}}",                        /* no shape */
        "viv: 1\nweights: {w: {shape: [1], transform: [flip]}}" /* no transform */
    };
    struct specs specs;
    struct buf text = {0};
    open_schema(&specs, &text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct arena arena = {0};
        struct yaml *y;
        struct error err;
        ck_assert_msg(yaml_parse(&arena, "x", bad[i], strlen(bad[i]), &y, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(!valid(root_schema, y, 0), "%s", bad[i]);
        arena_release(&arena);
    }
    close_schema(&specs, &text);
}
END_TEST

TESTS(schema__accepts_every_spec_of_ours, schema__refuses_what_the_language_has_not)
