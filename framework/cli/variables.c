/* variables.c - see variables.h. */
#include "cli/variables.h"

#include <stdlib.h>
#include <string.h>

static viv_status put(json_t *data, const char *word, struct error *err)
{
    const char *equals = strchr(word, '=');
    json_t *value = NULL;
    struct error ignored;
    if (!equals || equals == word)
        return error_set(err, VIV_EINVAL, "--var: expected NAME=VALUE, found '%s'", word);
    char *name = strndup(word, (size_t)(equals - word));
    if (!name)
        return error_nomem(err);
    if (json_parse_data("--var", equals + 1, strlen(equals + 1), &value, &ignored) != VIV_OK)
        value = json_string(equals + 1);
    const bool is_put = json_object_set_new(data, name, value) == 0;
    free(name);
    return is_put ? VIV_OK : error_nomem(err);
}

viv_status variables_put(const struct string_list *variables, json_t *data, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < variables->n; i++)
        status = put(data, variables->items[i], err);
    return status;
}

viv_status variables_apply(const struct string_list *variables, struct request *r, struct error *err)
{
    json_t *all = NULL;
    char *text = NULL;
    if (variables->n == 0)
        return VIV_OK;
    json_notice_memory();
    viv_status status =
        r->viv.variables ? json_parse_data("the variables", r->viv.variables, strlen(r->viv.variables), &all, err)
                         : VIV_OK;
    if (status == VIV_OK && !all)
        all = json_object();
    if (status == VIV_OK)
        status = variables_put(variables, all, err);
    if (status == VIV_OK && (!(text = json_dumps(all, JSON_COMPACT)) || json_lost_something()))
        status = error_nomem(err);
    if (status == VIV_OK)
        status = request_keep(r, text, &r->viv.variables, err);
    free(text);
    json_decref(all);
    return status;
}
