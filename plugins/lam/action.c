/* action.c - between a model's JSON and tools.
 *
 *   {"action": "move", "from": "a.txt", "folder": "docs", "name": "b.txt"}
 *   {"action": "done", "answer": "..."}
 *
 * The schema of a step has the names that are there: an action on something that is not cannot be sampled. What is
 * made has a folder that is there, and a new name. */
#include "browser/browser.h"
#include "desktop/foreign.h"
#include "mcp/mcp.h"

#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 120, LONGEST_TEXT = 100000, LONGEST_WORD = 4000, MOST_WORDS = 64 };

/* --- the schema --------------------------------------------------------------------------------------------- */

static json_t *names_of(const struct scene *scene, bool files, bool folders, bool whole)
{
    json_t *list = json_array();
    if (whole)
        json_array_append_new(list, json_string("."));
    for (size_t i = 0; i < scene->n; i++)
        if (scene->entries[i].folder ? folders : files)
            json_array_append_new(list, json_string(scene->entries[i].text));
    return json_pack("{s:o}", "enum", list);
}

static json_t *reference(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/$defs/", name);
}

static json_t *text_schema(void)
{
    return json_pack("{s:s, s:i}", "type", "string", "maxLength", LONGEST_TEXT);
}

static json_t *name_schema(void)
{
    return json_pack("{s:s, s:s}", "type", "string", "pattern", "^[^/\\\\\\x00-\\x1f]{1,120}$");
}

/* A program and its arguments; no word is empty but for a reason. */
static json_t *vector_schema(void)
{
    return json_pack("{s:s, s:{s:s, s:i}, s:i, s:i}", "type", "array", "items", "type", "string", "maxLength",
                     LONGEST_WORD, "minItems", 1, "maxItems", MOST_WORDS);
}

static void add_member(json_t *properties, json_t *required, const char *name, json_t *schema)
{
    json_object_set_new(properties, name, schema);
    json_array_append_new(required, json_string(name));
}

static json_t *object_schema(const char *action, json_t *properties, json_t *required)
{
    json_t *all = json_pack("{s:{s:s}}", "action", "const", action);
    json_object_update(all, properties);
    json_array_insert_new(required, 0, json_string("action"));
    json_decref(properties);
    return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", all, "required", required,
                     "additionalProperties", 0);
}

static const char *const defs[] = {[ARGUMENT_FILE] = "file",
                                   [ARGUMENT_FOLDER] = "folder",
                                   [ARGUMENT_ANY] = "any",
                                   [ARGUMENT_TEXT] = "text",
                                   [ARGUMENT_VECTOR] = "vector",
                                   [ARGUMENT_ELEMENT] = "element",
                                   [ARGUMENT_EDITABLE] = "editable",
                                   [ARGUMENT_OPTION] = "option",
                                   [ARGUMENT_SCROLLED] = "scrolled",
                                   [ARGUMENT_TAB] = "tab",
                                   [ARGUMENT_DOWNLOAD] = "download",
                                   [ARGUMENT_X] = "x",
                                   [ARGUMENT_Y] = "y",
                                   [ARGUMENT_PROGRAM] = "program",
                                   [ARGUMENT_KEYS] = "keys",
                                   [ARGUMENT_WINDOW] = "window",
                                   [ARGUMENT_THING] = "thing",
                                   [ARGUMENT_MADE] = "made",
                                   [ARGUMENT_SCREEN_X] = "screen_x",
                                   [ARGUMENT_SCREEN_Y] = "screen_y",
                                   [ARGUMENT_CLICKS] = "clicks",
                                   [ARGUMENT_SECONDS] = "seconds"};

static json_t *words_schema(const char *const *words)
{
    json_t *list = json_array();
    for (; *words; words++)
        json_array_append_new(list, json_string(*words));
    return json_pack("{s:o}", "enum", list);
}

static json_t *tool_schema(const struct tool *t)
{
    json_t *properties = json_object(), *required = json_array();
    for (int i = 0; i < MAX_ARGUMENTS && t->arguments[i].name; i++) {
        const enum argument_kind kind = t->arguments[i].kind;
        if (kind == ARGUMENT_NEW) {
            add_member(properties, required, "folder", reference("folder"));
            add_member(properties, required, "name", reference("name"));
        } else if (kind == ARGUMENT_WORD) {
            add_member(properties, required, t->arguments[i].name, words_schema(t->arguments[i].words));
        } else {
            add_member(properties, required, t->arguments[i].name, reference(defs[kind]));
        }
    }
    return object_schema(t->name, properties, required);
}

static bool is_perceived(enum argument_kind kind)
{
    return argument_is_number(kind) || (argument_is_word(kind) && kind != ARGUMENT_WORD);
}

static bool has_needs(const struct tool *t, const struct browser *browser, const struct desktop *desktop)
{
    return t->needs == NEEDS_NOTHING  ? true
           : t->needs < NEEDS_DISPLAY ? browser && browser_has(browser, t)
                                      : desktop && desktop_has(desktop, t);
}

/* Whether there is something for each of its arguments. `all`: what there is of pages and windows, by name. */
static bool has_objects(const struct tool *t, const struct scene *scene, const json_t *all)
{
    bool file = false;
    for (size_t i = 0; i < scene->n; i++)
        file = file || !scene->entries[i].folder;
    for (int i = 0; i < MAX_ARGUMENTS && t->arguments[i].name; i++)
        if ((t->arguments[i].kind == ARGUMENT_FILE && !file) ||
            (t->arguments[i].kind == ARGUMENT_ANY && scene->n == 0) ||
            (is_perceived(t->arguments[i].kind) && !json_object_get(all, defs[t->arguments[i].kind])))
            return false;
    return true;
}

/* Actions on a screen in the words of others, in place of ours. */
static const struct foreign *words_of(const struct settings *s, const struct desktop *desktop)
{
    return desktop && desktop->screen ? foreign_find(json_string_value(json_object_get(s->desktop, "actions")))
                                      : NULL;
}

json_t *action_schema(const struct settings *s, const struct scene *scene, const struct browser *browser,
                      const struct desktop *desktop, const struct mcp *mcp)
{
    const struct foreign *words = words_of(s, desktop);
    json_t *choices = json_array(), *required = json_array(), *properties = json_object();
    json_t *all = json_pack("{s:o, s:o, s:o, s:o}", "folder", names_of(scene, false, true, true), "name",
                            name_schema(), "text", text_schema(), "vector", vector_schema());
    for (int kind = ARGUMENT_ELEMENT; browser && kind <= ARGUMENT_Y; kind++) {
        json_t *numbers = browser_schema(browser, (enum argument_kind)kind);
        if (numbers)
            json_object_set_new(all, defs[kind], numbers);
    }
    for (int kind = ARGUMENT_PROGRAM; s->desktop && desktop && kind <= ARGUMENT_SECONDS; kind++) {
        json_t *what = desktop_schema(desktop, (enum argument_kind)kind);
        if (what)
            json_object_set_new(all, defs[kind], what);
    }
    for (size_t i = 0; i < n_tools; i++)
        if (s->offered >> i & 1 && tools[i] != &tool_call && has_needs(tools[i], browser, desktop) &&
            !(words && foreign_has(tools[i])) && has_objects(tools[i], scene, all))
            json_array_append_new(choices, tool_schema(tools[i]));
    if (words && words->schemas)
        words->schemas(desktop->width, desktop->height, choices);
    add_member(properties, required, "answer", reference("text"));
    json_array_append_new(choices, object_schema("done", properties, required));
    bool files = false;
    for (size_t i = 0; i < scene->n; i++)
        files = files || !scene->entries[i].folder;
    if (files)
        json_object_set_new(all, "file", names_of(scene, true, false, false));
    if (scene->n)
        json_object_set_new(all, "any", names_of(scene, true, true, false));
    mcp_schemas(mcp, choices, all);
    return json_pack("{s:o, s:o}", "$defs", all, "anyOf", choices);
}

/* --- the prompt --------------------------------------------------------------------------------------------- */

void action_describe(const struct settings *s, const struct browser *browser, const struct desktop *desktop,
                     const struct mcp *mcp, struct text *out)
{
    const struct foreign *words = words_of(s, desktop);
    for (size_t i = 0; i < n_tools; i++) {
        const struct tool *t = tools[i];
        if (!(s->offered >> i & 1) || t == &tool_call || !has_needs(t, browser, desktop) ||
            (words && foreign_has(t)))
            continue;
        text_printf(out, "{\"action\": \"%s\"", t->name);
        for (int k = 0; k < MAX_ARGUMENTS && t->arguments[k].name; k++) {
            if (t->arguments[k].kind == ARGUMENT_NEW)
                text_printf(out, ", \"folder\": ..., \"name\": ...");
            else
                text_printf(out, ", \"%s\": ...", t->arguments[k].name);
        }
        text_printf(out, "}  %s\n", t->summary);
    }
    if (words)
        text_printf(out, "%s", words->description);
    mcp_describe(mcp, out);
    text_printf(out, "{\"action\": \"done\", \"answer\": ...}  the task is done, or cannot be done\n");
}

/* --- the action --------------------------------------------------------------------------------------------- */

static char *path_in(const char *folder, const char *name)
{
    struct text path = {0};
    if (strcmp(folder, ".") == 0)
        text_printf(&path, "%s", name);
    else
        text_printf(&path, "%s/%s", folder, name);
    if (path.failed)
        text_release(&path);
    return path.data;
}

/* The vector as JSON text, if it is one of texts without NUL. */
static char *vector_of(const json_t *v)
{
    size_t i;
    json_t *word;
    json_array_foreach(v, i, word) if (!json_is_string(word) ||
                                       strlen(json_string_value(word)) != json_string_length(word)) return NULL;
    return json_array_size(v) > 0 && *json_string_value(json_array_get(v, 0)) ? json_dumps(v, JSON_COMPACT) : NULL;
}

static char *word_of(const json_t *action, const char *name, enum argument_kind kind)
{
    const json_t *v = json_object_get(action, kind == ARGUMENT_NEW ? "name" : name),
                 *folder = json_object_get(action, "folder");
    const char *text = json_string_value(v);
    char *number = NULL;
    if (kind == ARGUMENT_VECTOR)
        return vector_of(v);
    if (argument_is_number(kind))
        return json_is_integer(v) && asprintf(&number, "%" JSON_INTEGER_FORMAT, json_integer_value(v)) >= 0 ? number
                                                                                                            : NULL;
    if (kind == ARGUMENT_JSON)
        return json_is_object(v) ? json_dumps(v, JSON_COMPACT) : NULL;
    if (!text || strlen(text) != json_string_length(v))
        return NULL;
    if (kind == ARGUMENT_TEXT || argument_is_word(kind))
        return strdup(text);
    char *whole = kind != ARGUMENT_NEW     ? strdup(text)
                  : json_is_string(folder) ? path_in(json_string_value(folder), text)
                                           : NULL;
    char *path = whole ? name_of_text(whole) : NULL;
    free(whole);
    return path;
}

viv_status action_parse(const viv_host *host, const json_t *action, const struct tool **tool,
                        char *words[MAX_ARGUMENTS])
{
    const char *name = json_string_value(json_object_get(action, "action"));
    memset(words, 0, MAX_ARGUMENTS * sizeof *words);
    *tool = name ? tool_find(name) : NULL;
    if (name && strcmp(name, "done") == 0)
        return VIV_OK;
    if (!*tool)
        return viv_fail(host, VIV_EINVAL, "the model's answer is no action");
    for (int i = 0; i < MAX_ARGUMENTS && (*tool)->arguments[i].name; i++)
        if (!(words[i] = word_of(action, (*tool)->arguments[i].name, (*tool)->arguments[i].kind)))
            return viv_fail(host, VIV_EINVAL, "the model's action '%s' lacks '%s'", name,
                            (*tool)->arguments[i].name);
    return VIV_OK;
}
