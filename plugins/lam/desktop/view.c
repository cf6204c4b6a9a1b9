/* view.c - the screen as the model sees it. */
#include "desktop.h"

#include "../browser/browser.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { PAUSE_MS = 40, QUIET_LOOKS = 3, LONGEST_SETTLE_MS = 5000 };

/* --- looking ------------------------------------------------------------------------------------------------ */

static viv_status take_picture(struct desktop *d)
{
    struct text pixels = {0}, png = {0};
    free(d->picture);
    d->picture = NULL;
    if (!json_is_true(json_object_get(d->settings->desktop, "pictures")))
        return VIV_OK;
    viv_status status = screen_pixels(d, &pixels);
    if (status == VIV_OK &&
        (!png_write(&pixels, d->width, d->height, &png) || !(d->picture = base64_write(png.data, png.size))))
        status = viv_fail(d->host, VIV_ENOMEM, "out of memory");
    text_release(&pixels);
    text_release(&png);
    return status;
}

viv_status desktop_look(struct desktop *d)
{
    const int64_t start = clock_ms();
    if (!d->screen)
        return VIV_OK;
    desktop_watch(d);
    viv_status status = screen_look(d);
    for (size_t i = 0; i < d->n_windows; i++) {
        char key[32];
        snprintf(key, sizeof key, "window %" PRIu32, d->windows[i].id);
        d->windows[i].number = desktop_number(d, key);
    }
    if (status == VIV_OK)
        status = bus_look(d);
    if (status == VIV_OK)
        status = made_look(d);
    if (status == VIV_OK)
        status = take_picture(d);
    d->look_ms = clock_ms() - start;
    if (status != VIV_OK && screen_is_dead(d)) { /* there is none then, which the model sees */
        desktop_close(d);
        status = VIV_OK;
    }
    return status;
}

viv_status desktop_settle(struct desktop *d)
{
    const int64_t end = clock_ms() + LONGEST_SETTLE_MS;
    struct text before = {0};
    viv_status status = d->screen ? VIV_OK : viv_fail(d->host, VIV_EIO, "the display has ended");
    for (int quiet = 0; status == VIV_OK && quiet < QUIET_LOOKS && clock_ms() < end;) {
        struct text now = {0};
        poll(NULL, 0, PAUSE_MS);
        status =
            viv_is_cancelled(d->cancel) ? viv_fail(d->host, VIV_ECANCELLED, "cancelled") : screen_pixels(d, &now);
        const bool same = now.size == before.size && now.size && memcmp(now.data, before.data, now.size) == 0;
        quiet = same ? quiet + 1 : 0;
        text_release(&before);
        before = now;
    }
    text_release(&before);
    return status;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static const struct {
    int bit;
    const char *word;
} states[] = {{4, "checked"}, {12, "focused"}, {20, "pressed"}, {23, "selected"}, {10, "expanded"}};
enum { IS_EDITABLE = 7, IS_ENABLED = 8, IS_SENSITIVE = 24 };

static void add_quoted(struct text *out, const char *s)
{
    text_printf(out, " \"");
    for (; *s; s++)
        text_printf(out, *s == '"' ? "\\%c" : "%c", *s); /* a backslash is doubled already */
    text_printf(out, "\"");
}

static void add_box(struct text *out, const struct box *b)
{
    text_printf(out, " at %d,%d %dx%d\n", b->x, b->y, b->width, b->height);
}

static void show_element(const struct element *e, struct text *out)
{
    text_printf(out, "[%" PRId64 "] %s", e->number, e->role);
    if (*e->name)
        add_quoted(out, e->name);
    if (e->value) {
        text_printf(out, " value");
        add_quoted(out, e->value);
    } else if (e->states >> IS_EDITABLE & 1) {
        text_printf(out, " editable");
    }
    if (!(e->states >> IS_SENSITIVE & 1) && !(e->states >> IS_ENABLED & 1))
        text_printf(out, " disabled");
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (e->states >> states[i].bit & 1)
            text_printf(out, " %s", states[i].word);
    add_box(out, &e->at);
}

void desktop_show(const struct desktop *d, struct text *out)
{
    if (!d->screen) {
        text_printf(out, "Nothing is open.\n");
        return;
    }
    text_printf(out, "screen %dx%d, the pointer is at %d,%d\n", d->width, d->height, d->pointer[0], d->pointer[1]);
    for (size_t i = d->n_windows; i-- > 0;) {
        text_printf(out, "[%" PRId64 "] window", d->windows[i].number);
        add_quoted(out, d->windows[i].title);
        text_printf(out, "%s", d->windows[i].active ? " active" : "");
        add_box(out, &d->windows[i].at);
    }
    for (size_t i = 0; i < d->n_elements; i++)
        show_element(&d->elements[i], out);
    if (d->cut)
        text_printf(out, "... the window has more elements than are shown\n");
    if (d->silent)
        text_printf(out, "... a program does not answer: not all of it is seen\n");
    if (!d->bus)
        text_printf(out, "... elements of windows are not seen: %s\n", d->no_bus ? d->no_bus : "there is no bus");
    for (size_t i = 0; i < d->n_made; i++) {
        text_printf(out, "file");
        add_quoted(out, d->made[i].name);
        text_printf(out, " %" PRIu64 " bytes\n", d->made[i].size);
    }
}

static void add_mark(json_t *boxes, int64_t number, const struct box *b)
{
    char key[32];
    snprintf(key, sizeof key, "%" PRId64, number);
    json_object_set_new(boxes, key, json_pack("[i, i, i, i]", b->x, b->y, b->width, b->height));
}

json_t *desktop_event(const struct desktop *d)
{
    struct text text = {0};
    json_t *boxes = json_object();
    desktop_show(d, &text);
    for (size_t i = 0; i < d->n_windows; i++)
        add_mark(boxes, d->windows[i].number, &d->windows[i].at);
    for (size_t i = 0; i < d->n_elements; i++)
        add_mark(boxes, d->elements[i].number, &d->elements[i].at);
    json_t *event =
        json_pack("{s:s, s:I, s:s%, s:o, s:[i, i]}", "event", "screen", "ms", (json_int_t)d->look_ms, "text",
                  text_or_empty(&text), text.size, "boxes", boxes, "window", d->width, d->height);
    if (event && d->picture)
        json_object_set_new(event, "png", json_string(d->picture));
    text_release(&text);
    return event;
}

/* --- what there is for actions ------------------------------------------------------------------------------ */

const struct window *desktop_window(const struct desktop *d, int64_t number)
{
    for (size_t i = 0; i < d->n_windows; i++)
        if (d->windows[i].number == number)
            return &d->windows[i];
    return NULL;
}

const struct element *desktop_element(const struct desktop *d, int64_t number)
{
    for (size_t i = 0; i < d->n_elements; i++)
        if (d->elements[i].number == number)
            return &d->elements[i];
    return NULL;
}

static json_t *range(int first, int last)
{
    return json_pack("{s:s, s:i, s:i}", "type", "integer", "minimum", first, "maximum", last);
}

static json_t *pattern_of_keys(void)
{
    char *pattern = keys_pattern();
    json_t *schema = pattern ? json_pack("{s:s, s:s}", "type", "string", "pattern", pattern) : NULL;
    free(pattern);
    return schema;
}

json_t *desktop_schema(const struct desktop *d, enum argument_kind kind)
{
    json_t *list = json_array(), *program;
    const char *name;
    if (kind == ARGUMENT_PROGRAM)
        json_object_foreach(json_object_get(d->settings->desktop, "programs"), name, program)
            json_array_append_new(list, json_string(name));
    for (size_t i = 0; kind == ARGUMENT_WINDOW && i < d->n_windows; i++)
        json_array_append_new(list, json_integer((json_int_t)d->windows[i].number));
    for (size_t i = 0; kind == ARGUMENT_THING && i < d->n_elements; i++)
        json_array_append_new(list, json_integer((json_int_t)d->elements[i].number));
    for (size_t i = 0; kind == ARGUMENT_MADE && i < d->n_made; i++)
        json_array_append_new(list, json_string(d->made[i].name));
    if (json_array_size(list))
        return json_pack("{s:o}", "enum", list);
    json_decref(list);
    if (!d->screen)
        return NULL;
    return kind == ARGUMENT_SCREEN_X   ? range(0, d->width - 1)
           : kind == ARGUMENT_SCREEN_Y ? range(0, d->height - 1)
           : kind == ARGUMENT_SECONDS  ? range(0, 60)
           : kind == ARGUMENT_CLICKS   ? range(1, 30)
           : kind == ARGUMENT_KEYS     ? pattern_of_keys()
                                       : NULL;
}

bool desktop_has(const struct desktop *d, const struct tool *t)
{
    return t->needs == NEEDS_SCREEN    ? d->screen != NULL
           : t->needs == NEEDS_DISPLAY ? !d->is_private && !d->screen
                                       : true;
}
