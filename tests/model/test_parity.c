/* Parity: the checkpoints under tests/golden/ give the logits and the greedy text that transformers gave, with the
 * adapters under it those that peft gave, whichever scheduler runs them, on how many threads, in whatever pieces,
 * and whoever shares the step. */
#include "answers.h"
#include "engine/load.h"
#include "formats/build.h"
#include "run/run.h"

#include <dirent.h>
#include <math.h>

/* How far logits may be from the reference's, as a part of the largest one. Weights of 16 bits keep their keys and
 * values in 16 bits; products of bf16 round the activations as the reference's own bf16 arithmetic does; those of
 * quantized weights round them to 8 bits, which attention as sharp as that of random weights makes much of. */
struct tolerance {
    const char *name;
    float logits;
    bool same_text;
};
static const struct tolerance tolerances[] = {
    {"bf16", 2e-2f, false},  {"f16", 5e-3f, true},           {"q8_0", 1e-1f, false},   {"q4_0", 1e-1f, false},
    {"mxfp4", 1e-1f, false}, {"llama-blocks", 3e-2f, false}, {"packed", 1e-1f, false}, {"", 1e-4f, true}};

static const struct tolerance *tolerance_of(const char *name)
{
    const struct tolerance *t = tolerances;
    while (!strstr(name, t->name))
        t++;
    return t;
}

static int32_t most_likely(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

static void check_logits(const char *name, const struct tolerance *t, const struct answers *a, viv_model *m)
{
    float *got = malloc(a->n * a->vocab * sizeof *got), largest = 0, worst = 0;
    viv_sequence *s = begin(m, a, 0);
    ck_assert_uint_eq(model_output_dim(m), a->vocab);
    step(m, s, a->tokens, a->n, got);
    for (size_t i = 0; i < a->n * a->vocab; i++) {
        ck_assert_msg(isfinite(got[i]), "%s: logit %zu is no finite number", name, i);
        largest = fmaxf(largest, fabsf(a->logits[i]));
        worst = fmaxf(worst, fabsf(got[i] - a->logits[i]));
    }
    ck_assert_msg(worst <= t->logits * largest, "%s: %g of the largest logit away, allowed %g", name,
                  (double)(worst / largest), (double)t->logits);
    sequence_destroy(s);
    free(got);
}

static void check_greedy(const char *name, const struct answers *a, viv_model *m)
{
    float *logits = malloc(a->n_prompt * a->vocab * sizeof *logits);
    viv_sequence *s = begin(m, a, 0);
    step(m, s, a->tokens, a->n_prompt, logits);
    const float *last = logits + (a->n_prompt - 1) * a->vocab;
    for (size_t i = 0; i < a->n_greedy; i++) {
        int32_t token = most_likely(last, a->vocab);
        ck_assert_msg(token == a->greedy[i], "%s: token %zu is %d, expected %d", name, i, token, a->greedy[i]);
        step(m, s, &token, 1, logits);
        last = logits;
    }
    sequence_destroy(s);
    free(logits);
}

/* Of dynamic scaling, an answer is another text when it is computed as it comes than when it is read at once. */
static bool depends_on_length(const char *name)
{
    return strstr(name, "dynamic");
}

/* Calls check(name, directory) for one case of `every`, with kernels of no more than `isa`; NULL: of what there is.
 */
static void for_each_case_of(const char *isa, unsigned every,
                             void (*check)(const char *name, const char *directory))
{
    char directory[4096];
    size_t n = 0;
    open_host_of(isa);
    DIR *d = opendir(source_path("tests/golden"));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        char answers[4352];
        snprintf(directory, sizeof directory, "%s/%s", source_path("tests/golden"), e->d_name);
        snprintf(answers, sizeof answers, "%s/logits.npy", directory);
        if (!file_exists(answers))
            continue;
        if (n++ % every == 0)
            check(e->d_name, directory);
    }
    closedir(d);
    engine_destroy(engine);
    ck_assert_uint_ge(n, 100);
}

/* What all models do alike: under sanitizers, which take their time, a third of them. */
enum { EVERY = SANITIZED ? 3 : 1 };

static void for_each_case(void (*check)(const char *name, const char *directory))
{
    for_each_case_of(NULL, EVERY, check);
}

static void check_reference(const char *name, const char *directory)
{
    struct answers a;
    viv_model *m = load(directory, "serial", 1, 0);
    read_answers(directory, &a);
    check_logits(name, tolerance_of(name), &a, m);
    if (tolerance_of(name)->same_text && !depends_on_length(name))
        check_greedy(name, &a, m);
    model_close(m);
    free(a.logits);
}

TEST(parity__logits_and_greedy_text_are_those_of_transformers)
{
    for_each_case_of(NULL, 1, check_reference);
}
END_TEST

/* Weights that safetensors files have in parts are decoded exactly: without the error of 8-bit activations, logits
 * are those of the decoded weights. */
TEST(parity__of_packed_weights_is_exact_with_f32_activations)
{
    static const struct tolerance exact = {"", 1e-4f, true};
    const struct host_options host_options = {.program = viv_program(), .f32_activations = true};
    struct error err;
    size_t n = 0;
    ck_assert_msg(engine_create(&host_options, &engine, &err) == VIV_OK, "%s", err.text);
    DIR *d = opendir(source_path("tests/golden"));
    for (struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, "packed-", 7) != 0)
            continue;
        struct model_options options = golden_options();
        struct answers a;
        char directory[4096];
        snprintf(directory, sizeof directory, "%s/%s", source_path("tests/golden"), e->d_name);
        options.cache_type = "f32";
        viv_model *m = golden_load(&options, directory);
        read_answers(directory, &a);
        check_logits(e->d_name, &exact, &a, m);
        check_greedy(e->d_name, &a, m);
        model_close(m);
        free(a.logits);
        n++;
    }
    closedir(d);
    engine_destroy(engine);
    ck_assert_uint_ge(n, 20);
}
END_TEST

/* The same bits on 1, 2 and 3 threads, at once and in pieces; under sanitizers, which take their time, on 2. */
static void check_bits(const char *name, const char *directory)
{
    static const size_t pieces[] = {1, 7, 1, 16, 2, 33, 1, 64};
    struct answers a;
    read_answers(directory, &a);
    size_t bytes = a.n * a.vocab * sizeof(float);
    float *whole = malloc(bytes), *other = malloc(bytes);
    viv_model *m = load(directory, "serial", 1, 0);
    viv_sequence *s = begin(m, &a, 0);
    step(m, s, a.tokens, a.n, whole);
    sequence_destroy(s);
    model_close(m);
    for (uint32_t n_threads = SANITIZED ? 2 : 1; n_threads <= (SANITIZED ? 2 : 3); n_threads++) {
        m = load(directory, "parallel", n_threads, 0);
        s = begin(m, &a, 0);
        step(m, s, a.tokens, a.n, other);
        ck_assert_msg(memcmp(whole, other, bytes) == 0, "%s: other bits on %u threads", name, n_threads);
        sequence_destroy(s);
        s = begin(m, &a, 0);
        for (size_t at = 0, i = 0, n; at < a.n; at += n, i++) {
            n = pieces[i] < a.n - at ? pieces[i] : a.n - at;
            step_of(m, s, a.tokens + at, n, a.n, other + at * a.vocab);
        }
        ck_assert_msg(memcmp(whole, other, bytes) == 0, "%s: other bits in pieces", name);
        sequence_destroy(s);
        model_close(m);
    }
    free(whole);
    free(other);
    free(a.logits);
}

TEST(parity__bits_do_not_depend_on_threads_scheduler_or_pieces)
{
    for_each_case(check_bits);
}
END_TEST

/* Products of quantized weights are the same bits everywhere (tests/kernels/test_products.c); norms and attention
 * are nearly the same, and may turn an activation's rounding to 8 bits. */
TEST(parity__a_model_of_all_block_types_gives_nearly_the_same_with_every_instruction_set)
{
    static const char *const isas[] = {"generic", "avx2", NULL};
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", source_path("tests/golden/llama-blocks-gguf"));
    struct answers a;
    read_answers(directory, &a);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        const struct tolerance nearly = {"", 1e-3f, false};
        open_host_of(isas[i]);
        viv_model *m = load(directory, "serial", 1, 0);
        check_logits(isas[i] ? isas[i] : "all", i == 0 ? tolerance_of("llama-blocks") : &nearly, &a, m);
        if (i == 0) { /* what the others are compared with */
            viv_sequence *s = begin(m, &a, 0);
            step(m, s, a.tokens, a.n, a.logits);
            sequence_destroy(s);
        }
        model_close(m);
        engine_destroy(engine);
    }
    free(a.logits);
}
END_TEST

/* --- twins: X-gguf is the model of X -------------------------------------------------------------------------- */

/* The folder whose model `name` is, too; NULL: there is none. */
static const char *twin_of(const char *name)
{
    static const struct {
        const char *name, *of;
    } others[] = {
        {"phi-fused-gguf", "phi"},    /* q, k and v in one matrix */
        {"glm-apart-gguf", "glm"},    /* q, k and v in a matrix each */
        {"llama-q4_0-gguf", NULL},    /* blocks that no safetensors file has */
        {"llama-blocks-gguf", NULL},  /* likewise */
        {"llama-q8_0-gguf", NULL},    /* likewise */
        {"minicpm3-q8_0-gguf", NULL}, /* likewise */
        {"lora-gguf", NULL},          /* an adapter, of llama-gqa */
    };
    static char base[256];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i].name, name) == 0)
            return others[i].of;
    size_t n = strlen(name) - strlen("-gguf");
    n -= n >= 3 && memcmp(name + n - 3, "-on", 3) == 0 ? 3 : 0;
    snprintf(base, sizeof base, "%.*s", (int)n, name);
    return base;
}

/* The number of answers that both have. */
static unsigned check_twin(const char *name, const char *of)
{
    static const char *const files[] = {"logits.npy", "vectors.npy", "pooled.npy", "scores.npy"};
    char a[4352], b[4352];
    unsigned n = 0;
    snprintf(a, sizeof a, "%s/%s", source_path("tests/golden"), name);
    snprintf(b, sizeof b, "%s/%s", source_path("tests/golden"), of);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct array x = read_npy(a, files[i]), y = read_npy(b, files[i]);
        ck_assert_msg(x.rows == y.rows && x.columns == y.columns &&
                          (!x.data || memcmp(x.data, y.data, x.rows * x.columns * sizeof *x.data) == 0),
                      "%s of %s and %s differ", files[i], name, of);
        n += x.data != NULL;
        free(x.data);
        free(y.data);
    }
    return n;
}

TEST(parity__a_gguf_file_is_expected_to_give_what_its_safetensors_twin_gives)
{
    DIR *d = opendir(source_path("tests/golden"));
    unsigned n = 0;
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        size_t length = strlen(e->d_name);
        if (length < 5 || strcmp(e->d_name + length - 5, "-gguf") != 0)
            continue;
        const char *of = twin_of(e->d_name);
        n += of ? check_twin(e->d_name, of) : 0;
    }
    closedir(d);
    ck_assert_uint_ge(n, 60);
}
END_TEST

/* --- the same weights in bf16 -------------------------------------------------------------------------------- */

static uint16_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16); /* to the nearest, else the even one */
}

/* Tensors of F32 in a safetensors file, as BF16, or, `wide`, as F32 again that hold what BF16 can. */
static void convert(const struct buf *in, bool wide, struct buf *out)
{
    uint64_t header_size, offset = 0;
    json_t *header, *tensor;
    const char *name;
    struct buf data = {0};
    struct error err;
    memcpy(&header_size, in->data, 8);
    ck_assert_int_eq(json_parse("header", in->data + 8, header_size, &header, &err), VIV_OK);
    json_object_foreach(header, name, tensor)
    {
        const json_t *at = json_object_get(tensor, "data_offsets");
        const char *dtype = json_string_value(json_object_get(tensor, "dtype"));
        if (!at)
            continue;
        const char *p = in->data + 8 + header_size + json_integer_value(json_array_get(at, 0));
        size_t n = (size_t)(json_integer_value(json_array_get(at, 1)) - json_integer_value(json_array_get(at, 0)));
        bool f32 = strcmp(dtype, "F32") == 0;
        for (size_t i = 0; f32 && i < n; i += 4) {
            float x;
            memcpy(&x, p + i, 4);
            build_number(&data, wide ? (uint64_t)to_bf16(x) << 16 : to_bf16(x), wide ? 4 : 2);
        }
        if (!f32)
            buf_append(&data, p, n);
        json_object_set_new(tensor, "dtype", json_string(f32 && !wide ? "BF16" : dtype));
        json_object_set_new(tensor, "data_offsets", json_pack("[I, I]", offset, (json_int_t)data.size));
        offset = data.size;
    }
    char *text = json_dumps(header, JSON_COMPACT);
    build_string(out, text, strlen(text));
    buf_append(out, data.data, data.size);
    buf_release(&data);
    free(text);
    json_decref(header);
}

/* A model whose weights are those of `directory` in what BF16 can hold. */
static viv_model *rounded(const char *directory, bool wide)
{
    char path[4352];
    struct buf in = {0}, out = {0}, config = {0};
    struct error err;
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    ck_assert_int_eq(file_read(path, 1 << 24, &in, &err), VIV_OK);
    convert(&in, wide, &out);
    write_bytes("model.safetensors", &out);
    snprintf(path, sizeof path, "%s/config.json", directory);
    ck_assert_int_eq(file_read(path, 1 << 20, &config, &err), VIV_OK);
    write_bytes("config.json", &config);
    buf_release(&in);
    buf_release(&out);
    buf_release(&config);
    struct model_options options = golden_options();
    return golden_load(&options, in_scratch("."));
}

/* What the wide ones give, the first test has compared with the reference. Kernels that round activations to bf16,
 * too (avx512_bf16), are not for this: attention as sharp as that of random weights makes up to 7e-2 of it, and
 * other experts may be chosen. */
static void check_bf16(const char *name, const char *directory)
{
    char weights[4352];
    struct answers a;
    snprintf(weights, sizeof weights, "%s/model.safetensors", directory);
    if (!file_exists(weights) || tolerance_of(name)->logits > 1e-4f)
        return;
    read_answers(directory, &a);
    viv_model *m = rounded(directory, true);
    viv_sequence *s = begin(m, &a, 0);
    step(m, s, a.tokens, a.n, a.logits);
    sequence_destroy(s);
    model_close(m);
    m = rounded(directory, false);
    check_logits(name, tolerance_of("bf16"), &a, m);
    model_close(m);
    remove_scratch();
    free(a.logits);
}

TEST(parity__weights_in_bf16_give_nearly_the_same)
{
    for_each_case_of("generic", EVERY, check_bf16);
}
END_TEST

/* Texts of an encoder in one step, for sequences to write by. */
static void read_together(viv_model *m, const struct answers *a, const viv_rows *rows, const size_t *skip, size_t n)
{
    viv_rows texts[3];
    const viv_rows *list[3];
    const float *encoded;
    uint64_t n_rows;
    struct error err;
    for (size_t i = 0; i < n; i++) {
        texts[i] = read_rows(rows[i].sequence, a, skip[i]);
        list[i] = &texts[i];
    }
    ck_assert_msg(model_step(m, list, (uint32_t)n, NULL, &encoded, &n_rows, &err) == VIV_OK, "%s", err.text);
}

/* Three sequences in one step: each gets what it gets alone. */
static void check_strangers(const char *name, const char *directory)
{
    struct answers a;
    struct error err;
    read_answers(directory, &a);
    viv_model *m = load(directory, "parallel", 2, 0);
    float *alone[3];
    static const size_t begins[] = {0, 5, 11}, sizes[] = {20, 1, 31};
    uint8_t output_rows[MAX_TOKENS];
    memset(output_rows, 1, sizeof output_rows);
    for (int i = 0; i < 3; i++) {
        viv_sequence *s = begin(m, &a, begins[i]);
        alone[i] = malloc(sizes[i] * a.vocab * sizeof(float));
        step(m, s, a.tokens + begins[i], sizes[i], alone[i]);
        sequence_destroy(s);
    }
    viv_rows rows[3];
    const viv_rows *list[3];
    for (int i = 0; i < 3; i++) {
        rows[i] = (viv_rows){.struct_size = sizeof rows[i],
                             .sequence = begin(m, &a, 1),
                             .n_rows = sizes[i],
                             .tokens = a.tokens + begins[i],
                             .output_rows = output_rows};
        list[i] = &rows[i];
    }
    const float *logits;
    uint64_t n_outputs;
    if (a.n_encoder) { /* another text takes the place of the one that each has read */
        read_together(m, &a, rows, begins, 2);
        read_together(m, &a, rows + 2, begins + 2, 1);
    }
    ck_assert_msg(model_step(m, list, 3, NULL, &logits, &n_outputs, &err) == VIV_OK, "%s", err.text);
    for (int i = 0; i < 3; i++) {
        ck_assert_msg(memcmp(logits, alone[i], sizes[i] * a.vocab * sizeof(float)) == 0,
                      "%s: sequence %d has other bits in company", name, i);
        logits += sizes[i] * a.vocab;
        sequence_destroy(rows[i].sequence);
        free(alone[i]);
    }
    model_close(m);
    free(a.logits);
}

TEST(parity__bits_do_not_depend_on_who_shares_the_step)
{
    for_each_case(check_strangers);
}
END_TEST

TESTS(parity__logits_and_greedy_text_are_those_of_transformers,
      parity__a_model_of_all_block_types_gives_nearly_the_same_with_every_instruction_set,
      parity__a_gguf_file_is_expected_to_give_what_its_safetensors_twin_gives,
      parity__weights_in_bf16_give_nearly_the_same, parity__bits_do_not_depend_on_threads_scheduler_or_pieces,
      parity__of_packed_weights_is_exact_with_f32_activations, parity__bits_do_not_depend_on_who_shares_the_step)
