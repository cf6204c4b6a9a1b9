/* service_expert_cache.c - viv.expert-cache: the weights of experts, for layers. */
#include "experts/expert_set.h"
#include "graph/graph.h"
#include "host/service.h"

static viv_status want_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims)
{
    return graph_want_expert_weight(b, attr, ndim, dims);
}

static viv_status create(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_per_row,
                         viv_expert_set **set)
{
    viv_expert_set *s;
    struct error err;
    viv_status status = expert_set_create(p, attrs, n_attrs, n_per_row, &s, &err);
    if (status != VIV_OK)
        return leave(&err, status);
    *set = s;
    return VIV_OK;
}

static uint64_t count(const viv_expert_set *set)
{
    return expert_set_count(set);
}

static const viv_tensor *format(const viv_expert_set *set, uint32_t k)
{
    return expert_set_format(set, k);
}

static viv_status acquire(viv_expert_set *set, uint64_t i, const void *const **data)
{
    struct error err;
    viv_status status = expert_set_acquire(set, i, data, &err);
    return leave(&err, status);
}

static void release(viv_expert_set *set, uint64_t i)
{
    expert_set_release(set, i);
}

static void prefetch(viv_expert_set *set, const uint32_t *experts, uint64_t n)
{
    expert_set_prefetch(set, experts, n);
}

static int32_t is_resident(const viv_expert_set *set, uint64_t i)
{
    return expert_set_is_resident(set, i);
}

static const viv_expert_cache expert_cache = {
    .struct_size = sizeof(viv_expert_cache),
    .want_weight = want_weight,
    .create = create,
    .count = count,
    .format = format,
    .acquire = acquire,
    .release = release,
    .prefetch = prefetch,
    .is_resident = is_resident,
};

const struct service service_expert_cache = {.id = VIV_SERVICE_EXPERT_CACHE, .table = &expert_cache};
