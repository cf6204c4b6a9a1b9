/* layers.h - the set of layer classes that specs may name: ours, and those that plugins bring. */
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
    /* Where layers come from that the set does not hold yet, so that no plugin is loaded before it is needed. */
    const struct layer_source {
        /* Adds the layer of this name to the set. VIV_ENOTFOUND: nobody brings it, and the error says which plugins
         * are refused, or nothing. */
        viv_status (*bring)(void *ctx, const char *name, struct error *err);
        /* The i-th layer that can be brought; NULL: there is no more. */
        const char *(*name)(void *ctx, size_t i);
    } * source; /* or NULL */
    void *source_ctx;
};

/* A zeroed set, with our own layers in it, sorted by name. */
viv_status layer_set_init(struct layer_set *set, struct error *err);
void layer_set_release(struct layer_set *set);
/* Refuses a class whose name is taken (the error names both origins). Class, origin and plugin are borrowed. */
viv_status layer_set_add(struct layer_set *set, const viv_layer_class *class, const char *origin,
                         const char *plugin, struct error *err);
const struct layer_entry *layer_set_entry(const struct layer_set *set,
                                          const char *name);                          /* of those in it, or NULL */
const viv_layer_class *layer_set_find(const struct layer_set *set, const char *name); /* the same: its class */
bool layer_is_own(const char *name); /* one that Vivarium has itself */
/* The class, brought from the source where the set does not hold it. Errors as the source's. */
viv_status layer_set_bring(const struct layer_set *set, const char *name, const viv_layer_class **out,
                           struct error *err);
/* Names of the layers that can be had, `room` of them at most; returns how many. */
size_t layer_set_names(const struct layer_set *set, const char **names, size_t room);
const viv_attr *layer_attr(const viv_layer_class *class, const char *name); /* or NULL */
int64_t layer_attr_choice(const viv_attr *a, const char *word); /* which of its choices this is, from 0; -1: none */

#endif
