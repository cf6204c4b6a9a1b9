/* chart.h - figures of several models as SVG: lines and points on two axes, and bars of shares.
 *
 * Series differ in colour, in dashes and in the shape of their marks, and bear their names where they end: nothing
 * is told by colour alone. A value that is not finite, or not positive on a logarithmic axis, is left out. */
#ifndef CLI_COMPARE_CHART_H
#define CLI_COMPARE_CHART_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

/* How numbers of an axis are written. */
enum unit { AXIS_COUNT, AXIS_BYTES, AXIS_TOKENS, AXIS_PLAIN };

struct axis {
    const char *label; /* "tokens of context" */
    enum unit unit;
    bool log;
    bool from_zero; /* of one that is not logarithmic */
};

struct series {
    const char *name; /* NULL: the name of the one before with the same colour says it */
    uint32_t colour;  /* the i-th model has colour i, in every chart */
    const double *x, *y;
    const double *low, *high; /* the spread of y, where 0 is none; or NULL */
    size_t n;
    bool line;        /* through the points */
    bool hollow;      /* marks: one of two kinds of points */
    bool plain;       /* no marks, no name: a limit that the others are held against */
    const char *says; /* what a point is: "measured"; or NULL */
};

struct chart {
    const char *title, *about; /* about: in words, for those who listen */
    struct axis x, y;
    const struct series *series;
    size_t n;
};

viv_status chart_write(const struct chart *c, struct buf *out, struct error *err);

/* One bar of parts that add up to the whole, as wide as the chart. */
struct bar {
    const char *name, *figure; /* figure: behind it, "46.7 B" */
    const double *parts;       /* [n_parts] */
};
/* Parts are coloured and named as in drawings (part_name). */
viv_status chart_bars(const char *title, const struct bar *bars, size_t n, uint32_t n_parts, struct buf *out,
                      struct error *err);

#endif
