/* viv layers - what specs may be made of: the manual of the layers, from the tables that check the specs. */
#include "layers/layers.h"
#include "base/near.h"
#include "cli/open.h"
#include "cli/shared.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct layers_options {
    struct common common;
    bool json;
};

#define OPT(field) offsetof(struct layers_options, field)
static const struct option table[] = {JSON_OPTION(OPT(json), "one object"), {0}};

static const char *kind_name(const viv_attr *a)
{
    switch (a->kind) {
    case VIV_ATTR_INT:
        return "integer";
    case VIV_ATTR_FLOAT:
        return "number";
    case VIV_ATTR_BOOL:
        return "boolean";
    case VIV_ATTR_CHOICE:
        return "choice";
    case VIV_ATTR_WEIGHT:
        return "weight";
    case VIV_ATTR_VALUE:
        return "value";
    case VIV_ATTR_INTS:
        return "list of integers";
    case VIV_ATTR_FLOATS:
        return "list of numbers";
    case VIV_ATTR_TEXT:
        return "text";
    default:
        return "unknown";
    }
}

static bool is_number(const viv_attr *a)
{
    return a->kind == VIV_ATTR_INT || a->kind == VIV_ATTR_FLOAT || a->kind == VIV_ATTR_BOOL;
}

static bool has_bounds(const viv_attr *a)
{
    return a->min < a->max && a->kind != VIV_ATTR_BOOL &&
           (is_number(a) || a->kind == VIV_ATTR_INTS || a->kind == VIV_ATTR_FLOATS);
}

/* The choice that stands when nothing is said: the default is its index. */
static const char *default_choice(const viv_attr *a, int *n)
{
    const char *c = a->choices;
    for (int i = 0; i < (int)a->default_value && c && *c; i++) {
        c += strcspn(c, "|");
        c += *c == '|';
    }
    *n = c ? (int)strcspn(c, "|") : 0;
    return c;
}

static void print_attr(const viv_attr *a)
{
    int n;
    printf("  %s: %s", a->name, kind_name(a));
    if (a->kind == VIV_ATTR_CHOICE)
        printf(" of %s", a->choices ? a->choices : "");
    if (has_bounds(a)) {
        printf(isfinite(a->min) ? ", %g" : ", any", a->min);
        printf(isfinite(a->max) ? " to %g" : " and more", a->max);
    }
    if (a->flags & VIV_ATTR_REQUIRED) {
        printf(", required");
    } else if (a->kind == VIV_ATTR_BOOL) {
        printf(", %s by default", a->default_value != 0 ? "true" : "false");
    } else if (is_number(a)) {
        printf(", %g by default", a->default_value);
    } else if (a->kind == VIV_ATTR_CHOICE) {
        const char *word = default_choice(a, &n);
        printf(", %.*s by default", n, word ? word : "");
    }
    printf("\n      %s\n", a->doc ? a->doc : "");
}

static void print_layer(const struct layer_entry *e)
{
    printf("%s - %s (from %s)\n\n", e->class->name, e->class->summary, e->origin);
    for (const viv_attr *const *a = e->class->attrs; a && *a; a++)
        print_attr(*a);
}

static json_t *attr_json(const viv_attr *a)
{
    json_t *object = json_pack("{s:s, s:s, s:b, s:s}", "name", a->name, "type", kind_name(a), "required",
                               (a->flags & VIV_ATTR_REQUIRED) != 0, "doc", a->doc ? a->doc : "");
    int n, bad = 0;
    if (!object)
        return NULL;
    if (a->kind == VIV_ATTR_CHOICE) {
        const char *word = default_choice(a, &n);
        json_t *choices = json_array();
        for (const char *c = a->choices; c && *c; c += strcspn(c, "|"), c += *c == '|')
            bad |= json_array_append_new(choices, json_stringn(c, strcspn(c, "|")));
        bad |= json_object_set_new(object, "choices", choices);
        bad |= json_object_set_new(object, "default", json_stringn(word ? word : "", (size_t)n));
    } else if (a->kind == VIV_ATTR_BOOL) {
        bad |= json_object_set_new(object, "default", json_boolean(a->default_value != 0));
    } else if (is_number(a)) {
        bad |= json_object_set_new(object, "default",
                                   a->kind == VIV_ATTR_INT ? json_integer((json_int_t)a->default_value)
                                                           : json_real(a->default_value));
    }
    if (has_bounds(a) && isfinite(a->min))
        bad |= json_object_set_new(object, "min", json_real(a->min));
    if (has_bounds(a) && isfinite(a->max))
        bad |= json_object_set_new(object, "max", json_real(a->max));
    if (!bad)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *layer_json(const struct layer_entry *e)
{
    json_t *attrs = json_array();
    for (const viv_attr *const *a = e->class->attrs; attrs && a && *a; a++)
        if (json_array_append_new(attrs, attr_json(*a)) != 0) {
            json_decref(attrs);
            attrs = NULL;
        }
    return json_pack("{s:s, s:s, s:s, s:o}", "name", e->class->name, "summary", e->class->summary, "origin",
                     e->origin, "attributes", attrs);
}

static viv_status print_layers(const struct layer_set *set, const struct layer_entry *only, bool json,
                               struct error *err)
{
    if (json && only)
        return cli_print_json(layer_json(only), false, err);
    if (only) {
        print_layer(only);
        return VIV_OK;
    }
    if (json) {
        json_t *list = json_array();
        for (size_t i = 0; list && i < set->n; i++)
            if (json_array_append_new(list, layer_json(&set->entries[i])) != 0) {
                json_decref(list);
                list = NULL;
            }
        return cli_print_json(json_pack("{s:o}", "layers", list), false, err);
    }
    struct columns c = {.align = "lll"};
    for (size_t i = 0; i < set->n; i++) {
        columns_add(&c, "%s", set->entries[i].class->name);
        columns_add(&c, "%s", set->entries[i].origin);
        columns_add(&c, "%s", set->entries[i].class->summary);
    }
    return columns_print(&c, 0, err);
}

static viv_status find_layer(const struct layer_set *set, const char *name, const struct layer_entry **out,
                             struct error *err)
{
    const viv_layer_class *class;
    const char *names[1024];
    struct error refused;
    viv_status status = layer_set_require(set, name, &class, &refused);
    if (status == VIV_OK) {
        *out = layer_set_entry(set, name);
        return VIV_OK;
    }
    if (status != VIV_ENOTFOUND)
        return error_set(err, status, "layer '%s': %s", name, refused.text);
    const char *near = near_word(name, names, layer_set_names(set, names, sizeof names / sizeof *names));
    return error_set(err, VIV_ENOTFOUND, "there is no layer '%s'%s%s%s%s%s", name,
                     near ? "; did you mean '" : " (viv layers lists them)", near ? near : "", near ? "'?" : "",
                     *refused.text ? "; " : "", refused.text);
}

static int layers(const struct arguments *a)
{
    const struct layers_options *o = a->options;
    struct opened opened = {0};
    struct error err = {0};
    const struct layer_entry *only = NULL;
    viv_status status = cli_open_world(&opened, &o->common, &err);
    if (status == VIV_OK)
        status = host_load_layers(engine_host(opened.engine), &err);
    const struct layer_set *set = opened.world->layers;
    if (status == VIV_OK && a->n_words > 0)
        status = find_layer(set, a->words[0], &only, &err);
    if (status == VIV_OK)
        status = print_layers(set, only, o->json, &err);
    return cli_close_opened(&opened, status, &err);
}

const struct command command_layers = {
    .name = "layers",
    .summary = "what specs may be made of",
    .words = "[NAME]",
    .text = "Lists the layers that this program and its plugins know; with a name, the attributes that a spec may "
            "write under it.",
    .options = table,
    .options_size = sizeof(struct layers_options),
    .examples = "viv layers\n"
                "viv layers attention\n"
                "viv layers rms_norm --json",
    .group = GROUP_FRAMEWORK,
    .main = layers,
};
