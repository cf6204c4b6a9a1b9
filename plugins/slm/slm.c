/* slm - small models on small machines: weights are given the types with which they fit into a budget of memory
 * (budget.c). A small model answers as a dense one does: its pipeline is that of the architecture llm. */
#include "slm.h"

#include <string.h>

static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    return viv_pipeline_open(host, model, "llm", instance);
}

static const void *get_ext(const char *id)
{
    return strcmp(id, VIV_ARCHITECTURE_PRECISION) == 0 ? &slm_precision : NULL;
}

static const viv_architecture_class slm = {
    .struct_size = sizeof(viv_architecture_class),
    .name = "slm",
    .summary = "Small text models: a type for each weight, so that all fit into a budget of memory.",
    .open = open,
    .run = viv_pipeline_run,
    .close = viv_pipeline_close,
    .get_ext = get_ext,
};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&slm, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures : NULL;
}

VIV_PLUGIN_BY("slm", "0.1.0", "Vivarium", .get_classes = get_classes)
