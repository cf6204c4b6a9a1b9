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

viv_status layer_set_init(struct layer_set *set, struct error *err)
{
    *set = (struct layer_set){0};
    for (size_t i = 0; i < sizeof own_layers / sizeof *own_layers; i++) {
        viv_status status = layer_set_add(set, own_layers[i], "vivarium", err);
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

viv_status layer_set_add(struct layer_set *set, const viv_layer_class *class, const char *origin, struct error *err)
{
    const char *name = class->name ? class->name : "?";
    if (class->struct_size < sizeof(viv_layer_class) || !class->name || !class->summary || !class->attrs ||
        !class->infer || !class->prepare || !class->tasks || !class->forward)
        return error_set(err, VIV_EABI, "layer '%s' of %s lacks a mandatory field of viv_layer_class", name,
                         origin);
    size_t at = 0;
    while (at < set->n && strcmp(set->entries[at].class->name, name) < 0)
        at++;
    if (at < set->n && strcmp(set->entries[at].class->name, name) == 0)
        return error_set(err, VIV_EINVAL, "layer '%s' is brought by both %s and %s", name, set->entries[at].origin,
                         origin);
    if (!VEC_RESERVE(set->entries, set->n, set->capacity))
        return error_nomem(err);
    memmove(&set->entries[at + 1], &set->entries[at], (set->n - at) * sizeof *set->entries);
    set->entries[at] = (struct layer_entry){class, origin};
    set->n++;
    return VIV_OK;
}

const viv_layer_class *layer_set_find(const struct layer_set *set, const char *name)
{
    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->entries[i].class->name, name) == 0)
            return set->entries[i].class;
    return NULL;
}

const viv_attr *layer_attr(const viv_layer_class *class, const char *name)
{
    for (const viv_attr *const *a = class->attrs; *a; a++)
        if (strcmp((*a)->name, name) == 0)
            return *a;
    return NULL;
}

int64_t attr_choice(const viv_attr *a, const char *word)
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
