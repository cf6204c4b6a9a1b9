/* graph.c - see graph.h. */
#include "graph/graph.h"

#include "base/float_mode.h"
#include "base/size.h"
#include "base/trail.h"
#include "base/utf8.h"
#include "spec/expr.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WEIGHTS = 64, MAX_CACHES = 8, MAX_DIMS = 8, MAX_PHASES = 256, MAX_CACHE_NAME = 63 };
static const uint64_t MAX_DIM = (uint64_t)1 << 31, MAX_WORKSPACE = (uint64_t)1 << 40;

/* The data behind the viv_infer that a layer gets. */
struct inference {
    struct graph *graph;
    struct graph_node *node;
    enum stack_id stack;
    struct error failure; /* of the first call that failed: infer fails with it, whatever it returns */
    struct graph_weight weights[MAX_WEIGHTS];
    struct graph_cache caches[MAX_CACHES];
};

static viv_status fail(const viv_infer *b, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static viv_status fail(const viv_infer *b, viv_status status, const char *format, ...)
{
    struct inference *in = b->ctx;
    struct error err;
    va_list args;
    va_start(args, format);
    error_setv(&err, status, format, args);
    va_end(args);
    if (in->failure.status == VIV_OK)
        in->failure = err;
    error_leave(status, err.text);
    return status;
}

enum { NUMBERS = 1 << VIV_ATTR_INT | 1 << VIV_ATTR_FLOAT, WORDS = 1 << VIV_ATTR_BOOL | 1 << VIV_ATTR_CHOICE };
enum { WEIGHTS = 1 << VIV_ATTR_WEIGHT, ANY_KIND = ~0 };

/* The attribute of a call, which the layer must have declared with one of these kinds. */
static const viv_attr *declared(const viv_infer *b, const char *call, const char *name, int kinds)
{
    const struct inference *in = b->ctx;
    const viv_attr *attr = name ? layer_attr(in->node->class, name) : NULL;
    if (!attr) {
        fail(b, VIV_EINVAL, "%s: it asks for the attribute '%s', which it does not declare", call,
             name ? name : "NULL");
        return NULL;
    }
    if (!(kinds & 1 << attr->kind)) {
        fail(b, VIV_EINVAL, "%s: the attribute '%s' is declared as one of another kind", call, name);
        return NULL;
    }
    return attr;
}

static int32_t is_set(const viv_infer *b, const char *attr)
{
    const struct inference *in = b->ctx;
    return declared(b, "is_set", attr, ANY_KIND) && node_attr(in->node->spec, attr) != NULL;
}

static int64_t get_int(const viv_infer *b, const char *name)
{
    const struct inference *in = b->ctx;
    const viv_attr *attr = declared(b, "get_int", name, 1 << VIV_ATTR_INT | WORDS);
    const struct value *v = attr ? node_attr(in->node->spec, name) : NULL;
    if (!v)
        return attr ? (int64_t)attr->default_value : 0;
    if (v->kind == VALUE_STRING)
        return layer_attr_choice(attr, v->s);
    return v->kind == VALUE_FLOAT ? (int64_t)v->f : v->i;
}

static double get_float(const viv_infer *b, const char *name)
{
    const struct inference *in = b->ctx;
    const viv_attr *attr = declared(b, "get_float", name, NUMBERS);
    const struct value *v = attr ? node_attr(in->node->spec, name) : NULL;
    if (!v)
        return attr ? attr->default_value : 0;
    return v->kind == VALUE_FLOAT ? v->f : (double)v->i;
}

/* The value of a list or a text; NULL if it is not set, or the call failed. */
static const struct value *long_value(const viv_infer *b, const char *call, const char *name, int kind, uint64_t *n)
{
    const struct inference *in = b->ctx;
    const viv_attr *attr = declared(b, call, name, 1 << kind);
    if (n)
        *n = 0;
    else if (attr)
        fail(b, VIV_EINVAL, "%s: where to write the length of '%s' is NULL", call, name);
    return attr && n ? node_attr(in->node->spec, name) : NULL;
}

/* Room for a list of the layer's, one element at least: an empty list is not NULL. */
static void *list_of(const viv_infer *b, const struct value *v, size_t size)
{
    const struct inference *in = b->ctx;
    void *list = arena_array(&in->graph->arena, v->n ? v->n : 1, size);
    if (!list)
        fail(b, VIV_ENOMEM, "out of memory");
    return list;
}

static const int64_t *get_ints(const viv_infer *b, const char *name, uint64_t *n)
{
    const struct value *v = long_value(b, "get_ints", name, VIV_ATTR_INTS, n);
    int64_t *list = v ? list_of(b, v, sizeof *list) : NULL;
    for (uint32_t i = 0; list && i < v->n; i++)
        list[i] = v->list[i].i;
    if (list)
        *n = v->n;
    return list;
}

static const double *get_floats(const viv_infer *b, const char *name, uint64_t *n)
{
    const struct value *v = long_value(b, "get_floats", name, VIV_ATTR_FLOATS, n);
    double *list = v ? list_of(b, v, sizeof *list) : NULL;
    for (uint32_t i = 0; list && i < v->n; i++)
        list[i] = v->list[i].f;
    if (list)
        *n = v->n;
    return list;
}

static const char *get_text(const viv_infer *b, const char *name, uint64_t *size)
{
    const struct value *v = long_value(b, "get_text", name, VIV_ATTR_TEXT, size);
    if (v)
        *size = strlen(v->s);
    return v ? v->s : NULL;
}

static const char *dims_text(const uint64_t *dims, uint32_t n, char out[128])
{
    int64_t shape[8];
    for (uint32_t i = 0; i < n && i < 8; i++)
        shape[i] = (int64_t)dims[i];
    return tensor_shape_text(shape, n, out);
}

static viv_status want_any_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims, bool sliced)
{
    struct inference *in = b->ctx;
    const char *call = sliced ? VIV_SERVICE_EXPERT_CACHE ".want_weight" : "want_weight";
    const viv_attr *known = declared(b, call, attr, WEIGHTS);
    if (!known)
        return VIV_EINVAL;
    if (ndim < (sliced ? 2 : 1) || ndim > MAX_DIMS || !dims)
        return fail(b, VIV_EINVAL, "%s: '%s' is asked for with %u dims%s, expected %d to %d", call, attr, ndim,
                    dims ? "" : " at NULL", sliced ? 2 : 1, MAX_DIMS);
    const struct value *v = node_attr(in->node->spec, attr);
    if (!v)
        return VIV_OK;
    const struct weight *w = &in->graph->expansion->weights[v->i];
    bool fits = w->n_dims == ndim;
    char expected[128], found[128];
    for (uint32_t i = 0; fits && i < ndim; i++)
        fits = dims[i] == 0 || dims[i] == w->dims[i];
    if (!fits)
        return fail(b, VIV_ESHAPE, "weight '%s' (%s): the layer needs %s, the spec says %s", w->key, attr,
                    dims_text(dims, ndim, expected), dims_text(w->dims, w->n_dims, found));
    if (w->n_experts && !sliced)
        return fail(b, VIV_EINVAL,
                    "weight '%s' (%s) is %u tensors apart, the layer needs them joined: `transform: [stack: 0]`",
                    w->key, attr, w->n_experts);
    for (uint32_t i = 0; i < in->node->n_weights; i++)
        if (strcmp(in->weights[i].attr, attr) == 0)
            return VIV_OK;
    if (in->node->n_weights == MAX_WEIGHTS)
        return fail(b, VIV_ELIMIT, "too many weights for one layer");
    uint64_t elems = 1;
    for (uint32_t i = 0; i < ndim; i++)
        if (!size_mul(elems, w->dims[i], &elems) || elems > (uint64_t)1 << 48)
            return fail(b, VIV_ELIMIT, "a weight of more than 2^48 elements");
    in->weights[in->node->n_weights++] = (struct graph_weight){known->name, (uint32_t)v->i, elems, sliced};
    return VIV_OK;
}

static viv_status want_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims)
{
    return want_any_weight(b, attr, ndim, dims, false);
}

viv_status graph_want_expert_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims)
{
    return want_any_weight(b, attr, ndim, dims, true);
}

static viv_status weight_dims(const viv_infer *b, const char *attr, uint32_t capacity, uint64_t *dims,
                              uint32_t *ndim)
{
    const struct inference *in = b->ctx;
    if (!declared(b, "weight_dims", attr, WEIGHTS))
        return VIV_EINVAL;
    if (!ndim || (!dims && capacity))
        return fail(b, VIV_EINVAL, "weight_dims: where to write the dims of '%s' is NULL", attr);
    const struct value *v = node_attr(in->node->spec, attr);
    if (!v)
        return fail(b, VIV_EINVAL, "the weight '%s', which the layer needs, is not set", attr);
    const struct weight *w = &in->graph->expansion->weights[v->i];
    for (uint32_t i = 0; i < w->n_dims && i < capacity; i++)
        dims[i] = w->dims[i];
    *ndim = w->n_dims;
    return VIV_OK;
}

static bool is_name(const char *name)
{
    return name && *name && strnlen(name, MAX_CACHE_NAME + 1) <= MAX_CACHE_NAME;
}

static viv_status add_cache(viv_infer *b, const char *name, uint64_t elems, enum cache_kind kind, uint32_t *index)
{
    struct inference *in = b->ctx;
    if (!is_name(name) || !index)
        return fail(b, VIV_EINVAL,
                    "it declares a cache whose %s: expected a name of 1 to %d bytes, and where to write its index",
                    !index  ? "index is NULL"
                    : !name ? "name is NULL"
                            : "name is empty or too long",
                    MAX_CACHE_NAME);
    for (uint32_t i = 0; i < in->node->n_caches; i++)
        if (strcmp(in->caches[i].name, name) == 0)
            return fail(b, VIV_EINVAL, "it declares two caches of one name, '%s'", name);
    if (elems == 0 || elems > MAX_DIM)
        return fail(b, VIV_ELIMIT, "it declares a cache '%s' of %" PRIu64 " elements, expected 1 to 2^31", name,
                    elems);
    if (in->node->lender)
        return fail(b, VIV_EINVAL, "it declares a cache '%s' besides those of an earlier layer", name);
    if (in->node->n_caches == MAX_CACHES)
        return fail(b, VIV_ELIMIT, "it declares more than %d caches", MAX_CACHES);
    const char *copy = arena_strdup(&in->graph->arena, name); /* the layer owns its name */
    if (!copy)
        return fail(b, VIV_ENOMEM, "out of memory");
    *index = in->node->n_caches;
    in->caches[in->node->n_caches++] = (struct graph_cache){.name = copy, .elems = elems, .kind = kind};
    return VIV_OK;
}

static viv_status want_cache(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    const struct inference *in = b->ctx;
    return add_cache(b, name, elems, in->stack == STACK_GRAPH ? CACHE_OF_GRAPH : CACHE_OF_STEP, index);
}

static viv_status want_encoder_cache(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    if (b->encoder_dim == 0)
        return fail(b, VIV_EINVAL, "the model has no encoder, so there is no encoder output to cache");
    return add_cache(b, name, elems, CACHE_OF_ENCODER_OUTPUT, index);
}

static viv_status set_cache_content(viv_infer *b, uint32_t index, uint32_t content, uint64_t width)
{
    struct inference *in = b->ctx;
    struct graph_cache *cache = index < in->node->n_caches ? &in->caches[index] : NULL;
    if (!cache || cache->kind == CACHE_RECURRENT)
        return fail(b, VIV_EINVAL, "it says what cache %" PRIu32 " holds, but has %s", index,
                    cache ? "recurrent state there" : "no such cache");
    if (content != VIV_CACHE_KEYS && content != VIV_CACHE_VALUES)
        return fail(b, VIV_EINVAL, "it says that cache '%s' holds %" PRIu32 ", expected keys (%d) or values (%d)",
                    cache->name, content, VIV_CACHE_KEYS, VIV_CACHE_VALUES);
    if (width == 0 || cache->elems % width)
        return fail(b, VIV_ESHAPE,
                    "it says that cache '%s' of %" PRIu64 " elements has parts of %" PRIu64 ", expected a divisor",
                    cache->name, cache->elems, width);
    cache->content = content;
    cache->width = width;
    return VIV_OK;
}

static viv_status want_recurrent_state(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    const struct inference *in = b->ctx;
    if (in->stack != STACK_GRAPH)
        return fail(b, VIV_EINVAL, "a layer with recurrent state must be in `graph`: %s runs in a single step",
                    in->graph->expansion->stacks[in->stack].name);
    return add_cache(b, name, elems, CACHE_RECURRENT, index);
}

static viv_status lend_caches(viv_infer *b, const char *name)
{
    struct inference *in = b->ctx;
    if (!is_name(name) || in->node->n_caches == 0)
        return fail(b, VIV_EINVAL, "it lends caches: expected a name of 1 to %d bytes, and a cache declared before",
                    MAX_CACHE_NAME);
    in->node->lends = arena_strdup(&in->graph->arena, name);
    return in->node->lends ? VIV_OK : fail(b, VIV_ENOMEM, "out of memory");
}

/* The last node before this one that lends caches under the name, or NULL. */
static const struct graph_node *find_lender(const struct inference *in, const char *lent)
{
    const struct graph_node *first = &in->graph->nodes[in->graph->expansion->stacks[in->stack].begin];
    for (const struct graph_node *n = in->node; n > first; n--)
        if (n[-1].lends && strcmp(n[-1].lends, lent) == 0)
            return n - 1;
    return NULL;
}

static viv_status borrow_cache(viv_infer *b, const char *lent, const char *name, uint64_t elems, uint32_t *index)
{
    struct inference *in = b->ctx;
    if (!is_name(lent) || !is_name(name) || !index)
        return fail(b, VIV_EINVAL,
                    "it borrows a cache: expected two names of 1 to %d bytes, and where to write its "
                    "index",
                    MAX_CACHE_NAME);
    if (in->stack != STACK_GRAPH)
        return fail(b, VIV_EINVAL,
                    "a layer that uses the cache of an earlier one must be in `graph`: %s keeps none",
                    in->graph->expansion->stacks[in->stack].name);
    const struct graph_node *lender = find_lender(in, lent);
    if (!lender)
        return fail(b, VIV_ENOTFOUND, "no layer before it has a cache named '%s'", lent);
    if (in->node->n_caches || (in->node->lender && in->node->lender != lender))
        return fail(b, VIV_EINVAL, "it borrows the cache '%s' besides others", lent);
    for (uint32_t i = 0; i < lender->n_caches; i++) {
        const struct graph_cache *cache = &lender->caches[i];
        if (strcmp(cache->name, name) != 0 || cache->kind != CACHE_OF_GRAPH)
            continue;
        if (cache->elems != elems)
            return fail(b, VIV_ESHAPE,
                        "it needs %" PRIu64 " elements per token of the cache '%s', and %s keeps %" PRIu64, elems,
                        lent, lender->spec->path, cache->elems);
        in->node->lender = lender;
        in->node->first_cache = lender->first_cache;
        *index = i;
        return VIV_OK;
    }
    return fail(b, VIV_ENOTFOUND, "the cache '%s' of %s has no part '%s'", lent, lender->spec->path, name);
}

viv_status graph_at_node(struct error *err, const struct node *n)
{
    return error_prefix(err, "%s:%" PRIu32 ":%" PRIu32 ": %s%s%s%s", n->at.file, n->at.line, n->at.column, n->path,
                        n->plugin ? " (" : "", n->plugin ? n->plugin : "", n->plugin ? ")" : "");
}

/* --- checks of a plugin's layers ------------------------------------------------------------------------------ */

/* Lies behind the instance of a plugin's layer, to find out that it writes beyond it. */
static const unsigned char instance_guard[64] = "guard bytes: a layer must not write here";

static void *make_instance(struct graph *g, const struct graph_node *n)
{
    const uint64_t size = n->class->instance_size;
    char *layer = arena_alloc(&g->arena, size + (n->spec->plugin ? sizeof instance_guard : 0));
    if (layer && n->spec->plugin)
        memcpy(layer + size, instance_guard, sizeof instance_guard);
    return layer;
}

viv_status graph_check_instance(const struct graph_node *n, struct error *err)
{
    const uint64_t size = n->class->instance_size;
    if (!n->spec->plugin || memcmp((const char *)n->layer + size, instance_guard, sizeof instance_guard) == 0)
        return VIV_OK;
    error_set(err, VIV_EINTERNAL, "layer '%s' of %s writes beyond its instance, whose instance_size is %" PRIu64,
              n->class->name, n->spec->plugin, n->class->instance_size);
    trail_spoil(err->text);
    return err->status;
}

viv_status graph_check_float_mode(const struct graph_node *n, uint32_t before, struct error *err)
{
    const uint32_t after = float_mode();
    if (after == before)
        return VIV_OK;
    float_mode_set(before);
    return error_set(err, VIV_EINTERNAL, "layer '%s' changes the floating-point mode from 0x%x to 0x%x",
                     n->class->name, before, after);
}

viv_status graph_check_workspace(const viv_layer_class *class, uint64_t row, uint64_t shared, uint64_t worker,
                                 uint64_t n_rows, struct error *err)
{
    static const char *const names[] = {"row_workspace", "shared_workspace", "worker_workspace"};
    const uint64_t sizes[] = {row, shared, worker};
    for (int i = 0; i < 3; i++)
        if (sizes[i] > MAX_WORKSPACE)
            return error_set(err, VIV_ELIMIT, "layer '%s' requests %s of %" PRIu64 " bytes, expected at most 2^40",
                             class->name, names[i], sizes[i]);
    if (n_rows && row > MAX_WORKSPACE / n_rows)
        return error_set(err, VIV_ELIMIT,
                         "layer '%s' requests row_workspace of %" PRIu64 " bytes for each of %" PRIu64
                         " rows, expected at most 2^40 for all",
                         class->name, row, n_rows);
    return VIV_OK;
}

static viv_status check_inferred(const struct graph_node *n, const viv_infer *b, struct error *err)
{
    if (b->out_dim == 0 || b->out_dim > MAX_DIM)
        return error_set(err, VIV_EINTERNAL, "layer '%s': its out_dim is %" PRIu64 ", expected 1 to 2^31",
                         n->class->name, b->out_dim);
    if (b->n_phases == 0 || b->n_phases > MAX_PHASES)
        return error_set(err, VIV_EINTERNAL, "layer '%s': its n_phases is %" PRIu64 ", expected 1 to %d",
                         n->class->name, b->n_phases, MAX_PHASES);
    if (b->whole_sequences > 1)
        return error_set(err, VIV_EINTERNAL, "layer '%s': its whole_sequences is %" PRIu64 ", expected 0 or 1",
                         n->class->name, b->whole_sequences);
    if ((n->class->flags & VIV_LAYER_ROW_WISE) && (n->n_caches || n->lender || b->whole_sequences))
        return error_set(err, VIV_EINTERNAL,
                         "layer '%s' is flagged VIV_LAYER_ROW_WISE, but %s: then a row depends on others",
                         n->class->name, b->whole_sequences ? "sets whole_sequences" : "has a cache");
    viv_status status =
        graph_check_workspace(n->class, b->row_workspace, b->shared_workspace, b->worker_workspace, 0, err);
    return status == VIV_OK ? graph_check_instance(n, err) : status;
}

static bool reshapes(const struct graph_node *n)
{
    return VIV_HAS(n->class, viv_layer_class, reshape) && n->class->reshape;
}

/* Whether two layers change rows alike: they are the same, on rows that are. */
static bool same_change(const struct graph_node *a, const struct graph_node *b)
{
    if (a->class != b->class || a->level != b->level || a->spec->n_attrs != b->spec->n_attrs)
        return false;
    for (uint32_t i = 0; i < a->spec->n_attrs; i++)
        if (strcmp(a->spec->attrs[i].name, b->spec->attrs[i].name) != 0 ||
            !expr_value_equal(&a->spec->attrs[i].value, &b->spec->attrs[i].value))
            return false;
    return true;
}

/* The level of its output rows. */
static viv_status set_level(struct graph *g, struct graph_node *n, enum stack_id id, struct error *err)
{
    struct graph_stack *stack = &g->stacks[id];
    n->out_level = n->level;
    if (!reshapes(n))
        return VIV_OK;
    if (stack->input_dim == 0)
        return error_set(err, VIV_EINVAL, "layer '%s' changes rows, which those of tokens cannot", n->class->name);
    if (n->class->flags & (VIV_LAYER_ROW_WISE | VIV_LAYER_IN_PLACE))
        return error_set(err, VIV_EINTERNAL,
                         "layer '%s' has 'reshape', but is flagged VIV_LAYER_ROW_WISE or VIV_LAYER_IN_PLACE",
                         n->class->name);
    for (uint32_t i = stack->first_level + 1; i < g->n_levels; i++)
        if (same_change(g->levels[i].node, n)) {
            n->out_level = i;
            return VIV_OK;
        }
    n->out_level = g->n_levels;
    g->levels[g->n_levels++] = (struct graph_level){.node = n, .from = n->level};
    stack->n_levels++;
    return VIV_OK;
}

bool graph_grid_rows(const viv_grid *grid, uint64_t *n)
{
    static const uint64_t most = (uint64_t)1 << 32;
    const uint64_t sides[] = {grid->frames, grid->height, grid->width, grid->block};
    for (int i = 0; i < 4; i++)
        if (sides[i] == 0 || sides[i] > most)
            return false;
    if (grid->height % grid->block || grid->width % grid->block || grid->before > most || grid->after > most)
        return false;
    return size_mul(grid->height, grid->width, n) && *n <= most && size_mul(*n, grid->frames, n) && *n <= most &&
           size_add(*n, grid->before + grid->after, n) && *n <= most;
}

viv_status graph_reshape(const struct graph_node *n, viv_grid *grid, struct error *err)
{
    uint64_t rows;
    if (!reshapes(n))
        return VIV_OK;
    const struct trail before = trail;
    if (n->spec->plugin)
        trail_enter(n->spec->plugin, "reshape");
    viv_status status = n->class->reshape(n->layer, grid);
    trail = before;
    if (status != VIV_OK)
        error_take(err, status);
    else if (!graph_grid_rows(grid, &rows))
        status = error_set(err, VIV_EINTERNAL,
                           "layer '%s' makes rows that are no grid: %" PRIu64 " + %" PRIu64 " x %" PRIu64
                           " x %" PRIu64 " + %" PRIu64 ", in blocks of %" PRIu64,
                           n->class->name, grid->before, grid->frames, grid->height, grid->width, grid->after,
                           grid->block);
    return status == VIV_OK ? status : graph_at_node(err, n->spec);
}

/* Through all layers up to a level. */
static viv_status reshape_to(const struct graph *g, const struct graph_stack *s, uint32_t level, viv_grid *grid,
                             struct error *err)
{
    if (level == s->first_level)
        return VIV_OK;
    const viv_status status = reshape_to(g, s, g->levels[level].from, grid, err);
    return status == VIV_OK ? graph_reshape(g->levels[level].node, grid, err) : status;
}

viv_status graph_stack_grid(const struct graph *g, enum stack_id id, viv_grid *grid, struct error *err)
{
    uint64_t rows;
    if (!graph_grid_rows(grid, &rows))
        return error_set(err, VIV_EINVAL, "rows that are no grid, or too many, cannot enter %s",
                         g->expansion->stacks[id].name);
    return reshape_to(g, &g->stacks[id], g->stacks[id].output_level, grid, err);
}

int graph_stack_named(const struct graph *g, const char *name)
{
    for (int id = 0; id < N_STACKS; id++) {
        const struct stack *s = &g->expansion->stacks[id];
        if (s->begin < s->end && strcmp(s->name, name) == 0)
            return id;
    }
    return -1;
}

/* The instance of one node: attributes read, shapes inferred. */
static viv_status infer_node(struct graph *g, struct graph_node *n, enum stack_id stack, struct error *err)
{
    struct inference in = {.graph = g, .node = n, .stack = stack};
    uint64_t *in_dims = arena_array(&g->arena, n->spec->n_inputs, sizeof *in_dims);
    n->layer = make_instance(g, n);
    if (!in_dims || !n->layer)
        return error_nomem(err);
    for (uint32_t i = 0; i < n->spec->n_inputs; i++) {
        const uint32_t value = n->spec->inputs[i];
        const uint32_t level = value ? g->value_levels[value] : g->stacks[stack].first_level;
        in_dims[i] = value ? g->value_dims[value] : g->stacks[stack].input_dim;
        bool tokens = i == 0 && (n->class->flags & VIV_LAYER_TOKENS);
        if ((in_dims[i] == 0) != tokens)
            return error_set(err, VIV_ESHAPE,
                             tokens ? "expects token ids, found vectors (it must come first)"
                                    : "expects vectors, found token ids (an embedding must come first)");
        if (i > 0 && level != n->level)
            return error_set(err, VIV_ESHAPE, "joins values of different rows: a layer between them changes rows");
        n->level = level;
    }
    n->in_dims = in_dims;
    viv_infer b = {.struct_size = sizeof b,
                   .n_in = n->spec->n_inputs,
                   .host = g->host,
                   .ctx = &in,
                   .in_dims = in_dims,
                   .encoder_dim = stack == STACK_GRAPH ? graph_encoder_dim(g) : 0,
                   .is_set = is_set,
                   .get_int = get_int,
                   .get_float = get_float,
                   .get_ints = get_ints,
                   .get_floats = get_floats,
                   .get_text = get_text,
                   .want_weight = want_weight,
                   .weight_dims = weight_dims,
                   .want_cache = want_cache,
                   .want_encoder_cache = want_encoder_cache,
                   .want_recurrent_state = want_recurrent_state,
                   .set_cache_content = set_cache_content,
                   .lend_caches = lend_caches,
                   .borrow_cache = borrow_cache,
                   .n_phases = 1};
    const struct trail before = trail;
    const uint32_t mode = float_mode();
    if (n->spec->plugin)
        trail_enter(n->spec->plugin, "infer");
    viv_status status = n->class->infer(n->layer, &b);
    trail = before;
    if (graph_check_float_mode(n, mode, err) != VIV_OK)
        return err->status;
    if (status != VIV_OK) {
        error_take(err, status == VIV_ECANCELLED ? VIV_EINTERNAL : status); /* nothing can be cancelled here */
        return n->spec->plugin ? error_prefix(err, "infer failed") : err->status;
    }
    if (in.failure.status != VIV_OK) {
        *err = in.failure;
        return err->status;
    }
    status = check_inferred(n, &b, err);
    if (status == VIV_OK)
        status = set_level(g, n, stack, err);
    if (status != VIV_OK)
        return status;
    n->out_dim = b.out_dim;
    n->n_phases = (uint32_t)b.n_phases;
    n->row_workspace = b.row_workspace;
    n->shared_workspace = b.shared_workspace;
    n->worker_workspace = b.worker_workspace;
    n->length_switch = b.length_switch;
    n->length_growth = b.length_growth;
    g->by_switch = g->by_switch || (stack == STACK_GRAPH && b.length_switch);
    g->by_growth = g->by_growth || (stack == STACK_GRAPH && b.length_growth);
    g->stacks[stack].vector_dim = size_max(g->stacks[stack].vector_dim, b.vector_dim);
    g->stacks[stack].whole_sequences = g->stacks[stack].whole_sequences || b.whole_sequences;
    n->weights = arena_array(&g->arena, n->n_weights, sizeof *n->weights);
    n->caches = arena_array(&g->arena, n->n_caches, sizeof *n->caches);
    if (!n->weights || !n->caches)
        return error_nomem(err);
    memcpy(n->weights, in.weights, n->n_weights * sizeof *n->weights);
    memcpy(n->caches, in.caches, n->n_caches * sizeof *n->caches);
    return VIV_OK;
}

/* An extension of the node's class, a growable struct; NULL if it has none or one that is too small. */
static const void *extension(const struct graph_node *n, const char *id, size_t size)
{
    const uint32_t *struct_size = n->class->get_ext ? n->class->get_ext(id) : NULL;
    return struct_size && *struct_size >= size && *struct_size <= MAX_STRUCT ? struct_size : NULL;
}

bool graph_lengths_alike(const struct graph *g, struct graph_length a, struct graph_length b)
{
    const struct stack *stack = &g->expansion->stacks[STACK_GRAPH];
    for (uint32_t i = stack->begin; (g->by_switch || g->by_growth) && i < stack->end; i++) {
        const struct graph_node *n = &g->nodes[i];
        if (n->length_switch && (a.whole > n->length_switch) != (b.whole > n->length_switch))
            return false;
        if (n->length_growth && size_max(a.prompt, n->length_growth) != size_max(b.prompt, n->length_growth))
            return false;
    }
    return true;
}

const viv_routes *graph_routes(const struct graph_node *n)
{
    const viv_routes *r = extension(n, VIV_LAYER_ROUTES, SIZE_TO(viv_routes, n_experts));
    return r && r->n_experts ? r : NULL;
}

bool graph_describe(const struct graph_node *n, uint32_t i, char attribute[VIV_DESCRIPTION_ATTRIBUTE],
                    char text[VIV_DESCRIPTION_TEXT])
{
    const viv_layer_description *d = extension(n, VIV_LAYER_DESCRIPTION, SIZE_TO(viv_layer_description, describe));
    memset(attribute, 0, VIV_DESCRIPTION_ATTRIBUTE);
    memset(text, 0, VIV_DESCRIPTION_TEXT);
    if (!d || !d->describe || !d->describe(n->layer, i, attribute, text))
        return false;
    attribute[VIV_DESCRIPTION_ATTRIBUTE - 1] = text[VIV_DESCRIPTION_TEXT - 1] = '\0';
    return utf8_valid(attribute, strlen(attribute)) && utf8_valid(text, strlen(text));
}

uint64_t graph_encoder_dim(const struct graph *g)
{
    return g->stacks[STACK_ENCODER].output_dim;
}

static uint32_t find_tail(const struct graph *g, const struct stack *s)
{
    uint32_t tail = s->end;
    while (tail > s->begin && (g->nodes[tail - 1].class->flags & VIV_LAYER_ROW_WISE) &&
           !(g->nodes[tail - 1].class->flags & VIV_LAYER_TOKENS))
        tail--;
    return tail;
}

static viv_status build_stack(struct graph *g, enum stack_id id, struct error *err)
{
    const struct expansion *e = g->expansion;
    struct graph_stack *stack = &g->stacks[id];
    const int32_t from = e->stacks[id].from;
    if (e->stacks[id].begin == e->stacks[id].end)
        return VIV_OK;
    stack->input_dim = from >= 0 ? g->stacks[from].output_dim : e->stacks[id].input_dim;
    stack->first_level = g->n_levels++;
    stack->n_levels = 1;
    for (uint32_t i = e->stacks[id].begin; i < e->stacks[id].end; i++) {
        struct graph_node *n = &g->nodes[i];
        n->spec = &e->nodes[i];
        n->class = n->spec->class;
        n->first_cache = g->n_caches;
        viv_status status = infer_node(g, n, id, err);
        if (status != VIV_OK) {
            n->layer = NULL; /* nothing to release: infer failed */
            return graph_at_node(err, n->spec);
        }
        g->n_nodes++;
        g->value_dims[n->spec->output] = n->out_dim;
        g->value_levels[n->spec->output] = n->out_level;
        g->n_caches += n->n_caches;
        for (uint32_t s = 0; s < n->n_caches; s++)
            g->cache_elems[n->caches[s].kind] += n->caches[s].elems;
        if ((n->class->flags & VIV_LAYER_TOKENS) && n->n_weights && !stack->vocab_size)
            stack->vocab_size = e->weights[n->weights[0].weight].dims[0];
    }
    stack->output_dim = g->value_dims[e->stacks[id].output];
    stack->output_level = g->value_levels[e->stacks[id].output];
    stack->tail = find_tail(g, &e->stacks[id]);
    return VIV_OK;
}

viv_status graph_build(const struct expansion *e, const viv_host *host, struct graph **out, struct error *err)
{
    struct graph *g = calloc(1, sizeof *g);
    if (!g)
        return error_nomem(err);
    g->host = host;
    g->expansion = e;
    g->nodes = arena_array(&g->arena, e->n_nodes, sizeof *g->nodes);
    g->value_dims = arena_array(&g->arena, e->n_values, sizeof *g->value_dims);
    g->value_levels = arena_array(&g->arena, e->n_values, sizeof *g->value_levels);
    g->levels = arena_array(&g->arena, (size_t)e->n_nodes + N_STACKS, sizeof *g->levels);
    viv_status status = g->nodes && g->value_dims && g->value_levels && g->levels ? VIV_OK : error_nomem(err);
    for (int id = 0; status == VIV_OK && id < N_STACKS; id++)
        status = build_stack(g, (enum stack_id)id, err);
    if (status == VIV_OK && graph_encoder_dim(g) && !g->cache_elems[CACHE_OF_ENCODER_OUTPUT]) {
        error_set(err, VIV_EINVAL, "the encoder is not used: no layer of `graph` reads its output");
        status = graph_at_node(err, &e->nodes[e->stacks[STACK_ENCODER].end - 1]);
    }
    if (status != VIV_OK) {
        graph_destroy(g);
        return status;
    }
    *out = g;
    return VIV_OK;
}

void graph_destroy(struct graph *g)
{
    if (!g || trail_spoilt)
        return;
    for (uint32_t i = 0; g->nodes && i < g->n_nodes; i++) {
        const struct graph_node *n = &g->nodes[i];
        const struct trail before = trail;
        if (n->spec->plugin)
            trail_enter(n->spec->plugin, "release");
        if (n->class->release && n->layer)
            n->class->release(n->layer);
        trail = before;
    }
    arena_release(&g->arena);
    free(g);
}

static bool in_tail(const struct graph *g, uint32_t node)
{
    enum stack_id id = STACK_GRAPH;
    for (int i = 0; i < N_STACKS; i++)
        if (node >= g->expansion->stacks[i].begin && node < g->expansion->stacks[i].end)
            id = (enum stack_id)i;
    return node >= g->stacks[id].tail;
}

viv_status graph_node_cost(const struct graph *g, uint32_t node, const struct graph_step *step,
                           struct graph_cost *out)
{
    const struct graph_node *n = &g->nodes[node];
    viv_cost c = {.struct_size = sizeof c,
                  .n_rows = in_tail(g, node) ? step->n_output_rows : step->n_rows,
                  .context = step->context,
                  .n_encoder_rows = step->n_encoder_rows,
                  .n_new_encoder_rows = step->n_new_encoder_rows};
    for (uint32_t i = 0; i < n->n_weights; i++)
        c.weight_elems += n->weights[i].elems;
    c.active_elems = c.weight_elems;
    const struct trail before = trail;
    if (n->spec->plugin)
        trail_enter(n->spec->plugin, "cost");
    viv_status status = n->class->cost ? n->class->cost(n->layer, &c) : VIV_OK;
    trail = before;
    if (status == VIV_OK)
        *out = (struct graph_cost){c.flops, c.weight_elems, c.active_elems, c.cache_elems};
    return status;
}

viv_status graph_cost(const struct graph *g, enum stack_id stack, const struct graph_step *step,
                      struct graph_cost *out, struct error *err)
{
    struct graph_cost total = {0};
    for (uint32_t i = g->expansion->stacks[stack].begin; i < g->expansion->stacks[stack].end; i++) {
        struct graph_cost c;
        viv_status status = graph_node_cost(g, i, step, &c);
        if (status != VIV_OK) {
            error_take(err, status);
            return graph_at_node(err, g->nodes[i].spec);
        }
        total.flops += c.flops;
        total.weight_elems += c.weight_elems;
        total.active_elems += c.active_elems;
        total.cache_elems += c.cache_elems;
    }
    *out = total;
    return VIV_OK;
}
