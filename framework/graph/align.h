/* align.h - pairs the corresponding layers of two graphs (Needleman and Wunsch 1970). Both layers of a pair have
 * the same class and output width, and pairs are in the order of both graphs. As many as possible have the same
 * path
 * ("layers.3.attention"), then there are as many as possible. Graphs of one family correspond layer by layer. */
#ifndef GRAPH_ALIGN_H
#define GRAPH_ALIGN_H

#include "graph/graph.h"

/* Nodes of a and b; ALIGN_NONE: the other graph has no such node. */
struct align_pair {
    uint32_t a, b;
};
static const uint32_t ALIGN_NONE = UINT32_MAX;

/* *pairs (malloc'ed) has every node of both graphs once, in order. */
viv_status graph_align(const struct graph *a, const struct graph *b, struct align_pair **pairs, uint32_t *n,
                       struct error *err);

#endif
