/* show.c - see show.h. */
#include "cli/show.h"

#include "base/buf.h"
#include "base/json.h"
#include "cli/compare/memory.h"
#include "cli/expert_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- figures ------------------------------------------------------------------------------------------------- */

/* A whole number, or null if it is unknown. */
static json_t *json_count(double value)
{
    return isfinite(value) ? json_integer((json_int_t)value) : json_null();
}

static bool has_drafted(const struct answer *a)
{
    return a->drafted_tokens > 0 && isfinite(a->accepted_tokens);
}

static json_t *draft_json(const struct answer *a)
{
    if (isnan(a->drafted_tokens))
        return json_null();
    return json_pack("{s:o, s:o, s:o, s:o}", "drafted_tokens", json_count(a->drafted_tokens), "accepted_tokens",
                     json_count(a->accepted_tokens), "acceptance",
                     cli_json_number(has_drafted(a) ? a->accepted_tokens / a->drafted_tokens : NAN), "break_even",
                     cli_json_number(a->draft_break_even));
}

/* ", draft 30 of 40 tokens accepted (75 %, pays from 31 %)" */
static void print_draft(const struct answer *a)
{
    if (isnan(a->drafted_tokens))
        return;
    if (!has_drafted(a)) {
        fputs(", nothing drafted", stderr);
        return;
    }
    fprintf(stderr, ", draft %.0f of %.0f tokens accepted (%.0f %%", a->accepted_tokens, a->drafted_tokens,
            100 * a->accepted_tokens / a->drafted_tokens);
    if (isfinite(a->draft_break_even))
        fprintf(stderr, ", pays from %.0f %%", 100 * a->draft_break_even);
    fputc(')', stderr);
}

static json_t *pictures_json(const struct answer *a)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_pictures; i++) {
        const struct answer_picture *p = &a->pictures[i];
        json_array_append_new(list, json_pack("{s:o, s:I, s:b}", "name", cli_json_word(p->name), "tokens",
                                              (json_int_t)p->tokens, "kept", p->kept));
    }
    return list;
}

/* ", pictures 576 + 576 tokens" */
static void print_pictures(const struct answer *a)
{
    enum { SHOWN = 6 };
    uint64_t all = 0;
    for (size_t i = 0; i < a->n_pictures; i++)
        all += a->pictures[i].tokens;
    if (a->n_pictures > SHOWN)
        fprintf(stderr, ", %zu pictures %llu tokens", a->n_pictures, (unsigned long long)all);
    else if (a->n_pictures)
        fputs(a->n_pictures > 1 ? ", pictures" : ", picture", stderr);
    for (size_t i = 0; i < a->n_pictures && a->n_pictures <= SHOWN; i++)
        fprintf(stderr, "%s %llu%s", i ? " +" : "", (unsigned long long)a->pictures[i].tokens,
                i + 1 == a->n_pictures ? " tokens" : "");
}

json_t *show_figures(struct shown *s, const struct answer *a, const viv_sampling *sampling, json_t *object)
{
    const double joules = energy_now(&s->energy);
    json_t *figures = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "reason",
        cli_json_word(a->reason), "prompt_tokens", json_count(a->prompt_tokens), "cached_tokens",
        json_count(a->cached_tokens), "prompt_tokens_per_second", cli_json_number(a->prompt_rate), "answer_tokens",
        json_count(a->answer_tokens), "answer_tokens_per_second", cli_json_number(a->answer_rate),
        "first_token_seconds", cli_json_number(a->first > 0 ? a->first - a->begin : NAN), "seed",
        (json_int_t)sampling->seed, "memory_peak_bytes", (json_int_t)memory_peak(), "draft", draft_json(a),
        "experts", expert_report_json(s->o->model), "energy_joules", cli_json_number(joules),
        "energy_joules_per_token", cli_json_number(a->answer_tokens > 0 ? joules / a->answer_tokens : NAN),
        "energy_reason", *s->energy.why ? cli_json_word(s->energy.why) : json_null(), "pictures", pictures_json(a));
    const bool whole = object && figures && json_object_update(object, figures) == 0;
    json_decref(figures);
    if (!whole)
        json_decref(object);
    return whole ? object : NULL;
}

static void print_rate(const char *what, double n, double kept, double per_second)
{
    fputs(what, stderr);
    if (isfinite(n))
        fprintf(stderr, " %.0f token%s", n, n == 1 ? "" : "s");
    if (kept > 0)
        fprintf(stderr, ", %.0f of them cached", kept);
    if (n > 0 && per_second > 0)
        fprintf(stderr, " (%.4g/s)", per_second);
}

/* Whether both end in one file or pipe. */
static bool same_place(int fd, int other)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

void show_closing(struct shown *s, const struct answer *a, const viv_sampling *sampling)
{
    if (s->line_open && !s->terminal && (isatty(STDERR_FILENO) || same_place(STDOUT_FILENO, STDERR_FILENO)))
        fputc('\n', stderr);
    fputs("viv: ", stderr);
    print_rate("prompt", a->prompt_tokens, a->cached_tokens, a->prompt_rate);
    print_pictures(a);
    print_rate(", answer", a->answer_tokens, 0, a->answer_rate);
    print_draft(a);
    if (*a->reason)
        fprintf(stderr, ", ended by %s", a->reason);
    if (sampling->temperature > 0)
        fprintf(stderr, ", seed %llu", (unsigned long long)sampling->seed);
    const double joules = energy_now(&s->energy);
    if (isfinite(joules) && a->answer_tokens > 0)
        fprintf(stderr, ", energy %.3g J/token", joules / a->answer_tokens);
    fprintf(stderr, ", memory %s\n", human_bytes(memory_peak()).text);
    struct buf stored = {0};
    expert_report_line(s->o->model, &stored);
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

/* Writes text to standard output, at once. On a terminal, its characters have no effect. */
static viv_status show_text(struct shown *s, const char *text, size_t n, struct error *err)
{
    if (n == 0)
        return VIV_OK;
    progress_clear(&s->o->progress);
    if (s->terminal)
        print_to_terminal(text, n);
    else
        fwrite(text, 1, n, stdout);
    s->line_open = text[n - 1] != '\n';
    return cli_flush_output(err);
}

/* --- calls --------------------------------------------------------------------------------------------------- */

/* {"name": ..., "arguments": {...}, "id": ...} */
static json_t *members_of(const char *text, size_t n)
{
    json_t *call = NULL;
    struct error err;
    if (json_parse_data("a call", text, n, &call, &err) != VIV_OK)
        return NULL;
    json_t *f = json_object_get(call, "function");
    json_t *members = json_pack("{s:O, s:O, s:O}", "name", json_object_get(f, "name"), "arguments",
                                json_object_get(f, "arguments"), "id", json_object_get(call, "id"));
    json_decref(call);
    return members;
}

json_t *show_call(const viv_event *e)
{
    json_t *members = members_of(e->text, e->size), *line = json_pack("{s:s}", "event", "call");
    const bool whole = members && line && json_object_update(line, members) == 0;
    json_decref(members);
    if (!whole)
        json_decref(line);
    return whole ? line : NULL;
}

json_t *show_calls(const struct answer *a)
{
    json_t *list = json_array();
    bool whole = list != NULL;
    for (size_t i = 0; whole && i < a->n_calls; i++)
        whole = json_array_append_new(list, members_of(a->calls[i], strlen(a->calls[i]))) == 0;
    if (!whole)
        json_decref(list);
    return whole ? list : NULL;
}

/* call get_weather {"city": "Oslo"}: on a line of its own. */
static viv_status show_call_line(struct shown *s, const viv_event *e, struct error *err)
{
    json_t *call = show_call(e);
    char *arguments = call ? json_dumps(json_object_get(call, "arguments"), 0) : NULL;
    struct buf line = {0};
    viv_status status = VIV_OK;
    if (arguments)
        buf_printf(&line, "%scall %s %s\n", s->line_open ? "\n" : "",
                   json_string_value(json_object_get(call, "name")), arguments);
    status = arguments && !line.failed ? show_text(s, buf_text(&line), line.size, err) : error_nomem(err);
    free(arguments);
    json_decref(call);
    buf_release(&line);
    return status;
}

/* Reasoning stands in a paragraph of its own. */
static viv_status show_reasoning(struct shown *s, const viv_event *e, bool reasons, struct error *err)
{
    viv_status status = VIV_OK;
    if (s->reasons != reasons)
        status = show_text(s, reasons ? "reasoning: " : "\n\n", reasons ? 11 : 2, err);
    s->reasons = reasons;
    return status == VIV_OK && (reasons || e->kind == VIV_EVENT_TEXT) ? show_text(s, e->text, e->size, err)
                                                                      : status;
}

/* --- events -------------------------------------------------------------------------------------------------- */

static viv_status show(struct answer *a, const viv_event *e, struct error *err)
{
    struct shown *s = a->show_ctx;
    viv_status status = VIV_OK;
    if (e->kind == VIV_EVENT_PROGRESS)
        progress_show(&s->o->progress, e->text, e->done, e->total);
    if (s->text && (e->kind == VIV_EVENT_TEXT || e->kind == VIV_EVENT_REASONING || e->kind == VIV_EVENT_TOOL_CALL))
        status = show_reasoning(s, e, e->kind == VIV_EVENT_REASONING, err);
    if (status == VIV_OK && s->text && e->kind == VIV_EVENT_TOOL_CALL)
        status = show_call_line(s, e, err);
    return status == VIV_OK && s->each ? s->each(s, a, e, err) : status;
}

void show_begin(struct shown *s, struct opened *o, struct answer *a)
{
    s->o = o;
    s->terminal = isatty(STDOUT_FILENO);
    energy_begin(&s->energy, NULL);
    a->show = show;
    a->show_ctx = s;
}

void show_end(struct shown *s)
{
    progress_clear(&s->o->progress);
    if (!s->line_open || !s->terminal)
        return;
    putchar('\n');
    fflush(stdout);
    s->line_open = false;
}
