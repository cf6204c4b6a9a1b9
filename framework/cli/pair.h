/* pair.h - two models of one vocabulary, side by side: a reference and one that is compared with it. */
#ifndef CLI_PAIR_H
#define CLI_PAIR_H

#include "cli/open.h"

/* The reference has the host, the other one borrows it. */
struct pair {
    const char *const *names; /* as they were given: two directories may well have one name */
    struct opened a, b;
};

/* Opens both, each with its options; `names` is set. pair_close in any case. */
viv_status pair_open(struct pair *p, const struct common *on_a, const struct common *on_b, struct error *err);
viv_status pair_load(struct pair *p, struct error *err);
/* As cli_close_opened. */
int pair_close(struct pair *p, viv_status status, struct error *err);

#endif
