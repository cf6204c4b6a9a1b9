/* schema.c - JSON Schema (draft 2020-12) of the spec language, for editors, from the key table and the layers'
 * attributes. It accepts more than the checks do (an expression is any scalar), never less. */
#include "spec/document.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

/* The schema of a key of type MAP, LIST or ANY: one of $defs. */
static const struct {
    enum key_context context;
    const char *key, *def;
} inner[] = {{IN_SPEC, "matches", "matches"},
             {IN_SPEC, "params", "params"},
             {IN_SPEC, "sampling", "sampling"},
             {IN_SPEC, "groups", "groups"},
             {IN_SPEC, "refuse", "refusals"},
             {IN_SPEC, "graph", "layers"},
             {IN_SPEC, "encoder", "layers"},
             {IN_SPEC, "stacks", "stacks"},
             {IN_SPEC, "use", "use_or_text"},
             {IN_USE, "of", "text_map"},
             {IN_STACK, "graph", "layers"},
             {IN_STACK, "params", "expression_map"},
             {IN_SPEC, "weights", "weights"},
             {IN_SPEC, "ignore", "texts"},
             {IN_SPEC, "without_effect", "texts"},
             {IN_PARAM, "type", "type"},
             {IN_PARAM, "choices", "choices"},
             {IN_PARAM, "default", "value"},
             {IN_PARAM, "if_null", "value"},
             {IN_WEIGHT, "shape", "expressions"},
             {IN_WEIGHT, "transform", "transforms"},
             {IN_TRANSFORM, "split", "split"},
             {IN_TRANSFORM, "permute", "permute"},
             {IN_TRANSFORM, "transpose", "none"},
             {IN_TRANSFORM, "unpack", "none"},
             {IN_TRANSFORM, "neg_exp", "none"},
             {IN_SPLIT, "of", "expressions"},
             {IN_SPLIT, "take", "value"},
             {IN_PERMUTE, "view", "expressions"},
             {IN_PERMUTE, "order", "expressions"},
             {IN_REPEAT, "layers", "layers"},
             {IN_SWITCH, "cases", "cases"},
             {IN_SWITCH, "else", "layers"},
             {IN_STEP, "residual", "layers"},
             {IN_STEP, "sum", "branches"},
             {IN_STEP, "concat", "branches"},
             {IN_BY_NAMING, "hf", "transform_list"},
             {IN_BY_NAMING, "gguf", "transform_list"},
             {IN_SPEC, "stages", "stages"},
             {IN_SPEC, "policy", "policy"},
             {IN_SPEC, "browser", "browser"},
             {IN_SPEC, "desktop", "desktop"},
             {IN_DESKTOP, "programs", "commands"},
             {IN_BROWSER, "hosts", "texts"},
             {IN_SPEC, "limits", "limits"},
             {IN_STAGE, "schema", "json_schema"},
             {IN_SPEC, "mcp", "servers"},
             {IN_SERVER, "env", "text_map"}};

/* The $defs that are lists of, mappings to, or one of other $defs. (As JSON text they would have to be parsed, and
 * json_loads drops characters of a long string when out of memory.) */
static const struct {
    const char *name;
    enum { LIST_OF, MAP_OF, ONE_OF } form;
    const char *of[3];
} composed[] = {{"texts", LIST_OF, {"text"}},
                {"text_map", MAP_OF, {"text"}},
                {"words", ONE_OF, {"text", "texts"}},
                {"names", ONE_OF, {"text", "texts", "text_map"}},
                {"expressions", LIST_OF, {"expression"}},
                {"expression_map", MAP_OF, {"expression"}},
                {"choices", ONE_OF, {"expressions", "expression_map"}},
                {"group", MAP_OF, {"attribute"}},
                {"groups", MAP_OF, {"group"}},
                {"attribute", ONE_OF, {"expression", "expressions", "group"}},
                {"value", ONE_OF, {"expression", "expressions"}},
                {"type", ONE_OF, {"scalar_type", "list_type"}},
                {"param_or_value", ONE_OF, {"value", "param"}},
                {"params", MAP_OF, {"param_or_value"}},
                {"refusals", LIST_OF, {"refusal"}},
                {"weights", MAP_OF, {"weight"}},
                {"transform_list", LIST_OF, {"transform"}},
                {"transforms", ONE_OF, {"transform_list", "by_naming"}},
                {"item", ONE_OF, {"layer", "repeat", "switch"}},
                {"layers", LIST_OF, {"item"}},
                {"stacks", MAP_OF, {"stack"}},
                {"use_or_text", ONE_OF, {"text", "use"}},
                {"cases", MAP_OF, {"layers"}},
                {"branches", LIST_OF, {"layers"}},
                {"policy", MAP_OF, {"policy_rule"}},
                {"policy_rule", ONE_OF, {"text", "text_map"}},
                {"servers", MAP_OF, {"server"}},
                {"commands", MAP_OF, {"texts"}},
                {"stages", MAP_OF, {"stage_or_not"}},
                {"stage_or_not", ONE_OF, {"stage", "expression"}}};

struct schema {
    bool failed;
};

/* json_object_set_new fails for NULL, which is the result of a failed allocation. */
static void put(struct schema *s, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        s->failed = true;
}

static void append(struct schema *s, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        s->failed = true;
}

static json_t *reference(const char *def)
{
    return json_pack("{s:s+}", "$ref", "#/$defs/", def);
}

static json_t *key_value(const struct key *k)
{
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (inner[i].context == k->context && strcmp(inner[i].key, k->name) == 0)
            return reference(inner[i].def);
    return k->type == KEY_WORD || k->type == KEY_TEXT ? json_pack("{s:s}", "type", "string")
           : k->type == KEY_WORDS                     ? reference("words")
           : k->type == KEY_NUMBER                    ? json_pack("{s:s}", "type", "number")
           : k->type == KEY_NAMES                     ? reference("names")
                                                      : reference("expression");
}

/* A mapping with the keys of one context. */
static json_t *context_schema(struct schema *s, enum key_context context)
{
    json_t *properties = json_object(), *required = json_array();
    for (size_t i = 0; i < spec_n_keys; i++) {
        const struct key *k = &spec_keys[i];
        if (k->context != context)
            continue;
        json_t *value = key_value(k);
        put(s, value, "description", json_string(k->doc));
        put(s, properties, k->name, value);
        if (k->required)
            append(s, required, json_string(k->name));
    }
    return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

static json_t *choices_schema(struct schema *s, const char *choices)
{
    json_t *list = json_array();
    for (const char *c = choices; *c;) {
        size_t n = strcspn(c, "|");
        append(s, list, json_stringn(c, n));
        c += n + (c[n] == '|');
    }
    return json_pack("{s:[{s:o}, {s:s}]}", "anyOf", "enum", list, "$ref", "#/$defs/expression");
}

static json_t *attr_schema(struct schema *s, const viv_attr *a)
{
    json_t *value = a->kind == VIV_ATTR_CHOICE                                ? choices_schema(s, a->choices)
                    : a->kind == VIV_ATTR_WEIGHT || a->kind == VIV_ATTR_VALUE ? json_pack("{s:s}", "type", "string")
                    : a->kind == VIV_ATTR_INTS || a->kind == VIV_ATTR_FLOATS  ? reference("value")
                                                                              : reference("expression");
    if (a->doc)
        put(s, value, "description", json_string(a->doc));
    return value;
}

/* The place of the attribute "rope.theta": the properties of "rope", created on first use. *name: its last word. */
static json_t *properties_for(struct schema *s, json_t *layer, const char **name)
{
    json_t *properties = json_object_get(layer, "properties");
    for (const char *dot; (dot = strchr(*name, '.')); *name = dot + 1) {
        char *word = strndup(*name, (size_t)(dot - *name));
        if (!word) {
            s->failed = true;
            return properties;
        }
        if (!json_object_get(properties, word))
            put(s, properties, word,
                json_pack("{s:[s, s], s:{}, s:b}", "type", "object", "string", "properties", "additionalProperties",
                          0));
        properties = json_object_get(json_object_get(properties, word), "properties");
        free(word);
    }
    return properties;
}

static json_t *layer_schema(struct schema *s, const viv_layer_class *class)
{
    json_t *layer = json_pack("{s:s, s:s, s:{}, s:[], s:b}", "type", "object", "description", class->summary,
                              "properties", "required", "additionalProperties", 0);
    for (const viv_attr *const *a = class->attrs; *a; a++) {
        const char *name = (*a)->name;
        json_t *properties = properties_for(s, layer, &name);
        put(s, properties, name, attr_schema(s, *a));
        if (((*a)->flags & VIV_ATTR_REQUIRED) && name == (*a)->name)
            append(s, json_object_get(layer, "required"), json_string(name));
    }
    return layer;
}

/* One item of a list of layers: a mapping with a single key, a keyword or a layer. */
static json_t *item_schema(struct schema *s, const struct layer_set *set)
{
    json_t *item = context_schema(s, IN_STEP), *properties = json_object_get(item, "properties");
    for (size_t i = 0; i < set->n; i++)
        if (!json_object_get(properties, set->entries[i].class->name))
            put(s, properties, set->entries[i].class->name, layer_schema(s, set->entries[i].class));
    put(s, item, "minProperties", json_integer(1));
    put(s, item, "maxProperties", json_integer(1));
    return item;
}

static json_t *composed_schema(struct schema *s, size_t i)
{
    if (composed[i].form != ONE_OF)
        return composed[i].form == LIST_OF
                   ? json_pack("{s:s, s:o}", "type", "array", "items", reference(composed[i].of[0]))
                   : json_pack("{s:s, s:o}", "type", "object", "additionalProperties",
                               reference(composed[i].of[0]));
    json_t *list = json_array();
    for (size_t k = 0; k < 3 && composed[i].of[k]; k++)
        append(s, list, reference(composed[i].of[k]));
    return json_pack("{s:o}", "anyOf", list);
}

static json_t *defs_schema(struct schema *s, const struct layer_set *set)
{
    static const struct {
        enum key_context context;
        const char *name;
    } contexts[] = {
        {IN_SAMPLING, "sampling"},   {IN_MATCHES, "matches"},     {IN_PARAM, "param"},   {IN_WEIGHT, "weight"},
        {IN_TRANSFORM, "transform"}, {IN_BY_NAMING, "by_naming"}, {IN_SPLIT, "split"},   {IN_PERMUTE, "permute"},
        {IN_REFUSE, "refusal"},      {IN_STACK, "stack"},         {IN_USE, "use"},       {IN_REPEAT, "repeat"},
        {IN_SWITCH, "switch"},       {IN_STAGE, "stage"},         {IN_LIMITS, "limits"}, {IN_BROWSER, "browser"},
        {IN_DESKTOP, "desktop"},     {IN_SERVER, "server"},       {IN_MEMORY, "memory"}};
    json_t *defs = json_object();
    put(s, defs, "text", json_pack("{s:s}", "type", "string"));
    put(s, defs, "expression", json_pack("{s:[sss]}", "type", "string", "number", "boolean"));
    put(s, defs, "json_schema", json_pack("{s:s}", "type", "object"));
    put(s, defs, "none", json_pack("{s:s, s:i}", "type", "array", "maxItems", 0));
    put(s, defs, "scalar_type", json_pack("{s:[sssss]}", "enum", "int", "float", "bool", "string", "activation"));
    put(s, defs, "list_type",
        json_pack("{s:s, s:i, s:i, s:[oo]}", "type", "array", "minItems", 1, "maxItems", 2, "prefixItems",
                  reference("scalar_type"), reference("expression")));
    for (size_t i = 0; i < sizeof composed / sizeof *composed; i++)
        put(s, defs, composed[i].name, composed_schema(s, i));
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++)
        put(s, defs, contexts[i].name, context_schema(s, contexts[i].context));
    put(s, defs, "layer", item_schema(s, set));
    return defs;
}

static int dump_to_buf(const char *bytes, size_t n, void *out)
{
    return buf_append(out, bytes, n) ? 0 : -1;
}

viv_status spec_schema(const struct spec_world *world, struct buf *out, struct error *err)
{
    struct schema s = {0};
    json_notice_memory();
    json_t *root = context_schema(&s, IN_SPEC);
    put(&s, root, "$schema", json_string("https://json-schema.org/draft/2020-12/schema"));
    put(&s, root, "title", json_string("Vivarium spec"));
    put(&s, root, "patternProperties", json_pack("{s:{}}", "^x-"));
    put(&s, root, "$defs", defs_schema(&s, world->layers));
    bool dumped =
        !s.failed && json_dump_callback(root, dump_to_buf, out, JSON_INDENT(2)) == 0 && buf_putc(out, '\n');
    json_decref(root);
    return !json_lost_something() && dumped && !out->failed ? VIV_OK : error_nomem(err);
}
