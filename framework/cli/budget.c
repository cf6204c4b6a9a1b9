/* budget.c - see budget.h. */
#include "cli/budget.h"

#include "cli/compare/memory.h"
#include "cli/compare/sight.h"
#include "model/precision.h"

#include <inttypes.h>
#include <string.h>

enum {
    LEAST_CONTEXT = 256,  /* tokens, where none are asked for */
    USUAL_CONTEXT = 4096, /* less is chosen only when nothing else helps */
    PAGE_OF_A_COPY = 4096 /* bytes: a weight that is made anew begins and ends within a page of its own */
};
static const double MARGIN = 1.02; /* predictions are within 2 %, nearly always */

struct plan {
    const char *cache_type; /* NULL: as the options have it */
    uint64_t max_rows, context;
    uint64_t bytes;         /* predicted */
    uint64_t weight_budget; /* 0: weights stay as they are */
    double weight_bits;     /* of each of those that do not, on average */
};

/* What is tried in turn: smaller steps cost time, smaller types cost quality. */
static const struct plan tried[] = {
    {.max_rows = 512},
    {.max_rows = 128},
    {.max_rows = 32},
    {.cache_type = "q8_0", .max_rows = 128},
    {.cache_type = "q8_0", .max_rows = 32},
    {.cache_type = "k=q8_0,v=q4_0", .max_rows = 32},
};
/* With these, the types of weights are chosen. */
enum { N_TRIED = sizeof tried / sizeof *tried, TRIED_WITH_WEIGHTS = 4 };

/* What the model would take by plan; *possible: whether its cache can be of that type. */
static viv_status query_of(const struct facts *f, const struct common *common, const struct plan *p,
                           struct facts *with, struct memory_query *q, bool *possible, struct error *err)
{
    struct error none;
    *with = *f;
    *q = (struct memory_query){
        .n_texts = 1, .type = -1, .expert_budget = common->expert_memory, .max_rows = p->max_rows};
    *possible = !p->cache_type || !common->cache_type;
    if (!p->cache_type || !*possible)
        return VIV_OK;
    viv_status status = cache_types_parse(p->cache_type, &with->cache_types, err);
    *possible = status == VIV_OK && graph_check_cache_types(f->graph, &with->cache_types, &none) == VIV_OK;
    return status;
}

/* The context that is as large as `limit` bytes allow, up to what is wanted. */
static viv_status try_plan(const struct facts *f, const struct common *common, uint64_t wanted, uint64_t limit,
                           struct plan *p, struct error *err)
{
    struct facts with;
    struct memory_query q;
    struct memory_use use;
    bool possible;
    viv_status status = query_of(f, common, p, &with, &q, &possible, err);
    p->context = 0;
    if (status != VIV_OK || !possible)
        return status;
    with.context = q.context = wanted;
    status = memory_most_context(&with, &q, limit, &p->context, err);
    q.context = p->context;
    if (status == VIV_OK && p->context)
        status = memory_predict(&with, &q, &use, err);
    p->bytes = status == VIV_OK && p->context ? use.total : 0;
    return status;
}

/* The smallest budget for so many tokens. */
static viv_status smallest(const struct facts *f, const struct common *common, uint64_t context, uint64_t *out,
                           struct error *err)
{
    *out = UINT64_MAX;
    for (int i = 0; i < N_TRIED; i++) {
        struct facts with;
        struct memory_query q;
        struct memory_use use;
        bool possible;
        viv_status status = query_of(f, common, &tried[i], &with, &q, &possible, err);
        q.context = context;
        if (status == VIV_OK && possible)
            status = memory_predict(&with, &q, &use, err);
        if (status != VIV_OK)
            return status;
        if (possible && use.total < *out)
            *out = use.total;
    }
    *out = (uint64_t)((double)*out * MARGIN);
    return VIV_OK;
}

/* The plan with which types of weights are chosen, and all bytes but those of weights that have a choice. */
static viv_status without_weights(struct opened *o, const struct facts *f, const struct common *common,
                                  const struct precision *precision, struct plan *p, uint64_t *others,
                                  struct error *err)
{
    struct facts with;
    struct memory_query q;
    struct memory_use use;
    struct precision_plan as_it_is = {0};
    bool possible;
    viv_status status = query_of(f, common, p, &with, &q, &possible, err);
    if (status == VIV_OK && !possible) {
        p->cache_type = NULL;
        status = query_of(f, common, p, &with, &q, &possible, err);
    }
    q.context = p->context;
    if (status == VIV_OK)
        status = memory_predict(&with, &q, &use, err);
    if (status != VIV_OK)
        return status;
    status = precision_choose(o->model, precision, UINT64_MAX, &as_it_is, err);
    const uint64_t weights = use.parts[MEMORY_WEIGHTS] + use.parts[MEMORY_EXPERTS]; /* as far as they are touched */
    *others = use.total - (weights < as_it_is.bytes_before ? weights : as_it_is.bytes_before) +
              (uint64_t)as_it_is.n * PAGE_OF_A_COPY;
    precision_release(&as_it_is);
    return status;
}

/* Other types for the weights, so that `context` tokens fit. *needed: the smallest budget for that. */
static viv_status try_weights(struct opened *o, const struct facts *f, const struct common *common,
                              uint64_t context, uint64_t limit, struct plan *out, uint64_t *needed,
                              struct error *err)
{
    struct plan p = tried[TRIED_WITH_WEIGHTS];
    struct precision_plan chosen;
    struct precision precision;
    uint64_t others;
    p.context = context;
    viv_status status = engine_precision(o->engine, o->model, &precision, err);
    if (status == VIV_OK)
        status = without_weights(o, f, common, &precision, &p, &others, err);
    if (status != VIV_OK)
        return status;
    p.weight_budget = limit > others ? limit - others : 1;
    status = precision_choose(o->model, &precision, p.weight_budget, &chosen, err);
    p.bytes = *needed = others + chosen.bytes;
    p.weight_bits = chosen.elements ? 8 * (double)chosen.bytes / (double)chosen.elements : 0;
    if (status == VIV_OK && p.bytes <= limit)
        *out = p;
    precision_release(&chosen);
    return status == VIV_ELIMIT ? VIV_OK : status;
}

static viv_status choose(struct opened *o, const struct facts *f, const struct common *common, uint64_t budget,
                         struct plan *out, struct error *err)
{
    const uint64_t given = (uint64_t)common->context, limit = (uint64_t)((double)budget / MARGIN);
    const uint64_t wanted = given ? given : f->context;
    const uint64_t enough = given ? given : wanted < USUAL_CONTEXT ? wanted : USUAL_CONTEXT;
    const uint64_t least = given ? given : wanted < LEAST_CONTEXT ? wanted : LEAST_CONTEXT;
    uint64_t needed;
    *out = (struct plan){0};
    for (int i = 0; i < N_TRIED; i++) {
        struct plan p = tried[i];
        const viv_status status = try_plan(f, common, wanted, limit, &p, err);
        if (status != VIV_OK)
            return status;
        if (p.context > out->context)
            *out = p;
        if (p.context >= enough)
            break;
    }
    if (out->context >= enough)
        return VIV_OK;
    viv_status status = try_weights(o, f, common, enough, limit, out, &needed, err);
    if (status == VIV_OK && out->context < least && enough > least)
        status = try_weights(o, f, common, least, limit, out, &needed, err);
    if (status != VIV_OK || out->context >= least)
        return status;
    uint64_t unchanged;
    status = smallest(f, common, least, &unchanged, err);
    needed = (uint64_t)((double)needed * MARGIN);
    needed = needed < unchanged ? needed : unchanged;
    return status == VIV_OK
               ? error_set(err, VIV_ENOMEM,
                           "--memory: %s are too little for this model: the smallest budget that fits is "
                           "%" PRIu64 " MiB, for a context of %" PRIu64 " tokens",
                           human_bytes(budget).text, (needed >> 20) + 1, least)
               : status;
}

/* Also where no weight has to change, a table that is wrong is refused. */
static viv_status check_sensitivity(struct opened *o, struct error *err)
{
    struct precision precision;
    struct precision_plan plan = {0};
    viv_status status = engine_precision(o->engine, o->model, &precision, err);
    if (status == VIV_OK)
        status = precision_choose(o->model, &precision, UINT64_MAX, &plan, err);
    precision_release(&plan);
    return status;
}

static void print_plan(const struct facts *f, const struct plan *p, uint64_t budget)
{
    struct cache_types types = f->cache_types;
    char text[CACHE_TYPES_TEXT];
    struct error none;
    if (p->cache_type)
        cache_types_parse(p->cache_type, &types, &none);
    char weights[64] = "";
    if (p->weight_budget)
        snprintf(weights, sizeof weights, "weights of %.2f bits on average, ", p->weight_bits);
    fprintf(stderr,
            "viv: within %s: %scontext of %" PRIu64 " tokens, KV cache of %s, steps of %" PRIu64
            " tokens; %s predicted\n",
            human_bytes(budget).text, weights, p->context, cache_types_text(&types, text), p->max_rows,
            human_bytes(p->bytes).text);
}

viv_status cli_open_within(struct opened *o, const struct common *common, uint64_t budget, const char *name,
                           struct error *err)
{
    struct facts f;
    struct plan plan;
    const uint64_t machine = memory_of_machine();
    if (budget && machine && budget > machine)
        return error_set(err, VIV_EINVAL, "--memory: %s are more than this machine has, which is %s",
                         human_bytes(budget).text, human_bytes(machine).text);
    if (budget && common->kernels && strcmp(common->kernels, "fastest") == 0)
        return error_set(err, VIV_EINVAL,
                         "--memory: what --kernels fastest needs is OpenBLAS's and not known: give one of them");
    if (budget && common->weight_type)
        return error_set(err, VIV_EINVAL, "--memory chooses the types of weights itself: without --weight-type");
    viv_status status = cli_open_model(o, common, name, err);
    if (status != VIV_OK || !budget)
        return status;
    status = facts_of(o->model, &f, err);
    if (status == VIV_OK)
        status = sight_of(o->engine, o->model, &f, err);
    if (status == VIV_OK && o->sensitivity)
        status = check_sensitivity(o, err);
    if (status == VIV_OK)
        status = choose(o, &f, common, budget, &plan, err);
    if (status != VIV_OK)
        return status;
    print_plan(&f, &plan, budget);
    model_close(o->model);
    o->model = NULL;
    struct common within = *common;
    within.context = (int64_t)plan.context;
    within.cache_type = plan.cache_type ? plan.cache_type : common->cache_type;
    o->max_rows = plan.max_rows;
    o->weight_budget = plan.weight_budget;
    return cli_open_model(o, &within, name, err);
}

viv_status cli_open_draft(struct opened *o, const char *draft, uint64_t budget, struct error *err)
{
    viv_status status = engine_open_draft(o->model, draft, err);
    if (status == VIV_OK && budget && model_draft(o->model))
        status = error_set(err, VIV_EINVAL,
                           "--memory does not count a draft model: give --draft ngram, or one of them alone");
    return status;
}
