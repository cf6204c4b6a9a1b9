/* feed.h - tokens through a model, every row of whose output is wanted: for verbs that look at numbers. */
#ifndef CLI_FEED_H
#define CLI_FEED_H

#include "cli/open.h"

struct ids {
    const int32_t *ids;
    uint64_t n;
};

/* What goes through the model. */
struct input {
    struct ids read;        /* by the encoder, if there is one */
    struct ids tokens;      /* of which there are outputs */
    int32_t start;          /* the one token, where the model begins its answer with one of its own */
    viv_sequence *sequence; /* where rows are placed already (engine/pictures.h); NULL: a new one */
};

/* Which tokens are read and which have outputs: one text, or, where there is an encoder, two; of these the second
 * is `written`, or, if it is empty, the token that an answer begins with. Refuses ids that the model has no row
 * for. *in must stay where it is. */
viv_status feed_arrange(const struct opened *o, const struct ids *given, const struct ids *written,
                        struct input *in, struct error *err);
/* Runs them, at most `rows_at_once` in a step; 0: as many as the model takes. Writes the outputs, [n, output_dim],
 * unless `out` is NULL. */
viv_status cli_feed(struct opened *o, const struct input *in, uint64_t rows_at_once, float *out, struct error *err);

#endif
