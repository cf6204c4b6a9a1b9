/* service_architectures.c - viv.architectures: what other plugins bring, for architectures that build on them. */
#include "host/service.h"

static viv_status find(const viv_host *host, const char *name, const viv_architecture_class **found)
{
    struct error err;
    return leave(&err, host_architecture(host->ctx, name, found, &err));
}

static const viv_architectures architectures = {.struct_size = sizeof(viv_architectures), .find = find};

const struct service service_architectures = {.id = VIV_SERVICE_ARCHITECTURES, .table = &architectures};
