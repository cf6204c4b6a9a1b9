/* adapters.h - the LoRA adapters of a model: opened, merged, listed. */
#ifndef ADAPTERS_ADAPTERS_H
#define ADAPTERS_ADAPTERS_H

#include "model/model.h"

/* adapt.c: opens the adapters and enters the tensors that they change in the checkpoint's table. May expand the
 * spec again. */
viv_status adapters_open(viv_model *m, struct error *err);
void adapters_close(viv_model *m);
/* merge.c: computes the data of these tensors. Needs the scheduler. */
viv_status adapters_merge(viv_model *m, struct error *err);

/* An adapter on the model's weights. */
struct adapter_summary {
    const char *path, *format; /* "peft", "gguf" */
    double scale;
    uint32_t n_low_rank, n_replaced; /* tensors changed by a low-rank product; replaced, whole or some rows */
    uint64_t rank_min, rank_max;
};
uint32_t model_n_adapters(const viv_model *m);
void model_adapter(const viv_model *m, uint32_t i, struct adapter_summary *out);

#endif
