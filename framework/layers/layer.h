/* layer.h - helpers of our own layers: errors, and projections. A projection is a weight matrix with an optional
 * bias and the kernel that multiplies it. */
#ifndef LAYERS_LAYER_H
#define LAYERS_LAYER_H

#include <stdbool.h>
#include <vivarium/layer.h>

viv_status layer_fail(const viv_host *host, viv_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* y = x W^T + bias: x [n_rows, n_in], W [n_out, n_in], bias [n_out] or NULL, y [n_rows, n_out] */
struct projection {
    const viv_tensor *weight;
    const viv_product *product;
    const float *bias;
    const uint32_t *order; /* element k of a row of the weight is for input order[k]; NULL: for input k */
    uint64_t n_out, n_in;
};

/* Finds weight and bias (NULL: none) by their attributes, and the product for the weight's type. Inputs are
 * prepared by prepared_rows or projection_prepare_row, which know of the order. */
viv_status projection_prepare(struct projection *p, const viv_prepare *prepare, const char *weight,
                              const char *bias);

/* Outputs of a task, computed for all rows. */
uint64_t projection_tile(const struct projection *p);
uint64_t projection_tasks(const struct projection *p);
/* Computes the outputs of a task: row r's output n goes to y[r * y_stride + n - first], where `first` is the task's
 * first output. Returns how many. x: prepared rows. */
uint64_t projection_run(const struct projection *p, uint64_t task, const void *x, uint64_t x_stride,
                        uint64_t n_rows, float *y, uint64_t y_stride, void *scratch);
uint64_t projection_scratch(const struct projection *p); /* bytes of scratch that it needs */

/* The number of tasks if each span is divided into blocks of `size` rows, with per_block tasks for each block. */
uint64_t span_tasks(const viv_exec *e, uint64_t size, uint64_t per_block);
/* The span of a task; *task becomes its number within the span. */
const viv_span *span_of_task(const viv_exec *e, uint64_t size, uint64_t per_block, uint64_t *task);

/* Prepares an input row of p; `spare` has room for n_in floats. */
void projection_prepare_row(const struct projection *p, void *row, const float *x, float *spare);

/* Input rows shared by several projections: one prepared copy for each row format and order. */
enum { MAX_FORMATS = 4 };
struct prepared_rows {
    struct projection projections[MAX_FORMATS]; /* the first of each format */
    uint64_t offsets[MAX_FORMATS];              /* bytes into a prepared row */
    uint64_t row_bytes, n_in, spare;            /* where a prepared row has room for n_in floats, if has_order */
    uint32_t n;
    bool has_order;
};
/* Adds the row format of p, unless it is there. *offset: where it is in a prepared row. */
void prepared_rows_add(struct prepared_rows *rows, const struct projection *p, uint64_t *offset);
/* Prepares one row from f32. */
void prepared_rows_fill(const struct prepared_rows *rows, void *row, const float *x);

#endif
