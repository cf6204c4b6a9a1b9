/* spec.h - from a YAML spec to a flat, checked list of layers and weights.
 *
 *   MODEL --spec_open--> struct spec --spec_expand(checkpoint)--> struct expansion --graph--> ...
 *
 * A spec is strict YAML. All keys are in one table (keys.def), from which checks, manual and JSON Schema are
 * derived. Every error is `file:line:column: sentence`. man/viv-spec.5 describes the language. */
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

/* A value of a parameter, an attribute or an expression. */
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

/* Settings of a spec. Not set: SETTING_NONE for integers, NAN for numbers, NULL for strings. */
enum { SETTING_NONE = -2 };
struct spec_settings {
    int64_t context, threads;                       /* tokens a sequence may have; workers */
    const char *scheduler, *system, *chat_template; /* chat_template: a path */
    const char *draft;                              /* a MODEL, "ngram" or "none" */
    const char *grammar;                            /* a path */
    double temperature, top_p, min_p, typical_p, repetition_penalty, presence_penalty, frequency_penalty;
    int64_t top_k, seed, max_tokens; /* max_tokens -1: no limit but the context */
    double repack_cache; /* GB of the cache folder for repacked weights; 0: none: only in defaults.yaml */
    const char *const *stop, *const
                                 *allow_threads; /* [n_stop]; [n_allow_threads] libraries: only in defaults.yaml */
    uint32_t n_stop, n_allow_threads;
};

/* The environment of specs: directories, layers, defaults. Borrowed by every spec opened in it. */
struct spec_world {
    const struct layer_set *layers;
    const char *const *directories; /* where named specs are searched, NULL-terminated: each has families/, zoo/,
                                       embedded/, or specs of its own */
    const struct spec_settings *defaults; /* the initial settings of every spec; or NULL */
    const char *mmproj; /* the second file of a GGUF pair; "none"; NULL: one that lies beside the first, if any */
};

/* Opens MODEL as the user writes it: a spec's name ("llama-3.2-1b"), a spec's path, a checkpoint directory, a .gguf
 * or .safetensors file. For a checkpoint, the family is found by the specs' `matches`. */
viv_status spec_open(const struct spec_world *world, const char *model, struct spec **out, struct error *err);
/* The family of a checkpoint that is open. */
viv_status spec_open_family(const struct spec_world *world, const struct checkpoint *c, struct spec **out,
                            struct error *err);
void spec_close(struct spec *s);

const char *spec_name(const struct spec *s);         /* the file's base name without .yaml, or the checkpoint's */
const char *spec_path(const struct spec *s);         /* of the outermost document */
const char *spec_title(const struct spec *s);        /* its full name; or NULL */
const char *spec_source(const struct spec *s);       /* where its numbers come from; or NULL */
const char *spec_family(const struct spec *s);       /* "llama" */
const char *spec_architecture(const struct spec *s); /* "llm" */
const char *spec_active(
    const struct spec *s); /* which of embedding and head count as active: "all", "head", "body" */
const char *spec_checkpoint(const struct spec *s); /* path of the weights, resolved against the spec; or NULL */
const char *spec_mmproj(const struct spec *s);     /* the second file of these, see formats/mmproj.h; or NULL */
const struct spec_settings *spec_settings(const struct spec *s);
/* Reads a user's defaults.yaml. Strings are in the arena. */
viv_status spec_read_defaults(const char *path, struct arena *arena, struct spec_settings *out, struct error *err);
/* [*n] adapters of the spec, "dir" or "dir:scale", resolved in the same way. */
const char *const *spec_adapters(const struct spec *s, uint32_t *n);

/* Whether this is a keyword of the spec language in place of a layer's name, such as "repeat". */
bool spec_is_step(const char *word);

/* The names of all specs in the world's directories, sorted; for listings and suggestions. */
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

/* One layer in the flat graph. Value 0 is what enters its stack, token ids or rows; every other value is the output
 * of one node. */
struct node {
    const viv_layer_class *class;
    const char *plugin; /* that provides it: "plugin NAME (PATH)"; NULL: it is ours */
    struct position at;
    const char *path;  /* "layers.3.attention", "vision.layers.3.attention": for messages and listings, unique */
    int64_t index;     /* i of the innermost repeat, -1 outside */
    uint32_t depth;    /* nesting in the spec, for drawing */
    uint32_t n_inputs; /* the value of the list first, then those of VALUE attributes in the class's order */
    const uint32_t *inputs;
    uint32_t output;
    const struct attr_value *attrs;
    uint32_t n_attrs;
};

/* The value of an attribute; NULL if it is not set. */
const struct value *node_attr(const struct node *n, const char *name);

enum transform_kind {
    TRANSFORM_TRANSPOSE,
    TRANSFORM_SPLIT,
    TRANSFORM_CONCAT,
    TRANSFORM_STACK,
    TRANSFORM_PERMUTE,
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
    uint64_t times, whole; /* split: the size of a group; the axis must have `times` of these */
    uint32_t n_dims; /* permute: view the tensor as `view`, reorder by `order`, and view it as the result's shape */
    uint64_t view[8];
    uint32_t order[8];
    double addend; /* add */
};
static inline bool transform_joins(const struct transform *t)
{
    return t->kind == TRANSFORM_CONCAT || t->kind == TRANSFORM_STACK;
}

/* A tensor that the graph needs. */
struct weight {
    const char *key;          /* its key in the spec: "attn_q" */
    int64_t index;            /* i, or -1 */
    const char *const *names; /* [n_names] names in the checkpoint (HF or GGUF); several are joined by a transform
                                 (concat, stack), or are experts */
    uint32_t n_names;
    uint32_t
        n_experts; /* the names are not joined: each is one expert along the first axis; 0: one tensor has all */
    const struct value *values; /* or NULL; the numbers of the weight, then there are no names */
    uint32_t n_dims;
    uint64_t dims[8]; /* after the transforms */
    const struct transform *transforms;
    uint32_t n_transforms;
    int64_t otherwise; /* index of the substitute if the checkpoint has none of the names; -1: that is an error; -2:
                          the weight is then absent (`else: none`) */
    bool unread;       /* no layer uses it: it only counts as a parameter of the model */
    struct position at;
};

/* Whether tensors of both are transformed alike. */
bool weight_same_transforms(const struct weight *a, const struct weight *b);

/* The stacks of layers of a spec: those of `stacks`, from 0 on, then `encoder` and `graph`. */
enum stack_id { MAX_NAMED_STACKS = 6, STACK_ENCODER = MAX_NAMED_STACKS, STACK_GRAPH, N_STACKS };

struct stack {
    const char *name;    /* "graph"; NULL: there is no such stack */
    uint32_t begin, end; /* nodes; none if there is no such stack */
    uint32_t output;     /* its last value */
    uint64_t input_dim;  /* features of a row that enters it; 0: token ids */
    int32_t from;        /* the stack whose output enters it, or -1 */
};

/* The place of a model in a checkpoint: tensor names have the prefix `add` there, where the family's own names have
 * `drop`, as "language_model.model." and "model.". */
struct placement {
    const char *drop, *add;
};

struct expansion {
    struct arena arena;
    const struct spec *spec;
    struct placement place;
    struct param_value *params;
    uint32_t n_params;
    struct node *nodes; /* stack by stack: named ones, the encoder's, the graph's */
    uint32_t n_nodes;
    uint32_t n_values;
    struct stack stacks[N_STACKS];
    struct weight *weights; /* each weight at each index, used ones only */
    uint32_t n_weights;
    const char *const *ignore; /* globs of tensor names that may stay unused */
    const char *const *unread; /* the first few options of config.json, or GGUF keys, that the spec does not know */
    uint32_t n_ignore, n_unread;
};

/* Expands a spec to a flat graph. Evaluates params from the checkpoint (NULL: from the spec alone; an error lists
 * those that are missing), unrolls repeats, switches, residuals and branches, and evaluates attributes and shapes.
 */
viv_status spec_expand(const struct spec *s, const struct checkpoint *c, struct expansion **out, struct error *err);
/* The expansion of the same model as if its weights were safetensors. Params keep their values from the GGUF file.
 */
viv_status spec_expand_as_hf(const struct expansion *e, struct expansion **out, struct error *err);
void expansion_destroy(struct expansion *e);

/* A key of a GGUF file for a param of a model. */
struct gguf_key {
    const char *key;    /* "llama.block_count" */
    struct value value; /* none: the param has no value */
    uint32_t param;     /* of e->params */
    bool integer;       /* a choice that is a number in GGUF files */
    bool only_gguf;     /* config.json has no such param */
};
/* The keys of all params that have one, those of config.json first; no key twice. Fails for a family without a name
 * in GGUF files, and for a choice without one. *out: in the arena. */
viv_status expansion_gguf_keys(const struct expansion *e, struct arena *arena, struct gguf_key **out, uint32_t *n,
                               struct error *err);
/* The architecture's name in GGUF files, or NULL. */
const char *spec_gguf_name(const struct spec *s);
/* The weights of e by their names and transforms in GGUF files: out[e->n_weights]. A weight without a name there
 * has n_names 0. metadata: a GGUF checkpoint of the keys above. */
viv_status expansion_gguf_weights(const struct expansion *e, const struct checkpoint *metadata, struct arena *arena,
                                  struct weight *out, struct error *err);

const struct value *expansion_param(const struct expansion *e, const char *name); /* or NULL */

/* Finds the name in a map that stands for this name of a safetensors file of any model class around or within this
 * model. *at: the map's value. */
bool expansion_find_name(const struct expansion *e, const struct strmap *names, const char *name, uint32_t *at);

/* A weight and the one that its `else` names, such as an output head tied to the embedding. Only weights with one
 * name for all layers in files of this naming ("hf", "gguf"). */
struct tie {
    const char *key, *name;
    const char *other_key, *other_name;
};
/* The next one from *i on; *i moves past it. False: there are no more. */
bool spec_tie(const struct spec *s, const char *naming, uint32_t *i, struct tie *out);

/* The canonical flat form as YAML, and its SHA-256 as 64 hex digits. */
viv_status expansion_print(const struct expansion *e, struct buf *out, struct error *err);
viv_status expansion_hash(const struct expansion *e, char hex[65], struct error *err);

/* The JSON Schema of the spec language, from the key table and the layers' attributes. */
viv_status spec_schema(const struct spec_world *world, struct buf *out, struct error *err);

#endif
