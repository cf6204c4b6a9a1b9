/* viv chat - a conversation, turn by turn.
 *
 * Each turn, the model's chat template makes one text of all messages. What of it the model has computed in the
 * turns before, it keeps; only what is new goes through the graph. */
#include "cli/chat.h"
#include "cli/budget.h"
#include "cli/images.h"
#include "cli/interrupt.h"
#include "cli/shared.h"
#include "cli/show.h"
#include "cli/tool_options.h"
#include "cli/variables.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct chat_options defaults = {.speaking = SPEAKING_DEFAULTS};

#define OPT(field) offsetof(struct chat_options, field)
static const struct option table[] = {
    SYSTEM_OPTION(OPT(system), NULL),
    FILE_OPTION(OPT(file), "each line is a turn"),
    MEMORY_OPTION(OPT(memory),
                  "rows of a step, types of the KV cache and the context are lowered as far as is needed"),
    PRECISION_OPTION(OPT(precision)),
    SESSION_OPTION(OPT(session), "it holds a conversation"),
    TOOLS_OPTION(OPT(tools)),
    TOOL_CHOICE_OPTION(OPT(tool_choice)),
    ONE_CALL_OPTION(OPT(one_call)),
    TEMPLATE_OPTION(OPT(template), NULL),
    TEMPLATE_NAME_OPTION(OPT(template_name)),
    VAR_OPTION(OPT(variables)),
    PARSE_SPECIAL_OPTION(OPT(parse_special)),
    VERBOSE_OPTION(OPT(verbose), "after each answer, its tokens and their speed"),
    JSON_OPTION(OPT(json), "one object for each turn, one per line"),
    FPS_OPTION(OPT(fps)),
    {"no-history", 0, OPTION_FLAG, OPT(no_history), .help = "keep nothing of what is typed for another time"},
    {0}};

/* --- turns --------------------------------------------------------------------------------------------------- */

viv_status chat_request(struct chat *c, struct request *r, struct error *err)
{
    request_init(r, c->o->model);
    viv_status status = sampling_apply(&c->options->speaking, r, err);
    if (c->seed >= 0)
        r->sampling.seed = (uint64_t)c->seed;
    r->fps = c->options->fps;
    r->viv.tools = c->tools;
    r->viv.tool_choice = c->options->tool_choice;
    if (c->options->one_call)
        r->viv.flags |= VIV_REQUEST_ONE_CALL;
    if (c->options->parse_special)
        r->viv.flags |= VIV_REQUEST_PARSE_SPECIAL;
    return status == VIV_OK ? variables_apply(&c->options->variables, r, err) : status;
}

static viv_status print_turn(const struct chat *c, struct shown *shown, const struct answer *a,
                             const viv_sampling *sampling, struct error *err)
{
    json_t *line = json_pack("{s:I, s:o}", "turn", (json_int_t)conversation_n_turns(&c->conversation), "text",
                             cli_json_text(buf_text(&a->text), a->text.size));
    if (line && c->tools)
        json_object_set_new(line, "calls", show_calls(a));
    viv_status status = cli_print_json(show_figures(shown, a, sampling, line), true, err);
    return status == VIV_OK ? cli_flush_output(err) : status;
}

/* Which call is the next that waits for its result. */
static void note_call(const struct chat *c)
{
    const json_t *call = conversation_open_call(&c->conversation);
    if (call)
        fprintf(stderr, "viv: %s waits for its result: /result TEXT\n",
                json_string_value(json_object_get(json_object_get(call, "function"), "name")));
}

static void note_end(const struct chat *c, struct shown *shown, const struct answer *a,
                     const viv_sampling *sampling)
{
    const uint64_t context = model_context(c->o->model);
    if (shown->line_open) {
        putchar('\n');
        fflush(stdout);
        shown->line_open = false;
    }
    if (c->options->verbose)
        show_closing(shown, a, sampling);
    if (c->conversation.session.text.n >= context)
        fprintf(stderr, "viv: the context of %" PRIu64 " tokens is full, the answer ends here\n", context);
    note_call(c);
}

/* What a failure says besides. */
static viv_status advise(struct error *err, const char *advice)
{
    const struct error reason = *err;
    return error_set(err, reason.status, "%s (%s)", reason.text, advice);
}

/* Asks: a turn, the result of a call, or (text NULL) the last one again. */
static viv_status answer(struct chat *c, const char *role, const char *text, size_t n, bool *answered,
                         struct error *err)
{
    struct request r;
    struct answer a = {0};
    struct shown shown = {.text = !c->options->json};
    viv_status status = chat_request(c, &r, err);
    r.viv.cancel = interrupt_watch();
    show_begin(&shown, c->o, &a);
    if (status == VIV_OK)
        status = text ? conversation_ask(&c->conversation, role, text, n, &r, &a, answered, err)
                      : conversation_regenerate(&c->conversation, &r, &a, answered, err);
    show_end(&shown);
    if (status == VIV_ELIMIT)
        advise(err, "/save keeps what was said");
    if (status == VIV_OK && *answered) {
        if (c->options->json)
            status = print_turn(c, &shown, &a, &r.sampling, err);
        else
            note_end(c, &shown, &a, &r.sampling);
        c->seed = (int64_t)r.sampling.seed + 1; /* the next answer is another, and so is one to the same question */
        c->conversation.session.seed = c->seed;
    }
    answer_release(&a);
    request_release(&r);
    return status;
}

static viv_status say(struct chat *c, const char *role, const char *text, size_t n, struct error *err)
{
    bool answered = false;
    viv_status status = answer(c, role, text, n, &answered, err);
    if (status == VIV_OK && !answered)
        fputs("viv: stopped before it was answered, the turn is taken back\n", stderr);
    return status;
}

viv_status chat_turn(struct chat *c, const char *text, size_t n, struct error *err)
{
    return say(c, "user", text, n, err);
}

/* The model goes on when all calls of its answer have results. */
viv_status chat_result(struct chat *c, const char *text, size_t n, struct error *err)
{
    const size_t n_open = conversation_n_open_calls(&c->conversation);
    if (n_open == 0)
        return error_set(err, VIV_EINVAL, "/result: no call waits for a result");
    if (n_open == 1)
        return say(c, "tool", text, n, err);
    viv_status status = conversation_add(&c->conversation, "tool", text, n, err);
    if (status == VIV_OK && !c->options->json)
        note_call(c);
    return status;
}

viv_status chat_regenerate(struct chat *c, struct error *err)
{
    bool answered = false;
    return answer(c, NULL, NULL, 0, &answered, err);
}

/* --- the conversation ---------------------------------------------------------------------------------------- */

/* Failures of one turn end what a program sends, but not what somebody types. */
static viv_status converse(struct chat *c, struct error *err)
{
    struct buf line = {0};
    const bool typed = lines_typed(c->lines);
    viv_status status = VIV_OK;
    bool end = false;
    while (status == VIV_OK && !c->quits) {
        interrupt_forget();
        interrupt_watch();
        status = lines_next(c->lines, &line, &end, err);
        if (end)
            break;
        const bool is_text = status == VIV_OK || status == VIV_EFORMAT;
        if (status == VIV_OK)
            status = chat_carry_out(c, &line, err);
        if (typed && is_text && status != VIV_OK) {
            cli_fail(err);
            status = VIV_OK;
        } else if (!typed && status == VIV_OK && interrupt_happened()) {
            status = error_set(err, VIV_ECANCELLED, "interrupted");
        }
    }
    if (typed && status == VIV_ECANCELLED)
        status = VIV_OK; /* Ctrl-C at the prompt is one of the ways to quit */
    buf_release(&line);
    return status;
}

static viv_status begin(struct chat *c, struct error *err)
{
    const struct chat_options *options = c->options;
    viv_status status = conversation_open(&c->conversation, c->o->model, options->session, true, err);
    if (status == VIV_OK && options->system)
        status = conversation_set_system(&c->conversation, options->system, err);
    c->seed = options->speaking.seed != SETTING_NONE ? options->speaking.seed : c->conversation.session.seed;
    return status;
}

static viv_status open_all(struct chat *c, const char *name, struct error *err)
{
    const struct chat_options *options = c->options;
    const struct chat_template *template;
    json_t *variables = json_object();
    c->o->sensitivity = options->precision;
    c->o->chat_template = options->template;
    c->o->chat_template_name = options->template_name;
    viv_status status =
        variables ? cli_open_within(c->o, &options->speaking.common, options->memory, name, err) : error_nomem(err);
    if (status == VIV_OK)
        status = cli_want_logits(c->o, err);
    if (status == VIV_OK)
        status = session_possible(c->o->model, err);
    if (status == VIV_OK) {
        status = model_chat_template(c->o->model, false, &template, err);
        if (status == VIV_ENOTFOUND && !options->template)
            status = advise(err, "--template FILE gives it one, `viv run` continues texts without");
    }
    if (status == VIV_OK) /* hear now what is wrong with them */
        status = variables_put(&options->variables, variables, err);
    json_decref(variables);
    if (status == VIV_OK && options->tools)
        status = tool_file_text(options->tools, &c->tools, err);
    if (status == VIV_OK)
        status = lines_open(&c->lines, options->file, !options->no_history, err);
    if (status == VIV_OK)
        status = cli_open_draft(c->o, options->speaking.draft, options->memory, err);
    if (status == VIV_OK)
        status = cli_load_model(c->o, err);
    return status;
}

static int chat(const struct arguments *arguments)
{
    struct opened o = {0};
    struct chat c = {.options = (struct chat_options *)arguments->options, .o = &o};
    struct error err = {0};
    if (c.options->precision && !c.options->memory)
        return cli_usage_error("chat", "--precision chooses types within a budget: give one by --memory");
    if (!c.options->tools && (c.options->tool_choice || c.options->one_call))
        return cli_usage_error("chat", "--tool-choice and --one-call are of tools: name them by --tools");
    viv_status status = open_all(&c, arguments->words[0], &err);
    if (status == VIV_OK)
        status = begin(&c, &err);
    if (status == VIV_OK) {
        if (lines_typed(c.lines))
            fprintf(stderr, "viv: %s, /help lists commands\n", spec_name(model_spec(o.model)));
        status = converse(&c, &err);
        struct error of_saving;
        if (c.options->session && c.conversation.changed &&
            conversation_save(&c.conversation, c.options->session, &of_saving) != VIV_OK && status == VIV_OK) {
            err = of_saving;
            status = err.status;
        }
    }
    lines_close(c.lines);
    for (size_t i = 0; i < c.owned.n; i++)
        free((char *)c.owned.items[i]);
    free(c.owned.items);
    free(c.tools);
    conversation_close(&c.conversation);
    return cli_close_opened(&o, status, &err);
}

const struct command command_chat = {
    .name = "chat",
    .summary = "converse, turn by turn",
    .words = "MODEL",
    .text = "Answers what is typed, line by line, with all that was said before. The model's chat template says "
            "how a conversation is written, and ends each answer. Only what is new in a turn is computed. Lines "
            "may come from a file or a pipe, too: each is a turn.\n"
            "On a terminal, lines that are pasted are one turn, and so is what stands between \"\"\" and \"\"\"; "
            "earlier lines are called back, also those of other conversations.\n"
            "With --tools, calls that the model writes are shown, each on a line; /result TEXT says what came of "
            "one, and when all have their results the model goes on.\n"
            "Ctrl-C stops an answer; what there is of it stays. /help lists commands.",
    .options = table,
    .also = sampling_options,
    .defaults = &defaults,
    .options_size = sizeof(struct chat_options),
    .examples = "viv chat ./my-checkpoint\n"
                "viv chat ./my-checkpoint --system \"Be brief.\" --session talk.viv\n"
                "viv chat ./my-checkpoint --draft ./my-small-checkpoint -v\n"
                "viv chat ./my-checkpoint --tools tools.json\n"
                "printf 'Hello\\nAnd in French?\\n' | viv chat ./my-checkpoint --json",
    .group = GROUP_RUN,
    .models = true,
    .main = chat,
};
