/* within.c - see within.h. */
#include "layers/within.h"

#include <inttypes.h>

viv_status within_infer(struct within *w, const viv_infer *b, bool causal)
{
    w->frames = (uint64_t)b->get_int(b, "within.frames");
    w->height = (uint64_t)b->get_int(b, "within.height");
    w->width = (uint64_t)b->get_int(b, "within.width");
    if (causal && (w->frames || w->height || w->width))
        return viv_fail(b->host, VIV_EINVAL,
                        "rows see each other within blocks, which is not causal: causal: false");
    return VIV_OK;
}

static bool divides(const struct within *w, const viv_grid *g)
{
    return (w->frames && w->frames < g->frames) || (w->height && w->height < g->height) ||
           (w->width && w->width < g->width);
}

viv_status within_check(const struct within *w, const viv_host *host, const viv_span *span)
{
    const viv_grid *g = span->grid;
    if (!divides(w, g))
        return VIV_OK;
    if (g->before || g->after)
        return viv_fail(host, VIV_EUNSUPPORTED, "%" PRIu64 " rows besides a grid are in none of its blocks",
                        g->before + g->after);
    if (w->height % g->block || w->width % g->block)
        return viv_fail(host, VIV_ESHAPE,
                        "blocks of %" PRIu64 " x %" PRIu64 " would cut those of %" PRIu64 " x %" PRIu64
                        " that the rows come in",
                        w->height, w->width, g->block, g->block);
    return VIV_OK;
}

/* A block along one side of a grid: where it begins, and how long it is. */
static uint64_t side(uint64_t block, uint64_t whole, uint64_t at, uint64_t *first)
{
    *first = block ? at / block * block : 0;
    return block ? viv_min(block, whole - *first) : whole;
}

/* Where a row of the grid is: the number of rows before its block, and before it in the block. */
static struct within_run find(const struct within *w, const viv_grid *g, uint64_t row)
{
    const struct place at = grid_place(g, row);
    struct place first;
    viv_grid block = {.block = g->block};
    block.frames = side(w->frames, g->frames, at.frame, &first.frame);
    block.height = side(w->height, g->height, at.y, &first.y);
    block.width = side(w->width, g->width, at.x, &first.x);
    const uint64_t begin =
        first.frame * g->height * g->width + block.frames * (first.y * g->width + block.height * first.x);
    const struct place inside = {at.frame - first.frame, at.y - first.y, at.x - first.x};
    return (struct within_run){1, begin + grid_row(&block, inside), begin, begin + grid_places(&block)};
}

struct within_run within_run(const struct within *w, const viv_span *span, uint64_t row, uint64_t end)
{
    if (!divides(w, span->grid))
        return (struct within_run){end - row, span->position + row, 0, span->position + span->n_rows};
    struct within_run run = find(w, span->grid, row);
    for (; row + run.n < end; run.n++) {
        const struct within_run next = find(w, span->grid, row + run.n);
        if (next.begin != run.begin || next.at != run.at + run.n)
            break;
    }
    return run;
}
