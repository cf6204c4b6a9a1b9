/* layer.h - the class of a layer: its attributes in a spec, its shapes, weights and cache, its cost, and how it
 * computes.
 *
 * Life of a layer: the host allocates `instance_size` zeroed bytes and calls `infer` once, which reads attributes and
 * declares shapes, weights, caches and workspace (it needs no weights). When there are weights, the host calls
 * `prepare` once, then `forward` any number of times, then `release`.
 *
 * A step computes `n_rows` rows. A row is one token of one sequence. The rows of one sequence are consecutive and form
 * a span. The work of a layer in a step is split into phases, and a phase into tasks that do not depend on each other.
 * The scheduler runs the tasks of a phase in any order on any workers, and finishes a phase before it begins the
 * next. The result of a task must not depend on how the tasks were divided. */
#ifndef VIVARIUM_LAYER_H
#define VIVARIUM_LAYER_H

#include <vivarium/kernels.h>
#include <vivarium/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Attributes: the keys that a spec may write under the layer's name. */
enum {
    VIV_ATTR_INT = 1,
    VIV_ATTR_FLOAT = 2,
    VIV_ATTR_BOOL = 3,
    VIV_ATTR_CHOICE = 4, /* one of `choices`, "silu|gelu|relu"; read as an int: its index */
    VIV_ATTR_WEIGHT = 5, /* the name of an entry of the spec's `weights` */
    VIV_ATTR_VALUE = 6,  /* the name of a value of the graph: a further input */
    VIV_ATTR_INTS = 7,   /* a list of integers */
    VIV_ATTR_FLOATS = 8, /* a list of numbers */
    VIV_ATTR_TEXT = 9
};
enum { VIV_ATTR_REQUIRED = 1 };

typedef struct viv_attr {
    uint32_t struct_size;
    uint16_t kind, flags;
    const char *name;    /* "eps"; "rope.theta" is the key theta of the mapping rope */
    const char *choices; /* VIV_ATTR_CHOICE */
    const char *doc;     /* one sentence, for the manual and the schema */
    double default_value; /* of numbers, BOOL and CHOICE */
    double min, max; /* of numbers, also those of lists; checked when min < max; both are allowed */
} viv_attr;

/* One entry of a class's table of attributes, a pointer to a constant viv_attr. In C further fields are set by name:
 *   static const viv_attr *const attrs[] = {
 *       VIV_ATTR(VIV_ATTR_FLOAT, 0, "eps", .doc = "added to the mean square", .default_value = 1e-6), NULL};
 * In C++ they follow in this order, and those that are left out at the end are 0: doc, choices, default_value, min, max:
 *       VIV_ATTR(VIV_ATTR_FLOAT, 0, "eps", "added to the mean square", nullptr, 1e-6)                       */
#ifdef __cplusplus
constexpr viv_attr viv_attr_of(uint16_t kind, uint16_t flags, const char *name, const char *doc,
                               const char *choices = nullptr, double default_value = 0, double min = 0, double max = 0)
{
    return viv_attr{sizeof(viv_attr), kind, flags, name, choices, doc, default_value, min, max};
}
#define VIV_ATTR(attr_kind, attr_flags, ...)                                                                 \
    ([]() -> const viv_attr * {                                                                              \
        static constexpr viv_attr viv_attr_made = viv_attr_of(attr_kind, attr_flags, __VA_ARGS__);           \
        return &viv_attr_made;                                                                               \
    }())
#else
#define VIV_ATTR(attr_kind, attr_flags, attr_name, ...)                                                      \
    (&(const viv_attr){.struct_size = sizeof(viv_attr),                                                      \
                       .kind = attr_kind,                                                                    \
                       .flags = attr_flags,                                                                  \
                       .name = attr_name,                                                                    \
                       __VA_ARGS__})
#endif

/* Handed to `infer`, for the duration of the call. */
typedef struct viv_infer viv_infer;
struct viv_infer {
    uint32_t struct_size, n_in;
    const viv_host *host;
    void *ctx;
    const uint64_t *in_dims; /* [n_in] features of a row of each input; 0 for token ids */
    uint64_t encoder_dim;    /* features of a row of the encoder output; 0: the model has no encoder */

    int32_t (*is_set)(const viv_infer *b, const char *attr); /* the spec sets it. [setup: in infer] */
    int64_t (*get_int)(const viv_infer *b, const char *attr); /* INT, BOOL, CHOICE. [setup: in infer] */
    double (*get_float)(const viv_infer *b, const char *attr); /* FLOAT, INT. [setup: in infer] */
    /* Returns a list, and how many numbers it has; NULL and 0 if the spec does not set it. Lives as long as the layer.
     * [setup: in infer] */
    const int64_t *(*get_ints)(const viv_infer *b, const char *attr, uint64_t *n);
    /* [setup: in infer] */
    const double *(*get_floats)(const viv_infer *b, const char *attr, uint64_t *n);
    /* Returns a text, NUL-terminated UTF-8, and its bytes; NULL and 0 if the spec does not set it. Lives as long as the
     * layer. [setup: in infer] */
    const char *(*get_text)(const viv_infer *b, const char *attr, uint64_t *size);

    /* Requests the weight that `attr` names. Its shape must be dims[0..ndim), outermost first; a dim of 0 takes the
     * size that the spec gives, which weight_dims returns. Does nothing for an attribute that is not set.
     * [setup: in infer] */
    viv_status (*want_weight)(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims);
    /* Writes at most `capacity` dims of the weight, and sets *ndim to how many there are. [setup: in infer] */
    viv_status (*weight_dims)(const viv_infer *b, const char *attr, uint32_t capacity, uint64_t *dims, uint32_t *ndim);

    /* Declares a cache that grows with each token of a sequence, such as a KV cache: the host keeps `elems` elements
     * per token, in pages of page_rows tokens. The layer chooses the layout inside a page. *index: its number, in
     * order of declaration. [setup: in infer] */
    viv_status (*want_cache)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index);

    /* The same for a cache of `elems` elements per row of the encoder output. The indices continue.
     * [setup: in infer] */
    viv_status (*want_encoder_cache)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index);

    /* Set by the layer. */
    uint64_t out_dim;          /* features of a row of the output */
    uint64_t n_phases;         /* 1 unless set */
    uint64_t row_workspace;    /* bytes per row of a step, shared by all tasks of the layer */
    uint64_t shared_workspace; /* further bytes per step */
    uint64_t worker_workspace; /* bytes of each worker's own; may still be set in prepare */
    uint64_t whole_sequences;  /* 1: attention is not causal, so all rows of a sequence must come in one step */

    /* Declares recurrent state: elems numbers per sequence, however long it is. Always f32, because rounding errors
     * would add up. The indices continue. Not for layers of an encoder, which keep nothing after a step.
     * [setup: in infer] */
    viv_status (*want_recurrent_state)(viv_infer *b, const char *name, uint64_t elems, uint32_t *index);

    /* Set by the layer if its cache depends on the length of the sequence (as with some kinds of RoPE scaling): it is
     * computed in one way up to length_switch tokens and in another beyond; or, beyond length_growth, differently for
     * each viv_span.length. 0: it does not depend on it. When it changes, the host recomputes the whole sequence. */
    uint64_t length_switch, length_growth;

    /* Says that a cache of want_cache or want_encoder_cache holds keys or values (VIV_CACHE_...), by parts of `width`
     * features, and that the layer keeps it in whatever type the host chooses for them (viv_cache.dtype). The type may have
     * blocks of 32 elements only if they divide the width. Without this call, a cache is VIV_F32 or VIV_F16.
     * [setup: in infer] */
    viv_status (*set_cache_content)(viv_infer *b, uint32_t index, uint32_t content, uint64_t width);

    /* Set by a layer that reads viv_exec.vectors, as embeddings do: how many of their features it reads. 0: it does not. */
    uint64_t vector_dim;

    /* Lends the caches of want_cache to later layers, under a name. [setup: in infer, after want_cache] */
    viv_status (*lend_caches)(viv_infer *b, const char *name);
    /* The cache `name`, of `elems` elements per token, that the last layer before this one has lent as `lent`. The layer
     * only reads it: when it runs, the rows of the step have been written. It counts for the lender alone. A layer
     * declares caches of its own, or borrows those of one other layer; in stacks that keep nothing after a step, none can
     * be borrowed. [setup: in infer] */
    viv_status (*borrow_cache)(viv_infer *b, const char *lent, const char *name, uint64_t elems, uint32_t *index);
};

/* What a cache holds. */
enum { VIV_CACHE_OTHER = 0, VIV_CACHE_KEYS = 1, VIV_CACHE_VALUES = 2 };

/* Handed to `prepare`, for the duration of the call. */
typedef struct viv_prepare viv_prepare;
struct viv_prepare {
    uint32_t struct_size, n_workers;
    const viv_host *host;
    void *ctx;
    uint64_t max_rows;

    /* The weight, of the checked shape; NULL if it was not requested or is absent by `else: none`. Lives as long as
     * the layer. [setup: in prepare] */
    const viv_tensor *(*weight)(const viv_prepare *p, const char *attr);
    /* A row-vector weight as f32 [n] (converted once, host-owned); NULL likewise. Lives as long as the layer.
     * [setup: in prepare] */
    const float *(*weight_f32)(const viv_prepare *p, const char *attr);

    uint32_t cache_dtype; /* as viv_exec.cache_dtype is at first */
    uint32_t page_rows;

    /* Set by the layer, once types are known; start as the values given in infer. */
    uint64_t row_workspace, shared_workspace, worker_workspace;

    /* The same as weight, for a layer that can gather its inputs: element k of each row of the weight is for input
     * order[k], or for input k where *order is NULL. `weight` refuses a weight that has an order. [setup: in prepare] */
    const viv_tensor *(*weight_in_order)(const viv_prepare *p, const char *attr, const uint32_t **order);
};

/* One cache of one sequence. Frozen. */
typedef struct viv_cache {
    void *const *pages; /* pages[t / page_rows] holds token t, or row t of the encoder output; writable where the rows
                           of this step go */
    uint64_t page_rows;
    uint32_t dtype;        /* element type of the pages: VIV_F32, VIV_F16; with set_cache_content also VIV_BF16, VIV_Q8_0,
                              VIV_Q4_0. It may change from VIV_F16 to VIV_F32 between steps. */
    uint32_t reserved;
} viv_cache;

/* One recurrent state of one sequence. A step reads `before` and writes all of `after`, so that a step that fails
 * leaves the sequence unchanged. Both are 64-byte aligned. Frozen. */
typedef struct viv_recurrent_state {
    const float *before; /* as the last step left it; zeros before the first */
    float *after;        /* as this step leaves it */
} viv_recurrent_state;

/* How the rows of a span lie: `before` rows of their own (a class token), then a grid, then `after` more. The rows of a
 * grid are those of its frames; in each the blocks of block x block places, line by line; in each block its places, line
 * by line. With a block of 1, that is line by line. A text is one line. */
typedef struct viv_grid {
    uint32_t struct_size, flags;
    uint64_t before, frames, height, width, after;
    uint64_t block; /* a divisor of height and width */
} viv_grid;

/* Consecutive rows of one sequence. */
typedef struct viv_span {
    uint32_t struct_size, flags;
    uint64_t first_row, n_rows;
    uint64_t position;             /* tokens of the sequence before first_row: where its rows go in a cache */
    const viv_cache *const *cache; /* [index of want_cache and want_encoder_cache] */
    uint64_t n_encoder_rows;       /* rows of the encoder output */
    const float *encoder_output;   /* [n_encoder_rows, encoder_dim] in the first step after the encoder ran: a layer
                                      fills its encoder cache from it; NULL in later steps */
    const viv_recurrent_state *const *recurrent_state; /* [index of want_recurrent_state] */
    uint64_t length; /* tokens of the prompt, which may come in several steps. Row r of the span belongs to a sequence
                        of max(length, position + r + 1) tokens. */
    const viv_grid *grid; /* of these rows */
    uint64_t first_out_row, n_out_rows; /* its rows in the output: others than in the input only with viv_layer_class.reshape */
    const viv_grid *out_grid;
} viv_span;

/* Where rows are, besides their places in the sequence: in time, and in the lines and columns of a picture. */
enum { VIV_AXIS_TIME = 0, VIV_AXIS_LINE = 1, VIV_AXIS_COLUMN = 2, VIV_N_AXES = 3 };

typedef struct viv_exec {
    uint32_t struct_size, worker;
    const viv_host *host;
    uint64_t n_rows;
    uint32_t n_spans, n_in;
    const viv_span *const *spans; /* layers flagged VIV_LAYER_ROW_WISE may get rows without spans */
    const float *const *in;       /* [n_in] each [n_rows, in_dim] */
    float *out;                   /* [n_out_rows, out_dim] */
    /* tokens, vectors and types are NULL behind a layer with viv_layer_class.reshape. */
    const int32_t *tokens;        /* [n_rows] token ids; -1 where the row came as a vector */
    const float *const *vectors;  /* [n_rows] the vector of such a row, or NULL; itself NULL if there are none */
    const int32_t *positions;     /* [n_rows] for rotary and learned positions */
    const int32_t *types;         /* [n_rows] token types: 0, or 1 for the second text of a pair */
    void *workspace;              /* shared_workspace, then n_rows * row_workspace bytes; 64-byte aligned */
    void *scratch;                /* worker_workspace bytes; 64-byte aligned */
    /* Element type of the pages of caches without set_cache_content. A layer whose numbers are too large for the type of
     * a cache fails with VIV_ERANGE; the host may then convert all pages from VIV_F16 to VIV_F32 and run the step again. */
    uint32_t cache_dtype, reserved;
    uint64_t n_out_rows; /* of `out`: n_rows, except with viv_layer_class.reshape */
    /* [n_rows] how many tokens of its sequence a row of causal attention sees: more than those up to itself where rows see
     * each other both ways (viv_placement). NULL: no row of this step does. */
    const uint64_t *sees;
    /* [n_rows][VIV_N_AXES] the position of each row on each axis: in a stack of pictures, its place in its grid, or -1 for
     * rows besides the grid; in a text, what the placements before it make of it (viv_placement.positions), of which
     * `positions` is the time. NULL: each row has the same on all axes, `positions`. */
    const int32_t *axes;
} viv_exec;

/* The cost of `n_rows` rows, each of which sees `context` tokens (itself included) and `n_encoder_rows` rows of encoder
 * output, in a step that adds `n_new_encoder_rows` rows to the encoder cache. For a layer with whole_sequences, these
 * are all rows of sequences of `context` tokens. flops counts matrix products and attention exactly; norms,
 * activations and sums, which are small beside them, are not counted. The host sets weight_elems and active_elems to
 * all elements of the layer's weights before the call; a layer that reads fewer corrects them. */
typedef struct viv_cost {
    uint32_t struct_size, flags;
    uint64_t n_rows, context; /* in */
    uint64_t n_encoder_rows, n_new_encoder_rows; /* in */
    uint64_t flops;           /* out: a multiply-add is 2 */
    uint64_t weight_elems;    /* in, out: weight elements read (of experts: those expected to be chosen) */
    uint64_t active_elems;    /* in, out: weight elements used for one row */
    uint64_t cache_elems;     /* out: elements of cache and state read, if each row is of another sequence */
} viv_cost;

/* The part of a model that a layer is counted in when models are compared. */
enum {
    VIV_MODEL_PART_OTHER = 0, /* norms, sums and the like */
    VIV_MODEL_PART_EMBEDDING = 1,
    VIV_MODEL_PART_ATTENTION = 2, /* all that mixes tokens */
    VIV_MODEL_PART_FEED_FORWARD = 3,
    VIV_MODEL_PART_EXPERTS = 4, /* and their routers */
    VIV_MODEL_PART_VISION = 5,
    VIV_MODEL_PART_HEAD = 6 /* behind all repeated layers. Among them, such a layer counts as attention in a branch that
                               has attention, else as feed-forward. */
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

    viv_status (*infer)(void *layer, viv_infer *b); /* [setup: once, first] */
    /* NULL: no operations, all weights. [any: after infer] */
    viv_status (*cost)(const void *layer, viv_cost *cost);
    viv_status (*prepare)(void *layer, viv_prepare *p); /* [setup: at most once, after infer] */
    /* How many tasks the phase has in this step. [worker: in a step, after prepare; all phases before are done] */
    uint64_t (*tasks)(const void *layer, const viv_exec *exec, uint32_t phase);
    /* Runs the tasks [first, end) of the phase. [worker: in a step, after tasks of this phase] */
    viv_status (*forward)(const void *layer, const viv_exec *exec, uint32_t phase, uint64_t first, uint64_t end);
    /* Or NULL. The instance is still zeroed if something failed before infer. [setup: once, last; not in a step] */
    void (*release)(void *layer);
    const void *(*get_ext)(const char *id); /* or NULL. [any: always] */
    uint32_t part, reserved; /* VIV_MODEL_PART_... */

    /* Of a layer whose output has other rows than its input: changes the grid of a span's rows to that of its output rows.
     * NULL: the rows stay as they are. Not for layers behind token ids. [any: after infer] */
    viv_status (*reshape)(const void *layer, viv_grid *grid);
};

#ifdef __cplusplus
}
#endif
#endif
