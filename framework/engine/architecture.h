/* architecture.h - asking a model through its architecture. This is the one place that runs an architecture's code,
 * and it checks every event before anyone else sees it: who listens need not doubt what he is told. */
#ifndef ENGINE_ARCHITECTURE_H
#define ENGINE_ARCHITECTURE_H

#include "host/host.h"

#include <vivarium/architecture.h>

/* Opens an instance for the model, answers the request, closes it. Fails when an event breaks a promise, and when
 * `sink` refuses one. Texts of events are not NULL, those of progress are NUL-terminated; the last event is
 * VIV_EVENT_DONE unless it fails. */
viv_status architecture_run(const struct architecture *a, const viv_host *host, viv_model *model,
                            const viv_request *request, const viv_sink *sink, struct error *err);

#endif
