/* structure.h - what a model is built of, in words that can be compared: each attribute that its layers have
 * (attention, positions, norm, feed-forward, routing ...), and how they stand to each other. */
#ifndef CLI_COMPARE_STRUCTURE_H
#define CLI_COMPARE_STRUCTURE_H

#include "base/arena.h"
#include "graph/graph.h"

#include <vivarium/description.h>

struct trait {
    char attribute[VIV_DESCRIPTION_ATTRIBUTE];
    char text[VIV_DESCRIPTION_TEXT + 64];
    uint32_t n_layers; /* nodes that say so */
};

struct structure {
    struct trait
        *traits; /* how blocks are built, then by attribute, in the order in which they come in the graph */
    size_t n, capacity;
};

viv_status structure_of(const struct graph *g, struct structure *out, struct error *err);
void structure_release(struct structure *s);
const struct trait *structure_find(const struct structure *s, const char *attribute,
                                   const char *text); /* or NULL */

#endif
