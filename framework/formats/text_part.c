/* text_part.c - configurations of multimodal models, such as transformers' *ForConditionalGeneration. The text
 * part's is under text_config or a similar name, sometimes inside another part. Older ones have the text's options
 * beside vision_config or the like. Options that hold for the whole model are copied to the text part if it lacks
 * them. */
#include "formats/text_part.h"

#include <stdlib.h>
#include <string.h>

/* Keys of the text part's configuration, or of a part that contains it. */
static const char *const texts[] = {"text_config", "language_config", "llm_config", "thinker_config"};
/* Keys that show that there are other parts. */
static const char *const others[] = {"vision_config", "audio_config", "visual", "img_processor", "vision_cfg"};
/* Options that hold for the whole model. */
static const char *const shared[] = {
    "quantization_config", "compression_config", "torch_dtype",  "dtype",
    "bos_token_id",        "eos_token_id",       "pad_token_id", "tokenizer_class"};

static json_t *text_of(const json_t *config)
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

/* Copies options of the whole that the text part lacks. Embedding and head are tied if either says so: files from
 * before transformers 5 have it in the text part, later ones in the whole. */
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

viv_status checkpoint_take_text_part(struct checkpoint *c, struct error *err)
{
    enum { MOST_DEEP = 4 };
    const json_t *whole = c->config;
    json_t *text = text_of(whole);
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
        if (c->whole_config)
            json_decref(c->config);
        else
            c->whole_config = c->config;
        c->config = copy;
        whole = copy;
        text = text_of(whole);
    }
    return VIV_OK;
}
