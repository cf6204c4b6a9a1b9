/* sequence.c - the KV cache of one sequence, in pages of PAGE_ROWS tokens (or rows of encoder output). A page holds
 * these rows of the caches of all layers. Pages are taken from the model's list of free pages as the sequence
 * grows. The recurrent state lies in two pages: a step reads one and writes the other. */
#include "run/sequence.h"

#include "base/buf.h"
#include "base/size.h"
#include "run/run.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Of the lists of free pages, held for a few instructions: sequences of a model may be made and ended while it
 * runs. */
static pthread_mutex_t pages_lock = PTHREAD_MUTEX_INITIALIZER;

/* The next of the free pages, or NULL. */
static void *page_from(struct pool *p)
{
    pthread_mutex_lock(&pages_lock);
    void *page = p->n_free ? p->free_pages[--p->n_free] : NULL;
    pthread_mutex_unlock(&pages_lock);
    return page;
}

/* A page more, or NULL. */
static void *page_new(struct pool *p)
{
    pthread_mutex_lock(&pages_lock);
    void *page = VEC_RESERVE(p->free_pages, p->n_pages, p->capacity) ? aligned_alloc(64, p->page_bytes) : NULL;
    p->n_pages += page != NULL;
    pthread_mutex_unlock(&pages_lock);
    return page;
}

static void *page_take(struct pool *p)
{
    void *page = page_from(p);
    if (!page)
        page = page_new(p);
    if (page)
        memset(
            page, 0,
            p->page_bytes); /* pages are written to session files: nothing of other sequences may be left in them */
    return page;
}

static void page_give(struct pool *p, void *page)
{
    pthread_mutex_lock(&pages_lock);
    p->free_pages[p->n_free++] = page;
    pthread_mutex_unlock(&pages_lock);
}

static bool has_free(struct pool *p, uint64_t n)
{
    pthread_mutex_lock(&pages_lock);
    const bool has = p->n_free >= n;
    pthread_mutex_unlock(&pages_lock);
    return has;
}

/* Makes free pages, so that there are n. */
static bool pages_reserve(struct pool *p, uint64_t n)
{
    while (p->page_bytes && !has_free(p, n)) {
        void *page = page_new(p);
        if (!page)
            return false;
        page_give(p, page);
    }
    return true;
}

void cache_free_pages(viv_model *m)
{
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++)
        for (void *page; (page = page_from(&m->pools[k]));)
            free(page);
}

void cache_release(viv_model *m)
{
    cache_free_pages(m);
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++)
        free(m->pools[k].free_pages);
}

viv_status sequence_create(viv_model *m, viv_sequence **out, struct error *err)
{
    uint32_t n = m->graph->n_caches;
    viv_sequence *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->model = m;
    s->cache_types = m->cache_types;
    uint64_t most = m->context;
    for (int id = 0; id < MAX_NAMED_STACKS; id++)
        most = m->expansion->stacks[id].name ? size_max(most, m->stacks[id].max_rows) : most;
    s->max_pages = size_max((most + PAGE_ROWS - 1) / PAGE_ROWS, 2);
    bool failed = false;
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++) {
        s->kinds[k].pages = calloc(s->max_pages, sizeof *s->kinds[k].pages);
        failed = failed || !s->kinds[k].pages;
    }
    s->cache_pages = calloc(n ? n * s->max_pages : 1, sizeof *s->cache_pages);
    s->caches = calloc(n ? n : 1, sizeof *s->caches);
    s->cache_list = calloc(n ? n : 1, sizeof *s->cache_list);
    s->recurrent = calloc(n ? n : 1, sizeof *s->recurrent);
    s->recurrent_list = calloc(n ? n : 1, sizeof *s->recurrent_list);
    if (failed || !s->cache_pages || !s->caches || !s->cache_list || !s->recurrent || !s->recurrent_list) {
        sequence_destroy(s);
        return error_nomem(err);
    }
    for (uint32_t i = 0; i < n; i++) {
        s->caches[i] = (viv_cache){
            .pages = s->cache_pages + i * s->max_pages, .page_rows = PAGE_ROWS, .dtype = m->cache_places[i].dtype};
        s->cache_list[i] = &s->caches[i];
        s->recurrent_list[i] = &s->recurrent[i];
    }
    *out = s;
    return VIV_OK;
}

void sequence_destroy(viv_sequence *s)
{
    if (!s)
        return;
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++) {
        sequence_give_back(s, k, 0);
        free(s->kinds[k].pages);
    }
    free(s->tokens);
    free(s->encoder_output);
    free(s->coming);
    free(s->cache_pages);
    free(s->caches);
    free(s->cache_list);
    free(s->recurrent);
    free(s->recurrent_list);
    free(s);
}

/* Whether layers have recurrent state. */
static bool has_recurrent(const viv_sequence *s)
{
    return s->model->pools[CACHE_RECURRENT].page_bytes > 0;
}

/* Swaps the present and the earlier recurrent state. */
static void swap_recurrent(viv_sequence *s)
{
    void **pages = s->kinds[CACHE_RECURRENT].pages, *now = pages[0];
    pages[0] = pages[1];
    pages[1] = now;
}

uint64_t sequence_length(const viv_sequence *s)
{
    return s->length;
}

const int32_t *sequence_tokens(const viv_sequence *s, size_t *n)
{
    *n = s->length;
    return s->tokens;
}

viv_status sequence_truncate(viv_sequence *s, uint64_t length, struct error *err)
{
    const uint64_t reusable = sequence_reusable_length(s, length);
    if (length > s->length)
        return error_set(err, VIV_EINVAL, "a sequence of %" PRIu64 " tokens cannot be cut to %" PRIu64, s->length,
                         length);
    if (length != reusable)
        return error_set(err, VIV_EUNSUPPORTED,
                         "this model has recurrent state: a sequence of %" PRIu64
                         " tokens cannot be cut to %" PRIu64 ", only to %" PRIu64,
                         s->length, length, reusable);
    if (length == s->length)
        return VIV_OK;
    if (has_recurrent(s) && length == s->earlier)
        swap_recurrent(s);
    s->length = s->earlier = length;
    sequence_give_back(s, CACHE_OF_GRAPH, length);
    return VIV_OK;
}

uint64_t sequence_reuse_prefix(viv_sequence *s, const int32_t *tokens, uint64_t n, uint64_t length)
{
    const struct graph_length coming = {length, size_max(length, n + 1)};
    struct error refused;
    uint64_t shared = 0;
    for (int32_t token; shared < s->length && shared < n; shared++) {
        token = tokens[shared];
        if (!sequence_placed(s, shared, &token) && tokens[shared] == -1)
            break;
        if (s->tokens[shared] != token)
            break;
    }
    if (s->model->graph->stacks[STACK_GRAPH].whole_sequences || /* all rows come in one step */
        !graph_lengths_alike(s->model->graph, s->computed_for, coming))
        shared = 0;
    sequence_truncate(s, sequence_reusable_length(s, shared), &refused);
    return s->length;
}

/* Its positions by axes, or NULL. */
static const int32_t *placement_positions(const viv_placement *p)
{
    return VIV_HAS(p, viv_placement, advance) ? p->positions : NULL;
}

/* All positions must be numbers; *next is that behind the placement. */
static viv_status check_positions(const viv_placement *p, uint32_t i, uint64_t *next, struct error *err)
{
    const int32_t *positions = placement_positions(p);
    const uint64_t first = *next;
    *next += positions ? p->advance : p->n_rows;
    if (positions && (p->advance == 0 || p->advance > INT32_MAX || *next > INT32_MAX))
        return error_set(err, VIV_EINVAL,
                         "placement %" PRIu32 " advances by %" PRIu64 " positions, expected 1 to %d", i, p->advance,
                         INT32_MAX);
    for (uint64_t k = 0; positions && k < p->n_rows * VIV_N_AXES; k++)
        if (positions[k] < 0 || first + (uint64_t)positions[k] > INT32_MAX)
            return error_set(err, VIV_EINVAL,
                             "placement %" PRIu32 ": row %" PRIu64 " is %" PRId32
                             " positions behind its first, expected 0 or more, and less than 2^31 in all",
                             i, k / VIV_N_AXES, positions[k]);
    return VIV_OK;
}

viv_status sequence_place(viv_sequence *s, const viv_placement *const *placements, uint32_t n, struct error *err)
{
    uint64_t end = 0, next = 0;
    for (uint32_t i = 0; i < n; i++) {
        const viv_placement *p = placements ? placements[i] : NULL;
        if (!p || p->struct_size < SIZE_TO(viv_placement, identity) || p->struct_size > MAX_STRUCT)
            return error_set(err, VIV_EABI, "struct_size of viv_placement is %u, expected %zu",
                             p ? p->struct_size : 0, SIZE_TO(viv_placement, identity));
        if (p->first < end || p->n_rows == 0 || p->n_rows > UINT32_MAX || p->first > UINT32_MAX ||
            p->flags & ~(uint32_t)VIV_PLACEMENT_BOTH_WAYS)
            return error_set(err, VIV_EINVAL,
                             "placement %" PRIu32 " has %" PRIu64 " rows at %" PRIu64
                             ": expected rows behind those of the one before, which end at %" PRIu64,
                             i, p->n_rows, p->first, end);
        next += p->first - end;
        const viv_status status = check_positions(p, i, &next, err);
        if (status != VIV_OK)
            return status;
        end = p->first + p->n_rows;
    }
    s->placements = placements;
    s->n_placements = n;
    return VIV_OK;
}

/* Each row has 30 bits of a hash of its own, so that a few rows tell two identities apart. */
static int32_t identity_of(const viv_placement *p, uint64_t row)
{
    uint64_t parts[2];
    memcpy(parts, p->identity, sizeof parts);
    uint64_t h = (parts[0] ^ (row + 1) * 0x9E3779B97F4A7C15U) * 0xBF58476D1CE4E5B9U;
    h = (h ^ h >> 31 ^ parts[1]) * 0x94D049BB133111EBU;
    return -2 - (int32_t)(h >> 34);
}

const float *sequence_placed(const viv_sequence *s, uint64_t row, int32_t *token)
{
    for (uint32_t i = 0; i < s->n_placements && s->placements[i]->first <= row; i++) {
        const viv_placement *p = s->placements[i];
        if (row >= p->first + p->n_rows)
            continue;
        if (p->vectors)
            *token = identity_of(p, row - p->first);
        return p->vectors ? p->vectors[row - p->first] : NULL;
    }
    return NULL;
}

bool sequence_axes(const viv_sequence *s, uint64_t row, int32_t axes[VIV_N_AXES])
{
    int64_t at = (int64_t)row;
    const int32_t *own = NULL;
    for (uint32_t i = 0; !own && i < s->n_placements && s->placements[i]->first <= row; i++) {
        const viv_placement *p = s->placements[i];
        if (!placement_positions(p))
            continue;
        if (row < p->first + p->n_rows) {
            own = p->positions + (row - p->first) * VIV_N_AXES;
            at -= (int64_t)(row - p->first);
        } else {
            at += (int64_t)p->advance - (int64_t)p->n_rows;
        }
    }
    for (int a = 0; a < VIV_N_AXES; a++)
        axes[a] = (int32_t)(at + (own ? own[a] : 0));
    return own || at != (int64_t)row;
}

uint64_t sequence_sees(const viv_sequence *s, uint64_t row)
{
    for (uint32_t i = 0; i < s->n_placements && s->placements[i]->first <= row; i++) {
        const viv_placement *p = s->placements[i];
        if (p->flags & VIV_PLACEMENT_BOTH_WAYS && row < p->first + p->n_rows)
            return p->first + p->n_rows;
    }
    return row + 1;
}

uint64_t sequence_next_rows(const viv_sequence *s, uint64_t n, uint64_t most)
{
    uint64_t end = s->length + size_min(n, most);
    for (uint32_t i = 0; i < s->n_placements; i++) {
        const viv_placement *p = s->placements[i];
        const uint64_t behind = p->first + p->n_rows;
        if (p->flags & VIV_PLACEMENT_BOTH_WAYS && p->first < end && behind > end)
            end = p->first > s->length ? p->first : size_min(behind, s->length + n);
    }
    return end - s->length;
}

struct graph_length sequence_length_after(const viv_sequence *s, const viv_rows *rows)
{
    uint64_t prompt = VIV_HAS(rows, viv_rows, length) ? rows->length : 0;
    if (prompt == 0)
        prompt = s->length == 0 ? rows->n_rows : size_min(s->computed_for.prompt, s->length);
    return (struct graph_length){prompt, size_max(prompt, s->length + rows->n_rows)};
}

viv_status sequence_reserve_tokens(viv_sequence *s, uint64_t length, struct error *err)
{
    while (s->tokens_capacity < length)
        if (!vec_grow((void **)&s->tokens, &s->tokens_capacity, sizeof *s->tokens))
            return error_nomem(err);
    return VIV_OK;
}

uint64_t sequence_reusable_length(const viv_sequence *s, uint64_t length)
{
    if (length >= s->length)
        return s->length;
    if (!has_recurrent(s))
        return length;
    return length >= s->earlier ? s->earlier : 0;
}

void sequence_begin_step(viv_sequence *s)
{
    const viv_model *m = s->model;
    if (!has_recurrent(s))
        return;
    char *const *pages = (char *const *)s->kinds[CACHE_RECURRENT].pages;
    s->earlier = s->length;
    if (s->length == 0)
        memset(pages[0], 0, m->pools[CACHE_RECURRENT].page_bytes);
    for (uint32_t i = 0; i < m->graph->n_caches; i++)
        if (m->cache_places[i].kind == CACHE_RECURRENT) {
            const uint64_t at = m->cache_places[i].offset;
            s->recurrent[i] = (viv_recurrent_state){(float *)(pages[0] + at), (float *)(pages[1] + at)};
        }
}

void sequence_end_step(viv_sequence *s, uint64_t n_rows)
{
    s->earlier = s->length;
    s->length += n_rows;
    if (has_recurrent(s))
        swap_recurrent(s);
}

/* Whether its pages are f16 while the model's caches are f32. */
static bool is_narrow(const viv_sequence *s)
{
    return s->cache_types.keys != s->model->cache_types.keys;
}

void sequence_give_back(viv_sequence *s, enum cache_kind kind, uint64_t length)
{
    while (s->kinds[kind].n > (length + PAGE_ROWS - 1) / PAGE_ROWS) {
        void *page = s->kinds[kind].pages[--s->kinds[kind].n];
        if (is_narrow(s) && kind != CACHE_RECURRENT)
            free(page);
        else
            page_give(&s->model->pools[kind], page);
    }
}

static void place_caches(viv_sequence *s, enum cache_kind kind, uint64_t index, char *page)
{
    for (uint32_t i = 0; i < s->model->graph->n_caches; i++)
        if (s->model->cache_places[i].kind == kind)
            s->cache_pages[i * s->max_pages + index] = page + s->model->cache_places[i].offset;
}

/* Converts a page of f16 to f32. A cache is a list of elements, whatever layout its layer chose. */
static void convert_page(const viv_sequence *s, enum cache_kind kind, const char *narrow, char *wide)
{
    const viv_model *m = s->model;
    const viv_kernels *kernels = m->options.host->get_service(m->options.host, VIV_SERVICE_KERNELS);
    for (uint32_t i = 0, node = 0; i < m->graph->n_caches; i++) {
        while (i >= m->graph->nodes[node].first_cache + m->graph->nodes[node].n_caches)
            node++;
        const uint64_t n = m->graph->nodes[node].caches[i - m->graph->nodes[node].first_cache].elems * PAGE_ROWS;
        if (m->cache_places[i].kind == kind)
            kernels->to_f32(VIV_F16)((float *)(wide + m->cache_places[i].offset),
                                     narrow + m->narrow_places[i].offset, n);
    }
}

viv_status sequence_widen(viv_sequence *s, struct error *err)
{
    viv_model *m = s->model;
    void **wide[N_CACHE_KINDS] = {0};
    viv_status status = VIV_OK;
    if (!is_narrow(s))
        return VIV_OK;
    for (uint32_t k = 0; status == VIV_OK && k < N_CACHE_KINDS; k++) {
        const uint64_t n = k == CACHE_RECURRENT ? 0 : s->kinds[k].n;
        wide[k] = calloc(n ? n : 1, sizeof *wide[k]);
        status = wide[k] ? VIV_OK : error_nomem(err);
        for (uint64_t i = 0; status == VIV_OK && i < n; i++) {
            wide[k][i] = page_take(&m->pools[k]);
            if (wide[k][i])
                convert_page(s, (enum cache_kind)k, s->kinds[k].pages[i], wide[k][i]);
            else
                status = error_nomem(err);
        }
    }
    for (uint32_t k = 0; k < N_CACHE_KINDS; k++) {
        for (uint64_t i = 0; wide[k] && k != CACHE_RECURRENT && i < s->kinds[k].n; i++) {
            if (status != VIV_OK) {
                if (wide[k][i])
                    page_give(&m->pools[k], wide[k][i]);
                continue;
            }
            free(s->kinds[k].pages[i]);
            s->kinds[k].pages[i] = wide[k][i];
            place_caches(s, (enum cache_kind)k, i, wide[k][i]);
        }
        free(wide[k]);
    }
    for (uint32_t i = 0; status == VIV_OK && i < m->graph->n_caches; i++)
        s->caches[i].dtype = m->cache_places[i].dtype;
    if (status == VIV_OK)
        s->cache_types = m->cache_types;
    return status;
}

viv_status sequence_reserve(viv_sequence *s, enum cache_kind kind, uint64_t length, struct error *err)
{
    viv_model *m = s->model;
    uint64_t *n = &s->kinds[kind].n;
    if (length > m->context && kind != CACHE_OF_STEP)
        return error_set(err, VIV_ELIMIT, "the context is full: %" PRIu64 " tokens, it holds %" PRIu64, length,
                         m->context);
    const uint64_t wanted = kind == CACHE_RECURRENT ? 2 : (length + PAGE_ROWS - 1) / PAGE_ROWS;
    while (m->pools[kind].page_bytes && *n < wanted) {
        char *page = page_take(&m->pools[kind]);
        if (!page)
            return error_nomem(err);
        place_caches(s, kind, *n, page);
        s->kinds[kind].pages[(*n)++] = page;
    }
    return VIV_OK;
}

/* Pages are a convenience: without them, the sequence takes one at a time, as long as there are any. */
viv_status sequence_reserve_ahead(viv_sequence *s, uint64_t length, struct error *err)
{
    viv_model *m = s->model;
    const uint64_t n = (size_min(length, m->context) + PAGE_ROWS - 1) / PAGE_ROWS,
                   held = s->kinds[CACHE_OF_GRAPH].n;
    pages_reserve(&m->pools[CACHE_OF_GRAPH], n > held ? n - held : 0);
    if (!is_narrow(s))
        pages_reserve(&m->pools[CACHE_RECURRENT], 2 - s->kinds[CACHE_RECURRENT].n);
    return sequence_reserve_tokens(s, size_min(length, m->context), err);
}

/* Copies the pages of one kind, which the copy has none of yet. */
static viv_status copy_pages(const viv_sequence *s, enum cache_kind kind, viv_sequence *copy, struct error *err)
{
    struct pool *pool = &s->model->pools[kind];
    for (uint64_t i = 0; i < s->kinds[kind].n; i++) {
        char *page = page_take(pool);
        if (!page)
            return error_nomem(err);
        memcpy(page, s->kinds[kind].pages[i], pool->page_bytes);
        place_caches(copy, kind, i, page);
        copy->kinds[kind].pages[copy->kinds[kind].n++] = page;
    }
    return VIV_OK;
}

/* The encoder output that no step has read yet. */
static viv_status copy_encoder_output(const viv_sequence *s, viv_sequence *copy, struct error *err)
{
    copy->n_encoder_rows = s->n_encoder_rows;
    if (!s->encoder_output)
        return VIV_OK;
    const size_t size =
        (size_t)(s->n_encoder_rows * graph_encoder_dim(s->model->graph)) * sizeof *s->encoder_output;
    copy->encoder_output = malloc(size);
    if (!copy->encoder_output)
        return error_nomem(err);
    memcpy(copy->encoder_output, s->encoder_output, size);
    return VIV_OK;
}

viv_status sequence_copy(viv_sequence *s, viv_sequence **out, struct error *err)
{
    viv_sequence *copy = NULL;
    viv_status status = sequence_widen(s, err);
    if (status == VIV_OK)
        status = sequence_create(s->model, &copy, err);
    if (status == VIV_OK)
        status = sequence_reserve_tokens(copy, s->length, err);
    for (uint32_t k = 0; status == VIV_OK && k < N_CACHE_KINDS; k++)
        status = copy_pages(s, (enum cache_kind)k, copy, err);
    if (status == VIV_OK)
        status = copy_encoder_output(s, copy, err);
    if (status != VIV_OK) {
        sequence_destroy(copy);
        return status;
    }
    if (s->length)
        memcpy(copy->tokens, s->tokens, s->length * sizeof *s->tokens);
    copy->length = s->length;
    copy->earlier = s->earlier;
    copy->computed_for = s->computed_for;
    copy->placements = s->placements;
    copy->n_placements = s->n_placements;
    *out = copy;
    return VIV_OK;
}
