/* lam - models that act: a loop in which a language model looks at a folder, plans, and uses tools, under a policy,
 * with a journal by which all of it can be undone. */
#include "desktop/foreign.h"

#include <string.h>

/* A model that acts is not asked for an answer: viv_acting is its door. */
static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    (void)model, (void)instance;
    return viv_fail(host, VIV_EUNSUPPORTED, "a model that acts answers no prompts: use `viv act`");
}

static viv_status run(void *instance, const viv_request *request, const viv_sink *sink)
{
    (void)instance, (void)request, (void)sink;
    return VIV_EUNSUPPORTED;
}

static void close_instance(void *instance)
{
    (void)instance;
}

static const viv_acting acting = {.struct_size = sizeof acting,
                                  .undo = lam_undo,
                                  .log = lam_log,
                                  .act = lam_act,
                                  .replay = lam_replay,
                                  .check = lam_check,
                                  .memory = lam_memory,
                                  .serve = lam_serve,
                                  .bench = lam_bench,
                                  .prune = lam_prune,
                                  .rewrite = lam_rewrite};

static const void *get_ext(const char *id)
{
    return strcmp(id, VIV_ARCHITECTURE_ACTING) == 0 ? &acting : NULL;
}

static const viv_architecture_class lam = {
    .struct_size = sizeof(viv_architecture_class),
    .name = "lam",
    .summary = "Models that act on files, under a policy, with a journal that undoes it.",
    .open = open,
    .run = run,
    .close = close_instance,
    .get_ext = get_ext,
};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&lam, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures : NULL;
}

VIV_PLUGIN_BY("lam", LAM_VERSION, "Vivarium", .get_classes = get_classes)
