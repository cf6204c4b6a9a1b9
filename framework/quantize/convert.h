/* convert.h - shared by the files that turn a model of safetensors into GGUF: convert.c makes tensors,
 * convert_metadata.c the keys of params, convert_tokenizer.c those of the tokenizer, convert_check.c compares both
 * models. */
#ifndef QUANTIZE_CONVERT_H
#define QUANTIZE_CONVERT_H

#include "formats/gguf/writer.h"
#include "model/instance.h"
#include "quantize/source.h"

enum { MAX_PARTS = 4 };

/* A tensor of the GGUF file, and what it is made of. */
struct made {
    const char *name;
    uint32_t parts[MAX_PARTS], n_parts; /* weights of the model, one after the other along the first axis */
    bool raw;                           /* the tensor of the safetensors file as it is, before its transforms */
    uint64_t heads, rotated; /* rows of each head are reordered: see reorder in convert.c; 0 heads: not */
    const float *values;     /* the numbers themselves, f32; or NULL */
    uint32_t dtype, n_dims;
    int64_t shape[8];
};

struct conversion {
    viv_model *m;
    const struct binding *bindings; /* [m->expansion->n_weights] */
    struct arena arena;
    struct checkpoint header;
    struct gguf_key *keys; /* of params */
    bool *written;         /* [n_keys] */
    uint32_t n_keys;
    struct weight *weights; /* [m->expansion->n_weights] as GGUF names them */
    struct made *made;      /* [n_made] */
    size_t n_made, capacity;
    uint64_t window;   /* the smallest that GGUF files leave out, 0: none; then the context is at most that */
    struct spec *spec; /* that reads the result, and what it makes of the header */
    struct expansion *expansion;
    /* what is at hand */
    struct tensor_view view;
    uint32_t tensor; /* UINT32_MAX: nothing */
    uint64_t slice;
};

/* convert_metadata.c: puts the keys that are marked as written, and what else a header says. */
viv_status convert_metadata(struct conversion *c, struct gguf_writer *w, struct error *err);
/* Whether the frequencies of rotation are written as divisors: [dim / 2]. NULL: they are not. */
viv_status convert_rope_divisors(struct conversion *c, const float **out, uint64_t *n, struct error *err);

/* convert_tokenizer.c: puts the tokenizer and the chat template. */
viv_status convert_tokenizer(viv_model *m, uint64_t n_vocab, struct gguf_writer *w, struct error *err);
/* Fails unless the tokenizer of the header gives the ids of the model's. */
viv_status convert_check_tokenizer(viv_model *m, const struct checkpoint *header, struct error *err);

/* convert_check.c: fails unless the header means the same model, and finds the weights whose rows are in another
 * order there. */
viv_status convert_check(struct conversion *c, struct error *err);

#endif
