/* packed.h - quantized weights of safetensors files, which lie there in parts: integers, scales, zero points.
 *
 * packed_join puts one tensor in place of the parts of each: 'X.weight' [out, in] instead of 'X.qweight',
 * 'X.qzeros' and 'X.scales'. Its type is a block type (kernels/blocks.h) that holds the same numbers exactly; its
 * data is NULL until packed_make, or packed_read of some rows. Nothing else knows how a file was quantized. */
#ifndef FORMATS_PACKED_H
#define FORMATS_PACKED_H

#include "formats/checkpoint.h"

/* Joins the parts, as config.json and the files beside it in `dir` describe them. Reads no weights. */
viv_status packed_join(struct checkpoint *c, const char *dir, struct error *err);
void packed_release(struct checkpoint *c);

/* Whether a tensor of the checkpoint is made of parts, and has no data yet. */
bool packed_is(const struct checkpoint *c, const viv_tensor *t);
/* Whether it was made of parts at first, and in which order its inputs were then, as in packed_order. */
bool packed_joined(const struct checkpoint *c, const viv_tensor *t, const uint32_t **order);
/* Element k of a row is for input order[k]; NULL: for input k, as always unless a file sorts inputs (act-order). */
const uint32_t *packed_order(const struct checkpoint *c, const viv_tensor *t);
/* Whether it is a bias of zeros beside such a weight: AutoGPTQ writes one for every module, wanted or not. */
bool packed_spare_bias(const struct checkpoint *c, const viv_tensor *t);
/* Writes rows [first, first + n) of the type that the tensor was joined with, whatever has become of it since.
 * Fails where a scale or a weight is no number. [any thread] */
viv_status packed_read(const struct checkpoint *c, const viv_tensor *t, uint64_t first, uint64_t n, void *out,
                       struct error *err);
/* Gives the tensor its data, aligned and not yet written: that is packed_read's. The checkpoint owns it. */
viv_status packed_make(struct checkpoint *c, const viv_tensor *t, void **out, struct error *err);
/* Lets the pages of its parts leave the memory of this process: it has been read. */
void packed_forget(const struct checkpoint *c, const viv_tensor *t);
/* Gives it data that packed_read wrote in an earlier run, within c->repacked. */
void packed_map(struct checkpoint *c, const viv_tensor *t, const void *data);
/* Appends what packed_read depends on: the files (size, times, inode, samples), how they say that they are
 * quantized, and each tensor with the places of its parts. Paths are not among it. *changed: when the last file
 * changed, in seconds since 1970. */
viv_status packed_identity(const struct checkpoint *c, struct buf *out, double *changed, struct error *err);

#endif
