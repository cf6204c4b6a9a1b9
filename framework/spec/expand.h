/* expand.h - what the files of the expansion share: the params as values, and the scope that expressions see. */
#ifndef SPEC_EXPAND_H
#define SPEC_EXPAND_H

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
    struct expr_scope scope;
    struct buf *noted; /* or NULL: gets "name = value" of each name that is looked up */
};

bool expander_gguf(const struct expander *x);
const char *expander_naming(const struct expander *x); /* "gguf" or "hf" */
viv_status expander_init(struct expander *x, const struct spec *s, const struct checkpoint *c, struct arena *a,
                         struct error *err);

/* Evaluates a scalar as an expression (a quoted one is a text); errors carry its position. */
viv_status eval_at(struct expander *x, const struct yaml *y, struct value *out);
viv_status eval_bool(struct expander *x, const struct yaml *y, bool *out);
viv_status eval_dims(struct expander *x, const struct yaml *list, uint64_t dims[8], uint32_t *n);

/* The list of a weight's transforms for files of one naming ("hf", "gguf"), or NULL. */
const struct yaml *transforms_of(const struct yaml *weight, const char *naming);

/* What a declaration says of the values of its param. */
struct param_type {
    enum value_kind kind;
    bool list;
    const struct yaml *length; /* of a list; NULL: any */
    const struct yaml *min, *max, *choices;
};
viv_status param_type(const struct yaml *declaration, struct param_type *t, struct error *err);

/* Whether a text is a key of a checkpoint's metadata, or has(), lacks(), rows() or len() of one. */
bool is_place(const char *text);

/* params.c: the value of a param, computed on first use. */
viv_status param_value(struct expander *x, const char *name, struct value *out, struct error *err);
/* All of them; those without a value are one error that lists them. */
viv_status params_all(struct expander *x);

/* options.c: refuses packed weights that the spec does not know; *unread: what else config.json says that the spec
 * neither reads nor calls of no effect. */
viv_status options_check(struct expander *x, const char *const **unread, uint32_t *n_unread);

#endif
