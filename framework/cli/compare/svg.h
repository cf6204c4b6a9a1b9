/* svg.h - drawings: SVG 1.1 into a buffer. They stand alone, need nothing from a network, take the light or dark of
 * whoever looks at them, and say in words what they show. Classes are those of svg.css. */
#ifndef CLI_COMPARE_SVG_H
#define CLI_COMPARE_SVG_H

#include "base/buf.h"

#include <stdbool.h>

extern const char svg_css[];

/* Begins a drawing of this size; `title` and `description` are what is read out loud. `alone`: a file of its own,
 * which brings its style. */
void svg_begin(struct buf *out, double width, double height, const char *title, const char *description,
               bool alone);
void svg_end(struct buf *out);

/* opacity 0 to 1. `tip`: shown when pointed at, or NULL. */
void svg_rect(struct buf *out, double x, double y, double width, double height, const char *class, double opacity,
              const char *tip);
/* The outline of a box with round corners. */
void svg_frame(struct buf *out, double x, double y, double width, double height, double radius, const char *class);
/* anchor: "start", "middle" or "end" */
void svg_text(struct buf *out, double x, double y, const char *anchor, const char *class, const char *text);
/* `data`: as of <path d="..."> */
void svg_path(struct buf *out, const char *class, const char *data, ...) __attribute__((format(printf, 3, 4)));
void svg_circle(struct buf *out, double x, double y, double radius, const char *class, const char *tip);

/* Text between tags or quotes of XML and HTML: what XML forbids is left out, what is not UTF-8 becomes U+FFFD. */
void svg_escape(struct buf *out, const char *text);
/* Cuts a text to what fits into `width` pixels in this size of letters, "..." behind it; returns out. */
const char *svg_fit(const char *text, double width, double size, char *out, size_t room);

#endif
