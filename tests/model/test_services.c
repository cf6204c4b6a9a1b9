/* The services that architectures use, as they get them: by their ids. */
#include "answers.h"

#include <math.h>
#include <vivarium/params.h>

static const void *service(const char *id)
{
    const viv_host *viv = host_viv(host);
    const void *table = viv->get_service(viv, id);
    ck_assert_ptr_nonnull(table);
    return table;
}

static viv_model *load_golden(const char *name)
{
    char directory[256];
    snprintf(directory, sizeof directory, "tests/golden/%s", name);
    return load(source_path(directory), "parallel", 1, 0);
}

TEST(params__may_be_numbers_and_lists)
{
    int64_t ints[4] = {-1, -1, -1, -1};
    double floats[4] = {-1, -1, -1, -1};
    open_host();
    viv_model *m = load_golden("smollm3-window");
    const viv_params *p = service(VIV_SERVICE_PARAMS);
    ck_assert_int_eq(p->get_int(m, "num_hidden_layers", 7), 2);
    ck_assert_double_eq(p->get_float(m, "num_hidden_layers", 7), 2);
    ck_assert_double_eq(p->get_float(m, "rope_theta", 7), 10000);
    ck_assert_double_eq(p->get_float(m, "no_rope_layers", 7), 7);
    ck_assert_double_eq(p->get_float(m, "no_such_param", 7), 7);
    ck_assert_uint_eq(p->get_ints(m, "no_rope_layers", ints, 4), 2);
    ck_assert(ints[0] == 0 && ints[1] == 1 && ints[2] == -1);
    ck_assert_uint_eq(p->get_floats(m, "no_rope_layers", floats, 1), 2);
    ck_assert(floats[0] == 0 && floats[1] == -1);
    ck_assert_uint_eq(p->get_ints(m, "no_rope_layers", NULL, 0), 2);
    ck_assert_uint_eq(p->get_ints(m, "rope_theta", ints, 4), 0);
    ck_assert_uint_eq(p->get_floats(m, "no_such_param", floats, 4), 0);
    model_close(m);
    m = load_golden("phi3-longrope");
    ck_assert_uint_gt(p->get_floats(m, "rope_long", NULL, 0), 1);
    ck_assert_uint_eq(p->get_ints(m, "rope_long", NULL, 0), 0); /* not integers */
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* --- copies of sequences ------------------------------------------------------------------------------------- */

struct fixture {
    struct answers a;
    viv_model *m;
    const viv_sequences *sequences;
    float *got;
};

static void make(struct fixture *f, const char *name)
{
    char directory[256];
    open_host();
    snprintf(directory, sizeof directory, "tests/golden/%s", name);
    f->m = load_golden(name);
    f->sequences = service(VIV_SERVICE_SEQUENCES);
    read_answers(source_path(directory), &f->a);
    f->got = calloc(3 * f->a.n * f->a.vocab, sizeof *f->got);
}

static void release(struct fixture *f)
{
    model_close(f->m);
    engine_destroy(engine);
    free(f->a.logits);
    free(f->got);
}

static viv_sequence *copy_of(const struct fixture *f, viv_sequence *s)
{
    viv_sequence *copy = NULL;
    ck_assert_int_eq(f->sequences->copy(s, &copy), VIV_OK);
    ck_assert_ptr_ne(s, copy);
    ck_assert_uint_eq(f->sequences->length(s), f->sequences->length(copy));
    return copy;
}

/* The tokens from..to of the text, or the same backwards, one after the other; their logits into part `to_part`. */
static void go_on(struct fixture *f, viv_sequence *s, size_t from, size_t to, bool backwards, int to_part)
{
    float *out = f->got + (size_t)to_part * f->a.n * f->a.vocab;
    for (size_t i = from; i < to; i++)
        step_of(f->m, s, &f->a.tokens[backwards ? to - 1 - (i - from) : i], 1, to, out + i * f->a.vocab);
}

static void same(const struct fixture *f, size_t from, size_t to, int a, int b, const char *when)
{
    const float *x = f->got + (size_t)a * f->a.n * f->a.vocab, *y = f->got + (size_t)b * f->a.n * f->a.vocab;
    ck_assert_msg(memcmp(x + from * f->a.vocab, y + from * f->a.vocab, (to - from) * f->a.vocab * sizeof *x) == 0,
                  "other logits %s", when);
}

/* A prompt is read once; it and its copy go on in different ways, turn by turn, each as one that has read all. */
static void check_copies(const char *name, size_t prompt)
{
    struct fixture f;
    make(&f, name);
    const size_t n = f.a.n;
    ck_assert_uint_gt(n, prompt + 2);
    for (int backwards = 0; backwards < 2; backwards++) {
        viv_sequence *alone = begin(f.m, &f.a, 0);
        step_of(f.m, alone, f.a.tokens, prompt, n, f.got);
        go_on(&f, alone, prompt, n, backwards, backwards ? 1 : 0);
        f.sequences->destroy(alone);
    }
    viv_sequence *s = begin(f.m, &f.a, 0), *before = copy_of(&f, s);
    step_of(f.m, s, f.a.tokens, prompt, n, f.got + 2 * n * f.a.vocab);
    viv_sequence *copy = copy_of(&f, s);
    go_on(&f, copy, prompt, n, true, 2);
    same(&f, prompt, n, 1, 2, "of the copy");
    go_on(&f, s, prompt, n, false, 2);
    same(&f, prompt, n, 0, 2, "of the sequence that was copied");
    f.sequences->destroy(s);
    /* a copy of a copy cut back to before its last step, where there may be recurrent state */
    viv_sequence *again = copy_of(&f, copy);
    f.sequences->destroy(copy);
    ck_assert_int_eq(f.sequences->truncate(again, n - 1), VIV_OK);
    step_of(f.m, again, &f.a.tokens[prompt], 1, n, f.got + (3 * n - 1) * f.a.vocab);
    same(&f, n - 1, n, 1, 2, "after cutting a copy");
    f.sequences->destroy(again);
    /* and of one that has read nothing yet, but what its encoder has read */
    ck_assert_uint_eq(f.sequences->length(before), 0);
    step_of(f.m, before, f.a.tokens, prompt, n, f.got + 2 * n * f.a.vocab);
    go_on(&f, before, prompt, n, false, 2);
    same(&f, prompt, n, 0, 2, "of a copy that was empty");
    f.sequences->destroy(before);
    release(&f);
}

TEST(copy__of_a_sequence_goes_on_by_itself)
{
    check_copies("llama-gqa", 20);
}
END_TEST

TEST(copy__has_recurrent_state_of_its_own)
{
    check_copies("qwen3_next", 20);
}
END_TEST

TEST(copy__has_the_encoder_output)
{
    check_copies("t5-gated", 20);
}
END_TEST

TEST(copy__of_nothing_is_refused)
{
    struct error err;
    viv_sequence *copy = NULL;
    open_host();
    const viv_sequences *sequences = service(VIV_SERVICE_SEQUENCES);
    ck_assert_int_eq(sequences->copy(NULL, &copy), VIV_EINVAL);
    ck_assert_int_eq(error_take(&err, VIV_EINVAL), VIV_EINVAL);
    ck_assert_str_eq(err.text, "viv.sequences/0.copy: NULL");
    ck_assert_ptr_null(copy);
    engine_destroy(engine);
}
END_TEST

TESTS(copy__of_a_sequence_goes_on_by_itself, copy__has_recurrent_state_of_its_own, copy__has_the_encoder_output,
      copy__of_nothing_is_refused, params__may_be_numbers_and_lists)
