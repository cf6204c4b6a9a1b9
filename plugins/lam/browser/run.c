/* run.c - the browser of a run: none, until a page is opened. */
#include "browser.h"

#include <stdlib.h>

struct browser *browser_create(const viv_host *host, const struct root *root, int store,
                               const struct events *events, const struct settings *settings, const uint32_t *cancel)
{
    struct browser *b = calloc(1, sizeof *b);
    if (b)
        *b = (struct browser){.host = host,
                              .root = root,
                              .store = store,
                              .events = events,
                              .settings = settings,
                              .cancel = cancel,
                              .to = -1,
                              .from = -1,
                              .folder = -1,
                              .opened = json_object(),
                              .next_number = 1};
    return b;
}

void browser_destroy(struct browser *b)
{
    if (!b)
        return;
    browser_stop(b);
    text_release(&b->notes);
    json_decref(b->opened);
    free(b);
}
