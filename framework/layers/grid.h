/* grid.h - where a place of a grid of rows is (viv_grid), for layers that read rows by their place. */
#ifndef LAYERS_GRID_H
#define LAYERS_GRID_H

#include "layers/layer.h"

static inline uint64_t grid_places(const viv_grid *g)
{
    return g->frames * g->height * g->width;
}

/* A place of a grid. */
struct place {
    uint64_t frame, y, x;
};

/* The row of a place, counted from the first of the span. */
static inline uint64_t grid_row(const viv_grid *g, struct place p)
{
    const uint64_t b = g->block;
    const uint64_t block = (p.frame * (g->height / b) + p.y / b) * (g->width / b) + p.x / b;
    return g->before + block * b * b + p.y % b * b + p.x % b;
}

/* The place of the n-th row of the grid, which is row before + n of the span. */
static inline struct place grid_place(const viv_grid *g, uint64_t n)
{
    const uint64_t b = g->block, block = n / (b * b), inside = n % (b * b), wide = g->width / b;
    const uint64_t line = block / wide;
    return (struct place){.frame = line / (g->height / b),
                          .y = line % (g->height / b) * b + inside / b,
                          .x = block % wide * b + inside % b};
}

/* The span of an output row; *row becomes its number within the span. */
static inline const viv_span *grid_span_of(const viv_exec *e, uint64_t *row)
{
    uint32_t s = 0;
    while (s + 1 < e->n_spans && *row >= e->spans[s]->first_out_row + e->spans[s]->n_out_rows)
        s++;
    *row -= e->spans[s]->first_out_row;
    return e->spans[s];
}

/* viv_layer_class.tasks: each output row is a task. */
static inline uint64_t grid_tasks(const void *layer, const viv_exec *e, uint32_t phase)
{
    (void)layer, (void)phase;
    return e->n_out_rows;
}

#endif
