#include "graph/graph.h"

#include "base/size.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WEIGHTS = 64, MAX_STATES = 8 };
static const uint64_t MAX_DIM = (uint64_t)1 << 31;

/* What stands behind the viv_infer that a layer sees. */
struct inference {
    struct graph *graph;
    struct graph_node *node;
    enum stack_id stack;
    struct graph_weight weights[MAX_WEIGHTS];
    struct graph_state states[MAX_STATES];
};

static const struct attr_value *attr_of(const struct node *n, const char *name)
{
    for (uint32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return n->attrs[i].value.kind == VALUE_NONE ? NULL : &n->attrs[i];
    return NULL;
}

static const struct attr_value *attr_in(const viv_infer *b, const char *name)
{
    const struct inference *in = b->ctx;
    return attr_of(in->node->spec, name);
}

static int32_t is_set(const viv_infer *b, const char *attr)
{
    return attr_in(b, attr) != NULL;
}

static double default_of(const viv_infer *b, const char *name)
{
    const struct inference *in = b->ctx;
    const viv_attr *attr = layer_attr(in->node->class, name);
    return attr ? attr->default_value : 0;
}

static int64_t get_int(const viv_infer *b, const char *name)
{
    const struct inference *in = b->ctx;
    const struct attr_value *a = attr_in(b, name);
    if (!a)
        return (int64_t)default_of(b, name);
    if (a->value.kind == VALUE_STRING)
        return attr_choice(layer_attr(in->node->class, name), a->value.s);
    return a->value.kind == VALUE_FLOAT ? (int64_t)a->value.f : a->value.i;
}

static double get_float(const viv_infer *b, const char *name)
{
    const struct attr_value *a = attr_in(b, name);
    if (!a)
        return default_of(b, name);
    return a->value.kind == VALUE_FLOAT ? a->value.f : (double)a->value.i;
}

static viv_status fail(const viv_infer *b, viv_status status, const char *sentence)
{
    b->host->set_error(b->host, status, sentence);
    return status;
}

static const char *dims_text(const uint64_t *dims, uint32_t n, char out[128])
{
    int64_t shape[8];
    for (uint32_t i = 0; i < n && i < 8; i++)
        shape[i] = (int64_t)dims[i];
    return shape_text(shape, n, out);
}

static viv_status want(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims, bool sliced)
{
    struct inference *in = b->ctx;
    const struct attr_value *a = attr_in(b, attr);
    if (!a)
        return VIV_OK;
    const struct weight *w = &in->graph->expansion->weights[a->value.i];
    bool fits = w->n_dims == ndim;
    char sentence[512], expected[128], found[128];
    for (uint32_t i = 0; fits && i < ndim; i++)
        fits = dims[i] == 0 || dims[i] == w->dims[i];
    if (!fits) {
        snprintf(sentence, sizeof sentence, "weight '%s' (%s): the layer needs %s, the spec says %s", w->key, attr,
                 dims_text(dims, ndim, expected), dims_text(w->dims, w->n_dims, found));
        return fail(b, VIV_ESHAPE, sentence);
    }
    if (w->n_slices && !sliced) {
        snprintf(sentence, sizeof sentence,
                 "weight '%s' (%s) is %u tensors apart, the layer needs them joined: `transform: [stack: 0]`",
                 w->key, attr, w->n_slices);
        return fail(b, VIV_EINVAL, sentence);
    }
    for (uint32_t i = 0; i < in->node->n_weights; i++)
        if (strcmp(in->weights[i].attr, attr) == 0)
            return VIV_OK;
    if (in->node->n_weights == MAX_WEIGHTS)
        return fail(b, VIV_ELIMIT, "too many weights for one layer");
    uint64_t elems = 1;
    for (uint32_t i = 0; i < ndim; i++)
        if (!size_mul(elems, w->dims[i], &elems) || elems > (uint64_t)1 << 48)
            return fail(b, VIV_ELIMIT, "a weight of more than 2^48 elements");
    in->weights[in->node->n_weights++] = (struct graph_weight){a->name, (uint32_t)a->value.i, elems, sliced};
    return VIV_OK;
}

static viv_status want_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims)
{
    return want(b, attr, ndim, dims, false);
}

static viv_status want_sliced(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims)
{
    if (ndim < 2)
        return fail(b, VIV_EINVAL, "a weight of slices has two dimensions or more");
    return want(b, attr, ndim, dims, true);
}

static viv_status weight_dims(const viv_infer *b, const char *attr, uint32_t *ndim, uint64_t dims[4])
{
    const struct inference *in = b->ctx;
    const struct attr_value *a = attr_in(b, attr);
    if (!a)
        return fail(b, VIV_EINVAL, "a weight that the layer needs is not set");
    const struct weight *w = &in->graph->expansion->weights[a->value.i];
    if (w->n_dims > 4)
        return fail(b, VIV_ESHAPE, "a weight has more than 4 dimensions");
    *ndim = w->n_dims;
    memcpy(dims, w->dims, w->n_dims * sizeof *dims);
    return VIV_OK;
}

static viv_status add_state(viv_infer *b, const char *name, uint64_t elems, enum state_kind kind, uint32_t *index)
{
    struct inference *in = b->ctx;
    if (in->node->n_states == MAX_STATES || elems == 0 || elems > MAX_DIM)
        return fail(b, VIV_ELIMIT, "a layer's state must have 1 to 2^31 elements");
    *index = in->node->n_states;
    in->states[in->node->n_states++] = (struct graph_state){name, elems, kind};
    return VIV_OK;
}

static viv_status want_state(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    const struct inference *in = b->ctx;
    return add_state(b, name, elems, (enum state_kind)in->stack, index);
}

static viv_status want_memory_state(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    if (b->memory_dim == 0)
        return fail(b, VIV_EINVAL, "there is no memory to look at");
    return add_state(b, name, elems, STATE_OF_MEMORY, index);
}

static viv_status want_sequence_state(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    const struct inference *in = b->ctx;
    if (in->stack == STACK_ENCODER)
        return fail(
            b, VIV_EINVAL,
            "a layer that keeps something from step to step has no place in an encoder, which reads a text in "
            "one");
    return add_state(b, name, elems, STATE_OF_SEQUENCE, index);
}

static viv_status at_node(struct error *err, const struct node *n)
{
    return error_prefix(err, "%s:%" PRIu32 ":%" PRIu32 ": %s", n->at.file, n->at.line, n->at.column, n->path);
}

/* The instance of one node: attributes read, shapes inferred. */
static viv_status infer_node(struct graph *g, struct graph_node *n, enum stack_id stack, struct error *err)
{
    struct inference in = {.graph = g, .node = n, .stack = stack};
    uint64_t *in_dims = arena_array(&g->arena, n->spec->n_inputs, sizeof *in_dims);
    n->layer = arena_alloc(&g->arena, n->class->instance_size);
    if (!in_dims || !n->layer)
        return error_nomem(err);
    for (uint32_t i = 0; i < n->spec->n_inputs; i++) {
        in_dims[i] = g->value_dims[n->spec->inputs[i]];
        bool tokens = i == 0 && (n->class->flags & VIV_LAYER_TOKENS);
        if ((in_dims[i] == 0) != tokens)
            return error_set(err, VIV_ESHAPE,
                             tokens ? "expects token ids, found vectors (it must come first)"
                                    : "expects vectors, found token ids (an embedding must come first)");
    }
    n->in_dims = in_dims;
    viv_infer b = {.struct_size = sizeof b,
                   .n_in = n->spec->n_inputs,
                   .host = g->host,
                   .ctx = &in,
                   .in_dims = in_dims,
                   .memory_dim = stack == STACK_GRAPH ? graph_memory_dim(g) : 0,
                   .is_set = is_set,
                   .get_int = get_int,
                   .get_float = get_float,
                   .want_weight = want_weight,
                   .weight_dims = weight_dims,
                   .want_sliced = want_sliced,
                   .want_state = want_state,
                   .want_memory_state = want_memory_state,
                   .want_sequence_state = want_sequence_state,
                   .n_phases = 1};
    viv_status status = n->class->infer(n->layer, &b);
    if (status != VIV_OK)
        return error_take(err, status);
    if (b.out_dim == 0 || b.out_dim > MAX_DIM || b.n_phases == 0 || b.n_phases > 256)
        return error_set(err, VIV_EINTERNAL, "the layer says %" PRIu64 " output features and %" PRIu64 " phases",
                         b.out_dim, b.n_phases);
    n->out_dim = b.out_dim;
    n->n_phases = (uint32_t)b.n_phases;
    n->row_workspace = b.row_workspace;
    n->shared_workspace = b.shared_workspace;
    n->worker_workspace = b.worker_workspace;
    g->stacks[stack].whole_sequences = g->stacks[stack].whole_sequences || b.whole_sequences;
    n->weights = arena_array(&g->arena, n->n_weights, sizeof *n->weights);
    n->states = arena_array(&g->arena, n->n_states, sizeof *n->states);
    if (!n->weights || !n->states)
        return error_nomem(err);
    memcpy(n->weights, in.weights, n->n_weights * sizeof *n->weights);
    memcpy(n->states, in.states, n->n_states * sizeof *n->states);
    return VIV_OK;
}

const viv_routes *graph_routes(const struct graph_node *n)
{
    return n->class->get_ext ? n->class->get_ext(VIV_LAYER_ROUTES) : NULL;
}

uint64_t graph_memory_dim(const struct graph *g)
{
    return g->stacks[STACK_ENCODER].output_dim;
}

static uint32_t find_tail(const struct graph *g, const struct stack *s)
{
    uint32_t tail = s->end;
    while (tail > s->begin && (g->nodes[tail - 1].class->flags & VIV_LAYER_ROW_WISE) &&
           !(g->nodes[tail - 1].class->flags & VIV_LAYER_TOKENS))
        tail--;
    return tail;
}

static viv_status build_stack(struct graph *g, enum stack_id id, struct error *err)
{
    const struct expansion *e = g->expansion;
    struct graph_stack *stack = &g->stacks[id];
    for (uint32_t i = e->stacks[id].begin; i < e->stacks[id].end; i++) {
        struct graph_node *n = &g->nodes[i];
        n->spec = &e->nodes[i];
        n->class = n->spec->class;
        n->first_state = g->n_states;
        viv_status status = infer_node(g, n, id, err);
        if (status != VIV_OK) {
            n->layer = NULL; /* nothing to release: infer failed */
            return at_node(err, n->spec);
        }
        g->n_nodes++;
        g->value_dims[n->spec->output] = n->out_dim;
        g->n_states += n->n_states;
        for (uint32_t s = 0; s < n->n_states; s++)
            g->state_elems[n->states[s].kind] += n->states[s].elems;
        if ((n->class->flags & VIV_LAYER_TOKENS) && n->n_weights && !stack->vocab_size)
            stack->vocab_size = e->weights[n->weights[0].weight].dims[0];
    }
    stack->output_dim = g->value_dims[e->stacks[id].output];
    stack->tail = find_tail(g, &e->stacks[id]);
    return VIV_OK;
}

viv_status graph_build(const struct expansion *e, const viv_host *host, struct graph **out, struct error *err)
{
    struct graph *g = calloc(1, sizeof *g);
    if (!g)
        return error_nomem(err);
    g->host = host;
    g->expansion = e;
    g->nodes = arena_array(&g->arena, e->n_nodes, sizeof *g->nodes);
    g->value_dims = arena_array(&g->arena, e->n_values, sizeof *g->value_dims);
    viv_status status = g->nodes && g->value_dims ? VIV_OK : error_nomem(err);
    if (status == VIV_OK)
        status = build_stack(g, STACK_ENCODER, err);
    if (status == VIV_OK)
        status = build_stack(g, STACK_GRAPH, err);
    if (status == VIV_OK && graph_memory_dim(g) && !g->state_elems[STATE_OF_MEMORY]) {
        error_set(err, VIV_EINVAL, "nothing uses what the encoder makes: no layer of `graph` looks at its memory");
        status = at_node(err, &e->nodes[e->stacks[STACK_ENCODER].end - 1]);
    }
    if (status != VIV_OK) {
        graph_destroy(g);
        return status;
    }
    *out = g;
    return VIV_OK;
}

void graph_destroy(struct graph *g)
{
    if (!g)
        return;
    for (uint32_t i = 0; g->nodes && i < g->n_nodes; i++)
        if (g->nodes[i].class->release)
            g->nodes[i].class->release(g->nodes[i].layer);
    arena_release(&g->arena);
    free(g);
}

static bool in_tail(const struct graph *g, uint32_t node)
{
    const struct stack *encoder = &g->expansion->stacks[STACK_ENCODER];
    const bool reads = node >= encoder->begin && node < encoder->end;
    return node >= g->stacks[reads ? STACK_ENCODER : STACK_GRAPH].tail;
}

viv_status graph_node_cost(const struct graph *g, uint32_t node, const struct graph_step *step,
                           struct graph_cost *out)
{
    const struct graph_node *n = &g->nodes[node];
    viv_cost c = {.struct_size = sizeof c,
                  .n_rows = in_tail(g, node) ? step->n_wanted : step->n_rows,
                  .context = step->context,
                  .n_memory = step->n_memory,
                  .n_taken = step->n_taken};
    for (uint32_t i = 0; i < n->n_weights; i++)
        c.weight_elems += n->weights[i].elems;
    c.active_elems = c.weight_elems;
    viv_status status = n->class->cost ? n->class->cost(n->layer, &c) : VIV_OK;
    if (status == VIV_OK)
        *out = (struct graph_cost){c.flops, c.weight_elems, c.active_elems, c.state_elems};
    return status;
}

viv_status graph_cost(const struct graph *g, enum stack_id stack, const struct graph_step *step,
                      struct graph_cost *out, struct error *err)
{
    struct graph_cost total = {0};
    for (uint32_t i = g->expansion->stacks[stack].begin; i < g->expansion->stacks[stack].end; i++) {
        struct graph_cost c;
        viv_status status = graph_node_cost(g, i, step, &c);
        if (status != VIV_OK) {
            error_take(err, status);
            return at_node(err, g->nodes[i].spec);
        }
        total.flops += c.flops;
        total.weight_elems += c.weight_elems;
        total.active_elems += c.active_elems;
        total.state_elems += c.state_elems;
    }
    *out = total;
    return VIV_OK;
}
