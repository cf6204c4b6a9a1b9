/* adapter_config.c - adapter_config.json of PEFT (its tuners/lora/config.py): alpha / rank, or alpha / sqrt(rank),
 * by module. A setting that is not supported is an error that names it, unless it has no effect.
 *
 * Targets without tensors are allowed: lists of targets are made for many families at once. fan_in_fan_out is not
 * used, because the spec tells which matrices are transposed, and PEFT corrects it too. */
#include "adapters/adapter.h"

#include "tokenizer/regex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PATTERNS = 4096 };
static const uint64_t MAX_CONFIG = 4 << 20;

static viv_status wrong_kind(const struct adapter_config *c, const char *key, const json_t *v, const char *expected,
                             struct error *err)
{
    return error_set(err, VIV_EFORMAT, "%s: '%s' is %s, expected %s", c->path, key, json_kind(v), expected);
}

static viv_status read_bool(const struct adapter_config *c, const char *key, bool *out, struct error *err)
{
    const json_t *v = json_object_get(c->root, key);
    if (v && !json_is_null(v) && !json_is_boolean(v))
        return wrong_kind(c, key, v, "a boolean", err);
    *out = json_is_true(v);
    return VIV_OK;
}

/* Keys that are read here or in adapter.c; then those about its origin and training, and those that its tensors
 * show. */
static const char understood[] =
    "peft_type r lora_alpha use_rslora rank_pattern alpha_pattern use_dora lora_bias trainable_token_indices "
    "ensure_weight_tying init_lora_weights "
    "task_type auto_mapping base_model_name_or_path revision inference_mode peft_version lora_dropout "
    "target_modules exclude_modules layers_to_transform layers_pattern modules_to_save bias fan_in_fan_out "
    "megatron_core qalora_group_size runtime_config loftq_config eva_config corda_config lora_ga_config";

static bool is_word_of(const char *words, const char *word)
{
    const size_t n = strlen(word);
    for (const char *p = words; *p; p += strcspn(p, " "), p += *p == ' ')
        if (strcspn(p, " ") == n && strncmp(p, word, n) == 0)
            return true;
    return false;
}

static viv_status refuse_others(const struct adapter_config *c, struct error *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(c->root, key, value)
    {
        if (!is_word_of(understood, key) && !json_says_nothing(value))
            return error_set(err, VIV_EUNSUPPORTED, "%s: '%s' is set, which this version does not support", c->path,
                             key);
    }
    return VIV_OK;
}

/* Initialisations that change the base model: such an adapter works only on the changed weights. */
static viv_status refuse_changed_base(const struct adapter_config *c, struct error *err)
{
    static const char *const changes[] = {"pissa", "olora", "corda", "loftq", "lora_ga"};
    const char *how = json_string_value(json_object_get(c->root, "init_lora_weights"));
    for (size_t i = 0; how && i < sizeof changes / sizeof *changes; i++)
        if (strncmp(how, changes[i], strlen(changes[i])) == 0)
            return error_set(
                err, VIV_EUNSUPPORTED,
                "%s: init_lora_weights is '%s', which changes the base model's weights: save the adapter "
                "anew with save_pretrained(path_initial_model_for_weight_conversion=...) of peft",
                c->path, how);
    return VIV_OK;
}

static viv_status read_patterns(const struct adapter_config *c, const char *key, struct patterns *out,
                                struct error *err)
{
    json_t *map = json_object_get(c->root, key), *value;
    const char *name;
    if (!map || json_is_null(map))
        return VIV_OK;
    if (!json_is_object(map))
        return wrong_kind(c, key, map, "an object", err);
    if (json_object_size(map) > MAX_PATTERNS)
        return error_set(err, VIV_ELIMIT, "%s: %zu entries in '%s', at most %d are read", c->path,
                         json_object_size(map), key, MAX_PATTERNS);
    out->v = calloc(json_object_size(map) + 1, sizeof *out->v);
    if (!out->v)
        return error_nomem(err);
    json_object_foreach(map, name, value)
    {
        struct buf text = {0};
        struct pattern *p = &out->v[out->n];
        if (!json_is_number(value))
            return wrong_kind(c, key, value, "numbers", err);
        p->value = json_number_value(value);
        buf_printf(&text, "\\A(.*\\.)?(%s)$", name); /* as get_pattern_key of peft */
        viv_status status =
            text.failed ? error_nomem(err) : regex_create(text.data, text.size, REGEX_PYTHON, &p->regex, err);
        buf_release(&text);
        if (status != VIV_OK)
            return error_prefix(err, "%s: '%s' of '%s'", c->path, name, key);
        out->n++;
    }
    return VIV_OK;
}

static viv_status read_numbers(struct adapter_config *c, struct error *err)
{
    const json_t *r = json_object_get(c->root, "r"), *alpha = json_object_get(c->root, "lora_alpha");
    if (!json_is_integer(r))
        return wrong_kind(c, "r", r, "the rank, an integer", err);
    if (!json_is_number(alpha))
        return wrong_kind(c, "lora_alpha", alpha, "a number", err);
    c->rank = json_integer_value(r);
    c->alpha = json_number_value(alpha);
    viv_status status = read_bool(c, "use_rslora", &c->rslora, err);
    if (status == VIV_OK)
        status = read_bool(c, "use_dora", &c->dora, err);
    if (status == VIV_OK)
        status = read_bool(c, "lora_bias", &c->lora_bias, err);
    if (status == VIV_OK)
        status = read_bool(c, "ensure_weight_tying", &c->keeps_ties, err);
    if (status == VIV_OK)
        status = read_patterns(c, "rank_pattern", &c->ranks, err);
    return status == VIV_OK ? read_patterns(c, "alpha_pattern", &c->alphas, err) : status;
}

static viv_status read_config(struct adapter_config *c, struct error *err)
{
    if (!json_is_object(c->root))
        return error_set(err, VIV_EFORMAT, "%s: expected an object, found %s", c->path, json_kind(c->root));
    const json_t *type = json_object_get(c->root, "peft_type");
    if (!json_is_string(type))
        return error_set(err, VIV_EFORMAT, "%s: expected a 'peft_type', found %s: is this an adapter of PEFT?",
                         c->path, json_kind(type));
    if (strcmp(json_string_value(type), "LORA") != 0)
        return error_set(err, VIV_EUNSUPPORTED, "%s: peft_type is '%s', this version knows LORA", c->path,
                         json_string_value(type));
    viv_status status = refuse_others(c, err);
    if (status == VIV_OK)
        status = refuse_changed_base(c, err);
    return status == VIV_OK ? read_numbers(c, err) : status;
}

viv_status adapter_config_read(const char *path, struct adapter_config **out, struct error *err)
{
    struct adapter_config *c = calloc(1, sizeof *c);
    if (!c)
        return error_nomem(err);
    c->path = strdup(path);
    viv_status status = c->path ? json_read(path, MAX_CONFIG, &c->root, err) : error_nomem(err);
    if (status == VIV_OK)
        status = read_config(c, err);
    if (status != VIV_OK) {
        adapter_config_destroy(c);
        return status;
    }
    *out = c;
    return VIV_OK;
}

static void patterns_release(struct patterns *p)
{
    for (size_t i = 0; i < p->n; i++)
        regex_destroy(p->v[i].regex);
    free(p->v);
}

void adapter_config_destroy(struct adapter_config *c)
{
    if (!c)
        return;
    patterns_release(&c->ranks);
    patterns_release(&c->alphas);
    json_decref(c->root);
    free(c->path);
    free(c);
}

/* The value of the first pattern that the module's name ends in. */
static viv_status pattern_value(const struct patterns *p, const char *module, double *value, struct error *err)
{
    for (size_t i = 0; i < p->n; i++) {
        struct ranges ranges = {0};
        bool matches = false;
        viv_status status = regex_ranges(p->v[i].regex, module, strlen(module), &ranges, err);
        for (size_t k = 0; k < ranges.n; k++)
            matches = matches || ranges.v[k].match;
        ranges_release(&ranges);
        if (status != VIV_OK)
            return status;
        if (matches) {
            *value = p->v[i].value;
            return VIV_OK;
        }
    }
    return VIV_OK;
}

viv_status adapter_config_scale(const struct adapter_config *c, const char *module, uint64_t *rank, double *scale,
                                struct error *err)
{
    double r = (double)c->rank, alpha = c->alpha;
    viv_status status = pattern_value(&c->ranks, module, &r, err);
    if (status == VIV_OK)
        status = pattern_value(&c->alphas, module, &alpha, err);
    if (status != VIV_OK)
        return error_prefix(err, "%s: module '%s'", c->path, module);
    if (!(r >= 1) || r > 1 << 24 || r != floor(r))
        return error_set(err, VIV_EFORMAT, "%s: the rank of '%s' is %g, expected an integer from 1", c->path,
                         module, r);
    if (!isfinite(alpha))
        return error_set(err, VIV_EFORMAT, "%s: the alpha of '%s' is not finite", c->path, module);
    *rank = (uint64_t)r;
    *scale = alpha / (c->rslora ? sqrt(r) : r);
    return VIV_OK;
}
