/* acting.h - models that act: an extension of architecture classes, returned by get_ext(VIV_ARCHITECTURE_ACTING).
 *
 * The plugin has the loop, the tools, the policy and the journal. The host has the models: a plugin asks its generator for
 * text, which keeps to a grammar. What happens is told as events, each a JSON object with a member "event"; a host shows
 * those that it knows and passes on the rest.
 *
 * Undoing, the log and replaying need no model.                                                              */
#ifndef VIVARIUM_ACTING_H
#define VIVARIUM_ACTING_H

#include <vivarium/architecture.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VIV_ARCHITECTURE_ACTING "viv.acting/0"

/* The host's: who hears of what happens, and answers questions. */
typedef struct viv_listener {
    uint32_t struct_size, flags;
    void *ctx;
    /* An event: a JSON object, UTF-8, without a line feed. A status other than VIV_OK ends what is going on.
     * [setup: in a function of viv_acting, on its thread] */
    viv_status (*tell)(const struct viv_listener *listener, const char *json, uint64_t size);
    /* The same of a question, such as {"event": "ask", ...}. *yes: 1, or 0 for no and for no answer.
     * [setup: in viv_acting.act, on its thread] */
    viv_status (*ask)(const struct viv_listener *listener, const char *json, uint64_t size, int32_t *yes);
} viv_listener;

/* What a plugin asks of a model. */
typedef struct viv_generation {
    uint32_t struct_size, n_messages;
    const viv_message *const *messages;
    const viv_grammar *grammar; /* what the text keeps to; or NULL */
    int64_t max_tokens;         /* -1: until the model ends */
    const uint32_t *cancel;     /* may become non-zero at any time; or NULL */
    /* In place of a grammar: the text is a call of one of these functions, a JSON list as viv_request.tools, in the model's
     * own dialect; it is given as VIV_PART_TOOL_CALL has it. NULL: none. variables: of the chat template, such as "tools",
     * which the model reads in place of these; or NULL. */
    const char *functions, *variables;
} viv_generation;

/* The host's: text from models. */
typedef struct viv_generator {
    uint32_t struct_size, flags;
    void *ctx;
    /* Text from the model that `use` names, as the spec does; NULL: that which the spec's own `use` names. The model is
     * loaded when it is asked first. *text lives until the next call; *n_tokens: read and written.
     * VIV_ECANCELLED: it was. VIV_EFORMAT: the answer is not whole. [setup: in viv_acting.act, on its thread] */
    viv_status (*generate)(const struct viv_generator *generator, const char *use, const viv_generation *what,
                           const char **text, uint64_t *size, uint64_t *n_tokens);
    /* Whether text can keep to a grammar; else the sentence says why not. [setup: in viv_acting.act, on its thread] */
    viv_status (*check)(const struct viv_generator *generator, const viv_grammar *grammar);
    /* The vector of a text, by the encoder that `use` names. *vector, [dim], lives until the next call.
     * [setup: in viv_acting.act and viv_acting.memory, on its thread] */
    viv_status (*embed)(const struct viv_generator *generator, const char *use, const char *text, uint64_t size,
                        const float **vector, uint64_t *dim);
} viv_generator;

enum {
    VIV_ACT_DRY_RUN = 1 /* nothing is touched: events say what would be done */
};

/* A task. */
typedef struct viv_act {
    uint32_t struct_size, flags;
    const char *spec;      /* the spec as a JSON object, NUL-terminated; the host has checked its keys */
    const char *spec_name; /* for messages */
    const char *task;
    const char *workspace; /* the folder to act in */
    const char *folder;    /* the task's own folder in it; NULL: all of it */
    const uint32_t *cancel; /* may become non-zero at any time; or NULL */
} viv_act;

enum {
    VIV_UNDO_FORCE = 1 /* put aside what has changed since, and go on */
};

/* What to undo. */
typedef struct viv_undo {
    uint32_t struct_size, flags;
    const char *workspace;
    uint64_t run;  /* all actions of this run; 0: see `last` */
    uint64_t last; /* this many actions, the last ones; 0, and run 0: the last run that has any */
} viv_undo;

/* What of the past is to go: it can no longer be undone. */
typedef struct viv_prune {
    uint32_t struct_size, flags;
    const char *workspace;
    int64_t bytes;   /* of the oldest actions, until at most these are left; -1: any may be */
    int64_t seconds; /* of actions that are as old; -1: however old */
} viv_prune;

/* Which memories: texts that models were told to keep for later runs. */
typedef struct viv_memory {
    uint32_t struct_size, flags;
    const char *workspace;
    const char *words; /* tell those that have any of these; NULL: all */
    uint64_t forget;   /* forget this one, and tell so; 0: none */
    const char *use;   /* tell also those that are near by this encoder; or NULL */
    const viv_generator *generator; /* that has it; or NULL */
} viv_memory;

typedef struct viv_acting {
    uint32_t struct_size, flags;
    /* Undoes actions, the last one first, and stops before one that it cannot undo. [setup: after init] */
    viv_status (*undo)(const viv_host *host, const viv_undo *what, const viv_listener *listener);
    /* Tells what was done in a workspace. [setup: after init] */
    viv_status (*log)(const viv_host *host, const char *workspace, const viv_listener *listener);
    /* Works on a task. VIV_OK: it is done; VIV_ECANCELLED; VIV_ELIMIT: a limit of the spec was reached.
     * [setup: after init] */
    viv_status (*act)(const viv_host *host, const viv_act *task, const viv_generator *generator,
                      const viv_listener *listener);
    /* Tells the events of a transcript again. name: for messages. [setup: after init] */
    viv_status (*replay)(const viv_host *host, const char *name, const char *bytes, uint64_t size,
                         const viv_listener *listener);
    /* Checks what a spec says of stages, tools, policy and limits; the arguments are as in viv_act. [setup: after init] */
    viv_status (*check)(const viv_host *host, const char *spec, const char *spec_name);
    /* Tells or forgets what models remember of a workspace. [setup: after init] */
    viv_status (*memory)(const viv_host *host, const viv_memory *what, const viv_listener *listener);
    /* Works on what the agent of another program asks for, by the Model Context Protocol, a message a line, on two file
     * descriptors. VIV_OK: the input has ended. [setup: after init] */
    viv_status (*serve)(const viv_host *host, const viv_act *task, int32_t input, int32_t output,
                        const viv_listener *listener);
    /* Measures what acting costs without a model, and tells it, in a new folder in the task's workspace, which is removed
     * again. Of the task, workspace and cancel count. [setup: after init] */
    viv_status (*bench)(const viv_host *host, const viv_act *task, uint32_t rounds, const viv_listener *listener);
    /* Forgets what is kept so that old actions can be undone, and tells of which. [setup: after init] */
    viv_status (*prune)(const viv_host *host, const viv_prune *what, const viv_listener *listener);
    /* Tells what a transcript did on a desktop as another model would say it, format: "computer-use" or "ui-tars": an event
     * {"event": "said", "text": TEXT} for each action, and {"event": "left_out", "actions": N} of those that it has no words
     * for. name: for messages. [setup: after init] */
    viv_status (*rewrite)(const viv_host *host, const char *format, const char *name, const char *bytes, uint64_t size,
                          const viv_listener *listener);
} viv_acting;

#ifdef __cplusplus
}
#endif
#endif
