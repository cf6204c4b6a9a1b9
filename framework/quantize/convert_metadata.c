/* convert_metadata.c - the keys of a GGUF file that say what a model is: those that the spec names for its params,
 * and how positions are stretched. Of the latter, GGUF has three kinds by name; llama3's stands in the file as the
 * divisors that follow from it, and "no stretching" as no key at all. */
#include "quantize/convert.h"

#include "base/size.h"
#include "base/text.h"
#include "layers/rope.h"
#include "spec/expr.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static viv_status cannot(const struct gguf_key *k, const char *why, struct error *err)
{
    return error_set(err, VIV_EUNSUPPORTED, "the key %s %s", k->key, why);
}

static viv_status put_integer(struct gguf_writer *w, const struct gguf_key *k, int64_t i, struct error *err)
{
    if (i < INT32_MIN || i > UINT32_MAX)
        return cannot(k, "holds 32 bits, which is too few for its number", err);
    if (i < 0)
        gguf_put_i32(w, k->key, (int32_t)i);
    else
        gguf_put_u32(w, k->key, (uint32_t)i);
    return VIV_OK;
}

/* A list of numbers or of booleans; `out` has room for its elements. */
static viv_status put_list(struct gguf_writer *w, const struct gguf_key *k, void *out, struct error *err)
{
    const struct value *v = &k->value;
    const enum value_kind kind = v->list[0].kind;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *item = &v->list[i];
        if (item->kind != kind || (kind == VALUE_INT && (item->i < INT32_MIN || item->i > INT32_MAX)))
            return cannot(k, "holds a list of numbers of 32 bits or of booleans", err);
        if (kind == VALUE_INT)
            ((int32_t *)out)[i] = (int32_t)item->i;
        else if (kind == VALUE_FLOAT)
            ((float *)out)[i] = (float)item->f;
        else if (kind == VALUE_BOOL)
            ((bool *)out)[i] = item->i != 0;
    }
    if (kind == VALUE_INT)
        gguf_put_i32s(w, k->key, out, v->n);
    else if (kind == VALUE_FLOAT)
        gguf_put_f32s(w, k->key, out, v->n);
    else if (kind == VALUE_BOOL)
        gguf_put_bools(w, k->key, out, v->n);
    else
        return cannot(k, "holds a list of numbers or of booleans", err);
    return VIV_OK;
}

static viv_status put_key(struct gguf_writer *w, const struct gguf_key *k, struct error *err)
{
    viv_status status = VIV_OK;
    switch (k->value.kind) {
    case VALUE_NONE:
        return VIV_OK;
    case VALUE_INT:
        return put_integer(w, k, k->value.i, err);
    case VALUE_FLOAT:
        gguf_put_f32(w, k->key, (float)k->value.f);
        return VIV_OK;
    case VALUE_BOOL:
        gguf_put_bool(w, k->key, k->value.i != 0);
        return VIV_OK;
    case VALUE_STRING:
        gguf_put_string(w, k->key, k->value.s);
        return VIV_OK;
    case VALUE_LIST:
        break;
    }
    if (k->value.n == 0)
        return VIV_OK;
    void *room = malloc(k->value.n * sizeof(float));
    status = room ? put_list(w, k, room, err) : error_nomem(err);
    free(room);
    return status;
}

/* --- how positions are stretched ------------------------------------------------------------------------------ */

/* The word for it that is written; NULL: none. */
static const char *scaling_of(const struct conversion *c)
{
    for (uint32_t i = 0; i < c->n_keys; i++)
        if (text_ends_in(c->keys[i].key, ".rope.scaling.type"))
            return c->keys[i].value.kind == VALUE_STRING ? c->keys[i].value.s : NULL;
    return NULL;
}

static viv_status check_scaling(const char *word, bool *none, struct error *err)
{
    static const char *const known[] = {"linear", "yarn", "longrope"};
    *none = !word || strcmp(word, "none") == 0 || strcmp(word, "default") == 0 || strcmp(word, "llama3") == 0;
    for (size_t i = 0; !*none && i < sizeof known / sizeof *known; i++)
        if (strcmp(word, known[i]) == 0)
            return VIV_OK;
    return *none ? VIV_OK
                 : error_set(err, VIV_EUNSUPPORTED,
                             "positions are stretched by '%s' (rope_scaling), for which GGUF files have no word",
                             word);
}

/* Whether the family has a key for the kind of stretching. */
static bool names_scaling(const struct conversion *c)
{
    for (uint32_t i = 0; i < c->n_keys; i++)
        if (text_ends_in(c->keys[i].key, ".rope.scaling.type"))
            return true;
    return false;
}

static const struct value *string_attr(const struct node *n, const char *name, const char *text)
{
    const struct value *v = node_attr(n, name);
    return v && v->kind == VALUE_STRING && strcmp(v->s, text) == 0 ? v : NULL;
}

static double number_attr(const struct node *n, const char *name)
{
    const struct value *v = node_attr(n, name);
    const viv_attr *a = layer_attr(n->class, name);
    return v && (v->kind == VALUE_INT || v->kind == VALUE_FLOAT) ? expr_value_number(v) : a ? a->default_value : 0;
}

viv_status convert_rope_divisors(struct conversion *c, const float **out, uint64_t *n, struct error *err)
{
    const struct expansion *e = c->m->expansion;
    const struct node *node = NULL;
    for (uint32_t i = 0; !node && i < e->n_nodes; i++)
        if (string_attr(&e->nodes[i], "rope.scaling", "llama3"))
            node = &e->nodes[i];
    *out = NULL;
    if (!node)
        return VIV_OK;
    const double theta = number_attr(node, "rope.theta");
    const double dim = node_attr(node, "rope.dim") ? number_attr(node, "rope.dim") : number_attr(node, "head_dim");
    const struct rope r = {.factor = number_attr(node, "rope.factor"),
                           .low_freq_factor = number_attr(node, "rope.low_freq_factor"),
                           .high_freq_factor = number_attr(node, "rope.high_freq_factor"),
                           .original_context = number_attr(node, "rope.original_context")};
    *n = (uint64_t)dim / 2;
    float *divisors = arena_array(&c->arena, *n + 1, sizeof *divisors);
    if (!divisors)
        return error_nomem(err);
    for (uint64_t p = 0; p < *n; p++)
        divisors[p] = (float)rope_llama3_divisor(&r, 1 / pow(theta, 2 * (double)p / dim));
    *out = divisors;
    return VIV_OK;
}

/* Values of a head are as long as its keys, unless the spec has a key for them, too: readers other than ours want
 * to be told. */
static void put_value_length(const struct conversion *c, struct gguf_writer *w, const char *architecture)
{
    const struct gguf_key *found = NULL;
    char key[256];
    for (uint32_t i = 0; i < c->n_keys; i++) {
        if (text_ends_in(c->keys[i].key, ".attention.value_length"))
            return;
        if (text_ends_in(c->keys[i].key, ".attention.key_length") && c->written[i])
            found = &c->keys[i];
    }
    snprintf(key, sizeof key, "%s.attention.value_length", architecture);
    if (found && found->value.kind == VALUE_INT && found->value.i > 0 && found->value.i <= UINT32_MAX)
        gguf_put_u32(w, key, (uint32_t)found->value.i);
}

/* --- all ----------------------------------------------------------------------------------------------------- */

viv_status convert_metadata(struct conversion *c, struct gguf_writer *w, struct error *err)
{
    const struct spec *s = model_spec(c->m);
    const char *architecture = spec_gguf_name(s);
    const struct value *n_vocab = expansion_param(c->m->expansion, "vocab_size");
    char key[256];
    bool none = false, has_vocab = false;
    gguf_put_string(w, "general.architecture", architecture);
    gguf_put_string(w, "general.type", "model");
    gguf_put_string(w, "general.name", spec_name(s));
    viv_status status = names_scaling(c) ? check_scaling(scaling_of(c), &none, err) : VIV_OK;
    for (uint32_t i = 0; status == VIV_OK && i < c->n_keys; i++) {
        const struct gguf_key *k = &c->keys[i];
        if (!c->written[i] || (none && strstr(k->key, ".rope.scaling.")))
            continue;
        has_vocab = has_vocab || text_ends_in(k->key, ".vocab_size");
        if (c->window && text_ends_in(k->key, ".context_length") && k->value.kind == VALUE_INT)
            gguf_put_u32(w, k->key, (uint32_t)size_min(c->window, (uint64_t)k->value.i));
        else
            status = put_key(w, k, err);
    }
    put_value_length(c, w, architecture);
    snprintf(key, sizeof key, "%s.vocab_size", architecture);
    if (status == VIV_OK && !has_vocab && n_vocab && n_vocab->kind == VALUE_INT && n_vocab->i <= UINT32_MAX)
        gguf_put_u32(w, key, (uint32_t)n_vocab->i);
    return status;
}
