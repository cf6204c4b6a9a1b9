/* Adapters: what is wrong with one is said by name. That right ones give the right numbers, test_parity.c sees to.
 */
#include "adapters/adapters.h"
#include "engine/load.h"
#include "formats/build.h"
#include "testing.h"

#include "adapters/adapter.h"
#include "host/host.h"
#include "model/model.h"

#include <math.h>

static struct host *host;
static struct spec_world world;

static void open_host(void)
{
    struct error err;
    char program[4096];
    snprintf(program, sizeof program, "%s/viv", getenv("VIV_BUILD") ? getenv("VIV_BUILD") : ".");
    const struct host_options options = {.program = program};
    ck_assert_msg(host_create(&options, &host, &err) == VIV_OK, "%s", err.text);
    world.layers = host_layers(host);
    world.directories = host_spec_directories(host);
}

/* --- adapters made on the fly --------------------------------------------------------------------------------- */

/* A tensor of one value throughout; columns 0: it has one dimension. */
struct part {
    const char *name;
    int64_t rows, columns;
    float value;
};

static void write_weights(const char *folder, const struct part *parts, size_t n)
{
    struct buf header = {0}, file = {0};
    char name[128];
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct part *p = &parts[i];
        const uint64_t bytes = (uint64_t)(p->rows * (p->columns ? p->columns : 1)) * sizeof(float);
        buf_printf(&header, "%s\"%s\": {\"dtype\": \"F32\", \"shape\": [%lld", i ? ", " : "{", p->name,
                   (long long)p->rows);
        if (p->columns)
            buf_printf(&header, ", %lld", (long long)p->columns);
        buf_printf(&header, "], \"data_offsets\": [%llu, %llu]}", (unsigned long long)at,
                   (unsigned long long)(at + bytes));
        at += bytes;
    }
    buf_puts(&header, n ? "}" : "{}");
    build_string(&file, header.data, header.size);
    for (size_t i = 0; i < n; i++)
        for (int64_t k = 0; k < parts[i].rows * (parts[i].columns ? parts[i].columns : 1); k++)
            buf_append(&file, &parts[i].value, sizeof parts[i].value);
    snprintf(name, sizeof name, "%s/adapter_model.safetensors", folder);
    write_bytes(name, &file);
    buf_release(&header);
    buf_release(&file);
}

/* The folder of an adapter of PEFT. */
static const char *make_adapter(const char *name, const char *config, const struct part *parts, size_t n)
{
    const char *folder = in_scratch(name);
    char file[128];
    struct buf text = {0};
    mkdir(folder, 0700);
    snprintf(file, sizeof file, "%s/adapter_config.json", name);
    buf_puts(&text, config);
    write_bytes(file, &text);
    buf_release(&text);
    write_weights(name, parts, n);
    return folder;
}

#define Q(part) "base_model.model.model.layers.0.self_attn.q_proj." part
#define PLAIN   "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4}"
#define Q_FACTORS                                                                                                  \
    {Q("lora_A.weight"), 2, 48, 0.5f},                                                                             \
    {                                                                                                              \
        Q("lora_B.weight"), 60, 2, 0.25f                                                                           \
    }
static const struct part q_factors[] = {Q_FACTORS};

/* What opening, and loading, MODEL with these adapters says: a sentence, or "". */
static const char *complaint(const char *model, const char *const *adapters, uint32_t n)
{
    static struct error err;
    viv_model *m = NULL;
    const struct model_options options = {.host = host_viv(host),
                                          .world = &world,
                                          .find_scheduler = host_scheduler,
                                          .find_ctx = host,
                                          .n_threads = 2,
                                          .context = 64,
                                          .adapters = adapters,
                                          .n_adapters = n};
    err = (struct error){0};
    viv_status status = model_open(&options, model, &m, &err);
    if (status == VIV_OK) {
        status = model_load(m, &err);
        model_close(m);
    }
    ck_assert_int_eq(status, err.status);
    return err.text;
}

static void complains(const char *model, const char *adapter, const char *expected)
{
    const char *said = complaint(model, &adapter, 1);
    ck_assert_msg(*expected ? strstr(said, expected) != NULL : !*said, "expected '%s' in '%s'", expected, said);
}

static const char *golden(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/golden/%s", name);
    return source_path(path);
}

/* --- path and scale ------------------------------------------------------------------------------------------- */

TEST(adapter__scale_stands_behind_the_last_colon_of_a_path_that_is_not_there_with_it)
{
    static const struct {
        const char *words, *path;
        double scale; /* NAN: refused */
    } cases[] = {{"", "", 1},           {":0.5", "", 0.5}, {":-2e-1", "", -0.2}, {":1e400", "", NAN},
                 {":inf", "", NAN},     {":nan", "", NAN}, {":", "", NAN},       {":half", "", NAN},
                 {":2:0.5", ":2", 0.5}, {":2", ":2", 1}};
    char words[256], wanted[256], *path;
    double scale;
    struct error err;
    const char *folder = in_scratch("split");
    mkdir(folder, 0700);
    snprintf(words, sizeof words, "%s:2", folder); /* a path with a colon of its own */
    mkdir(words, 0700);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(words, sizeof words, "%s%s", folder, cases[i].words);
        snprintf(wanted, sizeof wanted, "%s%s", folder, cases[i].path);
        viv_status status = adapter_split(words, &path, &scale, &err);
        ck_assert_msg((status != VIV_OK) == isnan(cases[i].scale), "%s", words);
        if (status != VIV_OK)
            continue;
        ck_assert_str_eq(path, wanted);
        ck_assert_double_eq(scale, cases[i].scale);
        free(path);
    }
    remove_scratch();
}
END_TEST

/* --- adapter_config.json -------------------------------------------------------------------------------------- */

TEST(adapter__refuses_by_name_what_it_cannot_honour)
{
    static const struct {
        const char *config, *expected;
    } cases[] = {
        {PLAIN, ""},
        {"[]", "expected an object, found an array"},
        {"{\"r\": 2}", "expected a 'peft_type', found nothing"},
        {"{\"peft_type\": \"IA3\", \"r\": 2, \"lora_alpha\": 4}", "peft_type is 'IA3'"},
        {"{\"peft_type\": \"LORA\", \"lora_alpha\": 4}", "'r' is nothing"},
        {"{\"peft_type\": \"LORA\", \"r\": 2.5, \"lora_alpha\": 4}", "'r' is a number with a fraction"},
        {"{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 4}", "is 0, expected an integer from 1"},
        {"{\"peft_type\": \"LORA\", \"r\": 2}", "'lora_alpha' is nothing"},
        {"{\"peft_type\": \"LORA\", \"r\": 3, \"lora_alpha\": 4}", "is of rank 2, adapter_config.json says 3"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"use_qalora\": true}", "'use_qalora' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"use_qalora\": false, \"new\": null}", ""},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"layer_replication\": [[0, 2]]}",
         "'layer_replication' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"alora_invocation_tokens\": [1]}",
         "'alora_invocation_tokens' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"megatron_config\": {\"x\": 1}}",
         "'megatron_config' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"target_parameters\": [\"x\"]}",
         "'target_parameters' is set"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"init_lora_weights\": \"pissa_niter_16\"}",
         "init_lora_weights is 'pissa_niter_16'"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"use_rslora\": \"yes\"}",
         "'use_rslora' is a string, expected a boolean"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"use_dora\": true}", "has no magnitudes"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"lora_bias\": true}", "has no bias"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"trainable_token_indices\": [1]}",
         "there are no rows for them"},
        {"{\"peft_type\": \"LORA\", \"r\": 9, \"lora_alpha\": 4, \"rank_pattern\": {\"q_proj\": 2}}", ""},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"rank_pattern\": {\"_proj\": 3}}", ""},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"rank_pattern\": {\".*_proj\": 3}}", "says 3"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"rank_pattern\": {\"q_(proj\": 2}}",
         "'q_(proj' of 'rank_pattern'"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"alpha_pattern\": {\"q_proj\": \"x\"}}",
         "'alpha_pattern' is a string, expected numbers"},
        {"{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"alpha_pattern\": []}",
         "'alpha_pattern' is an array, expected an object"},
        {"{\"peft_type\": \"LORA\"", "adapter_config.json:1:"},
    };
    open_host();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        complains(golden("llama-gqa"), make_adapter("a", cases[i].config, q_factors, 2), cases[i].expected);
    host_destroy(host);
    remove_scratch();
}
END_TEST

TEST(adapter__says_what_a_folder_holds_instead)
{
    open_host();
    const char *folder = in_scratch("a");
    mkdir(folder, 0700);
    complains(golden("llama-gqa"), folder, "expected adapter_config.json and adapter_model.safetensors there");
    write_script("a/adapters.safetensors", "x:00");
    complains(golden("llama-gqa"), folder, "MLX");
    write_script("a/adapter_model.bin", "x:00");
    complains(golden("llama-gqa"), folder, "PyTorch");
    complains(golden("llama-gqa"), golden("llama-gqa"), "a whole model");
    complains(golden("llama-gqa"), golden("lora-plain/adapter_model.safetensors"), "expected the directory");
    complains(golden("llama-gqa"), golden("llama-gqa-gguf/model.gguf"), "general.type is nothing");
    complains(golden("llama-gqa"), in_scratch("nowhere"), "nowhere");
    complains("llama-3.2-1b", golden("lora-plain"), "has no weights that an adapter could change");
    host_destroy(host);
    remove_scratch();
}
END_TEST

/* --- tensors -------------------------------------------------------------------------------------------------- */

TEST(adapter__every_tensor_lands_or_is_named)
{
    static const struct {
        struct part parts[3];
        const char *expected;
    } cases[] = {
        {{Q_FACTORS}, ""},
        {{{"model.layers.0.self_attn.q_proj.lora_A.weight", 2, 48, 1}, {Q("lora_B.default.weight"), 60, 2, 1}}, ""},
        {{{Q("lora_A.weight"), 2, 48, 1}}, "no factor B for 'model.layers.0.self_attn.q_proj.weight'"},
        {{{Q("lora_B.weight"), 60, 2, 1}}, "no factor A for"},
        {{Q_FACTORS, {Q("lora_A.other.weight"), 2, 48, 1}}, "are the same part of a change"},
        {{Q_FACTORS, {Q("lora_magnitude_vector"), 60, 0, 1}}, "use_dora is false"},
        {{Q_FACTORS, {Q("lora_B.bias"), 60, 0, 1}}, "lora_bias is false"},
        {{Q_FACTORS, {Q("lora_diag.default"), 2, 0, 1}}, "lora_diag.default' is a part of LoRA"},
        {{{Q("lora_A.weight"), 2, 47, 1}, {Q("lora_B.weight"), 60, 2, 1}}, "is for [60, 47], but "},
        {{{Q("lora_A.weight"), 2, 48, 1}, {Q("lora_B.weight"), 48, 2, 1}}, "is [60, 48]: is it for another model?"},
        {{{Q("lora_A.weight"), 2, 48, 1}, {Q("lora_B.weight"), 60, 3, 1}}, "have no rank in common"},
        {{{Q("lora_A.weight"), 0, 48, 1}, {Q("lora_B.weight"), 60, 0, 1}}, "expected a matrix"},
        {{{Q("lora_A.weight"), 96, 0, 1}, {Q("lora_B.weight"), 60, 2, 1}},
         "lora_A.weight' is [96], expected a matrix"},
        {{{"base_model.model.model.layers.0.self_attn.q_prog.lora_A.weight", 2, 48, 1},
          {"base_model.model.model.layers.0.self_attn.q_prog.lora_B.weight", 60, 2, 1}},
         "no tensor 'model.layers.0.self_attn.q_prog.weight'; the nearest of its names is "
         "'model.layers.0.self_attn.q_proj.weight'"},
        {{{"base_model.model.model.layers.2.self_attn.q_proj.lora_A.weight", 2, 48, 1},
          {"base_model.model.model.layers.2.self_attn.q_proj.lora_B.weight", 60, 2, 1}},
         "no tensor 'model.layers.2."},
        {{{"base_model.model.lm_head.weight", 101, 48, 1}}, ""},
        {{{"base_model.model.lm_head.weight", 103, 48, 1}},
         "lm_head.weight' is [103, 48], but 'lm_head.weight' of "},
        {{{"base_model.model.lm_head.weight", 101, 48, 1},
          {"base_model.model.lm_head.modules_to_save.default.weight", 101, 48, 1}},
         "replaces a tensor that another"},
        {{{Q("bias"), 60, 0, 1}}, "no tensor 'model.layers.0.self_attn.q_proj.bias'"},
        {{{"base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", 1, 48, 1}},
         "trainable_token_indices has no list for the module 'model.embed_tokens'"},
        {{{NULL, 0, 0, 0}}, "it changes no tensor"},
    };
    open_host();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n = 0;
        while (n < 3 && cases[i].parts[n].name)
            n++;
        complains(golden("llama-gqa"), make_adapter("a", PLAIN, cases[i].parts, n), cases[i].expected);
    }
    host_destroy(host);
    remove_scratch();
}
END_TEST

TEST(adapter__rows_are_those_of_the_embedding)
{
    static const char begin[] =
        "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 4, \"trainable_token_indices\": ";
    static const struct {
        const char *indices, *expected;
    } cases[] = {
        {"[3, 100]", ""},
        {"{\"embed_tokens\": [0, 1]}", ""},
        {"{\"tokens\": [0, 1]}", "no list for the module 'model.embed_tokens'"},
        {"[3]", "has 2 rows, trainable_token_indices names 1"},
        {"[3, 101]", "row 101 for 'model.embed_tokens.weight', which has 101 of them"},
        {"[-1, 3]", "row -1"},
        {"[3, \"x\"]", "holds a string, expected integers"},
    };
    static const struct part rows[] = {
        {"base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta", 2, 48, 1}};
    char config[512];
    open_host();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(config, sizeof config, "%s%s}", begin, cases[i].indices);
        complains(golden("llama-gqa"), make_adapter("a", config, rows, 1), cases[i].expected);
    }
    host_destroy(host);
    remove_scratch();
}
END_TEST

TEST(adapter__numbers_that_are_not_finite_are_refused)
{
    static const struct part lost[] = {{Q("lora_A.weight"), 2, 48, NAN}, {Q("lora_B.weight"), 60, 2, 1}};
    static const struct part large[] = {{Q("lora_A.weight"), 2, 48, 1e30f}, {Q("lora_B.weight"), 60, 2, 1e30f}};
    static const struct part beyond[] = {{Q("lora_A.weight"), 2, 64, 1e3f}, {Q("lora_B.weight"), 64, 2, 1e3f}};
    open_host();
    complains(golden("llama-gqa"), make_adapter("a", PLAIN, lost, 2), "holds a number that is not finite");
    complains(golden("llama-gqa"), make_adapter("a", PLAIN, large, 2), "too large for f32 or not a number");
    complains(golden("llama-f16"), make_adapter("a", PLAIN, beyond, 2), "too large for f16 or not a number");
    host_destroy(host);
    remove_scratch();
}
END_TEST

TEST(adapter__scale_is_refused_where_it_has_nothing_to_weaken)
{
    static const struct part head[] = {{"base_model.model.lm_head.weight", 101, 48, 1}};
    char words[512];
    open_host();
    snprintf(words, sizeof words, "%s:0.5", make_adapter("a", PLAIN, head, 1));
    complains(golden("llama-gqa"), words, "replaces one of the model, which cannot be scaled by 0.5");
    snprintf(words, sizeof words, "%s:1", in_scratch("a"));
    complains(golden("llama-gqa"), words, "");
    const char *const twice[] = {in_scratch("a"), in_scratch("a")};
    ck_assert_ptr_nonnull(
        strstr(complaint(golden("llama-gqa"), twice, 2), "replaces a tensor that another adapter"));
    host_destroy(host);
    remove_scratch();
}
END_TEST

/* --- other bases ---------------------------------------------------------------------------------------------- */

/* A pooler that no layer reads counts as the model's, and lists of targets often name it. */
TEST(adapter__what_the_spec_leaves_out_cannot_be_adapted)
{
    static const struct part pooler[] = {{"base_model.model.bert.pooler.dense.lora_A.weight", 2, 36, 1},
                                         {"base_model.model.bert.pooler.dense.lora_B.weight", 36, 2, 1}};
    static const struct part head[] = {
        {"base_model.model.cls.predictions.transform.dense.lora_A.weight", 2, 36, 1},
        {"base_model.model.cls.predictions.transform.dense.lora_B.weight", 36, 2, 1}};
    open_host();
    complains(golden("bert"), make_adapter("a", PLAIN, pooler, 2), "");
    complains(golden("nomic-bert-biases"), make_adapter("b", PLAIN, head, 2),
              "it changes 'cls.predictions.transform.dense.weight', which ");
    host_destroy(host);
    remove_scratch();
}
END_TEST

TEST(adapter__of_peft_is_refused_where_gguf_files_lie_otherwise)
{
    static const struct part fused[] = {
        {"base_model.model.transformer.h.0.self_attention.query_key_value.lora_A.weight", 2, 36, 1},
        {"base_model.model.transformer.h.0.self_attention.query_key_value.lora_B.weight", 108, 2, 1}};
    static const struct part norm[] = {{"base_model.model.model.norm.weight", 36, 0, 1}};
    static const struct part dense[] = {
        {"base_model.model.transformer.h.0.self_attention.dense.lora_A.weight", 2, 36, 1},
        {"base_model.model.transformer.h.0.self_attention.dense.lora_B.weight", 36, 2, 1}};
    static const struct part conv[] = {{"base_model.model.transformer.h.0.attn.c_proj.weight", 36, 36, 1}};
    open_host();
    complains(golden("bloom-gguf/model.gguf"), make_adapter("a", PLAIN, fused, 2), "has another layout");
    complains(golden("bloom-gguf/model.gguf"), make_adapter("b", PLAIN, dense, 2), "");
    complains(golden("gemma-gguf/model.gguf"), make_adapter("c", PLAIN, norm, 1), "has another layout");
    complains(golden("gpt2-gguf/model.gguf"), make_adapter("d", PLAIN, conv, 1), "has another layout");
    complains(golden("llama-gqa-gguf/model.gguf"), make_adapter("e", PLAIN, dense, 2), "knows no tensor");
    host_destroy(host);
    remove_scratch();
}
END_TEST

/* A GGUF file of these keys and of two tensors of zeros, two by `columns` and `rows` by two. */
static const char *make_gguf(const char *keys, int n_keys, const char *a, const char *b, int columns, int rows)
{
    const int second = (8 * columns + 31) / 32 * 32;
    char script[2048];
    snprintf(script, sizeof script,
             "GGUF 4:3 8:2 8:%d %s s:%s 4:2 8:%d 8:2 4:0 8:0 s:%s 4:2 8:2 8:%d 4:0 8:%d p:32 z:%d", n_keys, keys, a,
             columns, b, rows, second, second + 8 * rows);
    return write_script("adapter.gguf", script);
}

#define KEY_TYPE  "s:general.type 4:8 s:adapter "
#define KEY_LORA  "s:adapter.type 4:8 s:lora "
#define KEY_LLAMA "s:general.architecture 4:8 s:llama "
#define KEY_ALORA "s:adapter.alora.invocation_tokens 4:9 4:4 8:1 4:7 "

TEST(adapter__of_gguf_must_be_a_lora_for_the_same_architecture)
{
    static const struct {
        const char *keys;
        int n;
        const char *a, *b;
        const char *expected;
    } cases[] = {
        {KEY_TYPE KEY_LORA KEY_LLAMA, 3, "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b", ""},
        {KEY_LLAMA, 1, "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b", "general.type is nothing"},
        {KEY_TYPE "s:adapter.type 4:8 s:vera " KEY_LLAMA, 3, "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b", "adapter.type is 'vera', expected 'lora'"},
        {KEY_TYPE KEY_LORA "s:general.architecture 4:8 s:qwen2 ", 3, "blk.0.attn_q.weight.lora_a",
         "blk.0.attn_q.weight.lora_b", "is for the architecture 'qwen2'"},
        {KEY_TYPE KEY_LORA KEY_LLAMA KEY_ALORA, 4, "blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b",
         "adapter.alora.invocation_tokens is set"},
        {KEY_TYPE KEY_LORA KEY_LLAMA, 3, "blk.0.attn_q.weight.lora_a", "blk.1.attn_q.weight.lora_b", "no factor B"},
        {KEY_TYPE KEY_LORA KEY_LLAMA, 3, "blk.7.attn_q.weight.lora_a", "blk.7.attn_q.weight.lora_b",
         "no tensor 'blk.7.attn_q.weight'"},
        {KEY_TYPE KEY_LORA KEY_LLAMA, 3, "blk.0.attn_k.weight.lora_a", "blk.0.attn_k.weight.lora_b",
         "is for [60, 48], but 'blk.0.attn_k.weight'"},
        {KEY_TYPE KEY_LORA KEY_LLAMA, 3, "token_embd.weight.lora_a", "token_embd.weight.lora_b",
         "no rank in common"},
    };
    open_host();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        complains(golden("llama-gqa-gguf/model.gguf"),
                  make_gguf(cases[i].keys, cases[i].n, cases[i].a, cases[i].b, 48, 60), cases[i].expected);
    complains(golden("llama-gqa"), make_gguf(cases[0].keys, 3, cases[0].a, cases[0].b, 48, 60), "is not one");
    host_destroy(host);
    remove_scratch();
}
END_TEST

/* --- specs ---------------------------------------------------------------------------------------------------- */

static const char *write_spec(const char *lines)
{
    struct buf text = {0};
    buf_printf(&text, "viv: 1\nuse: llama\ncheckpoint: %s\n%s\n", golden("llama-mqa-tied"), lines);
    const char *path = write_bytes("mine.yaml", &text);
    buf_release(&text);
    return path;
}

TEST(adapter__a_spec_may_name_them)
{
    static const struct part q[] = {{Q("lora_A.weight"), 2, 52, 1}, {Q("lora_B.weight"), 56, 2, 1}};
    struct adapter_summary first, second;
    struct error err;
    viv_model *m;
    open_host();
    const char *const more = make_adapter("b", PLAIN, q, 2);
    make_adapter("a", PLAIN, q, 2);
    const struct model_options options = {
        .host = host_viv(host), .world = &world, .adapters = &more, .n_adapters = 1};
    viv_status status = model_open(&options, write_spec("adapters: [./a:0.5]"), &m, &err);
    ck_assert_msg(status == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(model_n_adapters(m), 2);
    model_adapter(m, 0, &first);
    model_adapter(m, 1, &second);
    ck_assert_double_eq(first.scale, 0.5);
    ck_assert_double_eq(second.scale, 1);
    ck_assert_str_eq(path_base(first.path), "a");
    ck_assert_str_eq(first.format, "peft");
    ck_assert_uint_eq(first.n_low_rank, 1);
    ck_assert_uint_eq(first.rank_min, 2);
    ck_assert_uint_eq(first.rank_max, 2);
    ck_assert_uint_eq(first.n_replaced, 0);
    ck_assert_str_eq(second.path, more);
    model_close(m);
    host_destroy(host);
    remove_scratch();
}
END_TEST

TEST(adapter__head_and_embedding_that_a_spec_holds_together_stay_so)
{
    static const struct part head[] = {{"base_model.model.lm_head.lora_A.weight", 2, 52, 1},
                                       {"base_model.model.lm_head.lora_B.weight", 101, 2, 1}};
    open_host();
    const char *adapter = make_adapter("a", PLAIN, head, 2);
    complains(golden("llama-mqa-tied"), adapter, "");
    complains(write_spec("params: {tie_word_embeddings: true}"), adapter,
              "changes only one of 'lm_head.weight' and 'model.embed_tokens.weight'");
    host_destroy(host);
    remove_scratch();
}
END_TEST

TESTS(adapter__scale_stands_behind_the_last_colon_of_a_path_that_is_not_there_with_it,
      adapter__refuses_by_name_what_it_cannot_honour, adapter__says_what_a_folder_holds_instead,
      adapter__every_tensor_lands_or_is_named, adapter__rows_are_those_of_the_embedding,
      adapter__numbers_that_are_not_finite_are_refused, adapter__scale_is_refused_where_it_has_nothing_to_weaken,
      adapter__what_the_spec_leaves_out_cannot_be_adapted,
      adapter__of_peft_is_refused_where_gguf_files_lie_otherwise,
      adapter__of_gguf_must_be_a_lora_for_the_same_architecture, adapter__a_spec_may_name_them,
      adapter__head_and_embedding_that_a_spec_holds_together_stay_so)
