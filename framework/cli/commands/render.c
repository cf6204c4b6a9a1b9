/* viv render - from messages to the text that a model continues, by its chat template. */
#include "base/file.h"
#include "cli/input.h"
#include "cli/open.h"
#include "cli/shared.h"
#include "cli/tool_options.h"
#include "cli/variables.h"
#include "model/dialects.h"

#include <stdlib.h>
#include <string.h>

struct render_options {
    struct common common;
    const char *template, *tools, *name, *values, *now;
    struct string_list variables;
    bool no_generation_prompt, json;
};

#define OPT(field) offsetof(struct render_options, field)
static const struct option table[] = {
    TEMPLATE_OPTION(OPT(template), "without MODEL: then MESSAGES is an object of variables"),
    TOOLS_OPTION(OPT(tools)),
    TEMPLATE_NAME_OPTION(OPT(name)),
    {"no-generation-prompt", 0, OPTION_FLAG, OPT(no_generation_prompt),
     .help = "end after the last message, without what makes the model answer"},
    VAR_OPTION(OPT(variables)),
    {"values", 0, OPTION_CHOICE, OPT(values), "STYLE",
     .help = "how true, none and lists print: as Python's str(), which models were trained with (default), or as "
             "JSON, as JavaScript's library does (default with --template)",
     .choices = "python|json"},
    {"now", 0, OPTION_STRING, OPT(now), "DATE", .help = "what the template takes for today: 2025-07-10"},
    JSON_OPTION(OPT(json), "one object: {\"text\": ...}"),
    {0}};

static const uint64_t LONGEST = 64u << 20;

static viv_status put(json_t *data, const char *name, json_t *value, struct error *err)
{
    return json_object_set_new(data, name, value) == 0 ? VIV_OK : error_nomem(err);
}

/* Messages are a list, or an object that has them among other variables. */
static viv_status read_data(const struct render_options *o, bool alone, const char *path, json_t **out,
                            struct error *err)
{
    json_t *given = NULL, *tools = NULL;
    viv_status status = cli_read_json(path, &given, err);
    *out = NULL;
    if (status == VIV_OK && json_is_array(given) && !alone)
        *out = json_pack("{s:O}", "messages", given);
    else if (status == VIV_OK && json_is_object(given))
        *out = json_incref(given);
    else if (status == VIV_OK)
        status = error_set(err, VIV_EFORMAT, "%s: expected %s, found %s", path,
                           alone ? "an object of variables" : "a list of messages", json_kind(given));
    json_decref(given);
    if (status == VIV_OK && !*out)
        status = error_nomem(err);
    if (status == VIV_OK && !alone && !json_is_array(json_object_get(*out, "messages")))
        status = error_set(err, VIV_EFORMAT, "%s has no list of 'messages'", path);
    if (status == VIV_OK && o->tools)
        status = cli_read_json(o->tools, &tools, err);
    if (status == VIV_OK && tools && !json_is_array(tools))
        status = error_set(err, VIV_EFORMAT, "%s: expected a list of tools, found %s", o->tools, json_kind(tools));
    if (status == VIV_OK && tools)
        status = put(*out, "tools", json_incref(tools), err);
    if (status == VIV_OK)
        status = variables_put(&o->variables, *out, err);
    json_decref(tools);
    return status;
}

/* By the template of a model: of a checkpoint, or of the one that a spec names. */
static viv_status render_model(const struct render_options *o, const char *name, const struct template_options *how,
                               json_t *data, struct buf *out, struct error *err)
{
    struct opened opened = {.chat_template = o->template, .chat_template_name = o->name};
    const struct chat_template *t;
    const bool has_tools = json_is_array(json_object_get(data, "tools"));
    viv_status status = cli_open_model(&opened, &o->common, name, err);
    if (status == VIV_OK)
        status = model_chat_template(opened.model, has_tools, &t, err);
    if (status == VIV_OK && (o->no_generation_prompt || !json_object_get(data, "add_generation_prompt")))
        status = put(data, "add_generation_prompt", json_boolean(!o->no_generation_prompt), err);
    if (status == VIV_OK)
        status = model_put_calls(opened.model, data, NULL, err);
    if (status == VIV_OK)
        status = chat_render(t, how, data, out, err);
    cli_close_opened(&opened, VIV_OK, err);
    return status;
}

static viv_status render_file(const char *path, const struct template_options *how, json_t *data, struct buf *out,
                              struct error *err)
{
    struct template_options named = *how;
    struct buf source = {0};
    named.name = file_input_name(path);
    viv_status status = cli_read_input(path, LONGEST, &source, err);
    if (status == VIV_OK)
        status = jinja_render(&named, buf_text(&source), source.size, data, out, err);
    buf_release(&source);
    return status;
}

static int render(const struct arguments *a)
{
    const struct render_options *o = a->options;
    struct buf text = {0};
    struct error err = {0};
    struct tm now = {.tm_isdst = -1};
    json_t *data = NULL;
    const bool alone = o->template && a->n_words == 1; /* a template and its data, without a model */
    if (a->n_words != 2 && !alone)
        return cli_usage_error("render",
                               o->template ? "with --template, a file of data is expected, or a model and messages"
                                           : "a model and a file of messages are expected");
    if (o->now) {
        const char *end = strptime(o->now, "%Y-%m-%d", &now);
        if (!end || *end)
            return cli_usage_error("render", "--now: expected a date such as 2025-07-10, found '%s'", o->now);
        mktime(&now);
    }
    const char *values = o->values ? o->values : alone ? "json" : "python";
    const struct template_options how = {.values = values[0] == 'j' ? TEMPLATE_JSON : TEMPLATE_PYTHON,
                                         .now = o->now ? &now : NULL};
    viv_status status = read_data(o, alone, a->words[a->n_words - 1], &data, &err);
    if (status == VIV_OK)
        status = alone ? render_file(o->template, &how, data, &text, &err)
                       : render_model(o, a->words[0], &how, data, &text, &err);
    if (status == VIV_OK && o->json)
        status = cli_print_json(json_pack("{s:o}", "text", cli_json_text(buf_text(&text), text.size)), true, &err);
    else if (status == VIV_OK)
        fwrite(buf_text(&text), 1, text.size, stdout);
    json_decref(data);
    buf_release(&text);
    return status == VIV_OK ? EXIT_DONE : cli_fail(&err);
}

static const struct render_options defaults = {0};

const struct command command_render = {
    .name = "render",
    .summary = "the text that a chat template makes of messages",
    .words = "MODEL [MESSAGES]",
    .text = "Prints what a model would be given for a conversation: a JSON file of messages, [{\"role\": \"user\", "
            "\"content\": \"Hello\"}, ...], or an object with \"messages\" and further variables. Nothing is "
            "added, not even a line feed at the end.\n"
            "With --template, any Jinja template is rendered with a JSON object of variables.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct render_options),
    .examples = "viv render ./my-checkpoint messages.json\n"
                "viv render ./my-checkpoint messages.json --tools tools.json\n"
                "viv render --template chat.jinja data.json",
    .group = GROUP_LOOK,
    .models = true,
    .main = render,
};
