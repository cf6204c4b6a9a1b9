/* settings.c - a spec's stages, tools, policy and limits. */
#include "browser/browser.h"
#include "desktop/foreign.h"

#include <inttypes.h>
#include <string.h>

const char *const stage_names[N_STAGES] = {"perceive", "intent", "decompose", "think", "plan", "execute", "verify"};

static const struct limit {
    const char *name;
    size_t offset;
    int64_t otherwise, most;
} limits[] = {
#define LIMIT(field, otherwise, most)                                                                              \
    {                                                                                                              \
#field, offsetof(struct settings, field), otherwise, most                                                  \
    }
    LIMIT(steps, 40, 100000),
    LIMIT(tokens, 200000, INT64_MAX),
    LIMIT(seconds, 3600, 1 << 30),
    LIMIT(repeats, 3, 1000000),
    LIMIT(names, 500, 10000),
    LIMIT(result, 2000, 1 << 20),
    LIMIT(history, 8000, 1 << 26),
    LIMIT(command_seconds, 60, 86400),
    LIMIT(command_memory, 2048, 1 << 30),
    LIMIT(command_processes, 64, 100000),
    LIMIT(elements, 400, 5000),
    LIMIT(page_seconds, 20, 3600),
    LIMIT(call_seconds, 60, 86400),
    LIMIT(answer_seconds, 300, 86400)};
enum { N_LIMITS = sizeof limits / sizeof *limits, DEFAULT_MAX_TOKENS = 512 };

struct reader {
    const viv_host *host;
    const char *name; /* of the spec */
};

static viv_status read_stage(const struct reader *r, const char *name, const json_t *v, struct settings *s)
{
    int i = 0;
    while (i < N_STAGES && strcmp(stage_names[i], name) != 0)
        i++;
    if (i == N_STAGES)
        return viv_fail(
            r->host, VIV_EINVAL,
            "%s: there is no stage '%s': expected perceive, intent, decompose, think, plan, execute or verify",
            r->name, name);
    struct stage *stage = &s->stages[i];
    stage->on = !json_is_false(v);
    if (!json_is_object(v) && !json_is_false(v) && !json_is_null(v) && !json_is_true(v))
        return viv_fail(r->host, VIV_EINVAL, "%s: stage '%s': expected a mapping, or false", r->name, name);
    const json_t *max = json_object_get(v, "max_tokens"), *by = json_object_get(v, "act_by");
    const char *how = json_string_value(by);
    static const char *const words[] = {"use", "prompt"};
    for (size_t k = 0; k < 2; k++)
        if (json_object_get(v, words[k]) && !json_is_string(json_object_get(v, words[k])))
            return viv_fail(r->host, VIV_EINVAL, "%s: stage '%s': %s: expected a text", r->name, name, words[k]);
    stage->use = json_string_value(json_object_get(v, "use"));
    stage->prompt = json_string_value(json_object_get(v, "prompt"));
    stage->schema = json_object_get(v, "schema");
    if (max && (!json_is_integer(max) || json_integer_value(max) < 1))
        return viv_fail(r->host, VIV_EINVAL, "%s: stage '%s': max_tokens: expected a number from 1 on", r->name,
                        name);
    if (max)
        stage->max_tokens = json_integer_value(max);
    if (by && (i != PLAN || !how || (strcmp(how, "json") != 0 && strcmp(how, "native") != 0)))
        return viv_fail(r->host, VIV_EINVAL, "%s: stage '%s': act_by: expected json or native, of the stage plan",
                        r->name, name);
    stage->native = how && strcmp(how, "native") == 0;
    if ((i == PERCEIVE || i == EXECUTE) && (stage->use || stage->prompt || stage->schema))
        return viv_fail(r->host, VIV_EINVAL, "%s: stage '%s' asks no model: it has no use, prompt or schema",
                        r->name, name);
    if (i == PLAN && stage->schema)
        return viv_fail(r->host, VIV_EINVAL,
                        "%s: stage 'plan' has no schema of its own: it is built from what is there", r->name);
    return VIV_OK;
}

static viv_status read_limit(const struct reader *r, const char *name, const json_t *v, struct settings *s)
{
    for (size_t i = 0; i < N_LIMITS; i++) {
        const struct limit *l = &limits[i];
        if (strcmp(l->name, name) != 0)
            continue;
        if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > l->most)
            return viv_fail(r->host, VIV_EINVAL, "%s: limit '%s': expected a number from 1 to %" PRId64, r->name,
                            name, l->most);
        *(int64_t *)((char *)s + l->offset) = json_integer_value(v);
        return VIV_OK;
    }
    return viv_fail(r->host, VIV_EINVAL, "%s: there is no limit '%s'", r->name, name);
}

static viv_status no_tool(const struct reader *r, const char *where, const char *name)
{
    return viv_fail(r->host, VIV_EINVAL,
                    "%s: %s: there is no tool '%s': expected list, read, search, write, append, move, copy, "
                    "archive, make_folder, delete, shell, remember, recall, browser, desktop or call",
                    r->name, where, name);
}

static viv_status read_tools(const struct reader *r, const json_t *v, struct settings *s)
{
    const size_t n = json_is_array(v) ? json_array_size(v) : 1;
    s->offered = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_is_array(v) ? json_array_get(v, i) : v);
        const uint64_t before = s->offered;
        for (size_t k = 0; name && k < n_tools; k++)
            if (strcmp(tools[k]->name, name) == 0 || (tools[k]->group && strcmp(tools[k]->group, name) == 0))
                s->offered |= (uint64_t)1 << k;
        if (s->offered == before && !(name && tool_find(name)))
            return no_tool(r, "tools", name ? name : "");
    }
    return VIV_OK;
}

static bool is_decision(const json_t *v)
{
    const char *word = json_string_value(v);
    return word && (strcmp(word, "allow") == 0 || strcmp(word, "ask") == 0 || strcmp(word, "deny") == 0);
}

static viv_status check_policy(const struct reader *r, const json_t *policy)
{
    const char *tool, *pattern;
    json_t *rules, *rule;
    json_object_foreach((json_t *)policy, tool, rules)
    {
        bool ok = is_decision(rules) || json_is_object(rules);
        if (!tool_find(tool) && strcmp(tool, "*") != 0)
            return no_tool(r, "policy", tool);
        if (json_is_object(rules))
            json_object_foreach(rules, pattern, rule) ok = ok && is_decision(rule);
        if (!ok)
            return viv_fail(r->host, VIV_EINVAL,
                            "%s: policy of '%s': expected allow, ask or deny, or a mapping of patterns to these",
                            r->name, tool);
    }
    return VIV_OK;
}

static viv_status read_sandbox(const struct reader *r, const json_t *v, struct settings *s)
{
    static const char *const modes[] = {[SANDBOX_AUTO] = "auto", [SANDBOX_ON] = "on", [SANDBOX_OFF] = "off"};
    const char *word = json_string_value(v);
    for (int i = 0; word && i < 3; i++)
        if (strcmp(word, modes[i]) == 0) {
            s->sandbox = (enum sandbox_mode)i;
            return VIV_OK;
        }
    return viv_fail(r->host, VIV_EINVAL, "%s: sandbox: expected auto, on or off", r->name);
}

/* A program, or an address. */
static viv_status check_server(const struct reader *r, const char *name, const json_t *v)
{
    const json_t *command = json_object_get(v, "command"), *url = json_object_get(v, "url"),
                 *env = json_object_get(v, "env"), *trusted = json_object_get(v, "trusted");
    const char *key;
    json_t *item;
    size_t i;
    bool ok = json_is_object(v) && !command != !url && (!env || (json_is_object(env) && command));
    ok = ok && (!url || json_is_string(url)) && (!trusted || json_is_boolean(trusted));
    ok = ok && (!command || json_is_string(command) || json_array_size(command) > 0);
    json_array_foreach(command, i, item) ok = ok && json_is_string(item);
    json_object_foreach((json_t *)env, key, item) ok = ok && json_is_string(item) && *key && !strchr(key, '=');
    if (!*name || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(name) || strlen(name) > 64)
        return viv_fail(r->host, VIV_EINVAL,
                        "%s: mcp: '%s' is no name of a server: expected small letters, digits, _ and -", r->name,
                        name);
    return ok ? VIV_OK
              : viv_fail(r->host, VIV_EINVAL,
                         "%s: mcp: server '%s': expected {command: [PROGRAM, ARGUMENT...], env: {NAME: TEXT}} or "
                         "{url: http://...}, and perhaps trusted: true",
                         r->name, name);
}

static viv_status read_servers(const struct reader *r, const json_t *v, struct settings *s)
{
    const char *name;
    json_t *server;
    viv_status status =
        !v || json_is_object(v)
            ? VIV_OK
            : viv_fail(r->host, VIV_EINVAL, "%s: mcp: expected a mapping of names to servers", r->name);
    json_object_foreach((json_t *)v, name, server) if (status == VIV_OK) status = check_server(r, name, server);
    for (size_t i = 0; json_object_size(v) && i < n_tools; i++)
        if (tools[i] == &tool_call)
            s->offered |= (uint64_t)1 << i;
    s->servers = v;
    return status;
}

viv_status settings_read(const viv_host *host, const char *name, const char *json, struct settings *out)
{
    const struct reader r = {host, name};
    struct settings s = {0};
    const char *key;
    json_t *v;
    json_error_t e;
    for (size_t i = 0; i < N_LIMITS; i++)
        *(int64_t *)((char *)&s + limits[i].offset) = limits[i].otherwise;
    for (int i = 0; i < N_STAGES; i++)
        s.stages[i].max_tokens = DEFAULT_MAX_TOKENS;
    for (size_t i = 0; i < n_tools; i++)
        s.offered |= (uint64_t)!tools[i]->asked_for << i;
    s.json = json_loads(json, JSON_REJECT_DUPLICATES, &e);
    viv_status status =
        json_is_object(s.json) ? VIV_OK : viv_fail(host, VIV_EABI, "%s: the spec is no JSON object", name);
    json_t *stages = json_object_get(s.json, "stages"), *limit = json_object_get(s.json, "limits"),
           *offered = json_object_get(s.json, "tools"), *sandbox = json_object_get(s.json, "sandbox");
    json_object_foreach(stages, key, v) if (status == VIV_OK) status = read_stage(&r, key, v, &s);
    json_object_foreach(limit, key, v) if (status == VIV_OK) status = read_limit(&r, key, v, &s);
    if (status == VIV_OK && offered)
        status = read_tools(&r, offered, &s);
    if (status == VIV_OK && sandbox)
        status = read_sandbox(&r, sandbox, &s);
    s.browser = json_object_get(s.json, "browser");
    if (status == VIV_OK && s.browser)
        status = browser_check(host, name, s.browser);
    s.desktop = json_object_get(s.json, "desktop");
    if (status == VIV_OK && s.desktop)
        status = desktop_check(host, name, s.desktop);
    if (status == VIV_OK && s.browser && foreign_find(json_string_value(json_object_get(s.desktop, "actions"))))
        status = viv_fail(host, VIV_EINVAL,
                          "%s: desktop: actions: these are no words for `browser`, too: leave one out", name);
    if (status == VIV_OK && s.stages[PLAN].native &&
        foreign_find(json_string_value(json_object_get(s.desktop, "actions"))))
        status =
            viv_fail(host, VIV_EINVAL,
                     "%s: desktop: actions: stage 'plan' calls tools in words of its own: leave one out", name);
    if (status == VIV_OK && s.desktop && s.sandbox == SANDBOX_OFF && desktop_is_private(s.desktop))
        status = viv_fail(host, VIV_EINVAL, "%s: desktop: programs run in the sandbox: say `sandbox: auto`", name);
    if (status == VIV_OK)
        status = read_servers(&r, json_object_get(s.json, "mcp"), &s);
    s.encoder = json_string_value(json_object_get(json_object_get(s.json, "memory"), "use"));
    if (status == VIV_OK && json_object_get(s.json, "memory") && !s.encoder)
        status = viv_fail(host, VIV_EINVAL, "%s: memory: expected {use: ENCODER}", name);
    s.policy = json_object_get(s.json, "policy");
    if (status == VIV_OK && s.policy)
        status = check_policy(&r, s.policy);
    s.stages[PERCEIVE].on = s.stages[PLAN].on = s.stages[EXECUTE].on = true;
    if (status == VIV_OK)
        *out = s;
    else
        json_decref(s.json);
    return status;
}

void settings_release(struct settings *s)
{
    json_decref(s->json);
    *s = (struct settings){0};
}

viv_status lam_check(const viv_host *host, const char *spec, const char *spec_name)
{
    struct settings s;
    const viv_status status = settings_read(host, spec_name, spec, &s);
    if (status == VIV_OK)
        settings_release(&s);
    return status;
}
