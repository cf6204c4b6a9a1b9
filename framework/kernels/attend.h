/* attend.h - the attention mask: which keys a query sees. All attention kernels use this. */
#ifndef KERNELS_ATTEND_H
#define KERNELS_ATTEND_H

#include "base/size.h"

#include <vivarium/kernels.h>

struct seen {
    uint64_t begin, end;
};

/* The tokens that query row r sees; none when begin >= end. */
static inline struct seen attend_seen(const viv_attend *a, uint64_t r)
{
    uint64_t at = a->position + r;
    uint64_t begin = a->window && at + 1 > a->window ? at + 1 - a->window : 0;
    if (a->chunk)
        begin = size_max(begin, at / a->chunk * a->chunk);
    uint64_t end = a->n_keys;
    if (a->flags & VIV_ATTEND_CAUSAL)
        end = size_min(end, at + 1);
    else if (a->window && end > at && end - at > a->window)
        end = at + a->window;
    return (struct seen){begin, end};
}

/* The stride, in elements, between the values of two tokens. */
static inline uint64_t attend_v_stride(const viv_attend *a)
{
    return a->v_stride ? a->v_stride : a->v_dim;
}

#endif
