/* plan.h - what becomes of each tensor of a GGUF file when it is quantized: its type, by a mix (mixes.h) and by
 * rules of the user, and its size. */
#ifndef QUANTIZE_PLAN_H
#define QUANTIZE_PLAN_H

#include "quantize/imatrix.h"
#include "quantize/mixes.h"
#include "quantize/source.h"

/* Tensors whose name matches the pattern get the type; the last rule that matches counts. */
struct type_rule {
    const char *pattern; /* a glob, as of fnmatch(3): 'blk.*.ffn_down.weight' */
    uint32_t dtype;
};

struct planned {
    const viv_tensor *from;
    uint32_t dtype;
    uint32_t wanted; /* before another type had to stand in, because its blocks do not divide the rows */
    bool by_rule;
    const struct imatrix_entry *importance; /* or NULL */
    uint64_t bytes;
};

struct quantize_plan {
    const struct weight_source *weights;
    const struct checkpoint *source; /* its header */
    const struct mix *mix;
    const struct imatrix *imatrix; /* or NULL */
    struct planned *tensors;       /* [source->n_tensors] in the source's order */
    uint64_t bytes, bytes_before;  /* of all tensors */
    uint64_t n_elements;
    uint32_t n_requantized;        /* tensors whose source is quantized already and whose type changes */
    uint32_t n_replaced;           /* whose rows do not divide */
    uint32_t n_without_importance; /* quantized weights that the matrix does not have; 0 without a matrix */
};

/* "blk.*.ffn_down.weight=q6_k" as a rule; the pattern is malloc'ed. */
viv_status type_rule_parse(struct type_rule *out, const char *text, struct error *err);

/* Refuses rules that match nothing, and a matrix of another model. Reads no weights. quantize_plan_release in any
 * case. */
viv_status quantize_plan(struct quantize_plan *p, const struct weight_source *weights, const struct mix *mix,
                         const struct type_rule *rules, size_t n_rules, const struct imatrix *imatrix,
                         struct error *err);
void quantize_plan_release(struct quantize_plan *p);

#endif
