/* pretokens.h - a text split into pre-tokens: the output of a pre-tokenizer, and the input of the next one. */
#ifndef TOKENIZER_PRETOKENS_H
#define TOKENIZER_PRETOKENS_H

#include "base/buf.h"
#include "base/error.h"

struct pretoken {
    size_t at, n; /* bytes of the text */
};

struct pretokens {
    struct buf text;
    struct pretoken *v;
    size_t n, capacity;
};

/* A zeroed struct pretokens is an empty one. */
void pretokens_release(struct pretokens *p);
void pretokens_clear(struct pretokens *p);
/* Appends a pre-token with this text, unless it is empty. False: out of memory. */
bool pretokens_add(struct pretokens *p, const char *s, size_t n);

/* What happens to the delimiters when a text is split; the names are those of the tokenizers library. */
enum split_behavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS
};

/* Ranges that cover a text: matches, and the text between them. An empty match splits at its place. */
struct range {
    size_t begin, end;
    bool match;
};
struct ranges {
    struct range *v;
    size_t n, capacity;
};
void ranges_release(struct ranges *r);
/* Appends a range, unless it is empty and not a match. */
bool ranges_add(struct ranges *r, size_t begin, size_t end, bool match);
/* Appends the pre-tokens that result from the ranges by this behaviour. */
bool pretokens_split(const char *text, const struct ranges *r, enum split_behavior behavior, struct pretokens *out);

#endif
