/* Types of weights chosen for a budget: by the architecture slm, encoded while a model is loaded. */
#include "formats/build.h"
#include "golden.h"
#include "model/precision.h"
#include "run/run.h"

#include <math.h>

enum { N = 4, WORDS = 101 };

static const int32_t tokens[N] = {3, 50, 7, 71};

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
    snprintf(path, sizeof path, "tests/golden/%s%s", name, strstr(name, "-gguf") ? "/model.gguf" : "");
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
    memcpy(out, logits, N * model_output_dim(m) * sizeof *out); /* up to WORDS */
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
    static const char *const names[] = {"llama-f16", "llama-gqa", "llama-mqa-tied", "gemma2",
                                        "gpt2",      "mixtral",   "gpt_oss-gguf"};
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

/* Of one type for all: stacked experts, too, unless they are read as they are needed. */
TEST(precision__experts_take_part)
{
    static const char *const names[] = {"qwen3_moe-gguf", "glm4_moe-gguf", "llama-gqa"};
    static float exact[N * WORDS], got[N * WORDS];
    for (size_t i = 0; i < 3; i++) {
        struct precision_plan plan;
        struct model_options options = golden_options();
        struct error err;
        viv_model *m;
        char path[256];
        double error = 0, scale = 0;
        read_logits(open_with(names[i], 0, 1), exact);
        snprintf(path, sizeof path, "tests/golden/%s%s", names[i], i < 2 ? "/model.gguf" : "");
        options.weight_type = "f16";
        ck_assert_msg(engine_open_model(engine, &options, source_path(path), &m, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(precision_choose(m, NULL, UINT64_MAX, &plan, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(2 * plan.bytes, plan.bytes_before);
        bool experts = false;
        for (uint32_t k = 0; k < model_expansion(m)->n_weights; k++)
            experts = experts || (model_expansion(m)->weights[k].n_dims == 3 && plan.dtypes[k] == VIV_F16);
        ck_assert(experts == (i < 2));
        precision_release(&plan);
        read_logits(m, got);
        for (size_t k = 0; k < N * WORDS; k++) {
            error += pow((double)got[k] - (double)exact[k], 2);
            scale += pow((double)exact[k], 2);
        }
        ck_assert_msg(error > 0 && error < 1e-4 * scale, "%s: error %g of %g", names[i], error, scale);
    }
    struct precision_plan plan;
    struct model_options options = golden_options();
    struct error err;
    viv_model *m;
    options.weight_type = "f16";
    options.expert_budget = 1 << 20;
    ck_assert_int_eq(
        engine_open_model(engine, &options, source_path("tests/golden/qwen3_moe-gguf/model.gguf"), &m, &err),
        VIV_OK);
    ck_assert_int_eq(precision_choose(m, NULL, UINT64_MAX, &plan, &err), VIV_OK);
    for (uint32_t k = 0; k < model_expansion(m)->n_weights; k++)
        ck_assert(model_expansion(m)->weights[k].n_dims != 3 || plan.dtypes[k] == UINT32_MAX);
    precision_release(&plan);
    model_close(m);
    options.weight_type = "q9";
    ck_assert_int_eq(engine_open_model(engine, &options, source_path("tests/golden/llama-gqa"), &m, &err),
                     VIV_EINVAL);
    ck_assert_msg(strstr(err.text, "types are f32, f16, q4_0"), "%s", err.text);
}
END_TEST

/* --- tables of the user -------------------------------------------------------------------------------------- */

/* Opens the model with a table of this text. */
static viv_model *open_measured(const char *table)
{
    struct error err;
    viv_model *m;
    struct model_options options = golden_options();
    if (!engine)
        open_host();
    options.weight_budget = UINT64_MAX;
    options.sensitivity = in_scratch("table.json");
    FILE *f = fopen(options.sensitivity, "w");
    ck_assert_ptr_nonnull(f);
    fputs(table, f);
    fclose(f);
    ck_assert_msg(engine_open_model(engine, &options, source_path("tests/golden/llama-f16"), &m, &err) == VIV_OK,
                  "%s", err.text);
    return m;
}

/* The table of the model, with these losses of a role, and little loss in all others. */
static const char *table_with(const viv_model *m, const char *layer, const char *attr, double kl)
{
    static char text[8192];
    size_t n = (size_t)snprintf(text, sizeof text, "{\"sensitivity\": 1, \"roles\": [");
    const struct graph *g = model_graph(m);
    struct role {
        const char *layer, *attr;
        uint64_t n, elements;
    } roles[32] = {0};
    size_t n_roles = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_weights; k++) {
            const struct weight *w = &model_expansion(m)->weights[g->nodes[i].weights[k].weight];
            size_t r = 0;
            if (w->n_dims != 2)
                continue;
            while (r < n_roles && (strcmp(roles[r].layer, g->nodes[i].class->name) != 0 ||
                                   strcmp(roles[r].attr, g->nodes[i].weights[k].attr) != 0))
                r++;
            n_roles += r == n_roles;
            roles[r].layer = g->nodes[i].class->name;
            roles[r].attr = g->nodes[i].weights[k].attr;
            roles[r].n++;
            roles[r].elements += w->dims[0] * w->dims[1];
        }
    for (size_t i = 0; i < n_roles; i++) {
        const bool is = strcmp(roles[i].layer, layer) == 0 && strcmp(roles[i].attr, attr) == 0;
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "%s{\"layer\": \"%s\", \"attr\": \"%s\", \"weights\": %d, \"elements\": %d, \"kl\": "
                              "{\"q8_0\": %g, \"q4_0\": %g}}",
                              i ? "," : "", roles[i].layer, roles[i].attr, (int)roles[i].n, (int)roles[i].elements,
                              is ? kl / 100 : 1e-9, is ? kl : 1e-7);
    }
    snprintf(text + n, sizeof text - n, "]}");
    return text;
}

/* Bytes of the type that all weights of a role get, 0 if they differ. */
static uint64_t bits_of_role(const viv_model *m, const struct precision_plan *plan, const char *attr)
{
    const struct graph *g = model_graph(m);
    uint64_t type = 0;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_weights; k++)
            if (strcmp(g->nodes[i].weights[k].attr, attr) == 0) {
                const uint32_t now = plan->dtypes[g->nodes[i].weights[k].weight];
                if (type && type != now)
                    return 0;
                type = now;
            }
    return type;
}

/* What the user has measured counts, not what is known of other models. */
TEST(precision__a_table_of_the_user_decides)
{
    static const char *const roles[][2] = {{"attention", "q"}, {"attention", "out"}, {"mlp", "gate"}};
    for (size_t i = 0; i < 3; i++) {
        struct precision precision;
        struct precision_plan plan;
        struct error err;
        uint64_t least;
        viv_model *plain = open_with("llama-f16", 0, 1);
        const char *table = table_with(plain, roles[i][0], roles[i][1], 1);
        const uint64_t all = bytes_of_all(plain, &least);
        viv_model *m = open_measured(table);
        ck_assert_int_eq(engine_precision(engine, m, &precision, &err), VIV_OK);
        ck_assert_msg(precision_choose(m, &precision, UINT64_MAX, &plan, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(plan.bytes, all);
        precision_release(&plan);
        /* q4_0 is the smallest that is measured; with a little more than it takes, one role can stay larger */
        ck_assert_int_eq(precision_choose(m, &precision, 1, &plan, &err), VIV_ELIMIT);
        const uint64_t smallest = plan.bytes;
        precision_release(&plan);
        ck_assert_msg(precision_choose(m, &precision, smallest + (all - smallest) / 4, &plan, &err) == VIV_OK, "%s",
                      err.text);
        ck_assert_uint_ne(bits_of_role(m, &plan, roles[i][1]), VIV_Q4_0);
        for (size_t k = 0; k < 3; k++)
            ck_assert(k == i || bits_of_role(m, &plan, roles[k][1]) != UINT32_MAX);
        precision_release(&plan);
        model_close(m);
        model_close(plain);
        remove_scratch();
    }
}
END_TEST

static void expect_refused(const char *table, const char *words)
{
    struct error err = {0};
    viv_model *m = open_measured(table);
    ck_assert_int_ne(engine_load_model(m, &err), VIV_OK);
    ck_assert_msg(strstr(err.text, words), "no '%s' in: %s", words, err.text);
    model_close(m);
    remove_scratch();
}

#define TABLE(kl)                                                                                                  \
    "{\"sensitivity\": 1, \"roles\": [{\"layer\": \"attention\", \"attr\": \"q\", \"weights\": 2, "                \
    "\"elements\": 4096, \"kl\": " kl "}]}"

TEST(precision__wrong_tables_are_refused)
{
    expect_refused("", "table.json");
    expect_refused("[]", "expected a table that viv calibrate --sensitivity has written");
    expect_refused("{\"sensitivity\": 2, \"roles\": []}", "expected a table");
    expect_refused("{\"sensitivity\": 1, \"roles\": []}", "was measured for another model");
    expect_refused("{\"sensitivity\": 1, \"roles\": [1]}", "role 1: expected an object");
    expect_refused(TABLE("{\"q9_9\": 1}"), "there is no type 'q9_9'");
    expect_refused(TABLE("{\"q8_0\": -1}"), "kl of q8_0: expected a number, 0 or more, found one beyond that");
    expect_refused(TABLE("{\"q8_0\": NaN}"), "kl of q8_0: expected a number, 0 or more, found a string");
    expect_refused(TABLE("{\"q8_0\": Infinity}"), "found one beyond that");
    expect_refused(TABLE("{\"q8_0\": null}"), "found null");
    expect_refused(TABLE("[]"), "expected an object of types, found an array");
    expect_refused(TABLE("{\"q8_0\": 1}"), "was measured for another model");
}
END_TEST

TESTS(precision__experts_take_part, precision__a_table_of_the_user_decides, precision__wrong_tables_are_refused,
      precision__a_budget_is_kept_and_used, precision__what_is_chosen_fits, precision__wrong_choices_are_refused)
