/* functions.c - the next action as a call of the model's own: the schema of a step becomes a list of functions, as
 * OpenAI's API and chat templates have them, and a call becomes the action that it is.
 *
 *   {"action": "move", "from": F, ...}             <->  move({"from": F, ...})
 *   {"action": "call", "tool": T, "arguments": A}  <->  T(A)
 *
 * What the model is shown has no lists of names, which the prompt has; what its answer keeps to has them. */
#include "mcp/mcp.h"

#include <stdlib.h>
#include <string.h>

/* What "#/$defs/NAME" refers to, or NULL. */
static const char *name_of_reference(const json_t *v)
{
    static const char prefix[] = "#/$defs/";
    const char *to = json_string_value(json_object_get(v, "$ref"));
    return to && strncmp(to, prefix, sizeof prefix - 1) == 0 ? to + sizeof prefix - 1 : NULL;
}

/* In place of a reference, for the model to read. */
static json_t *plain_schema(const json_t *defs, const json_t *property)
{
    static const char *const paths[][2] = {{"file", "a file that is there"},
                                           {"folder", "a folder that is there; \".\" is the workspace"},
                                           {"any", "a file or folder that is there"}};
    const char *name = name_of_reference(property);
    const json_t *of = name ? json_object_get(defs, name) : property, *list = json_object_get(of, "enum");
    for (size_t i = 0; name && i < sizeof paths / sizeof *paths; i++)
        if (strcmp(name, paths[i][0]) == 0)
            return json_pack("{s:s, s:s}", "type", "string", "description", paths[i][1]);
    return name && json_is_integer(json_array_get(list, 0))
               ? json_pack("{s:s, s:s+}", "type", "integer", "description", "a number of the page: ", name)
               : json_deep_copy(of);
}

/* The arguments of an action: its properties but for the name. */
static json_t *parameters_of(const json_t *choice, const json_t *defs, bool plain)
{
    json_t *properties = json_object(), *required = json_array(), *used = json_object(), *property;
    const char *key;
    json_object_foreach(json_object_get(choice, "properties"), key, property)
    {
        const char *name = name_of_reference(property);
        if (strcmp(key, "action") == 0)
            continue;
        json_array_append_new(required, json_string(key));
        if (plain)
            json_object_set_new(properties, key, plain_schema(defs, property));
        else
            json_object_set(properties, key, property);
        if (!plain && name)
            json_object_set(used, name, json_object_get(defs, name));
    }
    json_t *v = json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties, "required", required,
                          "additionalProperties", 0);
    if (json_object_size(used))
        json_object_set(v, "$defs", used);
    json_decref(used);
    return v;
}

/* Of a tool of a server: its own schema, or any object where a grammar cannot keep all of it. */
static json_t *parameters_of_server(const struct mcp *m, const char *name, const json_t *defs)
{
    json_t *schema = json_copy(json_object_get(defs, name));
    json_object_del(schema, "$id");
    if (json_object_size(schema) > 1 && mcp_can_be_kept(m, schema, 0)) /* more than a type */
        return schema;
    json_decref(schema);
    return json_pack("{s:s, s:b}", "type", "object", "additionalProperties", 1);
}

static const char *summary_of(const struct mcp *m, const char *name)
{
    const struct tool *t = tool_find(name);
    const struct mcp_tool *of = t ? NULL : mcp_find(m, name);
    return t ? t->summary : of ? of->description : "the task is done, or cannot be done";
}

json_t *functions_of(const json_t *schema, const struct mcp *mcp, bool plain)
{
    const json_t *defs = json_object_get(schema, "$defs");
    json_t *list = json_array(), *choice;
    size_t i;
    json_array_foreach(json_object_get(schema, "anyOf"), i, choice)
    {
        const json_t *properties = json_object_get(choice, "properties");
        const char *name = json_string_value(json_object_get(json_object_get(properties, "action"), "const")),
                   *tool = json_string_value(json_object_get(json_object_get(properties, "tool"), "const"));
        json_array_append_new(
            list, json_pack("{s:s, s:{s:s, s:s, s:o}}", "type", "function", "function", "name", tool ? tool : name,
                            "description", summary_of(mcp, tool ? tool : name), "parameters",
                            tool ? parameters_of_server(mcp, tool, defs) : parameters_of(choice, defs, plain)));
    }
    return list;
}

json_t *action_of_function(const struct mcp *mcp, const json_t *call)
{
    const json_t *function = json_object_get(call, "function"), *arguments = json_object_get(function, "arguments");
    const char *name = json_string_value(json_object_get(function, "name"));
    if (!name || !json_is_object(arguments))
        return NULL;
    if (mcp_find(mcp, name))
        return json_pack("{s:s, s:s, s:O}", "action", "call", "tool", name, "arguments", arguments);
    json_t *action = json_pack("{s:s}", "action", name);
    json_object_update_missing(action, (json_t *)arguments);
    return action;
}
