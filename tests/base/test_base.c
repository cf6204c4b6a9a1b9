/* The ground that everything stands on: errors, arenas, buffers, maps, near words, UTF-8. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/checksum.h"
#include "base/error.h"
#include "base/figure.h"
#include "base/file.h"
#include "base/json.h"
#include "base/near.h"
#include "base/sha256.h"
#include "base/size.h"
#include "base/strmap.h"
#include "base/utf8.h"
#include "testing.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

TEST(error__prefix_goes_before_the_sentence)
{
    struct error err;
    ck_assert_int_eq(error_set(&err, VIV_ESHAPE, "expected %d", 4), VIV_ESHAPE);
    ck_assert_int_eq(error_prefix(&err, "tensor '%s'", "a.b"), VIV_ESHAPE);
    ck_assert_str_eq(err.text, "tensor 'a.b': expected 4");
}
END_TEST

TEST(error__too_long_is_cut_between_characters)
{
    struct error err;
    char text[2001];
    for (size_t i = 0; i < 2000; i += 2)
        memcpy(text + i, "\xC3\xA9", 2);
    text[2000] = '\0';
    error_set(&err, VIV_EINVAL, "x%s", text);
    ck_assert(utf8_valid(err.text, strlen(err.text)));
    ck_assert_uint_gt(strlen(err.text), 1000);
}
END_TEST

TEST(size__products_that_wrap_are_refused)
{
    uint64_t n = 7;
    ck_assert(!size_mul(UINT64_MAX, 2, &n));
    ck_assert(!size_add(UINT64_MAX, 1, &n));
    ck_assert_uint_eq(n, 7);
    ck_assert(size_mul(1u << 31, 1u << 31, &n));
    ck_assert_uint_eq(n, (uint64_t)1 << 62);
}
END_TEST

TEST(arena__hands_out_zeroed_memory_and_large_blocks)
{
    struct arena a = {0};
    char *big = arena_alloc(&a, 1000000);
    ck_assert_ptr_nonnull(big);
    ck_assert_int_eq(big[999999], 0);
    ck_assert_str_eq(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 4));
    arena_release(&a);
}
END_TEST

TEST(buf__grows_and_stays_terminated)
{
    struct buf b = {0};
    ck_assert_str_eq(buf_text(&b), "");
    for (int i = 0; i < 1000; i++)
        ck_assert(buf_printf(&b, "%d,", i));
    ck_assert_uint_eq(strlen(buf_text(&b)), b.size);
    buf_release(&b);
}
END_TEST

TEST(strmap__finds_what_was_added_and_keeps_the_first)
{
    struct strmap m = {0};
    char keys[5000][8];
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(keys[i], sizeof keys[i], "k%u", i);
        ck_assert_int_eq(strmap_add(&m, keys[i], strlen(keys[i]), i), STRMAP_ADDED);
    }
    ck_assert_int_eq(strmap_add(&m, "k17", 3, 1), STRMAP_EXISTS);
    uint32_t value;
    ck_assert(strmap_get(&m, "k17", 3, &value));
    ck_assert_uint_eq(value, 17);
    ck_assert(!strmap_get(&m, "k5000", 5, &value));
    strmap_release(&m);
}
END_TEST

TEST(near__finds_misspelt_and_abbreviated_words)
{
    const char *const keys[] = {"hidden_size", "num_attention_heads", "num_hidden_layers"};
    ck_assert_str_eq(near_word("hiden_size", keys, 3), "hidden_size");
    ck_assert_str_eq(near_word("hidden_szie", keys, 3), "hidden_size");
    ck_assert_str_eq(near_word("n_head", keys, 3), "num_attention_heads");
    ck_assert_ptr_null(near_word("colour", keys, 3));
}
END_TEST

TEST(near__ranks_words_by_distance)
{
    const char *const words[] = {"LlamaForCausalLM", "Qwen3ForCausalLM", "Qwen2ForCausalLM", "BertModel",
                                 "Qwen3ForCausalLM"};
    const char *out[3];
    ck_assert_uint_eq(near_words("Qwen4ForCausalLM", words, 5, out, 3), 3);
    ck_assert_str_eq(out[0], "Qwen3ForCausalLM");
    ck_assert_str_eq(out[1], "Qwen2ForCausalLM");
    ck_assert_str_eq(out[2], "LlamaForCausalLM");
    ck_assert_uint_eq(near_words("xyz", words, 5, out, 3), 0);
}
END_TEST

TEST(json__reads_integers_beyond_63_bits_as_numbers)
{
    static const char text[] =
        "{\"a\": [1000000000000000019884624838656, -9223372036854775809, 12345678901234567890e2,"
        " 9223372036854775807], \"b\\\"123456789012345678901\": \"12345678901234567890\"}";
    struct error err;
    json_t *root;
    ck_assert_msg(json_parse("x", text, sizeof text - 1, &root, &err) == VIV_OK, "%s", err.text);
    json_t *list = json_object_get(root, "a");
    ck_assert_double_eq(json_real_value(json_array_get(list, 0)), 1e30);
    ck_assert_double_eq(json_real_value(json_array_get(list, 1)), -9223372036854775808.0);
    ck_assert_double_eq(json_real_value(json_array_get(list, 2)), 12345678901234567890e2);
    ck_assert_str_eq(json_string_value(json_object_get(root, "b\"123456789012345678901")), "12345678901234567890");
    json_decref(root);
    ck_assert_int_eq(json_parse("x", "[1e999]", 7, &root, &err), VIV_EFORMAT);
    ck_assert_int_eq(json_parse("x", "[99999999999999999999, \"\\", 25, &root, &err), VIV_EFORMAT);
}
END_TEST

TEST(json__keeps_the_digits_of_integers_in_data)
{
    static const char text[] = "[1000000000000000019884624838656, -9223372036854775809, 7]",
                      forged[] = "[{\"\\uFFFF integer\": \"5\"}, 9223372036854775808]";
    json_t *data;
    struct error err;
    ck_assert_int_eq(json_parse_data("data", text, sizeof text - 1, &data, &err), VIV_OK);
    const json_t *first = json_object_get(json_array_get(data, 0), JSON_LARGE_INTEGER),
                 *second = json_object_get(json_array_get(data, 1), JSON_LARGE_INTEGER);
    ck_assert_str_eq(json_string_value(first), "1000000000000000019884624838656");
    ck_assert_str_eq(json_string_value(second), "-9223372036854775809");
    ck_assert_int_eq(json_integer_value(json_array_get(data, 2)), 7);
    json_decref(data);
    ck_assert_int_eq(json_parse_data("data", forged, sizeof forged - 1, &data, &err), VIV_OK);
    ck_assert(json_is_real(json_array_get(data, 1))); /* then none is kept so, and no object means one */
    json_decref(data);
}
END_TEST

TEST(json__reads_what_python_writes_for_numbers_beyond_all_numbers)
{
    static const char text[] =
        "{\"a\": [0.0, Infinity, -Infinity, NaN,-Infinity], \"Infinity \\\" NaN\": \"-Infinity\", "
        "\"b\":Infinity}";
    struct error err;
    json_t *root;
    ck_assert_msg(json_parse("x", text, sizeof text - 1, &root, &err) == VIV_OK, "%s", err.text);
    json_t *list = json_object_get(root, "a");
    ck_assert_double_eq(json_real_value(json_array_get(list, 1)), 1e308);
    ck_assert_double_eq(json_real_value(json_array_get(list, 2)), -1e308);
    ck_assert_str_eq(json_string_value(json_array_get(list, 3)), "NaN");
    ck_assert_double_eq(json_real_value(json_array_get(list, 4)), -1e308);
    ck_assert_str_eq(json_string_value(json_object_get(root, "Infinity \" NaN")), "-Infinity");
    ck_assert_double_eq(json_real_value(json_object_get(root, "b")), 1e308);
    json_decref(root);
    static const char *const others[] = {"[Infinit]",    "[InfinityX]",  "[xNaN]",      "[NaNs]",
                                         "[--Infinity]", "[-NaN]",       "[1Infinity]", "[infinity]",
                                         "[nan]",        "[\"Infinity]", "[Infinity",   "[_NaN]"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(json_parse("x", others[i], strlen(others[i]), &root, &err) == VIV_EFORMAT, "%s", others[i]);
}
END_TEST

/* Whether a file holds this text and nothing lies beside it. */
static bool alone_with(const char *dir, const char *path, const char *expected)
{
    struct buf text = {0};
    struct error err;
    size_t n = 0;
    bool same = file_read(path, 100, &text, &err) == VIV_OK && strcmp(buf_text(&text), expected) == 0;
    DIR *d = opendir(dir);
    while (d && readdir(d))
        n++;
    closedir(d);
    buf_release(&text);
    return same && n == 3; /* with "." and ".." */
}

TEST(file__draft_takes_its_place_when_it_is_kept)
{
    char dir[] = "/tmp/viv-base-XXXXXX";
    struct file_draft d;
    struct error err;
    struct stat st;
    ck_assert_ptr_nonnull(mkdtemp(dir));
    char *path = path_join(dir, "x");
    mode_t mask = umask(027);
    ck_assert_int_eq(file_write(path, "old", 3, &err), VIV_OK);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0640);
    umask(mask);

    ck_assert_int_eq(file_draft_begin(&d, path, &err), VIV_OK);
    fputs("new", d.stream);
    ck_assert_int_eq(file_draft_keep(&d, &err), VIV_OK);
    ck_assert_ptr_null(d.stream);
    ck_assert(alone_with(dir, path, "new"));

    ck_assert_int_eq(file_draft_begin(&d, path, &err), VIV_OK);
    fputs("other", d.stream);
    file_draft_drop(&d);
    file_draft_drop(&d);
    ck_assert(alone_with(dir, path, "new"));
    ck_assert_int_eq(unlink(path), 0);

    ck_assert_int_eq(file_draft_begin(&d, dir, &err), VIV_EIO);
    ck_assert_msg(strstr(err.text, "it is a directory") != NULL, "%s", err.text);
    ck_assert_int_eq(file_draft_begin(&d, "/dev/null", &err), VIV_EIO);
    ck_assert_msg(strstr(err.text, "it is a device") != NULL, "%s", err.text);
    ck_assert_int_eq(rmdir(dir), 0);
    ck_assert_int_eq(file_draft_begin(&d, path, &err), VIV_EIO);
    free(path);
}
END_TEST

TEST(utf8__refuses_overlong_forms_surrogates_and_what_lies_beyond)
{
    ck_assert(utf8_valid("h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10));
    ck_assert(!utf8_valid("\xC0\xAF", 2));
    ck_assert(!utf8_valid("\xE0\x80\xAF", 3));
    ck_assert(!utf8_valid("\xED\xA0\x80", 3));
    ck_assert(!utf8_valid("\xF4\x90\x80\x80", 4));
    ck_assert_uint_eq(utf8_whole("ab\xF0\x9F\x98", 5), 2);
    ck_assert_uint_eq(utf8_whole("ab\xC3\xA9", 4), 4);
}
END_TEST

TEST(figure__below_a_million_has_no_exponent)
{
    ck_assert_str_eq(human_number(3350, 3).text, "3350");
    ck_assert_str_eq(human_number(999.7, 3).text, "1000");
    ck_assert_str_eq(human_number(660600, 4).text, "660600");
    ck_assert_str_eq(human_number(1.2345, 3).text, "1.23");
    ck_assert_str_eq(human_number(1.5e7, 3).text, "1.5e+07");
    ck_assert_str_eq(human_seconds(1234.5).text, "1234 s");
    ck_assert_str_eq(human_seconds(0.0421).text, "42.1 ms");
    ck_assert_str_eq(human_rate(999.9).text, "1000");
}
END_TEST

/* Every bit of every byte counts, and so does the length. */
TEST(checksum__changes_with_each_bit)
{
    unsigned char bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t n = 0; n < sizeof bytes; n += 33) {
        const uint64_t sum = checksum(bytes, n);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            ck_assert_uint_ne(checksum(bytes, n), sum);
            bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        ck_assert_uint_eq(checksum(bytes, n), sum);
    }
    memset(bytes, 0, sizeof bytes);
    ck_assert_uint_ne(checksum(bytes, 64), checksum(bytes, 128));
    ck_assert_uint_ne(checksum(bytes, 1), checksum(bytes, 2));
}
END_TEST

/* FIPS 180-4 has these digests of "abc", of nothing, and of a million times "a", in pieces of any size. */
TEST(sha256__of_pieces_is_that_of_the_whole)
{
    static const struct {
        const char *bytes;
        size_t n, times;
        unsigned char first[4];
    } cases[] = {{"abc", 3, 1, {0xba, 0x78, 0x16, 0xbf}},
                 {"", 0, 1, {0xe3, 0xb0, 0xc4, 0x42}},
                 {"aaaaaaaaaaaaaaaa", 16, 62500, {0xcd, 0xc7, 0x6e, 0x5c}},
                 {"aaaaaaaaaa", 10, 100000, {0xcd, 0xc7, 0x6e, 0x5c}},
                 {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, 1, {0x24, 0x8d, 0x6a, 0x61}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sha256 s;
        unsigned char digest[32];
        sha256_init(&s);
        for (size_t k = 0; k < cases[i].times; k++)
            sha256_add(&s, cases[i].bytes, cases[i].n);
        sha256_end(&s, digest);
        ck_assert_mem_eq(digest, cases[i].first, 4);
    }
}
END_TEST

TESTS(sha256__of_pieces_is_that_of_the_whole, checksum__changes_with_each_bit,
      error__prefix_goes_before_the_sentence, json__keeps_the_digits_of_integers_in_data,
      error__too_long_is_cut_between_characters, size__products_that_wrap_are_refused,
      arena__hands_out_zeroed_memory_and_large_blocks, buf__grows_and_stays_terminated,
      strmap__finds_what_was_added_and_keeps_the_first, near__finds_misspelt_and_abbreviated_words,
      near__ranks_words_by_distance, json__reads_integers_beyond_63_bits_as_numbers,
      json__reads_what_python_writes_for_numbers_beyond_all_numbers, file__draft_takes_its_place_when_it_is_kept,
      utf8__refuses_overlong_forms_surrogates_and_what_lies_beyond, figure__below_a_million_has_no_exponent)
