/* Types of weights chosen for a budget: by the architecture slm, encoded while a model is loaded. */
#include "golden.h"
#include "model/precision.h"
#include "run/run.h"

#include <math.h>

enum { N = 4, WORDS = 101 };

static const int32_t tokens[N] = {3, 50, 7, 91};

static viv_model *open_with(const char *name, uint64_t weight_budget, uint32_t n_threads)
{
    struct error err;
    viv_model *m;
    char path[256];
    if (!engine)
        open_host();
    struct model_options options = golden_options();
    options.weight_budget = weight_budget;
    options.n_threads = n_threads;
    snprintf(path, sizeof path, "tests/golden/%s", name);
    ck_assert_msg(engine_open_model(engine, &options, source_path(path), &m, &err) == VIV_OK, "%s", err.text);
    return m;
}

static void read_logits(viv_model *m, float *out)
{
    static const uint8_t all[N] = {1, 1, 1, 1};
    struct error err;
    viv_sequence *s;
    const float *logits;
    uint64_t n;
    ck_assert_msg(engine_load_model(m, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(sequence_create(m, &s, &err), VIV_OK);
    const viv_rows rows = {
        .struct_size = sizeof rows, .sequence = s, .n_rows = N, .tokens = tokens, .output_rows = all};
    const viv_rows *const list[] = {&rows};
    ck_assert_msg(model_step(m, list, 1, NULL, &logits, &n, &err) == VIV_OK, "%s", err.text);
    memcpy(out, logits, N * WORDS * sizeof *out);
    sequence_destroy(s);
    model_close(m);
}

static uint64_t bytes_of_all(viv_model *m, uint64_t *least)
{
    struct precision_plan plan;
    struct precision precision;
    struct error err;
    ck_assert_msg(engine_precision(engine, m, &precision, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(precision_choose(m, &precision, UINT64_MAX, &plan, &err), VIV_OK);
    ck_assert_uint_eq(plan.bytes, plan.bytes_before);
    const uint64_t all = plan.bytes;
    precision_release(&plan);
    ck_assert_int_eq(precision_choose(m, &precision, 1, &plan, &err), VIV_ELIMIT);
    ck_assert_msg(strstr(err.text, "the weights need at least"), "%s", err.text);
    *least = plan.bytes;
    precision_release(&plan);
    return all;
}

/* The larger the budget, the nearer the logits; with all that is needed they are the same bits. */
TEST(precision__a_budget_is_kept_and_used)
{
    static float exact[N * WORDS], got[N * WORDS], again[N * WORDS];
    uint64_t least;
    read_logits(open_with("llama-f16", 0, 1), exact);
    viv_model *m = open_with("llama-f16", 0, 1);
    const uint64_t all = bytes_of_all(m, &least);
    model_close(m);
    ck_assert_uint_gt(all, 2 * least);
    double before = INFINITY;
    const uint64_t budgets[] = {least, least + (all - least) / 4, least + (all - least) / 2, all};
    for (size_t i = 0; i < 4; i++) {
        double error = 0, scale = 0;
        read_logits(open_with("llama-f16", budgets[i], 1), got);
        read_logits(open_with("llama-f16", budgets[i], 2), again);
        ck_assert_mem_eq(got, again, sizeof got);
        for (size_t k = 0; k < N * WORDS; k++) {
            error += pow((double)got[k] - (double)exact[k], 2);
            scale += pow((double)exact[k], 2);
        }
        ck_assert_msg(error <= 1.2 * before && error <= 0.5 * scale, "budget %zu: error %g of %g", i, error, scale);
        before = error;
    }
    ck_assert(before == 0);
}
END_TEST

TEST(precision__what_is_chosen_fits)
{
    static const char *const names[] = {"llama-f16", "llama-gqa", "llama-mqa-tied", "gemma2", "gpt2", "mixtral"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct precision_plan plan;
        struct precision precision;
        struct error err;
        uint64_t least;
        viv_model *m = open_with(names[i], 0, 1);
        const uint64_t all = bytes_of_all(m, &least);
        ck_assert_int_eq(engine_precision(engine, m, &precision, &err), VIV_OK);
        for (uint64_t budget = least; budget < all; budget += (all - least) / 7 + 1) {
            ck_assert_msg(precision_choose(m, &precision, budget, &plan, &err) == VIV_OK, "%s", err.text);
            ck_assert_uint_le(plan.bytes, budget);
            precision_release(&plan);
        }
        model_close(m);
    }
}
END_TEST

/* Another architecture may choose; what it chooses is checked. */
static viv_status choose_wrongly(const viv_host *viv, const viv_weight_type *const *types, uint32_t n_types,
                                 viv_weight *const *weights, uint32_t n, uint64_t budget, uint64_t *bytes)
{
    (void)viv, (void)types, (void)n_types, (void)budget;
    for (uint32_t i = 0; i < n; i++)
        weights[i]->dtype = 255;
    *bytes = 0;
    return VIV_OK;
}

static viv_status choose_too_much(const viv_host *viv, const viv_weight_type *const *types, uint32_t n_types,
                                  viv_weight *const *weights, uint32_t n, uint64_t budget, uint64_t *bytes)
{
    (void)viv, (void)types, (void)n_types, (void)weights, (void)n, (void)budget;
    *bytes = 0;
    return VIV_OK;
}

TEST(precision__wrong_choices_are_refused)
{
    struct precision_plan plan;
    struct error err;
    viv_precision table = {.struct_size = sizeof table, .choose = choose_wrongly};
    const struct precision precision = {&table, "plugin mine"};
    viv_model *m = open_with("llama-f16", 0, 1);
    ck_assert_int_eq(precision_choose(m, &precision, UINT64_MAX, &plan, &err), VIV_EABI);
    ck_assert_msg(strstr(err.text, "plugin mine chooses type 255"), "%s", err.text);
    precision_release(&plan);
    table.choose = choose_too_much;
    ck_assert_int_eq(precision_choose(m, &precision, 1000, &plan, &err), VIV_EABI);
    ck_assert_msg(strstr(err.text, "for a budget of 1000"), "%s", err.text);
    precision_release(&plan);
    model_close(m);
}
END_TEST

TESTS(precision__a_budget_is_kept_and_used, precision__what_is_chosen_fits, precision__wrong_choices_are_refused)
