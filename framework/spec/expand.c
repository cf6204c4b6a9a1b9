/* expand.c - expands a spec and its checkpoint, if there is one, to a flat list of layers and weights: computes
 * params (params.c), checks `refuse`, unrolls `encoder` and `graph` (unroll.c) with the weights that they use
 * (weights.c), and fails if something is not used. */
#include "spec/expand.h"

#include <stdlib.h>
#include <string.h>

/* --- refuse -------------------------------------------------------------------------------------------------- */

static viv_status check_refusal(struct expander *x, const struct yaml *item)
{
    const struct yaml *when = yaml_get(item, "when"), *because = yaml_get(item, "because");
    struct buf noted = {0};
    bool refused = false;
    x->noted = &noted;
    viv_status status = expander_eval_bool(x, when, &refused);
    x->noted = NULL;
    if (status == VIV_OK && noted.failed)
        status = error_nomem(x->err);
    if (status == VIV_OK && refused)
        status =
            yaml_error(x->err, when->at, VIV_EUNSUPPORTED, "%s%s%s (%s)", x->checkpoint ? x->checkpoint->path : "",
                       x->checkpoint ? ": " : "", because->text, buf_text(&noted));
    buf_release(&noted);
    return status;
}

static viv_status check_refusals(struct expander *x)
{
    const struct spec *s = x->spec;
    viv_status status = VIV_OK;
    for (uint32_t d = 0; d < s->n_documents; d++)
        for (uint32_t i = 0; status == VIV_OK && s->refuse[d] && i < s->refuse[d]->n; i++)
            status = check_refusal(x, s->refuse[d]->items[i]);
    return status;
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

/* A layer whose output is never read is a mistake in the spec. */
static viv_status check_all_used(const struct unroller *u, const struct stack stacks[N_STACKS])
{
    bool *used = calloc(u->n_values, sizeof *used);
    viv_status status = used ? VIV_OK : error_nomem(u->x->err);
    for (uint32_t s = 0; used && s < N_STACKS; s++)
        used[stacks[s].output] = true;
    for (size_t i = u->n_nodes; status == VIV_OK && i-- > 0;) {
        const struct node *n = &u->nodes[i];
        if (!used[n->output])
            status = yaml_error(u->x->err, n->at, VIV_EINVAL, "nothing uses the result of %s", n->path);
        for (uint32_t k = 0; k < n->n_inputs; k++)
            used[n->inputs[k]] = true;
    }
    free(used);
    return status;
}

static viv_status keep_params(const struct expander *x, struct expansion *e)
{
    const struct spec *s = x->spec;
    e->params = arena_array(x->arena, s->n_params, sizeof *e->params);
    if (!e->params)
        return error_nomem(x->err);
    for (uint32_t i = 0; i < s->n_params; i++)
        e->params[i] = (struct param_value){s->params[i].name, x->params[i].value, x->params[i].source};
    e->n_params = s->n_params;
    return VIV_OK;
}

static viv_status keep_ignore(struct expander *x, struct expansion *e)
{
    const struct spec *s = x->spec;
    uint32_t n = 0;
    for (uint32_t d = 0; d < s->n_documents; d++)
        n += yaml_count(s->ignore[d]);
    const char **names = arena_array(x->arena, n, sizeof *names);
    if (!names)
        return error_nomem(x->err);
    e->ignore = names;
    for (uint32_t d = 0; d < s->n_documents; d++)
        for (uint32_t i = 0; i < yaml_count(s->ignore[d]); i++) {
            const struct yaml *name = yaml_item(s->ignore[d], i);
            if (name->kind != YAML_SCALAR)
                return yaml_error(x->err, name->at, VIV_EINVAL, "expected a tensor name or a glob");
            viv_status status = expander_fill_name(x, name, -1, &names[e->n_ignore++]);
            if (status != VIV_OK)
                return status;
        }
    return VIV_OK;
}

static viv_status keep_layers(const struct unroller *u, struct expansion *e)
{
    e->nodes = arena_array(&e->arena, u->n_nodes, sizeof *e->nodes);
    e->weights = arena_array(&e->arena, u->weights->n, sizeof *e->weights);
    if (!e->nodes || !e->weights)
        return error_nomem(u->x->err);
    if (u->n_nodes)
        memcpy(e->nodes, u->nodes, u->n_nodes * sizeof *e->nodes);
    if (u->weights->n)
        memcpy(e->weights, u->weights->items, u->weights->n * sizeof *e->weights);
    e->n_nodes = (uint32_t)u->n_nodes;
    e->n_weights = (uint32_t)u->weights->n;
    e->n_values = u->n_values;
    return VIV_OK;
}

static viv_status build_layers(struct unroller *u, struct expansion *e)
{
    const struct spec *s = e->spec;
    viv_status status = VIV_OK;
    if (s->encoder)
        status = unroller_run(u, STACK_ENCODER, s->encoder, &e->stacks[STACK_ENCODER]);
    if (status == VIV_OK)
        status = unroller_run(u, STACK_GRAPH, s->graph, &e->stacks[STACK_GRAPH]);
    for (uint32_t i = 0; status == VIV_OK && i < s->n_weights; i++)
        status = spec_weight_add_unread(u->x, u->weights, &s->weights[i]);
    if (status == VIV_OK)
        status = check_all_used(u, e->stacks);
    return status == VIV_OK ? keep_layers(u, e) : status;
}

static viv_status build(struct expander *x, struct expansion *e)
{
    struct weight_list weights = {0};
    struct unroller u = {.x = x, .weights = &weights, .n_values = 1};
    viv_status status = expander_params(x);
    if (status == VIV_OK)
        status = check_refusals(x);
    if (status == VIV_OK)
        status = expander_check_options(x, &e->unread, &e->n_unread);
    if (status == VIV_OK)
        status = build_layers(&u, e);
    if (status == VIV_OK)
        status = keep_params(x, e);
    if (status == VIV_OK)
        status = keep_ignore(x, e);
    unroller_release(&u);
    spec_weight_list_release(&weights);
    return status;
}

void expander_take_params(struct expander *x, const struct expansion *e)
{
    for (uint32_t i = 0; i < e->n_params; i++) {
        const struct param *p = &x->spec->params[i];
        if (!p->value && yaml_get(p->declaration, "gguf"))
            x->params[i] = (struct param_state){PARAM_KNOWN, e->params[i].value, e->params[i].source};
    }
}

/* `like`: an expansion to take params from, or NULL. */
static viv_status expand(const struct spec *s, const struct checkpoint *c, const struct expansion *like,
                         struct expansion **out, struct error *err)
{
    struct expansion *e = calloc(1, sizeof *e);
    struct expander x;
    if (!e)
        return error_nomem(err);
    e->spec = s;
    viv_status status = expander_init(&x, s, c, &e->arena, err);
    if (status == VIV_OK && like)
        expander_take_params(&x, like);
    if (status == VIV_OK)
        status = place_of(&x, &x.place);
    if (status == VIV_OK)
        status = build(&x, e);
    e->place = x.place;
    if (status != VIV_OK) {
        expansion_destroy(e);
        return status;
    }
    *out = e;
    return VIV_OK;
}

viv_status spec_expand(const struct spec *s, const struct checkpoint *c, struct expansion **out, struct error *err)
{
    return expand(s, c, NULL, out, err);
}

viv_status spec_expand_as_hf(const struct expansion *e, struct expansion **out, struct error *err)
{
    return expand(e->spec, NULL, e, out, err);
}

void expansion_destroy(struct expansion *e)
{
    if (!e)
        return;
    arena_release(&e->arena);
    free(e);
}

bool expansion_find_name(const struct expansion *e, const struct strmap *names, const char *name, uint32_t *at)
{
    return place_find_foreign(&e->place, names, name, at);
}

const char *const spec_stack_names[N_STACKS] = {[STACK_GRAPH] = "graph", [STACK_ENCODER] = "encoder"};

const struct value *node_attr(const struct node *n, const char *name)
{
    for (uint32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return n->attrs[i].value.kind == VALUE_NONE ? NULL : &n->attrs[i].value;
    return NULL;
}

const struct value *expansion_param(const struct expansion *e, const char *name)
{
    for (uint32_t i = 0; i < e->n_params; i++)
        if (strcmp(e->params[i].name, name) == 0)
            return &e->params[i].value;
    return NULL;
}
