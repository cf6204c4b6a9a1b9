/* answer.c - see answer.h. */
#include "engine/answer.h"

#include "base/clock.h"
#include "base/size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(const viv_event *e, const char *word)
{
    return e->text && strlen(word) == e->size && memcmp(word, e->text, e->size) == 0;
}

static void note_stat(struct answer *a, const viv_event *e)
{
    struct {
        const char *name;
        double *value;
    } const known[] = {{"prompt_tokens", &a->prompt_tokens},     {"cached_tokens", &a->cached_tokens},
                       {"prompt_seconds", &a->prompt_seconds},   {"answer_tokens", &a->answer_tokens},
                       {"answer_seconds", &a->answer_seconds},   {"drafted_tokens", &a->drafted_tokens},
                       {"accepted_tokens", &a->accepted_tokens}, {"draft_break_even", &a->draft_break_even}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is_word(e, known[i].name))
            *known[i].value = e->value;
}

static double rate(double n, double seconds)
{
    return seconds > 0 ? n / seconds : NAN;
}

static void complete_figures(struct answer *a)
{
    if (isnan(a->answer_tokens))
        a->answer_tokens = (double)a->ids.n;
    if (isnan(a->prompt_seconds) && a->first > 0)
        a->prompt_seconds = a->first - a->begin;
    a->prompt_rate = rate(a->prompt_tokens - (isnan(a->cached_tokens) ? 0 : a->cached_tokens), a->prompt_seconds);
    a->answer_rate = isnan(a->answer_seconds)
                         ? rate((double)a->ids.n - 1, a->last - a->first) /* the first came with the prompt */
                         : rate(a->answer_tokens, a->answer_seconds);
}

static bool note_picture(struct answer *a, const viv_event *e)
{
    char *name = strndup(e->text, e->size);
    const bool ok = name && VEC_RESERVE(a->pictures, a->n_pictures, a->pictures_capacity);
    if (ok)
        a->pictures[a->n_pictures++] = (struct answer_picture){name, (uint64_t)e->value, e->token == 1};
    else
        free(name);
    return ok;
}

static bool note_call(struct answer *a, const viv_event *e)
{
    char *call = strndup(e->text, e->size);
    const bool ok = call && VEC_RESERVE(a->calls, a->n_calls, a->calls_capacity);
    if (ok)
        a->calls[a->n_calls++] = call;
    else
        free(call);
    return ok;
}

static bool collect(struct answer *a, const viv_event *e)
{
    switch (e->kind) {
    case VIV_EVENT_TEXT:
        return buf_append(&a->text, e->text, e->size);
    case VIV_EVENT_REASONING:
        return buf_append(&a->reasoning, e->text, e->size);
    case VIV_EVENT_TOOL_CALL:
        return note_call(a, e);
    case VIV_EVENT_TOKEN:
        a->last = seconds_now();
        a->first = a->ids.n == 0 ? a->last : a->first;
        return token_ids_add(&a->ids, e->token);
    case VIV_EVENT_VECTOR:
        a->dim = e->dim;
        a->rows++;
        return buf_append(&a->numbers, e->vector, e->dim * sizeof *e->vector);
    case VIV_EVENT_PICTURE:
        return note_picture(a, e);
    case VIV_EVENT_STATS:
        note_stat(a, e);
        return true;
    case VIV_EVENT_DONE:
        snprintf(a->reason, sizeof a->reason, "%.*s", (int)e->size, e->text);
        complete_figures(a);
        return true;
    default: /* progress, and what a later version may send */
        return true;
    }
}

static viv_status emit(const viv_sink *sink, const viv_event *e)
{
    struct answer *a = sink->ctx;
    struct error err;
    viv_status status = collect(a, e) ? VIV_OK : error_nomem(&err);
    if (status == VIV_OK && a->show)
        status = a->show(a, e, &err);
    if (status != VIV_OK)
        error_leave(status, err.text);
    return status;
}

/* LIKELY_ANSWER: tokens that room is made for, however long it may be; LIKELY_TOKEN: bytes of one, on average. */
enum { LIKELY_ANSWER = 8192, LIKELY_TOKEN = 16 };

/* Room for the answer, so that no token of it allocates. */
static bool reserve(struct answer *a, const viv_model *m, const viv_request *request)
{
    const int64_t max = request->max_tokens;
    const size_t n = size_min(size_min(max >= 0 ? (uint64_t)max : UINT64_MAX, LIKELY_ANSWER), model_context(m));
    return request->task != VIV_TASK_GENERATE ||
           (token_ids_reserve(&a->ids, n) && buf_reserve(&a->text, n * LIKELY_TOKEN));
}

viv_status answer_ask(struct answer *a, viv_model *m, const viv_request *request, struct error *err)
{
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = a, .emit = emit};
    a->begin = seconds_now();
    a->prompt_tokens = a->cached_tokens = a->prompt_seconds = a->answer_tokens = a->answer_seconds = NAN;
    a->drafted_tokens = a->accepted_tokens = a->draft_break_even = NAN;
    a->prompt_rate = a->answer_rate = NAN;
    if (!reserve(a, m, request))
        return error_nomem(err);
    viv_status status = engine_ask(m, request, &sink, err);
    a->end = seconds_now();
    return status;
}

uint64_t answer_n_tokens(const struct answer *a)
{
    return a->ids.n + (isfinite(a->prompt_tokens) ? (uint64_t)a->prompt_tokens : 0);
}

void answer_release(struct answer *a)
{
    token_ids_release(&a->ids);
    for (size_t i = 0; i < a->n_pictures; i++)
        free(a->pictures[i].name);
    free(a->pictures);
    a->pictures = NULL;
    a->n_pictures = a->pictures_capacity = 0;
    for (size_t i = 0; i < a->n_calls; i++)
        free(a->calls[i]);
    free(a->calls);
    a->calls = NULL;
    a->n_calls = a->calls_capacity = 0;
    buf_release(&a->reasoning);
    buf_release(&a->text);
    buf_release(&a->numbers);
}
