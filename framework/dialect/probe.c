/* probe.c - proves a dialect against a chat template: calls that the template writes are read back by the parser.
 *
 * Templates differ in what they take: arguments as an object or as a string, an answer with or without text,
 * results or none. The first way in which the template renders the conversation is tried. One that leaves calls out
 * has them in the content, as the dialect writes them. */
#include "dialect/parser.h"

#include <stdlib.h>
#include <string.h>

static const char question[] = "What is the weather in Oslo, Vivarium?";
static const char tools_text[] =
    "[{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", \"description\": \"The weather of a "
    "city\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"city\": {\"type\": \"string\", \"description\": "
    "\"where\"}, "
    "\"days\": {\"type\": \"integer\", \"description\": \"how many\"}}, \"required\": [\"city\"]}}},"
    "{\"type\": \"function\", \"function\": {\"name\": \"set_lamp\", \"description\": \"Switches a lamp\", "
    "\"parameters\": "
    "{\"type\": \"object\", \"properties\": {\"room\": {\"type\": \"string\", \"description\": \"which\"}, \"on\": "
    "{\"type\": "
    "\"boolean\", \"description\": \"whether\"}, \"levels\": {\"type\": \"array\", \"items\": {\"type\": "
    "\"integer\"}, "
    "\"description\": \"how bright\"}}, \"required\": [\"room\"]}}}]";
static const struct {
    const char *name, *id, *arguments;
} calls[] = {{"get_weather", "abcDEF123", "{\"city\": \"Oslo (N)\", \"days\": 3}"},
             {"set_lamp", "123defABC", "{\"room\": \"hall\", \"on\": true, \"levels\": [1, 20]}"}};

/* The ways to ask a template. */
static const struct way {
    bool strings, text, results, content;
} ways[] = {{false, true, true, false}, {false, false, true, false}, {true, true, true, false},
            {true, false, true, false}, {false, true, false, false}, {false, false, false, false},
            {true, true, false, false}, {true, false, false, false}, {false, true, true, true},
            {false, false, true, true}};

static json_t *call_of(const struct dialect *d, size_t i, bool strings)
{
    char id[96];
    json_t *arguments = strings ? json_string(calls[i].arguments) : json_loads(calls[i].arguments, 0, NULL);
    snprintf(id, sizeof id, "%s", calls[i].id);
    if (d->id_pattern && strstr(d->id_pattern, "functions."))
        snprintf(id, sizeof id, "functions.%s:%zu", calls[i].name, i);
    return json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", id, "type", "function", "function", "name", calls[i].name,
                     "arguments", arguments);
}

static json_t *conversation(const struct dialect *d, const struct way *w, size_t n)
{
    json_t *list = json_pack("[{s:s, s:s}, {s:s, s:s?, s:[]}]", "role", "user", "content", question, "role",
                             "assistant", "content", w->text ? "I look." : NULL, "tool_calls");
    for (size_t i = 0; i < n; i++)
        json_array_append_new(json_object_get(json_array_get(list, 1), "tool_calls"), call_of(d, i, w->strings));
    for (size_t i = 0; i < n && w->results; i++) {
        json_t *call = json_array_get(json_object_get(json_array_get(list, 1), "tool_calls"), i);
        json_array_append_new(list, json_pack("{s:s, s:s, s:O, s:s}", "role", "tool", "name", calls[i].name,
                                              "tool_call_id", json_object_get(call, "id"), "content", "fine"));
    }
    return list;
}

static viv_status render(const struct chat_template *t, json_t *messages, json_t *tools, bool prompt,
                         struct buf *out, struct error *err)
{
    const struct template_options options = {.values = TEMPLATE_PYTHON};
    json_t *data =
        json_pack("{s:O, s:O, s:b}", "messages", messages, "tools", tools, "add_generation_prompt", prompt);
    viv_status status = data ? chat_render(t, &options, data, out, err) : error_nomem(err);
    json_decref(data);
    return status;
}

/* Where the answer begins: behind the question; where calls have no marker, behind what is also the prompt of the
 * question alone. */
static size_t answer_at(const struct dialect *d, const struct chat_template *t, json_t *messages, json_t *tools,
                        const struct buf *all)
{
    struct buf prompt = {0};
    struct error err;
    json_t *first = json_pack("[O]", json_array_get(messages, 0));
    size_t at = 0;
    if (d->at_start && first && render(t, first, tools, true, &prompt, &err) == VIV_OK)
        while (at < prompt.size && at < all->size && prompt.data[at] == all->data[at])
            at++;
    json_decref(first);
    buf_release(&prompt);
    const char *asked = NULL;
    for (const char *s = buf_text(all); (s = strstr(s, question)); s++)
        asked = s + sizeof question - 1;
    const size_t least = asked ? (size_t)(asked - buf_text(all)) : 0;
    return at > least ? at : least;
}

/* Whether the template writes the same without the calls. */
static bool leaves_calls_out(const struct chat_template *t, json_t *messages, json_t *tools)
{
    struct buf with = {0}, without = {0};
    struct error err;
    json_t *copy = json_deep_copy(messages);
    json_object_del(json_array_get(copy, 1), "tool_calls");
    const bool same = copy && render(t, messages, tools, false, &with, &err) == VIV_OK &&
                      render(t, copy, tools, false, &without, &err) == VIV_OK && with.size == without.size &&
                      memcmp(buf_text(&with), buf_text(&without), with.size) == 0;
    json_decref(copy);
    buf_release(&with);
    buf_release(&without);
    return same;
}

struct heard {
    size_t n, right;
    struct buf said; /* the calls that returned */
};

static viv_status hear(void *ctx, const struct dialect_event *e, struct error *err)
{
    struct heard *h = ctx;
    if (e->kind != DIALECT_CALL)
        return VIV_OK;
    json_t *arguments = json_loadb(e->text, e->size, 0, NULL);
    if (h->n < sizeof calls / sizeof *calls) {
        json_t *wanted = json_loads(calls[h->n].arguments, 0, NULL);
        h->right += strcmp(calls[h->n].name, e->name) == 0 && json_equal(arguments, wanted);
        json_decref(wanted);
    }
    h->n++;
    json_decref(arguments);
    return buf_printf(&h->said, "%s%s(%s)", h->said.size ? ", " : "", e->name, e->text) ? VIV_OK : error_nomem(err);
}

static viv_status parse(const struct dialect *d, const struct tools *tools, const char *text, size_t n,
                        struct heard *h, struct error *err)
{
    struct dialect_parser *p = NULL;
    const struct dialect_parser_options options = {.tools = tools, .emit = hear, .ctx = h};
    viv_status status = dialect_parser_create(d, &options, &p, err);
    if (status == VIV_OK)
        status = dialect_parser_feed(p, text, n, err);
    if (status == VIV_OK)
        status = dialect_parser_finish(p, err);
    dialect_parser_destroy(p);
    return status;
}

static viv_status compare(const struct dialect *d, const struct chat_template *t, const struct tools *tools,
                          json_t *messages, const struct buf *all, size_t n, struct error *err)
{
    struct heard h = {0};
    const size_t at = answer_at(d, t, messages, tools->list, all);
    viv_status status = parse(d, tools, buf_text(all) + at, all->size - at, &h, err);
    if (status == VIV_OK && (h.n != n || h.right != n))
        status = error_set(err, VIV_EFORMAT,
                           "dialect %s: %s writes the call %s(%s) in another form; what was read of it: %.200s",
                           d->name, t->where ? t->where : "the template", calls[0].name, calls[0].arguments,
                           h.said.size ? buf_text(&h.said) : "no call");
    buf_release(&h.said);
    return status;
}

viv_status dialect_probe(const struct dialect *d, const struct chat_template *t, bool *in_content,
                         struct error *err)
{
    struct tools tools = {0};
    struct error why = {0}, refused = {0};
    const size_t n = d->parallel ? 2 : 1;
    json_t *list = json_loads(tools_text, 0, NULL);
    viv_status status = list ? tools_read("tools", list, &tools, err) : error_nomem(err);
    json_decref(list);
    if (status != VIV_OK)
        return status;
    status = VIV_EFORMAT;
    for (size_t i = 0; status != VIV_OK && status != VIV_ENOMEM && i < sizeof ways / sizeof *ways; i++) {
        struct buf all = {0};
        json_t *messages = conversation(d, &ways[i], n);
        *in_content = ways[i].content;
        status = VIV_OK;
        if (*in_content && !leaves_calls_out(t, messages, tools.list))
            status = VIV_EFORMAT;
        else if (*in_content)
            status = dialect_put_calls(d, messages, NULL, &refused);
        if (status == VIV_OK)
            status = messages ? render(t, messages, tools.list, false, &all, &refused) : VIV_ENOMEM;
        if (status == VIV_OK)
            status = compare(d, t, &tools, messages, &all, n, &why);
        else if (!*why.text)
            why = refused;
        buf_release(&all);
        json_decref(messages);
    }
    tools_release(&tools);
    if (status == VIV_ENOMEM)
        return error_nomem(err);
    if (status != VIV_OK)
        *err = why;
    return status;
}
