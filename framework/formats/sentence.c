/* sentence.c - modules.json, 1_Pooling/config.json, sentence_bert_config.json and config_sentence_transformers.json
 * of sentence-transformers. */
#include "formats/sentence.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE = 16 << 20 };

/* Reads dir/folder/name as JSON; NULL if there is no such file. */
static viv_status read_json(const char *dir, const char *folder, const char *name, json_t **out, struct error *err)
{
    char *inner = path_join(dir, folder);
    *out = NULL;
    viv_status status = inner ? json_read_in(inner, name, MAX_FILE, out, err) : error_nomem(err);
    free(inner);
    return status;
}

/* The kind of pooling in the files, by our name or, if we have none, by theirs. */
static const char *pooling_of(json_t *config)
{
    static const char *const names[][2] = {{"pooling_mode_cls_token", "cls"},
                                           {"pooling_mode_mean_tokens", "mean"},
                                           {"pooling_mode_lasttoken", "last"}};
    json_t *mode = json_object_get(config, "pooling_mode"), *value;
    const char *found = json_string_value(json_array_size(mode) == 1 ? json_array_get(mode, 0) : mode), *key;
    if (json_array_size(mode) > 1)
        return "several at once";
    if (found)
        return strcmp(found, "lasttoken") == 0 ? "last" : found;
    json_object_foreach(config, key, value)
    {
        if (strncmp(key, "pooling_mode_", 13) != 0 || !json_is_true(value))
            continue;
        if (found)
            return "several at once";
        found = key;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strcmp(key, names[i][0]) == 0)
                found = names[i][1];
    }
    return found;
}

static viv_status read_pooling(const char *dir, const char *folder, json_t *out, struct error *err)
{
    json_t *config;
    viv_status status = read_json(dir, folder, "config.json", &config, err);
    if (status != VIV_OK)
        return status;
    const char *pooling = pooling_of(config);
    json_t *include = json_object_get(config, "include_prompt");
    if (!pooling)
        status = error_set(err, VIV_EFORMAT, "%s/%s/config.json has no pooling mode", dir, folder);
    else if (json_object_set_new(out, "pooling", json_string(pooling)) != 0 ||
             (json_is_false(include) && json_object_set(out, "include_prompt", include) != 0))
        status = error_nomem(err);
    json_decref(config);
    return status;
}

/* The length to which inputs are truncated, as in sentence-transformers; at most the number of positions. */
static viv_status set_length(const char *dir, json_t *config, json_t *out, struct error *err)
{
    json_t *tokenizer = NULL, *length = json_object_get(config, "max_seq_length");
    viv_status status = VIV_OK;
    if (!json_is_integer(length)) {
        status = read_json(dir, "", "tokenizer_config.json", &tokenizer, err);
        length = json_object_get(tokenizer, "model_max_length");
    }
    json_int_t n = json_is_integer(length) ? json_integer_value(length) : INT32_MAX;
    if (status == VIV_OK && json_object_set_new(out, "max_seq_length", json_integer(n)) != 0)
        status = error_nomem(err);
    json_decref(tokenizer);
    return status;
}

static viv_status read_transformer(const char *dir, const char *folder, json_t *out, struct error *err)
{
    static const char *const names[] = {"sentence_bert_config.json",       "sentence_roberta_config.json",
                                        "sentence_distilbert_config.json", "sentence_camembert_config.json",
                                        "sentence_albert_config.json",     "sentence_xlm-roberta_config.json",
                                        "sentence_xlnet_config.json"};
    json_t *config = NULL;
    viv_status status = VIV_OK;
    for (size_t i = 0; status == VIV_OK && !config && i < sizeof names / sizeof *names; i++)
        status = read_json(dir, folder, names[i], &config, err);
    if (status == VIV_OK)
        status = set_length(dir, config, out, err);
    json_t *lower = json_object_get(config, "do_lower_case");
    if (status == VIV_OK && json_is_true(lower) && json_object_set(out, "do_lower_case", lower) != 0)
        status = error_nomem(err);
    json_decref(config);
    return status;
}

/* The named prompts (prefixes of the input), and the default one. */
static viv_status read_prompts(const char *dir, json_t *out, struct error *err)
{
    static const char file[] = "config_sentence_transformers.json";
    json_t *config, *text;
    const char *name;
    viv_status status = read_json(dir, "", file, &config, err);
    json_t *prompts = json_object_get(config, "prompts"), *preset = json_object_get(config, "default_prompt_name");
    if (status == VIV_OK && prompts && !json_is_null(prompts) && !json_is_object(prompts))
        status = error_set(err, VIV_EFORMAT, "%s/%s: prompts: expected an object, found %s", dir, file,
                           json_kind(prompts));
    json_object_foreach(prompts, name, text) if (status == VIV_OK && !json_is_string(text)) status = error_set(
        err, VIV_EFORMAT, "%s/%s: prompts.%s: expected a string, found %s", dir, file, name, json_kind(text));
    if (status == VIV_OK && json_is_string(preset) && !json_object_get(prompts, json_string_value(preset)))
        status =
            error_set(err, VIV_EFORMAT, "%s/%s: default_prompt_name is '%s', but there is no prompt of that name",
                      dir, file, json_string_value(preset));
    if (status == VIV_OK && json_is_object(prompts) && json_object_set(out, "prompts", prompts) != 0)
        status = error_nomem(err);
    if (status == VIV_OK && json_is_string(preset) && json_object_set(out, "default_prompt_name", preset) != 0)
        status = error_nomem(err);
    json_decref(config);
    return status;
}

static viv_status read_module(const char *dir, json_t *module, json_t *out, struct error *err)
{
    const char *type = json_string_value(json_object_get(module, "type"));
    const char *folder = json_string_value(json_object_get(module, "path"));
    const char *name = type && strrchr(type, '.') ? strrchr(type, '.') + 1 : type;
    if (!name || !folder || strchr(folder, '/') || strcmp(folder, "..") == 0)
        return error_set(err, VIV_EFORMAT, "%s/modules.json: expected modules with a type and the name of a folder",
                         dir);
    if (strcmp(name, "Transformer") == 0)
        return read_transformer(dir, folder, out, err);
    if (strcmp(name, "Pooling") == 0)
        return read_pooling(dir, folder, out, err);
    if (strcmp(name, "Normalize") == 0)
        return json_object_set_new(out, "normalize", json_true()) == 0 ? VIV_OK : error_nomem(err);
    return error_set(err, VIV_EUNSUPPORTED,
                     "%s/modules.json has a module '%s': this version knows Transformer, Pooling and Normalize",
                     dir, name);
}

viv_status checkpoint_read_sentence_transformers(const char *dir, json_t *config, struct error *err)
{
    json_t *modules, *module, *out;
    size_t i;
    viv_status status = read_json(dir, "", "modules.json", &modules, err);
    if (status != VIV_OK || !modules)
        return status;
    out = json_pack("{s:b}", "normalize", 0);
    if (!out)
        status = error_nomem(err);
    else if (!json_is_array(modules))
        status = error_set(err, VIV_EFORMAT, "%s/modules.json: expected a list, found %s", dir, json_kind(modules));
    json_array_foreach(modules, i, module) if (status == VIV_OK) status = read_module(dir, module, out, err);
    if (status == VIV_OK)
        status = read_prompts(dir, out, err);
    if (status == VIV_OK && json_object_set(config, "sentence_transformers", out) != 0)
        status = error_nomem(err);
    json_decref(out);
    json_decref(modules);
    return status;
}
