/* moe - sparse models: a router sends each row to a few of many experts, so that a model knows as much as all of
 * them and costs as much as a few.
 *
 * What is its own are the layers `router` and `experts`. A sparse model talks as a dense one does: its pipeline is
 * that of the architecture llm. */
#include "moe.h"

#include <stdlib.h>
#include <string.h>

struct moe {
    const viv_architecture_class *llm;
    void *instance; /* of llm */
};

static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    const viv_architectures *architectures =
        viv_need_service(host, VIV_SERVICE_ARCHITECTURES, sizeof *architectures);
    if (!architectures)
        return VIV_EABI;
    struct moe *m = calloc(1, sizeof *m);
    if (!m)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    viv_status status = architectures->find(host, "llm", &m->llm);
    if (status == VIV_OK)
        status = m->llm->open(host, model, &m->instance);
    if (status == VIV_OK)
        *instance = m;
    else
        free(m);
    return status;
}

static viv_status run(void *instance, const viv_request *request, const viv_sink *sink)
{
    struct moe *m = instance;
    return m->llm->run(m->instance, request, sink);
}

static void close(void *instance)
{
    struct moe *m = instance;
    if (m)
        m->llm->close(m->instance);
    free(m);
}

const viv_architecture_class moe_architecture = {
    .struct_size = sizeof(viv_architecture_class),
    .name = "moe",
    .summary = "Sparse text models: a few of many experts work on each token.",
    .open = open,
    .run = run,
    .close = close,
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
