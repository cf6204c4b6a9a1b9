/* Models of two stacks: what a sequence remembers of the text that its encoder has read, and for how long; and a
 * request from text to text. That their numbers are right, test_parity.c says. */
#include "answers.h"
#include "engine/architecture.h"
#include "engine/load.h"
#include "formats/build.h"
#include "run/run.h"

static const char *const checkpoint = "tests/golden/t5-gated";

struct fixture {
    struct answers a;
    viv_model *m;
    float *logits; /* [a.n, vocab] of the whole text */
};

static void make(struct fixture *f, const char *scheduler)
{
    open_host();
    f->m = load(source_path(checkpoint), scheduler, 2, 0);
    read_answers(source_path(checkpoint), &f->a);
    f->logits = malloc(f->a.n * f->a.vocab * sizeof *f->logits);
    viv_sequence *s = begin(f->m, &f->a, 0);
    step(f->m, s, f->a.tokens, f->a.n, f->logits);
    sequence_destroy(s);
}

static void release(struct fixture *f)
{
    model_close(f->m);
    engine_destroy(engine);
    free(f->a.logits);
    free(f->logits);
}

/* A step of rows as they are; its status, and the sentence in *err. */
static viv_status try_step(viv_model *m, const viv_rows *rows, uint32_t n, const uint32_t *cancel,
                           struct error *err)
{
    const viv_rows *list[3];
    const float *outputs;
    uint64_t n_outputs;
    for (uint32_t i = 0; i < n; i++)
        list[i] = &rows[i];
    return model_step(m, list, n, cancel, &outputs, &n_outputs, err);
}

static viv_rows write_rows(viv_sequence *s, const struct answers *a, size_t first, size_t n)
{
    return (viv_rows){.struct_size = sizeof(viv_rows), .sequence = s, .n_rows = n, .tokens = a->tokens + first};
}

static void same_logits(const struct fixture *f, const float *got, size_t first, size_t n, const char *when)
{
    const float *expected = f->logits + first * f->a.vocab;
    ck_assert_msg(memcmp(got, expected, n * f->a.vocab * sizeof *got) == 0, "other logits %s", when);
}

TEST(seq2seq__writes_only_by_what_has_been_read)
{
    struct fixture f;
    struct error err;
    viv_sequence *s, *other;
    make(&f, "serial");
    s = golden_sequence(f.m);
    viv_rows rows[2] = {write_rows(s, &f.a, 0, 1)};
    ck_assert_int_eq(try_step(f.m, rows, 1, NULL, &err), VIV_EINVAL);
    ck_assert_str_eq(err.text,
                     "t5-gated generates from the output of its encoder, which has not run for this sequence");
    other = begin(f.m, &f.a, 0);
    rows[0] = read_rows(s, &f.a, 0);
    rows[1] = write_rows(other, &f.a, 0, 1);
    ck_assert_int_eq(try_step(f.m, rows, 2, NULL, &err), VIV_EINVAL);
    ck_assert_str_eq(err.text, "a step has rows of several stacks: expected one");
    sequence_destroy(s);
    sequence_destroy(other);
    release(&f);
    /* and a model without an encoder reads nothing */
    open_host();
    f.m = load(source_path("tests/golden/llama-gqa"), "serial", 1, 0);
    s = golden_sequence(f.m);
    rows[0] = read_rows(s, &f.a, 0);
    ck_assert_int_eq(try_step(f.m, rows, 1, NULL, &err), VIV_EINVAL);
    ck_assert_str_eq(err.text, "llama-gqa has no encoder");
    sequence_destroy(s);
    model_close(f.m);
    engine_destroy(engine);
}
END_TEST

TEST(seq2seq__a_truncated_sequence_still_has_its_encoder_output)
{
    struct fixture f;
    struct error err;
    make(&f, "parallel");
    float *got = malloc(f.a.n * f.a.vocab * sizeof *got);
    viv_sequence *s = begin(f.m, &f.a, 0);
    static const size_t lengths[] = {7, 0, 20};
    step(f.m, s, f.a.tokens, 30, got);
    for (size_t i = 0; i < 3; i++) {
        size_t n = lengths[i];
        ck_assert_int_eq(sequence_truncate(s, n, &err), VIV_OK);
        ck_assert_uint_eq(sequence_length(s), n);
        step(f.m, s, f.a.tokens + n, 30 - n, got);
        same_logits(&f, got, n, 30 - n, "after cutting");
    }
    sequence_destroy(s);
    free(got);
    release(&f);
}
END_TEST

TEST(seq2seq__another_text_that_is_read_begins_anew)
{
    struct fixture f;
    struct error err;
    make(&f, "parallel");
    float *got = malloc(f.a.n * f.a.vocab * sizeof *got);
    viv_sequence *s = begin(f.m, &f.a, 11);
    /* a longer one than before, and one that nothing was written by */
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            step(f.m, s, f.a.tokens + 3, 9, got);
        ck_assert_uint_eq(sequence_length(s), i == 0 ? 9 : f.a.n);
        const viv_rows rows = read_rows(s, &f.a, 0);
        ck_assert_int_eq(try_step(f.m, &rows, 1, NULL, &err), VIV_OK);
        ck_assert_uint_eq(sequence_length(s), 0);
        step(f.m, s, f.a.tokens, f.a.n, got);
        same_logits(&f, got, 0, f.a.n, "after another text");
    }
    sequence_destroy(s);
    free(got);
    release(&f);
}
END_TEST

TEST(seq2seq__a_step_that_is_cancelled_has_not_happened)
{
    static const uint32_t now = 1;
    struct fixture f;
    struct error err;
    viv_sequence *s;
    make(&f, "serial");
    float *got = malloc(f.a.n * f.a.vocab * sizeof *got);
    s = golden_sequence(f.m);
    viv_rows read = read_rows(s, &f.a, 0), write = write_rows(s, &f.a, 0, 5);
    ck_assert_int_eq(try_step(f.m, &read, 1, &now, &err), VIV_ECANCELLED);
    ck_assert_int_eq(try_step(f.m, &write, 1, NULL, &err), VIV_EINVAL);
    ck_assert_int_eq(try_step(f.m, &read, 1, NULL, &err), VIV_OK);
    ck_assert_int_eq(try_step(f.m, &write, 1, &now, &err), VIV_ECANCELLED);
    step(f.m, s, f.a.tokens, 5, got);
    same_logits(&f, got, 0, 5, "after a step that was cancelled");
    ck_assert_int_eq(try_step(f.m, &read, 1, &now, &err), VIV_ECANCELLED);
    ck_assert_uint_eq(sequence_length(s), 5);
    step(f.m, s, f.a.tokens + 5, 9, got);
    same_logits(&f, got, 5, 9, "after reading that was cancelled");
    sequence_destroy(s);
    free(got);
    release(&f);
}
END_TEST

TEST(seq2seq__counts_the_encoder_cache_separately)
{
    struct fixture f;
    struct model_stats stats;
    make(&f, "serial");
    model_stats(f.m, &stats);
    /* keys and values of 3 heads of 9 features in f32: those of one layer at a time where it reads, of two where it
     * writes */
    ck_assert_uint_eq(stats.encoder_bytes_per_token, 2 * 27 * 4);
    ck_assert_uint_eq(stats.cache_bytes_per_token, 2 * 2 * 27 * 4);
    ck_assert_uint_eq(stats.encoder_cache_bytes_per_row, 2 * 2 * 27 * 4);
    ck_assert_uint_eq(model_encoder_dim(f.m), 28);
    release(&f);
}
END_TEST

TEST(seq2seq__a_text_must_fit_the_context)
{
    static int32_t long_text[513];
    struct fixture f;
    struct error err;
    make(&f, "serial");
    viv_sequence *s = begin(f.m, &f.a, 0);
    const viv_rows rows = {
        .struct_size = sizeof rows, .flags = VIV_ROWS_ENCODER, .sequence = s, .n_rows = 513, .tokens = long_text};
    ck_assert_int_eq(try_step(f.m, &rows, 1, NULL, &err), VIV_ELIMIT);
    sequence_destroy(s);
    release(&f);
}
END_TEST

/* --- from text to text, with the tokenizer of T5 ------------------------------------------------------------- */

/* A tensor of numbers that its name decides. */
static void add_tensor(struct buf *header, struct buf *data, const char *name, size_t rows, size_t columns)
{
    size_t begin = data->size, n = rows * (columns ? columns : 1);
    uint32_t seed = 1;
    for (const char *p = name; *p; p++)
        seed = seed * 31 + (unsigned char)*p;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        float x = (columns ? 0.0f : 1.0f) + (float)((int32_t)seed) / 2147483648.0f;
        buf_append(data, (const char *)&x, sizeof x);
    }
    buf_printf(header, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", header->size > 1 ? "," : "", name, rows);
    if (columns)
        buf_printf(header, ",%zu", columns);
    buf_printf(header, "],\"data_offsets\":[%zu,%zu]}", begin, data->size);
}

enum { DIM = 12, INNER = 16, HIDDEN = 20, VOCAB = 32128 };

static void add_attention(struct buf *header, struct buf *data, const char *layer, const char *kind)
{
    char name[128];
    for (const char *p = "qkvo"; *p; p++) {
        snprintf(name, sizeof name, "%s.%s.%c.weight", layer, kind, *p);
        add_tensor(header, data, name, *p == 'o' ? DIM : INNER, *p == 'o' ? INNER : DIM);
    }
    snprintf(name, sizeof name, "%s.layer_norm.weight", layer);
    add_tensor(header, data, name, DIM, 0);
}

static void add_stack(struct buf *header, struct buf *data, const char *stack, bool looks)
{
    char name[128], layer[64];
    snprintf(layer, sizeof layer, "%s.block.0.layer.0", stack);
    add_attention(header, data, layer, "SelfAttention");
    snprintf(name, sizeof name, "%s.SelfAttention.relative_attention_bias.weight", layer);
    add_tensor(header, data, name, 32, 2);
    snprintf(layer, sizeof layer, "%s.block.0.layer.1", stack);
    if (looks)
        add_attention(header, data, layer, "EncDecAttention");
    snprintf(layer, sizeof layer, "%s.block.0.layer.%d", stack, looks ? 2 : 1);
    snprintf(name, sizeof name, "%s.DenseReluDense.wi.weight", layer);
    add_tensor(header, data, name, HIDDEN, DIM);
    snprintf(name, sizeof name, "%s.DenseReluDense.wo.weight", layer);
    add_tensor(header, data, name, DIM, HIDDEN);
    snprintf(name, sizeof name, "%s.layer_norm.weight", layer);
    add_tensor(header, data, name, DIM, 0);
    snprintf(name, sizeof name, "%s.final_layer_norm.weight", stack);
    add_tensor(header, data, name, DIM, 0);
}

/* A folder with a tiny T5 and this tokenizer. */
static const char *write_checkpoint(const char *tokenizer)
{
    static const char config[] =
        "{\"architectures\": [\"T5ForConditionalGeneration\"], \"d_model\": 12, \"d_kv\": 8, "
        "\"d_ff\": 20, \"num_heads\": 2, \"num_layers\": 1, \"vocab_size\": 32128, "
        "\"decoder_start_token_id\": 0, \"eos_token_id\": 1}";
    struct buf header = {0}, data = {0}, file = {0};
    struct error err;
    buf_putc(&header, '{');
    add_tensor(&header, &data, "shared.weight", VOCAB, DIM);
    add_stack(&header, &data, "encoder", false);
    add_stack(&header, &data, "decoder", true);
    buf_putc(&header, '}');
    build_string(&file, buf_text(&header), header.size);
    buf_append(&file, data.data, data.size);
    write_bytes("model.safetensors", &file);
    ck_assert_int_eq(file_write(in_scratch("config.json"), config, sizeof config - 1, &err), VIV_OK);
    ck_assert_int_eq(symlink(tokenizer, in_scratch("tokenizer.json")), 0);
    buf_release(&header);
    buf_release(&data);
    buf_release(&file);
    return scratch;
}

struct heard {
    char text[1024];
    int32_t tokens[64];
    size_t n;
    double n_prompt;
};

static viv_status hear(const viv_sink *sink, const viv_event *e)
{
    struct heard *h = sink->ctx;
    if (e->kind == VIV_EVENT_TEXT)
        snprintf(h->text + strlen(h->text), sizeof h->text - strlen(h->text), "%.*s", (int)e->size, e->text);
    if (e->kind == VIV_EVENT_TOKEN)
        h->tokens[h->n++] = e->token;
    if (e->kind == VIV_EVENT_STATS && strncmp(e->text, "prompt_tokens", 13) == 0)
        h->n_prompt = e->value;
    return VIV_OK;
}

static void ask(viv_model *m, const char *prompt, int64_t n, struct heard *h)
{
    struct architecture_instance answers = {0};
    struct error err;
    const viv_part part = {
        .struct_size = sizeof part, .kind = VIV_PART_TEXT, .data = prompt, .size = strlen(prompt)};
    const viv_part *const parts[] = {&part};
    const viv_message message = {.struct_size = sizeof message, .n_parts = 1, .parts = parts};
    const viv_message *const messages[] = {&message};
    const viv_request request = {.struct_size = sizeof request,
                                 .n_messages = 1,
                                 .messages = messages,
                                 .max_tokens = n,
                                 .flags = VIV_REQUEST_IGNORE_EOS | VIV_REQUEST_ECHO};
    const viv_sink sink = {.struct_size = sizeof sink, .ctx = h, .emit = hear};
    *h = (struct heard){0};
    ck_assert_int_eq(host_architecture(host, "llm", &answers.architecture, &err), VIV_OK);
    ck_assert_msg(architecture_run(&answers, host_viv(host), m, &request, &sink, &err) == VIV_OK, "%s", err.text);
    architecture_close(&answers);
}

TEST(seq2seq__answers_a_text_with_another)
{
    const char *tokenizer = shared_path("tokenizers/more/t5-small/tokenizer.json");
    /* as the reference tokenizes it, with the end of text after it */
    static const int32_t ids[] = {13959, 1566, 12, 2968, 10, 37, 629, 19, 1627, 5, 1};
    enum { N_IDS = sizeof ids / sizeof *ids, N = 12 };
    const struct tokenizer *t;
    struct answers a = {.n_encoder = N_IDS};
    struct error err;
    struct heard h, again;
    struct buf text = {0};
    if (!tokenizer)
        return;
    open_host();
    const struct model_options options = golden_options();
    viv_model *m = golden_load(&options, write_checkpoint(tokenizer));
    ask(m, "translate English to German: The house is wonderful.", N, &h);
    ck_assert_uint_eq((size_t)h.n_prompt, N_IDS);
    ck_assert_uint_eq(h.n, N);
    /* the same by hand: read, then write, each time the likeliest */
    memcpy(a.encoder, ids, sizeof ids);
    viv_sequence *s = begin(m, &a, 0);
    float *logits = malloc(VOCAB * sizeof *logits);
    int32_t token = 0;
    for (size_t i = 0; i < N; i++) {
        step(m, s, &token, 1, logits);
        for (int32_t v = token = 0; v < VOCAB; v++)
            token = logits[v] > logits[token] ? v : token;
        ck_assert_int_eq(h.tokens[i], token);
    }
    /* and its text is that of the tokens, without the prompt, which it does not continue */
    ck_assert_int_eq(model_tokenizer(m, &t, &err), VIV_OK);
    ck_assert_int_eq(tokenizer_decode(t, h.tokens, N, TOKENIZER_SKIP_SPECIAL, &text, &err), VIV_OK);
    ck_assert_str_eq(h.text, buf_text(&text));
    ck_assert_uint_gt(strlen(h.text), 0);
    /* a request is as if it were the only one */
    ask(m, "summarize: another text", 3, &again);
    ask(m, "translate English to German: The house is wonderful.", N, &again);
    ck_assert_str_eq(again.text, h.text);
    buf_release(&text);
    free(logits);
    sequence_destroy(s);
    model_close(m);
    engine_destroy(engine);
    remove_scratch();
}
END_TEST

TESTS(seq2seq__writes_only_by_what_has_been_read, seq2seq__a_truncated_sequence_still_has_its_encoder_output,
      seq2seq__another_text_that_is_read_begins_anew, seq2seq__a_step_that_is_cancelled_has_not_happened,
      seq2seq__counts_the_encoder_cache_separately, seq2seq__a_text_must_fit_the_context,
      seq2seq__answers_a_text_with_another)
