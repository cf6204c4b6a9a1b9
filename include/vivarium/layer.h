/* layer.h - the class of a layer: what a spec may say of it, what shapes, weights and state it has, what it
 * costs, and how it computes.
 *
 * Life of a layer: the host allocates `instance_size` zeroed bytes, calls `infer` once (attributes are read,
 * shapes, weights, state and workspace are declared; no weights are needed for this), then, when there are
 * weights, `prepare` once, then `forward` any number of times, then `release`.
 *
 * A step computes `n_rows` rows. A row is one token of one sequence; rows of a sequence stand together as a
 * span. A layer's work in a step is split into phases, a phase into tasks that do not depend on each other.
 * The scheduler runs the tasks of a phase in any order on any workers, and every task of one phase before the
 * first of the next. What a task computes must not depend on how tasks were divided. */
#ifndef VIVARIUM_LAYER_H
#define VIVARIUM_LAYER_H

#include <vivarium/kernels.h>
#include <vivarium/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Attributes: what a spec may write under the layer's name. */
enum {
    VIV_ATTR_INT = 1,
    VIV_ATTR_FLOAT = 2,
    VIV_ATTR_BOOL = 3,
    VIV_ATTR_CHOICE = 4, /* one of `choices`, "silu|gelu|relu"; read as an int: its index */
    VIV_ATTR_WEIGHT = 5, /* the name of an entry of the spec's `weights` */
    VIV_ATTR_VALUE = 6   /* the name of a value of the graph: a further input */
};
enum { VIV_ATTR_REQUIRED = 1 };

typedef struct viv_attr {
    uint32_t struct_size;
    uint16_t kind, flags;
    const char *name;    /* "eps"; "rope.theta" is the key theta of the mapping rope */
    const char *choices; /* VIV_ATTR_CHOICE */
    const char *doc;     /* one sentence, for the manual and the schema */
    double default_value, min, max; /* of numbers; checked when min < max; integers are inclusive */
} viv_attr;

/* One entry of a class's table of attributes:
 *   static const viv_attr *const attrs[] = {
 *       VIV_ATTR(VIV_ATTR_FLOAT, 0, "eps", .doc = "added to the mean square", .default_value = 1e-6), NULL};  */
#define VIV_ATTR(attr_kind, attr_flags, attr_name, ...)                                                      \
    (&(const viv_attr){.struct_size = sizeof(viv_attr),                                                      \
                       .kind = attr_kind,                                                                    \
                       .flags = attr_flags,                                                                  \
                       .name = attr_name,                                                                    \
                       __VA_ARGS__})

/* Handed to `infer`. The functions are [setup], for the duration of the call. */
typedef struct viv_infer viv_infer;
struct viv_infer {
    uint32_t struct_size, n_in;
    const viv_host *host;
    void *ctx;
    const uint64_t *in_dims; /* [n_in] features of a row of each input; 0 for token ids */
    uint64_t memory_dim;     /* features of a row of the sequence's memory; 0: there is none to look at */

    int32_t (*is_set)(const viv_infer *b, const char *attr); /* the spec says something of it */
    int64_t (*get_int)(const viv_infer *b, const char *attr); /* INT, BOOL, CHOICE */
    double (*get_float)(const viv_infer *b, const char *attr);

    /* Asks for the weight that `attr` names. Its shape must be dims[0..ndim), outermost first; a dim of 0 takes
     * what the spec says, read back with weight_dims. Fine to call for an attribute not set: then nothing is asked. */
    viv_status (*want_weight)(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims);
    viv_status (*weight_dims)(const viv_infer *b, const char *attr, uint32_t *ndim, uint64_t dims[4]);

    /* The same for a weight of which the layer holds slices along its first axis (slices.h): its slices may be apart in
     * the file, and need not all be in memory. dims[0]: how many. */
    viv_status (*want_sliced)(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims);

    /* Declares state that grows with each token of a sequence: the host keeps `elems` elements per token, in
     * pages of page_rows tokens whose inner layout is the layer's own. Returns its index in declaration order. */
    viv_status (*want_state)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index);

    /* The same, of state that holds elems elements per row of the sequence's memory. Indices go on. */
    viv_status (*want_memory_state)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index);

    /* Set by the layer. */
    uint64_t out_dim;          /* features of a row of the output */
    uint64_t n_phases;         /* 1 unless set */
    uint64_t row_workspace;    /* bytes per row of a step, shared by all tasks of the layer */
    uint64_t shared_workspace; /* bytes per step besides */
    uint64_t worker_workspace; /* bytes of each worker's own; may still be set in prepare */
    uint64_t whole_sequences;  /* 1: a row looks at later ones, so that all rows of a sequence must come in one step */

    /* Declares state that a sequence has once, however long it is: elems numbers, always f32, for what is written over
     * again and again must not lose. Indices go on. Not for layers of an encoder: what they do is over after a step. */
    viv_status (*want_sequence_state)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index);

    /* Set by the layer where what it keeps of a token depends on the length of the text: computed in one way while the
     * sequence has up to length_switch tokens, and in another beyond; or, beyond length_growth, in another way for each
     * viv_span.length. 0: it does not. When the way changes, the host computes the whole sequence anew. */
    uint64_t length_switch, length_growth;
};

/* Handed to `prepare`. [setup] */
typedef struct viv_prepare viv_prepare;
struct viv_prepare {
    uint32_t struct_size, n_workers;
    const viv_host *host;
    void *ctx;
    uint64_t max_rows;

    /* The weight, mapped or made, of the checked shape; NULL for one not asked for or absent by `else: none`.
     * Lives as long as the layer. */
    const viv_tensor *(*weight)(const viv_prepare *p, const char *attr);
    /* A row-vector weight as f32 [n] (converted once, host-owned). */
    const float *(*weight_f32)(const viv_prepare *p, const char *attr);

    uint32_t state_dtype; /* element type of the pages, VIV_F32 or VIV_F16, at first: see viv_exec */
    uint32_t page_rows;

    /* Set by the layer, once types are known; start as the values given in infer. */
    uint64_t row_workspace, shared_workspace, worker_workspace;
};

/* State of one sequence, as one layer sees it. Frozen. */
typedef struct viv_state {
    void *const *pages; /* pages[t / page_rows] holds token t, or row t of the memory; writable where this step's
                           rows go */
    uint64_t page_rows;
} viv_state;

/* What a layer keeps of a sequence once. A step reads the one and writes the other, all of it, so that a step that fails
 * leaves the sequence as it was. Each is 64-byte aligned. Frozen. */
typedef struct viv_sequence_state {
    const float *before; /* as the last step left it; zeros before the first */
    float *after;        /* as this one leaves it */
} viv_sequence_state;

/* Consecutive rows of one sequence. */
typedef struct viv_span {
    uint32_t struct_size, flags;
    uint64_t first_row, n_rows;
    uint64_t position;             /* tokens of the sequence before first_row: where its state goes */
    const viv_state *const *state; /* [index of want_state and want_memory_state] */
    uint64_t n_memory;             /* rows of the sequence's memory */
    const float *memory;           /* [n_memory, memory_dim] where this step is the first since it was made: what a
                                      layer needs of it, it takes into its state now; later NULL */
    const viv_sequence_state *const *sequence_state; /* [index of want_sequence_state] */
    uint64_t length; /* tokens of the text that the sequence was begun with, which may come in several steps. Row r
                        of the span belongs to a text of max(length, position + r + 1) tokens. */
} viv_span;

typedef struct viv_exec {
    uint32_t struct_size, worker;
    const viv_host *host;
    uint64_t n_rows;
    uint32_t n_spans, n_in;
    const viv_span *const *spans; /* layers flagged VIV_LAYER_ROW_WISE may get rows without spans */
    const float *const *in;       /* [n_in] each [n_rows, in_dim] */
    float *out;                   /* [n_rows, out_dim] */
    const int32_t *tokens;        /* [n_rows] token ids; -1 where the row came as a vector */
    const float *const *vectors;  /* [n_rows] the vector of such a row, or NULL; itself NULL if there are none */
    const int32_t *positions;     /* [n_rows] for rotary and learned positions */
    const int32_t *types;         /* [n_rows] which text of a pair a row is of: 0, or 1 for the second */
    void *workspace;              /* shared_workspace, then n_rows * row_workspace bytes; 64-byte aligned */
    void *scratch;                /* worker_workspace bytes; 64-byte aligned */
    /* Element type of the pages. A layer whose numbers pass what VIV_F16 holds fails with VIV_ERANGE; the host may then
     * convert all pages to VIV_F32, and run the step again. */
    uint32_t state_dtype, reserved;
} viv_exec;

/* What `n_rows` rows cost, each seeing `context` tokens, itself among them, and `n_memory` rows of memory, in a step
 * that takes `n_taken` rows of memory into the state. Of a layer whose rows see later ones (whole_sequences) these
 * are all rows of texts of `context` tokens. Operations are those of products and of attention, exactly: what grows
 * with a product of two dims. Norms, activations and sums, which grow with one, are not counted. The host sets
 * weight_elems and active_elems to all elements of the layer's weights before the call; a layer that reads fewer
 * corrects them. */
typedef struct viv_cost {
    uint32_t struct_size, flags;
    uint64_t n_rows, context; /* in */
    uint64_t n_memory, n_taken; /* in */
    uint64_t flops;           /* out: a multiply-add is 2 */
    uint64_t weight_elems;    /* in, out: weight elements read (experts: those expected to be touched) */
    uint64_t active_elems;    /* in, out: weight elements that work on one row */
    uint64_t state_elems;     /* out: elements of state read, where each row is of another sequence */
} viv_cost;

/* The part of a model that a layer counts to, where models are compared. */
enum {
    VIV_MODEL_PART_OTHER = 0, /* norms, sums and the like */
    VIV_MODEL_PART_EMBEDDING = 1,
    VIV_MODEL_PART_ATTENTION = 2, /* what mixes tokens */
    VIV_MODEL_PART_FEED_FORWARD = 3,
    VIV_MODEL_PART_EXPERTS = 4, /* and their routers */
    VIV_MODEL_PART_VISION = 5,
    VIV_MODEL_PART_HEAD = 6 /* where it stands behind all repeated layers; among these, attention in a branch where others
                               are attention, else feed-forward */
};

enum {
    VIV_LAYER_ROW_WISE = 1, /* an output row depends on its input row alone */
    VIV_LAYER_IN_PLACE = 2, /* out may be in[0] */
    VIV_LAYER_TOKENS = 4    /* in[0] is the token ids: in_dims[0] is 0, exec->tokens is read */
};

typedef struct viv_layer_class viv_layer_class;
struct viv_layer_class {
    uint32_t struct_size, flags;
    const char *name, *summary; /* "rms_norm", one sentence */
    const viv_attr *const *attrs; /* NULL-terminated */
    uint64_t instance_size;

    viv_status (*infer)(void *layer, viv_infer *b);                                          /* [setup] */
    viv_status (*cost)(const void *layer, viv_cost *cost);           /* [any]; NULL: no operations, all weights */
    viv_status (*prepare)(void *layer, viv_prepare *p);                                      /* [setup] */
    uint64_t (*tasks)(const void *layer, const viv_exec *exec, uint32_t phase);              /* [worker] */
    viv_status (*forward)(const void *layer, const viv_exec *exec, uint32_t phase, uint64_t first,
                          uint64_t end);                                                     /* [worker] */
    void (*release)(void *layer);                                                            /* [setup] or NULL */
    const void *(*get_ext)(const char *id);                                                  /* [any] or NULL */
    uint32_t part, reserved; /* VIV_MODEL_PART_... */
};

#ifdef __cplusplus
}
#endif
#endif
