/* sight.c - see sight.h. Each tile goes through the encoder and the projector by itself, layer by layer; layers may
 * change the rows. */
#include "cli/compare/sight.h"

#include "base/size.h"
#include "engine/pictures.h"

/* The stacks that a tile goes through, in order; STACK_GRAPH of an encoder alone. */
static uint32_t stacks_of(const struct graph *g, enum stack_id out[2])
{
    const int vision = graph_stack_named(g, "vision"), project = graph_stack_named(g, "project");
    if (vision < 0) {
        out[0] = STACK_GRAPH;
        return g->stacks[STACK_GRAPH].input_dim > 0;
    }
    out[0] = (enum stack_id)vision;
    out[1] = (enum stack_id)project;
    return project < 0 ? 1 : 2;
}

/* Adds the operations of one tile. */
static viv_status add_tile(const struct graph *g, enum stack_id id, viv_grid *grid, struct sight *s,
                           struct error *err)
{
    const struct stack *stack = &g->expansion->stacks[id];
    viv_status status = VIV_OK;
    for (uint32_t i = stack->begin; status == VIV_OK && i < stack->end; i++) {
        struct graph_cost cost = {0};
        uint64_t n = 0;
        if (!graph_grid_rows(grid, &n))
            return error_set(err, VIV_ESHAPE, "layer '%s' gets no rows that can be counted",
                             g->nodes[i].spec->path);
        const struct graph_step step = {.n_rows = n, .n_output_rows = n, .context = n};
        if (graph_node_cost(g, i, &step, &cost) != VIV_OK)
            return error_take(err, VIV_EINTERNAL);
        s->flops += (double)cost.flops;
        s->tile_rows = size_max(s->tile_rows, n);
        status = graph_reshape(&g->nodes[i], grid, err);
    }
    return status;
}

static viv_status count(struct pictures *p, struct facts *f, struct error *err)
{
    enum { MANY = 64 };
    viv_grid grids[MANY];
    enum stack_id stacks[2];
    const uint32_t n_stacks = stacks_of(f->graph, stacks);
    struct sight s = {0};
    viv_status status = pictures_measure(p, SIGHT_HEIGHT, SIGHT_WIDTH, grids, MANY, &s.n_tiles, &s.n_tokens, err);
    if (status == VIV_OK && (s.n_tiles > MANY || n_stacks == 0))
        status = error_set(err, VIV_ELIMIT, "a picture of %d x %d is cut into %u tiles", SIGHT_WIDTH, SIGHT_HEIGHT,
                           s.n_tiles);
    for (uint32_t i = 0; status == VIV_OK && i < s.n_tiles; i++)
        for (uint32_t k = 0; status == VIV_OK && k < n_stacks; k++)
            status = add_tile(f->graph, stacks[k], &grids[i], &s, err);
    if (status == VIV_OK)
        f->sight = s;
    return status;
}

viv_status sight_of(struct engine *e, viv_model *m, struct facts *f, struct error *err)
{
    struct pictures p = {0};
    struct error lack;
    enum stack_id stacks[2];
    if (stacks_of(f->graph, stacks) == 0)
        return VIV_OK;
    viv_status status = pictures_open(e, m, &p, &lack);
    if (status == VIV_OK)
        status = count(&p, f, &lack);
    pictures_close(&p);
    return status == VIV_ENOMEM ? error_nomem(err) : VIV_OK;
}
