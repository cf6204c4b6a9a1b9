/* report.c - the result of a probe, as sent by the child process and stored in the cache, line by line:
 *
 *   at PHASE              what runs (not cached)
 *   class KIND NAME
 *   uses STAMP PATH       a library that is loaded with it
 *   thread NAME           such a library, which starts a thread
 *   starts a thread       one of them does
 *   forget                the failure is not cached
 *   done, or failed STATUS SENTENCE */
#include "host/plugin.h"

#include <stdlib.h>
#include <string.h>

bool host_words_add(struct words *w, const char *word)
{
    if (!word || !VEC_RESERVE(w->items, w->n, w->capacity))
        return false;
    w->items[w->n++] = word;
    return true;
}

bool report_write(const struct plugin *p, viv_status status, const struct error *why, struct buf *out)
{
    for (size_t i = 0; status == VIV_OK && i < p->n_classes; i++)
        buf_printf(out, "class %d %s\n", p->classes[i].kind, p->classes[i].name);
    for (size_t i = 0; i < p->uses.n; i++)
        buf_printf(out, "uses %s\n", p->uses.items[i]);
    for (size_t i = 0; i < p->threads.n; i++)
        buf_printf(out, "thread %s\n", p->threads.items[i]);
    if (p->starts_thread)
        buf_puts(out, "starts a thread\n");
    if (p->forget)
        buf_puts(out, "forget\n");
    return status == VIV_OK ? buf_puts(out, "done\n") : buf_printf(out, "failed %d %s\n", status, why->text);
}

static viv_status no_sense(struct error *err)
{
    return error_set(err, VIV_EINTERNAL, "the probe's report is invalid");
}

static viv_status add_class(struct plugin *p, const char *line, struct arena *arena, struct error *err)
{
    char *rest;
    long kind = strtol(line, &rest, 10);
    if (kind < 0 || kind >= N_CLASS_KINDS || *rest != ' ' || !plugin_name_is_plain(rest + 1, 64) ||
        p->n_classes >= N_CLASS_KINDS * MAX_CLASSES)
        return no_sense(err);
    const char *name = arena_strdup(arena, rest + 1);
    if (!name || !VEC_RESERVE(p->classes, p->n_classes, p->capacity))
        return error_nomem(err);
    p->classes[p->n_classes++] = (struct plugin_class){.kind = (enum class_kind)kind, .name = name};
    return VIV_OK;
}

static viv_status add_word(struct words *w, const char *word, struct arena *arena, struct error *err)
{
    return host_words_add(w, arena_strdup(arena, word)) ? VIV_OK : error_nomem(err);
}

/* Parses "STATUS SENTENCE". Out of memory in the plugin is not out of memory here. */
static viv_status read_failure(const char *line, struct error *err)
{
    char *sentence;
    long code = strtol(line, &sentence, 10);
    if (code >= 0 || code < VIV_ELIMIT || code == VIV_ENOMEM || *sentence != ' ' || !sentence[1])
        return no_sense(err);
    return error_set(err, (viv_status)code, "%s", sentence + 1);
}

viv_status report_read(struct plugin *p, char *report, struct arena *arena, struct error *err)
{
    char *rest;
    p->n_classes = p->uses.n = p->threads.n = 0;
    p->starts_thread = p->forget = false;
    for (char *line = strtok_r(report, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        viv_status status = VIV_OK;
        if (strcmp(line, "done") == 0)
            return VIV_OK;
        if (strncmp(line, "failed ", 7) == 0)
            return read_failure(line + 7, err);
        if (strncmp(line, "class ", 6) == 0)
            status = add_class(p, line + 6, arena, err);
        else if (strncmp(line, "uses ", 5) == 0)
            status = add_word(&p->uses, line + 5, arena, err);
        else if (strncmp(line, "thread ", 7) == 0)
            status = add_word(&p->threads, line + 7, arena, err);
        else if (strcmp(line, "starts a thread") == 0)
            p->starts_thread = true;
        else if (strcmp(line, "forget") == 0)
            p->forget = true;
        else if (strncmp(line, "at ", 3) != 0)
            status = no_sense(err);
        if (status != VIV_OK)
            return status;
    }
    return error_set(err, VIV_EINTERNAL, "the probe's report ends early");
}
