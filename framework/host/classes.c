/* classes.c - what a class table must hold before anyone calls through it. */
#include "host/plugin.h"

#include <string.h>

struct slot {
    const char *name;
    size_t offset;
};

/* Slots that must be there and not NULL; the others are read under VIV_HAS where they are used. */
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
    size_t size; /* of the first version of the table; larger ones are newer, smaller ones are broken */
    const struct slot *slots;
} kinds[N_CLASS_KINDS] = {
    [CLASS_LAYER] = {"layer", VIV_CLASS_LAYER, "viv_layer_class", sizeof(viv_layer_class), layer_slots},
    [CLASS_SCHEDULER] = {"scheduler", VIV_CLASS_SCHEDULER, "viv_scheduler_class", sizeof(viv_scheduler_class),
                         scheduler_slots},
    [CLASS_ARCHITECTURE] = {"architecture", VIV_CLASS_ARCHITECTURE, "viv_architecture_class",
                            sizeof(viv_architecture_class), architecture_slots},
};

enum { MAX_TABLE = 65536, MAX_NAME = 63, MAX_ATTRS = 1024 };

const char *class_kind_name(enum class_kind kind)
{
    return kinds[kind].name;
}

const char *class_kind_id(enum class_kind kind)
{
    return kinds[kind].id;
}

/* Every class begins {struct_size, flags, name}. */
struct class_head {
    uint32_t struct_size, flags;
    const char *name;
};
_Static_assert(offsetof(viv_layer_class, name) == offsetof(struct class_head, name), "");
_Static_assert(offsetof(viv_scheduler_class, name) == offsetof(struct class_head, name), "");
_Static_assert(offsetof(viv_architecture_class, name) == offsetof(struct class_head, name), "");

const char *class_name(const void *table)
{
    return ((const struct class_head *)table)->name;
}

bool name_is_plain(const char *name, size_t capacity)
{
    size_t n = strnlen(name, capacity);
    return n > 0 && n < capacity && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-.") >= n;
}

static viv_status check_attrs(const viv_layer_class *layer, struct error *err)
{
    for (size_t i = 0; layer->attrs[i]; i++) {
        const viv_attr *a = layer->attrs[i];
        if (i == MAX_ATTRS)
            return error_set(err, VIV_EABI, "layer '%s' has more than %d attributes; is the list NULL-terminated?",
                             layer->name, MAX_ATTRS);
        if (a->struct_size < sizeof *a || a->struct_size > MAX_TABLE)
            return error_set(err, VIV_EABI,
                             "layer '%s', attribute %zu: struct_size of viv_attr is %u, expected %zu", layer->name,
                             i, a->struct_size, sizeof *a);
        if (!a->name || !name_is_plain(a->name, MAX_NAME + 1) || !a->doc)
            return error_set(err, VIV_EABI, "layer '%s', attribute %zu: its name or doc is missing or not plain",
                             layer->name, i);
        if (a->kind < VIV_ATTR_INT || a->kind > VIV_ATTR_VALUE)
            return error_set(err, VIV_EABI, "layer '%s', attribute '%s': kind is %d, this host knows %d to %d",
                             layer->name, a->name, a->kind, VIV_ATTR_INT, VIV_ATTR_VALUE);
        if (a->kind == VIV_ATTR_CHOICE && !a->choices)
            return error_set(err, VIV_EABI, "layer '%s', attribute '%s': a choice without choices", layer->name,
                             a->name);
    }
    return VIV_OK;
}

viv_status class_check(enum class_kind kind, const void *table, struct error *err)
{
    const struct class_head *head = table;
    if (head->struct_size < kinds[kind].size || head->struct_size > MAX_TABLE)
        return error_set(err, VIV_EABI,
                         "struct_size of a %s is %u, expected %zu or a little more: rebuild the plugin",
                         kinds[kind].table, head->struct_size, kinds[kind].size);
    for (const struct slot *s = kinds[kind].slots; s->name; s++) {
        const void *value;
        memcpy(&value, (const char *)table + s->offset, sizeof value);
        if (!value)
            return error_set(err, VIV_EABI, "%s '%s': '%s' is NULL, it must be given", kinds[kind].name,
                             head->name ? head->name : "?", s->name);
        if (s->offset == offsetof(struct class_head, name) && !name_is_plain(head->name, MAX_NAME + 1))
            return error_set(err, VIV_EABI, "a %s has a name that is not 1 to %d of a-z, 0-9, '_', '-' and '.'",
                             kinds[kind].name, MAX_NAME);
    }
    return kind == CLASS_LAYER ? check_attrs(table, err) : VIV_OK;
}
