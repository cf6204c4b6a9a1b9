#include "world.h"

#include "base/file.h"
#include "spec/yaml.h"

#include <dirent.h>
#include <time.h>

static const char *parse(const char *bytes, size_t n)
{
    static struct error err;
    struct arena arena = {0};
    struct yaml *root = NULL;
    viv_status status = yaml_parse(&arena, "x.yaml", bytes, n, &root, &err);
    ck_assert_int_eq(status == VIV_OK, root != NULL);
    arena_release(&arena);
    return status == VIV_OK ? "" : err.text;
}

#define CASE(bytes, sentence)                                                                                      \
    {                                                                                                              \
        bytes, sizeof bytes - 1, sentence                                                                          \
    }
struct parse_case {
    const char *bytes;
    size_t n;
    const char *sentence;
};

static void check_cases(const struct parse_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(parse(cases[i].bytes, cases[i].n), cases[i].sentence);
}

TEST(yaml__refuses_what_the_language_leaves_out)
{
    static const struct parse_case cases[] = {
        CASE("a: &x [1]\nb: *x\n", "x.yaml:1:4: anchors (&x) are not part of the spec language"),
        CASE("a: *x\n", "x.yaml:1:4: aliases (*x) are not part of the spec language"),
        CASE("*x : 1\n", "x.yaml:1:1: aliases (*x) are not part of the spec language"),
        CASE("&a [*a]\n", "x.yaml:1:1: anchors (&a) are not part of the spec language"),
        CASE("<<: {a: 1}\n", "x.yaml:1:1: merge keys (<<) are not part of the spec language"),
        CASE("a: !!python/object:os.system x\n",
             "x.yaml:1:4: tags (tag:yaml.org,2002:python/object:os.system) are not part of the spec language"),
        CASE("a: !x {}\n", "x.yaml:1:4: tags (!x) are not part of the spec language"),
        CASE("a: 1\n---\nb: 2\n", "x.yaml:2:1: a second document begins here; a spec is one document"),
        CASE("a: 1\nb: 2\na: 3\n", "x.yaml:3:1: key 'a' appears twice"),
        CASE("{a: 1, \"a\": 2}\n", "x.yaml:1:8: key 'a' appears twice"),
        CASE("? [a, b]\n: c\n", "x.yaml:1:3: a key must be a word"),
        CASE("", "x.yaml:1:1: the file is empty, expected a mapping of keys"),
        CASE("# nothing\n", "x.yaml:2:1: the file is empty, expected a mapping of keys"),
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

TEST(yaml__refuses_bytes_that_are_not_utf8_text)
{
    static const struct parse_case cases[] = {
        CASE("a: \xFF\n", "x.yaml: not UTF-8 text"),
        CASE("a: \xC0\xAF\n", "x.yaml: not UTF-8 text"),
        CASE("a: \xED\xA0\x80\n", "x.yaml: not UTF-8 text"),
        CASE("a: b\0c\n", "x.yaml: not UTF-8 text"),
        CASE("\xFF\xFE"
             "a\0:\0",
             "x.yaml: not UTF-8 text"),
        CASE("a: \"b\\0c\"\n", "x.yaml:1:4: a value with a NUL character"),
        CASE("\"a\\0\": b\n", "x.yaml:1:1: a key with a NUL character"),
        CASE("a:\n\t- b\n",
             "x.yaml:2:1: found character that cannot start any token, while scanning for the next token"),
        CASE("a: [b\n", "x.yaml:2:1: did not find expected ',' or ']', while parsing a flow sequence"),
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

/* prefix, then unit n times, then suffix */
static char *repeated(const char *prefix, const char *unit, size_t n, const char *suffix, size_t *size)
{
    struct buf b = {0};
    buf_puts(&b, prefix);
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, unit);
    buf_puts(&b, suffix);
    ck_assert(!b.failed);
    *size = b.size;
    return b.data;
}

TEST(yaml__holds_its_limits)
{
    static const struct {
        const char *prefix, *unit;
        size_t n;
        const char *suffix, *sentence;
    } cases[] = {
        {"", "[", 100000, "", "x.yaml:1:66: nested more than 64 deep"},
        {"", "{a: ", 100000, "", "x.yaml:1:261: nested more than 64 deep"},
        {"", "- ", 100000, "", "x.yaml:1:131: nested more than 64 deep"},
        {"[", "a,", 100000, "]", "x.yaml:1:200000: more than 100000 values"},
        {"a: ", "x", 1 << 20, "", "x.yaml: 1048579 bytes, a spec has at most 1048576"},
        {"a: ", "x", (1 << 20) - 3, "", ""},
        {"", "[", 64, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t n;
        clock_t begin = clock();
        char *text = repeated(cases[i].prefix, cases[i].unit, cases[i].n, cases[i].suffix, &n);
        ck_assert_str_eq(parse(text, n), cases[i].sentence);
        ck_assert_int_lt(clock() - begin, 2 * CLOCKS_PER_SEC);
        free(text);
    }
}

TEST(yaml__knows_positions_and_quotes)
{
    static const char text[] = "\xEF\xBB\xBFviv: 1\nparams:\n  \xC3\xA4: 'a b'\n  list: [x, \"y\"]\n";
    struct arena arena = {0};
    struct yaml *root;
    struct error err;
    ck_assert_int_eq(yaml_parse(&arena, "x.yaml", text, sizeof text - 1, &root, &err), VIV_OK);
    const struct yaml *params = yaml_get(root, "params"), *quoted = yaml_get(params, "\xC3\xA4");
    ck_assert_ptr_nonnull(quoted);
    ck_assert_str_eq(quoted->text, "a b");
    ck_assert(quoted->quoted);
    ck_assert_uint_eq(quoted->at.line, 3);
    ck_assert_uint_eq(quoted->at.column, 6);
    const struct yaml *list = yaml_get(params, "list");
    ck_assert_uint_eq(list->n, 2);
    ck_assert(!list->items[0]->quoted && list->items[1]->quoted);
    ck_assert_uint_eq(list->items[1]->at.column, 13);
    ck_assert_ptr_null(yaml_get(root, "absent"));
    arena_release(&arena);
}

/* Each file of the YAML test suite, and each YAML text that stands in one: read, or refused in a sentence. */
TEST(yaml__survives_the_yaml_test_suite)
{
    const char *dir = shared_path("bad/yaml");
    if (!dir)
        return;
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        char path[4608];
        struct buf text = {0};
        struct error err;
        struct arena arena = {0};
        struct yaml *root = NULL;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] == '.' || file_is_dir(path))
            continue;
        ck_assert_int_eq(file_read(path, 1 << 20, &text, &err), VIV_OK);
        if (yaml_parse(&arena, path, buf_text(&text), text.size, &root, &err) != VIV_OK)
            ck_assert_ptr_nonnull(strstr(err.text, path));
        for (uint32_t i = 0; root && root->kind == YAML_LIST && i < root->n; i++) {
            const struct yaml *inner = yaml_get(root->items[i], "yaml");
            if (inner)
                parse(inner->text, strlen(inner->text));
        }
        n++;
        arena_release(&arena);
        buf_release(&text);
    }
    closedir(d);
    ck_assert_uint_gt(n, 300);
}

TESTS(yaml__refuses_what_the_language_leaves_out, yaml__refuses_bytes_that_are_not_utf8_text,
      yaml__holds_its_limits, yaml__knows_positions_and_quotes, yaml__survives_the_yaml_test_suite)
