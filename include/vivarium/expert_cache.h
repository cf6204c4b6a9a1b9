/* expert_cache.h - weights of experts, of which a step needs only some, as a service: VIV_SERVICE_EXPERT_CACHE.
 *
 * Expert i of a weight [n, ...] is element i of the first axis: a slice of one tensor, or a tensor by itself. A set
 * joins weights that are used together: its expert i is expert i of each weight. If the user gave a budget
 * (`--expert-memory`), the cache holds only the experts used last; others are read from the file when they are
 * acquired, or earlier if the layer prefetches them. The results are bit-identical in any case.
 *
 * A layer requests the weights with want_weight in `infer`, creates sets in `prepare`, and acquires an expert while it
 * reads it. */
#ifndef VIVARIUM_EXPERT_CACHE_H
#define VIVARIUM_EXPERT_CACHE_H

#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_EXPERT_CACHE "viv.expert-cache/0"

typedef struct viv_expert_set viv_expert_set;

typedef struct viv_expert_cache {
    uint32_t struct_size, flags;
    /* Requests a weight of experts as viv_infer.want_weight does one of another kind: its first axis counts experts. They
     * may be separate tensors in the file, and need not all be in memory. weight_dims knows its dims.
     * [setup: in viv_layer_class.infer] */
    viv_status (*want_weight)(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims);
    /* Creates a set of the weights named by these attributes, which must have equally many experts. One row uses
     * `n_per_row` experts at once: a smaller budget is refused. The host owns the set; it lives as long as the layer.
     * [setup: in viv_layer_class.prepare] */
    viv_status (*create)(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_per_row,
                         viv_expert_set **set);
    uint64_t (*count)(const viv_expert_set *set); /* number of experts. [any: after create] */
    /* Type and shape of one expert of the weight named by attrs[k], equal for all experts; without data.
     * [any: after create] */
    const viv_tensor *(*format)(const viv_expert_set *set, uint32_t k);
    /* Returns the data of expert i: data[n_attrs], valid until it is released. Blocks while the data is read.
     * [worker: in viv_layer_class.forward] */
    viv_status (*acquire)(viv_expert_set *set, uint64_t i, const void *const **data);
    void (*release)(viv_expert_set *set, uint64_t i); /* [worker: in the same forward, once for each acquire] */
    /* Announces experts that will be acquired, in this order: they are read ahead while there is room.
     * [worker: in viv_layer_class.forward] */
    void (*prefetch)(viv_expert_set *set, const uint32_t *experts, uint64_t n);
    int32_t (*is_resident)(const viv_expert_set *set, uint64_t i); /* its data is in memory now. [any: after create] */
} viv_expert_cache;

#ifdef __cplusplus
}
#endif
#endif
