/* lines.h - lines that somebody types, with editing and a history where libedit is there, or that come from a file
 * or a pipe. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

struct lines;

/* Of a file, or, for NULL and "-", of standard input. What somebody types is kept for another time (typed.h) if
 * `keeps` says so. */
viv_status lines_open(struct lines **out, const char *path, bool keeps, struct error *err);
void lines_close(struct lines *l);       /* accepts NULL */
bool lines_typed(const struct lines *l); /* somebody sits there */
void lines_keep(struct lines *l, bool keeps);

/* The next line, in place of what *line held, without its end. A line that is typed and ends in a backslash goes on
 * in the next, one that begins with """ goes on up to these; lines that are pasted are one. *end: there are no
 * more. Ctrl-C while waiting is VIV_ECANCELLED. */
viv_status lines_next(struct lines *l, struct buf *line, bool *end, struct error *err);

#endif
