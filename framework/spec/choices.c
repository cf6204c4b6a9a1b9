/* choices.c - values that are one of several names: the choices of a param, or the activations, by their names in
 * transformers (ACT2FN). */
#include "spec/expand.h"

#include <string.h>

enum { MAX_WORDS = 64 };

/* Their words, or ours, and ours. */
static const char *const activations[][2] = {
    {"silu", "silu"},
    {"swish", "silu"},
    {"gelu", "gelu"},
    {"gelu_python", "gelu"},
    {"gelu_new", "gelu_tanh"},
    {"gelu_fast", "gelu_tanh"},
    {"gelu_pytorch_tanh", "gelu_tanh"},
    {"gelu_python_tanh", "gelu_tanh"},
    {"gelu_accurate", "gelu_tanh"},
    {"gelu_tanh", "gelu_tanh"},
    {"quick_gelu", "quick_gelu"},
    {"relu", "relu"},
    {"relu2", "relu2"},
    {"sigmoid", "sigmoid"},
    {"tanh", "tanh"},
    {"linear", "none"},
};
enum { N_ACTIVATIONS = sizeof activations / sizeof *activations };

static viv_status not_among(struct expander *x, const struct value *v, const char *who, const char *const *words,
                            size_t n)
{
    const char *word = v->kind == VALUE_STRING ? v->s : v->i ? "true" : "false";
    struct buf list = {0};
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    viv_status status =
        error_set(x->err, VIV_EUNSUPPORTED,
                  v->kind == VALUE_BOOL ? "%s is %s, expected %s" : "%s is '%s', expected one of %s", who, word,
                  buf_text(&list));
    buf_release(&list);
    return status;
}

static viv_status check_activation(struct expander *x, struct value *v, const char *who)
{
    const char *words[N_ACTIVATIONS];
    for (size_t i = 0; i < N_ACTIVATIONS; i++) {
        words[i] = activations[i][0];
        if (strcmp(words[i], v->s) == 0) {
            v->s = activations[i][1];
            return VIV_OK;
        }
    }
    return not_among(x, v, who, words, N_ACTIVATIONS);
}

viv_status expander_check_choice(struct expander *x, const struct param_type *t, struct value *v, const char *who)
{
    const struct yaml *c = t->choices;
    const char *words[MAX_WORDS], *word = v->kind == VALUE_STRING ? v->s : v->i ? "true" : "false";
    size_t n = 0;
    if (!c && t->activation && v->kind == VALUE_STRING)
        return check_activation(x, v, who);
    if (!c || (v->kind != VALUE_STRING && v->kind != VALUE_BOOL))
        return VIV_OK;
    for (uint32_t i = 0; c->kind != YAML_SCALAR && i < c->n; i++) {
        const char *theirs = c->kind == YAML_MAP ? c->keys[i] : c->items[i]->text;
        if (c->kind == YAML_LIST && c->items[i]->kind != YAML_SCALAR)
            return yaml_error(x->err, c->items[i]->at, VIV_EINVAL, "a choice is a word");
        if (n < MAX_WORDS)
            words[n++] = theirs;
        if (strcmp(theirs, word) != 0)
            continue;
        if (c->kind == YAML_MAP && c->items[i]->kind != YAML_SCALAR)
            return yaml_error(x->err, c->items[i]->at, VIV_EINVAL, "a choice is a word");
        if (c->kind == YAML_MAP && strcmp(c->items[i]->text, "none") == 0)
            *v = (struct value){0};
        else if (c->kind == YAML_MAP && v->kind == VALUE_STRING)
            v->s = c->items[i]->text;
        return VIV_OK;
    }
    return t->activation ? check_activation(x, v, who) : not_among(x, v, who, words, n);
}
