/* A text is one, however many steps read it: where keys rotate by the length of the text, pieces, batches, answers
 * and texts that go on have the numbers of the text as a whole. And numbers that are too large for a cache of f16.
 */
#include "engine/load.h"
#include "formats/build.h"
#include "golden.h"
#include "run/run.h"
#include "session/session.h"

enum { WORDS = 11, DIM = 8, CONTEXT = 64, ORIGINAL = 16 };

static const char begin[] = "viv: 1\narchitecture: llm\ncheckpoint: ./model.safetensors\n"
                            "params: {words: 11, dim: 8}\n"
                            "weights:\n"
                            "  embed: {hf: embed, shape: [words, dim]}\n"
                            "  own: {hf: own, shape: [dim, dim]}\n";
static const char end[] = "  - linear: {weight: embed}\n"
                          "ignore: [own, large, small, freqs, long_freqs]\n";

#define GRAPH "graph:\n  - embedding: {weight: embed}\n  - repeat: 2\n    layers:\n"
static const char dynamic[] = GRAPH
    "      - residual: [attention: {q: own, k: own, v: own, out: own, n_heads: 2, n_kv_heads: 2, head_dim: 4,\n"
    "          rope: {theta: 100.0, scaling: dynamic, factor: 4.0, original_context: 16}}]\n";
static const char longrope[] =
    "  freqs: {hf: freqs, shape: [2]}\n"
    "  long_freqs: {hf: long_freqs, shape: [2]}\n" GRAPH
    "      - residual: [attention: {q: own, k: own, v: own, out: own, n_heads: 2, n_kv_heads: 2, head_dim: 4,\n"
    "          rope: {theta: 100.0, scaling: longrope, factor: 4.0, original_context: 16, freqs: freqs,\n"
    "                 long_freqs: long_freqs}}]\n";
static const char large_values[] = "  large: {hf: large, shape: [dim, dim]}\n"
                                   "  small: {hf: small, shape: [dim, dim]}\n" GRAPH
                                   "      - residual: [attention: {q: own, k: own, v: large, out: small, n_heads: "
                                   "2, n_kv_heads: 2, head_dim: 4}]\n";

/* Weights in bf16, those of `large` times 2^20 and those of `small` by as much. */
static void write_model(const char *layers)
{
    static const char header[] =
        "{\"embed\": {\"dtype\": \"BF16\", \"shape\": [11, 8], \"data_offsets\": [0, 176]},"
        " \"own\": {\"dtype\": \"BF16\", \"shape\": [8, 8], \"data_offsets\": [176, 304]},"
        " \"large\": {\"dtype\": \"BF16\", \"shape\": [8, 8], \"data_offsets\": [304, 432]},"
        " \"small\": {\"dtype\": \"BF16\", \"shape\": [8, 8], \"data_offsets\": [432, 560]},"
        " \"freqs\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [560, 568]},"
        " \"long_freqs\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [568, 576]}}";
    static const float divisors[] = {1, 1.5F, 2, 7};
    struct buf b = {0};
    uint32_t seed = 1;
    build_string(&b, header, sizeof header - 1);
    for (int i = 0; i < 560 / 2; i++) {
        seed = seed * 1664525u + 1013904223u;
        float x = (float)(int32_t)seed / 2147483648.0f;
        x *= i >= 216 ? 0x1p-20F : i >= 152 ? 0x1p20F : 1;
        uint32_t bits;
        memcpy(&bits, &x, sizeof bits);
        const uint16_t half = (uint16_t)(bits >> 16);
        buf_append(&b, &half, sizeof half);
    }
    buf_append(&b, divisors, sizeof divisors);
    write_bytes("model.safetensors", &b);
    buf_release(&b);
    buf_printf(&b, "%s%s%s", begin, layers, end);
    write_bytes("model.yaml", &b);
    buf_release(&b);
}

static unsigned n_notices;
static char noticed[512];

static void on_notice(void *ctx, const char *sentence)
{
    (void)ctx;
    n_notices++;
    snprintf(noticed, sizeof noticed, "%s", sentence);
}

static viv_model *make(const char *layers, const char *cache_type)
{
    struct error err;
    viv_model *m;
    open_host();
    write_model(layers);
    n_notices = 0;
    struct model_options options = golden_options();
    options.context = CONTEXT;
    options.notice = on_notice;
    options.cache_type = cache_type;
    ck_assert_msg(engine_open_model(engine, &options, in_scratch("model.yaml"), &m, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert_msg(model_load(m, &err) == VIV_OK, "%s", err.text);
    return m;
}

static void finish(viv_model *m)
{
    model_close(m);
    engine_destroy(engine);
}

static viv_sequence *begin_sequence(viv_model *m)
{
    struct error err;
    viv_sequence *s;
    ck_assert_msg(sequence_create(m, &s, &err) == VIV_OK, "%s", err.text);
    return s;
}

static int32_t token(size_t i)
{
    return (int32_t)(i * i * 7 + i * 3) % WORDS;
}

static uint32_t row_flags; /* of the steps to come */

/* n tokens more of the sequence, as a part of a text of `length`; their logits. */
static viv_status try_step(viv_model *m, viv_sequence *s, size_t n, uint64_t length, float *out, struct error *err)
{
    int32_t tokens[CONTEXT];
    uint8_t output_rows[CONTEXT];
    const float *logits;
    uint64_t n_outputs;
    for (size_t i = 0; i < n; i++)
        tokens[i] = token(sequence_length(s) + i);
    memset(output_rows, 1, sizeof output_rows);
    const viv_rows rows = {.struct_size = sizeof rows,
                           .flags = row_flags,
                           .sequence = s,
                           .n_rows = n,
                           .tokens = tokens,
                           .output_rows = output_rows,
                           .length = length};
    const viv_rows *const list[] = {&rows};
    viv_status status = model_step(m, list, 1, NULL, &logits, &n_outputs, err);
    if (status == VIV_OK && out)
        memcpy(out, logits, n * WORDS * sizeof *out);
    return status;
}

static void step(viv_model *m, viv_sequence *s, size_t n, uint64_t length, float *out)
{
    struct error err;
    ck_assert_msg(try_step(m, s, n, length, out, &err) == VIV_OK, "%s", err.text);
}

/* The logits of a text of n tokens, read at once. */
static void read_whole(viv_model *m, size_t n, float *out)
{
    viv_sequence *s = begin_sequence(m);
    step(m, s, n, 0, out);
    sequence_destroy(s);
}

#define expect_same(a, b, n) ck_assert_msg(memcmp(a, b, (n)*WORDS * sizeof(float)) == 0, "other logits")

static const char *const by_length[] = {dynamic, longrope};
static float whole[CONTEXT * WORDS], other[CONTEXT * WORDS], got[CONTEXT * WORDS];

TEST(lengths__pieces_of_a_text_are_computed_as_parts_of_the_whole)
{
    for (size_t k = 0; k < 2; k++) {
        viv_model *m = make(by_length[k], NULL);
        viv_sequence *s = begin_sequence(m);
        read_whole(m, 40, whole);
        for (size_t at = 0; at < 40; at += 5)
            step(m, s, 5, 40, got + at * WORDS);
        expect_same(got, whole, 40);
        read_whole(m, 12, other);
        ck_assert_msg(memcmp(other, whole, 12 * WORDS * sizeof *whole) != 0, "the length makes no difference");
        ck_assert_uint_eq(n_notices, 0);
        sequence_destroy(s);
        finish(m);
    }
    remove_scratch();
}
END_TEST

TEST(lengths__texts_that_share_a_step_have_each_its_own)
{
    for (size_t k = 0; k < 2; k++) {
        viv_model *m = make(by_length[k], NULL);
        viv_sequence *a = begin_sequence(m), *b = begin_sequence(m);
        struct error err;
        int32_t tokens[30];
        const float *logits;
        uint64_t n;
        for (size_t i = 0; i < 30; i++)
            tokens[i] = token(i);
        const viv_rows first = {.struct_size = sizeof first, .sequence = a, .n_rows = 10, .tokens = tokens},
                       second = {.struct_size = sizeof second, .sequence = b, .n_rows = 30, .tokens = tokens};
        const viv_rows *const list[] = {&first, &second};
        read_whole(m, 10, other);
        read_whole(m, 30, whole);
        ck_assert_msg(model_step(m, list, 2, NULL, &logits, &n, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(n, 2);
        expect_same(logits, other + 9 * WORDS, 1);
        expect_same(logits + WORDS, whole + 29 * WORDS, 1);
        sequence_destroy(a);
        sequence_destroy(b);
        finish(m);
    }
    remove_scratch();
}
END_TEST

TEST(lengths__an_answer_that_passes_the_switch_has_its_prompt_recomputed)
{
    viv_model *m = make(longrope, NULL);
    viv_sequence *s = begin_sequence(m);
    step(m, s, 10, 10, got);
    for (size_t n = 11; n <= 24; n++) {
        step(m, s, 1, 0, got);
        read_whole(m, n, whole);
        expect_same(got, whole + (n - 1) * WORDS, 1);
        ck_assert_uint_eq(n_notices, n > ORIGINAL);
    }
    ck_assert_msg(strstr(noticed, "17 tokens") && strstr(noticed, "recomputed"), "%s", noticed);
    struct error err;
    ck_assert_int_eq(sequence_truncate(s, 8, &err), VIV_OK); /* and back again */
    step(m, s, 1, 0, got);
    read_whole(m, 9, whole);
    expect_same(got, whole + 8 * WORDS, 1);
    ck_assert_uint_eq(n_notices, 1);
    sequence_destroy(s);
    finish(m);
    remove_scratch();
}
END_TEST

/* Keys of an answer stay as they were rotated when they came, which transformers does, too. */
TEST(lengths__dynamic_scaling_leaves_an_answer_as_it_came)
{
    viv_model *m = make(dynamic, NULL);
    viv_sequence *s = begin_sequence(m), *again = begin_sequence(m);
    step(m, s, 20, 0, got);
    for (size_t n = 0; n < 5; n++)
        step(m, s, 1, 0, got + n * WORDS);
    step(m, again, 8, 20, NULL); /* what goes on with the text does so in one step, too */
    step(m, again, 17, 20, other);
    for (size_t n = 0; n < 5; n++)
        expect_same(got + n * WORDS, other + (12 + n) * WORDS, 1);
    ck_assert_uint_eq(n_notices, 0);
    sequence_destroy(s);
    sequence_destroy(again);
    finish(m);
    remove_scratch();
}
END_TEST

TEST(lengths__a_prefix_of_another_length_is_reused_where_it_would_be_the_same)
{
    int32_t tokens[CONTEXT];
    for (size_t i = 0; i < CONTEXT; i++)
        tokens[i] = token(i);
    for (size_t k = 0; k < 2; k++) {
        viv_model *m = make(by_length[k], NULL);
        viv_sequence *s = begin_sequence(m);
        step(m, s, 10, 0, got);
        ck_assert_uint_eq(sequence_reuse_prefix(s, tokens, 15, 16), 10);
        ck_assert_uint_eq(sequence_reuse_prefix(s, tokens, 19, 20), 0);
        step(m, s, 20, 0, got);
        ck_assert_uint_eq(sequence_reuse_prefix(s, tokens, 29, 30), k == 0 ? 0 : 20);
        sequence_truncate(s, 0, &(struct error){0});
        step(m, s, 20, 0, got);
        ck_assert_uint_eq(sequence_reuse_prefix(s, tokens, 19, 20), 19);
        ck_assert_uint_eq(sequence_reuse_prefix(s, tokens, 9, 10), 0);
        sequence_destroy(s);
        finish(m);
    }
    remove_scratch();
}
END_TEST

TEST(lengths__a_text_longer_than_the_context_is_refused_at_once)
{
    viv_model *m = make(longrope, NULL);
    viv_sequence *s = begin_sequence(m);
    struct error err;
    ck_assert_int_eq(try_step(m, s, 5, 1000, got, &err), VIV_ELIMIT);
    ck_assert_msg(strstr(err.text, "1000 tokens") && strstr(err.text, "--context"), "%s", err.text);
    ck_assert_uint_eq(sequence_length(s), 0);
    sequence_destroy(s);
    finish(m);
    remove_scratch();
}
END_TEST

static void expect_near(const float *a, const float *b, size_t n)
{
    float largest = 0, worst = 0;
    for (size_t i = 0; i < n * WORDS; i++) {
        largest = fmaxf(largest, fabsf(b[i]));
        worst = fmaxf(worst, isfinite(a[i]) ? fabsf(a[i] - b[i]) : INFINITY);
    }
    ck_assert_msg(worst <= 2e-3F * largest, "%g of the largest logit away", (double)(worst / largest));
}

/* The first step of one sequence, and a later one of another, of whose rows some are in pages of f16 already. */
TEST(lengths__values_too_large_for_f16_make_the_cache_f32)
{
    viv_model *m = make(large_values, "f32");
    read_whole(m, 30, whole);
    finish(m);
    m = make(large_values, NULL);
    viv_sequence *s = begin_sequence(m), *small = begin_sequence(m);
    struct model_stats stats;
    model_stats(m, &stats);
    ck_assert_uint_eq(stats.cache_types.keys, VIV_F16);
    step(m, s, 20, 0, got);
    model_stats(m, &stats);
    ck_assert_uint_eq(stats.cache_types.keys, VIV_F32);
    step(m, s, 10, 0, got + 20 * WORDS);
    expect_near(got, whole, 30);
    step(m, small, 30, 0, got);
    expect_near(got, whole, 30);
    ck_assert_uint_eq(n_notices, 1);
    ck_assert_msg(strstr(noticed, "attention: values reach") && strstr(noticed, "--cache-type f32"), "%s", noticed);
    sequence_destroy(s);
    sequence_destroy(small);
    finish(m);
    remove_scratch();
}
END_TEST

TEST(lengths__a_cache_of_f16_that_the_user_asked_for_is_refused_such_values)
{
    viv_model *m = make(large_values, "f16");
    viv_sequence *s = begin_sequence(m);
    struct error err;
    ck_assert_int_eq(try_step(m, s, 5, 0, got, &err), VIV_ERANGE);
    ck_assert_msg(strstr(err.text, "--cache-type f32"), "%s", err.text);
    ck_assert_uint_eq(sequence_length(s), 0);
    sequence_destroy(s);
    finish(m);
    remove_scratch();
}
END_TEST

/* Drafted rows are as those that come one by one, or they do not come at all. */
TEST(lengths__drafted_rows_that_would_differ_are_refused)
{
    viv_model *m = make(longrope, NULL);
    viv_sequence *s = begin_sequence(m);
    struct error err;
    step(m, s, 12, 0, NULL);
    row_flags = VIV_ROWS_DRAFT;
    step(m, s, 4, 0, got);
    read_whole(m, 16, whole);
    expect_same(got, whole + 12 * WORDS, 4);
    ck_assert_int_eq(try_step(m, s, 1, 0, got, &err), VIV_ERANGE);
    ck_assert_int_eq(sequence_truncate(s, 14, &err), VIV_OK);
    ck_assert_int_eq(try_step(m, s, 5, 0, got, &err), VIV_ERANGE);
    ck_assert_uint_eq(sequence_length(s), 14);
    ck_assert_uint_eq(n_notices, 0);
    step(m, s, 2, 0, got);
    expect_same(got, whole + 14 * WORDS, 2);
    sequence_destroy(s);
    finish(m);
    for (int k = 0; k < 2; k++) { /* whether the user has asked for f16 or not */
        m = make(large_values, k == 0 ? NULL : "f16");
        s = begin_sequence(m);
        ck_assert_int_eq(try_step(m, s, 5, 0, got, &err), VIV_ERANGE);
        ck_assert_uint_eq(sequence_length(s), 0);
        ck_assert_uint_eq(n_notices, 0);
        sequence_destroy(s);
        finish(m);
    }
    row_flags = 0;
    remove_scratch();
}
END_TEST

TEST(lengths__sessions_know_what_their_cache_was_computed_for)
{
    static const char *const all[] = {dynamic, longrope, large_values};
    for (size_t k = 0; k < 3; k++) {
        struct error err;
        struct session one, back;
        viv_model *m = make(all[k], NULL);
        ck_assert_msg(session_begin(&one, m, &err) == VIV_OK, "%s", err.text);
        step(m, one.sequence, 20, 0, got);
        one.text.ids = calloc(20, sizeof *one.text.ids);
        for (size_t i = 0; i < 20; i++)
            one.text.ids[one.text.n++] = token(i);
        one.seed = -1;
        ck_assert_msg(session_write(&one, in_scratch("session"), &err) == VIV_OK, "%s", err.text);
        step(m, one.sequence, 1, 0, whole);
        session_end(&one);
        finish(m);
        m = make(all[k], NULL);
        ck_assert_msg(session_read(&back, m, in_scratch("session"), &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(sequence_reuse_prefix(back.sequence, back.text.ids, 20, 20), 20);
        step(m, back.sequence, 1, 0, got);
        expect_same(got, whole, 1);
        ck_assert_uint_eq(n_notices, 0);
        session_end(&back);
        finish(m);
    }
    remove_scratch();
}
END_TEST

TESTS(lengths__pieces_of_a_text_are_computed_as_parts_of_the_whole,
      lengths__texts_that_share_a_step_have_each_its_own,
      lengths__an_answer_that_passes_the_switch_has_its_prompt_recomputed,
      lengths__dynamic_scaling_leaves_an_answer_as_it_came,
      lengths__a_prefix_of_another_length_is_reused_where_it_would_be_the_same,
      lengths__a_text_longer_than_the_context_is_refused_at_once,
      lengths__values_too_large_for_f16_make_the_cache_f32,
      lengths__a_cache_of_f16_that_the_user_asked_for_is_refused_such_values,
      lengths__drafted_rows_that_would_differ_are_refused, lengths__sessions_know_what_their_cache_was_computed_for)
