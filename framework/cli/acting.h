/* acting.h - what verbs about models that act share: their options, and events for people and scripts. */
#ifndef CLI_ACTING_H
#define CLI_ACTING_H

#include "cli/open.h"
#include "engine/acting.h"

#define FOLDER_OPTION(at)                                                                                          \
    {                                                                                                              \
        "folder", 0, OPTION_STRING, at, "DIR",                                                                     \
            .help =                                                                                                \
                "the task's own folder in the workspace: once a file was read, what changes others is asked about" \
    }
#define YES_OPTION(at)                                                                                             \
    {                                                                                                              \
        "yes", 'y', OPTION_FLAG, at, .help = "answer all questions with yes"                                       \
    }
#define WORKSPACE_OPTION(at, more)                                                                                 \
    {                                                                                                              \
        "workspace", 'w', OPTION_STRING, at, "DIR", .help = "the folder that is acted in", .here = (more)          \
    }
#define ARCHITECTURE_OPTION(at)                                                                                    \
    {                                                                                                              \
        "architecture", 0, OPTION_STRING, at, "NAME", .help = "whose journal it is: lam, or another plugin's"      \
    }

/* The world, and the architecture of this name in it. */
viv_status acting_open_world(struct opened *o, const struct common *common, const char *architecture,
                             struct acting *out, struct error *err);

/* Prints events. */
struct acting_show {
    bool json; /* as they are, one per line */
    bool yes;  /* to all questions */
};
viv_status acting_show_event(void *show, const json_t *event, struct error *err);
/* Shows a question, and reads a line of standard input: "y" or "yes" is a yes; anything else, the end of the input,
 * an interruption and a silence (of five minutes, or as the question says) are a no. */
viv_status acting_ask(void *show, const json_t *event, bool *yes, struct error *err);

#endif
