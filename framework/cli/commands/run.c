/* viv run - answers a prompt. */
#include "base/file.h"
#include "base/utf8.h"
#include "cli/budget.h"
#include "cli/images.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/sampling.h"
#include "cli/shared.h"
#include "cli/show.h"
#include "cli/tool_options.h"
#include "cli/trace.h"
#include "cli/variables.h"
#include "engine/conversation.h"
#include "engine/draft.h"

#include <string.h>

struct run_options {
    struct speaking speaking;
    const char *prompt, *file, *system, *messages, *template, *template_name, *session, *trace, *precision, *tools,
        *tool_choice;
    struct string_list variables, images, videos;
    double fps;
    uint64_t memory; /* --memory; 0: no budget */
    bool no_echo, parse_special, json, quiet, one_call;
};

static const struct run_options defaults = {.speaking = SPEAKING_DEFAULTS};

#define OPT(field) offsetof(struct run_options, field)
static const struct option table[] = {
    PROMPT_OPTION(OPTION_STRING, OPT(prompt), "without it and -f, TEXT or standard input"),
    FILE_OPTION(OPT(file), "one line feed at its end is left out"),
    IMAGE_OPTION(OPT(images),
                 "stands where --messages has {\"type\": \"image\"} or the prompt has the model's token for "
                 "a picture, or before the prompt"),
    VIDEO_OPTION(OPT(videos)),
    FPS_OPTION(OPT(fps)),
    SYSTEM_OPTION(OPT(system), "then the prompt is a turn of a conversation"),
    {"messages", 0, OPTION_STRING, OPT(messages), "FILE",
     .help =
         "answer a conversation: a JSON list of messages, or an object with messages, tools and further variables"},
    TOOLS_OPTION(OPT(tools)),
    TOOL_CHOICE_OPTION(OPT(tool_choice)),
    ONE_CALL_OPTION(OPT(one_call)),
    TEMPLATE_OPTION(OPT(template), NULL),
    TEMPLATE_NAME_OPTION(OPT(template_name)),
    VAR_OPTION(OPT(variables)),
    PARSE_SPECIAL_OPTION(OPT(parse_special)),
    MEMORY_OPTION(OPT(memory),
                  "rows of a step, types of the KV cache and the context are lowered as far as is needed"),
    PRECISION_OPTION(OPT(precision)),
    SESSION_OPTION(OPT(session), "it holds a text, which a prompt may go on with"),
    {"no-echo", 0, OPTION_FLAG, OPT(no_echo),
     .help = "print the answer alone, without the prompt that it continues", .aliases = "no-display-prompt"},
    {"trace-experts", 0, OPTION_STRING, OPT(trace), "FILE",
     .help = "write down which experts work on each token, and how much each counts, as JSON lines"},
    {"quiet", 'q', OPTION_FLAG, OPT(quiet), .help = "no closing line"},
    JSON_OPTION(OPT(json), "one object for each event, one per line"),
    {0}};

/* --- the prompt ---------------------------------------------------------------------------------------- */

static const uint64_t LONGEST_PROMPT = 64u << 20;

static viv_status read_prompt(const struct run_options *o, struct buf *out, struct error *err)
{
    const char *name = o->prompt ? "the prompt" : file_input_name(o->file);
    viv_status status = VIV_OK;
    if (o->prompt)
        status = buf_puts(out, o->prompt) ? VIV_OK : error_nomem(err);
    else
        status = cli_read_input(o->file, LONGEST_PROMPT, out, err);
    if (status != VIV_OK)
        return status;
    if (!o->prompt && out->size > 0 && out->data[out->size - 1] == '\n')
        out->data[--out->size] = '\0';
    for (size_t at = 0, n; at < out->size; at += n) {
        uint32_t c;
        n = utf8_decode(out->data + at, out->size - at, &c);
        if (n == 0)
            return error_set(err, VIV_EFORMAT, "%s: expected UTF-8, found the byte 0x%02x at offset %zu", name,
                             (unsigned char)out->data[at], at);
    }
    return VIV_OK;
}

/* --- what is answered --------------------------------------------------------------------------------------- */

static bool has_prompt(const struct run_options *o)
{
    return o->prompt || o->file || !o->messages;
}

/* A session that is there goes on without a prompt, too. */
static bool resumes(const struct run_options *o)
{
    return o->session && !o->prompt && !o->file && file_exists(o->session);
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static viv_status print_event(struct shown *s, const struct answer *a, const viv_event *e, struct error *err)
{
    json_t *text = cli_json_text(e->text ? e->text : "", e->text ? e->size : 0);
    json_t *line = NULL;
    switch (e->kind) {
    case VIV_EVENT_TEXT:
        line = json_pack("{s:s, s:o}", "event", "text", "text", text);
        break;
    case VIV_EVENT_REASONING:
        line = json_pack("{s:s, s:o}", "event", "reasoning", "text", text);
        break;
    case VIV_EVENT_TOOL_CALL:
        json_decref(text);
        line = show_call(e);
        break;
    case VIV_EVENT_CALL_BEGIN:
        line = json_pack("{s:s, s:I, s:o}", "event", "call_begin", "call", (json_int_t)e->done, "name", text);
        break;
    case VIV_EVENT_CALL_PART:
        line = json_pack("{s:s, s:I, s:o}", "event", "call_part", "call", (json_int_t)e->done, "arguments", text);
        break;
    case VIV_EVENT_TOKEN:
        json_decref(text);
        line = json_pack("{s:s, s:i, s:o}", "event", "token", "token", e->token, "logprob",
                         cli_json_number(e->logprob));
        break;
    case VIV_EVENT_PROGRESS:
        line = json_pack("{s:s, s:o, s:I, s:I}", "event", "progress", "what", text, "done", (json_int_t)e->done,
                         "total", (json_int_t)e->total);
        break;
    case VIV_EVENT_PICTURE:
        line = json_pack("{s:s, s:o, s:I, s:I, s:I, s:b}", "event", "picture", "name", text, "index",
                         (json_int_t)e->done, "of", (json_int_t)e->total, "tokens", (json_int_t)e->value, "kept",
                         e->token);
        break;
    case VIV_EVENT_STATS:
        line = json_pack("{s:s, s:o, s:o}", "event", "stats", "name", text, "value", cli_json_number(e->value));
        break;
    case VIV_EVENT_DONE:
        json_decref(text);
        line = show_figures(s, a, s->each_ctx, json_pack("{s:s}", "event", "done"));
        break;
    default: /* of a later version: those who read events skip what they do not know */
        json_decref(text);
        return VIV_OK;
    }
    viv_status status = cli_print_json(line, true, err);
    return status == VIV_OK ? cli_flush_output(err) : status;
}

/* Whether all of them have a place in --messages. */
static viv_status check_placed(const struct run_options *o, const struct request_files *given, const char *type,
                               struct error *err)
{
    return given->next == given->n
               ? VIV_OK
               : error_set(err, VIV_EINVAL, "--%s %s: %s has no place for it left, {\"type\": \"%s\"}", type,
                           given->paths[given->next], file_input_name(o->messages), type);
}

static void take_shown(const struct run_options *o, struct request *r)
{
    r->images = (struct request_files){.paths = o->images.items, .n = o->images.n};
    r->videos = (struct request_files){.paths = o->videos.items, .n = o->videos.n};
    r->fps = o->fps;
}

/* Pictures and videos that no message has a place for. */
static viv_status show_rest(struct request *r, struct error *err)
{
    viv_status status = VIV_OK;
    for (; status == VIV_OK && r->images.next < r->images.n; r->images.next++)
        status = request_add_picture(r, r->images.paths[r->images.next], err);
    for (; status == VIV_OK && r->videos.next < r->videos.n; r->videos.next++)
        status = request_add_video(r, r->videos.paths[r->videos.next], err);
    return status;
}

/* The conversation that --messages and --system make, with the prompt as its last turn. */
static viv_status add_conversation(const struct run_options *o, const struct buf *prompt, struct request *r,
                                   struct error *err)
{
    json_t *given = NULL;
    viv_status status = VIV_OK;
    if (o->system)
        status = request_add_text(r, "system", o->system, strlen(o->system), err);
    if (status == VIV_OK && o->messages)
        status = cli_read_json(o->messages, &given, err);
    r->reads_files = true;
    take_shown(o, r);
    if (status == VIV_OK && given)
        status = request_add_json(r, file_input_name(o->messages), given, err);
    json_decref(given);
    if (status == VIV_OK && !has_prompt(o))
        status = check_placed(o, &r->images, "image", err);
    if (status == VIV_OK && !has_prompt(o))
        status = check_placed(o, &r->videos, "video", err);
    if (status == VIV_OK && has_prompt(o))
        status = request_add_message(r, "user", err);
    if (status == VIV_OK && has_prompt(o))
        status = show_rest(r, err);
    if (status == VIV_OK && has_prompt(o))
        status = request_add_part(r, VIV_PART_TEXT, buf_text(prompt), prompt->size, NULL, err);
    if (status == VIV_OK)
        status = tool_file_apply(o->tools, o->tool_choice, o->one_call, r, err);
    return status == VIV_OK ? variables_apply(&o->variables, r, err) : status;
}

static viv_status ask_session(struct opened *o, const struct run_options *options, const struct buf *prompt,
                              struct request *r, struct answer *a, struct error *err)
{
    struct conversation c = {0};
    viv_status status = conversation_open(&c, o->model, options->session, false, err);
    if (status != VIV_OK)
        return status;
    sampling_seed(&options->speaking, resumes(options) ? c.session.seed : -1, r);
    status = resumes(options) ? conversation_continue(&c, NULL, 0, r, a, err)
                              : conversation_continue(&c, buf_text(prompt), prompt->size, r, a, err);
    c.session.seed = (int64_t)r->sampling.seed;
    if (status == VIV_OK)
        status = conversation_save(&c, options->session, err);
    conversation_close(&c);
    return status;
}

/* Pictures are shown in a conversation, if the model has a template for it. */
static bool shows(const struct opened *o, const struct run_options *options)
{
    const struct chat_template *template;
    struct error none;
    return options->images.n + options->videos.n &&
           model_chat_template(o->model, false, &template, &none) == VIV_OK;
}

static viv_status ask(struct opened *o, const struct run_options *options, const struct buf *prompt,
                      struct request *r, struct answer *a, struct error *err)
{
    const bool talks = options->system || options->messages || options->tools || shows(o, options);
    if (!talks && !options->no_echo && !options->json)
        r->viv.flags |= VIV_REQUEST_ECHO;
    if (options->parse_special)
        r->viv.flags |= VIV_REQUEST_PARSE_SPECIAL;
    if (options->session)
        return ask_session(o, options, prompt, r, a, err);
    sampling_seed(&options->speaking, -1, r);
    viv_status status = talks ? add_conversation(options, prompt, r, err) : request_add_message(r, NULL, err);
    if (status == VIV_OK && !talks) {
        take_shown(options, r);
        status = show_rest(r, err);
    }
    if (status == VIV_OK && !talks)
        status = request_add_part(r, VIV_PART_TEXT, buf_text(prompt), prompt->size, NULL, err);
    return status == VIV_OK ? answer_ask(a, o->model, &r->viv, err) : status;
}

static viv_status answer(struct opened *o, const struct run_options *options, const struct buf *prompt,
                         struct error *err)
{
    struct request r;
    struct answer a = {0};
    request_init(&r, o->model);
    r.viv.cancel = interrupt_watch();
    struct shown shown = {
        .text = !options->json, .each = options->json ? print_event : NULL, .each_ctx = &r.sampling};
    show_begin(&shown, o, &a);
    viv_status status = sampling_apply(&options->speaking, &r, err);
    if (status == VIV_OK)
        status = ask(o, options, prompt, &r, &a, err);
    show_end(&shown);
    if ((status == VIV_OK || status == VIV_ECANCELLED) && !options->quiet)
        show_closing(&shown, &a, &r.sampling);
    if (status == VIV_OK && interrupt_happened())
        status = error_set(err, VIV_ECANCELLED, "interrupted");
    answer_release(&a);
    request_release(&r);
    return status;
}

static int run(const struct arguments *arguments)
{
    struct run_options with_text = *(const struct run_options *)arguments->options;
    const struct run_options *options = &with_text;
    const char *text = arguments->n_words > 1 ? arguments->words[1] : NULL;
    struct buf prompt = {0};
    struct opened o = {0};
    struct trace trace = {0};
    struct error err = {0};
    if ((options->prompt != NULL) + (options->file != NULL) + (text != NULL) > 1)
        return cli_usage_error("run", "one prompt is wanted: TEXT, --prompt TEXT or --file FILE");
    if (options->trace && options->speaking.draft)
        return cli_usage_error("run",
                               "--trace-experts traces the tokens of the text, and --draft would add others");
    if (!options->tools && !options->messages && (options->tool_choice || options->one_call))
        return cli_usage_error("run", "--tool-choice and --one-call are of tools: name them by --tools");
    if (options->session && (options->system || options->messages || options->tools))
        return cli_usage_error("run", "--session holds a text; `viv chat --session` keeps a conversation");
    if (options->precision && !options->memory)
        return cli_usage_error("run", "--precision chooses types within a budget: give one by --memory");
    if (options->fps > 0 && options->videos.n == 0)
        return cli_usage_error("run", "--fps is of the frames of a --video");
    if (options->images.n + options->videos.n && options->session)
        return cli_usage_error("run", "a session of a text holds no pictures; `viv chat --session` keeps them");
    if (text)
        with_text.prompt = text;
    o.sensitivity = options->precision;
    o.chat_template = options->template;
    o.chat_template_name = options->template_name;
    if (options->trace) {
        o.hook = trace_look;
        o.hook_ctx = &trace;
    }
    viv_status status = resumes(options) || (options->messages && !has_prompt(options))
                            ? VIV_OK
                            : read_prompt(options, &prompt, &err);
    if (status == VIV_OK)
        status = cli_open_within(&o, &options->speaking.common, options->memory, arguments->words[0], &err);
    if (status == VIV_OK && options->session)
        status = session_possible(o.model, &err);
    if (status == VIV_OK && options->trace)
        status = trace_begin(&trace, o.model, options->trace, &err);
    if (status == VIV_OK) /* the hook sees all rows of a step, also those that are taken back */
        status = cli_open_draft(&o, options->trace ? DRAFT_NONE : options->speaking.draft, options->memory, &err);
    if (status == VIV_OK)
        status = cli_load_model(&o, &err);
    if (status == VIV_OK)
        status = answer(&o, options, &prompt, &err);
    status = trace_end(&trace, status, &err);
    buf_release(&prompt);
    return cli_close_opened(&o, status, &err);
}

const struct command command_run = {
    .name = "run",
    .summary = "answer a prompt, as it comes",
    .words = "MODEL [TEXT]",
    .text = "Continues a text, or, if the model has an encoder, reads it and writes another. The answer goes to "
            "standard output as it is made; a closing line on standard error says how many tokens there were and "
            "how fast they came.\n"
            "Temperature, top-k, top-p and the like come from the checkpoint's generation_config.json unless they "
            "are said here. Ctrl-C ends the answer; a second one ends the program.\n"
            "With --session, an answer that -n or Ctrl-C has ended goes on another time as if nothing had been "
            "between: the file holds the text and what the model keeps of it, so that nothing is computed twice.",
    .options = table,
    .also = sampling_options,
    .defaults = &defaults,
    .options_size = sizeof(struct run_options),
    .examples = "viv run llm \"ROMEO:\" -n 100\n"
                "viv run llm -p \"To be, or\" --temp 0 -n 20 --no-echo\n"
                "echo \"Once upon a time\" | viv run llm -n 50 --seed 7\n"
                "viv run llm -p \"First Citizen:\" -n 80 --top-k 20 --stop \"Citizen\"\n"
                "viv run ./my-checkpoint --lora ./style --lora ./facts:0.5 -p \"Once upon\"\n"
                "viv run llm -p \"KING\" -n 50 --session king.viv    # and the next 50:\n"
                "viv run llm -n 50 --session king.viv\n"
                "viv run llm -p \"KING\" -n 5 --json\n"
                "viv run ./my-checkpoint --system \"Be brief.\" \"What is a vivarium?\"\n"
                "viv run ./my-checkpoint --messages conversation.json --json\n"
                "viv run ./my-checkpoint --tools tools.json \"Will it rain in Oslo?\" --json\n"
                "viv run ./my-checkpoint --draft ./my-small-checkpoint -p \"Once upon\"\n"
                "viv run ./my-checkpoint --draft ngram -f code.py -n 200\n"
                "viv run model.gguf -p \"Once\" --memory 900MiB\n"
                "viv run ./llava-1.5-7b-hf --image photo.jpg \"What is this?\"\n"
                "viv run ./Qwen2.5-VL-3B --video clip/ --fps 25 \"What happens?\"\n"
                "viv run ./olmoe -p \"Call me\" --expert-memory 2GiB --trace-experts routes.jsonl",
    .group = GROUP_RUN,
    .models = true,
    .main = run,
};
