/* place.c - pictures among the tokens of a prompt. The chat template, or the prompt itself, has one token for each
 * picture; it becomes as many as the picture has rows, and these take their place in the sequence. */
#include "vlm.h"

#include <inttypes.h>
#include <stddef.h>
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

/* The request as the host encodes it: with texts in place of pictures, if the spec says what stands for one. Where
 * it does not, the prompt's own tokens do; and in bare text no template says where a picture stands. */
struct asked {
    viv_request request;
    viv_message *messages;
    const viv_message **list;
    const viv_part **parts;
    viv_part place;      /* a text of its own: what stands for a picture */
    viv_part end;        /* of bare text that has pictures, in some models */
    const char **images; /* [n_seen] */
};

static void release_asked(struct asked *a, uint32_t n)
{
    for (uint32_t i = 0; a->images && i < n; i++)
        free((char *)a->images[i]);
    free(a->images);
    free(a->messages);
    free(a->list);
    free(a->parts);
}

/* What stands for pictures in a text, from the spec: around a picture, before each of its parts, for each row,
 * between the lines of a part, and at the end of a line of tiles. */
struct words {
    const char *before, *after, *alone, *whole, *tile, *row, *between, *line;
};

/* Whether row r of a part is the first of a line behind another. */
static bool begins_line(const struct vlm_part *part, uint64_t r)
{
    const viv_grid *g = &part->grid;
    return r > 0 && g->before + g->after == 0 && g->block == 1 && r % g->width == 0;
}

/* Writes one behind the other, or only counts their bytes. */
struct writing {
    char *out;
    uint64_t size;
};

static void put(struct writing *w, const char *text, uint64_t n)
{
    if (w->out)
        memcpy(w->out + w->size, text, (size_t)n);
    w->size += n;
}

/* "{row}" and "{col}" become numbers from 1. */
static void put_numbered(struct writing *w, const char *text, const struct vlm_part *part)
{
    while (*text) {
        const bool row = strncmp(text, "{row}", 5) == 0, col = strncmp(text, "{col}", 5) == 0;
        char number[16];
        snprintf(number, sizeof number, "%" PRIu32, (row ? part->row : part->col) + 1);
        put(w, row || col ? number : text, row || col ? strlen(number) : 1);
        text += row || col ? 5 : 1;
    }
}

static void put_picture(struct writing *w, const struct words *words, const struct seen *seen)
{
    const char *const before[] = {[VLM_PART_ALONE] = words->alone,
                                  [VLM_PART_WHOLE] = words->whole,
                                  [VLM_PART_TILE] = words->tile,
                                  [VLM_PART_TILES] = ""};
    put(w, words->before, strlen(words->before));
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there are n_seen of them */
    for (uint32_t i = 0; i < seen->n_parts; i++) {
        const struct vlm_part *part = &seen->parts[i];
        put_numbered(w, before[part->kind], part);
        for (uint64_t r = 0; r < part->n_rows; r++) {
            if (begins_line(part, r))
                put(w, words->between, strlen(words->between));
            put(w, words->row, strlen(words->row));
        }
        if (part->kind == VLM_PART_TILE && part->ends_line)
            put(w, words->line, strlen(words->line));
    }
    put(w, words->after, strlen(words->after));
}

static char *image_text(const struct vlm *v, const struct seen *seen)
{
    const viv_params *p = v->params;
    const struct words words = {.before = p->get_word(v->model, "image_before", ""),
                                .after = p->get_word(v->model, "image_after", ""),
                                .alone = p->get_word(v->model, "image_alone", ""),
                                .whole = p->get_word(v->model, "image_whole", ""),
                                .tile = p->get_word(v->model, "image_tile", ""),
                                .row = p->get_word(v->model, "image_row", ""),
                                .between = p->get_word(v->model, "image_break", ""),
                                .line = p->get_word(v->model, "image_line", "")};
    struct writing w = {0};
    put_picture(&w, &words, seen);
    w.out = w.size < SIZE_MAX ? malloc((size_t)w.size + 1) : NULL;
    w.size = 0;
    if (w.out) {
        put_picture(&w, &words, seen);
        w.out[w.size] = 0;
    }
    return w.out;
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
static bool needs_places(const viv_request *request, const char *place)
{
    bool has_text = false;
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; k < request->messages[i]->n_parts; k++) {
            const viv_part *p = request->messages[i]->parts[k];
            if (p->kind == VIV_PART_TEXT && contains(p, place))
                return false;
            has_text = has_text || p->kind == VIV_PART_TEXT;
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

static viv_status make_asked(const struct vlm *v, const viv_request *request, struct asked *out)
{
    const char *place = v->params->get_word(v->model, "image_place", NULL);
    const char *end = v->params->get_word(v->model, "prompt_end", "");
    const bool placed = place && needs_places(request, place);
    uint64_t n = 0, at = 0;
    memcpy(&out->request, request, offsetof(viv_request, image_place));
    out->request.struct_size = sizeof out->request;
    for (uint32_t i = 0; i < request->n_messages; i++)
        n += request->messages[i]->n_parts;
    out->messages = calloc(request->n_messages, sizeof *out->messages);
    out->list = calloc(request->n_messages, sizeof *out->list);
    out->parts = calloc((size_t)n + request->n_messages + 1, sizeof *out->parts);
    out->images = calloc(v->n_seen, sizeof *out->images);
    bool failed = !out->messages || !out->list || !out->parts || !out->images;
    for (uint32_t i = 0; place && !failed && i < v->n_seen; i++)
        failed = !(out->images[i] = image_text(v, v->seen[i]));
    if (failed)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    out->place = (viv_part){
        .struct_size = sizeof out->place, .kind = VIV_PART_TEXT, .data = place, .size = place ? strlen(place) : 0};
    out->end = (viv_part){.struct_size = sizeof out->end, .kind = VIV_PART_TEXT, .data = end, .size = strlen(end)};
    for (uint32_t i = 0; i < request->n_messages; i++) {
        const viv_message *m = request->messages[i];
        out->messages[i] =
            (viv_message){.struct_size = sizeof *out->messages, .role = m->role, .parts = out->parts + at};
        for (uint32_t k = 0; k < m->n_parts; k++) {
            const bool picture = m->parts[k]->kind == VIV_PART_IMAGE && !m->role;
            if (picture && !placed)
                continue;
            out->parts[at++] = picture ? &out->place : m->parts[k];
            out->messages[i].n_parts++;
        }
        if (*end && is_bare_text(m)) {
            out->parts[at++] = &out->end;
            out->messages[i].n_parts++;
        }
        out->list[i] = &out->messages[i];
    }
    out->request.messages = out->list;
    out->request.image_place = place;
    out->request.image_texts = out->images;
    out->request.n_images = v->n_seen;
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
    release_asked(&asked, v->n_seen);
    return status;
}

static uint64_t count_places(const int32_t *ids, uint64_t n, int32_t token)
{
    uint64_t places = 0;
    for (uint64_t i = 0; i < n; i++)
        places += ids[i] == token;
    return places;
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
            for (uint64_t k = 0; begins_line(&s->parts[i], r) && k < between->n; k++)
                out[at++] = between->ids[k];
            out[at++] = token;
        }
    return at;
}

/* v->ids: the prompt with as many tokens for each picture as it has rows. */
static viv_status expand(struct vlm *v, const int32_t *ids, uint64_t n, int32_t token, uint64_t places,
                         uint64_t rows, uint64_t *n_out)
{
    const uint64_t begin = places ? n : v->params->get_int(v->model, "image_first", 0) ? 0 : beginning(v, ids, n);
    struct between between;
    uint64_t at = 0;
    uint32_t next = 0;
    const viv_status status = read_between(v, &between);
    if (status != VIV_OK)
        return status;
    v->ids = malloc((size_t)(n + rows * (1 + between.n) + 1) * sizeof *v->ids);
    if (!v->ids)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint64_t i = 0; i <= n; i++) {
        for (; !places && i == begin && next < v->n_seen; next++)
            at += put_tokens(v->seen[next], token, &between, v->ids + at);
        if (i == n)
            break;
        if (ids[i] == token && places != rows)
            at += put_tokens(v->seen[next++], token, &between, v->ids + at);
        else
            v->ids[at++] = ids[i];
    }
    *n_out = at;
    return VIV_OK;
}

/* The prompt as one placement: all of its rows see each other both ways, and are others if any of it is. */
static void place_prompt(struct vlm *v, uint64_t n)
{
    uint64_t vector = 0, hash[2] = {0, n};
    const float **vectors = v->vectors;
    for (uint32_t i = 0; i < v->n_seen; i++)
        for (int k = 0; k < 2; k++) {
            uint64_t part;
            memcpy(&part, v->seen[i]->identity + 8 * k, sizeof part);
            hash[k] = (hash[k] ^ part) * 0xD6E8FEB86659FD93u;
        }
    const int32_t token = (int32_t)v->params->get_int(v->model, "image_token", -1);
    for (uint32_t i = 0; i < v->n_seen; i++)
        vector += v->seen[i]->n_rows;
    for (uint64_t i = n; i-- > 0;) { /* from the last on, since pictures stand at the beginning of the list */
        vectors[i] = v->ids[i] == token ? vectors[--vector] : NULL;
        hash[i % 2] = (hash[i % 2] ^ (uint64_t)(uint32_t)v->ids[i]) * 0xD6E8FEB86659FD93u;
        hash[i % 2] ^= hash[i % 2] >> 29;
    }
    v->placements[0] = (viv_placement){
        .struct_size = sizeof *v->placements, .flags = VIV_PLACEMENT_BOTH_WAYS, .n_rows = n, .vectors = vectors};
    memcpy(v->placements[0].identity, hash, sizeof v->placements[0].identity);
}

/* Positions of the rows of all pictures: time, line and column, counted from the picture's first. A text goes on
 * behind its longest side (Wang et al. 2024, Qwen2-VL). */
static viv_status make_positions(struct vlm *v, uint64_t rows)
{
    v->positions = malloc((size_t)(rows + 1) * VIV_N_AXES * sizeof *v->positions);
    if (!v->positions)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    int32_t *at = v->positions;
    for (uint32_t i = 0; i < v->n_seen; i++) {
        const struct seen *s = v->seen[i];
        const viv_grid *g = &s->parts[0].grid;
        if (s->n_parts != 1 || g->before || g->after || g->block != 1)
            return viv_fail(v->host, VIV_ESHAPE,
                            "the %" PRIu64 " rows of picture %" PRIu32 " are no grid, which image_positions needs",
                            s->n_rows, i + 1);
        for (uint64_t r = 0; r < s->n_rows; r++, at += VIV_N_AXES) {
            at[VIV_AXIS_TIME] = (int32_t)(r / (g->height * g->width));
            at[VIV_AXIS_LINE] = (int32_t)(r / g->width % g->height);
            at[VIV_AXIS_COLUMN] = (int32_t)(r % g->width);
        }
    }
    return VIV_OK;
}

/* A run of tokens that stand for one picture becomes a placement. */
static viv_status place_rows(struct vlm *v, uint64_t n, uint64_t n_answer, int32_t token, uint64_t rows,
                             uint32_t *n_placements)
{
    const char *sees = v->params->get_word(v->model, "image_sees", "");
    const uint32_t both_ways = strcmp(sees, "both ways") == 0 ? VIV_PLACEMENT_BOTH_WAYS : 0;
    uint64_t vector = 0, row = 0;
    uint32_t picture = 0;
    v->vectors = malloc((size_t)(n + rows + 1) * sizeof *v->vectors);
    v->placements = calloc((size_t)(rows + 1), sizeof *v->placements);
    v->placement_list = calloc((size_t)(rows + 1), sizeof *v->placement_list);
    if (!v->vectors || !v->placements || !v->placement_list)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    *n_placements = 0;
    const bool by_grid = strcmp(v->params->get_word(v->model, "image_positions", ""), "grid") == 0;
    const viv_status status = by_grid ? make_positions(v, rows) : VIV_OK;
    if (status != VIV_OK)
        return status;
    for (uint64_t i = 0; i < n; i++) {
        if (v->ids[i] != token)
            continue;
        const struct seen *s = v->seen[picture];
        if (row == 0 || i == 0 || v->ids[i - 1] != token) {
            if (by_grid && row > 0)
                return viv_fail(v->host, VIV_EINVAL,
                                "other tokens are between the %" PRIu64 " of picture %" PRIu32
                                ", whose places in it are positions of the text",
                                s->n_rows, picture + 1);
            viv_placement *p = &v->placements[*n_placements];
            *p = (viv_placement){
                .struct_size = sizeof *p, .flags = both_ways, .first = i, .vectors = v->vectors + vector};
            memcpy(p->identity, s->identity, sizeof p->identity);
            for (size_t b = 0; b < sizeof row; b++) /* parts of one picture differ, too */
                p->identity[b] ^= (uint8_t)(row >> 8 * b);
            if (by_grid) {
                const viv_grid *g = &s->parts[0].grid;
                p->positions = v->positions + vector * VIV_N_AXES;
                p->advance = g->height > g->width ? g->height : g->width;
            }
            v->placement_list[(*n_placements)++] = p;
        }
        v->placements[*n_placements - 1].n_rows++;
        v->vectors[vector++] = s->rows + row * v->dim;
        if (++row == s->n_rows) {
            row = 0;
            picture++;
        }
    }
    if (strcmp(sees, "prompt") == 0 && *n_placements) {
        place_prompt(v, n - n_answer);
        *n_placements = 1;
    }
    return VIV_OK;
}

/* All pictures, one by one; no more of them than the context has room for. */
static viv_status see_all(struct vlm *v, const viv_request *request, uint32_t n, const viv_sink *sink)
{
    const uint64_t most = v->sequences->context_length(v->model);
    uint64_t rows = 0;
    viv_status status = VIV_OK;
    v->seen = calloc(n, sizeof *v->seen);
    if (!v->seen)
        return viv_fail(v->host, VIV_ENOMEM, "out of memory");
    for (uint32_t i = 0; i < request->n_messages; i++)
        for (uint32_t k = 0; status == VIV_OK && k < request->messages[i]->n_parts; k++) {
            const viv_part *p = request->messages[i]->parts[k];
            if (p->kind != VIV_PART_IMAGE)
                continue;
            status = vlm_see(v, p, v->n_seen, n, sink, request->cancel, &v->seen[v->n_seen]);
            if (status != VIV_OK)
                return status;
            rows += v->seen[v->n_seen++]->n_rows;
            if (rows > most)
                status = viv_fail(v->host, VIV_ELIMIT,
                                  "the first %" PRIu32 " of %" PRIu32 " pictures stand for %" PRIu64
                                  " tokens, and the context has room for %" PRIu64 " (--context N)",
                                  v->n_seen, n, rows, most);
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
        status = viv_fail(v->host, VIV_EUNSUPPORTED, "%s",
                          v->language ? "the vocabulary has no token that stands for a picture (param image_token)"
                                      : "this model sees pictures and writes no texts: see viv embed --image");
    if (status == VIV_OK)
        status = see_all(v, request, n_pictures, sink);
    if (status == VIV_OK)
        status = encode(v, request, &given, &n_given, n_answer);
    const uint64_t places = status == VIV_OK ? count_places(given, n_given, (int32_t)token) : 0;
    uint64_t rows = 0;
    uint32_t n_placements = 0;
    for (uint32_t i = 0; i < v->n_seen; i++)
        rows += v->seen[i]->n_rows; /* NOLINT(clang-analyzer-core.NullDereference): there are n_seen of them */
    if (status == VIV_OK && places != n_pictures && places != rows && (places > 0 || request->messages[0]->role))
        status = viv_fail(v->host, VIV_EINVAL,
                          "the prompt has %" PRIu64 " places for pictures (token %" PRId64 "), and %" PRIu32
                          " pictures are given, which have %" PRIu64 " rows",
                          places, token, n_pictures, rows);
    if (status == VIV_OK)
        status = expand(v, given, n_given, (int32_t)token, places, rows, n);
    if (status == VIV_OK)
        status = place_rows(v, *n, *n_answer, (int32_t)token, rows, &n_placements);
    if (status == VIV_OK)
        status = v->sequences->place(sequence, v->placement_list, n_placements);
    free(given);
    *ids = v->ids;
    return status;
}
