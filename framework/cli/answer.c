/* answer.c - see answer.h. */
#include "cli/answer.h"

#include "cli/expert_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- figures ------------------------------------------------------------------------------------------------- */

static void note_stats(struct answer *a, const viv_event *e)
{
    struct {
        const char *name;
        double *value;
    } const known[] = {{"prompt_tokens", &a->prompt_tokens},
                       {"cached_tokens", &a->cached_tokens},
                       {"prompt_seconds", &a->prompt_seconds},
                       {"answer_tokens", &a->answer_tokens},
                       {"answer_seconds", &a->answer_seconds}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (e->text && strlen(known[i].name) == e->size && memcmp(known[i].name, e->text, e->size) == 0)
            *known[i].value = e->value;
}

static double rate(double n, double seconds)
{
    return seconds > 0 ? n / seconds : NAN;
}

/* Figures that the architecture did not tell are those seen from here. */
static void complete_figures(struct answer *a)
{
    if (isnan(a->answer_tokens))
        a->answer_tokens = (double)a->ids.n;
    if (isnan(a->prompt_seconds) && a->first > 0)
        a->prompt_seconds = a->first - a->begin;
    const double cached = isnan(a->cached_tokens) ? 0 : a->cached_tokens;
    a->prompt_rate = rate(a->prompt_tokens - cached, a->prompt_seconds);
    a->answer_rate = isnan(a->answer_seconds)
                         ? rate((double)a->ids.n - 1, a->last - a->first) /* the first came with the prompt */
                         : rate(a->answer_tokens, a->answer_seconds);
}

json_t *json_count(double value)
{
    return isfinite(value) ? json_integer((json_int_t)value) : json_null();
}

json_t *answer_figures(const struct answer *a, const viv_sampling *sampling, json_t *object)
{
    json_t *figures = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "reason", json_word(a->reason), "prompt_tokens",
        json_count(a->prompt_tokens), "cached_tokens", json_count(a->cached_tokens), "prompt_tokens_per_second",
        json_number(a->prompt_rate), "answer_tokens", json_count(a->answer_tokens), "answer_tokens_per_second",
        json_number(a->answer_rate), "first_token_seconds", json_number(a->first > 0 ? a->first - a->begin : NAN),
        "seed", (json_int_t)sampling->seed, "memory_peak_bytes", (json_int_t)memory_peak(), "experts",
        expert_report_json(a->model));
    const bool whole = object && figures && json_object_update(object, figures) == 0;
    json_decref(figures);
    if (!whole)
        json_decref(object);
    return whole ? object : NULL;
}

static void print_rate(const char *what, double n, double cached, double per_second)
{
    fputs(what, stderr);
    if (isfinite(n))
        fprintf(stderr, " %.0f token%s", n, n == 1 ? "" : "s");
    if (cached > 0)
        fprintf(stderr, ", %.0f of them cached", cached);
    if (n > 0 && per_second > 0)
        fprintf(stderr, " (%.4g/s)", per_second);
}

/* Whether both end in one file or pipe. */
static bool same_place(int fd, int other)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void answer_print_closing(struct answer *a, const viv_sampling *sampling)
{
    if (a->line_open && !a->terminal && (isatty(STDERR_FILENO) || same_place(STDOUT_FILENO, STDERR_FILENO)))
        fputc('\n', stderr);
    fputs("viv: ", stderr);
    print_rate("prompt", a->prompt_tokens, a->cached_tokens, a->prompt_rate);
    print_rate(", answer", a->answer_tokens, 0, a->answer_rate);
    if (*a->reason)
        fprintf(stderr, ", ended by %s", a->reason);
    if (sampling->temperature > 0)
        fprintf(stderr, ", seed %llu", (unsigned long long)sampling->seed);
    fprintf(stderr, ", memory %s\n", human_bytes(memory_peak()).text);
    struct buf stored = {0};
    expert_report_line(a->model, &stored);
    if (stored.size)
        fprintf(stderr, "viv: %s\n", buf_text(&stored));
    buf_release(&stored);
}

/* --- text ---------------------------------------------------------------------------------------------------- */

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

viv_status answer_print(struct answer *a, const char *text, size_t n, struct error *err)
{
    if (n == 0)
        return VIV_OK;
    progress_clear(a->progress);
    if (a->terminal)
        print_to_terminal(text, n);
    else
        fwrite(text, 1, n, stdout);
    a->line_open = text[n - 1] != '\n';
    return flush_output(err);
}

/* --- events -------------------------------------------------------------------------------------------------- */

static viv_status keep(struct answer *a, const viv_event *e, struct error *err)
{
    if (e->kind == VIV_EVENT_TEXT)
        return buf_append(&a->text, e->text, e->size) ? VIV_OK : error_nomem(err);
    if (!VEC_RESERVE(a->ids.ids, a->ids.n, a->ids.capacity))
        return error_nomem(err);
    a->ids.ids[a->ids.n++] = e->token;
    a->last = seconds_now();
    if (a->ids.n == 1)
        a->first = a->last;
    return VIV_OK;
}

static viv_status emit(const viv_sink *sink, const viv_event *e)
{
    struct answer *a = sink->ctx;
    struct error err;
    viv_status status = VIV_OK;
    if (e->kind == VIV_EVENT_TOKEN || e->kind == VIV_EVENT_TEXT) {
        status = keep(a, e, &err);
    } else if (e->kind == VIV_EVENT_STATS) {
        note_stats(a, e);
    } else if (e->kind == VIV_EVENT_PROGRESS) {
        progress_show(a->progress, e->text, e->done, e->total);
    } else if (e->kind == VIV_EVENT_DONE) {
        snprintf(a->reason, sizeof a->reason, "%.*s", (int)e->size, e->text ? e->text : "");
        complete_figures(a);
    }
    if (status == VIV_OK && a->show)
        status = a->show(a, e, &err);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

viv_status answer_ask(struct answer *a, struct opened *o, const viv_request *request, struct error *err)
{
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = a, .emit = emit};
    a->model = o->model;
    a->progress = &o->progress;
    a->terminal = isatty(STDOUT_FILENO);
    a->prompt_tokens = a->cached_tokens = a->prompt_seconds = a->answer_tokens = a->answer_seconds = NAN;
    a->begin = seconds_now();
    viv_status status = ask_model(o, request, &sink, err);
    progress_clear(a->progress);
    complete_figures(a);
    if (a->line_open && a->terminal) {
        putchar('\n');
        fflush(stdout);
        a->line_open = false;
    }
    return status;
}

void answer_release(struct answer *a)
{
    token_ids_release(&a->ids);
    buf_release(&a->text);
}
