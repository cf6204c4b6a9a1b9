/* place.c - pictures among the tokens of a prompt. The chat template, or the prompt itself, has one token for each
 * picture; it becomes as many as the picture has rows, and these take their place in the sequence. */
#include "vlm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

uint32_t vlm_count_pictures(const viv_request *request)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++)
            n += request->messages[i]->parts[k]->kind == VIV_PART_IMAGE;
    return n;
}

void vlm_forget(struct vlm *v)
{
    for (uint32_t i = 0; i < v->n_seen; i++)
        free(v->seen[i].rows);
    free(v->seen);
    free(v->ids);
    free(v->placements);
    free(v->placement_list);
    free(v->vectors);
    v->seen = NULL;
    v->n_seen = 0;
    v->ids = NULL;
    v->placements = NULL;
    v->placement_list = NULL;
    v->vectors = NULL;
}

/* --- the prompt ------------------------------------------------------------------------------------------------
 */

/* The request as the host encodes it. Of bare text, the parts without pictures, since no template says where these
 * stand. */
struct bare {
    viv_request request;
    viv_message *messages;
    const viv_message **list;
    const viv_part **parts;
};

static viv_status without_pictures(const struct vlm *v, const viv_request *request, struct bare *out)
{
    uint64_t n = 0, at = 0;
    memcpy(&out->request, request, sizeof out->request);
    for (uint32_t i = 0; i < request->n_messages; i++)
        n += request->messages[i]->n_parts;
    out->messages = calloc(request->n_messages, sizeof *out->messages);
    out->list = calloc(request->n_messages, sizeof *out->list);
    out->parts = calloc((size_t)n + 1, sizeof *out->parts);
    if (!out->messages || !out->list || !out->parts)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < request->n_messages; i++) {
        const viv_message *m = request->messages[i];
        out->messages[i] =
            (viv_message){.struct_size = sizeof *out->messages, .role = m->role, .parts = out->parts + at};
        for (uint32_t k = 0; k < m->n_parts; k++)
            if (m->role || m->parts[k]->kind != VIV_PART_IMAGE) {
                out->parts[at++] = m->parts[k];
                out->messages[i].n_parts++;
            }
        out->list[i] = &out->messages[i];
    }
    out->request.messages = out->list;
    return VIV_OK;
}

static viv_status encode(struct vlm *v, const viv_request *request, int32_t **ids, uint64_t *n, uint64_t *n_answer)
{
    struct bare bare = {0};
    viv_status status = without_pictures(v, request, &bare);
    *ids = NULL;
    for (uint64_t capacity = 1 << 16; status == VIV_OK; capacity = *n) {
        free(*ids);
        *ids = malloc((size_t)(capacity + 1) * sizeof **ids);
        status = *ids ? v->text->encode_request(v->model, &bare.request, *ids, capacity, n, n_answer)
                      : viv_fail(v->host, VIV_ENOMEM, "out of memory");
        if (*n <= capacity)
            break;
    }
    free(bare.messages);
    free(bare.list);
    free(bare.parts);
    return status;
}

static uint64_t count_places(const int32_t *ids, uint64_t n, int32_t token)
{
    uint64_t places = 0;
    for (uint64_t i = 0; i < n; i++)
        places += ids[i] == token;
    return places;
}

/* --- rows among tokens ------------------------------------------------------------------------------------------
 */

/* Where pictures stand that bare text has no places for: behind the token that begins every text. */
static uint64_t beginning(const struct vlm *v, const int32_t *ids, uint64_t n)
{
    int32_t first = -1;
    uint64_t n_first = 0;
    const viv_status status = v->text->encode(v->model, "", 0, VIV_ENCODE_SPECIAL, &first, 1, &n_first);
    return status == VIV_OK && n_first && n && ids[0] == first;
}

/* v->ids: the prompt with as many tokens for each picture as it has rows. */
static viv_status expand(struct vlm *v, const int32_t *ids, uint64_t n, int32_t token, uint64_t places,
                         uint64_t rows, uint64_t *n_out)
{
    const uint64_t begin = places ? n : beginning(v, ids, n);
    uint64_t at = 0;
    uint32_t next = 0;
    v->ids = malloc((size_t)(n + rows + 1) * sizeof *v->ids);
    if (!v->ids)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint64_t i = 0; i < n; i++) {
        for (; i == begin && next < v->n_seen; next++)
            for (uint64_t r = 0; r < v->seen[next].n_rows; r++)
                v->ids[at++] = token;
        const bool grows = ids[i] == token && places != rows;
        for (uint64_t r = 0; r < (grows ? v->seen[next].n_rows : 1); r++)
            v->ids[at++] = ids[i];
        next += grows;
    }
    *n_out = at;
    return VIV_OK;
}

/* A run of tokens that stand for one picture becomes a placement. */
static viv_status place_rows(struct vlm *v, uint64_t n, int32_t token, uint64_t rows, uint32_t *n_placements)
{
    const char *sees = v->params->get_word(v->model, "image_sees", "");
    const uint32_t both_ways = strcmp(sees, "both ways") == 0 ? VIV_PLACEMENT_BOTH_WAYS : 0;
    uint64_t vector = 0, row = 0;
    uint32_t picture = 0;
    v->vectors = malloc((size_t)(rows + 1) * sizeof *v->vectors);
    v->placements = calloc((size_t)(rows + 1), sizeof *v->placements);
    v->placement_list = calloc((size_t)(rows + 1), sizeof *v->placement_list);
    if (!v->vectors || !v->placements || !v->placement_list)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    *n_placements = 0;
    for (uint64_t i = 0; i < n; i++) {
        if (v->ids[i] != token)
            continue;
        const struct seen *s = &v->seen[picture];
        if (row == 0 || i == 0 || v->ids[i - 1] != token) {
            viv_placement *p = &v->placements[*n_placements];
            *p = (viv_placement){
                .struct_size = sizeof *p, .flags = both_ways, .first = i, .vectors = v->vectors + vector};
            memcpy(p->identity, s->identity, sizeof p->identity);
            for (size_t b = 0; b < sizeof row; b++) /* parts of one picture differ, too */
                p->identity[b] ^= (uint8_t)(row >> 8 * b);
            v->placement_list[(*n_placements)++] = p;
        }
        v->placements[*n_placements - 1].n_rows++;
        v->vectors[vector++] = s->rows + row * v->dim;
        if (++row == s->n_rows) {
            row = 0;
            picture++;
        }
    }
    return VIV_OK;
}

static viv_status see_all(struct vlm *v, const viv_request *request, uint32_t n, const viv_sink *sink)
{
    viv_status status = VIV_OK;
    v->seen = calloc(n, sizeof *v->seen);
    if (!v->seen)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; status == VIV_OK && k < request->messages[i]->n_parts; k++) {
            const viv_part *p = request->messages[i]->parts[k];
            if (p->kind != VIV_PART_IMAGE)
                continue;
            if (sink)
                status = viv_emit_progress(sink, "pictures", v->n_seen, n);
            if (status == VIV_OK)
                status = vlm_see(v, p, n, &v->seen[v->n_seen++], request->cancel);
        }
    return status;
}

viv_status vlm_place(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                     const int32_t **ids, uint64_t *n, uint64_t *n_answer)
{
    struct vlm *v = instance;
    const uint32_t n_pictures = vlm_count_pictures(request);
    const int64_t token = v->params->get_int(v->model, "image_token", -1);
    int32_t *given = NULL;
    uint64_t n_given = 0;
    vlm_forget(v);
    viv_status status = vlm_ready(v);
    if (status == VIV_OK && (!v->language || token < 0))
        status = viv_fail(v->host, VIV_EUNSUPPORTED,
                          "this model sees pictures and writes no texts: see viv embed --image");
    if (status == VIV_OK)
        status = encode(v, request, &given, &n_given, n_answer);
    if (status == VIV_OK)
        status = see_all(v, request, n_pictures, sink);
    const uint64_t places = status == VIV_OK ? count_places(given, n_given, (int32_t)token) : 0;
    uint64_t rows = 0;
    uint32_t n_placements = 0;
    for (uint32_t i = 0; i < v->n_seen; i++)
        rows += v->seen[i].n_rows;
    if (status == VIV_OK && places != n_pictures && places != rows && (places > 0 || request->messages[0]->role))
        status = viv_fail(v->host, VIV_EINVAL,
                          "the prompt has %" PRIu64 " places for pictures (token %" PRId64 "), and %" PRIu32
                          " pictures are given, which have %" PRIu64 " rows",
                          places, token, n_pictures, rows);
    if (status == VIV_OK)
        status = expand(v, given, n_given, (int32_t)token, places, rows, n);
    if (status == VIV_OK)
        status = place_rows(v, *n, (int32_t)token, rows, &n_placements);
    if (status == VIV_OK)
        status = v->sequences->place(sequence, v->placement_list, n_placements);
    free(given);
    *ids = v->ids;
    return status;
}
