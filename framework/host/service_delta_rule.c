/* service_delta_rule.c - VIV_SERVICE_DELTA_RULE: the recurrence of delta nets, as it was chosen for this machine.
 */
#include "host/service.h"
#include "kernels/kernels.h"

static const void *choose(const struct host *h)
{
    return kernels_delta_rules(host_kernels(h));
}

const struct service service_delta_rule = {.id = VIV_SERVICE_DELTA_RULE, .choose = choose};
