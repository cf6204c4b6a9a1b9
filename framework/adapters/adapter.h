/* adapter.h - LoRA adapters (Hu et al. 2021): as their files hold them, and as they change a model's tensors.
 *
 *   adapter_config.c   adapter_config.json of PEFT
 *   adapter.c          files -> changes, by the names of the model that the adapter was trained on
 *   adapt.c            changes -> tensors of the checkpoint
 *   ties.c, counterpart.c   where that takes more than a name: heads that are the embedding, GGUF files
 *   merge.c            the arithmetic: W' = W + scale B A                                                    */
#ifndef ADAPTERS_ADAPTER_H
#define ADAPTERS_ADAPTER_H

#include "formats/checkpoint.h"

enum change_kind {
    CHANGE_LOW_RANK, /* W + scale B A */
    CHANGE_BIAS,     /* b + scale * vector */
    CHANGE_WHOLE,    /* another tensor in place of it */
    CHANGE_ROWS      /* other rows in place of some */
};

/* How the factors of a low-rank change lie. */
enum change_form {
    FORM_LINEAR,        /* of a matrix [out, in]:       A [rank, in], B [out, rank] */
    FORM_EMBEDDING,     /* of an embedding [vocab, dim]: A [rank, vocab], B [dim, rank] */
    FORM_EMBEDDING_GGUF /* the same in GGUF files:       A [vocab, rank], B [dim, rank] */
};

struct change {
    enum change_kind kind;
    enum change_form form;
    const char *name;            /* of the tensor that changes */
    const viv_tensor *a, *b;     /* the factors; b alone: vector, tensor or rows */
    const viv_tensor *magnitude; /* of DoRA (Liu et al. 2024), or NULL */
    const viv_tensor *bias;      /* of B, becomes a change of its own */
    uint64_t rank;
    double scale;        /* alpha / rank and what the user says, together */
    const int64_t *rows; /* [b's first dimension] of CHANGE_ROWS */
    bool parameter;      /* the model's own parameter was saved, and other weights may be the same one */
};

struct adapter {
    char *path;
    double scale;
    struct checkpoint files;
    struct arena arena;
    struct change *changes;
    uint32_t n_changes;
    bool keeps_ties; /* where embedding and output head are one, a change of one is a change of both */
};

/* The path and the scale (1 without one) in "path:scale"; a path that is there as it stands has none. *path
 * malloc'ed. */
viv_status adapter_split(const char *words, char **path, double *scale, struct error *err);
/* A directory of PEFT, or a GGUF file. Closing accepts a zeroed struct. */
viv_status adapter_open(struct adapter *a, const char *path, double scale, struct error *err);
void adapter_close(struct adapter *a);

/* A change where it lands. */
struct use {
    const struct adapter *adapter;
    const struct change *change;
    bool transposed; /* the tensor lies [in, out] */
    uint64_t heads; /* its rows are those of this many heads, neighbours where the change's lie half a head apart */
};

/* A tensor of the checkpoint that changes. Until its changes are merged it has a type and a size, and no data. */
struct adapted {
    uint32_t tensor;                   /* index in the checkpoint */
    viv_tensor base;                   /* what the changes are made to: what was there, or what replaces it */
    uint64_t heads;                    /* as in struct use, of what replaces it */
    const struct adapter *replaced_by; /* or NULL */
    struct use *uses;
    size_t n_uses, capacity;
    void *data; /* merged; or NULL */
};

/* rank_pattern or alpha_pattern: the value of the first that a module's name ends in holds. */
struct patterns {
    struct pattern {
        struct regex *regex;
        double value;
    } * v;
    size_t n;
};

/* adapter_config.json of PEFT: how strongly which module changes. */
struct adapter_config {
    char *path;
    json_t *root;
    int64_t rank;
    double alpha;
    bool rslora, dora, lora_bias, keeps_ties;
    struct patterns ranks, alphas;
};
viv_status adapter_config_read(const char *path, struct adapter_config **out, struct error *err);
void adapter_config_destroy(struct adapter_config *c);
/* The rank that a module's factors must have, and alpha / rank or what stands for it. */
viv_status adapter_config_scale(const struct adapter_config *c, const char *module, uint64_t *rank, double *scale,
                                struct error *err);

#endif
