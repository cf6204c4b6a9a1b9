/* memory.h - predicts the memory that `viv run` has in use at its peak, by parts, without reading weights. */
#ifndef CLI_COMPARE_MEMORY_H
#define CLI_COMPARE_MEMORY_H

#include "cli/compare/facts.h"

struct memory_query {
    uint64_t context;       /* tokens of each sequence, all of them used */
    uint64_t n_texts;       /* sequences at once */
    int64_t type;           /* of weights; -1: as they are in the file, or f16 without one */
    uint64_t max_rows;      /* of a step; 0: as many as is usual */
    uint64_t expert_budget; /* bytes for the weights of experts (--expert-memory); 0: all may be in memory */
};

/* Bytes of each part. */
enum memory_part {
    MEMORY_WEIGHTS,   /* mapped, as far as they are touched */
    MEMORY_EXPERTS,   /* the same of experts, or the expert cache */
    MEMORY_COPIES,    /* private copies: vectors as f32, weights that transforms make or that a file has in parts */
    MEMORY_CACHE,     /* KV cache of all sequences */
    MEMORY_RECURRENT, /* recurrent state of all sequences */
    MEMORY_ACTIVATIONS, /* values between layers, of a step */
    MEMORY_WORKSPACE,   /* of the layer that needs most */
    MEMORY_TOKENIZER,   /* vocabulary, merges, logits in the sampler */
    MEMORY_PROGRAM,     /* the program and its libraries, the spec */
    N_MEMORY_PARTS
};
extern const char *const memory_part_names[N_MEMORY_PARTS];  /* "weights", as in JSON */
extern const char *const memory_part_labels[N_MEMORY_PARTS]; /* "weights", for people */

struct memory_use {
    uint64_t parts[N_MEMORY_PARTS];
    uint64_t total;
};
viv_status memory_predict(const struct facts *f, const struct memory_query *q, struct memory_use *out,
                          struct error *err);

/* The largest context, up to the model's, or the largest number of sequences, up to `most`, whose prediction is
 * within `limit` bytes; 0: not even 1 is. */
viv_status memory_most_context(const struct facts *f, const struct memory_query *q, uint64_t limit, uint64_t *out,
                               struct error *err);
viv_status memory_most_texts(const struct facts *f, const struct memory_query *q, uint64_t limit, uint64_t most,
                             uint64_t *out, struct error *err);

/* Bytes of this machine's memory that programs may still take, and of all of it. 0: unknown. */
uint64_t memory_available(void);
uint64_t memory_of_machine(void);
/* The most that this process has had in use: resident bytes, shared pages of mapped files among them. 0: unknown.
 */
uint64_t memory_peak(void);

#endif
