/* expert_cache.c - see expert_cache.h. One lock guards everything; files are read without it. */
#include "experts/expert_cache.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/size.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { N_READERS = 2 };
enum entry_state { ABSENT, QUEUED, READING, RESIDENT };

struct expert_entry {
    const struct expert_source *source;
    uint32_t index;
    uint32_t acquired, waiting; /* threads that have acquired it; that wait for it */
    enum entry_state state;
    bool prefetched, failed;
    uint64_t step; /* the last in which it was acquired */
    void *block;
    struct expert_entry *before, *after; /* in `queue`, or in `idle` */
};

/* A list by its two ends. */
struct list {
    struct expert_entry *first, *last;
};

struct sourced {
    struct expert_source source;
    struct expert_entry *entries;
};

struct expert_cache {
    uint64_t budget, used, peak;
    uint32_t n_workers;
    struct sourced **sources;
    size_t n_sources, sources_capacity;

    pthread_mutex_t lock;
    pthread_cond_t work;    /* for readers: an entry is queued, or there may be room */
    pthread_cond_t arrived; /* for workers: an entry is resident, or could not be read */
    struct list queue;      /* to be read, in this order */
    struct list idle;       /* resident but not acquired, the longest unused first */
    pthread_t readers[N_READERS];
    uint32_t n_readers;
    bool stopping;
    struct error error; /* the last failure */

    enum expert_phase phase;
    uint64_t step;
    struct expert_cache_stats stats;
};

/* --- lists ------------------------------------------------------------------------------------------------- */

static void list_remove(struct list *l, struct expert_entry *e)
{
    *(e->before ? &e->before->after : &l->first) = e->after;
    *(e->after ? &e->after->before : &l->last) = e->before;
    e->before = e->after = NULL;
}

static void list_append(struct list *l, struct expert_entry *e)
{
    e->before = l->last;
    *(l->last ? &l->last->after : &l->first) = e;
    l->last = e;
}

static void list_prepend(struct list *l, struct expert_entry *e)
{
    e->after = l->first;
    *(l->first ? &l->first->before : &l->last) = e;
    l->first = e;
}

/* --- reading ----------------------------------------------------------------------------------------------- */

/* Takes the block of an idle entry; the caller reuses or frees it. */
static void *evict(struct expert_cache *s, struct expert_entry *e)
{
    void *block = e->block;
    list_remove(&s->idle, e);
    e->block = NULL;
    e->state = ABSENT;
    e->prefetched = false;
    s->used -= e->source->bytes;
    return block;
}

/* The idle entry to evict for e, or NULL. A step of prefill needs most experts, each once: those that it has
 * already used are evicted first, because the others are still needed. */
static struct expert_entry *find_victim(const struct expert_cache *s, const struct expert_entry *e)
{
    struct expert_entry *oldest = NULL;
    for (struct expert_entry *v = s->idle.first; v; v = v->after) {
        if (v->prefetched)
            continue;
        if (s->phase == EXPERT_DECODE || v->step == s->step)
            return v;
        oldest = oldest ? oldest : v;
    }
    return oldest || !e->waiting ? oldest : s->idle.last;
}

/* A block for e; NULL if there is no room now, or, with *nomem, out of memory. */
static void *make_room(struct expert_cache *s, const struct expert_entry *e, bool *nomem)
{
    void *block = NULL;
    *nomem = false;
    while (s->used + e->source->bytes > s->budget) {
        struct expert_entry *victim = find_victim(s, e);
        free(block);
        block = NULL;
        if (!victim)
            return NULL;
        bool fits = victim->source->bytes == e->source->bytes;
        block = evict(s, victim);
        if (!fits) {
            free(block);
            block = NULL;
        }
    }
    if (!block)
        block = aligned_alloc(64, size_align(e->source->bytes, 64));
    *nomem = !block;
    return block;
}

static void fail_entry(struct expert_cache *s, struct expert_entry *e)
{
    e->state = ABSENT;
    e->failed = true;
    e->prefetched = false;
    pthread_cond_broadcast(&s->arrived);
}

/* Reads the first entry of the queue. Called with the lock held, which it releases while it reads. False: there is
 * no room now. */
static bool read_first(struct expert_cache *s)
{
    struct expert_entry *e = s->queue.first;
    bool nomem;
    void *block = make_room(s, e, &nomem);
    if (!block && !nomem)
        return false;
    list_remove(&s->queue, e);
    if (nomem) {
        error_nomem(&s->error);
        fail_entry(s, e);
        return true;
    }
    e->state = READING;
    s->used += e->source->bytes;
    s->peak = size_max(s->peak, s->used);
    pthread_mutex_unlock(&s->lock);
    struct error err;
    viv_status status = e->source->read(e->source->ctx, e->index, block, &err);
    pthread_mutex_lock(&s->lock);
    if (status != VIV_OK) {
        free(block);
        s->used -= e->source->bytes;
        s->error = err;
        fail_entry(s, e);
        return true;
    }
    s->stats.phases[s->phase].bytes += e->source->bytes;
    e->block = block;
    e->state = RESIDENT;
    if (e->acquired == 0)
        list_append(&s->idle, e);
    pthread_cond_broadcast(&s->arrived);
    return true;
}

static void *reader(void *ctx)
{
    struct expert_cache *s = ctx;
    pthread_mutex_lock(&s->lock);
    while (!s->stopping)
        if (!s->queue.first || !read_first(s))
            pthread_cond_wait(&s->work, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* --- using ------------------------------------------------------------------------------------------------- */

viv_status expert_cache_acquire(struct expert_cache *s, struct expert_entry *entries, uint64_t i,
                                const void **block, struct error *err)
{
    struct expert_entry *e = &entries[i];
    viv_status status = VIV_OK;
    pthread_mutex_lock(&s->lock);
    e->failed = e->failed && e->waiting > 0;
    bool earlier = e->state == READING; /* a read that began before: if it fails, that may be over by now */
    while (e->state != RESIDENT && !e->failed) {
        double since = seconds_now();
        if (e->state == QUEUED)
            list_remove(&s->queue, e);
        if (e->state != READING) {
            list_prepend(&s->queue, e);
            e->state = QUEUED;
        }
        e->waiting++;
        pthread_cond_signal(&s->work);
        pthread_cond_wait(&s->arrived, &s->lock);
        e->waiting--;
        s->stats.phases[s->phase].stalled += seconds_now() - since;
        if (e->failed && earlier)
            e->failed = earlier = false;
    }
    if (e->state != RESIDENT) {
        status = s->error.status;
        *err = s->error;
    } else {
        if (e->acquired++ == 0)
            list_remove(&s->idle, e);
        e->prefetched = false;
        e->step = s->step;
        *block = e->block;
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

void expert_cache_release(struct expert_cache *s, struct expert_entry *entries, uint64_t i)
{
    struct expert_entry *e = &entries[i];
    pthread_mutex_lock(&s->lock);
    if (--e->acquired == 0) {
        list_append(&s->idle, e);
        if (s->queue.first)
            pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
}

void expert_cache_prefetch(struct expert_cache *s, struct expert_entry *entries, const uint32_t *which, uint64_t n)
{
    pthread_mutex_lock(&s->lock);
    for (uint64_t i = 0; i < n; i++) {
        struct expert_entry *e = &entries[which[i]];
        bool resident = e->state == RESIDENT || e->state == READING;
        s->stats.phases[s->phase].hits += resident;
        s->stats.phases[s->phase].misses += !resident;
        e->prefetched = true;
        if (e->state == ABSENT) {
            e->state = QUEUED;
            list_append(&s->queue, e);
        }
    }
    if (s->queue.first)
        pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
}

bool expert_cache_is_resident(struct expert_cache *s, const struct expert_entry *entries, uint64_t i)
{
    pthread_mutex_lock(&s->lock);
    bool resident = entries[i].state == RESIDENT;
    pthread_mutex_unlock(&s->lock);
    return resident;
}

void expert_cache_begin(struct expert_cache *s, enum expert_phase phase)
{
    pthread_mutex_lock(&s->lock);
    s->phase = phase;
    s->step++;
    for (struct expert_entry *e; (e = s->queue.first);) {
        list_remove(&s->queue, e);
        e->state = ABSENT;
    }
    for (struct expert_entry *e = s->idle.first; e; e = e->after)
        e->prefetched = false;
    pthread_mutex_unlock(&s->lock);
}

void expert_cache_stats(struct expert_cache *s, struct expert_cache_stats *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    out->budget = s->budget;
    out->used = s->used;
    out->peak = s->peak;
    pthread_mutex_unlock(&s->lock);
}

/* --- creating ------------------------------------------------------------------------------------------------ */

viv_status expert_cache_create(uint64_t budget, uint32_t n_workers, struct expert_cache **out, struct error *err)
{
    struct expert_cache *s = calloc(1, sizeof *s);
    if (!s)
        return error_nomem(err);
    s->budget = budget;
    s->n_workers = n_workers;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->arrived, NULL);
    *out = s;
    return VIV_OK;
}

void expert_cache_destroy(struct expert_cache *s)
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
            free(s->sources[i]->entries[k].block);
        free(s->sources[i]->entries);
        free(s->sources[i]);
    }
    free(s->sources);
    pthread_cond_destroy(&s->arrived);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

viv_status expert_cache_add(struct expert_cache *s, const struct expert_source *source,
                            struct expert_entry **entries, struct error *err)
{
    if (!VEC_RESERVE(s->sources, s->n_sources, s->sources_capacity))
        return error_nomem(err);
    struct sourced *a = calloc(1, sizeof *a);
    struct expert_entry *list = calloc(source->n, sizeof *list);
    if (!a || !list) {
        free(a);
        free(list);
        return error_nomem(err);
    }
    *a = (struct sourced){*source, list};
    for (uint64_t i = 0; i < source->n; i++)
        list[i] = (struct expert_entry){.source = &a->source, .index = (uint32_t)i};
    s->sources[s->n_sources++] = a;
    *entries = list;
    return VIV_OK;
}

/* The smallest budget: what one row needs at once in one layer, and one entry for each worker and one more. */
static uint64_t least_budget(const struct expert_cache *s, const char **path)
{
    uint64_t least = 0, largest = 0;
    for (size_t i = 0; i < s->n_sources; i++) {
        uint64_t sum = 0;
        for (size_t k = 0; k < s->n_sources; k++) {
            const struct expert_source *source = &s->sources[k]->source;
            uint64_t together;
            if (strcmp(source->path, s->sources[i]->source.path) == 0 &&
                (!size_mul(source->bytes, source->n_per_row, &together) || !size_add(sum, together, &sum)))
                sum = UINT64_MAX / 4;
        }
        if (sum > least) {
            least = sum;
            *path = s->sources[i]->source.path;
        }
        largest = size_max(largest, s->sources[i]->source.bytes);
    }
    return size_max(least, largest * (s->n_workers + 1));
}

viv_status expert_cache_start(struct expert_cache *s, struct error *err)
{
    const char *path = "";
    uint64_t least = least_budget(s, &path);
    if (s->budget < least)
        return error_set(err, VIV_ELIMIT,
                         "a budget of %" PRIu64 " bytes for experts is too small: %s needs %" PRIu64
                         " at once (%" PRIu64 " MiB)",
                         s->budget, path, least, (least + (1 << 20) - 1) >> 20);
    for (; s->n_readers < N_READERS; s->n_readers++)
        if (pthread_create(&s->readers[s->n_readers], NULL, reader, s) != 0)
            return error_set(err, VIV_EIO, "a thread that reads experts could not be started");
    return VIV_OK;
}

struct used_entry {
    struct expert_entry *entry;
    uint64_t uses;
};

static int most_used_first(const void *a, const void *b)
{
    uint64_t x = ((const struct used_entry *)a)->uses, y = ((const struct used_entry *)b)->uses;
    return x < y ? 1 : x > y ? -1 : 0;
}

viv_status expert_cache_pin(struct expert_cache *s, uint64_t (*uses)(void *ctx, const char *path, uint64_t i),
                            void *ctx, struct error *err)
{
    const char *path = "";
    uint64_t n = 0, at = 0, pinned = 0, least = least_budget(s, &path), room = s->budget / 5 * 4;
    room = size_min(room, s->budget - least);
    for (size_t i = 0; i < s->n_sources; i++)
        n += s->sources[i]->source.n;
    struct used_entry *list = calloc(n ? n : 1, sizeof *list);
    if (!list)
        return error_nomem(err);
    for (size_t i = 0; i < s->n_sources; i++)
        for (uint64_t k = 0; k < s->sources[i]->source.n; k++)
            list[at++] = (struct used_entry){&s->sources[i]->entries[k], uses(ctx, s->sources[i]->source.path, k)};
    qsort(list, n, sizeof *list, most_used_first);
    viv_status status = VIV_OK;
    for (uint64_t i = 0; status == VIV_OK && i < n && list[i].uses > 0; i++) {
        struct expert_entry *e = list[i].entry;
        const void *block;
        if (pinned + e->source->bytes > room)
            continue;
        status = expert_cache_acquire(s, e, 0, &block, err); /* never released */
        pinned += e->source->bytes;
    }
    free(list);
    return status;
}
