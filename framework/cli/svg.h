/* svg.h - drawings: SVG 1.1 into a buffer. They stand alone, need nothing from a network, take the light or dark of
 * whoever looks at them, and say in words what they show. */
#ifndef CLI_SVG_H
#define CLI_SVG_H

#include "base/buf.h"

/* Begins a drawing of this size; `title` and `description` are what is read out loud. */
void svg_begin(struct buf *out, double width, double height, const char *title, const char *description);
void svg_end(struct buf *out);

/* class: one of the style's: "fg", "faint", "accent", "load"; opacity 0 to 1. `tip`: shown when pointed at, or
 * NULL. */
void svg_rect(struct buf *out, double x, double y, double width, double height, const char *class, double opacity,
              const char *tip);
/* anchor: "start", "middle" or "end" */
void svg_text(struct buf *out, double x, double y, const char *anchor, const char *class, const char *text);
/* Text between tags or quotes of XML and HTML. */
void svg_escape(struct buf *out, const char *text);

#endif
