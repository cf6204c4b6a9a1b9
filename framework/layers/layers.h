/* layers.h - the set of layer classes that specs may name: our own, and those of plugins. */
#ifndef LAYERS_LAYERS_H
#define LAYERS_LAYERS_H

#include "base/error.h"

#include <stdbool.h>
#include <vivarium/layer.h>

struct layer_set {
    struct layer_entry {
        const viv_layer_class *class;
        const char *origin; /* "vivarium" or the plugin's name */
        const char *plugin; /* "plugin NAME (PATH)", for messages; NULL: it is ours */
    } * entries;
    size_t n, capacity;
    /* Provides layers that are not in the set yet, so that plugins are loaded only when needed. */
    const struct layer_source {
        /* Adds the layer of this name to the set. VIV_ENOTFOUND if no plugin provides it; the error lists plugins
         * that were refused, if any. */
        viv_status (*provide)(void *ctx, const char *name, struct error *err);
        /* The name of the i-th layer that can be added; NULL: there are no more. */
        const char *(*name)(void *ctx, size_t i);
    } * source; /* or NULL */
    void *source_ctx;
};

/* Initialises a set with our own layers, sorted by name. */
viv_status layer_set_init(struct layer_set *set, struct error *err);
void layer_set_release(struct layer_set *set);
/* Adds a class. Fails if its name is taken; the error names both origins. Class, origin and plugin are borrowed. */
viv_status layer_set_add(struct layer_set *set, const viv_layer_class *class, const char *origin,
                         const char *plugin, struct error *err);
const struct layer_entry *layer_set_entry(const struct layer_set *set, const char *name); /* or NULL */
const viv_layer_class *layer_set_find(const struct layer_set *set, const char *name);     /* its class, or NULL */
bool layer_is_own(const char *name); /* a layer of Vivarium itself */
/* The class, added from the source if the set does not hold it. */
viv_status layer_set_require(const struct layer_set *set, const char *name, const viv_layer_class **out,
                             struct error *err);
/* Writes the names of all available layers, at most `room`; returns how many. */
size_t layer_set_names(const struct layer_set *set, const char **names, size_t room);
const viv_attr *layer_attr(const viv_layer_class *class, const char *name); /* or NULL */
int64_t layer_attr_choice(const viv_attr *a, const char *word);             /* index of the choice, or -1 */

#endif
