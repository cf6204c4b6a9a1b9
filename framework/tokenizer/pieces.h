/* pieces.h - a text cut into pieces: what goes from one stage of a tokenizer to the next. */
#ifndef TOKENIZER_PIECES_H
#define TOKENIZER_PIECES_H

#include "base/buf.h"
#include "base/error.h"

struct piece {
    size_t at, n; /* bytes of the text */
};

struct pieces {
    struct buf text;
    struct piece *v;
    size_t n, capacity;
};

/* A zeroed struct pieces is an empty one. */
void pieces_release(struct pieces *p);
void pieces_clear(struct pieces *p);
/* Appends a piece with this text; an empty one is left out. False: memory is out. */
bool pieces_add(struct pieces *p, const char *s, size_t n);

/* What becomes of the delimiters where a piece is split. */
enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS
};

/* Ranges that cover a text, each a match or what lies between. A match may be empty: it cuts there. */
struct range {
    size_t begin, end;
    bool match;
};
struct ranges {
    struct range *v;
    size_t n, capacity;
};
void ranges_release(struct ranges *r);
/* An empty range that is no match is left out. */
bool ranges_add(struct ranges *r, size_t begin, size_t end, bool match);
/* Adds the pieces of text that the behaviour makes of the ranges. */
bool split_ranges(const char *text, const struct ranges *r, enum split_behavior behavior, struct pieces *out);

#endif
