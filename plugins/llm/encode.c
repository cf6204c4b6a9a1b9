/* encode.c - texts in, vectors out.
 *
 *   embed   pool(rows of the graph's end), x / |x| where the model's files want it
 *   score   what a classifier says: the graph's end itself, which its spec has pooled
 *
 * Texts go through the graph together, as many as fit in a step, one after the other without padding. One that is
 * longer than a step goes in pieces, if the model is causal; one that looks at a text as a whole has steps as long
 * as its context.
 *
 * Events: a vector for each message (each token with VIV_POOLING_NONE), stats, done. */
#include "llm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_ROWS = 512, BATCH_TEXTS = 64 };

struct text {
    int32_t *ids, *types; /* types NULL: all 0 */
    uint64_t n, done;     /* rows, and how many of them went through */
    viv_sequence *sequence;
};

struct encoding {
    const struct llm *llm;
    const viv_request *request;
    const viv_sink *sink;
    uint32_t pooling; /* never VIV_POOLING_DECLARED; of scores: VIV_POOLING_LAST */
    int normalize;
    uint64_t limit, context, max_rows, dim; /* limit: where texts are cut; 0: nowhere */
    struct text texts[BATCH_TEXTS];         /* messages first .. first + n */
    uint32_t first, n;
    float *pooled;        /* [dim] of the text at hand */
    uint8_t *output_rows; /* [max_rows] all ones */
    uint64_t n_tokens;
};

/* --- texts --------------------------------------------------------------------------------------------------- */

static void forget(const struct encoding *e, struct text *t)
{
    e->llm->sequences->destroy(t->sequence);
    free(t->ids);
    free(t->types);
    *t = (struct text){0};
}

static viv_status reserve(const struct encoding *e, struct text *t, uint64_t n)
{
    if (n > SIZE_MAX / sizeof *t->ids)
        return viv_fail(e->llm->host, VIV_ELIMIT, "the text is too long");
    free(t->ids);
    free(t->types);
    t->ids = malloc((size_t)(n ? n : 1) * sizeof *t->ids);
    t->types = malloc((size_t)(n ? n : 1) * sizeof *t->types);
    return t->ids && t->types ? VIV_OK : viv_fail(e->llm->host, VIV_ENOMEM, "out of memory");
}

/* There is room for them. */
static void copy_tokens(struct text *t, const viv_part *p)
{
    t->n = p->size / sizeof *t->ids;
    if (t->n)
        memcpy(t->ids, p->data, (size_t)t->n * sizeof *t->ids);
    memset(t->types, 0, (size_t)t->n * sizeof *t->types);
}

/* Some models were taught with texts of one length, which padding makes of shorter ones. There is room. */
static void pad(struct text *t, uint64_t length, int32_t token)
{
    for (; t->n < length; t->n++) {
        t->ids[t->n] = token;
        t->types[t->n] = 0;
    }
}

static viv_status tokenize(const struct encoding *e, struct text *t, const viv_message *m)
{
    const viv_params *params = e->llm->params;
    const uint64_t length = (uint64_t)params->get_int(e->llm->model, "padded_length", 0);
    const char *texts[2];
    uint64_t sizes[2], capacity = viv_max(16, viv_min(length, e->context));
    for (uint32_t i = 0; i < m->n_parts; i++) {
        if (m->parts[i]->kind != VIV_PART_TEXT)
            return viv_fail(e->llm->host, VIV_EUNSUPPORTED, "an encoder takes texts, or tokens alone");
        texts[i] = m->parts[i]->data;
        sizes[i] = m->parts[i]->size;
        capacity += sizes[i];
    }
    for (;;) { /* a byte is rarely more than one token, so that a second round is rare */
        viv_status status = reserve(e, t, capacity);
        if (status == VIV_OK)
            status = e->llm->text->encode_texts(e->llm->model, m->n_parts, texts, sizes, e->limit, t->ids, t->types,
                                                capacity, &t->n);
        if (status == VIV_OK && t->n <= capacity)
            pad(t, viv_min(length, e->context), (int32_t)params->get_int(e->llm->model, "pad_token", 0));
        if (status != VIV_OK || t->n <= capacity)
            return status;
        capacity = t->n;
    }
}

static viv_status take_text(const struct encoding *e, struct text *t, uint32_t index)
{
    const viv_message *m = e->request->messages[index];
    viv_status status;
    if (m->n_parts == 0 || m->n_parts > 2)
        return viv_fail(e->llm->host, VIV_EINVAL,
                        "text %" PRIu32 " has %" PRIu32 " parts, expected one, or two of a pair", index + 1,
                        m->n_parts);
    if (m->n_parts == 1 && m->parts[0]->kind == VIV_PART_TOKENS) {
        status = reserve(e, t, m->parts[0]->size / sizeof *t->ids);
        if (status == VIV_OK)
            copy_tokens(t, m->parts[0]);
    } else {
        status = tokenize(e, t, m);
    }
    if (status == VIV_OK && t->n == 0)
        status = viv_fail(e->llm->host, VIV_EINVAL, "text %" PRIu32 " has no tokens, hence no vector", index + 1);
    if (status == VIV_OK && t->n > e->context)
        status = viv_fail(e->llm->host, VIV_ELIMIT,
                          "text %" PRIu32 " has %" PRIu64 " tokens, and the context holds %" PRIu64
                          ": make it shorter, let it be cut (--cut), or the context larger (--context)",
                          index + 1, t->n, e->context);
    return status == VIV_OK ? e->llm->sequences->create(e->llm->model, &t->sequence) : status;
}

/* --- vectors ------------------------------------------------------------------------------------------------- */

/* Gives it out, if it is one: what weights of NaN come to is nobody's vector. */
static viv_status emit_vector(const struct encoding *e, uint32_t index, int32_t token, const float *vector)
{
    for (uint64_t j = 0; j < e->dim; j++)
        if (!isfinite(vector[j]))
            return viv_fail(e->llm->host, VIV_EFORMAT,
                            "text %" PRIu32 ": the model's answer is no number (feature %" PRIu64
                            " is %g): are its weights?",
                            index + 1, j, (double)vector[j]);
    return viv_emit_vector(e->sink, index, e->request->n_messages, token, vector, e->dim);
}

static void normalize(float *x, uint64_t n)
{
    double sum = 0;
    for (uint64_t j = 0; j < n; j++)
        sum += (double)x[j] * (double)x[j];
    for (uint64_t j = 0; j < n && sum > 0; j++)
        x[j] = (float)((double)x[j] / sqrt(sum));
}

/* Takes what came of the next n rows of a text; gives out its vector with the last of them. */
static viv_status take_rows(struct encoding *e, struct text *t, uint32_t index, const float *rows, uint64_t n)
{
    if (e->pooling == VIV_POOLING_NONE) {
        for (uint64_t r = 0; r < n; r++) {
            viv_status status = emit_vector(e, index, t->ids[t->done + r], rows + r * e->dim);
            if (status != VIV_OK)
                return status;
        }
    } else if (e->pooling == VIV_POOLING_MEAN) {
        for (uint64_t j = 0; j < e->dim; j++) {
            float sum = t->done > 0 ? e->pooled[j] : 0;
            for (uint64_t r = 0; r < n; r++)
                sum += rows[r * e->dim + j];
            e->pooled[j] = t->done + n == t->n ? sum / (float)t->n : sum;
        }
    } else if (e->pooling == VIV_POOLING_LAST || t->done == 0) {
        memcpy(e->pooled, e->pooling == VIV_POOLING_CLS ? rows : rows + (n - 1) * e->dim,
               (size_t)e->dim * sizeof *rows);
    }
    t->done += n;
    if (t->done < t->n || e->pooling == VIV_POOLING_NONE)
        return VIV_OK;
    if (e->normalize)
        normalize(e->pooled, e->dim);
    return emit_vector(e, index, -1, e->pooled);
}

/* --- steps --------------------------------------------------------------------------------------------------- */

/* Texts from message `first` on, while they fit together in a step. */
static viv_status gather(struct encoding *e, uint32_t first)
{
    uint64_t n_rows = 0;
    e->first = first;
    e->n = 0;
    while (e->n < BATCH_TEXTS && first + e->n < e->request->n_messages) {
        struct text *t = &e->texts[e->n];
        viv_status status = take_text(e, t, first + e->n);
        if (status != VIV_OK) {
            forget(e, t);
            return status;
        }
        n_rows += t->n;
        if (e->n > 0 && (n_rows > BATCH_ROWS || n_rows > e->max_rows)) {
            forget(e, t); /* it begins the next step */
            return VIV_OK;
        }
        e->n++;
    }
    return VIV_OK;
}

static viv_status step(struct encoding *e)
{
    viv_rows rows[BATCH_TEXTS];
    const viv_rows *list[BATCH_TEXTS];
    const float *outputs;
    uint64_t n_outputs;
    const int all = e->request->task == VIV_TASK_EMBED; /* of a classifier, the last row of each text is enough */
    for (uint32_t i = 0; i < e->n; i++) {
        struct text *t = &e->texts[i];
        uint64_t n = t->n - t->done < e->max_rows ? t->n - t->done : e->max_rows;
        rows[i] = (viv_rows){.struct_size = sizeof rows[i],
                             .sequence = t->sequence,
                             .n_rows = n,
                             .tokens = t->ids + t->done,
                             .output_rows = all ? e->output_rows : NULL,
                             .types = t->types + t->done,
                             .length = t->n};
        list[i] = &rows[i];
    }
    viv_status status =
        e->llm->sequences->step(e->llm->model, list, e->n, e->request->cancel, &outputs, &n_outputs);
    for (uint32_t i = 0; status == VIV_OK && i < e->n; i++) {
        struct text *t = &e->texts[i];
        e->n_tokens += rows[i].n_rows;
        if (!all)
            t->done = t->n - 1;
        status = take_rows(e, t, e->first + i, outputs, all ? rows[i].n_rows : 1);
        outputs += (all ? rows[i].n_rows : 1) * e->dim;
    }
    return status;
}

static viv_status encode_all(struct encoding *e)
{
    viv_status status = VIV_OK;
    for (uint32_t at = 0; status == VIV_OK && at < e->request->n_messages; at += e->n) {
        status = viv_emit_progress(e->sink, "texts", at, e->request->n_messages);
        if (status == VIV_OK)
            status = gather(e, at);
        while (status == VIV_OK && e->texts[0].done < e->texts[0].n)
            status = step(e);
        for (uint32_t i = 0; i < e->n; i++)
            forget(e, &e->texts[i]);
    }
    return status;
}

/* --- the request --------------------------------------------------------------------------------------------- */

static viv_status choose_pooling(struct encoding *e)
{
    static const char *const names[] = {[VIV_POOLING_NONE] = "none",
                                        [VIV_POOLING_CLS] = "cls",
                                        [VIV_POOLING_MEAN] = "mean",
                                        [VIV_POOLING_LAST] = "last"};
    const char *declared = e->llm->params->get_word(e->llm->model, "pooling", "none");
    e->pooling = e->request->pooling;
    for (uint32_t i = VIV_POOLING_NONE; e->pooling == VIV_POOLING_DECLARED && i <= VIV_POOLING_LAST; i++)
        if (strcmp(names[i], declared) == 0)
            e->pooling = i;
    if (e->pooling == VIV_POOLING_DECLARED || e->pooling > VIV_POOLING_LAST)
        return viv_fail(e->llm->host, VIV_EUNSUPPORTED, "pooling '%s': expected none, cls, mean or last", declared);
    e->normalize = e->pooling != VIV_POOLING_NONE && !(e->request->flags & VIV_REQUEST_RAW) &&
                   e->llm->params->get_int(e->llm->model, "normalize", 1);
    return VIV_OK;
}

static viv_status check_output(const struct encoding *e)
{
    const char *output = e->llm->params->get_word(e->llm->model, "output", "logits");
    const int embed = e->request->task == VIV_TASK_EMBED;
    if (strcmp(output, embed ? "vectors" : "scores") == 0)
        return VIV_OK;
    return viv_fail(e->llm->host, VIV_EUNSUPPORTED, "this model gives %s%s and not %s",
                    strcmp(output, "logits") == 0   ? "the logits of a next token"
                    : strcmp(output, "scores") == 0 ? "the scores of a classifier"
                                                    : "vectors of texts",
                    strcmp(output, "logits") == 0   ? " (viv run)"
                    : strcmp(output, "scores") == 0 ? " (viv classify, viv rerank)"
                                                    : " (viv embed)",
                    embed ? "vectors of texts" : "scores of a classifier");
}

static viv_status begin(struct encoding *e)
{
    const struct llm *l = e->llm;
    viv_status status = check_output(e);
    e->pooling = VIV_POOLING_LAST;
    if (status == VIV_OK && e->request->task == VIV_TASK_EMBED)
        status = choose_pooling(e);
    if (status != VIV_OK)
        return status;
    e->dim = l->sequences->output_dim(l->model);
    e->max_rows = l->sequences->max_rows(l->model);
    e->context = l->sequences->context_length(l->model);
    int64_t limit = l->params->get_int(l->model, "max_seq_length", 0);
    if (limit <= 0)
        e->limit = e->request->flags & VIV_REQUEST_CUT ? e->context : 0;
    else
        e->limit = (uint64_t)limit < e->context ? (uint64_t)limit : e->context;
    e->pooled = calloc((size_t)e->dim, sizeof *e->pooled);
    e->output_rows = malloc((size_t)e->max_rows);
    if (!e->pooled || !e->output_rows)
        return viv_fail(l->host, VIV_ENOMEM, "out of memory");
    memset(e->output_rows, 1, (size_t)e->max_rows);
    return VIV_OK;
}

viv_status llm_encode(const struct llm *l, const viv_request *request, const viv_sink *sink)
{
    struct encoding *e = calloc(1, sizeof *e);
    if (!e)
        return viv_fail(l->host, VIV_ENOMEM, "out of memory");
    e->llm = l;
    e->request = request;
    e->sink = sink;
    viv_status status = begin(e);
    if (status == VIV_OK)
        status = encode_all(e);
    if (status == VIV_OK)
        status = viv_emit_stat(sink, "prompt_tokens", (double)e->n_tokens);
    if (status == VIV_OK)
        status = viv_emit_done(sink, "end");
    free(e->pooled);
    free(e->output_rows);
    free(e);
    return status;
}
