/* requests.c - what the browser asks the network for, each request held until it is judged:
 *
 *   of a granted host                GET, HEAD and OPTIONS go on. Others may send something, which cannot be
 *                                    undone: the user is asked, unless the action was asked about as one that does
 *   http://workspace.invalid/PATH    answered from the file, if the spec grants files and no rule of read or
 *                                    open_file keeps it back; the browser reads none itself
 *   all others                       refused
 *
 * Messages on WebSockets and the like cannot be held, so that none are opened: documents and workers have no such
 * classes (events.c), and answers, of which workers are made, have a Content-Security-Policy besides their own,
 * which Chromium does not heed in documents. */
#include "browser.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_ASKED = 3, MOST_TOLD = 5, LARGEST_FILE = 16 << 20, LONGEST_BODY = 1000 };

/* --- hosts -------------------------------------------------------------------------------------------------- */

char *url_host(const char *url)
{
    const char *at = strncasecmp(url, "http://", 7) == 0    ? url + 7
                     : strncasecmp(url, "https://", 8) == 0 ? url + 8
                                                            : NULL;
    if (!at)
        return strdup("");
    size_t n = strcspn(at, "/?#\\");
    for (size_t i = 0; i < n; i++) /* a name before the host */
        if (at[i] == '@') {
            at += i + 1;
            n -= i + 1;
            i = (size_t)-1;
        }
    char *host = strndup(at, n);
    for (char *c = host; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return host;
}

bool host_is_granted(const struct settings *s, const char *host)
{
    size_t i;
    json_t *v;
    json_array_foreach(json_object_get(s->browser, "hosts"), i, v)
    {
        const char *granted = json_string_value(v);
        const size_t n = strlen(granted), size = strlen(host);
        if (strcasecmp(granted, host) == 0 ||
            (granted[0] == '*' && size >= n && strcasecmp(host + size - (n - 1), granted + 1) == 0))
            return true;
    }
    return false;
}

/* --- files of the workspace --------------------------------------------------------------------------------- */

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {{".html", "text/html; charset=utf-8"},
                                           {".htm", "text/html; charset=utf-8"},
                                           {".css", "text/css"},
                                           {".js", "text/javascript"},
                                           {".mjs", "text/javascript"},
                                           {".json", "application/json"},
                                           {".png", "image/png"},
                                           {".jpg", "image/jpeg"},
                                           {".jpeg", "image/jpeg"},
                                           {".gif", "image/gif"},
                                           {".webp", "image/webp"},
                                           {".svg", "image/svg+xml"},
                                           {".txt", "text/plain; charset=utf-8"},
                                           {".md", "text/plain; charset=utf-8"},
                                           {".csv", "text/plain; charset=utf-8"},
                                           {".pdf", "application/pdf"},
                                           {".woff2", "font/woff2"},
                                           {".xml", "text/xml"}};
    const size_t n = strlen(path);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (n > strlen(types[i][0]) && strcasecmp(path + n - strlen(types[i][0]), types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* The path of an address, its bytes as they are; NULL: it has a NUL. malloc'ed. */
static char *path_of(const char *url)
{
    const char *at = strstr(url, "://");
    at = at ? at + 3 + strcspn(at + 3, "/?#") : url;
    at += strspn(at, "/");
    char *path = strndup(at, strcspn(at, "?#")), *to = path;
    for (const char *s = path; s && *s; to++) {
        const bool is_escape = s[0] == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0;
        *to = is_escape ? (char)(16 * hex(s[1]) + hex(s[2])) : *s;
        s += is_escape ? 3 : 1;
        if (!*to) {
            free(path);
            return NULL;
        }
    }
    if (path)
        *to = '\0';
    return path;
}

static bool may_open_sockets(const struct browser *b)
{
    return json_is_true(json_object_get(b->settings->browser, "sockets"));
}

static json_t *no_sockets(void)
{
    return json_pack("{s:s, s:s}", "name", "Content-Security-Policy", "value",
                     "connect-src http: https: data: blob:");
}

/* An answer of a host, held before the page has it. */
static void judge_answer(struct browser *b, const char *session, const char *id, const json_t *p)
{
    const json_int_t code = json_integer_value(json_object_get(p, "responseStatusCode"));
    json_t *headers = json_object_get(p, "responseHeaders"), *params = json_pack("{s:s}", "requestId", id);
    if (code >= 200 && (code < 300 || code >= 400) && json_is_array(headers) && !may_open_sockets(b)) {
        json_array_append_new(headers, no_sockets());
        json_object_set_new(params, "responseCode", json_integer(code));
        json_object_set(params, "responseHeaders", headers);
    }
    browser_send(b, session, "Fetch.continueResponse", params);
}

static json_t *answer_of(const struct browser *b, const char *id, int code, const char *type,
                         const struct text *body)
{
    char *base64 = base64_write(text_or_empty(body), body->size);
    json_t *v = base64 ? json_pack("{s:s, s:i, s:[{s:s, s:s}, {s:s, s:s}], s:s}", "requestId", id, "responseCode",
                                   code, "responseHeaders", "name", "Content-Type", "value", type, "name",
                                   "Cache-Control", "value", "no-store", "body", base64)
                       : NULL;
    free(base64);
    if (v && !may_open_sockets(b))
        json_array_append_new(json_object_get(v, "responseHeaders"), no_sockets());
    return v;
}

/* A page does not get what the policy keeps from the model, nor what the user would be asked about. */
static bool may_have(const struct browser *b, const char *path)
{
    const enum decision d = policy_of_page_file(b->settings, path);
    return d == ALLOW || (d == ASK && json_object_get(b->opened, path));
}

static void answer_from_file(struct browser *b, const char *session, const char *id, const char *url)
{
    struct text bytes = {0};
    char *path = path_of(url);
    const bool there = path && root_check(b->root, path, false) == VIV_OK && may_have(b, path) &&
                       file_load(b->root, path, LARGEST_FILE, &bytes) == VIV_OK;
    if (!there) {
        text_release(&bytes);
        text_printf(&bytes, "There is no such file in the workspace, or the policy keeps it back.\n");
    }
    browser_send(b, session, "Fetch.fulfillRequest",
                 answer_of(b, id, there ? 200 : 404, there ? type_of(path) : "text/plain", &bytes));
    text_release(&bytes);
    free(path);
}

/* --- sending ------------------------------------------------------------------------------------------------ */

static bool may_send(struct browser *b, const char *method, const char *url, const json_t *request)
{
    bool yes = false;
    if (b->sends)
        return true;
    if (!b->acting || b->n_asked >= MOST_ASKED)
        return false;
    b->n_asked++;
    const char *body = json_string_value(json_object_get(request, "postData"));
    struct text effect = {0};
    text_printf(&effect, "%s %.500s\n", method, url);
    if (body)
        text_printf(&effect, "%.*s\n", (int)text_cut(body, strlen(body), LONGEST_BODY), body);
    events_ask(b->events,
               json_pack("{s:s, s:I, s:s, s:s, s:s, s:b}", "event", "ask", "step", (json_int_t)b->step, "tool",
                         "send", "why", "the page sends something, which cannot be undone", "effect",
                         text_or_empty(&effect), "undoable", 0),
               &yes);
    events_tell(b->events,
                json_pack("{s:s, s:I, s:b}", "event", "answer", "step", (json_int_t)b->step, "yes", yes));
    text_release(&effect);
    return yes;
}

/* Without questions: b->dead if the pipe breaks. */
static void refuse(struct browser *b, const char *session, const char *id, const char *method, const char *url,
                   const char *why)
{
    if (b->n_refused++ < MOST_TOLD && !strstr(url, "/favicon.ico"))
        browser_note(b, "a request was refused (%s): %s %.200s", why, method, url);
    browser_send(b, session, "Fetch.failRequest",
                 json_pack("{s:s, s:s}", "requestId", id, "errorReason", "BlockedByClient"));
}

void browser_judge(struct browser *b, const char *session, const json_t *p)
{
    const json_t *request = json_object_get(p, "request");
    const char *id = json_string_value(json_object_get(p, "requestId")),
               *url = json_string_value(json_object_get(request, "url")),
               *method = json_string_value(json_object_get(request, "method"));
    if (id && (json_object_get(p, "responseStatusCode") || json_object_get(p, "responseErrorReason"))) {
        judge_answer(b, session, id, p);
        return;
    }
    char *host = url ? url_host(url) : NULL;
    if (!id || !method || !host) {
        free(host);
        return;
    }
    const bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
    const bool is_file = strcmp(host, WORKSPACE_HOST) == 0;
    if (is_file && reads && json_is_true(json_object_get(b->settings->browser, "files")))
        answer_from_file(b, session, id, url);
    else if (is_file || !*host || !host_is_granted(b->settings, host))
        refuse(b, session, id, method, url,
               is_file ? "files of the workspace are only read" : "its host is not granted");
    else if (reads || may_send(b, method, url, request))
        browser_send(b, session, "Fetch.continueRequest", json_pack("{s:s}", "requestId", id));
    else
        refuse(b, session, id, method, url, "it sends something, and nobody said yes");
    free(host);
}

/* --- addresses that a model names --------------------------------------------------------------------------- */

/* file:///WORKSPACE/PATH as http://workspace.invalid/PATH. */
static char *file_address(const struct browser *b, const char *url)
{
    const char *path = strncasecmp(url, "file://", 7) == 0 ? url + 7 : "";
    const size_t n = strlen(b->root->path);
    char *as = NULL;
    return strncmp(path, b->root->path, n) == 0 && path[n] == '/' &&
                   asprintf(&as, "http://" WORKSPACE_HOST "%s", path + n) >= 0
               ? as
               : NULL;
}

viv_status browser_may_open(struct browser *b, const char *url, char **as)
{
    const json_t *grants = b->settings->browser;
    const bool files = json_is_true(json_object_get(grants, "files")),
               data = json_is_true(json_object_get(grants, "data"));
    char *host = url_host(url);
    *as = NULL;
    if (!host)
        return viv_fail(b->host, VIV_ENOMEM, "out of memory");
    if (*host ? host_is_granted(b->settings, host) || (files && strcmp(host, WORKSPACE_HOST) == 0)
              : (data && strncasecmp(url, "data:", 5) == 0) || strcmp(url, "about:blank") == 0)
        *as = strdup(url);
    else if (files && !*host)
        *as = file_address(b, url);
    const bool is_web = *host != '\0';
    free(host);
    return *as ? VIV_OK
               : viv_fail(b->host, VIV_EINVAL,
                          is_web ? "the spec grants no such host: %.200s"
                                 : "the spec does not let such an address be opened: %.200s",
                          url);
}
