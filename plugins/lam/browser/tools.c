/* tools.c - what a model can do with pages. All of it happens outside of the workspace, so that none of it can be
 * undone; what sends something is asked about. */
#include "browser.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t number_of(const char *word)
{
    return strtoll(word, NULL, 10);
}

/* --- around each action ------------------------------------------------------------------------------------- */

static viv_status begin(const struct tool_call *c)
{
    struct browser *b = c->browser;
    b->acting = true;
    b->sends = c->sends;
    b->n_asked = b->n_refused = b->n_dialogs = b->n_not_opened = 0;
    text_release(&b->notes);
    return VIV_OK;
}

static viv_status end(const struct tool_call *c, viv_status status, const char *done, struct text *result)
{
    struct browser *b = c->browser;
    const viv_status settled = status == VIV_OK || b->dead ? page_settle(b) : VIV_OK;
    b->acting = b->sends = false;
    if (status == VIV_OK && settled == VIV_OK)
        text_printf(result, "%s\n", done);
    text_add(result, text_or_empty(&b->notes), b->notes.size);
    text_release(&b->notes);
    return status == VIV_OK ? settled : status;
}

static viv_status refuse(const struct tool_call *c, const char *why)
{
    return viv_fail(c->host, VIV_EINVAL, "%s", why);
}

/* A call of page.js about a thing; "why" in its answer is a refusal. */
static viv_status ask_page(const struct tool_call *c, json_t **out, const char *name, int64_t number)
{
    char expression[96];
    *out = NULL;
    snprintf(expression, sizeof expression, "viv.%s(%" PRId64 ")", name, number);
    const viv_status status = page_call(c->browser, expression, browser_patience(c->browser), out);
    const char *why = json_string_value(json_object_get(*out, "why"));
    return status == VIV_OK && why ? refuse(c, why) : status;
}

static viv_status place_of(const struct tool_call *c, const char *word, double at[2])
{
    json_t *place;
    const viv_status status = ask_page(c, &place, "point", number_of(word));
    at[0] = json_number_value(json_object_get(place, "x"));
    at[1] = json_number_value(json_object_get(place, "y"));
    json_decref(place);
    return status;
}

/* --- what an action is about, for policy, journal and people ------------------------------------------------ */

static void scope_of_page(const struct browser *b, struct text *out)
{
    const char *url = json_string_value(json_object_get(b->page, "url"));
    char *host = url ? url_host(url) : NULL;
    text_printf(out, "%s", host && *host ? host : "page");
    free(host);
}

static void scope_of_item(const struct browser *b, int64_t number, struct text *out)
{
    const json_t *item = page_item(b, number);
    const char *role = json_string_value(json_array_get(item, 1)),
               *name = json_string_value(json_array_get(item, 2));
    text_printf(out, " %s", role ? role : "");
    if (name && *name)
        text_printf(out, " \"%s\"", name);
}

/* As the browser understands it, so that no other way to write an address passes by a rule. */
static void scope_of_address(const char *url, struct text *out)
{
    char *host = url_host(url);
    if (host && *host) {
        const bool secure = url[4] == 's' || url[4] == 'S';
        const char *rest = strstr(url, "://") + 3, *port = strrchr(host, ':');
        rest += strcspn(rest, "/?#\\");
        if (port && strcmp(port, secure ? ":443" : ":80") == 0)
            host[port - host] = '\0';
        text_printf(out, "%s://%s/%s", secure ? "https" : "http", host, rest + (*rest == '/' || *rest == '\\'));
    } else {
        text_printf(out, "%s", url);
    }
    free(host);
}

/* "example.org button "Save"". */
void browser_scope(const struct tool *t, const struct tool_call *c, struct text *out)
{
    if (t == &tool_open) {
        scope_of_address(c->words[0], out);
        return;
    }
    if (t == &tool_open_file) {
        text_printf(out, "%s", c->words[0]);
        return;
    }
    scope_of_page(c->browser, out);
    for (int i = 0; i < MAX_ARGUMENTS && t->arguments[i].name; i++) {
        const enum argument_kind kind = t->arguments[i].kind;
        if (kind == ARGUMENT_ELEMENT || kind == ARGUMENT_EDITABLE || kind == ARGUMENT_OPTION ||
            (kind == ARGUMENT_SCROLLED && number_of(c->words[i])))
            scope_of_item(c->browser, number_of(c->words[i]), out);
        else if (kind != ARGUMENT_TEXT)
            text_printf(out, " %s", c->words[i]);
    }
}

bool browser_leaves(const struct tool *t, const struct tool_call *c)
{
    const char *url = json_string_value(json_object_get(c->browser->page, "url"));
    char *now = url ? url_host(url) : NULL, *then = t == &tool_open ? url_host(c->words[0]) : NULL;
    const bool leaves = then && (!now || strcmp(now, then) != 0);
    free(now);
    free(then);
    return leaves;
}

/* The form that would be sent. */
static bool form_of(const struct tool_call *c, int64_t number, struct text *out)
{
    json_t *form, *field;
    size_t i;
    const bool is = ask_page(c, &form, "form", number) == VIV_OK && json_is_true(json_object_get(form, "form"));
    const char *method = json_string_value(json_object_get(form, "method")),
               *url = json_string_value(json_object_get(form, "url"));
    if (is && out) {
        text_printf(out, "it sends a form: %s %s\n", method ? method : "", url ? url : "");
        json_array_foreach(json_object_get(form, "fields"), i, field)
            text_printf(out, "  %s\n", json_string_value(field));
    }
    json_decref(form);
    return is;
}

static bool click_sends(const struct tool_call *c)
{
    enum { KINDS = 9, SENDS = 4 };
    return (json_integer_value(json_array_get(page_item(c->browser, number_of(c->words[0])), KINDS)) & SENDS) != 0;
}

static bool press_sends(const struct tool_call *c)
{
    return strstr(c->words[0], "Enter") && form_of(c, 0, NULL);
}

/* Text with an end of line in it presses Enter. */
static bool type_sends(const struct tool_call *c)
{
    return strchr(c->words[1], '\n') && form_of(c, number_of(c->words[0]), NULL);
}

static viv_status effect_of_click(const struct tool_call *c, struct text *out)
{
    if (c->sends)
        form_of(c, number_of(c->words[0]), out);
    return VIV_OK;
}

static viv_status effect_of_press(const struct tool_call *c, struct text *out)
{
    if (c->sends)
        form_of(c, 0, out);
    return VIV_OK;
}

/* --- pages -------------------------------------------------------------------------------------------------- */

static viv_status open_url(const struct tool_call *c, const char *url, struct text *result)
{
    struct browser *b = c->browser;
    char *as = NULL;
    json_t *reply = NULL;
    viv_status status = browser_may_open(b, url, &as);
    if (status == VIV_OK)
        status = browser_start(b);
    if (status != VIV_OK) {
        free(as);
        return status;
    }
    begin(c);
    const struct tab *t = browser_tab(b);
    status =
        t ? browser_call(b, t->session, "Page.navigate", json_pack("{s:s}", "url", as), browser_patience(b), &reply)
          : viv_fail(b->host, VIV_EIO, "the page was closed before it could be used");
    const char *error = json_string_value(json_object_get(reply, "errorText"));
    if (status == VIV_OK && error && strcmp(error, "net::ERR_ABORTED") != 0) /* which a download is */
        status = viv_fail(b->host, VIV_EIO, "the page cannot be opened: %s", error);
    json_decref(reply);
    free(as);
    return end(c, status, "it was opened", result);
}

static viv_status run_open(const struct tool_call *c, struct text *result)
{
    return open_url(c, c->words[0], result);
}

static viv_status run_open_file(const struct tool_call *c, struct text *result)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./~";
    struct text url = {0};
    json_object_set_new_nocheck(c->browser->opened, c->words[0], json_true());
    text_printf(&url, "http://" WORKSPACE_HOST "/");
    for (const char *s = c->words[0]; *s; s++)
        text_printf(&url, strchr(plain, *s) ? "%c" : "%%%02X", (unsigned char)*s);
    const viv_status status =
        url.failed ? viv_fail(c->host, VIV_ENOMEM, "out of memory") : open_url(c, url.data, result);
    text_release(&url);
    return status;
}

static viv_status run_back(const struct tool_call *c, struct text *result)
{
    struct browser *b = c->browser;
    json_t *history = NULL;
    const struct tab *t = browser_tab(b);
    begin(c);
    viv_status status =
        t ? browser_call(b, t->session, "Page.getNavigationHistory", NULL, browser_patience(b), &history)
          : refuse(c, "no page is open");
    const json_int_t at = json_integer_value(json_object_get(history, "currentIndex"));
    const json_t *entry = at > 0 ? json_array_get(json_object_get(history, "entries"), (size_t)at - 1) : NULL;
    if (status == VIV_OK && !entry)
        status = refuse(c, "there is no page before this one");
    if (status == VIV_OK && (t = browser_tab(b)))
        status =
            browser_call(b, t->session, "Page.navigateToHistoryEntry",
                         json_pack("{s:O}", "entryId", json_object_get(entry, "id")), browser_patience(b), NULL);
    json_decref(history);
    return end(c, status, "it is the page before now", result);
}

static viv_status run_switch_tab(const struct tool_call *c, struct text *result)
{
    struct browser *b = c->browser;
    const int64_t n = number_of(c->words[0]);
    begin(c);
    if (n < 1 || (size_t)n > b->n_tabs)
        return end(c, refuse(c, "there is no such tab"), "", result);
    b->current = (size_t)n - 1;
    return end(c,
               browser_call(b, NULL, "Target.activateTarget",
                            json_pack("{s:s}", "targetId", b->tabs[b->current].target), browser_patience(b), NULL),
               "it is the page now", result);
}

static viv_status run_close_tab(const struct tool_call *c, struct text *result)
{
    struct browser *b = c->browser;
    const int64_t n = number_of(c->words[0]);
    const size_t before = b->n_tabs;
    begin(c);
    if (n < 1 || (size_t)n > b->n_tabs)
        return end(c, refuse(c, "there is no such tab"), "", result);
    const viv_status status =
        browser_call(b, NULL, "Target.closeTarget", json_pack("{s:s}", "targetId", b->tabs[n - 1].target),
                     browser_patience(b), NULL);
    for (int i = 0; status == VIV_OK && b->n_tabs == before && i < 50; i++)
        browser_listen(b, 20);
    return end(c, status, "it was closed", result);
}

/* --- pointer and keys --------------------------------------------------------------------------------------- */

static viv_status run_click(const struct tool_call *c, struct text *result)
{
    double at[2];
    begin(c);
    viv_status status = place_of(c, c->words[0], at);
    if (status == VIV_OK)
        status = input_click(c->browser, at[0], at[1], c->words[1]);
    return end(c, status, "it was clicked", result);
}

static viv_status run_click_at(const struct tool_call *c, struct text *result)
{
    begin(c);
    return end(c, input_click(c->browser, (double)number_of(c->words[0]), (double)number_of(c->words[1]), "left"),
               "clicked there", result);
}

static viv_status run_hover(const struct tool_call *c, struct text *result)
{
    double at[2];
    begin(c);
    viv_status status = place_of(c, c->words[0], at);
    if (status == VIV_OK)
        status = input_move(c->browser, at[0], at[1]);
    if (status == VIV_OK)
        browser_listen(c->browser, 4 * QUIET_MS); /* menus wait before they open */
    return end(c, status, "the pointer is there", result);
}

static viv_status run_drag(const struct tool_call *c, struct text *result)
{
    double from[2], to[2];
    begin(c);
    viv_status status = place_of(c, c->words[1], to); /* it may scroll; what is dragged must be seen in the end */
    if (status == VIV_OK)
        status = place_of(c, c->words[0], from);
    if (status == VIV_OK)
        status = input_drag(c->browser, from, to);
    return end(c, status, "it was dragged there", result);
}

/* A text as JavaScript has it. */
static char *literal(const char *text)
{
    json_t *v = json_string(text);
    char *out = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) : NULL;
    json_decref(v);
    return out;
}

static viv_status type_into(const struct tool_call *c)
{
    json_t *state = NULL;
    char *text = literal(c->words[1]), *expression = NULL;
    if (!text || asprintf(&expression, "viv.edit(%" PRId64 ", %s)", number_of(c->words[0]), text) < 0) {
        free(text);
        return viv_fail(c->host, VIV_ENOMEM, "out of memory");
    }
    viv_status status = page_call(c->browser, expression, browser_patience(c->browser), &state);
    const char *why = json_string_value(json_object_get(state, "why"));
    if (status == VIV_OK && why)
        status = refuse(c, why);
    if (status == VIV_OK && !json_is_true(json_object_get(state, "set"))) {
        if (!json_is_true(json_object_get(state, "empty")) && !*c->words[1])
            status = input_press(c->browser, "Delete");
        if (status == VIV_OK)
            status = input_type(c->browser, c->words[1]);
    }
    json_decref(state);
    free(expression);
    free(text);
    return status;
}

static viv_status run_type(const struct tool_call *c, struct text *result)
{
    begin(c);
    return end(c, type_into(c), "it has this text now", result);
}

static viv_status run_press(const struct tool_call *c, struct text *result)
{
    begin(c);
    return end(c, input_press(c->browser, c->words[0]), "pressed", result);
}

static viv_status run_select(const struct tool_call *c, struct text *result)
{
    json_t *answer;
    begin(c);
    const viv_status status = ask_page(c, &answer, "choose", number_of(c->words[0]));
    json_decref(answer);
    return end(c, status, "it was chosen", result);
}

static viv_status run_scroll(const struct tool_call *c, struct text *result)
{
    json_t *answer = NULL;
    char expression[96];
    const char *way = c->words[1];
    begin(c);
    snprintf(expression, sizeof expression, "viv.scroll(%" PRId64 ", %d, %d)", number_of(c->words[0]),
             (strcmp(way, "right") == 0) - (strcmp(way, "left") == 0),
             (strcmp(way, "down") == 0) - (strcmp(way, "up") == 0));
    viv_status status = page_call(c->browser, expression, browser_patience(c->browser), &answer);
    const char *why = json_string_value(json_object_get(answer, "why"));
    if (status == VIV_OK && why)
        status = refuse(c, why);
    json_decref(answer);
    return end(c, status, "it was scrolled", result);
}

/* --- downloads ---------------------------------------------------------------------------------------------- */

static viv_status load(const struct browser *b, const struct download *d, struct text *bytes)
{
    char piece[65536];
    ssize_t n = -1;
    const int folder = openat(b->folder, "downloads", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const int fd = folder >= 0 ? openat(folder, d->guid, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    while (fd >= 0 && (n = read(fd, piece, sizeof piece)) > 0)
        text_add(bytes, piece, (size_t)n);
    const int e = errno;
    if (fd >= 0)
        close(fd);
    if (folder >= 0)
        close(folder);
    return n == 0 && !bytes->failed ? VIV_OK
                                    : viv_fail(b->host, VIV_EIO, "the download cannot be read: %s", strerror(e));
}

static viv_status run_save(const struct tool_call *c, struct text *result)
{
    const struct browser *b = c->browser;
    struct text bytes = {0};
    const struct download *d = NULL;
    int fd = -1;
    for (size_t i = 0; i < b->n_downloads; i++)
        if (b->downloads[i].number == number_of(c->words[0]) && b->downloads[i].whole)
            d = &b->downloads[i];
    viv_status status = d ? load(b, d, &bytes) : refuse(c, "there is no such download");
    if (status == VIV_OK)
        status = journal_stage(c->journal, false, &fd);
    if (status == VIV_OK)
        status = staged_write(c, fd, &bytes, c->words[1]);
    if (status == VIV_OK)
        status = journal_commit(c->journal, "save", NULL, c->words[1], false);
    if (status == VIV_OK)
        text_printf(result, "it was saved, with %zu bytes\n", bytes.size);
    else if (c->journal)
        journal_drop(c->journal);
    text_release(&bytes);
    return status;
}

/* --- the tools ---------------------------------------------------------------------------------------------- */

static const char *const ways[] = {"left", "double", "triple", "right", NULL};
static const char *const directions[] = {"up", "down", "left", "right", NULL};

#define PAGE_TOOL .asked_for = true, .group = "browser", .outside = true, .untrusted = true, .scope = browser_scope

const struct tool tool_open = {.name = "open",
                               .summary = "a web page",
                               .arguments = {{.name = "url", .kind = ARGUMENT_TEXT}},
                               .needs = NEEDS_GRANT,
                               .run = run_open,
                               PAGE_TOOL};
const struct tool tool_open_file = {.name = "open_file",
                                    .summary = "a file of the folder, as a web page",
                                    .arguments = {{.name = "path", .kind = ARGUMENT_FILE}},
                                    .needs = NEEDS_FILES,
                                    .run = run_open_file,
                                    PAGE_TOOL};
const struct tool tool_click = {.name = "click",
                                .summary = "something on the page, by its number; how: left is usual",
                                .arguments = {{.name = "element", .kind = ARGUMENT_ELEMENT},
                                              {.name = "how", .kind = ARGUMENT_WORD, .words = ways}},
                                .needs = NEEDS_PAGE,
                                .sends = click_sends,
                                .effect = effect_of_click,
                                .run = run_click,
                                PAGE_TOOL};
const struct tool tool_click_at = {
    .name = "click_at",
    .summary = "a place in the picture of the page",
    .arguments = {{.name = "x", .kind = ARGUMENT_X}, {.name = "y", .kind = ARGUMENT_Y}},
    .needs = NEEDS_PICTURE,
    .run = run_click_at,
    PAGE_TOOL};
const struct tool tool_hover = {.name = "hover",
                                .summary = "the pointer goes over something on the page",
                                .arguments = {{.name = "element", .kind = ARGUMENT_ELEMENT}},
                                .needs = NEEDS_PAGE,
                                .run = run_hover,
                                PAGE_TOOL};
const struct tool tool_type = {
    .name = "type",
    .summary = "a text into a field, in place of what it has",
    .arguments = {{.name = "element", .kind = ARGUMENT_EDITABLE}, {.name = "text", .kind = ARGUMENT_TEXT}},
    .needs = NEEDS_PAGE,
    .sends = type_sends,
    .effect = effect_of_click,
    .run = run_type,
    PAGE_TOOL};
const struct tool tool_select = {.name = "select",
                                 .summary = "an option of a list",
                                 .arguments = {{.name = "option", .kind = ARGUMENT_OPTION}},
                                 .needs = NEEDS_PAGE,
                                 .run = run_select,
                                 PAGE_TOOL};
const struct tool tool_drag = {
    .name = "drag",
    .summary = "something on the page onto something else",
    .arguments = {{.name = "from", .kind = ARGUMENT_ELEMENT}, {.name = "to", .kind = ARGUMENT_ELEMENT}},
    .needs = NEEDS_PAGE,
    .run = run_drag,
    PAGE_TOOL};
const struct tool tool_scroll = {.name = "scroll",
                                 .summary = "a part of the page that scrolls, or, as 0, all of it",
                                 .arguments = {{.name = "element", .kind = ARGUMENT_SCROLLED},
                                               {.name = "direction", .kind = ARGUMENT_WORD, .words = directions}},
                                 .needs = NEEDS_PAGE,
                                 .run = run_scroll,
                                 PAGE_TOOL};
const struct tool tool_press = {.name = "press",
                                .summary = "a key, or several at once, where the page has the focus",
                                .arguments = {{.name = "keys", .kind = ARGUMENT_WORD, .words = input_keys}},
                                .needs = NEEDS_PAGE,
                                .sends = press_sends,
                                .effect = effect_of_press,
                                .run = run_press,
                                PAGE_TOOL};
const struct tool tool_back = {
    .name = "back", .summary = "to the page before", .needs = NEEDS_PAGE, .run = run_back, PAGE_TOOL};
const struct tool tool_switch_tab = {.name = "switch_tab",
                                     .summary = "to another open page",
                                     .arguments = {{.name = "tab", .kind = ARGUMENT_TAB}},
                                     .needs = NEEDS_PAGE,
                                     .run = run_switch_tab,
                                     PAGE_TOOL};
const struct tool tool_close_tab = {.name = "close_tab",
                                    .summary = "closes an open page",
                                    .arguments = {{.name = "tab", .kind = ARGUMENT_TAB}},
                                    .needs = NEEDS_PAGE,
                                    .run = run_close_tab,
                                    PAGE_TOOL};
const struct tool tool_save = {
    .name = "save",
    .summary = "a download becomes a new file",
    .arguments = {{.name = "download", .kind = ARGUMENT_DOWNLOAD}, {.name = "to", .kind = ARGUMENT_NEW}},
    .changes = true,
    .asked_for = true,
    .group = "browser",
    .run = run_save};
