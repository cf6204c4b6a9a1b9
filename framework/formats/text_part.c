/* text_part.c - configurations of several parts, as transformers' *ForConditionalGeneration and others of their
 * kind have them: the text's stands under text_config, or a name that means the same, itself perhaps within another
 * part. Older ones have the options of the text beside vision_config or its like. What the text's own does not say,
 * and holds for the whole, is taken from the whole. */
#include "formats/text_part.h"

#include <stdlib.h>
#include <string.h>

/* What holds the text's configuration, or leads to it. */
static const char *const texts[] = {"text_config", "language_config", "llm_config", "thinker_config"};
/* What tells that there are other parts. */
static const char *const others[] = {"vision_config", "audio_config", "visual", "img_processor", "vision_cfg"};
/* What holds for the whole. */
static const char *const shared[] = {
    "quantization_config", "compression_config", "torch_dtype",  "dtype",
    "bos_token_id",        "eos_token_id",       "pad_token_id", "tokenizer_class"};

static json_t *text_of(json_t *config)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        json_t *text = json_object_get(config, texts[i]);
        if (json_is_object(text))
            return text;
    }
    return NULL;
}

static bool has_other_parts(const json_t *config)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!json_says_nothing(json_object_get(config, others[i])))
            return true;
    return false;
}

static const char *name_of(const json_t *config)
{
    const char *name = json_string_value(json_array_get(json_object_get(config, "architectures"), 0));
    return name ? name : json_string_value(json_object_get(config, "model_type"));
}

/* Options of the whole that the text's own leaves out. Embedding and head are one where either says so: files from
 * before transformers 5 say it of the text, later ones of the whole. */
static bool inherit(json_t *text, const json_t *whole)
{
    const bool tied = json_is_true(json_object_get(whole, "tie_word_embeddings")),
               said = json_object_get(whole, "tie_word_embeddings") != NULL;
    bool done = true;
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        json_t *value = json_object_get(whole, shared[i]);
        if (value && json_says_nothing(json_object_get(text, shared[i])))
            done = json_object_set(text, shared[i], value) == 0 && done;
    }
    if (!json_object_get(text, "model_type") && json_object_get(whole, "model_type"))
        done = json_object_set(text, "model_type", json_object_get(whole, "model_type")) == 0 && done;
    if (tied || (said && !json_object_get(text, "tie_word_embeddings")))
        done = json_object_set(text, "tie_word_embeddings", tied ? json_true() : json_false()) == 0 && done;
    return done;
}

viv_status text_part_take(struct checkpoint *c, struct error *err)
{
    enum { MOST_DEEP = 4 };
    json_t *whole = c->config, *text = text_of(whole);
    const char *name = name_of(whole);
    if (!text && !has_other_parts(whole))
        return VIV_OK;
    c->whole = arena_strdup(&c->arena, name ? name : "a model of several parts");
    if (!c->whole)
        return error_nomem(err);
    for (int depth = 0; text && depth < MOST_DEEP; depth++) {
        json_t *copy = json_copy(text);
        if (!copy || !inherit(copy, whole)) {
            json_decref(copy);
            return error_nomem(err);
        }
        json_decref(whole);
        c->config = whole = copy;
        text = text_of(whole);
    }
    return VIV_OK;
}
