/* facts.h - what a model comes to, by its graph alone: parameters, operations, bytes. Weights are not needed; where
 * there are some, their own types count. */
#ifndef CLI_COMPARE_FACTS_H
#define CLI_COMPARE_FACTS_H

#include "model/model.h"

enum { N_MODEL_PARTS = VIV_MODEL_PART_HEAD + 1 };
extern const char *const facts_part_names[N_MODEL_PARTS]; /* "embedding", ... */

/* A picture of a common size, see sight.h. */
struct sight {
    uint32_t n_tiles;   /* 0: the model cannot see, or nothing says how it is given a picture */
    uint64_t n_tokens;  /* that stand for it in a text */
    uint64_t tile_rows; /* the most rows of a tile in any layer */
    double flops;       /* of the encoder and the projector, for all tiles */
};

struct facts {
    const struct graph *graph;
    const struct binding *bindings; /* NULL: there are no weights */
    uint64_t params;                /* elements of distinct tensors: one that stands in for another counts once */
    uint64_t vectors;               /* of these, in tensors of one dimension */
    uint64_t active;                /* of these, those that work on one token, counted as the publisher does */
    const char *active_rule;        /* "with embedding and head" and the like */
    uint64_t parts[N_MODEL_PARTS];
    uint64_t weight_bytes; /* in the files, or as model_options.weight_type makes them; 0: there are none */
    int64_t weight_change; /* by that, in bytes */
    uint64_t n_layers[N_STACKS], width, vocabulary, context;
    struct cache_types cache_types;
    struct sight sight; /* of sight_of */
};

/* Of an opened model, which must outlive it. */
viv_status facts_of(viv_model *m, struct facts *out, struct error *err);

/* Whether the weights of a layer count as active, were they all used: the one place that knows. Publishers differ
 * in whether the embedding, of which a token looks up a row, and the head count; the spec's `active` says how its
 * own do. */
bool facts_counts_active(const struct graph *g, uint32_t node);

/* Parameters that work on one token, by this rule. */
viv_status facts_active(const struct graph *g, uint64_t *out, struct error *err);

uint32_t facts_part(const struct graph *g, uint32_t node); /* VIV_MODEL_PART_... */

/* Bytes of all weights, were those of two dimensions or more of this type (and the others f32); type -1: as they
 * are in the file, or f16 without one. False when a size wraps. */
bool facts_weight_bytes(const struct facts *f, int64_t type, uint64_t *bytes);
/* Bytes per element of such weights, on the average. */
double facts_bytes_per_elem(const struct facts *f, int64_t type);

/* Bytes of an element of the KV cache, on the average. */
double facts_cache_elem_bytes(const struct facts *f);
/* Bytes of KV cache for so many sequences of this context; with an encoder, of both contexts. */
uint64_t facts_cache_bytes(const struct facts *f, uint64_t context, uint64_t n_texts);

/* What layers keep of so many texts once, however long they are: as it is, and as it was before the last step. */
uint64_t facts_recurrent_bytes(const struct facts *f, uint64_t n_texts);

/* What a phase of work takes. */
struct work_cost {
    double flops;          /* of products and attention */
    double weight_elems;   /* read once each */
    double cache_elems;    /* of the KV cache, read */
    double sequence_bytes; /* read and written, of what does not */
    uint64_t n_tokens;     /* that this work brings further */
};
/* Reading a text of n tokens: of a decoder, up to the logits of the next one; of an encoder, all of it. */
viv_status facts_prefill(const struct facts *f, uint64_t n, struct work_cost *out, struct error *err);
/* One more token for each of n_texts texts at this context. False: this model writes none. */
bool facts_writes(const struct facts *f);
viv_status facts_decode(const struct facts *f, uint64_t context, uint64_t n_texts, struct work_cost *out,
                        struct error *err);

#endif
