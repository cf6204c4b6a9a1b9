/* precision.c - see precision.h. Weights are encoded one after the other, each by all workers of the scheduler, and
 * the pages of the file that it was read from leave the memory before the next. */
#include "model/precision.h"

#include "model/instance.h"

#include "base/file.h"
#include "base/size.h"
#include "base/trail.h"
#include "kernels/requantize.h"
#include "model/schedule.h"
#include "model/sensitivity.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ROWS: of a task; SLICE: tasks after which what was read of the file leaves the memory. */
enum { MOST_TYPES = 32, ROWS = 16, SLICE = 64 };

/* --- choosing ----------------------------------------------------------------------------------------------- */

/* The first layer that uses a weight; *looked_up: all that do only look up rows. */
static const struct graph_node *user_of(const viv_model *m, uint32_t weight, const char **attr, bool *looked_up)
{
    const struct graph_node *first = NULL;
    *looked_up = true;
    for (uint32_t i = 0; i < m->graph->n_nodes; i++) {
        const struct graph_node *n = &m->graph->nodes[i];
        for (uint32_t k = 0; k < n->n_weights; k++) {
            if (m->bindings[n->weights[k].weight].weight != weight)
                continue;
            *looked_up = *looked_up && (n->class->flags & VIV_LAYER_TOKENS);
            if (!first)
                *attr = n->weights[k].attr;
            first = first ? first : n;
        }
    }
    return first;
}

/* Rows of a matrix, or of the matrices of all experts; 0: neither. */
static uint64_t n_rows_of(const struct weight *w)
{
    uint64_t n = 1;
    for (uint32_t d = 0; d + 1 < w->n_dims; d++)
        if (!size_mul(n, w->dims[d], &n))
            return 0;
    return w->n_dims == 2 || w->n_dims == 3 ? n : 0;
}

/* Whether one tensor holds all experts of this weight, as they are. */
static bool is_stacked(const struct weight *w)
{
    return w->n_dims == 3 && w->n_names == 1 && w->n_experts == 0 && w->n_transforms == 0;
}

/* Whether its type can be chosen: a matrix of its own that products need whole; or those of all experts, unless
 * they are read from the file as they are needed. */
static bool is_free(const viv_model *m, uint32_t i)
{
    const struct binding *b = &m->bindings[i];
    const struct weight *w = &m->expansion->weights[i];
    if (!b->tensor || b->weight != i || w->values || n_rows_of(w) == 0 || w->dims[w->n_dims - 1] == 0)
        return false;
    return w->n_dims == 2 ? m->whole[i] : is_stacked(w) && !m->whole[i] && !m->options.expert_budget;
}

static uint32_t index_of(const viv_weight *const *weights, uint32_t n)
{
    uint32_t index = 0;
    for (uint32_t i = 0; i < n; i++)
        index +=
            strcmp(weights[i]->layer, weights[n]->layer) == 0 && strcmp(weights[i]->attr, weights[n]->attr) == 0;
    return index;
}

/* The types that we both make and multiply. */
static uint32_t list_types(viv_weight_type types[MOST_TYPES], const viv_weight_type *list[MOST_TYPES])
{
    uint32_t n = 0;
    for (const struct encoder *e = kernels_chosen(kernels_cpu(), 0, KERNEL_ENCODERS, 0)->encoders->types;
         e->encode && n < MOST_TYPES; e++) {
        const struct dtype *d = dtype_get(e->dtype);
        types[n] =
            (viv_weight_type){sizeof *types, e->dtype, d->name, (uint32_t)d->block, (uint32_t)d->block_bytes};
        list[n] = &types[n];
        n++;
    }
    return n;
}

/* Checks what the architecture has chosen. */
static viv_status check_choice(const viv_weight *w, const viv_weight_type *const *types, uint32_t n_types,
                               uint32_t before, const char *plugin, uint64_t *bytes, struct error *err)
{
    if (w->dtype == before) {
        *bytes += w->bytes;
        return VIV_OK;
    }
    for (uint32_t t = 0; t < n_types; t++)
        if (types[t]->dtype == w->dtype && w->n_in % types[t]->block == 0) {
            *bytes += w->n_in / types[t]->block * types[t]->block_bytes * w->n_rows;
            return VIV_OK;
        }
    return error_set(err, VIV_EABI,
                     "%s chooses type %u for weight '%s' of a layer '%s' with rows of %" PRIu64
                     ": not one of those offered whose blocks divide them",
                     plugin, w->dtype, w->attr, w->layer, w->n_in);
}

/* What types cost each weight, by the user's table: its part of its role's. *out: malloc'ed, [n][n_types]. */
static viv_status find_losses(const viv_model *m, const viv_weight_type *const *types, uint32_t n_types,
                              viv_weight *const *weights, uint32_t n, double **out, struct error *err)
{
    struct sensitivity s = {0};
    double *losses = calloc(size_max((uint64_t)n * n_types, 1), sizeof *losses);
    viv_status status = losses ? sensitivity_read(m->options.sensitivity, &s, err) : error_nomem(err);
    if (status == VIV_OK)
        status = sensitivity_check(&s, m->options.sensitivity, (const viv_weight *const *)weights, n, err);
    for (uint32_t i = 0; status == VIV_OK && i < n; i++) {
        const struct sensitivity_role *r = sensitivity_find(&s, weights[i]);
        const double share = (double)weights[i]->n_rows * (double)weights[i]->n_in / (double)r->elements;
        for (uint32_t t = 0; t < n_types; t++)
            losses[(uint64_t)i * n_types + t] = share * r->kl[types[t]->dtype];
        weights[i]->losses = losses + (uint64_t)i * n_types;
    }
    sensitivity_release(&s);
    if (status == VIV_OK)
        *out = losses;
    else
        free(losses);
    return status;
}

/* Lets the architecture choose, by the user's table if there is one. */
static viv_status ask(viv_model *m, const struct precision *precision, const viv_weight_type *const *types,
                      uint32_t n_types, viv_weight *const *weights, uint32_t n, uint64_t budget, uint64_t *bytes,
                      struct error *err)
{
    double *losses = NULL;
    viv_status status = m->options.sensitivity ? find_losses(m, types, n_types, weights, n, &losses, err) : VIV_OK;
    if (status != VIV_OK)
        return status;
    const struct trail before = trail_enter(precision->plugin, "choose");
    status = precision->table->choose(m->options.host, types, n_types, weights, n, budget, bytes);
    trail = before;
    free(losses);
    return status == VIV_OK ? VIV_OK : error_take(err, status);
}

static double bits_of(const struct dtype *d)
{
    return 8 * (double)d->block_bytes / (double)d->block;
}

/* The type that all weights are to have; for rows that its blocks do not divide, the smallest larger one whose do;
 * or what it is. */
static uint32_t type_for(const viv_model *m, const viv_weight *w, const viv_weight_type *types, uint32_t n_types)
{
    const struct dtype *wanted = dtype_get(m->weight_type), *best = NULL;
    uint32_t chosen = w->dtype;
    if (w->n_in % wanted->block == 0)
        return m->weight_type;
    for (uint32_t t = 0; t < n_types; t++) {
        const struct dtype *d = dtype_get(types[t].dtype);
        if (w->n_in % d->block != 0 || bits_of(d) < bits_of(wanted) || (best && bits_of(best) <= bits_of(d)))
            continue;
        best = d;
        chosen = types[t].dtype;
    }
    return chosen;
}

static void give_all(const viv_model *m, const viv_weight_type *types, uint32_t n_types, viv_weight *const *weights,
                     uint32_t n, const uint32_t *which, struct precision_plan *out)
{
    out->bytes = 0;
    for (uint32_t i = 0; i < n; i++) {
        const viv_weight *w = weights[i];
        const uint32_t type = type_for(m, w, types, n_types);
        const struct dtype *d = dtype_get(type);
        out->dtypes[which[i]] = type == w->dtype ? UINT32_MAX : type;
        out->bytes += type == w->dtype ? w->bytes : w->n_in / d->block * d->block_bytes * w->n_rows;
    }
}

static viv_status choose(viv_model *m, const struct precision *precision, uint64_t budget, viv_weight *weights,
                         viv_weight **list, uint32_t *which, struct precision_plan *out, struct error *err)
{
    viv_weight_type types[MOST_TYPES];
    const viv_weight_type *type_list[MOST_TYPES];
    const uint32_t n_types = list_types(types, type_list);
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->expansion->n_weights; i++) {
        const struct weight *w = &m->expansion->weights[i];
        bool looked_up;
        const char *attr = "";
        const struct graph_node *user = is_free(m, i) ? user_of(m, i, &attr, &looked_up) : NULL;
        if (!user || looked_up)
            continue;
        weights[n] = (viv_weight){.struct_size = sizeof *weights,
                                  .layer = user->class->name,
                                  .attr = attr,
                                  .n_rows = n_rows_of(w),
                                  .n_in = w->dims[w->n_dims - 1],
                                  .bytes = m->bindings[i].bytes,
                                  .dtype = m->bindings[i].tensor->dtype};
        list[n] = &weights[n];
        weights[n].index = index_of((const viv_weight *const *)list, n);
        out->bytes_before += weights[n].bytes;
        out->elements += weights[n].n_rows * weights[n].n_in;
        which[n++] = i;
    }
    out->n = n;
    if (!precision) {
        give_all(m, types, n_types, list, n, which, out);
        return VIV_OK;
    }
    viv_status status = ask(m, precision, type_list, n_types, list, n, budget, &out->bytes, err);
    if (status != VIV_OK)
        return status;
    uint64_t bytes = 0;
    for (uint32_t i = 0; status == VIV_OK && i < n; i++) {
        const uint32_t was = m->bindings[which[i]].tensor->dtype;
        status = check_choice(&weights[i], type_list, n_types, was, precision->plugin, &bytes, err);
        out->dtypes[which[i]] = weights[i].dtype == was ? UINT32_MAX : weights[i].dtype;
    }
    if (status == VIV_OK && bytes > budget)
        status =
            error_set(err, VIV_EABI, "the architecture chooses types of %" PRIu64 " bytes for a budget of %" PRIu64,
                      bytes, budget);
    out->bytes = bytes;
    return status;
}

static bool can_make(uint32_t dtype)
{
    return dtype == VIV_F32 || dtype == VIV_F16 || dtype == VIV_BF16 || kernels_encoder(kernels_cpu(), dtype);
}

viv_status precision_parse(const char *name, uint32_t *out, struct error *err)
{
    if (dtype_by_name(name, out) && can_make(*out))
        return VIV_OK;
    char list[512];
    size_t n = 0;
    for (uint32_t i = 0; i < 256 && n < sizeof list; i++)
        if (dtype_get(i) && can_make(i))
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? ", " : "", dtype_get(i)->name);
    return error_set(err, VIV_EINVAL, "weights cannot be made of type '%s': types are %s", name, list);
}

bool precision_is_given(const viv_model *m)
{
    return m->options.weight_type != NULL;
}

viv_status precision_choose(viv_model *m, const struct precision *precision, uint64_t budget,
                            struct precision_plan *out, struct error *err)
{
    const struct binding *bindings;
    const size_t n = size_max(m->expansion->n_weights, 1);
    *out = (struct precision_plan){.dtypes = malloc(n * sizeof *out->dtypes)};
    viv_weight *weights = calloc(n, sizeof *weights), **list = calloc(n, sizeof *list);
    uint32_t *which = calloc(n, sizeof *which);
    viv_status status =
        out->dtypes && weights && list && which ? model_bindings(m, &bindings, err) : error_nomem(err);
    if (out->dtypes)
        memset(out->dtypes, 0xff, n * sizeof *out->dtypes);
    if (status == VIV_OK)
        status = choose(m, precision, budget, weights, list, which, out, err);
    free(weights);
    free(list);
    free(which);
    return status;
}

void precision_release(struct precision_plan *p)
{
    free(p->dtypes);
    *p = (struct precision_plan){0};
}

/* --- encoding ----------------------------------------------------------------------------------------------- */

struct encoding {
    const viv_tensor *from;
    viv_tensor *to;
    uint64_t n_rows, first; /* rows of all, and the first of this slice */
    struct requantizer rows;
};

static viv_status encode_rows(void *ctx, uint64_t task)
{
    const struct encoding *e = ctx;
    const uint64_t n = e->rows.n;
    struct error err;
    viv_status status = VIV_OK;
    float *x = malloc(2 * n * sizeof *x);
    if (!x)
        status = error_nomem(&err);
    const uint64_t begin = e->first + task * ROWS;
    for (uint64_t row = begin; status == VIV_OK && row < size_min(e->n_rows, begin + ROWS); row++) {
        const uint64_t column = requantize_row(&e->rows, (const char *)e->from->dl.data + row * e->from->row_bytes,
                                               NULL, (char *)e->to->dl.data + row * e->to->row_bytes, x);
        if (column < n)
            status = error_set(&err, VIV_ERANGE,
                               "tensor '%s', row %" PRIu64 ", column %" PRIu64
                               " is %g: it cannot be quantized to fit the budget",
                               e->from->name, row, column, (double)x[column]);
    }
    free(x);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

/* The block in m->made that holds a tensor's data, or a new one. */
static struct block *made_block(viv_model *m, const struct binding *b)
{
    for (uint32_t i = 0; b->made && i < m->n_made; i++)
        if (m->made[i].data == b->tensor->dl.data)
            return &m->made[i];
    m->made[m->n_made] = (struct block){0};
    return &m->made[m->n_made++];
}

static viv_status encode(viv_model *m, uint32_t weight, uint32_t dtype, struct error *err)
{
    struct binding *b = &m->bindings[weight];
    const viv_tensor *from = b->tensor;
    viv_tensor *to = arena_alloc(&m->arena, sizeof *to);
    const uint32_t n_dims = (uint32_t)from->dl.ndim;
    struct encoding e = {.from = from, .to = to, .n_rows = n_rows_of(&m->expansion->weights[weight])};
    if (!requantizer_init(&e.rows, from->dtype, dtype, (uint64_t)from->dl.shape[n_dims - 1]))
        return error_set(err, VIV_EUNSUPPORTED, "tensor '%s' is of type %s, which cannot be read as numbers",
                         from->name, dtype_get(from->dtype)->name);
    int64_t *strides = arena_array(&m->arena, n_dims, sizeof *strides);
    uint64_t bytes;
    if (!dtype_bytes(dtype, e.n_rows * e.rows.n, &bytes))
        return error_set(err, VIV_EINTERNAL, "tensor '%s' cannot be of type %s", from->name,
                         dtype_get(dtype)->name);
    void *data = aligned_alloc(64, size_align(size_max(bytes, 1), 64));
    if (!to || !strides || !data || !tensor_init(to, from->name, dtype, n_dims, from->dl.shape, strides, data)) {
        free(data);
        return error_nomem(err);
    }
    viv_status status = VIV_OK;
    for (; status == VIV_OK && e.first < e.n_rows; e.first += SLICE * ROWS) {
        const uint64_t n = size_min(e.n_rows - e.first, SLICE * ROWS);
        status = schedule_tasks(m, (n + ROWS - 1) / ROWS, encode_rows, &e, err);
        if (!b->made)
            file_map_forget((char *)from->dl.data + e.first * from->row_bytes, n * from->row_bytes);
    }
    if (status != VIV_OK) {
        free(data);
        return status;
    }
    if (!b->made)
        file_map_forget(from->dl.data, from->nbytes);
    struct block *block = made_block(m, b);
    m->made_bytes += bytes - size_min(block->size, bytes);
    free(block->data);
    *block = (struct block){data, bytes};
    for (uint32_t i = 0; i < m->expansion->n_weights; i++)
        if (m->bindings[i].tensor == from) {
            m->bindings[i].tensor = to;
            m->bindings[i].made = m->bindings[i].retyped = true;
        }
    return VIV_OK;
}

viv_status precision_apply(viv_model *m, struct error *err)
{
    struct precision_plan plan;
    const struct precision *precision = m->options.weight_type ? NULL : &m->options.precision;
    viv_status status = precision_choose(m, precision, m->options.weight_budget, &plan, err);
    for (uint32_t i = 0; status == VIV_OK && i < m->expansion->n_weights; i++) {
        if (plan.dtypes[i] != UINT32_MAX)
            status = encode(m, i, plan.dtypes[i], err);
        if (m->options.progress)
            m->options.progress(m->options.progress_ctx, "quantizing", i + 1, m->expansion->n_weights);
    }
    precision_release(&plan);
    return status;
}
