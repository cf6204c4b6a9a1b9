/* writer.h - writes a GGUF file: metadata first, then the list of tensors, then their data, one after another.
 *
 *   gguf_writer_begin    opens a draft beside the path
 *   gguf_put_..., gguf_copy_metadata, gguf_add_tensor    in any order
 *   gguf_write_header    from here on, the list is fixed
 *   gguf_write_data      the bytes of all tensors in the order of the list, in pieces of any size
 *   gguf_writer_keep     checks that all data is there, and renames the draft to the path
 *
 * The first failed gguf_put or gguf_add_tensor is reported by gguf_write_header. gguf_writer_drop comes last in any
 * case: without gguf_writer_keep the path is as it was before. One writer belongs to one thread. */
#ifndef FORMATS_GGUF_WRITER_H
#define FORMATS_GGUF_WRITER_H

#include "formats/checkpoint.h"

struct gguf_writer {
    struct file_draft file;
    struct buf keys, tensors; /* as they are in the file */
    uint64_t n_keys, n_tensors, alignment;
    uint64_t offset; /* of the next tensor that is added, from the begin of the data */
    uint64_t *ends;  /* [n_tensors] where the data of each ends, without what aligns the next */
    size_t ends_capacity;
    uint64_t at, next; /* bytes of data written, and which tensor they belong to */
    viv_status failed; /* of a put */
};

viv_status gguf_writer_begin(struct gguf_writer *w, const char *path, struct error *err);
void gguf_writer_drop(struct gguf_writer *w); /* accepts a zeroed one */
viv_status gguf_writer_keep(struct gguf_writer *w, struct error *err);

void gguf_put_u32(struct gguf_writer *w, const char *key, uint32_t value);
void gguf_put_i32(struct gguf_writer *w, const char *key, int32_t value);
void gguf_put_f32(struct gguf_writer *w, const char *key, float value);
void gguf_put_bool(struct gguf_writer *w, const char *key, bool value);
void gguf_put_string(struct gguf_writer *w, const char *key, const char *value);
/* Lists. */
void gguf_put_i32s(struct gguf_writer *w, const char *key, const int32_t *values, uint64_t n);
void gguf_put_f32s(struct gguf_writer *w, const char *key, const float *values, uint64_t n);
void gguf_put_bools(struct gguf_writer *w, const char *key, const bool *values, uint64_t n);
void gguf_put_strings(struct gguf_writer *w, const char *key, const char *const *values, uint64_t n);
/* The metadata of a GGUF file, byte for byte, and its alignment; without keys for which `leave_out` says so. */
void gguf_copy_metadata(struct gguf_writer *w, const struct checkpoint *from, bool (*leave_out)(const char *key));
/* shape: outermost first, as of viv_tensor. */
void gguf_add_tensor(struct gguf_writer *w, const char *name, uint32_t dtype, uint32_t ndim, const int64_t *shape);

viv_status gguf_write_header(struct gguf_writer *w, struct error *err);
/* For a model that is still to be made: opens what was put and added, as if it were a file called `name` that ends
 * behind its header. Its tensors have no data. The writer needs no gguf_writer_begin: {.alignment = 32}. */
viv_status gguf_open_header(const struct gguf_writer *w, const char *name, struct checkpoint *out,
                            struct error *err);
viv_status gguf_write_data(struct gguf_writer *w, const void *bytes, uint64_t n, struct error *err);

#endif
