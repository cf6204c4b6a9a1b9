/* viv run - answers a prompt. */
#include "base/file.h"
#include "base/utf8.h"
#include "cli/answer.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/sampling.h"
#include "cli/shared.h"
#include "cli/trace.h"
#include "session/session.h"

#include <string.h>

struct run_options {
    struct speaking speaking;
    const char *prompt, *file, *session, *trace;
    bool no_echo, json, quiet;
};

static const struct run_options defaults = {.speaking = SPEAKING_DEFAULTS};

#define OPT(field) offsetof(struct run_options, field)
static const struct option table[] = {
    PROMPT_OPTION(OPTION_STRING, OPT(prompt), "without it and -f, TEXT or standard input"),
    FILE_OPTION(OPT(file), "one line feed at its end is left out"),
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
        status = read_input(o->file, LONGEST_PROMPT, out, err);
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

/* A session that is there goes on without a prompt, too. */
static bool resumes(const struct run_options *o)
{
    return o->session && !o->prompt && !o->file && file_exists(o->session);
}

/* Opens or begins the session, and puts the prompt at its end. */
static viv_status open_session(const struct run_options *o, viv_model *m, const struct buf *prompt,
                               struct session *s, struct error *err)
{
    const struct tokenizer *tokenizer;
    viv_status status = session_open(s, m, o->session, err);
    if (status == VIV_OK && s->messages)
        return error_set(err, VIV_EINVAL, "%s holds a conversation: `viv chat` goes on with it", o->session);
    if (status == VIV_OK)
        status = model_tokenizer(m, &tokenizer, err);
    if (status != VIV_OK || resumes(o))
        return status;
    const int special = s->text.n == 0 ? TOKENIZER_ADD_SPECIAL : 0;
    status = tokenizer_encode(tokenizer, buf_text(prompt), prompt->size, special | TOKENIZER_PARSE_SPECIAL,
                              &s->text, err);
    s->n_prompt = s->text.n;
    s->seed = -1;
    return status;
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static viv_status print_event(const struct answer *a, const viv_event *e, const viv_sampling *sampling,
                              struct error *err)
{
    json_t *text = json_text(e->text ? e->text : "", e->text ? e->size : 0);
    json_t *line = NULL;
    switch (e->kind) {
    case VIV_EVENT_TEXT:
        line = json_pack("{s:s, s:o}", "event", "text", "text", text);
        break;
    case VIV_EVENT_TOKEN:
        json_decref(text);
        line =
            json_pack("{s:s, s:i, s:o}", "event", "token", "token", e->token, "logprob", json_number(e->logprob));
        break;
    case VIV_EVENT_PROGRESS:
        line = json_pack("{s:s, s:o, s:I, s:I}", "event", "progress", "what", text, "done", (json_int_t)e->done,
                         "total", (json_int_t)e->total);
        break;
    case VIV_EVENT_ACTION:
        line = json_pack("{s:s, s:o}", "event", "action", "action", text);
        break;
    case VIV_EVENT_STATS:
        line = json_pack("{s:s, s:o, s:o}", "event", "stats", "name", text, "value", json_number(e->value));
        break;
    case VIV_EVENT_DONE:
        json_decref(text);
        line = answer_figures(a, sampling, json_pack("{s:s}", "event", "done"));
        break;
    default: /* of a later version: those who read events skip what they do not know */
        json_decref(text);
        return VIV_OK;
    }
    return print_json(line, true, err);
}

/* What the events are shown by. */
struct showing {
    const struct run_options *options;
    const viv_sampling *sampling;
};

static viv_status show(struct answer *a, const viv_event *e, struct error *err)
{
    const struct showing *s = a->show_ctx;
    if (s->options->json) {
        viv_status status = print_event(a, e, s->sampling, err);
        return status == VIV_OK ? flush_output(err) : status;
    }
    return e->kind == VIV_EVENT_TEXT ? answer_print(a, e->text, e->size, err) : VIV_OK;
}

/* The session with the answer, on disk. */
static viv_status save(const struct run_options *o, struct session *s, const struct answer *a,
                       const viv_sampling *sampling, struct error *err)
{
    for (size_t i = 0; i < a->ids.n; i++) {
        if (!VEC_RESERVE(s->text.ids, s->text.n, s->text.capacity))
            return error_nomem(err);
        s->text.ids[s->text.n++] = a->ids.ids[i];
    }
    s->seed = (int64_t)sampling->seed;
    return session_write(s, o->session, err);
}

static viv_status ask(struct opened *o, const struct run_options *options, const viv_request *unsampled,
                      struct session *s, struct error *err)
{
    viv_sampling sampling = {0};
    viv_request request = *unsampled;
    const struct showing showing = {options, &sampling};
    struct answer a = {.show = show, .show_ctx = (void *)&showing};
    viv_status status = sampling_choose(&options->speaking, o->model, s->seed, &sampling, err);
    request.sampling = &sampling;
    if (status == VIV_OK)
        status = answer_ask(&a, o, &request, err);
    if ((status == VIV_OK || status == VIV_ECANCELLED) && !options->quiet)
        answer_print_closing(&a, &sampling);
    if (status == VIV_OK && options->session)
        status = save(options, s, &a, &sampling, err);
    if (status == VIV_OK && interrupted())
        status = error_set(err, VIV_ECANCELLED, "interrupted");
    sampling_release(&sampling);
    answer_release(&a);
    return status;
}

static viv_part part_of(uint32_t kind, const void *data, uint64_t size)
{
    return (viv_part){.struct_size = sizeof(viv_part), .kind = kind, .data = data, .size = size};
}

static viv_status answer(struct opened *o, const struct run_options *options, const struct buf *prompt,
                         struct error *err)
{
    struct session s = {.seed = -1};
    viv_status status = options->session ? open_session(options, o->model, prompt, &s, err) : VIV_OK;
    const size_t size = sizeof *s.text.ids, n_prompt = (size_t)s.n_prompt;
    const viv_part text = part_of(VIV_PART_TEXT, buf_text(prompt), prompt->size),
                   before = part_of(VIV_PART_TOKENS, s.text.ids, n_prompt * size),
                   said = part_of(VIV_PART_ANSWER, s.text.ids ? s.text.ids + n_prompt : NULL,
                                  (s.text.n - n_prompt) * size);
    const viv_part *const parts[] = {options->session ? &before : &text, &said};
    const viv_message message = {
        .struct_size = sizeof message, .n_parts = options->session ? 2 : 1, .parts = parts};
    const viv_message *const messages[] = {&message};
    viv_request request = {.struct_size = sizeof request,
                           .n_messages = 1,
                           .messages = messages,
                           .flags = (options->speaking.ignore_eos ? VIV_REQUEST_IGNORE_EOS : 0u) |
                                    (options->no_echo || options->json ? 0u : VIV_REQUEST_ECHO),
                           .cancel = interrupt_watch(),
                           .sequence = s.sequence};
    sampling_limits(&options->speaking, o->model, &request);
    if (status == VIV_OK)
        status = ask(o, options, &request, &s, err);
    session_end(&s);
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
        return usage_error("run", "one prompt is wanted: TEXT, --prompt TEXT or --file FILE");
    if (text)
        with_text.prompt = text;
    if (options->trace) {
        o.hook = trace_look;
        o.hook_ctx = &trace;
    }
    viv_status status = resumes(options) ? VIV_OK : read_prompt(options, &prompt, &err);
    if (status == VIV_OK)
        status = open_model(&o, &options->speaking.common, arguments->words[0], &err);
    if (status == VIV_OK && options->session)
        status = session_possible(o.model, &err);
    if (status == VIV_OK && options->trace)
        status = trace_begin(&trace, o.model, options->trace, &err);
    if (status == VIV_OK)
        status = load_model(&o, &err);
    if (status == VIV_OK)
        status = answer(&o, options, &prompt, &err);
    status = trace_end(&trace, status, &err);
    buf_release(&prompt);
    return close_opened(&o, status, &err);
}

const struct command command_run = {
    .name = "run",
    .summary = "answer a prompt, as it comes",
    .words = "MODEL [TEXT]",
    .text =
        "Continues a text, or, if the model has an encoder, reads it and writes another. The answer goes to "
        "standard output as it is made; a closing line on standard error says "
        "how many tokens there were and how fast they came.\n"
        "Temperature, top-k, top-p and the like come from the checkpoint's generation_config.json unless they are "
        "said here. Ctrl-C ends the answer; a second one ends the program.\n"
        "With --session, an answer that -n or Ctrl-C has ended goes on another time as if nothing had been "
        "between: the "
        "file holds the text and what the model keeps of it, so that nothing is computed twice.",
    .options = table,
    .also = speaking_options,
    .defaults = &defaults,
    .options_size = sizeof(struct run_options),
    .examples = "viv run shakespeare \"ROMEO:\" -n 100\n"
                "viv run shakespeare -p \"To be, or\" --temp 0 -n 20 --no-echo\n"
                "echo \"Once upon a time\" | viv run shakespeare -n 50 --seed 7\n"
                "viv run shakespeare -p \"First Citizen:\" -n 80 --top-k 20 --stop \"Citizen\"\n"
                "viv run ./my-checkpoint --lora ./style --lora ./facts:0.5 -p \"Once upon\"\n"
                "viv run shakespeare -p \"KING\" -n 50 --session king.viv    # and the next 50:\n"
                "viv run shakespeare -n 50 --session king.viv\n"
                "viv run shakespeare -p \"KING\" -n 5 --json\n"
                "viv run ./olmoe -p \"Call me\" --expert-memory 2GiB --trace-experts routes.jsonl",
    .group = GROUP_RUN,
    .models = true,
    .main = run,
};
