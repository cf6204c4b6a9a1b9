#include "quality/likelihood.h"

#include "base/size.h"
#include "quality/pass.h"
#include "quality/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct asked {
    viv_model *m;
    const struct tokenizer *t;
    const struct choices *c;
    const uint32_t *cancel;
    size_t n_question;       /* bytes, without spaces at its end */
    const char *between;     /* question and choices */
    struct token_ids *whole; /* [c->n] question and choice */
    uint64_t n_common;       /* tokens that all of them begin with, and the question, too */
    struct sequence *sequence;
    uint8_t *want; /* [max_rows] */
    uint64_t vocab;
    uint64_t n_tokens;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What stands between the question and a choice. */
static const char *divide(const struct choices *c, size_t *n_question)
{
    size_t n = strlen(c->question);
    while (n > 0 && c->question[n - 1] == ' ')
        n--;
    *n_question = n;
    return c->question + n;
}

static viv_status encode(struct asked *a, const char *choice, struct token_ids *out, struct error *err)
{
    struct buf text = {0};
    buf_append(&text, a->c->question, a->n_question);
    if (choice) {
        const bool divided =
            *a->between || a->n_question == 0 || is_blank(a->c->question[a->n_question - 1]) || is_blank(*choice);
        buf_puts(&text, divided ? a->between : " ");
        buf_puts(&text, choice);
    }
    viv_status status = text.failed ? error_nomem(err) : quality_start(a->t, out, err);
    if (status == VIV_OK)
        status = tokenizer_encode(a->t, buf_text(&text), text.size, 0, out, err);
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

static viv_status encode_all(struct asked *a, struct error *err)
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

static viv_status step(struct asked *a, const int32_t *tokens, uint64_t n, const uint8_t *want,
                       const float **logits, struct error *err)
{
    uint64_t n_outputs;
    const viv_rows rows = {
        .struct_size = sizeof rows, .sequence = a->sequence, .n_rows = n, .tokens = tokens, .want = want};
    const viv_rows *const list[] = {&rows};
    viv_status status = model_step(a->m, list, 1, a->cancel, logits, &n_outputs, err);
    a->n_tokens += status == VIV_OK ? n : 0;
    return status;
}

static viv_status add(struct asked *a, const float *logits, int32_t token, double *sum, struct error *err)
{
    const double total = log_sum_exp(logits, a->vocab);
    if (!isfinite(total))
        return error_set(err, VIV_EFORMAT, "the logits of the answer are no numbers: are the weights?");
    *sum += (double)logits[token] - total;
    return VIV_OK;
}

/* What all have in common, and from what it leads to, the first token of each. */
static viv_status read_question(struct asked *a, double *out, struct error *err)
{
    const int32_t *ids = a->whole[0].ids;
    const float *logits = NULL;
    viv_status status = VIV_OK;
    for (uint64_t at = 0, n; status == VIV_OK && at < a->n_common; at += n) {
        n = size_min(model_max_rows(a->m), a->n_common - at);
        memset(a->want, 0, n);
        a->want[n - 1] = at + n == a->n_common;
        status = step(a, ids + at, n, a->want, &logits, err);
    }
    for (uint32_t i = 0; status == VIV_OK && i < a->c->n; i++)
        status = add(a, logits, a->whole[i].ids[a->n_common], &out[i], err);
    return status;
}

/* The rest of one, after its first token. */
static viv_status read_choice(struct asked *a, uint32_t i, double *out, struct error *err)
{
    const struct token_ids *whole = &a->whole[i];
    viv_status status = VIV_OK;
    memset(a->want, 1, model_max_rows(a->m));
    for (uint64_t at = a->n_common, n; status == VIV_OK && at + 1 < whole->n; at += n) {
        const float *logits;
        n = size_min(model_max_rows(a->m), whole->n - 1 - at);
        status = step(a, whole->ids + at, n, a->want, &logits, err);
        for (uint64_t r = 0; status == VIV_OK && r < n; r++)
            status = add(a, logits + r * a->vocab, whole->ids[at + r + 1], &out[i], err);
    }
    return status == VIV_OK ? sequence_truncate(a->sequence, a->n_common, err) : status;
}

viv_status choices_likelihood(viv_model *m, const struct choices *c, const uint32_t *cancel, double *out,
                              uint64_t *n_tokens, struct error *err)
{
    struct asked a = {.m = m, .c = c, .cancel = cancel, .vocab = model_output_dim(m)};
    viv_status status = quality_check_model(m, err);
    if (status == VIV_OK)
        status = model_tokenizer(m, &a.t, err);
    if (status != VIV_OK)
        return status;
    a.between = divide(c, &a.n_question);
    a.whole = calloc(c->n ? c->n : 1, sizeof *a.whole);
    a.want = malloc(model_max_rows(m));
    status = a.whole && a.want ? encode_all(&a, err) : error_nomem(err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n; i++)
        status = quality_check_ids(m, &a.whole[i], err);
    if (status == VIV_OK)
        status = sequence_create(m, &a.sequence, err);
    for (uint32_t i = 0; i < c->n; i++)
        out[i] = 0;
    if (status == VIV_OK && c->n)
        status = read_question(&a, out, err);
    for (uint32_t i = 0; status == VIV_OK && i < c->n; i++)
        status = read_choice(&a, i, out, err);
    *n_tokens += a.n_tokens;
    sequence_destroy(a.sequence);
    for (uint32_t i = 0; a.whole && i < c->n; i++)
        token_ids_release(&a.whole[i]);
    free(a.whole);
    free(a.want);
    return status;
}
