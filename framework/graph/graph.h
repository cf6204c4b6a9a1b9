/* graph.h - an expansion with its layers made: shapes inferred and checked, weights and state known, costs counted.
 * Needs no weights. */
#ifndef GRAPH_GRAPH_H
#define GRAPH_GRAPH_H

#include "base/arena.h"
#include "base/error.h"
#include "spec/spec.h"

#include <stdbool.h>
#include <vivarium/description.h>
#include <vivarium/layer.h>
#include <vivarium/routes.h>

struct graph_weight {
    const char *attr; /* the layer's attribute: "q" */
    uint32_t weight;  /* index into expansion->weights */
    uint64_t elems;
    bool sliced; /* the layer holds slices of it */
};

/* What a state grows with: the tokens of its stack, the rows of the sequence's memory, or nothing: a sequence has
 * it once. */
enum cache_kind {
    CACHE_OF_GRAPH = STACK_GRAPH,
    CACHE_OF_ENCODER = STACK_ENCODER,
    CACHE_OF_ENCODER_OUTPUT,
    CACHE_RECURRENT,
    N_CACHE_KINDS
};

struct graph_cache {
    const char *name; /* "k" */
    uint64_t elems;   /* per row of what it grows with */
    enum cache_kind kind;
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
    struct graph_cache *states;
    uint32_t n_states, first_state; /* states of all nodes are numbered through */
    uint64_t row_workspace, shared_workspace, worker_workspace;
    uint64_t length_switch, length_growth; /* of viv_infer */
};

struct graph_stack {
    uint64_t output_dim;
    uint64_t vocab_size;  /* rows of the embedding at the entrance, 0 without one */
    bool whole_sequences; /* some layer looks ahead: all rows of a sequence must come in one step */
    uint32_t tail; /* the node from which on only row-wise layers remain, so that rows whose output nobody asked for
                      need not be computed; the stack's end when there is none */
};

struct graph {
    struct arena arena;
    const viv_host *host;
    const struct expansion *expansion;
    struct graph_node *nodes; /* [expansion->n_nodes] */
    uint32_t n_nodes;
    uint64_t *value_dims; /* [expansion->n_values] features per row; 0 for token ids */
    struct graph_stack stacks[N_STACKS];
    uint32_t n_states;
    uint64_t cache_elems[N_CACHE_KINDS]; /* per row of what they grow with, all layers */
    bool by_switch, by_growth;           /* some layer of the graph has a length_switch; a length_growth */
};

/* `host` is what layers get in their infer; it must outlive the graph. The error names the spec's line and the
 * layer. */
viv_status graph_build(const struct expansion *e, const viv_host *host, struct graph **out, struct error *err);
void graph_destroy(struct graph *g);

/* What a node says of its output, if that is routes; else NULL. */
const viv_routes *graph_routes(const struct graph_node *n);
/* The i-th thing that it says of itself (vivarium/description.h); false: there is none. */
bool graph_describe(const struct graph_node *n, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                    char text[VIV_DESCRIPTION_TEXT]);

/* Puts before the sentence where the node stands, and which plugin brings it. */
viv_status graph_at_node(struct error *err, const struct node *n);
/* Whether a layer of a plugin has kept to its instance. */
viv_status graph_check_instance(const struct graph_node *n, struct error *err);
/* Whether it has left the floating-point mode as it was; else puts that back. */
viv_status graph_check_float_mode(const struct graph_node *n, uint32_t before, struct error *err);
/* Whether so much workspace can be had. n_rows 0: not known yet. */
viv_status graph_check_workspace(const viv_layer_class *class, uint64_t row, uint64_t shared, uint64_t worker,
                                 uint64_t n_rows, struct error *err);

/* How long a sequence is for its layers: the text that it began with, and the whole. */
struct graph_length {
    uint64_t text, whole;
};
/* Whether all layers of the graph keep the same of a token, whichever of the two lengths its sequence has. */
bool graph_lengths_alike(const struct graph *g, struct graph_length a, struct graph_length b);

/* Features of a row of the memory that the encoder makes; 0: there is no encoder. */
uint64_t graph_encoder_dim(const struct graph *g);

/* What a step is: rows that see so many tokens and rows of memory, of which so many go into the layers' state. */
struct graph_step {
    uint64_t n_rows, n_output_rows; /* wanted: whose output is asked for */
    uint64_t context, n_encoder_rows, n_new_encoder_rows;
};
/* What it costs, as layers count it (viv_cost). */
struct graph_cost {
    uint64_t flops;
    uint64_t weight_elems; /* read by such a step */
    uint64_t active_elems; /* that work on one row */
    uint64_t cache_elems;  /* read by rows of as many sequences */
};
viv_status graph_cost(const struct graph *g, enum stack_id stack, const struct graph_step *step,
                      struct graph_cost *out, struct error *err);
/* The same for one node of the stack, counted through all stacks. */
viv_status graph_node_cost(const struct graph *g, uint32_t node, const struct graph_step *step,
                           struct graph_cost *out);

#endif
