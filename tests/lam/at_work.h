/* at_work.h - a workspace with a run of a model that acts, for tests of its journal. */
#include "workspace.h"

#include <unistd.h>

static struct journal j;
static const char *path;

static inline void begin(void)
{
    path = new_workspace();
    make_tree(path);
    ck_assert_int_eq(journal_open(&host, path, JOURNAL_MAKE, &j), VIV_OK);
    ck_assert_int_eq(journal_begin(&j, "a task"), VIV_OK);
}

static inline void end(void)
{
    journal_close(&j);
    remove_all(path);
}

static inline viv_status use(const char *tool, const char *a, const char *b)
{
    struct text result = {0};
    const struct tool_call c = {.host = &host, .root = &j.root, .journal = &j, .words = {a, b}, .limit = 4000};
    const viv_status status = tool_run(tool_find(tool), &c, &result);
    text_release(&result);
    return status;
}

static inline viv_status undo_last(bool force)
{
    char *aside = NULL;
    const viv_status status = journal_undo(&j, &j.actions[j.n_actions - 1], force, &aside);
    free(aside);
    return status;
}

static inline void put(const char *name, const char *bytes)
{
    unlinkat(j.root.fd, name, 0);
    make_file(j.root.fd, name, bytes, 0644);
}

static inline void has(const char *name, const char *bytes)
{
    struct text t = {0};
    ck_assert_msg(file_load(&j.root, name, 4096, &t) == VIV_OK, "%s: %s", name, sentence);
    ck_assert_str_eq(text_or_empty(&t), bytes);
    text_release(&t);
}

static inline void says(const char *words)
{
    ck_assert_msg(strstr(sentence, words) != NULL, "'%s' is not in '%s'", words, sentence);
}
