/* cache_types.c - see cache_types.h. */
#include "graph/cache_types.h"

#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint32_t known[] = {VIV_F32, VIV_F16, VIV_BF16, VIV_Q8_0, VIV_Q4_0};

static bool find_type(const char *name, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const char *one = dtype_get(known[i])->name;
        if (strlen(one) == n && strncasecmp(one, name, n) == 0) {
            *out = known[i];
            return true;
        }
    }
    return false;
}

viv_status cache_types_parse(const char *text, struct cache_types *types, struct error *err)
{
    struct cache_types read = *types;
    bool twice = false, named[2] = {false, false}; /* keys, values */
    bool found = find_type(text, strlen(text), &read.keys);
    read.values = found ? read.keys : read.values;
    for (const char *at = text; !found; at += strcspn(at, ",") + 1) {
        const size_t n = strcspn(at, ",");
        twice = named[*at == 'v'];
        named[*at == 'v'] = true;
        if (twice || n < 2 || at[1] != '=' || (*at != 'k' && *at != 'v') ||
            !find_type(at + 2, n - 2, *at == 'k' ? &read.keys : &read.values))
            return error_set(
                err, VIV_EINVAL,
                "a cache type is %s, or one for keys and one for values such as k=q8_0,v=q4_0; found '%s'",
                CACHE_TYPE_CHOICES, text);
        found = !at[n];
    }
    *types = read;
    return VIV_OK;
}

const char *cache_types_text(const struct cache_types *types, char out[CACHE_TYPES_TEXT])
{
    const char *keys = dtype_get(types->keys)->name, *values = dtype_get(types->values)->name;
    if (types->keys == types->values)
        snprintf(out, CACHE_TYPES_TEXT, "%s", keys);
    else
        snprintf(out, CACHE_TYPES_TEXT, "k=%s,v=%s", keys, values);
    return out;
}

uint32_t cache_types_other(const struct cache_types *types)
{
    return types->keys == VIV_F32 || types->keys == VIV_BF16 ? VIV_F32 : VIV_F16;
}

uint32_t cache_types_of(const struct cache_types *types, const struct graph_cache *cache)
{
    if (cache->kind == CACHE_RECURRENT)
        return VIV_F32;
    return cache->content == VIV_CACHE_KEYS     ? types->keys
           : cache->content == VIV_CACHE_VALUES ? types->values
                                                : cache_types_other(types);
}

viv_status graph_check_cache_types(const struct graph *g, const struct cache_types *types, struct error *err)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t c = 0; c < g->nodes[i].n_caches; c++) {
            const struct graph_cache *cache = &g->nodes[i].caches[c];
            const struct dtype *type = dtype_get(cache_types_of(types, cache));
            if (type->block == 1 || cache->width % type->block == 0)
                continue;
            return error_set(err, VIV_EUNSUPPORTED,
                             "%s: %s by %" PRIu64
                             " features (head_dim) cannot be cached as %s, whose blocks have %d: use "
                             "--cache-type f16",
                             g->nodes[i].spec->path, cache->content == VIV_CACHE_KEYS ? "keys" : "values",
                             cache->width, type->name, type->block);
        }
    return VIV_OK;
}

uint64_t graph_cache_bytes(const struct graph *g, const struct cache_types *types, enum cache_kind kind)
{
    uint64_t bytes = 0, most = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const uint64_t before = bytes;
        for (uint32_t c = 0; c < g->nodes[i].n_caches; c++) {
            const struct graph_cache *cache = &g->nodes[i].caches[c];
            const struct dtype *type = dtype_get(cache_types_of(types, cache));
            if (cache->kind == kind)
                bytes += cache->elems / type->block * type->block_bytes;
        }
        most = bytes - before > most ? bytes - before : most;
    }
    return kind == CACHE_OF_STEP ? most : bytes;
}
