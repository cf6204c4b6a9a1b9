/* viv-spec(5) and the JSON Schema against the key table, and the manual's own examples. */
#include "world.h"

#include "base/file.h"
#include "spec/document.h"

static char *manual(void)
{
    struct buf text = {0};
    struct error err;
    viv_status status = file_read(source_path("man/viv-spec.5"), 1 << 20, &text, &err);
    ck_assert_msg(status == VIV_OK, "%s", err.text);
    char *to = text.data;
    for (const char *p = text.data; *p; p++)
        if (p[0] != '\\' || p[1] != '-') /* \- is how a page writes - */
            *to++ = *p;
    *to = '\0';
    return text.data;
}

TEST(manual__lists_every_key_with_its_sentence_in_order)
{
    char *text = manual();
    const char *at = strstr(text, ".SH KEYS\n"), *end = strstr(text, ".SH FILES\n");
    ck_assert(at && end);
    for (size_t i = 0; i < spec_n_keys; i++) {
        struct buf entry = {0};
        buf_printf(&entry, ".TP\n.B %s%s\n%s\n", spec_keys[i].name, spec_keys[i].required ? " \\fR(needed)" : "",
                   spec_keys[i].doc);
        const char *next = strstr(at, ".TP\n");
        ck_assert_msg(next && next < end && strncmp(next, entry.data, entry.size) == 0,
                      "viv-spec.5 wants, as its entry %zu:\n%s", i, entry.data);
        at = next + entry.size;
        buf_release(&entry);
    }
    ck_assert(strstr(at, ".TP\n") == NULL || strstr(at, ".TP\n") > end);
    free(text);
}

/* The nth example as it reads on the screen. */
static char *example(const char *text, int n)
{
    for (; n >= 0; n--) {
        text = strstr(text, "\n.EX\n");
        ck_assert_ptr_nonnull(text);
        text += 5;
    }
    const char *end = strstr(text, "\n.EE\n");
    char *out = strndup(text, (size_t)(end + 1 - text)), *to = out;
    for (const char *p = out; *p; p++)
        if (*p != '\\')
            *to++ = *p;
    *to = '\0';
    return out;
}

TEST(manual__has_examples_that_work)
{
    struct world w;
    struct spec *s;
    struct expansion *e;
    struct error err;
    world_init(&w);
    char *text = manual(), *family = example(text, 0), *model = example(text, 1);
    world_text(&w, "families/tiny.yaml", family);
    world_text(&w, "model.yaml", model);
    ck_assert_msg(spec_open(&w.world, in_world(&w, "model.yaml"), &s, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(spec_checkpoint(s), in_world(&w, "./weights"));
    ck_assert_msg(spec_expand(s, NULL, &e, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(e->n_nodes, 6);
    expansion_destroy(e);
    spec_close(s);
    free(family);
    free(model);
    free(text);
    world_release(&w);
}

/* Follows "a.b.c" through objects. */
static const json_t *at_path(const json_t *root, const char *path)
{
    char words[256], *rest = NULL;
    snprintf(words, sizeof words, "%s", path);
    for (char *word = strtok_r(words, "/", &rest); word && root; word = strtok_r(NULL, "/", &rest))
        root = json_object_get(root, word);
    return root;
}

/* Every "$ref" leads to one of $defs. */
static unsigned count_references(const json_t *root, const json_t *at)
{
    unsigned n = 0;
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach((json_t *)at, key, value)
    {
        if (strcmp(key, "$ref") == 0 && json_is_string(value)) {
            ck_assert_msg(at_path(root, json_string_value(value) + 2) != NULL, "%s", json_string_value(value));
            n++;
        }
        n += count_references(root, value);
    }
    json_array_foreach((json_t *)at, i, value) n += count_references(root, value);
    return n;
}

TEST(schema__knows_keys_layers_and_attributes)
{
    static const char *const paths[] = {
        "properties/viv/description",
        "$defs/param/properties/default",
        "$defs/layer/properties/residual",
        "$defs/layer/properties/rms_norm/properties/eps/description",
        "$defs/layer/properties/attention/properties/rope/properties/theta",
        "$defs/switch/properties/else",
        "$defs/weight/properties/bias",
    };
    struct world w;
    struct buf out = {0};
    struct error err;
    json_t *root;
    world_init(&w);
    ck_assert_int_eq(spec_schema(&w.world, &out, &err), VIV_OK);
    ck_assert_int_eq(json_parse("schema", out.data, out.size, &root, &err), VIV_OK);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        ck_assert_msg(at_path(root, paths[i]) != NULL, "%s", paths[i]);
    ck_assert_uint_gt(count_references(root, root), 50);
    for (size_t i = 0; i < w.layers.n; i++)
        ck_assert_ptr_nonnull(
            json_object_get(at_path(root, "$defs/layer/properties"), w.layers.entries[i].class->name));
    json_decref(root);
    buf_release(&out);
    world_release(&w);
}

TESTS(manual__lists_every_key_with_its_sentence_in_order, manual__has_examples_that_work,
      schema__knows_keys_layers_and_attributes)
