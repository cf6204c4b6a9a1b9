/* drawing.h - the architecture of a model as a picture: its layers as nested blocks, each as high as its share.
 *
 * Width means nothing: all blocks of a stack are as wide as each other, whatever they stand in, so that heights,
 * and areas, can be compared. A block too low for its name is drawn with an empty rest; its colour has the true
 * height. Of experts, the solid part of the colour is what works on one token. */
#ifndef CLI_COMPARE_DRAWING_H
#define CLI_COMPARE_DRAWING_H

#include "cli/compare/blocks.h"

enum { DRAWING_ANCHORS = 6 };

struct drawing_look {
    const char *name;                /* of the model, as the title; NULL: none is drawn */
    const char *called;              /* without a title: its name, for those who listen */
    const char *about;               /* a line below it, or NULL */
    const char *measured;            /* "parameters", "operations" */
    double unit;                     /* pixels per unit of the measure; 0: the whole is FULL_HEIGHT high */
    bool alone;                      /* a file of its own: with style and legend */
    double anchors[DRAWING_ANCHORS]; /* where landmarks are at the least (drawing_align); all 0: where they fall */
};
enum { FULL_HEIGHT = 560 };

viv_status drawing_write(const struct blocks *b, const struct drawing_look *look, struct buf *out,
                         struct error *err);
/* Moves the landmarks of n drawings that will stand side by side (the first layer, the first repeat, attention and
 * feed-forward in it) to equal heights. */
void drawing_align(const struct blocks *const *b, struct drawing_look *looks, size_t n);

/* The blocks in a sentence: "embedding; 28 times (residual of (rms_norm, attention); ...); linear". */
void drawing_describe(const struct blocks *b, struct buf *out);

#endif
