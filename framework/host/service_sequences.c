/* service_sequences.c - viv.sequences: runs a model's graph, for architectures. */
#include "host/service.h"
#include "model/model.h"
#include "run/run.h"

static uint64_t output_dim(viv_model *model)
{
    return model_output_dim(model);
}

static uint64_t context_length(viv_model *model)
{
    return model_context(model);
}

static uint64_t max_rows(viv_model *model)
{
    return model_max_rows(model);
}

static uint64_t encoder_dim(viv_model *model)
{
    return model_encoder_dim(model);
}

static viv_status create(viv_model *model, viv_sequence **sequence)
{
    viv_sequence *s;
    struct error err;
    viv_status status = sequence_create(model, &s, &err);
    if (status != VIV_OK)
        return leave(&err, status);
    *sequence = s;
    return VIV_OK;
}

static viv_status copy(viv_sequence *sequence, viv_sequence **out)
{
    viv_sequence *s;
    struct error err;
    viv_status status = sequence && out ? sequence_copy(sequence, &s, &err)
                                        : error_set(&err, VIV_EINVAL, VIV_SERVICE_SEQUENCES ".copy: NULL");
    if (status == VIV_OK)
        *out = s;
    return leave(&err, status);
}

static void destroy(viv_sequence *sequence)
{
    sequence_destroy(sequence);
}

static uint64_t length(const viv_sequence *sequence)
{
    return sequence_length(sequence);
}

static viv_status truncate_sequence(viv_sequence *sequence, uint64_t n)
{
    struct error err;
    viv_status status = sequence_truncate(sequence, n, &err);
    return leave(&err, status);
}

static viv_status reuse_prefix(viv_sequence *sequence, const int32_t *tokens, uint64_t n, uint64_t length,
                               uint64_t *n_reused)
{
    *n_reused = sequence_reuse_prefix(sequence, tokens, n, length);
    return VIV_OK;
}

static viv_status step(viv_model *model, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                       const float **outputs, uint64_t *n_outputs)
{
    struct error err;
    viv_status status = model_step(model, rows, n, cancel, outputs, n_outputs, &err);
    return leave(&err, status);
}

static int32_t is_recurrent(viv_model *model)
{
    return model_is_recurrent(model);
}

static viv_status reserve(viv_sequence *sequence, uint64_t n_tokens, uint64_t n_rows, uint64_t n_output_rows)
{
    struct error err;
    viv_status status = sequence_reserve_steps(sequence, n_tokens, n_rows, n_output_rows, &err);
    return leave(&err, status);
}

static uint64_t stack_input(viv_model *model, const char *stack)
{
    const struct graph *g = model_graph(model);
    const int id = graph_stack_named(g, stack);
    return id < 0 ? 0 : g->stacks[id].input_dim;
}

static uint64_t stack_output(viv_model *model, const char *stack)
{
    const struct graph *g = model_graph(model);
    const int id = graph_stack_named(g, stack);
    return id < 0 ? 0 : g->stacks[id].output_dim;
}

static viv_status place(viv_sequence *sequence, const viv_placement *const *placements, uint32_t n)
{
    struct error err;
    const viv_status status = sequence_place(sequence, placements, n, &err);
    return leave(&err, status);
}

static uint64_t next_rows(const viv_sequence *sequence, uint64_t n, uint64_t most)
{
    return sequence_next_rows(sequence, n, most);
}

static viv_status stack_grid(viv_model *model, const char *stack, viv_grid *grid)
{
    struct error err;
    const struct graph *g = model_graph(model);
    const int id = graph_stack_named(g, stack);
    const viv_status status = id < 0 ? error_set(&err, VIV_ENOTFOUND, "no stack is named '%s'", stack)
                                     : graph_stack_grid(g, (enum stack_id)id, grid, &err);
    return leave(&err, status);
}

static uint64_t vector_dim(viv_model *model)
{
    return model_graph(model)->stacks[STACK_GRAPH].vector_dim;
}

static const viv_sequences sequences = {
    .struct_size = sizeof(viv_sequences),
    .output_dim = output_dim,
    .context_length = context_length,
    .max_rows = max_rows,
    .encoder_dim = encoder_dim,
    .create = create,
    .copy = copy,
    .destroy = destroy,
    .length = length,
    .truncate = truncate_sequence,
    .step = step,
    .reuse_prefix = reuse_prefix,
    .is_recurrent = is_recurrent,
    .reserve = reserve,
    .stack_input = stack_input,
    .stack_output = stack_output,
    .place = place,
    .next_rows = next_rows,
    .stack_grid = stack_grid,
    .vector_dim = vector_dim,
};

const struct service service_sequences = {.id = VIV_SERVICE_SEQUENCES, .table = &sequences};
