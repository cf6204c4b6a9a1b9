/* lookup.c - see lookup.h. */
#include "layers/lookup.h"

viv_status lookup_infer(void *layer, viv_infer *b)
{
    struct lookup *l = layer;
    uint64_t dims[2] = {0, b->in_dims[0]};
    const viv_status status = viv_want_weight(b, "weight", 2, dims);
    l->n_rows = dims[0];
    l->dim = b->out_dim = dims[1];
    return status;
}

viv_status lookup_cost(const void *layer, viv_cost *c)
{
    const struct lookup *l = layer;
    c->weight_elems = c->n_rows * l->dim;
    return VIV_OK;
}

viv_status lookup_prepare(void *layer, viv_prepare *p)
{
    struct lookup *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    l->weight = p->weight(p, "weight");
    l->to_f32 = l->weight ? l->kernels->to_f32(l->weight->dtype) : NULL;
    if (!l->to_f32)
        return viv_fail(p->host, VIV_EUNSUPPORTED, "tensor '%s' has a type that cannot be read as numbers",
                        l->weight ? l->weight->name : "weight");
    p->worker_workspace = l->dim * sizeof(float);
    return VIV_OK;
}

void lookup_read(const struct lookup *l, uint64_t row, float *y)
{
    l->to_f32(y, (const char *)l->weight->dl.data + row * l->weight->row_bytes, l->dim);
}

void lookup_add(const struct lookup *l, const viv_exec *e, uint64_t r, uint64_t row)
{
    lookup_read(l, row, e->scratch);
    l->kernels->add(e->out + r * l->dim, e->in[0] + r * l->dim, e->scratch, l->dim);
}
