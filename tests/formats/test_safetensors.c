/* safetensors: real files, and every way in which one can lie. */
#include "formats/checkpoint.h"
#include "testing.h"

#include <unistd.h>

TEST(safetensors__opens_the_stories_directory)
{
    const char *path = shared_path("weights/stories260K/hf");
    struct checkpoint c;
    struct error err;
    if (!path)
        return;
    ck_assert_msg(checkpoint_open(&c, path, &err) == VIV_OK, "%s", err.text);
    ck_assert_str_eq(c.format->name, "safetensors");
    ck_assert_str_eq(checkpoint_architecture(&c), "LlamaForCausalLM");
    const viv_tensor *t = checkpoint_tensor(&c, "model.embed_tokens.weight");
    ck_assert_ptr_nonnull(t);
    ck_assert_int_eq(t->dtype, VIV_F32);
    ck_assert_int_eq(t->dl.shape[0], 512);
    ck_assert_int_eq(t->dl.shape[1], 64);
    struct meta m = checkpoint_meta(&c, "hidden_size");
    int64_t hidden_size;
    ck_assert(checkpoint_meta_int(&m, &hidden_size));
    ck_assert_int_eq(hidden_size, 64);
    ck_assert_ptr_nonnull(c.generation);
    checkpoint_close(&c);
}
END_TEST

/* --- wrong ones: a directory of files, and the sentence that opening it ends in ------------------------------ */

static char directory[64];

static const char *inside(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t n)
{
    FILE *f = fopen(inside(name), "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void begin(void)
{
    snprintf(directory, sizeof directory, "/tmp/safetensors-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    put("config.json", "{}", 2);
}

static void end(void)
{
    static const char *const names[] = {"config.json",   "generation_config.json", "model.safetensors",
                                        "a.safetensors", "b.safetensors",          "model.safetensors.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unlink(inside(names[i]));
    ck_assert_int_eq(rmdir(directory), 0);
}

/* length, header and as many zero bytes of data */
static void put_tensors(const char *name, const char *header, uint64_t n_data)
{
    size_t n = strlen(header);
    char *bytes = calloc(1, 8 + n + n_data);
    for (int i = 0; i < 8; i++)
        bytes[i] = (char)((uint64_t)n >> 8 * i);
    memcpy(bytes + 8, header, n);
    put(name, bytes, 8 + n + n_data);
    free(bytes);
}

/* Opening fails in time, naming the file and what is wrong. */
static void fails(const char *file, const char *sentence)
{
    struct checkpoint c;
    struct error err = {0};
    ck_assert_msg(checkpoint_open(&c, directory, &err) != VIV_OK, "opened, expected: %s", sentence);
    ck_assert_msg(strstr(err.text, sentence), "'%s' in: %s", sentence, err.text);
    ck_assert_msg(strstr(err.text, file), "'%s' in: %s", file, err.text);
}

static void refused(const char *header, uint64_t n_data, const char *sentence)
{
    begin();
    put_tensors("model.safetensors", header, n_data);
    fails("model.safetensors", sentence);
    end();
}

#define T(name, dtype, shape, offsets)                                                                             \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

TEST(safetensors__pattern_38_lengths_of_the_header)
{
    static const unsigned char past[16] = {9}, huge[16] = {0, 0, 0, 0, 0, 0, 0, 0x80};
    begin();
    put("model.safetensors", past, 7);
    fails("model.safetensors", "7 bytes, a safetensors file has at least 8");
    put("model.safetensors", past, 16);
    fails("model.safetensors", "the header takes 9 bytes, the file has 8 for it: is it cut short?");
    put("model.safetensors", huge, 16);
    fails("model.safetensors", "the header takes 9223372036854775808 bytes");
    const unsigned char large[8] = {1, 0, 0, 8}; /* 2^27 + 1 */
    put("model.safetensors", large, 8);
    ck_assert_int_eq(truncate(inside("model.safetensors"), 1 << 28), 0);
    fails("model.safetensors", "the header takes 134217729 bytes, at most ");
    end();
}
END_TEST

TEST(safetensors__pattern_39_headers_that_are_no_json_object)
{
    refused("[]", 0, "expected");
    refused("   ", 0, "expected");
    refused("{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "UTF-8");
    refused("{" T("a", "F32", "[1]", "[0,4]") "}x", 4, "expected");
    refused("{" T("a", "F32", "[1]", "[0,4]"), 4, "expected");
}
END_TEST

TEST(safetensors__pattern_40_what_is_there_twice)
{
    refused("{" T("a", "F32", "[1]", "[0,4]") "," T("a", "F32", "[1]", "[4,8]") "}", 8,
            "tensor 'a' is there a second time");
    refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
            "tensor 'a' has dtype twice");
    refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "__metadata__ is there a second time");
}
END_TEST

TEST(safetensors__pattern_41_a_million_tensors)
{
    enum { N = 1000000 };
    char *header = malloc((size_t)N * 64), *at = header;
    *at++ = '{';
    for (int i = 0; i < N; i++)
        at += sprintf(at, "%s\"t%d\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? "," : "", i);
    strcpy(at, "}");
    refused(header, 0, "more than 262144 tensors");
    free(header);
}
END_TEST

TEST(safetensors__pattern_42_and_43_offsets)
{
    refused("{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[8,12]") "}", 12, "a hole lies before it");
    refused("{" T("a", "F32", "[2]", "[0,8]") "," T("b", "F32", "[1]", "[4,8]") "}", 8, "overlaps it");
    refused("{" T("a", "F32", "[1]", "[0,4]") "}", 8, "4 bytes after the last tensor belong to none");
    refused("{" T("a", "F32", "[1]", "[4,0]") "}", 4, "data_offsets [4, 0]");
    refused("{" T("a", "F32", "[1]", "[0,8]") "}", 4, "lie outside the 4 bytes of data");
    refused("{" T("a", "F32", "[1]", "[0]") "}", 4, "data_offsets has 1 numbers, expected 2");
    refused("{" T("a", "F32", "[1]", "[0,2,4]") "}", 4, "data_offsets has more than 2 numbers");
    refused("{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "expected");
    refused("{" T("a", "F32", "[1]", "[0,18446744073709551616]") "}", 4, "an integer above 2^64 - 1");
}
END_TEST

TEST(safetensors__pattern_44_shapes_that_do_not_fit)
{
    refused("{" T("a", "F32", "[2]", "[0,4]") "}", 4, "tensor 'a' F32 [2] takes 8 bytes, its data_offsets span 4");
    refused("{" T("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, "too large");
    refused("{" T("a", "F32", "[4611686018427387904,4]", "[0,0]") "}", 0, "too large");
    refused("{" T("a", "F32", "[-1]", "[0,4]") "}", 4, "expected");
    refused("{" T("a", "F32", "[1.5]", "[0,4]") "}", 4, "expected");
    refused("{" T("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", 4, "more than");
}
END_TEST

TEST(safetensors__pattern_45_types)
{
    refused("{" T("a", "F33", "[1]", "[0,4]") "}", 4, "tensor 'a' has the unknown dtype 'F33'; did you mean 'F3");
    refused("{" T("a", "F4", "[3]", "[0,2]") "}", 2, "tensor 'a'");
    refused("{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "tensor 'a' has no dtype");
    refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4,
            "tensor 'a' has the key");
    refused("{" T("", "F32", "[1]", "[0,4]") "}", 4, "a tensor has no name");
}
END_TEST

TEST(safetensors__pattern_46_metadata)
{
    refused("{\"__metadata__\":{\"format\":1}}", 0, "__metadata__: the value of");
    refused("{\"__metadata__\":[]}", 0, "expected");
}
END_TEST

static void index_refused(const char *index, const char *file, const char *sentence)
{
    begin();
    put_tensors("a.safetensors", "{" T("a", "F32", "[1]", "[0,4]") "," T("b", "F32", "[1]", "[4,8]") "}", 8);
    put("model.safetensors.index.json", index, strlen(index));
    fails(file, sentence);
    end();
}

TEST(safetensors__pattern_47_an_index_that_leads_elsewhere)
{
    static const char index[] = "model.safetensors.index.json";
    index_refused("{\"weight_map\":{\"a\":\"../a.safetensors\"}}", index,
                  "'../a.safetensors', expected one beside the index");
    index_refused("{\"weight_map\":{\"a\":\"/etc/passwd\"}}", index,
                  "'/etc/passwd', expected one beside the index");
    index_refused("{\"weight_map\":{\"a\":\"..\"}}", index, "expected one beside the index");
    index_refused("{\"weight_map\":{\"a\":\"\"}}", index, "expected one beside the index");
    index_refused("{\"weight_map\":{\"a\":\"b.safetensors\"}}", index, "a file of its weight_map is missing");
    index_refused("{\"weight_map\":{\"a\":\"a.safetensors\",\"a\":\"a.safetensors\"}}", index,
                  "names tensor 'a' twice");
    index_refused("{\"weight_map\":{\"a\":1}}", index, "expected");
    index_refused("{}", index, "no weight_map");
    index_refused("[]", index, "expected");
}
END_TEST

TEST(safetensors__finds_tensors_whatever_the_index_says_of_them)
{
    static const char index[] = "{\"weight_map\":{\"stale\":\"a.safetensors\",\"b\":\"a.safetensors\","
                                "\"a\":\"b.safetensors\"}}";
    struct checkpoint c;
    struct error err;
    begin();
    put_tensors("a.safetensors", "{" T("a", "F32", "[1]", "[0,4]") "}", 4);
    put_tensors("b.safetensors", "{" T("b", "F32", "[1]", "[0,4]") "}", 4);
    put("model.safetensors.index.json", index, strlen(index));
    ck_assert_msg(checkpoint_open(&c, directory, &err) == VIV_OK, "%s", err.text);
    ck_assert_ptr_nonnull(checkpoint_tensor(&c, "a"));
    ck_assert_ptr_nonnull(checkpoint_tensor(&c, "b"));
    ck_assert_ptr_null(checkpoint_tensor(&c, "stale"));
    checkpoint_close(&c);
    end();
}
END_TEST

/* What config.json says of rotary positions, once it is opened. */
static char *rope_of(const char *config)
{
    struct checkpoint c;
    struct error err;
    put("config.json", config, strlen(config));
    if (checkpoint_open(&c, directory, &err) != VIV_OK)
        return strdup(err.text);
    ck_assert_ptr_null(json_object_get(c.config, "rope_scaling"));
    char *text = json_dumps(json_object_get(c.config, "rope_parameters"), JSON_COMPACT | JSON_SORT_KEYS);
    checkpoint_close(&c);
    return text;
}

TEST(safetensors__rope_scaling_beside_rope_parameters_holds_as_in_transformers)
{
    static const struct {
        const char *config, *rope;
    } cases[] = {
        {"{\"rope_theta\": 5.0, \"rope_parameters\": {\"rope_theta\": 7.0, \"rope_type\": \"default\"}, "
         "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0}}",
         "{\"factor\":2.0,\"rope_type\":\"linear\",\"type\":\"linear\"}"},
        {"{\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 7.0, \"rope_type\": \"default\"}, "
         "\"sliding_attention\": {\"rope_theta\": 1.0}}, \"rope_scaling\": {\"rope_type\": \"linear\", "
         "\"factor\": 2.0}}",
         "{\"full_attention\":{\"factor\":2.0,\"rope_theta\":7.0,\"rope_type\":\"linear\"},"
         "\"sliding_attention\":{\"rope_theta\":1.0}}"},
        {"{\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2.0}}",
         "{\"factor\":2.0,\"rope_type\":\"linear\"}"},
    };
    begin();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *found = rope_of(cases[i].config);
        ck_assert_str_eq(found, cases[i].rope);
        free(found);
    }
    char *found = rope_of("{\"model_type\": \"modernbert\", \"rope_parameters\": {\"full_attention\": {}}, "
                          "\"rope_scaling\": {\"factor\": 2.0}}");
    ck_assert_msg(strstr(found, "remove the one that does not hold"), "%s", found);
    free(found);
    end();
}
END_TEST

TEST(safetensors__opens_config_json_alone_as_a_model_without_weights)
{
    struct checkpoint c;
    struct error err;
    begin();
    put("config.json", "{\"hidden_size\":64}", 18);
    ck_assert_msg(checkpoint_open(&c, directory, &err) == VIV_OK, "%s", err.text);
    ck_assert(!checkpoint_knows_tensors(&c));
    ck_assert_int_eq(checkpoint_meta(&c, "hidden_size").i, 64);
    ck_assert_int_eq(checkpoint_need_weights(&c, &err), VIV_ENOTFOUND);
    ck_assert_msg(strstr(err.text, "a directory without weights; expected"), "%s", err.text);
    checkpoint_close(&c);
    put("pytorch_model.bin", "x", 1);
    ck_assert_msg(checkpoint_open(&c, directory, &err) == VIV_OK, "%s", err.text);
    ck_assert_int_eq(checkpoint_need_weights(&c, &err), VIV_ENOTFOUND);
    ck_assert_msg(strstr(err.text, "its weights are in pytorch_model.bin"), "%s", err.text);
    checkpoint_close(&c);
    put("a.safetensors", "x", 1); /* this one can be meant */
    fails("a.safetensors", "did you mean");
    unlink(inside("pytorch_model.bin"));
    end();
}
END_TEST

TEST(safetensors__names_what_is_no_safetensors_file)
{
    static const struct {
        const char *bytes;
        size_t n;
        const char *what;
    } strangers[] = {
        {"", 0, "an empty file"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", 63, "`git lfs pull`"},
        {"\n <!doctype HTML><html></html>", 30, "a web page"},
        {"<?xml version=\"1.0\"?><Error/>", 29, "an XML text"},
        {"{\"error\": {\"code\": 404}}", 24, "a JSON text"},
        {"Entry not found, sorry", 22, "a text"},
        {"PK\003\004aaaaaaaa", 12, "a zip archive"},
        {"\x1f\x8b\010\0aaaaaaa", 11, "a gzip archive"},
        {"\x28\xb5\x2f\xfd\0\0\0\0aaa", 11, "a zstd archive"},
        {"7z\xbc\xaf\x27\x1c\0\4aaa", 11, "a 7z archive"},
        {"\x80\2}q\0.aaaaa", 11, "a Python pickle"},
        {"\x80\5\x95\0\0\0\0\0aaa", 11, "a Python pickle"},
        {"\x89PNG\r\n\x1a\n\0\0\0", 11, "a picture"},
        {"\xff\xd8\xff\xe0\0\020JFIF\0", 11, "a picture"},
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        begin();
        put("model.safetensors", strangers[i].bytes, strangers[i].n);
        fails("model.safetensors", strangers[i].what);
        end();
    }
    begin(); /* a header of 35615 bytes begins like a gzip archive, and is none */
    char *header = calloc(1, 35616);
    memset(header, ' ', 35615);
    memcpy(header, "{}", 2);
    put_tensors("model.safetensors", header, 0);
    free(header);
    struct checkpoint c;
    struct error err;
    ck_assert_msg(checkpoint_open(&c, directory, &err) == VIV_OK, "%s", err.text);
    checkpoint_close(&c);
    end();
}
END_TEST

TEST(safetensors__pattern_47_a_tensor_in_two_files)
{
    static const char index[] = "{\"weight_map\":{\"a\":\"a.safetensors\",\"b\":\"b.safetensors\"}}";
    begin();
    put_tensors("a.safetensors", "{" T("a", "F32", "[1]", "[0,4]") "}", 4);
    put_tensors("b.safetensors", "{" T("a", "F32", "[1]", "[0,4]") "}", 4);
    put("model.safetensors.index.json", index, strlen(index));
    fails("b.safetensors", "tensor 'a' is there a second time");
    end();
}
END_TEST

TEST(safetensors__pattern_48_numbers)
{
    static const char *const shapes[] = {"[1e309]", "[1.0]", "[18446744073709551616]", "[0x1]", "[01]", "[1e0]"};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        char header[256];
        snprintf(header, sizeof header, "{\"a\":{\"dtype\":\"F32\",\"shape\":%s,\"data_offsets\":[0,4]}}",
                 shapes[i]);
        refused(header, 4, "at byte");
    }
}
END_TEST

TEST(safetensors__config_that_is_none)
{
    static const char *const configs[] = {"", "[]", "{\"a\":1,\"a\":2}", "{\"hidden_size\":", "{\"a\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        begin();
        put_tensors("model.safetensors", "{" T("a", "F32", "[1]", "[0,4]") "}", 4);
        put("config.json", configs[i], strlen(configs[i]));
        fails("config.json", "config.json");
        end();
    }
}
END_TEST

TESTS(safetensors__opens_the_stories_directory, safetensors__pattern_38_lengths_of_the_header,
      safetensors__pattern_39_headers_that_are_no_json_object, safetensors__pattern_40_what_is_there_twice,
      safetensors__pattern_41_a_million_tensors, safetensors__pattern_42_and_43_offsets,
      safetensors__pattern_44_shapes_that_do_not_fit, safetensors__pattern_45_types,
      safetensors__pattern_46_metadata, safetensors__pattern_47_an_index_that_leads_elsewhere,
      safetensors__finds_tensors_whatever_the_index_says_of_them,
      safetensors__rope_scaling_beside_rope_parameters_holds_as_in_transformers,
      safetensors__opens_config_json_alone_as_a_model_without_weights,
      safetensors__names_what_is_no_safetensors_file, safetensors__pattern_47_a_tensor_in_two_files,
      safetensors__pattern_48_numbers, safetensors__config_that_is_none)
