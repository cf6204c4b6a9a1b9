/* Options of config.json and of GGUF files: each is honoured, refused by its name, known to change no number, or
 * named as unknown. */
#include "world.h"

#include "base/file.h"

#include <dirent.h>

static char *printed(const struct expansion *e)
{
    struct buf out = {0};
    struct error err;
    ck_assert_int_eq(expansion_print(e, &out, &err), VIV_OK);
    return out.data;
}

/* Calls see(checkpoint, spec) for every checkpoint of tests/golden that has this file. */
static unsigned for_each(const char *file, struct specs *specs,
                         void (*see)(const char *name, struct checkpoint *c, const struct spec *s))
{
    unsigned n = 0;
    DIR *d = opendir(source_path("tests/golden"));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[4096], holds[4352];
        struct checkpoint c;
        struct spec *s;
        struct error err;
        snprintf(path, sizeof path, "%s/%s", source_path("tests/golden"), e->d_name);
        snprintf(holds, sizeof holds, "%s/%s", path, file);
        if (!file_exists(holds))
            continue;
        if (strcmp(file, "model.gguf") == 0)
            snprintf(path, sizeof path, "%.4000s", holds);
        ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(spec_open(&specs->world, path, &s, &err) == VIV_OK, "%s", err.text);
        see(e->d_name, &c, s);
        spec_close(s);
        checkpoint_close(&c);
        n++;
    }
    closedir(d);
    return n;
}

static void all_known(const char *name, struct checkpoint *c, const struct spec *s)
{
    struct expansion *e;
    struct error err;
    ck_assert_msg(spec_expand(s, c, &e, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(e->n_unread == 0, "%s: nobody reads %s", name, e->n_unread ? e->unread[0] : "");
    expansion_destroy(e);
}

TEST(options__that_transformers_writes_are_all_known)
{
    struct specs specs;
    specs_init(&specs);
    ck_assert_uint_gt(for_each("config.json", &specs, all_known), 100);
    ck_assert_uint_gt(for_each("model.gguf", &specs, all_known), 50);
    specs_release(&specs);
}
END_TEST

static void refuses_packed(const char *name, struct checkpoint *c, const struct spec *s)
{
    static const char *const methods[] = {"gptq", "awq", "bitsandbytes", "fp8", "compressed-tensors"};
    if (c->packed) /* those of formats/packed/ are not */
        return;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct expansion *e;
        struct error err;
        json_object_set_new(c->config, "quantization_config", json_pack("{s:s}", "quant_method", methods[i]));
        ck_assert_msg(spec_expand(s, c, &e, &err) == VIV_EUNSUPPORTED, "%s: %s", name, methods[i]);
        ck_assert_msg(strstr(err.text, "quantization_config.quant_method") && strstr(err.text, methods[i]),
                      "%s: %s", name, err.text);
    }
}

TEST(options__that_say_that_weights_are_packed_are_refused_by_every_family)
{
    struct specs specs;
    specs_init(&specs);
    ck_assert_uint_gt(for_each("config.json", &specs, refuses_packed), 100);
    specs_release(&specs);
}
END_TEST

#define LLAMA                                                                                                      \
    "'hidden_size': 24, 'intermediate_size': 40, 'num_hidden_layers': 2, 'num_attention_heads': 6, "               \
    "'vocab_size': 32"

/* What a family does not know of a config.json: names with a blank between them; or the error. */
static char *unread(struct specs *specs, const char *family, const struct format *format, const char *json,
                    const char *tensors)
{
    struct spec *s;
    struct expansion *e;
    struct error err;
    struct buf out = {0};
    struct checkpoint c = fake_checkpoint(format, json, tensors);
    ck_assert_msg(spec_open(&specs->world, family, &s, &err) == VIV_OK, "%s", err.text);
    if (spec_expand(s, &c, &e, &err) == VIV_OK) {
        for (uint32_t i = 0; i < e->n_unread; i++)
            buf_printf(&out, "%s%s", i ? " " : "", e->unread[i]);
        expansion_destroy(e);
    } else {
        buf_puts(&out, err.text);
    }
    buf_puts(&out, "");
    spec_close(s);
    checkpoint_close(&c);
    return out.data ? out.data : strdup("");
}

TEST(options__that_no_one_reads_are_named)
{
    static const struct {
        const char *json, *unread;
    } cases[] = {
        {"{" LLAMA "}", ""},
        {"{" LLAMA ", 'use_cache': true, 'attention_dropout': 0.5, 'pad_token_id': 7, 'pretraining_tp': 2}", ""},
        {"{" LLAMA ", 'attn_logit_softcapping': null, 'rope_scaling': null}", ""},
        {"{" LLAMA ", 'attn_logit_softcapping': 30.0}", "attn_logit_softcapping"},
        {"{" LLAMA ", 'num_key_value_head': 3, 'use_rope': false}", "num_key_value_head use_rope"},
        {"{" LLAMA ", 'rope_scaling': {'rope_type': 'linear', 'factor': 2.0, 'fatcor': 4.0}}",
         "rope_scaling.fatcor"},
        {"{" LLAMA ", 'rope_parameters': {'full_attention': {'rope_type': 'linear', 'factor': 2.0}}}",
         "rope_parameters.full_attention"},
        {"{" LLAMA ", 'text_config': {'hidden_size': 8}}", "text_config"},
        {"{" LLAMA ", 'quantization_config': {'bits': 4}}",
         "fake: config.json: the weights are packed in a way that cannot be read (quantization_config): take the "
         "model as it was before, or as GGUF"},
        {"{" LLAMA ", 'compression_config': {'quant_method': 'compressed-tensors'}}",
         "fake: config.json: the weights are packed in a way that cannot be read (compression_config.quant_method "
         "= "
         "compressed-tensors): take the model as it was before, or as GGUF"},
        {"{" LLAMA ", 'quantization_config': null}", ""},
    };
    struct specs specs;
    specs_init(&specs);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = unread(&specs, "llama", &fake_hf, cases[i].json, "");
        ck_assert_str_eq(found, cases[i].unread);
        free(found);
    }
    specs_release(&specs);
}
END_TEST

/* transformers 5.24 writes sizes of single layers: specs name the last one by a param, and the others have no
 * effect. */
TEST(options__of_a_layer_are_read_by_its_number)
{
    struct specs specs;
    struct error err;
    struct buf text = {0};
    specs_init(&specs);
    ck_assert_int_eq(file_read(source_path("tests/golden/gemma4/config.json"), 1 << 20, &text, &err), VIV_OK);
    json_t *config = json_loads(buf_text(&text), 0, NULL);
    const json_int_t last = json_integer_value(json_object_get(config, "num_hidden_layers")) - 1;
    for (json_int_t layer = last - 1; layer <= last; layer++) {
        char number[32];
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, layer);
        json_object_set_new(config, "per_layer_config", json_pack("{s:{s:s}}", number, "head_dim", "wide"));
        char *json = json_dumps(config, 0), *found = unread(&specs, "gemma4", &fake_hf, json, "");
        ck_assert_msg(layer == last ? strstr(found, "wide") != NULL : !*found, "layer %s: '%s'", number, found);
        free(found);
        free(json);
    }
    json_decref(config);
    buf_release(&text);
    specs_release(&specs);
}
END_TEST

TEST(options__of_gguf_files_that_no_one_reads_are_named)
{
    struct specs specs;
    specs_init(&specs);
    char *found =
        unread(&specs, "llama", &fake_gguf,
               "{'general.architecture': 'llama', 'general.name': 'a', 'tokenizer.ggml.model': 'llama', "
               "'llama.embedding_length': 24, 'llama.feed_forward_length': 40, 'llama.block_count': 2, "
               "'llama.attention.head_count': 6, 'llama.vocab_size': 32, 'llama.attention.value_length': 4, "
               "'llama.rope.dimension_count': 4, 'llama.attn_logit_softcapping': 30.0, 'llamas': 1, "
               "'llama.rope.scaling.fatcor': 2.0}",
               "token_embd.weight:32");
    ck_assert_str_eq(found, "llama.attn_logit_softcapping llama.rope.scaling.fatcor");
    free(found);
    specs_release(&specs);
}
END_TEST

TEST(options__are_counted_and_cut)
{
    struct specs specs;
    struct buf json = {0};
    specs_init(&specs);
    buf_printf(&json, "{" LLAMA ", '");
    for (int i = 0; i < 1000; i++)
        buf_puts(&json, "long ");
    buf_printf(&json, "': 1}");
    char *found = unread(&specs, "llama", &fake_hf, buf_text(&json), "");
    ck_assert_uint_eq(strlen(found), 255);
    free(found);
    buf_release(&json);
    buf_printf(&json, "{" LLAMA);
    for (int i = 0; i < 100; i++)
        buf_printf(&json, ", 'x%02d': 1", i);
    buf_printf(&json, "}");
    found = unread(&specs, "llama", &fake_hf, buf_text(&json), "");
    ck_assert_str_eq(found, "x00 x01 x02 x03 x04 x05 x06 x07 x08 x09 x10 x11 x12 x13 x14 x15");
    free(found);
    buf_release(&json);
    specs_release(&specs);
}
END_TEST

/* --- tests/golden/options.json: [folder, options left out, option, value], each of which changes what transformers
 * computes */

static void set_option(json_t *config, const char *key, json_t *value)
{
    static const char *const of_version_4[] = {"rope_theta", "rope_scaling", "partial_rotary_factor"};
    json_object_set(config, key, value);
    for (size_t i = 0; strcmp(key, "rope_parameters") == 0 && i < 3; i++)
        json_object_del(config, of_version_4[i]);
}

static void check_option(const struct specs *specs, const json_t *option)
{
    char path[4096];
    const char *folder = json_string_value(json_array_get(option, 0));
    const char *key = json_string_value(json_array_get(option, 2));
    json_t *left_out;
    size_t i;
    struct checkpoint c;
    struct spec *s;
    struct expansion *e;
    struct error err;
    ck_assert(folder && key);
    snprintf(path, sizeof path, "%s/%s", source_path("tests/golden"), folder);
    ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(spec_open(&specs->world, path, &s, &err) == VIV_OK, "%s", err.text);
    json_array_foreach(json_array_get(option, 1), i, left_out)
        json_object_del(c.config, json_string_value(left_out));
    ck_assert_msg(spec_expand(s, &c, &e, &err) == VIV_OK, "%s", err.text);
    char *before = printed(e), *value = json_dumps(json_array_get(option, 3), JSON_ENCODE_ANY);
    expansion_destroy(e);
    set_option(c.config, key, json_array_get(option, 3));
    if (spec_expand(s, &c, &e, &err) == VIV_OK) {
        char *after = printed(e);
        ck_assert_msg(strcmp(before, after) != 0, "%s ignores that %s is %s", folder, key, value);
        ck_assert_msg(e->n_unread == 0, "%s does not know %s", folder, e->n_unread ? e->unread[0] : "");
        free(after);
        expansion_destroy(e);
    } else {
        const char *name = strcmp(key, "rope_parameters") == 0 ? "rope" : key;
        ck_assert_msg(strstr(err.text, name), "%s refuses that %s is %s without its name: %s", folder, key, value,
                      err.text);
    }
    free(before);
    free(value);
    spec_close(s);
    checkpoint_close(&c);
}

TEST(options__that_change_what_transformers_computes_are_honoured_or_refused_by_name)
{
    struct specs specs;
    json_t *options, *option;
    struct error err;
    size_t i;
    specs_init(&specs);
    ck_assert_msg(json_read(source_path("tests/golden/options.json"), 1 << 20, &options, &err) == VIV_OK, "%s",
                  err.text);
    json_array_foreach(options, i, option)
    {
        if (!SANITIZED || i % 4 == 0) /* sanitizers take their time */
            check_option(&specs, option);
    }
    ck_assert_uint_gt(i, 1200);
    json_decref(options);
    specs_release(&specs);
}
END_TEST

/* --- an output head beside an embedding that config.json says is the same tensor */

static const struct weight *weight_named(const struct expansion *e, const char *key)
{
    for (uint32_t i = 0; i < e->n_weights; i++)
        if (strcmp(e->weights[i].key, key) == 0)
            return &e->weights[i];
    return NULL;
}

static bool head_of(const struct spec *s, struct tie *tie)
{
    for (uint32_t i = 0; spec_tie(s, "hf", &i, tie);)
        if (strcmp(tie->key, "head") == 0)
            return true;
    return false;
}

/* Gives a checkpoint of tied weights a head with the embedding's bytes, or others; whether the model has it then.
 */
static bool has_own_head(const char *name, struct checkpoint *c, const struct spec *s, bool same)
{
    struct expansion *e;
    struct error err;
    struct tie tie;
    ck_assert(head_of(s, &tie));
    json_object_set_new(c->config, "tie_word_embeddings", json_true());
    ck_assert_msg(spec_expand(s, c, &e, &err) == VIV_OK, "%s: %s", name, err.text);
    const struct weight *embed = weight_named(e, "embed");
    viv_tensor head = *checkpoint_tensor(c, embed->names[0]);
    void *bytes = malloc(head.nbytes);
    memcpy(bytes, head.dl.data, head.nbytes);
    ((unsigned char *)bytes)[head.nbytes - 1] ^= !same;
    head.dl.data = bytes;
    ck_assert_msg(checkpoint_add(c, tie.name, &head, &err) == VIV_OK, "%s: %s", name, err.text);
    expansion_destroy(e);
    ck_assert_msg(spec_expand(s, c, &e, &err) == VIV_OK, "%s: %s", name, err.text);
    bool has = weight_named(e, "head") != NULL;
    expansion_destroy(e);
    free(bytes);
    return has;
}

static unsigned n_heads;

static void own_head_wins(const char *name, struct checkpoint *c, const struct spec *s)
{
    struct tie tie;
    if (!head_of(s, &tie) || checkpoint_tensor(c, tie.name) || strncmp(name, "qwen3-embedding", 15) == 0)
        return; /* those read texts alone */
    ck_assert_msg(has_own_head(name, c, s, false), "%s drops the head of its file", name);
    n_heads++;
}

static void same_head_is_tied(const char *name, struct checkpoint *c, const struct spec *s)
{
    struct tie tie;
    if (head_of(s, &tie) && !checkpoint_tensor(c, tie.name))
        ck_assert_msg(!has_own_head(name, c, s, true), "%s has its embedding twice", name);
}

/* What full fine-tuning of a tied model leaves; transformers goes by the file, too. */
TEST(options__tie_word_embeddings_leaves_a_head_that_differs_as_it_is)
{
    struct specs specs;
    specs_init(&specs);
    n_heads = 0;
    for_each("config.json", &specs, own_head_wins);
    for_each("config.json", &specs, same_head_is_tied);
    ck_assert_uint_gt(n_heads, 30);
    specs_release(&specs);
}
END_TEST

TESTS(options__that_transformers_writes_are_all_known,
      options__that_say_that_weights_are_packed_are_refused_by_every_family, options__that_no_one_reads_are_named,
      options__of_a_layer_are_read_by_its_number, options__tie_word_embeddings_leaves_a_head_that_differs_as_it_is,
      options__of_gguf_files_that_no_one_reads_are_named, options__are_counted_and_cut,
      options__that_change_what_transformers_computes_are_honoured_or_refused_by_name)
