/* specs/zoo/ against the world's numbers (tests/golden/zoo.tsv), and the families against the configurations of
 * published models. */
#include "world.h"

#include "base/file.h"
#include "cli/compare/facts.h"
#include "graph/graph.h"
#include "spec/acting.h"

#include <math.h>

/* Elements of all weights that a layer asks for, or that count without being read; what only stands in for another
 * does not count. */
static double elements(const struct expansion *e)
{
    bool *counts = calloc(e->n_weights, sizeof *counts);
    double n = 0;
    for (uint32_t i = 0; i < e->n_nodes; i++)
        for (uint32_t k = 0; k < e->nodes[i].n_attrs; k++) {
            const struct attr_value *a = &e->nodes[i].attrs[k];
            if (layer_attr(e->nodes[i].class, a->name)->kind == VIV_ATTR_WEIGHT && a->value.kind == VALUE_INT)
                counts[a->value.i] = true;
        }
    for (uint32_t i = 0; i < e->n_weights; i++) {
        double of = counts[i] || e->weights[i].unread;
        for (uint32_t d = 0; d < e->weights[i].n_dims; d++)
            of *= (double)e->weights[i].dims[d];
        n += of;
    }
    free(counts);
    return n;
}

/* Those that work on a token, counted as the spec says that its publisher does. */
static double active(const struct graph *g)
{
    uint64_t n;
    struct error err;
    ck_assert_int_eq(facts_active(g, &n, &err), VIV_OK);
    return (double)n;
}

/* "12.9e9": within half a percent, or the same digits once ours is rounded or cut to as many. */
static bool agrees(double found, const char *published)
{
    double value = strtod(published, NULL), unit = 1;
    const char *e = strchr(published, 'e'), *dot = strchr(published, '.');
    if (e)
        unit = pow(10, strtod(e + 1, NULL) - (dot ? (double)(e - dot - 1) : 0));
    return fabs(found - value) <= 0.005 * value || (found > value - unit / 2 && found < value + unit);
}

static void check_entry(const struct specs *specs, const char *name, const char *total, const char *works)
{
    struct spec *s;
    struct expansion *e;
    struct graph *g;
    struct error err;
    ck_assert_msg(spec_open(&specs->world, name, &s, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(spec_expand(s, NULL, &e, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(graph_build(e, host_viv(specs->host), &g, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(agrees(elements(e), total), "%s has %.0f parameters, published are %s", name, elements(e), total);
    ck_assert_msg(strcmp(works, "-") == 0 || agrees(active(g), works),
                  "%s has %.0f active parameters, published are %s", name, active(g), works);
    graph_destroy(g);
    expansion_destroy(e);
    spec_close(s);
}

TEST(zoo__has_the_parameters_that_the_world_knows)
{
    struct specs specs;
    struct spec_listing l;
    struct error err;
    struct buf text = {0};
    unsigned n = 0, n_zoo = 0;
    specs_init(&specs);
    ck_assert_int_eq(file_read(source_path("tests/golden/zoo.tsv"), 1 << 20, &text, &err), VIV_OK);
    for (char *rest = NULL, *line = strtok_r(text.data, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char name[128], total[32], works[32];
        if (line[0] == '#')
            continue;
        ck_assert_msg(sscanf(line, "%127[^\t]\t%31[^\t]\t%31[^\t]\t", name, total, works) == 3, "%s", line);
        check_entry(&specs, name, total, works);
        n++;
    }
    ck_assert_int_eq(spec_list(&specs.world, &l, &err), VIV_OK);
    for (size_t i = 0; i < l.n; i++)
        n_zoo += strncmp(l.names[i], "zoo/", 4) == 0;
    ck_assert_msg(n == n_zoo && n >= 60, "%u entries of the zoo, %u published numbers", n_zoo, n);
    spec_listing_release(&l);
    buf_release(&text);
    specs_release(&specs);
}
END_TEST

TEST(specs__of_ours_are_whole_and_fit_a_screen)
{
    struct specs specs;
    struct spec_listing l;
    struct error err;
    specs_init(&specs);
    ck_assert_int_eq(spec_list(&specs.world, &l, &err), VIV_OK);
    ck_assert_uint_gt(l.n, 80);
    for (size_t i = 0; i < l.n; i++) {
        struct spec *s;
        struct buf text = {0};
        json_t *acts = NULL; /* what `viv act` takes has no layers */
        ck_assert_msg(spec_read_acting(&specs.world, l.names[i], &acts, &err) == VIV_OK, "%s", err.text);
        json_decref(acts);
        if (acts)
            continue;
        ck_assert_msg(spec_open(&specs.world, l.names[i], &s, &err) == VIV_OK, "%s", err.text);
        ck_assert_int_eq(file_read(spec_path(s), 1 << 20, &text, &err), VIV_OK);
        unsigned lines = 0;
        for (const char *p = buf_text(&text), *end; (end = strchr(p, '\n')); p = end + 1, lines++)
            ck_assert_msg(end - p <= 120, "%s:%u is too wide", l.names[i], lines + 1);
        /* two stacks of layers, or two kinds of blocks in one, are named twice */
        unsigned most = strstr(buf_text(&text), "\nencoder:\n") || strstr(buf_text(&text), "sum:\n") ? 160 : 120;
        most += strstr(buf_text(&text), "stand_in:") ? 60 : 0; /* inputs of each layer are a further part */
        most += strstr(buf_text(&text), "_bounds:") ? 20 : 0;  /* and so are bounds of each product */
        ck_assert_msg(lines < most, "%s is too long", l.names[i]);
        buf_release(&text);
        spec_close(s);
    }
    spec_listing_release(&l);
    specs_release(&specs);
}

static void check_published(const struct specs *specs, const char *family, const char *config)
{
    char name[128];
    struct buf text = {0};
    struct error err;
    struct spec *s;
    struct expansion *e;
    snprintf(name, sizeof name, "configs/mlc-llm/%s.json", config);
    const char *path = shared_path(name);
    if (!path)
        return;
    ck_assert_int_eq(file_read(path, 1 << 20, &text, &err), VIV_OK);
    struct checkpoint c = fake_checkpoint(&fake_hf, buf_text(&text), "");
    ck_assert_msg(spec_open(&specs->world, family, &s, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(spec_expand(s, &c, &e, &err) == VIV_OK, "%s as %s: %s", config, family, err.text);
    expansion_destroy(e);
    spec_close(s);
    checkpoint_close(&c);
    buf_release(&text);
}

TEST(families__expand_published_configurations)
{
    static const struct {
        const char *family, *config;
    } published[] = {
        {"llama", "llama2_7b"},
        {"llama", "llama3_1_8b"},
        {"llama", "llama3_2_1b"},
        {"llama", "codellama_34b"},
        {"llama", "smollm_360m"},
        {"llama", "smollm2_135m"},
        {"llama", "tinyllama_1b_chat_v1.0"},
        {"mistral", "mistral_7b"},
        {"mistral", "mistral_7b_v03"},
        {"qwen2", "qwen2"},
        {"qwen2", "qwen2_0_5b"},
        {"qwen2", "qwen2.5_3b"},
        {"qwen3", "qwen3_0.6b"},
        {"qwen3", "qwen3_1.7b"},
        {"gemma", "gemma_2b"},
        {"gemma2", "gemma2_2b-jpn"},
        {"gemma2", "gemma2_9b"},
        {"gemma2", "gemma2_27b"},
        {"gemma3", "gemma3_1b_it"},
        {"phi3", "phi-3_5"},
        {"phi3", "phi-4"},
        {"olmo2", "olmo2_7b"},
        {"olmo2", "olmo2_32b"},
        {"cohere", "aya-23"},
        {"gpt2", "gpt2"},
        {"gpt2", "gpt2_medium"},
        {"gptj", "gpt_j"},
        {"gpt_neox", "redpajama_3b_v1"},
        {"stablelm", "stablelm"},
        {"stablelm", "stablelm-2-zephyr-1_6b"},
        {"starcoder2", "starcoder2"},
        {"deepseek_v2", "deepseek_v2_lite"},
        {"bert", "snowflake-arctic-embed-m"},
    };
    struct specs specs;
    specs_init(&specs);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        check_published(&specs, published[i].family, published[i].config);
    specs_release(&specs);
}

TESTS(zoo__has_the_parameters_that_the_world_knows, specs__of_ours_are_whole_and_fit_a_screen,
      families__expand_published_configurations)
