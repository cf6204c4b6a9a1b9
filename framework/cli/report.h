/* report.h - the report of viv compare, and where it comes from: command, machine, date. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "base/file.h"
#include "cli/compare/report.h"

/* Writes the report and keeps the draft. */
viv_status report_keep(const struct comparison *c, const struct comparison_query *q, struct file_draft *d,
                       struct error *err);

#endif
