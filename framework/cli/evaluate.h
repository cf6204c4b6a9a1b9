/* evaluate.h - evaluates models for viv compare: generations for prompts, perplexity of a text, KL divergence from
 * the first model, accuracy in tasks. */
#ifndef CLI_EVALUATE_H
#define CLI_EVALUATE_H

#include "cli/compare/comparison.h"
#include "cli/open.h"
#include "quality/tasks.h"

struct evaluation {
    const struct common *common;
    const struct string_list *prompts, *task_files;
    const char *text_file;
    int64_t answer; /* most tokens of a generation */
    bool chat;      /* prompts and questions of tasks are turns, rendered with each model's chat template */
    /* internal */
    struct buf text;
    struct task_list *tasks; /* [task_files->n] */
};

/* Whether there is anything to evaluate. */
bool evaluation_is_wanted(const struct evaluation *s);
/* Reads the files, so that errors in them are reported before anything takes long. Call evaluation_release in any
 * case. */
viv_status evaluation_read(struct evaluation *s, struct error *err);
void evaluation_release(struct evaluation *s);

/* Adds the rows of the sections "answers", "text" and "tasks". Uses the engine of `o`. One model is in memory at a
 * time, and the first too if others are compared with it. If a model cannot be evaluated, its cells hold the
 * reason; it is an error if none can. When interrupted, returns VIV_ECANCELLED with the results until then. */
viv_status evaluate_models(struct comparison *c, struct opened *o, const struct evaluation *s, struct error *err);

#endif
