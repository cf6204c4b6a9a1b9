/* vlm - models that see: pictures become rows (see.c), which take the place of tokens in the prompt of a language
 * model (place.c). From there on it answers as `llm` does. A picture alone, without words, has a vector. */
#include "vlm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- words --------------------------------------------------------------------------------------------------- */

/* The request with its prompt as tokens, pictures placed. */
static viv_status answer(struct vlm *v, const viv_request *request, const viv_sink *sink)
{
    viv_request known;
    viv_sequence *own = NULL;
    const int32_t *ids;
    uint64_t n, n_answer;
    memcpy(&known, request, sizeof known);
    known.struct_size = sizeof known;
    if (!known.sequence) {
        viv_status status = v->sequences->create(v->model, &own);
        if (status != VIV_OK)
            return status;
        known.sequence = own;
    }
    viv_status status = vlm_place(v, request, known.sequence, sink, &ids, &n, &n_answer);
    if (status == VIV_OK) {
        const viv_part parts[] = {{.struct_size = sizeof *parts,
                                   .kind = VIV_PART_TOKENS,
                                   .data = ids,
                                   .size = (n - n_answer) * sizeof *ids},
                                  {.struct_size = sizeof *parts,
                                   .kind = VIV_PART_ANSWER,
                                   .data = ids + n - n_answer,
                                   .size = n_answer * sizeof *ids}};
        const viv_part *const list[] = {&parts[0], &parts[1]};
        const viv_message message = {.struct_size = sizeof message, .n_parts = n_answer ? 2 : 1, .parts = list};
        const viv_message *const messages[] = {&message};
        known.n_messages = 1;
        known.messages = messages;
        known.flags &= ~(uint32_t)VIV_REQUEST_ECHO; /* tokens that stand for a picture are no text */
        status = viv_pipeline_run(v->language, &known, sink);
    }
    v->sequences->place(known.sequence, NULL, 0);
    vlm_forget(v);
    v->sequences->destroy(own);
    return status;
}

/* --- vectors ------------------------------------------------------------------------------------------------- */

static viv_status embed_one(struct vlm *v, const viv_request *request, uint32_t index, const viv_sink *sink)
{
    const viv_message *m = request->messages[index];
    const char *declared = v->params->get_word(v->model, "pooling", NULL);
    const bool all =
        request->pooling == VIV_POOLING_NONE || (request->pooling == VIV_POOLING_DECLARED && !declared);
    const struct vlm_among alone = {.n = 1, .n_pictures = 1, .room = UINT64_MAX};
    struct seen *seen = NULL;
    if (m->n_parts != 1 || m->parts[0]->kind != VIV_PART_IMAGE)
        return viv_fail(v->host, VIV_EUNSUPPORTED, "this model takes pictures, each a message of its own");
    viv_status status = vlm_see(v, m->parts[0], &alone, NULL, request->cancel, &seen);
    for (uint64_t r = 0; status == VIV_OK && r < (all ? seen->n_rows : 1); r++)
        status = viv_emit_vector(sink, index, request->n_messages, -1, seen->rows + r * v->dim, v->dim);
    vlm_kept_trim(v);
    return status;
}

static viv_status embed(struct vlm *v, const viv_request *request, const viv_sink *sink)
{
    viv_status status = VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < request->n_messages; i++) {
        status = viv_emit_progress(sink, "pictures", i, request->n_messages);
        if (status == VIV_OK)
            status = embed_one(v, request, i, sink);
    }
    return status == VIV_OK ? viv_emit_done(sink, "end") : status;
}

/* --- the class ----------------------------------------------------------------------------------------------- */

static viv_status run(void *instance, const viv_request *request, const viv_sink *sink)
{
    struct vlm *v = instance;
    const uint32_t n_videos = vlm_count_parts(request, VIV_PART_VIDEO);
    if (n_videos && request->task != VIV_TASK_GENERATE)
        return viv_fail(v->host, VIV_EUNSUPPORTED, "a video has no vector or labels: expected pictures");
    if (vlm_count_parts(request, VIV_PART_IMAGE) + n_videos == 0) {
        if (v->language)
            return viv_pipeline_run(v->language, request, sink);
        return viv_fail(v->host, VIV_EINVAL, "this model takes pictures, and none is given: --image FILE");
    }
    if (request->task == VIV_TASK_EMBED)
        return embed(v, request, sink);
    if (request->task == VIV_TASK_SCORE)
        return vlm_score(v, request, sink);
    return answer(v, request, sink);
}

static void close(void *instance)
{
    struct vlm *v = instance;
    if (!v)
        return;
    vlm_forget(v);
    vlm_kept_end(v);
    viv_pipeline_close(v->language);
    vlm_forget_look(v);
    free(v);
}

static viv_status open(const viv_host *host, viv_model *model, void **instance)
{
    struct vlm *v = calloc(1, sizeof *v);
    if (!v)
        return viv_fail(host, VIV_ENOMEM, "out of memory");
    v->host = host;
    v->model = model;
    v->params = viv_need_service(host, VIV_SERVICE_PARAMS, sizeof *v->params);
    v->text = v->params ? viv_need_service(host, VIV_SERVICE_TEXT, sizeof *v->text) : NULL;
    v->sequences = v->text ? viv_need_service(host, VIV_SERVICE_SEQUENCES, sizeof *v->sequences) : NULL;
    v->digest = v->sequences ? viv_need_service(host, VIV_SERVICE_DIGEST, sizeof *v->digest) : NULL;
    viv_status status = v->digest ? VIV_OK : VIV_EABI;
    if (status == VIV_OK && v->sequences->stack_input(model, "graph") == 0)
        status = viv_pipeline_open(host, model, "llm", &v->language);
    if (status != VIV_OK) {
        free(v);
        return status;
    }
    *instance = v;
    return VIV_OK;
}

static const viv_pictures pictures = {
    .struct_size = sizeof(viv_pictures), .place = vlm_place, .look = vlm_look, .measure = vlm_measure};

static const void *get_ext(const char *id)
{
    return strcmp(id, VIV_ARCHITECTURE_PICTURES) == 0 ? &pictures : NULL;
}

static const viv_architecture_class vlm = {
    .struct_size = sizeof(viv_architecture_class),
    .name = "vlm",
    .summary = "Models that see: pictures and words in, words or vectors out.",
    .open = open,
    .run = run,
    .close = close,
    .get_ext = get_ext,
};

static const void *const *get_classes(const char *id)
{
    static const void *const architectures[] = {&vlm, NULL};
    return strcmp(id, VIV_CLASS_ARCHITECTURE) == 0 ? architectures : NULL;
}

VIV_PLUGIN_BY("vlm", "0.1.0", "Vivarium", .get_classes = get_classes)
