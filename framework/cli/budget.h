/* budget.h - opens a model so that the process stays within so much memory. What can be lowered without changing
 * the weights is lowered, by prediction (compare/memory.h): the rows of a step, the types of the KV cache, the
 * context. */
#ifndef CLI_BUDGET_H
#define CLI_BUDGET_H

#include "cli/open.h"

/* As cli_open_model, within `budget` bytes of resident memory; 0: there is no budget. Says on standard error what
 * was chosen. A context or a type that the options give is kept. Fails, and names the smallest budget, if nothing
 * fits. */
viv_status cli_open_within(struct opened *o, const struct common *common, uint64_t budget, const char *name,
                           struct error *err);

/* engine_open_draft, which no budget counts: a draft model is refused where there is one. */
viv_status cli_open_draft(struct opened *o, const char *draft, uint64_t budget, struct error *err);

#endif
