/* stored.h - what --expert-memory came to: how often experts were in memory, what was read, how long it took. */
#ifndef CLI_STORED_H
#define CLI_STORED_H

#include "base/buf.h"
#include "cli/out.h"
#include "model/model.h"

/* "experts in memory: 61 % of the time while reading, 83 % while answering; read 1.2 GiB, waited 0.35 s"; nothing
 * where there is no budget. */
void stored_line(const viv_model *m, struct buf *out);
/* The same as an object; null where there is no budget. */
json_t *stored_json(const viv_model *m);

#endif
