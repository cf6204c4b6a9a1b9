/* names.c - names of tensors, from `hf` and `gguf` of a weight and from `ignore`: fills in {i}, {e} and {param},
 * repeats a name by `each`, and changes its prefix to the model's place in the checkpoint. */
#include "spec/expand.h"

#include "base/size.h"
#include "base/strmap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 1024 };

/* The value of {i}, {e} or an integer param in a name. */
static viv_status hole_number(struct expander *x, const struct yaml *y, const char *word, int64_t each,
                              int64_t *out)
{
    struct value v = {0};
    bool is_each = strcmp(word, "e") == 0, is_index = strcmp(word, "i") == 0;
    if (is_each || is_index) {
        *out = is_each ? each : x->index;
        return *out >= 0 ? VIV_OK
                         : yaml_error(x->err, y->at, VIV_EINVAL,
                                      is_each ? "'%s' has {e}, but no `each`"
                                              : "'%s' has {i}, but is used outside of any repeat",
                                      y->text);
    }
    viv_status status = expander_param(x, word, &v, x->err);
    if (status == VIV_OK && v.kind != VALUE_INT)
        status = yaml_error(x->err, y->at, VIV_EINVAL, "'%s': %s is %s, expected an integer", y->text, word,
                            expr_value_kind_name(v.kind));
    *out = v.i;
    return status;
}

viv_status expander_fill_name(struct expander *x, const struct yaml *y, int64_t each, const char **out)
{
    struct buf name = {0};
    viv_status status = VIV_OK;
    for (const char *p = y->text; *p && status == VIV_OK;) {
        const char *hole = strchr(p, '{'), *end = hole ? strchr(hole, '}') : NULL;
        char word[64];
        int64_t number = 0;
        buf_append(&name, p, end ? (size_t)(hole - p) : strlen(p));
        if (!end)
            break;
        snprintf(word, sizeof word, "%.*s", (int)size_min((uint64_t)(end - hole - 1), sizeof word - 1), hole + 1);
        status = hole_number(x, y, word, each, &number);
        buf_printf(&name, "%" PRId64, number);
        p = end + 1;
    }
    *out = name.failed || status != VIV_OK ? NULL : arena_strndup(x->arena, buf_text(&name), name.size);
    buf_release(&name);
    return status != VIV_OK || *out ? status : error_nomem(x->err);
}

const viv_tensor *expander_tensor(const struct expander *x, const char *name)
{
    uint32_t at;
    if (!x->checkpoint || expander_gguf(x))
        return x->checkpoint ? checkpoint_tensor(x->checkpoint, name) : NULL;
    return place_find(&x->place, &x->checkpoint->by_name, name, &at) ? &x->checkpoint->tensors[at] : NULL;
}

/* The name in the checkpoint. */
static viv_status move_to_place(const struct expander *x, const char **name)
{
    const viv_tensor *t = expander_tensor(x, *name);
    const size_t n = strlen(x->place.drop);
    if (t)
        *name = t->name;
    else if (!expander_gguf(x) && n > 0 && strncmp(*name, x->place.drop, n) == 0)
        *name = arena_printf(x->arena, "%s%s", x->place.add, *name + n);
    return *name ? VIV_OK : error_nomem(x->err);
}

static bool names_have(const struct yaml *names, const char *hole)
{
    for (uint32_t k = 0; k < yaml_count(names); k++)
        if (strstr(yaml_item(names, k)->text, hole))
            return true;
    return false;
}

bool spec_weight_is_indexed(const struct weight_entry *w)
{
    return names_have(yaml_get(w->body, "hf"), "{i}") || names_have(yaml_get(w->body, "gguf"), "{i}");
}

static viv_status count_each(struct expander *x, const struct yaml *each, uint32_t *n)
{
    struct value v = {0};
    viv_status status = expander_eval(x, each, &v);
    if (status == VIV_OK && (v.kind != VALUE_INT || v.i < 1 || v.i > MAX_NAMES))
        return yaml_error(x->err, each->at, VIV_EINVAL, "`each` must be an integer from 1 to %d", MAX_NAMES);
    *n = (uint32_t)v.i;
    return status;
}

viv_status spec_weight_names(struct expander *x, const struct weight_entry *entry, struct weight *w)
{
    const struct yaml *names = yaml_get(entry->body, expander_naming(x)), *each = yaml_get(entry->body, "each");
    const uint32_t n = yaml_count(names);
    viv_status status = VIV_OK;
    if (!names_have(names, "{e}")) /* one naming may have a tensor for each, and the other one tensor for all */
        each = NULL;
    if (each && (status = count_each(x, each, &w->n_experts)) != VIV_OK)
        return status;
    const uint64_t n_names = (uint64_t)n * (each ? w->n_experts : 1);
    if (n_names > MAX_NAMES)
        return yaml_error(x->err, names->at, VIV_ELIMIT, "more than %d names", MAX_NAMES);
    const char **list = arena_array(x->arena, n_names, sizeof *list);
    if (!list)
        return error_nomem(x->err);
    for (uint32_t k = 0; k < n_names && status == VIV_OK; k++) {
        status = expander_fill_name(x, yaml_item(names, k % n), each ? (int64_t)(k / n) : -1, &list[k]);
        if (status == VIV_OK)
            status = move_to_place(x, &list[k]);
    }
    w->names = list;
    w->n_names = (uint32_t)n_names;
    return status;
}
