/* service.h - services of the host for plugins and layers, found by string id. A file of this folder only has to
 * define
 *
 *   const struct service service_text = {.id = VIV_SERVICE_TEXT, .table = &text};
 *
 * at the top level: build-aux/lists registers it. */
#ifndef HOST_SERVICE_H
#define HOST_SERVICE_H

#include "host/host.h"

/* Returns status from a function of a service; for a failure, leaves the error for the caller. */
static inline viv_status leave(const struct error *err, viv_status status)
{
    if (status != VIV_OK)
        error_leave(status, err->text);
    return status;
}

struct service {
    const char *id;
    const void *table;
    const void *(*choose)(const struct host *h); /* if the table depends on the host; `table` is then NULL */
};

#endif
