/* postprocessor.c - the special tokens that are put around a text. Of templates for pairs of texts, only the one
 * for a single text matters here. */
#include "text/stages.h"

#include "base/near.h"

#include <stdlib.h>
#include <string.h>

void template_release(struct template *t)
{
    free(t->before);
    free(t->after);
    *t = (struct template){0};
}

static viv_status add(int32_t **ids, size_t *n, json_t *id, struct error *err)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > INT32_MAX)
        return error_set(err, VIV_EFORMAT, "a special token's id must be an integer, found %s", json_kind(id));
    int32_t *grown = realloc(*ids, (*n + 1) * sizeof *grown);
    if (!grown)
        return error_nomem(err);
    *ids = grown;
    grown[(*n)++] = (int32_t)json_integer_value(id);
    return VIV_OK;
}

/* [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}, ...] */
static viv_status read_template(json_t *j, struct template *t, struct error *err)
{
    json_t *item, *tokens = json_object_get(j, "special_tokens");
    size_t i, k;
    bool after = false;
    json_array_foreach(json_object_get(j, "single"), i, item)
    {
        json_t *special = json_object_get(item, "SpecialToken"), *id;
        const char *name = json_string_value(json_object_get(special, "id"));
        if (!special) {
            after = true;
            continue;
        }
        json_t *ids = name ? json_object_get(json_object_get(tokens, name), "ids") : NULL;
        if (!json_is_array(ids))
            return error_set(err, VIV_EFORMAT, "the special token '%s' is not listed with its ids",
                             name ? name : "?");
        json_array_foreach(ids, k, id)
        {
            viv_status status =
                after ? add(&t->after, &t->n_after, id, err) : add(&t->before, &t->n_before, id, err);
            if (status != VIV_OK)
                return status;
        }
    }
    return VIV_OK;
}

static viv_status read_pair(json_t *j, struct template *t, struct error *err)
{
    viv_status status = add(&t->before, &t->n_before, json_array_get(json_object_get(j, "cls"), 1), err);
    return status == VIV_OK ? add(&t->after, &t->n_after, json_array_get(json_object_get(j, "sep"), 1), err)
                            : status;
}

viv_status template_from_json(json_t *j, struct template *out, struct error *err)
{
    static const char *const names[] = {"TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel",
                                        "Sequence"};
    if (!j || json_is_null(j))
        return VIV_OK;
    const char *type = json_string_value(json_object_get(j, "type"));
    if (!type)
        return error_set(err, VIV_EFORMAT, "post_processor: a component without a type");
    viv_status status = VIV_OK;
    if (strcmp(type, "Sequence") == 0) {
        json_t *item;
        size_t i;
        json_array_foreach(json_object_get(j, "processors"), i, item) if (status == VIV_OK) status =
            template_from_json(item, out, err);
        return status;
    }
    if (strcmp(type, "TemplateProcessing") == 0)
        status = read_template(j, out, err);
    else if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        status = read_pair(j, out, err);
    else if (strcmp(type, "ByteLevel") != 0) {
        const char *nearest = near_word(type, names, sizeof names / sizeof *names);
        status = error_set(err, VIV_EUNSUPPORTED, "unknown%s%s", nearest ? "; the nearest is " : "",
                           nearest ? nearest : "");
    }
    return status == VIV_OK ? status : error_prefix(err, "post_processor %s", type);
}
