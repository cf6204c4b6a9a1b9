/* Tokens become the text that the reference library makes of them (tests/golden/make/decoding.py), at once and one
 * by one, each part of a stream being whole characters. */
#include "testing.h"

#include "base/file.h"
#include "base/json.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer.h"

#include <unistd.h>

static struct tokenizer *open_json(json_t *j)
{
    char name[] = "/tmp/decoding-XXXXXX.json", *text = json_dumps(j, 0);
    struct tokenizer *t;
    struct error err;
    const int fd = mkstemps(name, 5);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    ck_assert_msg(tokenizer_open_file(name, &t, &err) == VIV_OK, "%s", err.text);
    unlink(name);
    free(text);
    return t;
}

static void add_part(struct buf *all, const char *name, const char *text, size_t n)
{
    ck_assert_msg(utf8_valid(text, n), "%s: a part of %zu bytes is not UTF-8", name, n);
    buf_append(all, text, n);
}

/* The text of ids, one by one. */
static void stream(const struct tokenizer *t, const char *name, const int32_t *ids, size_t n, struct buf *out)
{
    viv_decoder *d;
    struct error err;
    const char *text;
    size_t size;
    ck_assert_int_eq(stream_decoder_create(t, 0, &d, &err), VIV_OK);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(stream_decoder_push(d, ids[i], &text, &size, &err), VIV_OK);
        add_part(out, name, text, size);
    }
    ck_assert_int_eq(stream_decoder_finish(d, &text, &size, &err), VIV_OK);
    add_part(out, name, text, size);
    ck_assert_int_eq(stream_decoder_finish(d, &text, &size, &err), VIV_OK);
    ck_assert_msg(size == 0, "%s: what is finished is finished", name);
    stream_decoder_destroy(d);
}

static void same(const char *name, const char *how, const struct buf *got, const char *expected, size_t n)
{
    ck_assert_msg(got->size == n && memcmp(buf_text(got), expected, n) == 0, "%s, %s: '%s', expected '%.*s'", name,
                  how, buf_text(got), (int)n, expected);
}

static void check_case(const struct tokenizer *t, const char *name, json_t *one)
{
    json_t *list = json_array_get(one, 0), *text = json_array_get(one, 1), *id;
    struct buf whole = {0}, streamed = {0};
    struct error err;
    int32_t ids[16];
    size_t n = 0, i;
    json_array_foreach(list, i, id) ids[n++] = (int32_t)json_integer_value(id);
    ck_assert_int_eq(tokenizer_decode(t, ids, n, 0, &whole, &err), VIV_OK);
    same(name, "at once", &whole, json_string_value(text), json_string_length(text));
    stream(t, name, ids, n, &streamed);
    same(name, "as a stream", &streamed, json_string_value(text), json_string_length(text));
    buf_release(&whole);
    buf_release(&streamed);
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Sequences of any tokens, beyond those that the reference was asked for. */
static void check_generated(const struct tokenizer *t, const char *name, unsigned count)
{
    uint64_t state = 12;
    for (unsigned k = 0; k < count; k++) {
        struct buf whole = {0}, streamed = {0};
        struct error err;
        int32_t ids[24];
        const size_t n = 1 + next_random(&state) % 24;
        for (size_t i = 0; i < n; i++)
            ids[i] = (int32_t)(next_random(&state) % tokenizer_vocab_size(t));
        ck_assert_int_eq(tokenizer_decode(t, ids, n, 0, &whole, &err), VIV_OK);
        stream(t, name, ids, n, &streamed);
        same(name, "as a stream", &streamed, buf_text(&whole), whole.size);
        buf_release(&whole);
        buf_release(&streamed);
    }
}

TEST(decoding__gives_what_the_reference_gives_at_once_and_as_a_stream)
{
    struct error err;
    json_t *all, *one, *item;
    size_t i, k;
    ck_assert_msg(json_read(source_path("tests/golden/decoding.json"), 1 << 20, &all, &err) == VIV_OK, "%s",
                  err.text);
    json_array_foreach(all, i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        struct tokenizer *t = open_json(json_object_get(one, "tokenizer"));
        json_array_foreach(json_object_get(one, "cases"), k, item) check_case(t, name, item);
        check_generated(t, name, 1000);
        tokenizer_destroy(t);
    }
    ck_assert_uint_eq(json_array_size(all), 17);
    json_decref(all);
}
END_TEST

TEST(decoding__of_real_tokenizers_streams_what_it_gives_at_once)
{
    static const char *const files[] = {"tokenizers/gpt2.json",       "tokenizers/llama2.json",
                                        "tokenizers/mistral03.json",  "tokenizers/xlnet_base_cased.json",
                                        "tokenizers/clip_base.json",  "tokenizers/bert_base_cased.json",
                                        "sentencepiece/llama2.model", "sentencepiece/nerdstash.model"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *root = shared_path("tokenizers");
        char path[4200];
        struct tokenizer *t;
        struct error err;
        if (!root)
            return;
        snprintf(path, sizeof path, "%s/%s", root, files[i]);
        ck_assert_msg(tokenizer_open_file(path, &t, &err) == VIV_OK, "%s", err.text);
        check_generated(t, files[i], 500);
        tokenizer_destroy(t);
    }
}
END_TEST

/* A prompt is decoded, and finished; what follows is decoded as what follows. */
TEST(decoding__goes_on_behind_what_is_finished)
{
    json_t *j = json_pack("{s:{s:s, s:{s:i, s:i, s:i}, s:[]}, s:{s:s, s:[{s:s}, {s:s}, {s:s, s:s, s:i, s:i}]}}",
                          "model", "type", "BPE", "vocab", " a", 0, "<0x0A>", 1, "<0xC3>", 2, "merges", "decoder",
                          "type", "Sequence", "decoders", "type", "ByteFallback", "type", "Fuse", "type", "Strip",
                          "content", " ", "start", 1, "stop", 0);
    struct tokenizer *t = open_json(j);
    viv_decoder *d;
    struct error err;
    const char *text;
    size_t size;
    ck_assert_int_eq(stream_decoder_create(t, 0, &d, &err), VIV_OK);
    ck_assert_int_eq(stream_decoder_push(d, 0, &text, &size, &err), VIV_OK);
    ck_assert_str_eq(text, "a"); /* the first space goes */
    ck_assert_int_eq(stream_decoder_push(d, 1, &text, &size, &err), VIV_OK);
    ck_assert_str_eq(text, ""); /* what follows may spoil it */
    ck_assert_int_eq(stream_decoder_finish(d, &text, &size, &err), VIV_OK);
    ck_assert_str_eq(text, "\n");
    ck_assert_int_eq(stream_decoder_push(d, 2, &text, &size, &err), VIV_OK);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(stream_decoder_push(d, 0, &text, &size, &err), VIV_OK);
    ck_assert_str_eq(text, "\xEF\xBF\xBD a"); /* and the second one stays */
    stream_decoder_destroy(d);
    tokenizer_destroy(t);
    json_decref(j);
}
END_TEST

TESTS(decoding__gives_what_the_reference_gives_at_once_and_as_a_stream,
      decoding__of_real_tokenizers_streams_what_it_gives_at_once, decoding__goes_on_behind_what_is_finished)
