/* structure.c - see structure.h. */
#include "cli/compare/structure.h"

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void structure_release(struct structure *s)
{
    free(s->traits);
    *s = (struct structure){0};
}

const struct trait *structure_find(const struct structure *s, const char *attribute, const char *text)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->traits[i].attribute, attribute) == 0 && strcmp(s->traits[i].text, text) == 0)
            return &s->traits[i];
    return NULL;
}

static viv_status add_trait(struct structure *s, const char *attribute, const char *text, struct error *err)
{
    struct trait *t = (struct trait *)structure_find(s, attribute, text);
    if (!t) {
        if (!VEC_RESERVE(s->traits, s->n, s->capacity))
            return error_nomem(err);
        t = &s->traits[s->n++];
        *t = (struct trait){0};
        snprintf(t->attribute, sizeof t->attribute, "%s", attribute);
        snprintf(t->text, sizeof t->text, "%s", text);
    }
    t->n_layers++;
    return VIV_OK;
}

/* --- where things stand -------------------------------------------------------------------------------------- */

/* Adds two values: the stream that runs through the model, and what a branch makes of it. */
static bool is_sum(const struct graph_node *n)
{
    return n->spec->n_inputs == 2 && n->n_weights == 0 && n->in_dims[0] == n->in_dims[1] &&
           n->in_dims[0] == n->out_dim;
}

/* Who writes and who reads each value. */
struct links {
    const struct graph_node **writer; /* [n_values] NULL: none, it enters the stack */
    uint32_t *sums, *others;          /* [n_values] how many sums, and how many other layers, read it */
};

static void links_release(struct links *l)
{
    free(l->writer);
    free(l->sums);
    free(l->others);
}

static viv_status links_of(const struct graph *g, struct links *l, struct error *err)
{
    const size_t n = g->expansion->n_values + 1;
    *l = (struct links){calloc(n, sizeof(void *)), calloc(n, sizeof(uint32_t)), calloc(n, sizeof(uint32_t))};
    if (!l->writer || !l->sums || !l->others) {
        links_release(l);
        return error_nomem(err);
    }
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct node *n_i = g->nodes[i].spec;
        l->writer[n_i->output] = &g->nodes[i];
        for (uint32_t j = 0; j < n_i->n_inputs; j++)
            ++*(is_sum(&g->nodes[i]) ? &l->sums[n_i->inputs[j]] : &l->others[n_i->inputs[j]]);
    }
    return VIV_OK;
}

/* A norm stands before a branch (what it reads runs on beside it), behind one (a sum reads it), or behind the sum.
 */
static const char *norm_place(const struct links *l, const struct graph_node *n)
{
    const uint32_t in = n->spec->inputs[0], out = n->spec->output;
    if (l->sums[out] && !l->others[out])
        return "behind each branch";
    if (l->writer[in] && is_sum(l->writer[in]) && !l->sums[in])
        return "behind each sum";
    return l->sums[in] ? "before each branch" : "within branches";
}

/* The value of the stream that a node's input was made of. */
static uint32_t stream_of(const struct links *l, const struct graph_node *n)
{
    uint32_t value = n->spec->inputs[n->spec->n_inputs - 1];
    while (l->writer[value] && !is_sum(l->writer[value]) && !(l->writer[value]->class->flags & VIV_LAYER_TOKENS) &&
           !(l->sums[value] && l->others[value]))
        value = l->writer[value]->spec->inputs[0];
    return value;
}

/* Whether attention and what follows it work side by side on one value, or one after the other. */
static viv_status add_blocks(const struct graph *g, const struct links *l, struct structure *s, struct error *err)
{
    const struct graph_node *mixer = NULL;
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct graph_node *n = &g->nodes[i];
        if (n->spec->index < 0)
            continue;
        if (n->class->part == VIV_MODEL_PART_ATTENTION)
            mixer = n;
        bool follows = n->class->part == VIV_MODEL_PART_FEED_FORWARD ||
                       (n->class->part == VIV_MODEL_PART_EXPERTS && n->spec->n_inputs > 1);
        if (!follows || !mixer || mixer->spec->index != n->spec->index)
            continue;
        bool parallel = stream_of(l, mixer) == stream_of(l, n);
        viv_status status =
            add_trait(s, "blocks",
                      parallel ? "attention and feed-forward side by side" : "attention, then feed-forward", err);
        if (status != VIV_OK)
            return status;
        mixer = NULL;
    }
    return VIV_OK;
}

static viv_status add_node(const struct links *l, const struct graph_node *n, struct structure *s,
                           struct error *err)
{
    char attribute[VIV_DESCRIPTION_ATTRIBUTE], text[VIV_DESCRIPTION_TEXT], placed[VIV_DESCRIPTION_TEXT + 64];
    for (uint32_t i = 0; i < 16 && graph_describe(n, i, attribute, text); i++) {
        bool norm = strcmp(attribute, "norm") == 0;
        if (norm && n->spec->index < 0)
            continue;
        snprintf(placed, sizeof placed, "%s%s%s", text, norm ? ", " : "", norm ? norm_place(l, n) : "");
        viv_status status = add_trait(s, attribute, placed, err);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

viv_status structure_of(const struct graph *g, struct structure *out, struct error *err)
{
    struct structure s = {0};
    struct links l;
    viv_status status = links_of(g, &l, err);
    if (status != VIV_OK)
        return status;
    status = add_blocks(g, &l, &s, err);
    for (uint32_t i = 0; status == VIV_OK && i < g->n_nodes; i++)
        status = add_node(&l, &g->nodes[i], &s, err);
    links_release(&l);
    if (status != VIV_OK)
        structure_release(&s);
    else
        *out = s;
    return status;
}
