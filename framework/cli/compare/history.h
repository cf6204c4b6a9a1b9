/* history.h - comparisons that are kept, in SQLite: when, where and with which version each figure was found, so
 * that drift can be seen.
 *
 * A figure belongs to a model by the name that its user gave it and the hash of its expanded spec, and to a
 * machine. */
#ifndef CLI_COMPARE_HISTORY_H
#define CLI_COMPARE_HISTORY_H

#include "cli/compare/comparison.h"

struct history;

/* Makes the file where there is none. A file of another program, or of a newer version, is refused. */
viv_status history_open(const char *path, struct history **out, struct error *err);
void history_close(struct history *h); /* accepts NULL */
/* Where it is unless said: $XDG_STATE_HOME/vivarium/history.db. False: there is no such place. */
bool history_path(char *path, size_t capacity);

/* All known figures of the comparison, as one run, or nothing of it. */
viv_status history_save(struct history *h, const struct comparison *c, const char *command, struct error *err);

/* Calls take for each model that has runs (those named `model` alone, if that is not NULL), with a comparison whose
 * columns are its last runs, at most n_runs, the oldest first: a row for each figure that was measured. */
viv_status history_show(struct history *h, const char *model, uint32_t n_runs,
                        viv_status (*take)(void *ctx, const char *model, const struct comparison *runs,
                                           struct error *err),
                        void *ctx, struct error *err);

#endif
