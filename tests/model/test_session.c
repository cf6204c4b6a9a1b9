/* Sessions: what a sequence keeps of a text, on its own and through a file. */
#include "answers.h"

#include "base/buf.h"
#include "engine/load.h"
#include "run/run.h"
#include "session/session.h"

#include <unistd.h>
#include <zlib.h>

enum { LENGTH = 300, BEGIN_BYTES = 16 };

static void text_of(int32_t *tokens, int32_t first)
{
    for (int32_t i = 0; i < LENGTH; i++)
        tokens[i] = 5 + (first + i * 37) % 60;
}

static viv_model *model_called(const char *name)
{
    const struct model_options options = golden_options();
    char path[256];
    snprintf(path, sizeof path, "tests/golden/%s", name);
    return golden_load(&options, source_path(path));
}

static viv_model *chat_model(void)
{
    return model_called("chat");
}

/* Logits of the rows [from, n) of a text, of which the sequence holds the rows before. */
static float *run_from(viv_model *m, viv_sequence *s, const int32_t *tokens, size_t from, size_t n)
{
    float *logits = malloc((n - from) * model_output_dim(m) * sizeof *logits);
    ck_assert_uint_eq(sequence_length(s), from);
    step(m, s, tokens + from, n - from, logits);
    return logits;
}

TEST(sequence__reuses_the_prefix_that_it_shares_and_no_more)
{
    int32_t one[LENGTH], other[LENGTH];
    open_host();
    viv_model *m = chat_model();
    text_of(one, 0);
    memcpy(other, one, sizeof other);
    other[200] = one[200] == 7 ? 8 : 7;
    viv_sequence *s = golden_sequence(m), *alone = golden_sequence(m);
    free(run_from(m, s, one, 0, LENGTH));
    ck_assert_uint_eq(sequence_reuse_prefix(s, one, LENGTH, 0), LENGTH);
    ck_assert_uint_eq(sequence_reuse_prefix(s, other, LENGTH, 0), 200);
    float *kept = run_from(m, s, other, 200, LENGTH), *anew = run_from(m, alone, other, 0, LENGTH);
    const size_t vocab = model_output_dim(m);
    ck_assert_mem_eq(kept, anew + 200 * vocab, 100 * vocab * sizeof *kept);
    ck_assert_uint_eq(sequence_reuse_prefix(s, other, 150, 0), 150);
    ck_assert_uint_eq(sequence_length(s), 150);
    ck_assert_uint_eq(sequence_reuse_prefix(s, one, 0, 0), 0);
    ck_assert_uint_eq(sequence_reuse_prefix(s, one, LENGTH, 0), 0);
    sequence_destroy(s);
    sequence_destroy(alone);
    free(kept);
    free(anew);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* A row that came as a vector is like no token. */
TEST(sequence__reuses_nothing_from_a_vector_on)
{
    int32_t tokens[LENGTH];
    float vector[40] = {1};
    const float *vectors[3] = {NULL, vector, NULL}, *out;
    uint64_t n_out;
    struct error err;
    open_host();
    viv_model *m = chat_model();
    text_of(tokens, 0);
    viv_sequence *s = golden_sequence(m);
    const viv_rows rows = {
        .struct_size = sizeof rows, .sequence = s, .n_rows = 3, .tokens = tokens, .vectors = vectors};
    const viv_rows *const list[] = {&rows};
    ck_assert_msg(model_step(m, list, 1, NULL, &out, &n_out, &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(sequence_reuse_prefix(s, tokens, 3, 0), 1);
    sequence_destroy(s);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* What a sequence has once for all of its tokens is there as it is and as it was before the last step, or not at
 * all. */
TEST(sequence__reuses_recurrent_state_where_there_is_one)
{
    int32_t one[LENGTH], other[LENGTH];
    open_host();
    viv_model *m = model_called("qwen3_next");
    const size_t vocab = model_output_dim(m);
    text_of(one, 0);
    memcpy(other, one, sizeof other);
    other[LENGTH - 1] = one[LENGTH - 1] == 7 ? 8 : 7;
    viv_sequence *s = golden_sequence(m), *alone = golden_sequence(m);
    float *anew = run_from(m, alone, other, 0, LENGTH);
    free(run_from(m, s, one, 0, LENGTH - 1));
    free(run_from(m, s, one, LENGTH - 1, LENGTH));
    ck_assert_uint_eq(sequence_reuse_prefix(s, one, LENGTH, 0), LENGTH);
    ck_assert_uint_eq(sequence_reuse_prefix(s, other, LENGTH, 0), LENGTH - 1);
    float *last = run_from(m, s, other, LENGTH - 1, LENGTH);
    ck_assert_mem_eq(last, anew + (LENGTH - 1) * vocab, vocab * sizeof *last);
    ck_assert_uint_eq(sequence_reuse_prefix(s, one, 100, 0), 0);
    float *whole = run_from(m, s, other, 0, LENGTH);
    ck_assert_mem_eq(whole, anew, LENGTH * vocab * sizeof *whole);
    sequence_destroy(s);
    sequence_destroy(alone);
    free(anew);
    free(last);
    free(whole);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* --- files --------------------------------------------------------------------------------------------------- */

static const char *session_path(void)
{
    static char path[4096];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/viv-session-%d", folder ? folder : "/tmp", (int)getpid());
    return path;
}

/* A session in which n tokens of a text were computed, and one more was said. */
static void begun(struct session *s, viv_model *m, size_t n)
{
    struct error err;
    int32_t tokens[LENGTH];
    text_of(tokens, 3);
    ck_assert_msg(session_begin(s, m, &err) == VIV_OK, "%s", err.text);
    s->text.ids = malloc(sizeof tokens);
    memcpy(s->text.ids, tokens, sizeof tokens);
    s->text.n = n + 1;
    s->text.capacity = LENGTH;
    s->n_prompt = n < 5 ? n : 5;
    s->seed = 77;
    if (n > 0)
        free(run_from(m, s->sequence, tokens, 0, n));
}

static void written(viv_model *m, size_t n)
{
    struct session s;
    struct error err;
    begun(&s, m, n);
    ck_assert_msg(session_write(&s, session_path(), &err) == VIV_OK, "%s", err.text);
    session_end(&s);
}

static void check_cuts(const char *name, const size_t *cuts, size_t n_cuts)
{
    int32_t tokens[LENGTH];
    struct error err;
    struct session s;
    viv_model *m = model_called(name);
    const size_t vocab = model_output_dim(m);
    text_of(tokens, 3);
    viv_sequence *alone = golden_sequence(m);
    float *whole = run_from(m, alone, tokens, 0, LENGTH);
    for (size_t i = 0; i < n_cuts; i++) {
        const size_t n = cuts[i];
        written(m, n);
        viv_model *later = model_called(name);
        ck_assert_msg(session_read(&s, later, session_path(), &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(s.text.n, n + 1);
        ck_assert_mem_eq(s.text.ids, tokens, s.text.n * sizeof *tokens);
        ck_assert_uint_eq(s.n_prompt, n < 5 ? n : 5);
        ck_assert_int_eq(s.seed, 77);
        ck_assert_ptr_null(s.messages);
        float *rest = run_from(later, s.sequence, tokens, n, LENGTH);
        ck_assert_msg(memcmp(rest, whole + n * vocab, (LENGTH - n) * vocab * sizeof *rest) == 0, "%s cut at %zu",
                      name, n);
        free(rest);
        session_end(&s);
        model_close(later);
    }
    free(whole);
    sequence_destroy(alone);
    unlink(session_path());
    model_close(m);
}

TEST(session__goes_on_as_if_it_had_not_been_cut)
{
    static const size_t cuts[] = {0, 1, 127, 128, 129, 256, 290};
    open_host();
    check_cuts("chat", cuts, sizeof cuts / sizeof *cuts);
    engine_destroy(engine);
}
END_TEST

/* Of whatever kind its layers and its state are. */
TEST(session__goes_on_with_models_of_all_kinds)
{
    static const char *const names[] = {"llama-bf16-sharded", "gemma3",  "mixtral-gguf", "bloom",
                                        "phi3-longrope",      "cohere2", "gemma4",       "qwen3_next",
                                        "qwen3_next-gguf"};
    static const size_t cuts[] = {77, 201};
    open_host();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_cuts(names[i], cuts, 2);
    engine_destroy(engine);
}
END_TEST

TEST(session__holds_the_messages_of_a_conversation)
{
    struct error err;
    struct session s;
    open_host();
    viv_model *m = chat_model();
    begun(&s, m, 9);
    s.messages = json_pack("[{s:s, s:s}, {s:s, s:s#}]", "role", "user", "content", "\xC3\xB6", "role", "assistant",
                           "content", "a\0b", 3);
    json_t *before = json_incref(s.messages);
    ck_assert_msg(session_write(&s, session_path(), &err) == VIV_OK, "%s", err.text);
    session_end(&s);
    ck_assert_msg(session_read(&s, m, session_path(), &err) == VIV_OK, "%s", err.text);
    ck_assert(json_equal(s.messages, before));
    json_decref(before);
    session_end(&s);
    unlink(session_path());
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TEST(session__may_be_empty)
{
    struct error err;
    struct session s;
    open_host();
    viv_model *m = chat_model();
    ck_assert_msg(session_begin(&s, m, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(session_write(&s, session_path(), &err) == VIV_OK, "%s", err.text);
    session_end(&s);
    ck_assert_msg(session_read(&s, m, session_path(), &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(s.text.n, 0);
    ck_assert_uint_eq(sequence_length(s.sequence), 0);
    ck_assert_int_eq(s.seed, -1);
    session_end(&s);
    unlink(session_path());
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* What the sequence holds beyond the text is not the text's. */
TEST(session__keeps_of_the_cache_what_is_of_the_text)
{
    struct error err;
    struct session s;
    open_host();
    viv_model *m = chat_model();
    begun(&s, m, 200);
    s.text.n = 150;
    ck_assert_msg(session_write(&s, session_path(), &err) == VIV_OK, "%s", err.text);
    session_end(&s);
    ck_assert_msg(session_read(&s, m, session_path(), &err) == VIV_OK, "%s", err.text);
    ck_assert_uint_eq(s.text.n, 150);
    ck_assert_uint_eq(sequence_length(s.sequence), 150);
    session_end(&s);
    unlink(session_path());
    model_close(m);
    engine_destroy(engine);
}
END_TEST

static void refused_by(const struct model_options *options, const char *model, const char *sentence)
{
    struct error err;
    struct session s;
    viv_model *m = golden_load(options, source_path(model));
    ck_assert_msg(session_read(&s, m, session_path(), &err) != VIV_OK, "%s reads it", model);
    ck_assert_msg(strstr(err.text, sentence), "expected '%s', found '%s'", sentence, err.text);
    ck_assert_ptr_null(s.sequence);
    model_close(m);
}

/* The model's folder with one byte of its last tensor changed. */
static void with_other_weights(void)
{
    char folder[4200], path[4352], command[16384];
    snprintf(folder, sizeof folder, "%s-model", session_path());
    snprintf(command, sizeof command, "cp -r '%s' '%s' && chmod -R u+w '%s'", source_path("tests/golden/chat"),
             folder, folder);
    ck_assert_int_eq(system(command), 0);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, -3, SEEK_END);
    fputc(0x11, f);
    fclose(f);
    struct error err;
    struct session s;
    const struct model_options options = golden_options();
    viv_model *m = golden_load(&options, folder);
    ck_assert_int_eq(session_read(&s, m, session_path(), &err), VIV_EINVAL);
    ck_assert_msg(strstr(err.text, "the weights differ"), "%s", err.text);
    model_close(m);
    snprintf(command, sizeof command, "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

TEST(session__is_refused_with_the_reason_by_another_model)
{
    struct model_options options;
    open_host();
    viv_model *m = chat_model();
    char whole[4096], half[4352];
    const char *adapter = whole;
    snprintf(whole, sizeof whole, "%s", source_path("tests/golden/chat-lora"));
    written(m, 40);
    options = golden_options();
    refused_by(&options, "tests/golden/chat-gguf", "the spec differs");
    with_other_weights();
    options = golden_options();
    options.cache_type = "f16";
    refused_by(&options, "tests/golden/chat", "the KV cache of the session is f32, the model's is f16 now");
    options = golden_options();
    options.context = 40;
    refused_by(&options, "tests/golden/chat", "41 tokens, and the context holds 40");
    options = golden_options();
    options.adapters = &adapter;
    options.n_adapters = 1;
    refused_by(&options, "tests/golden/chat", "made without the adapters that are given now");
    viv_model *adapted = golden_load(&options, source_path("tests/golden/chat"));
    written(adapted, 40);
    struct session s;
    struct error err;
    ck_assert_msg(session_read(&s, adapted, session_path(), &err) == VIV_OK, "%s", err.text);
    session_end(&s);
    model_close(adapted);
    options = golden_options();
    refused_by(&options, "tests/golden/chat", "made with adapters (--lora), but none are given now");
    snprintf(half, sizeof half, "%s:0.5", whole);
    adapter = half;
    options.adapters = &adapter;
    options.n_adapters = 1;
    refused_by(&options, "tests/golden/chat", "other adapters or scales");
    unlink(session_path());
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TEST(session__is_nothing_for_a_model_with_an_encoder)
{
    struct error err;
    struct session s;
    open_host();
    const struct model_options options = golden_options();
    viv_model *m = golden_load(&options, source_path("tests/golden/t5"));
    ck_assert_int_eq(session_begin(&s, m, &err), VIV_EUNSUPPORTED);
    ck_assert_msg(strstr(err.text, "encoder"), "%s", err.text);
    session_end(&s);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* --- bytes --------------------------------------------------------------------------------------------------- */

static struct buf bytes_of(viv_model *m, size_t n)
{
    struct buf b = {0};
    struct error err;
    written(m, n);
    ck_assert_int_eq(file_read(session_path(), 1 << 24, &b, &err), VIV_OK);
    unlink(session_path());
    return b;
}

static void refused(viv_model *m, const void *bytes, size_t n, const char *sentence)
{
    struct error err;
    struct session s;
    ck_assert_msg(session_parse(&s, m, "s", bytes, n, &err) != VIV_OK, "reads what should be '%s'", sentence);
    ck_assert_msg(strstr(err.text, sentence), "expected '%s', found '%s'", sentence, err.text);
    ck_assert_msg(strncmp(err.text, "s:", 2) == 0, "%s", err.text);
    ck_assert_ptr_null(s.sequence);
}

TEST(session__that_is_damaged_is_refused)
{
    open_host();
    viv_model *m = chat_model();
    struct buf b = bytes_of(m, 20);
    refused(m, NULL, 0, "not a session file");
    refused(m, "vivsess\n", 8, "not a session file");
    for (size_t n = 20; n < b.size; n += 331)
        refused(m, b.data, n, n < 600 ? "" : "damaged");
    for (size_t at = 0; at < b.size; at += at < 700 ? 1 : 997) {
        b.data[at] ^= 0x10;
        refused(m, b.data, b.size, "");
        b.data[at] ^= 0x10;
    }
    buf_release(&b);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

/* A file whose head says `with` where it said `instead`; its checksum is right. */
static void refused_head(viv_model *m, const struct buf *b, const char *instead, const char *with,
                         const char *sentence)
{
    struct buf changed = {0};
    uint64_t head_size;
    memcpy(&head_size, b->data + 8, sizeof head_size);
    const char *at = memmem(b->data, (size_t)head_size + BEGIN_BYTES, instead, strlen(instead));
    ck_assert_msg(at, "no %s", instead);
    const size_t before = (size_t)(at - b->data), behind = before + strlen(instead);
    buf_append(&changed, b->data, before);
    buf_puts(&changed, with);
    buf_append(&changed, b->data + behind, b->size - behind);
    head_size += strlen(with) - strlen(instead);
    memcpy(changed.data + 8, &head_size, sizeof head_size);
    uint32_t sum = (uint32_t)crc32_z(0, (unsigned char *)changed.data, changed.size - 4);
    memcpy(changed.data + changed.size - 4, &sum, sizeof sum);
    refused(m, changed.data, changed.size, sentence);
    buf_release(&changed);
}

TEST(session__that_lies_is_refused)
{
    open_host();
    viv_model *m = chat_model();
    struct buf b = bytes_of(m, 20);
    refused_head(m, &b, "{\"session\"", "[\"session\"", "s:1:");
    refused_head(m, &b, "\"session\":2", "\"session\":3", "version 3");
    refused_head(m, &b, "\"session\":2", "\"session\":\"1\"", "\"session\" of the session: expected an integer");
    refused_head(m, &b, "\"adapters\":\"\"", "\"adapters\":null", "made with adapters");
    refused_head(m, &b, "\"tokenizer\":\"", "\"tokenizer\":\"0", "the tokenizer differs");
    refused_head(m, &b, "\"page_rows\":128", "\"page_rows\":64", "layout of its cache differs");
    refused_head(m, &b, "\"page_bytes\":40960", "\"page_bytes\":81920", "layout of its cache differs");
    refused_head(m, &b, "\"recurrent_bytes\":0", "\"recurrent_bytes\":64", "layout of its cache differs");
    refused_head(m, &b, "\"n_cached\":20", "\"n_cached\":22", "more tokens than its text has");
    refused_head(m, &b, "\"n_cached\":20", "\"n_cached\":-1", "expected an integer from 0 on");
    refused_head(m, &b, "\"n_cached\":20", "\"n_cached\":2.5", "expected an integer from 0 on");
    refused_head(m, &b, "\"n_tokens\":21", "\"n_tokens\":22", "does not match its head");
    refused_head(m, &b, "\"n_tokens\":21", "\"n_tokens\":4611686018427387905", "the context holds");
    refused_head(m, &b, "\"n_prompt\":5", "\"n_prompt\":22", "more tokens than its text has");
    refused_head(m, &b, "\"messages\":null", "\"messages\":{}", "expected a list");
    refused_head(m, &b, "\"messages\":null", "\"messages\":[1]", "expected objects with a role");
    refused_head(m, &b, "\"seed\":77", "\"seed\":77,\"seed\":78", "s:1:");
    uint64_t head_size;
    memcpy(&head_size, b.data + 8, sizeof head_size);
    for (int i = 0; i < 2; i++) {
        const int32_t token = i ? (int32_t)model_output_dim(m) : -5;
        memcpy(b.data + BEGIN_BYTES + head_size + 8, &token, sizeof token);
        refused_head(m, &b, "\"seed\":77", "\"seed\":77", "outside the vocabulary");
    }
    buf_release(&b);
    model_close(m);
    engine_destroy(engine);
}
END_TEST

TESTS(sequence__reuses_the_prefix_that_it_shares_and_no_more, sequence__reuses_nothing_from_a_vector_on,
      sequence__reuses_recurrent_state_where_there_is_one, session__goes_on_as_if_it_had_not_been_cut,
      session__goes_on_with_models_of_all_kinds, session__holds_the_messages_of_a_conversation,
      session__may_be_empty, session__keeps_of_the_cache_what_is_of_the_text,
      session__is_refused_with_the_reason_by_another_model, session__is_nothing_for_a_model_with_an_encoder,
      session__that_is_damaged_is_refused, session__that_lies_is_refused)
