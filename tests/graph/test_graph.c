/* Graphs of one stack and of two: what each needs, what it costs, and in what order its layers run. */
#include "spec/world.h"

#include "graph/align.h"
#include "graph/plan.h"

#define HEAD                                                                                                       \
    "viv: 1\narchitecture: llm\nparams: {words: 16, dim: 8, wide: 12, n: 2}\n"                                     \
    "weights:\n"                                                                                                   \
    "  embed: {hf: e, shape: [words, dim]}\n"                                                                      \
    "  wide_embed: {hf: we, shape: [words, wide]}\n"                                                               \
    "  ew: {hf: 'e.{i}.w', shape: [wide, wide]}\n"                                                                 \
    "  q: {hf: 'd.{i}.q', shape: [dim, dim]}\n"                                                                    \
    "  k: {hf: 'd.{i}.k', shape: [dim, wide]}\n"                                                                   \
    "  own: {hf: 'd.{i}.own', shape: [dim, dim]}\n"                                                                \
    "  taps: {hf: 't.{i}', shape: [wide, n]}\n"
#define ATTENTION "attention: {q: ew, k: ew, v: ew, out: ew, n_heads: 3, n_kv_heads: 3, head_dim: 4, causal: false}"
#define CROSS     "cross_attention: {q: q, k: k, v: k, out: q, n_heads: 2, n_kv_heads: 2, head_dim: 4}"
#define OWN       "attention: {q: own, k: own, v: own, out: own, n_heads: 2, n_kv_heads: 2, head_dim: 4}"
#define ENCODER                                                                                                    \
    "encoder:\n  - embedding: {weight: wide_embed}\n  - repeat: n\n    layers: [residual: [" ATTENTION "]]\n"
#define GRAPH                                                                                                      \
    "graph:\n  - embedding: {weight: embed}\n  - repeat: n\n    layers: [residual: [" OWN "], residual: [" CROSS   \
    "]]\n  - linear: {weight: embed}\n"

static void set_error(const viv_host *host, viv_status status, const char *sentence)
{
    (void)host;
    error_leave(status, sentence);
}

static const viv_host host = {.struct_size = sizeof host, .name = "test", .version = "0", .set_error = set_error};

struct built {
    struct world w;
    struct spec *s;
    struct expansion *e;
    struct graph *g;
    struct error err;
};

/* The spec stands in a file that another uses, since there it may have weights that no layer uses. */
static viv_status build(struct built *b, const char *text)
{
    *b = (struct built){0};
    world_init(&b->w);
    world_text(&b->w, "y.yaml", text);
    world_text(&b->w, "x.yaml", "viv: 1\nuse: ./y.yaml\n");
    viv_status status = spec_open(&b->w.world, in_world(&b->w, "x.yaml"), &b->s, &b->err);
    ck_assert_msg(status == VIV_OK, "%s", b->err.text);
    status = spec_expand(b->s, NULL, &b->e, &b->err);
    ck_assert_msg(status == VIV_OK, "%s", b->err.text);
    return graph_build(b->e, &host, &b->g, &b->err);
}

static void release(struct built *b)
{
    graph_destroy(b->g);
    expansion_destroy(b->e);
    spec_close(b->s);
    world_release(&b->w);
}

TEST(graph__of_two_stacks_knows_what_each_needs)
{
    struct built b;
    viv_status status = build(&b, HEAD ENCODER GRAPH);
    ck_assert_msg(status == VIV_OK, "%s", b.err.text);
    ck_assert_uint_eq(graph_encoder_dim(b.g), 12);
    ck_assert_uint_eq(b.g->stacks[STACK_ENCODER].output_dim, 12);
    ck_assert_uint_eq(b.g->stacks[STACK_GRAPH].output_dim, 16);
    ck_assert_uint_eq(b.g->stacks[STACK_GRAPH].vocab_size, 16);
    ck_assert(b.g->stacks[STACK_ENCODER].whole_sequences);
    ck_assert(!b.g->stacks[STACK_GRAPH].whole_sequences);
    /* keys and values of two layers each */
    ck_assert_uint_eq(b.g->cache_elems[CACHE_OF_STEP], 2 * 2 * 12);
    ck_assert_uint_eq(b.g->cache_elems[CACHE_OF_GRAPH], 2 * 2 * 8);
    ck_assert_uint_eq(b.g->cache_elems[CACHE_OF_ENCODER_OUTPUT], 2 * 2 * 8);
    release(&b);
}
END_TEST

TEST(graph__counts_what_is_done_for_each_encoder_row_once)
{
    struct built b;
    struct graph_cost one, more, taken;
    ck_assert_int_eq(build(&b, HEAD ENCODER GRAPH), VIV_OK);
    const struct graph_step step = {.n_rows = 1, .n_output_rows = 1, .context = 1, .n_encoder_rows = 1},
                            seen = {1, 1, 1, 11, 0}, take = {.n_new_encoder_rows = 5};
    ck_assert_int_eq(graph_cost(b.g, STACK_GRAPH, &step, &one, &b.err), VIV_OK);
    ck_assert_int_eq(graph_cost(b.g, STACK_GRAPH, &seen, &more, &b.err), VIV_OK);
    ck_assert_int_eq(graph_cost(b.g, STACK_GRAPH, &take, &taken, &b.err), VIV_OK);
    /* a row of memory more is a score and a weighted sum of 8 features more, in two layers */
    ck_assert_uint_eq(more.flops - one.flops, 2 * 10 * 4 * 8);
    ck_assert_uint_eq(taken.flops, 2 * 5 * 2 * 2 * 8 * 12);
    /* its keys and values are there: their weights are not read again */
    ck_assert_uint_eq(taken.weight_elems - more.weight_elems + 8, 2 * 2 * 8 * 12);
    release(&b);
}
END_TEST

TEST(graph__refuses_encoder_output_that_is_missing_or_not_used)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {HEAD "graph:\n  - embedding: {weight: embed}\n  - repeat: 1\n    layers: [" CROSS "]\n",
         "layers.0.cross_attention: reads the output of an encoder: it belongs in the graph of a spec that has "
         "one"},
        {HEAD "encoder:\n  - embedding: {weight: embed}\n  - repeat: 1\n    layers: [" CROSS "]\n" GRAPH,
         "encoder.layers.0.cross_attention: reads the output of an encoder: it belongs in the graph of a spec that "
         "has one"},
        {HEAD ENCODER "graph:\n  - embedding: {weight: embed}\n",
         "encoder.layers.1.residual: the encoder is not used: no layer of `graph` reads its output"},
        {HEAD
         "encoder:\n  - embedding: {weight: wide_embed}\n  - repeat: 1\n    layers: [conv: {weight: taps}]\n" GRAPH,
         "encoder.layers.0.conv: a layer with recurrent state must be in `graph`: encoder runs in a single step"},
        {HEAD "encoder:\n  - embedding: {weight: embed}\n" GRAPH,
         "layers.0.cross_attention: weight 'k' (k): the layer needs [8, 8], the spec says [8, 12]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct built b;
        ck_assert_int_ne(build(&b, cases[i].text), VIV_OK);
        const char *said = strstr(without_dir(&b.w, &b.err), ": ");
        ck_assert_ptr_nonnull(said);
        ck_assert_str_eq(said + 2, cases[i].sentence);
        release(&b);
    }
}
END_TEST

/* --- caches that layers share --------------------------------------------------------------------------------- */

#define LENDS(name)                                                                                                \
    "attention: {q: own, k: own, v: own, out: own, n_heads: 2, n_kv_heads: 2, head_dim: 4, cache: " name "}"
#define BORROWS(heads) "attention: {q: own, out: own, n_heads: 2, n_kv_heads: " heads ", head_dim: 4, cache: near}"
#define LAYERS(list)   HEAD "graph:\n  - embedding: {weight: embed}\n  - repeat: n\n    layers: [" list "]\n"

TEST(caches__of_the_last_layer_that_lends_them_are_shared_and_counted_once)
{
    struct built b;
    const struct graph_step step = {.n_rows = 1, .n_output_rows = 1, .context = 1};
    struct graph_cost own, borrowed;
    const viv_status status = build(&b, LAYERS(LENDS("near") ", " LENDS("far") ", " BORROWS("2")));
    ck_assert_msg(status == VIV_OK, "%s", b.err.text);
    ck_assert_uint_eq(b.g->n_caches, 2 * 2 * 2);
    ck_assert_uint_eq(b.g->cache_elems[CACHE_OF_GRAPH], 2 * 2 * 2 * 8);
    for (uint32_t i = 3; i < 7; i += 3) {
        ck_assert_ptr_eq(b.g->nodes[i].lender, &b.g->nodes[i - 2]);
        ck_assert_uint_eq(b.g->nodes[i].first_cache, b.g->nodes[i - 2].first_cache);
    }
    ck_assert_int_eq(graph_node_cost(b.g, 1, &step, &own), VIV_OK);
    ck_assert_int_eq(graph_node_cost(b.g, 3, &step, &borrowed), VIV_OK);
    ck_assert_uint_eq(own.flops - borrowed.flops, 2 * 2 * 8 * 8);
    ck_assert_uint_eq(own.cache_elems, borrowed.cache_elems);
    release(&b);
}
END_TEST

TEST(caches__that_are_not_there_or_of_another_size_are_refused)
{
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {LAYERS(LENDS("far") ", " BORROWS("2")),
         "layers.0.attention_2: no layer before it has a cache named 'near'"},
        {LAYERS(LENDS("near") ", " BORROWS("1")),
         "layers.0.attention_2: it needs 4 elements per token of the cache 'near', and layers.0.attention keeps 8"},
        {LAYERS("attention: {q: own, out: own, n_heads: 2, n_kv_heads: 2, head_dim: 4}"),
         "layers.0.attention: attention needs q, k and v, or all of them as qkv, or q and the cache of an earlier "
         "layer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct built b;
        ck_assert_int_ne(build(&b, cases[i].text), VIV_OK);
        const char *said = strstr(without_dir(&b.w, &b.err), ": ");
        ck_assert_ptr_nonnull(said);
        ck_assert_str_eq(said + 2, cases[i].sentence);
        release(&b);
    }
}
END_TEST

/* --- attributes that are lists and texts --------------------------------------------------------------------- */

static const viv_attr *const list_attrs[] = {
    VIV_ATTR(VIV_ATTR_INTS, 0, "sections", .doc = "x", .min = 0, .max = 99),
    VIV_ATTR(VIV_ATTR_FLOATS, 0, "factors", .doc = "x"), VIV_ATTR(VIV_ATTR_TEXT, 0, "mode", .doc = "x"), NULL};

/* What the layer got: the lists and the text, or "-". */
static char got[256];

static viv_status list_infer(void *layer, viv_infer *b)
{
    uint64_t n_ints, n_floats, n_text;
    const int64_t *ints = b->get_ints(b, "sections", &n_ints);
    const double *floats = b->get_floats(b, "factors", &n_floats);
    const char *text = b->get_text(b, "mode", &n_text);
    int n = snprintf(got, sizeof got, "%s", ints ? "" : "-");
    for (uint64_t i = 0; i < n_ints; i++)
        n += snprintf(got + n, sizeof got - (size_t)n, "%d ", (int)ints[i]);
    n += snprintf(got + n, sizeof got - (size_t)n, "|%s", floats ? "" : "-");
    for (uint64_t i = 0; i < n_floats; i++)
        n += snprintf(got + n, sizeof got - (size_t)n, "%g ", floats[i]);
    snprintf(got + n, sizeof got - (size_t)n, "|%s %d", text ? text : "-", (int)n_text);
    (void)layer;
    b->out_dim = b->in_dims[0];
    return VIV_OK;
}

static const viv_layer_class lists = {
    .struct_size = sizeof lists, .name = "lists", .summary = "x", .attrs = list_attrs, .infer = list_infer};

/* What a layer gets of these attributes, or the error's sentence. */
static const char *given(const char *attrs)
{
    static char said[1024];
    struct built b = {0};
    char text[2048];
    world_init(&b.w);
    ck_assert_int_eq(layer_set_add(&b.w.layers, &lists, "test", NULL, &b.err), VIV_OK);
    snprintf(text, sizeof text,
             "viv: 1\narchitecture: llm\nparams: {words: 8, dim: 8, three: 3, long: [1, 2.5], ints: [4, 5], "
             "kind: {type: string, default: yarn}}\n"
             "weights: {w: {hf: w, shape: [words, dim]}}\ngraph:\n  - embedding: {weight: w}\n  - lists: {%s}\n",
             attrs);
    world_text(&b.w, "x.yaml", text);
    got[0] = '\0';
    viv_status status = spec_open(&b.w.world, in_world(&b.w, "x.yaml"), &b.s, &b.err);
    if (status == VIV_OK)
        status = spec_expand(b.s, NULL, &b.e, &b.err);
    if (status == VIV_OK)
        status = graph_build(b.e, &host, &b.g, &b.err);
    snprintf(said, sizeof said, "%s", status == VIV_OK ? got : without_dir(&b.w, &b.err));
    release(&b);
    return said;
}

TEST(attributes__may_be_lists_and_texts)
{
    ck_assert_str_eq(given(""), "-|-|- 0");
    ck_assert_str_eq(given("sections: [1, three, 2 * three], factors: [1, 0.5], mode: linear"),
                     "1 3 6 |1 0.5 |linear 6");
    ck_assert_str_eq(given("sections: ints, factors: ints, mode: kind"), "4 5 |4 5 |yarn 4");
    ck_assert_str_eq(given("sections: [], factors: long, mode: 'A b: c'"), "|1 2.5 |A b: c 6");
    ck_assert_str_eq(given("sections: none, factors: none, mode: none"), "-|-|- 0");
    ck_assert_str_eq(given("mode: 'none'"), "-|-|none 4");
}
END_TEST

TEST(attributes__that_are_lists_or_texts_are_checked)
{
    ck_assert_str_eq(given("sections: 3"),
                     "x.yaml:7:23: 'sections': expected a list of integers, found an integer");
    ck_assert_str_eq(given("sections: long"),
                     "x.yaml:7:23: 'sections': expected a list of integers, found a list of other things");
    ck_assert_str_eq(given("sections: [1, 2, 100]"), "x.yaml:7:30: 'sections' is 100, expected 0 to 99");
    ck_assert_str_eq(given("sections: [1, quux]"), "x.yaml:7:27: there is no param 'quux'");
    ck_assert_str_eq(given("sections: {a: 1}"), "x.yaml:7:23: 'sections': expected a list, found a mapping");
    ck_assert_str_eq(given("factors: [true]"),
                     "x.yaml:7:22: 'factors': expected a list of numbers, found a list of other things");
    ck_assert_str_eq(given("factors: [[1]]"), "x.yaml:7:23: expected an expression, found a list");
    ck_assert_str_eq(given("mode: three"), "x.yaml:7:19: 'mode': expected a text, found an integer");
    ck_assert_str_eq(given("mode: [a]"), "x.yaml:7:19: 'mode': expected a value, found a list");
    ck_assert_str_eq(given("mode: A"), "x.yaml:7:19: there is no param 'A'");
}
END_TEST

TEST(plan__of_a_stack_runs_its_own_layers_in_order)
{
    struct built b;
    ck_assert_int_eq(build(&b, HEAD ENCODER GRAPH), VIV_OK);
    for (enum stack_id id = STACK_ENCODER; id < N_STACKS; id++) {
        const struct stack *s = &b.e->stacks[id];
        struct plan p;
        uint32_t next = s->begin, n_dropped = 0;
        ck_assert_int_eq(plan_make(b.g, id, false, &p, &b.err), VIV_OK);
        for (uint32_t i = 0; i < p.n_ops; i++) {
            if (p.ops[i].node == PLAN_DROP_ROWS) {
                n_dropped++;
                ck_assert_uint_eq(next, p.tail);
                continue;
            }
            ck_assert_uint_ge(p.ops[i].node, s->begin);
            ck_assert_uint_lt(p.ops[i].node, s->end);
            if (p.ops[i].phase == 0)
                ck_assert_uint_eq(p.ops[i].node, next++);
        }
        ck_assert_uint_eq(next, s->end);
        ck_assert_uint_eq(n_dropped, 1);
        ck_assert_uint_ge(p.n_slots, 2);
        plan_release(&p);
    }
    release(&b);
}
END_TEST

TEST(plan__lets_who_looks_on_see_all_rows_but_of_the_last_layer)
{
    struct built b;
    ck_assert_int_eq(build(&b, HEAD ENCODER GRAPH), VIV_OK);
    for (enum stack_id id = STACK_ENCODER; id < N_STACKS; id++) {
        const struct stack *s = &b.e->stacks[id];
        struct plan p, seen;
        uint32_t n_seen = 0;
        ck_assert_int_eq(plan_make(b.g, id, false, &p, &b.err), VIV_OK);
        ck_assert_int_eq(plan_make(b.g, id, true, &seen, &b.err), VIV_OK);
        ck_assert_uint_ge(seen.tail, s->end - 1);
        ck_assert_uint_ge(seen.tail, p.tail);
        ck_assert(seen.tail < s->end || p.tail == s->end);
        for (uint32_t i = 0; i < seen.n_ops; i++)
            n_seen += seen.ops[i].node != PLAN_DROP_ROWS && seen.ops[i].phase == PLAN_HOOK;
        ck_assert_uint_eq(n_seen, s->end - s->begin);
        plan_release(&p);
        plan_release(&seen);
    }
    release(&b);
}
END_TEST

/* "embedding=embedding -linear +scale": pairs of one path are the path, of others both; alone in a: -, in b: +. */
static void check_aligned(const char *a_text, const char *b_text, const char *expected)
{
    struct built a, b;
    struct align_pair *pairs = NULL;
    struct error err;
    struct buf said = {0};
    uint32_t n = 0;
    ck_assert_int_eq(build(&a, a_text), VIV_OK);
    ck_assert_int_eq(build(&b, b_text), VIV_OK);
    ck_assert_int_eq(graph_align(a.g, b.g, &pairs, &n, &err), VIV_OK);
    for (uint32_t i = 0; i < n; i++) {
        const char *x = pairs[i].a == ALIGN_NONE ? NULL : a.g->nodes[pairs[i].a].spec->path;
        const char *y = pairs[i].b == ALIGN_NONE ? NULL : b.g->nodes[pairs[i].b].spec->path;
        buf_puts(&said, i ? " " : "");
        if (x && y && strcmp(x, y) != 0)
            buf_printf(&said, "%s=%s", x, y);
        else
            buf_printf(&said, "%s%s", !x ? "+" : !y ? "-" : "", x ? x : y);
    }
    ck_assert_str_eq(buf_text(&said), expected);
    buf_release(&said);
    free(pairs);
    release(&a);
    release(&b);
}

#define REPEATED(n, layers)                                                                                        \
    "graph:\n  - embedding: {weight: embed}\n  - repeat: " #n "\n    layers: [" layers "]\n"                       \
    "  - linear: {weight: embed}\n"
#define SCALE "scale: {factor: 2.0}"
#define CAP   "softcap: {cap: 3.0}"

TEST(align__finds_what_two_graphs_have_in_common)
{
    check_aligned(HEAD REPEATED(2, OWN ", " SCALE), HEAD REPEATED(2, OWN ", " SCALE),
                  "embedding layers.0.attention layers.0.scale layers.1.attention layers.1.scale linear");
    check_aligned(HEAD REPEATED(1, OWN ", " SCALE), HEAD REPEATED(2, OWN ", " SCALE),
                  "embedding layers.0.attention layers.0.scale +layers.1.attention +layers.1.scale linear");
    check_aligned(HEAD REPEATED(2, OWN ", " SCALE), HEAD REPEATED(2, OWN ", " CAP),
                  "embedding layers.0.attention -layers.0.scale +layers.0.softcap layers.1.attention "
                  "-layers.1.scale +layers.1.softcap linear");
    check_aligned(HEAD REPEATED(1, SCALE ", " OWN ", " SCALE), HEAD REPEATED(1, OWN ", " SCALE),
                  "embedding -layers.0.scale layers.0.attention layers.0.scale_2=layers.0.scale linear");
    check_aligned(
        HEAD REPEATED(1, CAP), HEAD REPEATED(1, OWN ", " CAP ", " CAP ", " OWN),
        "embedding +layers.0.attention layers.0.softcap +layers.0.softcap_2 +layers.0.attention_2 linear");
}
END_TEST

TEST(align__takes_no_layer_of_another_size_or_stack)
{
#define OTHER(weight) "graph:\n  - embedding: {weight: " weight "}\n  - linear: {weight: " weight "}\n"
    check_aligned(HEAD OTHER("embed"), HEAD OTHER("wide_embed"), "-embedding +embedding linear");
    check_aligned(HEAD OTHER("embed"), HEAD ENCODER GRAPH,
                  "+encoder.embedding +encoder.layers.0.attention +encoder.layers.0.residual "
                  "+encoder.layers.1.attention +encoder.layers.1.residual embedding +layers.0.attention "
                  "+layers.0.residual +layers.0.cross_attention +layers.0.residual_2 +layers.1.attention "
                  "+layers.1.residual +layers.1.cross_attention +layers.1.residual_2 linear");
}
END_TEST

TESTS(graph__of_two_stacks_knows_what_each_needs, graph__counts_what_is_done_for_each_encoder_row_once,
      graph__refuses_encoder_output_that_is_missing_or_not_used,
      caches__of_the_last_layer_that_lends_them_are_shared_and_counted_once,
      caches__that_are_not_there_or_of_another_size_are_refused, attributes__may_be_lists_and_texts,
      attributes__that_are_lists_or_texts_are_checked, plan__of_a_stack_runs_its_own_layers_in_order,
      plan__lets_who_looks_on_see_all_rows_but_of_the_last_layer, align__finds_what_two_graphs_have_in_common,
      align__takes_no_layer_of_another_size_or_stack)
