/* pretokens.c - see pretokens.h. */
#include "tokenizer/pretokens.h"

#include <stdlib.h>

void pretokens_release(struct pretokens *p)
{
    buf_release(&p->text);
    free(p->v);
    *p = (struct pretokens){0};
}

void pretokens_clear(struct pretokens *p)
{
    buf_clear(&p->text);
    p->n = 0;
}

bool pretokens_add(struct pretokens *p, const char *s, size_t n)
{
    if (n == 0)
        return true;
    if (!VEC_RESERVE(p->v, p->n, p->capacity))
        return false;
    p->v[p->n] = (struct pretoken){p->text.size, n};
    if (!buf_append(&p->text, s, n))
        return false;
    p->n++;
    return true;
}

void ranges_release(struct ranges *r)
{
    free(r->v);
    *r = (struct ranges){0};
}

bool ranges_add(struct ranges *r, size_t begin, size_t end, bool match)
{
    if (begin == end && !match)
        return true;
    if (!VEC_RESERVE(r->v, r->n, r->capacity))
        return false;
    r->v[r->n++] = (struct range){begin, end, match};
    return true;
}

/* Whether range i belongs to the same pre-token as range i - 1. */
static bool joins(const struct ranges *r, size_t i, enum split_behavior behavior)
{
    const struct range *now = &r->v[i], *before = &r->v[i - 1];
    switch (behavior) {
    case SPLIT_CONTIGUOUS:
        return now->match == before->match;
    case SPLIT_MERGED_WITH_PREVIOUS:
        return now->match && !before->match;
    case SPLIT_MERGED_WITH_NEXT:
        return !now->match && before->match;
    default:
        return false;
    }
}

bool pretokens_split(const char *text, const struct ranges *r, enum split_behavior behavior, struct pretokens *out)
{
    for (size_t i = 0; i < r->n;) {
        size_t end = i + 1;
        while (end < r->n && joins(r, end, behavior))
            end++;
        bool dropped = behavior == SPLIT_REMOVED && r->v[i].match;
        if (!dropped && !pretokens_add(out, text + r->v[i].begin, r->v[end - 1].end - r->v[i].begin))
            return false;
        i = end;
    }
    return true;
}
