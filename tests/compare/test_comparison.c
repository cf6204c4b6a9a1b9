/* Comparisons: what facts, structure and machines come to, and how tables show them. */
#include "testing.h"

#include "cli/compare/table.h"
#include "engine/load.h"
#include "host/host.h"
#include "tensor/dtype.h"

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

static viv_model *open_model(const char *name)
{
    struct error err;
    viv_model *m;
    const struct model_options options = {.host = host_viv(host), .world = &world};
    ck_assert_msg(model_open(&options, name, &m, &err) == VIV_OK, "%s", err.text);
    return m;
}

static const char *words_of(const struct structure *s, const char *attribute)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->traits[i].attribute, attribute) == 0)
            return s->traits[i].text;
    return "";
}

TEST(facts__of_published_models_are_those_published)
{
    struct error err;
    struct facts f;
    uint64_t bytes;
    open_host();
    viv_model *m = open_model("llama-3.2-1b");
    ck_assert_msg(facts_of(m, &f, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(f.params, 1235814400); /* the model card: 1.23 B */
    ck_assert_uint_eq(f.params, f.active);
    ck_assert_uint_eq(f.parts[VIV_MODEL_PART_EMBEDDING], 128256ull * 2048);
    ck_assert_uint_eq(f.parts[VIV_MODEL_PART_FEED_FORWARD], 16ull * 3 * 2048 * 8192);
    ck_assert_uint_eq(f.parts[VIV_MODEL_PART_ATTENTION], 16ull * 2 * 2048 * (2048 + 512));
    ck_assert_uint_eq(f.vectors, 33ull * 2048);
    ck_assert_uint_eq(f.n_layers[STACK_GRAPH], 16);
    ck_assert(facts_weight_bytes(&f, VIV_Q8_0, &bytes));
    ck_assert_uint_eq(bytes, (f.params - f.vectors) / 32 * 34 + 4 * f.vectors);
    /* k and v of 8 heads of 64, in 16 layers, of 2 bytes */
    ck_assert_uint_eq(facts_cache_bytes(&f, 10, 3), 16ull * 2 * 512 * 2 * 30);
    model_close(m);
    host_destroy(host);
}
END_TEST

/* Reading a text is reading each of its tokens, but for what only the last one needs. */
static void check_prefill(const char *name)
{
    enum { N = 37 };
    struct error err;
    struct facts f;
    struct work_cost whole;
    double sum = 0;
    viv_model *m = open_model(name);
    ck_assert_msg(facts_of(m, &f, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(facts_prefill(&f, N, &whole, &err), VIV_OK);
    for (uint64_t context = 1; context <= N; context++) {
        const struct graph_step step = {.n_rows = 1, .n_output_rows = context == N, .context = context};
        struct graph_cost cost;
        ck_assert_int_eq(graph_cost(f.graph, STACK_GRAPH, &step, &cost, &err), VIV_OK);
        sum += (double)cost.flops;
    }
    ck_assert_msg(whole.flops == sum, "%s: %.0f, expected %.0f", name, whole.flops, sum);
    model_close(m);
}

TEST(facts__of_a_text_are_the_sum_of_its_tokens)
{
    open_host();
    check_prefill("llama-3.2-1b");
    check_prefill("gemma-2-2b"); /* windows in every other layer */
    check_prefill("mixtral-8x7b");
    host_destroy(host);
}
END_TEST

TEST(facts__know_that_more_texts_touch_more_experts)
{
    struct error err;
    struct facts f;
    struct work_cost one, many;
    open_host();
    viv_model *m = open_model("mixtral-8x7b");
    ck_assert_int_eq(facts_of(m, &f, &err), VIV_OK);
    ck_assert_int_eq(facts_decode(&f, 100, 1, &one, &err), VIV_OK);
    ck_assert_int_eq(facts_decode(&f, 100, 64, &many, &err), VIV_OK);
    ck_assert(one.weight_elems < 0.29 * (double)f.params);
    ck_assert(many.weight_elems > 0.98 * (double)f.params);
    ck_assert(many.flops == 64 * one.flops);
    model_close(m);
    host_destroy(host);
}
END_TEST

TEST(structure__says_what_layers_are_and_where_norms_stand)
{
    static const struct {
        const char *model, *attribute, *words;
    } cases[] = {
        {"mistral-7b", "attention", "grouped, 32 on 8 heads of 128, window of 4096"},
        {"mistral-7b", "norm", "root mean square, before each branch"},
        {"mistral-7b", "blocks", "attention, then feed-forward"},
        {"bert-base", "norm", "mean and variance, behind each sum"},
        {"bert-base", "attention", "multi-head, 12 heads of 64, both ways"},
        {"bert-base", "positions", "learned, added to the embedding"},
        {"olmo-2-7b", "norm", "root mean square, behind each branch"},
        {"olmo-2-7b", "scores", "of normed queries and keys"},
        {"palm-8b", "blocks", "attention and feed-forward side by side"},
        {"palm-8b", "attention", "multi-query, 16 heads of 256"},
        {"falcon-7b", "blocks", "attention and feed-forward side by side"},
        {"bloom-560m", "positions", "ALiBi"},
        {"mixtral-8x7b", "routing", "the best 2 of 8, softmax"},
        {"t5-base", "cross attention", "12 heads of 64"},
    };
    open_host();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct structure s;
        struct error err;
        viv_model *m = open_model(cases[i].model);
        ck_assert_msg(structure_of(model_graph(m), &s, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(structure_find(&s, cases[i].attribute, cases[i].words) != NULL,
                      "%s: %s is '%s', expected '%s'", cases[i].model, cases[i].attribute,
                      words_of(&s, cases[i].attribute), cases[i].words);
        structure_release(&s);
        model_close(m);
    }
    host_destroy(host);
}
END_TEST

TEST(device__is_a_name_or_what_it_can_do)
{
    struct device d;
    struct error err;
    ck_assert_int_eq(device_parse("80GB/s,2TFLOP/s,16GiB", &d, &err), VIV_OK);
    ck_assert(d.limits.read == 80e9 && d.limits.f32 == 2e12 && d.memory == 16ull << 30);
    ck_assert_int_eq(device_parse("2 TFLOPS, 0.5TB/s", &d, &err), VIV_OK);
    ck_assert(d.limits.read == 0.5e12 && d.limits.f32 == 2e12 && d.memory == 0);
    ck_assert_int_eq(device_parse("h100-sxm", &d, &err), VIV_OK);
    ck_assert(d.limits.read == 3350e9 && device_arithmetic(&d, VIV_F16) == 989e12);
    ck_assert(device_arithmetic(&d, VIV_F32) == 67e12 && device_arithmetic(&d, VIV_Q8_0) == 1979e12);
    static const struct {
        const char *text, *sentence;
    } bad[] = {{"h100-sx", "did you mean 'h100-sxm'?"}, {"abacus", "unknown device 'abacus'"},
               {"80GB/s", "both are needed"},           {"80GB/s,fast", "expected \"80GB/s,2TFLOP/s\""},
               {"-1GB/s,2TFLOP/s", "expected"},         {"nanGB/s,2TFLOP/s", "expected"},
               {"1e99GB/s,2TFLOP/s", "expected"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_msg(device_parse(bad[i].text, &d, &err) != VIV_OK, "%s", bad[i].text);
        ck_assert_msg(strstr(err.text, bad[i].sentence) != NULL, "%s", err.text);
    }
}
END_TEST

/* --- tables -------------------------------------------------------------------------------------------------- */

static struct comparison *small(void)
{
    struct comparison *c;
    struct error err;
    ck_assert_int_eq(comparison_create(2, &c, &err), VIV_OK);
    c->models[0] = (struct compared){.given = "a", .name = "a|b"};
    c->models[1] = (struct compared){.given = "b", .name = "say \"<b>\""};
    struct row *r = comparison_row(c, "one", UNIT_BYTES, BETTER_LESS, "bytes", "bytes");
    row_set(r, 0, 1024);
    row_set(r, 1, 512);
    r = comparison_row(c, "two", UNIT_RATE, BETTER_MORE, "rate", "rate");
    r->cells[0] = (struct cell){.known = true, .value = 100, .low = 90, .high = 110};
    ck_assert(row_lack(c, r, 1, "it has none"));
    ck_assert(comparison_row(c, "one", UNIT_WORDS, BETTER_NEITHER, "words", "words") != NULL);
    ck_assert(row_say(c, comparison_find(c, "words"), 0, "x,y\033[31m"));
    return c;
}

TEST(table__keeps_sections_together_and_marks_the_best)
{
    struct comparison *c = small();
    ck_assert_str_eq(c->rows[1].key, "words");
    ck_assert_uint_eq(table_row_best(c, comparison_find(c, "bytes")), 1);
    ck_assert_uint_eq(table_row_best(c, comparison_find(c, "rate")), 2); /* of one there is no best */
    ck_assert_uint_eq(table_row_best(c, comparison_find(c, "words")), 2);
    comparison_destroy(c);
}
END_TEST

TEST(table__says_the_same_in_every_form)
{
    struct comparison *c = small();
    struct buf text = {0};
    table_terminal(c, 80, false, &text);
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "100 ±10%"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "say \"<b>\": it has none"));
    ck_assert_ptr_null(strchr(buf_text(&text), '\033')); /* what a model's name or words tell a terminal to do */
    buf_clear(&text);
    table_terminal(c, 20, true, &text); /* narrower than any column */
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "\033[1;32m"));
    buf_clear(&text);
    table_csv(c, &text);
    ck_assert_str_eq(buf_text(&text), "section,key,unit,a|b,\"say \"\"<b>\"\"\"\r\n"
                                      "one,bytes,bytes,1024,512\r\n"
                                      "one,words,words,\"x,y\033[31m\",\r\n"
                                      "two,rate,per second,100,\r\n");
    buf_clear(&text);
    table_markdown(c, &text);
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "| a\\|b | say \"\\<b\\>\" |"));
    ck_assert_ptr_nonnull(strstr(buf_text(&text), "| bytes | 1.00 KiB | **512 B** |"));
    buf_release(&text);
    json_t *json = table_json(c), *models = json_object_get(json, "models");
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(models, 1), "bytes")), 512);
    ck_assert(json_is_null(json_object_get(json_array_get(models, 1), "rate")));
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(json_array_get(models, 1), "why"), "rate")),
                     "it has none");
    json_decref(json);
    comparison_destroy(c);
}
END_TEST

TESTS(facts__of_published_models_are_those_published, facts__of_a_text_are_the_sum_of_its_tokens,
      facts__know_that_more_texts_touch_more_experts, structure__says_what_layers_are_and_where_norms_stand,
      device__is_a_name_or_what_it_can_do, table__keeps_sections_together_and_marks_the_best,
      table__says_the_same_in_every_form)
