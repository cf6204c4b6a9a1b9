/* service_slices.c - viv.slices: weights in slices, for layers. */
#include "experts/slices.h"
#include "host/service.h"

static viv_status create(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_together,
                         void **set)
{
    struct slice_set *s;
    struct error err;
    viv_status status = slices_create(p, attrs, n_attrs, n_together, &s, &err);
    if (status != VIV_OK)
        return leave(&err, status);
    *set = s;
    return VIV_OK;
}

static uint64_t count(const void *set)
{
    return slices_count(set);
}

static const viv_tensor *kind(const void *set, uint32_t k)
{
    return slices_kind(set, k);
}

static viv_status hold(void *set, uint64_t i, const void *const **data)
{
    struct error err;
    viv_status status = slices_hold(set, i, data, &err);
    return leave(&err, status);
}

static void let_go(void *set, uint64_t i)
{
    slices_let_go(set, i);
}

static void expect(void *set, const uint32_t *slices, uint64_t n)
{
    slices_expect(set, slices, n);
}

static int32_t is_here(const void *set, uint64_t i)
{
    return slices_is_here(set, i);
}

static const viv_slices slices = {
    .struct_size = sizeof(viv_slices),
    .create = create,
    .count = count,
    .kind = kind,
    .hold = hold,
    .let_go = let_go,
    .expect = expect,
    .is_here = is_here,
};

const struct service service_slices = {.id = VIV_SERVICE_SLICES, .table = &slices};
