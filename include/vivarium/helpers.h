/* helpers.h - what most plugins need: errors with a formatted sentence, services, sizes, layers, projections, events.
 *
 * All functions are `static inline`: they become part of the plugin, and are no part of the ABI. Only viv_pipeline_open
 * allocates, and viv_pipeline_close frees that.
 * Each may be called wherever the function of the host that it is about may be called. */
#ifndef VIVARIUM_HELPERS_H
#define VIVARIUM_HELPERS_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vivarium/architecture.h>
#include <vivarium/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- errors and services --- */

/* Leaves a sentence with the host, cut after 1023 bytes, and is the status:
 *   return viv_fail(host, VIV_ESHAPE, "%" PRIu64 " heads, expected at least 1", n_heads);                   */
#define viv_fail(host, status, ...) (viv_leave_error(host, status, __VA_ARGS__), (viv_status)(status))

static inline void viv_leave_error(const viv_host *host, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static inline void viv_leave_error(const viv_host *host, viv_status status, const char *format, ...)
{
    char sentence[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    host->set_error(host, status, sentence);
}

/* The service behind `id`, with at least the `size` bytes that the plugin was built for: sizeof of its table. NULL, with
 * a sentence for VIV_EABI left, if the host has none or an older one. */
static inline const void *viv_need_service(const viv_host *host, const char *id, size_t size)
{
    const void *table = host->get_service(host, id);
    uint32_t found = 0;
    if (table)
        memcpy(&found, table, sizeof found); /* struct_size is first in each table */
    if (found >= size)
        return table;
    if (table)
        viv_leave_error(host, VIV_EABI, "service %s of %s %s has %u bytes, the plugin needs %zu: update Vivarium", id,
                        host->name, host->version, (unsigned)found, size);
    else
        viv_leave_error(host, VIV_EABI, "%s %s has no service %s, which the plugin needs", host->name, host->version, id);
    return NULL;
}

/* --- sizes --- */

/* n rounded up to a multiple of `unit`, a power of two. */
static inline uint64_t viv_align(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

/* To a multiple of 64 bytes: the alignment of workspaces, prepared rows and recurrent state. */
static inline uint64_t viv_align_64(uint64_t n)
{
    return viv_align(n, 64);
}

static inline uint64_t viv_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t viv_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Of sizes that come from a spec or a file: 0, and the result untouched, where it does not fit in 64 bits. */
static inline int32_t viv_size_add(uint64_t a, uint64_t b, uint64_t *sum)
{
    if (a > UINT64_MAX - b)
        return 0;
    *sum = a + b;
    return 1;
}

static inline int32_t viv_size_mul(uint64_t a, uint64_t b, uint64_t *product)
{
    if (b != 0 && a > UINT64_MAX / b)
        return 0;
    *product = a * b;
    return 1;
}

/* --- layers --- */

/* viv_layer_class.tasks of a layer whose tasks are the rows of the step, in each phase. */
static inline uint64_t viv_row_tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_rows;
}

/* viv_infer.want_weight; then dims[0..ndim) are those of the weight, if the attribute is set. */
static inline viv_status viv_want_weight(viv_infer *b, const char *attr, uint32_t ndim, uint64_t *dims)
{
    const viv_status status = b->want_weight(b, attr, ndim, dims);
    return status == VIV_OK && b->is_set(b, attr) ? b->weight_dims(b, attr, ndim, dims, &ndim) : status;
}

/* --- projections: y = x W^T + bias, with x [n_rows, n_in], W [n_out, n_in], y [n_rows, n_out]; with bounds,
 * y = clamp(clamp(x) W^T + bias) --- */

/* Of a weight that bounds a projection: the lowest and highest input, the lowest and highest output. */
enum { VIV_N_BOUNDS = 4 };

/* A weight matrix, its bias, and how this machine multiplies it. A layer first prepares each input row, in a phase of its
 * own, and then computes tiles of outputs for all rows. */
typedef struct viv_projection {
    const viv_product *product;
    const void *weight;     /* the data of W */
    const float *bias;      /* [n_out], or NULL */
    const float *bounds;    /* [VIV_N_BOUNDS], or NULL */
    const uint32_t *order;  /* [n_in]: element k of a row of W is for input order[k]; NULL: for input k */
    uint64_t n_out, n_in;
    uint64_t weight_stride; /* bytes of a row of W */
    uint64_t tile;          /* outputs of one task */
} viv_projection;

/* weight: a tensor [n_out, n_in], or a stack of matrices, [n, n_out, n_in], whose first is taken. Its data is not read.
 * Fails if this machine cannot multiply its type. */
static inline viv_status viv_projection_init(viv_projection *p, const viv_host *host, const viv_tensor *weight,
                                             const float *bias)
{
    const viv_kernels *kernels = (const viv_kernels *)viv_need_service(host, VIV_SERVICE_KERNELS, sizeof *kernels);
    const int32_t ndim = weight->dl.ndim;
    if (!kernels)
        return VIV_EABI;
    if (ndim != 2 && ndim != 3)
        return viv_fail(host, VIV_ESHAPE, "tensor '%s' has %d dimensions, a projection needs 2 or 3", weight->name,
                        (int)ndim);
    p->product = kernels->product(kernels, weight->dtype);
    if (!p->product)
        return viv_fail(host, VIV_EUNSUPPORTED, "tensor '%s' has a type that this version cannot compute with",
                        weight->name);
    p->weight = weight->dl.data;
    p->bias = bias;
    p->bounds = NULL;
    p->order = NULL;
    p->n_out = (uint64_t)weight->dl.shape[ndim - 2];
    p->n_in = (uint64_t)weight->dl.shape[ndim - 1];
    p->weight_stride = weight->row_bytes;
    p->tile = viv_max(p->product->tile, 64);
    return VIV_OK;
}

/* The same with the weights that a layer requested under these attributes. bias: NULL if there is none. */
static inline viv_status viv_projection_prepare(viv_projection *p, const viv_prepare *prepare, const char *weight,
                                                const char *bias)
{
    const uint32_t *order = NULL;
    const viv_tensor *w = prepare->weight_in_order(prepare, weight, &order);
    if (!w)
        return viv_fail(prepare->host, VIV_EINVAL, "the weight '%s' is needed", weight);
    const viv_status status = viv_projection_init(p, prepare->host, w, bias ? prepare->weight_f32(prepare, bias) : NULL);
    p->order = order;
    return status;
}

/* Gives it the bounds that a layer requested under this attribute: a weight of VIV_N_BOUNDS. */
static inline void viv_projection_bound(viv_projection *p, const viv_prepare *prepare, const char *bounds)
{
    p->bounds = prepare->weight_f32(prepare, bounds);
}

/* The same projection with other weights of its type and shape, such as those of an expert. */
static inline viv_projection viv_projection_with(const viv_projection *p, const void *weight, const float *bias)
{
    viv_projection other = *p;
    other.weight = weight;
    other.bias = bias;
    return other;
}

/* Bytes of a prepared row, a multiple of 64: for row_workspace. */
static inline uint64_t viv_projection_row_bytes(const viv_projection *p)
{
    return viv_align_64(p->product->row_bytes(p->n_in)) +
           (p->order || p->bounds ? viv_align_64(p->n_in * sizeof(float)) : 0);
}

/* Bytes of scratch of each worker, a multiple of 64: for worker_workspace. */
static inline uint64_t viv_projection_scratch_bytes(const viv_projection *p)
{
    return viv_align_64(p->product->scratch_bytes(p->n_in));
}

/* Bounds x[0..n) in place: bounds[0] <= x <= bounds[1]. */
static inline void viv_clamp(float *x, uint64_t n, const float *bounds)
{
    for (uint64_t i = 0; i < n; i++) {
        const float raised = x[i] < bounds[0] ? bounds[0] : x[i];
        x[i] = raised > bounds[1] ? bounds[1] : raised;
    }
}

/* Prepares one row from x [n_in]. Inputs that are put into an order, or bounded, are written behind the row. */
static inline void viv_projection_prepare_row(const viv_projection *p, void *row, const float *x)
{
    float *inputs = (float *)((char *)row + viv_align_64(p->product->row_bytes(p->n_in)));
    if (p->order)
        for (uint64_t k = 0; k < p->n_in; k++)
            inputs[k] = x[p->order[k]];
    else if (p->bounds)
        memcpy(inputs, x, p->n_in * sizeof *x);
    if (p->bounds)
        viv_clamp(inputs, p->n_in, p->bounds);
    p->product->prepare(row, p->order || p->bounds ? inputs : x, p->n_in);
}

/* Tiles of outputs: the tasks of the phase that multiplies. */
static inline uint64_t viv_projection_tiles(const viv_projection *p)
{
    return (p->n_out + p->tile - 1) / p->tile;
}

/* Computes one tile of outputs for all rows, and returns how many outputs it has. Output n of row r goes to
 * y[r * y_stride + n - tile * p->tile]. rows: prepared, rows_stride bytes apart. */
static inline uint64_t viv_projection_run_tile(const viv_projection *p, uint64_t tile, const void *rows,
                                               uint64_t rows_stride, uint64_t n_rows, float *y, uint64_t y_stride,
                                               void *scratch)
{
    const uint64_t first = tile * p->tile, n = viv_min(p->tile, p->n_out - first);
    viv_matmul m;
    memset(&m, 0, sizeof m);
    m.struct_size = sizeof m;
    m.n_rows = n_rows;
    m.k = p->n_in;
    m.x = rows;
    m.x_stride = rows_stride;
    m.w = (const char *)p->weight + first * p->weight_stride;
    m.w_stride = p->weight_stride;
    m.y = y;
    m.y_stride = y_stride;
    m.scratch = scratch;
    p->product->multiply(&m, 0, n);
    for (uint64_t r = 0; p->bias && r < n_rows; r++)
        for (uint64_t j = 0; j < n; j++)
            y[r * y_stride + j] += p->bias[first + j];
    for (uint64_t r = 0; p->bounds && r < n_rows; r++)
        viv_clamp(y + r * y_stride, n, p->bounds + 2);
    return n;
}

/* All of one row within one task: x [n_in] to y [n_out]. row: viv_projection_row_bytes of this worker's own. */
static inline void viv_projection_run_row(const viv_projection *p, const float *x, float *y, void *row, void *scratch)
{
    viv_projection_prepare_row(p, row, x);
    for (uint64_t t = 0; t < viv_projection_tiles(p); t++)
        viv_projection_run_tile(p, t, row, 0, 1, y + t * p->tile, p->n_out, scratch);
}

/* --- an architecture that answers as another does, and does something besides --- */

/* That other one, opened; the functions stand in viv_architecture_class, all but for the name. */
typedef struct viv_pipeline {
    const viv_architecture_class *architecture;
    void *instance;
} viv_pipeline;

static inline viv_status viv_pipeline_open(const viv_host *host, viv_model *model, const char *name, void **instance)
{
    const viv_architectures *architectures = (const viv_architectures *)viv_need_service(
        host, VIV_SERVICE_ARCHITECTURES, sizeof(viv_architectures));
    viv_pipeline *p = architectures ? (viv_pipeline *)calloc(1, sizeof *p) : NULL;
    viv_status status = p ? architectures->find(host, name, &p->architecture) : VIV_EABI;
    if (architectures && !p)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK)
        status = p->architecture->open(host, model, &p->instance);
    if (status == VIV_OK)
        *instance = p;
    else
        free(p);
    return status;
}

static inline viv_status viv_pipeline_run(void *instance, const viv_request *request, const viv_sink *sink)
{
    viv_pipeline *p = (viv_pipeline *)instance;
    return p->architecture->run(p->instance, request, sink);
}

static inline void viv_pipeline_close(void *instance)
{
    viv_pipeline *p = (viv_pipeline *)instance;
    if (p)
        p->architecture->close(p->instance);
    free(p);
}

/* --- events, for architectures --- */

/* An event of this kind with all else unset. */
static inline viv_event viv_event_of(uint32_t kind)
{
    viv_event e;
    memset(&e, 0, sizeof e);
    e.struct_size = sizeof e;
    e.kind = kind;
    e.token = -1;
    return e;
}

/* A part of the answer; nothing is emitted for 0 bytes. */
static inline viv_status viv_emit_text(const viv_sink *sink, const char *text, uint64_t size)
{
    viv_event e = viv_event_of(VIV_EVENT_TEXT);
    e.text = text;
    e.size = size;
    return size ? sink->emit(sink, &e) : VIV_OK;
}

static inline viv_status viv_emit_token(const viv_sink *sink, int32_t token, float logprob)
{
    viv_event e = viv_event_of(VIV_EVENT_TOKEN);
    e.token = token;
    e.logprob = logprob;
    return sink->emit(sink, &e);
}

static inline viv_status viv_emit_progress(const viv_sink *sink, const char *what, uint64_t done, uint64_t total)
{
    viv_event e = viv_event_of(VIV_EVENT_PROGRESS);
    e.text = what;
    e.size = strlen(what);
    e.done = done;
    e.total = total;
    return sink->emit(sink, &e);
}

static inline viv_status viv_emit_stat(const viv_sink *sink, const char *name, double value)
{
    viv_event e = viv_event_of(VIV_EVENT_STATS);
    e.text = name;
    e.size = strlen(name);
    e.value = value;
    return sink->emit(sink, &e);
}

/* The vector of message `index` of `total`; token: which of its tokens, or -1 for all. */
static inline viv_status viv_emit_vector(const viv_sink *sink, uint64_t index, uint64_t total, int32_t token,
                                         const float *vector, uint64_t dim)
{
    viv_event e = viv_event_of(VIV_EVENT_VECTOR);
    e.done = index;
    e.total = total;
    e.token = token;
    e.vector = vector;
    e.dim = dim;
    return sink->emit(sink, &e);
}

/* Picture `index` of `total` stands for n_tokens; name: as its part has it, or NULL. kept: its rows were there before. */
static inline viv_status viv_emit_picture(const viv_sink *sink, const char *name, uint64_t index, uint64_t total,
                                          uint64_t n_tokens, int32_t kept)
{
    viv_event e = viv_event_of(VIV_EVENT_PICTURE);
    e.text = name ? name : "";
    e.size = strlen(e.text);
    e.done = index;
    e.total = total;
    e.value = (double)n_tokens;
    e.token = kept != 0;
    return sink->emit(sink, &e);
}

/* why: "end", "length", "stop" or "cancelled". */
static inline viv_status viv_emit_done(const viv_sink *sink, const char *why)
{
    viv_event e = viv_event_of(VIV_EVENT_DONE);
    e.text = why;
    e.size = strlen(why);
    return sink->emit(sink, &e);
}

/* Whether the caller asked to stop: of viv_request.cancel and viv_step.cancel. */
static inline int32_t viv_is_cancelled(const uint32_t *cancel)
{
    return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED) != 0;
}

#ifdef __cplusplus
}
#endif
#endif
