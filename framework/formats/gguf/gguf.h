/* gguf.h - what the files of this folder share: a file as it is read. gguf.c says how a GGUF file is made. */
#ifndef FORMATS_GGUF_GGUF_H
#define FORMATS_GGUF_GGUF_H

#include "formats/checkpoint.h"

/* Types of metadata. */
enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    N_GGUF_TYPES
};

/* One key of the metadata, in the mapping. */
struct kv {
    const char *key; /* terminated copy */
    uint32_t type, element_type;
    uint64_t n;                /* of an array: elements; of a string: bytes */
    const unsigned char *data; /* the value; of an array its first element; of a string a terminated copy */
    const uint64_t *offsets;   /* of an array of strings: of every element, from data */
};

struct keys {
    struct kv *kv;
    uint32_t n;
    struct strmap by_name;
};

/* A position in a file, checked against its end. */
struct cursor {
    const struct file_map *map;
    uint64_t at;
    struct error *err;
};

/* One file: read up to its tensors. */
struct part {
    struct keys keys;
    struct cursor c;
    uint64_t n_tensors, alignment;
};

/* The state while the files are read. */
struct reader {
    struct checkpoint *ck;
    struct part *parts;
    uint32_t n_parts;
    uint64_t n_keys, n_tensors, n_strings, n_elements, n_text; /* of all parts so far */
    struct error *err;
};

/* --- metadata.c ----------------------------------------------------------------------------------------------- */

/* Bytes of one value of a type; 0 for strings and arrays. */
uint64_t gguf_width(uint32_t type);
/* Reports invalid data at the cursor. Returns VIV_EFORMAT, so that a failure is one line. */
#define gguf_bad(...) (gguf_set_bad(__VA_ARGS__), VIV_EFORMAT)
void gguf_set_bad(const struct cursor *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The next n bytes, in the mapping. `what` is named where the file ends before. */
viv_status gguf_take(struct cursor *c, uint64_t n, const unsigned char **out, const char *what);
viv_status gguf_take_number(struct cursor *c, uint64_t n, uint64_t *out, const char *what);
/* The name of a key or tensor: not empty, copied and terminated. */
viv_status gguf_take_name(struct reader *r, struct cursor *c, const char **out, const char *what);
viv_status gguf_read_key(struct reader *r, struct part *p);
struct meta gguf_meta_of(const struct keys *keys, const char *key);
/* As in struct format. */
struct meta gguf_meta_element(const struct checkpoint *ck, const struct meta *array, uint64_t index);

/* gguf.c: opens the header of a file that is in memory, as if the file ended there. Copies it. */
viv_status gguf_open_bytes(struct checkpoint *ck, const char *name, const void *bytes, size_t n, struct error *err);

/* --- tensors.c ------------------------------------------------------------------------------------------------ */

/* The tensors of a file, whose keys have been read. */
viv_status gguf_read_tensors(struct reader *r, struct part *p);

#endif
