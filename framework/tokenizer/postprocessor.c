/* postprocessor.c - adds special tokens around a text, or around and between two texts. */
#include "tokenizer/stages.h"

#include "base/near.h"

#include <stdlib.h>
#include <string.h>

void postprocessor_release(struct template *t)
{
    free(t->before);
    free(t->after);
    free(t->pair);
    *t = (struct template){0};
}

static viv_status check_id(json_t *id, struct error *err)
{
    if (json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) <= INT32_MAX)
        return VIV_OK;
    return error_set(err, VIV_EFORMAT, "a special token's id must be an integer, found %s", json_kind(id));
}

static viv_status add(int32_t **ids, size_t *n, json_t *id, struct error *err)
{
    viv_status status = check_id(id, err);
    if (status != VIV_OK)
        return status;
    int32_t *grown = realloc(*ids, (*n + 1) * sizeof *grown);
    if (!grown)
        return error_nomem(err);
    *ids = grown;
    grown[(*n)++] = (int32_t)json_integer_value(id);
    return VIV_OK;
}

static viv_status add_item(struct template *t, struct pair_item item, struct error *err)
{
    struct pair_item *grown = realloc(t->pair, (t->n_pair + 1) * sizeof *grown);
    if (!grown)
        return error_nomem(err);
    t->pair = grown;
    grown[t->n_pair++] = item;
    return VIV_OK;
}

/* [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}, ...] */
static viv_status read_pair_template(json_t *j, struct template *t, struct error *err)
{
    json_t *item, *id, *tokens = json_object_get(j, "special_tokens");
    size_t i, k;
    json_array_foreach(json_object_get(j, "pair"), i, item)
    {
        json_t *special = json_object_get(item, "SpecialToken"), *sequence = json_object_get(item, "Sequence");
        json_t *either = special ? special : sequence;
        const char *name = json_string_value(json_object_get(either, "id"));
        json_int_t type = json_integer_value(json_object_get(either, "type_id"));
        viv_status status = VIV_OK;
        if (!name || type < 0 || type > INT32_MAX)
            return error_set(err, VIV_EFORMAT, "pair: expected a token or a text with its type in place %zu", i);
        if (!special)
            status = add_item(t, (struct pair_item){-1, strcmp(name, "B") == 0, (int32_t)type}, err);
        json_array_foreach(special ? json_object_get(json_object_get(tokens, name), "ids") : NULL, k, id)
        {
            if (status == VIV_OK)
                status = check_id(id, err);
            if (status == VIV_OK)
                status = add_item(t, (struct pair_item){(int32_t)json_integer_value(id), 0, (int32_t)type}, err);
        }
        if (status != VIV_OK)
            return status;
    }
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
    return read_pair_template(j, t, err);
}

viv_status postprocessor_set_pair(struct template *t, bool roberta, struct error *err)
{
    const int32_t second = !roberta; /* RoBERTa has one type for both texts */
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < t->n_before; i++)
        status = add_item(t, (struct pair_item){t->before[i], 0, 0}, err);
    if (status == VIV_OK)
        status = add_item(t, (struct pair_item){-1, 0, 0}, err);
    for (size_t i = 0; status == VIV_OK && i < (roberta ? 2 : 1) * t->n_after; i++)
        status = add_item(t, (struct pair_item){t->after[i % t->n_after], 0, 0}, err);
    if (status == VIV_OK)
        status = add_item(t, (struct pair_item){-1, 1, second}, err);
    for (size_t i = 0; status == VIV_OK && i < t->n_after; i++)
        status = add_item(t, (struct pair_item){t->after[i], 0, second}, err);
    return status;
}

static viv_status read_cls_sep(json_t *j, struct template *t, bool roberta, struct error *err)
{
    viv_status status = add(&t->before, &t->n_before, json_array_get(json_object_get(j, "cls"), 1), err);
    if (status == VIV_OK)
        status = add(&t->after, &t->n_after, json_array_get(json_object_get(j, "sep"), 1), err);
    return status == VIV_OK ? postprocessor_set_pair(t, roberta, err) : status;
}

viv_status postprocessor_from_json(json_t *j, struct template *out, struct error *err)
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
            postprocessor_from_json(item, out, err);
        return status;
    }
    if (strcmp(type, "TemplateProcessing") == 0)
        status = read_template(j, out, err);
    else if (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)
        status = read_cls_sep(j, out, *type == 'R', err);
    else if (strcmp(type, "ByteLevel") != 0) {
        const char *nearest = near_word(type, names, sizeof names / sizeof *names);
        status = error_set(err, VIV_EUNSUPPORTED, "unknown%s%s", nearest ? "; the nearest is " : "",
                           nearest ? nearest : "");
    }
    return status == VIV_OK ? status : error_prefix(err, "post_processor %s", type);
}
