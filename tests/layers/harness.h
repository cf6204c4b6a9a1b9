/* harness.h - one layer alone, through its class: attributes and weights given by the test, pages of its own,
 * tasks run one by one in whatever split the test likes. */
#ifndef TESTS_LAYERS_HARNESS_H
#define TESTS_LAYERS_HARNESS_H

#include "base/error.h"
#include "kernels/kernels.h"
#include "layers/layers.h"
#include "tensor/dtype.h"
#include "testing.h"

#include <math.h>
#include <vivarium/vivarium.h>

enum { HARNESS_MAX = 24, HARNESS_PAGE = 32, HARNESS_PAGES = 16 };

struct given {
    const char *name;
    double number;       /* of numbers, booleans and choices (its index); of weights: their type */
    const float *weight; /* of weights */
    uint32_t ndim;
    uint64_t dims[4]; /* also the numbers of a list, ndim of them */
};

struct harness {
    const viv_layer_class *class;
    const struct given *given;
    uint32_t n_given;
    void *layer;
    viv_tensor tensors[HARNESS_MAX];
    int64_t shapes[HARNESS_MAX][4], strides[HARNESS_MAX][4];
    uint64_t cache_elems[8];
    void *pages[8][HARNESS_PAGES];
    viv_cache caches[8];
    const viv_cache *cache_list[8];
    bool recurrent[8]; /* pages 0 and 1 are the state before and after */
    viv_recurrent_state recurrent_states[8];
    const viv_recurrent_state *recurrent_state_list[8];
    uint32_t n_caches, n_phases;
    uint64_t in_dim, out_dim;
    viv_prepare prepare;
    uint64_t position;
    const float *encoder_output; /* what the next run takes, [n_encoder_rows, encoder_dim], or NULL */
    uint64_t n_encoder_rows;
    const viv_grid *grid; /* of the rows of the next run, or NULL */
};

static const void *harness_service(const viv_host *host, const char *id)
{
    (void)host;
    const viv_kernels *kernels = kernels_choose(kernels_cpu(), 0);
    if (strcmp(id, VIV_SERVICE_DELTA_RULE) == 0)
        return kernels_delta_rules(kernels);
    return strcmp(id, VIV_SERVICE_KERNELS) == 0 ? kernels : NULL;
}

static void harness_error(const viv_host *host, viv_status status, const char *sentence)
{
    (void)host;
    error_leave(status, sentence);
}

static const viv_host harness_host = {.struct_size = sizeof(viv_host),
                                      .abi_major = VIV_ABI_MAJOR,
                                      .abi_minor = VIV_ABI_MINOR,
                                      .name = "test",
                                      .version = "0",
                                      .get_service = harness_service,
                                      .set_error = harness_error};

static const struct given *harness_given(const struct harness *h, const char *name)
{
    for (uint32_t i = 0; i < h->n_given; i++)
        if (strcmp(h->given[i].name, name) == 0)
            return &h->given[i];
    return NULL;
}

static int32_t harness_is_set(const viv_infer *b, const char *attr)
{
    return harness_given(b->ctx, attr) != NULL;
}

static double harness_float(const viv_infer *b, const char *attr)
{
    const struct harness *h = b->ctx;
    const struct given *g = harness_given(h, attr);
    return g ? g->number : layer_attr(h->class, attr)->default_value;
}

static int64_t harness_int(const viv_infer *b, const char *attr)
{
    return (int64_t)harness_float(b, attr);
}

static const int64_t *harness_ints(const viv_infer *b, const char *attr, uint64_t *n)
{
    const struct given *g = harness_given(b->ctx, attr);
    *n = g ? g->ndim : 0;
    return g ? (const int64_t *)(const void *)g->dims : NULL;
}

static viv_status harness_want_weight(viv_infer *b, const char *attr, uint32_t ndim, const uint64_t *dims)
{
    const struct given *g = harness_given(b->ctx, attr);
    for (uint32_t i = 0; g && i < ndim; i++)
        if (g->ndim != ndim || (dims[i] && dims[i] != g->dims[i]))
            return VIV_ESHAPE;
    return VIV_OK;
}

static viv_status harness_weight_dims(const viv_infer *b, const char *attr, uint32_t capacity, uint64_t *dims,
                                      uint32_t *ndim)
{
    const struct given *g = harness_given(b->ctx, attr);
    *ndim = g->ndim;
    for (uint32_t i = 0; i < capacity && i < sizeof g->dims / sizeof *g->dims; i++)
        dims[i] = g->dims[i];
    return VIV_OK;
}

static viv_status harness_want_cache(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    struct harness *h = b->ctx;
    (void)name;
    *index = h->n_caches;
    h->cache_elems[h->n_caches++] = elems;
    return VIV_OK;
}

static viv_status harness_set_cache_content(viv_infer *b, uint32_t index, uint32_t content, uint64_t width)
{
    const struct harness *h = b->ctx;
    ck_assert_uint_lt(index, h->n_caches);
    ck_assert(content == VIV_CACHE_KEYS || content == VIV_CACHE_VALUES);
    ck_assert_uint_eq(h->cache_elems[index] % width, 0);
    return VIV_OK;
}

static viv_status harness_want_recurrent_state(viv_infer *b, const char *name, uint64_t elems, uint32_t *index)
{
    struct harness *h = b->ctx;
    h->recurrent[h->n_caches] = true;
    return harness_want_cache(b, name, elems, index);
}

static const viv_tensor *harness_weight(const viv_prepare *p, const char *attr)
{
    struct harness *h = p->ctx;
    const struct given *g = harness_given(h, attr);
    if (!g)
        return NULL;
    size_t i = (size_t)(g - h->given);
    viv_tensor *t = &h->tensors[i];
    for (uint32_t d = 0; d < g->ndim; d++)
        h->shapes[i][d] = (int64_t)g->dims[d];
    ck_assert(tensor_init(t, attr, (uint32_t)g->number, g->ndim, h->shapes[i], h->strides[i], g->weight));
    return t;
}

static const viv_tensor *harness_weight_in_order(const viv_prepare *p, const char *attr, const uint32_t **order)
{
    *order = NULL;
    return harness_weight(p, attr);
}

static const float *harness_weight_f32(const viv_prepare *p, const char *attr)
{
    const struct given *g = harness_given(p->ctx, attr);
    return g ? g->weight : NULL;
}

/* Makes the layer for rows of in_dim features, and of encoder_dim features of encoder output (0: there is none);
 * fresh pages are filled with NaN: nobody may read what was not written, but for what a sequence has once, which
 * begins as zeros. */
static viv_status harness_make(struct harness *h, const char *class, const struct given *given, uint32_t n_given,
                               const uint64_t *in_dims, uint32_t n_in, uint64_t encoder_dim)
{
    struct layer_set set;
    struct error err;
    memset(h, 0, sizeof *h);
    ck_assert_int_eq(layer_set_init(&set, &err), VIV_OK);
    h->class = layer_set_find(&set, class);
    layer_set_release(&set);
    ck_assert_ptr_nonnull(h->class);
    h->given = given;
    h->n_given = n_given;
    h->layer = calloc(1, h->class->instance_size + 1);
    viv_infer b = {.struct_size = sizeof b,
                   .n_in = n_in,
                   .host = &harness_host,
                   .ctx = h,
                   .in_dims = in_dims,
                   .encoder_dim = encoder_dim,
                   .is_set = harness_is_set,
                   .get_int = harness_int,
                   .get_float = harness_float,
                   .get_ints = harness_ints,
                   .want_weight = harness_want_weight,
                   .weight_dims = harness_weight_dims,
                   .want_cache = harness_want_cache,
                   .want_encoder_cache = harness_want_cache,
                   .want_recurrent_state = harness_want_recurrent_state,
                   .set_cache_content = harness_set_cache_content,
                   .n_phases = 1};
    viv_status status = h->class->infer(h->layer, &b);
    if (status != VIV_OK)
        return status;
    h->in_dim = in_dims[0];
    h->out_dim = b.out_dim;
    h->n_phases = (uint32_t)b.n_phases;
    h->prepare = (viv_prepare){.struct_size = sizeof h->prepare,
                               .n_workers = 1,
                               .host = &harness_host,
                               .ctx = h,
                               .max_rows = 512,
                               .weight = harness_weight,
                               .weight_in_order = harness_weight_in_order,
                               .weight_f32 = harness_weight_f32,
                               .cache_dtype = VIV_F32,
                               .page_rows = HARNESS_PAGE,
                               .row_workspace = b.row_workspace,
                               .shared_workspace = b.shared_workspace,
                               .worker_workspace = b.worker_workspace};
    for (uint32_t s = 0; s < h->n_caches; s++) {
        uint64_t n = h->cache_elems[s] * HARNESS_PAGE;
        for (uint32_t i = 0; i < HARNESS_PAGES; i++) {
            float *page = aligned_alloc(64, (n * sizeof *page + 63) / 64 * 64);
            for (uint64_t j = 0; j < n; j++)
                page[j] = NAN;
            h->pages[s][i] = page;
        }
        h->caches[s] = (viv_cache){.pages = h->pages[s], .page_rows = HARNESS_PAGE, .dtype = VIV_F32};
        h->cache_list[s] = &h->caches[s];
        h->recurrent_state_list[s] = &h->recurrent_states[s];
        memset(h->pages[s][0], 0, h->recurrent[s] ? h->cache_elems[s] * sizeof(float) : 0);
    }
    return h->class->prepare(h->layer, &h->prepare);
}

/* n rows more of the one sequence, tasks in chunks of `chunk`. in: n_in pointers. */
static viv_status harness_run(struct harness *h, const float *const *in, uint32_t n_in, const int32_t *tokens,
                              uint64_t n_rows, float *out, uint64_t chunk)
{
    uint64_t bytes = h->prepare.shared_workspace + n_rows * ((h->prepare.row_workspace + 63) / 64 * 64) + 64;
    void *workspace = aligned_alloc(64, (bytes + 63) / 64 * 64);
    void *scratch = aligned_alloc(64, (h->prepare.worker_workspace + 127) / 64 * 64);
    int32_t *positions = calloc(n_rows, sizeof *positions);
    for (uint64_t r = 0; r < n_rows; r++)
        positions[r] = (int32_t)(h->position + r);
    for (uint32_t s = 0; s < h->n_caches; s++)
        h->recurrent_states[s] = (viv_recurrent_state){h->pages[s][0], h->pages[s][1]};
    viv_grid out_grid = h->grid ? *h->grid : (viv_grid){0};
    viv_status status = h->grid && h->class->reshape ? h->class->reshape(h->layer, &out_grid) : VIV_OK;
    const uint64_t n_out =
        h->grid ? out_grid.before + out_grid.frames * out_grid.height * out_grid.width + out_grid.after : n_rows;
    const viv_span span = {.struct_size = sizeof span,
                           .n_rows = n_rows,
                           .position = h->position,
                           .cache = h->cache_list,
                           .n_encoder_rows = h->n_encoder_rows,
                           .encoder_output = h->encoder_output,
                           .recurrent_state = h->recurrent_state_list,
                           .grid = h->grid,
                           .n_out_rows = n_out,
                           .out_grid = &out_grid};
    const viv_span *const spans[] = {&span};
    const viv_exec e = {.struct_size = sizeof e,
                        .host = &harness_host,
                        .n_rows = n_rows,
                        .n_out_rows = n_out,
                        .n_spans = 1,
                        .n_in = n_in,
                        .spans = spans,
                        .in = in,
                        .out = out,
                        .tokens = tokens,
                        .positions = positions,
                        .workspace = workspace,
                        .scratch = scratch,
                        .cache_dtype = VIV_F32};
    for (uint32_t phase = 0; phase < h->n_phases && status == VIV_OK; phase++) {
        uint64_t n = h->class->tasks(h->layer, &e, phase);
        for (uint64_t first = 0; first < n && status == VIV_OK; first += chunk)
            status = h->class->forward(h->layer, &e, phase, first, first + chunk < n ? first + chunk : n);
    }
    for (uint32_t s = 0; s < h->n_caches; s++)
        if (h->recurrent[s]) { /* what was before is NaN: all of it is written anew */
            void *before = h->pages[s][0];
            for (uint64_t j = 0; j < h->cache_elems[s]; j++)
                ((float *)before)[j] = NAN;
            h->pages[s][0] = h->pages[s][1];
            h->pages[s][1] = before;
        }
    h->position += n_rows;
    h->encoder_output = NULL;
    free(workspace);
    free(scratch);
    free(positions);
    return status;
}

static void harness_free(struct harness *h)
{
    if (h->class && h->class->release)
        h->class->release(h->layer);
    for (uint32_t s = 0; s < h->n_caches; s++)
        for (uint32_t i = 0; i < HARNESS_PAGES; i++)
            free(h->pages[s][i]);
    free(h->layer);
}

/* Numbers in [-1, 1) that depend on the seed alone. */
static inline void harness_fill(float *x, uint64_t n, uint32_t seed)
{
    for (uint64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)((int32_t)seed) / 2147483648.0f;
    }
}

#endif
