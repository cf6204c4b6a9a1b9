#include "experts/store.h"

#include "base/buf.h"
#include "base/size.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_READERS = 2 };
enum unit_state { ABSENT, QUEUED, BEING_READ, HERE };

struct unit {
    const struct store_source *source;
    uint32_t index;
    uint32_t holds, waiting; /* who holds it; who waits for it */
    enum unit_state state;
    bool expected, failed;
    uint64_t step; /* the last in which it was held */
    void *block;
    struct unit *before,
        *after; /* in the queue of those to read, or, when here and nobody holds it, among the idle */
};

/* A list by its two ends. */
struct list {
    struct unit *first, *last;
};

struct sourced {
    struct store_source source;
    struct unit *units;
};

struct store {
    uint64_t budget, used, most;
    uint32_t n_holders;
    struct sourced **sources;
    size_t n_sources, sources_capacity;

    pthread_mutex_t lock;
    pthread_cond_t work;    /* for readers: something is queued, or there may be room */
    pthread_cond_t arrived; /* for holders: a unit is here, or could not be read */
    struct list queue;      /* to be read, in this order */
    struct list idle;       /* here, held by nobody, let go the longest ago first */
    pthread_t readers[N_READERS];
    uint32_t n_readers;
    bool stopping;
    struct error error; /* the last failure */

    enum store_phase phase;
    uint64_t step;
    struct store_stats stats;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- lists ------------------------------------------------------------------------------------------------- */

static void list_remove(struct list *l, struct unit *u)
{
    *(u->before ? &u->before->after : &l->first) = u->after;
    *(u->after ? &u->after->before : &l->last) = u->before;
    u->before = u->after = NULL;
}

static void list_append(struct list *l, struct unit *u)
{
    u->before = l->last;
    *(l->last ? &l->last->after : &l->first) = u;
    l->last = u;
}

static void list_prepend(struct list *l, struct unit *u)
{
    u->after = l->first;
    *(l->first ? &l->first->before : &l->last) = u;
    l->first = u;
}

/* --- reading ----------------------------------------------------------------------------------------------- */

/* Gives up a unit's block; the caller may use it for one of the same size. */
static void *evict(struct store *s, struct unit *u)
{
    void *block = u->block;
    list_remove(&s->idle, u);
    u->block = NULL;
    u->state = ABSENT;
    u->expected = false;
    s->used -= u->source->bytes;
    return block;
}

/* The idle unit to give way to u, or NULL: none may. A step that reads a text needs most units, each once: those
 * that it has done with go first, since the others are still to come. */
static struct unit *find_victim(const struct store *s, const struct unit *u)
{
    struct unit *oldest = NULL;
    for (struct unit *v = s->idle.first; v; v = v->after) {
        if (v->expected)
            continue;
        if (s->phase == STORE_WRITING || v->step == s->step)
            return v;
        oldest = oldest ? oldest : v;
    }
    return oldest || !u->waiting ? oldest : s->idle.last;
}

/* Room for u, as a block; NULL: there is none now, or (then *nomem) memory is out. */
static void *make_room(struct store *s, const struct unit *u, bool *nomem)
{
    void *block = NULL;
    *nomem = false;
    while (s->used + u->source->bytes > s->budget) {
        struct unit *victim = find_victim(s, u);
        free(block);
        block = NULL;
        if (!victim)
            return NULL;
        bool fits = victim->source->bytes == u->source->bytes;
        block = evict(s, victim);
        if (!fits) {
            free(block);
            block = NULL;
        }
    }
    if (!block)
        block = aligned_alloc(64, size_align(u->source->bytes, 64));
    *nomem = !block;
    return block;
}

static void fail_unit(struct store *s, struct unit *u)
{
    u->state = ABSENT;
    u->failed = true;
    u->expected = false;
    pthread_cond_broadcast(&s->arrived);
}

/* Reads the first of the queue; called and returns with the lock held. False: there is no room now. */
static bool read_first(struct store *s)
{
    struct unit *u = s->queue.first;
    bool nomem;
    void *block = make_room(s, u, &nomem);
    if (!block && !nomem)
        return false;
    list_remove(&s->queue, u);
    if (nomem) {
        error_nomem(&s->error);
        fail_unit(s, u);
        return true;
    }
    u->state = BEING_READ;
    s->used += u->source->bytes;
    s->most = size_max(s->most, s->used);
    pthread_mutex_unlock(&s->lock);
    struct error err;
    viv_status status = u->source->read(u->source->ctx, u->index, block, &err);
    pthread_mutex_lock(&s->lock);
    if (status != VIV_OK) {
        free(block);
        s->used -= u->source->bytes;
        s->error = err;
        fail_unit(s, u);
        return true;
    }
    s->stats.phases[s->phase].bytes += u->source->bytes;
    u->block = block;
    u->state = HERE;
    if (u->holds == 0)
        list_append(&s->idle, u);
    pthread_cond_broadcast(&s->arrived);
    return true;
}

static void *reader(void *ctx)
{
    struct store *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping)
        if (!s->queue.first || !read_first(s))
            pthread_cond_wait(&s->work, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- using ------------------------------------------------------------------------------------------------- */

viv_status store_hold(struct store *s, struct unit *units, uint64_t i, const void **block, struct error *err)
{
    struct unit *u = &units[i];
    viv_status status = VIV_OK;
    pthread_mutex_lock(&s->lock);
    u->failed = u->failed && u->waiting > 0;
    while (u->state != HERE && !u->failed) {
        double since = now();
        if (u->state == QUEUED)
            list_remove(&s->queue, u);
        if (u->state != BEING_READ) {
            list_prepend(&s->queue, u);
            u->state = QUEUED;
        }
        u->waiting++;
        pthread_cond_signal(&s->work);
        pthread_cond_wait(&s->arrived, &s->lock);
        u->waiting--;
        s->stats.phases[s->phase].stalled += now() - since;
    }
    if (u->state != HERE) {
        status = s->error.status;
        *err = s->error;
    } else {
        if (u->holds++ == 0)
            list_remove(&s->idle, u);
        u->expected = false;
        u->step = s->step;
        *block = u->block;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void store_let_go(struct store *s, struct unit *units, uint64_t i)
{
    struct unit *u = &units[i];
    pthread_mutex_lock(&s->lock);
    if (--u->holds == 0) {
        list_append(&s->idle, u);
        if (s->queue.first)
            pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
}

void store_expect(struct store *s, struct unit *units, const uint32_t *which, uint64_t n)
{
    pthread_mutex_lock(&s->lock);
    for (uint64_t i = 0; i < n; i++) {
        struct unit *u = &units[which[i]];
        bool here = u->state == HERE || u->state == BEING_READ;
        s->stats.phases[s->phase].hits += here;
        s->stats.phases[s->phase].misses += !here;
        u->expected = true;
        if (u->state == ABSENT) {
            u->state = QUEUED;
            list_append(&s->queue, u);
        }
    }
    if (s->queue.first)
        pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
}

bool store_is_here(struct store *s, const struct unit *units, uint64_t i)
{
    pthread_mutex_lock(&s->lock);
    bool here = units[i].state == HERE;
    pthread_mutex_unlock(&s->lock);
    return here;
}

void store_begin(struct store *s, enum store_phase phase)
{
    pthread_mutex_lock(&s->lock);
    s->phase = phase;
    s->step++;
    for (struct unit *u; (u = s->queue.first);) {
        list_remove(&s->queue, u);
        u->state = ABSENT;
    }
    for (struct unit *u = s->idle.first; u; u = u->after)
        u->expected = false;
    pthread_mutex_unlock(&s->lock);
}

void store_stats(struct store *s, struct store_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    out->budget = s->budget;
    out->used = s->used;
    out->most = s->most;
    pthread_mutex_unlock(&s->lock);
}

/* --- making -------------------------------------------------------------------------------------------------- */

viv_status store_create(uint64_t budget, uint32_t n_holders, struct store **out, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->budget = budget;
    s->n_holders = n_holders;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->arrived, NULL);
    *out = s;
    return VIV_OK;
}

void store_destroy(struct store *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
    for (uint32_t i = 0; i < s->n_readers; i++)
        pthread_join(s->readers[i], NULL);
    for (size_t i = 0; i < s->n_sources; i++) {
        for (uint64_t k = 0; k < s->sources[i]->source.n; k++)
            free(s->sources[i]->units[k].block);
        free(s->sources[i]->units);
        free(s->sources[i]);
    }
    free(s->sources);
    pthread_cond_destroy(&s->arrived);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

viv_status store_add(struct store *s, const struct store_source *source, struct unit **units, struct error *err)
{
    if (!VEC_RESERVE(s->sources, s->n_sources, s->sources_capacity))
        return error_nomem(err);
    struct sourced *a = calloc(1, sizeof *a);
    struct unit *list = calloc(source->n, sizeof *list);
    if (!a || !list) {
        free(a);
        free(list);
        return error_nomem(err);
    }
    *a = (struct sourced){*source, list};
    for (uint64_t i = 0; i < source->n; i++)
        list[i] = (struct unit){.source = &a->source, .index = (uint32_t)i};
    s->sources[s->n_sources++] = a;
    *units = list;
    return VIV_OK;
}

/* The least budget: what a row needs together of the sources of one path, and a unit for each holder and one more.
 */
static uint64_t least_budget(const struct store *s, const char **path)
{
    uint64_t least = 0, largest = 0;
    for (size_t i = 0; i < s->n_sources; i++) {
        uint64_t sum = 0;
        for (size_t k = 0; k < s->n_sources; k++) {
            const struct store_source *source = &s->sources[k]->source;
            uint64_t together;
            if (strcmp(source->path, s->sources[i]->source.path) == 0 &&
                (!size_mul(source->bytes, source->n_together, &together) || !size_add(sum, together, &sum)))
                sum = UINT64_MAX / 4;
        }
        if (sum > least) {
            least = sum;
            *path = s->sources[i]->source.path;
        }
        largest = size_max(largest, s->sources[i]->source.bytes);
    }
    return size_max(least, largest * (s->n_holders + 1));
}

viv_status store_start(struct store *s, struct error *err)
{
    const char *path = "";
    uint64_t least = least_budget(s, &path);
    if (s->budget < least)
        return error_set(err, VIV_ELIMIT,
                         "a budget of %" PRIu64 " bytes for slices of weights is too small: %s needs %" PRIu64
                         " at once (%" PRIu64 " MiB)",
                         s->budget, path, least, (least + (1 << 20) - 1) >> 20);
    for (; s->n_readers < N_READERS; s->n_readers++)
        if (pthread_create(&s->readers[s->n_readers], NULL, reader, s) != 0)
            return error_set(err, VIV_EIO, "a thread that reads weights could not be started");
    return VIV_OK;
}

struct used_unit {
    struct unit *unit;
    uint64_t uses;
};

static int most_used_first(const void *a, const void *b)
{
    uint64_t x = ((const struct used_unit *)a)->uses, y = ((const struct used_unit *)b)->uses;
    return x < y ? 1 : x > y ? -1 : 0;
}

viv_status store_pin(struct store *s, uint64_t (*uses)(void *ctx, const char *path, uint64_t i), void *ctx,
                     struct error *err)
{
    const char *path = "";
    uint64_t n = 0, at = 0, pinned = 0, least = least_budget(s, &path), room = s->budget / 5 * 4;
    room = size_min(room, s->budget - least);
    for (size_t i = 0; i < s->n_sources; i++)
        n += s->sources[i]->source.n;
    struct used_unit *list = calloc(n ? n : 1, sizeof *list);
    if (!list)
        return error_nomem(err);
    for (size_t i = 0; i < s->n_sources; i++)
        for (uint64_t k = 0; k < s->sources[i]->source.n; k++)
            list[at++] = (struct used_unit){&s->sources[i]->units[k], uses(ctx, s->sources[i]->source.path, k)};
    qsort(list, n, sizeof *list, most_used_first);
    viv_status status = VIV_OK;
    for (uint64_t i = 0; status == VIV_OK && i < n && list[i].uses > 0; i++) {
        struct unit *u = list[i].unit;
        const void *block;
        if (pinned + u->source->bytes > room)
            continue;
        status = store_hold(s, u, 0, &block, err); /* held for good */
        pinned += u->source->bytes;
    }
    free(list);
    return status;
}
