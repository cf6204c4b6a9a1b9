/* stdio.c - messages as lines, to and from a program that was started for them. What it writes to its standard
 * error is kept for the sentence that says why it has ended. */
#include "mcp.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE = 100 /* ms between looks at `cancel` */, MOST_WORDS = 64, LAST_WORDS = 300, MOST_PIECES = 64 };

struct stdio {
    struct process process;
    struct text in; /* received, and not yet taken */
    size_t looked;  /* bytes of it that have no line feed */
    char said[LAST_WORDS + 1];
    size_t n_said;
    bool closed, cut; /* cut: it has a part of a message, and whatever is sent behind it would be none */
};

/* The end of what it says there; of what never ends, the part that is there now. */
static void take_errors(struct stdio *s)
{
    char bytes[4096];
    ssize_t n;
    for (int i = 0; i < MOST_PIECES && (n = read(s->process.err, bytes, sizeof bytes)) > 0; i++) {
        const size_t take = (size_t)n < LAST_WORDS ? (size_t)n : LAST_WORDS,
                     keep = s->n_said + take > LAST_WORDS ? LAST_WORDS - take : s->n_said;
        memmove(s->said, s->said + s->n_said - keep, keep);
        memcpy(s->said + keep, bytes + (size_t)n - take, take);
        s->n_said = keep + take;
        s->said[s->n_said] = '\0';
    }
}

static viv_status ended(struct mcp_client *c)
{
    struct stdio *s = c->state;
    char *words = NULL;
    take_errors(s);
    while (s->n_said && s->said[s->n_said - 1] == '\n')
        s->said[--s->n_said] = '\0';
    const char *line = strrchr(s->said, '\n');
    words = s->n_said ? short_text_of_name(line ? line + 1 : s->said) : NULL;
    const viv_status status =
        viv_fail(c->host, VIV_EIO, "server '%s' has ended%s%s", c->name, words ? ": " : "", words ? words : "");
    free(words);
    return status;
}

static viv_status wait_for(struct mcp_client *c, int fd, short what, int64_t deadline)
{
    struct stdio *s = c->state;
    for (;;) {
        struct pollfd fds[2] = {{.fd = fd, .events = what}, {.fd = s->process.err, .events = POLLIN}};
        const int64_t left = deadline - clock_ms();
        if (viv_is_cancelled(c->cancel))
            return viv_fail(c->host, VIV_ECANCELLED, "cancelled");
        if (left <= 0)
            return VIV_ENOTFOUND;
        poll(fds, 2, left < PATIENCE ? (int)left : PATIENCE);
        if (fds[1].revents & POLLIN)
            take_errors(s);
        if (fds[0].revents)
            return VIV_OK;
        if (fds[1].revents & (POLLHUP | POLLERR)) /* it is closed: only the other one is left to wait for */
            poll(fds, 1, left < PATIENCE ? (int)left : PATIENCE);
    }
}

static viv_status stdio_send(struct mcp_client *c, const char *text, size_t n, const char *method, const char *tool,
                             int64_t deadline)
{
    struct stdio *s = c->state;
    struct text line = {0};
    (void)method, (void)tool;
    if (s->cut)
        return viv_fail(c->host, VIV_EIO, "server '%s' has read a message by halves: nothing more is sent to it",
                        c->name);
    text_add(&line, text, n);
    text_add(&line, "\n", 1);
    viv_status status = line.failed ? viv_fail(c->host, VIV_ENOMEM, "out of memory") : VIV_OK;
    for (size_t done = 0; status == VIV_OK && done < line.size;) {
        const ssize_t wrote = send(s->process.in, line.data + done, line.size - done, MSG_NOSIGNAL);
        if (wrote >= 0)
            done += (size_t)wrote;
        else if (errno == EAGAIN)
            status = wait_for(c, s->process.in, POLLOUT, deadline);
        else if (errno != EINTR)
            status = ended(c);
        s->cut = status != VIV_OK && done > 0;
    }
    text_release(&line);
    return status == VIV_ENOTFOUND ? viv_fail(c->host, VIV_ELIMIT, "server '%s' reads nothing", c->name) : status;
}

/* A line without its line feed, as a JSON object; NULL: it is none. */
static json_t *take_line(struct mcp_client *c, size_t n)
{
    struct stdio *s = c->state;
    json_t *v = client_read(c, s->in.data, n);
    memmove(s->in.data, s->in.data + n + 1, s->in.size - n - 1);
    s->in.size -= n + 1;
    s->looked = 0;
    return v;
}

static viv_status stdio_receive(struct mcp_client *c, int64_t deadline, json_t **out)
{
    struct stdio *s = c->state;
    char bytes[65536];
    for (;;) {
        const char *end =
            s->in.size > s->looked ? memchr(s->in.data + s->looked, '\n', s->in.size - s->looked) : NULL;
        if (end) {
            *out = take_line(c, (size_t)(end - s->in.data));
            return VIV_OK;
        }
        s->looked = s->in.size;
        if (s->in.size > LONGEST_MESSAGE)
            return viv_fail(c->host, VIV_ELIMIT, "server '%s' has sent a line of more than %d MiB", c->name,
                            LONGEST_MESSAGE >> 20);
        if (s->closed)
            return ended(c);
        const viv_status status = wait_for(c, s->process.out, POLLIN, deadline);
        if (status != VIV_OK)
            return status;
        const ssize_t n = read(s->process.out, bytes, sizeof bytes);
        if (n > 0)
            text_add(&s->in, bytes, (size_t)n);
        s->closed = n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
        if (s->in.failed)
            return viv_fail(c->host, VIV_ENOMEM, "out of memory");
    }
}

static void stdio_close(struct mcp_client *c)
{
    struct stdio *s = c->state;
    process_end(&s->process);
    text_release(&s->in);
    free(s);
}

static const struct wire stdio = {stdio_send, stdio_receive, stdio_close};

/* What a program is told of the user's environment, and what the spec adds. malloc'ed; NULL: memory is out. */
static char **environment_of(const json_t *more)
{
    static const char *const kept[] = {"HOME",  "LANG", "LC_ALL", "LOGNAME", "PATH",
                                       "SHELL", "TERM", "TMPDIR", "TZ",      "USER"};
    enum { N_KEPT = sizeof kept / sizeof *kept };
    char **list = calloc(N_KEPT + json_object_size(more) + 1, sizeof *list);
    const char *name;
    json_t *value;
    size_t n = 0;
    bool ok = list != NULL;
    for (size_t i = 0; ok && i < N_KEPT; i++)
        if (getenv(kept[i]) && !json_object_get(more, kept[i])) {
            ok = asprintf(&list[n], "%s=%s", kept[i], getenv(kept[i])) >= 0;
            n += ok;
        }
    json_object_foreach((json_t *)more, name, value) if (ok)
    {
        ok = asprintf(&list[n], "%s=%s", name, json_string_value(value)) >= 0;
        n += ok;
    }
    if (ok)
        return list;
    for (size_t i = 0; list && i < n; i++)
        free(list[i]);
    free(list);
    return NULL;
}

viv_status stdio_open(struct mcp_client *c, const json_t *settings, int folder)
{
    const json_t *command = json_object_get(settings, "command");
    char *argv[MOST_WORDS + 1] = {NULL};
    const size_t n = json_is_array(command) ? json_array_size(command) : 1;
    if (n < 1 || n > MOST_WORDS)
        return viv_fail(c->host, VIV_EINVAL, "server '%s': command: expected a program and at most %d arguments",
                        c->name, MOST_WORDS - 1);
    for (size_t i = 0; i < n; i++)
        argv[i] = (char *)json_string_value(json_is_array(command) ? json_array_get(command, i) : command);
    struct stdio *s = calloc(1, sizeof *s);
    char **environment = s ? environment_of(json_object_get(settings, "env")) : NULL;
    viv_status status = environment ? process_start(c->host, c->name, argv, environment, folder, &s->process)
                                    : viv_fail(c->host, VIV_ENOMEM, "out of memory");
    for (size_t i = 0; environment && environment[i]; i++)
        free(environment[i]);
    free(environment);
    if (status == VIV_OK) {
        c->wire = &stdio;
        c->state = s;
    } else {
        free(s);
    }
    return status;
}
