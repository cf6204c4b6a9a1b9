/* facts.c - see facts.h. */
#include "cli/compare/facts.h"

#include "base/size.h"
#include "graph/plan.h"
#include "model/precision.h"
#include "tensor/dtype.h"

#include <stdlib.h>
#include <string.h>

const char *const facts_part_names[N_MODEL_PARTS] = {
    [VIV_MODEL_PART_OTHER] = "other",         [VIV_MODEL_PART_EMBEDDING] = "embedding",
    [VIV_MODEL_PART_ATTENTION] = "attention", [VIV_MODEL_PART_FEED_FORWARD] = "feed-forward",
    [VIV_MODEL_PART_EXPERTS] = "experts",     [VIV_MODEL_PART_VISION] = "vision",
    [VIV_MODEL_PART_HEAD] = "head",
};

/* Whether some layer of the branch that a node stands in mixes tokens: of those beside it, as deep or deeper. */
static bool stands_by_attention(const struct graph *g, uint32_t node)
{
    const struct node *here = g->nodes[node].spec;
    uint32_t first = node;
    while (first > 0 && g->nodes[first - 1].spec->depth >= here->depth &&
           g->nodes[first - 1].spec->index == here->index)
        first--;
    for (uint32_t i = first;
         i < g->n_nodes && g->nodes[i].spec->depth >= here->depth && g->nodes[i].spec->index == here->index; i++)
        if (g->nodes[i].class->part == VIV_MODEL_PART_ATTENTION)
            return true;
    return false;
}

uint32_t facts_part(const struct graph *g, uint32_t node)
{
    uint32_t part = g->nodes[node].class->part;
    if (part == VIV_MODEL_PART_HEAD && g->nodes[node].spec->index >= 0)
        return stands_by_attention(g, node) ? VIV_MODEL_PART_ATTENTION : VIV_MODEL_PART_FEED_FORWARD;
    return part < N_MODEL_PARTS ? part : VIV_MODEL_PART_OTHER;
}

/* --- parameters ---------------------------------------------------------------------------------------------- */

static void count_weight(struct facts *f, uint32_t weight, uint64_t elems, uint32_t part, bool *counted)
{
    const struct binding *b = f->bindings ? &f->bindings[weight] : NULL;
    uint32_t at = b ? b->weight : weight;
    if (counted[at] || (b && !b->tensor))
        return;
    counted[at] = true;
    f->params += elems;
    f->parts[part] += elems;
    f->vectors += f->graph->expansion->weights[at].n_dims < 2 ? elems : 0;
    f->weight_bytes += b ? b->bytes : 0;
}

static viv_status count_params(struct facts *f, struct error *err)
{
    const struct expansion *e = f->graph->expansion;
    bool *counted = calloc(e->n_weights + 1, sizeof *counted);
    viv_status status = counted ? VIV_OK : error_nomem(err);
    for (uint32_t n = 0; status == VIV_OK && n < f->graph->n_nodes; n++) {
        const struct graph_node *node = &f->graph->nodes[n];
        for (uint32_t i = 0; i < node->n_weights; i++)
            count_weight(f, node->weights[i].weight, node->weights[i].elems, facts_part(f->graph, n), counted);
    }
    for (uint32_t i = 0; status == VIV_OK && i < e->n_weights; i++) {
        const struct weight *w = &e->weights[i];
        uint64_t elems = 1;
        for (uint32_t d = 0; w->unread && d < w->n_dims; d++)
            if (!size_mul(elems, w->dims[d], &elems))
                status = error_set(err, VIV_ELIMIT, "weight '%s' has too many elements", w->key);
        if (status == VIV_OK && w->unread)
            count_weight(f, i, elems, VIV_MODEL_PART_OTHER, counted);
    }
    free(counted);
    return status;
}

/* Another layer reads the same weight: a head that is the embedding. */
static bool is_read_elsewhere(const struct graph *g, uint32_t node)
{
    const struct graph_node *n = &g->nodes[node];
    for (uint32_t i = 0; i < g->n_nodes && n->n_weights; i++)
        for (uint32_t w = 0; i != node && w < g->nodes[i].n_weights; w++)
            if (g->nodes[i].weights[w].weight == n->weights[0].weight)
                return true;
    return false;
}

bool facts_counts_active(const struct graph *g, uint32_t node)
{
    const char *rule = spec_active(g->expansion->spec);
    const bool head = strcmp(rule, "body") != 0, embedding = strcmp(rule, "all") == 0;
    if (g->nodes[node].class->flags & VIV_LAYER_TOKENS) /* one that is the head, too, counts as the head does */
        return is_read_elsewhere(g, node) ? head : embedding;
    return head || facts_part(g, node) != VIV_MODEL_PART_HEAD;
}

viv_status facts_active(const struct graph *g, uint64_t *out, struct error *err)
{
    static const struct graph_step token = {.n_rows = 1, .n_output_rows = 1, .context = 1, .n_encoder_rows = 1};
    uint64_t active = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const bool counted_at_head = (g->nodes[i].class->flags & VIV_LAYER_TOKENS) && is_read_elsewhere(g, i);
        struct graph_cost cost;
        viv_status status = graph_node_cost(g, i, &token, &cost);
        if (status != VIV_OK)
            return error_take(err, status);
        active += facts_counts_active(g, i) && !counted_at_head ? cost.active_elems : 0;
    }
    *out = active;
    return VIV_OK;
}

static viv_status count_active(struct facts *f, struct error *err)
{
    const char *rule = spec_active(f->graph->expansion->spec);
    f->active_rule = strcmp(rule, "all") == 0    ? "with embedding and head"
                     : strcmp(rule, "head") == 0 ? "with the head, without the embedding"
                                                 : "without embedding and head";
    viv_status status = facts_active(f->graph, &f->active, err);
    f->active = size_min(f->active, f->params);
    return status;
}

/* Rounds of the repeats of a stack. */
static uint64_t count_layers(const struct graph *g, enum stack_id id)
{
    const struct stack *s = &g->expansion->stacks[id];
    uint64_t n = 0;
    int64_t last = -1;
    for (uint32_t i = s->begin; i < s->end; last = g->nodes[i++].spec->index)
        n += g->nodes[i].spec->index >= 0 && g->nodes[i].spec->index != last;
    return n;
}

/* Weights become of another type when the model is loaded. */
static viv_status change_weights(viv_model *m, struct facts *f, struct error *err)
{
    struct precision_plan plan;
    viv_status status = precision_choose(m, NULL, UINT64_MAX, &plan, err);
    if (status == VIV_OK) {
        f->weight_change = (int64_t)(plan.bytes - plan.bytes_before);
        f->weight_bytes += (uint64_t)f->weight_change;
    }
    precision_release(&plan);
    return status;
}

viv_status facts_of(viv_model *m, struct facts *out, struct error *err)
{
    struct facts f = {.graph = model_graph(m), .context = model_context(m)};
    if (model_has_tensors(m)) {
        viv_status status = model_bindings(m, &f.bindings, err);
        if (status != VIV_OK)
            return status;
    }
    viv_status status = count_params(&f, err);
    if (status == VIV_OK)
        status = count_active(&f, err);
    if (status != VIV_OK)
        return status;
    if (f.bindings && precision_is_given(m))
        status = change_weights(m, &f, err);
    if (status != VIV_OK)
        return status;
    for (enum stack_id id = 0; id < N_STACKS; id++)
        f.n_layers[id] = count_layers(f.graph, id);
    f.cache_types = model_cache_types(m);
    status = graph_check_cache_types(f.graph, &f.cache_types, err);
    if (status != VIV_OK)
        return status;
    const uint32_t first = f.graph->expansion->stacks[STACK_GRAPH].begin;
    f.width = first < f.graph->n_nodes ? f.graph->nodes[first].out_dim : 0;
    f.vocabulary = f.graph->stacks[STACK_GRAPH].vocab_size;
    *out = f;
    return VIV_OK;
}

/* --- bytes --------------------------------------------------------------------------------------------------- */

bool facts_weight_bytes(const struct facts *f, int64_t type, uint64_t *bytes)
{
    if (type < 0 && f->bindings) {
        *bytes = f->weight_bytes;
        return true;
    }
    const struct dtype *d = dtype_get(type < 0 ? VIV_F16 : (uint32_t)type);
    uint64_t blocks = (f->params - f->vectors + d->block - 1) / d->block, matrices, vectors;
    return size_mul(blocks, d->block_bytes, &matrices) && size_mul(f->vectors, 4, &vectors) &&
           size_add(matrices, vectors, bytes);
}

double facts_bytes_per_elem(const struct facts *f, int64_t type)
{
    uint64_t bytes;
    return f->params && facts_weight_bytes(f, type, &bytes) ? (double)bytes / (double)f->params : 0;
}

/* Bytes of the KV cache per token, and where there is an encoder, per row of its output. */
static uint64_t row_bytes(const struct facts *f)
{
    return graph_cache_bytes(f->graph, &f->cache_types, CACHE_OF_GRAPH) +
           graph_cache_bytes(f->graph, &f->cache_types, CACHE_OF_ENCODER_OUTPUT);
}

double facts_cache_elem_bytes(const struct facts *f)
{
    const uint64_t elems = f->graph->cache_elems[CACHE_OF_GRAPH] + f->graph->cache_elems[CACHE_OF_ENCODER_OUTPUT];
    return elems ? (double)row_bytes(f) / (double)elems : 0;
}

uint64_t facts_cache_bytes(const struct facts *f, uint64_t context, uint64_t n_texts)
{
    return row_bytes(f) * context * n_texts;
}

uint64_t facts_recurrent_bytes(const struct facts *f, uint64_t n_texts)
{
    return f->graph->cache_elems[CACHE_RECURRENT] * 2 * sizeof(float) * n_texts;
}

/* --- work ---------------------------------------------------------------------------------------------------- */

static viv_status node_flops(const struct facts *f, uint32_t node, uint64_t context, double *flops,
                             struct error *err)
{
    const struct graph_step step = {.n_rows = 1, .n_output_rows = 0, .context = context};
    struct graph_cost cost;
    viv_status status = graph_node_cost(f->graph, node, &step, &cost);
    *flops = status == VIV_OK ? (double)cost.flops : 0;
    return status == VIV_OK ? VIV_OK : error_take(err, status);
}

/* Sum over the contexts 1 to n, of which most layers know that a row more costs the same more. */
static viv_status sum_flops(const struct facts *f, uint32_t node, uint64_t n, double *sum, struct error *err)
{
    double first, middle, last, one;
    const uint64_t half = (n + 1) / 2;
    viv_status status = node_flops(f, node, 1, &first, err);
    if (status == VIV_OK)
        status = node_flops(f, node, half, &middle, err);
    if (status == VIV_OK)
        status = node_flops(f, node, n, &last, err);
    if (status != VIV_OK)
        return status;
    *sum = (double)n * (first + last) / 2;
    if (n < 3 || (middle - first) * (double)(n - 1) == (last - first) * (double)(half - 1))
        return VIV_OK;
    *sum = 0;
    for (uint64_t context = 1; status == VIV_OK && context <= n; context++) {
        status = node_flops(f, node, context, &one, err);
        *sum += one;
    }
    return status;
}

static void add_cost(struct work_cost *w, const struct graph_cost *c)
{
    w->flops += (double)c->flops;
    w->weight_elems += (double)c->weight_elems;
    w->cache_elems += (double)c->cache_elems;
}

static viv_status whole_text(const struct facts *f, enum stack_id stack, uint64_t n, struct work_cost *out,
                             struct error *err)
{
    const struct graph_step text = {.n_rows = n, .n_output_rows = n, .context = n};
    struct graph_cost cost;
    viv_status status = graph_cost(f->graph, stack, &text, &cost, err);
    if (status == VIV_OK)
        add_cost(out, &cost);
    return status;
}

viv_status facts_prefill(const struct facts *f, uint64_t n, struct work_cost *out, struct error *err)
{
    const struct stack *s = &f->graph->expansion->stacks[STACK_GRAPH];
    const struct graph_step rows = {.n_rows = n, .n_output_rows = 1, .context = n},
                            first = {.n_rows = 1,
                                     .n_output_rows = 1,
                                     .context = 1,
                                     .n_encoder_rows = n,
                                     .n_new_encoder_rows = n};
    struct work_cost w = {.n_tokens = n};
    struct graph_cost cost;
    viv_status status;
    if (graph_encoder_dim(f->graph)) {
        status = whole_text(f, STACK_ENCODER, n, &w, err);
        if (status == VIV_OK)
            status = graph_cost(f->graph, STACK_GRAPH, &first, &cost, err);
        if (status == VIV_OK)
            add_cost(&w, &cost);
    } else if (f->graph->stacks[STACK_GRAPH].whole_sequences) {
        status = whole_text(f, STACK_GRAPH, n, &w, err);
    } else {
        status = graph_cost(f->graph, STACK_GRAPH, &rows, &cost, err);
        add_cost(&w, &cost);
        w.flops = 0;
        w.cache_elems = 0; /* written, and read while it is in the caches */
        for (uint32_t i = s->begin; status == VIV_OK && i < s->end; i++) {
            double sum = 0;
            if (i < f->graph->stacks[STACK_GRAPH].tail)
                status = sum_flops(f, i, n, &sum, err);
            else if ((status = graph_node_cost(f->graph, i, &rows, &cost)) == VIV_OK)
                sum = (double)cost.flops;
            w.flops += sum;
        }
    }
    *out = w;
    return status;
}

bool facts_writes(const struct facts *f)
{
    const struct value *output = expansion_param(f->graph->expansion, "output");
    return !f->graph->stacks[STACK_GRAPH].whole_sequences &&
           (!output || output->kind != VALUE_STRING || strcmp(output->s, "logits") == 0);
}

viv_status facts_decode(const struct facts *f, uint64_t context, uint64_t n_texts, struct work_cost *out,
                        struct error *err)
{
    const struct graph_step step = {.n_rows = n_texts,
                                    .n_output_rows = n_texts,
                                    .context = context,
                                    .n_encoder_rows = graph_encoder_dim(f->graph) ? context : 0};
    struct work_cost w = {.n_tokens = n_texts, .sequence_bytes = (double)facts_recurrent_bytes(f, n_texts)};
    struct graph_cost cost;
    viv_status status = graph_cost(f->graph, STACK_GRAPH, &step, &cost, err);
    if (status == VIV_OK)
        add_cost(&w, &cost);
    *out = w;
    return status;
}
