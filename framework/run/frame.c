/* frame.c - see frame.h. */
#include "run/frame.h"

#include "base/size.h"
#include "layers/grid.h"
#include "run/guard.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

viv_status step_frame_create(viv_model *m, struct error *err)
{
    struct step_frame *f = calloc(1, sizeof *f);
    if (!f)
        return error_nomem(err);
    m->frame = f;
    pthread_mutex_init(&f->lock, NULL);
    f->step = (viv_step){.struct_size = sizeof f->step, .ctx = m};
    uint64_t n_inputs = 0, max_rows = 0;
    for (int id = 0; id < N_STACKS; id++)
        if (m->expansion->stacks[id].begin < m->expansion->stacks[id].end)
            max_rows = size_max(max_rows, m->stacks[id].max_rows);
    for (uint32_t i = 0; i < m->graph->n_nodes; i++)
        n_inputs += m->graph->nodes[i].spec->n_inputs;
    f->levels = calloc(m->graph->n_levels, sizeof *f->levels);
    f->execs = calloc(m->graph->n_nodes, sizeof *f->execs);
    f->inputs = calloc(n_inputs, sizeof *f->inputs);
    f->tokens = calloc(max_rows, sizeof *f->tokens);
    f->positions = calloc(max_rows, sizeof *f->positions);
    f->types = calloc(max_rows, sizeof *f->types);
    f->vectors = calloc(max_rows, sizeof *f->vectors);
    f->output_rows = calloc(max_rows, sizeof *f->output_rows);
    f->sees = calloc(max_rows, sizeof *f->sees);
    f->axes = calloc(max_rows, VIV_N_AXES * sizeof *f->axes);
    if (!f->levels || !f->execs || !f->inputs || !f->tokens || !f->positions || !f->types || !f->vectors ||
        !f->output_rows || !f->sees || !f->axes)
        return error_nomem(err);
    return VIV_OK;
}

void step_frame_destroy(viv_model *m)
{
    struct step_frame *f = m->frame;
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    for (uint32_t i = 0; f->levels && i < m->graph->n_levels; i++) {
        free(f->levels[i].grids);
        block_release(&f->levels[i].positions);
        block_release(&f->levels[i].axes);
    }
    free(f->levels);
    block_release(&f->entry);
    free(f->execs);
    free(f->inputs);
    free(f->spans);
    free(f->span_list);
    free(f->tokens);
    free(f->positions);
    free(f->types);
    free(f->vectors);
    free(f->output_rows);
    free(f->sees);
    free(f->axes);
    free(f);
    m->frame = NULL;
}

/* Spans of every stateful node, for n sequences. */
viv_status frame_reserve_spans(viv_model *m, uint32_t n, struct error *err)
{
    struct step_frame *f = m->frame;
    if (n <= f->max_spans)
        return VIV_OK;
    uint64_t total = (uint64_t)n * m->graph->n_nodes;
    viv_span *spans = calloc(total, sizeof *spans);
    const viv_span **list = calloc(total, sizeof *list);
    if (!spans || !list) {
        free(spans);
        free(list);
        return error_nomem(err);
    }
    free(f->spans);
    free(f->span_list);
    f->spans = spans;
    f->span_list = list;
    f->max_spans = n;
    for (uint32_t i = 0; i < m->graph->n_levels; i++) {
        free(f->levels[i].grids);
        f->levels[i].grids = calloc(n, sizeof *f->levels[i].grids);
        if (!f->levels[i].grids) {
            f->max_spans = 0;
            return error_nomem(err);
        }
    }
    return VIV_OK;
}

/* Tokens of the sequence before the rows. */
static uint64_t position_of(const struct step_frame *f, const viv_sequence *s)
{
    return f->stack == STACK_GRAPH ? s->length : 0;
}

const char *frame_stack_name(const viv_rows *rows)
{
    return VIV_HAS(rows, viv_rows, stack) ? rows->stack : NULL;
}

/* Chooses the stack that the rows run through. */
viv_status frame_choose_stack(viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err)
{
    struct step_frame *f = m->frame;
    const bool has_encoder = graph_encoder_dim(m->graph) > 0;
    const char *name = frame_stack_name(rows[0]);
    const int named = name ? graph_stack_named(m->graph, name) : -1;
    if (name && named < 0)
        return error_set(err, VIV_EINVAL, "%s has no stack '%s'", spec_name(m->spec), name);
    f->stack = name ? (enum stack_id)named : rows[0]->flags & VIV_ROWS_ENCODER ? STACK_ENCODER : STACK_GRAPH;
    f->run = &m->stacks[f->stack];
    f->step.n_ops = f->run->plan.n_ops;
    for (uint32_t i = 0; i < n; i++) {
        const viv_sequence *s = rows[i]->sequence;
        const char *own = frame_stack_name(rows[i]);
        if ((rows[i]->flags & VIV_ROWS_ENCODER) != (rows[0]->flags & VIV_ROWS_ENCODER) || !own != !name ||
            (own && strcmp(own, name) != 0))
            return error_set(err, VIV_EINVAL, "a step has rows of several stacks: expected one");
        if (f->stack == STACK_ENCODER && !has_encoder)
            return error_set(err, VIV_EINVAL, "%s has no encoder", spec_name(m->spec));
        if (f->stack == STACK_GRAPH && has_encoder && s->n_encoder_rows == 0)
            return error_set(err, VIV_EINVAL,
                             "%s generates from the output of its encoder, which has not run for this sequence",
                             spec_name(m->spec));
    }
    return VIV_OK;
}

static const uint64_t MAX_BUFFER = (uint64_t)1 << 46;

/* Checks the rows and copies them to the frame, one sequence after the other. */
viv_status frame_take_rows(viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err)
{
    struct step_frame *f = m->frame;
    const struct graph_stack *stack = &m->graph->stacks[f->stack];
    uint64_t at = 0;
    f->n_output_rows = 0;
    f->both_ways = f->has_axes = false;
    for (uint32_t i = 0; i < n; i++) {
        const viv_rows *r = rows[i];
        const uint64_t position = position_of(f, r->sequence);
        if (VIV_HAS(r, viv_rows, length) && r->length > m->context)
            return error_set(err, VIV_ELIMIT,
                             "the prompt has %" PRIu64 " tokens, but the context holds %" PRIu64
                             ": shorten it, or make the context larger (--context)",
                             r->length, m->context);
        if (r->n_rows == 0 || r->n_rows > f->run->max_rows - at)
            return error_set(err, VIV_ELIMIT, "a step takes 1 to %" PRIu64 " rows", f->run->max_rows);
        if (f->stack >= STACK_ENCODER && position + r->n_rows > m->context)
            return error_set(err, VIV_ELIMIT, "the context is full: %" PRIu64 " tokens, it holds %" PRIu64,
                             position + r->n_rows, m->context);
        if (stack->whole_sequences && position > 0)
            return error_set(err, VIV_EUNSUPPORTED,
                             "this model's attention is not causal: all rows of a sequence must come in one step");
        for (uint64_t j = 0; j < r->n_rows; j++, at++) {
            f->vectors[at] = r->vectors ? r->vectors[j] : NULL;
            f->tokens[at] = r->tokens ? r->tokens[j] : -1;
            int32_t placed;
            const float *vector = f->stack == STACK_GRAPH && !f->vectors[at]
                                      ? sequence_placed(r->sequence, position + j, &placed)
                                      : NULL;
            f->vectors[at] = vector ? vector : f->vectors[at];
            f->sees[at] = f->stack == STACK_GRAPH ? sequence_sees(r->sequence, position + j) : position + j + 1;
            f->both_ways = f->both_ways || f->sees[at] > position + j + 1;
            if (f->sees[at] > position + r->n_rows)
                return error_set(err, VIV_EINVAL,
                                 "the rows up to %" PRIu64
                                 " see each other both ways, and a step ends at row %" PRIu64
                                 ": they must come in one",
                                 f->sees[at], position + r->n_rows);
            if (f->stack == STACK_GRAPH && sequence_axes(r->sequence, position + j, f->axes + at * VIV_N_AXES))
                f->has_axes = true;
            f->positions[at] = f->stack == STACK_GRAPH ? f->axes[at * VIV_N_AXES] : (int32_t)(position + j);
            f->types[at] = r->types ? r->types[j] : 0;
            f->output_rows[at] = f->stack != STACK_GRAPH || stack->n_levels > 1 ||
                                 (r->output_rows ? r->output_rows[j] != 0 : j + 1 == r->n_rows);
            f->n_output_rows += f->output_rows[at];
            int32_t token = f->tokens[at];
            if (!f->vectors[at] && stack->input_dim)
                return error_set(err, VIV_EINVAL,
                                 "row %" PRIu64 " is no vector: %s takes vectors of %" PRIu64 " features", j,
                                 m->expansion->stacks[f->stack].name, stack->input_dim);
            if (!f->vectors[at] && (token < 0 || (uint64_t)token >= stack->vocab_size))
                return error_set(err, VIV_EINVAL, "token %" PRId32 " is outside the vocabulary of %" PRIu64, token,
                                 stack->vocab_size);
        }
    }
    f->n_rows = at;
    f->dropping = f->n_output_rows < f->n_rows;
    return VIV_OK;
}

/* The grid of the rows as they enter: what the caller says, or one line. */
static viv_status take_grid(const viv_model *m, const viv_rows *rows, viv_grid *out, struct error *err)
{
    const viv_grid *said = VIV_HAS(rows, viv_rows, grid) ? rows->grid : NULL;
    if (!said && m->expansion->stacks[m->frame->stack].from >= 0)
        said = &rows->sequence->left;
    uint64_t n = 0;
    if (said && (said->struct_size < SIZE_TO(viv_grid, block) || !graph_grid_rows(said, &n) || n != rows->n_rows))
        return error_set(err, VIV_EINVAL,
                         "the grid of the rows that enter %s has %" PRIu64 " rows, expected %" PRIu64,
                         m->expansion->stacks[m->frame->stack].name, n, rows->n_rows);
    *out = said ? *said : (viv_grid){.frames = 1, .height = 1, .width = rows->n_rows, .block = 1};
    out->struct_size = sizeof *out;
    return VIV_OK;
}

/* Where the rows of a level are in their grids. */
static viv_status take_axes(const viv_model *m, struct level *level, uint32_t n, struct error *err)
{
    if (m->graph->stacks[m->frame->stack].input_dim == 0)
        return VIV_OK;
    viv_status status = block_reserve(&level->axes, level->n_rows * VIV_N_AXES * sizeof(int32_t), err);
    int32_t *axes = level->axes.data;
    for (uint32_t s = 0; status == VIV_OK && s < n; s++) {
        const viv_grid *g = &level->grids[s];
        for (uint64_t r = 0; r < g->before; r++, axes += VIV_N_AXES)
            memset(axes, -1, VIV_N_AXES * sizeof *axes);
        for (uint64_t r = 0; r < grid_places(g); r++, axes += VIV_N_AXES) {
            const struct place at = grid_place(g, r);
            axes[VIV_AXIS_TIME] = (int32_t)at.frame;
            axes[VIV_AXIS_LINE] = (int32_t)at.y;
            axes[VIV_AXIS_COLUMN] = (int32_t)at.x;
        }
        for (uint64_t r = 0; r < g->after; r++, axes += VIV_N_AXES)
            memset(axes, -1, VIV_N_AXES * sizeof *axes);
    }
    return status;
}

/* The rows of all levels of the stack. */
viv_status frame_lay_out(viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err)
{
    struct step_frame *f = m->frame;
    const struct graph_stack *stack = &m->graph->stacks[f->stack];
    viv_status status = VIV_OK;
    f->levels[stack->first_level].n_rows = f->n_rows;
    for (uint32_t s = 0; status == VIV_OK && s < n; s++)
        status = take_grid(m, rows[s], &f->levels[stack->first_level].grids[s], err);
    if (status == VIV_OK)
        status = take_axes(m, &f->levels[stack->first_level], n, err);
    for (uint32_t i = stack->first_level + 1; status == VIV_OK && i < stack->first_level + stack->n_levels; i++) {
        struct level *to = &f->levels[i];
        uint64_t span_rows = 0;
        to->n_rows = 0;
        for (uint32_t s = 0; status == VIV_OK && s < n; s++) {
            to->grids[s] = f->levels[m->graph->levels[i].from].grids[s];
            status = graph_reshape(m->graph->levels[i].node, &to->grids[s], err);
            if (status == VIV_OK && graph_grid_rows(&to->grids[s], &span_rows))
                to->n_rows += span_rows;
        }
        if (status == VIV_OK && to->n_rows > f->run->max_rows)
            status = error_set(err, VIV_ELIMIT, "%s: %" PRIu64 " rows, a step takes 1 to %" PRIu64,
                               m->graph->levels[i].node->spec->path, to->n_rows, f->run->max_rows);
        if (status == VIV_OK)
            status = block_reserve(&to->positions, to->n_rows * sizeof(int32_t), err);
        if (status == VIV_OK)
            status = take_axes(m, to, n, err);
        int32_t *position = to->positions.data;
        for (uint32_t s = 0; status == VIV_OK && s < n && graph_grid_rows(&to->grids[s], &span_rows); s++)
            for (uint64_t r = 0; r < span_rows; r++)
                *position++ = (int32_t)r;
    }
    if (status == VIV_OK && stack->n_levels > 1)
        f->n_output_rows = f->levels[stack->output_level].n_rows;
    return status;
}

/* The most rows that one sequence has in any level. */
uint64_t frame_most_rows(const viv_model *m, uint32_t s)
{
    const struct graph_stack *stack = &m->graph->stacks[m->frame->stack];
    uint64_t most = 0, n = 0;
    for (uint32_t i = stack->first_level; i < stack->first_level + stack->n_levels; i++)
        if (graph_grid_rows(&m->frame->levels[i].grids[s], &n))
            most = size_max(most, n);
    return most;
}

/* Copies the rows that enter a stack of vectors to one matrix. */
viv_status frame_take_entry(const viv_model *m, struct error *err)
{
    struct step_frame *f = m->frame;
    const uint64_t dim = m->graph->stacks[f->stack].input_dim;
    uint64_t bytes;
    if (dim == 0)
        return VIV_OK;
    if (!size_mul(f->n_rows, dim * sizeof(float), &bytes) || bytes > MAX_BUFFER)
        return error_set(err, VIV_ELIMIT, "%" PRIu64 " rows of %" PRIu64 " features are too much for one step",
                         f->n_rows, dim);
    viv_status status = block_reserve(&f->entry, bytes + GUARD_BYTES, err);
    float *to = f->entry.data;
    for (uint64_t r = 0; status == VIV_OK && r < f->n_rows; r++)
        memcpy(to + r * dim, f->vectors[r], dim * sizeof *to);
    return status;
}

/* For steps of so many rows of a stack. */
viv_status frame_reserve_buffers(viv_model *m, enum stack_id id, uint64_t n_rows, uint64_t n_output_rows,
                                 struct error *err)
{
    const struct step_frame *f = m->frame;
    const struct stack *stack = &m->expansion->stacks[id];
    const struct plan *plan = &m->stacks[id].plan;
    const uint32_t enters = m->graph->stacks[id].first_level;
    uint64_t workspace = 0;
    for (uint32_t i = stack->begin; i < stack->end; i++) {
        const struct graph_node *n = &m->graph->nodes[i];
        const uint32_t slot = plan->slot_of[n->spec->output];
        const uint64_t n_in = n->level == enters ? n_rows : f->levels[n->level].n_rows;
        const uint64_t n_out = plan->slot_in_tail[slot] ? n_output_rows
                               : n->out_level == enters ? n_rows
                                                        : f->levels[n->out_level].n_rows;
        uint64_t bytes;
        if (!size_mul(n_out, n->out_dim * sizeof(float), &bytes) || bytes > MAX_BUFFER)
            return error_set(err, VIV_ELIMIT, "%" PRIu64 " rows of %" PRIu64 " features are too much for one step",
                             n_out, n->out_dim);
        viv_status status = block_reserve(&m->stacks[id].slots[slot], bytes + GUARD_BYTES, err);
        if (status != VIV_OK)
            return status;
        workspace = size_max(workspace, n->shared_workspace + n_in * n->row_workspace);
    }
    return block_reserve(&m->workspace, workspace + GUARD_BYTES, err);
}

void frame_fill_execs(viv_model *m, const viv_rows *const *rows, uint32_t n)
{
    struct step_frame *f = m->frame;
    const struct stack *stack = &m->expansion->stacks[f->stack];
    const struct plan *plan = &f->run->plan;
    const float **input = f->inputs;
    const uint32_t first_level = m->graph->stacks[f->stack].first_level;
    for (uint32_t i = stack->begin; i < stack->end; i++) {
        const struct graph_node *node = &m->graph->nodes[i];
        bool in_tail = i >= plan->tail;
        const bool enters = node->level == first_level;
        const struct level *in = &f->levels[node->level], *out = &f->levels[node->out_level];
        viv_exec *e = &f->execs[i];
        *e = (viv_exec){.struct_size = sizeof *e,
                        .host = m->options.host,
                        .n_rows = in_tail ? f->n_output_rows : in->n_rows,
                        .n_out_rows = in_tail ? f->n_output_rows : out->n_rows,
                        .n_in = node->spec->n_inputs,
                        .in = input,
                        .out = f->run->slots[plan->slot_of[node->spec->output]].data,
                        .tokens = enters ? f->tokens : NULL,
                        .vectors = enters ? f->vectors : NULL,
                        .positions = enters ? f->positions : in->positions.data,
                        .types = enters ? f->types : NULL,
                        .sees = enters && f->both_ways ? f->sees : NULL,
                        .axes = in->axes.data           ? in->axes.data
                                : enters && f->has_axes ? f->axes
                                                        : NULL,
                        .workspace = m->workspace.data,
                        .cache_dtype = cache_types_other(&m->cache_types)};
        for (uint32_t j = 0; j < node->spec->n_inputs; j++) {
            uint32_t value = node->spec->inputs[j];
            *input++ = value == 0 ? f->entry.data : f->run->slots[plan->slot_of[value]].data;
        }
        if (in_tail)
            continue;
        viv_span *spans = f->spans + (uint64_t)i * f->max_spans;
        const viv_span **list = f->span_list + (uint64_t)i * f->max_spans;
        uint64_t first = 0, first_out = 0, n_rows = 0, n_out = 0;
        for (uint32_t s = 0; s < n; s++) {
            const viv_sequence *sequence = rows[s]->sequence;
            graph_grid_rows(&in->grids[s], &n_rows);
            graph_grid_rows(&out->grids[s], &n_out);
            spans[s] = (viv_span){.struct_size = sizeof *spans,
                                  .first_row = first,
                                  .n_rows = n_rows,
                                  .grid = &in->grids[s],
                                  .first_out_row = first_out,
                                  .n_out_rows = n_out,
                                  .out_grid = &out->grids[s],
                                  .position = position_of(f, sequence),
                                  .cache = sequence->cache_list + node->first_cache,
                                  .recurrent_state = sequence->recurrent_list + node->first_cache,
                                  .length = n_rows};
            if (f->stack == STACK_GRAPH) {
                spans[s].length = sequence_length_after(sequence, rows[s]).prompt;
                spans[s].n_encoder_rows = sequence->n_encoder_rows;
                spans[s].encoder_output = sequence->encoder_output;
            }
            list[s] = &spans[s];
            first += n_rows;
            first_out += n_out;
        }
        e->spans = list;
        e->n_spans = n;
    }
}
