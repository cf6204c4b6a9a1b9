/* layer.h - what our own layers share beside vivarium/helpers.h: tasks by spans, and rows prepared for several
 * projections. */
#ifndef LAYERS_LAYER_H
#define LAYERS_LAYER_H

#include <vivarium/helpers.h>

/* The number of tasks if each span is divided into blocks of `size` rows, with per_block tasks for each block. */
uint64_t span_tasks(const viv_exec *e, uint64_t size, uint64_t per_block);
/* The span of a task; *task becomes its number within the span. */
const viv_span *span_of_task(const viv_exec *e, uint64_t size, uint64_t per_block, uint64_t *task);

/* Input rows shared by several projections: one prepared copy for each row format and order. */
enum { MAX_FORMATS = 4 };
struct prepared_rows {
    viv_projection projections[MAX_FORMATS]; /* the first of each format */
    uint64_t offsets[MAX_FORMATS];           /* bytes into a prepared row */
    uint64_t row_bytes;
    uint32_t n;
};
/* Adds the row format of p, unless it is there. *offset: where it is in a prepared row. */
void prepared_rows_add(struct prepared_rows *rows, const viv_projection *p, uint64_t *offset);
/* Prepares one row from f32. */
void prepared_rows_fill(const struct prepared_rows *rows, void *row, const float *x);

#endif
