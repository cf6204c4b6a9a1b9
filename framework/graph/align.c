/* align.c - see align.h. Equal nodes at both ends are paired first, so that the table is only as large as the rest.
 */
#include "graph/align.h"

#include "base/size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A pair of the same path scores more than two other pairs of the same nodes could. */
enum { SAME_PATH = 3, SAME_KIND = 1 };
static const uint64_t MAX_CELLS = 1 << 26;

static bool of_encoder(const struct graph *g, uint32_t i)
{
    const struct stack *s = &g->expansion->stacks[STACK_ENCODER];
    return i >= s->begin && i < s->end;
}

/* The score of a pair; 0: the nodes do not correspond. */
static uint32_t worth(const struct graph *a, uint32_t i, const struct graph *b, uint32_t j)
{
    const struct graph_node *x = &a->nodes[i], *y = &b->nodes[j];
    if (x->out_dim != y->out_dim || strcmp(x->class->name, y->class->name) != 0 ||
        of_encoder(a, i) != of_encoder(b, j))
        return 0;
    return strcmp(x->spec->path, y->spec->path) == 0 ? SAME_PATH : SAME_KIND;
}

/* The nodes between the equal ones at both ends. best[i][j]: the best score of nodes from i and from j on. */
struct middle {
    const struct graph *a, *b;
    uint32_t first, n, m; /* both from `first` on */
    uint32_t *best;       /* [n + 1][m + 1] */
};

static uint32_t *cell(const struct middle *c, uint32_t i, uint32_t j)
{
    return &c->best[(uint64_t)i * (c->m + 1) + j];
}

static void fill(const struct middle *c)
{
    for (uint32_t i = c->n; i-- > 0;)
        for (uint32_t j = c->m; j-- > 0;) {
            uint32_t w = worth(c->a, c->first + i, c->b, c->first + j);
            uint32_t most = *cell(c, i + 1, j) > *cell(c, i, j + 1) ? *cell(c, i + 1, j) : *cell(c, i, j + 1);
            uint32_t together = *cell(c, i + 1, j + 1) + w;
            *cell(c, i, j) = w && together > most ? together : most;
        }
}

static uint32_t walk(const struct middle *c, struct align_pair *pairs)
{
    uint32_t n = 0;
    for (uint32_t i = 0, j = 0; i < c->n || j < c->m;) {
        uint32_t w = i < c->n && j < c->m ? worth(c->a, c->first + i, c->b, c->first + j) : 0;
        if (w && *cell(c, i + 1, j + 1) + w == *cell(c, i, j))
            pairs[n++] = (struct align_pair){c->first + i++, c->first + j++};
        else if (i < c->n && *cell(c, i + 1, j) == *cell(c, i, j))
            pairs[n++] = (struct align_pair){c->first + i++, ALIGN_NONE};
        else
            pairs[n++] = (struct align_pair){ALIGN_NONE, c->first + j++};
    }
    return n;
}

viv_status graph_align(const struct graph *a, const struct graph *b, struct align_pair **pairs, uint32_t *n,
                       struct error *err)
{
    const uint32_t least = a->n_nodes < b->n_nodes ? a->n_nodes : b->n_nodes;
    uint32_t head = 0, tail = 0;
    uint64_t cells;
    while (head < least && worth(a, head, b, head) == SAME_PATH)
        head++;
    while (tail < least - head && worth(a, a->n_nodes - 1 - tail, b, b->n_nodes - 1 - tail) == SAME_PATH)
        tail++;
    struct middle c = {.a = a, .b = b, .first = head, .n = a->n_nodes - head - tail, .m = b->n_nodes - head - tail};
    if (!size_mul((uint64_t)c.n + 1, (uint64_t)c.m + 1, &cells) || cells > MAX_CELLS)
        return error_set(err, VIV_ELIMIT, "%" PRIu32 " and %" PRIu32 " layers that differ are too many to align",
                         c.n, c.m);
    struct align_pair *out = calloc((size_t)a->n_nodes + b->n_nodes, sizeof *out);
    c.best = calloc(cells, sizeof *c.best);
    if (!out || !c.best) {
        free(out);
        free(c.best);
        return error_nomem(err);
    }
    for (*n = 0; *n < head; ++*n)
        out[*n] = (struct align_pair){*n, *n};
    fill(&c);
    *n += walk(&c, out + head);
    for (uint32_t i = tail; i > 0; i--)
        out[(*n)++] = (struct align_pair){a->n_nodes - i, b->n_nodes - i};
    free(c.best);
    *pairs = out;
    return VIV_OK;
}
