/* convert_check.c - whether a GGUF header means the model that it was made of: both are expanded to the same
 * layers, with the same numbers, and with weights that are twins. What GGUF files say in another way is allowed:
 * the order of rows that rotate together, and llama3's stretching of positions as divisors of the frequencies. */
#include "quantize/convert.h"

#include "base/buf.h"
#include "base/size.h"
#include "layers/rope.h"
#include "spec/expr.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* GGUF holds single precision. */
static bool same_number(double a, double b)
{
    return a == b || fabs(a - b) <= 1e-6 * fmax(fabs(a), fabs(b));
}

static bool same_value(const struct value *a, const struct value *b)
{
    const bool numbers =
        (a->kind == VALUE_INT || a->kind == VALUE_FLOAT) && (b->kind == VALUE_INT || b->kind == VALUE_FLOAT);
    if (numbers)
        return same_number(expr_value_number(a), expr_value_number(b));
    if (a->kind != b->kind || a->kind != VALUE_LIST)
        return expr_value_equal(a, b);
    for (uint32_t i = 0; a->n == b->n && i < a->n; i++)
        if (!same_value(&a->list[i], &b->list[i]))
            return false;
    return a->n == b->n;
}

/* The value of an attribute, or what it is without one; none if it then has no number. */
static struct value value_of(const struct node *n, const viv_attr *a)
{
    const struct value *v = node_attr(n, a->name);
    struct value choice = {.kind = VALUE_INT};
    if (v && v->kind == VALUE_STRING && a->kind == VIV_ATTR_CHOICE) {
        choice.i = layer_attr_choice(a, v->s);
        return choice;
    }
    if (v && v->kind == VALUE_BOOL) {
        choice.i = v->i;
        return choice;
    }
    if (!v && strcmp(a->name, "rope.dim") == 0) /* all of a head */
        v = node_attr(n, "head_dim");
    if (v)
        return *v;
    if (a->kind == VIV_ATTR_INT || a->kind == VIV_ATTR_FLOAT || a->kind == VIV_ATTR_BOOL ||
        a->kind == VIV_ATTR_CHOICE)
        return (struct value){.kind = VALUE_FLOAT, .f = a->default_value};
    return (struct value){0};
}

static bool is_scaling(const struct node *n, const char *word)
{
    const struct value *v = node_attr(n, "rope.scaling");
    return (v ? v->kind == VALUE_STRING && strcmp(v->s, word) == 0 : strcmp(word, "none") == 0);
}

static double number_of(const struct node *n, const char *name)
{
    const viv_attr *a = layer_attr(n->class, name);
    const struct value v = a ? value_of(n, a) : (struct value){0};
    return v.kind == VALUE_INT || v.kind == VALUE_FLOAT ? expr_value_number(&v) : 0;
}

/* By what cos and sin are multiplied, which there are several ways to say. */
static double magnitude_of(const struct node *n)
{
    if (!is_scaling(n, "yarn"))
        return number_of(n, "rope.attn_factor");
    const double plain = node_attr(n, "rope.attention_factor")
                             ? number_of(n, "rope.attention_factor")
                             : rope_yarn_magnitude(number_of(n, "rope.factor"), number_of(n, "rope.mscale"),
                                                   number_of(n, "rope.mscale_all_dim"));
    return plain * number_of(n, "rope.attn_factor");
}

static bool is_magnitude(const char *name)
{
    static const char *const names[] = {"rope.attention_factor", "rope.attn_factor", "rope.mscale",
                                        "rope.mscale_all_dim"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Numbers of a layer that mean nothing, or the same, whatever they are. */
static bool is_allowed(const struct node *a, const struct node *b, const char *name)
{
    static const char *const without_scaling[] = {
        "rope.factor",   "rope.low_freq_factor", "rope.high_freq_factor", "rope.beta_fast",        "rope.beta_slow",
        "rope.truncate", "rope.mscale",          "rope.mscale_all_dim",   "rope.original_context", "rope.scaling"};
    if (strcmp(name, "rope.interleaved") == 0)
        return true; /* see find_order */
    if (is_magnitude(name) && !is_scaling(a, "longrope") && !is_scaling(b, "longrope"))
        return same_number(magnitude_of(a), magnitude_of(b));
    const bool none = is_scaling(b, "none") && (is_scaling(a, "none") || is_scaling(a, "llama3"));
    for (size_t i = 0; none && i < sizeof without_scaling / sizeof *without_scaling; i++)
        if (strcmp(name, without_scaling[i]) == 0)
            return true;
    return false;
}

static viv_status differs(const struct node *n, const struct node *g, const viv_attr *a, struct error *err)
{
    const struct value *v = node_attr(n, a->name), *w = node_attr(g, a->name), v0 = value_of(n, a),
                       w0 = value_of(g, a);
    struct buf theirs = {0}, ours = {0};
    expr_value_print(v ? v : &v0, &theirs);
    expr_value_print(w ? w : &w0, &ours);
    error_set(err, VIV_EUNSUPPORTED, "GGUF files of this family cannot say that %s of %s is %s: it would be %s",
              a->name, n->path, buf_text(&theirs), buf_text(&ours));
    buf_release(&theirs);
    buf_release(&ours);
    return VIV_EUNSUPPORTED;
}

/* The tensor of the header that a weight of the model became, or NULL. */
static struct made *made_of(const struct conversion *c, int64_t weight)
{
    const struct binding *b = weight >= 0 ? &c->bindings[weight] : NULL;
    const struct weight *w = b && b->tensor ? &c->weights[b->weight] : NULL;
    for (size_t k = 0; w && w->n_names && k < c->n_made; k++)
        if (strcmp(c->made[k].name, w->names[0]) == 0)
            return &c->made[k];
    return NULL;
}

static viv_status check_weight(const struct conversion *c, const struct node *n, const struct node *g,
                               const viv_attr *a, struct error *err)
{
    const struct value *v = node_attr(n, a->name), *w = node_attr(g, a->name);
    const int64_t i = v && v->kind == VALUE_INT ? v->i : -1, k = w && w->kind == VALUE_INT ? w->i : -1;
    const struct made *t = made_of(c, i);
    const char *found = k >= 0 && c->expansion->weights[k].n_names ? c->expansion->weights[k].names[0] : NULL;
    if (t ? found && strcmp(found, t->name) == 0 : !found)
        return VIV_OK;
    if (!t && i < 0 && is_scaling(n, "llama3") && strcmp(a->name, "rope.freqs") == 0)
        return VIV_OK;
    return error_set(err, VIV_EUNSUPPORTED,
                     "%s of %s is the tensor '%s', which readers of GGUF files take from '%s'", a->name, n->path,
                     t ? t->name : "none", found ? found : "none");
}

/* Notes how the rows of q or k are reordered. */
static viv_status find_order(const struct conversion *c, const struct node *n, const struct node *g,
                             struct error *err)
{
    static const char *const names[][2] = {
        {"q", "n_heads"}, {"k", "n_kv_heads"}, {"q_bias", "n_heads"}, {"k_bias", "n_kv_heads"}};
    const viv_attr *order = layer_attr(n->class, "rope.interleaved");
    if (!order || !node_attr(n, "rope.theta"))
        return VIV_OK;
    const struct value before = value_of(n, order), after = value_of(g, order);
    const bool from = expr_value_number(&before) != 0, to = expr_value_number(&after) != 0;
    if (from == to)
        return VIV_OK;
    const struct value *head_dim = node_attr(n, "head_dim"), *dim = node_attr(n, "rope.dim");
    bool known = to && head_dim && node_attr(n, "q") && !node_attr(n, "norm.q") && !node_attr(n, "norm.k");
    for (size_t i = 0; known && i < sizeof names / sizeof *names; i++) {
        const struct value *v = node_attr(n, names[i][0]), *heads = node_attr(n, names[i][1]);
        struct made *t = v && v->kind == VALUE_INT ? made_of(c, v->i) : NULL;
        heads = heads ? heads : node_attr(n, "n_heads");
        if (!t)
            continue;
        known = heads && heads->i > 0 && !t->raw && t->n_parts == 1 && t->shape[0] == heads->i * head_dim->i;
        t->heads = known ? (uint64_t)heads->i : 0;
        t->rotated = (uint64_t)(dim ? dim->i : head_dim->i);
    }
    return known ? VIV_OK
                 : error_set(
                       err, VIV_EUNSUPPORTED,
                       "GGUF files of this family have rows of %s in another order, which cannot be made of these "
                       "weights",
                       n->path);
}

/* Whether GGUF files leave out a window, as those of Mistral do. Within its width the model is the same, so that
 * becomes the context. */
static bool is_window(struct conversion *c, const struct node *n, const struct node *g, const viv_attr *a)
{
    const struct value v = value_of(n, a), w = value_of(g, a);
    if (strcmp(a->name, "window") != 0 || v.kind != VALUE_INT || v.i < 1 || expr_value_number(&w) != 0)
        return false;
    c->window = c->window ? size_min(c->window, (uint64_t)v.i) : (uint64_t)v.i;
    return true;
}

static viv_status check_node(struct conversion *c, const struct node *n, const struct node *g, struct error *err)
{
    viv_status status = VIV_OK;
    for (const viv_attr *const *a = n->class->attrs; status == VIV_OK && a && *a; a++) {
        if ((*a)->kind == VIV_ATTR_WEIGHT) {
            status = check_weight(c, n, g, *a, err);
            continue;
        }
        const struct value v = value_of(n, *a), w = value_of(g, *a);
        if (!same_value(&v, &w) && !is_allowed(n, g, (*a)->name) && !is_window(c, n, g, *a))
            status = differs(n, g, *a, err);
    }
    return status == VIV_OK ? find_order(c, n, g, err) : status;
}

/* Whether it is the same layer, on the same inputs. */
static bool same_place(const struct node *a, const struct node *b)
{
    bool same = a->class == b->class && strcmp(a->path, b->path) == 0 && a->n_inputs == b->n_inputs &&
                a->output == b->output;
    for (uint32_t i = 0; same && i < a->n_inputs; i++)
        same = a->inputs[i] == b->inputs[i];
    return same;
}

viv_status convert_check(struct conversion *c, struct error *err)
{
    const struct expansion *e = c->m->expansion, *g = c->expansion;
    viv_status status = VIV_OK;
    bool same = e->n_nodes == g->n_nodes;
    for (uint32_t i = 0; same && i < e->n_nodes; i++)
        same = same_place(&e->nodes[i], &g->nodes[i]);
    if (!same)
        return error_set(err, VIV_EUNSUPPORTED,
                         "readers of GGUF files of '%s' build other layers (%s) than this model has (%s)",
                         spec_gguf_name(c->m->spec), spec_path(c->spec), spec_path(c->m->spec));
    for (uint32_t i = 0; status == VIV_OK && i < e->n_nodes; i++)
        status = check_node(c, &e->nodes[i], &g->nodes[i], err);
    return status;
}
