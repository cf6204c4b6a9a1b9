/* acting.h - models that act, through their architecture's vivarium/acting.h. Their specs have stages in place of a
 * graph, and each stage names the model that it asks. */
#ifndef ENGINE_ACTING_H
#define ENGINE_ACTING_H

#include "base/json.h"
#include "engine/engine.h"

#include <vivarium/acting.h>

/* Who hears events, checked and parsed; borrowed for the call. */
struct acting_listener {
    void *ctx;
    viv_status (*tell)(void *ctx, const json_t *event, struct error *err);
    viv_status (*ask)(void *ctx, const json_t *event, bool *yes, struct error *err); /* of act alone */
};

/* The architecture of this name, "lam" or another plugin's. */
struct acting {
    struct engine *engine;
    struct architecture architecture;
    const viv_acting *table;
};
/* VIV_EUNSUPPORTED: it does not act. */
viv_status acting_open(struct engine *e, const char *architecture, struct acting *out, struct error *err);

viv_status acting_undo(const struct acting *a, const viv_undo *what, const struct acting_listener *listener,
                       struct error *err);
viv_status acting_prune(const struct acting *a, const viv_prune *what, const struct acting_listener *listener,
                        struct error *err);
viv_status acting_log(const struct acting *a, const char *workspace, const struct acting_listener *listener,
                      struct error *err);
/* `spec`: whose `memory` names an encoder, which finds what is near in meaning, too; or NULL. The encoder is filled
 * in here; options: what it is opened with. */
viv_status acting_memory(const struct acting *a, const char *spec, const struct model_options *options,
                         const viv_memory *what, const struct acting_listener *listener, struct error *err);

/* Works on a task. `spec`: a spec with stages, or any MODEL, which then plans by itself. The task's spec and name
 * are filled in here; options: what its models are opened with. */
viv_status acting_act(struct engine *e, const char *spec, const struct model_options *options, const viv_act *task,
                      const struct acting_listener *listener, struct error *err);
/* The same for the agent of another program, on two file descriptors. spec: NULL: no more than the defaults. */
viv_status acting_serve(struct engine *e, const char *spec, const viv_act *task, int input, int output,
                        const struct acting_listener *listener, struct error *err);
/* A transcript that viv act has written. */
viv_status acting_replay(const struct acting *a, const char *name, const char *bytes, uint64_t size,
                         const struct acting_listener *listener, struct error *err);

/* The actions of one as another model would say them. */
viv_status acting_rewrite(const struct acting *a, const char *format, const char *name, const char *bytes,
                          uint64_t size, const struct acting_listener *listener, struct error *err);
/* Measures what acting costs without a model, in a folder of its own in `workspace`. */
viv_status acting_bench(const struct acting *a, const char *workspace, uint32_t rounds, const uint32_t *cancel,
                        const struct acting_listener *listener, struct error *err);

/* Checks a spec with stages. *acts: it is one; otherwise nothing is checked. */
viv_status acting_check(struct engine *e, const char *spec, bool *acts, struct error *err);

#endif
