/* viv tools - how a model writes calls of tools. */
#include "base/file.h"
#include "cli/input.h"
#include "cli/open.h"
#include "cli/shared.h"
#include "cli/tool_options.h"
#include "model/dialects.h"

#include <stdlib.h>
#include <string.h>

struct tools_options {
    struct common common;
    const char *template, *template_name, *tools, *choice;
    bool one_call, lark, json;
};
static const struct tools_options defaults = {0};

#define OPT(field) offsetof(struct tools_options, field)
static const struct option table[] = {TEMPLATE_OPTION(OPT(template), "without MODEL: the dialect of this template"),
                                      TEMPLATE_NAME_OPTION(OPT(template_name)),
                                      TOOLS_OPTION(OPT(tools)),
                                      {"lark", 0, OPTION_FLAG, OPT(lark),
                                       .help = "print the grammar that answers with calls of these tools keep to, "
                                               "with the model's special tokens as <NAME>; see "
                                               "viv grammar"},
                                      TOOL_CHOICE_OPTION(OPT(choice)),
                                      ONE_CALL_OPTION(OPT(one_call)),
                                      JSON_OPTION(OPT(json), "one object; without MODEL a list"),
                                      {0}};

static const uint64_t LONGEST_TEMPLATE = 4u << 20;

/* The tool of the example, where no file has others. */
static const char example_tools[] = "[{\"type\": \"function\", \"function\": {\"name\": \"get_weather\", "
                                    "\"description\": \"The weather of a city\", "
                                    "\"parameters\": {\"type\": \"object\", \"properties\": {\"city\": {\"type\": "
                                    "\"string\"}, \"days\": {\"type\": "
                                    "\"integer\"}}, \"required\": [\"city\"]}}}]";

/* What is looked at: a model's dialect, a template's, or all of them. */
struct look {
    struct opened opened;
    struct dialect_list list;
    struct chat_template template;
    const struct dialect *dialect; /* NULL: none */
    struct buf why;
    const char *name;
    json_t *given;
    struct tools tools;
};

static viv_status read_tools(struct look *l, const struct tools_options *o, struct error *err)
{
    viv_status status = VIV_OK;
    if (o->tools)
        status = tool_file_read(o->tools, &l->given, err);
    else if (!(l->given = json_loads(example_tools, 0, NULL)))
        status = error_nomem(err);
    return status == VIV_OK ? tools_read(o->tools ? file_input_name(o->tools) : "tools", l->given, &l->tools, err)
                            : status;
}

static viv_status find_of_model(struct look *l, const struct tools_options *o, const char *name, struct error *err)
{
    const char *why = NULL;
    l->name = name;
    l->opened.chat_template = o->template;
    l->opened.chat_template_name = o->template_name;
    viv_status status = cli_open_model(&l->opened, &o->common, name, err);
    if (status == VIV_OK)
        status = model_dialect(l->opened.model, &l->dialect, &why, err);
    if (status == VIV_OK && why)
        buf_puts(&l->why, why);
    return status;
}

static viv_status find_of_template(struct look *l, const struct tools_options *o, struct error *err)
{
    bool in_content;
    l->name = file_input_name(o->template);
    viv_status status = cli_open_world(&l->opened, &o->common, err);
    if (status == VIV_OK)
        status = dialects_read(l->opened.world->directories, &l->list, err);
    if (status == VIV_OK)
        status = cli_read_input(o->template, LONGEST_TEMPLATE, &l->template.source, err);
    l->template.where = strdup(l->name);
    l->template.tokens = json_pack("{s:s, s:s}", "bos_token", "<s>", "eos_token", "</s>");
    if (status == VIV_OK && (!l->template.where || !l->template.tokens))
        status = error_nomem(err);
    return status == VIV_OK ? dialect_of_template(&l->list, &l->template, &l->dialect, &in_content, &l->why, err)
                            : status;
}

/* A value that the schema's type has. */
static json_t *example_value(json_t *schema)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    json_t *listed = json_array_get(json_object_get(schema, "enum"), 0);
    if (listed)
        return json_incref(listed);
    if (!type || strcmp(type, "string") == 0)
        return json_string("text");
    if (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0)
        return json_integer(3);
    return strcmp(type, "boolean") == 0 ? json_true() : strcmp(type, "array") == 0 ? json_array() : json_object();
}

/* A call of the first tool, or of two, as the model writes them. */
static viv_status write_example(const struct dialect *d, const struct tools *tools, struct buf *out,
                                struct error *err)
{
    const size_t n = d->parallel && tools->n > 1 ? 2 : tools->n ? 1 : 0;
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < n; i++) {
        const struct tool *t = &tools->v[i];
        json_t *arguments = json_object(), *schema;
        const char *key;
        json_object_foreach(json_object_get(t->parameters, "properties"), key, schema)
            json_object_set_new(arguments, key, example_value(schema));
        status = arguments ? dialect_write(d, t, "abcDEF123", arguments, i, i == 0, i + 1 == n, out, err)
                           : error_nomem(err);
        json_decref(arguments);
    }
    return status;
}

static json_t *marker_json(const struct marker *m)
{
    return m->n ? cli_json_word(m->texts[0]) : json_null();
}

static json_t *dialect_json(const struct dialect *d)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:b, s:o, s:{s:o, s:o}}", "dialect", cli_json_word(d->name),
                     "title", cli_json_word(d->title), "models", cli_json_word(d->models), "file",
                     cli_json_word(d->path), "payload", dialect_payload_name(d), "parallel", d->parallel, "trigger",
                     d->at_start ? cli_json_word("the beginning of the answer") : marker_json(dialect_trigger(d)),
                     "reasoning", "begin", marker_json(&d->reasoning_begin), "end", marker_json(&d->reasoning_end));
}

static void print_indented(const char *text, size_t n)
{
    for (size_t at = 0, size; at < n; at += size + 1) {
        const char *line = memchr(text + at, '\n', n - at);
        size = line ? (size_t)(line - text) - at : n - at;
        fputs("    ", stdout);
        cli_print_safe(stdout, text + at, size);
        putchar('\n');
    }
}

static viv_status print_dialect(const struct look *l, const struct tools_options *o, struct error *err)
{
    const struct dialect *d = l->dialect;
    struct buf example = {0};
    viv_status status = write_example(d, &l->tools, &example, err);
    if (status == VIV_OK && o->json) {
        json_t *line = dialect_json(d);
        if (line)
            json_object_set_new(line, "example", cli_json_text(buf_text(&example), example.size));
        status = cli_print_json(line, false, err);
    } else if (status == VIV_OK) {
        printf("%s: %s\n", d->name, d->title);
        printf("known by the chat template of %s: calls in its conversations are read back\n", l->name);
        printf("described in %s\n", d->path);
        printf("%s\n", d->parallel ? "several calls in an answer" : "one call in an answer");
        if (d->reasoning_begin.n)
            printf("reasoning from %s to %s\n", d->reasoning_begin.cores[0], d->reasoning_end.cores[0]);
        printf("example:\n");
        print_indented(buf_text(&example), example.size);
    }
    buf_release(&example);
    return status;
}

static viv_status print_grammar(const struct look *l, const struct tools_options *o, struct error *err)
{
    struct dialect_asked asked = {
        .tools = &l->tools, .choice = TOOLS_REQUIRED, .single = o->one_call, .plain = true};
    struct buf lark = {0};
    if (l->opened.model)
        asked.tokens = model_dialect_tokens(l->opened.model, &asked.n_tokens);
    if (o->choice && strcmp(o->choice, "auto") == 0)
        asked.choice = TOOLS_AUTO;
    else if (o->choice && strcmp(o->choice, "required") != 0) {
        const struct tool *one = tools_find(&l->tools, o->choice, strlen(o->choice));
        if (!one)
            return error_set(err, VIV_EINVAL, "--tool-choice: there is no tool '%.100s'", o->choice);
        asked.choice = TOOLS_ONE;
        asked.one = (size_t)(one - l->tools.v);
    }
    viv_status status = dialect_grammar(l->dialect, &asked, &lark, err);
    if (status == VIV_OK && o->json)
        status =
            cli_print_json(json_pack("{s:o}", "grammar", cli_json_text(buf_text(&lark), lark.size)), true, err);
    else if (status == VIV_OK)
        fwrite(buf_text(&lark), 1, lark.size, stdout);
    buf_release(&lark);
    return status;
}

static viv_status print_all(struct look *l, const struct tools_options *o, struct error *err)
{
    json_t *list = json_array();
    viv_status status = cli_open_world(&l->opened, &o->common, err);
    if (status == VIV_OK)
        status = dialects_read(l->opened.world->directories, &l->list, err);
    for (size_t i = 0; status == VIV_OK && i < l->list.n; i++) {
        const struct dialect *d = l->list.v[i];
        if (o->json)
            json_array_append_new(list, dialect_json(d));
        else
            printf("%-20s %s\n%-20s %s\n", d->name, d->title, "", d->models ? d->models : "");
    }
    if (status == VIV_OK && o->json)
        return cli_print_json(list, false, err);
    json_decref(list);
    return status;
}

static viv_status look(struct look *l, const struct tools_options *o, const char *model, struct error *err)
{
    viv_status status = read_tools(l, o, err);
    if (status != VIV_OK || (!model && !o->template))
        return status == VIV_OK ? print_all(l, o, err) : status;
    status = model ? find_of_model(l, o, model, err) : find_of_template(l, o, err);
    if (status == VIV_OK && !l->dialect)
        return error_set(err, VIV_ENOTFOUND, "%s has no dialect for calls of tools: %s", l->name,
                         buf_text(&l->why));
    if (status != VIV_OK)
        return status;
    return o->lark ? print_grammar(l, o, err) : print_dialect(l, o, err);
}

static int tools(const struct arguments *a)
{
    const struct tools_options *o = a->options;
    struct look l = {0};
    struct error err = {0};
    if (o->lark && !a->n_words && !o->template)
        return cli_usage_error("tools", "--lark is of a model: name one");
    viv_status status = look(&l, o, a->n_words ? a->words[0] : NULL, &err);
    if (status == VIV_OK)
        status = cli_flush_output(&err);
    tools_release(&l.tools);
    json_decref(l.given);
    buf_release(&l.why);
    dialects_release(&l.list);
    chat_template_close(&l.template);
    return cli_close_opened(&l.opened, status, &err);
}

const struct command command_tools = {
    .name = "tools",
    .summary = "how a model calls tools",
    .words = "[MODEL]",
    .text =
        "Models write calls of tools in many forms. Each form is a file, specs/dialects/NAME.yaml; a model's is "
        "found by its chat template, and proven: the template writes two calls, and the same calls must be read "
        "back. Prints that form with an example; without MODEL, all forms that are known.\n"
        "`viv run MODEL --messages FILE --tools FILE --json` prints calls as events.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct tools_options),
    .examples = "viv tools\n"
                "viv tools ./my-checkpoint\n"
                "viv tools ./my-checkpoint --tools tools.json --json\n"
                "viv tools ./my-checkpoint --tools tools.json --lark > calls.lark\n"
                "viv tools --template chat_template.jinja",
    .group = GROUP_LOOK,
    .models = true,
    .main = tools,
};
