/* expert_report.h - statistics of the expert cache (--expert-memory): how often experts were in memory, what was
 * read, how long it took. */
#ifndef CLI_EXPERT_REPORT_H
#define CLI_EXPERT_REPORT_H

#include "base/buf.h"
#include "cli/out.h"
#include "model/model.h"

/* "experts in memory: 61 % of the time in prefill, 83 % in decode; read 1.2 GiB, waited 0.35 s"; nothing without a
 * budget. */
void expert_report_line(const viv_model *m, struct buf *out);
/* The same as an object; null without a budget. */
json_t *expert_report_json(const viv_model *m);

#endif
