/* serve.c - viv.acting's serve: the tools for another program's agent, by the Model Context Protocol.
 *
 * The agent takes the place of the model: each of its calls is the next action of a run (loop.c), so that policy,
 * journal, transcript and undo are those of any run. Its requests are read when the loop asks for an action; what
 * comes of it goes back when the loop tells the result. The run ends when the input does.
 *
 * A call that the agent cancels (notifications/cancelled) is not begun, or ended where it can be, and not answered;
 * what it has done until then is in the journal. */
#include "mcp.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATIENCE = 100,   /* ms between looks at `cancel` */
    NO_JSON = -32700, /* errors of JSON-RPC, and of the protocol */
    NO_REQUEST = -32600,
    NO_METHOD = -32601,
    BAD_PARAMS = -32602,
    BAD_VERSION = -32022
};
static const char *const legacy[] = {"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"};
enum { N_LEGACY = sizeof legacy / sizeof *legacy };

struct service {
    const viv_host *host;
    const viv_act *task;
    const viv_listener *listener; /* the host's */
    int input, output;
    struct text in;
    bool initialized; /* the old way */
    struct settings settings;
    struct text action; /* for the loop */
    json_t *pending;    /* the id of the call that the loop works on */
    bool modern;        /* that call is */
    bool cancelled;     /* so is it */
    size_t looked;      /* bytes of `in` in which no cancellation of it is */
};

/* --- messages ----------------------------------------------------------------------------------------------- */

static viv_status put(struct service *s, json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    const size_t n = text ? strlen(text) : 0;
    json_decref(message);
    if (!text)
        return viv_fail(s->host, VIV_ENOMEM, "out of memory");
    text[n] = '\n'; /* in place of the end, which is not needed any more */
    viv_status status = VIV_OK;
    for (size_t done = 0; status == VIV_OK && done <= n;) { /* an agent that reads nothing does not hold us */
        struct pollfd p = {.fd = s->output, .events = POLLOUT};
        if (viv_is_cancelled(s->task->cancel))
            status = viv_fail(s->host, VIV_ECANCELLED, "cancelled");
        else if (poll(&p, 1, PATIENCE) > 0) {
            const size_t left = n + 1 - done; /* so much can be written without waiting */
            const ssize_t wrote = write(s->output, text + done, left < PIPE_BUF ? left : PIPE_BUF);
            if (wrote < 0 && errno != EINTR && errno != EAGAIN)
                status = viv_fail(s->host, VIV_EIO, "the output cannot be written: %s", strerror(errno));
            done += wrote > 0 ? (size_t)wrote : 0;
        }
    }
    free(text);
    return status;
}

static viv_status refuse(struct service *s, json_t *id, int code, const char *why)
{
    return put(s, json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id ? id : json_null(), "error",
                            "code", code, "message", why));
}

/* Takes ownership of the result. */
static viv_status reply(struct service *s, json_t *id, json_t *result, bool modern)
{
    if (modern)
        json_object_set_new(result, "resultType", json_string("complete"));
    return put(s, json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result));
}

static json_t *text_result(const char *text, size_t n, bool failed)
{
    return json_pack("{s:[{s:s, s:s%}], s:b}", "content", "type", "text", "text", text, n, "isError", failed);
}

/* The next line without its line feed; *n is 0 at the end of the input. */
static viv_status read_line(struct service *s, char **line, size_t *n)
{
    char bytes[65536];
    for (;;) {
        const char *end = s->in.size ? memchr(s->in.data, '\n', s->in.size) : NULL;
        if (end) {
            *n = (size_t)(end - s->in.data);
            *line = malloc(*n + 1); /* bytes, NUL among them */
            if (*line)
                memcpy(*line, s->in.data, *n);
            memmove(s->in.data, end + 1, s->in.size - *n - 1);
            s->in.size -= *n + 1;
            return *line ? VIV_OK : viv_fail(s->host, VIV_ENOMEM, "out of memory");
        }
        if (s->in.size > LONGEST_MESSAGE)
            return viv_fail(s->host, VIV_ELIMIT, "a line of the input has more than %d MiB", LONGEST_MESSAGE >> 20);
        struct pollfd p = {.fd = s->input, .events = POLLIN};
        if (viv_is_cancelled(s->task->cancel))
            return viv_fail(s->host, VIV_ECANCELLED, "cancelled");
        if (poll(&p, 1, PATIENCE) <= 0)
            continue;
        const ssize_t got = read(s->input, bytes, sizeof bytes);
        if (got > 0)
            text_add(&s->in, bytes, (size_t)got);
        if (s->in.failed)
            return viv_fail(s->host, VIV_ENOMEM, "out of memory");
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) {
            *line = NULL;
            return VIV_OK;
        }
    }
}

/* --- cancelled calls ---------------------------------------------------------------------------------------- */

/* Whether a line says that the call is cancelled. */
static bool cancels(const struct service *s, const char *line, size_t n)
{
    static const char method[] = "notifications/cancelled";
    json_error_t e;
    json_t *v = memmem(line, n, method, sizeof method - 1) ? json_loadb(line, n, 0, &e) : NULL;
    const char *said = json_string_value(json_object_get(v, "method"));
    const json_t *id = json_object_get(json_object_get(v, "params"), "requestId");
    const bool is = said && strcmp(said, method) == 0 && id && json_equal(id, s->pending);
    json_decref(v);
    return is;
}

/* Looks at what has come meanwhile, and leaves it there. */
static bool wants_to_stop(void *ctx)
{
    struct service *s = ctx;
    struct pollfd p = {.fd = s->input, .events = POLLIN};
    char bytes[65536];
    if (s->in.size <= LONGEST_MESSAGE && poll(&p, 1, 0) > 0) {
        const ssize_t got = read(s->input, bytes, sizeof bytes);
        if (got > 0)
            text_add(&s->in, bytes, (size_t)got);
    }
    while (s->pending && !s->cancelled && s->looked < s->in.size) {
        const char *line = s->in.data + s->looked, *end = memchr(line, '\n', s->in.size - s->looked);
        if (!end)
            break;
        s->cancelled = cancels(s, line, (size_t)(end - line));
        s->looked += (size_t)(end - line) + 1;
    }
    return s->cancelled;
}

/* --- tools -------------------------------------------------------------------------------------------------- */

static bool is_offered(const struct service *s, size_t i)
{
    return (s->settings.offered >> i & 1) && !tools[i]->outside && !tools[i]->group; /* those act elsewhere */
}

static json_t *argument_schema(enum argument_kind kind)
{
    if (kind == ARGUMENT_VECTOR)
        return json_pack("{s:s, s:{s:s}, s:i, s:s}", "type", "array", "items", "type", "string", "minItems", 1,
                         "description", "a program and its arguments");
    if (!argument_is_path(kind))
        return json_pack("{s:s}", "type", "string");
    return json_pack("{s:s, s:s}", "type", "string", "description",
                     kind == ARGUMENT_FILE     ? "a file that is there, relative to the workspace"
                     : kind == ARGUMENT_FOLDER ? "a folder that is there, relative to the workspace, which is \".\""
                     : kind == ARGUMENT_NEW    ? "a path in a folder that is there, relative to the workspace"
                                               : "a file or folder that is there, relative to the workspace");
}

static json_t *describe(const struct tool *t)
{
    json_t *properties = json_object(), *required = json_array();
    for (int k = 0; k < MAX_ARGUMENTS && t->arguments[k].name; k++) {
        json_object_set_new(properties, t->arguments[k].name, argument_schema(t->arguments[k].kind));
        json_array_append_new(required, json_string(t->arguments[k].name));
    }
    return json_pack("{s:s, s:s, s:{s:s, s:o, s:o, s:b}, s:{s:b, s:b, s:b}}", "name", t->name, "description",
                     t->summary, "inputSchema", "type", "object", "properties", properties, "required", required,
                     "additionalProperties", 0, "annotations", "readOnlyHint", !t->changes, "destructiveHint",
                     t->final, "openWorldHint", 0);
}

static viv_status list_tools(struct service *s, json_t *id, bool modern)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n_tools; i++)
        if (is_offered(s, i))
            json_array_append_new(list, describe(tools[i]));
    json_t *result = json_pack("{s:o}", "tools", list);
    if (modern) {
        json_object_set_new(result, "ttlMs", json_integer(0));
        json_object_set_new(result, "cacheScope", json_string("private"));
    }
    return reply(s, id, result, modern);
}

/* An argument as an action has it: a new path is a folder and a name, and paths are texts of names. */
static bool set_argument(json_t *action, const char *name, enum argument_kind kind, const json_t *v)
{
    if (kind == ARGUMENT_VECTOR)
        return json_is_array(v) && json_array_size(v) > 0 && json_object_set(action, name, (json_t *)v) == 0;
    if (!json_is_string(v) || strlen(json_string_value(v)) != json_string_length(v))
        return false;
    if (!argument_is_path(kind))
        return json_object_set(action, name, (json_t *)v) == 0;
    char *text = text_of_name(json_string_value(v)), *slash = text ? strrchr(text, '/') : NULL;
    bool ok = text != NULL;
    if (ok && kind == ARGUMENT_NEW) {
        const char *folder = slash ? slash == text ? "/" : text : ".";
        if (slash)
            *slash = '\0';
        ok = json_object_set_new(action, "folder", json_string(folder)) == 0 &&
             json_object_set_new(action, "name", json_string(slash ? slash + 1 : text)) == 0;
    } else if (ok) {
        ok = json_object_set_new(action, name, json_string(text)) == 0;
    }
    free(text);
    return ok;
}

/* The action of a call, which must have all the arguments of the tool and no others; NULL, and why. */
static json_t *action_of(const struct service *s, const json_t *params, const char **why)
{
    const char *name = json_string_value(json_object_get(params, "name"));
    const json_t *arguments = json_object_get(params, "arguments");
    size_t i = 0;
    int k = 0;
    while (i < n_tools && !(name && is_offered(s, i) && strcmp(tools[i]->name, name) == 0))
        i++;
    *why = "there is no such tool";
    if (i == n_tools)
        return NULL;
    json_t *action = json_pack("{s:s}", "action", name);
    for (; k < MAX_ARGUMENTS && tools[i]->arguments[k].name; k++) {
        const char *argument = tools[i]->arguments[k].name;
        *why = argument;
        if (!set_argument(action, argument, tools[i]->arguments[k].kind, json_object_get(arguments, argument))) {
            json_decref(action);
            return NULL;
        }
    }
    *why = "it has other arguments, too";
    const struct tool *tool;
    char *words[MAX_ARGUMENTS];
    const bool are_all = json_object_size(arguments) == (size_t)k;
    if (are_all)
        *why = "a command is a program and its arguments, each a text";
    if (are_all && action_parse(s->host, action, &tool, words) == VIV_OK) {
        for (k = 0; k < MAX_ARGUMENTS; k++)
            free(words[k]);
        return action;
    }
    json_decref(action);
    return NULL;
}

/* A call becomes the next action, or is answered with what is wrong with it. */
static viv_status take_call(struct service *s, json_t *id, const json_t *params, bool modern)
{
    const char *why;
    char said[200];
    json_t *action = action_of(s, params, &why);
    char *text = action ? json_dumps(action, JSON_COMPACT) : NULL;
    json_decref(action);
    if (!text) {
        snprintf(said, sizeof said, "the arguments are not those of the tool: %s", why);
        return strcmp(why, "there is no such tool") == 0
                   ? refuse(s, id, BAD_PARAMS, why)
                   : reply(s, id, text_result(said, strlen(said), true), modern);
    }
    s->pending = json_incref(id);
    s->modern = modern;
    s->cancelled = false;
    s->looked = 0;
    if (wants_to_stop(s)) {
        json_decref(s->pending);
        s->pending = NULL;
    } else {
        text_add(&s->action, text, strlen(text));
    }
    free(text);
    return s->action.failed ? viv_fail(s->host, VIV_ENOMEM, "out of memory") : VIV_OK;
}

/* --- requests ----------------------------------------------------------------------------------------------- */

static viv_status discover(struct service *s, json_t *id)
{
    return reply(s, id,
                 json_pack("{s:[s], s:{s:{}}, s:i, s:s, s:{s:o}}", "supportedVersions", MODERN, "capabilities",
                           "tools", "ttlMs", 0, "cacheScope", "private", "_meta",
                           "io.modelcontextprotocol/serverInfo", mcp_who()),
                 true);
}

static viv_status initialize(struct service *s, json_t *id, const json_t *params)
{
    const char *asked = json_string_value(json_object_get(params, "protocolVersion")),
               *version = legacy[N_LEGACY - 1];
    for (size_t i = 0; asked && i < N_LEGACY; i++)
        if (strcmp(asked, legacy[i]) == 0)
            version = legacy[i];
    s->initialized = true;
    return reply(s, id,
                 json_pack("{s:s, s:{s:{}}, s:o}", "protocolVersion", version, "capabilities", "tools",
                           "serverInfo", mcp_who()),
                 false);
}

static viv_status take_request(struct service *s, json_t *id, const char *method, const json_t *params)
{
    const json_t *meta =
        json_object_get(json_object_get(params, "_meta"), "io.modelcontextprotocol/protocolVersion");
    const bool modern = meta != NULL;
    if (modern && (!json_is_string(meta) || strcmp(json_string_value(meta), MODERN) != 0))
        return put(s, json_pack("{s:s, s:O, s:{s:i, s:s, s:{s:[s], s:O}}}", "jsonrpc", "2.0", "id", id, "error",
                                "code", BAD_VERSION, "message", "this version of the protocol is not spoken here",
                                "data", "supported", MODERN, "requested", meta));
    if (strcmp(method, "initialize") == 0)
        return initialize(s, id, params);
    if (strcmp(method, "ping") == 0)
        return reply(s, id, json_object(), false);
    if (strcmp(method, "server/discover") == 0 && modern)
        return discover(s, id);
    if (!modern && !s->initialized)
        return refuse(s, id, BAD_PARAMS,
                      "a request has _meta with the version of the protocol, or comes after initialize");
    if (strcmp(method, "tools/list") == 0)
        return list_tools(s, id, modern);
    if (strcmp(method, "tools/call") == 0)
        return take_call(s, id, params, modern);
    return refuse(s, id, NO_METHOD, "there is no such method");
}

static viv_status take_line(struct service *s, const char *line, size_t n)
{
    json_error_t e;
    json_t *message = json_loadb(line, n, JSON_REJECT_DUPLICATES, &e), *id = json_object_get(message, "id");
    const char *method = json_string_value(json_object_get(message, "method"));
    viv_status status = VIV_OK;
    if (!message) {
        char *why = short_text_of_name(e.text), said[400];
        snprintf(said, sizeof said, "the line is no JSON: %.300s", why ? why : "");
        free(why);
        return refuse(s, NULL, NO_JSON, said);
    }
    if (!json_is_object(message) || (id && !json_is_integer(id) && !json_is_string(id)) || (!method && !id))
        status = refuse(s, NULL, NO_REQUEST, "the line is no request");
    else if (method && id) /* else it is a notification, or an answer to a question that was not asked */
        status = take_request(s, id, method, json_object_get(message, "params"));
    json_decref(message);
    return status;
}

/* --- in place of the model ---------------------------------------------------------------------------------- */

static viv_status next_action(const viv_generator *generator, const char *use, const viv_generation *what,
                              const char **text, uint64_t *size, uint64_t *n_tokens)
{
    struct service *s = generator->ctx;
    viv_status status = VIV_OK;
    (void)use, (void)what;
    *n_tokens = 0;
    text_release(&s->action);
    while (status == VIV_OK && !s->action.size) {
        char *line = NULL;
        size_t n = 0;
        status = read_line(s, &line, &n);
        if (status == VIV_OK && !line)
            text_printf(&s->action, "{\"action\":\"done\",\"answer\":\"\"}");
        else if (status == VIV_OK && n)
            status = take_line(s, line, n);
        free(line);
    }
    *text = text_or_empty(&s->action);
    *size = s->action.size;
    return status;
}

/* The result of a call goes back to the agent. */
static viv_status tell(const viv_listener *listener, const char *json, uint64_t size)
{
    struct service *s = listener->ctx;
    json_error_t e;
    json_t *event = s->pending ? json_loadb(json, size, 0, &e) : NULL, *id = s->pending;
    const char *kind = json_string_value(json_object_get(event, "event")),
               *outcome = json_string_value(json_object_get(event, "outcome"));
    const json_t *text = json_object_get(event, "text");
    viv_status status = VIV_OK;
    if (kind && outcome && strcmp(kind, "result") == 0) {
        const bool failed = strcmp(outcome, "done") != 0 && strcmp(outcome, "imagined") != 0;
        s->pending = NULL;
        status = s->cancelled ? VIV_OK
                              : reply(s, id, text_result(json_string_value(text), json_string_length(text), failed),
                                      s->modern);
        json_decref(id);
    }
    json_decref(event);
    return status == VIV_OK ? s->listener->tell(s->listener, json, size) : status;
}

static viv_status ask(const viv_listener *listener, const char *json, uint64_t size, int32_t *yes)
{
    const struct service *s = listener->ctx;
    return s->listener->ask(s->listener, json, size, yes);
}

/* The spec without what is for a model of ours: its stages, limits and what acts elsewhere. */
static char *spec_for_others(const char *spec)
{
    json_error_t e;
    json_t *v = json_loads(spec, JSON_REJECT_DUPLICATES, &e), *limits = json_object_get(v, "limits");
    static const struct {
        const char *name;
        json_int_t most;
    } lifted[] = {{"steps", 100000}, {"repeats", 1000000}, {"seconds", 1 << 30}};
    json_object_set_new(v, "stages", json_object());
    json_object_del(v, "mcp");
    json_object_del(v, "browser");
    json_object_del(v, "desktop");
    json_object_del(v, "memory");
    if (!json_is_object(limits) && json_object_set_new(v, "limits", json_object()) == 0)
        limits = json_object_get(v, "limits");
    for (size_t i = 0; i < sizeof lifted / sizeof *lifted; i++)
        json_object_set_new(limits, lifted[i].name, json_integer(lifted[i].most));
    char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
    json_decref(v);
    return text;
}

viv_status lam_serve(const viv_host *host, const viv_act *task, int32_t input, int32_t output,
                     const viv_listener *listener)
{
    struct service s = {.host = host, .task = task, .listener = listener, .input = input, .output = output};
    const viv_generator agent = {.struct_size = sizeof agent, .ctx = &s, .generate = next_action};
    const viv_listener between = {.struct_size = sizeof between, .ctx = &s, .tell = tell, .ask = ask};
    char *spec = spec_for_others(task->spec);
    viv_act run = *task;
    run.spec = spec;
    viv_status status = spec ? settings_read(host, task->spec_name, spec, &s.settings)
                             : viv_fail(host, VIV_EABI, "%s: the spec is no JSON object", task->spec_name);
    if (status == VIV_OK) {
        const struct stopper stopper = {wants_to_stop, &s};
        status = lam_act_for(host, &run, &agent, &between, &stopper);
        settings_release(&s.settings);
    }
    json_decref(s.pending);
    text_release(&s.in);
    text_release(&s.action);
    free(spec);
    return status;
}
