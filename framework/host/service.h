/* service.h - what the host offers to plugins and layers by string id. A file of this folder that defines
 *
 *   const struct service service_text = {.id = VIV_SERVICE_TEXT, .table = &text};
 *
 * at the top level is all it takes: build-aux/lists registers it. */
#ifndef HOST_SERVICE_H
#define HOST_SERVICE_H

#include "host/host.h"

/* What a function of a service returns: of a failure, the sentence is left for whoever called. */
static inline viv_status leave(const struct error *err, viv_status status)
{
    if (status != VIV_OK)
        error_leave(status, err->text);
    return status;
}

struct service {
    const char *id;
    const void *table;
    const void *(*choose)(const struct host *h); /* where the table depends on the host; `table` is then NULL */
};

#endif
