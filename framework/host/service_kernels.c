/* service_kernels.c - VIV_SERVICE_KERNELS: the kernels chosen for this machine. */
#include "host/service.h"

static const void *choose(const struct host *h)
{
    return host_layer_kernels(h);
}

const struct service service_kernels = {.id = VIV_SERVICE_KERNELS, .choose = choose};
