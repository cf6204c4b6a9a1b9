/* place.c - pictures and videos among the tokens of a prompt. The chat template, or the prompt itself, has one
 * token for each; it becomes as many as the picture has rows, and these take their place in the sequence. */
#include "vlm.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint32_t vlm_count_parts(const viv_request *request, uint32_t kind)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++)
            n += request->messages[i]->parts[k]->kind == kind;
    return n;
}

void vlm_forget(struct vlm *v)
{
    vlm_kept_trim(v);
    free(v->seen);
    free(v->ids);
    free(v->placements);
    free(v->placement_list);
    free(v->vectors);
    free(v->positions);
    v->seen = NULL;
    v->n_seen = 0;
    v->ids = NULL;
    v->placements = NULL;
    v->placement_list = NULL;
    v->vectors = NULL;
    v->positions = NULL;
}

/* --- the prompt ---------------------------------------------------------------------------------------------- */

/* The request as the host encodes it: with texts in place of pictures and videos, if the spec says what stands for
 * one. Where it does not, the prompt's own tokens do; and in bare text no template says where a picture stands. */
struct asked {
    viv_request request;
    viv_message *messages;
    const viv_message **list;
    const viv_part **parts;
    const char *places[2]; /* the text that stands for a picture, and for a video; or NULL */
    viv_part place[2];     /* each as a text of its own */
    viv_part end;          /* of bare text that has pictures, in some models */
    const char **texts[2]; /* [n] each */
    uint64_t n[2];
};

static void release_asked(struct asked *a)
{
    for (int kind = 0; kind < 2; kind++) {
        for (uint64_t i = 0; i < a->n[kind]; i++)
            free((char *)a->texts[kind][i]);
        free(a->texts[kind]);
    }
    free(a->messages);
    free(a->list);
    free(a->parts);
}

static bool contains(const viv_part *p, const char *text)
{
    const uint64_t n = strlen(text);
    for (uint64_t i = 0; i + n <= p->size; i++)
        if (memcmp((const char *)p->data + i, text, (size_t)n) == 0)
            return true;
    return false;
}

/* Whether pictures of bare text get a text of their own where they stand: the text does not say where, and it is no
 * list of tokens, which does. */
static bool needs_places(const viv_request *request, const char *const places[2])
{
    bool has_text = false;
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++) {
            const viv_part *p = request->messages[i]->parts[k];
            const bool text = p->kind == VIV_PART_TEXT;
            if (text && ((places[0] && contains(p, places[0])) || (places[1] && contains(p, places[1]))))
                return false;
            has_text = has_text || text;
        }
    return has_text;
}

static bool is_bare_text(const viv_message *m)
{
    bool has_text = false;
    for (uint32_t k = 0; k < m->n_parts; k++) {
        if (m->role || m->parts[k]->kind == VIV_PART_ANSWER)
            return false;
        has_text = has_text || m->parts[k]->kind == VIV_PART_TEXT;
    }
    return has_text;
}

/* The texts of all that was seen, by kind. */
static viv_status make_texts(const struct vlm *v, struct asked *out)
{
    bool failed = false;
    for (int kind = 0; kind < 2; kind++) {
        out->texts[kind] = calloc(v->n_seen + (size_t)1, sizeof *out->texts[kind]);
        failed = failed || !out->texts[kind];
    }
    for (uint32_t i = 0; !failed && i < v->n_seen; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are n_seen of them */
        const int kind = v->seen[i]->is_video;
        if (out->places[kind])
            failed = !(out->texts[kind][out->n[kind]++] = vlm_text_of(v, v->seen[i]));
    }
    return failed ? viv_fail(v->host, VIV_ENOMEM, "out of memory") : VIV_OK;
}

static viv_part text_part(const char *text)
{
    return (viv_part){
        .struct_size = sizeof(viv_part), .kind = VIV_PART_TEXT, .data = text, .size = text ? strlen(text) : 0};
}

/* The parts of a message, with texts in place of pictures where they stand in bare text. */
static void add_message(struct asked *out, const viv_message *m, bool placed, viv_message *message,
                        const viv_part **parts)
{
    *message = (viv_message){.struct_size = sizeof *message, .role = m->role, .parts = parts};
    for (uint32_t k = 0; k < m->n_parts; k++) {
        const uint32_t kind = m->parts[k]->kind;
        const bool shown = (kind == VIV_PART_IMAGE || kind == VIV_PART_VIDEO) && !m->role;
        const viv_part *place = &out->place[kind == VIV_PART_VIDEO];
        if (shown && !(placed && place->data))
            continue;
        parts[message->n_parts++] = shown ? place : m->parts[k];
    }
    if (out->end.size && is_bare_text(m))
        parts[message->n_parts++] = &out->end;
}

static viv_status make_asked(const struct vlm *v, const viv_request *request, struct asked *out)
{
    uint64_t n = 0;
    memcpy(&out->request, request, sizeof out->request);
    out->request.struct_size = sizeof out->request;
    out->places[0] = v->params->get_word(v->model, "image_place", NULL);
    out->places[1] = v->params->get_word(v->model, "video_place", NULL);
    const bool placed = needs_places(request, out->places);
    for (uint32_t i = 0; i < request->n_messages; i++)
        n += request->messages[i]->n_parts;
    out->messages = calloc(request->n_messages, sizeof *out->messages);
    out->list = calloc(request->n_messages, sizeof *out->list);
    out->parts = calloc((size_t)n + request->n_messages + 1, sizeof *out->parts);
    const viv_status status = make_texts(v, out);
    if (status != VIV_OK)
        return status;
    if (!out->messages || !out->list || !out->parts)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (int kind = 0; kind < 2; kind++)
        out->place[kind] = text_part(out->places[kind]);
    out->end = text_part(v->params->get_word(v->model, "prompt_end", ""));
    const viv_part **at = out->parts;
    for (uint32_t i = 0; i < request->n_messages; i++) {
        add_message(out, request->messages[i], placed, &out->messages[i], at);
        at += out->messages[i].n_parts;
        out->list[i] = &out->messages[i];
    }
    out->request.messages = out->list;
    out->request.image_place = out->places[0];
    out->request.image_texts = out->texts[0];
    out->request.n_images = out->n[0];
    out->request.video_place = out->places[1];
    out->request.video_texts = out->texts[1];
    out->request.n_videos = out->n[1];
    return VIV_OK;
}

static viv_status encode(struct vlm *v, const viv_request *request, int32_t **ids, uint64_t *n, uint64_t *n_answer)
{
    struct asked asked = {0};
    viv_status status = make_asked(v, request, &asked);
    *ids = NULL;
    *n = 0;
    for (uint64_t capacity = 1 << 16; status == VIV_OK; capacity = *n) {
        free(*ids);
        *ids = malloc((size_t)(capacity + 1) * sizeof **ids);
        status = *ids ? v->text->encode_request(v->model, &asked.request, *ids, capacity, n, n_answer)
                      : viv_fail(v->host, VIV_ENOMEM, "out of memory");
        if (*n <= capacity)
            break;
    }
    release_asked(&asked);
    return status;
}

/* The tokens that stand for rows of pictures, and of videos; -1: there are none. In some models they are the same.
 */
struct places {
    int32_t token[2];
    uint64_t places[2], rows[2]; /* in the prompt; of what was seen */
    uint32_t n[2];
};

/* Which of both a token is of; -1: neither. */
static int kind_of(const struct places *p, int32_t id)
{
    return id < 0 ? -1 : id == p->token[0] ? 0 : id == p->token[1] ? 1 : -1;
}

static int kind_of_seen(const struct places *p, const struct seen *s)
{
    return kind_of(p, p->token[s->is_video]);
}

static struct places count_places(const struct vlm *v, const int32_t *ids, uint64_t n)
{
    struct places p = {.token = {(int32_t)v->params->get_int(v->model, "image_token", -1),
                                 (int32_t)v->params->get_int(v->model, "video_token", -1)}};
    for (uint64_t i = 0; i < n; i++)
        if (kind_of(&p, ids[i]) >= 0)
            p.places[kind_of(&p, ids[i])]++;
    for (uint32_t i = 0; i < v->n_seen; i++) {
        const int kind = kind_of_seen(&p, v->seen[i]);
        p.rows[kind] += v->seen[i]->n_rows;
        p.n[kind]++;
    }
    return p;
}

/* The next that was seen of a kind, from *at on; NULL: none. */
static const struct seen *next_seen(const struct vlm *v, const struct places *p, int kind, uint32_t *at)
{
    while (*at < v->n_seen && kind_of_seen(p, v->seen[*at]) != kind)
        (*at)++;
    return *at < v->n_seen ? v->seen[(*at)++] : NULL;
}

/* --- rows among tokens --------------------------------------------------------------------------------------- */

/* Where pictures stand that bare text has no places for, unless they come first of all: behind the token that
 * begins every text. */
static uint64_t beginning(const struct vlm *v, const int32_t *ids, uint64_t n)
{
    int32_t first = -1;
    uint64_t n_first = 0;
    const viv_status status = v->text->encode(v->model, "", 0, VIV_ENCODE_SPECIAL, &first, 1, &n_first);
    return status == VIV_OK && n_first && n && ids[0] == first;
}

enum { MAX_BREAK = 16 };

/* The tokens between lines of a picture. */
struct between {
    int32_t ids[MAX_BREAK];
    uint64_t n;
};

static viv_status read_between(const struct vlm *v, struct between *out)
{
    const char *text = v->params->get_word(v->model, "image_break", "");
    out->n = 0;
    const viv_status status = *text ? v->text->encode(v->model, text, strlen(text), VIV_ENCODE_PARSE_SPECIAL,
                                                      out->ids, MAX_BREAK, &out->n)
                                    : VIV_OK;
    if (status == VIV_OK && out->n > MAX_BREAK)
        return viv_fail(v->host, VIV_ELIMIT, "image_break '%s' is %" PRIu64 " tokens, expected at most %d", text,
                        out->n, MAX_BREAK);
    return status;
}

/* The tokens of a picture; returns how many. */
static uint64_t put_tokens(const struct seen *s, int32_t token, const struct between *between, int32_t *out)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < s->n_parts; i++)
        for (uint64_t r = 0; r < s->parts[i].n_rows; r++) {
            for (uint64_t k = 0; vlm_begins_line(&s->parts[i], r) && k < between->n; k++)
                out[at++] = between->ids[k];
            out[at++] = token;
        }
    return at;
}

/* v->ids: the prompt with as many tokens for each picture as it has rows. */
static viv_status expand(struct vlm *v, const int32_t *ids, uint64_t n, const struct places *p, uint64_t *n_out)
{
    const bool placed = p->places[0] + p->places[1] > 0;
    const uint64_t begin = placed                                           ? n
                           : v->params->get_int(v->model, "image_first", 0) ? 0
                                                                            : beginning(v, ids, n),
                   rows = p->rows[0] + p->rows[1];
    struct between between;
    uint64_t at = 0;
    uint32_t next[2] = {0};
    const viv_status status = read_between(v, &between);
    if (status != VIV_OK)
        return status;
    v->ids = malloc((size_t)(n + rows * (1 + between.n) + 1) * sizeof *v->ids);
    if (!v->ids)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint64_t i = 0; i <= n; i++) {
        for (uint32_t k = 0; i == begin && !placed && k < v->n_seen; k++)
            at += put_tokens(v->seen[k], p->token[v->seen[k]->is_video], &between, v->ids + at);
        if (i == n)
            break;
        const int kind = kind_of(p, ids[i]);
        if (kind >= 0 && p->places[kind] != p->rows[kind])
            at += put_tokens(next_seen(v, p, kind, &next[kind]), ids[i], &between, v->ids + at);
        else
            v->ids[at++] = ids[i];
    }
    *n_out = at;
    return VIV_OK;
}

/* The prompt as one placement: all of its rows see each other both ways, and are others if any of it is. */
static viv_status place_prompt(struct vlm *v, uint64_t n, const struct places *p)
{
    const float **vectors = v->vectors;
    uint64_t vector = p->rows[0] + p->rows[1];
    uint8_t *identities = malloc(16 * (v->n_seen + (size_t)1));
    if (!identities)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < v->n_seen; i++)
        memcpy(identities + (size_t)16 * i, v->seen[i]->identity, 16);
    for (uint64_t i = n; i-- > 0;) /* from the last on, since pictures stand at the beginning of the list */
        vectors[i] = kind_of(p, v->ids[i]) >= 0 ? vectors[--vector] : NULL;
    v->placements[0] = (viv_placement){
        .struct_size = sizeof *v->placements, .flags = VIV_PLACEMENT_BOTH_WAYS, .n_rows = n, .vectors = vectors};
    vlm_identity(v, (const void *const[]){v->ids, identities},
                 (const uint64_t[]){n * sizeof *v->ids, 16 * (uint64_t)v->n_seen}, 2, v->placements[0].identity);
    free(identities);
    return VIV_OK;
}

/* What the rows of one kind are taken of. */
struct taking {
    const struct seen *seen;
    uint32_t next, part; /* next: to be looked for */
    uint64_t row, row_of_part;
    uint32_t first_part; /* of the run of tokens */
};

/* The position of a row, counted from that of its run: time, line and column. A text goes on behind the longest
 * side (Wang et al. 2024, Qwen2-VL). */
static void put_position(const struct taking *t, int32_t *at)
{
    const viv_grid *g = &t->seen->parts[t->part].grid;
    at[VIV_AXIS_TIME] = (int32_t)fmin((t->part - t->first_part) * t->seen->interval, INT32_MAX / 2);
    at[VIV_AXIS_LINE] = (int32_t)(t->row_of_part / g->width % g->height);
    at[VIV_AXIS_COLUMN] = (int32_t)(t->row_of_part % g->width);
}

static viv_status check_grid(const struct vlm *v, const struct seen *s)
{
    const viv_grid *g = &s->parts[0].grid;
    if ((s->n_parts == 1 || s->is_video) && !g->before && !g->after && g->block == 1)
        return VIV_OK;
    return viv_fail(v->host, VIV_ESHAPE,
                    "the %" PRIu64 " rows of a picture are no grid, which image_positions needs", s->n_rows);
}

/* A run of tokens begins with a row of t. */
static viv_status begin_run(struct vlm *v, struct taking *t, uint64_t at, uint64_t vector, bool by_grid,
                            uint32_t both_ways, viv_placement *p)
{
    const struct seen *s = t->seen;
    if (by_grid && t->row_of_part > 0)
        return viv_fail(v->host, VIV_EINVAL,
                        "other tokens are between the %" PRIu64
                        " of a picture, whose places in it are positions of the text",
                        s->n_rows);
    viv_status status = by_grid ? check_grid(v, s) : VIV_OK;
    *p = (viv_placement){.struct_size = sizeof *p, .flags = both_ways, .first = at, .vectors = v->vectors + vector};
    memcpy(p->identity, s->identity, sizeof p->identity);
    for (size_t b = 0; b < sizeof t->row; b++) /* parts of one picture differ, too */
        p->identity[b] ^= (uint8_t)(t->row >> 8 * b);
    t->first_part = t->part;
    if (by_grid) {
        const viv_grid *g = &s->parts[t->part].grid;
        p->positions = v->positions + vector * VIV_N_AXES;
        p->advance = g->height > g->width ? g->height : g->width;
    }
    return status;
}

/* Takes a row; behind the last, the next picture is looked for. */
static void take_row(struct taking *t)
{
    t->row++;
    if (++t->row_of_part == t->seen->parts[t->part].n_rows) {
        t->row_of_part = 0;
        t->part++;
    }
    if (t->row == t->seen->n_rows)
        *t = (struct taking){.next = t->next};
}

/* A run of tokens that stand for one picture becomes a placement. */
static viv_status place_rows(struct vlm *v, uint64_t n, uint64_t n_answer, const struct places *p,
                             uint32_t *n_placements)
{
    const char *sees = v->params->get_word(v->model, "image_sees", "");
    const uint32_t both_ways = strcmp(sees, "both ways") == 0 ? VIV_PLACEMENT_BOTH_WAYS : 0;
    const bool by_grid = strcmp(v->params->get_word(v->model, "image_positions", ""), "grid") == 0;
    const uint64_t rows = p->rows[0] + p->rows[1];
    struct taking taking[2] = {0};
    uint64_t vector = 0;
    v->vectors = malloc((size_t)(n + rows + 1) * sizeof *v->vectors);
    v->placements = calloc((size_t)(rows + 1), sizeof *v->placements);
    v->placement_list = calloc((size_t)(rows + 1), sizeof *v->placement_list);
    v->positions = malloc((size_t)(rows + 1) * VIV_N_AXES * sizeof *v->positions);
    if (!v->vectors || !v->placements || !v->placement_list || !v->positions)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    *n_placements = 0;
    for (uint64_t i = 0; i < n; i++) {
        const int kind = kind_of(p, v->ids[i]);
        if (kind < 0)
            continue;
        struct taking *t = &taking[kind];
        const bool first = !t->seen;
        if (first)
            t->seen = next_seen(v, p, kind, &t->next);
        if (first || i == 0 || v->ids[i - 1] != v->ids[i]) {
            viv_placement *run = &v->placements[*n_placements];
            const viv_status status = begin_run(v, t, i, vector, by_grid, both_ways, run);
            if (status != VIV_OK)
                return status;
            v->placement_list[(*n_placements)++] = run;
        }
        v->placements[*n_placements - 1].n_rows++;
        if (by_grid)
            put_position(t, v->positions + vector * VIV_N_AXES);
        v->vectors[vector++] = t->seen->rows + t->row * v->dim;
        take_row(t);
    }
    if (strcmp(sees, "prompt") != 0 || *n_placements == 0)
        return VIV_OK;
    *n_placements = 1;
    return place_prompt(v, n - n_answer, p);
}

/* All pictures and videos, one by one; no more of them than the context has room for. */
static viv_status see_all(struct vlm *v, const viv_request *request, const viv_sink *sink)
{
    struct vlm_among among = {.room = v->sequences->context_length(v->model)};
    viv_status status = VIV_OK;
    among.n_pictures = vlm_count_parts(request, VIV_PART_IMAGE);
    among.n = among.n_pictures + vlm_count_parts(request, VIV_PART_VIDEO);
    v->seen = calloc(among.n, sizeof *v->seen);
    if (!v->seen)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; status == VIV_OK && k < request->messages[i]->n_parts; k++) {
            const viv_part *p = request->messages[i]->parts[k];
            struct seen **seen = &v->seen[v->n_seen];
            if (p->kind == VIV_PART_IMAGE)
                status = vlm_see(v, p, &among, sink, request->cancel, seen);
            else if (p->kind == VIV_PART_VIDEO)
                status = vlm_watch(v, p, &among, sink, request->cancel, seen);
            else
                continue;
            if (status != VIV_OK)
                return status;
            among.rows += v->seen[v->n_seen]->n_rows;
            among.index = ++v->n_seen;
        }
    return status;
}

/* Each picture has a place in the prompt, or as many as it has rows; of bare text, all have none. */
static viv_status check_places(const struct vlm *v, const viv_request *request, const struct places *p)
{
    static const char *const names[] = {"pictures", "videos"};
    const bool none = p->places[0] + p->places[1] == 0 && !request->messages[0]->role;
    for (int kind = 0; kind < 2; kind++)
        if (!none && p->places[kind] != p->n[kind] && p->places[kind] != p->rows[kind])
            return viv_fail(v->host, VIV_EINVAL,
                            "the prompt has %" PRIu64 " places for %s (token %" PRId32 "), and %" PRIu32
                            " %s are given, which have %" PRIu64 " rows",
                            p->places[kind], names[kind], p->token[kind], p->n[kind], names[kind], p->rows[kind]);
    return VIV_OK;
}

viv_status vlm_place(void *instance, const viv_request *request, viv_sequence *sequence, const viv_sink *sink,
                     const int32_t **ids, uint64_t *n, uint64_t *n_answer)
{
    struct vlm *v = instance;
    const int64_t token = v->params->get_int(v->model, "image_token", -1);
    struct places places = {0};
    int32_t *given = NULL;
    uint64_t n_given = 0;
    uint32_t n_placements = 0;
    vlm_forget(v);
    viv_status status = vlm_ready(v);
    if (status == VIV_OK && (!v->language || token < 0))
        status = viv_fail(v->host, VIV_EUNSUPPORTED, "%s",
                          v->language ? "the vocabulary has no token that stands for a picture (param image_token)"
                                      : "this model sees pictures and writes no texts: see viv embed --image");
    if (status == VIV_OK)
        status = see_all(v, request, sink);
    if (status == VIV_OK)
        status = encode(v, request, &given, &n_given, n_answer);
    if (status == VIV_OK) {
        places = count_places(v, given, n_given);
        status = check_places(v, request, &places);
    }
    if (status == VIV_OK)
        status = expand(v, given, n_given, &places, n);
    if (status == VIV_OK)
        status = place_rows(v, *n, *n_answer, &places, &n_placements);
    if (status == VIV_OK)
        status = v->sequences->place(sequence, v->placement_list, n_placements);
    free(given);
    *ids = v->ids;
    return status;
}
