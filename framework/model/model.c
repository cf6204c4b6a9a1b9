/* model.c - see model.h. */
#include "model/instance.h"

#include "base/file.h"
#include "base/size.h"

#include <stdlib.h>
#include <string.h>

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

/* --- its parts ---------------------------------------------------------------------------------------------- */

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

viv_status model_file(viv_model *m, const char *name, const char **data, size_t *size, struct error *err)
{
    static const uint64_t most = 16 << 20;
    struct buf text = {0};
    *data = NULL;
    *size = 0;
    if (!m->has_checkpoint || strchr(name, '/'))
        return VIV_OK;
    const char *path = m->checkpoint.path;
    char *folder = file_is_dir(path)         ? strdup(path)
                   : path_base(path) == path ? strdup(".")
                                             : strndup(path, (size_t)(path_base(path) - path));
    char *file = folder ? path_join(folder, name) : NULL;
    viv_status status = file ? VIV_OK : error_nomem(err);
    if (file && file_exists(file)) {
        status = file_read(file, most, &text, err);
        *data = status == VIV_OK ? arena_strndup(&m->arena, buf_text(&text), text.size) : NULL;
        *size = text.size;
        if (status == VIV_OK && !*data)
            status = error_nomem(err);
    }
    buf_release(&text);
    free(folder);
    free(file);
    return status;
}

viv_status model_need_weights(const viv_model *m, struct error *err)
{
    if (m->has_checkpoint)
        return checkpoint_need_weights(&m->checkpoint, err);
    return error_set(err, VIV_ENOTFOUND,
                     "%s has no weights: give a checkpoint directory or a .gguf file, or a spec with `checkpoint:`",
                     spec_name(m->spec));
}

/* f32 if the weights are f32, else f16 */
static uint32_t usual_cache_type(const viv_model *m)
{
    if (!m->bindings)
        return VIV_F16;
    for (uint32_t i = 0; i < m->expansion->n_weights; i++) {
        const viv_tensor *t = m->bindings[i].tensor;
        if (t && t->dl.ndim > 1 && t->dtype != VIV_F32)
            return VIV_F16;
    }
    return VIV_F32;
}

struct cache_types model_cache_types(const viv_model *m)
{
    struct error none; /* model_open has read it */
    struct cache_types types = {usual_cache_type(m), usual_cache_type(m)};
    if (m->options.cache_type)
        cache_types_parse(m->options.cache_type, &types, &none);
    return types;
}

viv_status model_bindings(viv_model *m, const struct binding **out, struct error *err)
{
    if (!model_has_tensors(m))
        return model_need_weights(m, err);
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
            return error_set(err, VIV_ENOTFOUND, "%s has no weights, so it has no tokenizer", spec_name(m->spec));
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

void model_stats(const viv_model *m, struct model_stats *out)
{
    *out = (struct model_stats){.weight_bytes = m->weight_bytes,
                                .made_bytes = m->made_bytes,
                                .cached_bytes = m->cached_bytes,
                                .workspace_bytes = m->workspace.size,
                                .cache_bytes_per_token = m->pools[CACHE_OF_GRAPH].row_bytes,
                                .encoder_bytes_per_token = m->pools[CACHE_OF_STEP].row_bytes,
                                .encoder_cache_bytes_per_row = m->pools[CACHE_OF_ENCODER_OUTPUT].row_bytes,
                                .recurrent_bytes_per_sequence = 2 * m->pools[CACHE_RECURRENT].row_bytes,
                                .cache_types = m->cache_types,
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

uint64_t model_encoder_dim(const viv_model *m)
{
    return graph_encoder_dim(m->graph);
}

viv_model *model_draft(const viv_model *m)
{
    return m->draft;
}

bool model_drafts_ngrams(const viv_model *m)
{
    return m->drafts_ngrams;
}

const viv_grammar *model_answer_grammar(const viv_model *m)
{
    return m->grammar;
}

bool model_is_recurrent(const viv_model *m)
{
    return m->graph->cache_elems[CACHE_RECURRENT] > 0;
}
