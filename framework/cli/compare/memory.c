/* memory.c - see memory.h. The kernel counts what a process has touched: pages of mapped weights that a step has
 * read, and of its own memory those that it has written. */
#include "cli/compare/memory.h"

#include "base/size.h"
#include "graph/plan.h"
#include "tensor/dtype.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const memory_part_names[N_MEMORY_PARTS] = {"weights",   "experts",         "copies",
                                                       "kv_cache",  "recurrent_state", "activations",
                                                       "workspace", "tokenizer",       "program"};
const char *const memory_part_labels[N_MEMORY_PARTS] = {"weights",   "weights of experts", "copies of weights",
                                                        "KV cache",  "recurrent state",    "activations",
                                                        "workspace", "tokenizer",          "program"};

enum {
    PROGRAM = 27 << 18,     /* the program, its libraries and the spec */
    AROUND = 64 << 10,      /* a page of a mapped file comes with those around it */
    PER_TOKEN_OF_TEXT = 98, /* the vocabulary in the file and in memory, logits and candidates of the sampler */
    PER_SLOT_OF_TEXT = 40,  /* a slot of each hash table, of words and of merges */
    ROWS_OF_A_STEP = 512,
    /* that choose experts in a last layer which computes no more of a prompt than its last row: those of an answer,
     * which are many, but alike */
    ROWS_OF_AN_ANSWER = 3,
    ROWS_OF_A_PAGE = 128,
    FIRST_PACKED_TYPE = 78 /* kernels/block_types.h: of weights that a file has in parts */
};

static double node_bytes(const struct facts *f, const struct graph_node *n, int64_t type)
{
    double bytes = 0, elems = 0;
    for (uint32_t i = 0; i < n->n_weights; i++) {
        elems += (double)n->weights[i].elems;
        if (f->bindings && type < 0 && f->bindings[n->weights[i].weight].tensor)
            bytes += (double)f->bindings[n->weights[i].weight].bytes;
    }
    return f->bindings && type < 0 ? bytes : elems * facts_bytes_per_elem(f, type);
}

/* Another layer reads the weights of this one, too: a head that is the embedding. */
static bool shares_weights(const struct facts *f, uint32_t node)
{
    const struct graph_node *n = &f->graph->nodes[node];
    for (uint32_t i = 0; i < f->graph->n_nodes && n->n_weights; i++)
        for (uint32_t w = 0; i != node && w < f->graph->nodes[i].n_weights; w++) {
            uint32_t a = f->graph->nodes[i].weights[w].weight, b = n->weights[0].weight;
            if (a == b || (f->bindings && f->bindings[a].weight == f->bindings[b].weight))
                return true;
        }
    return false;
}

static bool has_experts(const struct graph_node *n)
{
    bool sliced = false;
    for (uint32_t w = 0; w < n->n_weights; w++)
        sliced = sliced || n->weights[w].sliced;
    return sliced;
}

/* Bytes of weights that a step touches. Of an embedding each token touches a row, and what the system reads around.
 */
static viv_status add_touched(const struct facts *f, enum stack_id id, const struct graph_step *step, int64_t type,
                              double parts[N_MEMORY_PARTS], struct error *err)
{
    const struct stack *s = &f->graph->expansion->stacks[id];
    for (uint32_t i = s->begin; i < s->end; i++) {
        const struct graph_node *n = &f->graph->nodes[i];
        struct graph_cost cost;
        double all = node_bytes(f, n, type), elems = 0, part;
        if ((n->class->flags & VIV_LAYER_TOKENS) && shares_weights(f, i))
            continue;
        viv_status status = graph_node_cost(f->graph, i, step, &cost);
        if (status != VIV_OK)
            return error_take(err, status);
        for (uint32_t w = 0; w < n->n_weights; w++)
            elems += (double)n->weights[w].elems;
        part = elems > 0 ? all * (double)cost.weight_elems / elems : 0;
        if (n->class->flags & VIV_LAYER_TOKENS)
            part += (double)step->n_rows * AROUND;
        parts[has_experts(n) ? MEMORY_EXPERTS : MEMORY_WEIGHTS] += part < all ? part : all;
    }
    return VIV_OK;
}

/* Floats of a prepared row per number: 8 bits and scales where weights have blocks. */
static double prepared_floats(const struct facts *f, uint32_t weight, int64_t type)
{
    const viv_tensor *t = f->bindings ? f->bindings[weight].tensor : NULL;
    const uint32_t dtype = type >= 0 ? (uint32_t)type : t ? t->dtype : VIV_F16;
    return dtype_get(dtype)->block > 1 ? 0.34 : 1;
}

/* About what a layer needs for a row, in floats: its input prepared, and the numbers inside it, as they are and
 * prepared. Of experts, the same and the output for each that is chosen. */
static double workspace_floats(const struct facts *f, uint32_t node, int64_t type)
{
    const struct graph_node *n = &f->graph->nodes[node];
    const uint64_t dim = n->in_dims[n->spec->n_inputs - 1]; /* of experts, the routes come first */
    const struct graph_step one = {.n_rows = 1, .n_output_rows = 1, .context = 1};
    struct graph_cost cost = {0};
    double prepared = 0, inside = 0, elems = 0, chosen = 0;
    for (uint32_t w = 0; w < n->n_weights && !(n->class->flags & VIV_LAYER_TOKENS); w++) {
        const struct weight *weight = &f->graph->expansion->weights[n->weights[w].weight];
        elems += (double)n->weights[w].elems;
        if (weight->n_dims != 2 && !n->weights[w].sliced)
            continue;
        prepared = fmax(prepared, prepared_floats(f, n->weights[w].weight, type));
        if (weight->n_dims == 2)
            inside = fmax(inside, (double)size_max(weight->dims[0], weight->dims[1]));
        else if (weight->n_dims == 3 && weight->dims[2] == dim) {
            inside = fmax(inside, (double)weight->dims[1]);
            chosen = (double)weight->dims[0];
        }
    }
    if (chosen == 0)
        return prepared * (double)dim + (1 + prepared) * inside;
    if (graph_node_cost(f->graph, node, &one, &cost) == VIV_OK)
        chosen *= (double)cost.active_elems / elems;
    return chosen * (prepared * (double)dim + (1 + prepared) * inside + (double)n->out_dim);
}

/* Bytes of the values between layers, and about what the most demanding layer needs, for so many rows. */
static viv_status add_step(const struct facts *f, enum stack_id id, uint64_t n_rows, int64_t type,
                           double parts[N_MEMORY_PARTS], struct error *err)
{
    const struct stack *s = &f->graph->expansion->stacks[id];
    double most = 0, floats = 0;
    struct plan plan;
    viv_status status = plan_make(f->graph, id, false, &plan, err);
    if (status != VIV_OK)
        return status;
    for (uint32_t i = 0; i < plan.n_slots; i++)
        floats += plan.slot_in_tail[i] ? 0 : (double)plan.slot_floats[i];
    plan_release(&plan);
    for (uint32_t i = s->begin; i < f->graph->stacks[id].tail; i++)
        most = fmax(most, workspace_floats(f, i, type));
    parts[MEMORY_ACTIVATIONS] += (double)n_rows * 4 * floats;
    parts[MEMORY_WORKSPACE] += (double)n_rows * 4 * most;
    return VIV_OK;
}

static bool all_f32(const struct facts *f)
{
    for (uint32_t i = 0; i < f->graph->expansion->n_weights && f->bindings; i++) {
        const viv_tensor *t = f->bindings[i].tensor;
        if (t && t->dl.ndim > 1 && t->dtype != VIV_F32)
            return false;
    }
    return f->bindings != NULL;
}

/* Vectors are copied as f32 unless all weights are. Weights that a file has in parts, and those that transforms
 * make, are copied whole. */
static double copied_bytes(const struct facts *f, int64_t type)
{
    double bytes = type < 0 && all_f32(f) ? 0 : 4 * (double)f->vectors;
    for (uint32_t i = 0; i < f->graph->expansion->n_weights && f->bindings && type < 0; i++) {
        const viv_tensor *t = f->bindings[i].tensor;
        if (t && f->bindings[i].weight == i && t->dl.ndim > 1 &&
            (t->dtype >= FIRST_PACKED_TYPE || f->graph->expansion->weights[i].n_transforms > 0))
            bytes += (double)(t->dtype >= FIRST_PACKED_TYPE ? t->nbytes : f->bindings[i].bytes);
    }
    return bytes;
}

/* What reads and writes text: hash tables have twice as many slots as words, rounded up to a power of two. */
static double tokenizer_bytes(uint64_t n)
{
    double slots = 16;
    while (slots < 2 * (double)n)
        slots *= 2;
    return n ? slots * PER_SLOT_OF_TEXT + (double)n * PER_TOKEN_OF_TEXT : 0;
}

/* Other types at load: of matrices, and of experts. */
static void change_weights(double parts[N_MEMORY_PARTS], double change)
{
    const double matrices = fmax(parts[MEMORY_WEIGHTS] + change, 0);
    parts[MEMORY_EXPERTS] = fmax(parts[MEMORY_EXPERTS] + change - (matrices - parts[MEMORY_WEIGHTS]), 0);
    parts[MEMORY_WEIGHTS] = matrices;
}

/* Of a model that sees, while it encodes a picture: weights and activations of its stacks, and the rows that come.
 */
static viv_status add_sight(const struct facts *f, int64_t type, double parts[N_MEMORY_PARTS], struct error *err)
{
    const struct graph_step step = {
        .n_rows = f->sight.tile_rows, .n_output_rows = f->sight.tile_rows, .context = f->sight.tile_rows};
    viv_status status = VIV_OK;
    for (enum stack_id id = 0; id < MAX_NAMED_STACKS && f->sight.n_tiles && status == VIV_OK; id++) {
        if (!f->graph->expansion->stacks[id].name || id == STACK_GRAPH)
            continue;
        status = add_touched(f, id, &step, type, parts, err);
        if (status == VIV_OK)
            status = add_step(f, id, f->sight.tile_rows, type, parts, err);
    }
    parts[MEMORY_ACTIVATIONS] += (double)f->sight.n_tokens * (double)f->width * sizeof(float);
    return status;
}

viv_status memory_predict(const struct facts *f, const struct memory_query *q, struct memory_use *out,
                          struct error *err)
{
    const uint64_t context = q->context;
    const bool reads = graph_encoder_dim(f->graph) > 0, whole = f->graph->stacks[STACK_GRAPH].whole_sequences;
    const uint64_t n_rows = whole ? context : size_min(context, q->max_rows ? q->max_rows : ROWS_OF_A_STEP);
    const struct graph_step text = {.n_rows = context, .n_output_rows = context, .context = context},
                            step = reads ? (struct graph_step){1, 1, 1, context, context}
                                         : (struct graph_step){.n_rows = context * q->n_texts,
                                                               .n_output_rows = ROWS_OF_AN_ANSWER,
                                                               .context = context};
    const uint64_t rounded = (context + ROWS_OF_A_PAGE - 1) / ROWS_OF_A_PAGE * ROWS_OF_A_PAGE;
    double parts[N_MEMORY_PARTS] = {[MEMORY_PROGRAM] = PROGRAM,
                                    [MEMORY_TOKENIZER] = tokenizer_bytes(f->vocabulary),
                                    [MEMORY_CACHE] = (double)facts_cache_bytes(f, rounded, q->n_texts),
                                    [MEMORY_RECURRENT] = (double)facts_recurrent_bytes(f, q->n_texts),
                                    [MEMORY_COPIES] = copied_bytes(f, q->type)};
    *out = (struct memory_use){0};
    viv_status status = add_touched(f, STACK_GRAPH, &step, q->type, parts, err);
    if (status == VIV_OK && reads)
        status = add_touched(f, STACK_ENCODER, &text, q->type, parts, err);
    if (status == VIV_OK)
        status = add_step(f, STACK_GRAPH, n_rows, q->type, parts, err);
    if (status == VIV_OK && reads)
        status = add_step(f, STACK_ENCODER, context, q->type, parts, err);
    if (status == VIV_OK)
        status = add_sight(f, q->type, parts, err);
    if (q->type < 0)
        change_weights(parts, (double)f->weight_change);
    if (q->expert_budget && parts[MEMORY_EXPERTS] > (double)q->expert_budget)
        parts[MEMORY_EXPERTS] = (double)q->expert_budget;
    double total = 0;
    for (int i = 0; i < N_MEMORY_PARTS; i++) {
        out->parts[i] = parts[i] < 1.8e19 ? (uint64_t)parts[i] : UINT64_MAX;
        total += parts[i];
    }
    out->total = total < 1.8e19 ? (uint64_t)total : UINT64_MAX;
    return status;
}

/* --- what fits ----------------------------------------------------------------------------------------------- */

/* The largest value of *field up to `most` whose prediction is within the limit: it grows with either field. */
static viv_status search(const struct facts *f, struct memory_query *q, uint64_t *field, uint64_t limit,
                         uint64_t most, uint64_t *out, struct error *err)
{
    uint64_t low = 0, high = most; /* low fits */
    while (low < high) {
        const uint64_t middle = high - (high - low) / 2;
        struct memory_use use;
        *field = middle;
        const viv_status status = memory_predict(f, q, &use, err);
        if (status != VIV_OK)
            return status;
        if (use.total <= limit)
            low = middle;
        else
            high = middle - 1;
    }
    *out = low;
    return VIV_OK;
}

viv_status memory_most_context(const struct facts *f, const struct memory_query *q, uint64_t limit, uint64_t *out,
                               struct error *err)
{
    struct memory_query tried = *q;
    return search(f, &tried, &tried.context, limit, size_max(f->context, q->context), out, err);
}

viv_status memory_most_texts(const struct facts *f, const struct memory_query *q, uint64_t limit, uint64_t most,
                             uint64_t *out, struct error *err)
{
    struct memory_query tried = *q;
    return search(f, &tried, &tried.n_texts, limit, most, out, err);
}

/* --- this machine -------------------------------------------------------------------------------------------- */

uint64_t memory_of_machine(void)
{
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
}

/* The number of KiB that a file of /proc gives to a word, in bytes; 0: it does not. */
static uint64_t said_by(const char *path, const char *word)
{
    uint64_t kib = 0;
    char line[128];
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, word, strlen(word)) == 0)
            kib = strtoull(line + strlen(word), NULL, 10);
    if (file)
        fclose(file);
    return kib * 1024;
}

uint64_t memory_available(void)
{
    return said_by("/proc/meminfo", "MemAvailable:");
}

uint64_t memory_peak(void)
{
    return said_by("/proc/self/status", "VmHWM:");
}
