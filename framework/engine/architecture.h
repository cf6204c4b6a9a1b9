/* architecture.h - asking a model through its architecture. This is the one place that runs an architecture's code,
 * and it checks every event before anyone else sees it: who listens need not doubt what he is told. */
#ifndef ENGINE_ARCHITECTURE_H
#define ENGINE_ARCHITECTURE_H

#include "host/host.h"

#include <vivarium/architecture.h>

/* The architecture of a model, and its instance from the first request on. */
struct architecture_instance {
    struct architecture architecture;
    bool is_open;
    void *instance;
};

/* Answers the request; opens the instance if it is not. Fails when an event breaks a promise, and when `sink`
 * refuses one. Texts of events are not NULL, those of progress are NUL-terminated; the last event is VIV_EVENT_DONE
 * unless it fails. */
viv_status architecture_run(struct architecture_instance *a, const viv_host *host, viv_model *model,
                            const viv_request *request, const viv_sink *sink, struct error *err);
/* Before the model ends; accepts one that is not open. */
void architecture_close(struct architecture_instance *a);

#endif
