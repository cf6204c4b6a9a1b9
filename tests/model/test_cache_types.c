/* The KV cache in every type: a model with a whole-context layer, a sliding window and latent attention is near
 * what it is with f32, and the same bits in pieces, in a batch, on any threads, after a cut, in a copy and from a
 * session.
 */
#include "engine/load.h"
#include "formats/build.h"
#include "golden.h"
#include "graph/cache_types.h"
#include "session/session.h"

#include <math.h>

enum { WORDS = 29, DIM = 64, CONTEXT = 320, LENGTH = 300 };

static const char spec[] =
    "viv: 1\narchitecture: llm\ncheckpoint: ./model.safetensors\n"
    "params: {words: 29, dim: 64}\n"
    "weights:\n"
    "  embed: {hf: embed, shape: [words, dim]}\n"
    "  own: {hf: own, shape: [dim, dim]}\n"
    "  half: {hf: half, shape: [32, dim]}\n"
    "  up: {hf: up, shape: [2, 32, 32]}\n"
    "  norm: {hf: norm, shape: [32]}\n"
    "graph:\n"
    "  - embedding: {weight: embed}\n"
    "  - residual: [attention: {q: own, k: half, v: half, out: own, n_heads: 2, n_kv_heads: 1, head_dim: 32,\n"
    "      rope: {theta: 1000.0}}]\n"
    "  - residual: [attention: {q: own, k: own, v: own, out: own, n_heads: 1, n_kv_heads: 1, head_dim: 64,\n"
    "      window: 50}]\n"
    "  - residual: [latent_attention: {kv_a: half, q: own, k_b: up, v_b: up, out: own, norm: {kv: norm}}]\n"
    "  - linear: {weight: embed}\n";

static void write_model(const char *text)
{
    static const char header[] =
        "{\"embed\": {\"dtype\": \"F32\", \"shape\": [29, 64], \"data_offsets\": [0, 7424]},"
        " \"own\": {\"dtype\": \"F32\", \"shape\": [64, 64], \"data_offsets\": [7424, 23808]},"
        " \"half\": {\"dtype\": \"F32\", \"shape\": [32, 64], \"data_offsets\": [23808, 32000]},"
        " \"up\": {\"dtype\": \"F32\", \"shape\": [2, 32, 32], \"data_offsets\": [32000, 40192]},"
        " \"norm\": {\"dtype\": \"F32\", \"shape\": [32], \"data_offsets\": [40192, 40320]}}";
    struct buf b = {0};
    uint32_t seed = 1;
    build_string(&b, header, sizeof header - 1);
    for (int i = 0; i < 40320 / 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        const float x = (float)(int32_t)seed / 2147483648.0f * (i < 7424 / 4 ? 1 : 0.3f);
        buf_append(&b, &x, sizeof x);
    }
    write_bytes("model.safetensors", &b);
    buf_clear(&b);
    buf_puts(&b, text);
    write_bytes("model.yaml", &b);
    buf_release(&b);
}

static viv_model *load(const char *type, uint32_t n_threads)
{
    struct error err;
    viv_model *m;
    struct model_options options = golden_options();
    options.context = CONTEXT;
    options.n_threads = n_threads;
    options.cache_type = type;
    ck_assert_msg(engine_open_model(engine, &options, in_scratch("model.yaml"), &m, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert_msg(model_load(m, &err) == VIV_OK, "%s", err.text);
    return m;
}

static int32_t token(uint64_t i)
{
    return (int32_t)((i * i * 7 + i * 3) % WORDS);
}

static viv_sequence *begin(viv_model *m)
{
    struct error err;
    viv_sequence *s;
    ck_assert_msg(sequence_create(m, &s, &err) == VIV_OK, "%s", err.text);
    return s;
}

/* n tokens more of each sequence; the logits of all. */
static void step(viv_model *m, viv_sequence *const *sequences, uint32_t n_sequences, size_t n, float *out)
{
    static int32_t tokens[2][CONTEXT];
    static uint8_t output_rows[CONTEXT];
    struct error err;
    const float *logits;
    uint64_t n_outputs;
    viv_rows rows[2];
    const viv_rows *list[2] = {&rows[0], &rows[1]};
    memset(output_rows, 1, sizeof output_rows);
    for (uint32_t k = 0; k < n_sequences; k++) {
        for (size_t i = 0; i < n; i++)
            tokens[k][i] = token(sequence_length(sequences[k]) + i);
        rows[k] = (viv_rows){.struct_size = sizeof *rows,
                             .sequence = sequences[k],
                             .n_rows = n,
                             .tokens = tokens[k],
                             .output_rows = output_rows};
    }
    ck_assert_msg(model_step(m, list, n_sequences, NULL, &logits, &n_outputs, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(n_outputs, n * n_sequences);
    memcpy(out, logits, n_outputs * WORDS * sizeof *out);
}

static float exact[LENGTH * WORDS], whole[LENGTH * WORDS], got[2 * LENGTH * WORDS];
#define expect_same(a, b, n) ck_assert_msg(memcmp(a, b, (n)*WORDS * sizeof(float)) == 0, "%s: other logits", type)

/* What rounding to a type costs in logits, relative to the largest. */
static const struct {
    const char *type;
    double error;
} types[] = {{"f16", 2e-3},  {"bf16", 2e-2},          {"q8_0", 2e-2},
             {"q4_0", 3e-1}, {"k=q8_0,v=q4_0", 3e-1}, {"k=q4_0", 3e-1}};
enum { N_TYPES = sizeof types / sizeof *types };

static void read_whole(viv_model *m, float *out)
{
    viv_sequence *s = begin(m);
    step(m, &s, 1, LENGTH, out);
    sequence_destroy(s);
}

static void check_pieces(viv_model *m, const char *type)
{
    static const size_t sizes[] = {1, 7, 1, 16, 100, 33, 1, 1, 140};
    viv_sequence *s = begin(m), *copy;
    struct error err;
    for (size_t at = 0, i = 0; at < LENGTH; at += sizes[i++])
        step(m, &s, 1, sizes[i], got + at * WORDS);
    expect_same(got, whole, LENGTH);
    ck_assert_msg(sequence_truncate(s, 131, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(sequence_copy(s, &copy, &err) == VIV_OK, "%s", err.text);
    viv_sequence *const both[] = {s, copy};
    step(m, both, 2, 40, got);
    expect_same(got, whole + (size_t)131 * WORDS, 40);
    expect_same(got + (size_t)40 * WORDS, whole + (size_t)131 * WORDS, 40);
    sequence_destroy(s);
    sequence_destroy(copy);
}

static void check_session(viv_model *m, const char *type)
{
    struct session one, back;
    struct error err;
    ck_assert_msg(session_begin(&one, m, &err) == VIV_OK, "%s", err.text);
    step(m, &one.sequence, 1, 200, got);
    one.text.ids = calloc(200, sizeof *one.text.ids);
    for (uint64_t i = 0; i < 200; i++)
        one.text.ids[one.text.n++] = token(i);
    ck_assert_msg(session_write(&one, in_scratch("session"), &err) == VIV_OK, "%s", err.text);
    session_end(&one);
    ck_assert_msg(session_read(&back, m, in_scratch("session"), &err) == VIV_OK, "%s", err.text);
    step(m, &back.sequence, 1, 5, got);
    expect_same(got, whole + (size_t)200 * WORDS, 5);
    session_end(&back);
    viv_model *other = load(strcmp(type, "f16") == 0 ? "q8_0" : "f16", 1);
    ck_assert_int_eq(session_read(&back, other, in_scratch("session"), &err), VIV_EINVAL);
    ck_assert_msg(strstr(err.text, "the KV cache of the session is") && strstr(err.text, "--cache-type"), "%s",
                  err.text);
    model_close(other);
}

TEST(cache_types__are_near_f32_and_the_same_bits_however_they_were_filled)
{
    open_host();
    write_model(spec);
    viv_model *m = load("f32", 1);
    float largest = 0;
    read_whole(m, exact);
    for (size_t i = 0; i < LENGTH * WORDS; i++)
        largest = fmaxf(largest, fabsf(exact[i]));
    model_close(m);
    for (size_t k = 0; k < N_TYPES; k++) {
        const char *type = types[k].type;
        double worst = 0;
        m = load(type, 3);
        read_whole(m, whole);
        for (size_t i = 0; i < LENGTH * WORDS; i++)
            worst = fmax(worst, isfinite(whole[i]) ? fabs((double)(whole[i] - exact[i])) : INFINITY);
        ck_assert_msg(worst > 0 && worst <= types[k].error * (double)largest, "%s: %g of the largest logit away",
                      type, worst / (double)largest);
        model_close(m);
        m = load(type, 1);
        read_whole(m, got);
        expect_same(got, whole, LENGTH);
        check_pieces(m, type);
        check_session(m, type);
        model_close(m);
    }
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

/* 2 k and v of 32, 2 of 64, and one vector of 32, which has the type of keys. */
TEST(cache_types__count_their_bytes)
{
    static const struct {
        const char *type;
        uint64_t bytes;
    } counts[] = {
        {"f32", 4 * 224}, {"f16", 2 * 224}, {"q8_0", 7 * 34}, {"q4_0", 7 * 18}, {"k=q8_0,v=q4_0", 4 * 34 + 3 * 18}};
    open_host();
    write_model(spec);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        viv_model *m = load(counts[i].type, 1);
        struct model_stats stats;
        model_stats(m, &stats);
        ck_assert_uint_eq(stats.cache_bytes_per_token, counts[i].bytes);
        model_close(m);
    }
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(cache_types__with_blocks_that_do_not_fit_a_head_name_the_layer)
{
    static const char *const types_of_blocks[] = {"q8_0", "v=q4_0"};
    char text[sizeof spec];
    struct error err;
    memcpy(text, spec, sizeof spec);
    char *at = strstr(text, "n_heads: 1, n_kv_heads: 1, head_dim: 64");
    memcpy(at, "n_heads: 4, n_kv_heads: 4, head_dim: 16", 39);
    open_host();
    write_model(text);
    for (size_t i = 0; i < 2; i++) {
        viv_model *m;
        struct model_options options = golden_options();
        options.cache_type = types_of_blocks[i];
        ck_assert_msg(engine_open_model(engine, &options, in_scratch("model.yaml"), &m, &err) == VIV_OK, "%s",
                      err.text);
        ck_assert_int_eq(model_load(m, &err), VIV_EUNSUPPORTED);
        ck_assert_msg(strstr(err.text, "attention") && strstr(err.text, "by 16 features (head_dim)"), "%s",
                      err.text);
        model_close(m);
    }
    viv_model *m = load("bf16", 1);
    read_whole(m, whole);
    model_close(m);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(cache_types__are_read_from_text)
{
    static const struct {
        const char *text, *read;
    } good[] = {{"q4_0", "q4_0"},           {"k=q8_0,v=q4_0", "k=q8_0,v=q4_0"}, {"v=q4_0,k=q8_0", "k=q8_0,v=q4_0"},
                {"k=q8_0", "k=q8_0,v=f16"}, {"v=bf16", "k=f16,v=bf16"},         {"k=f16,v=f16", "f16"}};
    static const char *const bad[] = {"",       "f8",   "q8_0,q4_0",   "k=", "k=q8_0,", "x=q8_0", "k=q8_0;v=q4_0",
                                      "K=q8_0", "q5_k", "k=q8_0,k=f16"};
    char text[CACHE_TYPES_TEXT];
    struct error err;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct cache_types t = {VIV_F16, VIV_F16};
        ck_assert_msg(cache_types_parse(good[i].text, &t, &err) == VIV_OK, "%s", err.text);
        ck_assert_str_eq(cache_types_text(&t, text), good[i].read);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cache_types t = {VIV_F16, VIV_F16};
        ck_assert_msg(cache_types_parse(bad[i], &t, &err) == VIV_EINVAL, "'%s' was read", bad[i]);
        ck_assert_msg(strstr(err.text, CACHE_TYPE_CHOICES), "%s", err.text);
        ck_assert(t.keys == VIV_F16 && t.values == VIV_F16);
    }
}
END_TEST

TESTS(cache_types__are_near_f32_and_the_same_bits_however_they_were_filled, cache_types__count_their_bytes,
      cache_types__with_blocks_that_do_not_fit_a_head_name_the_layer, cache_types__are_read_from_text)
