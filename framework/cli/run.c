/* viv run - answers a prompt. */
#include "base/file.h"
#include "base/utf8.h"
#include "cli/ask.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/stored.h"
#include "cli/trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

struct run_options {
    struct common common;
    const char *prompt, *file, *trace;
    int64_t n, top_k, seed;                                      /* top_k, seed -1: not said */
    double temperature, top_p, min_p, typical_p, repeat_penalty; /* NAN: not said */
    double presence_penalty, frequency_penalty;
    struct bias_list bias;
    struct string_list stop;
    bool ignore_eos, no_echo, json, quiet;
};

static const struct run_options defaults = {.n = -1,
                                            .top_k = -1,
                                            .seed = -1,
                                            .temperature = NAN,
                                            .top_p = NAN,
                                            .min_p = NAN,
                                            .typical_p = NAN,
                                            .repeat_penalty = NAN};

#define OPT(field) offsetof(struct run_options, field)
static const struct option table[] = {
    {"prompt", 'p', OPTION_STRING, OPT(prompt), "TEXT", "the prompt; without it and -f, standard input", 0, 0,
     NULL},
    {"file", 'f', OPTION_STRING, OPT(file), "FILE",
     "read the prompt from a file; one line feed at its end is left out", 0, 0, NULL},
    {"n", 'n', OPTION_INT, OPT(n), "N",
     "answer with at most N tokens; -1: until the model ends or its context is full", -1, 1e15, NULL},
    {"temp", 0, OPTION_FLOAT, OPT(temperature), "T", "temperature; 0: always the most likely token", 0, 100, NULL},
    {"top-k", 0, OPTION_INT, OPT(top_k), "K", "choose among the K most likely tokens; 0: off", 0, INT32_MAX, NULL},
    {"top-p", 0, OPTION_FLOAT, OPT(top_p), "P", "among the fewest tokens that together have probability P; 1: off",
     0, 1, NULL},
    {"min-p", 0, OPTION_FLOAT, OPT(min_p), "P",
     "not among tokens below P times the probability of the best; 0: off", 0, 1, NULL},
    {"typical-p", 0, OPTION_FLOAT, OPT(typical_p), "P",
     "among the most typical tokens that have probability P; 1: off", 0, 1, NULL},
    {"repeat-penalty", 0, OPTION_FLOAT, OPT(repeat_penalty), "X",
     "divide the logits of tokens that were there by X; 1: off", 1e-3, 1e3, NULL},
    {"presence-penalty", 0, OPTION_FLOAT, OPT(presence_penalty), "X",
     "subtract X from the logits of tokens that the answer has; 0: off", -100, 100, NULL},
    {"frequency-penalty", 0, OPTION_FLOAT, OPT(frequency_penalty), "X",
     "subtract X for each time that the answer has the token; 0: off", -100, 100, NULL},
    {"logit-bias", 0, OPTION_BIAS, OPT(bias), "ID=X", "add X to the logit of token ID; may be repeated", 0, 0,
     NULL},
    {"seed", 's', OPTION_INT, OPT(seed), "N", "the same seed gives the same text; without it each run differs", 0,
     9.2e18, NULL},
    {"stop", 0, OPTION_STRINGS, OPT(stop), "TEXT", "end before this text; may be repeated", 0, 0, NULL},
    {"ignore-eos", 0, OPTION_FLAG, OPT(ignore_eos), NULL, "go on when the model says that it has ended", 0, 0,
     NULL},
    {"no-echo", 0, OPTION_FLAG, OPT(no_echo), NULL, "print the answer alone, without the prompt that it continues",
     0, 0, NULL},
    {"trace-experts", 0, OPTION_STRING, OPT(trace), "FILE",
     "write down which experts work on each token, and how much each counts, as JSON lines", 0, 0, NULL},
    {"quiet", 'q', OPTION_FLAG, OPT(quiet), NULL, "no closing line", 0, 0, NULL},
    {"json", 0, OPTION_FLAG, OPT(json), NULL, "one JSON object for each event, one per line", 0, 0, NULL},
    {0}};

/* --- the prompt ---------------------------------------------------------------------------------------- */

static const uint64_t LONGEST_PROMPT = 64u << 20;

static viv_status read_prompt(const struct run_options *o, struct buf *out, struct error *err)
{
    const char *name = o->prompt ? "--prompt" : o->file ? o->file : "standard input";
    viv_status status = VIV_OK;
    if (o->prompt)
        status = buf_puts(out, o->prompt) ? VIV_OK : error_nomem(err);
    else if (o->file && strcmp(o->file, "-") != 0)
        status = file_read(o->file, LONGEST_PROMPT, out, err);
    else
        status = read_stdin(LONGEST_PROMPT, out, err);
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

/* --- how tokens are chosen ----------------------------------------------------------------------------- */

/* A number of generation_config.json, or `otherwise`. */
static double generation_number(const viv_model *m, const char *key, double otherwise)
{
    const struct checkpoint *c = model_checkpoint(m);
    const json_t *value = c && c->generation ? json_object_get(c->generation, key) : NULL;
    return json_is_number(value) ? json_number_value(value) : otherwise;
}

/* What was said, else what the checkpoint's makers advise (which is greedy unless they say `do_sample`), else what
 * suits most models. */
static void choose_sampling(const struct run_options *o, const viv_model *m, viv_sampling *s)
{
    const struct checkpoint *c = model_checkpoint(m);
    const json_t *sample = c && c->generation ? json_object_get(c->generation, "do_sample") : NULL;
    bool advised = c && c->generation && (sample || json_object_get(c->generation, "temperature"));
    double temperature = json_is_false(sample) ? 0 : generation_number(m, "temperature", advised ? 1 : 0.8);
    double top_p = generation_number(m, "top_p", advised ? 1 : 0.95);
    double top_k = generation_number(m, "top_k", advised ? 50 : 0); /* transformers' own default is 50 */
#define SAID_OR(value, otherwise) (float)(isnan(value) ? (otherwise) : (value))
    *s = (viv_sampling){.struct_size = sizeof *s,
                        .seed = (uint64_t)o->seed,
                        .temperature = SAID_OR(o->temperature, temperature),
                        .top_p = SAID_OR(o->top_p, top_p),
                        .min_p = SAID_OR(o->min_p, generation_number(m, "min_p", 0)),
                        .typical_p = SAID_OR(o->typical_p, generation_number(m, "typical_p", 1)),
                        .top_k = o->top_k >= 0 ? (int32_t)o->top_k : (int32_t)fmin(fmax(top_k, 0), INT32_MAX),
                        .repetition_penalty =
                            SAID_OR(o->repeat_penalty, generation_number(m, "repetition_penalty", 1)),
                        .presence_penalty = (float)o->presence_penalty,
                        .frequency_penalty = (float)o->frequency_penalty,
                        .n_bias = o->bias.n};
#undef SAID_OR
    if (o->seed < 0 && getrandom(&s->seed, sizeof s->seed, 0) != (ssize_t)sizeof s->seed)
        s->seed = (uint64_t)(seconds_now() * 1e9);
    if (o->seed < 0)
        s->seed &= 0x7FFFFFFF; /* short enough to be typed again */
}

/* --- the answer ---------------------------------------------------------------------------------------- */

struct answer {
    const struct run_options *options;
    struct progress *progress;
    const viv_model *model;
    const viv_sampling *sampling;
    bool terminal;             /* standard output is one */
    bool line_open;            /* the last character was not a line feed */
    char reason[32];           /* why it ended */
    double begin, first, last; /* seconds_now() of the request, the first and the last token */
    uint64_t n_tokens;
    double prompt_tokens, prompt_seconds, answer_tokens,
        answer_seconds;              /* as the architecture tells; NAN: it does not */
    double prompt_rate, answer_rate; /* tokens per second */
};

static viv_status written(struct error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return VIV_OK;
    return error_set(err, VIV_EIO, "standard output: %s", errno ? strerror(errno) : "could not be written");
}

static void note_stats(struct answer *a, const viv_event *e)
{
    struct {
        const char *name;
        double *value;
    } const known[] = {{"prompt_tokens", &a->prompt_tokens},
                       {"prompt_seconds", &a->prompt_seconds},
                       {"answer_tokens", &a->answer_tokens},
                       {"answer_seconds", &a->answer_seconds}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (e->text && strlen(known[i].name) == e->size && memcmp(known[i].name, e->text, e->size) == 0)
            *known[i].value = e->value;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static double rate(double n, double seconds)
{
    return seconds > 0 ? n / seconds : NAN;
}

/* Figures that the architecture did not tell are those seen from here. */
static void complete_figures(struct answer *a)
{
    if (isnan(a->answer_tokens))
        a->answer_tokens = (double)a->n_tokens;
    if (isnan(a->prompt_seconds) && a->first > 0)
        a->prompt_seconds = a->first - a->begin;
    a->prompt_rate = rate(a->prompt_tokens, a->prompt_seconds);
    a->answer_rate = isnan(a->answer_seconds)
                         ? rate((double)a->n_tokens - 1, a->last - a->first) /* the first came with the prompt */
                         : rate(a->answer_tokens, a->answer_seconds);
}

static viv_status print_done(const struct answer *a, struct error *err)
{
    return print_json(json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "event", "done", "reason",
                                json_word(a->reason), "prompt_tokens", number(a->prompt_tokens),
                                "prompt_tokens_per_second", number(a->prompt_rate), "answer_tokens",
                                number(a->answer_tokens), "answer_tokens_per_second", number(a->answer_rate),
                                "first_token_seconds", number(a->first > 0 ? a->first - a->begin : NAN), "seed",
                                (json_int_t)a->sampling->seed, "memory_peak_bytes", (json_int_t)memory_peak(),
                                "experts", stored_json(a->model)),
                      true, err);
}

static viv_status print_event(const struct answer *a, const viv_event *e, struct error *err)
{
    json_t *text = json_text(e->text ? e->text : "", e->text ? e->size : 0);
    json_t *line = NULL;
    switch (e->kind) {
    case VIV_EVENT_TEXT:
        line = json_pack("{s:s, s:o}", "event", "text", "text", text);
        break;
    case VIV_EVENT_TOKEN:
        json_decref(text);
        line = json_pack("{s:s, s:i, s:o}", "event", "token", "token", e->token, "logprob", number(e->logprob));
        break;
    case VIV_EVENT_PROGRESS:
        line = json_pack("{s:s, s:o, s:I, s:I}", "event", "progress", "what", text, "done", (json_int_t)e->done,
                         "total", (json_int_t)e->total);
        break;
    case VIV_EVENT_ACTION:
        line = json_pack("{s:s, s:o}", "event", "action", "action", text);
        break;
    case VIV_EVENT_STATS:
        line = json_pack("{s:s, s:o, s:o}", "event", "stats", "name", text, "value", number(e->value));
        break;
    case VIV_EVENT_DONE:
        json_decref(text);
        return print_done(a, err);
    default: /* of a later version: those who read events skip what they do not know */
        json_decref(text);
        return VIV_OK;
    }
    return print_json(line, true, err);
}

/* Text of a model on a terminal: characters that control it are shown as U+FFFD. */
static void print_to_terminal(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        bool c1 = c == 0xC2 && i + 1 < n && ((unsigned char)text[i + 1] & 0xE0) == 0x80;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7F || c1)
            fputs("\xEF\xBF\xBD", stdout);
        else
            putchar(c);
        i += c1;
    }
}

static void print_text(struct answer *a, const viv_event *e)
{
    if (e->size == 0)
        return;
    progress_clear(a->progress);
    if (a->terminal)
        print_to_terminal(e->text, e->size);
    else
        fwrite(e->text, 1, e->size, stdout);
    a->line_open = e->text[e->size - 1] != '\n';
}

static viv_status emit(const viv_sink *sink, const viv_event *e)
{
    struct answer *a = sink->ctx;
    struct error err;
    viv_status status = VIV_OK;
    if (e->kind == VIV_EVENT_TOKEN) {
        a->last = seconds_now();
        if (a->n_tokens++ == 0)
            a->first = a->last;
    } else if (e->kind == VIV_EVENT_STATS) {
        note_stats(a, e);
    } else if (e->kind == VIV_EVENT_PROGRESS) {
        progress_show(a->progress, e->text, e->done, e->total);
    } else if (e->kind == VIV_EVENT_DONE) {
        snprintf(a->reason, sizeof a->reason, "%.*s", (int)e->size, e->text ? e->text : "");
        complete_figures(a);
    }
    if (a->options->json)
        status = print_event(a, e, &err);
    else if (e->kind == VIV_EVENT_TEXT)
        print_text(a, e);
    if (status == VIV_OK && (a->options->json || e->kind == VIV_EVENT_TEXT))
        status = written(&err);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

static void print_rate(const char *what, double n, double per_second)
{
    fputs(what, stderr);
    if (isfinite(n))
        fprintf(stderr, " %.0f token%s", n, n == 1 ? "" : "s");
    if (n > 0 && per_second > 0)
        fprintf(stderr, " (%.4g/s)", per_second);
}

/* Whether both end in one file or pipe. */
static bool same_place(int fd, int other)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void print_closing_line(struct answer *a)
{
    progress_clear(a->progress);
    if (a->line_open && a->terminal)
        putchar('\n');
    fflush(stdout);
    if (a->options->quiet)
        return;
    if (a->line_open && !a->terminal && (isatty(STDERR_FILENO) || same_place(STDOUT_FILENO, STDERR_FILENO)))
        fputc('\n', stderr);
    fputs("viv: ", stderr);
    print_rate("prompt", a->prompt_tokens, a->prompt_rate);
    print_rate(", answer", a->answer_tokens, a->answer_rate);
    if (*a->reason)
        fprintf(stderr, ", ended by %s", a->reason);
    if (a->sampling->temperature > 0)
        fprintf(stderr, ", seed %llu", (unsigned long long)a->sampling->seed);
    fprintf(stderr, ", memory %s\n", human_bytes(memory_peak()).text);
    struct buf stored = {0};
    stored_line(a->model, &stored);
    if (stored.size)
        fprintf(stderr, "viv: %s\n", buf_text(&stored));
    buf_release(&stored);
}

/* --- asking -------------------------------------------------------------------------------------------- */

static viv_status ask(struct opened *o, const viv_request *request, struct answer *a, struct error *err)
{
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = a, .emit = emit};
    a->begin = seconds_now();
    return ask_model(o, request, &sink, err);
}

static viv_status answer(struct opened *o, const struct run_options *options, const struct buf *prompt,
                         struct error *err)
{
    viv_sampling sampling;
    choose_sampling(options, o->model, &sampling);
    int32_t *tokens = calloc(options->bias.n + 1, sizeof *tokens);
    float *values = calloc(options->bias.n + 1, sizeof *values);
    viv_status status = tokens && values ? VIV_OK : error_nomem(err);
    for (size_t i = 0; status == VIV_OK && i < options->bias.n; i++) {
        tokens[i] = options->bias.items[i].id;
        values[i] = options->bias.items[i].value;
    }
    sampling.bias_tokens = tokens;
    sampling.bias_values = values;
    const viv_part part = {
        .struct_size = sizeof part, .kind = VIV_PART_TEXT, .data = buf_text(prompt), .size = prompt->size};
    const viv_part *const parts[] = {&part};
    const viv_message message = {.struct_size = sizeof message, .n_parts = 1, .parts = parts};
    const viv_message *const messages[] = {&message};
    const viv_request request = {.struct_size = sizeof request,
                                 .n_messages = 1,
                                 .messages = messages,
                                 .sampling = &sampling,
                                 .max_tokens = options->n,
                                 .n_stop = (uint32_t)options->stop.n,
                                 .flags = (options->ignore_eos ? VIV_REQUEST_IGNORE_EOS : 0u) |
                                          (options->no_echo || options->json ? 0u : VIV_REQUEST_ECHO),
                                 .stop = options->stop.items,
                                 .cancel = interrupt_watch()};
    struct answer a = {.options = options,
                       .progress = &o->progress,
                       .model = o->model,
                       .sampling = &sampling,
                       .terminal = isatty(STDOUT_FILENO),
                       .prompt_tokens = NAN,
                       .prompt_seconds = NAN,
                       .answer_tokens = NAN,
                       .answer_seconds = NAN};
    if (status == VIV_OK) {
        status = ask(o, &request, &a, err);
        complete_figures(&a);
        if (status == VIV_OK || status == VIV_ECANCELLED)
            print_closing_line(&a);
        if (interrupted() && status == VIV_OK)
            status = error_set(err, VIV_ECANCELLED, "interrupted");
    }
    free(tokens);
    free(values);
    return status;
}

static int run(const struct arguments *arguments)
{
    const struct run_options *options = arguments->options;
    struct buf prompt = {0};
    struct opened o = {0};
    struct trace trace = {0};
    struct error err = {0};
    if (options->prompt && options->file)
        return usage_error("run", "a prompt comes from --prompt or from --file, not from both");
    if (options->trace) {
        o.tap = trace_look;
        o.tap_ctx = &trace;
    }
    viv_status status = read_prompt(options, &prompt, &err);
    if (status == VIV_OK)
        status = open_model(&o, &options->common, arguments->words[0], &err);
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
    .words = "MODEL",
    .text =
        "Continues a text, or, if the model has an encoder, reads it and writes another. The answer goes to "
        "standard output as it is made; a closing line on standard error says "
        "how many tokens there were and how fast they came.\n"
        "Temperature, top-k, top-p and the like come from the checkpoint's generation_config.json unless they are "
        "said here. Ctrl-C ends the answer; a second one ends the program.",
    .options = table,
    .defaults = &defaults,
    .options_size = sizeof(struct run_options),
    .examples = "viv run shakespeare -p \"ROMEO:\" -n 100\n"
                "viv run shakespeare -p \"To be, or\" --temp 0 -n 20 --no-echo\n"
                "echo \"Once upon a time\" | viv run shakespeare -n 50 --seed 7\n"
                "viv run shakespeare -p \"First Citizen:\" -n 80 --top-k 20 --stop \"Citizen\"\n"
                "viv run ./my-checkpoint --lora ./style --lora ./facts:0.5 -p \"Once upon a time\"\n"
                "viv run shakespeare -p \"KING\" -n 5 --json\n"
                "viv run ./olmoe -p \"Call me\" --expert-memory 2GiB --trace-experts routes.jsonl",
    .group = GROUP_RUN,
    .models = true,
    .main = run,
};
