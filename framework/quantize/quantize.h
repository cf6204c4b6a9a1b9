/* quantize.h - writes the GGUF file that a plan describes. */
#ifndef QUANTIZE_QUANTIZE_H
#define QUANTIZE_QUANTIZE_H

#include "quantize/plan.h"

struct quantize_options {
    uint32_t n_threads;     /* 0: as many as there are usable processors */
    const uint32_t *cancel; /* may become non-zero at any time; or NULL */
    /* Before each tensor, and behind the last with NULL; bytes of the source that are done. May be NULL. */
    void (*progress)(void *ctx, const struct planned *t, uint64_t done, uint64_t total);
    void *progress_ctx;
};

/* Writes beside `path` and renames at the end: when anything fails, `path` is as it was. Rows are decoded, checked
 * and encoded some at a time, so that memory does not depend on the size of a tensor; the file does not depend on
 * the number of threads. Refuses weights that are NaN, infinite, or too large for their type. */
viv_status quantize_write(const struct quantize_plan *p, const char *path, const struct quantize_options *options,
                          struct error *err);

#endif
