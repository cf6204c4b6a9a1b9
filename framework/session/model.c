#include "session/instance.h"

#include "base/size.h"
#include "base/trail.h"
#include "session/schedule.h"
#include "session/store.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_ROWS = 512 };

viv_status block_reserve(struct block *b, uint64_t size, struct error *err)
{
    if (size <= b->size)
        return VIV_OK;
    void *data = aligned_alloc(64, size_align(size, 64));
    if (!data)
        return error_nomem(err);
    free(b->data);
    *b = (struct block){data, size};
    return VIV_OK;
}

void block_release(struct block *b)
{
    free(b->data);
    *b = (struct block){0};
}

/* --- open ------------------------------------------------------------------------------------------------- */

static viv_status open_parts(viv_model *m, const char *name, struct error *err)
{
    viv_status status = spec_open(m->options.world, name, &m->spec, err);
    if (status == VIV_OK && spec_checkpoint(m->spec)) {
        status = checkpoint_open(&m->checkpoint, spec_checkpoint(m->spec), err);
        m->has_checkpoint = status == VIV_OK;
    }
    if (status == VIV_OK)
        status = spec_expand(m->spec, m->has_checkpoint ? &m->checkpoint : NULL, &m->expansion, err);
    if (status == VIV_OK)
        status = adapt_checkpoint(m, err);
    if (status == VIV_OK)
        status = graph_build(m->expansion, m->options.host, &m->graph, err);
    return status;
}

static const struct value *attr_of(const struct node *n, const char *name)
{
    for (uint32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i].value;
    return NULL;
}

static double number_of(const struct node *n, const char *name)
{
    const struct value *v = attr_of(n, name);
    return !v ? 0 : v->kind == VALUE_INT ? (double)v->i : v->kind == VALUE_FLOAT ? v->f : 0;
}

/* Dynamic scaling of rotary positions exists to go beyond what the model was trained on: by its factor. 0: none. */
static uint64_t stretched(const struct expansion *e)
{
    double most = 0;
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        const struct value *scaling = attr_of(&e->nodes[i], "rope.scaling");
        if (scaling && scaling->kind == VALUE_STRING && strcmp(scaling->s, "dynamic") == 0)
            most = fmax(most,
                        number_of(&e->nodes[i], "rope.original_context") * number_of(&e->nodes[i], "rope.factor"));
    }
    return most >= 1 && most <= INT32_MAX ? (uint64_t)most : 0;
}

/* Positions that the model was made for: by its param, which every family of tokens calls the same. */
static uint64_t made_for(const viv_model *m)
{
    const struct value *v = expansion_param(m->expansion, "max_position_embeddings");
    const uint64_t said = v && v->kind == VALUE_INT && v->i > 0 ? (uint64_t)v->i : 2048;
    return size_max(said, stretched(m->expansion));
}

viv_status model_open(const struct model_options *options, const char *name, viv_model **out, struct error *err)
{
    viv_model *m = calloc(1, sizeof *m);
    if (!m)
        return error_nomem(err);
    m->options = *options;
    viv_status status = open_parts(m, name, err);
    if (status != VIV_OK) {
        model_close(m);
        return status;
    }
    m->context = options->context                      ? options->context
                 : spec_settings(m->spec)->context > 0 ? (uint64_t)spec_settings(m->spec)->context
                                                       : made_for(m);
    for (uint32_t i = 0; i < N_STACKS; i++)
        m->stacks[i].max_rows = m->context;
    if (!m->graph->stacks[STACK_GRAPH].whole_sequences)
        m->stacks[STACK_GRAPH].max_rows =
            size_min(options->max_rows ? options->max_rows : DEFAULT_MAX_ROWS, m->context);
    *out = m;
    return VIV_OK;
}

/* --- load ------------------------------------------------------------------------------------------------- */

/* f32 where the weights are f32, else f16 */
uint32_t model_state_dtype(const viv_model *m)
{
    if (m->options.state_dtype >= 0)
        return (uint32_t)m->options.state_dtype;
    if (!m->bindings)
        return VIV_F16;
    for (uint32_t i = 0; i < m->expansion->n_weights; i++) {
        const viv_tensor *t = m->bindings[i].tensor;
        if (t && t->dl.ndim > 1 && t->dtype != VIV_F32)
            return VIV_F16;
    }
    return VIV_F32;
}

static viv_status start_scheduler(viv_model *m, struct error *err)
{
    const char *name = m->options.scheduler ? m->options.scheduler : spec_settings(m->spec)->scheduler;
    const int64_t set = spec_settings(m->spec)->threads;
    const uint32_t n_threads = m->options.n_threads ? m->options.n_threads : set > 0 ? (uint32_t)set : 0;
    return schedule_start(m, name, n_threads, err);
}

static const char *layer_wanting_most(const viv_model *m)
{
    const struct graph_node *most = m->graph->nodes;
    for (uint32_t i = 1; i < m->graph->n_nodes; i++)
        if (m->graph->nodes[i].worker_workspace > most->worker_workspace)
            most = &m->graph->nodes[i];
    return most->spec->path;
}

static viv_status make_buffers(viv_model *m, uint64_t scratch_bytes, struct error *err)
{
    m->scratch = calloc(m->n_workers, sizeof *m->scratch);
    viv_status status = m->scratch ? VIV_OK : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < N_STACKS; i++) {
        struct stack_run *s = &m->stacks[i];
        status = plan_make(m->graph, i, m->options.tap != NULL, &s->plan, err);
        s->slots = status == VIV_OK ? calloc(s->plan.n_slots ? s->plan.n_slots : 1, sizeof *s->slots) : NULL;
        if (status == VIV_OK && !s->slots)
            status = error_nomem(err);
    }
    for (uint32_t i = 0; status == VIV_OK && i < m->n_workers; i++)
        if (block_reserve(&m->scratch[i], scratch_bytes + GUARD_BYTES, err) != VIV_OK)
            status = error_set(err, VIV_ENOMEM,
                               "out of memory: %" PRIu64 " bytes of workspace for each of %" PRIu32
                               " workers (%s wants the most)",
                               scratch_bytes, m->n_workers, layer_wanting_most(m));
    return status;
}

static viv_status need_weights(const viv_model *m, struct error *err)
{
    if (m->has_checkpoint)
        return checkpoint_need_weights(&m->checkpoint, err);
    return error_set(err, VIV_ENOTFOUND,
                     "%s has no weights: give a checkpoint directory or a .gguf file, or a spec with `checkpoint:`",
                     spec_name(m->spec));
}

viv_status model_load(viv_model *m, struct error *err)
{
    const struct binding *bindings;
    uint64_t scratch_bytes;
    if (m->loaded)
        return VIV_OK;
    viv_status status = need_weights(m, err);
    if (status == VIV_OK)
        status = model_bindings(m, &bindings, err);
    if (status == VIV_OK)
        status = start_scheduler(m, err);
    if (status == VIV_OK)
        status = merge_adapters(m, err);
    if (status == VIV_OK)
        status = bind_transformed(m, err);
    if (status == VIV_OK) {
        m->state_dtype = model_state_dtype(m);
        status = state_lay_out(m, err);
    }
    if (status == VIV_OK && m->options.slice_budget)
        status = store_create(m->options.slice_budget, m->n_workers, &m->store, err);
    if (status == VIV_OK)
        status = prepare_layers(m, &scratch_bytes, err);
    if (status == VIV_OK && m->store)
        status = store_start(m->store, err);
    if (status == VIV_OK && m->store && m->options.slice_uses)
        status = store_pin(m->store, m->options.slice_uses, m->options.slice_uses_ctx, err);
    if (status == VIV_OK)
        status = make_buffers(m, scratch_bytes, err);
    if (status == VIV_OK)
        status = step_frame_create(m, err);
    m->loaded = status == VIV_OK;
    return status;
}

void model_close(viv_model *m)
{
    if (!m || trail_spoilt)
        return;
    schedule_end(m);
    step_frame_destroy(m);
    store_destroy(m->store);
    slices_release_all(m);
    for (uint32_t i = 0; i < N_STACKS; i++) {
        struct stack_run *s = &m->stacks[i];
        for (uint32_t k = 0; s->slots && k < s->plan.n_slots; k++)
            block_release(&s->slots[k]);
        free(s->slots);
        plan_release(&s->plan);
    }
    for (uint32_t i = 0; m->scratch && i < m->n_workers; i++)
        block_release(&m->scratch[i]);
    for (uint32_t i = 0; i < m->n_made; i++)
        free(m->made[i].data);
    block_release(&m->workspace);
    free(m->scratch);
    free(m->state_places);
    free(m->narrow_places);
    free_all_pages(m);
    tokenizer_destroy(m->tokenizer);
    graph_destroy(m->graph);
    expansion_destroy(m->expansion);
    adapters_close(m);
    if (m->has_checkpoint)
        checkpoint_close(&m->checkpoint);
    spec_close(m->spec);
    arena_release(&m->arena);
    free(m);
}

/* --- what it is made of ------------------------------------------------------------------------------------- */

const struct spec *model_spec(const viv_model *m)
{
    return m->spec;
}

const struct checkpoint *model_checkpoint(const viv_model *m)
{
    return m->has_checkpoint ? &m->checkpoint : NULL;
}

bool model_has_tensors(const viv_model *m)
{
    return m->has_checkpoint && checkpoint_knows_tensors(&m->checkpoint);
}

const struct expansion *model_expansion(const viv_model *m)
{
    return m->expansion;
}

const struct graph *model_graph(const viv_model *m)
{
    return m->graph;
}

viv_status model_bindings(viv_model *m, const struct binding **out, struct error *err)
{
    if (!model_has_tensors(m))
        return need_weights(m, err);
    if (!m->bindings) {
        viv_status status = bind_weights(m, err);
        if (status != VIV_OK)
            return status;
    }
    *out = m->bindings;
    return VIV_OK;
}

uint32_t model_n_unused(const viv_model *m, const char **parts)
{
    *parts = m->unused;
    return m->n_unused;
}

uint32_t model_n_adapters(const viv_model *m)
{
    return m->n_adapters;
}

void model_adapter(const viv_model *m, uint32_t i, struct adapter_summary *out)
{
    const struct adapter *a = &m->adapters[i];
    const bool gguf = checkpoint_is_gguf(&a->files);
    *out = (struct adapter_summary){.path = a->path, .format = gguf ? "gguf" : "peft", .scale = a->scale};
    for (size_t t = 0; t < m->n_adapted; t++) {
        out->n_replaced += m->adapted[t].replaced_by == a;
        for (size_t k = 0; k < m->adapted[t].n_uses; k++) {
            const struct use *u = &m->adapted[t].uses[k];
            const bool low_rank = u->change->kind == CHANGE_LOW_RANK;
            if (u->adapter != a || u->change->kind == CHANGE_BIAS)
                continue;
            out->n_replaced += !low_rank;
            if (low_rank && out->n_low_rank++ == 0)
                out->rank_min = u->change->rank;
            out->rank_min = low_rank ? size_min(out->rank_min, u->change->rank) : out->rank_min;
            out->rank_max = low_rank ? size_max(out->rank_max, u->change->rank) : out->rank_max;
        }
    }
}

void model_add_end(viv_model *m, int32_t id)
{
    if (!model_is_end(m, id) && m->n_ends < MAX_END_TOKENS)
        m->ends[m->n_ends++] = id;
}

static void add_end(viv_model *m, int64_t id)
{
    if (id >= 0 && id <= INT32_MAX)
        model_add_end(m, (int32_t)id);
}

/* eos_token_id is a number, or a list of them */
static void add_ends_of(viv_model *m, json_t *root)
{
    json_t *ids = root ? json_object_get(root, "eos_token_id") : NULL, *id;
    size_t i;
    if (json_is_integer(ids))
        add_end(m, json_integer_value(ids));
    json_array_foreach(ids, i, id) if (json_is_integer(id)) add_end(m, json_integer_value(id));
}

static void find_ends(viv_model *m)
{
    add_end(m, tokenizer_eos(m->tokenizer));
    if (m->checkpoint.generation)
        add_ends_of(m, m->checkpoint.generation);
    if (m->checkpoint.config)
        add_ends_of(m, m->checkpoint.config);
    for (size_t i = 0; tokenizer_end(m->tokenizer, i) >= 0; i++)
        add_end(m, tokenizer_end(m->tokenizer, i));
}

viv_status model_tokenizer(viv_model *m, const struct tokenizer **out, struct error *err)
{
    if (!m->tokenizer) {
        if (!m->has_checkpoint)
            return error_set(err, VIV_ENOTFOUND, "%s has no weights, hence no tokenizer", spec_name(m->spec));
        viv_status status = tokenizer_open(&m->checkpoint, &m->tokenizer, err);
        if (status != VIV_OK)
            return status;
        find_ends(m);
    }
    *out = m->tokenizer;
    return VIV_OK;
}

bool model_is_end(viv_model *m, int32_t id)
{
    for (uint32_t i = 0; i < m->n_ends; i++)
        if (m->ends[i] == id)
            return true;
    return false;
}

bool model_store_stats(const viv_model *m, struct store_stats *out)
{
    if (m->store)
        store_stats(m->store, out);
    return m->store != NULL;
}

void model_stats(const viv_model *m, struct model_stats *out)
{
    *out = (struct model_stats){.weight_bytes = m->weight_bytes,
                                .made_bytes = m->made_bytes,
                                .workspace_bytes = m->workspace.size,
                                .state_bytes_per_token = m->pools[STATE_OF_GRAPH].row_bytes,
                                .encoder_bytes_per_token = m->pools[STATE_OF_ENCODER].row_bytes,
                                .memory_bytes_per_row = m->pools[STATE_OF_MEMORY].row_bytes,
                                .state_bytes_per_sequence = 2 * m->pools[STATE_OF_SEQUENCE].row_bytes,
                                .state_dtype = m->state_dtype,
                                .n_threads = m->n_workers,
                                .scheduler = m->scheduler_class ? m->scheduler_class->name : NULL};
    for (uint32_t i = 0; i < N_STACKS; i++)
        for (uint32_t k = 0; m->stacks[i].slots && k < m->stacks[i].plan.n_slots; k++)
            out->activation_bytes += m->stacks[i].slots[k].size;
    for (uint32_t i = 0; m->scratch && i < m->n_workers; i++)
        out->workspace_bytes += m->scratch[i].size;
}

uint64_t model_output_dim(const viv_model *m)
{
    return m->graph->stacks[STACK_GRAPH].output_dim;
}

uint64_t model_context(const viv_model *m)
{
    return m->context;
}

uint64_t model_max_rows(const viv_model *m)
{
    return m->stacks[STACK_GRAPH].max_rows;
}

uint64_t model_memory_dim(const viv_model *m)
{
    return graph_memory_dim(m->graph);
}
