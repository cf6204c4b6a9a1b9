/* events.c - what the browser tells by itself: pages that come and go, dialogs, downloads. Nothing here waits for
 * an answer. */
#include "browser.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_DIALOGS = 20, LARGEST_DOWNLOAD = 64 << 20 };

void tab_release(struct tab *t)
{
    free(t->target);
    free(t->session);
    free(t->frame);
    *t = (struct tab){0};
}

static const char *word(const json_t *v, const char *key)
{
    const char *s = json_string_value(json_object_get(v, key));
    return s ? s : "";
}

/* --- pages -------------------------------------------------------------------------------------------------- */

static struct tab *tab_of(struct browser *b, const char *session)
{
    for (size_t i = 0; session && i < b->n_tabs; i++)
        if (strcmp(b->tabs[i].session, session) == 0)
            return &b->tabs[i];
    return NULL;
}

/* In each document and worker, before its own scripts: what could send without being held is refused, as a policy
 * would. */
static const char without_sockets[] =
    "for (const name of ['WebSocket', 'WebSocketStream', 'WebTransport', 'RTCPeerConnection', "
    "'webkitRTCPeerConnection']) Object.defineProperty(globalThis, name, {writable: false, configurable: false, "
    "value: "
    "class { constructor() { throw new DOMException('sockets are not granted', 'SecurityError'); } }});";

/* Workers, and frames in processes of their own, wait for this, too. (Sandboxed frames would not wait: start.c has
 * them in the process of their page.) */
static void take_sockets(struct browser *b, const char *session, bool is_document)
{
    if (json_is_true(json_object_get(b->settings->browser, "sockets")))
        return;
    if (is_document)
        browser_send(b, session, "Page.addScriptToEvaluateOnNewDocument",
                     json_pack("{s:s, s:b}", "source", without_sockets, "runImmediately", 1));
    else
        browser_send(b, session, "Runtime.evaluate", json_pack("{s:s}", "expression", without_sockets));
    browser_send(b, session, "Target.setAutoAttach",
                 json_pack("{s:b, s:b, s:b, s:[{s:s}, {s:s}, {s:s}, {s:s}]}", "autoAttach", 1,
                           "waitForDebuggerOnStart", 1, "flatten", 1, "filter", "type", "iframe", "type", "worker",
                           "type", "shared_worker", "type", "service_worker"));
}

/* What is within a page, or works for several. */
static void attached_below(struct browser *b, const char *session, bool is_document)
{
    if (is_document)
        browser_send(b, session, "Page.enable", NULL);
    take_sockets(b, session, is_document);
    browser_send(b, session, "Runtime.runIfWaitingForDebugger", NULL);
}

static void attached(struct browser *b, const json_t *p)
{
    const json_t *info = json_object_get(p, "targetInfo");
    const char *session = word(p, "sessionId"), *target = word(info, "targetId"), *type = word(info, "type");
    if (strcmp(type, "iframe") == 0 || strstr(type, "worker")) {
        attached_below(b, session, strcmp(type, "iframe") == 0);
        return;
    }
    if (strcmp(type, "page") != 0 || b->n_tabs == MOST_TABS) {
        if (b->n_tabs == MOST_TABS && b->n_not_opened++ == 0)
            browser_note(b, "a page was not opened: there are %d already", MOST_TABS);
        browser_send(b, session, "Runtime.runIfWaitingForDebugger", NULL);
        browser_send(b, NULL, "Target.closeTarget", json_pack("{s:s}", "targetId", target));
        return;
    }
    struct tab t = {.target = strdup(target), .session = strdup(session), .frame = strdup(target)};
    if (!t.target || !t.session || !t.frame) {
        tab_release(&t);
        return;
    }
    if (b->n_tabs > 0)
        browser_note(b, "a page was opened in tab %zu", b->n_tabs + 1);
    b->tabs[b->n_tabs] = t;
    b->current = b->n_tabs++;
    b->changed = true;
    browser_send(b, session, "Page.enable", NULL);
    browser_send(b, session, "Inspector.enable", NULL);
    take_sockets(b, session, true);
    browser_send(b, session, "Emulation.setDeviceMetricsOverride",
                 json_pack("{s:i, s:i, s:i, s:b}", "width", WINDOW_WIDTH, "height", WINDOW_HEIGHT,
                           "deviceScaleFactor", 1, "mobile", 0));
    browser_send(b, session, "Emulation.setFocusEmulationEnabled", json_pack("{s:b}", "enabled", 1));
    browser_send(b, session, "Runtime.runIfWaitingForDebugger", NULL);
}

static void detached(struct browser *b, const json_t *p)
{
    struct tab *t = tab_of(b, word(p, "sessionId"));
    b->closed = b->closed || strcmp(b->asked, word(p, "sessionId")) == 0;
    if (!t)
        return;
    const size_t i = (size_t)(t - b->tabs);
    tab_release(t);
    memmove(t, t + 1, (--b->n_tabs - i) * sizeof *t);
    if (b->current > i || b->current == b->n_tabs)
        b->current -= b->current > 0;
    b->changed = true;
    browser_note(b, "tab %zu was closed", i + 1);
}

static void navigated(struct browser *b, const char *session, const json_t *p)
{
    struct tab *t = tab_of(b, session);
    const json_t *frame = json_object_get(p, "frame");
    if (!t || json_object_get(frame, "parentId"))
        return;
    char *id = strdup(word(frame, "id"));
    if (id) {
        free(t->frame);
        t->frame = id;
    }
    t->context = 0;
    b->changed = true;
}

static void crashed(struct browser *b, const char *session)
{
    const struct tab *t = tab_of(b, session);
    if (!t)
        return;
    browser_note(b, "the page has crashed");
    browser_send(b, NULL, "Target.closeTarget", json_pack("{s:s}", "targetId", t->target));
}

/* --- dialogs ------------------------------------------------------------------------------------------------ */

/* alert, confirm, prompt and "leave the page?": the answer is no, but that the page may be left. */
static void dialog(struct browser *b, const char *session, const json_t *p)
{
    const char *type = word(p, "type"), *said = word(p, "message");
    const bool leaves = strcmp(type, "beforeunload") == 0;
    if (++b->n_dialogs > MOST_DIALOGS) {
        browser_note(b, "the page opens one dialog after another: the browser was closed");
        b->dead = true;
        return;
    }
    if (!leaves)
        browser_note(b, "the page said (%s): %.*s", type, (int)text_cut(said, strlen(said), 300), said);
    browser_send(b, session, "Page.handleJavaScriptDialog",
                 json_pack("{s:b}", "accept", leaves || strcmp(type, "alert") == 0));
}

/* --- downloads ---------------------------------------------------------------------------------------------- */

static struct download *download_of(struct browser *b, const char *guid)
{
    for (size_t i = 0; i < b->n_downloads; i++)
        if (strcmp(b->downloads[i].guid, guid) == 0)
            return &b->downloads[i];
    return NULL;
}

static void cancel(struct browser *b, const char *guid)
{
    browser_send(b, NULL, "Browser.cancelDownload", json_pack("{s:s}", "guid", guid));
}

static void download_begins(struct browser *b, const json_t *p)
{
    const char *guid = word(p, "guid"), *name = word(p, "suggestedFilename");
    if (b->n_downloads == MOST_DOWNLOADS) {
        browser_note(b, "a download was refused: there are %d already", MOST_DOWNLOADS);
        cancel(b, guid);
        return;
    }
    struct download d = {.number = b->next_number, .guid = strdup(guid), .name = short_text_of_name(name)};
    if (!d.guid || !d.name || !*guid || strchr(guid, '/')) {
        free(d.guid);
        free(d.name);
        return;
    }
    b->next_number++;
    b->downloads[b->n_downloads++] = d;
    browser_note(b, "download %lld has begun: %.*s", (long long)d.number,
                 (int)text_cut(d.name, strlen(d.name), 200), d.name);
}

static void download_goes_on(struct browser *b, const json_t *p)
{
    const char *state = word(p, "state");
    struct download *d = download_of(b, word(p, "guid"));
    if (!d)
        return;
    if (json_number_value(json_object_get(p, "receivedBytes")) > LARGEST_DOWNLOAD ||
        json_number_value(json_object_get(p, "totalBytes")) > LARGEST_DOWNLOAD) {
        browser_note(b, "download %lld was ended: it has more than 64 MiB", (long long)d->number);
        cancel(b, d->guid);
    }
    if (strcmp(state, "completed") == 0)
        d->whole = true;
    if (strcmp(state, "canceled") == 0) {
        const size_t i = (size_t)(d - b->downloads);
        free(d->guid);
        free(d->name);
        memmove(d, d + 1, (--b->n_downloads - i) * sizeof *d);
    }
}

void browser_hear(struct browser *b, const char *session, const char *name, const json_t *p)
{
    if (strcmp(name, "Fetch.requestPaused") == 0)
        browser_judge(b, session, p);
    else if (strcmp(name, "Target.attachedToTarget") == 0)
        attached(b, p);
    else if (strcmp(name, "Target.detachedFromTarget") == 0)
        detached(b, p);
    else if (strcmp(name, "Page.frameNavigated") == 0)
        navigated(b, session, p);
    else if (strcmp(name, "Inspector.targetCrashed") == 0)
        crashed(b, session);
    else if (strcmp(name, "Page.javascriptDialogOpening") == 0)
        dialog(b, session, p);
    else if (strcmp(name, "Browser.downloadWillBegin") == 0)
        download_begins(b, p);
    else if (strcmp(name, "Browser.downloadProgress") == 0)
        download_goes_on(b, p);
}
