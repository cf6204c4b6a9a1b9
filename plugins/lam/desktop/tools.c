/* tools.c - what a model can do on a desktop. It happens outside of the workspace, so that it cannot be undone, but
 * for desktop_keep, which makes a file of the workspace. */
#include "desktop.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 1, MIDDLE, RIGHT, DRAG_STEPS = 8, WAIT_MS = 100 };

static int64_t number_of(const char *word)
{
    return strtoll(word, NULL, 10);
}

/* --- around each action ------------------------------------------------------------------------------------- */

static viv_status end(const struct tool_call *c, viv_status status, const char *done, struct text *result)
{
    struct desktop *d = c->desktop;
    if (status == VIV_OK)
        status = desktop_settle(d);
    screen_restore_keys(d);
    desktop_watch(d);
    if (status == VIV_OK)
        text_printf(result, "%s\n", done);
    text_add(result, text_or_empty(&d->notes), d->notes.size);
    text_release(&d->notes);
    return status;
}

static viv_status refuse(const struct tool_call *c, const char *why)
{
    return viv_fail(c->host, VIV_EINVAL, "%s", why);
}

/* --- what an action is about, for policy, journal and people ------------------------------------------------ */

static void scope_of_window(const struct window *w, struct text *out)
{
    text_printf(out, "\"%s\"", w ? w->title : "");
}

static const struct window *active_window(const struct desktop *d)
{
    for (size_t i = d->n_windows; i-- > 0;)
        if (d->windows[i].active)
            return &d->windows[i];
    return NULL;
}

static const struct window *window_at(const struct desktop *d, int64_t x, int64_t y)
{
    for (size_t i = d->n_windows; i-- > 0;) {
        const struct box *b = &d->windows[i].at;
        if (x >= b->x && y >= b->y && x < (int64_t)b->x + b->width && y < (int64_t)b->y + b->height)
            return &d->windows[i];
    }
    return NULL;
}

/* "\"notes.txt\" push button \"Save\"", "\"notes.txt\" 10,20 left" */
void desktop_scope(const struct tool *t, const struct tool_call *c, struct text *out)
{
    const struct desktop *d = c->desktop;
    const enum argument_kind first = t->arguments[0].kind;
    const char *const *words = c->words;
    if (t == &tool_desktop_open) {
        text_printf(out, "%s", json_string_value(json_object_get(d->settings->desktop, "display")));
    } else if (first == ARGUMENT_PROGRAM) {
        text_printf(out, "%s", words[0]);
    } else if (first == ARGUMENT_WINDOW) {
        scope_of_window(desktop_window(d, number_of(words[0])), out);
        text_printf(out, " %s", words[1]);
    } else if (first == ARGUMENT_THING) {
        const struct element *e = desktop_element(d, number_of(words[0]));
        scope_of_window(active_window(d), out);
        text_printf(out, " %s \"%s\" %s", e ? e->role : "", e ? e->name : "", words[1]);
    } else if (first == ARGUMENT_SCREEN_X) {
        scope_of_window(window_at(d, number_of(words[0]), number_of(words[1])), out);
        text_printf(out, " %s,%s", words[0], words[1]);
        for (int i = 2; i < MAX_ARGUMENTS && t->arguments[i].name; i++)
            text_printf(out, "%s%s", t->arguments[i].kind == ARGUMENT_SCREEN_Y ? "," : " ", words[i]);
    } else {
        scope_of_window(active_window(d), out);
        for (int i = 0; i < MAX_ARGUMENTS && t->arguments[i].name; i++)
            if (t->arguments[i].kind != ARGUMENT_TEXT)
                text_printf(out, " %s", words[i]);
    }
}

/* --- programs and windows ----------------------------------------------------------------------------------- */

static viv_status run_open(const struct tool_call *c, struct text *result)
{
    return end(c, desktop_open(c->desktop), "the display is seen from now on", result);
}

static viv_status run_start(const struct tool_call *c, struct text *result)
{
    return end(c, desktop_start(c->desktop, c->words[0]), "it was started", result);
}

static viv_status run_window(const struct tool_call *c, struct text *result)
{
    const struct window *w = desktop_window(c->desktop, number_of(c->words[0]));
    const bool close = strcmp(c->words[1], "close") == 0;
    return end(c,
               !w      ? refuse(c, "there is no such window")
               : close ? screen_ask_to_close(c->desktop, w)
                       : screen_activate(c->desktop, w),
               close ? "it was asked to close" : "it is the active window", result);
}

/* --- the pointer -------------------------------------------------------------------------------------------- */

static viv_status click(const struct tool_call *c, int x, int y, const char *how)
{
    struct desktop *d = c->desktop;
    const int button = strcmp(how, "right") == 0 ? RIGHT : strcmp(how, "middle") == 0 ? MIDDLE : LEFT;
    const int n = strcmp(how, "double") == 0 ? 2 : strcmp(how, "triple") == 0 ? 3 : 1;
    viv_status status = screen_point(d, x, y);
    for (int i = 0; status == VIV_OK && i < n; i++) {
        status = screen_button(d, button, true);
        if (status == VIV_OK)
            status = screen_button(d, button, false);
    }
    return status;
}

static viv_status run_click(const struct tool_call *c, struct text *result)
{
    const struct element *e = desktop_element(c->desktop, number_of(c->words[0]));
    return end(c,
               e ? click(c, e->at.x + e->at.width / 2, e->at.y + e->at.height / 2, c->words[1])
                 : refuse(c, "there is no such element"),
               "it was clicked", result);
}

/* A window that is clicked into is the active one. */
static viv_status focus_at(const struct tool_call *c, int x, int y)
{
    const struct window *w = window_at(c->desktop, x, y);
    return w && !w->active && c->desktop->is_private ? screen_activate(c->desktop, w) : VIV_OK;
}

static viv_status run_click_at(const struct tool_call *c, struct text *result)
{
    const int x = (int)number_of(c->words[0]), y = (int)number_of(c->words[1]);
    viv_status status = focus_at(c, x, y);
    if (status == VIV_OK)
        status = click(c, x, y, c->words[2]);
    return end(c, status, "clicked there", result);
}

static viv_status run_move(const struct tool_call *c, struct text *result)
{
    return end(c, screen_point(c->desktop, (int)number_of(c->words[0]), (int)number_of(c->words[1])),
               "the pointer is there", result);
}

static viv_status run_drag(const struct tool_call *c, struct text *result)
{
    struct desktop *d = c->desktop;
    const int from[2] = {(int)number_of(c->words[0]), (int)number_of(c->words[1])},
              to[2] = {(int)number_of(c->words[2]), (int)number_of(c->words[3])};
    viv_status status = screen_point(d, from[0], from[1]);
    if (status == VIV_OK)
        status = screen_button(d, LEFT, true);
    for (int i = 1; status == VIV_OK && i <= DRAG_STEPS; i++)
        status = screen_point(d, from[0] + (to[0] - from[0]) * i / DRAG_STEPS,
                              from[1] + (to[1] - from[1]) * i / DRAG_STEPS);
    const viv_status released = screen_button(d, LEFT, false);
    return end(c, status == VIV_OK ? released : status, "it was dragged there", result);
}

static const char *const directions[] = {"up", "down", "left", "right", NULL};

static viv_status run_scroll(const struct tool_call *c, struct text *result)
{
    enum { WHEEL = 4 };
    struct desktop *d = c->desktop;
    int button = 0;
    while (strcmp(directions[button], c->words[2]) != 0)
        button++;
    viv_status status = screen_point(d, (int)number_of(c->words[0]), (int)number_of(c->words[1]));
    for (int64_t i = number_of(c->words[3]); status == VIV_OK && i > 0; i--) {
        status = screen_button(d, WHEEL + button, true);
        if (status == VIV_OK)
            status = screen_button(d, WHEEL + button, false);
    }
    return end(c, status, "it was scrolled", result);
}

static viv_status run_button(const struct tool_call *c, struct text *result)
{
    const bool down = strcmp(c->words[0], "down") == 0;
    return end(c, screen_button(c->desktop, LEFT, down), down ? "it is held down" : "it was released", result);
}

/* --- keys --------------------------------------------------------------------------------------------------- */

static viv_status run_type(const struct tool_call *c, struct text *result)
{
    return end(c, screen_type(c->desktop, c->words[0]), "it was typed", result);
}

static viv_status run_key(const struct tool_call *c, struct text *result)
{
    return end(c, screen_keys(c->desktop, c->words[0], true, true), "pressed", result);
}

static viv_status run_hold(const struct tool_call *c, struct text *result)
{
    const bool down = strcmp(c->words[1], "down") == 0;
    return end(c, screen_keys(c->desktop, c->words[0], down, !down), down ? "held down" : "released", result);
}

/* --- waiting ------------------------------------------------------------------------------------------------ */

static bool is_seen(const struct desktop *d, const char *words)
{
    struct text seen = {0};
    desktop_show(d, &seen);
    const bool is = strstr(text_or_empty(&seen), words) != NULL;
    text_release(&seen);
    return is;
}

static viv_status run_wait(const struct tool_call *c, struct text *result)
{
    struct desktop *d = c->desktop;
    const char *words = c->words[1];
    const int64_t until = clock_ms() + 1000 * number_of(c->words[0]);
    viv_status status = VIV_OK;
    bool seen = false;
    while (status == VIV_OK && !seen && clock_ms() < until) {
        poll(NULL, 0, WAIT_MS);
        if (viv_is_cancelled(c->cancel))
            return viv_fail(c->host, VIV_ECANCELLED, "cancelled");
        if (*words)
            status = desktop_look(d);
        seen = *words && is_seen(d, words);
    }
    return end(c, status, !*words ? "it was waited" : seen ? "it is seen now" : "it is still not seen", result);
}

/* --- files -------------------------------------------------------------------------------------------------- */

static viv_status effect_of_keep(const struct tool_call *c, struct text *out)
{
    struct text bytes = {0};
    viv_status status = made_load(c->desktop, c->words[0], &bytes);
    if (status == VIV_OK && text_is_utf8(text_or_empty(&bytes), bytes.size)) {
        struct tool_call write = *c;
        write.words[0] = c->words[1];
        write.words[1] = text_or_empty(&bytes);
        status = tool_write.effect(&write, out);
    } else if (status == VIV_OK) {
        text_printf(out, "%zu bytes that are no text\n", bytes.size);
    }
    text_release(&bytes);
    return status;
}

static viv_status run_keep(const struct tool_call *c, struct text *result)
{
    struct text bytes = {0};
    int fd = -1;
    viv_status status = made_load(c->desktop, c->words[0], &bytes);
    if (status == VIV_OK)
        status = journal_stage(c->journal, false, &fd);
    if (status == VIV_OK)
        status = staged_write(c, fd, &bytes, c->words[1]);
    if (status == VIV_OK)
        status = journal_commit(c->journal, "desktop_keep", NULL, c->words[1], true);
    if (status == VIV_OK)
        text_printf(result, "it was saved, with %zu bytes\n", bytes.size);
    else
        journal_drop(c->journal);
    text_release(&bytes);
    return status;
}

/* --- the tools ---------------------------------------------------------------------------------------------- */

static const char *const ways[] = {"left", "double", "triple", "middle", "right", NULL};
static const char *const whether[] = {"down", "up", NULL};
static const char *const of_windows[] = {"activate", "close", NULL};

#define DESKTOP_TOOL                                                                                               \
    .asked_for = true, .group = "desktop", .outside = true, .untrusted = true, .scope = desktop_scope
#define PLACE                                                                                                      \
    {.name = "x", .kind = ARGUMENT_SCREEN_X},                                                                      \
    {                                                                                                              \
        .name = "y", .kind = ARGUMENT_SCREEN_Y                                                                     \
    }

const struct tool tool_desktop_open = {.name = "desktop_open",
                                       .summary = "shows what is on the display",
                                       .needs = NEEDS_DISPLAY,
                                       .run = run_open,
                                       DESKTOP_TOOL};
const struct tool tool_desktop_start = {
    .name = "desktop_start",
    .summary =
        "starts a program with windows; it reads files as ../workspace/NAME, and writes new ones where it starts",
    .arguments = {{.name = "program", .kind = ARGUMENT_PROGRAM}},
    .run = run_start,
    DESKTOP_TOOL};
const struct tool tool_desktop_window = {.name = "desktop_window",
                                         .summary = "a window comes to the front, or is asked to close",
                                         .arguments = {{.name = "window", .kind = ARGUMENT_WINDOW},
                                                       {.name = "how", .kind = ARGUMENT_WORD, .words = of_windows}},
                                         .needs = NEEDS_SCREEN,
                                         .run = run_window,
                                         DESKTOP_TOOL};
const struct tool tool_desktop_click = {.name = "desktop_click",
                                        .summary = "an element of a window, by its number",
                                        .arguments = {{.name = "element", .kind = ARGUMENT_THING},
                                                      {.name = "how", .kind = ARGUMENT_WORD, .words = ways}},
                                        .needs = NEEDS_SCREEN,
                                        .run = run_click,
                                        DESKTOP_TOOL};
const struct tool tool_desktop_click_at = {
    .name = "desktop_click_at",
    .summary = "a place on the screen",
    .arguments = {PLACE, {.name = "how", .kind = ARGUMENT_WORD, .words = ways}},
    .needs = NEEDS_SCREEN,
    .run = run_click_at,
    DESKTOP_TOOL};
const struct tool tool_desktop_move = {.name = "desktop_move",
                                       .summary = "the pointer goes to a place on the screen",
                                       .arguments = {PLACE},
                                       .needs = NEEDS_SCREEN,
                                       .run = run_move,
                                       DESKTOP_TOOL};
const struct tool tool_desktop_drag = {
    .name = "desktop_drag",
    .summary = "what is at a place, to another",
    .arguments = {PLACE, {.name = "to_x", .kind = ARGUMENT_SCREEN_X}, {.name = "to_y", .kind = ARGUMENT_SCREEN_Y}},
    .needs = NEEDS_SCREEN,
    .run = run_drag,
    DESKTOP_TOOL};
const struct tool tool_desktop_scroll = {
    .name = "desktop_scroll",
    .summary = "what is at a place, by so many turns of the wheel",
    .arguments = {PLACE,
                  {.name = "direction", .kind = ARGUMENT_WORD, .words = directions},
                  {.name = "clicks", .kind = ARGUMENT_CLICKS}},
    .needs = NEEDS_SCREEN,
    .run = run_scroll,
    DESKTOP_TOOL};
const struct tool tool_desktop_type = {.name = "desktop_type",
                                       .summary = "a text, where the active window has its cursor",
                                       .arguments = {{.name = "text", .kind = ARGUMENT_TEXT}},
                                       .needs = NEEDS_SCREEN,
                                       .run = run_type,
                                       DESKTOP_TOOL};
const struct tool tool_desktop_key = {.name = "desktop_key",
                                      .summary = "a key, or several at once, such as Return or ctrl+s",
                                      .arguments = {{.name = "keys", .kind = ARGUMENT_KEYS}},
                                      .needs = NEEDS_SCREEN,
                                      .run = run_key,
                                      DESKTOP_TOOL};
const struct tool tool_desktop_hold = {.name = "desktop_hold",
                                       .summary = "keys are held down from now on, or released",
                                       .arguments = {{.name = "keys", .kind = ARGUMENT_KEYS},
                                                     {.name = "how", .kind = ARGUMENT_WORD, .words = whether}},
                                       .needs = NEEDS_SCREEN,
                                       .run = run_hold,
                                       DESKTOP_TOOL};
const struct tool tool_desktop_button = {.name = "desktop_button",
                                         .summary =
                                             "the left button of the pointer is held down from now on, or released",
                                         .arguments = {{.name = "how", .kind = ARGUMENT_WORD, .words = whether}},
                                         .needs = NEEDS_SCREEN,
                                         .run = run_button,
                                         DESKTOP_TOOL};
const struct tool tool_desktop_wait = {
    .name = "desktop_wait",
    .summary = "so many seconds, or until a line about the screen has this text",
    .arguments = {{.name = "seconds", .kind = ARGUMENT_SECONDS}, {.name = "text", .kind = ARGUMENT_TEXT}},
    .needs = NEEDS_SCREEN,
    .run = run_wait,
    DESKTOP_TOOL};
const struct tool tool_desktop_keep = {
    .name = "desktop_keep",
    .summary = "a file that a program has written becomes one of the folder",
    .arguments = {{.name = "file", .kind = ARGUMENT_MADE}, {.name = "to", .kind = ARGUMENT_NEW}},
    .changes = true,
    .asked_for = true,
    .group = "desktop",
    .effect = effect_of_keep,
    .run = run_keep};
