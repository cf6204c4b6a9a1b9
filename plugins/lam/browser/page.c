/* page.c - the page as the model sees it: page.js looks, from a world of its own. */
#include "browser.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char script[] = {
#include "page_js.inc"
};

struct tab *browser_tab(struct browser *b)
{
    return b->pid > 0 && !b->dead && b->n_tabs ? &b->tabs[b->current] : NULL;
}

/* --- asking page.js ----------------------------------------------------------------------------------------- */

static viv_status enter(struct browser *b, int64_t ms)
{
    struct tab *t = browser_tab(b);
    json_t *result = NULL;
    if (!t)
        return viv_fail(b->host, VIV_ENOTFOUND, "no page is open");
    if (t->context)
        return VIV_OK;
    viv_status status = browser_call(b, t->session, "Page.createIsolatedWorld",
                                     json_pack("{s:s, s:s}", "frameId", t->frame, "worldName", "viv"), ms, &result);
    const int64_t context = json_integer_value(json_object_get(result, "executionContextId"));
    json_decref(result);
    if (status != VIV_OK || !(t = browser_tab(b)))
        return status;
    status = browser_call(
        b, t->session, "Runtime.evaluate",
        json_pack("{s:s, s:I, s:b}", "expression", script, "contextId", (json_int_t)context, "silent", 1), ms,
        NULL);
    if (status == VIV_OK && browser_tab(b) == t)
        t->context = context;
    return status;
}

viv_status page_call(struct browser *b, const char *expression, int64_t ms, json_t **result)
{
    json_t *reply = NULL;
    viv_status status = VIV_OK;
    if (result)
        *result = NULL;
    for (int attempt = 0; attempt < 3; attempt++) { /* a page that was left meanwhile takes its world along */
        status = enter(b, ms);
        const struct tab *t = browser_tab(b);
        if (status == VIV_OK && t)
            status =
                browser_call(b, t->session, "Runtime.evaluate",
                             json_pack("{s:s, s:I, s:b, s:b, s:b}", "expression", expression, "contextId",
                                       (json_int_t)t->context, "returnByValue", 1, "awaitPromise", 1, "silent", 1),
                             ms, &reply);
        if (status != VIV_EINVAL)
            break;
        if (browser_tab(b))
            browser_tab(b)->context = 0;
    }
    const json_t *error = json_object_get(reply, "exceptionDetails");
    if (status == VIV_OK && (error || !reply))
        status = viv_fail(
            b->host, VIV_EIO, "the page cannot be looked at: %.300s",
            error ? json_string_value(json_object_get(json_object_get(error, "exception"), "description"))
                        ? json_string_value(json_object_get(json_object_get(error, "exception"), "description"))
                        : "an exception"
                  : "it was closed");
    else if (status == VIV_OK && result)
        *result = json_incref(json_object_get(json_object_get(reply, "result"), "value"));
    json_decref(reply);
    return status;
}

/* A page that does not answer goes, with all others. */
static viv_status give_up(struct browser *b, viv_status status)
{
    if (status != VIV_ELIMIT && !b->dead)
        return status;
    browser_note(b, b->dead ? "the browser has ended" : "the page did not answer, and the browser was closed");
    browser_stop(b);
    return status == VIV_OK ? VIV_EIO : status;
}

viv_status page_settle(struct browser *b)
{
    char expression[64];
    const int64_t end = clock_ms() + browser_patience(b);
    viv_status status = VIV_OK;
    snprintf(expression, sizeof expression, "viv.quiet(%d, %d)", QUIET_MS, SETTLE_MS);
    for (b->changed = true; status == VIV_OK && b->changed && browser_tab(b) && clock_ms() < end;) {
        b->changed = false;
        status = page_call(b, expression, SETTLE_MS + browser_patience(b), NULL);
        if (status == VIV_OK && !b->changed)
            browser_listen(b, 10); /* a page that has just begun to come */
    }
    return give_up(b, status);
}

static viv_status take_picture(struct browser *b)
{
    json_t *reply = NULL;
    const struct tab *t = browser_tab(b);
    free(b->picture);
    b->picture = NULL;
    if (!t || !json_is_true(json_object_get(b->settings->browser, "pictures")))
        return VIV_OK;
    const viv_status status = browser_call(b, t->session, "Page.captureScreenshot",
                                           json_pack("{s:s}", "format", "png"), browser_patience(b), &reply);
    const char *png = json_string_value(json_object_get(reply, "data"));
    b->picture = png ? strdup(png) : NULL;
    json_decref(reply);
    return status;
}

viv_status browser_look(struct browser *b)
{
    char expression[64];
    json_decref(b->page);
    b->page = NULL;
    if (b->pid == 0)
        return VIV_OK;
    browser_listen(b, 0);
    if (!browser_tab(b)) {
        if (b->dead)
            give_up(b, VIV_EIO);
        return VIV_OK;
    }
    snprintf(expression, sizeof expression, "viv.look(%" PRId64 ", %" PRId64 ")", b->next_number,
             b->settings->elements);
    const int64_t start = clock_ms();
    viv_status status = page_call(b, expression, browser_patience(b), &b->page);
    b->look_ms = clock_ms() - start;
    if (status == VIV_OK)
        status = take_picture(b);
    const int64_t next = json_integer_value(json_object_get(b->page, "next"));
    b->next_number = next > b->next_number ? next : b->next_number;
    if (status == VIV_ECANCELLED)
        return status;
    (void)give_up(b, status);
    return VIV_OK; /* there is no page then, which the model sees */
}

/* --- lines -------------------------------------------------------------------------------------------------- */

enum { NUMBER, ROLE, NAME, VALUE, STATES, LEFT, TOP, WIDTH, HEIGHT, KINDS };
enum { IS_EDITABLE = 1, IS_OPTION = 2, SENDS = 4, SCROLLS = 8 };

const json_t *page_item(const struct browser *b, int64_t number)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(b->page, "items"), i,
                       item) if (json_integer_value(json_array_get(item, NUMBER)) == number) return item;
    return NULL;
}

static void add_quoted(struct text *out, const char *s)
{
    text_printf(out, " \"");
    for (; *s; s++)
        text_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    text_printf(out, "\"");
}

static json_int_t number_in(const json_t *item, size_t i)
{
    return json_integer_value(json_array_get(item, i));
}

void page_line(const struct browser *b, const json_t *item, struct text *out)
{
    size_t i;
    json_t *state;
    const char *name = json_string_value(json_array_get(item, NAME)),
               *value = json_string_value(json_array_get(item, VALUE)),
               *role = json_string_value(json_array_get(item, ROLE));
    text_printf(out, "[%lld] %s", (long long)number_in(item, NUMBER), role ? role : "");
    if (name && *name)
        add_quoted(out, name);
    if (value) {
        text_printf(out, " value");
        add_quoted(out, value);
    }
    json_array_foreach(json_array_get(item, STATES), i, state) if (json_is_string(state))
        text_printf(out, " %s", json_string_value(state));
    if (json_is_true(json_object_get(b->settings->browser, "pictures")) ||
        json_is_true(json_object_get(b->settings->browser, "places")))
        text_printf(out, " at %lld,%lld %lldx%lld", (long long)number_in(item, LEFT),
                    (long long)number_in(item, TOP), (long long)number_in(item, WIDTH),
                    (long long)number_in(item, HEIGHT));
    text_printf(out, "\n");
}

static void show_rest(const json_t *page, const char *key, const char *where, struct text *out)
{
    const json_int_t n = json_integer_value(json_object_get(page, key));
    if (n > 0)
        text_printf(out, "... and %lld more %s\n", (long long)n, where);
}

void browser_show(const struct browser *b, struct text *out)
{
    size_t i;
    json_t *item;
    if (b->pid == 0) {
        text_printf(out, "No page is open.\n");
    } else if (b->page) {
        const json_t *scroll = json_object_get(b->page, "scroll");
        const char *title = json_string_value(json_object_get(b->page, "title")),
                   *url = json_string_value(json_object_get(b->page, "url"));
        text_printf(out, "page");
        add_quoted(out, title ? title : "");
        text_printf(out, " %s (tab %zu of %zu)\n", url ? url : "", b->current + 1, b->n_tabs);
        if (number_in(scroll, 3) > 0)
            text_printf(out, "scrolled %lld of %lld\n", (long long)number_in(scroll, 1),
                        (long long)number_in(scroll, 3));
        show_rest(b->page, "above", "above: scroll up", out);
        json_array_foreach(json_object_get(b->page, "items"), i, item) page_line(b, item, out);
        show_rest(b->page, "below", "below: scroll down", out);
        if (json_is_true(json_object_get(b->page, "cut")))
            text_printf(out, "... the page has %lld elements, which are too many to look at\n",
                        (long long)json_integer_value(json_object_get(b->page, "elements")));
    } else {
        text_printf(out, "No page can be seen.\n");
    }
    for (i = 0; i < b->n_downloads; i++)
        if (b->downloads[i].whole) {
            text_printf(out, "[%" PRId64 "] download", b->downloads[i].number);
            add_quoted(out, b->downloads[i].name);
            text_printf(out, "\n");
        }
}

json_t *browser_event(const struct browser *b)
{
    size_t i;
    json_t *item, *boxes = json_object();
    struct text text = {0};
    char number[32];
    browser_show(b, &text);
    json_array_foreach(json_object_get(b->page, "items"), i, item)
    {
        snprintf(number, sizeof number, "%lld", (long long)number_in(item, NUMBER));
        json_object_set_new(boxes, number,
                            json_pack("[I, I, I, I]", number_in(item, LEFT), number_in(item, TOP),
                                      number_in(item, WIDTH), number_in(item, HEIGHT)));
    }
    json_t *event =
        json_pack("{s:s, s:I, s:s%, s:o, s:[i, i]}", "event", "page", "ms", (json_int_t)b->look_ms, "text",
                  text_or_empty(&text), text.size, "boxes", boxes, "window", WINDOW_WIDTH, WINDOW_HEIGHT);
    if (event && b->picture)
        json_object_set_new(event, "png", json_string(b->picture));
    text_release(&text);
    return event;
}

bool browser_has(const struct browser *b, const struct tool *t)
{
    const json_t *grants = b->settings->browser;
    const bool pictures =
        json_is_true(json_object_get(grants, "pictures")) || json_is_true(json_object_get(grants, "places"));
    switch (t->needs) {
    case NEEDS_GRANT:
        return json_array_size(json_object_get(grants, "hosts")) || json_is_true(json_object_get(grants, "data"));
    case NEEDS_FILES:
        return json_is_true(json_object_get(grants, "files"));
    case NEEDS_PAGE:
        return b->page != NULL;
    case NEEDS_PICTURE:
        return b->page && pictures;
    default:
        return true;
    }
}

/* --- what there is for actions ------------------------------------------------------------------------------ */

static json_t *items_of(const struct browser *b, int kinds)
{
    size_t i;
    json_t *item, *list = json_array();
    json_array_foreach(json_object_get(b->page, "items"), i, item) if (!kinds || (number_in(item, KINDS) & kinds))
        json_array_append(list, json_array_get(item, NUMBER));
    return list;
}

json_t *browser_schema(const struct browser *b, enum argument_kind kind)
{
    json_t *list = kind == ARGUMENT_ELEMENT    ? items_of(b, 0)
                   : kind == ARGUMENT_EDITABLE ? items_of(b, IS_EDITABLE)
                   : kind == ARGUMENT_OPTION   ? items_of(b, IS_OPTION)
                   : kind == ARGUMENT_SCROLLED ? items_of(b, SCROLLS)
                                               : json_array();
    if (kind == ARGUMENT_X || kind == ARGUMENT_Y) {
        json_decref(list);
        return b->page ? json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", 0, "maximum",
                                   (kind == ARGUMENT_X ? WINDOW_WIDTH : WINDOW_HEIGHT) - 1)
                       : NULL;
    }
    if (kind == ARGUMENT_SCROLLED && b->page)
        json_array_insert_new(list, 0, json_integer(0));
    for (size_t i = 0; kind == ARGUMENT_TAB && i < b->n_tabs; i++)
        json_array_append_new(list, json_integer((json_int_t)i + 1));
    for (size_t i = 0; kind == ARGUMENT_DOWNLOAD && i < b->n_downloads; i++)
        if (b->downloads[i].whole)
            json_array_append_new(list, json_integer((json_int_t)b->downloads[i].number));
    if (json_array_size(list))
        return json_pack("{s:o}", "enum", list);
    json_decref(list);
    return NULL;
}
