/* answers.h - what the reference answers, under tests/golden/, and a model that is asked the same. */
#ifndef TESTS_SESSION_ANSWERS_H
#define TESTS_SESSION_ANSWERS_H

#include "golden.h"

#include "base/json.h"
#include "run/run.h"

enum { MAX_TOKENS = 512, MAX_ADAPTERS = 4 };

struct answers {
    int32_t tokens[MAX_TOKENS], greedy[MAX_TOKENS];
    int32_t encoder[MAX_TOKENS]; /* what the encoder reads before, if there is one */
    size_t n, n_prompt, n_greedy, n_encoder;
    float *logits; /* [n, vocab] */
    size_t vocab;
};

static inline size_t read_ids(json_t *list, int32_t *out)
{
    size_t i;
    json_t *id;
    json_array_foreach(list, i, id) out[i] = (int32_t)json_integer_value(id);
    return json_array_size(list);
}

static inline void read_answers(const char *directory, struct answers *a)
{
    char path[4096];
    json_t *root;
    struct error err;
    snprintf(path, sizeof path, "%s/tokens.json", directory);
    ck_assert_int_eq(json_read(path, 1 << 20, &root, &err), VIV_OK);
    a->n = read_ids(json_object_get(root, "tokens"), a->tokens);
    a->n_encoder = read_ids(json_object_get(root, "encoder"), a->encoder);
    a->n_greedy = read_ids(json_object_get(root, "greedy"), a->greedy);
    a->n_prompt = json_array_size(json_object_get(root, "greedy_prompt"));
    json_decref(root);
    const struct array logits = read_npy(directory, "logits.npy");
    ck_assert_ptr_nonnull(logits.data);
    ck_assert_uint_eq(logits.rows, a->n);
    a->logits = logits.data;
    a->vocab = logits.columns;
}

/* What tokens.json says beside the tokens: that the model is another folder's, with adapters of this one. */
struct on_base {
    char base[4096], adapters[MAX_ADAPTERS][4352];
    const char *list[MAX_ADAPTERS];
    uint32_t n;
};

static inline void read_base(const char *directory, struct on_base *on)
{
    json_t *root, *adapter;
    struct error err;
    size_t i;
    snprintf(on->base, sizeof on->base, "%s/tokens.json", directory);
    ck_assert_int_eq(json_read(on->base, 1 << 20, &root, &err), VIV_OK);
    const char *base = json_string_value(json_object_get(root, "base"));
    snprintf(on->base, sizeof on->base, "%s%s%s", directory, base ? "/../" : "", base ? base : "");
    on->n = (uint32_t)json_array_size(json_object_get(root, "adapters"));
    ck_assert_uint_le(on->n, MAX_ADAPTERS);
    json_array_foreach(json_object_get(root, "adapters"), i, adapter)
    {
        snprintf(on->adapters[i], sizeof on->adapters[i], "%s/%s", directory, json_string_value(adapter));
        on->list[i] = on->adapters[i];
    }
    json_decref(root);
}

static inline viv_model *load(const char *directory, const char *scheduler, uint32_t n_threads, uint64_t max_rows)
{
    struct model_options options = golden_options();
    struct on_base on;
    read_base(directory, &on);
    options.scheduler = scheduler;
    options.n_threads = n_threads;
    options.max_rows = max_rows;
    options.adapters = on.list;
    options.n_adapters = on.n;
    return golden_load(&options, on.base);
}

/* Runs rows of one sequence, a part of a text of `length` tokens, all wanted; copies their logits. */
static inline void step_of(viv_model *m, viv_sequence *s, const int32_t *tokens, size_t n, size_t length,
                           float *out)
{
    uint8_t output_rows[MAX_TOKENS];
    struct error err;
    const float *logits;
    uint64_t n_outputs;
    memset(output_rows, 1, sizeof output_rows);
    const viv_rows rows = {.struct_size = sizeof rows,
                           .sequence = s,
                           .n_rows = n,
                           .tokens = tokens,
                           .output_rows = output_rows,
                           .length = length};
    const viv_rows *const list[] = {&rows};
    ck_assert_msg(model_step(m, list, 1, NULL, &logits, &n_outputs, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(n_outputs, n);
    memcpy(out, logits, n * model_output_dim(m) * sizeof *out);
}

static inline void step(viv_model *m, viv_sequence *s, const int32_t *tokens, size_t n, float *out)
{
    step_of(m, s, tokens, n, 0, out);
}

/* The encoder's rows of one sequence: the text, beginning at `skip`. */
static inline viv_rows read_rows(viv_sequence *s, const struct answers *a, size_t skip)
{
    return (viv_rows){.struct_size = sizeof(viv_rows),
                      .flags = VIV_ROWS_ENCODER,
                      .sequence = s,
                      .n_rows = a->n_encoder - skip,
                      .tokens = a->encoder + skip};
}

/* A sequence, whose text, if there is an encoder, has gone through it. */
static inline viv_sequence *begin(viv_model *m, const struct answers *a, size_t skip)
{
    viv_sequence *s = golden_sequence(m);
    struct error err;
    const float *encoded;
    uint64_t n_rows;
    ck_assert(!a->n_encoder == !model_encoder_dim(m));
    if (a->n_encoder) {
        const viv_rows rows = read_rows(s, a, skip);
        const viv_rows *const list[] = {&rows};
        ck_assert_msg(model_step(m, list, 1, NULL, &encoded, &n_rows, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(n_rows, rows.n_rows);
    }
    return s;
}

#endif
