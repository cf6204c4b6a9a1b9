#include "testing.h"

#include "tokenizer/gguf_pre.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/regex.h"

#include <pthread.h>

/* "3 1 2" for pieces of these many bytes. */
static void write_sizes(const struct pretokens *p, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < p->n; i++)
        buf_printf(out, i ? " %zu" : "%zu", p->v[i].n);
}

static json_t *read_golden(const char *name)
{
    json_t *root;
    struct error err;
    ck_assert_msg(json_read(source_path(name), 1 << 22, &root, &err) == VIV_OK, "%s", err.text);
    return root;
}

/* What tests/golden/make/patterns.py says of one pre-tokenizer. */
static void check_case(json_t *j)
{
    struct pretokenizers list = {0};
    struct error err;
    char *shown = json_dumps(json_object_get(j, "pre_tokenizer"), JSON_ENCODE_ANY);
    json_t *cuts = json_object_get(j, "cuts"), *cut;
    size_t i;
    viv_status status = pretokenizers_add_json(&list, json_object_get(j, "pre_tokenizer"), &err);
    ck_assert_msg((status == VIV_OK) == (cuts != NULL), "%s: %s", shown, status == VIV_OK ? "taken" : err.text);
    json_array_foreach(cuts, i, cut)
    {
        struct pretokens p = {0};
        json_t *text = json_array_get(cut, 0);
        status = pretokenizers_apply(&list, json_string_value(text), json_string_length(text), true, &p, &err);
        ck_assert_msg(status == VIV_OK, "%s: %s", shown, err.text);
        for (size_t k = 0; k < p.n; k++) {
            json_t *piece = json_array_get(cut, k + 1);
            ck_assert_msg(piece && json_string_length(piece) == p.v[k].n &&
                              memcmp(json_string_value(piece), p.text.data + p.v[k].at, p.v[k].n) == 0,
                          "%s in '%s': piece %zu is '%.*s', not '%s'", shown, json_string_value(text), k,
                          (int)p.v[k].n, p.text.data + p.v[k].at, piece ? json_string_value(piece) : "(none)");
        }
        ck_assert_msg(p.n + 1 == json_array_size(cut), "%s in '%s': %zu pieces, not %zu", shown,
                      json_string_value(text), p.n, json_array_size(cut) - 1);
        pretokens_release(&p);
    }
    pretokenizers_release(&list);
    free(shown);
}

TEST(patterns__cut_as_those_of_the_tokenizers_library)
{
    json_t *cases = read_golden("tests/golden/patterns.json"), *j;
    size_t i;
    ck_assert_uint_gt(json_array_size(cases), 300);
    json_array_foreach(cases, i, j) check_case(j);
    json_decref(cases);
}
END_TEST

static struct regex *make(const char *pattern)
{
    struct regex *r;
    struct error err;
    ck_assert_msg(regex_create(pattern, strlen(pattern), REGEX_TOKENIZERS, &r, &err) == VIV_OK, "%s", err.text);
    return r;
}

TEST(regex__names_pattern_and_reason_where_one_is_wrong)
{
    struct regex *r;
    struct error err;
    ck_assert_int_eq(regex_create("a\\p{Nope}", 9, REGEX_TOKENIZERS, &r, &err), VIV_EFORMAT);
    ck_assert_str_eq(err.text, "pattern 'a\\p{Nope}': invalid character property name {Nope}");
    ck_assert_int_eq(regex_create("(a", 2, REGEX_TOKENIZERS, &r, &err), VIV_EFORMAT);
    ck_assert_str_eq(err.text, "pattern '(a': end pattern with unmatched parenthesis");
    ck_assert_int_eq(regex_create("\xFF", 1, REGEX_TOKENIZERS, &r, &err), VIV_EFORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "is not UTF-8"));
}
END_TEST

TEST(regex__never_sees_text_that_is_not_utf8)
{
    struct regex *by_oniguruma = make("a+"), *by_hand = make("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+|"
                                                             " ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+");
    struct ranges ranges = {0};
    struct error err;
    static const char *const texts[] = {"a\xC3", "\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xC0\x80z"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_int_eq(regex_ranges(by_oniguruma, texts[i], strlen(texts[i]), &ranges, &err), VIV_EFORMAT);
        ck_assert_int_eq(regex_ranges(by_hand, texts[i], strlen(texts[i]), &ranges, &err), VIV_EFORMAT);
    }
    ck_assert_uint_eq(ranges.n, 0);
    regex_destroy(by_oniguruma);
    regex_destroy(by_hand);
}
END_TEST

/* Steps beyond those that the text's length allows end in an error, whether they are tries or places kept. */
TEST(regex__stops_where_a_pattern_runs_wild)
{
    static const char *const patterns[] = {"(a+)+$", "(?=.*)", "(a|a|a|a)+$"};
    char text[20002];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 2] = 'b';
    text[sizeof text - 1] = 0;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        struct regex *r = make(patterns[i]);
        struct ranges ranges = {0};
        struct error err;
        ck_assert_int_eq(regex_ranges(r, text, strlen(text), &ranges, &err), VIV_ELIMIT);
        ck_assert_ptr_nonnull(strstr(err.text, patterns[i]));
        ranges_release(&ranges);
        regex_destroy(r);
    }
}
END_TEST

static void *compile_and_match(void *shared)
{
    for (int i = 0; i < 200; i++) {
        struct regex *own = make("(?i)stra(ß|ss)e|[\\p{L}&&[^x]]+");
        const struct regex *both[] = {own, shared};
        for (int k = 0; k < 2; k++) {
            struct ranges ranges = {0};
            struct error err;
            ck_assert_int_eq(regex_ranges(both[k], "abc STRASSE x\xC3\xA9", 15, &ranges, &err), VIV_OK);
            ck_assert_uint_eq(ranges.n, 5);
            ranges_release(&ranges);
        }
        regex_destroy(own);
    }
    return NULL;
}

TEST(regex__may_be_shared_by_threads)
{
    struct regex *shared = make("\\w+(?=\\s|$)|x.+");
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, compile_and_match, shared), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    regex_destroy(shared);
}
END_TEST

static const struct gguf_pre *find_pre(const char *name)
{
    const struct gguf_pre *pre;
    struct error err;
    ck_assert_msg(gguf_pre_find(name, &pre, &err) == VIV_OK, "%s", err.text);
    return pre;
}

static void check_gguf_pre(const char *name, json_t *strings, json_t *cuts)
{
    struct pretokenizers list = {0};
    struct error err;
    struct buf sizes = {0};
    json_t *s;
    size_t i;
    for (const char *const *p = find_pre(name)->patterns; *p; p++)
        ck_assert_msg(pretokenizers_add_regex(&list, *p, SPLIT_ISOLATED, &err) == VIV_OK, "%s", err.text);
    json_array_foreach(strings, i, s)
    {
        struct pretokens p = {0};
        viv_status status = pretokenizers_apply(&list, json_string_value(s), json_string_length(s), true, &p, &err);
        ck_assert_msg(status == VIV_OK, "%s: %s", name, err.text);
        write_sizes(&p, &sizes);
        ck_assert_msg(strcmp(buf_text(&sizes), json_string_value(json_array_get(cuts, i))) == 0,
                      "%s cuts '%s' into %s, not %s", name, json_string_value(s), buf_text(&sizes),
                      json_string_value(json_array_get(cuts, i)));
        pretokens_release(&p);
    }
    buf_release(&sizes);
    pretokenizers_release(&list);
}

/* tests/golden/make/gguf_pre.py: every name that llama.cpp knows, its flags, and its cuts of some strings. */
TEST(gguf_pre__cuts_as_llama_cpp_does_under_every_name)
{
    json_t *root = read_golden("tests/golden/gguf_pre.json"), *group, *name;
    size_t i, k, n = 0;
    json_array_foreach(json_object_get(root, "groups"), i, group)
    {
        json_array_foreach(json_object_get(group, "names"), k, name)
        {
            check_gguf_pre(json_string_value(name), json_object_get(root, "strings"),
                           json_object_get(group, "cuts"));
            n++;
        }
    }
    ck_assert_uint_eq(n, json_integer_value(json_object_get(root, "n_names")));
    ck_assert_msg(gguf_pre_at(n - 1) && !gguf_pre_at(n), "the table has another number of names than llama.cpp");
    json_array_foreach(json_object_get(root, "whole"), i, name)
        ck_assert(find_pre(json_string_value(name))->flags & GGUF_WHOLE);
    json_array_foreach(json_object_get(root, "bos"), i, name)
        ck_assert(find_pre(json_string_value(name))->flags & GGUF_BOS);
    json_decref(root);
}
END_TEST

TEST(gguf_pre__takes_no_name_for_default_and_names_the_nearest_of_an_unknown_one)
{
    const struct gguf_pre *pre;
    struct error err;
    ck_assert_ptr_eq(find_pre(NULL), find_pre("default"));
    ck_assert_ptr_eq(find_pre(""), find_pre("default"));
    ck_assert_int_eq(gguf_pre_find("deepseek-v4", &pre, &err), VIV_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.text, "'deepseek-v4'"));
    ck_assert_ptr_nonnull(strstr(err.text, "nearest is 'deepseek-v3'"));
}
END_TEST

TESTS(patterns__cut_as_those_of_the_tokenizers_library, regex__names_pattern_and_reason_where_one_is_wrong,
      regex__never_sees_text_that_is_not_utf8, regex__stops_where_a_pattern_runs_wild,
      regex__may_be_shared_by_threads, gguf_pre__cuts_as_llama_cpp_does_under_every_name,
      gguf_pre__takes_no_name_for_default_and_names_the_nearest_of_an_unknown_one)
