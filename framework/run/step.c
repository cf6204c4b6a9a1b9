/* step.c - one step: runs rows of sequences through the plan of a stack, by the scheduler. Allocates only for a
 * step larger than all before and than what was reserved, and for encoder output. */
#include "run/sequence.h"

#include "base/float_mode.h"
#include "base/size.h"
#include "base/trail.h"
#include "experts/expert_cache.h"
#include "model/schedule.h"
#include "run/frame.h"
#include "run/guard.h"
#include "run/run.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint32_t NONE = UINT32_MAX;

static void keep_failure(struct step_frame *f, const struct error *err)
{
    pthread_mutex_lock(&f->lock);
    if (f->error.status == VIV_OK)
        f->error = *err;
    pthread_mutex_unlock(&f->lock);
}

/* Checks the guards of the layer that ran before. All operations before this one are done, so that layer is too,
 * unless this is another phase of it. */
static void end_guard(const viv_model *m, uint32_t node)
{
    struct step_frame *f = m->frame;
    struct error err;
    if (f->guarded == NONE || f->guarded == node)
        return;
    const struct graph_node *n = &m->graph->nodes[f->guarded];
    const viv_exec *e = &f->execs[f->guarded];
    viv_status status = guard_check(m, n, e, &err);
    if (status == VIV_OK && !f->proved && f->error.status == VIV_OK)
        status = guard_prove(n, e, f->input_sum, &err);
    if (status != VIV_OK)
        keep_failure(f, &err);
    f->guarded = NONE;
}

static uint64_t tasks_of_plugin(const viv_model *m, const struct graph_node *n, const struct plan_op *o)
{
    struct step_frame *f = m->frame;
    const viv_exec *e = &f->execs[o->node];
    struct error err;
    if (f->error.status != VIV_OK)
        return 0;
    if (o->phase == 0) {
        f->n_tasks = 0;
        guard_set(m, n, e);
        f->guarded = o->node;
        f->input_sum = f->proved ? 0 : guard_input_sum(n, e);
    }
    const struct trail before = trail_enter(n->spec->plugin, "tasks");
    uint64_t n_tasks = n->class->tasks(n->layer, e, o->phase);
    trail = before;
    if (guard_count(n, n_tasks, f->n_tasks, o->phase + 1 == n->n_phases, e->n_rows, &err) != VIV_OK) {
        keep_failure(f, &err);
        return 0;
    }
    f->n_tasks += n_tasks;
    return n_tasks;
}

static uint64_t op_tasks(const viv_step *step, uint32_t op)
{
    const viv_model *m = step->ctx;
    const struct plan_op *o = &m->frame->run->plan.ops[op];
    end_guard(m, o->node);
    if (o->node == PLAN_DROP_ROWS)
        return m->frame->dropping;
    if (o->phase == PLAN_HOOK)
        return 1;
    const struct graph_node *n = &m->graph->nodes[o->node];
    if (n->spec->plugin)
        return tasks_of_plugin(m, n, o);
    return n->class->tasks(n->layer, &m->frame->execs[o->node], o->phase);
}

/* Moves the output rows of every value that is used later, and their token ids, positions, axes and types, to the
 * front.
 */
static void drop_rows(const viv_model *m)
{
    const struct step_frame *f = m->frame;
    const struct level *enters = &f->levels[m->graph->stacks[f->stack].first_level];
    int32_t *axes = enters->axes.data ? enters->axes.data : f->has_axes ? f->axes : NULL;
    for (uint64_t r = 0, to = 0; r < f->n_rows; r++)
        if (f->output_rows[r]) {
            f->tokens[to] = f->tokens[r];
            f->positions[to] = f->positions[r];
            f->types[to] = f->types[r];
            for (int a = 0; axes && a < VIV_N_AXES; a++)
                axes[to * VIV_N_AXES + (uint64_t)a] = axes[r * VIV_N_AXES + (uint64_t)a];
            f->vectors[to++] = f->vectors[r];
        }
    const struct plan *plan = &f->run->plan;
    for (uint32_t k = 0; k < plan->n_kept; k++) {
        uint32_t value = plan->kept[k];
        uint64_t dim = m->graph->value_dims[value], to = 0;
        float *rows = f->run->slots[plan->slot_of[value]].data;
        for (uint64_t r = 0; r < f->n_rows; r++)
            if (f->output_rows[r])
                memmove(rows + dim * to++, rows + dim * r, dim * sizeof *rows);
    }
}

/* Says how many layers of the step are done, before a worker that is the caller's own thread runs tasks of the
 * next.
 */
static void tell_layer(struct step_frame *f, uint32_t node)
{
    const struct plan *plan = &f->run->plan;
    const uint32_t first = plan->ops[0].node, last = plan->ops[plan->n_ops - 1].node;
    if (node == f->told_node || node < first || node > last)
        return;
    const struct trail before = trail;
    f->told_node = node;
    f->told(f->told_ctx, node - first, UINT64_C(1) + last - first);
    trail = before;
}

static viv_status op_run(const viv_step *step, uint32_t op, uint64_t first, uint64_t end, uint32_t worker)
{
    const viv_model *m = step->ctx;
    struct step_frame *f = m->frame;
    const struct plan_op *o = &f->run->plan.ops[op];
    if (f->told && pthread_equal(f->caller, pthread_self()))
        tell_layer(f, o->node);
    if (o->node == PLAN_DROP_ROWS) {
        drop_rows(m);
        return VIV_OK;
    }
    const struct graph_node *n = &m->graph->nodes[o->node];
    viv_exec exec = f->execs[o->node];
    if (o->phase == PLAN_HOOK) {
        const struct hook_call call = {n, exec.out, exec.n_rows, exec.tokens, exec.positions};
        m->options.hook(m->options.hook_ctx, &call);
        return VIV_OK;
    }
    exec.worker = worker;
    exec.scratch = m->scratch[worker].data;
    const struct trail before = trail;
    if (n->spec->plugin)
        trail_enter(n->spec->plugin, "forward");
    const bool look = n->spec->plugin && !f->proved;
    const uint32_t mode = look ? float_mode() : 0;
    viv_status status = n->class->forward(n->layer, &exec, o->phase, first, end);
    trail = before;
    struct error bent;
    if (look && graph_check_float_mode(n, mode, &bent) != VIV_OK) {
        graph_at_node(&bent, n->spec);
        keep_failure(f, &bent);
        return bent.status;
    }
    if (status != VIV_OK) {
        struct error taken;
        /* only the scheduler decides about cancelling, not a layer */
        status = error_take(&taken, status == VIV_ECANCELLED ? VIV_EINTERNAL : status);
        if (n->spec->plugin)
            error_prefix(&taken, "%s (%s): forward failed", n->spec->path, n->spec->plugin);
        else
            error_prefix(&taken, "%s", n->spec->path);
        keep_failure(f, &taken);
    }
    return status;
}

/* Marks each sequence as part of this step; false if one occurs twice. */
static bool claim(const viv_rows *const *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        viv_sequence *s = rows[i]->sequence;
        if (s->in_step) {
            while (i-- > 0)
                ((viv_sequence *)rows[i]->sequence)->in_step = false;
            return false;
        }
        s->in_step = true;
    }
    return true;
}

/* Reserves cache pages for the rows and for new encoder output. */
static viv_status reserve_cache(viv_model *m, viv_sequence *s, uint64_t n_rows, struct error *err)
{
    if (m->frame->stack == STACK_GRAPH) {
        viv_status status = sequence_reserve(s, CACHE_OF_GRAPH, s->length + n_rows, err);
        if (status == VIV_OK)
            status = sequence_reserve_tokens(s, s->length + n_rows, err);
        if (status == VIV_OK)
            status = sequence_reserve(s, CACHE_RECURRENT, 0, err);
        return status == VIV_OK && s->encoder_output
                   ? sequence_reserve(s, CACHE_OF_ENCODER_OUTPUT, s->n_encoder_rows, err)
                   : status;
    }
    viv_status status = sequence_reserve(s, CACHE_OF_STEP, n_rows, err);
    uint64_t bytes;
    if (status != VIV_OK || m->frame->stack != STACK_ENCODER)
        return status;
    if (!size_mul(n_rows, graph_encoder_dim(m->graph) * sizeof *s->coming, &bytes) ||
        !(s->coming = malloc((size_t)bytes)))
        return error_nomem(err);
    return VIV_OK;
}

static const float *outputs_of(const viv_model *m)
{
    const struct stack_run *run = m->frame->run;
    return run->slots[run->plan.slot_of[m->expansion->stacks[m->frame->stack].output]].data;
}

/* Updates the sequence of these rows after the step, in which they begin at row `first`. */
static void settle(viv_model *m, const viv_rows *rows, uint32_t span, uint64_t first)
{
    const uint64_t dim = graph_encoder_dim(m->graph), n_rows = rows->n_rows;
    viv_sequence *s = rows->sequence;
    if (m->frame->stack == STACK_GRAPH) {
        s->computed_for = sequence_length_after(s, rows);
        for (uint64_t i = 0; i < n_rows; i++) {
            int32_t token = rows->tokens && !(rows->vectors && rows->vectors[i]) ? rows->tokens[i] : -1;
            if (token >= 0)
                sequence_placed(s, s->length + i, &token);
            s->tokens[s->length + i] = token;
        }
        sequence_end_step(s, n_rows);
        free(s->encoder_output); /* the layers have filled their encoder caches */
        s->encoder_output = NULL;
    }
    s->left = m->frame->levels[m->graph->stacks[m->frame->stack].output_level].grids[span];
    if (m->frame->stack != STACK_ENCODER)
        return;
    memcpy(s->coming, outputs_of(m) + first * dim, n_rows * dim * sizeof *s->coming);
    free(s->encoder_output);
    s->encoder_output = s->coming;
    s->n_encoder_rows = n_rows;
    s->coming = NULL;
    s->length = s->earlier = 0;
    sequence_give_back(s, CACHE_OF_GRAPH, 0);
    sequence_give_back(s, CACHE_OF_ENCODER_OUTPUT, n_rows);
}

static bool has_draft(const viv_rows *const *rows, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (rows[i]->flags & VIV_ROWS_DRAFT)
            return true;
    return false;
}

static viv_status run(viv_model *m, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                      struct error *err)
{
    static const uint32_t never = 0;
    struct step_frame *f = m->frame;
    viv_status status = frame_choose_stack(m, rows, n, err);
    if (status == VIV_OK)
        status = frame_take_rows(m, rows, n, err);
    if (status == VIV_OK)
        status = frame_reserve_spans(m, n, err);
    if (status == VIV_OK)
        status = frame_lay_out(m, rows, n, err);
    if (status == VIV_OK)
        status = frame_take_entry(m, err);
    if (status == VIV_OK)
        status = frame_reserve_buffers(m, f->stack, f->n_rows, f->n_output_rows, err);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = reserve_cache(m, rows[i]->sequence, frame_most_rows(m, i), err);
    if (status != VIV_OK)
        return status;
    frame_fill_execs(m, rows, n);
    for (uint32_t i = 0; f->stack == STACK_GRAPH && i < n; i++)
        sequence_begin_step(rows[i]->sequence);
    if (m->expert_cache)
        expert_cache_begin(m->expert_cache, f->n_rows > n && !has_draft(rows, n) ? EXPERT_PREFILL : EXPERT_DECODE);
    f->step.tasks = op_tasks;
    f->step.run = op_run;
    f->step.cancel = cancel ? cancel : &never;
    f->told = VIV_HAS(rows[0], viv_rows, told_ctx) ? rows[0]->told : NULL;
    f->told_ctx = f->told ? rows[0]->told_ctx : NULL;
    f->told_node = NONE;
    f->caller = pthread_self();
    f->error.status = VIV_OK;
    f->guarded = NONE;
    status = schedule_step(m, &f->step, err);
    end_guard(m, NONE);
    if (f->error.status != VIV_OK) { /* the layer's error, whatever the scheduler returned */
        *err = f->error;
        return err->status;
    }
    if (status == VIV_ECANCELLED && __atomic_load_n(f->step.cancel, __ATOMIC_RELAXED))
        return error_set(err, status, "cancelled");
    if (status == VIV_ECANCELLED)
        return error_set(err, VIV_EINTERNAL, "a layer returned VIV_ECANCELLED, but the step was not cancelled");
    if (status != VIV_OK)
        return status;
    f->proved = true;
    for (uint64_t i = 0, first = 0; i < n; first += rows[i++]->n_rows)
        settle(m, rows[i], (uint32_t)i, first);
    return VIV_OK;
}

/* Frees what the encoder's step needed besides its output. */
static void drop_encoding(viv_sequence *s)
{
    free(s->coming);
    s->coming = NULL;
    sequence_give_back(s, CACHE_OF_STEP, 0);
}

/* Checks the rows that an architecture passes. */
static viv_status check_rows(const viv_model *m, const viv_rows *const *rows, uint32_t n, struct error *err)
{
    if (n == 0 || !rows)
        return error_set(err, VIV_EINVAL, "a step takes rows of one or more sequences, each once");
    for (uint32_t i = 0; i < n; i++) {
        const viv_rows *r = rows[i];
        if (!r || r->struct_size < SIZE_TO(viv_rows, types) || r->struct_size > MAX_STRUCT)
            return error_set(err, VIV_EABI, "struct_size of viv_rows is %u, expected %zu", r ? r->struct_size : 0,
                             SIZE_TO(viv_rows, types));
        const uint32_t known = VIV_ROWS_ENCODER | VIV_ROWS_DRAFT;
        if (r->flags & ~known)
            return error_set(err, VIV_EABI, "flags of viv_rows are 0x%x, this host knows 0x%x", r->flags, known);
        const viv_sequence *s = r->sequence;
        if (!s || s->model != m)
            return error_set(err, VIV_EABI, "rows of a step belong to %s, expected a sequence of this model",
                             s ? "another model's sequence" : "no sequence (NULL)");
    }
    return VIV_OK;
}

static void tell(const viv_model *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(const viv_model *m, const char *format, ...)
{
    char sentence[sizeof(struct error) + 256];
    va_list args;
    if (!m->options.notice)
        return;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    m->options.notice(m->options.notice_ctx, sentence);
}

/* Runs the step; again with caches of f32 if a number is too large for f16, unless the step has drafted rows. */
static viv_status run_widening(viv_model *m, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                               struct error *err)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = sequence_widen(rows[i]->sequence, err);
    if (status == VIV_OK)
        status = run(m, rows, n, cancel, err);
    if (status != VIV_ERANGE || has_draft(rows, n))
        return status;
    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    if (!cache_can_widen(m))
        return error_set(err, status, "%s: use --cache-type f32", text);
    tell(m, "%s: the KV cache is f32 from here on, as with --cache-type f32", err->text);
    for (uint32_t i = 0; i < n; i++)
        drop_encoding(rows[i]->sequence);
    status = cache_widen(m, err);
    return status == VIV_OK ? run_widening(m, rows, n, cancel, err) : status;
}

/* Recomputes the n tokens of the sequence for another length. */
static viv_status recompute(viv_model *m, viv_sequence *s, const int32_t *tokens, uint64_t n, uint64_t length,
                            const uint32_t *cancel, struct error *err)
{
    const uint64_t most = m->stacks[STACK_GRAPH].max_rows;
    uint8_t *none = calloc(most, 1);
    viv_status status = none ? sequence_truncate(s, 0, err) : error_nomem(err);
    for (uint64_t at = 0; status == VIV_OK && at < n; at += most) {
        const viv_rows rows = {.struct_size = sizeof rows,
                               .sequence = s,
                               .n_rows = size_min(most, n - at),
                               .tokens = tokens + at,
                               .output_rows = none,
                               .length = length};
        const viv_rows *const list[] = {&rows};
        if (m->options.progress)
            m->options.progress(m->options.progress_ctx, "recomputing tokens", at, n);
        status = run_widening(m, list, 1, cancel, err);
    }
    free(none);
    return status;
}

/* Drafted rows must not make the sequence so long that a row of them alone would be computed differently. */
static viv_status draft_agrees_on_length(const viv_model *m, const viv_rows *rows, struct graph_length coming,
                                         struct error *err)
{
    const viv_sequence *s = rows->sequence;
    const struct graph_length next = {coming.prompt, size_max(coming.prompt, s->length + 1)};
    if ((s->length == 0 || graph_lengths_alike(m->graph, s->computed_for, next)) &&
        graph_lengths_alike(m->graph, next, coming))
        return VIV_OK;
    return error_set(err, VIV_ERANGE,
                     "a sequence of %" PRIu64 " tokens is computed differently from one of %" PRIu64, s->length,
                     coming.whole);
}

/* Recomputes the sequence if its cache would be different, had it been computed together with these rows. */
static viv_status agree_on_length(viv_model *m, const viv_rows *rows, const uint32_t *cancel, struct error *err)
{
    viv_sequence *s = rows->sequence;
    const struct graph_length coming = sequence_length_after(s, rows);
    const uint64_t n = s->length;
    if (rows->flags & VIV_ROWS_DRAFT)
        return draft_agrees_on_length(m, rows, coming, err);
    if (rows->flags & VIV_ROWS_ENCODER || frame_stack_name(rows) || n == 0 ||
        graph_lengths_alike(m->graph, s->computed_for, coming) || coming.whole > m->context)
        return VIV_OK;
    for (uint64_t i = 0; i < n; i++)
        if (s->tokens[i] < 0)
            return error_set(err, VIV_EUNSUPPORTED,
                             "a sequence of %" PRIu64 " tokens is computed differently from one of %" PRIu64
                             ", and the vector at position %" PRIu64 " is no longer available",
                             coming.whole, s->computed_for.whole, i);
    if (!m->told_of_length)
        tell(m,
             "the sequence has grown to %" PRIu64
             " tokens: the rotary embedding of this model depends on the length, and the %" PRIu64
             " tokens before are recomputed",
             coming.whole, n);
    m->told_of_length = true;
    int32_t *tokens = malloc(n * sizeof *tokens);
    if (!tokens)
        return error_nomem(err);
    memcpy(tokens, s->tokens, n * sizeof *tokens);
    /* rows behind the prompt came one by one, and do so again */
    const uint64_t length = m->graph->by_growth ? coming.prompt : coming.whole;
    const viv_status status = recompute(m, s, tokens, n, length, cancel, err);
    free(tokens);
    return status;
}

viv_status sequence_reserve_steps(viv_sequence *s, uint64_t n_tokens, uint64_t n_rows, uint64_t n_output_rows,
                                  struct error *err)
{
    viv_model *m = s->model;
    if (!m->loaded)
        return error_set(err, VIV_EINVAL, "%s: its weights are not loaded", spec_name(m->spec));
    n_rows = size_min(n_rows, m->stacks[STACK_GRAPH].max_rows);
    viv_status status = frame_reserve_spans(m, 1, err);
    if (status == VIV_OK)
        status = frame_reserve_buffers(m, STACK_GRAPH, n_rows, size_min(n_output_rows, n_rows), err);
    if (status == VIV_OK)
        status = schedule_reserve(m, m->stacks[STACK_GRAPH].plan.n_ops, err);
    return status == VIV_OK ? sequence_reserve_ahead(s, n_tokens, err) : status;
}

viv_status model_step(viv_model *m, const viv_rows *const *rows, uint32_t n, const uint32_t *cancel,
                      const float **outputs, uint64_t *n_outputs, struct error *err)
{
    if (!m->loaded)
        return error_set(err, VIV_EINVAL, "%s: its weights are not loaded", spec_name(m->spec));
    viv_status status = check_rows(m, rows, n, err);
    if (status != VIV_OK)
        return status;
    if (!claim(rows, n))
        return error_set(err, VIV_EINVAL, "a step takes rows of one or more sequences, each once");
    const struct trail before = trail_enter(NULL, NULL); /* the architecture's code is not running meanwhile */
    if (m->options.cpu_share > 0)
        pace_begin(&m->pace, m->options.cpu_share, m->n_workers);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = agree_on_length(m, rows[i], cancel, err);
    if (status == VIV_OK)
        status = run_widening(m, rows, n, cancel, err);
    if (m->options.cpu_share > 0)
        pace_end(&m->pace, m->options.cpu_share, m->n_workers, cancel);
    trail = before;
    for (uint32_t i = 0; i < n; i++) {
        ((viv_sequence *)rows[i]->sequence)->in_step = false;
        drop_encoding(rows[i]->sequence);
    }
    if (status != VIV_OK)
        return status;
    const char *shrunk = file_map_any_broken();
    if (shrunk)
        return error_set(err, VIV_EIO, "%s: the file shrank while it was in use", shrunk);
    *outputs = outputs_of(m);
    *n_outputs = m->frame->n_output_rows;
    return VIV_OK;
}
