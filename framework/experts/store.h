/* store.h - blocks of a file within a budget of memory: those used last are kept, others read when they are needed
 * or, by threads of the store's own, ahead of need. Knows nothing of what the blocks hold.
 *
 * A unit is a block that is read as a whole. It is absent, queued, being read, or here; while somebody holds it, it
 * stays. When room is needed, the unit that was let go the longest ago gives way, or, while a text is read, one
 * that the step is done with; one that is expected, but was not held yet, only to one that somebody waits for. */
#ifndef EXPERTS_STORE_H
#define EXPERTS_STORE_H

#include "base/error.h"

#include <stdbool.h>
#include <vivarium/abi.h>

struct store;
struct unit;

/* Where units come from: n blocks of `bytes` each. */
struct store_source {
    const char *path; /* for messages: whose they are; outlives the store */
    uint64_t n, bytes;
    uint64_t n_together; /* so many must fit together with those of other sources of the same path */
    viv_status (*read)(void *ctx, uint64_t i, void *block, struct error *err); /* any thread */
    void *ctx;
};

/* One count for steps that read a text, one for those that write one. */
enum store_phase { STORE_READING, STORE_WRITING, N_STORE_PHASES };
struct store_stats {
    uint64_t budget, used, most; /* bytes */
    struct {
        uint64_t hits, misses; /* units that were there when they were expected, or not */
        uint64_t bytes;        /* read */
        double stalled;        /* seconds that workers waited, summed over workers */
    } phases[N_STORE_PHASES];
};

/* `n_holders`: how many threads may each hold a unit at once. */
viv_status store_create(uint64_t budget, uint32_t n_holders, struct store **out, struct error *err);
void store_destroy(struct store *s); /* accepts NULL */

/* Before store_start: *units [source->n]. */
viv_status store_add(struct store *s, const struct store_source *source, struct unit **units, struct error *err);
/* Refuses a budget under which no step could run, and says the smallest that works; then starts the readers. */
viv_status store_start(struct store *s, struct error *err);
/* Reads the units into memory that were used most, until four fifths of the budget are full, and keeps them there:
 * `uses(ctx, path, i)` says how often. */
viv_status store_pin(struct store *s, uint64_t (*uses)(void *ctx, const char *path, uint64_t i), void *ctx,
                     struct error *err);

/* See viv_expert_cache. *block is valid until let go. */
viv_status store_hold(struct store *s, struct unit *units, uint64_t i, const void **block, struct error *err);
void store_let_go(struct store *s, struct unit *units, uint64_t i);
void store_expect(struct store *s, struct unit *units, const uint32_t *which, uint64_t n);
bool store_is_here(struct store *s, const struct unit *units, uint64_t i);

/* A step begins: nothing is expected any more, and what follows counts as this. */
void store_begin(struct store *s, enum store_phase phase);
void store_stats(struct store *s, struct store_stats *out);

#endif
