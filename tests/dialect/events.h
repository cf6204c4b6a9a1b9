/* events.h - what a dialect's parser says of an answer: its text, its reasoning and its calls, in order. */
#ifndef TESTS_DIALECT_EVENTS_H
#define TESTS_DIALECT_EVENTS_H

#include "dialect/parser.h"

struct heard {
    struct buf text, reasoning;
    struct buf calls; /* name({...}); with ids, name#id({...}); */
    size_t n_calls;
    bool with_ids;
};

static inline viv_status hear(void *ctx, const struct dialect_event *e, struct error *err)
{
    struct heard *h = ctx;
    if (e->kind == DIALECT_CALL) {
        h->n_calls++;
        buf_printf(&h->calls, "%s", e->name);
        if (h->with_ids)
            buf_printf(&h->calls, "#%s", e->id);
        buf_printf(&h->calls, "(%.*s);", (int)e->size, e->text);
        return h->calls.failed ? error_nomem(err) : VIV_OK;
    }
    return buf_append(e->kind == DIALECT_TEXT ? &h->text : &h->reasoning, e->text, e->size) ? VIV_OK
                                                                                            : error_nomem(err);
}

static inline void heard_release(struct heard *h)
{
    buf_release(&h->text);
    buf_release(&h->reasoning);
    buf_release(&h->calls);
    *h = (struct heard){0};
}

/* Parses text[0, n), in pieces of `size` bytes but for a cut at `cut`. */
static inline viv_status parse_pieces(const struct dialect *d, const struct tools *tools, const char *opened,
                                      const char *text, size_t n, size_t cut, size_t size, struct heard *h,
                                      struct error *err)
{
    struct dialect_parser *p = NULL;
    const struct dialect_parser_options options = {.tools = tools, .opened = opened, .emit = hear, .ctx = h};
    viv_status status = dialect_parser_create(d, &options, &p, err);
    for (size_t at = 0, end; status == VIV_OK && at < n; at = end) {
        end = at + size < n ? at + size : n;
        end = at < cut && cut < end ? cut : end;
        status = dialect_parser_feed(p, text + at, end - at, err);
    }
    if (status == VIV_OK)
        status = dialect_parser_finish(p, err);
    dialect_parser_destroy(p);
    return status;
}

#endif
