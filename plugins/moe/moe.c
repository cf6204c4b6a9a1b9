/* moe - sparse models: a router sends each row to a few of many experts, so that a model knows as much as all of
 * them and costs as much as a few.
 *
 * What is its own are the layers `router` and `experts`. A sparse model talks as a dense one does: its pipeline is
 * that of the architecture llm. */
#include "moe.h"

#include <string.h>

static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    return viv_pipeline_open(host, model, "llm", instance);
}

const viv_architecture_class moe_architecture = {
    .struct_size = sizeof(viv_architecture_class),
    .name = "moe",
    .summary = "Sparse text models: a few of many experts work on each token.",
    .open = open,
    .run = viv_pipeline_run,
    .close = viv_pipeline_close,
};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&moe_architecture, NULL};
    static const void *const layers[] = {&moe_router, &moe_experts, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures
           : strcmp(id, VIV_CLASS_LAYER) == 0      ? layers
                                                   : NULL;
}

VIV_PLUGIN_BY("moe", "0.1.0", "Vivarium", .get_classes = get_classes)
