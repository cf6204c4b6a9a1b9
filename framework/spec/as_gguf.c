/* as_gguf.c - a model in the words of GGUF files: the keys of its params, the names of its weights. */
#include "spec/expand.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const char *spec_gguf_name(const struct spec *s)
{
    return s->gguf_name;
}

/* The first place of a param in GGUF files that is a key, and no function of tensors; or NULL. */
static const char *key_of(const struct param *p)
{
    const struct yaml *places = p->declaration ? yaml_get(p->declaration, "gguf") : NULL;
    for (uint32_t i = 0; places && i < yaml_count(places); i++)
        if (!strchr(yaml_item(places, i)->text, '('))
            return yaml_item(places, i)->text;
    return NULL;
}

/* GGUF files have words or numbers for our choices; a number is preferred, because then only numbers are read. */
static viv_status their_choice(const struct expansion *e, const struct param *p, struct gguf_key *k,
                               struct error *err)
{
    const struct yaml *choices = yaml_get(p->declaration, "choices");
    const char *found = NULL;
    if (k->value.kind != VALUE_STRING || !choices || choices->kind != YAML_MAP)
        return VIV_OK;
    for (uint32_t i = 0; i < choices->n; i++) {
        const char *theirs = choices->keys[i];
        char *end;
        if (choices->items[i]->kind != YAML_SCALAR || strcmp(choices->items[i]->text, k->value.s) != 0)
            continue;
        const int64_t number = strtoll(theirs, &end, 10);
        if (!*end && end != theirs) {
            k->value = (struct value){.kind = VALUE_INT, .i = number};
            k->integer = true;
            return VIV_OK;
        }
        if (!found || strcmp(theirs, k->value.s) == 0)
            found = theirs;
    }
    if (!found)
        return error_set(err, VIV_EUNSUPPORTED, "%s: '%s' is '%s', for which GGUF files have no word (%s)",
                         e->spec->path, p->name, k->value.s, k->key);
    k->value.s = found;
    return VIV_OK;
}

/* Which of several params with the same key has it: one that files say, then one that only GGUF files say, then one
 * whose value is in the spec. */
enum { RANK_OF_BOTH, RANK_OF_GGUF, RANK_OF_SPEC, N_RANKS };
static int rank_of(const struct param *p)
{
    const struct yaml *hf = yaml_get(p->declaration, "hf");
    return p->value ? RANK_OF_SPEC : hf && hf->kind == YAML_LIST && hf->n == 0 ? RANK_OF_GGUF : RANK_OF_BOTH;
}

static bool is_there(const struct gguf_key *keys, uint32_t n, const char *key)
{
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(keys[i].key, key) == 0)
            return true;
    return false;
}

static viv_status add_key(const struct expansion *e, uint32_t param, struct arena *arena, struct gguf_key *keys,
                          uint32_t *n, struct error *err)
{
    const struct spec *s = e->spec;
    const char *key = key_of(&s->params[param]);
    struct gguf_key k = {.value = e->params[param].value, .param = param};
    k.key = arena_printf(arena, "%s%s", key[0] == '.' ? s->gguf_name : "", key);
    if (!k.key)
        return error_nomem(err);
    k.only_gguf = rank_of(&s->params[param]) == RANK_OF_GGUF;
    if (is_there(keys, *n, k.key))
        return VIV_OK;
    viv_status status = their_choice(e, &s->params[param], &k, err);
    if (status == VIV_OK)
        keys[(*n)++] = k;
    return status;
}

viv_status expansion_gguf_keys(const struct expansion *e, struct arena *arena, struct gguf_key **out, uint32_t *n,
                               struct error *err)
{
    const struct spec *s = e->spec;
    struct gguf_key *keys = arena_array(arena, e->n_params ? e->n_params : 1, sizeof *keys);
    viv_status status = keys ? VIV_OK : error_nomem(err);
    *n = 0;
    if (status == VIV_OK && !s->gguf_name)
        status =
            error_set(err, VIV_EUNSUPPORTED,
                      "%s: the family has no name in GGUF files (`matches: {gguf: ...}`), so its weights cannot "
                      "be written as one",
                      s->path);
    if (status == VIV_OK && s->n_stacks)
        status =
            error_set(err, VIV_EUNSUPPORTED,
                      "%s: a model that sees is two GGUF files, of its text and of its pictures ('%s'), which this "
                      "version reads, and quantizes one by one, but cannot make of a checkpoint directory",
                      s->path, s->stacks[0].name);
    for (int rank = 0; rank < N_RANKS; rank++)
        for (uint32_t i = 0; status == VIV_OK && i < s->n_params; i++) /* those of stacks come behind them */
            if (key_of(&s->params[i]) && rank_of(&s->params[i]) == rank)
                status = add_key(e, i, arena, keys, n, err);
    *out = keys;
    return status;
}

/* The entry by which GGUF files have a weight: its own; or, if it stands in for one that only they have, as in
 * another layout, that one's. */
static const struct weight_entry *entry_of(const struct spec *s, const struct weight *w)
{
    for (uint32_t i = 0; i < s->n_weights; i++) {
        const struct yaml *body = s->weights[i].body, *otherwise = yaml_get(body, "else");
        if (otherwise && strcmp(otherwise->text, w->key) == 0 && yaml_get(body, "gguf") && !yaml_get(body, "hf"))
            return &s->weights[i];
    }
    return spec_weight(s, w->key);
}

viv_status expansion_gguf_weights(const struct expansion *e, const struct checkpoint *metadata, struct arena *arena,
                                  struct weight *out, struct error *err)
{
    struct expander x;
    viv_status status = expander_init(&x, e->spec, metadata, arena, err);
    if (status == VIV_OK)
        expander_take_params(&x, e);
    for (uint32_t i = 0; status == VIV_OK && i < e->n_weights; i++) {
        const struct weight *w = &e->weights[i];
        const struct weight_entry *entry = entry_of(e->spec, w);
        out[i] = (struct weight){.key = w->key, .index = w->index, .n_dims = w->n_dims, .at = w->at};
        memcpy(out[i].dims, w->dims, sizeof w->dims);
        x.index = w->index;
        status = spec_weight_names(&x, entry, &out[i]);
        if (status == VIV_OK)
            status = spec_weight_transforms(&x, entry, &out[i]);
    }
    return status;
}
