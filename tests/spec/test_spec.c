/* Specs among specs: `use`, names and paths, families found by checkpoints, and what an expansion holds. */
#include "world.h"

#define PARAMS "params: {dim: {gguf: t.dim}, n: {default: 2}, words: {default: 16}}\n"
#define TINY                                                                                                       \
    "viv: 1\nfamily: tiny\narchitecture: llm\nmatches: {hf: [TinyModel, tiny], gguf: tiny}\n" PARAMS "weights:\n"  \
    "  embed: {hf: embed, gguf: e, shape: [words, dim]}\n"                                                         \
    "  head: {hf: head, gguf: h, shape: [words, dim], else: embed}\n"                                              \
    "  up: {hf: 'l.{i}.up.weight', gguf: 'b.{i}.up.weight', shape: [4 * dim, dim], bias: n == 2}\n"                \
    "  down: {hf: 'l.{i}.down', gguf: 'b.{i}.down', shape: [dim, 4 * dim]}\n"                                      \
    "graph:\n"                                                                                                     \
    "  - embedding: {weight: embed}\n"                                                                             \
    "  - repeat: n\n"                                                                                              \
    "    layers:\n"                                                                                                \
    "      - residual:\n"                                                                                          \
    "          - mlp: {up: up, up_bias: up_bias, down: down, activation: gelu}\n"                                  \
    "  - linear: {weight: head}\n"                                                                                 \
    "ignore: ['*.unused']\n"

static struct spec *open_spec(const struct world *w, const char *model)
{
    struct spec *s = NULL;
    struct error err;
    viv_status status = spec_open(&w->world, model, &s, &err);
    ck_assert_msg(status == VIV_OK, "%s", err.text);
    return s;
}

static const char *open_error(const struct world *w, const char *model)
{
    static struct error err;
    struct spec *s;
    ck_assert_int_ne(spec_open(&w->world, model, &s, &err), VIV_OK);
    return without_dir(w, &err);
}

static struct expansion *expand(const struct spec *s, const struct checkpoint *c)
{
    struct expansion *e = NULL;
    struct error err;
    viv_status status = spec_expand(s, c, &e, &err);
    ck_assert_msg(status == VIV_OK, "%s", err.text);
    return e;
}

static const struct weight *weight_of(const struct expansion *e, const struct node *n, const char *attr)
{
    for (uint32_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, attr) == 0)
            return n->attrs[i].value.kind == VALUE_NONE ? NULL : &e->weights[n->attrs[i].value.i];
    return NULL;
}

static void write_tiny(const struct world *w)
{
    world_text(w, "families/tiny.yaml", TINY);
    world_text(w, "zoo/tiny-8.yaml", "viv: 1\nuse: tiny\nparams: {dim: 8}\n");
}

TEST(expansion__counts_out_repeats_and_joins_residuals)
{
    struct world w;
    world_init(&w);
    write_tiny(&w);
    struct spec *s = open_spec(&w, "tiny-8");
    struct expansion *e = expand(s, NULL);
    static const char *const paths[] = {"embedding",    "layers.0.mlp",      "layers.0.residual",
                                        "layers.1.mlp", "layers.1.residual", "linear"};
    ck_assert_uint_eq(e->n_nodes, 6);
    for (uint32_t i = 0; i < 6; i++)
        ck_assert_str_eq(e->nodes[i].path, paths[i]);
    ck_assert_uint_eq(e->n_values, 7);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].output, 6);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].begin, 0);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].end, 6);
    ck_assert_uint_eq(e->stacks[STACK_ENCODER].end, 0);
    const struct node *residual = &e->nodes[2], *mlp = &e->nodes[3];
    ck_assert_uint_eq(residual->n_inputs, 2);
    ck_assert_uint_eq(residual->inputs[0], 1);
    ck_assert_uint_eq(residual->inputs[1], 2);
    ck_assert_int_eq(mlp->index, 1);
    ck_assert_uint_eq(mlp->at.line, 16);
    const struct weight *up = weight_of(e, mlp, "up"), *bias = weight_of(e, mlp, "up_bias");
    ck_assert_str_eq(up->names[0], "l.1.up.weight");
    ck_assert_uint_eq(up->dims[0], 32);
    ck_assert_str_eq(bias->names[0], "l.1.up.bias");
    ck_assert_uint_eq(bias->n_dims, 1);
    ck_assert_uint_eq(bias->dims[0], 32);
    ck_assert_ptr_null(weight_of(e, mlp, "gate"));
    const struct weight *head = weight_of(e, &e->nodes[5], "weight");
    ck_assert_ptr_eq(&e->weights[head->otherwise], weight_of(e, &e->nodes[0], "weight"));
    ck_assert_uint_eq(e->n_ignore, 1);
    ck_assert_int_eq(expansion_param(e, "words")->i, 16);
    ck_assert_ptr_null(expansion_param(e, "absent"));
    expansion_destroy(e);
    spec_close(s);
    world_release(&w);
}

TEST(expansion__reads_params_and_names_of_either_naming)
{
    struct world w;
    world_init(&w);
    write_tiny(&w);
    struct spec *s = open_spec(&w, "tiny");
    struct checkpoint hf = fake_checkpoint(&fake_hf, "{'dim': 4, 'n': 1, 'words': null}", "embed");
    struct checkpoint gguf = fake_checkpoint(&fake_gguf, "{'t.dim': 6, 'n': 7}", "e h");
    struct expansion *e = expand(s, &hf);
    ck_assert_int_eq(expansion_param(e, "dim")->i, 4);
    ck_assert_int_eq(expansion_param(e, "n")->i, 1);
    ck_assert_int_eq(expansion_param(e, "words")->i, 16);
    ck_assert_str_eq(e->params[0].source, "config.json: dim");
    ck_assert_str_eq(e->params[2].source, "default");
    /* the head is not there, so that the embedding stands in; without n == 2 there is no bias */
    ck_assert_str_eq(weight_of(e, &e->nodes[e->n_nodes - 1], "weight")->names[0], "embed");
    ck_assert_ptr_null(weight_of(e, &e->nodes[1], "up_bias"));
    expansion_destroy(e);
    e = expand(s, &gguf);
    ck_assert_int_eq(expansion_param(e, "dim")->i, 6);
    ck_assert_int_eq(expansion_param(e, "n")->i, 2);
    ck_assert_str_eq(e->params[0].source, "t.dim");
    ck_assert_str_eq(weight_of(e, &e->nodes[1], "up_bias")->names[0], "b.0.up.bias");
    ck_assert_str_eq(weight_of(e, &e->nodes[e->n_nodes - 1], "weight")->names[0], "h");
    expansion_destroy(e);
    checkpoint_close(&hf);
    checkpoint_close(&gguf);
    spec_close(s);
    world_release(&w);
}

/* A spec whose params ask a checkpoint in every way; printed, since the canonical form shows all of it. */
static const char *printed_params(const struct world *w, const char *params, const struct checkpoint *c)
{
    static char text[4096];
    struct buf spec = {0}, out = {0};
    struct error err;
    buf_printf(&spec,
               "viv: 1\narchitecture: llm\nparams:\n%sweights: {w: {hf: w, gguf: w, shape: [4, 4]}}\n"
               "graph: [embedding: {weight: w}]\n",
               params);
    world_text(w, "x.yaml", buf_text(&spec));
    struct spec *s = open_spec(w, in_world(w, "x.yaml"));
    struct expansion *e = NULL;
    if (spec_expand(s, c, &e, &err) != VIV_OK) {
        snprintf(text, sizeof text, "%s", without_dir(w, &err));
    } else {
        ck_assert_int_eq(expansion_print(e, &out, &err), VIV_OK);
        const char *begin = strstr(buf_text(&out), "params:\n") + 8, *end = strstr(begin, "weights:\n");
        snprintf(text, sizeof text, "%.*s", (int)(end - begin), begin);
    }
    expansion_destroy(e);
    spec_close(s);
    buf_release(&spec);
    buf_release(&out);
    return text;
}

/* Keys of the weights that no layer reads; format NULL: there is no checkpoint. */
static const char *unread_weights(const struct world *w, const char *spare, const struct format *format,
                                  const char *tensors)
{
    static char keys[256];
    char text[512];
    snprintf(text, sizeof text,
             "viv: 1\nuse: tiny-8\nfamily: kept\nparams: {spare: {hf: [], type: bool, default: %s}}\nweights:\n"
             "  extra: {hf: extra.weight, shape: [words, dim], bias: true, unread: spare}\n",
             spare);
    world_text(w, "x.yaml", text);
    struct spec *s = open_spec(w, in_world(w, "x.yaml"));
    struct checkpoint c = fake_checkpoint(format ? format : &fake_hf, "{'general.architecture': 'tiny'}", tensors);
    struct expansion *e = expand(s, format ? &c : NULL);
    keys[0] = '\0';
    for (uint32_t i = 0; i < e->n_weights; i++)
        if (e->weights[i].unread)
            snprintf(keys + strlen(keys), sizeof keys - strlen(keys), "%s ", e->weights[i].key);
    expansion_destroy(e);
    checkpoint_close(&c);
    spec_close(s);
    return keys;
}

TEST(unread__counts_as_the_models_where_the_checkpoint_has_it)
{
    struct world w;
    world_init(&w);
    write_tiny(&w);
    ck_assert_str_eq(unread_weights(&w, "true", NULL, ""), "extra extra_bias ");
    ck_assert_str_eq(unread_weights(&w, "false", NULL, ""), "");
    ck_assert_str_eq(unread_weights(&w, "true", &fake_hf, "embed head"), "");
    ck_assert_str_eq(unread_weights(&w, "true", &fake_hf, "extra.weight"), "extra ");
    ck_assert_str_eq(unread_weights(&w, "true", &fake_hf, "extra.weight extra.bias"), "extra extra_bias ");
    ck_assert_str_eq(unread_weights(&w, "false", &fake_hf, "extra.weight"), "extra ");
    ck_assert_str_eq(unread_weights(&w, "true", &fake_gguf, "extra.weight"), "");
    world_release(&w);
}

TEST(params__come_from_wherever_a_checkpoint_keeps_them)
{
    static const struct {
        const char *params, *json, *printed;
    } cases[] = {
        {"  a: {hf: [x, y.z]}\n", "{'y': {'z': 3}}", "  a: 3\n"},
        {"  a: {hf: [x, y.z]}\n", "{'x': 1, 'y': {'z': 3}}", "  a: 1\n"},
        {"  a: {hf: [x, y.z]}\n", "{'x': null, 'y': {'z': 3}}", "  a: 3\n"},
        {"  a: {hf: []  , default: none}\n", "{'a': 1}", "  a: none\n"},
        {"  a: {hf: has(w), type: bool}\n  b: {hf: lacks(w), type: bool}\n", "{}", "  a: true\n  b: false\n"},
        {"  a: {hf: has(v), type: bool}\n  b: {hf: lacks(v), type: bool}\n", "{}", "  a: false\n  b: true\n"},
        {"  a: {hf: rows(w)}\n  b: {hf: len(l)}\n", "{'l': [1, 2]}", "  a: 4\n  b: 2\n"},
        {"  a: {hf: [rows(v), x]}\n", "{'x': 9}", "  a: 9\n"},
        {"  a: {type: float}\n", "{'a': 2}", "  a: 2.0\n"},
        {"  a: {}\n", "{'a': 2.0}", "  a: 2\n"},
        {"  a: {type: [int, 3]}\n", "{'a': 5}", "  a: [5, 5, 5]\n"},
        {"  a: {type: [string, 2], choices: {full_attention: full, none: none}}\n",
         "{'a': ['full_attention', 'none']}", "  a: [full, none]\n"},
        {"  a: {type: string, choices: {swish: silu}}\n", "{'a': 'swish'}", "  a: silu\n"},
        {"  a: {type: activation}\n", "{'a': 'gelu_pytorch_tanh'}", "  a: gelu_tanh\n"},
        {"  a: {type: activation, choices: {gelu: gelu_tanh}}\n", "{'a': 'gelu'}", "  a: gelu_tanh\n"},
        {"  a: {type: activation, choices: {gelu: gelu_tanh}}\n", "{'a': 'quick_gelu'}", "  a: quick_gelu\n"},
        {"  a: {type: activation}\n", "{'a': 'mish'}",
         "fake: config.json: a is 'mish', expected one of silu, swish, gelu, gelu_python, gelu_new, gelu_fast, "
         "gelu_pytorch_tanh, gelu_python_tanh, gelu_accurate, gelu_tanh, quick_gelu, relu, relu2, sigmoid, tanh, "
         "linear"},
        {"  a: {default: b / 2}\n  b: {}\n", "{'b': 6}", "  a: 3\n  b: 6\n"},
        {"  a: {type: [int, 3], default: 4 if i == b else 0}\n  b: {}\n", "{'b': 1}", "  a: [0, 4, 0]\n  b: 1\n"},
        {"  a: {type: [int, 3], default: 'none'}\n", "{}", "  a: none\n"},
        {"  a: {}\n", "{'a': 'big'}", "fake: config.json: a is a text ('big'), expected an integer"},
        {"  a: {}\n", "{'a': 2.5}", "fake: config.json: a is a number, expected an integer"},
        {"  a: {}\n", "{'a': [1, 1, 2]}",
         "fake: config.json: a is a list of 3 with different values: this family takes an integer that is one for "
         "all "
         "layers"},
        {"  a: {}\n", "{'a': []}", "fake: config.json: a is an empty list, expected an integer"},
        {"  a: {max: 2}\n", "{'a': [3, 3]}", "fake: config.json: a is 3, expected at most 2"},
        {"  a: {max: 2}\n", "{'a': [2, 2.0]}", "  a: 2\n"},
        {"  a: {}\n", "{'a': {}}", "fake: config.json: a is an object, expected a value"},
        {"  a: {}\n", "{'a': true}", "fake: config.json: a is a boolean, expected an integer"},
        {"  a: {min: 1}\n", "{'a': 0}", "fake: config.json: a is 0, expected at least 1"},
        {"  a: {max: 4096}\n", "{'a': 99999999999}", "fake: config.json: a is 99999999999, expected at most 4096"},
        {"  a: {type: [int, 3]}\n", "{'a': [1, 2]}", "fake: config.json: a is a list of 2, expected one of 3"},
        {"  a: {type: [int, 2]}\n", "{'a': [[1], [2]]}",
         "fake: config.json: a is a list of lists, expected one of values"},
        {"  a: {type: bool, choices: [true]}\n", "{'a': false}", "fake: config.json: a is false, expected true"},
        {"  a: {type: string, choices: [silu, gelu]}\n", "{'a': 'selu'}",
         "fake: config.json: a is 'selu', expected one of silu, gelu"},
        {"  a: {}\n  b: {hf: x}\n  c: {default: 1}\n", "{}", "fake does not say: a, b (x)"},
    };
    struct world w;
    world_init(&w);
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct checkpoint c = fake_checkpoint(&fake_hf, cases[i].json, "w:4");
        const char *printed = printed_params(&w, cases[i].params, &c);
        if (strcmp(printed, cases[i].printed) != 0) {
            fprintf(stderr, "%s%s\nexpected: %s\nfound:    %s\n\n", cases[i].params, cases[i].json,
                    cases[i].printed, printed);
            wrong++;
        }
        checkpoint_close(&c);
    }
    ck_assert_uint_eq(wrong, 0);
    world_release(&w);
}

TEST(use__overrides_params_and_inherits_the_rest)
{
    struct world w;
    world_init(&w);
    write_tiny(&w);
    world_text(&w, "base.yaml", "viv: 1\nuse: tiny-8\nscheduler: serial\ncheckpoint: weights/x.gguf\n");
    world_text(&w, "mine.yaml", "viv: 1\nuse: ./base.yaml\nparams: {words: 3 * dim}\n");
    struct spec *s = open_spec(&w, in_world(&w, "mine.yaml"));
    ck_assert_str_eq(spec_name(s), "mine");
    ck_assert_str_eq(spec_family(s), "tiny");
    ck_assert_str_eq(spec_architecture(s), "llm");
    ck_assert_str_eq(spec_settings(s)->scheduler, "serial");
    /* "./base.yaml" beside /tmp/x/mine.yaml is /tmp/x/./base.yaml, and so is what it names */
    ck_assert_ptr_nonnull(strstr(spec_checkpoint(s), "weights/x.gguf"));
    ck_assert_int_eq(strncmp(spec_checkpoint(s), w.dir, strlen(w.dir)), 0);
    struct expansion *e = expand(s, NULL);
    ck_assert_int_eq(expansion_param(e, "words")->i, 24);
    expansion_destroy(e);
    spec_close(s);
    world_release(&w);
}

TEST(use__stays_in_its_folder_and_out_of_circles)
{
    static const struct {
        const char *use, *sentence;
    } cases[] = {
        {"../../etc/passwd", "sub/x.yaml:2:6: '../../etc/passwd' leads out of this file's folder"},
        {"/etc/passwd", "sub/x.yaml:2:6: '/etc/passwd' leads out of this file's folder"},
        {"a/../../y.yaml", "sub/x.yaml:2:6: 'a/../../y.yaml' leads out of this file's folder"},
        {"..", "sub/x.yaml:2:6: no spec, checkpoint directory or model file is called '..' (`viv spec list` shows "
               "the specs)"},
        {"out.yaml", "sub/x.yaml:2:6: 'out.yaml' leads out of this file's folder"},
        {"door/secret.yaml", "sub/x.yaml:2:6: 'door/secret.yaml' leads out of this file's folder"},
        {"gone.yaml", "sub/x.yaml:2:6: 'sub/gone.yaml' is not there"},
        {"x.yaml", "sub/x.yaml:2:6: 'x.yaml' leads back to sub/x.yaml: specs must not use each other in a circle"},
        {"back.yaml",
         "sub/back.yaml:2:6: 'x.yaml' leads back to sub/x.yaml: specs must not use each other in a circle"},
        {"tinny",
         "sub/x.yaml:2:6: no spec, checkpoint directory or model file is called 'tinny', did you mean 'tiny'?"},
    };
    struct world w;
    world_init(&w);
    write_tiny(&w);
    ck_assert_int_eq(mkdir(in_world(&w, "sub"), 0700), 0);
    ck_assert_int_eq(mkdir(in_world(&w, "sub/a"), 0700), 0);
    world_text(&w, "secret.yaml", TINY);
    world_text(&w, "sub/back.yaml", "viv: 1\nuse: x.yaml\n");
    ck_assert_int_eq(symlink("../secret.yaml", in_world(&w, "sub/out.yaml")), 0);
    ck_assert_int_eq(symlink("..", in_world(&w, "sub/door")), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "viv: 1\nuse: %s\n", cases[i].use);
        world_text(&w, "sub/x.yaml", text);
        ck_assert_str_eq(open_error(&w, in_world(&w, "sub/x.yaml")), cases[i].sentence);
    }
    for (int i = 0; i < 9; i++) {
        char name[32], text[64];
        snprintf(name, sizeof name, "sub/c%d.yaml", i);
        snprintf(text, sizeof text, "viv: 1\nuse: c%d.yaml\n", i + 1);
        world_text(&w, name, text);
    }
    ck_assert_str_eq(open_error(&w, in_world(&w, "sub/c0.yaml")),
                     "sub/c7.yaml:2:6: a chain of more than 8 specs that use each other");
    world_release(&w);
}

TEST(use__must_name_params_that_are_there)
{
    struct world w;
    world_init(&w);
    write_tiny(&w);
    world_text(&w, "mine.yaml", "viv: 1\nuse: tiny\nparams: {dimm: 8}\n");
    ck_assert_str_eq(open_error(&w, in_world(&w, "mine.yaml")),
                     "mine.yaml:3:10: tiny has no param 'dimm', did you mean 'dim'?");
    world_text(&w, "mine.yaml", "viv: 1\nuse: tiny\n");
    struct spec *s = open_spec(&w, in_world(&w, "mine.yaml"));
    struct expansion *e;
    struct error err;
    ck_assert_int_ne(spec_expand(s, NULL, &e, &err), VIV_OK);
    ck_assert_str_eq(without_dir(&w, &err), "mine.yaml gives no value to dim");
    spec_close(s);
    world_release(&w);
}

TEST(model__is_a_name_a_listed_name_or_a_path)
{
    struct world w;
    char cwd[512];
    struct spec *s;
    world_init(&w);
    write_tiny(&w);
    ck_assert_int_eq(mkdir(in_world(&w, "here"), 0700), 0);
    world_text(&w, "here/loose.yaml", "viv: 1\nuse: tiny-8\n");
    ck_assert_ptr_nonnull(getcwd(cwd, sizeof cwd));
    ck_assert_int_eq(chdir(in_world(&w, "here")), 0);
    static const char *const models[][2] = {{"tiny-8", "tiny-8"},      {"zoo/tiny-8", "tiny-8"},
                                            {"families/tiny", "tiny"}, {"./loose.yaml", "loose"},
                                            {"loose.yaml", "loose"},   {"../zoo/tiny-8.yaml", "tiny-8"}};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        s = open_spec(&w, models[i][0]);
        ck_assert_str_eq(spec_name(s), models[i][1]);
        spec_close(s);
    }
    /* what lies in the current directory is taken only when the path says so */
    ck_assert_str_eq(
        open_error(&w, "loose"),
        "no spec, checkpoint directory or model file is called 'loose' (`viv spec list` shows the specs)");
    ck_assert_str_eq(
        open_error(&w, "secret"),
        "no spec, checkpoint directory or model file is called 'secret' (`viv spec list` shows the specs)");
    ck_assert_str_eq(open_error(&w, "tiny-9"),
                     "no spec, checkpoint directory or model file is called 'tiny-9', did you mean 'tiny-8'?");
    ck_assert_str_eq(open_error(&w, ""),
                     "no spec, checkpoint directory or model file is called '' (`viv spec list` shows the specs)");
    ck_assert_int_eq(chdir(cwd), 0);
    world_release(&w);
}

TEST(family__names_a_spec_that_has_its_numbers)
{
    struct world w;
    struct expansion *e;
    struct error err;
    world_init(&w);
    write_tiny(&w);
    struct spec *s = open_spec(&w, "tiny");
    ck_assert_int_ne(spec_expand(s, NULL, &e, &err), VIV_OK);
    ck_assert_str_eq(err.text,
                     "tiny is a family: it gets dim from a checkpoint, or from a spec that uses it, such as "
                     "zoo/tiny-8");
    spec_close(s);
    world_release(&w);
}

/* A GGUF file without tensors: version 3, one key, general.architecture. */
static void write_gguf(const struct world *w, const char *name, const char *architecture)
{
    unsigned char bytes[256] = "GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1";
    static const char key[] = "general.architecture";
    size_t n = 24, size = strlen(architecture);
    bytes[n] = sizeof key - 1;
    memcpy(bytes + n + 8, key, sizeof key - 1);
    n += 8 + sizeof key - 1;
    bytes[n] = 8; /* a string */
    bytes[n + 4] = (unsigned char)size;
    memcpy(bytes + n + 12, architecture, size);
    world_write(w, name, bytes, (n + 12 + size + 31) / 32 * 32);
}

TEST(family__is_found_by_the_checkpoints_architecture)
{
    struct world w;
    world_init(&w);
    write_tiny(&w);
    write_gguf(&w, "a.gguf", "tiny");
    struct spec *s = open_spec(&w, in_world(&w, "a.gguf"));
    ck_assert_str_eq(spec_family(s), "tiny");
    ck_assert_str_eq(spec_name(s), "a.gguf");
    ck_assert_str_eq(spec_checkpoint(s), in_world(&w, "a.gguf"));
    spec_close(s);
    write_gguf(&w, "b.gguf", "tinny");
    ck_assert_str_eq(open_error(&w, in_world(&w, "b.gguf")),
                     "b.gguf is of architecture 'tinny', which no family matches (the nearest: tiny); a new family "
                     "is one YAML file: see viv-spec(5)");
    world_text(&w, "families/other.yaml", TINY);
    ck_assert_str_eq(
        open_error(&w, in_world(&w, "a.gguf")),
        "both families/other.yaml and families/tiny.yaml say that they match 'tiny': which one is meant?");
    world_release(&w);
}

TEST(list__is_sorted_and_without_doubles)
{
    struct world w;
    struct spec_listing l;
    struct error err;
    world_init(&w);
    write_tiny(&w);
    world_text(&w, "zoo/a.yaml", "viv: 1\nuse: tiny\n");
    world_text(&w, "mine.yaml", "viv: 1\nuse: tiny\n");
    world_text(&w, "zoo/notes.txt", "");
    const char *const twice[] = {w.dir, "/nowhere", w.dir, NULL};
    const struct spec_world world = {.layers = &w.layers, .directories = twice};
    ck_assert_int_eq(spec_list(&world, &l, &err), VIV_OK);
    ck_assert_uint_eq(l.n, 4);
    ck_assert_str_eq(l.names[0], "families/tiny");
    ck_assert_str_eq(l.names[1], "mine");
    ck_assert_str_eq(l.names[2], "zoo/a");
    ck_assert_str_eq(l.names[3], "zoo/tiny-8");
    spec_close(open_spec(&w, "mine"));
    spec_listing_release(&l);
    world_release(&w);
}

static void hash_of(const struct world *w, const char *text, char hex[65])
{
    struct error err;
    world_text(w, "x.yaml", text);
    struct spec *s = open_spec(w, in_world(w, "x.yaml"));
    struct expansion *e = expand(s, NULL);
    ck_assert_int_eq(expansion_hash(e, hex, &err), VIV_OK);
    expansion_destroy(e);
    spec_close(s);
}

TEST(hash__tells_models_apart_and_not_ways_of_writing)
{
    char one[65], same[65], other[65];
    struct world w;
    world_init(&w);
    write_tiny(&w);
    hash_of(&w, "viv: 1\nuse: tiny\nparams: {dim: 8}\n", one);
    hash_of(&w, "# a comment\n{\"viv\": 1, title: Eight, use: tiny, params: {dim: 2 * 4}}\n", same);
    hash_of(&w, "viv: 1\nuse: tiny\nparams: {dim: 9}\n", other);
    ck_assert_str_eq(one, same);
    ck_assert_str_ne(one, other);
    ck_assert_uint_eq(strlen(one), 64);
    world_release(&w);
}

struct expected {
    const char *path;
    uint32_t inputs[2], n;
};

static void check_nodes(const struct expansion *e, const struct expected *nodes, size_t n)
{
    ck_assert_uint_eq(e->n_nodes, n);
    for (uint32_t i = 0; i < n; i++) {
        ck_assert_str_eq(e->nodes[i].path, nodes[i].path);
        ck_assert_uint_eq(e->nodes[i].n_inputs, nodes[i].n);
        for (uint32_t k = 0; k < nodes[i].n; k++)
            ck_assert_uint_eq(e->nodes[i].inputs[k], nodes[i].inputs[k]);
    }
}

TEST(graph__branches_saves_loads_and_switches)
{
    static const char text[] = "viv: 1\narchitecture: llm\nparams: {n: 4}\n"
                               "weights: {w: {hf: w, shape: [16, 8]}}\n"
                               "graph:\n"
                               "  - embedding: {weight: w}\n"
                               "  - save: start\n"
                               "  - sum:\n"
                               "      - []\n"
                               "      - [scale: {factor: 2}, scale: {factor: 3}]\n"
                               "  - repeat: n\n"
                               "    layers:\n"
                               "      - switch: i % 2\n"
                               "        cases: {0: [scale: {factor: i}]}\n"
                               "        else: []\n"
                               "  - concat: [[], [load: start]]\n";
    struct world w;
    world_init(&w);
    world_text(&w, "x.yaml", text);
    struct spec *s = open_spec(&w, in_world(&w, "x.yaml"));
    struct expansion *e = expand(s, NULL);
    static const struct expected nodes[] = {
        {"embedding", {0}, 1},      {"scale", {1}, 1},          {"scale_2", {2}, 1},  {"sum", {1, 3}, 2},
        {"layers.0.scale", {4}, 1}, {"layers.2.scale", {5}, 1}, {"concat", {6, 1}, 2}};
    check_nodes(e, nodes, sizeof nodes / sizeof *nodes);
    expansion_destroy(e);
    spec_close(s);
    world_release(&w);
}

TEST(encoder__is_a_stack_of_its_own_beside_the_graph)
{
    static const char text[] = "viv: 1\nfamily: two\narchitecture: llm\nparams: {n: 2}\n"
                               "weights: {w: {hf: w, shape: [16, 8]}, v: {hf: 'v.{i}', shape: [8, 8]}}\n"
                               "encoder:\n"
                               "  - embedding: {weight: w}\n"
                               "  - save: begin\n"
                               "  - repeat: n\n"
                               "    layers: [linear: {weight: v}]\n"
                               "  - sum: [[], [load: begin]]\n"
                               "graph:\n"
                               "  - embedding: {weight: w}\n"
                               "  - save: begin\n"
                               "  - repeat: n\n"
                               "    layers: [residual: [linear: {weight: v}]]\n"
                               "  - concat: [[], [load: begin]]\n";
    static const struct expected nodes[] = {{"encoder.embedding", {0}, 1},
                                            {"encoder.layers.0.linear", {1}, 1},
                                            {"encoder.layers.1.linear", {2}, 1},
                                            {"encoder.sum", {3, 1}, 2},
                                            {"embedding", {0}, 1},
                                            {"layers.0.linear", {5}, 1},
                                            {"layers.0.residual", {5, 6}, 2},
                                            {"layers.1.linear", {7}, 1},
                                            {"layers.1.residual", {7, 8}, 2},
                                            {"concat", {9, 5}, 2}};
    struct world w;
    struct error err;
    struct buf printed = {0};
    world_init(&w);
    world_text(&w, "families/two.yaml", text);
    world_text(&w, "x.yaml", "viv: 1\nuse: two\nencoder:\n  - embedding: {weight: w}\n");
    struct spec *s = open_spec(&w, "two");
    struct expansion *e = expand(s, NULL);
    check_nodes(e, nodes, sizeof nodes / sizeof *nodes);
    ck_assert_uint_eq(e->stacks[STACK_ENCODER].begin, 0);
    ck_assert_uint_eq(e->stacks[STACK_ENCODER].end, 4);
    ck_assert_uint_eq(e->stacks[STACK_ENCODER].output, 4);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].begin, 4);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].end, 10);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].output, 10);
    /* weights are common to both */
    ck_assert_uint_eq(e->n_weights, 3);
    ck_assert_ptr_eq(weight_of(e, &e->nodes[2], "weight"), weight_of(e, &e->nodes[7], "weight"));
    ck_assert_int_eq(expansion_print(e, &printed, &err), VIV_OK);
    const char *encoder = strstr(printed.data, "\nencoder:\n  - {name: encoder.embedding,"),
               *graph = strstr(printed.data, "\ngraph:\n  - {name: embedding,");
    ck_assert(encoder && graph && encoder < graph);
    buf_release(&printed);
    expansion_destroy(e);
    spec_close(s);
    /* a spec that uses another may put another encoder in place of its own */
    s = open_spec(&w, in_world(&w, "x.yaml"));
    e = expand(s, NULL);
    ck_assert_uint_eq(e->stacks[STACK_ENCODER].end, 1);
    ck_assert_uint_eq(e->stacks[STACK_GRAPH].end, 7);
    expansion_destroy(e);
    spec_close(s);
    world_release(&w);
}

TEST(settings__of_a_spec_go_before_those_it_uses_and_the_users_defaults)
{
    struct world w;
    struct spec_settings defaults;
    struct arena arena = {0};
    struct error err;
    world_init(&w);
    write_tiny(&w);
    world_text(&w, "defaults.yaml",
               "viv: 1\nthreads: 3\nsystem: Be kind.\nsampling: {top_k: 7, temperature: 0.5}\n");
    ck_assert_msg(spec_read_defaults(in_world(&w, "defaults.yaml"), &arena, &defaults, &err) == VIV_OK, "%s",
                  err.text);
    w.world.defaults = &defaults;
    world_text(&w, "base.yaml",
               "viv: 1\nuse: tiny-8\ncontext: 77\nchat_template: t.jinja\n"
               "sampling: {temperature: 1.25, seed: 9007199254740993}\n");
    world_text(&w, "mine.yaml",
               "viv: 1\nuse: ./base.yaml\nthreads: 5\nsampling: {max_tokens: -1, stop: [a, 'b']}\n");
    struct spec *s = open_spec(&w, in_world(&w, "mine.yaml"));
    const struct spec_settings *set = spec_settings(s);
    ck_assert_int_eq(set->context, 77);
    ck_assert_int_eq(set->threads, 5);
    ck_assert_int_eq(set->top_k, 7);
    ck_assert_int_eq(set->max_tokens, -1);
    ck_assert_int_eq(set->seed, 9007199254740993);
    ck_assert(set->temperature == 1.25 && set->top_p != set->top_p);
    ck_assert_str_eq(set->system, "Be kind.");
    ck_assert(set->chat_template[0] == '/' && strstr(set->chat_template, "/t.jinja"));
    ck_assert_uint_eq(set->n_stop, 2);
    ck_assert_str_eq(set->stop[1], "b");
    spec_close(s);
    static const struct {
        const char *text, *words;
    } bad[] = {{"threads: many", "'threads': expected a whole number from 0 to 1024, found many"},
               {"threads: 2.5", "whole number"},
               {"context: 0", "from 1 to"},
               {"sampling: {top_p: 1.5}", "'top_p': expected a number from 0 to 1, found 1.5"},
               {"sampling: {temprature: 1}", "did you mean 'temperature'"},
               {"sampling: {top_k: [1]}", "'top_k': expected a number, found a list"},
               {"sampling: 3", "expected a mapping"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text, "viv: 1\nuse: tiny-8\n%s\n", bad[i].text);
        world_text(&w, "bad.yaml", text);
        const char *sentence = open_error(&w, in_world(&w, "bad.yaml"));
        ck_assert_msg(strstr(sentence, bad[i].words) != NULL, "%s", sentence);
    }
    world_text(&w, "defaults.yaml", "viv: 1\ncontext: 5\n");
    ck_assert_int_ne(spec_read_defaults(in_world(&w, "defaults.yaml"), &arena, &defaults, &err), VIV_OK);
    ck_assert_ptr_nonnull(strstr(err.text, "unknown key 'context'"));
    arena_release(&arena);
    world_release(&w);
}
END_TEST

TESTS(expansion__counts_out_repeats_and_joins_residuals, expansion__reads_params_and_names_of_either_naming,
      unread__counts_as_the_models_where_the_checkpoint_has_it, params__come_from_wherever_a_checkpoint_keeps_them,
      use__overrides_params_and_inherits_the_rest, use__stays_in_its_folder_and_out_of_circles,
      use__must_name_params_that_are_there, model__is_a_name_a_listed_name_or_a_path,
      family__names_a_spec_that_has_its_numbers, family__is_found_by_the_checkpoints_architecture,
      list__is_sorted_and_without_doubles, hash__tells_models_apart_and_not_ways_of_writing,
      settings__of_a_spec_go_before_those_it_uses_and_the_users_defaults, graph__branches_saves_loads_and_switches,
      encoder__is_a_stack_of_its_own_beside_the_graph)
