/* events.h - what a dialect's parser says of an answer: its text, its reasoning and its calls, in order. */
#ifndef TESTS_DIALECT_EVENTS_H
#define TESTS_DIALECT_EVENTS_H

#include "dialect/parser.h"

#include <jansson.h>
#include <string.h>

/* Parts are checked here: all that were told are the arguments of the call, but for a key that came twice. */
struct heard {
    struct buf text, reasoning;
    struct buf calls; /* name({...}); with ids, name#id({...}); */
    size_t n_calls;
    bool with_ids;
    struct buf begun, parts; /* name and arguments of the call that is being written */
};

static inline bool same_object(const char *a, size_t n_a, const char *b, size_t n_b)
{
    json_t *x = json_loadb(a, n_a, JSON_ALLOW_NUL, NULL), *y = json_loadb(b, n_b, JSON_ALLOW_NUL, NULL);
    const bool same = x && json_equal(x, y);
    json_decref(x);
    json_decref(y);
    return same;
}

static inline viv_status hear(void *ctx, const struct dialect_event *e, struct error *err)
{
    struct heard *h = ctx;
    if (e->kind == DIALECT_CALL_BEGIN) {
        buf_clear(&h->begun);
        buf_clear(&h->parts);
        return buf_puts(&h->begun, e->name) && e->index == h->n_calls ? VIV_OK : error_nomem(err);
    }
    if (e->kind == DIALECT_CALL_PART)
        return buf_append(&h->parts, e->text, e->size) ? VIV_OK : error_nomem(err);
    if (e->kind == DIALECT_CALL) {
        if (strcmp(buf_text(&h->begun), e->name) != 0 || e->index != h->n_calls ||
            !same_object(buf_text(&h->parts), h->parts.size, e->text, e->size))
            return error_set(err, VIV_EINTERNAL, "the parts %s(%s) are those of %s(%s)", buf_text(&h->begun),
                             buf_text(&h->parts), e->name, e->text);
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
    buf_release(&h->begun);
    buf_release(&h->parts);
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
