/* landing.h - what adapt.c asks on its way from the changes of adapters to tensors of the checkpoint. */
#ifndef ADAPTERS_LANDING_H
#define ADAPTERS_LANDING_H

#include "adapters/adapter.h"
#include "model/instance.h"

/* --- ties.c: embedding and output head that are one tensor, where an adapter changes one of them ------------- */

enum { MAX_TIES = 16 };

/* Heads that have become tensors of their own, and the embeddings that they were. */
struct parted_ties {
    struct parted_tie {
        struct tie tie;
        uint32_t tensor, other;
    } items[MAX_TIES];
    uint32_t n;
};
/* Parts those that the model's adapters change on one side, and expands its spec anew if there are any. */
viv_status ties_part(viv_model *m, struct parted_ties *out, struct error *err);
/* Whether a change of the embedding leaves the head as it was. */
bool change_leaves_head(const struct adapter *a, const struct change *c);

/* --- counterpart.c: weights of safetensors in a GGUF file ---------------------------------------------------- */

/* What a change lands on. */
struct change_target {
    uint32_t tensor;
    bool transposed; /* the tensor lies [in, out] */
    bool turned;     /* the adapter's own model has it the other way round */
    uint64_t heads;  /* see struct use */
};

struct counterparts {
    const viv_model *m;
    struct expansion *hf;             /* the model's, as if its weights came as safetensors */
    struct arrangement *arrangements; /* [m->expansion->n_weights] */
};
/* Of a model whose checkpoint is GGUF. Release accepts a zeroed struct. */
viv_status counterparts_init(struct counterparts *c, const viv_model *m, struct error *err);
/* The GGUF tensor that weight i of c->hf is; `name` is what the adapter calls it. */
viv_status counterpart_find(const struct counterparts *c, uint32_t i, const char *name, struct change_target *t,
                            struct error *err);
void counterparts_release(struct counterparts *c);
bool weight_is_transposed(const struct weight *w);

#endif
