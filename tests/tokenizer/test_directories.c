/* Folders of a checkpoint, whose tokens are declared in several small files: texts become what transformers makes
 * of them (tests/golden/make/directories.py). */
#include "base/base64.h"
#include "tokenizer/tokenizers.h"

static void write_file(json_t *files, const char *path, json_t *what)
{
    struct buf b = {0};
    if (json_is_string(what)) {
        json_t *text = json_object_get(files, json_string_value(what));
        ck_assert(base64_decode(json_string_value(text), json_string_length(text), &b));
        write_bytes(path, &b);
        buf_release(&b);
        return;
    }
    char *text = json_dumps(what, 0);
    write_text(path, text);
    free(text);
}

static void check_case(const struct tokenizer *t, const char *name, json_t *one)
{
    const char *text = json_string_value(json_array_get(one, 0)), *back = json_string_value(json_array_get(one, 2));
    json_t *expected = json_array_get(one, 1);
    struct token_ids ids = {0};
    struct buf got = {0};
    struct error err;
    ck_assert_int_eq(
        tokenizer_encode(t, text, strlen(text), TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL, &ids, &err),
        VIV_OK);
    bool same = ids.n == json_array_size(expected);
    for (size_t i = 0; same && i < ids.n; i++)
        same = ids.ids[i] == json_integer_value(json_array_get(expected, i));
    for (size_t i = 0; !same && i < ids.n; i++)
        buf_printf(&got, "%d, ", ids.ids[i]);
    char *list = json_dumps(expected, 0);
    ck_assert_msg(same, "%s: '%s' is [%s], expected %s", name, text, buf_text(&got), list);
    ck_assert_int_eq(tokenizer_decode(t, ids.ids, ids.n, 0, &got, &err), VIV_OK);
    ck_assert_msg(strcmp(buf_text(&got), back) == 0, "%s: '%s' comes back as '%s', expected '%s'", name, text,
                  buf_text(&got), back);
    free(list);
    token_ids_release(&ids);
    buf_release(&got);
}

static void check_folder(json_t *files, json_t *folder)
{
    const char *name = json_string_value(json_object_get(folder, "name")), *path;
    json_t *what, *one;
    size_t i;
    json_object_foreach(json_object_get(folder, "files"), path, what) write_file(files, path, what);
    struct tokenizer *t = open_scratch();
    json_array_foreach(json_object_get(folder, "cases"), i, one) check_case(t, name, one);
    ck_assert_msg(tokenizer_eos(t) == json_integer_value(json_object_get(folder, "eos")), "%s: ends at %d", name,
                  tokenizer_eos(t));
    tokenizer_destroy(t);
    remove_scratch();
}

TEST(directories__have_the_tokens_that_transformers_finds)
{
    struct error err;
    json_t *all, *folder;
    size_t i;
    ck_assert_msg(json_read(source_path("tests/golden/directories.json"), 1 << 20, &all, &err) == VIV_OK, "%s",
                  err.text);
    json_array_foreach(json_object_get(all, "folders"), i, folder)
        check_folder(json_object_get(all, "files"), folder);
    ck_assert_uint_gt(i, 30);
    json_decref(all);
}
END_TEST

static void refused(const char *sentence)
{
    struct tokenizer *t;
    struct error err;
    ck_assert_int_ne(tokenizer_open_directory(scratch, &t, &err), VIV_OK);
    ck_assert_msg(strstr(err.text, sentence) && strstr(err.text, scratch), "'%s' in '%s'", sentence, err.text);
    remove_scratch();
}

TEST(directories__that_lie_are_refused)
{
    write_text("other.json", "{}");
    refused("no tokenizer.json, tekken.json, tokenizer.model, spiece.model, vocab.json or vocab.txt");
    write_text("vocab.json", "{\"a\": 0}");
    write_text("merges.txt", "");
    write_text("tokenizer_config.json", "{\"tokenizer_class\": \"ElvishTokenizer\"}");
    refused("the class 'ElvishTokenizer', whose pre-tokenizer this version does not know");
    write_text("vocab.json", "{\"a\": 0}");
    write_text("merges.txt", "");
    write_text("added_tokens.json", "{\"<x>\": -5}");
    refused("added_tokens.json: '<x>' has no id from 0 to");
    write_text("vocab.json", "{\"a\": 0}");
    write_text("merges.txt", "");
    write_text("tokenizer_config.json", "{\"added_tokens_decoder\": {\"7x\": {\"content\": \"<x>\"}}}");
    refused("entry '7x' is not a token");
    write_text("tekken.json", "{\"config\": {}}");
    refused("expected a config with a pattern");
    write_text("tekken.json",
               "{\"config\": {\"pattern\": \"a\", \"default_num_special_tokens\": 1e9}, \"vocab\": []}");
    refused("config.default_num_special_tokens is not a number from 0 to");
    write_text("tekken.json", "{\"config\": {\"pattern\": \"a\"}, \"vocab\": [{\"token_bytes\": \"!\"}]}");
    refused("vocab[0]: token_bytes is not base64");
    write_text("tekken.json",
               "{\"config\": {\"pattern\": \"a\"}, \"special_tokens\": [{\"rank\": 1, \"token_str\": "
               "\"<s>\"}], \"vocab\": []}");
    refused("special_tokens[0] has no text with a rank below 1");
}
END_TEST

/* Mistral's file: special tokens first, then bytes in the order in which they merge, cut to default_vocab_size. */
TEST(directories__with_tekken_alone_are_read)
{
    write_text("tekken.json",
               "{\"config\": {\"pattern\": \"[a-z]+|[^a-z]\", \"default_vocab_size\": 9, "
               "\"default_num_special_tokens\": 4}, \"special_tokens\": [{\"rank\": 0, \"token_str\": \"<unk>\"}, "
               "{\"rank\": 2, \"token_str\": \"</s>\"}, {\"rank\": 1, \"token_str\": \"<s>\"}], \"vocab\": ["
               "{\"token_bytes\": \"YQ==\"}, {\"token_bytes\": \"Yg==\"}, {\"token_bytes\": \"Yw==\"}, "
               "{\"token_bytes\": \"YmM=\"}, {\"token_bytes\": \"YWI=\"}, {\"token_bytes\": \"YWE=\"}]}");
    struct tokenizer *t = open_scratch();
    gives(t, "<s>abc</s>ab<SPECIAL_3>aa", TOKENIZER_ADD_SPECIAL | TOKENIZER_PARSE_SPECIAL, "1 4 7 2 8 3 4 4");
    decodes(t, 7, "bc");
    ck_assert_int_eq(tokenizer_bos(t), 1);
    ck_assert_int_eq(tokenizer_eos(t), 2);
    tokenizer_destroy(t);
    remove_scratch();
}
END_TEST

TESTS(directories__have_the_tokens_that_transformers_finds, directories__that_lie_are_refused,
      directories__with_tekken_alone_are_read)
