/* classes.c - checks a plugin's class table before anything is called through it. */
#include "base/size.h"
#include "base/utf8.h"
#include "host/plugin.h"

#include <math.h>
#include <string.h>

struct slot {
    const char *name;
    size_t offset;
};

/* Members that must exist and not be NULL; others are used only if VIV_HAS is true. */
#define SLOT(T, f)                                                                                                 \
    {                                                                                                              \
#f, offsetof(T, f)                                                                                         \
    }
static const struct slot layer_slots[] = {
    SLOT(viv_layer_class, name),    SLOT(viv_layer_class, summary),
    SLOT(viv_layer_class, attrs),   SLOT(viv_layer_class, infer),
    SLOT(viv_layer_class, prepare), SLOT(viv_layer_class, tasks),
    SLOT(viv_layer_class, forward), {NULL, 0},
};
static const struct slot scheduler_slots[] = {
    SLOT(viv_scheduler_class, name),     SLOT(viv_scheduler_class, summary),
    SLOT(viv_scheduler_class, create),   SLOT(viv_scheduler_class, n_workers),
    SLOT(viv_scheduler_class, run_step), SLOT(viv_scheduler_class, run_tasks),
    SLOT(viv_scheduler_class, destroy),  {NULL, 0},
};
static const struct slot architecture_slots[] = {
    SLOT(viv_architecture_class, name), SLOT(viv_architecture_class, summary), SLOT(viv_architecture_class, open),
    SLOT(viv_architecture_class, run),  SLOT(viv_architecture_class, close),   {NULL, 0},
};

static const struct {
    const char *name, *id, *table;
    size_t size;    /* of the first version of the table; a larger one is newer, a smaller one is broken */
    uint32_t flags; /* that this host knows */
    const struct slot *slots;
} kinds[N_CLASS_KINDS] = {
    [CLASS_LAYER] = {"layer", VIV_CLASS_LAYER, "viv_layer_class", SIZE_TO(viv_layer_class, reserved),
                     VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE | VIV_LAYER_TOKENS, layer_slots},
    [CLASS_SCHEDULER] = {"scheduler", VIV_CLASS_SCHEDULER, "viv_scheduler_class",
                         SIZE_TO(viv_scheduler_class, get_ext), 0, scheduler_slots},
    [CLASS_ARCHITECTURE] = {"architecture", VIV_CLASS_ARCHITECTURE, "viv_architecture_class",
                            SIZE_TO(viv_architecture_class, get_ext), 0, architecture_slots},
};

enum { MAX_NAME = 63, MAX_ATTRS = 1024, MAX_TEXT = 4096, MAX_INSTANCE = 1 << 20 };

const char *class_kind_name(enum class_kind kind)
{
    return kinds[kind].name;
}

const char *class_kind_id(enum class_kind kind)
{
    return kinds[kind].id;
}

/* Every class begins {struct_size, flags, name, summary}. */
struct class_head {
    uint32_t struct_size, flags;
    const char *name, *summary;
};
_Static_assert(offsetof(viv_layer_class, name) == offsetof(struct class_head, name), "");
_Static_assert(offsetof(viv_scheduler_class, name) == offsetof(struct class_head, name), "");
_Static_assert(offsetof(viv_architecture_class, name) == offsetof(struct class_head, name), "");

const char *class_name(const void *table)
{
    return ((const struct class_head *)table)->name;
}

bool plugin_name_is_plain(const char *name, size_t capacity)
{
    size_t n = strnlen(name, capacity);
    return n > 0 && n < capacity && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") >= n;
}

/* Checks a text for users: present, not too long, UTF-8, one line. */
static bool is_text(const char *text)
{
    size_t n = text ? strnlen(text, MAX_TEXT + 1) : 0;
    if (n == 0 || n > MAX_TEXT || !utf8_valid(text, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return false;
    return true;
}

/* The number of words in "a|b|c"; 0: one is empty or occurs twice. */
static size_t count_choices(const char *choices)
{
    size_t n = 0;
    for (const char *c = choices;; c++, n++) {
        size_t length = strcspn(c, "|");
        for (const char *d = choices; d < c; d += strcspn(d, "|") + 1)
            if (strcspn(d, "|") == length && memcmp(d, c, length) == 0)
                return 0;
        if (length == 0)
            return 0;
        c += length;
        if (!*c)
            return n + 1;
    }
}

/* A default of 0 outside of the range means no default: the layer checks whether the attribute is set. */
static const char *wrong_number(const viv_attr *a)
{
    const bool has_range = a->min < a->max, is_int = a->kind == VIV_ATTR_INT,
               is_list = a->kind == VIV_ATTR_INTS || a->kind == VIV_ATTR_FLOATS;
    if (isnan(a->default_value) || isnan(a->min) || isnan(a->max))
        return "its default, min or max is not a number";
    if (a->min > a->max)
        return "its min is above its max";
    if (a->kind > VIV_ATTR_FLOAT && !is_list && has_range)
        return "only numbers have min and max";
    if (has_range && a->default_value != 0 && (a->default_value < a->min || a->default_value > a->max))
        return "its default is outside its min and max";
    if (is_int && (trunc(a->default_value) != a->default_value || fabs(a->default_value) > 0x1p53))
        return "its default is no integer";
    if (a->kind == VIV_ATTR_BOOL && a->default_value != 0 && a->default_value != 1)
        return "its default is neither 0 nor 1";
    if (a->kind == VIV_ATTR_CHOICE) {
        if (!a->choices || !is_text(a->choices))
            return "a choice without choices";
        const size_t n = count_choices(a->choices);
        if (n == 0)
            return "one of its choices is empty or given twice";
        if (!(a->default_value >= 0 && a->default_value < (double)n))
            return "its default is not one of its choices";
    } else if (a->choices) {
        return "only a choice has choices";
    }
    if (a->kind >= VIV_ATTR_WEIGHT && a->default_value != 0)
        return "only numbers, booleans and choices have a default";
    return NULL;
}

/* "rope" cannot be an attribute if "rope.theta" is one. */
static bool collide(const char *a, const char *b)
{
    const size_t n = strlen(a), m = strlen(b), shorter = n < m ? n : m;
    return strncmp(a, b, shorter) == 0 && (n == m || (n < m ? b : a)[shorter] == '.');
}

static bool is_attr_name(const char *name)
{
    if (!name || !plugin_name_is_plain(name, MAX_NAME + 1) || name[0] == '.' || strstr(name, ".."))
        return false;
    return name[strlen(name) - 1] != '.';
}

static viv_status check_attr(const viv_layer_class *layer, size_t i, struct error *err)
{
    const viv_attr *a = layer->attrs[i];
    const char *name = layer->name;
    if (a->struct_size < SIZE_TO(viv_attr, max) || a->struct_size > MAX_STRUCT)
        return error_set(err, VIV_EABI, "layer '%s', attribute %zu: struct_size of viv_attr is %u, expected %zu",
                         name, i, a->struct_size, SIZE_TO(viv_attr, max));
    if (!is_attr_name(a->name) || !is_text(a->doc))
        return error_set(err, VIV_EABI, "layer '%s', attribute %zu: its name or doc is missing or not plain", name,
                         i);
    if (a->kind < VIV_ATTR_INT || a->kind > VIV_ATTR_TEXT)
        return error_set(err, VIV_EABI, "layer '%s', attribute '%s': kind is %d, this host knows %d to %d", name,
                         a->name, a->kind, VIV_ATTR_INT, VIV_ATTR_TEXT);
    if (a->flags & ~VIV_ATTR_REQUIRED)
        return error_set(err, VIV_EABI, "layer '%s', attribute '%s': flags are 0x%x, this host knows 0x%x", name,
                         a->name, a->flags, VIV_ATTR_REQUIRED);
    for (size_t j = 0; j < i; j++)
        if (collide(layer->attrs[j]->name, a->name))
            return error_set(err, VIV_EABI, "layer '%s' has both an attribute '%s' and an attribute '%s': %s", name,
                             layer->attrs[j]->name, a->name,
                             "names must differ, and none may be the group of another");
    const char *wrong = wrong_number(a);
    return wrong ? error_set(err, VIV_EABI, "layer '%s', attribute '%s': %s", name, a->name, wrong) : VIV_OK;
}

static viv_status check_layer(const viv_layer_class *layer, struct error *err)
{
    if (layer->reserved)
        return error_set(err, VIV_EABI, "layer '%s': reserved is %u, it must be 0", layer->name, layer->reserved);
    if (layer->part > VIV_MODEL_PART_HEAD)
        return error_set(err, VIV_EABI, "layer '%s': part is %u, this host knows 0 to %d", layer->name, layer->part,
                         VIV_MODEL_PART_HEAD);
    if (layer->instance_size > MAX_INSTANCE)
        return error_set(err, VIV_EABI,
                         "layer '%s': instance_size is %llu bytes, at most %d are allocated; for more, use "
                         "workspace or a cache, or memory that the layer allocates in prepare",
                         layer->name, (unsigned long long)layer->instance_size, MAX_INSTANCE);
    for (size_t i = 0; layer->attrs[i]; i++) {
        if (i == MAX_ATTRS)
            return error_set(err, VIV_EABI, "layer '%s' has more than %d attributes; is the list NULL-terminated?",
                             layer->name, MAX_ATTRS);
        viv_status status = check_attr(layer, i, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

viv_status class_check(enum class_kind kind, const void *table, struct error *err)
{
    const struct class_head *head = table;
    if (head->struct_size < kinds[kind].size || head->struct_size > MAX_STRUCT)
        return error_set(err, VIV_EABI,
                         "struct_size of a %s is %u, expected %zu or a little more: rebuild the plugin",
                         kinds[kind].table, head->struct_size, kinds[kind].size);
    const uint32_t unknown = head->flags & ~kinds[kind].flags;
    for (const struct slot *s = kinds[kind].slots; s->name; s++) {
        const void *value;
        memcpy(&value, (const char *)table + s->offset, sizeof value);
        if (!value)
            return error_set(err, VIV_EABI, "%s '%s': '%s' is NULL, it must be given", kinds[kind].name,
                             head->name ? head->name : "?", s->name);
        if (s->offset == offsetof(struct class_head, name) && !plugin_name_is_plain(head->name, MAX_NAME + 1))
            return error_set(err, VIV_EABI, "a %s has a name that is not 1 to %d of a-z, 0-9, '_', '-' and '.'",
                             kinds[kind].name, MAX_NAME);
    }
    if (unknown)
        return error_set(err, VIV_EABI,
                         "%s '%s': flags 0x%x are not known to this host: update Vivarium, or build the plugin "
                         "without them",
                         kinds[kind].name, head->name, unknown);
    if (!is_text(head->summary))
        return error_set(err, VIV_EABI, "%s '%s': its summary is empty, endless, not UTF-8 or not of one line",
                         kinds[kind].name, head->name);
    return kind == CLASS_LAYER ? check_layer(table, err) : VIV_OK;
}
