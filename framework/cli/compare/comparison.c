/* comparison.c - see comparison.h. */
#include "cli/compare/comparison.h"
#include "cli/compare/memory.h"
#include "cli/compare/sight.h"

#include "base/buf.h"
#include "base/figure.h"
#include "base/size.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

viv_status comparison_create(uint32_t n_models, struct comparison **out, struct error *err)
{
    struct comparison *c = calloc(1, sizeof *c);
    if (!c)
        return error_nomem(err);
    c->models = arena_array(&c->arena, n_models, sizeof *c->models);
    if (!c->models) {
        comparison_destroy(c);
        return error_nomem(err);
    }
    c->n_models = n_models;
    *out = c;
    return VIV_OK;
}

void comparison_destroy(struct comparison *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->n_models; i++)
        structure_release(&c->models[i].structure);
    free(c->rows);
    arena_release(&c->arena);
    free(c);
}

/* --- rows ---------------------------------------------------------------------------------------------------- */

struct row *comparison_row(struct comparison *c, const char *section, enum row_unit unit, enum row_better better,
                           const char *key, const char *label)
{
    if (!VEC_RESERVE(c->rows, c->n_rows, c->capacity))
        return NULL;
    struct row r = {.section = arena_strdup(&c->arena, section),
                    .key = arena_strdup(&c->arena, key),
                    .label = arena_strdup(&c->arena, label),
                    .unit = unit,
                    .better = better,
                    .cells = arena_array(&c->arena, c->n_models, sizeof *r.cells)};
    if (!r.section || !r.key || !r.label || !r.cells)
        return NULL;
    size_t at = c->n_rows;
    for (size_t i = c->n_rows; i > 0; i--) /* behind the last one of its section */
        if (strcmp(c->rows[i - 1].section, section) == 0) {
            at = i;
            break;
        }
    memmove(&c->rows[at + 1], &c->rows[at], (c->n_rows - at) * sizeof *c->rows);
    c->rows[at] = r;
    c->n_rows++;
    return &c->rows[at];
}

struct row *comparison_find(struct comparison *c, const char *key)
{
    for (size_t i = 0; i < c->n_rows; i++)
        if (strcmp(c->rows[i].key, key) == 0)
            return &c->rows[i];
    return NULL;
}

void row_set(struct row *r, uint32_t model, double value)
{
    r->cells[model] = (struct cell){.known = true, .value = value};
}

bool row_say(struct comparison *c, struct row *r, uint32_t model, const char *words)
{
    r->cells[model] = (struct cell){.words = arena_strdup(&c->arena, words)};
    r->cells[model].known = r->cells[model].words != NULL;
    return r->cells[model].known;
}

bool row_lack(struct comparison *c, struct row *r, uint32_t model, const char *why)
{
    r->cells[model] = (struct cell){.why = arena_strdup(&c->arena, why)};
    return r->cells[model].why != NULL;
}

/* --- what the specs say -------------------------------------------------------------------------------------- */

/* The conditions that a metric is computed for. A row of the comparison has one metric of each model. */
struct query {
    uint64_t context, n_texts;
    int64_t type;
    const struct device *device; /* of the model's column */
    uint64_t memory;             /* 0: the device's */
    uint32_t part;
    const char *none; /* why a model may have no such value, one sentence */
};
/* *value 0: the model has no such value. */
typedef viv_status metric(const struct facts *f, const struct query *a, double *value, struct error *err);

static viv_status add_row(struct comparison *c, const char *section, enum row_unit unit, enum row_better better,
                          const char *key, const char *label, metric *get, const struct query *general,
                          struct error *err)
{
    struct row *r = comparison_row(c, section, unit, better, key, label);
    if (!r)
        return error_nomem(err);
    bool any = false;
    for (uint32_t i = 0; i < c->n_models; i++) {
        double value = 0;
        const struct facts *f = &c->models[i].facts;
        struct query a = *general;
        char why[64];
        a.device = c->models[i].device;
        if (c->models[i].why)
            continue;
        if (a.context > f->context) {
            snprintf(why, sizeof why, "the context is %" PRIu64, f->context);
            if (!row_lack(c, r, i, why))
                return error_nomem(err);
            continue;
        }
        viv_status status = get(f, &a, &value, err);
        if (status != VIV_OK)
            return error_prefix(err, "%s", c->models[i].given);
        if (value > 0)
            row_set(r, i, value);
        else if (a.none && !row_lack(c, r, i, a.none))
            return error_nomem(err);
        any |= value > 0;
    }
    if (!any) { /* no model has this */
        size_t at = (size_t)(r - c->rows);
        memmove(r, r + 1, (--c->n_rows - at) * sizeof *r);
    }
    return VIV_OK;
}

#define METRIC(name, expression)                                                                                   \
    static viv_status name(const struct facts *f, const struct query *a, double *value, struct error *err)         \
    {                                                                                                              \
        (void)a, (void)err;                                                                                        \
        *value = (double)(expression);                                                                             \
        return VIV_OK;                                                                                             \
    }
METRIC(get_params, f->params)
METRIC(get_active, f->active)
METRIC(get_part, f->parts[a->part])
METRIC(get_width, f->width)
METRIC(get_vocabulary, f->vocabulary)
METRIC(get_context, f->context)
METRIC(get_layers, f->n_layers[STACK_GRAPH] + f->n_layers[STACK_ENCODER])
static viv_status get_peak(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    const struct memory_query q = {.context = a->context, .n_texts = a->n_texts, .type = a->type};
    struct memory_use use;
    viv_status status = memory_predict(f, &q, &use, err);
    *value = (double)use.total;
    return status;
}

METRIC(get_cache_of_token, facts_cache_bytes(f, 1, 1))
METRIC(get_cache, facts_cache_bytes(f, a->context, a->n_texts) + (double)facts_recurrent_bytes(f, a->n_texts))

static viv_status get_recurrent_state(const struct facts *f, const struct query *a, double *value,
                                      struct error *err)
{
    (void)a, (void)err;
    if (facts_recurrent_bytes(f, 1))
        *value = (double)facts_recurrent_bytes(f, 1);
    return VIV_OK;
}

static viv_status get_weights(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    uint64_t bytes;
    if (a->type < 0 && !f->bindings)
        return VIV_OK;
    if (!facts_weight_bytes(f, a->type, &bytes))
        return error_set(err, VIV_ELIMIT, "the bytes of its weights are beyond counting");
    *value = (double)bytes;
    return VIV_OK;
}

/* Tokens of a text that fit beside the weights. */
static viv_status get_fits(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    double weights = 0;
    viv_status status = VIV_OK;
    uint64_t bytes;
    if (facts_weight_bytes(f, a->type, &bytes))
        weights = (double)bytes;
    else
        status = error_set(err, VIV_ELIMIT, "the bytes of its weights are beyond counting");
    double each = (double)facts_cache_bytes(f, 1, a->n_texts),
           memory = (double)(a->memory ? a->memory : a->device->memory),
           left = memory - weights - (double)facts_recurrent_bytes(f, a->n_texts);
    double most = each > 0 ? left / each : (double)f->context;
    *value = left <= 0 ? 0 : most < (double)f->context ? (double)(uint64_t)most : (double)f->context;
    return status;
}

static viv_status get_prefill_flops(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    struct work_cost w;
    viv_status status = facts_prefill(f, a->context, &w, err);
    *value = w.flops;
    return status;
}

static viv_status get_picture_tokens(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    (void)a;
    (void)err;
    *value = (double)f->sight.n_tokens;
    return VIV_OK;
}

static viv_status get_picture_flops(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    (void)a;
    (void)err;
    *value = f->sight.flops;
    return VIV_OK;
}

/* Of models that see, if any does. */
static viv_status add_pictures(struct comparison *c, struct error *err)
{
    const struct query a = {.none = "sees no pictures, or nothing says how it is given one"};
    char tokens[96], flops[96];
    bool any = false;
    for (uint32_t i = 0; i < c->n_models; i++)
        any = any || (!c->models[i].why && c->models[i].facts.sight.n_tiles);
    if (!any)
        return VIV_OK;
    snprintf(tokens, sizeof tokens, "tokens of a picture of %d x %d", SIGHT_WIDTH, SIGHT_HEIGHT);
    snprintf(flops, sizeof flops, "operations to encode it");
    viv_status status =
        add_row(c, "pictures", UNIT_COUNT, BETTER_LESS, "picture_tokens", tokens, get_picture_tokens, &a, err);
    return status == VIV_OK
               ? add_row(c, "pictures", UNIT_COUNT, BETTER_LESS, "picture_flops", flops, get_picture_flops, &a, err)
               : status;
}

static viv_status get_decode_flops(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    struct work_cost w;
    if (!facts_writes(f))
        return VIV_OK;
    viv_status status = facts_decode(f, a->context, a->n_texts, &w, err);
    *value = w.flops / (double)a->n_texts;
    return status;
}

double work_bytes(const struct facts *f, int64_t type, const struct work_cost *w)
{
    return w->weight_elems * facts_bytes_per_elem(f, type) + w->cache_elems * facts_cache_elem_bytes(f) +
           w->sequence_bytes;
}

static viv_status get_decode_bytes(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    struct work_cost w;
    if (!facts_writes(f))
        return VIV_OK;
    viv_status status = facts_decode(f, a->context, a->n_texts, &w, err);
    *value = work_bytes(f, a->type, &w) / (double)a->n_texts;
    return status;
}

static viv_status get_intensity(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    struct work_cost w;
    if (!facts_writes(f))
        return VIV_OK;
    viv_status status = facts_decode(f, a->context, a->n_texts, &w, err);
    *value = w.flops / work_bytes(f, a->type, &w);
    return status;
}

double work_seconds(const struct facts *f, int64_t type, const struct device *d, const struct work_cost *w)
{
    double arithmetic = w->flops / device_arithmetic(d, type < 0 ? VIV_F16 : (uint32_t)type),
           memory = work_bytes(f, type, w) / d->limits.read;
    return arithmetic > memory ? arithmetic : memory;
}

static viv_status get_prefill_rate(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    struct work_cost w;
    viv_status status = facts_prefill(f, a->context, &w, err);
    *value = (double)w.n_tokens / work_seconds(f, a->type, a->device, &w);
    return status;
}

static viv_status get_decode_rate(const struct facts *f, const struct query *a, double *value, struct error *err)
{
    struct work_cost w;
    if (!facts_writes(f))
        return VIV_OK;
    viv_status status = facts_decode(f, a->context, a->n_texts, &w, err);
    *value = (double)w.n_tokens / work_seconds(f, a->type, a->device, &w);
    return status;
}

static viv_status add_words(struct comparison *c, struct error *err)
{
    struct row *family = comparison_row(c, "model", UNIT_WORDS, BETTER_NEITHER, "family", "family");
    if (!family)
        return error_nomem(err);
    for (uint32_t i = 0; i < c->n_models; i++) {
        const struct compared *m = &c->models[i];
        if (m->why ? !row_lack(c, family, i, m->why) : !row_say(c, family, i, m->family))
            return error_nomem(err);
    }
    struct row *kind = comparison_row(c, "model", UNIT_WORDS, BETTER_NEITHER, "architecture", "architecture");
    if (!kind)
        return error_nomem(err);
    for (uint32_t i = 0; i < c->n_models; i++)
        if (!c->models[i].why && !row_say(c, kind, i, c->models[i].architecture))
            return error_nomem(err);
    return VIV_OK;
}

/* Which parameters count as active: publishers differ, and a figure is its own publisher's. */
static viv_status add_active_rule(struct comparison *c, struct error *err)
{
    bool any = false;
    for (uint32_t i = 0; i < c->n_models; i++)
        any = any || (!c->models[i].why && c->models[i].facts.active < c->models[i].facts.params);
    struct row *r =
        any ? comparison_row(c, "size", UNIT_WORDS, BETTER_NEITHER, "active_counted", "active is counted") : NULL;
    if (any && !r)
        return error_nomem(err);
    for (uint32_t i = 0; any && i < c->n_models; i++)
        if (!c->models[i].why && !row_say(c, r, i, c->models[i].facts.active_rule))
            return error_nomem(err);
    return VIV_OK;
}

static viv_status add_sizes(struct comparison *c, struct error *err)
{
    static const struct {
        const char *key, *label, *none;
        metric *get;
    } sizes[] = {{"params_total", "parameters", "no parameters", get_params},
                 {"params_active", "active for a token", "no parameters", get_active},
                 {"layers", "layers", "no layers are repeated", get_layers},
                 {"width", "width", "no layers", get_width},
                 {"vocabulary", "vocabulary", "no vocabulary", get_vocabulary},
                 {"context", "context", "no known context", get_context}};
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < sizeof sizes / sizeof *sizes; i++)
        status = add_row(c, "size", UNIT_COUNT, BETTER_NEITHER, sizes[i].key, sizes[i].label, sizes[i].get,
                         &(struct query){.none = sizes[i].none}, err);
    if (status == VIV_OK)
        status = add_active_rule(c, err);
    for (uint32_t part = 0; status == VIV_OK && part < N_MODEL_PARTS; part++) {
        char key[64], none[96];
        const uint32_t shown = (part + 1) % N_MODEL_PARTS; /* what is in no part comes last */
        snprintf(key, sizeof key, "params_%s", facts_part_names[shown]);
        for (char *at = key; *at; at++)
            *at = *at == '-' ? '_' : *at;
        snprintf(none, sizeof none, "no parameters of its own for '%s'", facts_part_names[shown]);
        status = add_row(c, "parameters by part", UNIT_COUNT, BETTER_NEITHER, key, facts_part_names[shown],
                         get_part, &(struct query){.part = shown, .none = none}, err);
    }
    return status;
}

/* What all models are to fit into; 0: unknown, or not the same for all. */
static uint64_t common_memory(const struct comparison *c, const struct comparison_query *q)
{
    uint64_t memory = q->memory ? q->memory : c->devices[0].memory;
    for (uint32_t i = 1; i < c->n_devices && !q->memory; i++)
        memory = c->devices[i].memory == memory ? memory : 0;
    return memory;
}

static viv_status add_memory(struct comparison *c, const struct comparison_query *q, struct error *err)
{
    char key[96], label[96];
    viv_status status = add_row(c, "memory", UNIT_BYTES, BETTER_LESS, "weight_bytes", "weights, as they are",
                                get_weights, &(struct query){.type = -1, .none = "no weights here"}, err);
    for (size_t i = 0; status == VIV_OK && i < q->n_types; i++) {
        snprintf(key, sizeof key, "weight_bytes_%s", dtype_get(q->types[i])->name);
        snprintf(label, sizeof label, "weights in %s", dtype_get(q->types[i])->name);
        status = add_row(c, "memory", UNIT_BYTES, BETTER_LESS, key, label, get_weights,
                         &(struct query){.type = q->types[i], .none = "no parameters"}, err);
    }
    if (status == VIV_OK)
        status = add_row(c, "memory", UNIT_BYTES, BETTER_LESS, "cache_bytes_per_token", "KV cache per token",
                         get_cache_of_token, &(struct query){.none = "no KV cache"}, err);
    if (status == VIV_OK)
        status = add_row(c, "memory", UNIT_BYTES, BETTER_LESS, "recurrent_bytes_per_sequence", "recurrent state",
                         get_recurrent_state, &(struct query){.none = "no recurrent state"}, err);
    for (size_t i = 0; status == VIV_OK && i < q->n_contexts; i++) {
        const struct query a = {
            .context = (uint64_t)q->contexts[i], .n_texts = q->n_texts, .type = q->type, .none = "no KV cache"};
        snprintf(key, sizeof key, "cache_bytes_at_%" PRId32, q->contexts[i]);
        snprintf(label, sizeof label, "KV cache at %" PRId32, q->contexts[i]);
        status = add_row(c, "memory", UNIT_BYTES, BETTER_LESS, key, label, get_cache, &a, err);
        snprintf(key, sizeof key, "memory_peak_%" PRId32, q->contexts[i]);
        snprintf(label, sizeof label, "in use at %" PRId32, q->contexts[i]);
        if (status == VIV_OK)
            status = add_row(c, "memory", UNIT_BYTES, BETTER_LESS, key, label, get_peak, &a, err);
    }
    const uint64_t memory = common_memory(c, q);
    const struct query fits = {.type = q->type,
                               .n_texts = q->n_texts,
                               .memory = q->memory,
                               .none = "the weights alone are more than the memory"};
    if (memory)
        snprintf(label, sizeof label, "context that fits in %s", human_bytes(memory).text);
    if (status == VIV_OK && (memory || c->n_devices > 1))
        status = add_row(c, "memory", UNIT_COUNT, BETTER_MORE, "context_that_fits",
                         memory ? label : "context that fits", get_fits, &fits, err);
    return status;
}

static viv_status add_work(struct comparison *c, const struct comparison_query *q, uint64_t context,
                           struct error *err)
{
    static const struct {
        const char *section, *key, *label;
        enum row_unit unit;
        enum row_better better;
        metric *get;
    } rows[] = {
        {"work", "flops_prefill", "operations to read %s tokens", UNIT_COUNT, BETTER_LESS, get_prefill_flops},
        {"work", "flops_decode", "operations a token at %s", UNIT_COUNT, BETTER_LESS, get_decode_flops},
        {"work", "bytes_decode", "bytes a token at %s", UNIT_BYTES, BETTER_LESS, get_decode_bytes},
        {"work", "intensity_decode", "operations a byte at %s", UNIT_RATIO, BETTER_NEITHER, get_intensity},
        {"ceiling", "ceiling_prefill", "tokens/s read, %s of them", UNIT_RATE, BETTER_MORE, get_prefill_rate},
        {"ceiling", "ceiling_decode", "tokens/s written at %s", UNIT_RATE, BETTER_MORE, get_decode_rate},
    };
    const struct query a = {.context = context, .n_texts = q->n_texts, .type = q->type, .none = "writes no text"};
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < sizeof rows / sizeof *rows; i++) {
        char key[96], label[96], at[32], *percent;
        snprintf(key, sizeof key, "%s_%" PRIu64, rows[i].key, context);
        snprintf(at, sizeof at, "%" PRIu64, context);
        snprintf(label, sizeof label, "%s", rows[i].label);
        percent = strstr(label, "%s");
        snprintf(percent, sizeof label - (size_t)(percent - label), "%s%s", at, strstr(rows[i].label, "%s") + 2);
        status = add_row(c, rows[i].section, rows[i].unit, rows[i].better, key, label, rows[i].get, &a, err);
    }
    return status;
}

viv_status comparison_predict(struct comparison *c, const struct comparison_query *q, struct error *err)
{
    viv_status status = add_words(c, err);
    if (status == VIV_OK)
        status = add_sizes(c, err);
    if (status == VIV_OK)
        status = add_memory(c, q, err);
    for (size_t i = 0; status == VIV_OK && i < q->n_contexts; i++)
        status = add_work(c, q, (uint64_t)q->contexts[i], err);
    if (status == VIV_OK)
        status = add_pictures(c, err);
    for (size_t i = 0; i < c->n_rows; i++)
        c->rows[i].predicted = true;
    return status;
}
