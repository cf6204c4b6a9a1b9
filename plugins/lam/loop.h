/* loop.h - a run of a model that acts, as its stages have it. */
#ifndef LAM_LOOP_H
#define LAM_LOOP_H

#include "browser/browser.h"
#include "desktop/foreign.h"
#include "mcp/mcp.h"

struct loop {
    const viv_host *host;
    const viv_act *task;
    const viv_generator *generator;
    struct events events;
    struct settings settings;
    struct root *root;
    struct root bare; /* of a dry run, which has no journal */
    struct journal journal;
    struct browser *browser; /* of a dry run, it stays closed */
    struct desktop *desktop; /* the same */
    struct mcp mcp;
    bool dry;
    struct scene scene;
    struct text context; /* what intent and decompose have said */
    struct text history; /* what was done, and what came of it */
    size_t room;         /* bytes of a prompt, at most: the model's context holds no more */
    const struct stopper *stopper;
    json_t *chosen;              /* what was seen, and the action: how often it was chosen */
    const struct foreign *words; /* of a model that has other words for actions; or NULL */
    json_t *queue;               /* actions that one of these has become */
    const char *misread;         /* why an answer could not be read */
    const char *unread;          /* of the last answer that was none: why */
    bool tainted;                /* text that others wrote was read */
    int64_t n_steps, n_tokens;
    int doubts;
    int64_t begin;
    const char *reason; /* why it ends; NULL: it goes on */
    json_t *answer;
};

static inline struct prompt prompt_of(const struct loop *l)
{
    return (struct prompt){l->task->task, &l->context,  &l->scene,  l->browser,
                           l->desktop,    &l->settings, &l->history};
}

/* ask.c: the answer of a stage's model, which keeps to the schema, about what there is to say of the task. */
viv_status ask_model(struct loop *l, enum stage_id id, const char *system, const char *ending, const json_t *schema,
                     json_t **out);

#endif
