/* viv inspect - what a model is made of: its graph, parameters, tensors, KV cache and cost. Weights are not needed.
 */
#include "adapters/adapters.h"
#include "cli/open.h"
#include "cli/shared.h"

#include "cli/compare/blocks.h"
#include "spec/expr.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct inspect_options {
    struct common common;
    bool json, tensors, params;
};
static const struct inspect_options defaults = {.json = false};

#define OPT(field) offsetof(struct inspect_options, field)
static const struct option table[] = {
    {"tensors", 0, OPTION_FLAG, OPT(tensors), .help = "list every tensor: its name in the file, shape, type, size"},
    {"params", 0, OPTION_FLAG, OPT(params), .help = "list the params and where their values come from"},
    JSON_OPTION(OPT(json), "one object with all of it"),
    {0}};

/* A model being looked at. */
struct view {
    struct opened *o;
    struct looked looked;
    struct facts facts;
    const struct expansion *e;
    const struct graph *g;
    const struct binding *bindings; /* NULL: there are no weights */
    struct graph_cost cost;         /* of one token of the graph */
    struct graph_cost read; /* of one token of the encoder, if there is one, with its part of the encoder cache */
    uint64_t context;
};

/* --- figures ------------------------------------------------------------------------------------------------- */

static viv_status count_costs(struct view *v, struct error *err)
{
    const struct graph_step read = {.n_rows = 1, .n_output_rows = 1, .context = 1},
                            write = {.n_rows = 1, .n_output_rows = 1, .context = 1, .n_encoder_rows = 1},
                            take = {.n_new_encoder_rows = 1};
    struct graph_cost taking = {0};
    viv_status status = graph_cost(v->g, STACK_GRAPH, &write, &v->cost, err);
    if (status == VIV_OK)
        status = graph_cost(v->g, STACK_ENCODER, &read, &v->read, err);
    if (status == VIV_OK && graph_encoder_dim(v->g))
        status = graph_cost(v->g, STACK_GRAPH, &take, &taking, err);
    v->read.flops += taking.flops;
    return status;
}

/* Bytes of a kind of cache, per row of what it grows with. Recurrent state counts twice: as it is, and as it was
 * before the last step. */
static uint64_t cache_bytes(const struct view *v, enum cache_kind kind)
{
    return graph_cache_bytes(v->g, &v->facts.cache_types, kind) * (kind == CACHE_RECURRENT ? 2 : 1);
}

/* --- the graph as a tree ------------------------------------------------------------------------------------- */

static uint64_t node_params(const struct graph_node *n)
{
    uint64_t elems = 0;
    for (uint32_t i = 0; i < n->n_weights; i++)
        elems += n->weights[i].elems;
    return elems;
}

static bool print_node(const struct graph_node *n, uint32_t indent)
{
    struct buf attrs = {0};
    uint64_t params = node_params(n);
    blocks_node_attrs(n->spec, &attrs);
    printf("%*s%s", (int)(2 * indent), "", n->class->name);
    if (n->in_dims[0])
        printf("  %" PRIu64 " -> %" PRIu64, n->in_dims[0], n->out_dim);
    else
        printf("  tokens -> %" PRIu64, n->out_dim);
    if (params)
        printf("  (%s)", human_count(params).text);
    if (attrs.size)
        printf("  {%s}", buf_text(&attrs));
    putchar('\n');
    buf_release(&attrs);
    return !attrs.failed;
}

/* What is inside a join or a repeat stands below it. */
static bool print_blocks(const struct block *b, uint32_t indent)
{
    bool printed = true;
    for (; b && printed; b = b->next) {
        if (b->kind == BLOCK_REPEAT)
            printf("%*s%" PRIu64 " x\n", (int)(2 * indent), "", b->rounds);
        else if (b->node)
            printed = print_node(b->node, indent);
        printed = printed && print_blocks(b->inner, indent + (b->kind != BLOCK_BRANCH));
    }
    return printed;
}

/* The name of a stack; of the graph of a model that sees, also where the others meet it. */
static void print_title(const struct view *v, size_t id, const char *name)
{
    const struct value *token = expansion_param(v->e, "image_token");
    const char *last = graph_stack_named(v->g, "project") >= 0 ? "project" : "vision";
    fputs(name, stdout);
    if (id == STACK_GRAPH && token && token->kind == VALUE_INT && graph_stack_named(v->g, last) >= 0)
        printf(", where rows of %s take the place of token %" PRId64, last, token->i);
    putchar('\n');
}

static viv_status print_stacks(const struct view *v, struct error *err)
{
    struct blocks blocks;
    viv_status status = blocks_make(&v->facts, MEASURE_PARAMS, 1, 0, &blocks, err);
    if (status != VIV_OK)
        return status;
    for (size_t i = 0; i < N_STACKS && status == VIV_OK; i++) {
        const struct block *stack = blocks.stacks[i];
        if (stack)
            print_title(v, i, blocks.names[i]);
        if (!print_blocks(stack, 1))
            status = error_nomem(err);
    }
    blocks_release(&blocks);
    return status;
}

/* --- for people ---------------------------------------------------------------------------------------------- */

static const char *dims_of(const struct weight *w, char out[128])
{
    int64_t shape[8];
    for (uint32_t i = 0; i < w->n_dims; i++)
        shape[i] = (int64_t)w->dims[i];
    return tensor_shape_text(shape, w->n_dims, out);
}

static viv_status print_tensors(const struct view *v, struct error *err)
{
    struct columns c = {.align = "lllr"};
    printf("\ntensors\n");
    for (uint32_t i = 0; i < v->e->n_weights; i++) {
        const struct weight *w = &v->e->weights[i];
        const viv_tensor *t = v->bindings ? v->bindings[i].tensor : NULL;
        char shape[128];
        columns_add(&c, "%s", t ? t->name : w->n_names ? w->names[0] : w->key);
        columns_add(&c, "%s", dims_of(w, shape));
        columns_add(&c, "%s", t ? dtype_get(t->dtype)->name : v->bindings ? "absent" : "");
        columns_add(&c, "%s", t ? human_bytes(v->bindings[i].bytes).text : "");
    }
    return columns_print(&c, 2, err);
}

static viv_status print_params(const struct view *v, struct error *err)
{
    struct columns c = {.align = "lll"};
    printf("\nparams\n");
    for (uint32_t i = 0; i < v->e->n_params; i++) {
        struct buf value = {0};
        expr_value_print(&v->e->params[i].value, &value);
        columns_add(&c, "%s", v->e->params[i].name);
        columns_add(&c, "%.60s", buf_text(&value));
        columns_add(&c, "%s", v->e->params[i].source ? v->e->params[i].source : "");
        buf_release(&value);
    }
    return columns_print(&c, 2, err);
}

static void print_adapters(const viv_model *m)
{
    for (uint32_t i = 0; i < model_n_adapters(m); i++) {
        struct adapter_summary a;
        model_adapter(m, i, &a);
        printf("  adapter     %s, scale %g:", a.path, a.scale);
        if (a.n_low_rank && a.rank_min == a.rank_max)
            printf(" %" PRIu32 " tensors changed by rank %" PRIu64, a.n_low_rank, a.rank_max);
        else if (a.n_low_rank)
            printf(" %" PRIu32 " tensors changed by rank %" PRIu64 " to %" PRIu64, a.n_low_rank, a.rank_min,
                   a.rank_max);
        if (a.n_replaced)
            printf("%s %" PRIu32 " replaced", a.n_low_rank ? "," : "", a.n_replaced);
        putchar('\n');
    }
}

static void print_unread(const struct expansion *e)
{
    for (uint32_t i = 0; i < e->n_unread; i++) {
        fputs(i ? ", " : "  unread      ", stdout);
        cli_print_safe(stdout, e->unread[i], strlen(e->unread[i]));
    }
    if (e->n_unread)
        printf(": options of the checkpoint that the family does not know\n");
}

static void print_unused(const viv_model *m)
{
    const char *parts;
    const uint32_t n = model_n_unused(m, &parts);
    if (!n)
        return;
    printf("  unused      ");
    cli_print_safe(stdout, parts, strlen(parts));
    printf(": %" PRIu32 " tensors of other parts of the model\n", n);
}

/* Cache and cost; with an encoder, those of tokens that it reads and of tokens that the model writes. */
static void print_figures(const struct view *v)
{
    const char *each = graph_encoder_dim(v->g) ? " written" : "";
    uint64_t encoder = cache_bytes(v, CACHE_OF_ENCODER_OUTPUT), graph = cache_bytes(v, CACHE_OF_GRAPH),
             recurrent = cache_bytes(v, CACHE_RECURRENT);
    printf("  KV cache    ");
    if (*each)
        printf("%s per token read, ", human_bytes(encoder).text);
    printf("%s per token%s, ", human_bytes(graph).text, each);
    if (recurrent)
        printf("recurrent state %s, ", human_bytes(recurrent).text);
    printf("%s at the context of %" PRIu64 "\n", human_bytes((encoder + graph) * v->context + recurrent).text,
           v->context);
    printf("  cost        ");
    if (*each)
        printf("%s operations per token read, ", human_count(v->read.flops).text);
    printf("%s operations per token%s (a multiply-add is 2)\n\n", human_count(v->cost.flops).text, each);
}

static viv_status print_view(const struct view *v, const struct inspect_options *options, struct error *err)
{
    const struct spec *s = model_spec(v->o->model);
    const struct checkpoint *c = model_checkpoint(v->o->model);
    struct error no_tokenizer;
    const struct tokenizer *t;
    printf("%s, family %s, architecture %s\n", v->looked.name, spec_family(s), v->looked.architecture);
    printf("  spec        %s\n", spec_path(s));
    if (c)
        printf("  checkpoint  %s, %s\n", spec_checkpoint(s),
               c->no_weights ? "without weights" : human_bytes(v->facts.weight_bytes).text);
    print_adapters(v->o->model);
    if (c)
        printf("  tokenizer   %s\n",
               model_tokenizer(v->o->model, &t, &no_tokenizer) == VIV_OK ? tokenizer_summary(t) : "none");
    print_unread(v->e);
    print_unused(v->o->model);
    const bool all = v->facts.active == v->facts.params;
    printf("  parameters  %" PRIu64 " (%s), %s of them active for a token%s%s\n", v->facts.params,
           human_count(v->facts.params).text, all ? "all" : human_count(v->facts.active).text,
           all ? "" : ", counted ", all ? "" : v->facts.active_rule);
    print_figures(v);
    viv_status status = print_stacks(v, err);
    if (status == VIV_OK && options->params)
        status = print_params(v, err);
    if (status == VIV_OK && options->tensors)
        status = print_tensors(v, err);
    return status;
}

/* --- for scripts --------------------------------------------------------------------------------------------- */

static json_t *value_json(const struct value *v)
{
    json_t *list;
    switch (v->kind) {
    case VALUE_INT:
        return json_integer(v->i);
    case VALUE_FLOAT:
        return json_real(v->f);
    case VALUE_BOOL:
        return json_boolean(v->i);
    case VALUE_STRING:
        return cli_json_word(v->s);
    case VALUE_LIST:
        list = json_array();
        for (uint32_t i = 0; list && i < v->n; i++)
            json_array_append_new(list, value_json(&v->list[i]));
        return list;
    default:
        return json_null();
    }
}

static json_t *layers_json(const struct view *v)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < v->g->n_nodes; i++) {
        const struct graph_node *n = &v->g->nodes[i];
        json_array_append_new(list, json_pack("{s:s, s:s, s:I, s:I, s:I}", "path", n->spec->path, "layer",
                                              n->class->name, "in", (json_int_t)n->in_dims[0], "out",
                                              (json_int_t)n->out_dim, "params", (json_int_t)node_params(n)));
    }
    return list;
}

static json_t *tensors_json(const struct view *v)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < v->e->n_weights; i++) {
        const struct weight *w = &v->e->weights[i];
        const viv_tensor *t = v->bindings ? v->bindings[i].tensor : NULL;
        json_t *shape = json_array();
        for (uint32_t d = 0; shape && d < w->n_dims; d++)
            json_array_append_new(shape, json_integer((json_int_t)w->dims[d]));
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:o, s:o, s:o}", "weight", w->key, "name",
                                        cli_json_word(t            ? t->name
                                                      : w->n_names ? w->names[0]
                                                                   : NULL),
                                        "shape", shape, "type", cli_json_word(t ? dtype_get(t->dtype)->name : NULL),
                                        "bytes", t ? json_integer((json_int_t)v->bindings[i].bytes) : json_null()));
    }
    return list;
}

static json_t *adapters_json(const viv_model *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < model_n_adapters(m); i++) {
        struct adapter_summary a;
        model_adapter(m, i, &a);
        json_array_append_new(list,
                              json_pack("{s:o, s:s, s:f, s:I, s:I, s:I, s:I}", "path", cli_json_word(a.path),
                                        "format", a.format, "scale", a.scale, "low_rank", (json_int_t)a.n_low_rank,
                                        "rank_min", (json_int_t)a.rank_min, "rank_max", (json_int_t)a.rank_max,
                                        "replaced", (json_int_t)a.n_replaced));
    }
    return list;
}

static json_t *unread_json(const struct expansion *e)
{
    json_t *list = json_array();
    for (uint32_t i = 0; list && i < e->n_unread; i++)
        json_array_append_new(list, cli_json_word(e->unread[i]));
    return list;
}

static viv_status print_as_json(const struct view *v, struct error *err)
{
    const struct spec *s = model_spec(v->o->model);
    char hash[65];
    viv_status status = expansion_hash(v->e, hash, err);
    if (status != VIV_OK)
        return status;
    json_t *params = json_object();
    for (uint32_t i = 0; params && i < v->e->n_params; i++)
        json_object_set_new(params, v->e->params[i].name, value_json(&v->e->params[i].value));
    return cli_print_json(
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, "
                  "s:o, s:o}",
                  "name", cli_json_word(v->looked.name), "family", cli_json_word(spec_family(s)), "architecture",
                  cli_json_word(v->looked.architecture), "spec", cli_json_word(spec_path(s)), "checkpoint",
                  cli_json_word(spec_checkpoint(s)), "hash", hash, "params_total", (json_int_t)v->facts.params,
                  "params_active", (json_int_t)v->facts.active, "weight_bytes", (json_int_t)v->facts.weight_bytes,
                  "flops_per_token", (json_int_t)v->cost.flops, "flops_per_token_read", (json_int_t)v->read.flops,
                  "cache_bytes_per_token", (json_int_t)cache_bytes(v, CACHE_OF_GRAPH),
                  "encoder_cache_bytes_per_row", (json_int_t)cache_bytes(v, CACHE_OF_ENCODER_OUTPUT),
                  "recurrent_bytes_per_sequence", (json_int_t)cache_bytes(v, CACHE_RECURRENT), "context",
                  (json_int_t)v->context, "output_dim", (json_int_t)v->g->stacks[STACK_GRAPH].output_dim, "params",
                  params, "layers", layers_json(v), "tensors", tensors_json(v), "adapters",
                  adapters_json(v->o->model), "unread_options", unread_json(v->e)),
        false, err);
}

static int inspect(const struct arguments *a)
{
    const struct inspect_options *options = a->options;
    struct opened o = {0};
    struct error err = {0};
    struct view v = {.o = &o};
    viv_status status = cli_look_at_model(&o, &options->common, a->words[0], &v.looked, &err);
    if (status == VIV_OK) {
        v.e = model_expansion(o.model);
        v.g = model_graph(o.model);
        v.context = model_context(o.model);
        status = count_costs(&v, &err);
    }
    if (status == VIV_OK && model_has_tensors(o.model))
        status = model_bindings(o.model, &v.bindings, &err);
    if (status == VIV_OK)
        status = facts_of(o.model, &v.facts, &err);
    if (status == VIV_OK)
        status = options->json ? print_as_json(&v, &err) : print_view(&v, options, &err);
    return cli_close_opened(&o, status, &err);
}

const struct command command_inspect = {
    .name = "inspect",
    .summary = "what a model is made of; weights not needed",
    .words = "MODEL",
    .text = "Prints the graph as a tree (rounds of a repeat that are equal stand once), parameters, size of the KV "
            "cache and cost of a token. A spec without weights is enough; with them, every tensor is found and its "
            "shape checked.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct inspect_options),
    .examples = "viv inspect llm\n"
                "viv inspect llama-3.2-1b --params   # no weights needed\n"
                "viv inspect ./my-checkpoint --tensors\n"
                "viv inspect ./my-checkpoint --lora ./my-adapter --tensors   # what it changes\n"
                "viv inspect llama-3.1-8b --json",
    .group = GROUP_LOOK,
    .models = true,
    .main = inspect,
};
