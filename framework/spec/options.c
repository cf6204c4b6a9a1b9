/* options.c - options of config.json, or of a GGUF file, that no param reads. An option that changes results must
 * be read or refused by the spec. Options without effect are listed here if that holds for all families, and in the
 * spec's `without_effect`. All others are reported, so that the user can be told. */
#include "spec/expand.h"

#include "base/json.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <string.h>

enum { MAX_NAMED = 16, MAX_OPTIONS = 4096, PATH_LENGTH = 256 };

/* Of PretrainedConfig and most configurations derived from it. */
static const char *const without_effect[] = {
    /* origin and versions */
    "_name_or_path", "_commit_hash", "architectures", "model_type", "transformers_version", "torch_dtype", "dtype",
    "auto_map", "transformers.js_config", "is_llama_config", "*attn_implementation*", "_flash_attn_2_enabled",
    "use_flash_attn*", "flash_attn", "torchscript", "unsloth_*",
    /* training */
    "*initializer_*", "init_std", "*dropout", "*dropout_prob", "*_pdrop", "dropout_rate", "*layerdrop",
    "*jitter_noise", "*_loss_coef", "gradient_checkpointing", "pruned_heads", "pretraining_tp",
    /* further outputs of a call, and batch sizes */
    "use_cache", "cache_implementation", "output_past", "output_attentions", "output_hidden_states",
    "output_router_logits", "return_dict*", "chunk_size_feed_forward",
    /* tokens, labels and lengths, which are read elsewhere */
    "*_token_id", "tokenizer_class", "id2label", "label2id", "num_labels", "_num_labels", "problem_type",
    "finetuning_task", "model_max_length", "max_sequence_length", "seq_length", "n_ctx", "sentence_transformers",
    /* generation settings, now in generation_config.json */
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "num_beam_groups", "diversity_penalty",
    "temperature", "top_k", "top_p", "typical_p", "repetition_penalty", "length_penalty", "no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size", "bad_words_ids", "num_return_sequences", "exponential_decay_length_penalty",
    "suppress_tokens", "begin_suppress_tokens", "remove_invalid_values", "prefix", "task_specific_params",
    /* images and audio, not used by a text part: all axes of its positions are equal (mrope) */
    "mrope_*", "vision_*", "visual", "image_*", "img_processor", "embd_layer", "video_*", "audio_*",
    /* of encoder-decoder models; other families have none of their weights */
    "is_encoder_decoder", "is_decoder", "tie_encoder_decoder", "cross_attention_hidden_size"};

/* Of GGUF, after the name of the architecture: sizes that tensor shapes confirm, the order of the file, training,
 * and options that are read elsewhere. */
static const char *const gguf_without_effect[] = {
    ".vocab_size",           ".context_length",          ".feed_forward_length",
    ".attention.key_length", ".attention.value_length",  ".rope.scaling.finetuned",
    ".tensor_data_layout",   ".classifier.output_labels"};

/* Options of quantized weights: if no param reads them, all results would be wrong. */
static const char *const of_weights[] = {"quantization_config", "compression_config"};

struct options {
    struct expander *x;
    const char **named; /* [MAX_NAMED] */
    uint32_t n, n_seen;
};

/* Whether a path in config.json is `path` (EXACT), or inside of it (INSIDE). */
enum reads { READS_NOT, READS_INSIDE, READS_EXACT };

static enum reads read_by(const char *place, const char *path)
{
    size_t n = strlen(path);
    return strncmp(place, path, n) != 0 ? READS_NOT
           : place[n] == '\0'           ? READS_EXACT
           : place[n] == '.'            ? READS_INSIDE
                                        : READS_NOT;
}

/* The paths that a param reads; for config.json, by default its own name. */
static enum reads reads(struct expander *x, const char *path)
{
    const struct spec *s = x->spec;
    enum reads most = READS_NOT;
    for (uint32_t i = 0; i < s->n_params; i++) {
        const struct param *p = &s->params[i];
        const struct yaml *places = yaml_get(p->declaration, expander_naming(x));
        const uint32_t n = places ? yaml_count(places) : !expander_gguf(x);
        for (uint32_t k = 0; p->declaration && k < n; k++) {
            const char *place = p->name;
            if (places && expander_place(x, yaml_item(places, k), &place) != VIV_OK)
                continue;
            enum reads r = read_by(place, path);
            most = r > most ? r : most;
        }
    }
    return most;
}

static bool is_one_of(const char *const *globs, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (fnmatch(globs[i], text, 0) == 0)
            return true;
    return false;
}

static bool spec_says_no_effect(const struct spec *s, const char *path)
{
    for (uint32_t d = 0; d < s->n_documents; d++)
        for (uint32_t i = 0; s->without_effect[d] && i < s->without_effect[d]->n; i++)
            if (fnmatch(s->without_effect[d]->items[i]->text, path, 0) == 0)
                return true;
    return false;
}

/* "fake: config.json: quantization_config (gptq): ..." */
static viv_status check_weights_are_plain(struct expander *x)
{
    for (size_t i = 0; !x->checkpoint->packed && i < sizeof of_weights / sizeof *of_weights; i++) {
        const json_t *q = json_object_get(x->checkpoint->config, of_weights[i]);
        const char *method = json_string_value(json_object_get(q, "quant_method"));
        if (expander_has_tensors(x) && !json_says_nothing(q) && reads(x, of_weights[i]) == READS_NOT)
            return error_set(
                x->err, VIV_EUNSUPPORTED,
                "%s: config.json: the weights are packed in a way that cannot be read (%s%s%.64s): take "
                "the model as it was before, or as GGUF",
                x->checkpoint->path, of_weights[i], method ? ".quant_method = " : "", method ? method : "");
    }
    return VIV_OK;
}

static viv_status keep(struct options *o, const char *option)
{
    o->named[o->n] = arena_strdup(o->x->arena, option);
    return o->named[o->n++] ? VIV_OK : error_nomem(o->x->err);
}

static viv_status walk(struct options *o, const json_t *object, const char *front)
{
    const size_t n_without = sizeof without_effect / sizeof *without_effect;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value)
    {
        if (o->n == MAX_NAMED)
            return VIV_OK;
        if (++o->n_seen > MAX_OPTIONS)
            return error_set(o->x->err, VIV_ELIMIT, "%s: config.json has more than %d values",
                             o->x->checkpoint->path, MAX_OPTIONS);
        char path[PATH_LENGTH];
        int n = snprintf(path, sizeof path, "%s%s", front, key);
        enum reads r = n < PATH_LENGTH ? reads(o->x, path) : READS_NOT;
        /* a nested configuration has the same options: MPT's attn_config does */
        if (!*front && is_one_of(of_weights, sizeof of_weights / sizeof *of_weights, key))
            continue; /* without weights it says nothing, and formats/packed/ reads those */
        if (json_is_null(value) || r == READS_EXACT || is_one_of(without_effect, n_without, key) ||
            spec_says_no_effect(o->x->spec, path))
            continue;
        const bool inside = r == READS_INSIDE && json_is_object(value) && n + 1 < PATH_LENGTH; /* as places are */
        if (inside)
            path[n] = '.', path[n + 1] = '\0';
        viv_status status = inside ? walk(o, value, path) : keep(o, path);
        if (status != VIV_OK)
            return status;
    }
    return VIV_OK;
}

/* The key without the architecture: ".rope.freq_base" of "llama.rope.freq_base". */
static viv_status walk_keys(struct options *o)
{
    const struct checkpoint *c = o->x->checkpoint;
    const struct meta architecture = checkpoint_meta(c, "general.architecture");
    const size_t n = architecture.kind == META_STRING ? architecture.n : 0;
    const size_t n_without = sizeof gguf_without_effect / sizeof *gguf_without_effect;
    const char *key;
    viv_status status = VIV_OK;
    for (uint64_t i = 0; n && status == VIV_OK && o->n < MAX_NAMED && (key = c->format->key(c, i)); i++) {
        const char *option = key + n;
        if (strncmp(key, architecture.s, n) != 0 || *option != '.' || reads(o->x, option) == READS_EXACT ||
            reads(o->x, key) == READS_EXACT || is_one_of(gguf_without_effect, n_without, option) ||
            spec_says_no_effect(o->x->spec, option))
            continue;
        status = keep(o, key);
    }
    return status;
}

viv_status expander_check_options(struct expander *x, const char *const **unread, uint32_t *n_unread)
{
    const struct checkpoint *c = x->checkpoint;
    if (!c || (!c->format->key && !json_is_object(c->config)))
        return VIV_OK;
    struct options o = {.x = x, .named = arena_array(x->arena, MAX_NAMED, sizeof *o.named)};
    viv_status status = o.named ? check_weights_are_plain(x) : error_nomem(x->err);
    if (status == VIV_OK)
        status = c->format->key ? walk_keys(&o) : walk(&o, c->config, "");
    if (status != VIV_OK)
        return status;
    *unread = o.named;
    *n_unread = o.n;
    return VIV_OK;
}
