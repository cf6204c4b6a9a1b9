/* foreign.h - actions as the models of others call them. Each format has a reader, which makes of one of its
 * actions one or more of ours, and a writer. Coordinates are pixels of the screen.
 *
 *   computer-use   {"action": "left_click", "coordinate": [10, 20]}            Anthropic's tool `computer`
 *   ui-tars        Thought: ...
 *                  Action: click(start_box='(10,20)')                          UI-TARS 1.5 */
#ifndef LAM_FOREIGN_H
#define LAM_FOREIGN_H

#include "desktop.h"

struct foreign {
    const char *name;
    /* Our actions, as a JSON array; NULL, and why. */
    json_t *(*read)(const char *text, size_t size, const char **why);
    /* An action of a transcript, with the place that it is at, or NULL. false: the format has no word for it. */
    bool (*write)(const json_t *step, const struct box *at, struct text *out);
    const char *description; /* for the prompt */
    /* What holds answers to it: a regular expression of the whole; or, where its actions are JSON objects beside
     * other actions of ours, their schemas, appended to a list of choices, and whether an action is one of them. */
    const char *pattern;
    void (*schemas)(int width, int height, json_t *choices);
    bool (*is)(const json_t *action);
    json_t *(*read_object)(const json_t *action, const char **why); /* as read */
};
extern const struct foreign foreign_computer_use, foreign_ui_tars;
/* Of this name; NULL: none, as "own" is. */
const struct foreign *foreign_find(const char *name);
/* Whether a format says in its own words what a tool does. */
bool foreign_has(const struct tool *t);

viv_status lam_rewrite(const viv_host *host, const char *format, const char *name, const char *bytes, uint64_t size,
                       const viv_listener *listener);
#endif
