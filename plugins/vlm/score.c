/* score.c - labels of pictures: those that a classifier was taught, or any texts, in a model with vectors of both
 * (Radford et al. 2021). There the stack `match` makes logits of the cosines of a picture and the texts. */
#include "vlm.h"

#include <inttypes.h>
#include <math.h>

/* The vectors of labels as they come. */
struct vectors {
    const struct vlm *v;
    float *of; /* [n, dim], each of length 1 */
    uint64_t n;
};

static bool is_picture(const viv_message *m)
{
    return m->n_parts == 1 && m->parts[0]->kind == VIV_PART_IMAGE;
}

static void scale_to_one(float *x, uint64_t n)
{
    double sum = 0;
    for (uint64_t j = 0; j < n; j++)
        sum += (double)x[j] * (double)x[j];
    for (uint64_t j = 0; j < n && sum > 0; j++)
        x[j] = (float)((double)x[j] / sqrt(sum));
}

static viv_status take_vector(const viv_sink *sink, const viv_event *e)
{
    struct vectors *t = sink->ctx;
    if (e->kind != VIV_EVENT_VECTOR)
        return VIV_OK;
    if (e->dim != t->v->dim || e->done >= t->n)
        return viv_fail(t->v->host, VIV_ESHAPE,
                        "a text has a vector of %" PRIu64 " numbers, a picture one of %" PRIu64, e->dim, t->v->dim);
    float *y = t->of + e->done * e->dim;
    memcpy(y, e->vector, (size_t)e->dim * sizeof *y);
    scale_to_one(y, e->dim);
    return VIV_OK;
}

static viv_status read_labels(struct vlm *v, const viv_request *request, struct vectors *out)
{
    const viv_sink sink = {.struct_size = sizeof sink, .emit = take_vector, .ctx = out};
    const viv_message **labels = calloc(request->n_messages, sizeof *labels);
    viv_request asked;
    memcpy(&asked, request, sizeof asked);
    asked.struct_size = sizeof asked;
    asked.task = VIV_TASK_EMBED;
    asked.messages = labels;
    asked.n_messages = 0;
    for (uint32_t i = 0; labels && i < request->n_messages; i++)
        if (!is_picture(request->messages[i]))
            labels[asked.n_messages++] = request->messages[i];
    out->v = v;
    out->n = asked.n_messages;
    out->of = calloc((size_t)(out->n * v->dim + 1), sizeof *out->of);
    viv_status status = labels && out->of ? VIV_OK : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK && out->n == 0)
        status = viv_fail(v->host, VIV_EINVAL, "this model has no labels of its own: give some, with --label TEXT");
    if (status == VIV_OK)
        status = viv_pipeline_run(v->language, &asked, &sink);
    free(labels);
    return status;
}

/* cosines [n] of a picture's vector become logits. */
static viv_status match(const struct vlm *v, const float *picture, const struct vectors *labels,
                        const uint32_t *cancel, float *cosines, const float **logits)
{
    const float **rows = malloc((size_t)labels->n * sizeof *rows);
    viv_sequence *sequence = NULL;
    uint64_t n = 0;
    viv_status status =
        rows ? v->sequences->create(v->model, &sequence) : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    float *unit = malloc((size_t)v->dim * sizeof *unit);
    if (status == VIV_OK && !unit)
        status = viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK) {
        memcpy(unit, picture, (size_t)v->dim * sizeof *unit);
        scale_to_one(unit, v->dim);
    }
    for (uint64_t i = 0; status == VIV_OK && i < labels->n; i++) {
        double sum = 0;
        for (uint64_t j = 0; j < v->dim; j++)
            sum += (double)unit[j] * (double)labels->of[i * v->dim + j];
        cosines[i] = (float)sum;
        rows[i] = &cosines[i];
    }
    if (status == VIV_OK)
        status = vlm_run_stack(v, sequence, "match", rows, labels->n, NULL, NULL, cancel, logits, &n);
    if (status == VIV_OK && (n != labels->n || v->sequences->stack_output(v->model, "match") != 1))
        status = viv_fail(v->host, VIV_ESHAPE, "the stack 'match' makes no one logit of each cosine");
    v->sequences->destroy(sequence);
    free(unit);
    free(rows);
    return status;
}

/* labels: NULL, the model's own. */
static viv_status score_one(struct vlm *v, const viv_request *request, const viv_part *picture, uint64_t index,
                            uint64_t total, const struct vectors *labels, const viv_sink *sink)
{
    const struct vlm_among alone = {.n = 1, .n_pictures = 1, .room = UINT64_MAX};
    struct seen *seen = NULL;
    float *cosines = malloc((size_t)((labels ? labels->n : 0) + 1) * sizeof *cosines);
    const float *logits = NULL;
    viv_status status = cosines ? vlm_see(v, picture, &alone, NULL, request->cancel, &seen)
                                : viv_fail(v->host, VIV_ENOMEM, "out of memory");
    if (status == VIV_OK && labels)
        status = match(v, seen->rows, labels, request->cancel, cosines, &logits);
    if (status == VIV_OK)
        status = viv_emit_vector(sink, index, total, -1, labels ? logits : seen->rows, labels ? labels->n : v->dim);
    vlm_kept_trim(v);
    free(cosines);
    return status;
}

viv_status vlm_score(struct vlm *v, const viv_request *request, const viv_sink *sink)
{
    struct vectors labels = {0};
    const uint32_t n = vlm_count_parts(request, VIV_PART_IMAGE);
    uint64_t done = 0;
    viv_status status = vlm_ready(v);
    const bool any = status == VIV_OK && v->language && v->sequences->stack_input(v->model, "match") == 1;
    if (status == VIV_OK && any)
        status = read_labels(v, request, &labels);
    else if (status == VIV_OK && strcmp(v->params->get_word(v->model, "output", ""), "scores") != 0)
        status = viv_fail(v->host, VIV_EUNSUPPORTED, "this model has no labels for pictures");
    else if (status == VIV_OK && n != request->n_messages)
        status = viv_fail(v->host, VIV_EUNSUPPORTED,
                          "this model has labels of its own, and no vectors of texts to compare pictures with");
    for (uint32_t i = 0; status == VIV_OK && i < request->n_messages; i++) {
        if (!is_picture(request->messages[i]))
            continue;
        status = viv_emit_progress(sink, "pictures", done++, n);
        if (status == VIV_OK)
            status = score_one(v, request, request->messages[i]->parts[0], i, request->n_messages,
                               any ? &labels : NULL, sink);
    }
    free(labels.of);
    return status == VIV_OK ? viv_emit_done(sink, "end") : status;
}
