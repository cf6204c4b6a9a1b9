/* Recurrent state: a small model of a convolution and attention behaves as one with only a KV cache, except for the
 * lengths that a sequence can be truncated to. */
#include "engine/load.h"
#include "formats/build.h"
#include "golden.h"
#include "run/run.h"

enum { WORDS = 11, DIM = 6, N_TOKENS = 40, CONTEXT = 64 };

static const char spec[] =
    "viv: 1\narchitecture: llm\ncheckpoint: ./model.safetensors\n"
    "params: {words: 11, dim: 6, n_taps: 4}\n"
    "weights:\n"
    "  embed: {hf: embed, shape: [words, dim]}\n"
    "  taps: {hf: taps, shape: [dim, n_taps]}\n"
    "  own: {hf: own, shape: [dim, dim]}\n"
    "graph:\n"
    "  - embedding: {weight: embed}\n"
    "  - repeat: 2\n"
    "    layers:\n"
    "      - residual: [conv: {weight: taps, activation: silu}]\n"
    "      - residual: [attention: {q: own, k: own, v: own, out: own, n_heads: 2, n_kv_heads: 2, head_dim: 3}]\n"
    "  - linear: {weight: embed}\n";

static void write_model(void)
{
    static const char header[] = "{\"embed\": {\"dtype\": \"F32\", \"shape\": [11, 6], \"data_offsets\": [0, 264]},"
                                 " \"taps\": {\"dtype\": \"F32\", \"shape\": [6, 4], \"data_offsets\": [264, 360]},"
                                 " \"own\": {\"dtype\": \"F32\", \"shape\": [6, 6], \"data_offsets\": [360, 504]}}";
    struct buf b = {0};
    uint32_t seed = 1;
    build_string(&b, header, sizeof header - 1);
    for (int i = 0; i < 504 / 4; i++) {
        seed = seed * 1664525u + 1013904223u;
        const float x = (float)(int32_t)seed / 2147483648.0f;
        buf_append(&b, &x, sizeof x);
    }
    write_bytes("model.safetensors", &b);
    buf_release(&b);
    buf_append(&b, spec, sizeof spec - 1);
    write_bytes("model.yaml", &b);
    buf_release(&b);
}

struct fixture {
    viv_model *m;
    float whole[N_TOKENS * WORDS]; /* logits of the text, read at once */
};

static int32_t token(size_t i)
{
    return (int32_t)(i * i * 7 + i * 3) % WORDS;
}

/* Tokens first.. of the text; their logits, if it worked and they are wanted. */
static viv_status try_step(viv_model *m, viv_sequence *s, size_t first, size_t n, const uint32_t *cancel,
                           float *out, struct error *err)
{
    int32_t tokens[CONTEXT];
    uint8_t output_rows[CONTEXT];
    const float *logits;
    uint64_t n_outputs;
    for (size_t i = 0; i < n; i++)
        tokens[i] = token(first + i);
    memset(output_rows, 1, sizeof output_rows);
    const viv_rows rows = {
        .struct_size = sizeof rows, .sequence = s, .n_rows = n, .tokens = tokens, .output_rows = output_rows};
    const viv_rows *const list[] = {&rows};
    viv_status status = model_step(m, list, 1, cancel, &logits, &n_outputs, err);
    if (status == VIV_OK)
        memcpy(out, logits, n * WORDS * sizeof *out);
    return status;
}

/* The next n tokens have the logits that they have in the text read at once. */
static void goes_on(const struct fixture *f, viv_sequence *s, size_t n)
{
    static float got[N_TOKENS * WORDS];
    struct error err;
    const size_t first = sequence_length(s);
    ck_assert_msg(try_step(f->m, s, first, n, NULL, got, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(memcmp(got, f->whole + first * WORDS, n * WORDS * sizeof *got) == 0, "other logits from %zu on",
                  first);
    ck_assert_uint_eq(sequence_length(s), first + n);
}

static void make(struct fixture *f)
{
    struct error err;
    open_host();
    write_model();
    struct model_options options = golden_options();
    options.context = CONTEXT;
    ck_assert_msg(engine_open_model(engine, &options, in_scratch("model.yaml"), &f->m, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert_msg(model_load(f->m, &err) == VIV_OK, "%s", err.text);
    viv_sequence *s = golden_sequence(f->m);
    ck_assert_msg(try_step(f->m, s, 0, N_TOKENS, NULL, f->whole, &err) == VIV_OK, "%s", err.text);
    sequence_destroy(s);
}

static void release(struct fixture *f)
{
    model_close(f->m);
    engine_destroy(engine);
    remove_scratch();
}

TEST(recurrent_state__is_counted_separately)
{
    struct fixture f;
    struct model_stats stats;
    make(&f);
    model_stats(f.m, &stats);
    ck_assert_uint_eq(stats.cache_bytes_per_token, 2 * 2 * DIM * 4);
    ck_assert_uint_eq(stats.recurrent_bytes_per_sequence, 2 * (2 * 3 * DIM * 4)); /* as it is and as it was */
    release(&f);
}
END_TEST

TEST(recurrent_state__goes_from_step_to_step)
{
    static const size_t sizes[] = {1, 1, 2, 7, 1, 20, 8};
    struct fixture f;
    make(&f);
    viv_sequence *s = golden_sequence(f.m), *other = golden_sequence(f.m);
    for (size_t i = 0; i < 7; i++) {
        goes_on(&f, s, sizes[i]);
        goes_on(&f, other, 5);
    }
    sequence_destroy(s);
    s = golden_sequence(f.m); /* has the place that the other gave back, and nothing of it */
    goes_on(&f, s, 3);
    goes_on(&f, other, 5);
    sequence_destroy(s);
    sequence_destroy(other);
    release(&f);
}
END_TEST

TEST(recurrent_state__can_be_cut_to_what_it_was_before_the_last_step)
{
    struct fixture f;
    struct error err;
    make(&f);
    viv_sequence *s = golden_sequence(f.m);
    ck_assert_uint_eq(sequence_reusable_length(s, 5), 0);
    goes_on(&f, s, 9);
    ck_assert_uint_eq(sequence_reusable_length(s, 8), 0);
    ck_assert_uint_eq(sequence_reusable_length(s, 9), 9);
    goes_on(&f, s, 4);
    static const uint64_t wanted[] = {0, 1, 8, 9, 10, 12, 13, 14}, kept[] = {0, 0, 0, 9, 9, 9, 13, 13};
    for (size_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(sequence_reusable_length(s, wanted[i]), kept[i]);
        if (wanted[i] != kept[i])
            ck_assert_int_eq(sequence_truncate(s, wanted[i], &err), wanted[i] > 13 ? VIV_EINVAL : VIV_EUNSUPPORTED);
    }
    ck_assert_int_eq(sequence_truncate(s, 10, &err), VIV_EUNSUPPORTED);
    ck_assert_str_eq(err.text,
                     "this model has recurrent state: a sequence of 13 tokens cannot be cut to 10, only to 9");
    ck_assert_int_eq(sequence_truncate(s, 13, &err), VIV_OK); /* all of it: nothing is lost */
    ck_assert_uint_eq(sequence_reusable_length(s, 12), 9);
    ck_assert_int_eq(sequence_truncate(s, 9, &err), VIV_OK);
    ck_assert_uint_eq(sequence_length(s), 9);
    ck_assert_uint_eq(sequence_reusable_length(s, 8), 0); /* once, and no further */
    goes_on(&f, s, 2);
    goes_on(&f, s, 20);
    int32_t text[31];
    for (size_t i = 0; i < 31; i++)
        text[i] = token(i);
    ck_assert_uint_eq(sequence_reuse_prefix(s, text, 31, 0), 31);
    ck_assert_uint_eq(sequence_reuse_prefix(s, text, 20, 0),
                      11); /* what it has in common, as far as it can be cut */
    goes_on(&f, s, 4);
    ck_assert_uint_eq(sequence_reuse_prefix(s, text, 5, 0), 0);
    ck_assert_uint_eq(sequence_length(s), 0);
    goes_on(&f, s, 6);
    ck_assert_int_eq(sequence_truncate(s, 0, &err), VIV_OK);
    goes_on(&f, s, 7);
    sequence_destroy(s);
    release(&f);
}
END_TEST

TEST(recurrent_state__is_as_it_was_after_a_step_that_failed)
{
    static const uint32_t now = 1;
    static float out[N_TOKENS * WORDS];
    struct fixture f;
    struct error err;
    make(&f);
    viv_sequence *s = golden_sequence(f.m);
    ck_assert_int_eq(try_step(f.m, s, 0, 5, &now, out, &err), VIV_ECANCELLED);
    goes_on(&f, s, 5);
    goes_on(&f, s, 6);
    ck_assert_int_eq(try_step(f.m, s, 3, 9, &now, out, &err), VIV_ECANCELLED);
    ck_assert_uint_eq(sequence_reusable_length(s, 10), 0); /* what was earlier is written over */
    goes_on(&f, s, 7);
    ck_assert_int_eq(try_step(f.m, s, 0, CONTEXT, NULL, out, &err), VIV_ELIMIT);
    ck_assert_uint_eq(sequence_reusable_length(s, 17), 11); /* refused before it began */
    goes_on(&f, s, 1);
    sequence_destroy(s);
    release(&f);
}
END_TEST

TEST(kv_cache__can_be_cut_anywhere)
{
    struct error err;
    open_host();
    const struct model_options options = golden_options();
    viv_model *m = golden_load(&options, source_path("tests/golden/llama-gqa"));
    viv_sequence *s = golden_sequence(m);
    const int32_t tokens[] = {3, 4, 5, 6, 7};
    const viv_rows rows = {.struct_size = sizeof rows, .sequence = s, .n_rows = 5, .tokens = tokens};
    const viv_rows *const list[] = {&rows};
    const float *logits;
    uint64_t n;
    ck_assert_msg(model_step(m, list, 1, NULL, &logits, &n, &err) == VIV_OK, "%s", err.text);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert_uint_eq(sequence_reusable_length(s, i), i < 5 ? i : 5);
    ck_assert_int_eq(sequence_truncate(s, 3, &err), VIV_OK);
    ck_assert_uint_eq(sequence_length(s), 3);
    sequence_destroy(s);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TESTS(recurrent_state__is_counted_separately, recurrent_state__goes_from_step_to_step,
      recurrent_state__can_be_cut_to_what_it_was_before_the_last_step,
      recurrent_state__is_as_it_was_after_a_step_that_failed, kv_cache__can_be_cut_anywhere)
