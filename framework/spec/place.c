/* place.c - finds the prefix of a model's tensors in a safetensors checkpoint. Families have the tensor names of
 * one class of transformers ("model.layers.0.mlp.up_proj.weight"). Files saved by the class within it have a
 * shorter prefix
 * ("layers.0..."), and by a class around it a longer one ("language_model.model.layers.0...", "bert."). One rule
 * serves all families: tensors are searched by the ends of their names, those of layer 0 from the index on. The
 * prefix with which most of the family's names are found replaces the family's own. */
#include "spec/expand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CANDIDATES = 64, MAX_PLACE_NAME = 1024 };

/* An end of one of the family's names, and the prefix before it. */
struct tail {
    const char *name;
    size_t n_before;
};

struct finder {
    struct expander *x;
    const char **names; /* of weights without {i}, and those of layer 0 */
    uint32_t n_names;
    struct tail *tails;
    size_t n_tails, tails_capacity;
    struct strmap by_text; /* tail -> index */
    struct placement candidates[MAX_CANDIDATES];
    uint32_t n_candidates;
    const char *own; /* the prefix in the family's own names: "model." */
};

/* --- names within a place ------------------------------------------------------------------------------------ */

/* Looks up before + after. */
static bool has_joined(const struct strmap *names, const char *before, size_t n, const char *after, uint32_t *at)
{
    char text[MAX_PLACE_NAME];
    const size_t m = strlen(after);
    if (n >= sizeof text || m >= sizeof text - n)
        return false;
    snprintf(text, sizeof text, "%.*s%s", (int)n, before, after);
    return strmap_get(names, text, n + m, at);
}

/* Finds a name with the prefix of the place. */
static bool find_within(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at)
{
    const size_t n = strlen(p->drop);
    return strncmp(name, p->drop, n) == 0 && has_joined(names, p->add, strlen(p->add), name + n, at);
}

bool place_find(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at)
{
    const size_t n_drop = strlen(p->drop);
    if (find_within(p, names, name, at))
        return true;
    if (n_drop && strncmp(name, p->drop, n_drop) == 0)
        return false;
    for (size_t n = strlen(p->add);;) { /* a head has a shorter prefix */
        if (has_joined(names, p->add, n, name, at))
            return true;
        if (n == 0)
            return false;
        for (n--; n > 0 && p->add[n - 1] != '.'; n--) {
        }
    }
}

bool place_find_foreign(const struct placement *p, const struct strmap *names, const char *name, uint32_t *at)
{
    enum { MAX_STRIPPED = 4 };
    for (int i = 0; i <= MAX_STRIPPED; i++) {
        if (strmap_get(names, name, strlen(name), at) || has_joined(names, p->add, strlen(p->add), name, at) ||
            has_joined(names, p->drop, strlen(p->drop), name, at))
            return true;
        const char *dot = strchr(name, '.');
        if (!dot)
            return false;
        name = dot + 1;
    }
    return false;
}

/* --- finding it ---------------------------------------------------------------------------------------------- */

/* "a.{i}.b" -> "a.0.b"; NULL if the name has other placeholders, or there is no layer 0. */
static viv_status fill_zero(struct finder *f, const char *text, const char **out, bool *indexed)
{
    struct buf name = {0};
    *out = NULL;
    *indexed = false;
    for (const char *p = text; *p; p++) {
        if (*p != '{') {
            buf_append(&name, p, 1);
            continue;
        }
        if ((p[1] != 'i' && p[1] != 'e') || p[2] != '}') {
            buf_release(&name);
            return VIV_OK;
        }
        *indexed = *indexed || p[1] == 'i';
        buf_append(&name, "0", 1);
        p += 2;
    }
    if (!name.failed)
        *out = arena_strndup(f->x->arena, buf_text(&name), name.size);
    buf_release(&name);
    return *out ? VIV_OK : error_nomem(f->x->err);
}

static viv_status add_tail(struct finder *f, const char *name, size_t n_before)
{
    const char *text = name + n_before;
    if (!VEC_RESERVE(f->tails, f->n_tails, f->tails_capacity))
        return error_nomem(f->x->err);
    int added = strmap_add(&f->by_text, text, strlen(text), (uint32_t)f->n_tails);
    if (added == STRMAP_NOMEM)
        return error_nomem(f->x->err);
    if (added == STRMAP_ADDED)
        f->tails[f->n_tails++] = (struct tail){name, n_before};
    return VIV_OK;
}

/* Adds the ends of a name of layer 0, beginning at each word up to the one before the index. */
static viv_status add_tails(struct finder *f, const char *name)
{
    const char *index = strstr(name, ".0.");
    viv_status status = VIV_OK;
    for (const char *p = name; status == VIV_OK && index && p < index; p = strchr(p, '.') + 1) {
        if (!f->own && strchr(p, '.') == index && !(f->own = arena_strndup(f->x->arena, name, (size_t)(p - name))))
            return error_nomem(f->x->err);
        status = add_tail(f, name, (size_t)(p - name));
    }
    return status;
}

static viv_status read_names(struct finder *f)
{
    const struct spec *s = f->x->spec;
    viv_status status = VIV_OK;
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_weights; i++)
        n += yaml_count(yaml_get(s->weights[i].body, "hf"));
    f->names = arena_array(f->x->arena, n, sizeof *f->names);
    if (!f->names)
        return error_nomem(f->x->err);
    for (uint32_t i = 0; i < s->n_weights; i++) {
        const struct yaml *names = yaml_get(s->weights[i].body, "hf");
        for (uint32_t k = 0; status == VIV_OK && k < yaml_count(names); k++) {
            const char *name;
            bool indexed;
            status = fill_zero(f, yaml_item(names, k)->text, &name, &indexed);
            if (status == VIV_OK && name)
                f->names[f->n_names++] = name;
            if (status == VIV_OK && name)
                status = indexed ? add_tails(f, name) : add_tail(f, name, 0);
        }
    }
    return status;
}

static viv_status add_candidate(struct finder *f, const struct tail *t, const char *tensor, size_t n)
{
    for (uint32_t i = 0; i < f->n_candidates; i++) {
        const struct placement *p = &f->candidates[i];
        if (strlen(p->drop) == t->n_before && strlen(p->add) == n && memcmp(p->drop, t->name, t->n_before) == 0 &&
            memcmp(p->add, tensor, n) == 0)
            return VIV_OK;
    }
    if (f->n_candidates == MAX_CANDIDATES)
        return VIV_OK;
    struct placement p = {arena_strndup(f->x->arena, t->name, t->n_before), arena_strndup(f->x->arena, tensor, n)};
    if (!p.drop || !p.add)
        return error_nomem(f->x->err);
    f->candidates[f->n_candidates++] = p;
    return VIV_OK;
}

/* The longest end of a tensor's name that is also an end of one of the family's names. */
static viv_status try_tensor(struct finder *f, const char *name)
{
    for (const char *p = name; p; p = strchr(p, '.') ? strchr(p, '.') + 1 : NULL) {
        uint32_t at;
        if (strmap_get(&f->by_text, p, strlen(p), &at))
            return add_candidate(f, &f->tails[at], name, (size_t)(p - name));
    }
    return VIV_OK;
}

/* The number of the family's names found with this prefix; a head beside it counts half, and "text" in the prefix a
 * little.
 */
static uint32_t score(const struct finder *f, const struct placement *p)
{
    static const char *const texts[] = {"text", "language", "llm", "thinker"};
    uint32_t n = 0, at;
    const struct strmap *names = &f->x->checkpoint->by_name;
    for (uint32_t i = 0; i < f->n_names; i++)
        n += find_within(p, names, f->names[i], &at) ? 4 : place_find(p, names, f->names[i], &at) ? 2 : 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strstr(p->add, texts[i]))
            return n + 1;
    return n;
}

static viv_status choose(struct finder *f, struct placement *out)
{
    const struct checkpoint *c = f->x->checkpoint;
    const struct placement *best = NULL, *other = NULL;
    uint32_t most = score(f, out); /* the family's own, used unless another one is better */
    for (uint32_t i = 0; i < f->n_candidates; i++) {
        const struct placement *p = &f->candidates[i];
        const uint32_t n = score(f, p);
        if (n > most)
            other = NULL;
        if (n == most && best)
            other = p;
        if (n > most)
            best = p;
        most = n > most ? n : most;
    }
    if (best && other)
        return error_set(f->x->err, VIV_EUNSUPPORTED,
                         "%s has two models of this family, '%s' and '%s': it is unclear which one is meant",
                         c->path, best->add, other->add);
    if (best && (*best->drop || *best->add))
        *out = *best;
    return VIV_OK;
}

viv_status place_of(struct expander *x, struct placement *out)
{
    struct finder f = {.x = x};
    const uint32_t n = expander_has_tensors(x) && !expander_gguf(x) ? x->checkpoint->n_tensors : 0;
    viv_status status = read_names(&f);
    *out = (struct placement){f.own ? f.own : "", f.own ? f.own : ""};
    for (uint32_t i = 0; status == VIV_OK && i < n; i++)
        status = try_tensor(&f, x->checkpoint->tensors[i].name);
    if (status == VIV_OK && n)
        status = choose(&f, out);
    free(f.tails);
    strmap_release(&f.by_text);
    return status;
}
