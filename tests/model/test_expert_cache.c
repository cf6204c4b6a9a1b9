/* Experts: sparse models give the same bits whether their experts are all in memory or read when they are chosen;
 * what cannot work is refused by name. */
#include "golden.h"

#include "engine/load.h"
#include "experts/expert_cache.h"
#include "experts/expert_set.h"
#include "run/run.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

enum { N_TOKENS = 48, MAX_VOCAB = 128 };

static const char *const sparse[] = {"mixtral",         "mixtral-gguf",   "granitemoe",    "gpt_oss",
                                     "gpt_oss-mxfp4",   "glm4_moe",       "deepseek_v3",   "deepseek_v3-gguf",
                                     "packed-moe-gptq", "packed-moe-fp8", "packed-mla-fp8"};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *golden(const char *name)
{
    static char path[4352];
    snprintf(path, sizeof path, "%s/%s", source_path("tests/golden"), name);
    return path;
}

static viv_status try_step(viv_model *m, viv_sequence *s, size_t first, size_t n, float *out, struct error *err)
{
    int32_t tokens[N_TOKENS];
    uint8_t output_rows[N_TOKENS];
    const float *logits;
    uint64_t n_outputs;
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(3 + (first + i) * 29 % 70);
    memset(output_rows, 1, sizeof output_rows);
    const viv_rows rows = {
        .struct_size = sizeof rows, .sequence = s, .n_rows = n, .tokens = tokens, .output_rows = output_rows};
    const viv_rows *const list[] = {&rows};
    viv_status status = model_step(m, list, 1, NULL, &logits, &n_outputs, err);
    if (status == VIV_OK && out)
        memcpy(out, logits, n * model_output_dim(m) * sizeof *out);
    return status;
}

/* Logits of a text: read at once, then token by token. */
static void answer(viv_model *m, float *out)
{
    struct error err;
    viv_sequence *s = golden_sequence(m);
    ck_assert_msg(try_step(m, s, 0, N_TOKENS / 2, out, &err) == VIV_OK, "%s", err.text);
    for (size_t i = N_TOKENS / 2; i < N_TOKENS; i++)
        ck_assert_msg(try_step(m, s, i, 1, out + i * model_output_dim(m), &err) == VIV_OK, "%s", err.text);
    sequence_destroy(s);
}

/* The least budget that the model takes, as the refusal of a smaller one says. */
static uint64_t least_budget(const char *name, uint32_t n_threads)
{
    struct model_options options = golden_options();
    struct error err;
    viv_model *m;
    unsigned long long least;
    options.n_threads = n_threads;
    options.expert_budget = 1;
    ck_assert_int_eq(golden_try(&options, golden(name), &m, &err), VIV_ELIMIT);
    const char *needs = strstr(err.text, "needs ");
    ck_assert_msg(needs && sscanf(needs, "needs %llu at once", &least) == 1, "%s", err.text);
    ck_assert_msg(strstr(err.text, "experts") != NULL, "%s", err.text);
    return least;
}

static void check_same(const char *name, const float *expected)
{
    static float got[N_TOKENS * MAX_VOCAB];
    for (uint32_t n_threads = 1; n_threads <= 3; n_threads++) {
        uint64_t least = least_budget(name, n_threads);
        for (uint64_t budget = least; budget < 6 * least; budget += least / 2) {
            struct model_options options = golden_options();
            struct expert_cache_stats stats;
            options.n_threads = n_threads;
            options.expert_budget = budget;
            viv_model *m = golden_load(&options, golden(name));
            answer(m, got);
            ck_assert_msg(memcmp(got, expected, N_TOKENS * model_output_dim(m) * sizeof *got) == 0,
                          "%s: other bits on %u threads with a budget of %llu", name, n_threads,
                          (unsigned long long)budget);
            ck_assert(model_expert_cache_stats(m, &stats));
            ck_assert_uint_le(stats.peak, budget);
            ck_assert_uint_gt(stats.phases[EXPERT_PREFILL].misses, 0);
            ck_assert_uint_gt(stats.phases[EXPERT_PREFILL].bytes, 0);
            if (budget > 4 * least) /* with the least, each may drive out the next */
                ck_assert_uint_gt(stats.phases[EXPERT_DECODE].hits, 0);
            model_close(m);
        }
    }
}

TEST(expert_cache__gives_the_same_bits_from_memory_and_from_the_file)
{
    static float expected[N_TOKENS * MAX_VOCAB];
    open_host();
    for (size_t i = 0; i < COUNT(sparse); i++) {
        struct model_options options = golden_options();
        options.scheduler = "serial";
        viv_model *m = golden_load(&options, golden(sparse[i]));
        ck_assert_uint_le(model_output_dim(m), MAX_VOCAB);
        answer(m, expected);
        model_close(m);
        check_same(sparse[i], expected);
    }
    engine_destroy(engine);
}
END_TEST

/* Experts of even numbers are wanted most. */
static uint64_t prefer_even(void *ctx, const char *path, uint64_t i)
{
    (void)ctx;
    return strstr(path, "experts") && i % 2 == 0 ? 100 - i : 0;
}

TEST(expert_cache__keeps_the_most_used_in_memory)
{
    struct expert_cache_stats before, after;
    struct model_options options;
    open_host();
    options = golden_options();
    options.expert_budget = 3 * least_budget("mixtral", 1);
    options.expert_uses = prefer_even;
    viv_model *m = golden_load(&options, golden("mixtral"));
    ck_assert(model_expert_cache_stats(m, &before));
    ck_assert_uint_gt(before.used, options.expert_budget / 4);
    ck_assert_uint_le(before.used, options.expert_budget / 5 * 4);
    static float out[N_TOKENS * MAX_VOCAB];
    answer(m, out);
    ck_assert(model_expert_cache_stats(m, &after));
    ck_assert_uint_le(after.peak, options.expert_budget);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* --- what goes wrong ----------------------------------------------------------------------------------------- */

static char copied[64];

/* A copy of a golden folder, that the test may break. */
static const char *copy_of(const char *name)
{
    char command[9000];
    strcpy(copied, "/tmp/viv-experts-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(copied));
    snprintf(command, sizeof command, "cp '%s'/* '%s'/ && chmod u+w '%s'/*", golden(name), copied, copied);
    ck_assert_int_eq(system(command), 0);
    return copied;
}

static void drop_copy(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", copied);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_copy(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", copied, name);
    return path;
}

static int rename_in_copy(const char *from, const char *to)
{
    char old[256];
    strcpy(old, in_copy(from));
    return rename(old, in_copy(to));
}

/* In a file of the copy, puts a word in the place of the end of `found`. */
static void overwrite(const char *file, const char *found, const char *word)
{
    struct buf b = {0};
    struct error err;
    ck_assert_int_eq(file_read(in_copy(file), 1 << 24, &b, &err), VIV_OK);
    char *at = memmem(b.data, b.size, found, strlen(found));
    ck_assert_ptr_nonnull(at);
    memcpy(at + strlen(found) - strlen(word), word, strlen(word));
    FILE *f = fopen(in_copy(file), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(b.data, 1, b.size, f), b.size);
    ck_assert_int_eq(fclose(f), 0);
    buf_release(&b);
}

static void refuses(viv_status expected, const char *part, const char *other)
{
    const struct model_options options = golden_options();
    struct error err;
    viv_model *m;
    viv_status status = golden_try(&options, copied, &m, &err);
    ck_assert_msg(status == expected, "%d: %s", status, status ? err.text : "loaded");
    ck_assert_msg(strstr(err.text, part) && strstr(err.text, other), "%s", err.text);
}

TEST(experts__that_cannot_be_are_refused_by_name)
{
    open_host();
    copy_of("mixtral");
    overwrite("config.json", "\"num_experts_per_tok\": 2", "9");
    refuses(VIV_ESHAPE, "router", "experts_per_token is 9, but there are only 5");
    drop_copy();

    copy_of("mixtral"); /* one expert goes by another name */
    overwrite("model.safetensors", "layers.1.block_sparse_moe.experts.3.w", "W");
    refuses(VIV_ENOTFOUND, "model.layers.1.block_sparse_moe.experts.3.w1.weight", "nearest");
    drop_copy();

#define THIRD_EXPERT "layers.1.block_sparse_moe.experts.3.w1.weight\":{\"dtype\":\"F32"
    copy_of("mixtral");
    overwrite("model.safetensors", THIRD_EXPERT "\",\"shape\":[28,36]", "[14,72]");
    refuses(VIV_ESHAPE, "experts.3.w1.weight': expected [28, 36]", "[14, 72]");
    drop_copy();

    copy_of("mixtral"); /* of 4 bytes, but no floats */
    overwrite("model.safetensors", THIRD_EXPERT, "I32");
    refuses(VIV_EFORMAT, "experts.3.w1.weight' is i32", "of one type");
    drop_copy();

    copy_of("mixtral"); /* in the shard that is to hold it: an entry of the index that is stale */
    overwrite("model.safetensors", "layers.1.block_sparse_moe.experts.3.w", "W");
    ck_assert_int_eq(rename_in_copy("model.safetensors", "a.safetensors"), 0);
    static const char index[] =
        "{\"weight_map\":{\"model.layers.1.block_sparse_moe.experts.3.w1.weight\":\"a.safetensors\"}}";
    struct error err;
    ck_assert_int_eq(file_write(in_copy("model.safetensors.index.json"), index, sizeof index - 1, &err), VIV_OK);
    refuses(VIV_ENOTFOUND, "'model.layers.1.block_sparse_moe.experts.3.w1.weight'", "nearest");
    drop_copy();
    engine_destroy(engine);
}
END_TEST

/* Where a tensor's data begin in the copy's file. */
static long place_of(const char *tensor)
{
    struct checkpoint c = {0};
    struct error err;
    ck_assert_msg(checkpoint_open(&c, copied, &err) == VIV_OK, "%s", err.text);
    const viv_tensor *t = checkpoint_tensor(&c, tensor);
    ck_assert_ptr_nonnull(t);
    long at = (long)((const unsigned char *)t->dl.data - c.maps[0].data);
    checkpoint_close(&c);
    return at;
}

TEST(router__without_a_finite_score_names_layer_and_token)
{
    struct error err;
    float nan = NAN;
    open_host();
    copy_of("mixtral");
    long at = place_of("model.layers.1.block_sparse_moe.gate.weight");
    FILE *f = fopen(in_copy("model.safetensors"), "r+b");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
    ck_assert_uint_eq(fwrite(&nan, sizeof nan, 1, f), 1);
    ck_assert_int_eq(fclose(f), 0);
    const struct model_options options = golden_options();
    viv_model *m = golden_load(&options, copied);
    viv_sequence *s = golden_sequence(m);
    ck_assert_int_eq(try_step(m, s, 0, 5, NULL, &err), VIV_EINVAL);
    ck_assert_msg(strstr(err.text, "layers.1.router") && strstr(err.text, "for token 3 at position 0"), "%s",
                  err.text);
    sequence_destroy(s);
    model_close(m);
    drop_copy();
    engine_destroy(engine);
}
END_TEST

TEST(expert_cache__tells_of_a_file_that_shrinks_and_keeps_what_was_said)
{
    struct error err;
    open_host();
    ck_assert_int_eq(file_map_guard(&err), VIV_OK);
    struct model_options options = golden_options();
    options.expert_budget = least_budget("mixtral-gguf", 1);
    viv_model *m = golden_load(&options, copy_of("mixtral-gguf"));
    viv_sequence *s = golden_sequence(m);
    ck_assert_msg(try_step(m, s, 0, 20, NULL, &err) == VIV_OK, "%s", err.text);
    /* only what lies behind the experts' first bytes is cut off, so that other weights stay what they are */
    ck_assert_int_eq(truncate(in_copy("model.gguf"), 100000), 0);
    viv_status status = VIV_OK;
    for (size_t i = 20; status == VIV_OK && i < N_TOKENS; i++)
        status = try_step(m, s, i, 1, NULL, &err);
    ck_assert_int_eq(status, VIV_EIO);
    ck_assert_msg(strstr(err.text, "model.gguf") && strstr(err.text, "shrank"), "%s", err.text);
    ck_assert_uint_ge(sequence_length(s), 20);
    sequence_destroy(s);
    model_close(m);
    drop_copy();
    engine_destroy(engine);
}
END_TEST

TEST(expert_cache__goes_on_where_it_was_when_a_file_can_be_read_again)
{
    static float expected[N_TOKENS * MAX_VOCAB], got[N_TOKENS * MAX_VOCAB];
    struct error err;
    open_host();
    struct model_options options = golden_options();
    options.expert_budget = least_budget("mixtral", 1);
    viv_model *m = golden_load(&options, golden("mixtral"));
    answer(m, expected);
    viv_sequence *s = golden_sequence(m);
    const uint64_t dim = model_output_dim(m);
    ck_assert_msg(try_step(m, s, 0, 20, got, &err) == VIV_OK, "%s", err.text);

    const struct file_map *map = &model_checkpoint(m)->maps[0];
    int kept = dup(map->fd), blind = open("/dev/null", O_WRONLY | O_CLOEXEC);
    ck_assert_int_ge(dup2(blind, map->fd), 0); /* cannot be read */
    viv_status status = VIV_OK;
    size_t at = 20;
    while (status == VIV_OK && at < N_TOKENS) /* what is in memory may do for a token or two */
        if ((status = try_step(m, s, at, 1, got + at * dim, &err)) == VIV_OK)
            at++;
    ck_assert_int_eq(status, VIV_EIO);
    ck_assert_msg(strstr(err.text, "experts") && strstr(err.text, "model.safetensors") &&
                      strstr(err.text, "cannot be read"),
                  "%s", err.text);
    ck_assert_uint_eq(sequence_length(s), at);

    ck_assert_int_ge(dup2(kept, map->fd), 0);
    for (; at < N_TOKENS; at++)
        ck_assert_msg(try_step(m, s, at, 1, got + at * dim, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(memcmp(got, expected, N_TOKENS * dim * sizeof *got), 0);
    close(kept);
    close(blind);
    sequence_destroy(s);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TESTS(expert_cache__gives_the_same_bits_from_memory_and_from_the_file, expert_cache__keeps_the_most_used_in_memory,
      experts__that_cannot_be_are_refused_by_name, router__without_a_finite_score_names_layer_and_token,
      expert_cache__tells_of_a_file_that_shrinks_and_keeps_what_was_said,
      expert_cache__goes_on_where_it_was_when_a_file_can_be_read_again)
