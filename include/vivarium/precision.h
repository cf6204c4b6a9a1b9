/* precision.h - which type each weight of a model is computed with, so that all of them fit into so many bytes: an extension
 * of architecture classes, returned by get_ext(VIV_ARCHITECTURE_PRECISION). The host describes the weights and the types
 * that it can make, the architecture chooses, and the host encodes them while the model is loaded. */
#ifndef VIVARIUM_PRECISION_H
#define VIVARIUM_PRECISION_H

#include <vivarium/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_ARCHITECTURE_PRECISION "viv.precision/0"

/* A type that the host can make. */
typedef struct viv_weight_type {
    uint32_t struct_size, dtype;
    const char *name;            /* "q4_k" */
    uint32_t block, block_bytes; /* weights of a row that lie together, and their bytes */
} viv_weight_type;

/* A matrix of weights. Those of which the types are not to be chosen (vectors, experts, an embedding that is only looked
 * up) are not told. */
typedef struct viv_weight {
    uint32_t struct_size, flags;
    const char *layer, *attr; /* the class of the first layer that uses it, and the attribute that names it there:
                                 "attention", "v" */
    uint64_t n_rows, n_in;    /* blocks lie along n_in, and must divide it */
    uint64_t bytes;           /* as it is */
    uint32_t dtype;           /* as it is; choose writes what it shall be */
    uint32_t index;           /* among those of the same layer class and attribute, in the order of layers */
    /* [n_types] what each type costs the model in this weight, relative to others, where the user has measured it: 0 or more;
     * NAN: that type was not measured. NULL: none was. */
    const double *losses;
} viv_weight;

typedef struct viv_precision {
    uint32_t struct_size, flags;
    /* Sets the dtype of each weight: what it is, or one of the types. *bytes: of all weights then, at most `budget`. If
     * no choice fits, VIV_ELIMIT, and *bytes is what the smallest choice needs. [setup: after init] */
    viv_status (*choose)(const viv_host *host, const viv_weight_type *const *types, uint32_t n_types,
                         viv_weight *const *weights, uint32_t n_weights, uint64_t budget, uint64_t *bytes);
} viv_precision;

#ifdef __cplusplus
}
#endif
#endif
