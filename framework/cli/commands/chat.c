/* viv chat - a conversation, turn by turn.
 *
 * Each turn, the model's chat template makes one text of all messages. What of it the model has computed in the
 * turns before, it keeps; only what is new goes through the graph. */
#include "cli/chat.h"

#include "cli/answer.h"
#include "cli/interrupt.h"
#include "cli/shared.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct chat_options defaults = {.speaking = SPEAKING_DEFAULTS};

#define OPT(field) offsetof(struct chat_options, field)
static const struct option table[] = {
    {"system", 0, OPTION_STRING, OPT(system), "TEXT", .help = "what the model is told before all turns",
     .aliases = "system-prompt|sys"},
    FILE_OPTION(OPT(file), "each line is a turn"),
    SESSION_OPTION(OPT(session), "it holds a conversation"),
    TEMPLATE_OPTION(OPT(template), NULL),
    TEMPLATE_NAME_OPTION(OPT(template_name)),
    VAR_OPTION(OPT(variables)),
    VERBOSE_OPTION(OPT(verbose), "after each answer, its tokens and their speed"),
    JSON_OPTION(OPT(json), "one object for each turn, one per line"),
    {"no-history", 0, OPTION_FLAG, OPT(no_history), .help = "keep nothing of what is typed for another time"},
    {0}};

/* --- messages ------------------------------------------------------------------------------------------------ */

static bool is_role(const json_t *message, const char *role)
{
    const char *is = json_string_value(json_object_get(message, "role"));
    return is && strcmp(is, role) == 0;
}

static json_t *message_of(const char *role, const char *text, size_t n)
{
    return json_pack("{s:s, s:o}", "role", role, "content", json_text(text, n));
}

static viv_status say(json_t *messages, const char *role, const char *text, size_t n, struct error *err)
{
    return json_array_append_new(messages, message_of(role, text, n)) == 0 ? VIV_OK : error_nomem(err);
}

static void take_back(json_t *messages)
{
    json_array_remove(messages, json_array_size(messages) - 1);
}

static size_t n_turns(const json_t *messages)
{
    size_t n = 0, i;
    json_t *m;
    json_array_foreach(messages, i, m) n += is_role(m, "user");
    return n;
}

viv_status chat_set_system(struct chat *c, const char *text, struct error *err)
{
    json_t *messages = c->session.messages;
    if (is_role(json_array_get(messages, 0), "system"))
        json_array_remove(messages, 0);
    c->changed = true;
    if (!*text || json_array_insert_new(messages, 0, message_of("system", text, strlen(text))) == 0)
        return VIV_OK;
    return error_nomem(err);
}

const char *chat_system(const struct chat *c)
{
    const json_t *first = json_array_get(c->session.messages, 0);
    return is_role(first, "system") ? json_string_value(json_object_get(first, "content")) : NULL;
}

void chat_clear(struct chat *c)
{
    json_t *messages = c->session.messages;
    const size_t least = chat_system(c) ? 1 : 0;
    while (json_array_size(messages) > least)
        take_back(messages);
    token_ids_release(&c->session.text);
    c->session.n_prompt = 0;
    c->changed = true;
}

/* --- the template -------------------------------------------------------------------------------------------- */

/* What a failure of the template says besides. */
static viv_status advise(struct error *err, const char *advice)
{
    const struct error reason = *err;
    return error_set(err, reason.status, "%s (%s)", reason.text, advice);
}

/* --- turns --------------------------------------------------------------------------------------------------- */

static viv_status show(struct answer *a, const viv_event *e, struct error *err)
{
    return e->kind == VIV_EVENT_TEXT ? answer_print(a, e->text, e->size, err) : VIV_OK;
}

/* All messages as ids; refuses more than there is room for. */
static viv_status encode(const struct chat *c, struct token_ids *ids, struct error *err)
{
    const uint64_t context = model_context(c->o->model);
    struct buf text = {0};
    viv_status status = chat_render_messages(&c->template, c->session.messages, c->variables, true, &text, err);
    if (status != VIV_OK && status != VIV_ENOMEM)
        status = advise(err, "`viv render` shows what it makes of messages, --template FILE takes another");
    if (status == VIV_OK)
        status = tokenizer_encode(c->tokenizer, buf_text(&text), text.size, TOKENIZER_PARSE_SPECIAL, ids, err);
    if (status == VIV_OK && ids->n >= context)
        status = error_set(err, VIV_ELIMIT,
                           "the context is full: with this turn, the conversation has %zu tokens, and %" PRIu64
                           " are room (--context N makes more; /save keeps what was said)",
                           ids->n, context);
    buf_release(&text);
    return status;
}

static viv_status print_turn(const struct chat *c, const struct answer *a, struct error *err)
{
    const json_t *messages = c->session.messages;
    json_t *line = json_pack("{s:I, s:o}", "turn", (json_int_t)n_turns(messages), "text",
                             json_text(buf_text(&a->text), a->text.size));
    viv_status status = print_json(answer_figures(a, &c->sampling, line), true, err);
    return status == VIV_OK ? flush_output(err) : status;
}

/* What came of it, as the last message; of nothing, none comes. */
static viv_status take_answer(struct chat *c, struct token_ids *ids, const struct answer *a, struct error *err)
{
    viv_status status = say(c->session.messages, "assistant", buf_text(&a->text), a->text.size, err);
    for (size_t i = 0; status == VIV_OK && i < a->ids.n; i++) {
        if (!VEC_RESERVE(ids->ids, ids->n, ids->capacity))
            return error_nomem(err);
        ids->ids[ids->n++] = a->ids.ids[i];
    }
    if (status != VIV_OK)
        return status;
    token_ids_release(&c->session.text);
    c->session.text = *ids;
    c->session.n_prompt = ids->n;
    *ids = (struct token_ids){0};
    c->changed = true;
    return VIV_OK;
}

static void note_end(const struct chat *c, struct answer *a)
{
    if (c->options->json)
        return;
    if (a->line_open) {
        putchar('\n');
        fflush(stdout);
        a->line_open = false;
    }
    if (c->options->verbose)
        answer_print_closing(a, &c->sampling);
    if (c->session.text.n >= model_context(c->o->model))
        fprintf(stderr, "viv: the context of %" PRIu64 " tokens is full, the answer ends here\n",
                model_context(c->o->model));
}

/* Answers the last message. An answer that is stopped before it has begun is none: then *answered is false. */
static viv_status answer(struct chat *c, bool *answered, struct error *err)
{
    const struct speaking *speaking = &c->options->speaking;
    struct token_ids ids = {0};
    struct answer a = {.show = c->options->json ? NULL : show};
    *answered = false;
    viv_status status = encode(c, &ids, err);
    const viv_part part = {
        .struct_size = sizeof part, .kind = VIV_PART_TOKENS, .data = ids.ids, .size = ids.n * sizeof *ids.ids};
    const viv_part *const parts[] = {&part};
    const viv_message message = {.struct_size = sizeof message, .n_parts = 1, .parts = parts};
    const viv_message *const messages[] = {&message};
    viv_request request = {.struct_size = sizeof request,
                           .n_messages = 1,
                           .messages = messages,
                           .sampling = &c->sampling,
                           .flags = speaking->ignore_eos ? VIV_REQUEST_IGNORE_EOS : 0u,
                           .cancel = interrupt_watch(),
                           .sequence = c->session.sequence};
    sampling_limits(speaking, c->o->model, &request);
    if (status == VIV_OK)
        status = answer_ask(&a, c->o, &request, err);
    if (status == VIV_OK && (a.ids.n > 0 || !interrupted())) {
        *answered = true;
        status = take_answer(c, &ids, &a, err);
        if (status == VIV_OK && c->options->json)
            status = print_turn(c, &a, err);
        if (status == VIV_OK)
            note_end(c, &a);
        c->sampling.seed++; /* the next answer is another, and so is one to the same question */
        c->session.seed = (int64_t)c->sampling.seed;
    }
    token_ids_release(&ids);
    answer_release(&a);
    return status;
}

viv_status chat_turn(struct chat *c, const char *text, size_t n, struct error *err)
{
    bool answered = false;
    viv_status status = say(c->session.messages, "user", text, n, err);
    if (status != VIV_OK)
        return status;
    status = answer(c, &answered, err);
    if (answered)
        return status;
    take_back(c->session.messages);
    if (status == VIV_OK)
        fputs("viv: stopped before it was answered, the turn is taken back\n", stderr);
    return status;
}

viv_status chat_regenerate(struct chat *c, struct error *err)
{
    json_t *messages = c->session.messages, *last = json_array_get(messages, json_array_size(messages) - 1);
    bool answered = false;
    if (!is_role(last, "assistant"))
        return error_set(err, VIV_EINVAL, "there is no answer yet that could be another");
    json_incref(last);
    take_back(messages);
    viv_status status = answer(c, &answered, err);
    if (!answered && json_array_append(messages, last) != 0)
        status = error_nomem(err);
    json_decref(last);
    return status;
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
            fail(err);
            status = VIV_OK;
        } else if (!typed && status == VIV_OK && interrupted()) {
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
    viv_model *m = c->o->model;
    viv_status status =
        options->session ? session_open(&c->session, m, options->session, err) : session_begin(&c->session, m, err);
    if (status == VIV_OK && !c->session.messages && c->session.text.n > 0)
        status = error_set(err, VIV_EINVAL, "%s holds a text and no conversation: `viv run` goes on with it",
                           options->session);
    const bool begins = status == VIV_OK && !c->session.messages && spec_settings(model_spec(m))->system;
    if (status == VIV_OK && !c->session.messages && !(c->session.messages = json_array()))
        status = error_nomem(err);
    if (status == VIV_OK && (options->system || begins))
        status = chat_set_system(c, options->system ? options->system : spec_settings(model_spec(m))->system, err);
    if (status == VIV_OK)
        status = sampling_choose(&options->speaking, m, c->session.seed, &c->sampling, err);
    int32_t end = -1;
    if (status == VIV_OK)
        status = chat_turn_end(&c->template, c->tokenizer, c->variables, &end, err);
    if (end >= 0)
        model_add_end(m, end);
    return status;
}

static viv_status open_all(struct chat *c, const char *name, struct error *err)
{
    const struct chat_options *options = c->options;
    viv_status status = open_model(c->o, &options->speaking.common, name, err);
    if (status == VIV_OK)
        status = want_logits(c->o, err);
    if (status == VIV_OK)
        status = session_possible(c->o->model, err);
    if (status == VIV_OK) {
        status = conversation_template(c->o, options->template, options->template_name, false, &c->template, err);
        if (status == VIV_ENOTFOUND && !options->template)
            status = advise(err, "--template FILE gives it one, `viv run` continues texts without");
    }
    c->variables = json_object();
    if (status == VIV_OK && !c->variables)
        status = error_nomem(err);
    if (status == VIV_OK)
        status = conversation_variables(&options->variables, c->variables, err);
    if (status == VIV_OK)
        status = model_tokenizer(c->o->model, &c->tokenizer, err);
    if (status == VIV_OK)
        status = lines_open(&c->lines, options->file, !options->no_history, err);
    if (status == VIV_OK)
        status = load_model(c->o, err);
    return status;
}

static int chat(const struct arguments *arguments)
{
    struct opened o = {0};
    struct chat c = {.options = (struct chat_options *)arguments->options, .o = &o};
    struct error err = {0};
    viv_status status = open_all(&c, arguments->words[0], &err);
    if (status == VIV_OK)
        status = begin(&c, &err);
    if (status == VIV_OK) {
        if (lines_typed(c.lines))
            fprintf(stderr, "viv: %s, /help lists commands\n", spec_name(model_spec(o.model)));
        status = converse(&c, &err);
        struct error of_saving;
        if (c.options->session && c.changed &&
            session_write(&c.session, c.options->session, &of_saving) != VIV_OK && status == VIV_OK) {
            err = of_saving;
            status = err.status;
        }
    }
    lines_close(c.lines);
    for (size_t i = 0; i < c.owned.n; i++)
        free((char *)c.owned.items[i]);
    free(c.owned.items);
    sampling_release(&c.sampling);
    session_end(&c.session);
    json_decref(c.variables);
    chat_template_close(&c.template);
    return close_opened(&o, status, &err);
}

const struct command command_chat = {
    .name = "chat",
    .summary = "converse, turn by turn",
    .words = "MODEL",
    .text =
        "Answers what is typed, line by line, with all that was said before. The model's chat template says how "
        "a conversation is written, and ends each answer. Only what is new in a turn is computed. Lines may come "
        "from a file or a pipe, too: each is a turn.\n"
        "On a terminal, lines that are pasted are one turn, and so is what stands between \"\"\" and \"\"\"; "
        "earlier lines are called back, also those of other conversations.\n"
        "Ctrl-C stops an answer; what there is of it stays. /help lists commands.",
    .options = table,
    .also = speaking_options,
    .defaults = &defaults,
    .options_size = sizeof(struct chat_options),
    .examples = "viv chat ./my-checkpoint\n"
                "viv chat ./my-checkpoint --system \"Be brief.\" --session talk.viv\n"
                "printf 'Hello\\nAnd in French?\\n' | viv chat ./my-checkpoint --json",
    .group = GROUP_RUN,
    .models = true,
    .main = chat,
};
