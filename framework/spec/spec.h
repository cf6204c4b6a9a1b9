/* spec.h - from a YAML spec to a flat, checked list of layers and weights.
 *
 *   MODEL --spec_open--> struct spec --spec_expand(checkpoint)--> struct expansion --graph--> ...
 *
 * A spec is strict YAML; every key stands in one table (keys.def), from which checks, manual and JSON Schema are
 * made; every error is `file:line:column: sentence`. man/viv-spec.5 describes the language. */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "formats/checkpoint.h"
#include "layers/layers.h"

#include <stdbool.h>

struct position {
    const char *file;
    uint32_t line, column; /* from 1 */
};

/* A value of a parameter or attribute, as expressions compute it. */
enum value_kind { VALUE_NONE, VALUE_INT, VALUE_FLOAT, VALUE_BOOL, VALUE_STRING, VALUE_LIST };
struct value {
    enum value_kind kind;
    uint32_t n; /* of VALUE_LIST */
    union {
        int64_t i; /* VALUE_INT, VALUE_BOOL */
        double f;
        const char *s;
        const struct value *list;
    };
};

struct spec; /* a spec document with all that it uses, checked */

/* What a spec sets for its user. Not set: SETTING_NONE of integers, NAN of numbers, NULL of texts. */
enum { SETTING_NONE = -2 };
struct spec_settings {
    int64_t context, threads;                       /* tokens a sequence may have; workers */
    const char *scheduler, *system, *chat_template; /* chat_template: a path */
    double temperature, top_p, min_p, typical_p, repetition_penalty, presence_penalty, frequency_penalty;
    int64_t top_k, seed, max_tokens; /* max_tokens -1: no limit but the context */
    const char *const *stop, *const
                                 *allow_threads; /* [n_stop]; [n_allow_threads] libraries: of defaults.yaml alone */
    uint32_t n_stop, n_allow_threads;
};

/* What specs are read against; borrowed by every spec opened in it. */
struct spec_world {
    const struct layer_set *layers;
    const char *const *directories; /* where named specs are looked for, NULL-terminated: each holds families/,
                                       zoo/, embedded/, or specs of its own */
    const struct spec_settings *defaults; /* what every spec begins with; or NULL */
};

/* MODEL as the user writes it: a spec's name ("llama-3.2-1b"), a spec's path, a checkpoint directory, a .gguf or
 * .safetensors file. For a checkpoint the family is found by the specs' `matches`. */
viv_status spec_open(const struct spec_world *world, const char *model, struct spec **out, struct error *err);
void spec_close(struct spec *s);

const char *spec_name(const struct spec *s);         /* the file's base name without .yaml, or the checkpoint's */
const char *spec_path(const struct spec *s);         /* of the outermost document */
const char *spec_title(const struct spec *s);        /* what people call it; or NULL */
const char *spec_source(const struct spec *s);       /* where its numbers come from; or NULL */
const char *spec_family(const struct spec *s);       /* "llama" */
const char *spec_architecture(const struct spec *s); /* "llm" */
const char *spec_active(
    const struct spec *s); /* which of embedding and head count as active: "all", "head", "body" */
const char *spec_checkpoint(const struct spec *s); /* path of the weights, resolved against the spec; or NULL */
const struct spec_settings *spec_settings(const struct spec *s);
/* Reads a user's defaults.yaml; texts are in the arena. */
viv_status spec_read_defaults(const char *path, struct arena *arena, struct spec_settings *out, struct error *err);
/* [*n] adapters on them, "dir" or "dir:scale", resolved likewise. */
const char *const *spec_adapters(const struct spec *s, uint32_t *n);

/* Whether this is a word of the spec language where a layer's name may stand: "repeat". */
bool spec_is_step(const char *word);

/* Names of all specs in the world's directories, sorted; for lists and "did you mean". */
struct spec_listing {
    char **names; /* "families/llama", "zoo/llama-3.2-1b" */
    size_t n;
};
viv_status spec_list(const struct spec_world *world, struct spec_listing *out, struct error *err);
void spec_listing_release(struct spec_listing *l);

/* --- the expansion ----------------------------------------------------------------------------------------- */

struct param_value {
    const char *name;
    struct value value;
    const char *source; /* "config.json: hidden_size", "llama.embedding_length", "default", "spec" */
};

struct attr_value {
    const char *name;   /* dotted: "rope.theta" */
    struct value value; /* numbers and choices evaluated (a choice as its string); WEIGHT: index into weights as
                           VALUE_INT; VALUE: id of the graph value as VALUE_INT */
    struct position at;
};

/* One layer at one place. Value 0 is the token ids that enter its stack; every other is written by one node. */
struct node {
    const viv_layer_class *class;
    const char *plugin; /* that provides it: "plugin NAME (PATH)"; NULL: it is ours */
    struct position at;
    const char *path;  /* "layers.3.attention", "encoder.layers.3.attention": for messages and listings, unique */
    int64_t index;     /* i of the innermost repeat, -1 outside */
    uint32_t depth;    /* nesting in the spec, for drawing */
    uint32_t n_inputs; /* the running value first, then those named by attributes of kind VALUE in class order */
    const uint32_t *inputs;
    uint32_t output;
    const struct attr_value *attrs;
    uint32_t n_attrs;
};

enum transform_kind {
    TRANSFORM_TRANSPOSE,
    TRANSFORM_SPLIT,
    TRANSFORM_CONCAT,
    TRANSFORM_STACK,
    TRANSFORM_PERMUTE,
    TRANSFORM_MXFP4,
    TRANSFORM_UNPACK,
    TRANSFORM_ADD,
    TRANSFORM_NEG_EXP
};
struct transform {
    enum transform_kind kind;
    uint32_t axis;   /* split, concat, stack */
    uint32_t n_take; /* split: the parts taken along the axis, from each of `times` groups of parts */
    struct {
        uint64_t begin, end;
    } take[8];
    uint64_t times, whole; /* split: the parts of a group together; the axis must have so many for each group */
    uint32_t n_dims; /* permute: view the tensor as `view`, reorder by `order`, and view it as the result's shape */
    uint64_t view[8];
    uint32_t order[8];
    double addend; /* add */
};
static inline bool transform_joins(const struct transform *t)
{
    return t->kind == TRANSFORM_CONCAT || t->kind == TRANSFORM_STACK || t->kind == TRANSFORM_MXFP4;
}

/* A tensor that the graph needs. */
struct weight {
    const char *key;          /* "attn_q" as the spec calls it */
    int64_t index;            /* i, or -1 */
    const char *const *names; /* [n_names] in the checkpoint, of its naming (HF or GGUF); several are joined by a
                                 transform (concat, stack), or are experts */
    uint32_t n_names;
    uint32_t
        n_experts; /* the names are not joined: each is one expert along the first axis; 0: one tensor has all */
    const struct value *values; /* or NULL; a list that the weight is made of, then there are no names */
    uint32_t n_dims;
    uint64_t dims[8]; /* after the transforms */
    const struct transform *transforms;
    uint32_t n_transforms;
    int64_t otherwise; /* index of the weight that stands in when the checkpoint has none of the names; -1: that is
                          an error; -2: the weight is then absent (`else: none`) */
    bool unread;       /* no layer reads it: it only counts as the model's */
    struct position at;
};

/* The lists of layers that a spec may have, by the keys that hold them. */
enum stack_id { STACK_GRAPH, STACK_ENCODER, N_STACKS };
extern const char *const stack_names[N_STACKS];

struct stack {
    uint32_t begin, end; /* nodes */
    uint32_t output;     /* the value that it ends with */
};

/* Where a model lies among the tensors of a checkpoint: `add` stands there before a tensor's name where the
 * family's own names have `drop`, as in "language_model.model." and "model.". */
struct placement {
    const char *drop, *add;
};

struct expansion {
    struct arena arena;
    const struct spec *spec;
    struct placement place;
    struct param_value *params;
    uint32_t n_params;
    struct node *nodes; /* in order of execution: the encoder's, if there is one, then the graph's */
    uint32_t n_nodes;
    uint32_t n_values;
    struct stack stacks[N_STACKS]; /* [STACK_ENCODER] has no nodes where there is no encoder */
    struct weight *weights;        /* each weight at each index, used ones only */
    uint32_t n_weights;
    const char *const *ignore; /* globs of tensor names that may stay unread */
    const char *const
        *unread; /* options of config.json, or GGUF keys, that the spec does not know, the first few */
    uint32_t n_ignore, n_unread;
};

/* Evaluates params against the checkpoint (NULL: from the spec's own numbers; which are missing is an error that
 * lists them), unrolls repeats, switches, residuals and branches, evaluates attributes and shapes. */
viv_status spec_expand(const struct spec *s, const struct checkpoint *c, struct expansion **out, struct error *err);
/* What e would be if the weights came as safetensors: its params keep the values that they have from a GGUF file.
 */
viv_status spec_expand_as_hf(const struct expansion *e, struct expansion **out, struct error *err);
void expansion_destroy(struct expansion *e);

const struct value *expansion_param(const struct expansion *e, const char *name); /* or NULL */

/* Which of the names in a map stands for this one of a safetensors file, as any class around or within the model
 * may have it. *at: where the map leads from there. */
bool expansion_find_name(const struct expansion *e, const struct strmap *names, const char *name, uint32_t *at);

/* A weight, and the one that its `else` names: an output head that is the embedding where a model ties the two. Of
 * those with one name for all layers in files of this naming ("hf", "gguf"). */
struct tie {
    const char *key, *name;
    const char *other_key, *other_name;
};
/* The next one from *i on, which moves past it; false: there is no more. */
bool spec_tie(const struct spec *s, const char *naming, uint32_t *i, struct tie *out);

/* The canonical flat form as YAML text, and its SHA-256 as 64 hex digits. */
viv_status expansion_print(const struct expansion *e, struct buf *out, struct error *err);
viv_status expansion_hash(const struct expansion *e, char hex[65], struct error *err);

/* JSON Schema of the spec language, made from the key table and the layers' attributes. */
viv_status spec_schema(const struct spec_world *world, struct buf *out, struct error *err);

#endif
