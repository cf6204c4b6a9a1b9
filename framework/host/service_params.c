/* service_params.c - viv.params: the params of a model's spec, for architectures. */
#include "host/service.h"
#include "model/model.h"

#include <vivarium/params.h>

static const char *get_word(viv_model *model, const char *name, const char *otherwise)
{
    const struct value *v = expansion_param(model_expansion(model), name);
    return v && v->kind == VALUE_STRING ? v->s : otherwise;
}

static int64_t get_int(viv_model *model, const char *name, int64_t otherwise)
{
    const struct value *v = expansion_param(model_expansion(model), name);
    return v && (v->kind == VALUE_INT || v->kind == VALUE_BOOL) ? v->i : otherwise;
}

static const viv_params params = {.struct_size = sizeof(viv_params), .get_word = get_word, .get_int = get_int};

const struct service service_params = {.id = VIV_SERVICE_PARAMS, .table = &params};
