/* checkpoint.h - a checkpoint, with weights and metadata: a directory of safetensors with config.json, a single
 * .safetensors file, a .gguf file or the first of a split one.
 *
 * Files are mapped read-only. Every offset and size is checked when a file is opened, so all bytes of a tensor can
 * be read. */
#ifndef FORMATS_CHECKPOINT_H
#define FORMATS_CHECKPOINT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/strmap.h"

#include <vivarium/tensor.h>

/* A metadata value. Arrays of numbers are read through checkpoint_meta_int and checkpoint_meta_float by index. */
enum meta_kind { META_NONE, META_INT, META_UINT, META_FLOAT, META_BOOL, META_STRING, META_ARRAY, META_OBJECT };
struct meta {
    enum meta_kind kind;
    enum meta_kind element; /* of META_ARRAY: kind of its elements, META_NONE when mixed or empty */
    uint64_t n;             /* of META_ARRAY: elements; of META_STRING: bytes */
    union {
        int64_t i;
        uint64_t u;
        double f;
        const char *s;     /* n bytes; terminated, unless it is an element of an array */
        const void *array; /* of META_ARRAY: private to the format */
    };
};

struct checkpoint;

/* A weight format. One file of this folder each: const struct format format_gguf = {...}. */
struct format {
    const char *name;  /* "gguf" */
    const char *names; /* which names a spec uses for it: "gguf" or "hf" */
    /* Whether path (a file or a directory) seems to have this format: by its first bytes, not only its name. */
    bool (*probe)(const char *path);
    viv_status (*open)(struct checkpoint *c, const char *path, struct error *err);
    /* The value at a key (GGUF: the key; HF: dotted path into config.json, e.g. "rope_parameters.rope_theta"; with
     * a slash before it, into all of config.json). kind META_NONE when absent or null. */
    struct meta (*meta)(const struct checkpoint *c, const char *key);
    struct meta (*meta_element)(const struct checkpoint *c, const struct meta *array, uint64_t index);
    /* The i-th key, or NULL after the last. The function may be NULL: then c->config has the keys. */
    const char *(*key)(const struct checkpoint *c, uint64_t i);
    void (*close)(struct checkpoint *c); /* releases what checkpoint_close does not; or NULL */
};

struct checkpoint {
    const struct format *format;
    char *path;         /* as given */
    struct arena arena; /* names, shapes, tensors */
    struct file_map *maps;
    uint32_t n_maps;
    viv_tensor *tensors; /* [n_tensors] */
    uint32_t n_tensors;
    struct strmap by_name; /* tensor name -> index */
    json_t *config;        /* HF: config.json; for a multimodal model that of its text part; else NULL */
    json_t *metadata;      /* HF: what `__metadata__` of the files says of tensors, a JSON text of each; or NULL */
    const char *whole;     /* the architecture of the multimodal model; NULL: it is not one */
    json_t *whole_config;  /* its config.json, where `config` is a part of it; else NULL */
    json_t *generation;    /* HF: generation_config.json, or NULL */
    char *no_weights; /* why the weights cannot be read; NULL: they can. Without weights, the data of tensors is
                         NULL, and there may be no tensors. */
    struct packed_weights *packed; /* tensors that are made of several, see packed/packed.h; NULL: none is */
    struct file_map repacked;      /* what an earlier run made of them, see packed_map */
    void *private_data;            /* of the format */
    struct checkpoint *second; /* a further file whose tensors and keys are among these, see mmproj.h; or NULL */
};

/* Opens a checkpoint of any format; the error lists what was searched. close accepts a zeroed struct. */
viv_status checkpoint_open(struct checkpoint *c, const char *path, struct error *err);
void checkpoint_close(struct checkpoint *c);
bool checkpoint_is_gguf(const struct checkpoint *c); /* else its tensors have the names of Hugging Face */
/* Whether names and shapes of its tensors are known. Not if there is only config.json. */
bool checkpoint_knows_tensors(const struct checkpoint *c);
/* Fails with c->no_weights if the weights cannot be read. */
viv_status checkpoint_need_weights(const struct checkpoint *c, struct error *err);

/* Whether a format recognises this path. */
bool checkpoint_probe(const char *path);
/* For formats' probes: if a file is of another known program, by its first bytes: which, and what to do; else NULL.
 */
const char *checkpoint_stranger(const struct file_map *map);
/* Whether a file begins like safetensors: a length of at most a terabyte, then an object. */
bool checkpoint_begins_safetensors(const struct file_map *map);
/* For a directory without weights of a known name: fails if it has other weights that can be read; else writes why
 * there are none, malloc'ed. */
viv_status checkpoint_explain_no_weights(const char *path, char **why, struct error *err);

const viv_tensor *checkpoint_tensor(const struct checkpoint *c, const char *name); /* or NULL */
/* Sets the error for a missing tensor, with the nearest name. */
viv_status checkpoint_missing(const struct checkpoint *c, const char *name, struct error *err);
/* Whether these bytes lie in a mapped file, and are no copy. */
bool checkpoint_is_mapped(const struct checkpoint *c, const void *bytes);
/* Adds a tensor that is in no file, under a new name; name, shape and strides are copied. Invalidates pointers to
 * all other tensors: call it before they are used. */
viv_status checkpoint_add(struct checkpoint *c, const char *name, const viv_tensor *tensor, struct error *err);

/* Of a model with config.json, all of it; else NULL. */
json_t *checkpoint_whole_config(const struct checkpoint *c);
struct meta checkpoint_meta(const struct checkpoint *c, const char *key);
struct meta checkpoint_meta_element(const struct checkpoint *c, const struct meta *array, uint64_t index);
/* Typed readers. False: absent, of another kind or out of range. */
bool checkpoint_meta_int(const struct meta *m, int64_t *out);
bool checkpoint_meta_float(const struct meta *m, double *out); /* also accepts integers */
const char *checkpoint_meta_kind_name(enum meta_kind kind);

/* The first of the `architectures` of config.json, else its `model_type`, or GGUF's general.architecture, for a
 * spec's `matches`; NULL if there is none. */
const char *checkpoint_architecture(const struct checkpoint *c);
/* `model_type` of config.json, or NULL. */
const char *checkpoint_model_type(const struct checkpoint *c);

#endif
