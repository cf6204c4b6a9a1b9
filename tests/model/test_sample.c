/* The sampler, against probabilities worked out here and against what transformers leaves of the same logits. */
#include "base/json.h"
#include "sampling/sample.h"
#include "testing.h"

#include <math.h>
#include <time.h>

static const viv_sampling greedy = {
    .struct_size = sizeof greedy, .top_p = 1, .typical_p = 1, .repetition_penalty = 1};

static viv_sampling drawing(void)
{
    viv_sampling how = greedy;
    how.temperature = 1;
    return how;
}

static viv_sampler *made(const viv_sampling *how, uint64_t vocab_size)
{
    struct error err = {0};
    viv_sampler *s = NULL;
    ck_assert_msg(sampler_create(how, vocab_size, &s, &err) == VIV_OK, "%s", err.text);
    return s;
}

static int32_t chosen(viv_sampler *s, const float *logits)
{
    struct error err = {0};
    int32_t token = -1;
    ck_assert_msg(sampler_choose(s, logits, &token, NULL, &err) == VIV_OK, "%s", err.text);
    return token;
}

/* The shares that `n` fresh samplers, each with a seed of its own, give to each token. Each has seen the prompt,
 * and has chosen the answer before. */
enum { MAX_VOCAB = 64, N_DRAWS = 40000 };

struct past {
    const int32_t *prompt, *answer;
    uint64_t n_prompt, n_answer;
};

static void shares_of(const viv_sampling *how, const struct past *past, const float *logits, uint64_t vocab_size,
                      double *shares)
{
    viv_sampling each = *how;
    memset(shares, 0, vocab_size * sizeof *shares);
    for (int i = 0; i < N_DRAWS; i++) {
        each.seed = (uint64_t)i;
        viv_sampler *s = made(&each, vocab_size);
        sampler_see(s, past->prompt, past->n_prompt);
        for (uint64_t a = 0; a < past->n_answer; a++) {
            float forced[MAX_VOCAB];
            for (uint64_t t = 0; t < vocab_size; t++)
                forced[t] = (int32_t)t == past->answer[a] ? 0 : -INFINITY;
            ck_assert_int_eq(chosen(s, forced), past->answer[a]);
        }
        shares[chosen(s, logits)] += 1.0 / N_DRAWS;
        sampler_destroy(s);
    }
}

/* Within five standard deviations; a token that cannot be never comes. */
static void expect_shares(const double *shares, const double *p, uint64_t vocab_size, const char *what)
{
    for (uint64_t t = 0; t < vocab_size; t++) {
        double off = fabs(shares[t] - p[t]),
               allowed = 5 * sqrt(p[t] * (1 - p[t]) / N_DRAWS) + (p[t] > 0 ? 1e-4 : 0);
        ck_assert_msg(off <= allowed, "%s: token %d: expected %g, found %g", what, (int)t, p[t], shares[t]);
    }
}

static void softmax_of(const float *logits, double *p, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += p[i] = exp(logits[i]);
    for (uint64_t i = 0; i < n; i++)
        p[i] /= sum;
}

TEST(sample__greedy_takes_the_highest_and_among_equals_the_lowest_id)
{
    float logits[40];
    for (int n = 1; n <= 40; n++)
        for (int at = 0; at < n; at++) {
            for (int i = 0; i < n; i++)
                logits[i] = i == at || i == n - 1 ? 2.5f : -1.0f;
            viv_sampler *s = made(&greedy, (uint64_t)n);
            ck_assert_int_eq(chosen(s, logits), at);
            sampler_destroy(s);
        }
}
END_TEST

TEST(sample__logprob_is_of_the_untouched_logits)
{
    const float logits[] = {0.5f, -2, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -INFINITY, 2};
    enum { N = sizeof logits / sizeof *logits };
    const int32_t biased[] = {1};
    const float by[] = {100};
    double p[N];
    softmax_of(logits, p, N);
    viv_sampling how = greedy;
    how.n_bias = 1;
    how.bias_tokens = biased;
    how.bias_values = by;
    struct error err;
    int32_t token;
    float logprob;
    viv_sampler *s = made(&how, N);
    ck_assert_int_eq(sampler_choose(s, logits, &token, &logprob, &err), VIV_OK);
    ck_assert_int_eq(token, 1);
    ck_assert_double_eq_tol(logprob, log(p[1]), 1e-6);
    sampler_destroy(s);
}
END_TEST

TEST(sample__a_token_that_cannot_be_is_never_chosen)
{
    const float logits[] = {-INFINITY, 1, -INFINITY, 0, -INFINITY};
    const int32_t banned[] = {1};
    const float by[] = {-INFINITY};
    viv_sampling how = drawing();
    how.n_bias = 1;
    how.bias_tokens = banned;
    how.bias_values = by;
    for (int top_k = 0; top_k < 4; top_k++) {
        how.top_k = top_k;
        viv_sampler *s = made(&how, 5);
        for (int i = 0; i < 100; i++)
            ck_assert_int_eq(chosen(s, logits), 3);
        sampler_destroy(s);
    }
}
END_TEST

TEST(sample__filters_leave_what_they_are_said_to_leave)
{
    /* probabilities 0.4, 0.3, 0.2, 0.06, 0.04 in another order */
    const double p[] = {0.06, 0.3, 0.04, 0.4, 0.2};
    float logits[5];
    for (int i = 0; i < 5; i++)
        logits[i] = (float)log(p[i]) + 7;
    /* Expected information 1.395; those of the tokens lie off it by 1.42, 0.19, 1.82, 0.48, 0.21. */
    static const struct {
        int32_t top_k;
        float top_p, min_p, typical_p;
        int kept[5];
    } cases[] = {
        {0, 1, 0, 1, {1, 1, 1, 1, 1}},     {1, 1, 0, 1, {0, 0, 0, 1, 0}},
        {3, 1, 0, 1, {0, 1, 0, 1, 1}},     {9, 1, 0, 1, {1, 1, 1, 1, 1}},
        {0, 0.69f, 0, 1, {0, 1, 0, 1, 0}}, {0, 0.71f, 0, 1, {0, 1, 0, 1, 1}},
        {0, 0, 0, 1, {0, 0, 0, 1, 0}},     {0, 1, 0.12f, 1, {1, 1, 0, 1, 1}},
        {0, 1, 0.6f, 1, {0, 1, 0, 1, 0}},  {0, 1, 1, 1, {0, 0, 0, 1, 0}},
        {0, 1, 0, 0.29f, {0, 1, 0, 0, 0}}, {0, 1, 0, 0.45f, {0, 1, 0, 0, 1}},
        {0, 1, 0, 0.85f, {0, 1, 0, 1, 1}}, {0, 1, 0, 0.92f, {1, 1, 0, 1, 1}},
        {3, 0.7f, 0, 1, {0, 1, 0, 1, 0}}, /* of 0.9 that are left, 0.7 needs 0.63 */
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        double expected[5], sum = 0, shares[5];
        char name[32];
        viv_sampling how = drawing();
        how.top_k = cases[c].top_k;
        how.top_p = cases[c].top_p;
        how.min_p = cases[c].min_p;
        how.typical_p = cases[c].typical_p;
        for (int i = 0; i < 5; i++)
            sum += cases[c].kept[i] * p[i];
        for (int i = 0; i < 5; i++)
            expected[i] = cases[c].kept[i] * p[i] / sum;
        shares_of(&how, &(struct past){0}, logits, 5, shares);
        snprintf(name, sizeof name, "case %zu", c);
        expect_shares(shares, expected, 5, name);
    }
}
END_TEST

TEST(sample__presence_and_frequency_count_the_answer_alone)
{
    const float logits[] = {1, 0.5f, 0, -0.5f, 0.25f};
    const int32_t prompt[] = {0, 0, 3, 77, -1}, answer[] = {1, 4, 1, 1};
    const struct past past = {prompt, answer, 5, 4};
    viv_sampling how = drawing();
    how.presence_penalty = 0.5f;
    how.frequency_penalty = 0.25f;
    const float expected[] = {1, 0.5f - 0.5f - 3 * 0.25f, 0, -0.5f, 0.25f - 0.5f - 0.25f};
    double p[5], shares[5];
    softmax_of(expected, p, 5);
    shares_of(&how, &past, logits, 5, shares);
    expect_shares(shares, p, 5, "presence and frequency");
}
END_TEST

/* One that resumes draws what the one that was cut would have drawn. */
TEST(sample__goes_on_from_where_another_stood)
{
    enum { N = 40, CUT = 17, VOCAB = 6 };
    const float logits[VOCAB] = {1, 0.5f, 0, -0.5f, 0.25f, 0.75f};
    const int32_t prompt[] = {2, 2, 3};
    int32_t tokens[N];
    viv_sampling how = drawing();
    how.seed = 11;
    how.repetition_penalty = 1.3f;
    how.presence_penalty = 0.5f;
    how.frequency_penalty = 0.1f;
    viv_sampler *whole = made(&how, VOCAB), *later = made(&how, VOCAB);
    sampler_see(whole, prompt, 3);
    for (int i = 0; i < N; i++)
        tokens[i] = chosen(whole, logits);
    sampler_see(later, prompt, 3);
    struct error err;
    ck_assert_int_eq(sampler_resume(later, tokens, CUT, &err), VIV_OK);
    for (int i = CUT; i < N; i++)
        ck_assert_int_eq(chosen(later, logits), tokens[i]);
    sampler_destroy(whole);
    sampler_destroy(later);
}
END_TEST

TEST(sample__repetition_counts_prompt_and_answer_once)
{
    const float logits[] = {1, 0.5f, 0, -0.5f, 0.25f};
    const int32_t prompt[] = {0, 0, 3}, answer[] = {1, 1};
    const struct past past = {prompt, answer, 3, 2};
    viv_sampling how = drawing();
    how.repetition_penalty = 2;
    const float expected[] = {0.5f, 0.25f, 0, -1, 0.25f};
    double p[5], shares[5];
    softmax_of(expected, p, 5);
    shares_of(&how, &past, logits, 5, shares);
    expect_shares(shares, p, 5, "repetition");
}
END_TEST

static double number(const json_t *c, const char *key, double otherwise)
{
    json_t *value = json_object_get(c, key);
    return value ? json_number_value(value) : otherwise;
}

TEST(sample__agrees_with_transformers)
{
    struct error err;
    json_t *golden;
    ck_assert_msg(json_read(source_path("tests/golden/sampling.json"), 1 << 20, &golden, &err) == VIV_OK, "%s",
                  err.text);
    json_t *prompt = json_object_get(golden, "prompt"), *cases = json_object_get(golden, "cases"), *c;
    int32_t seen[16];
    size_t n_seen = json_array_size(prompt), i;
    for (i = 0; i < n_seen; i++)
        seen[i] = (int32_t)json_integer_value(json_array_get(prompt, i));
    const struct past past = {.prompt = seen, .n_prompt = n_seen};
    ck_assert_uint_ge(json_array_size(cases), 20);
    json_array_foreach(cases, i, c)
    {
        json_t *logit_list = json_object_get(c, "logits"), *left = json_object_get(c, "left"), *value;
        uint64_t vocab_size = json_array_size(logit_list);
        float logits[MAX_VOCAB], bias[MAX_VOCAB];
        int32_t bias_tokens[MAX_VOCAB];
        double p[MAX_VOCAB] = {0}, shares[MAX_VOCAB];
        const char *key;
        char name[32];
        for (uint64_t t = 0; t < vocab_size; t++)
            logits[t] = (float)json_number_value(json_array_get(logit_list, t));
        json_object_foreach(left, key, value) p[atoi(key)] = json_number_value(value);
        viv_sampling how = greedy;
        how.temperature = (float)number(c, "temperature", 1);
        how.top_k = (int32_t)number(c, "top_k", 0);
        how.top_p = (float)number(c, "top_p", 1);
        how.min_p = (float)number(c, "min_p", 0);
        how.typical_p = (float)number(c, "typical_p", 1);
        how.repetition_penalty = (float)number(c, "repetition_penalty", 1);
        how.bias_tokens = bias_tokens;
        how.bias_values = bias;
        json_object_foreach(json_object_get(c, "bias"), key, value)
        {
            bias_tokens[how.n_bias] = atoi(key);
            bias[how.n_bias++] = (float)json_number_value(value);
        }
        shares_of(&how, &past, logits, vocab_size, shares);
        snprintf(name, sizeof name, "case %zu", i);
        expect_shares(shares, p, vocab_size, name);
    }
    json_decref(golden);
}
END_TEST

static void noise(float *logits, uint64_t n)
{
    uint32_t x = 1;
    for (uint64_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        logits[i] = (float)(x >> 8) / (1 << 20) - 8;
    }
}

static void expect_refusal(const viv_sampling *how, uint64_t vocab_size, const char *sentence)
{
    struct error err;
    viv_sampler *s = NULL;
    ck_assert_int_eq(sampler_create(how, vocab_size, &s, &err), VIV_EINVAL);
    ck_assert_ptr_null(s);
    ck_assert_str_eq(err.text, sentence);
}

TEST(sample__parameters_out_of_range_are_refused)
{
    static const struct {
        size_t at;
        float value;
        const char *sentence;
    } cases[] = {
        {offsetof(viv_sampling, temperature), -1, "temperature: expected 0 or more, found -1"},
        {offsetof(viv_sampling, temperature), NAN, "temperature: expected 0 or more, found nan"},
        {offsetof(viv_sampling, temperature), INFINITY, "temperature: expected 0 or more, found inf"},
        {offsetof(viv_sampling, top_p), 1.5f, "top_p: expected 0 to 1, found 1.5"},
        {offsetof(viv_sampling, top_p), -0.5f, "top_p: expected 0 to 1, found -0.5"},
        {offsetof(viv_sampling, min_p), 2, "min_p: expected 0 to 1, found 2"},
        {offsetof(viv_sampling, typical_p), 0, "typical_p: expected more than 0, at most 1, found 0"},
        {offsetof(viv_sampling, repetition_penalty), 0, "repetition_penalty: expected more than 0, found 0"},
        {offsetof(viv_sampling, presence_penalty), 3, "presence_penalty: expected -2 to 2, found 3"},
        {offsetof(viv_sampling, frequency_penalty), -2.5f, "frequency_penalty: expected -2 to 2, found -2.5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        viv_sampling how = greedy;
        memcpy((char *)&how + cases[i].at, &cases[i].value, sizeof(float));
        expect_refusal(&how, 5, cases[i].sentence);
    }
    viv_sampling how = greedy;
    how.top_k = -3;
    expect_refusal(&how, 5, "top_k: expected 0 (off) or more, found -3");

    int32_t token = 5;
    float value = 1;
    how = greedy;
    how.n_bias = 1;
    how.bias_tokens = &token;
    how.bias_values = &value;
    expect_refusal(&how, 5, "logit bias: expected a token from 0 to 4, found 5");
    token = 2;
    value = NAN;
    expect_refusal(&how, 5, "logit bias of token 2: expected a number, found nan");

    expect_refusal(&greedy, 0, "vocabulary: expected 1 to 2147483647 tokens, found 0");
    expect_refusal(&greedy, (uint64_t)1 << 40, "vocabulary: expected 1 to 2147483647 tokens, found 1099511627776");
    sampler_destroy(NULL);
}
END_TEST

TEST(sample__logits_that_are_no_numbers_are_refused)
{
    struct error err;
    int32_t token = -7;
    float logits[37], logprob;
    viv_sampler *s = made(&greedy, 37);
    for (int at = 0; at < 37; at++)
        for (int kind = 0; kind < 2; kind++) {
            noise(logits, 37);
            logits[at] = kind ? NAN : INFINITY;
            char expected[128];
            snprintf(expected, sizeof expected, "logit of token %d: expected a finite number, found %s", at,
                     kind ? "nan" : "inf");
            ck_assert_int_eq(sampler_choose(s, logits, &token, &logprob, &err), VIV_EINVAL);
            ck_assert_str_eq(err.text, expected);
        }
    for (int i = 0; i < 37; i++)
        logits[i] = -INFINITY;
    ck_assert_int_eq(sampler_choose(s, logits, &token, &logprob, &err), VIV_EINVAL);
    ck_assert_str_eq(err.text, "logits: expected some token to be possible, found -inf for all 37");
    ck_assert_int_eq(token, -7);
    sampler_destroy(s);
}
END_TEST

TEST(sample__extremes_of_float_and_of_parameters_stay_in_bounds)
{
    static const float values[] = {3e38f, -3e38f, 0, 1e-40f, -1e-40f, 65504};
    for (int c = 0; c < 64; c++) {
        viv_sampling how = drawing();
        how.temperature = c & 1 ? 1e-45f : 3e38f;
        how.top_k = c & 2 ? 2 : 0;
        how.top_p = c & 4 ? 1e-45f : 1;
        how.min_p = c & 8 ? 1 : 0;
        how.typical_p = c & 16 ? 1e-45f : 1;
        how.repetition_penalty = c & 32 ? 1e-45f : 3e38f;
        viv_sampler *s = made(&how, 6);
        for (int i = 0; i < 20; i++) {
            int32_t token = chosen(s, values);
            ck_assert_int_ge(token, 0);
            ck_assert_int_lt(token, 6);
        }
        sampler_destroy(s);
    }
}
END_TEST

/* Prints; the bound is for machines under load. */
TEST(sample__large_vocabularies_are_fast)
{
    enum { N = 128256, ROUNDS = 20 };
    float *logits = malloc(N * sizeof *logits);
    ck_assert_ptr_nonnull(logits);
    noise(logits, N);
    static const char *const names[] = {"greedy", "greedy, logprob", "top_k", "top_p", "temperature"};
    for (int c = 0; c < 5; c++) {
        viv_sampling how = drawing();
        struct error err;
        int32_t token;
        float logprob;
        how.temperature = c < 2 ? 0 : 0.8f;
        how.top_k = c == 2 ? 40 : 0;
        how.top_p = c == 3 ? 0.95f : 1;
        viv_sampler *s = made(&how, N);
        double best = 1;
        for (int i = 0; i < ROUNDS; i++) {
            struct timespec a, b;
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
            ck_assert_int_eq(sampler_choose(s, logits, &token, c == 1 ? &logprob : NULL, &err), VIV_OK);
            clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
            double took = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
            best = took < best ? took : best;
        }
        fprintf(stderr, "%s: %.3f ms\n", names[c], 1e3 * best);
        ck_assert_double_lt(best, 0.1);
        sampler_destroy(s);
    }
    free(logits);
}
END_TEST

/* What a seed draws is part of what a version is: not of the processor, the compiler or the C library. */
TEST(sample__a_seed_draws_the_same_tokens_on_every_machine)
{
    enum { N = 24, VOCAB = 50 };
    static const struct {
        uint64_t seed;
        float temperature, top_p;
        int32_t expected[N];
    } table[] = {
        {1, 1, 1, {39, 16, 43, 4, 35, 8, 35, 28, 9, 8, 9, 28, 43, 5, 35, 32, 16, 47, 35, 25, 4, 28, 6, 31}},
        {2, 0.8f, 0.9f, {47, 31, 27, 20, 35, 1, 43, 27, 4, 28, 4, 27, 31, 28, 27, 8, 8, 27, 4, 39, 4, 43, 4, 27}},
        {UINT64_MAX, 1.5f, 0.5f, {4,  31, 12, 8, 43, 8,  4,  16, 12, 27, 16, 39,
                                  27, 43, 43, 4, 27, 12, 31, 35, 39, 35, 4,  31}}};
    float logits[VOCAB];
    for (int t = 0; t < VOCAB; t++)
        logits[t] = (float)(t * 37 % VOCAB) / 8;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        viv_sampling how = drawing();
        how.seed = table[i].seed;
        how.temperature = table[i].temperature;
        how.top_p = table[i].top_p;
        viv_sampler *s = made(&how, VOCAB);
        for (int n = 0; n < N; n++)
            ck_assert_int_eq(chosen(s, logits), table[i].expected[n]);
        sampler_destroy(s);
    }
}
END_TEST

TESTS(sample__a_seed_draws_the_same_tokens_on_every_machine,
      sample__greedy_takes_the_highest_and_among_equals_the_lowest_id, sample__logprob_is_of_the_untouched_logits,
      sample__a_token_that_cannot_be_is_never_chosen, sample__filters_leave_what_they_are_said_to_leave,
      sample__presence_and_frequency_count_the_answer_alone, sample__goes_on_from_where_another_stood,
      sample__repetition_counts_prompt_and_answer_once, sample__agrees_with_transformers,
      sample__parameters_out_of_range_are_refused, sample__logits_that_are_no_numbers_are_refused,
      sample__extremes_of_float_and_of_parameters_stay_in_bounds, sample__large_vocabularies_are_fast)
