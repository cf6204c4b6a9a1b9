/* Parts: a model is the same whichever class of transformers has saved it. Every family's checkpoint under
 * tests/golden/ gives the same bits when its config.json names no class, when the class within the one with the
 * head has saved it, and as the text part of a larger model. */
#include "answers.h"
#include "engine/load.h"
#include "formats/build.h"
#include "run/run.h"

#include <dirent.h>

static json_t *header; /* of the checkpoint that is changed */
static const char *data;
static size_t n_data;

static void read_checkpoint(const char *directory, struct buf *bytes)
{
    char path[4352];
    struct error err;
    uint64_t n = 0;
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    ck_assert_msg(file_read(path, 1 << 24, bytes, &err) == VIV_OK, "%s", err.text);
    memcpy(&n, bytes->data, 8);
    ck_assert_msg(json_parse(path, bytes->data + 8, n, &header, &err) == VIV_OK, "%s", err.text);
    data = bytes->data + 8 + n;
    n_data = bytes->size - 8 - n;
}

/* What most names begin with: "model.", "transformer."; "" where there is nothing of the kind. */
static void find_base(char base[64])
{
    static const char *const known[] = {"model.", "transformer.", "gpt_neox.", "bert.", "roberta.", "distilbert."};
    const char *name;
    json_t *entry;
    base[0] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        size_t n = 0;
        json_object_foreach(header, name, entry) n += strncmp(name, known[i], strlen(known[i])) == 0;
        if (2 * n > json_object_size(header))
            snprintf(base, 64, "%s", known[i]);
    }
}

/* The checkpoint in a folder of its own: `add` in the place of `drop` before each name, or before all where `all`.
 */
static const char *write_changed(const char *drop, const char *add, bool all, bool more, json_t *config)
{
    json_t *changed = json_object(), *entry;
    const char *name;
    struct buf bytes = {0};
    struct error err;
    const size_t n = strlen(drop);
    json_object_foreach(header, name, entry)
    {
        char text[512];
        const bool moves = strcmp(name, "__metadata__") != 0 && (all || (n && strncmp(name, drop, n) == 0));
        snprintf(text, sizeof text, "%s%s", moves ? add : "", name + (moves && !all ? n : 0));
        json_object_set(changed, text, entry);
    }
    if (more) /* another part, built alike in part */
        json_object_set_new(changed, "vision_tower.encoder.layers.0.self_attn.q_proj.weight",
                            json_pack("{s:s, s:[i], s:[i, i]}", "dtype", "F32", "shape", 1, "data_offsets",
                                      (int)n_data, (int)n_data + 4));
    char *text = json_dumps(changed, 0), *said = json_dumps(config, 0);
    build_string(&bytes, text, strlen(text));
    buf_append(&bytes, data, n_data);
    if (more)
        build_zeros(&bytes, 4);
    write_bytes("model.safetensors", &bytes);
    const char *path = in_scratch("config.json");
    ck_assert_msg(file_write(path, said, strlen(said), &err) == VIV_OK, "%s", err.text);
    buf_release(&bytes);
    json_decref(changed);
    free(text);
    free(said);
    return scratch;
}

static float *answer(const char *directory, const struct answers *a, size_t *n, const char *what)
{
    struct model_options options = golden_options();
    struct error err;
    viv_model *m;
    ck_assert_msg(golden_try(&options, directory, &m, &err) == VIV_OK, "%s: %s", what, err.text);
    viv_sequence *s = begin(m, a, 0);
    const size_t rows = a->n < 6 ? a->n : 6;
    *n = rows * model_output_dim(m);
    float *out = malloc(*n * sizeof *out);
    step(m, s, a->tokens, rows, out);
    sequence_destroy(s);
    model_close(m);
    return out;
}

static void compare(const char *what, const char *directory, const struct answers *a, const float *expected,
                    size_t n)
{
    size_t got_n;
    float *got = answer(directory, a, &got_n, what);
    ck_assert_msg(got_n == n && memcmp(got, expected, n * sizeof *got) == 0, "%s gives other bits", what);
    free(got);
}

static void check_family(const char *name, const char *directory, json_t *config)
{
    struct answers a = {0};
    struct buf bytes = {0};
    char what[512], base[64], path[8192];
    struct error err;
    json_t *root, *whole;
    size_t n;
    snprintf(path, sizeof path, "%s/tokens.json", directory);
    ck_assert_int_eq(json_read(path, 1 << 20, &root, &err), VIV_OK);
    a.n = read_ids(json_object_get(root, "tokens"), a.tokens);
    a.n_encoder = read_ids(json_object_get(root, "encoder"), a.encoder);
    json_decref(root);
    float *expected = answer(directory, &a, &n, name);
    read_checkpoint(directory, &bytes);
    find_base(base);

    const bool tied = json_is_true(json_object_get(config, "tie_word_embeddings"));
    json_t *plain = json_copy(config);
    json_object_del(plain, "architectures");
    snprintf(what, sizeof what, "%s without architectures", name);
    compare(what, write_changed("", "", false, false, plain), &a, expected, n);
    json_object_set_new(plain, "architectures", json_null());
    snprintf(what, sizeof what, "%s whose architectures are null", name);
    compare(what, write_changed("", "", false, false, plain), &a, expected, n);
    snprintf(what, sizeof what, "%s as the class within saves it%s", name, tied ? ", tied" : "");
    if (*base)
        compare(what, write_changed(base, "", false, false, config), &a, expected, n);
    whole = json_pack("{s:[s], s:s, s:O, s:{s:i}}", "architectures", "WholeForConditionalGeneration", "model_type",
                      "whole", "text_config", plain, "vision_config", "hidden_size", 8);
    snprintf(what, sizeof what, "%s within a larger model", name);
    compare(what, write_changed("", "language_model.", true, true, whole), &a, expected, n);
    snprintf(what, sizeof what, "%s within the base of a larger model", name);
    if (*base)
        compare(what, write_changed(base, "model.language_model.", false, true, whole), &a, expected, n);

    json_decref(whole);
    json_decref(plain);
    json_decref(header);
    buf_release(&bytes);
    free(expected);
}

TEST(parts__of_every_family_are_the_same_whichever_class_saved_them)
{
    DIR *d = opendir(source_path("tests/golden"));
    unsigned n = 0;
    ck_assert_ptr_nonnull(d);
    open_host();
    for (struct dirent *e; (e = readdir(d));) {
        char path[4352], family[512];
        struct error err;
        json_t *config;
        snprintf(family, sizeof family, "specs/families/%s.yaml", e->d_name);
        snprintf(path, sizeof path, "%s/tests/golden/%s/config.json", source_path("."), e->d_name);
        const bool llama = strcmp(e->d_name, "llama-mqa-tied") == 0;
        if (!file_exists(path) || (!llama && !file_exists(source_path(family))))
            continue;
        ck_assert_int_eq(json_read(path, 1 << 20, &config, &err), VIV_OK);
        *strrchr(path, '/') = '\0';
        check_family(e->d_name, path, config);
        json_decref(config);
        n++;
    }
    ck_assert_uint_gt(n, 45);
    closedir(d);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(parts__that_are_not_run_are_counted_and_named)
{
    struct buf bytes = {0};
    struct error err;
    json_t *config;
    viv_model *m;
    const struct binding *bindings;
    const char *parts;
    open_host();
    read_checkpoint(source_path("tests/golden/qwen3"), &bytes);
    ck_assert_int_eq(json_read(source_path("tests/golden/qwen3/config.json"), 1 << 20, &config, &err), VIV_OK);
    json_t *whole =
        json_pack("{s:[s], s:O}", "architectures", "WholeForConditionalGeneration", "text_config", config);
    write_changed("", "language_model.", true, true, whole);
    const struct model_options options = golden_options();
    ck_assert_msg(engine_open_model(engine, &options, scratch, &m, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(model_checkpoint(m)->whole, "WholeForConditionalGeneration");
    ck_assert_msg(model_bindings(m, &bindings, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(model_n_unused(m, &parts), 1);
    ck_assert_str_eq(parts, "vision_tower.*");
    model_close(m);
    json_t *entry = json_deep_copy(json_object_get(header, "model.norm.weight"));
    json_object_set_new(header, "model.layers.0.unknown.weight", entry); /* within the text, it is refused */
    write_changed("", "language_model.", true, true, whole);
    ck_assert_int_ne(engine_open_model(engine, &options, scratch, &m, &err) == VIV_OK &&
                         model_bindings(m, &bindings, &err) == VIV_OK,
                     1);
    json_decref(whole);
    json_decref(config);
    json_decref(header);
    buf_release(&bytes);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TEST(context__of_dynamic_scaling_is_what_it_stretches_to)
{
    struct error err;
    viv_model *m;
    open_host();
    struct model_options options = golden_options();
    options.context = 0;
    ck_assert_msg(engine_open_model(engine, &options, source_path("tests/golden/llama-rope-dynamic"), &m, &err) ==
                      VIV_OK,
                  "%s", err.text);
    ck_assert_uint_eq(model_context(m), 96); /* 48, by a factor of 2 */
    model_close(m);
    options.context = 64;
    ck_assert_msg(engine_open_model(engine, &options, source_path("tests/golden/llama-rope-dynamic"), &m, &err) ==
                      VIV_OK,
                  "%s", err.text);
    ck_assert_uint_eq(model_context(m), 64);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TESTS(parts__of_every_family_are_the_same_whichever_class_saved_them, parts__that_are_not_run_are_counted_and_named,
      context__of_dynamic_scaling_is_what_it_stretches_to)
