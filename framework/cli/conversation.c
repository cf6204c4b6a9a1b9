#include "cli/conversation.h"

#include <stdlib.h>
#include <string.h>

viv_status conversation_template(struct opened *o, const char *file, const char *name, bool has_tools,
                                 struct chat_template *out, struct error *err)
{
    const struct checkpoint *c = model_checkpoint(o->model);
    const struct tokenizer *tokenizer = NULL;
    viv_status status = VIV_OK;
    if (!c)
        return error_set(err, VIV_ENOTFOUND, "%s has no weights, and no chat template with them",
                         spec_name(model_spec(o->model)));
    if (checkpoint_is_gguf(c))
        status = model_tokenizer(o->model, &tokenizer, err);
    if (!file && !name)
        file = spec_settings(model_spec(o->model))->chat_template;
    return status == VIV_OK ? chat_template_open(c, tokenizer, file, name, has_tools, out, err) : status;
}

static viv_status put(json_t *data, const char *word, struct error *err)
{
    const char *equals = strchr(word, '=');
    json_t *value = NULL;
    struct error ignored;
    if (!equals || equals == word)
        return error_set(err, VIV_EINVAL, "--var wants NAME=VALUE, found '%s'", word);
    char *name = strndup(word, (size_t)(equals - word));
    if (!name)
        return error_nomem(err);
    if (json_parse_data("--var", equals + 1, strlen(equals + 1), &value, &ignored) != VIV_OK)
        value = json_string(equals + 1);
    const bool is_put = json_object_set_new(data, name, value) == 0;
    free(name);
    return is_put ? VIV_OK : error_nomem(err);
}

viv_status conversation_variables(const struct string_list *variables, json_t *data, struct error *err)
{
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && i < variables->n; i++)
        status = put(data, variables->items[i], err);
    return status;
}
