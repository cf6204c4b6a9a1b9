/* tools.c - see tools.h. */
#include "dialect/tools.h"

#include <stdlib.h>
#include <string.h>

bool tool_name_valid(const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("_-.:/", c))))
            return false;
    }
    return n > 0 && n <= MAX_TOOL_NAME;
}

static viv_status read_one(const char *name, size_t i, json_t *given, struct tool *out, struct error *err)
{
    json_t *f = json_object_get(given, "function");
    const char *type = json_string_value(json_object_get(given, "type"));
    if (type && strcmp(type, "function") != 0)
        return error_set(err, VIV_EUNSUPPORTED, "%s[%zu]: type: expected function, found '%.100s'", name, i, type);
    f = json_is_object(f) ? f : given;
    const json_t *called = json_object_get(f, "name");
    json_t *parameters = json_object_get(f, "parameters");
    if (!json_is_object(f) || !json_is_string(called))
        return error_set(err, VIV_EFORMAT,
                         "%s[%zu]: expected {\"type\": \"function\", \"function\": {\"name\": ...}}, found %s",
                         name, i, json_is_object(f) ? "none" : json_kind(f));
    if (!tool_name_valid(json_string_value(called), json_string_length(called)))
        return error_set(err, VIV_EINVAL,
                         "%s[%zu] \"%.100s\": the name of a tool has 1 to %d letters, digits and _ - . : /", name,
                         i, json_string_value(called), MAX_TOOL_NAME);
    *out = (struct tool){.name = json_string_value(called), .strict = json_is_true(json_object_get(f, "strict"))};
    if (json_is_object(parameters))
        out->parameters = parameters;
    else if (parameters && !json_is_null(parameters))
        return error_set(err, VIV_EFORMAT, "%s[%zu] \"%s\": parameters: expected a JSON Schema, found %s", name, i,
                         out->name, json_kind(parameters));
    return VIV_OK;
}

viv_status tools_read(const char *name, json_t *list, struct tools *out, struct error *err)
{
    const size_t n = json_array_size(list);
    *out = (struct tools){0};
    if (!json_is_array(list))
        return error_set(err, VIV_EFORMAT, "%s: expected a list of tools, found %s", name, json_kind(list));
    if (n > MAX_TOOLS)
        return error_set(err, VIV_ELIMIT, "%s: %zu tools; a request has at most %d", name, n, MAX_TOOLS);
    out->v = calloc(n ? n : 1, sizeof *out->v);
    viv_status status = out->v ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        struct tool *t = &out->v[i];
        status = read_one(name, i, json_array_get(list, i), t, err);
        const int added = status == VIV_OK ? strmap_add(&out->names, t->name, strlen(t->name), (uint32_t)i) : 0;
        if (added == STRMAP_NOMEM)
            status = error_nomem(err);
        else if (added == STRMAP_EXISTS)
            status =
                error_set(err, VIV_EINVAL, "%s[%zu] \"%s\": a tool before it has the same name", name, i, t->name);
        out->n = i + 1;
    }
    if (status == VIV_OK)
        out->list = json_incref(list);
    else
        tools_release(out);
    return status;
}

void tools_release(struct tools *t)
{
    strmap_release(&t->names);
    free(t->v);
    json_decref(t->list);
    *t = (struct tools){0};
}

const struct tool *tools_find(const struct tools *t, const char *name, size_t n)
{
    uint32_t i;
    return t && strmap_get(&t->names, name, n, &i) ? &t->v[i] : NULL;
}
