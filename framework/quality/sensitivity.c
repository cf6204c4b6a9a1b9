/* sensitivity.c - see sensitivity.h. Types are chosen through the door that architectures have for it: a table
 * (vivarium/precision.h) whose function first looks at the weights, then gives one role one type. */
#include "quality/sensitivity.h"

#include "model/precision.h"
#include "quality/divergence.h"
#include "tensor/dtype.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_TYPES = 32 };

/* What `choose` does on this thread: the table has no place for it. */
static _Thread_local struct {
    struct sensitivity *found; /* where roles are counted; NULL: one role gets one type */
    uint32_t types[MOST_TYPES], n_types;
    const struct sensitivity_role *role;
    uint32_t dtype;
    bool possible;  /* blocks of the type divide rows of the role */
    bool smaller;   /* the role becomes smaller by it */
    bool only_asks; /* for these two: the types stay as they are */
    struct error err;
} task;

static viv_status look(const viv_weight_type *const *types, uint32_t n_types, viv_weight *const *weights,
                       uint32_t n)
{
    for (uint32_t t = 0; t < n_types && t < MOST_TYPES; t++)
        task.types[task.n_types++] = types[t]->dtype;
    return sensitivity_count(task.found, (const viv_weight *const *)weights, n, &task.err);
}

static const viv_weight_type *type_of(const viv_weight_type *const *types, uint32_t n_types, uint32_t dtype)
{
    for (uint32_t t = 0; t < n_types; t++)
        if (types[t]->dtype == dtype)
            return types[t];
    return NULL;
}

static viv_status choose(const viv_host *host, const viv_weight_type *const *types, uint32_t n_types,
                         viv_weight *const *weights, uint32_t n, uint64_t budget, uint64_t *bytes)
{
    (void)host, (void)budget;
    *bytes = 0;
    task.possible = true;
    task.smaller = false;
    if (task.found)
        return look(types, n_types, weights, n);
    const viv_weight_type *type = type_of(types, n_types, task.dtype);
    for (uint32_t i = 0; i < n; i++) {
        viv_weight *w = weights[i];
        if (strcmp(w->layer, task.role->layer) != 0 || strcmp(w->attr, task.role->attr) != 0)
            continue;
        if (!type || w->n_in % type->block != 0) {
            task.possible = false;
            continue;
        }
        task.smaller = task.smaller || w->n_in / type->block * type->block_bytes * w->n_rows < w->bytes;
        w->dtype = task.only_asks ? w->dtype : task.dtype;
    }
    return VIV_OK;
}

static const viv_precision table = {.struct_size = sizeof table, .choose = choose};
static const struct precision chooser = {&table, "viv calibrate"};

/* Runs `choose` over the weights of the model, which stays as it is. */
static viv_status ask(viv_model *m, struct error *err)
{
    struct precision_plan plan;
    viv_status status = precision_choose(m, &chooser, UINT64_MAX, &plan, err);
    precision_release(&plan);
    return status;
}

static viv_status measure_one(struct engine *e, const struct model_options *options, const char *name,
                              viv_model *reference, const struct quality_text *text,
                              const struct quality_options *pass, double *kl, struct error *err)
{
    struct model_options with = *options;
    struct quality_options quiet = *pass;
    struct divergence d;
    viv_model *m = NULL;
    with.weight_budget = UINT64_MAX;
    with.precision = chooser;
    with.progress = NULL;
    quiet.progress = NULL;
    viv_status status = engine_open_model(e, &with, name, &m, err);
    if (status == VIV_OK)
        status = engine_load_model(m, err);
    if (status == VIV_OK)
        status = divergence_measure(reference, m, text, &quiet, &d, err);
    model_close(m);
    if (status == VIV_OK && !isfinite(d.kl))
        status = error_set(err, VIV_EFORMAT, "%s: weights '%s' of layers '%s' as %s give no numbers", name,
                           task.role->attr, task.role->layer, dtype_get(task.dtype)->name);
    if (status == VIV_OK)
        *kl = fmax(d.kl, 0); /* rounding may leave it below */
    return status;
}

viv_status sensitivity_measure(struct engine *e, const struct model_options *options, const char *name,
                               viv_model *reference, const struct quality_text *text,
                               const struct quality_options *pass, struct sensitivity *out, struct error *err)
{
    struct sensitivity s = {0};
    memset(&task, 0, sizeof task);
    task.found = &s;
    viv_status status = ask(reference, err);
    task.found = NULL;
    if (status == VIV_OK && s.n == 0)
        status = error_set(err, VIV_EUNSUPPORTED, "%s has no weights of which the types can be chosen", name);
    const uint64_t total = s.n * task.n_types;
    for (uint64_t i = 0; status == VIV_OK && i < total; i++) {
        struct sensitivity_role *role = &s.roles[i / task.n_types];
        task.role = role;
        task.dtype = task.types[i % task.n_types];
        task.only_asks = true;
        if (pass->progress)
            pass->progress(pass->progress_ctx, "roles and types", i, total);
        status = ask(reference, err);
        task.only_asks = false;
        if (status == VIV_OK && task.possible && task.smaller)
            status = measure_one(e, options, name, reference, text, pass, &role->kl[task.dtype], err);
    }
    if (status == VIV_OK)
        *out = s;
    else
        sensitivity_release(&s);
    return status;
}
