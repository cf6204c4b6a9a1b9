/* slm - small models on small machines: weights are given the types with which they fit into a budget of memory
 * (budget.c). A small model answers as a dense one does: its pipeline is that of the architecture llm. */
#include "slm.h"

#include <stdlib.h>
#include <string.h>

struct slm {
    const viv_architecture_class *llm;
    void *instance; /* of llm */
};

static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    const viv_architectures *architectures =
        viv_need_service(host, VIV_SERVICE_ARCHITECTURES, sizeof *architectures);
    if (!architectures)
        return VIV_EABI;
    struct slm *s = calloc(1, sizeof *s);
    if (!s)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    viv_status status = architectures->find(host, "llm", &s->llm);
    if (status == VIV_OK)
        status = s->llm->open(host, model, &s->instance);
    if (status == VIV_OK)
        *instance = s;
    else
        free(s);
    return status;
}

static viv_status run(void *instance, const viv_request *request, const viv_sink *sink)
{
    struct slm *s = instance;
    return s->llm->run(s->instance, request, sink);
}

static void close(void *instance)
{
    struct slm *s = instance;
    if (s)
        s->llm->close(s->instance);
    free(s);
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
    .run = run,
    .close = close,
    .get_ext = get_ext,
};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&slm, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures : NULL;
}

VIV_PLUGIN_BY("slm", "0.1.0", "Vivarium", .get_classes = get_classes)
