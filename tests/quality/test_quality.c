/* Perplexity is what transformers' own loss says, divergence what numpy says, window by window; and what cannot be
 * measured is refused by name. */
#include "../model/golden.h"
#include "base/json.h"
#include "engine/load.h"
#include "quality/divergence.h"
#include "quality/logits.h"
#include "quality/moments.h"
#include "quality/perplexity.h"

#include <math.h>

static const char *const checkpoint = "tests/golden/quality", *const neighbour = "tests/golden/quality-near";

struct fixture {
    viv_model *m, *near;
    struct buf text;
    json_t *expected;
    struct quality_text read, bare; /* as the tokenizer has it; its tokens without the one that begins a text */
};

static void make(struct fixture *f)
{
    struct error err;
    struct model_options options;
    *f = (struct fixture){0};
    open_host();
    options = golden_options();
    options.max_rows = 40; /* so that windows go through in pieces */
    f->m = golden_load(&options, source_path(checkpoint));
    f->near = golden_load(&options, source_path(neighbour));
    ck_assert_int_eq(file_read(source_path("tests/golden/quality/text.txt"), 1 << 20, &f->text, &err), VIV_OK);
    ck_assert_int_eq(json_read(source_path("tests/golden/quality/measured.json"), 1 << 20, &f->expected, &err),
                     VIV_OK);
    ck_assert_msg(quality_text_read(&f->read, f->m, "text.txt", f->text.data, f->text.size, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert_int_eq(quality_text_of_ids(&f->bare, f->read.ids.ids, f->read.ids.n, &err), VIV_OK);
}

static void release(struct fixture *f)
{
    quality_text_release(&f->read);
    quality_text_release(&f->bare);
    buf_release(&f->text);
    json_decref(f->expected);
    model_close(f->m);
    model_close(f->near);
    engine_destroy(engine);
}

static double number(const json_t *object, const char *key)
{
    ck_assert(json_is_number(json_object_get(object, key)));
    return json_number_value(json_object_get(object, key));
}

static void near_to(double got, double expected, double tolerance, const char *what)
{
    ck_assert_msg(fabs(got - expected) <= tolerance * fmax(fabs(expected), 1e-9), "%s: %.12g, expected %.12g", what,
                  got, expected);
}

static struct quality_options pass_of(const json_t *c)
{
    return (struct quality_options){.window = (uint64_t)number(c, "window"),
                                    .stride = (uint64_t)number(c, "stride")};
}

static const struct quality_text *text_of(const struct fixture *f, const json_t *c)
{
    return json_is_true(json_object_get(c, "start")) ? &f->read : &f->bare;
}

TEST(text__is_read_token_for_token_with_what_stands_before_it)
{
    struct fixture f;
    make(&f);
    const json_t *ids = json_object_get(f.expected, "ids");
    ck_assert_uint_eq(f.read.ids.n, json_array_size(ids));
    for (size_t i = 0; i < f.read.ids.n; i++)
        ck_assert_int_eq(f.read.ids.ids[i], json_integer_value(json_array_get(ids, i)));
    ck_assert_uint_eq(f.read.start.n, 1);
    ck_assert_int_eq(f.read.start.ids[0], 0);
    ck_assert(f.read.exact);
    ck_assert_uint_eq(f.read.n_bytes, (uint64_t)number(f.expected, "bytes"));
    release(&f);
}
END_TEST

TEST(text__special_tokens_written_out_are_text)
{
    struct fixture f;
    struct error err;
    struct quality_text t;
    make(&f);
    ck_assert_int_eq(quality_text_read(&t, f.m, "x", "<s>a</s>", 8, &err), VIV_OK);
    ck_assert(t.exact);
    for (size_t i = 0; i < t.ids.n; i++)
        ck_assert_int_gt(t.ids.ids[i], 1);
    quality_text_release(&t);
    release(&f);
}
END_TEST

TEST(perplexity__is_that_of_transformers_in_every_window)
{
    struct fixture f;
    struct error err;
    struct perplexity p;
    size_t i;
    json_t *c;
    make(&f);
    ck_assert_uint_ge(json_array_size(json_object_get(f.expected, "perplexity")), 7);
    json_array_foreach(json_object_get(f.expected, "perplexity"), i, c)
    {
        const struct quality_options options = pass_of(c);
        const struct quality_text *text = text_of(&f, c);
        ck_assert_msg(perplexity_measure(f.m, text, &options, &p, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(p.n_predicted, (uint64_t)number(c, "predicted"));
        ck_assert_uint_eq(p.n_predicted, p.n_tokens - (text == &f.bare));
        near_to(p.nll, number(c, "nats"), 1e-5, "nats");
        near_to(p.nats_per_token, number(c, "nats") / number(c, "predicted"), 1e-5, "nats per token");
        near_to(p.perplexity, exp(number(c, "nats") / number(c, "predicted")), 1e-4, "perplexity");
        ck_assert(p.complete);
        if (text == &f.bare)
            ck_assert(isnan(p.bits_per_byte));
        else
            near_to(p.bits_per_byte, number(c, "nats") / log(2) / number(f.expected, "bytes"), 1e-5,
                    "bits per byte");
    }
    release(&f);
}
END_TEST

/* The tokenizer of the neighbour without its template: nothing stands before a text. */
TEST(perplexity__a_first_token_that_nothing_predicts_is_coded_as_one_of_the_vocabulary)
{
    struct fixture f;
    struct error err;
    struct perplexity p;
    make(&f);
    f.read.start.n = 0;
    const struct quality_options options = {.window = 512};
    ck_assert_int_eq(perplexity_measure(f.m, &f.read, &options, &p, &err), VIV_OK);
    ck_assert_uint_eq(p.n_predicted, p.n_tokens - 1);
    near_to(p.bits_per_byte, (p.nll / log(2) + log2((double)model_output_dim(f.m))) / (double)f.text.size, 1e-12,
            "bits per byte");
    release(&f);
}
END_TEST

TEST(divergence__is_that_of_numpy_in_every_window)
{
    struct fixture f;
    struct error err;
    struct divergence d;
    size_t i;
    json_t *c;
    make(&f);
    json_array_foreach(json_object_get(f.expected, "divergence"), i, c)
    {
        const struct quality_options options = pass_of(c);
        ck_assert_msg(divergence_measure(f.m, f.near, text_of(&f, c), &options, &d, &err) == VIV_OK, "%s",
                      err.text);
        near_to(d.kl, number(c, "kl"), 1e-4, "KL");
        near_to(d.kl_error, number(c, "kl_error"), 1e-4, "its error");
        near_to(d.same_top, number(c, "same_top"), 1e-12, "same top");
        near_to(d.mean_abs_dp, number(c, "mean_abs_dp"), 1e-4, "|dp|");
        near_to(d.rms_dp, number(c, "rms_dp"), 1e-4, "root mean square of dp");
        for (size_t q = 0; q < DIVERGENCE_QUANTILES; q++)
            near_to(d.kl_quantiles[q], json_number_value(json_array_get(json_object_get(c, "quantiles"), q)), 1e-3,
                    "a quantile");
    }
    release(&f);
}
END_TEST

TEST(divergence__of_a_model_from_itself_is_none)
{
    struct fixture f;
    struct error err;
    struct divergence d;
    const struct quality_options options = {0};
    make(&f);
    ck_assert_int_eq(divergence_measure(f.m, f.m, &f.read, &options, &d, &err), VIV_OK);
    ck_assert(d.kl == 0 && d.kl_quantiles[DIVERGENCE_QUANTILES - 1] == 0 && d.same_top == 1 && d.mean_abs_dp == 0);
    ck_assert(d.perplexity[0] == d.perplexity[1]);
    release(&f);
}
END_TEST

/* Ends the run after a few tokens. */
static uint32_t stop;
static void stop_later(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    (void)ctx;
    (void)what;
    ck_assert_uint_le(done, total);
    stop = done > 50;
}

TEST(perplexity__interrupted_keeps_what_was_counted)
{
    struct fixture f;
    struct error err;
    struct perplexity p;
    struct divergence d;
    make(&f);
    const struct quality_options options = {.window = 48, .stride = 10, .cancel = &stop, .progress = stop_later},
                                 whole = {.window = 48, .stride = 10};
    stop = 0;
    ck_assert_int_eq(perplexity_measure(f.m, &f.read, &options, &p, &err), VIV_ECANCELLED);
    ck_assert(!p.complete);
    ck_assert_uint_gt(p.n_predicted, 40);
    ck_assert_uint_lt(p.n_predicted, 70);
    ck_assert_uint_gt(p.n_bytes, p.n_predicted);
    near_to(p.nats_per_token, p.nll / (double)p.n_predicted, 1e-12, "nats per token");
    near_to(p.bits_per_byte, p.nll / log(2) / (double)p.n_bytes, 1e-12, "bits per byte");
    stop = 0;
    ck_assert_int_eq(divergence_measure(f.m, f.near, &f.read, &options, &d, &err), VIV_ECANCELLED);
    ck_assert_uint_eq(d.n_predicted, p.n_predicted);
    ck_assert(d.perplexity[0] == p.perplexity);
    stop = 1;
    ck_assert_int_eq(perplexity_measure(f.m, &f.read, &options, &p, &err), VIV_ECANCELLED);
    ck_assert_uint_eq(p.n_predicted, 0);
    ck_assert_int_eq(perplexity_measure(f.m, &f.read, &whole, &p, &err), VIV_OK);
    release(&f);
}
END_TEST

static void refuses(viv_status status, const struct error *err, viv_status expected, const char *words)
{
    ck_assert_int_eq(status, expected);
    ck_assert_msg(strstr(err->text, words), "no '%s' in: %s", words, err->text);
}

TEST(perplexity__refuses_windows_that_do_not_fit)
{
    struct fixture f;
    struct error err;
    struct perplexity p;
    static const struct {
        uint64_t window, stride;
        const char *words;
    } bad[] = {{513, 0, "the context has room for 512"},
               {1, 0, "no room for one to predict"},
               {64, 64, "a stride of 64 tokens leaves tokens out: expected 1 to 63"},
               {64, 1u << 30, "leaves tokens out"}};
    make(&f);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const struct quality_options options = {.window = bad[i].window, .stride = bad[i].stride};
        viv_status status = perplexity_measure(f.m, &f.read, &options, &p, &err);
        refuses(status, &err, i ? VIV_EINVAL : VIV_ELIMIT, bad[i].words);
    }
    release(&f);
}
END_TEST

TEST(text__refuses_what_has_nothing_to_predict)
{
    struct fixture f;
    struct error err;
    struct quality_text t;
    const int32_t one = 5, outside[] = {5, 311, 6}, negative[] = {5, -1};
    const struct quality_options options = {0};
    struct perplexity p;
    make(&f);
    refuses(quality_text_read(&t, f.m, "x", "", 0, &err), &err, VIV_EINVAL, "x: the text is empty");
    refuses(quality_text_read(&t, f.m, "x", "a\xff", 2, &err), &err, VIV_EFORMAT, "0xff at offset 1");
    refuses(quality_text_of_ids(&t, &one, 1, &err), &err, VIV_EINVAL, "a text of 1 token has no token to predict");
    refuses(quality_text_of_ids(&t, &one, 0, &err), &err, VIV_EINVAL, "a text of 0 tokens");
    ck_assert_int_eq(quality_text_of_ids(&t, outside, 3, &err), VIV_OK);
    refuses(perplexity_measure(f.m, &t, &options, &p, &err), &err, VIV_EINVAL, "token 311 at position 1");
    quality_text_release(&t);
    ck_assert_int_eq(quality_text_of_ids(&t, negative, 2, &err), VIV_OK);
    refuses(perplexity_measure(f.m, &t, &options, &p, &err), &err, VIV_EINVAL, "token -1 at position 1");
    quality_text_release(&t);
    release(&f);
}
END_TEST

TEST(quality__refuses_models_that_have_no_next_token)
{
    struct fixture f;
    struct error err;
    struct perplexity p;
    struct divergence d;
    const struct quality_options options = {0};
    static const struct {
        const char *directory, *words;
    } others[] = {{"tests/golden/bert", "bert gives vectors of texts: it has no probabilities of a next token"},
                  {"tests/golden/bert-classifier", "the scores of a classifier"},
                  {"tests/golden/t5", "t5 reads one text and writes another"},
                  {"tests/golden/llama-gqa", "the vocabularies differ: quality has 311 tokens, llama-gqa has 101"}};
    make(&f);
    const struct model_options loading = golden_options();
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        viv_model *m = golden_load(&loading, source_path(others[i].directory));
        if (i < 3)
            refuses(perplexity_measure(m, &f.read, &options, &p, &err), &err, VIV_EUNSUPPORTED, others[i].words);
        refuses(divergence_measure(f.m, m, &f.read, &options, &d, &err), &err, VIV_EUNSUPPORTED, others[i].words);
        model_close(m);
    }
    release(&f);
}
END_TEST

TEST(log_sum_exp__is_exact_for_large_ones_and_says_what_is_no_number)
{
    const float large[] = {1000, 1000}, hidden[] = {0, -INFINITY}, nan[] = {0, NAN}, inf[] = {0, INFINITY};
    near_to(logits_log_sum_exp(large, 2), 1000 + log(2), 1e-15, "log_sum_exp");
    ck_assert(logits_log_sum_exp(hidden, 2) == 0);
    ck_assert(!isfinite(logits_log_sum_exp(nan, 2)) && !isfinite(logits_log_sum_exp(inf, 2)));
}
END_TEST

TEST(moments__are_mean_and_standard_error)
{
    struct moments m = {0};
    ck_assert(isnan(moments_mean(&m)) && isnan(moments_error(&m)));
    static const double x[] = {2, 4, 4, 4, 5, 5, 7, 9};
    for (size_t i = 0; i < 8; i++)
        moments_add(&m, x[i]);
    near_to(moments_mean(&m), 5, 1e-15, "mean");
    near_to(moments_error(&m), sqrt(32.0 / 7 / 8), 1e-15, "error");
}
END_TEST

TESTS(text__is_read_token_for_token_with_what_stands_before_it, text__special_tokens_written_out_are_text,
      perplexity__is_that_of_transformers_in_every_window,
      perplexity__a_first_token_that_nothing_predicts_is_coded_as_one_of_the_vocabulary,
      divergence__is_that_of_numpy_in_every_window, divergence__of_a_model_from_itself_is_none,
      perplexity__interrupted_keeps_what_was_counted, perplexity__refuses_windows_that_do_not_fit,
      text__refuses_what_has_nothing_to_predict, quality__refuses_models_that_have_no_next_token,
      log_sum_exp__is_exact_for_large_ones_and_says_what_is_no_number, moments__are_mean_and_standard_error)
