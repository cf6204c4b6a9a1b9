#include "testing.h"

#include "tokenizer/regex.h"
#include "tokenizer/splitter.h"

#include "base/utf8.h"

/* VIV_TEST_SPLITTERS=all tries all characters and 100,000 strings, else a share of both. */
static bool all(void)
{
    const char *wish = getenv("VIV_TEST_SPLITTERS");
    return wish && strcmp(wish, "all") == 0;
}

static void check(const struct regex *by_hand, const struct regex *oniguruma, const char *s, size_t n)
{
    struct ranges a = {0}, b = {0};
    struct error err;
    ck_assert_msg(regex_ranges(by_hand, s, n, &a, &err) == VIV_OK, "%s", err.text);
    ck_assert_msg(regex_ranges(oniguruma, s, n, &b, &err) == VIV_OK, "%s", err.text);
    for (size_t i = 0; i < a.n && i < b.n; i++)
        if (a.v[i].begin != b.v[i].begin || a.v[i].end != b.v[i].end || a.v[i].match != b.v[i].match) {
            size_t begin = a.v[i].begin, end = a.v[i].end > b.v[i].end ? a.v[i].end : b.v[i].end;
            ck_abort_msg("'%.*s' and on: %zu bytes by hand, %zu by Oniguruma", (int)(end - begin), s + begin,
                         a.v[i].end - begin, b.v[i].end - b.v[i].begin);
        }
    ck_assert_uint_eq(a.n, b.n);
    ranges_release(&a);
    ranges_release(&b);
}

/* A pattern, and the same in a group, which no splitter knows. */
static void make(const char *pattern, struct regex **by_hand, struct regex **oniguruma)
{
    struct buf group = {0};
    struct error err;
    buf_printf(&group, "(?:%s)", pattern);
    ck_assert_ptr_nonnull(splitter_find(pattern));
    ck_assert_ptr_null(splitter_find(group.data));
    ck_assert_msg(regex_create(pattern, strlen(pattern), REGEX_TOKENIZERS, by_hand, &err) == VIV_OK, "%s",
                  err.text);
    ck_assert_msg(regex_create(group.data, group.size, REGEX_TOKENIZERS, oniguruma, &err) == VIV_OK, "%s",
                  err.text);
    buf_release(&group);
}

/* Each character among letters, digits, marks, signs and spaces. */
TEST(splitters__agree_with_oniguruma_on_every_character)
{
    static const char *const around[] = {"a", "B", "'", " ", "1", "!", "\n", "\xCC\x81", " \xC3\xA9\xC7\x85"};
    for (size_t i = 0; splitter_pattern(i); i++) {
        struct regex *by_hand, *oniguruma;
        struct buf text = {0};
        char c[4];
        make(splitter_pattern(i), &by_hand, &oniguruma);
        for (uint32_t code = 0; code < 0x110000; code += all() || code < 0x250 ? 1 : 61) {
            size_t n = utf8_put(code, c);
            for (size_t k = 0; n && k < sizeof around / sizeof *around; k++) {
                buf_append(&text, c, n);
                buf_puts(&text, around[k]);
            }
            if (text.size < 4096 && code < 0x10FF80)
                continue;
            ck_assert(!text.failed);
            check(by_hand, oniguruma, buf_text(&text), text.size);
            buf_clear(&text);
        }
        buf_release(&text);
        regex_destroy(by_hand);
        regex_destroy(oniguruma);
    }
}
END_TEST

TEST(splitters__agree_with_oniguruma_on_generated_strings)
{
    static const char *const parts[] = {"a",
                                        "b",
                                        "Z",
                                        "QR",
                                        "é",
                                        "É",
                                        "ſ",
                                        "ǅ",
                                        "ª",
                                        "ʰ",
                                        "漢",
                                        "か",
                                        "\xCC\x81",
                                        "\xE2\x83\x9D",
                                        "1",
                                        "23",
                                        "٣",
                                        "½",
                                        "Ⅷ",
                                        "'",
                                        "'s",
                                        "'S",
                                        "'re",
                                        "'LL",
                                        "'ſ",
                                        "'d",
                                        "'Ve",
                                        "'",
                                        " ",
                                        "  ",
                                        "\t",
                                        "\n",
                                        "\r\n",
                                        "\xC2\xA0",
                                        "\xE3\x80\x80",
                                        "\xC2\x85",
                                        "!",
                                        "..",
                                        "/",
                                        "//",
                                        "-",
                                        "€",
                                        "\xF0\x9F\x98\x80",
                                        "\xE2\x80\x8D",
                                        "_"};
    uint64_t state = 1;
    for (size_t i = 0; splitter_pattern(i); i++) {
        struct regex *by_hand, *oniguruma;
        make(splitter_pattern(i), &by_hand, &oniguruma);
        for (int k = 0; k < (all() ? 100000 : 2000); k++) {
            struct buf text = {0};
            for (unsigned left = 1 + (unsigned)k % 12; left > 0; left--) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                buf_puts(&text, parts[(state >> 33) % (sizeof parts / sizeof *parts)]);
            }
            ck_assert(!text.failed);
            check(by_hand, oniguruma, buf_text(&text), text.size);
            buf_release(&text);
        }
        regex_destroy(by_hand);
        regex_destroy(oniguruma);
    }
}
END_TEST

/* In constant memory, where Oniguruma would keep some 40 bytes for each letter. */
TEST(splitters__take_a_word_of_any_length)
{
    enum { LONG = 1 << 22 };
    char *word = malloc(LONG);
    ck_assert_ptr_nonnull(word);
    memset(word, 'a', LONG);
    for (size_t i = 0; splitter_pattern(i); i++) {
        const struct splitter *p = splitter_find(splitter_pattern(i));
        ck_assert_uint_eq(splitter_next(p, word, LONG, 0), LONG);
    }
    free(word);
}
END_TEST

TESTS(splitters__agree_with_oniguruma_on_every_character, splitters__agree_with_oniguruma_on_generated_strings,
      splitters__take_a_word_of_any_length)
