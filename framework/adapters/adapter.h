/* adapter.h - LoRA adapters (Hu et al. 2021): their files, and the changes that they make to a model's tensors.
 *
 *   adapter_config.c   adapter_config.json of PEFT
 *   adapter.c          files -> changes, by tensor names of the base model
 *   adapt.c            changes -> tensors of the checkpoint
 *   ties.c, twin.c     special cases of that: tied embeddings, GGUF files
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

/* The shapes of the factors of a low-rank change. */
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
    double scale;        /* alpha / rank, times the scale that the user gave */
    const int64_t *rows; /* [b's first dimension] of CHANGE_ROWS */
    bool parameter;      /* a parameter of the base model was saved, which may be tied to other weights */
};

struct adapter {
    char *path;
    double scale;
    struct checkpoint files;
    struct arena arena;
    struct change *changes;
    uint32_t n_changes;
    bool keeps_ties; /* if embedding and output head are tied, a change of one changes both */
};

/* Splits "path:scale"; the scale is 1 if there is none, or if all of it is the path of a file. *path is malloc'ed.
 */
viv_status adapter_split(const char *words, char **path, double *scale, struct error *err);
/* Opens a directory of PEFT or a GGUF file. Closing accepts a zeroed struct. */
viv_status adapter_open(struct adapter *a, const char *path, double scale, struct error *err);
void adapter_close(struct adapter *a);

/* A change with its target. */
struct use {
    const struct adapter *adapter;
    const struct change *change;
    bool transposed; /* the tensor is [in, out] */
    uint64_t heads;  /* non-zero: rotary pairs of this many heads are neighbours in its rows, and half a head apart
                        in  the change's */
};

/* A tensor of the checkpoint that adapters change. Until the changes are merged, it has a type and a size but no
 * data. */
struct adapted {
    uint32_t tensor; /* index in the checkpoint */
    viv_tensor base; /* the tensor before the changes: the checkpoint's, or one that replaces it */
    uint64_t heads;  /* as in struct use, of the replacement */
    const struct adapter *replaced_by; /* or NULL */
    struct use *uses;
    size_t n_uses, capacity;
    void *data; /* merged; or NULL */
};

/* rank_pattern or alpha_pattern: the first pattern that matches the end of a module's name applies. */
struct patterns {
    struct pattern {
        struct regex *regex;
        double value;
    } * v;
    size_t n;
};

/* adapter_config.json of PEFT: rank and scale of each module. */
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
/* The rank that a module's factors must have, and alpha / rank, or alpha / sqrt(rank). */
viv_status adapter_config_scale(const struct adapter_config *c, const char *module, uint64_t *rank, double *scale,
                                struct error *err);

#endif
