/* precision.h - weights of other types than the file has, so that all of them fit into so many bytes: an
 * architecture chooses the types (vivarium/precision.h), and the weights are encoded while the model is loaded. */
#ifndef MODEL_PRECISION_H
#define MODEL_PRECISION_H

#include "model/model.h"

#include <vivarium/precision.h>

struct precision_plan {
    uint64_t bytes, bytes_before; /* of the weights whose type is chosen */
    uint64_t elements;
    uint32_t n;       /* weights */
    uint32_t *dtypes; /* [expansion->n_weights] what each becomes, UINT32_MAX: what it is */
};

/* The type of a name, if weights can be made of it. */
viv_status precision_parse(const char *name, uint32_t *out, struct error *err);
/* Needs no model_load. VIV_ELIMIT, with the bytes that the smallest choice needs, if none fits. precision NULL: all
 * weights get the type that model_options.weight_type names, whatever the budget. precision_release in any case. */
viv_status precision_choose(viv_model *m, const struct precision *precision, uint64_t budget,
                            struct precision_plan *out, struct error *err);
void precision_release(struct precision_plan *p);

bool precision_is_given(const viv_model *m); /* the options have a weight_type */
/* For model_load: chooses by the model's options, and encodes. */
viv_status precision_apply(viv_model *m, struct error *err);

#endif
