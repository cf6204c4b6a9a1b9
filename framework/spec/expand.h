/* expand.h - what the files of the expansion share: the params as values and the scope that expressions see; of the
 * graph as far as it is unrolled, its weights and its nodes. Functions that take an expander write errors to its.
 */
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
    bool weights_are_words;     /* a weight's key stands for itself, in attributes that name weights */
    struct placement place;     /* of the model among the tensors of safetensors files */
    struct expr_scope scope;
    struct buf *noted; /* or NULL: gets "name = value" of each name that is looked up */
};

bool expander_gguf(const struct expander *x);
bool expander_has_tensors(const struct expander *x);   /* names and shapes of a checkpoint's tensors are known */
const char *expander_naming(const struct expander *x); /* "gguf" or "hf" */
viv_status expander_init(struct expander *x, const struct spec *s, const struct checkpoint *c, struct arena *a,
                         struct error *err);

/* Evaluates a scalar as an expression (a quoted one is a text); errors carry its position. */
viv_status eval_at(struct expander *x, const struct yaml *y, struct value *out);
viv_status eval_bool(struct expander *x, const struct yaml *y, bool *out);
viv_status eval_dims(struct expander *x, const struct yaml *list, uint64_t dims[8], uint32_t *n);

/* What a declaration says of the values of its param. */
struct param_type {
    enum value_kind kind;
    bool list, activation;
    const struct yaml *length; /* of a list; NULL: any */
    const struct yaml *min, *max, *choices;
};
viv_status param_type(const struct yaml *declaration, struct param_type *t, struct error *err);
/* choices.c: whether a value is one of the words that its param may be, `who` naming it; it becomes our word. */
viv_status check_choice(struct expander *x, const struct param_type *t, struct value *v, const char *who);

/* Whether a text is a key of a checkpoint's metadata, or has(), lacks(), rows() or len() of one. */
bool is_place(const char *text);

/* params.c: the value of a param, computed on first use. */
viv_status param_value(struct expander *x, const char *name, struct value *out, struct error *err);
/* All of them; those without a value are one error that lists them. */
viv_status params_all(struct expander *x);

/* options.c: refuses packed weights that the spec does not know; *unread: what else config.json or a GGUF file says
 * that the spec neither reads nor calls of no effect. */
viv_status options_check(struct expander *x, const char *const **unread, uint32_t *n_unread);

/* place.c: where the model lies among the tensors of its checkpoint; the family's own place where that is none of
 * safetensors. */
viv_status place_of(struct expander *x, struct placement *out);
/* Which of the names in a map is the family's name: *at is where the map leads from there. */
bool place_find(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at);
/* The same for a name as another class around or within the model would have it: an adapter's. */
bool place_find_foreign(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at);

/* names.c: the tensor of a family's name, or NULL. */
const viv_tensor *tensor_named(const struct expander *x, const char *name);
/* A tensor's name, filled in; each: what {e} stands for, or -1. */
viv_status name_fill(struct expander *x, const struct yaml *y, int64_t each, const char **out);
/* The names and experts of a weight, as the checkpoint has them. */
viv_status weight_names(struct expander *x, const struct weight_entry *entry, struct weight *w);
bool weight_is_indexed(const struct weight_entry *w); /* whether {i} stands in its names */

/* transforms.c: the list of a weight's transforms for files of one naming ("hf", "gguf"), or NULL. */
const struct yaml *transforms_of(const struct yaml *weight, const char *naming);
viv_status weight_transforms(struct expander *x, const struct weight_entry *entry, struct weight *w);

/* weights.c: weights that were asked for. */
struct weight_list {
    struct weight *items;
    size_t n, capacity;
    struct strmap known; /* "key#i" -> index + 2 */
    uint32_t depth;      /* of `else` in `else` */
};
/* The weight of this key for the present i, made on first use; -2: it is absent. One whose `when` is false, or
 * which has an `else` and is missing, is the one that stands in for it. */
viv_status weight_find(struct expander *x, struct weight_list *l, const char *key, int64_t *index);
/* Counts a weight that no layer has asked for, where the checkpoint has it or, without one, the spec says so. */
viv_status weight_add_unread(struct expander *x, struct weight_list *l, const struct weight_entry *entry);
void weight_list_release(struct weight_list *l);

/* attributes.c: the value of an attribute; of one that takes a weight, its key. Not of those that take a value. */
viv_status attr_eval(struct expander *x, const viv_attr *attr, const struct yaml *y, struct value *out);
bool attr_is_word(const char *text); /* such as choices are: letters, digits and '_' */

enum { MAX_SAVED = 64 };

/* unroll.c: nodes, of both stacks. Begins with n_values 1: the token ids. */
struct unroller {
    struct expander *x;
    struct weight_list *weights; /* gets those that layers ask for */
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
/* Adds the nodes of one stack, which begins with the token ids anew. */
viv_status unroll(struct unroller *u, enum stack_id id, const struct yaml *list, struct stack *out);
void unroller_release(struct unroller *u);

#endif
