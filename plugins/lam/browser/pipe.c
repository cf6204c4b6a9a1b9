/* pipe.c - messages to and from the browser: JSON, each ended by NUL.
 *
 *   {"id": 7, "method": "Page.navigate", "params": {...}, "sessionId": "..."}
 *   {"id": 7, "result": {...}}          or  {"id": 7, "error": {"message": "..."}}
 *   {"method": "Page.frameNavigated", "params": {...}, "sessionId": "..."}          an event */
#include "browser.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONGEST_MESSAGE = 64 << 20, LONGEST_NOTES = 4000, PATIENCE = 100 /* ms between looks at `cancel` */ };

int64_t browser_patience(const struct browser *b)
{
    return 1000 * b->settings->page_seconds;
}

void browser_note(struct browser *b, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || b->notes.size > LONGEST_NOTES)
        return;
    const size_t size = text_cut(line, strlen(line), sizeof line - 8);
    if (text_is_utf8(line, size))
        text_printf(&b->notes, "%.*s\n", (int)size, line);
}

/* --- writing ------------------------------------------------------------------------------------------------ */

static bool write_all(struct browser *b, const char *bytes, size_t n)
{
    const int64_t end = clock_ms() + browser_patience(b);
    while (n > 0 && !b->dead) {
        const ssize_t done = write(b->to, bytes, n);
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
            continue;
        }
        struct pollfd out = {.fd = b->to, .events = POLLOUT};
        if ((done < 0 && errno != EAGAIN && errno != EINTR) || clock_ms() >= end || viv_is_cancelled(b->cancel))
            b->dead = true;
        else
            poll(&out, 1, PATIENCE);
    }
    return !b->dead;
}

static int64_t post(struct browser *b, const char *session, const char *name, json_t *params)
{
    const int64_t id = ++b->next_call;
    json_t *message = json_pack("{s:I, s:s, s:o*, s:s*}", "id", (json_int_t)id, "method", name, "params", params,
                                "sessionId", session);
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    const bool ok = text && !b->dead && write_all(b, text, strlen(text) + 1);
    json_decref(message);
    free(text);
    return ok ? id : 0;
}

void browser_send(struct browser *b, const char *session, const char *name, json_t *params)
{
    (void)post(b, session, name, params);
}

/* --- reading ------------------------------------------------------------------------------------------------ */

/* Halves of characters, which JavaScript's strings may have, and bytes that are no UTF-8. */
static void repair(char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\\' && i + 1 < n && text[i + 1] == '\\')
            i++;
        else if (text[i] == '\\' && i + 5 < n && text[i + 1] == 'u' && (text[i + 2] == 'd' || text[i + 2] == 'D') &&
                 strchr("89abcdefABCDEF", text[i + 3]))
            for (size_t k = 0; k < 4; k++)
                text[i + 2 + k] = "fffd"[k];
        else if ((unsigned char)text[i] >= 0x80)
            text[i] = '?';
    }
}

static void take(struct browser *b, char *message, size_t n)
{
    json_t *v = json_loadb(message, n, JSON_ALLOW_NUL, NULL);
    if (!v) {
        repair(message, n);
        v = json_loadb(message, n, JSON_ALLOW_NUL, NULL);
    }
    const json_t *id = json_object_get(v, "id");
    const char *name = json_string_value(json_object_get(v, "method")),
               *session = json_string_value(json_object_get(v, "sessionId"));
    if (json_is_integer(id) && b->awaited && json_integer_value(id) == b->awaited) {
        json_decref(b->reply);
        b->reply = json_incref(v);
        b->awaited = 0;
    } else if (name) {
        browser_hear(b, session, name, json_object_get(v, "params"));
    }
    json_decref(v);
}

/* The first whole message, if there is one. */
static bool take_first(struct browser *b)
{
    const char *data = text_or_empty(&b->in);
    const char *end = memchr(data + b->parsed, '\0', b->in.size - b->parsed);
    if (!end) {
        b->parsed = b->in.size;
        return false;
    }
    const size_t n = (size_t)(end - data);
    char *message = b->in.data;
    const size_t rest = b->in.size - n - 1;
    struct text next = {0};
    text_add(&next, message + n + 1, rest);
    b->in = next; /* what is heard may read further messages */
    b->parsed = 0;
    b->dead = b->dead || next.failed;
    take(b, message, n);
    free(message);
    return true;
}

static void read_some(struct browser *b, int64_t ms)
{
    static const size_t chunk = 1 << 16;
    char bytes[1 << 16];
    struct pollfd in = {.fd = b->from, .events = POLLIN};
    if (poll(&in, 1, ms < PATIENCE ? (int)ms : PATIENCE) <= 0)
        return;
    const ssize_t n = read(b->from, bytes, chunk);
    if (n > 0)
        text_add(&b->in, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        b->dead = true;
    if (b->in.failed || b->in.size > LONGEST_MESSAGE)
        b->dead = true;
}

void browser_listen(struct browser *b, int64_t ms)
{
    const int64_t end = clock_ms() + ms;
    while (!b->dead && !viv_is_cancelled(b->cancel)) {
        while (!b->dead && take_first(b))
            ;
        const int64_t left = end - clock_ms();
        if (left <= 0)
            return;
        read_some(b, left);
    }
}

viv_status browser_call(struct browser *b, const char *session, const char *name, json_t *params, int64_t ms,
                        json_t **result)
{
    const int64_t end = clock_ms() + ms;
    if (result)
        *result = NULL;
    snprintf(b->asked, sizeof b->asked, "%s", session ? session : "");
    b->closed = false;
    if (!(b->awaited = post(b, session, name, params)))
        return viv_fail(b->host, VIV_EIO, "the browser has ended");
    while (b->awaited && !b->dead && !b->closed && !viv_is_cancelled(b->cancel) && clock_ms() < end)
        if (!take_first(b))
            read_some(b, end - clock_ms());
    if (b->awaited) {
        b->awaited = 0;
        return b->dead                       ? viv_fail(b->host, VIV_EIO, "the browser has ended")
               : b->closed                   ? viv_fail(b->host, VIV_ENOTFOUND, "the page was closed")
               : viv_is_cancelled(b->cancel) ? viv_fail(b->host, VIV_ECANCELLED, "cancelled")
                                             : viv_fail(b->host, VIV_ELIMIT, "the page does not answer (%s)", name);
    }
    json_t *reply = b->reply;
    const char *error = json_string_value(json_object_get(json_object_get(reply, "error"), "message"));
    b->reply = NULL;
    viv_status status = VIV_OK;
    if (error)
        status = viv_fail(b->host, VIV_EINVAL, "the browser refuses %s: %.200s", name, error);
    else if (result)
        *result = json_incref(json_object_get(reply, "result"));
    json_decref(reply);
    return status;
}
