/* layers.c - see layers.h. */
#include "layers/layers.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#define ENTRY(symbol) extern const viv_layer_class symbol;
#include "registry/layers.inc"
#undef ENTRY

static const viv_layer_class *const own_layers[] = {
#define ENTRY(symbol) &symbol,
#include "registry/layers.inc"
#undef ENTRY
};

bool layer_is_own(const char *name)
{
    for (size_t i = 0; i < sizeof own_layers / sizeof *own_layers; i++)
        if (strcmp(own_layers[i]->name, name) == 0)
            return true;
    return false;
}

viv_status layer_set_init(struct layer_set *set, struct error *err)
{
    *set = (struct layer_set){0};
    for (size_t i = 0; i < sizeof own_layers / sizeof *own_layers; i++) {
        viv_status status = layer_set_add(set, own_layers[i], "vivarium", NULL, err);
        if (status != VIV_OK) {
            layer_set_release(set);
            return status;
        }
    }
    return VIV_OK;
}

void layer_set_release(struct layer_set *set)
{
    free(set->entries);
    *set = (struct layer_set){0};
}

viv_status layer_set_add(struct layer_set *set, const viv_layer_class *class, const char *origin,
                         const char *plugin, struct error *err)
{
    size_t at = 0;
    while (at < set->n && strcmp(set->entries[at].class->name, class->name) < 0)
        at++;
    if (at < set->n && strcmp(set->entries[at].class->name, class->name) == 0)
        return error_set(err, VIV_EINVAL, "layer '%s' is provided by both %s and %s", class->name,
                         set->entries[at].origin, origin);
    if (!VEC_RESERVE(set->entries, set->n, set->capacity))
        return error_nomem(err);
    memmove(&set->entries[at + 1], &set->entries[at], (set->n - at) * sizeof *set->entries);
    set->entries[at] = (struct layer_entry){class, origin, plugin};
    set->n++;
    return VIV_OK;
}

const struct layer_entry *layer_set_entry(const struct layer_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->entries[i].class->name, name) == 0)
            return &set->entries[i];
    return NULL;
}

const viv_layer_class *layer_set_find(const struct layer_set *set, const char *name)
{
    const struct layer_entry *e = layer_set_entry(set, name);
    return e ? e->class : NULL;
}

viv_status layer_set_require(const struct layer_set *set, const char *name, const viv_layer_class **out,
                             struct error *err)
{
    *out = layer_set_find(set, name);
    if (*out)
        return VIV_OK;
    viv_status status =
        set->source ? set->source->provide(set->source_ctx, name, err) : error_set(err, VIV_ENOTFOUND, "%s", "");
    if (status == VIV_OK)
        *out = layer_set_find(set, name);
    return status;
}

size_t layer_set_names(const struct layer_set *set, const char **names, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n && n < room; i++)
        names[n++] = set->entries[i].class->name;
    const char *name;
    for (size_t i = 0; set->source && n < room && (name = set->source->name(set->source_ctx, i)); i++)
        names[n++] = name;
    return n;
}

const viv_attr *layer_attr(const viv_layer_class *class, const char *name)
{
    for (const viv_attr *const *a = class->attrs; *a; a++)
        if (strcmp((*a)->name, name) == 0)
            return *a;
    return NULL;
}

int64_t layer_attr_choice(const viv_attr *a, const char *word)
{
    const size_t n = strlen(word);
    int64_t index = 0;
    for (const char *c = a->choices; *c; index++) {
        const size_t m = strcspn(c, "|");
        if (m == n && memcmp(c, word, n) == 0)
            return index;
        c += m + (c[m] == '|');
    }
    return -1;
}
