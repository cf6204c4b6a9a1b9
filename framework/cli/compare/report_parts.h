/* report_parts.h - what the files of the report share. */
#ifndef CLI_COMPARE_REPORT_PARTS_H
#define CLI_COMPARE_REPORT_PARTS_H

#include "cli/compare/report.h"
#include "cli/compare/svg.h"

struct report {
    const struct comparison *c;
    const struct comparison_query *q;
    struct buf *out;
    struct error *err;
};

/* Words as text between tags. */
static inline void put(struct report *r, const char *text)
{
    svg_escape(r->out, text);
}

static inline bool takes_part(const struct compared *m)
{
    return !m->why && m->facts.graph;
}

/* The first column of this model: what does not depend on the machine is drawn once. */
static inline bool is_first_column(const struct report *r, const struct compared *m)
{
    return takes_part(m) && m->device == r->c->devices;
}

void report_put_models(struct report *r);    /* the first rows, a line for each model */
void report_put_structure(struct report *r); /* what layers say of themselves: what is shared and what is not */
void report_put_numbers(struct report *r);   /* all other rows, a table for each section */
viv_status report_put_drawings(struct report *r);
viv_status report_put_charts(struct report *r);
/* What the colours of parts mean, of those that any model has. */
void report_put_key(struct report *r);

#endif
