/* expand.h - shared by the files that expand a spec: the values of params, the scope of expressions, and the
 * weights and nodes of the graph so far. To expand a spec is to turn it into a flat graph: repeats are unrolled,
 * switches decided, expressions evaluated. Functions that take an expander write errors to its `err`. */
#ifndef SPEC_EXPAND_H
#define SPEC_EXPAND_H

#include "base/strmap.h"
#include "spec/document.h"

struct param_state {
    enum { PARAM_UNKNOWN, PARAM_BUSY, PARAM_KNOWN, PARAM_MISSING } state;
    struct value value;
    const char *source;
};

struct expander {
    const struct spec *spec;
    const struct checkpoint *checkpoint; /* or NULL */
    struct arena *arena;
    struct error *err;
    struct param_state *params; /* [spec->n_params] */
    int64_t index;              /* i; -1 outside of repeats */
    bool weights_are_words;     /* in attributes that name weights, the key of a weight is a string */
    struct placement place;     /* of the model's tensors in safetensors files */
    struct expr_scope scope;
    struct buf *noted; /* or NULL: receives "name = value" of each name that is looked up */
};

bool expander_gguf(const struct expander *x);
bool expander_has_tensors(const struct expander *x);   /* names and shapes of a checkpoint's tensors are known */
const char *expander_naming(const struct expander *x); /* "gguf" or "hf" */
viv_status expander_init(struct expander *x, const struct spec *s, const struct checkpoint *c, struct arena *a,
                         struct error *err);

/* Params that files have a key for get the values of `e`; all others are computed again. */
void expander_take_params(struct expander *x, const struct expansion *e);

/* Evaluates a scalar as an expression; a quoted one is a string. Errors have its position. */
viv_status expander_eval(struct expander *x, const struct yaml *y, struct value *out);
viv_status expander_eval_bool(struct expander *x, const struct yaml *y, bool *out);
viv_status expander_eval_dims(struct expander *x, const struct yaml *list, uint64_t dims[8], uint32_t *n);

/* The type of a param, from its declaration. */
struct param_type {
    enum value_kind kind;
    bool list, activation;
    const struct yaml *length; /* of a list; NULL: any */
    const struct yaml *min, *max, *choices;
};
viv_status param_type_read(const struct yaml *declaration, struct param_type *t, struct error *err);
/* choices.c: checks that a value is one of the choices of its param (called `who` in errors), and replaces it by
 * our name for it. */
viv_status expander_check_choice(struct expander *x, const struct param_type *t, struct value *v, const char *who);

/* Whether a string is a key of a checkpoint's metadata, or has(), lacks(), rows(), size(), len() or where() of
 * one. */
bool expander_is_metadata_key(const char *text);

/* params.c: the value of a param, computed on first use. */
viv_status expander_param(struct expander *x, const char *name, struct value *out, struct error *err);
/* Computes all params. Those without a value are listed in one error. */
viv_status expander_params(struct expander *x);

/* options.c: fails for quantized weights that the spec does not support. *unread: other options of config.json or a
 * GGUF file that the spec neither reads nor declares to have no effect. */
viv_status expander_check_options(struct expander *x, const char *const **unread, uint32_t *n_unread);

/* place.c: finds the place of the model among the tensors of a safetensors checkpoint, which may hold a larger
 * model. For others, it is the family's own place. */
viv_status place_of(struct expander *x, struct placement *out);
/* Finds the name in a map that stands for the family's name; *at: the map's value. */
bool place_find(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at);
/* The same for a name of another model class around or within this model, as adapters have. */
bool place_find_foreign(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at);

/* names.c: the tensor with this name of the family, or NULL. */
const viv_tensor *expander_tensor(const struct expander *x, const char *name);
/* Fills in a tensor's name. each: the value of {e}, or -1. */
viv_status expander_fill_name(struct expander *x, const struct yaml *y, int64_t each, const char **out);
/* Where a param is: a path into config.json has its {name}s filled in. */
viv_status expander_place(struct expander *x, const struct yaml *y, const char **out);
/* The names and experts of a weight, as the checkpoint has them. */
viv_status spec_weight_names(struct expander *x, const struct weight_entry *entry, struct weight *w);
bool spec_weight_is_indexed(const struct weight_entry *w); /* whether its names contain {i} */

/* transforms.c: the list of a weight's transforms for files of one naming ("hf", "gguf"), or NULL. */
const struct yaml *spec_weight_transforms_of(const struct yaml *weight, const char *naming);
viv_status spec_weight_transforms(struct expander *x, const struct weight_entry *entry, struct weight *w);

/* weights.c: the weights that layers use. */
struct weight_list {
    struct weight *items;
    size_t n, capacity;
    struct strmap known; /* "key#i" -> index + 2 */
    uint32_t depth;      /* of `else` in `else` */
};
/* The weight of this key for the present i, created on first use; -2: absent. If its `when` is false, or it is
 * missing and has an `else`, this is its substitute. */
viv_status spec_weight_find(struct expander *x, struct weight_list *l, const char *key, int64_t *index);
/* Counts a weight that no layer uses, if the checkpoint has it or, without a checkpoint, the spec says so. */
viv_status spec_weight_add_unread(struct expander *x, struct weight_list *l, const struct weight_entry *entry);
void spec_weight_list_release(struct weight_list *l);

/* attributes.c: the value of an attribute; for a weight, its key. Not for attributes that take a value of the
 * graph. */
viv_status expander_eval_attr(struct expander *x, const viv_attr *attr, const struct yaml *y, struct value *out);
bool spec_attr_is_word(const char *text); /* such as choices are: letters, digits and '_' */

enum { MAX_SAVED = 64 };

/* unroll.c: the nodes of all stacks. n_values begins with 1: what enters them. */
struct unroller {
    struct expander *x;
    struct weight_list *weights; /* receives those that layers use */
    struct node *nodes;
    size_t n_nodes, capacity;
    uint32_t n_values;
    /* where it is */
    const char *path;
    uint32_t depth;
    struct saved_value {
        const char *name;
        uint32_t value;
    } saved[MAX_SAVED];
    uint32_t n_saved;
    struct strmap paths; /* -> index into counts */
    uint32_t *counts;    /* how many nodes have a path */
    size_t n_counts, counts_capacity;
};
/* Adds the nodes of one stack, out->name. */
viv_status unroller_run(struct unroller *u, const struct yaml *list, struct stack *out);
void unroller_release(struct unroller *u);

#endif
