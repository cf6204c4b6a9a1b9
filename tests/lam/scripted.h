/* scripted.h - a run of a model that acts, with answers from a list in place of a model. */
#ifndef TESTS_LAM_SCRIPTED_H
#define TESTS_LAM_SCRIPTED_H

#include "workspace.h"

static const char *const *answers;
static struct text told;
static uint32_t cancel;
static int until_cancel;       /* answers that come before it is cancelled; -1: it is not */
static const char *cancels_at; /* words of an event at which it is cancelled, or NULL */
static int32_t says_yes;
static struct text asked_with; /* the last prompt of the user */
static size_t context;         /* bytes of a prompt of the user that the model has room for; 0: any */
static struct text told_model; /* the last system prompt */
static struct text held_to;    /* the last schema */
static char state[128];        /* where the user's own state is: beside the workspace */

static viv_status generate(const viv_generator *g, const char *use, const viv_generation *what, const char **text,
                           uint64_t *size, uint64_t *n_tokens)
{
    (void)g, (void)use;
    text_release(&asked_with);
    text_release(&told_model);
    text_release(&held_to);
    text_add(&told_model, what->messages[0]->parts[0]->data, what->messages[0]->parts[0]->size);
    text_add(&asked_with, what->messages[1]->parts[0]->data, what->messages[1]->parts[0]->size);
    text_add(&held_to, what->grammar->text, what->grammar->size);
    if (context && asked_with.size > context)
        return VIV_ELIMIT;
    if (until_cancel-- == 0) {
        cancel = 1;
        return VIV_ECANCELLED;
    }
    if (!*answers)
        return VIV_ENOTFOUND;
    *text = *answers++;
    *size = strlen(*text);
    *n_tokens = 10;
    return VIV_OK;
}

static viv_status tell(const viv_listener *l, const char *json, uint64_t size)
{
    (void)l;
    if (cancels_at && memmem(json, size, cancels_at, strlen(cancels_at)))
        cancel = 1;
    text_add(&told, json, size);
    text_add(&told, "\n", 1);
    return VIV_OK;
}

static viv_status ask(const viv_listener *l, const char *json, uint64_t size, int32_t *yes)
{
    *yes = says_yes;
    return tell(l, json, size);
}

static inline viv_status act(const char *path, const char *spec, const char *const *list, uint32_t flags)
{
    const viv_generator generator = {.struct_size = sizeof generator, .generate = generate};
    const viv_listener listener = {.struct_size = sizeof listener, .tell = tell, .ask = ask};
    const viv_act task = {.struct_size = sizeof task,
                          .flags = flags,
                          .spec = spec,
                          .spec_name = "a.yaml",
                          .task = "a task",
                          .workspace = path,
                          .cancel = &cancel};
    answers = list;
    cancel = 0;
    sentence[0] = '\0';
    text_release(&told);
    return lam_act(&host, &task, &generator, &listener);
}

static inline void tells(const char *words)
{
    ck_assert_msg(strstr(text_or_empty(&told), words) != NULL, "'%s' is not in\n%s", words, text_or_empty(&told));
}

static inline const char *begin(void)
{
    const char *path = new_workspace();
    snprintf(state, sizeof state, "%s.state", path);
    setenv("XDG_STATE_HOME", state, 1);
    make_tree(path);
    until_cancel = -1;
    cancels_at = NULL;
    says_yes = 0;
    context = 0;
    return path;
}

static inline void end(const char *path)
{
    text_release(&told);
    text_release(&asked_with);
    text_release(&told_model);
    text_release(&held_to);
    remove_all(path);
    remove_all(state);
}

#define ALL  "{\"stages\":{},\"policy\":{\"*\":\"allow\"}}"
#define DONE "{\"action\":\"done\",\"answer\":\"so\"}"

#endif
