/* Real tokenizers give the ids that the reference libraries gave, id for id, and streams of ids the text that
 * decoding them at once gives. The files lie beside the project; without them the tests say so and end. */
#include "testing.h"

#include "base/file.h"
#include "base/sha256.h"
#include "tokenizer/tokenizer.h"

#include <dirent.h>
#include <unistd.h>

/* Lines of the inputs write \n for a line feed and \s for a space. */
static size_t unescape(char *line, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        bool escaped = line[i] == '\\' && i + 1 < n && (line[i + 1] == 'n' || line[i + 1] == 's');
        line[to++] = !escaped ? line[i] : line[i + 1] == 'n' ? '\n' : ' ';
        i += escaped;
    }
    return to;
}

static size_t read_ids(const char *line, size_t n, int32_t *out)
{
    size_t count = 0;
    for (const char *p = line, *end = line + n; p < end;) {
        char *next;
        long id = strtol(p, &next, 10);
        if (next == p)
            break;
        out[count++] = (int32_t)id;
        for (p = next; p < end && (*p == ',' || *p == ' '); p++) {
        }
    }
    return count;
}

static void check_stream(const struct tokenizer *t, const struct token_ids *ids, const char *name)
{
    struct buf whole = {0}, streamed = {0};
    viv_decoder *d;
    struct error err;
    const char *text;
    size_t n;
    ck_assert_int_eq(tokenizer_decode(t, ids->ids, ids->n, 0, &whole, &err), VIV_OK);
    ck_assert_int_eq(stream_decoder_create(t, 0, &d, &err), VIV_OK);
    for (size_t i = 0; i < ids->n; i++) {
        ck_assert_int_eq(stream_decoder_push(d, ids->ids[i], &text, &n, &err), VIV_OK);
        buf_append(&streamed, text, n);
    }
    ck_assert_int_eq(stream_decoder_finish(d, &text, &n, &err), VIV_OK);
    buf_append(&streamed, text, n);
    ck_assert_msg(strcmp(buf_text(&whole), buf_text(&streamed)) == 0, "%s: streamed '%.200s', at once '%.200s'",
                  name, buf_text(&streamed), buf_text(&whole));
    stream_decoder_destroy(d);
    buf_release(&whole);
    buf_release(&streamed);
}

/* gte.json asks for padding to a length and for truncation at 512 tokens, which are the caller's business here. */
static bool same_ids(const struct token_ids *got, const int32_t *expected, size_t n, bool padded)
{
    while (padded && n > 0 && expected[n - 1] == 0)
        n--;
    return (padded ? got->n >= n && (got->n == n || n == 512) : got->n == n) &&
           (n == 0 || memcmp(got->ids, expected, n * sizeof *expected) == 0);
}

static void check_text(const struct tokenizer *t, const char *name, const char *text, size_t n, int flags,
                       const char *ids, size_t n_ids)
{
    struct token_ids got = {0};
    struct error err = {0};
    int32_t *expected = malloc((n_ids + 1) * sizeof *expected);
    size_t n_expected = read_ids(ids, n_ids, expected);
    ck_assert_msg(tokenizer_encode(t, text, n, flags, &got, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_msg(same_ids(&got, expected, n_expected, strstr(name, "gte") != NULL), "%s: other ids for '%.*s'",
                  name, (int)(n < 100 ? n : 100), text);
    if (n < 20000)
        check_stream(t, &got, name);
    free(expected);
    token_ids_release(&got);
}

/* The ids decode to what the reference makes of them. */
static void check_back(const struct tokenizer *t, const char *name, const char *text, size_t n, int flags,
                       const char *ids, size_t n_ids)
{
    (void)flags;
    struct buf got = {0};
    struct error err;
    int32_t *list = malloc((n_ids + 1) * sizeof *list);
    size_t n_list = read_ids(ids, n_ids, list);
    ck_assert_msg(tokenizer_decode(t, list, n_list, 0, &got, &err) == VIV_OK, "%s: %s", name, err.text);
    ck_assert_msg(got.size == n && memcmp(buf_text(&got), text, n) == 0, "%s: '%.200s', expected '%.*s'", name,
                  buf_text(&got), (int)(n < 200 ? n : 200), text);
    buf_release(&got);
    free(list);
}

/* Compares line by line, or (separator NULL) the whole. */
static void check_file(const struct tokenizer *t, const char *name, const char *input_path,
                       const char *expected_path, int flags, const char *separator, bool escaped,
                       void (*check)(const struct tokenizer *t, const char *name, const char *text, size_t n,
                                     int flags, const char *ids, size_t n_ids))
{
    struct buf input = {0}, expected = {0};
    struct error err;
    if (!file_exists(expected_path))
        return;
    ck_assert_int_eq(file_read(input_path, 1 << 24, &input, &err), VIV_OK);
    ck_assert_int_eq(file_read(expected_path, 1 << 24, &expected, &err), VIV_OK);
    char *text = input.data, *end = input.data + input.size;
    const char *ids = expected.data, *ids_end = expected.data + expected.size;
    while (text && ids < ids_end) {
        char *stop = separator ? memmem(text, (size_t)(end - text), separator, strlen(separator)) : NULL;
        size_t n = (size_t)((stop ? stop : end) - text);
        const char *line_end = memchr(ids, '\n', (size_t)(ids_end - ids));
        line_end = line_end ? line_end : ids_end;
        check(t, name, text, escaped ? unescape(text, n) : n, flags, ids, (size_t)(line_end - ids));
        text = stop ? stop + strlen(separator) : NULL;
        ids = line_end + 1;
    }
    buf_release(&input);
    buf_release(&expected);
}

static void check_tokenizer(const char *folder, const char *file, int flags)
{
    static const char *const inputs[] = {"small", "mixed", "utf8"};
    char path[4096], input[4096], expected[4096], output[4096];
    struct tokenizer *t;
    struct error err;
    const char *root = shared_path("tokenizers");
    snprintf(path, sizeof path, "%s/%s/%s", root, folder, file);
    ck_assert_msg(tokenizer_open_file(path, &t, &err) == VIV_OK, "%s", err.text);
    for (int i = 0; i < 3; i++) {
        bool lines = i < 2;
        snprintf(input, sizeof input, "%s/expected/%s_input.txt", root, inputs[i]);
        snprintf(expected, sizeof expected, "%s/expected/%s/%s_tokens_%.*s.txt", root, folder, inputs[i],
                 (int)(strrchr(file, '.') - file), file);
        check_file(t, file, input, expected, flags, lines ? "\n" : NULL, lines, check_text);
        snprintf(output, sizeof output, "%s/expected/%s/%s_output_%.*s.txt", root, folder, inputs[i],
                 (int)(strrchr(file, '.') - file), file);
        check_file(t, file, file_exists(output) ? output : input, expected, flags, lines ? "\n" : NULL, lines,
                   check_back);
    }
    tokenizer_destroy(t);
}

static void check_folder(const char *folder, int flags, int n_expected)
{
    char path[4096];
    const char *root = shared_path("tokenizers");
    int n = 0;
    if (!root)
        return;
    snprintf(path, sizeof path, "%s/%s", root, folder);
    DIR *d = opendir(path);
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.') {
            check_tokenizer(folder, e->d_name, flags);
            n++;
        }
    closedir(d);
    ck_assert_int_eq(n, n_expected);
}

TEST(tokenizers__tokenizer_json_gives_the_ids_of_the_reference)
{
    check_folder("tokenizers", TOKENIZER_PARSE_SPECIAL, 13);
}
END_TEST

TEST(tokenizers__sentencepiece_models_give_the_ids_of_the_reference)
{
    check_folder("sentencepiece", 0, 6);
}
END_TEST

TEST(tokenizers__gguf_vocabularies_give_the_ids_of_the_reference)
{
    static const char *const names[] = {"bert-bge", "deepseek-coder", "deepseek-llm", "falcon",
                                        "gpt-2",    "llama-spm",      "mpt",          "phi-3",
                                        "refact",   "starcoder"};
    const char *root = shared_path("tokenizers/gguf-vocab");
    for (size_t i = 0; root && i < sizeof names / sizeof *names; i++) {
        char path[4096], input[4100], expected[4100];
        struct checkpoint c;
        struct tokenizer *t;
        struct error err;
        snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf", root, names[i]);
        snprintf(input, sizeof input, "%s.inp", path);
        snprintf(expected, sizeof expected, "%s.out", path);
        ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(tokenizer_open(&c, &t, &err) == VIV_OK, "%s", err.text);
        check_file(t, names[i], input, expected, 0, "\n__ggml_vocab_test__\n", false, check_text);
        tokenizer_destroy(t);
        checkpoint_close(&c);
    }
}
END_TEST

/* What tests/golden/make/vocabularies.py says of one input's lines: how many ids, and hashes of ids and of texts.
 */
static void check_hashes(const struct tokenizer *t, const char *name, const char *kind, size_t n_expected,
                         const char *ids_hash, const char *text_hash)
{
    char path[4096], hex[65];
    struct buf input = {0}, all = {0}, back = {0};
    struct token_ids ids = {0};
    struct error err;
    bool lines = strcmp(kind, "utf8") != 0;
    size_t n_ids = 0;
    snprintf(path, sizeof path, "%s/expected/%s_input.txt", shared_path("tokenizers"), kind);
    ck_assert_int_eq(file_read(path, 1 << 24, &input, &err), VIV_OK);
    for (char *text = input.data, *end = input.data + input.size, *stop; text; text = stop ? stop + 1 : NULL) {
        stop = lines ? memchr(text, '\n', (size_t)(end - text)) : NULL;
        size_t n = (size_t)((stop ? stop : end) - text);
        n = lines ? unescape(text, n) : n;
        ids.n = 0;
        ck_assert_msg(tokenizer_encode(t, text, n, TOKENIZER_PARSE_SPECIAL, &ids, &err) == VIV_OK, "%s", err.text);
        ck_assert_int_eq(tokenizer_decode(t, ids.ids, ids.n, 0, &back, &err), VIV_OK);
        for (size_t i = 0; i <= ids.n; i++) {
            int32_t id = i < ids.n ? ids.ids[i] : -1;
            buf_append(&all, (const char *)&id, sizeof id);
        }
        buf_putc(&back, '\0');
        n_ids += ids.n;
    }
    sha256_hex(all.data, all.size, hex);
    ck_assert_msg(n_ids == n_expected && strcmp(hex, ids_hash) == 0, "%s, %s: %zu ids, expected %zu, or others",
                  name, kind, n_ids, n_expected);
    sha256_hex(back.data, back.size, hex);
    ck_assert_msg(strcmp(hex, text_hash) == 0, "%s, %s: another text comes back", name, kind);
    token_ids_release(&ids);
    buf_release(&input);
    buf_release(&all);
    buf_release(&back);
}

TEST(tokenizers__of_published_models_give_the_ids_of_the_reference)
{
    struct buf text = {0};
    struct error err;
    unsigned n = 0;
    ck_assert_int_eq(file_read(source_path("tests/golden/tokenizers.tsv"), 1 << 20, &text, &err), VIV_OK);
    for (char *rest = NULL, *line = strtok_r(text.data, "\n", &rest); line && shared_path("tokenizers/more");
         line = strtok_r(NULL, "\n", &rest)) {
        char name[64], kind[16], ids[65], back[65], path[4096];
        size_t n_ids;
        struct tokenizer *t;
        ck_assert_int_eq(sscanf(line, "%63s %15s %zu %64s %64s", name, kind, &n_ids, ids, back), 5);
        snprintf(path, sizeof path, "%s/%s", shared_path("tokenizers/more"), name);
        ck_assert_msg(tokenizer_open_directory(path, &t, &err) == VIV_OK, "%s", err.text);
        check_hashes(t, name, kind, n_ids, ids, back);
        tokenizer_destroy(t);
        n++;
    }
    ck_assert_uint_eq(n, shared_path("tokenizers/more") ? 18 : 0);
    buf_release(&text);
}
END_TEST

/* --- wrong ones, by whole sentences -------------------------------------------------------------------------- */

/* Opens what a file with this text is; *path is what errors call it. */
static viv_status open_text(const char *json, const char **path, struct tokenizer **t, struct error *err)
{
    static char name[64];
    snprintf(name, sizeof name, "/tmp/tokenizer-XXXXXX.json");
    int fd = mkstemps(name, 5);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, json, strlen(json)), (int)strlen(json));
    close(fd);
    *path = name;
    viv_status status = tokenizer_open_file(name, t, err);
    unlink(name);
    return status;
}

static void refused(const char *json, const char *sentence)
{
    char expected[512];
    const char *path;
    struct tokenizer *t;
    struct error err;
    ck_assert_int_ne(open_text(json, &path, &t, &err), VIV_OK);
    snprintf(expected, sizeof expected, "%s: %s", path, sentence);
    ck_assert_str_eq(err.text, expected);
}

TEST(tokenizers__wrong_files_are_refused_by_name)
{
    refused("{}", "not a tokenizer: it has no 'model'");
    refused("{\"model\": {\"type\": \"BPEE\"}}", "model 'BPEE' is unknown; the nearest is BPE");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}",
            "model.vocab: token 'a' has no id from 0 to 2097151");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 2147483648}, \"merges\": []}}",
            "model.vocab: token 'a' has no id from 0 to 2097151");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}",
            "model.vocab: tokens 'a' and 'b' have the same id 0");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": [\"a b\"]}}",
            "model.merges[0]: merge 0 makes 'ab', which is not in the vocabulary");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"ab\"]}}",
            "model.merges[0]: expected two pieces, found ab");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, \"normalizer\": {\"type\": "
            "\"NFCC\"}}",
            "normalizer 'NFCC' is unknown; the nearest is NFC");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, "
            "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"\"}}",
            "pre_tokenizer Metaspace: 'replacement' is empty");
    refused("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, "
            "\"added_tokens\": [{\"id\": 1, \"content\": \"\"}]}",
            "added_tokens[0]: the added token is empty");
}
END_TEST

/* Ids may have gaps; no text becomes one of the missing, and one of them decodes to nothing. */
TEST(tokenizers__gaps_in_ids_are_nobody)
{
    const char *path;
    struct tokenizer *t;
    struct error err;
    struct buf back = {0};
    const int32_t ids[] = {0, 3, 7};
    ck_assert_int_eq(open_text("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 7}, \"merges\": []}}",
                               &path, &t, &err),
                     VIV_OK);
    ck_assert_uint_eq(tokenizer_vocab_size(t), 8);
    ck_assert_ptr_null(tokenizer_piece(t, 3));
    ck_assert_msg(tokenizer_decode(t, ids, 3, 0, &back, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(buf_text(&back), "a b"); /* without a decoder, with spaces between */
    buf_release(&back);
    tokenizer_destroy(t);
}
END_TEST

TEST(tokenizers__deep_json_and_halves_of_characters_are_refused)
{
    enum { DEPTH = 100000 };
    static char deep[DEPTH + 1];
    const char *const texts[] = {
        deep, "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"\\ud800\": 0}, \"merges\": []}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"\xc0\xaf\": 0}, \"merges\": []}}",
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"\xf4\x90\x80\x80\": 0}, \"merges\": []}}"};
    memset(deep, '[', DEPTH);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path;
        struct tokenizer *t;
        struct error err;
        ck_assert_int_eq(open_text(texts[i], &path, &t, &err), VIV_EFORMAT);
        ck_assert_msg(strncmp(err.text, path, strlen(path)) == 0, "%s", err.text);
    }
}
END_TEST

/* Texts come back whole where special tokens begin alike, and where a word is a million bytes long. */
TEST(tokenizers__odd_texts_come_back)
{
    static const char json[] =
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"aa\": 2, \"<\": 3, \"s\": 4, \">\": 5, "
        "\"ab\": 6}, \"merges\": [\"a a\", \"a b\"]}, \"decoder\": {\"type\": \"Fuse\"}, "
        "\"added_tokens\": [{\"id\": 7, \"content\": \"<s>\", \"special\": true}, "
        "{\"id\": 8, \"content\": \"<s>a\", \"special\": false}]}";
    enum { LONG = 1 << 20 };
    char *word = calloc(1, LONG + 1);
    const char *path, *const texts[] = {"<s><s>ab<s>aab<s", word};
    struct tokenizer *t;
    struct error err;
    memset(word, 'a', LONG);
    ck_assert_msg(open_text(json, &path, &t, &err) == VIV_OK, "%s", err.text);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct token_ids ids = {0};
        struct buf back = {0};
        ck_assert_msg(tokenizer_encode(t, texts[i], strlen(texts[i]), 0, &ids, &err) == VIV_OK, "%s", err.text);
        ck_assert_msg(tokenizer_decode(t, ids.ids, ids.n, 0, &back, &err) == VIV_OK, "%s", err.text);
        ck_assert_uint_eq(back.size, strlen(texts[i]));
        ck_assert(memcmp(back.data, texts[i], back.size) == 0);
        buf_release(&back);
        token_ids_release(&ids);
    }
    tokenizer_destroy(t);
    free(word);
}
END_TEST

TEST(tokenizers__a_pattern_that_runs_wild_ends_in_an_error)
{
    static const char json[] =
        "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}, \"pre_tokenizer\": {\"type\": "
        "\"Split\", \"pattern\": {\"Regex\": \"(a+)+$\"}, \"behavior\": \"Isolated\"}}";
    char text[64];
    const char *path;
    struct tokenizer *t;
    struct token_ids ids = {0};
    struct error err;
    ck_assert_msg(open_text(json, &path, &t, &err) == VIV_OK, "%s", err.text);
    memset(text, 'a', sizeof text);
    text[63] = '!';
    ck_assert_int_eq(tokenizer_encode(t, text, sizeof text, 0, &ids, &err), VIV_ELIMIT);
    token_ids_release(&ids);
    tokenizer_destroy(t);
}
END_TEST

TESTS(tokenizers__tokenizer_json_gives_the_ids_of_the_reference,
      tokenizers__sentencepiece_models_give_the_ids_of_the_reference,
      tokenizers__gguf_vocabularies_give_the_ids_of_the_reference,
      tokenizers__of_published_models_give_the_ids_of_the_reference, tokenizers__wrong_files_are_refused_by_name,
      tokenizers__gaps_in_ids_are_nobody, tokenizers__deep_json_and_halves_of_characters_are_refused,
      tokenizers__odd_texts_come_back, tokenizers__a_pattern_that_runs_wild_ends_in_an_error)
