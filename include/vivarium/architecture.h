/* architecture.h - the class of an architecture: the pipeline from a request to its events, over the services
 * of the host (text.h, sequence.h, sampler.h). The graph itself is the spec's; an architecture's code holds only
 * what no spec can say. */
#ifndef VIVARIUM_ARCHITECTURE_H
#define VIVARIUM_ARCHITECTURE_H

#include <vivarium/request.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct viv_architecture_class {
    uint32_t struct_size, flags;
    const char *name, *summary; /* "llm": what a spec's `architecture` says */

    /* An instance that answers requests with this model, which outlives it; NULL where there is nothing to keep.
     * [setup: the model is open] */
    viv_status (*open)(const viv_host *host, viv_model *model, void **instance);
    /* Answers one request, emitting events; the last is VIV_EVENT_DONE unless it fails. One request at a time
     * per model: others wait. The same instance answers all requests of a model, also after one that failed.
     * [setup: after open] */
    viv_status (*run)(void *instance, const viv_request *request, const viv_sink *sink);
    void (*close)(void *instance);          /* accepts NULL. [setup: after open, once, last; no run is going on] */
    const void *(*get_ext)(const char *id); /* or NULL. [any: always] */
} viv_architecture_class;

/* Other architectures, as a service: VIV_SERVICE_ARCHITECTURES. One that does what another does, and something
 * besides, opens and runs that one. */
#define VIV_SERVICE_ARCHITECTURES "viv.architectures/0"

typedef struct viv_architectures {
    uint32_t struct_size, flags;
    /* Loads the plugin that provides it. Lives as long as the host. [setup: after init, not in it] */
    viv_status (*find)(const viv_host *host, const char *name, const viv_architecture_class **found);
} viv_architectures;

#ifdef __cplusplus
}
#endif
#endif
