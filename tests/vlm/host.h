/* host.h - a host that only keeps the last error, for the parts of the plugin that need nothing else of it. */
#ifndef TESTS_VLM_HOST_H
#define TESTS_VLM_HOST_H

#include <stdio.h>
#include <vivarium/abi.h>

static char last_error[1024];

static inline void keep_error(const viv_host *host, viv_status status, const char *sentence)
{
    (void)host, (void)status;
    snprintf(last_error, sizeof last_error, "%s", sentence);
}

static const viv_host test_host = {
    .struct_size = sizeof test_host, .name = "test", .version = "0", .set_error = keep_error};

#endif
