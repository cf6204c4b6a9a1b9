/* report.h - a comparison as one HTML file that needs nothing else: tables that sort, charts, and a drawing of each
 * architecture, for whoever opens it years later on whatever screen or paper. */
#ifndef CLI_COMPARE_REPORT_H
#define CLI_COMPARE_REPORT_H

#include "cli/compare/comparison.h"

#include <stdio.h>

/* How the comparison came about. */
struct report_origin {
    const char *command; /* as it could be typed again */
    const char *version; /* of viv */
    const char *machine; /* that it was made on */
    const char *date;
};

/* The rows are those of `c`; charts ask its facts the same questions at more contexts. What is written is whole, or
 * the status says that it is not. */
viv_status report_html(const struct comparison *c, const struct comparison_query *q,
                       const struct report_origin *origin, FILE *stream, struct error *err);

#endif
