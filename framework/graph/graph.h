/* graph.h - the layers of an expansion: created, shapes inferred and checked, with their weights, caches and costs.
 * Needs no weights. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <vivarium/description.h>
#include <vivarium/expert_cache.h>
#include <vivarium/layer.h>
#include <vivarium/routes.h>

struct graph_weight {
    const char *attr; /* the layer's attribute: "q" */
    uint32_t weight;  /* index into expansion->weights */
    uint64_t elems;
    bool sliced; /* a weight of experts: graph_want_expert_weight */
};

/* What a cache grows with: the tokens of `graph`; the rows of a step, in stacks that keep nothing after it, whose
 * layers use the same pages one after the other; the rows of the encoder output; or (recurrent state) nothing. */
enum cache_kind { CACHE_OF_GRAPH, CACHE_OF_STEP, CACHE_OF_ENCODER_OUTPUT, CACHE_RECURRENT, N_CACHE_KINDS };

struct graph_cache {
    const char *name; /* "k" */
    uint64_t elems;   /* per row of what it grows with; of recurrent state, all */
    enum cache_kind kind;
    uint32_t content; /* VIV_CACHE_..., and by parts of so many features: viv_infer.set_cache_content */
    uint64_t width;
};

struct graph_node {
    const struct node *spec;
    const viv_layer_class *class;
    void *layer; /* the instance, class->instance_size bytes */
    const uint64_t *in_dims;
    uint64_t out_dim;
    uint32_t n_phases;
    struct graph_weight *weights;
    uint32_t n_weights;
    struct graph_cache *caches;
    uint32_t n_caches, first_cache;  /* caches are numbered across all nodes */
    const char *lends;               /* the name under which it lends its caches (viv_infer.lend_caches); or NULL */
    const struct graph_node *lender; /* whose caches it uses in place of its own, and whose first_cache it has */
    uint64_t row_workspace, shared_workspace, worker_workspace;
    uint64_t length_switch, length_growth; /* of viv_infer */
    uint32_t level, out_level;             /* of its input and output rows: struct graph_level */
};

/* Values whose rows lie in the same way: those that enter a stack, then those behind each layer that changes them.
 */
struct graph_level {
    const struct graph_node *node; /* that makes them; NULL: they enter the stack */
    uint32_t from;                 /* the level of its input */
};

struct graph_stack {
    uint64_t input_dim; /* features of a row that enters it; 0: token ids */
    uint64_t output_dim;
    uint32_t first_level, n_levels, output_level;
    uint64_t vector_dim;  /* features of a vector in place of a token, 0 where no layer reads one */
    uint64_t vocab_size;  /* rows of the embedding at the entrance, 0 without one */
    bool whole_sequences; /* some layer is not causal: all rows of a sequence must come in one step */
    uint32_t tail; /* first node behind which all layers are row-wise, so that only output rows need be computed;
                      the stack's end if there is none */
};

struct graph {
    struct arena arena;
    const viv_host *host;
    const struct expansion *expansion;
    struct graph_node *nodes; /* [expansion->n_nodes] */
    uint32_t n_nodes;
    uint64_t *value_dims;       /* [expansion->n_values] features per row; not of value 0 */
    uint32_t *value_levels;     /* [expansion->n_values] not of value 0 */
    struct graph_level *levels; /* [n_levels] by stack */
    uint32_t n_levels;
    struct graph_stack stacks[N_STACKS];
    uint32_t n_caches;
    uint64_t cache_elems[N_CACHE_KINDS]; /* of all layers, per row of what they grow with */
    bool by_switch, by_growth;           /* some layer of the graph has a length_switch; a length_growth */
};

/* Calls infer of all layers with this host, which must outlive the graph. An error names the spec's line and the
 * layer. */
viv_status graph_build(const struct expansion *e, const viv_host *host, struct graph **out, struct error *err);
void graph_destroy(struct graph *g);

/* The routes extension of a router's node (vivarium/routes.h); NULL for other nodes. */
const viv_routes *graph_routes(const struct graph_node *n);
/* The i-th attribute of its description (vivarium/description.h); false: there is none. */
bool graph_describe(const struct graph_node *n, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                    char text[VIV_DESCRIPTION_TEXT]);

/* Prefixes the error with the node's place in the spec, and its plugin. */
viv_status graph_at_node(struct error *err, const struct node *n);
/* Fails if a layer of a plugin has written beyond its instance. */
viv_status graph_check_instance(const struct graph_node *n, struct error *err);
/* Fails if it has changed the floating-point mode, and restores it. */
viv_status graph_check_float_mode(const struct graph_node *n, uint32_t before, struct error *err);
/* Fails if the workspace is larger than allowed. n_rows 0: not known yet. */
viv_status graph_check_workspace(const viv_layer_class *class, uint64_t row, uint64_t shared, uint64_t worker,
                                 uint64_t n_rows, struct error *err);

/* The lengths that layers may depend on: of the prompt, and of the whole sequence. */
struct graph_length {
    uint64_t prompt, whole;
};
/* Whether the caches of all layers are the same for a sequence of either length. */
bool graph_lengths_alike(const struct graph *g, struct graph_length a, struct graph_length b);

/* The grid of a layer's output rows, for one of its input rows; the same where it does not change them. */
viv_status graph_reshape(const struct graph_node *n, viv_grid *grid, struct error *err);
/* The grid of the rows that leave a stack, for that of the rows that enter it. */
viv_status graph_stack_grid(const struct graph *g, enum stack_id id, viv_grid *grid, struct error *err);
/* Rows of a grid; false: it has none, more than 2^32, or contradicts itself. */
bool graph_grid_rows(const viv_grid *grid, uint64_t *n);
/* The stack of this name, or -1. */
int graph_stack_named(const struct graph *g, const char *name);

/* Features of a row of encoder output; 0: there is no encoder. */
uint64_t graph_encoder_dim(const struct graph *g);

/* The size of a step, for counting its cost: rows that each see `context` tokens and n_encoder_rows rows of encoder
 * output; n_new_encoder_rows are added to the encoder caches. */
struct graph_step {
    uint64_t n_rows, n_output_rows; /* rows whose output is returned */
    uint64_t context, n_encoder_rows, n_new_encoder_rows;
};
/* Its cost, as layers count it (viv_cost). */
struct graph_cost {
    uint64_t flops;
    uint64_t weight_elems; /* read by the step */
    uint64_t active_elems; /* used for one row */
    uint64_t cache_elems;  /* read, if each row is of another sequence */
};
viv_status graph_cost(const struct graph *g, enum stack_id stack, const struct graph_step *step,
                      struct graph_cost *out, struct error *err);
/* The same for one node of the stack, counted through all stacks. */
viv_status graph_node_cost(const struct graph *g, uint32_t node, const struct graph_step *step,
                           struct graph_cost *out);

/* viv_expert_cache.want_weight: requests a weight of experts for the layer that is being inferred. */
viv_status graph_want_expert_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims);

#endif
