/* align.h - which layers of two graphs correspond: those of one class that give as many features, in the order of
 * both graphs, so that as many as possible are of one path ("layers.3.attention") and then as many as possible at
 * all (Needleman and Wunsch 1970). Graphs of one family correspond layer by layer. */
#ifndef GRAPH_ALIGN_H
#define GRAPH_ALIGN_H

#include "graph/graph.h"

/* Nodes of a and b; ALIGN_NONE: the other has none like it. */
struct align_pair {
    uint32_t a, b;
};
static const uint32_t ALIGN_NONE = UINT32_MAX;

/* *pairs, malloc'ed: every node of both once, in order. */
viv_status graph_align(const struct graph *a, const struct graph *b, struct align_pair **pairs, uint32_t *n,
                       struct error *err);

#endif
