/* pool.c - y[r] = one vector for the sequence of row r: its first row, the mean, its last row, or the mean
 * of its grid
 *
 *   x, y:  [n_rows, dim]      all rows of a sequence get the same, so that any of them can be the output row */
#include "layers/description.h"

#include <stdbool.h>
#include <string.h>

enum pool_by { BY_CLS, BY_MEAN, BY_LAST, BY_GRID };

struct pool {
    const viv_kernels *kernels;
    uint64_t dim;
    enum pool_by by;
};

static const viv_attr *const attrs[] = {
    VIV_ATTR(VIV_ATTR_CHOICE, VIV_ATTR_REQUIRED, "by",
             .doc = "the first row (that of [CLS]), the mean of all, the last row, the mean of a picture's patches "
                    "without rows before and behind",
             .choices = "cls|mean|last|grid"),
    NULL};

static viv_status infer(void *layer, viv_infer *b)
{
    struct pool *l = layer;
    l->by = (enum pool_by)b->get_int(b, "by");
    l->dim = b->out_dim = b->in_dims[0];
    b->whole_sequences = 1;
    return VIV_OK;
}

static viv_status prepare(void *layer, viv_prepare *p)
{
    struct pool *l = layer;
    l->kernels = p->host->get_service(p->host, VIV_SERVICE_KERNELS);
    p->worker_workspace = l->dim * sizeof(float);
    return VIV_OK;
}

static uint64_t tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_spans;
}

static viv_status forward(const void *layer, const viv_exec *e, uint32_t phase, uint64_t first, uint64_t end)
{
    const struct pool *l = layer;
    float *y = e->scratch;
    (void)phase;
    for (uint64_t s = first; s < end; s++) {
        const viv_span *span = e->spans[s];
        const bool mean = l->by == BY_MEAN || l->by == BY_GRID;
        const uint64_t begin = l->by == BY_GRID   ? span->grid->before
                               : l->by == BY_LAST ? span->n_rows - 1
                                                  : 0,
                       last = mean ? span->n_rows - (l->by == BY_GRID ? span->grid->after : 0) : begin + 1;
        const float *x = e->in[0] + span->first_row * l->dim;
        memcpy(y, x + begin * l->dim, l->dim * sizeof *y);
        for (uint64_t r = begin + 1; r < last; r++)
            l->kernels->add(y, y, x + r * l->dim, l->dim);
        for (uint64_t j = 0; mean && j < l->dim; j++)
            y[j] /= (float)(last - begin);
        for (uint64_t r = 0; r < span->n_rows; r++)
            memcpy(e->out + (span->first_row + r) * l->dim, y, l->dim * sizeof *y);
    }
    return VIV_OK;
}

static int32_t describe(const void *layer, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                        char text[VIV_DESCRIPTION_TEXT])
{
    static const char *const by[] = {"the first token", "the mean of all", "the last token", "the mean of patches"};
    const struct pool *l = layer;
    return i == 0 && description_put(attribute, text, "pooling", "%s", by[l->by]);
}

VIV_GET_DESCRIPTION(get_ext, describe)

const viv_layer_class layer_pool = {
    .struct_size = sizeof(viv_layer_class),
    .flags = VIV_LAYER_IN_PLACE,
    .name = "pool",
    .summary = "Pools each sequence to one vector.",
    .attrs = attrs,
    .instance_size = sizeof(struct pool),
    .infer = infer,
    .prepare = prepare,
    .tasks = tasks,
    .forward = forward,
    .get_ext = get_ext,
};
