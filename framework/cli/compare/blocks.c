/* blocks.c - see blocks.h. */
#include "cli/compare/blocks.h"

#include "spec/expr.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A round of a repeat, and words by which rounds are found equal. */
struct round {
    struct block *blocks;
    char *exact, *rough; /* with and without numbers */
    uint32_t kind;       /* equal where rounds are drawn as one */
};

struct maker {
    const struct graph *g;
    struct arena *arena;
    double *amounts, *at_work;         /* [n_nodes] */
    const struct graph_node **lenders; /* [n_nodes] */
    uint32_t most_kinds;
    struct error *err;
};

/* --- amounts ------------------------------------------------------------------------------------------------- */

static viv_status node_flops(struct maker *m, uint32_t i, uint64_t context)
{
    const bool memory = graph_encoder_dim(m->g) > 0;
    const struct graph_step step = {.n_rows = 1,
                                    .n_output_rows = 1,
                                    .context = context,
                                    .n_encoder_rows = memory ? context : 0,
                                    .n_new_encoder_rows = memory ? 1 : 0};
    struct graph_cost c;
    viv_status status = graph_node_cost(m->g, i, &step, &c);
    if (status != VIV_OK)
        return error_take(m->err, status);
    m->amounts[i] = m->at_work[i] = (double)c.flops;
    return VIV_OK;
}

/* Elements of weights that no node before it has. */
static viv_status node_params(struct maker *m, uint32_t i, const struct binding *bindings,
                              const struct graph_node **counted)
{
    const struct graph_node *n = &m->g->nodes[i];
    const struct graph_step step = {.n_rows = 1, .n_output_rows = 1, .context = 1};
    double all = 0, own = 0;
    for (uint32_t w = 0; w < n->n_weights; w++) {
        const struct binding *b = bindings ? &bindings[n->weights[w].weight] : NULL;
        const uint32_t at = b ? b->weight : n->weights[w].weight;
        if (b && !b->tensor)
            continue;
        all += (double)n->weights[w].elems;
        if (counted[at]) {
            m->lenders[i] = counted[at];
            continue;
        }
        own += (double)n->weights[w].elems;
        counted[at] = n;
    }
    struct graph_cost c;
    viv_status status = graph_node_cost(m->g, i, &step, &c);
    if (status != VIV_OK)
        return error_take(m->err, status);
    m->amounts[i] = own;
    m->at_work[i] = all > 0 && facts_counts_active(m->g, i) ? own * fmin(1, (double)c.active_elems / all) : 0;
    m->lenders[i] = own > 0 ? NULL : m->lenders[i];
    return VIV_OK;
}

static viv_status count_params(struct maker *m, const struct facts *f, struct blocks *b)
{
    const struct graph_node **counted = calloc(m->g->expansion->n_weights + 1, sizeof *counted);
    viv_status status = counted ? VIV_OK : error_nomem(m->err);
    for (uint32_t i = 0; i < m->g->n_nodes && status == VIV_OK; i++)
        status = node_params(m, i, f->bindings, counted);
    free(counted);
    b->total = (double)f->params;
    b->total_at_work = (double)f->active;
    for (uint32_t part = 0; part < N_MODEL_PARTS; part++)
        b->parts[part] = (double)f->parts[part];
    return status;
}

static viv_status count_flops(struct maker *m, uint64_t context, struct blocks *b)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; i < m->g->n_nodes && status == VIV_OK; i++) {
        status = node_flops(m, i, context);
        b->total += m->amounts[i];
        b->parts[facts_part(m->g, i)] += m->amounts[i];
    }
    b->total_at_work = b->total;
    return status;
}

/* --- equal rounds -------------------------------------------------------------------------------------------- */

void blocks_node_attrs(const struct node *n, struct buf *out)
{
    bool first = true;
    for (uint32_t i = 0; i < n->n_attrs; i++) {
        const viv_attr *attr = layer_attr(n->class, n->attrs[i].name);
        if (!attr || attr->kind == VIV_ATTR_WEIGHT || attr->kind == VIV_ATTR_VALUE ||
            n->attrs[i].value.kind == VALUE_NONE)
            continue;
        buf_printf(out, "%s%s: ", first ? "" : ", ", n->attrs[i].name);
        expr_value_print(&n->attrs[i].value, out);
        first = false;
    }
}

static void describe(const struct block *b, bool exact, struct buf *out)
{
    for (; b; b = b->next) {
        buf_printf(out, "%d %s %u", b->kind, b->node ? b->node->class->name : "", b->depth);
        for (uint32_t i = 0; b->node && i < b->node->n_weights; i++) {
            buf_printf(out, " %s", b->node->weights[i].attr);
            if (exact)
                buf_printf(out, " %" PRIu64, b->node->weights[i].elems);
        }
        if (b->node && exact) {
            buf_printf(out, " %" PRIu64 " %" PRIu64 " ", b->in.least, b->out.least);
            blocks_node_attrs(b->node->spec, out);
        }
        if (b->kind == BLOCK_REPEAT)
            buf_printf(out, " %" PRIu64, b->rounds);
        buf_puts(out, " (");
        describe(b->inner, exact, out);
        buf_puts(out, ")\n");
    }
}

static char *description(const struct block *b, bool exact)
{
    struct buf text = {0};
    describe(b, exact, &text);
    if (text.failed || text.size == 0) {
        buf_release(&text);
        return NULL;
    }
    return text.data;
}

/* Numbers the rounds so that equal ones have one number; returns how many numbers there are. */
static uint32_t number_rounds(struct round *rounds, size_t n, bool exact)
{
    uint32_t n_kinds = 0;
    for (size_t i = 0; i < n; i++) {
        size_t j = 0;
        const char *mine = exact ? rounds[i].exact : rounds[i].rough;
        while (j < i && strcmp(exact ? rounds[j].exact : rounds[j].rough, mine) != 0)
            j++;
        rounds[i].kind = j < i ? rounds[j].kind : n_kinds++;
    }
    return n_kinds;
}

/* Adds what `from` has to `to`, which is built alike. */
static void fold(struct block *to, const struct block *from)
{
    for (; to && from; to = to->next, from = from->next) {
        to->amount += from->amount;
        to->at_work += from->at_work;
        to->times += from->times;
        to->lender = from->lender ? to->lender : NULL;
        to->in.least = from->in.least < to->in.least ? from->in.least : to->in.least;
        to->in.most = from->in.most > to->in.most ? from->in.most : to->in.most;
        to->out.least = from->out.least < to->out.least ? from->out.least : to->out.least;
        to->out.most = from->out.most > to->out.most ? from->out.most : to->out.most;
        to->output = from->output;
        fold(to->inner, from->inner);
    }
}

static struct block *new_block(struct maker *m, enum block_kind kind)
{
    struct block *b = arena_alloc(m->arena, sizeof *b);
    if (!b) {
        error_nomem(m->err);
        return NULL;
    }
    b->kind = kind;
    b->times = 1;
    return b;
}

/* The sums and the end of what is inside. */
static void close_block(struct block *b)
{
    for (const struct block *i = b->inner; i; i = i->next) {
        b->amount += i->amount;
        b->at_work += i->at_work;
        b->output = b->node ? b->output : i->output;
    }
}

/* How often the `period` rounds from here on come again, one after the other. */
static size_t times_over(const struct round *r, size_t n, size_t period)
{
    size_t at = period;
    while (at < n && r[at].kind == r[at - period].kind)
        at++;
    return at / period;
}

enum { LONGEST_PERIOD = 16 };

/* What covers most rounds wins; of those, the shortest. */
static viv_status gather(struct maker *m, struct round *rounds, size_t n, struct block **out)
{
    for (size_t at = 0; at < n;) {
        size_t period = 1, times = times_over(rounds + at, n - at, 1);
        for (size_t p = 2; p <= LONGEST_PERIOD && 2 * p <= n - at; p++) {
            size_t t = times_over(rounds + at, n - at, p);
            if (t > 1 && t * p > times * period) {
                period = p;
                times = t;
            }
        }
        for (size_t i = period; i < times * period; i++)
            fold(rounds[at + i % period].blocks, rounds[at + i].blocks);
        struct block *b = new_block(m, BLOCK_REPEAT);
        if (!b)
            return m->err->status;
        b->rounds = times;
        b->inner = rounds[at].blocks;
        if (period > 1) {
            viv_status status = gather(m, rounds + at, period, &b->inner);
            if (status != VIV_OK)
                return status;
        }
        close_block(b);
        *out = b;
        out = &b->next;
        at += times * period;
    }
    *out = NULL;
    return VIV_OK;
}

static viv_status gather_rounds(struct maker *m, struct round *rounds, size_t n, struct block **out)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; i < n && status == VIV_OK; i++) {
        rounds[i].exact = description(rounds[i].blocks, true);
        rounds[i].rough = description(rounds[i].blocks, false);
        if (!rounds[i].exact || !rounds[i].rough)
            status = error_nomem(m->err);
    }
    if (status == VIV_OK && number_rounds(rounds, n, true) > m->most_kinds)
        number_rounds(rounds, n, false);
    if (status == VIV_OK)
        status = gather(m, rounds, n, out);
    for (size_t i = 0; i < n; i++) {
        free(rounds[i].exact);
        free(rounds[i].rough);
    }
    return status;
}

/* --- from the list of nodes to blocks ------------------------------------------------------------------------ */

/* "layers.12.attention" -> 12 and the length of "layers.12."; false where a path does not begin so. */
static bool read_round(const char *path, uint64_t *i, size_t *length)
{
    static const char word[] = "layers.";
    if (strncmp(path, word, sizeof word - 1) != 0)
        return false;
    char *end;
    *i = strtoull(path + sizeof word - 1, &end, 10);
    *length = (size_t)(end - path) + 1;
    return end > path + sizeof word - 1 && *end == '.';
}

static viv_status parse(struct maker *m, uint32_t begin, uint32_t end, size_t prefix, struct block **out);

/* The rounds that follow each other from node `*at` on, which it moves behind them. */
static viv_status parse_rounds(struct maker *m, uint32_t *at, uint32_t end, size_t prefix, struct block **out)
{
    struct round *rounds = NULL;
    size_t n = 0, capacity = 0, length;
    uint64_t last = 0, i;
    viv_status status = VIV_OK;
    while (status == VIV_OK && *at < end) {
        const char *path = m->g->nodes[*at].spec->path + prefix;
        if (!read_round(path, &i, &length) || (n > 0 && i != last + 1))
            break;
        uint32_t until = *at;
        while (until < end && strncmp(m->g->nodes[until].spec->path + prefix, path, length) == 0)
            until++;
        struct round r = {0};
        status = parse(m, *at, until, prefix + length, &r.blocks);
        if (status == VIV_OK && !VEC_RESERVE(rounds, n, capacity))
            status = error_nomem(m->err);
        if (status == VIV_OK)
            rounds[n++] = r;
        last = i;
        *at = until;
    }
    if (status == VIV_OK)
        status = gather_rounds(m, rounds, n, out);
    free(rounds);
    return status;
}

static struct block *make_layer(struct maker *m, uint32_t i)
{
    const struct graph_node *n = &m->g->nodes[i];
    struct block *b = new_block(m, BLOCK_LAYER);
    if (!b)
        return NULL;
    b->node = n;
    b->part = facts_part(m->g, i);
    b->depth = n->spec->depth;
    b->output = n->spec->output;
    b->amount = m->amounts[i];
    b->at_work = m->at_work[i];
    b->lender = m->lenders[i];
    for (uint32_t in = 0; in < n->spec->n_inputs; in++)
        b->in.most = n->in_dims[in] > b->in.most ? n->in_dims[in] : b->in.most;
    b->in.least = b->in.most;
    b->out = (struct range){n->out_dim, n->out_dim};
    for (uint32_t s = 0; s < n->n_caches; s++)
        b->reads_encoder |= n->caches[s].kind == CACHE_OF_ENCODER_OUTPUT;
    return b;
}

/* Ends a branch behind each block whose output goes into the join. */
static viv_status split_branches(struct maker *m, struct block *join)
{
    const struct node *n = join->node->spec;
    struct block *first = join->inner, *begin = first, **tail = &join->inner;
    uint32_t found = 0;
    for (struct block *b = first; b;) {
        struct block *next = b->next;
        bool ends = !next;
        for (uint32_t i = 0; i < n->n_inputs; i++)
            ends |= n->inputs[i] == b->output;
        if (ends) {
            struct block *branch = new_block(m, BLOCK_BRANCH);
            if (!branch)
                return m->err->status;
            branch->inner = begin;
            b->next = NULL;
            close_block(branch);
            *tail = branch;
            tail = &branch->next;
            begin = next;
            found++;
        }
        b = next;
    }
    join->passes_by = found < n->n_inputs;
    if (found == 1)
        join->inner = first;
    return VIV_OK;
}

/* A node deeper in the spec than one behind it, in the same round, is in a branch that this one joins. */
static viv_status add_node(struct maker *m, uint32_t i, struct block **list, struct block ***tail)
{
    struct block *b = make_layer(m, i), **from = list;
    if (!b)
        return m->err->status;
    for (struct block **l = list; *l; l = &(*l)->next)
        if ((*l)->depth <= b->depth)
            from = &(*l)->next;
    b->inner = *from;
    *from = b;
    *tail = &b->next;
    if (!b->inner)
        return VIV_OK;
    b->kind = BLOCK_JOIN;
    viv_status status = split_branches(m, b);
    close_block(b);
    return status;
}

static viv_status parse(struct maker *m, uint32_t begin, uint32_t end, size_t prefix, struct block **out)
{
    struct block *list = NULL, **tail = &list;
    viv_status status = VIV_OK;
    for (uint32_t i = begin; i < end && status == VIV_OK;) {
        uint64_t round;
        size_t length;
        if (!read_round(m->g->nodes[i].spec->path + prefix, &round, &length)) {
            status = add_node(m, i++, &list, &tail);
            continue;
        }
        uint32_t shallowest = UINT32_MAX, from = i;
        status = parse_rounds(m, &i, end, prefix, tail);
        for (uint32_t n = from; n < i; n++)
            shallowest = m->g->nodes[n].spec->depth < shallowest ? m->g->nodes[n].spec->depth : shallowest;
        for (; status == VIV_OK && *tail; tail = &(*tail)->next)
            (*tail)->depth = shallowest - (shallowest > 0);
    }
    *out = list;
    return status;
}

/* --- the whole ----------------------------------------------------------------------------------------------- */

static viv_status make_stack(struct maker *m, enum stack_id id, struct block **out)
{
    const struct stack *s = &m->g->expansion->stacks[id];
    size_t prefix = 0;
    if (s->begin == s->end)
        return VIV_OK;
    const size_t n = strlen(s->name);
    const char *path = m->g->nodes[s->begin].spec->path;
    if (strncmp(path, s->name, n) == 0 && path[n] == '.')
        prefix = n + 1;
    return parse(m, s->begin, s->end, prefix, out);
}

viv_status blocks_make(const struct facts *f, enum measure measure, uint64_t context, uint32_t most_kinds,
                       struct blocks *out, struct error *err)
{
    const uint32_t n = f->graph->n_nodes;
    struct blocks b = {0};
    struct maker m = {
        .g = f->graph, .arena = &b.arena, .most_kinds = most_kinds ? most_kinds : UINT32_MAX, .err = err};
    m.amounts = arena_array(&b.arena, n, sizeof *m.amounts);
    m.at_work = arena_array(&b.arena, n, sizeof *m.at_work);
    m.lenders = arena_array(&b.arena, n, sizeof *m.lenders);
    viv_status status = m.amounts && m.at_work && m.lenders ? VIV_OK : error_nomem(err);
    if (status == VIV_OK)
        status = measure == MEASURE_FLOPS ? count_flops(&m, context, &b) : count_params(&m, f, &b);
    for (int id = 0; id < N_STACKS && status == VIV_OK; id++)
        status = make_stack(&m, (enum stack_id)id, &b.stacks[id]);
    for (int id = 0; id < N_STACKS; id++)
        b.names[id] = f->graph->expansion->stacks[id].name;
    if (status == VIV_OK)
        *out = b;
    else
        arena_release(&b.arena);
    return status;
}

void blocks_release(struct blocks *b)
{
    arena_release(&b->arena);
    *b = (struct blocks){0};
}
