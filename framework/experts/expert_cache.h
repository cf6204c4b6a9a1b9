/* expert_cache.h - a cache of experts within a budget of memory. Experts used last stay in memory; others are read
 * when they are acquired, or earlier by the cache's own threads when they are prefetched. It does not know what an
 * expert consists of: to it, an expert is a block of bytes.
 *
 * An entry is absent, queued, being read, or resident. While it is acquired, it stays resident. To make room, the
 * cache evicts the entry that was released the longest ago, or in prefill one that this step has already used. An
 * entry that was prefetched but not yet acquired is evicted only for one that a thread waits for. */
#ifndef EXPERTS_EXPERT_CACHE_H
#define EXPERTS_EXPERT_CACHE_H

#include "base/error.h"

#include <stdbool.h>
#include <vivarium/abi.h>

struct expert_cache;
struct expert_entry;

/* The experts of one set: n blocks of `bytes` each. */
struct expert_source {
    const char *path; /* of the layer, for messages; outlives the cache */
    uint64_t n, bytes;
    uint64_t n_per_row; /* this many must fit at once, together with those of other sources of the same path */
    viv_status (*read)(void *ctx, uint64_t i, void *block, struct error *err); /* any thread */
    void *ctx;
};

/* Statistics are counted separately for steps of prefill and of decode. */
enum expert_phase { EXPERT_PREFILL, EXPERT_DECODE, N_EXPERT_PHASES };
struct expert_cache_stats {
    uint64_t budget, used, peak; /* bytes */
    struct {
        uint64_t hits, misses; /* experts that were resident when they were prefetched, and others */
        uint64_t bytes;        /* read */
        double stalled;        /* seconds that workers waited, summed over all workers */
    } phases[N_EXPERT_PHASES];
};

/* `n_workers`: threads that may each acquire one expert at a time. */
viv_status expert_cache_create(uint64_t budget, uint32_t n_workers, struct expert_cache **out, struct error *err);
void expert_cache_destroy(struct expert_cache *s); /* accepts NULL */

/* Before expert_cache_start. *entries: [source->n]. */
viv_status expert_cache_add(struct expert_cache *s, const struct expert_source *source,
                            struct expert_entry **entries, struct error *err);
/* Starts the reading threads. Fails if the budget is too small for any step, and states the smallest that works. */
viv_status expert_cache_start(struct expert_cache *s, struct error *err);
/* Reads the most used experts and keeps them resident, up to four fifths of the budget. uses(ctx, path, i): how
 * often expert i of this layer was used. */
viv_status expert_cache_pin(struct expert_cache *s, uint64_t (*uses)(void *ctx, const char *path, uint64_t i),
                            void *ctx, struct error *err);

/* See viv_expert_cache. *block is valid until the entry is released. */
viv_status expert_cache_acquire(struct expert_cache *s, struct expert_entry *entries, uint64_t i,
                                const void **block, struct error *err);
void expert_cache_release(struct expert_cache *s, struct expert_entry *entries, uint64_t i);
void expert_cache_prefetch(struct expert_cache *s, struct expert_entry *entries, const uint32_t *which, uint64_t n);
bool expert_cache_is_resident(struct expert_cache *s, const struct expert_entry *entries, uint64_t i);

/* Begins a step: clears what was prefetched; statistics count to this phase from here on. */
void expert_cache_begin(struct expert_cache *s, enum expert_phase phase);
void expert_cache_stats(struct expert_cache *s, struct expert_cache_stats *out);

#endif
