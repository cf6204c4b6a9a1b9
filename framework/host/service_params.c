/* service_params.c - viv.params: the params of a model's spec, for architectures. */
#include "host/service.h"
#include "model/model.h"

#include <vivarium/params.h>

static const char *get_word(viv_model *model, const char *name, const char *otherwise)
{
    const struct value *v = expansion_param(model_expansion(model), name);
    return v && v->kind == VALUE_STRING ? v->s : otherwise;
}

static bool is_int(const struct value *v)
{
    return v->kind == VALUE_INT || v->kind == VALUE_BOOL;
}

static int64_t get_int(viv_model *model, const char *name, int64_t otherwise)
{
    const struct value *v = expansion_param(model_expansion(model), name);
    return v && is_int(v) ? v->i : otherwise;
}

static bool is_number(const struct value *v)
{
    return v->kind == VALUE_INT || v->kind == VALUE_FLOAT;
}

static double number(const struct value *v)
{
    return v->kind == VALUE_FLOAT ? v->f : (double)v->i;
}

static double get_float(viv_model *model, const char *name, double otherwise)
{
    const struct value *v = expansion_param(model_expansion(model), name);
    return v && is_number(v) ? number(v) : otherwise;
}

/* The param, if it is a list of elements that are all of a kind; else NULL. */
static const struct value *list_param(viv_model *model, const char *name, bool (*fits)(const struct value *v))
{
    const struct value *v = expansion_param(model_expansion(model), name);
    bool fit = v && v->kind == VALUE_LIST;
    for (uint32_t i = 0; fit && i < v->n; i++)
        fit = fits(&v->list[i]);
    return fit ? v : NULL;
}

static uint64_t get_ints(viv_model *model, const char *name, int64_t *values, uint64_t capacity)
{
    const struct value *v = list_param(model, name, is_int);
    for (uint32_t i = 0; v && i < v->n && i < capacity; i++)
        values[i] = v->list[i].i;
    return v ? v->n : 0;
}

static uint64_t get_floats(viv_model *model, const char *name, double *values, uint64_t capacity)
{
    const struct value *v = list_param(model, name, is_number);
    for (uint32_t i = 0; v && i < v->n && i < capacity; i++)
        values[i] = number(&v->list[i]);
    return v ? v->n : 0;
}

static viv_status read_file(viv_model *model, const char *name, const char **data, uint64_t *size)
{
    struct error err;
    size_t n = 0;
    const viv_status status = model_file(model, name, data, &n, &err);
    *size = n;
    return leave(&err, status);
}

static const viv_params params = {.struct_size = sizeof(viv_params),
                                  .get_word = get_word,
                                  .get_int = get_int,
                                  .get_float = get_float,
                                  .get_ints = get_ints,
                                  .get_floats = get_floats,
                                  .read_file = read_file};

const struct service service_params = {.id = VIV_SERVICE_PARAMS, .table = &params};
