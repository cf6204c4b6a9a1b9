/* target.h - helpers of adapt.c, which finds the tensor of the checkpoint that a change of an adapter targets. */
#ifndef ADAPTERS_TARGET_H
#define ADAPTERS_TARGET_H

#include "adapters/adapter.h"
#include "model/instance.h"

/* --- ties.c: tied embedding and output head, if an adapter changes one of them -------------------------------- */

enum { MAX_TIES = 16 };

/* Heads that were tied and are now tensors of their own, and their embeddings. */
struct split_ties {
    struct split_tie {
        struct tie tie;
        uint32_t tensor, other;
    } items[MAX_TIES];
    uint32_t n;
};
/* Unties those that the model's adapters change on one side, and expands its spec again if there are any. */
viv_status ties_split(viv_model *m, struct split_ties *out, struct error *err);
/* Whether a change of the embedding does not affect the head. */
bool adapter_change_leaves_head(const struct adapter *a, const struct change *c);

/* --- twin.c: weights of safetensors in a GGUF file ------------------------------------------------------------ */

/* The target of a change. */
struct change_target {
    uint32_t tensor;
    bool transposed; /* the tensor is [in, out] */
    bool turned;     /* in the adapter's base model it is transposed relative to this */
    uint64_t heads;  /* see struct use */
};

struct twins {
    const viv_model *m;
    struct expansion *hf;   /* the model's expansion, as if its weights were safetensors */
    struct layout *layouts; /* [m->expansion->n_weights] */
};
/* For a model whose checkpoint is GGUF. Release accepts a zeroed struct. */
viv_status twins_init(struct twins *c, const viv_model *m, struct error *err);
/* Finds the twin of weight i of c->hf: the tensor of the GGUF file that holds the same numbers. `name`: its name in
 * the adapter. */
viv_status twin_find(const struct twins *c, uint32_t i, const char *name, struct change_target *t,
                     struct error *err);
void twins_release(struct twins *c);
bool adapter_weight_is_transposed(const struct weight *w);

#endif
