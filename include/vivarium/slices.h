/* slices.h - weights of which a step needs only some slices, as the experts of a layer are, as a service:
 * VIV_SERVICE_SLICES.
 *
 * Slice i of a weight [n, ...] is what stands at i of its first axis: a part of one tensor, or a tensor by itself. A set
 * is of weights whose slices are needed together: its slice i is slice i of each. Where the user gave a budget
 * (`--expert-memory`), not all slices are in memory: those used last are, others are read when they are held, or
 * ahead where the layer says which it expects. None of this changes a bit of what is computed.
 *
 * A layer asks for the weights by want_sliced, makes sets in `prepare`, and holds a slice while it reads it. */
#ifndef VIVARIUM_SLICES_H
#define VIVARIUM_SLICES_H

#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_SERVICE_SLICES "viv.slices/0"

typedef struct viv_slices {
    uint32_t struct_size, flags;
    /* A set of the weights that these attributes name, which have equally many slices. A row of a step needs
     * `n_together` of them at once: no budget may be smaller. The host's; lives as long as the layer. [setup] */
    viv_status (*create)(const viv_prepare *p, const char *const *attrs, uint32_t n_attrs, uint64_t n_together,
                         void **set);
    uint64_t (*count)(const void *set); /* [any] */
    /* Type and shape of a slice of the weight that attrs[k] names, equal for all of them; without data. [any] */
    const viv_tensor *(*kind)(const void *set, uint32_t k);
    /* The data of slice i, of each weight: data[n_attrs], in memory until let_go. Waits until they have been read.
     * [worker], but that it may block */
    viv_status (*hold)(void *set, uint64_t i, const void *const **data);
    void (*let_go)(void *set, uint64_t i); /* [worker] */
    /* Slices about to be held, in this order: read ahead while there is room. [worker] */
    void (*expect)(void *set, const uint32_t *slices, uint64_t n);
    int32_t (*is_here)(const void *set, uint64_t i); /* in memory just now. [any] */
} viv_slices;

#ifdef __cplusplus
}
#endif
#endif
