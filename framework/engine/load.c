/* load.c - puts a model together: see load.h. */
#include "engine/load.h"

#include "engine/door.h"

#include "adapters/adapters.h"
#include "base/size.h"
#include "base/trail.h"
#include "experts/expert_cache.h"
#include "experts/expert_set.h"
#include "formats/mmproj.h"
#include "model/dialects.h"
#include "model/grammars.h"
#include "model/instance.h"
#include "model/precision.h"
#include "model/schedule.h"
#include "run/run.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_MAX_ROWS = 512, MAX_STACK_ROWS = 1 << 16 };

/* --- open ------------------------------------------------------------------------------------------------- */

static viv_status open_parts(viv_model *m, const char *name, struct error *err)
{
    m->world = *m->options.world;
    m->world.mmproj = m->options.mmproj;
    viv_status status = spec_open(&m->world, name, &m->spec, err);
    if (status == VIV_OK && spec_checkpoint(m->spec)) {
        status = checkpoint_open(&m->checkpoint, spec_checkpoint(m->spec), err);
        m->has_checkpoint = status == VIV_OK;
    }
    if (status == VIV_OK && m->has_checkpoint && spec_mmproj(m->spec))
        status = mmproj_join(&m->checkpoint, spec_mmproj(m->spec), err);
    if (status == VIV_OK)
        status = spec_expand(m->spec, m->has_checkpoint ? &m->checkpoint : NULL, &m->expansion, err);
    if (status == VIV_OK)
        status = adapters_open(m, err);
    if (status == VIV_OK)
        status = graph_build(m->expansion, m->options.host, &m->graph, err);
    return status;
}

static double number_of(const struct node *n, const char *name)
{
    const struct value *v = node_attr(n, name);
    return !v ? 0 : v->kind == VALUE_INT ? (double)v->i : v->kind == VALUE_FLOAT ? v->f : 0;
}

/* Dynamic scaling of rotary positions exists to go beyond what the model was trained on: by its factor. 0: none. */
static uint64_t stretched(const struct expansion *e)
{
    double most = 0;
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        const struct value *scaling = node_attr(&e->nodes[i], "rope.scaling");
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

/* Of the graph, unless said: more where rows see each other both ways, for these must come in one step. */
static uint64_t step_rows(const viv_model *m)
{
    const struct value *rows = expansion_param(m->expansion, "step_rows");
    return rows && rows->kind == VALUE_INT && rows->i > 0 ? (uint64_t)rows->i : DEFAULT_MAX_ROWS;
}

viv_status model_open(const struct model_options *options, const char *name, viv_model **out, struct error *err)
{
    viv_model *m = calloc(1, sizeof *m);
    if (!m)
        return error_nomem(err);
    m->options = *options;
    viv_status status = options->cache_type ? cache_types_parse(options->cache_type, &m->cache_types, err) : VIV_OK;
    if (status == VIV_OK && options->weight_type)
        status = precision_parse(options->weight_type, &m->weight_type, err);
    if (status == VIV_OK)
        status = open_parts(m, name, err);
    if (status != VIV_OK) {
        model_close(m);
        return status; /* NOLINT(clang-analyzer-unix.Malloc): what a plugin spoilt is not released */
    }
    m->context = options->context                      ? options->context
                 : spec_settings(m->spec)->context > 0 ? (uint64_t)spec_settings(m->spec)->context
                                                       : made_for(m);
    for (uint32_t i = 0; i < N_STACKS; i++)
        m->stacks[i].max_rows = i < MAX_NAMED_STACKS ? MAX_STACK_ROWS : m->context;
    if (!m->graph->stacks[STACK_GRAPH].whole_sequences)
        m->stacks[STACK_GRAPH].max_rows =
            size_min(options->max_rows ? options->max_rows : step_rows(m), m->context);
    *out = m;
    return VIV_OK;
}

/* --- load ------------------------------------------------------------------------------------------------- */

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
        status = plan_make(m->graph, i, m->options.hook != NULL, &s->plan, err);
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

viv_status model_load(viv_model *m, struct error *err)
{
    const struct binding *bindings;
    uint64_t scratch_bytes;
    if (m->loaded)
        return VIV_OK;
    viv_status status = model_need_weights(m, err);
    if (status == VIV_OK)
        status = model_bindings(m, &bindings, err);
    if (status == VIV_OK)
        status = start_scheduler(m, err);
    if (status == VIV_OK)
        status = repack_weights(m, err);
    if (status == VIV_OK)
        status = adapters_merge(m, err);
    if (status == VIV_OK)
        status = bind_transformed(m, err);
    if (status == VIV_OK && (m->options.weight_budget || m->options.weight_type))
        status = precision_apply(m, err);
    if (status == VIV_OK) {
        m->cache_types = model_cache_types(m);
        status = cache_lay_out(m, err);
    }
    if (status == VIV_OK && m->options.expert_budget)
        status = expert_cache_create(m->options.expert_budget, m->n_workers, &m->expert_cache, err);
    if (status == VIV_OK)
        status = prepare_layers(m, &scratch_bytes, err);
    if (status == VIV_OK && m->expert_cache)
        status = expert_cache_start(m->expert_cache, err);
    if (status == VIV_OK && m->expert_cache && m->options.expert_uses)
        status = expert_cache_pin(m->expert_cache, m->options.expert_uses, m->options.expert_uses_ctx, err);
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
    model_close(m->draft);
    door_destroy(m->door); /* with the instance that answers, which uses the model */
    schedule_end(m);
    step_frame_destroy(m);
    expert_cache_destroy(m->expert_cache);
    expert_sets_release_all(m);
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
    free(m->cache_places);
    free(m->narrow_places);
    cache_release(m);
    grammars_destroy(m->grammars);
    model_dialect_destroy(m->dialect);
    tokenizer_destroy(m->tokenizer);
    for (int i = 0; i < 2; i++) {
        if (m->templates[i])
            chat_template_close(m->templates[i]);
        free(m->templates[i]);
    }
    graph_destroy(m->graph);
    expansion_destroy(m->expansion);
    adapters_close(m);
    if (m->has_checkpoint)
        checkpoint_close(&m->checkpoint);
    spec_close(m->spec);
    arena_release(&m->arena);
    free(m);
}
