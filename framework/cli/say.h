/* say.h - models by what they say, side by side: answers to prompts, how well each predicts a text, how far it is
 * from the first, how many tasks it does. */
#ifndef CLI_SAY_H
#define CLI_SAY_H

#include "cli/compare/comparison.h"
#include "cli/open.h"
#include "quality/tasks.h"

struct saying {
    const struct common *common;
    const struct string_list *prompts, *task_files;
    const char *text_file;
    int64_t answer; /* tokens */
    bool chat;      /* prompts and the questions of tasks are turns, in each model's own template */
    /* inside */
    struct buf text;
    struct task_list *tasks; /* [task_files->n] */
};

/* Whether anything is asked. */
bool say_anything(const struct saying *s);
/* Reads the files, so that what is wrong with them is said before anything takes long. say_release in any case. */
viv_status say_read(struct saying *s, struct error *err);
void say_release(struct saying *s);

/* Adds the rows of the sections "answers", "text" and "tasks"; `o` has the host, and lends it. One model is in
 * memory at a time, and the first besides, where others are compared with it. A model that cannot take part has its
 * reason in the cells; that none can is an error. Interrupted: what was done until then is there, and the status
 * VIV_ECANCELLED. */
viv_status say_models(struct comparison *c, struct opened *o, const struct saying *s, struct error *err);

#endif
