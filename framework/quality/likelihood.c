/* likelihood.c - see likelihood.h. The common prefix of the question and its choices is computed once. */
#include "quality/likelihood.h"

#include "base/size.h"
#include "quality/logits.h"
#include "quality/text.h"
#include "run/run.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scoring {
    viv_model *m;
    const struct tokenizer *t;
    const struct choices *c;
    const uint32_t *cancel;
    struct buf question; /* a turn rendered by the chat template, or the bare question without trailing spaces */
    const char *between; /* text between question and choice */
    struct token_ids *whole; /* [c->n] tokens of question and choice */
    uint64_t n_common;       /* tokens of the prefix that all of them and the question share */
    viv_sequence *sequence;
    uint8_t *output_rows; /* [max_rows] */
    uint64_t vocab;
    uint64_t n_tokens;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static viv_status render_question(struct scoring *a, struct error *err)
{
    const char *question = a->c->question;
    size_t n = strlen(question);
    a->between = "";
    if (a->c->template)
        return chat_render_turn(a->c->template, question, &a->question, err);
    while (n > 0 && question[n - 1] == ' ')
        n--;
    a->between = question + n;
    return buf_append(&a->question, question, n) ? VIV_OK : error_nomem(err);
}

/* The text between the question and a choice. */
static const char *divide(const struct scoring *a, const char *choice)
{
    const struct buf *q = &a->question;
    if (a->c->template || *a->between || q->size == 0 || is_blank(q->data[q->size - 1]) || is_blank(*choice))
        return a->between;
    return " ";
}

static viv_status encode(struct scoring *a, const char *choice, struct token_ids *out, struct error *err)
{
    struct buf text = {0};
    buf_append(&text, buf_text(&a->question), a->question.size);
    if (choice) {
        buf_puts(&text, divide(a, choice));
        buf_puts(&text, choice);
    }
    viv_status status = text.failed ? error_nomem(err) : VIV_OK;
    if (status == VIV_OK && !a->c->template)
        status = quality_start(a->t, out, err);
    if (status == VIV_OK)
        status = tokenizer_encode(a->t, buf_text(&text), text.size, a->c->template ? TOKENIZER_PARSE_SPECIAL : 0,
                                  out, err);
    buf_release(&text);
    return status;
}

static uint64_t common(const struct token_ids *a, const struct token_ids *b)
{
    uint64_t n = 0;
    while (n < a->n && n < b->n && a->ids[n] == b->ids[n])
        n++;
    return n;
}

static viv_status encode_all(struct scoring *a, struct error *err)
{
    const uint64_t room = model_context(a->m);
    struct token_ids question = {0};
    viv_status status = encode(a, NULL, &question, err);
    a->n_common = question.n;
    for (uint32_t i = 0; status == VIV_OK && i < a->c->n; i++) {
        status = encode(a, a->c->texts[i], &a->whole[i], err);
        if (status == VIV_OK && a->whole[i].n > room)
            status = error_set(err, VIV_ELIMIT,
                               "the question with choice %" PRIu32
                               " has %zu tokens, but the context has room for %" PRIu64,
                               i, a->whole[i].n, room);
        a->n_common = size_min(a->n_common, common(&question, &a->whole[i]));
    }
    for (uint32_t i = 0; status == VIV_OK && i < a->c->n; i++)
        if (a->whole[i].n == a->n_common)
            status = error_set(err, VIV_EINVAL, "choice %" PRIu32 " has no token of its own", i);
    if (status == VIV_OK && a->n_common == 0)
        status = error_set(err, VIV_EINVAL, "the question has no token for the choices to follow");
    token_ids_release(&question);
    return status;
}

/* Runs n tokens, from `at` on, of the question with choice i. */
static viv_status step(struct scoring *a, uint32_t i, uint64_t at, uint64_t n, const float **logits,
                       struct error *err)
{
    uint64_t n_outputs;
    const viv_rows rows = {.struct_size = sizeof rows,
                           .sequence = a->sequence,
                           .n_rows = n,
                           .tokens = a->whole[i].ids + at,
                           .output_rows = a->output_rows,
                           .length = a->whole[i].n};
    const viv_rows *const list[] = {&rows};
    viv_status status = model_step(a->m, list, 1, a->cancel, logits, &n_outputs, err);
    a->n_tokens += status == VIV_OK ? n : 0;
    return status;
}

static viv_status add(struct scoring *a, const float *logits, int32_t token, double *sum, struct error *err)
{
    const double total = logits_log_sum_exp(logits, a->vocab);
    if (!isfinite(total))
        return error_set(err, VIV_EFORMAT, "the logits of the answer are not finite: are the weights?");
    *sum += (double)logits[token] - total;
    return VIV_OK;
}

static bool alike(const struct scoring *a, uint32_t i, uint32_t j)
{
    const uint64_t m = a->whole[i].n, n = a->whole[j].n;
    return graph_lengths_alike(model_graph(a->m), (struct graph_length){m, m}, (struct graph_length){n, n});
}

/* Runs the common prefix as a part of choice `first`. Its last logits give the first token of this choice, and of
 * the choices after it whose length gives the same cache. */
static viv_status run_question(struct scoring *a, uint32_t first, double *out, struct error *err)
{
    const float *logits = NULL;
    uint64_t at = 0, n;
    viv_status status = sequence_truncate(a->sequence, 0, err);
    while (status == VIV_OK && at < a->n_common) {
        n = size_min(model_max_rows(a->m), a->n_common - at);
        memset(a->output_rows, 0, n);
        a->output_rows[n - 1] = at + n == a->n_common;
        status = step(a, first, at, n, &logits, err);
        at += n;
    }
    for (uint32_t i = first; status == VIV_OK && logits && i < a->c->n && alike(a, first, i); i++)
        status = add(a, logits, a->whole[i].ids[a->n_common], &out[i], err);
    return status;
}

/* Runs the rest of a choice, after its first token. */
static viv_status run_choice(struct scoring *a, uint32_t i, double *out, struct error *err)
{
    const struct token_ids *whole = &a->whole[i];
    viv_status status = VIV_OK;
    memset(a->output_rows, 1, model_max_rows(a->m));
    for (uint64_t at = a->n_common, n; status == VIV_OK && at + 1 < whole->n; at += n) {
        const float *logits;
        n = size_min(model_max_rows(a->m), whole->n - 1 - at);
        status = step(a, i, at, n, &logits, err);
        for (uint64_t r = 0; status == VIV_OK && r < n; r++)
            status = add(a, logits + r * a->vocab, whole->ids[at + r + 1], &out[i], err);
    }
    return status == VIV_OK ? sequence_truncate(a->sequence, a->n_common, err) : status;
}

viv_status likelihood_of_choices(viv_model *m, const struct choices *c, const uint32_t *cancel, double *out,
                                 uint64_t *n_tokens, struct error *err)
{
    struct scoring a = {.m = m, .c = c, .cancel = cancel, .vocab = model_output_dim(m)};
    viv_status status = quality_check_model(m, err);
    if (status == VIV_OK)
        status = model_tokenizer(m, &a.t, err);
    if (status == VIV_OK)
        status = render_question(&a, err);
    a.whole = calloc(c->n ? c->n : 1, sizeof *a.whole);
    a.output_rows = malloc(model_max_rows(m));
    if (status == VIV_OK)
        status = a.whole && a.output_rows ? encode_all(&a, err) : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n; i++)
        status = quality_check_ids(m, &a.whole[i], err);
    if (status == VIV_OK)
        status = sequence_create(m, &a.sequence, err);
    for (uint32_t i = 0; i < c->n; i++)
        out[i] = 0;
    for (uint32_t i = 0, read = 0; status == VIV_OK && i < c->n; i++) {
        if (i == 0 || !alike(&a, read, i))
            status = run_question(&a, read = i, out, err);
        if (status == VIV_OK)
            status = run_choice(&a, i, out, err);
    }
    *n_tokens += a.n_tokens;
    sequence_destroy(a.sequence);
    for (uint32_t i = 0; a.whole && i < c->n; i++)
        token_ids_release(&a.whole[i]);
    free(a.whole);
    free(a.output_rows);
    buf_release(&a.question);
    return status;
}
