/* service_architectures.c - viv.architectures: finds architectures of other plugins, for those that build on them.
 */
#include "host/service.h"

static viv_status find(const viv_host *host, const char *name, const viv_architecture_class **found)
{
    struct error err;
    struct architecture architecture;
    viv_status status = name && found ? host_architecture(host->ctx, name, &architecture, &err)
                                      : error_set(&err, VIV_EABI, VIV_SERVICE_ARCHITECTURES ".find: NULL");
    if (status == VIV_OK)
        *found = architecture.class;
    return leave(&err, status);
}

static const viv_architectures architectures = {.struct_size = sizeof(viv_architectures), .find = find};

const struct service service_architectures = {.id = VIV_SERVICE_ARCHITECTURES, .table = &architectures};
