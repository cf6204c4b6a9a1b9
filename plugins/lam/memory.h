/* memory.h - what models are to remember of a workspace, from one run to the next: texts in .viv/memory.db, a
 * database of SQLite with an index of their words (FTS5), and with their vectors where the spec names an encoder.
 *
 * A search ranks by words and by vectors. Both ranks count, by reciprocal rank fusion (Cormack et al. 2009):
 *   score(text) = sum over the two ranks of 1 / (60 + rank)                                                    */
#ifndef LAM_MEMORY_H
#define LAM_MEMORY_H

#include "lam.h"

struct memory;
struct recollection {
    int64_t id, run, time;
    const char *text;
};
/* Who makes vectors of texts; use NULL: nobody. */
struct encoder {
    const viv_generator *generator;
    const char *use;
};
/* That of a spec's `memory`. */
struct encoder encoder_of(const struct settings *s, const viv_generator *g);
/* Whether each is told on; anything but VIV_OK ends it. */
typedef viv_status (*recollect)(void *ctx, const struct recollection *r);

/* *out NULL: there is none, and `make` is not set. VIV_EUNSUPPORTED: built without SQLite. */
viv_status memory_open(const struct root *r, bool make, struct memory **out);
void memory_close(struct memory *m); /* accepts NULL */
viv_status memory_add(struct memory *m, const struct encoder *e, int64_t run, const char *text, int64_t *id);
bool looks_secret(const char *text); /* secrets.c */
/* Those that have any of these words or are near to them, the best first; NULL: all, the latest first. At most
 * `most`. Vectors that are missing are made. */
viv_status memory_search(struct memory *m, const struct encoder *e, const char *words, int64_t most, recollect tell,
                         void *ctx);
/* VIV_ENOTFOUND: there is none of this number. */
viv_status memory_forget(struct memory *m, int64_t id);

#endif
