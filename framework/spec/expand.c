/* expand.c - expands a spec and its checkpoint, if there is one, to a flat list of layers and weights: computes
 * params (params.c), checks `refuse`, unrolls all stacks (unroll.c) with the weights that they use (weights.c), and
 * fails if something is not used. A stack that uses another spec is expanded with that spec's params. */
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

/* Adds the params of a spec, with the prefix of its stack. */
static viv_status keep_params(const struct expander *x, const char *stack, struct expansion *e)
{
    const struct spec *s = x->spec;
    struct param_value *params = arena_array(x->arena, (size_t)e->n_params + s->n_params, sizeof *params);
    if (!params)
        return error_nomem(x->err);
    if (e->n_params)
        memcpy(params, e->params, e->n_params * sizeof *params);
    for (uint32_t i = 0; i < s->n_params; i++) {
        const char *name = stack ? arena_printf(x->arena, "%s.%s", stack, s->params[i].name) : s->params[i].name;
        if (!name)
            return error_nomem(x->err);
        params[e->n_params++] = (struct param_value){name, x->params[i].value, x->params[i].source};
    }
    e->params = params;
    return VIV_OK;
}

/* A glob of a stack that uses another spec: in the place of its tensors. */
static viv_status place_glob(const struct expander *x, const char **glob)
{
    const size_t n = strlen(x->place.drop);
    const char *rest = strncmp(*glob, x->place.drop, n) == 0 ? *glob + n : *glob;
    *glob = arena_printf(x->arena, "%s%s", x->place.add, rest);
    return *glob ? VIV_OK : error_nomem(x->err);
}

static viv_status keep_ignore(struct expander *x, struct expansion *e)
{
    const struct spec *s = x->spec;
    uint32_t n = 0;
    for (uint32_t d = 0; d < s->n_documents; d++)
        n += yaml_count(s->ignore[d]);
    const char **names = arena_array(x->arena, (size_t)n + e->n_ignore, sizeof *names);
    if (!names)
        return error_nomem(x->err);
    if (e->n_ignore)
        memcpy(names, e->ignore, e->n_ignore * sizeof *names);
    e->ignore = names;
    for (uint32_t d = 0; d < s->n_documents; d++)
        for (uint32_t i = 0; i < yaml_count(s->ignore[d]); i++) {
            const struct yaml *name = yaml_item(s->ignore[d], i);
            if (name->kind != YAML_SCALAR)
                return yaml_error(x->err, name->at, VIV_EINVAL, "expected a tensor name or a glob");
            const char **out = &names[e->n_ignore++];
            viv_status status = expander_fill_name(x, name, -1, out);
            if (status == VIV_OK && x->spec != e->spec)
                status = place_glob(x, out);
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

static viv_status run_stack(struct unroller *u, struct stack *s, const char *name, const struct yaml *input,
                            const struct yaml *list)
{
    struct value v = {.kind = VALUE_INT};
    viv_status status = input ? expander_eval(u->x, input, &v) : VIV_OK;
    if (status == VIV_OK && input && (v.kind != VALUE_INT || v.i < 1 || v.i > INT32_MAX))
        status = yaml_error(u->x->err, input->at, VIV_EINVAL,
                            "a row that enters a stack has 1 to 2^31 features, '%s' is %s", input->text,
                            v.kind == VALUE_INT ? "not" : expr_value_kind_name(v.kind));
    s->name = name;
    s->input_dim = (uint64_t)v.i;
    return status == VIV_OK ? unroller_run(u, list, s) : status;
}

/* The config.json of a part of the model, as that of a checkpoint whose tensors are those of the whole. */
static viv_status view_part(const struct expander *x, const struct yaml *under, struct checkpoint *part)
{
    json_t *config = under ? json_at(checkpoint_whole_config(x->checkpoint), under->text) : NULL;
    *part = *x->checkpoint;
    if (!under || expander_gguf(x))
        return VIV_OK;
    if (!json_is_object(config))
        return yaml_error(x->err, under->at, VIV_EFORMAT, "%s: config.json has no '%s'", x->checkpoint->path,
                          under->text);
    part->config = config;
    return VIV_OK;
}

/* Values that the stack gives to params of the spec that it uses. */
static viv_status set_params(struct expander *outer, const struct yaml *params, struct expander *x)
{
    for (uint32_t i = 0; params && i < params->n; i++) {
        struct param_state *p = &x->params[spec_param(x->spec, params->keys[i]) - x->spec->params];
        const viv_status status = expander_eval(outer, params->items[i], &p->value);
        if (status != VIV_OK)
            return status;
        p->source = "spec";
        p->state = PARAM_KNOWN;
    }
    return VIV_OK;
}

/* A stack that is the graph of another spec. */
static viv_status build_used(struct unroller *u, const struct stack_entry *entry, struct expansion *e,
                             struct stack *out)
{
    struct expander *outer = u->x, x;
    struct weight_list *weights = u->weights, own = {0};
    struct checkpoint part;
    const struct spec *s = entry->used;
    viv_status status = outer->checkpoint ? view_part(outer, yaml_get(entry->body, "under"), &part) : VIV_OK;
    if (status == VIV_OK)
        status = expander_init(&x, s, outer->checkpoint ? &part : NULL, outer->arena, outer->err);
    if (status == VIV_OK)
        status = set_params(outer, yaml_get(entry->body, "params"), &x);
    if (status == VIV_OK)
        status = place_of(&x, &x.place);
    if (status == VIV_OK)
        status = expander_params(&x);
    if (status == VIV_OK)
        status = check_refusals(&x);
    if (status != VIV_OK)
        return status;
    /* its weights continue the list, under keys of their own */
    own = (struct weight_list){.items = weights->items, .n = weights->n, .capacity = weights->capacity};
    u->x = &x;
    u->weights = &own;
    status = run_stack(u, out, entry->name, out->from < 0 ? s->input : NULL, s->graph);
    for (uint32_t i = 0; status == VIV_OK && i < s->n_weights; i++)
        status = spec_weight_add_unread(u->x, u->weights, &s->weights[i]);
    for (size_t i = weights->n; status == VIV_OK && i < own.n; i++) {
        own.items[i].key = arena_printf(outer->arena, "%s.%s", entry->name, own.items[i].key);
        status = own.items[i].key ? VIV_OK : error_nomem(outer->err);
    }
    weights->items = own.items;
    weights->n = own.n;
    weights->capacity = own.capacity;
    strmap_release(&own.known);
    u->x = outer;
    u->weights = weights;
    if (status == VIV_OK)
        status = keep_params(&x, entry->name, e);
    return status == VIV_OK ? keep_ignore(&x, e) : status;
}

static viv_status build_named(struct unroller *u, struct expansion *e)
{
    const struct spec *s = e->spec;
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < s->n_stacks; i++) {
        const struct stack_entry *entry = &s->stacks[i];
        const struct yaml *from = yaml_get(entry->body, "from");
        struct stack *stack = &e->stacks[i];
        stack->from = -1;
        for (uint32_t k = 0; from && k < i; k++)
            if (strcmp(s->stacks[k].name, from->text) == 0)
                stack->from = (int32_t)k;
        if (from && stack->from < 0)
            return yaml_error(u->x->err, from->at, VIV_EINVAL,
                              "the stack '%s' must stand before '%s', which it enters", from->text, entry->name);
        status = entry->used ? build_used(u, entry, e, stack)
                             : run_stack(u, stack, entry->name, yaml_get(entry->body, "input"),
                                         yaml_get(entry->body, "graph"));
    }
    return status;
}

static viv_status build_layers(struct unroller *u, struct expansion *e)
{
    const struct spec *s = e->spec;
    viv_status status = build_named(u, e);
    e->stacks[STACK_ENCODER].from = e->stacks[STACK_GRAPH].from = -1;
    if (status == VIV_OK && s->encoder)
        status = run_stack(u, &e->stacks[STACK_ENCODER], "encoder", NULL, s->encoder);
    if (status == VIV_OK)
        status = run_stack(u, &e->stacks[STACK_GRAPH], "graph", s->input, s->graph);
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
        status = keep_params(x, NULL, e);
    if (status == VIV_OK)
        status = keep_ignore(x, e);
    if (status == VIV_OK)
        status = build_layers(&u, e);
    unroller_release(&u);
    spec_weight_list_release(&weights);
    return status;
}

void expander_take_params(struct expander *x, const struct expansion *e)
{
    for (uint32_t i = 0; i < x->spec->n_params; i++) { /* those of stacks come behind them */
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
