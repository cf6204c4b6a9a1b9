/* rope_settings.c - rope_parameters, as transformers 5 writes them, and rope_scaling, as version 4 did, in one
 * config.json: model cards advise users to add the latter by hand.
 *
 *   rope_parameters: {rope_theta, rope_type, ...}         rope_scaling stands in place of it
 *   rope_parameters: {full_attention: {...}, ...}         rope_scaling changes what it says of full_attention
 *
 * These are the rules of transformers' configuration classes. */
#include "formats/rope_settings.h"

#include <string.h>

static bool is_by_kind(json_t *parameters)
{
    const char *key;
    json_t *value;
    json_object_foreach(parameters, key, value) if (json_is_object(value)) return true;
    return false;
}

/* `scaling` with its type under its present name. */
static json_t *renamed(json_t *scaling)
{
    json_t *copy = json_copy(scaling), *type = json_object_get(scaling, "type");
    if (copy && type && !json_object_get(copy, "rope_type") && json_object_set(copy, "rope_type", type) != 0) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

/* A base that only rope_parameters gives is then not used. It stays as an unread option, which is reported. */
static bool leave_base(json_t *config, json_t *parameters, json_t *scaling)
{
    json_t *theta = json_object_get(parameters, "rope_theta");
    if (!theta || json_object_get(scaling, "rope_theta") || json_object_get(config, "rope_theta") ||
        json_number_value(theta) == 10000)
        return true;
    return json_object_set(config, "rope_theta of rope_parameters (beside rope_scaling)", theta) == 0;
}

viv_status rope_settings_join(struct checkpoint *c, struct error *err)
{
    json_t *parameters = json_object_get(c->config, "rope_parameters");
    json_t *scaling = json_object_get(c->config, "rope_scaling");
    if (!json_is_object(parameters) || json_object_size(parameters) == 0 || !json_is_object(scaling) ||
        json_object_size(scaling) == 0)
        return VIV_OK;
    const char *model_type = json_string_value(json_object_get(c->config, "model_type"));
    const bool by_kind = is_by_kind(parameters);
    json_t *full = json_object_get(parameters, "full_attention");
    if (by_kind && (!json_is_object(full) || (model_type && strcmp(model_type, "modernbert") == 0)))
        return error_set(err, VIV_EUNSUPPORTED,
                         "%s: config.json has rope_parameters for each kind of layer, and rope_scaling, too: "
                         "remove the one that does not hold",
                         c->path);
    json_t *joined = renamed(scaling);
    bool done = joined != NULL;
    if (done && by_kind)
        done = json_object_update(full, joined) == 0;
    else if (done)
        done = leave_base(c->config, parameters, scaling) &&
               json_object_set(c->config, "rope_parameters", joined) == 0;
    done = done && json_object_del(c->config, "rope_scaling") == 0;
    json_decref(joined);
    return done ? VIV_OK : error_nomem(err);
}
