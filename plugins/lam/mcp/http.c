/* http.c - messages as POSTs, and their answers as JSON or as a stream of events (streamable HTTP), over a plain
 * socket to the host that the spec names. No redirection is followed. Each POST is a connection of its own.
 *
 *   modern: MCP-Protocol-Version, Mcp-Method and Mcp-Name beside the message     before: Mcp-Session-Id
 *
 * There is no https: a server elsewhere is reached through a tunnel of the user's. */
#include "mcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE = 100, LONGEST_HEAD = 65536, LONGEST_SESSION = 1024 };

struct http {
    char *host, *port, *path;
    char session[LONGEST_SESSION + 1];
    int fd;                      /* of the answer that is being read; -1: none */
    struct text in;              /* received, and not yet taken */
    struct text body;            /* without the marks of chunks */
    bool chunked, events, whole; /* whole: the body is all there */
    int64_t left;                /* bytes of the body, or of a chunk; -1: until the connection ends */
    int status;
};

static void hang_up(struct http *h)
{
    if (h->fd >= 0)
        close(h->fd);
    h->fd = -1;
    text_release(&h->in);
    text_release(&h->body);
}

static viv_status wait_for(struct mcp_client *c, int fd, short what, int64_t deadline)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = what};
        const int64_t left = deadline - clock_ms();
        if (viv_is_cancelled(c->cancel))
            return viv_fail(c->host, VIV_ECANCELLED, "cancelled");
        if (left <= 0)
            return VIV_ENOTFOUND;
        if (poll(&p, 1, left < PATIENCE ? (int)left : PATIENCE) > 0)
            return VIV_OK;
    }
}

static viv_status broken(struct mcp_client *c, const char *what, int e)
{
    const struct http *h = c->state;
    return viv_fail(c->host, VIV_EIO, "server '%s': http://%s:%s%s: %s%s%s", c->name, h->host, h->port, h->path,
                    what, e ? ": " : "", e ? strerror(e) : "");
}

/* --- connections -------------------------------------------------------------------------------------------- */

static viv_status connect_to(struct mcp_client *c, int64_t deadline)
{
    struct http *h = c->state;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *all = NULL;
    const int wrong = getaddrinfo(h->host, h->port, &hints, &all);
    if (wrong)
        return broken(c, gai_strerror(wrong), 0);
    viv_status status = broken(c, "there is no address", 0);
    for (const struct addrinfo *a = all; a && status != VIV_OK && status != VIV_ECANCELLED; a = a->ai_next) {
        int e = 0;
        socklen_t size = sizeof e;
        h->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        if (h->fd < 0)
            continue;
        status = connect(h->fd, a->ai_addr, a->ai_addrlen) == 0 ? VIV_OK
                 : errno == EINPROGRESS                         ? wait_for(c, h->fd, POLLOUT, deadline)
                                                                : broken(c, "cannot connect", errno);
        if (status == VIV_OK && (getsockopt(h->fd, SOL_SOCKET, SO_ERROR, &e, &size) != 0 || e))
            status = broken(c, "cannot connect", e);
        if (status == VIV_ENOTFOUND)
            status = broken(c, "no answer", 0);
        if (status != VIV_OK)
            hang_up(h);
    }
    freeaddrinfo(all);
    return status;
}

static viv_status write_all(struct mcp_client *c, const struct text *t, int64_t deadline)
{
    const struct http *h = c->state;
    viv_status status = t->failed ? viv_fail(c->host, VIV_ENOMEM, "out of memory") : VIV_OK;
    for (size_t done = 0; status == VIV_OK && done < t->size;) {
        const ssize_t n = send(h->fd, t->data + done, t->size - done, MSG_NOSIGNAL);
        if (n >= 0)
            done += (size_t)n;
        else if (errno == EAGAIN)
            status = wait_for(c, h->fd, POLLOUT, deadline);
        else if (errno != EINTR)
            status = broken(c, "cannot be written to", errno);
    }
    return status;
}

/* More bytes; *ended: there are no more. */
static viv_status read_more(struct mcp_client *c, int64_t deadline, bool *ended)
{
    struct http *h = c->state;
    char bytes[65536];
    for (;;) {
        const viv_status status = wait_for(c, h->fd, POLLIN, deadline); /* also where there is always more */
        if (status != VIV_OK)
            return status;
        const ssize_t n = recv(h->fd, bytes, sizeof bytes, 0);
        if (n > 0)
            text_add(&h->in, bytes, (size_t)n);
        if (h->in.failed)
            return viv_fail(c->host, VIV_ENOMEM, "out of memory");
        *ended = n == 0;
        if (n >= 0)
            return VIV_OK;
        if (errno != EAGAIN && errno != EINTR)
            return broken(c, "cannot be read", errno);
    }
}

static void drop_front(struct text *t, size_t n)
{
    memmove(t->data, t->data + n, t->size - n + 1);
    t->size -= n;
}

/* --- heads -------------------------------------------------------------------------------------------------- */

static const char *value_of(const char *line, const char *name)
{
    const size_t n = strlen(name);
    if (strncasecmp(line, name, n) != 0 || line[n] != ':')
        return NULL;
    line += n + 1;
    return line + strspn(line, " \t");
}

static bool take_header(struct http *h, const char *line)
{
    const char *v;
    char *end;
    if ((v = value_of(line, "Content-Length"))) {
        errno = 0;
        h->left = strtoll(v, &end, 10);
        return end != v && !*end && errno == 0 && h->left >= 0;
    }
    if ((v = value_of(line, "Transfer-Encoding")))
        return h->chunked = strcasecmp(v, "chunked") == 0;
    if ((v = value_of(line, "Content-Type")))
        h->events = strncasecmp(v, "text/event-stream", 17) == 0;
    if ((v = value_of(line, "Mcp-Session-Id"))) {
        const size_t n = strlen(v);
        if (n > LONGEST_SESSION)
            return false;
        for (size_t i = 0; i < n; i++)
            if (v[i] < 0x21 || v[i] > 0x7E)
                return false;
        memcpy(h->session, v, n + 1);
    }
    return true;
}

/* "HTTP/1.1 200 OK" and what follows, without the empty line. */
static bool take_head(struct http *h, char *head)
{
    char *at;
    bool ok = strncmp(head, "HTTP/1.", 7) == 0 && strlen(head) > 12 && head[8] == ' ';
    h->status = ok ? atoi(head + 9) : 0;
    h->chunked = h->events = h->whole = false;
    h->left = -1;
    ok = ok && h->status >= 100 && h->status < 600 && strlen(head) == strcspn(head, "\x01\x02\x03");
    strtok_r(head, "\r\n", &at);
    for (char *line; ok && (line = strtok_r(NULL, "\r\n", &at));)
        ok = take_header(h, line);
    if (h->chunked)
        h->left = 0;
    return ok;
}

static viv_status read_head(struct mcp_client *c, int64_t deadline)
{
    struct http *h = c->state;
    for (bool ended = false;;) {
        char *end = h->in.size ? memmem(h->in.data, h->in.size, "\r\n\r\n", 4) : NULL;
        if (end) {
            const size_t n = (size_t)(end - h->in.data) + 4;
            *end = '\0';
            const bool ok = strlen(h->in.data) == n - 4 && take_head(h, h->in.data);
            drop_front(&h->in, n);
            return ok ? VIV_OK : broken(c, "the answer is no HTTP", 0);
        }
        if (ended || h->in.size > LONGEST_HEAD)
            return broken(c, "the answer is no HTTP", 0);
        const viv_status status = read_more(c, deadline, &ended);
        if (status != VIV_OK)
            return status;
    }
}

/* --- bodies ------------------------------------------------------------------------------------------------- */

/* Moves what is there of the body. false: it is no body. */
static bool take_body(struct http *h)
{
    while (!h->whole && h->in.size) {
        if (h->chunked && h->left == 0) {
            char *line = memmem(h->in.data, h->in.size, "\r\n", 2), *end;
            if (line == h->in.data) { /* behind a chunk */
                drop_front(&h->in, 2);
                continue;
            }
            if (!line)
                return h->in.size < 64;
            h->left = strtoll(h->in.data, &end, 16);
            if (end == h->in.data || h->left < 0 || h->left > LONGEST_MESSAGE || (*end != '\r' && *end != ';'))
                return false;
            h->whole = h->left == 0;
            drop_front(&h->in, (size_t)(line - h->in.data) + 2);
        } else {
            const size_t n = h->left < 0 || (uint64_t)h->left > h->in.size ? h->in.size : (size_t)h->left;
            text_add(&h->body, h->in.data, n);
            drop_front(&h->in, n);
            h->left -= h->left < 0 ? 0 : (int64_t)n;
            h->whole = !h->chunked && h->left == 0;
        }
    }
    h->whole = h->whole || (!h->chunked && h->left == 0);
    return true;
}

/* One event's data, if all of it is there: lines "data: ..." up to an empty one. */
static bool take_event(struct text *body, struct text *data)
{
    size_t at = 0;
    for (;;) {
        const char *line = text_or_empty(body) + at,
                   *end = at < body->size ? memchr(line, '\n', body->size - at) : NULL;
        if (!end)
            return false;
        size_t n = (size_t)(end - line);
        at += n + 1;
        n -= n && line[n - 1] == '\r';
        if (n == 0)
            break;
        if (n >= 5 && memcmp(line, "data:", 5) == 0) {
            const size_t from = n > 5 && line[5] == ' ' ? 6 : 5;
            text_add(data, line + from, n - from);
        }
    }
    drop_front(body, at);
    return true;
}

static viv_status http_receive(struct mcp_client *c, int64_t deadline, json_t **out)
{
    struct http *h = c->state;
    bool ended = false;
    while (h->fd >= 0) {
        struct text data = {0};
        if (!take_body(h) || h->body.size > LONGEST_MESSAGE)
            return broken(c, "the body of an answer is too long, or is none", 0);
        if (h->in.failed || h->body.failed)
            return viv_fail(c->host, VIV_ENOMEM, "out of memory");
        if (h->events && take_event(&h->body, &data)) {
            *out = client_read(c, text_or_empty(&data), data.size);
            text_release(&data);
            return VIV_OK;
        }
        text_release(&data);
        if (h->whole || ended) {
            *out = h->events ? NULL : client_read(c, text_or_empty(&h->body), h->body.size);
            hang_up(h);
            return VIV_OK;
        }
        const viv_status status = read_more(c, deadline, &ended);
        if (status != VIV_OK)
            return status;
    }
    return viv_fail(c->host, VIV_EIO, "server '%s': http://%s:%s%s: HTTP status %d, and no answer%s%s", c->name,
                    h->host, h->port, h->path, h->status, *c->unread ? " that can be read: " : "", c->unread);
}

/* --- requests ----------------------------------------------------------------------------------------------- */

/* A name as a header may have it: others are left out, and the server takes the message's. */
static bool is_plain(const char *s)
{
    for (; *s; s++)
        if (*s < 0x21 || *s > 0x7E)
            return false;
    return true;
}

static viv_status post(struct mcp_client *c, const char *text, size_t n, const char *method, const char *tool,
                       int64_t deadline)
{
    struct http *h = c->state;
    struct text request = {0};
    const bool six = strchr(h->host, ':') != NULL;
    const bool first = method && strcmp(method, "initialize") == 0;
    if (first)
        *h->session = '\0'; /* of the question which era it is */
    text_printf(&request,
                "POST %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nContent-Type: application/json\r\n"
                "Accept: application/json, text/event-stream\r\nConnection: close\r\nContent-Length: %zu\r\n",
                h->path, six ? "[" : "", h->host, six ? "]" : "", h->port, n);
    if (!first)
        text_printf(&request, "MCP-Protocol-Version: %s\r\n", c->version);
    if (c->modern && method)
        text_printf(&request, "Mcp-Method: %s\r\n", method);
    if (c->modern && tool && is_plain(tool))
        text_printf(&request, "Mcp-Name: %s\r\n", tool);
    if (!c->modern && *h->session)
        text_printf(&request, "Mcp-Session-Id: %s\r\n", h->session);
    text_printf(&request, "\r\n");
    text_add(&request, text, n);
    viv_status status = connect_to(c, deadline);
    if (status == VIV_OK)
        status = write_all(c, &request, deadline);
    if (status == VIV_OK)
        status = read_head(c, deadline);
    text_release(&request);
    return status == VIV_ENOTFOUND ? viv_fail(c->host, VIV_ELIMIT, "server '%s': no answer", c->name) : status;
}

/* What is no request, such as an answer to the server's, is a connection of its own beside the one that is read. */
static viv_status http_send(struct mcp_client *c, const char *text, size_t n, const char *method, const char *tool,
                            int64_t deadline)
{
    struct http *h = c->state;
    const struct http reading = *h;
    const bool cancels = method && strcmp(method, CANCELLED) == 0;
    if (cancels && c->modern) { /* who hangs up has cancelled */
        hang_up(h);
        return VIV_OK;
    }
    if (method && !cancels) {
        hang_up(h); /* of an answer that nobody waits for */
        return post(c, text, n, method, tool, deadline);
    }
    h->fd = -1;
    h->in = h->body = (struct text){0};
    const viv_status status = post(c, text, n, cancels ? method : NULL, NULL, deadline);
    hang_up(h);
    *h = reading;
    return status;
}

static void http_close(struct mcp_client *c)
{
    struct http *h = c->state;
    hang_up(h);
    free(h->host);
    free(h->port);
    free(h->path);
    free(h);
}

static const struct wire http = {http_send, http_receive, http_close};

/* http://HOST[:PORT][/PATH], HOST perhaps in brackets. */
static bool read_url(const char *url, struct http *h)
{
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0 || !is_plain(url))
        return false;
    const char *host = url + sizeof scheme - 1, *path = host + strcspn(host, "/?#");
    const bool six = *host == '[';
    host += six;
    const char *end = six ? strchr(host, ']') : host + strcspn(host, ":/?#");
    const char *port = end ? end + six : NULL;
    if (!end || end > path || end == host || strcspn(host, "@") < (size_t)(path - host) ||
        (port != path && *port != ':'))
        return false;
    h->host = strndup(host, (size_t)(end - host));
    h->port = port == path ? strdup("80") : strndup(port + 1, (size_t)(path - port - 1));
    h->path = strdup(*path == '/' ? path : "/");
    return h->host && h->port && h->path && *h->port && h->port[strspn(h->port, "0123456789")] == '\0';
}

viv_status http_open(struct mcp_client *c, const json_t *settings)
{
    const char *url = json_string_value(json_object_get(settings, "url"));
    struct http *h = calloc(1, sizeof *h);
    if (!h)
        return viv_fail(c->host, VIV_ENOMEM, "out of memory");
    h->fd = -1;
    c->wire = &http;
    c->state = h;
    if (read_url(url, h))
        return VIV_OK;
    client_close(c);
    return viv_fail(
        c->host, VIV_EINVAL,
        "server '%s': url: expected http://HOST[:PORT][/PATH], found '%.200s' (there is no https: use a "
        "tunnel)",
        c->name, url);
}
