/* Vectors: the encoders under tests/golden/ make of tokens and of texts what transformers makes of them, on any
 * number of threads and whoever shares the step. */
#include "golden.h"

#include "base/json.h"
#include "engine/architecture.h"
#include "engine/load.h"
#include "formats/checkpoint.h"
#include "run/run.h"

#include <dirent.h>
#include <math.h>

enum { MAX_TOKENS = 512 };

struct text {
    int32_t tokens[MAX_TOKENS], types[MAX_TOKENS];
    size_t n;
};

static void read_text(const char *directory, struct text *t)
{
    char path[4352];
    json_t *root, *value;
    struct error err;
    size_t i;
    snprintf(path, sizeof path, "%s/tokens.json", directory);
    ck_assert_int_eq(json_read(path, 1 << 20, &root, &err), VIV_OK);
    json_array_foreach(json_object_get(root, "tokens"), i, value) t->tokens[i] = (int32_t)json_integer_value(value);
    json_array_foreach(json_object_get(root, "types"), i, value) t->types[i] = (int32_t)json_integer_value(value);
    t->n = json_array_size(json_object_get(root, "tokens"));
    json_decref(root);
}

static viv_model *load(const char *directory, uint32_t n_threads)
{
    struct model_options options = golden_options();
    options.scheduler = n_threads ? "parallel" : "serial";
    options.n_threads = n_threads;
    options.context = 0;
    return golden_load(&options, directory);
}

static uint8_t want_all[MAX_TOKENS];

static viv_rows rows_of(viv_sequence *s, const struct text *t, size_t first, size_t n)
{
    memset(want_all, 1, sizeof want_all);
    return (viv_rows){.struct_size = sizeof(viv_rows),
                      .sequence = s,
                      .n_rows = n,
                      .tokens = t->tokens + first,
                      .output_rows = want_all,
                      .types = t->types + first};
}

/* The graph's end for all rows of one text, [n, dim]; malloc'ed. */
static float *outputs_of(viv_model *m, const struct text *t, size_t first, size_t n)
{
    struct error err;
    viv_sequence *s = golden_sequence(m);
    const viv_rows rows = rows_of(s, t, first, n);
    const viv_rows *const list[] = {&rows};
    const float *outputs;
    uint64_t n_outputs, bytes = n * model_output_dim(m) * sizeof(float);
    ck_assert_msg(model_step(m, list, 1, NULL, &outputs, &n_outputs, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(n_outputs, n);
    float *out = malloc(bytes);
    memcpy(out, outputs, bytes);
    sequence_destroy(s);
    return out;
}

static void check_near(const char *name, const char *what, const float *got, const float *expected, size_t n)
{
    double largest = 0, worst = 0, dot = 0, a = 0, b = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)expected[i]));
        worst = fmax(worst, fabs((double)got[i] - (double)expected[i]));
        dot += (double)got[i] * (double)expected[i];
        a += (double)got[i] * (double)got[i];
        b += (double)expected[i] * (double)expected[i];
    }
    ck_assert_msg(worst <= 1e-4 * largest, "%s, %s: %g of the largest away", name, what, worst / largest);
    ck_assert_msg(dot / sqrt(a * b) > 0.99999, "%s, %s: cosine %g", name, what, dot / sqrt(a * b));
}

/* --- a request, as `viv embed` makes it ---------------------------------------------------------------------- */

static viv_status take_vector(const viv_sink *sink, const viv_event *event)
{
    struct array *a = sink->ctx;
    if (event->kind != VIV_EVENT_VECTOR)
        return VIV_OK;
    a->data = realloc(a->data, (a->rows + 1) * event->dim * sizeof(float));
    memcpy(a->data + a->rows++ * event->dim, event->vector, event->dim * sizeof(float));
    a->columns = event->dim;
    return VIV_OK;
}

static struct array ask(viv_model *m, const viv_message *const *messages, uint32_t n, uint32_t task,
                        uint32_t pooling)
{
    struct array a = {0};
    struct error err;
    struct architecture_instance answers = {0};
    const viv_request request = {
        .struct_size = sizeof request, .n_messages = n, .messages = messages, .task = task, .pooling = pooling};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = &a, .emit = take_vector};
    ck_assert_int_eq(host_architecture(host, spec_architecture(model_spec(m)), &answers.architecture, &err),
                     VIV_OK);
    ck_assert_msg(architecture_run(&answers, host_viv(host), m, &request, &sink, &err) == VIV_OK, "%s", err.text);
    architecture_close(&answers);
    return a;
}

static struct array embed(viv_model *m, const struct text *t, uint32_t pooling)
{
    const viv_part part = {
        .struct_size = sizeof part, .kind = VIV_PART_TOKENS, .data = t->tokens, .size = t->n * sizeof *t->tokens};
    const viv_part *const parts[] = {&part};
    const viv_message message = {.struct_size = sizeof message, .n_parts = 1, .parts = parts};
    const viv_message *const messages[] = {&message, &message};
    return ask(m, messages, 2, VIV_TASK_EMBED, pooling);
}

/* Types of tokens do not come with a request for tokens: those of a text alone are 0. */
static bool is_a_pair(const struct text *t)
{
    return t->types[t->n - 1] != 0;
}

static void check_embed(const char *name, viv_model *m, const struct text *t, const struct array *vectors,
                        const struct array *pooled)
{
    if (is_a_pair(t))
        return;
    struct array a = embed(m, t, VIV_POOLING_NONE);
    ck_assert_uint_eq(a.rows, 2 * t->n);
    for (size_t i = 0; i < 2; i++)
        check_near(name, "each token", a.data + i * t->n * a.columns, vectors->data, t->n * a.columns);
    free(a.data);
    a = embed(m, t, VIV_POOLING_DECLARED);
    ck_assert_uint_eq(a.rows, 2);
    for (size_t i = 0; i < 2; i++)
        check_near(name, "the text", a.data + i * a.columns, pooled->data, a.columns);
    free(a.data);
}

/* --- the cases ----------------------------------------------------------------------------------------------- */

static void check_reference(const char *name, const char *directory)
{
    struct text t = {0};
    read_text(directory, &t);
    struct array vectors = read_npy(directory, "vectors.npy"), pooled = read_npy(directory, "pooled.npy"),
                 scores = read_npy(directory, "scores.npy");
    viv_model *m = load(directory, 0);
    float *got = outputs_of(m, &t, 0, t.n);
    size_t dim = model_output_dim(m);
    if (vectors.data) {
        ck_assert_uint_eq(vectors.columns, dim);
        check_near(name, "vectors", got, vectors.data, t.n * dim);
        check_embed(name, m, &t, &vectors, &pooled);
    } else {
        ck_assert_uint_eq(scores.columns, dim);
        check_near(name, "scores", got + (t.n - 1) * dim, scores.data, dim);
    }
    model_close(m);
    free(got);
    free(vectors.data);
    free(pooled.data);
    free(scores.data);
}

/* The same bits on one thread and on three, alone and with others in the step. */
static void check_bits(const char *name, const char *directory)
{
    struct text t = {0};
    struct error err;
    read_text(directory, &t);
    viv_model *m = load(directory, 0);
    size_t row = model_output_dim(m) * sizeof(float);
    float *whole = outputs_of(m, &t, 0, t.n), *part = outputs_of(m, &t, 3, 17);
    model_close(m);
    m = load(directory, 3);
    float *other = outputs_of(m, &t, 0, t.n);
    ck_assert_msg(memcmp(whole, other, t.n * row) == 0, "%s: other bits on 3 threads", name);
    const viv_rows a = rows_of(golden_sequence(m), &t, 3, 17), b = rows_of(golden_sequence(m), &t, 0, t.n);
    const viv_rows *const list[] = {&a, &b};
    const float *outputs;
    uint64_t n_outputs;
    ck_assert_msg(model_step(m, list, 2, NULL, &outputs, &n_outputs, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(memcmp(outputs, part, 17 * row) == 0, "%s: other bits in company", name);
    ck_assert_msg(memcmp(outputs + 17 * row / sizeof(float), whole, t.n * row) == 0, "%s: other bits in company",
                  name);
    sequence_destroy(a.sequence);
    sequence_destroy(b.sequence);
    model_close(m);
    free(whole);
    free(part);
    free(other);
}

static void for_each_case(void (*check)(const char *name, const char *directory))
{
    char directory[4096], path[4352];
    size_t n = 0;
    open_host();
    DIR *d = opendir(source_path("tests/golden"));
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        snprintf(directory, sizeof directory, "%s/%s", source_path("tests/golden"), e->d_name);
        snprintf(path, sizeof path, "%s/vectors.npy", directory);
        bool is = file_exists(path);
        snprintf(path, sizeof path, "%s/scores.npy", directory);
        if (!is && !file_exists(path))
            continue;
        check(e->d_name, directory);
        n++;
    }
    closedir(d);
    engine_destroy(engine);
    ck_assert_uint_ge(n, 30);
}

TEST(vectors__tokens_texts_and_scores_are_those_of_transformers)
{
    for_each_case(check_reference);
}
END_TEST

TEST(vectors__bits_do_not_depend_on_threads_or_who_shares_the_step)
{
    for_each_case(check_bits);
}
END_TEST

/* Texts and pairs with the checkpoint's own tokenizer: as sentence-transformers. */
static void check_texts(const char *name, const char *directory)
{
    enum { MAX_TEXTS = 16 };
    viv_part parts[MAX_TEXTS][2];
    const viv_part *lists[MAX_TEXTS][2];
    viv_message messages[MAX_TEXTS];
    const viv_message *list[MAX_TEXTS];
    char path[4352];
    json_t *root, *texts, *text;
    struct error err;
    size_t i, k;
    struct array expected = read_npy(directory, "texts.npy");
    if (!expected.data)
        return;
    snprintf(path, sizeof path, "%s/texts.json", directory);
    ck_assert_int_eq(json_read(path, 1 << 20, &root, &err), VIV_OK);
    json_array_foreach(json_object_get(root, "texts"), i, texts)
    {
        json_array_foreach(texts, k, text)
        {
            parts[i][k] = (viv_part){.struct_size = sizeof(viv_part),
                                     .kind = VIV_PART_TEXT,
                                     .data = json_string_value(text),
                                     .size = json_string_length(text)};
            lists[i][k] = &parts[i][k];
        }
        messages[i] = (viv_message){
            .struct_size = sizeof(viv_message), .n_parts = (uint32_t)json_array_size(texts), .parts = lists[i]};
        list[i] = &messages[i];
    }
    snprintf(path, sizeof path, "%s/scores.npy", directory);
    viv_model *m = load(directory, 0);
    struct array got = ask(m, list, (uint32_t)expected.rows, file_exists(path) ? VIV_TASK_SCORE : VIV_TASK_EMBED,
                           VIV_POOLING_DECLARED);
    ck_assert_uint_eq(got.rows, expected.rows);
    ck_assert_uint_eq(got.columns, expected.columns);
    for (i = 0; i < got.rows; i++)
        check_near(name, json_string_value(json_array_get(json_array_get(json_object_get(root, "texts"), i), 0)),
                   got.data + i * got.columns, expected.data + i * got.columns, got.columns);
    model_close(m);
    json_decref(root);
    free(got.data);
    free(expected.data);
}

TEST(vectors__of_texts_and_pairs_are_those_of_sentence_transformers)
{
    for_each_case(check_texts);
}
END_TEST

/* What reads in both directions cannot take a text in pieces: it would have answered before it knew all. */
static void check_pieces(const char *name, const char *directory)
{
    struct text t = {0};
    struct error err;
    const float *outputs;
    uint64_t n_outputs;
    read_text(directory, &t);
    viv_model *m = load(directory, 0);
    viv_sequence *s = golden_sequence(m);
    const viv_rows a = rows_of(s, &t, 0, 5), b = rows_of(s, &t, 5, 5);
    const viv_rows *const first[] = {&a}, *const second[] = {&b};
    ck_assert_msg(model_step(m, first, 1, NULL, &outputs, &n_outputs, &err) == VIV_OK, "%s", err.text);
    viv_status status = model_step(m, second, 1, NULL, &outputs, &n_outputs, &err);
    bool whole = model_graph(m)->stacks[STACK_GRAPH].whole_sequences;
    ck_assert_msg(whole == (strstr(name, "qwen3") == NULL), "%s", name);
    ck_assert_int_eq(status, whole ? VIV_EUNSUPPORTED : VIV_OK);
    sequence_destroy(s);
    model_close(m);
}

TEST(vectors__a_text_read_in_both_directions_does_not_come_in_pieces)
{
    for_each_case(check_pieces);
}
END_TEST

/* --- rows given as vectors, where each layer has inputs of its own -------------------------------------------- */

/* Logits of tokens {5, 0, 9}; vector: in place of the second, or NULL. malloc'ed. */
static float *logits_with(viv_model *m, const float *vector)
{
    struct text t = {.tokens = {5, vector ? -1 : 0, 9}, .n = 3};
    const float *const vectors[] = {NULL, vector, NULL}, *logits;
    struct error err;
    uint64_t n;
    viv_sequence *s = golden_sequence(m);
    viv_rows rows = rows_of(s, &t, 0, t.n);
    const viv_rows *const list[] = {&rows};
    rows.vectors = vectors;
    ck_assert_msg(model_step(m, list, 1, NULL, &logits, &n, &err) == VIV_OK, "%s", err.text);
    float *out = malloc(n * model_output_dim(m) * sizeof *out);
    memcpy(out, logits, n * model_output_dim(m) * sizeof *out);
    sequence_destroy(s);
    return out;
}

/* The padding token stands in: its own embedding as a vector changes nothing. */
TEST(vectors__in_place_of_tokens_have_the_inputs_of_the_token_that_stands_in)
{
    open_host();
    const char *directory = source_path("tests/golden/gemma4");
    viv_model *m = load(directory, 0);
    struct checkpoint c;
    struct error err;
    float vector[24];
    ck_assert_msg(checkpoint_open(&c, directory, &err) == VIV_OK, "%s", err.text);
    const viv_tensor *embed = checkpoint_tensor(&c, "model.embed_tokens.weight");
    ck_assert_ptr_nonnull(embed);
    for (int j = 0; j < 24; j++)
        vector[j] = ((const float *)embed->dl.data)[j] * sqrtf(24);
    float *tokens = logits_with(m, NULL), *same = logits_with(m, vector);
    vector[3] += 1;
    float *other = logits_with(m, vector);
    check_near("gemma4", "a vector", same, tokens, 3 * model_output_dim(m));
    ck_assert(memcmp(other, tokens, model_output_dim(m) * sizeof *tokens) == 0);
    ck_assert(memcmp(other, same, 3 * model_output_dim(m) * sizeof *tokens) != 0);
    free(tokens);
    free(same);
    free(other);
    checkpoint_close(&c);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TESTS(vectors__tokens_texts_and_scores_are_those_of_transformers,
      vectors__bits_do_not_depend_on_threads_or_who_shares_the_step,
      vectors__of_texts_and_pairs_are_those_of_sentence_transformers,
      vectors__a_text_read_in_both_directions_does_not_come_in_pieces,
      vectors__in_place_of_tokens_have_the_inputs_of_the_token_that_stands_in)
