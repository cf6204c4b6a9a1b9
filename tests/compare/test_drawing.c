/* Graphs as blocks, and blocks as drawings: what stands in what, how often, and how high. */
#include "spec/world.h"

#include "cli/compare/drawing.h"
#include "engine/load.h"
#include "model/model.h"

#include <math.h>

static void set_error(const viv_host *host, viv_status status, const char *sentence)
{
    (void)host;
    error_leave(status, sentence);
}

static const viv_host host = {.struct_size = sizeof host, .name = "test", .version = "0", .set_error = set_error};

struct built {
    struct world w;
    viv_model *m;
    struct facts f;
    struct blocks b;
    struct error err;
};

#define HEAD                                                                                                       \
    "viv: 1\narchitecture: llm\nparams: {words: 100, dim: 8, n: 6}\n"                                              \
    "weights:\n"                                                                                                   \
    "  embed: {hf: e, shape: [words, dim]}\n"                                                                      \
    "  norm: {hf: 'n.{i}', shape: [dim]}\n"                                                                        \
    "  last: {hf: l, shape: [dim]}\n"                                                                              \
    "  square: {hf: s, shape: [dim, dim]}\n"                                                                       \
    "  w: {hf: 'w.{i}', shape: [dim, dim]}\n"                                                                      \
    "  wide: {hf: 'u.{i}', shape: [8 * (i + 1), dim]}\n"                                                           \
    "  back: {hf: 'd.{i}', shape: [dim, 8 * (i + 1)]}\n"
#define ATTENTION(window)                                                                                          \
    "attention: {q: w, k: w, v: w, out: w, n_heads: 2, n_kv_heads: 2, head_dim: 4, window: '" window "'}"

static void build(struct built *b, const char *text, enum measure measure, uint64_t context)
{
    *b = (struct built){0};
    world_init(&b->w);
    world_text(&b->w, "y.yaml", text);
    world_text(&b->w, "x.yaml", "viv: 1\nuse: ./y.yaml\n");
    const struct model_options options = {.host = &host, .world = &b->w.world};
    viv_status status = model_open(&options, in_world(&b->w, "x.yaml"), &b->m, &b->err);
    if (status == VIV_OK)
        status = facts_of(b->m, &b->f, &b->err);
    if (status == VIV_OK)
        status = blocks_make(&b->f, measure, context, DRAWN_KINDS, &b->b, &b->err);
    ck_assert_msg(status == VIV_OK, "%s", b->err.text);
}

static void release(struct built *b)
{
    blocks_release(&b->b);
    model_close(b->m);
    world_release(&b->w);
}

static void expect_words(const char *graph, const char *words)
{
    struct built b;
    struct buf text = {0};
    char spec[4096];
    snprintf(spec, sizeof spec, HEAD "graph:\n%s", graph);
    build(&b, spec, MEASURE_PARAMS, 0);
    drawing_describe(&b.b, &text);
    ck_assert_str_eq(buf_text(&text), words);
    buf_release(&text);
    release(&b);
}

TEST(blocks__stand_in_branches_and_equal_rounds_once)
{
    expect_words(
        "  - embedding: {weight: embed}\n"
        "  - repeat: n\n"
        "    layers: [residual: [rms_norm: {weight: norm}, " ATTENTION("0") "]]\n"
                                                                            "  - rms_norm: {weight: last}\n"
                                                                            "  - linear: {weight: embed}\n",
        "embedding, 6 times (residual of (rms_norm, attention)), rms_norm, linear");
    expect_words("  - embedding: {weight: embed}\n"
                 "  - residual:\n"
                 "    - rms_norm: {weight: last}\n"
                 "    - sum: [[linear: {weight: square}], [rms_norm: {weight: last}, linear: {weight: square}]]\n"
                 "    - linear: {weight: square}\n"
                 "  - linear: {weight: embed}\n",
                 "embedding, residual of (rms_norm, sum of ((linear) and (rms_norm, linear)), linear), linear");
}
END_TEST

TEST(blocks__rounds_that_alternate_are_a_repeat_of_repeats)
{
    /* two of a kind, then one of another, twice */
    expect_words(
        "  - embedding: {weight: embed}\n"
        "  - repeat: n\n"
        "    layers: [residual: [" ATTENTION("0 if i % 3 == 2 else 4") "]]\n"
                                                                       "  - linear: {weight: embed}\n",
        "embedding, 2 times (2 times (residual of (attention)), 1 times (residual of (attention))), linear");
    /* ends in the middle of a period */
    expect_words("  - embedding: {weight: embed}\n"
                 "  - repeat: n - 1\n"
                 "    layers: [residual: [" ATTENTION("4 * (i % 2)") "]]\n"
                                                                     "  - linear: {weight: embed}\n",
                 "embedding, 2 times (1 times (residual of (attention)), 1 times (residual of (attention))), "
                 "1 times (residual of (attention)), linear");
}
END_TEST

TEST(blocks__rounds_that_all_differ_in_numbers_are_one)
{
    struct built b;
    build(&b,
          HEAD "graph:\n  - embedding: {weight: embed}\n  - repeat: 9\n"
               "    layers: [residual: [linear: {weight: wide}, linear: {weight: back}]]\n",
          MEASURE_PARAMS, 0);
    const struct block *repeat = b.b.stacks[STACK_GRAPH]->next;
    ck_assert_int_eq(repeat->kind, BLOCK_REPEAT);
    ck_assert_uint_eq(repeat->rounds, 9);
    ck_assert_ptr_null(repeat->next);
    ck_assert_uint_eq(repeat->inner->inner->times, 9);
    ck_assert_uint_eq(repeat->inner->inner->out.least, 8);
    ck_assert_uint_eq(repeat->inner->inner->out.most, 72);
    ck_assert_double_eq(repeat->amount, 2 * 8 * 8 * 45.0);
    struct blocks each;
    uint32_t n = 0;
    ck_assert_int_eq(blocks_make(&b.f, MEASURE_PARAMS, 0, 0, &each, &b.err), VIV_OK);
    for (const struct block *i = each.stacks[STACK_GRAPH]->next; i; i = i->next)
        n += i->kind == BLOCK_REPEAT && i->rounds == 1 && i->amount == 2.0 * 8 * 8 * (n + 1);
    ck_assert_uint_eq(n, 9);
    blocks_release(&each);
    release(&b);
}
END_TEST

TEST(blocks__count_a_weight_where_it_is_met_first)
{
    struct built b;
    build(&b,
          HEAD "graph:\n  - embedding: {weight: embed}\n  - repeat: n\n    layers: [residual: [" ATTENTION(
              "0") "]]\n  - linear: {weight: embed}\n",
          MEASURE_PARAMS, 0);
    const struct block *embedding = b.b.stacks[STACK_GRAPH], *repeat = embedding->next, *linear = repeat->next;
    ck_assert_double_eq(embedding->amount, 800);
    ck_assert_double_eq(repeat->amount, 6 * 64); /* all four are one weight */
    ck_assert_double_eq(linear->amount, 0);
    ck_assert_ptr_eq(linear->lender, embedding->node);
    ck_assert_ptr_null(repeat->inner->inner->lender);
    ck_assert_double_eq(b.b.total, 800 + 6 * 64);
    ck_assert_double_eq(b.b.parts[VIV_MODEL_PART_ATTENTION], 6 * 64);
    ck_assert_double_eq(b.b.parts[VIV_MODEL_PART_HEAD], 0);
    release(&b);
}
END_TEST

TEST(blocks__operations_grow_with_what_is_seen)
{
    struct built b;
    const char *text =
        HEAD "graph:\n  - embedding: {weight: embed}\n  - repeat: n\n    layers: [residual: [" ATTENTION(
            "0") "]]\n  - linear: {weight: embed}\n";
    build(&b, text, MEASURE_FLOPS, 10);
    /* four products of 8 by 8, scores and sums over 10 tokens */
    ck_assert_double_eq(b.b.stacks[STACK_GRAPH]->next->amount, 6 * (4 * 2 * 64 + 2 * 2 * 10 * 8));
    ck_assert_double_eq(b.b.parts[VIV_MODEL_PART_HEAD], 2 * 800);
    release(&b);
}
END_TEST

/* The number behind `key` in the n-th element that begins with `tag`. */
static double number_in(const char *svg, const char *tag, int n, const char *key)
{
    const char *at = svg;
    for (int i = 0; i <= n; i++) {
        at = strstr(at, tag);
        ck_assert_ptr_nonnull(at);
        at++;
    }
    at = strstr(at, key);
    ck_assert_ptr_nonnull(at);
    return strtod(at + strlen(key), NULL);
}

TEST(drawing__is_to_scale)
{
    struct built b;
    struct buf svg = {0};
    build(&b,
          HEAD "graph:\n  - embedding: {weight: embed}\n  - repeat: n\n    layers: [residual: [rms_norm: {weight: "
               "norm}, " ATTENTION("0") "]]\n  - linear: {weight: embed}\n",
          MEASURE_PARAMS, 0);
    const struct drawing_look look = {
        .name = "<script>alert(1)</script>\xFF\x1B", .measured = "parameters", .alone = true};
    ck_assert_int_eq(drawing_write(&b.b, &look, &svg, &b.err), VIV_OK);
    const double all = 800 + 6 * 72;
    ck_assert_double_eq_tol(number_in(svg.data, "<rect class=\"p1\"", 0, "height=\""), FULL_HEIGHT * 800 / all,
                            0.01);
    ck_assert_double_eq_tol(number_in(svg.data, "<rect class=\"p2\"", 0, "height=\""), FULL_HEIGHT * 6 * 64 / all,
                            0.01);
    ck_assert_double_eq_tol(number_in(svg.data, "<rect class=\"p0\"", 0, "height=\""), FULL_HEIGHT * 6 * 8 / all,
                            0.01);
    ck_assert_double_eq(number_in(svg.data, "<rect class=\"p1\"", 0, "width=\""),
                        number_in(svg.data, "<rect class=\"p2\"", 0, "width=\""));
    ck_assert_ptr_nonnull(strstr(
        svg.data, "&lt;script&gt;alert(1)&lt;/script&gt;\xEF\xBF\xBD, drawn to scale by parameters</title>"));
    ck_assert_ptr_null(strstr(svg.data, "<script"));
    ck_assert_ptr_nonnull(
        strstr(svg.data, "<desc>embedding, 6 times (residual of (rms_norm, attention)), linear</desc>"));
    ck_assert_ptr_null(strstr(svg.data, "nan"));
    buf_release(&svg);
    release(&b);
}
END_TEST

TEST(drawing__side_by_side_have_their_landmarks_at_one_height)
{
    struct built small, large;
    struct buf svg = {0};
    const char *graph = "graph:\n  - embedding: {weight: embed}\n  - repeat: n\n    layers: [residual: [" ATTENTION(
        "0") "]]\n  - rms_norm: {weight: last}\n  - linear: {weight: embed}\n";
    char text[4096];
    snprintf(text, sizeof text, HEAD "%s", graph);
    build(&small, text, MEASURE_PARAMS, 0);
    memcpy(strstr(text, "words: 100"), "words: 900", 10);
    build(&large, text, MEASURE_PARAMS, 0);
    struct drawing_look looks[2] = {{.measured = "parameters", .unit = 0.05},
                                    {.measured = "parameters", .unit = 0.05}};
    const struct blocks *both[] = {&small.b, &large.b};
    drawing_align(both, looks, 2);
    double heads[2];
    for (int i = 0; i < 2; i++) {
        buf_clear(&svg);
        ck_assert_int_eq(drawing_write(both[i], &looks[i], &svg, &small.err), VIV_OK);
        heads[i] = number_in(svg.data, "<rect class=\"e6\"", 0, "y=\"");
    }
    ck_assert_double_eq(heads[0], heads[1]);
    ck_assert_double_gt(heads[1], 0.05 * 900 * 8);
    buf_release(&svg);
    release(&small);
    release(&large);
}
END_TEST

TESTS(blocks__stand_in_branches_and_equal_rounds_once, blocks__rounds_that_alternate_are_a_repeat_of_repeats,
      blocks__rounds_that_all_differ_in_numbers_are_one, blocks__count_a_weight_where_it_is_met_first,
      blocks__operations_grow_with_what_is_seen, drawing__is_to_scale,
      drawing__side_by_side_have_their_landmarks_at_one_height)
