/* fuzz_host.h - the least host that the parsers of this plugin need: errors go nowhere, digests are real. */
#ifndef TESTS_LAM_FUZZ_HOST_H
#define TESTS_LAM_FUZZ_HOST_H

#include "../fuzz.h"
#include "host/service.h"
#include "lam/lam.h"

#include <string.h>

static void set_error(const viv_host *host, viv_status status, const char *text)
{
    (void)host, (void)status, (void)text;
}
extern const struct service service_digest;
static const void *get_service(const viv_host *host, const char *id)
{
    (void)host;
    return strcmp(id, VIV_SERVICE_DIGEST) == 0 ? service_digest.table : NULL;
}
static const viv_host host = {.struct_size = sizeof(viv_host),
                              .name = "fuzz",
                              .version = "0",
                              .get_service = get_service,
                              .set_error = set_error};

#endif
