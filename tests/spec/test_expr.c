#include "testing.h"

#include "spec/expr.h"

/* n = 12, f = 2.5, t = true, s = 'silu', z = none, list = [1, 2, 3], words = ['a', 'b'], big = 2^62 */
static viv_status lookup(void *ctx, const char *name, struct value *out, struct error *err)
{
    static const struct value list[] = {
        {.kind = VALUE_INT, .i = 1}, {.kind = VALUE_INT, .i = 2}, {.kind = VALUE_INT, .i = 3}};
    static const struct value words[] = {{.kind = VALUE_STRING, .s = "a"}, {.kind = VALUE_STRING, .s = "b"}};
    static const struct {
        const char *name;
        struct value value;
    } known[] = {
        {"n", {.kind = VALUE_INT, .i = 12}},
        {"f", {.kind = VALUE_FLOAT, .f = 2.5}},
        {"t", {.kind = VALUE_BOOL, .i = 1}},
        {"s", {.kind = VALUE_STRING, .s = "silu"}},
        {"z", {.kind = VALUE_NONE}},
        {"list", {.kind = VALUE_LIST, .n = 3, .list = list}},
        {"words", {.kind = VALUE_LIST, .n = 2, .list = words}},
        {"big", {.kind = VALUE_INT, .i = INT64_C(1) << 62}},
        {"count", {.kind = VALUE_INT, .i = 12}},
    };
    (void)ctx;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0) {
            *out = known[i].value;
            return VIV_OK;
        }
    return error_set(err, VIV_EINVAL, "there is no param '%s'", name);
}

/* The value as text, or the error's sentence. */
static const char *eval(const char *text)
{
    static char result[2048];
    struct arena arena = {0};
    struct buf out = {0};
    struct error err;
    struct value v;
    const struct expr_scope scope = {NULL, lookup};
    if (expr_eval(&arena, text, &scope, &v, &err) == VIV_OK)
        expr_value_print(&v, &out);
    else
        buf_puts(&out, err.text);
    snprintf(result, sizeof result, "%s", buf_text(&out));
    buf_release(&out);
    arena_release(&arena);
    return result;
}

struct expr_case {
    const char *text, *result;
};

static void check_cases(const struct expr_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ck_assert_str_eq(eval(cases[i].text), cases[i].result);
}

TEST(expr__computes)
{
    static const struct expr_case cases[] = {
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"7 - 2 - 1", "4"},
        {"--3", "3"},
        {"2 * -3", "-6"},
        {"count / 4 / 3", "1"},
        {"-7 % 3", "2"},
        {"7 % -3", "-2"},
        {"-6 % 3", "0"},
        {"1e-5", "1e-05"},
        {"2 * f", "5.0"},
        {"1.5 + 1", "2.5"},
        {"3 / 2.0", "1.5"},
        {"0.1", "0.1"},
        {"10000.0", "10000.0"},
        {"9223372036854775807", "9223372036854775807"},
        {"min(3, 1, 2)", "1"},
        {"max(f, 2)", "2.5"},
        {"max(list)", "3"},
        {"min(list, 2, 0)", "0"},
        {"max(9223372036854775806, 9223372036854775807)", "9223372036854775807"},
        {"len(list) + list[0]", "4"},
        {"list[len(list) - 1]", "3"},
        {"words[1]", "b"},
        {"'it", "''it': a text without its closing quote"},
        {"s == 'silu'", "true"},
        {"s != 'gelu' and not false", "true"},
        {"1 < 2 and 2 <= 2 and 3 > 2 and 2 >= 2", "true"},
        {"not 1 == 2", "true"},
        {"1 == 1.0", "true"},
        {"big + 1 > big", "true"},
        {"z is none", "true"},
        {"n is none", "false"},
        {"count is not none", "true"},
        {"2 in list", "true"},
        {"'c' not in words", "true"},
        {"none", "none"},
        {"1 if t else 2", "1"},
        {"1 if not t else 2 if t else 3", "2"},
        {"(1 if t else 2) + 1", "2"},
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

TEST(expr__does_not_evaluate_what_does_not_count)
{
    static const struct expr_case cases[] = {
        {"1 / 0 if not t else 2", "2"},
        {"2 if t else 1 / 0", "2"},
        {"t or 1 / 0 == 1", "true"},
        {"not t and 1 / 0 == 1", "false"},
        {"list[5] if count > 100 else 0", "0"},
        {"1 / 0 if t else 2", "'1 / 0 if t else 2': division by zero"},
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

TEST(expr__refuses_inexact_and_unbounded_arithmetic)
{
    static const struct expr_case cases[] = {
        {"count / 5", "'count / 5': 12 is not divisible by 5"},
        {"1 / 0", "'1 / 0': division by zero"},
        {"1 % 0", "'1 % 0': division by zero"},
        {"1 / 0.0", "'1 / 0.0': division by zero"},
        {"big * 2", "'big * 2': the result is beyond 64 bits"},
        {"big + big", "'big + big': the result is beyond 64 bits"},
        {"-big - big - 1", "'-big - big - 1': the result is beyond 64 bits"},
        {"(-big - big) / -1", "'(-big - big) / -1': the result is beyond 64 bits"},
        {"(-big - big) % -1", "'(-big - big) % -1': the result is beyond 64 bits"},
        {"9223372036854775808", "'9223372036854775808': an integer beyond 64 bits"},
        {"1e400", "'1e400': a number too large"},
        {"1e308 * 10", "'1e308 * 10': the result is too large"},
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

TEST(expr__reads_scalars_as_yaml_1_2_does_or_says_what_is_wrong)
{
    static const struct expr_case cases[] = {
        {"no", "'no' is not known here: booleans are true and false, no value is none"},
        {"off", "'off' is not known here: booleans are true and false, no value is none"},
        {"Yes", "'Yes' is not known here: booleans are true and false, no value is none"},
        {"True", "'True' is not known here: booleans are true and false, no value is none"},
        {"null", "'null' is not known here: booleans are true and false, no value is none"},
        {"0777", "'0777': a number must not begin with 0"},
        {"1:30", "'1:30': not a number (decimal digits, with a point or exponent where it is a fraction)"},
        {"0x10", "'0x10': not a number (decimal digits, with a point or exponent where it is a fraction)"},
        {"1_000", "'1_000': not a number (decimal digits, with a point or exponent where it is a fraction)"},
        {"1e", "'1e': a number without digits in its exponent"},
        {".nan", "'.nan': unexpected '.'"},
        {".inf", "'.inf': unexpected '.'"},
        {"~", "'~': unexpected '~'"},
        {"1.2.3", "'1.2.3': not a number (decimal digits, with a point or exponent where it is a fraction)"},
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

TEST(expr__refuses_wrong_kinds_and_grammar)
{
    static const struct expr_case cases[] = {
        {"", "'': expected a value"},
        {"1 +", "'1 +': expected a value"},
        {"1 2", "'1 2': unexpected text after the expression"},
        {"(1", "'(1': expected ')'"},
        {"f[0]", "'f[0]': only a list can be indexed, by an integer"},
        {"list[f]", "'list[f]': only a list can be indexed, by an integer"},
        {"list[3]", "'list[3]': index 3 of a list of 3"},
        {"list[-1]", "'list[-1]': index -1 of a list of 3"},
        {"list == list", "'list == list': lists cannot be compared"},
        {"s + 1", "'s + 1': '+' takes numbers, found a text and an integer"},
        {"s < 1", "'s < 1': '<' takes numbers, found a text and an integer"},
        {"not 1", "'not 1': expected a boolean, found an integer"},
        {"1 and t", "'1 and t': expected a boolean, found an integer"},
        {"1 if 2 else 3", "'1 if 2 else 3': expected a boolean, found an integer"},
        {"1 if t", "'1 if t': `if` without `else`"},
        {"len(1)", "'len(1)': len takes a list, found an integer"},
        {"min('a', 1)", "'min('a', 1)': min takes numbers, found a text"},
        {"1 in 2", "'1 in 2': `in` takes a value and a list, found an integer and an integer"},
        {"1 not 2", "'1 not 2': expected `in` after a value and `not`"},
        {"z is 1", "'z is 1': after `is` comes `none` or `not none`"},
        {"open('/etc/passwd')", "there is no param 'open'"},
        {"nothing", "there is no param 'nothing'"},
        {"a = 1", "there is no param 'a'"},
        {"count = 1", "'count = 1': unexpected text after the expression"},
        {"count ! 1", "'count ! 1': unexpected text after the expression"},
        {"@", "'@': unexpected '@'"},
    };
    check_cases(cases, sizeof cases / sizeof *cases);
}

TEST(expr__limits_length_and_depth)
{
    static char text[20000];
    static const char *const openings[] = {"(", "-", "not ", "list[", "min(", "1 if t else "};
    for (size_t k = 0; k < sizeof openings / sizeof *openings; k++) {
        text[0] = '\0';
        for (int i = 0; i < 200; i++)
            strcat(text, openings[k]);
        const char *result = eval(text);
        ck_assert_msg(strstr(result, ": nested too deep"), "%s", result);
    }
    memset(text, ' ', 5000);
    text[5000] = '\0';
    ck_assert_str_eq(eval(text), "an expression of more than 4096 characters");
}

TEST(expr__knows_which_words_can_be_names)
{
    static const char *const good[] = {"hidden_size", "x1", "_a", "K"};
    static const char *const bad[] = {"",     "1x",   "a-b", "a b", "i",  "gguf",
                                      "none", "true", "if",  "len", "no", "\xC3\xA4"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        ck_assert_msg(expr_is_name(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!expr_is_name(bad[i]), "%s", bad[i]);
}

TESTS(expr__computes, expr__does_not_evaluate_what_does_not_count, expr__refuses_inexact_and_unbounded_arithmetic,
      expr__reads_scalars_as_yaml_1_2_does_or_says_what_is_wrong, expr__refuses_wrong_kinds_and_grammar,
      expr__limits_length_and_depth, expr__knows_which_words_can_be_names)
