/* sensitivity.c - see sensitivity.h. */
#include "model/sensitivity.h"

#include "base/buf.h"
#include "tensor/dtype.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 1 << 20, MAX_ROLES = 1024 };

/* --- roles -------------------------------------------------------------------------------------------------- */

static struct sensitivity_role *find(const struct sensitivity *s, const char *layer, const char *attr)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->roles[i].layer, layer) == 0 && strcmp(s->roles[i].attr, attr) == 0)
            return &s->roles[i];
    return NULL;
}

struct sensitivity_role *sensitivity_find(const struct sensitivity *s, const viv_weight *w)
{
    return find(s, w->layer, w->attr);
}

/* A further role, without a measurement; NULL when memory is out. */
static struct sensitivity_role *add(struct sensitivity *s, const char *layer, const char *attr)
{
    if (!VEC_RESERVE(s->roles, s->n, s->capacity))
        return NULL;
    struct sensitivity_role *r = &s->roles[s->n++];
    *r = (struct sensitivity_role){0};
    snprintf(r->layer, sizeof r->layer, "%s", layer);
    snprintf(r->attr, sizeof r->attr, "%s", attr);
    for (size_t i = 0; i < SENSITIVITY_TYPES; i++)
        r->kl[i] = NAN;
    return r;
}

viv_status sensitivity_count(struct sensitivity *s, const viv_weight *const *weights, uint32_t n, struct error *err)
{
    for (uint32_t i = 0; i < n; i++) {
        const viv_weight *w = weights[i];
        if (strlen(w->layer) >= SENSITIVITY_WORD || strlen(w->attr) >= SENSITIVITY_WORD)
            return error_set(err, VIV_ELIMIT, "the name of a layer's class or attribute is too long: %s, %s",
                             w->layer, w->attr);
        struct sensitivity_role *r = sensitivity_find(s, w);
        if (!r)
            r = add(s, w->layer, w->attr);
        if (!r)
            return error_nomem(err);
        r->n_weights++;
        r->elements += w->n_rows * w->n_in;
    }
    return VIV_OK;
}

viv_status sensitivity_check(const struct sensitivity *s, const char *path, const viv_weight *const *weights,
                             uint32_t n, struct error *err)
{
    struct sensitivity model = {0};
    viv_status status = sensitivity_count(&model, weights, n, err);
    for (size_t i = 0; status == VIV_OK && i < model.n; i++) {
        const struct sensitivity_role *r = &model.roles[i], *t = find(s, r->layer, r->attr);
        if (!t || t->n_weights != r->n_weights || t->elements != r->elements)
            status = error_set(err, VIV_EINVAL,
                               "%s was measured for another model: weights '%s' of layers '%s' are %" PRIu64
                               " of %" PRIu64 " elements there, and %" PRIu64 " of %" PRIu64
                               " here; viv calibrate --sensitivity measures this one",
                               path, r->attr, r->layer, t ? t->n_weights : 0, t ? t->elements : 0, r->n_weights,
                               r->elements);
    }
    sensitivity_release(&model);
    return status;
}

void sensitivity_release(struct sensitivity *s)
{
    free(s->roles);
    *s = (struct sensitivity){0};
}

/* --- the file ----------------------------------------------------------------------------------------------- */

static viv_status read_kl(struct sensitivity_role *r, const char *path, json_t *kl, struct error *err)
{
    const char *type;
    json_t *value;
    if (!json_is_object(kl))
        return error_set(err, VIV_EFORMAT, "%s: role %s.%s: kl: expected an object of types, found %s", path,
                         r->layer, r->attr, json_kind(kl));
    json_object_foreach(kl, type, value)
    {
        uint32_t dtype;
        if (!dtype_by_name(type, &dtype) || dtype >= SENSITIVITY_TYPES)
            return error_set(err, VIV_EFORMAT, "%s: role %s.%s: there is no type '%s' of weights", path, r->layer,
                             r->attr, type);
        if (!json_is_number(value) || !(json_number_value(value) >= 0) || json_number_value(value) > 1e300)
            return error_set(err, VIV_EFORMAT, "%s: role %s.%s: kl of %s: expected a number, 0 or more, found %s",
                             path, r->layer, r->attr, type,
                             json_is_number(value) ? "one beyond that" : json_kind(value));
        r->kl[dtype] = json_number_value(value);
    }
    return VIV_OK;
}

static viv_status read_role(struct sensitivity *s, const char *path, json_t *role, struct error *err)
{
    const char *layer = json_string_value(json_object_get(role, "layer")),
               *attr = json_string_value(json_object_get(role, "attr"));
    const json_int_t n = json_integer_value(json_object_get(role, "weights")),
                     elements = json_integer_value(json_object_get(role, "elements"));
    if (!layer || !attr || strlen(layer) >= SENSITIVITY_WORD || strlen(attr) >= SENSITIVITY_WORD || n < 1 ||
        elements < 1)
        return error_set(err, VIV_EFORMAT,
                         "%s: role %zu: expected an object with the words layer and attr, and the numbers weights "
                         "and elements, 1 or more",
                         path, s->n + 1);
    if (find(s, layer, attr))
        return error_set(err, VIV_EFORMAT, "%s: role %s.%s is there twice", path, layer, attr);
    struct sensitivity_role *r = add(s, layer, attr);
    if (!r)
        return error_nomem(err);
    r->n_weights = (uint64_t)n;
    r->elements = (uint64_t)elements;
    return read_kl(r, path, json_object_get(role, "kl"), err);
}

static viv_status read_table(struct sensitivity *s, const char *path, json_t *root, struct error *err)
{
    json_t *roles = json_object_get(root, "roles"), *role;
    size_t i;
    viv_status status = VIV_OK;
    if (json_integer_value(json_object_get(root, "sensitivity")) != 1 || !json_is_array(roles))
        return error_set(err, VIV_EFORMAT,
                         "%s: expected a table that viv calibrate --sensitivity has written: {\"sensitivity\": 1, "
                         "\"roles\": [...], ...}",
                         path);
    if (json_array_size(roles) > MAX_ROLES)
        return error_set(err, VIV_ELIMIT, "%s: more than %d roles", path, MAX_ROLES);
    json_array_foreach(roles, i, role) if (status == VIV_OK) status = read_role(s, path, role, err);
    return status;
}

viv_status sensitivity_read(const char *path, struct sensitivity *out, struct error *err)
{
    struct sensitivity s = {0};
    json_t *root = NULL;
    viv_status status = json_read(path, MAX_FILE, &root, err);
    if (status == VIV_OK)
        status = read_table(&s, path, root, err);
    json_decref(root);
    if (status == VIV_OK)
        *out = s;
    else
        sensitivity_release(&s);
    return status;
}

static json_t *role_json(const struct sensitivity_role *r)
{
    json_t *kl = json_object();
    for (uint32_t i = 0; i < SENSITIVITY_TYPES; i++)
        if (!isnan(r->kl[i]) && dtype_get(i))
            json_object_set_new(kl, dtype_get(i)->name, json_real(r->kl[i]));
    return json_pack("{s:s, s:s, s:I, s:I, s:o}", "layer", r->layer, "attr", r->attr, "weights",
                     (json_int_t)r->n_weights, "elements", (json_int_t)r->elements, "kl", kl);
}

json_t *sensitivity_json(const struct sensitivity *s, const char *model, const char *text, uint64_t n_tokens)
{
    json_notice_memory();
    json_t *roles = json_array();
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(roles, role_json(&s->roles[i]));
    json_t *root = json_pack("{s:i, s:s, s:s, s:I, s:o}", "sensitivity", 1, "model", model, "text", text, "tokens",
                             (json_int_t)n_tokens, "roles", roles);
    if (!json_lost_something())
        return root;
    json_decref(root);
    return NULL;
}
