/* open.h - from the common options and a MODEL to something that answers: host, world, model. */
#ifndef CLI_OPEN_H
#define CLI_OPEN_H

#include "cli/cli.h"
#include "cli/out.h"
#include "engine/engine.h"
#include "model/model.h"
#include "spec/spec.h"

struct opened {
    struct engine *engine;
    const struct spec_world *world;                     /* after cli_open_world */
    viv_model *model;                                   /* after cli_open_model */
    void (*hook)(void *ctx, const struct hook_call *t); /* set before cli_open_model, to look on; or NULL */
    void *hook_ctx;
    const struct product_observer *observer; /* set before the host is opened, to look at the inputs of products */
    uint64_t max_rows;                       /* set before cli_open_model: rows of a step; 0: as many as is usual */
    uint64_t weight_budget;  /* the same: bytes for weights whose types are chosen; 0: as they are */
    const char *sensitivity; /* the same: a table by which these are chosen; or NULL */
    const char *chat_template,
        *chat_template_name; /* set before cli_open_model: --template, --template-name; or NULL */
    json_t *profile;         /* --expert-profile */
    json_t *acting;          /* specs of models that act, which were looked at: a list */
    struct progress progress;
};

/* The host: plugins found. `retry`: those that failed are probed once more. */
viv_status cli_open_host(struct opened *o, const struct common *common, bool retry, struct error *err);
/* And what specs are read against: layers, those of plugins too, and where specs lie. */
viv_status cli_open_world(struct opened *o, const struct common *common, struct error *err);
/* And the model, its graph built, its weights mapped but not read. */
viv_status cli_open_model(struct opened *o, const struct common *common, const char *name, struct error *err);
/* The same, to look at it: of a model that acts, the one that plans for it. What it is called lives as long as `o`
 * and the model. */
struct looked {
    const char *name, *architecture;
};
viv_status cli_look_at_model(struct opened *o, const struct common *common, const char *name, struct looked *out,
                             struct error *err);
/* What that opens a model with; borrows from both. */
struct model_options cli_model_options(struct opened *o, const struct common *common);
/* Refuses a model whose graph ends in something else than the logits of a next token. */
viv_status cli_want_logits(const struct opened *o, struct error *err);
/* Makes it run, with a bar on a terminal. */
viv_status cli_load_model(struct opened *o, struct error *err);

/* The exit status of a verb that ended with `status`, and its sentence. A file that has shrunk meanwhile makes a
 * failure of any success. Closes everything; a zeroed struct is fine. */
int cli_close_opened(struct opened *o, viv_status status, struct error *err);

#endif
