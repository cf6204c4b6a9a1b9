/* layers.h - the set of layer classes that specs may name: ours, and those that plugins bring. */
#ifndef LAYERS_LAYERS_H
#define LAYERS_LAYERS_H

#include "base/error.h"

#include <vivarium/layer.h>

struct layer_set {
    struct layer_entry {
        const viv_layer_class *class;
        const char *origin; /* "vivarium" or the plugin's name */
    } * entries;
    size_t n, capacity;
};

/* A zeroed set, with our own layers in it, sorted by name. */
viv_status layer_set_init(struct layer_set *set, struct error *err);
void layer_set_release(struct layer_set *set);
/* Refuses a class that is not whole, or whose name is taken (the error names both origins). Class and origin are
 * borrowed. */
viv_status layer_set_add(struct layer_set *set, const viv_layer_class *class, const char *origin,
                         struct error *err);
const viv_layer_class *layer_set_find(const struct layer_set *set, const char *name); /* or NULL */
const viv_attr *layer_attr(const viv_layer_class *class, const char *name);           /* or NULL */
int64_t attr_choice(const viv_attr *a, const char *word); /* which of its choices this is, from 0; -1: none */

#endif
