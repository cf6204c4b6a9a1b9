/* client.c - requests and answers, JSON-RPC 2.0, in both eras of the protocol.
 *
 *   2026-07-28     server/discover; each request carries _meta with the version and who asks
 *   before         initialize, notifications/initialized; then requests
 *
 * A server is asked by the new way first. Any error, or a silence, is answered by the old way. Messages that are no
 * answer (noise, notifications, answers to other ids, a second answer) are skipped, and their number is limited. A
 * request from the server is refused, but for ping. */
#include "mcp.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LEGACY "2025-11-25"
enum { SILENCE = 5000 /* ms, after which a server is tried the old way */ };

static viv_status send_message(struct mcp_client *c, json_t *message, const char *method, const char *tool,
                               int64_t deadline)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    const viv_status status = text ? c->wire->send(c, text, strlen(text), method, tool, deadline)
                                   : viv_fail(c->host, VIV_ENOMEM, "out of memory");
    free(text);
    return status;
}

json_t *client_read(struct mcp_client *c, const char *bytes, size_t n)
{
    json_error_t e;
    json_t *v = n ? json_loadb(bytes, n, JSON_ALLOW_NUL, &e) : NULL;
    if (json_is_object(v))
        return v;
    char *why = n ? short_text_of_name(v ? "it is no object" : e.text) : NULL; /* it has some of the bytes */
    if (why)
        snprintf(c->unread, sizeof c->unread, "%.180s", why);
    c->deep = n && !v && json_error_code(&e) == json_error_stack_overflow;
    free(why);
    json_decref(v);
    return NULL;
}

/* For the end of a sentence about an answer that did not come. */
static const char *about_unread(const struct mcp_client *c, char out[300])
{
    *out = '\0';
    if (*c->unread)
        snprintf(out, 300, "; it has sent what cannot be read as a message: %s", c->unread);
    return out;
}

json_t *mcp_who(void)
{
    return json_pack("{s:s, s:s}", "name", "vivarium", "version", LAM_VERSION);
}

static json_t *request_message(struct mcp_client *c, const char *method, json_t *params)
{
    if (c->modern)
        json_object_set_new(params, "_meta",
                            json_pack("{s:s, s:{}, s:o}", "io.modelcontextprotocol/protocolVersion", c->version,
                                      "io.modelcontextprotocol/clientCapabilities",
                                      "io.modelcontextprotocol/clientInfo", mcp_who()));
    return json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", ++c->last_id, "method", method, "params",
                     params);
}

/* A message that is no answer. */
static viv_status heed(struct mcp_client *c, const json_t *message, int64_t deadline)
{
    const char *method = json_string_value(json_object_get(message, "method"));
    json_t *id = json_object_get(message, "id");
    if (method && !id && strcmp(method, "notifications/tools/list_changed") == 0)
        c->tools_changed = true;
    if (!method || !id || (!json_is_integer(id) && !json_is_string(id)))
        return VIV_OK;
    json_t *answer = strcmp(method, "ping") == 0
                         ? json_pack("{s:s, s:O, s:{}}", "jsonrpc", "2.0", "id", id, "result")
                         : json_pack("{s:s, s:O, s:{s:i, s:s}}", "jsonrpc", "2.0", "id", id, "error", "code",
                                     -32601, "message", "this client answers no requests");
    return send_message(c, answer, NULL, NULL, deadline);
}

/* The answer to one of two requests (0: there is no other). */
static viv_status await(struct mcp_client *c, json_int_t id, json_int_t other, int64_t deadline, json_t **out)
{
    for (int noise = 0; noise < MOST_NOISE; noise++) {
        json_t *message = NULL;
        if (clock_ms() >= deadline) /* who says much, and never the answer, is as slow as who is silent */
            return VIV_ENOTFOUND;
        viv_status status = c->wire->receive(c, deadline, &message);
        const json_t *whose = json_object_get(message, "id");
        const json_int_t n = json_is_integer(whose) ? json_integer_value(whose) : 0;
        if (status == VIV_OK && n > 0 && (n == id || n == other) && !json_object_get(message, "method")) {
            *out = message;
            return VIV_OK;
        }
        if (status == VIV_OK && message)
            status = heed(c, message, deadline);
        else if (status == VIV_OK && c->deep)
            status = viv_fail(c->host, VIV_EFORMAT, "server '%s' has sent a message that is nested too deep: %s",
                              c->name, c->unread);
        json_decref(message);
        if (status != VIV_OK)
            return status;
    }
    char unread[300];
    return viv_fail(c->host, VIV_ELIMIT, "server '%s' has sent %d messages that are no answer%s", c->name,
                    MOST_NOISE, about_unread(c, unread));
}

static viv_status take_result(struct mcp_client *c, const char *method, const json_t *answer, json_t **result)
{
    const json_t *error = json_object_get(answer, "error"), *found = json_object_get(answer, "result");
    const char *sentence = json_string_value(json_object_get(error, "message"));
    char *text = sentence ? short_text_of_name(sentence) : NULL, unread[300];
    viv_status status = VIV_OK;
    if (error)
        status =
            viv_fail(c->host, VIV_EINVAL, "server '%s': %s: error %" JSON_INTEGER_FORMAT ": %s%s", c->name, method,
                     json_integer_value(json_object_get(error, "code")), text ? text : "", about_unread(c, unread));
    else if (!json_is_object(found))
        status = viv_fail(c->host, VIV_EFORMAT, "server '%s': %s: the answer has no result", c->name, method);
    else
        *result = json_incref((json_t *)found);
    free(text);
    return status;
}

static viv_status too_slow(struct mcp_client *c, const char *method)
{
    char unread[300];
    return viv_fail(c->host, VIV_ELIMIT, "server '%s': %s: no answer in %" PRId64 " seconds%s", c->name, method,
                    c->seconds, about_unread(c, unread));
}

/* The server may stop working on it. (Its own cancellations are of requests that were answered at once.) */
static void give_up(struct mcp_client *c, json_int_t id)
{
    const uint32_t *cancel = c->cancel;
    c->cancel = NULL; /* it is sent although we end */
    (void)send_message(c,
                       json_pack("{s:s, s:s, s:{s:I, s:s}}", "jsonrpc", "2.0", "method", CANCELLED, "params",
                                 "requestId", id, "reason", "no longer wanted"),
                       CANCELLED, NULL, clock_ms() + 1000);
    c->cancel = cancel;
}

viv_status client_request(struct mcp_client *c, const char *method, json_t *params, const char *tool,
                          json_t **result)
{
    const int64_t deadline = clock_ms() + 1000 * c->seconds;
    json_t *answer = NULL;
    *c->unread = '\0';
    c->deep = false;
    viv_status status = send_message(c, request_message(c, method, params), method, tool, deadline);
    const json_int_t id = c->last_id;
    if (status == VIV_OK)
        status = await(c, id, 0, deadline, &answer);
    if (status == VIV_ENOTFOUND || status == VIV_ECANCELLED)
        give_up(c, id);
    if (status == VIV_ENOTFOUND)
        status = too_slow(c, method);
    if (status == VIV_ECANCELLED)
        status = viv_fail(c->host, VIV_ECANCELLED, "cancelled");
    if (status == VIV_OK)
        status = take_result(c, method, answer, result);
    json_decref(answer);
    return status;
}

/* --- the two eras ------------------------------------------------------------------------------------------- */

static bool is_modern(const json_t *answer)
{
    const json_t *versions = json_object_get(json_object_get(answer, "result"), "supportedVersions");
    size_t i;
    json_t *v;
    json_array_foreach(versions, i,
                       v) if (json_is_string(v) && strcmp(json_string_value(v), MODERN) == 0) return true;
    return false;
}

/* Asks by the old way. A late answer to the new way (`discover`) counts, too. */
static viv_status initialize(struct mcp_client *c, json_int_t discover)
{
    const int64_t deadline = clock_ms() + 1000 * c->seconds;
    json_t *params =
        json_pack("{s:s, s:{}, s:o}", "protocolVersion", LEGACY, "capabilities", "clientInfo", mcp_who());
    json_t *answer = NULL, *result = NULL;
    c->modern = c->deep = false;
    viv_status status = send_message(c, request_message(c, "initialize", params), "initialize", NULL, deadline);
    const json_int_t id = c->last_id;
    if (status == VIV_OK)
        status = await(c, id, discover, deadline, &answer);
    if (status == VIV_OK && json_integer_value(json_object_get(answer, "id")) == discover) {
        c->modern = is_modern(answer);
        json_decref(answer);
        if (c->modern)
            return VIV_OK;
        status = await(c, id, 0, deadline, &answer);
    }
    if (status == VIV_ENOTFOUND)
        status = too_slow(c, "initialize");
    if (status == VIV_OK)
        status = take_result(c, "initialize", answer, &result);
    const char *version = json_string_value(json_object_get(result, "protocolVersion"));
    if (status == VIV_OK && (!version || strlen(version) >= sizeof c->version || strcmp(version, LEGACY) > 0 ||
                             version[strspn(version, "0123456789-")]))
        status = viv_fail(c->host, VIV_EUNSUPPORTED,
                          "server '%s' answers with no version of the protocol up to " LEGACY, c->name);
    if (status == VIV_OK) {
        snprintf(c->version, sizeof c->version, "%s", version);
        status = send_message(c, json_pack("{s:s, s:s}", "jsonrpc", "2.0", "method", "notifications/initialized"),
                              "notifications/initialized", NULL, deadline);
    }
    json_decref(answer);
    json_decref(result);
    return status;
}

viv_status client_connect(struct mcp_client *c)
{
    const int64_t patience = 1000 * c->seconds < SILENCE ? 1000 * c->seconds : SILENCE,
                  deadline = clock_ms() + patience;
    json_t *answer = NULL;
    c->modern = true;
    snprintf(c->version, sizeof c->version, "%s", MODERN);
    viv_status status =
        send_message(c, request_message(c, "server/discover", json_object()), "server/discover", NULL, deadline);
    const json_int_t id = c->last_id;
    if (status == VIV_OK)
        status = await(c, id, 0, deadline, &answer);
    const bool modern = status == VIV_OK && is_modern(answer);
    json_decref(answer);
    if (modern || status == VIV_ECANCELLED)
        return status;
    return initialize(c, status == VIV_ENOTFOUND ? id : 0);
}

void client_close(struct mcp_client *c)
{
    if (c->wire)
        c->wire->close(c);
    c->wire = NULL;
}
