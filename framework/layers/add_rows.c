/* add_rows.c - y[r] = x[r] + part of the vector that took the place of token r; y[r] = x[r] where a token is
 *
 *   x, y:    [n_rows, dim]
 *   vector:  [(part + 1) * dim or more], of which an embedding takes the first dim                             */
#include "layers/layer.h"

#include <string.h>

struct add_rows {
    const viv_kernels *kernels;
    uint64_t dim, part;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_INT, VIV_ATTR_REQUIRED, "part",
             .doc = "of the vector, as long as a row; 0 is what the embedding took", .min = 1, .max = 1024),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct add_rows *l = layer;
    l->part = (uint64_t)b->get_int(b, "part");
    l->dim = b->out_dim = b->in_dims[0];
    b->vector_dim = (l->part + 1) * l->dim;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct add_rows *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    return VIV_OK;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct add_rows *l = layer;
    (void)phase;
    for (uint64_t r = first; r < end; r++) {
        const float *x = e->in[0] + r * l->dim, *vector = e->vectors ? e->vectors[r] : NULL;
        float *y = e->out + r * l->dim;
        if (vector)
            l->kernels->add(y, x, vector + l->part * l->dim, l->dim);
        else if (y != x)
            memcpy(y, x, l->dim * sizeof *y);
    }
    return VIV_OK;
}

const viv_layer_class layer_add_rows = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE,
    .name = "add_rows",
    .summary = "Adds further features of the vectors that take the place of tokens, such as those of pictures.",
    .attrs = attrs,
    .instance_size = sizeof(struct add_rows),
    .infer = infer,
    .prepare = prepare,
    .tasks = viv_row_tasks,
    .forward = forward,
};
