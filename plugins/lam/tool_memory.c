/* tool_memory.c - remember keeps a text for later runs; recall finds those that have some words. What is remembered
 * is always asked about, for it steers every later run, and undo does not take it back: viv memory forget does. */
#include "memory.h"

#include <inttypes.h>

enum { MOST_RECALLED = 20 };

struct encoder encoder_of(const struct settings *s, const viv_generator *g)
{
    const bool can = s && g && VIV_HAS(g, viv_generator, embed) && g->embed;
    return (struct encoder){can ? g : NULL, can ? s->encoder : NULL};
}

static viv_status show(const struct tool_call *c, struct text *out)
{
    text_printf(out, "+ %s\n", c->words[0]);
    return VIV_OK;
}

static viv_status remember(const struct tool_call *c, struct text *result)
{
    const struct encoder e = encoder_of(c->settings, c->generator);
    struct memory *m;
    int64_t id = 0;
    viv_status status = memory_open(c->root, true, &m);
    if (status == VIV_OK)
        status = memory_add(m, &e, (int64_t)c->journal->n_runs, c->words[0], &id);
    if (status == VIV_OK)
        text_printf(result, "it is remembered\n");
    memory_close(m);
    return status;
}

static viv_status add_line(void *ctx, const struct recollection *r)
{
    text_printf(ctx, "- %s\n", r->text);
    return VIV_OK;
}

static viv_status recall(const struct tool_call *c, struct text *result)
{
    const struct encoder e = encoder_of(c->settings, c->generator);
    struct memory *m;
    viv_status status = memory_open(c->root, false, &m);
    if (status == VIV_OK && m)
        status = memory_search(m, &e, c->words[0], MOST_RECALLED, add_line, result);
    if (status == VIV_OK && !result->size)
        text_printf(result, "nothing is remembered of that\n");
    memory_close(m);
    return status;
}

const struct tool tool_remember = {.name = "remember",
                                   .summary = "a text is kept for later tasks in this folder",
                                   .arguments = {{.name = "text", .kind = ARGUMENT_TEXT}},
                                   .changes = true,
                                   .final = true,
                                   .asked_for = true,
                                   .effect = show,
                                   .run = remember};
const struct tool tool_recall = {.name = "recall",
                                 .summary = "what is remembered that has some of these words",
                                 .arguments = {{.name = "words", .kind = ARGUMENT_TEXT}},
                                 .asked_for = true,
                                 .untrusted = true,
                                 .run = recall};

/* --- viv.acting's memory ------------------------------------------------------------------------------------ */

static viv_status tell(void *ctx, const struct recollection *r)
{
    return events_tell(ctx, json_pack("{s:s, s:I, s:s, s:I, s:I}", "event", "memory", "memory", (json_int_t)r->id,
                                      "text", r->text, "run", (json_int_t)r->run, "time", (json_int_t)r->time));
}

viv_status lam_memory(const viv_host *host, const viv_memory *what, const viv_listener *listener)
{
    struct events e = {host, listener, -1, 0};
    const bool encodes = VIV_HAS(what, viv_memory, generator) && what->generator;
    const struct encoder encoder = {encodes ? what->generator : NULL, encodes ? what->use : NULL};
    struct root root;
    struct memory *m = NULL;
    viv_status status = root_open(host, what->workspace, &root);
    if (status != VIV_OK)
        return status;
    status = memory_open(&root, false, &m);
    if (status == VIV_OK && what->forget && m)
        status = memory_forget(m, (int64_t)what->forget);
    else if (status == VIV_OK && what->forget)
        status =
            viv_fail(host, VIV_ENOTFOUND, "workspace %s: there is no memory %" PRIu64, root.path, what->forget);
    else if (status == VIV_OK && m)
        status = memory_search(m, &encoder, what->words, INT64_MAX, tell, &e);
    if (status == VIV_OK && what->forget)
        status = events_tell(&e, json_pack("{s:s, s:I}", "event", "forgotten", "memory", (json_int_t)what->forget));
    memory_close(m);
    root_close(&root);
    return status;
}
