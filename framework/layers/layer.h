/* layer.h - what our own layers share beside vivarium/helpers.h: tasks by spans, and rows prepared for several
 * projections. */
#ifndef LAYERS_LAYER_H
#define LAYERS_LAYER_H

#include <vivarium/helpers.h>

/* The number of tasks if each span is divided into blocks of `size` rows, with per_block tasks for each block. */
uint64_t span_tasks(const viv_exec *e, uint64_t size, uint64_t per_block);
/* The span of a task; *task becomes its number within the span. */
const viv_span *span_of_task(const viv_exec *e, uint64_t size, uint64_t per_block, uint64_t *task);

/* An attribute for the bounds of a projection, and the request for them. */
#define BOUNDS_ATTR(attr_name)                                                                                     \
    VIV_ATTR(VIV_ATTR_WEIGHT, 0, attr_name,                                                                        \
             .doc = "the lowest and highest input, the lowest and highest output: [4]")
viv_status want_bounds(viv_infer *b, const char *attr);

/* Input rows shared by several projections: one prepared copy for each row format, order and bounds of inputs. */
enum { MAX_FORMATS = 4 };
struct prepared_rows {
    viv_projection projections[MAX_FORMATS]; /* the first of each kind */
    uint64_t offsets[MAX_FORMATS];           /* bytes into a prepared row */
    uint64_t row_bytes;
    uint32_t n;
};
/* Adds the rows that p needs, unless they are there. *offset: where it is in a prepared row. */
void prepared_rows_add(struct prepared_rows *rows, const viv_projection *p, uint64_t *offset);
/* Prepares one row from f32. */
void prepared_rows_fill(const struct prepared_rows *rows, void *row, const float *x);

#endif
