/* test_descriptions.c - descriptions of dialects and lists of tools that are refused, each with a sentence; and the
 * values that models write as text, Python or Gemma's literals. */
#include "dialect/dialect.h"
#include "dialect/literal.h"
#include "testing.h"

#define HEAD "viv: 1\ndialect: x\ntitle: y\nmatches: [z]\n"

static const struct {
    const char *yaml, *sentence;
} refused[] = {
    {"", "x.yaml"},
    {"- 1\n", "expected a mapping"},
    {"dialect: x\ntitle: y\nmatches: [z]\npayload: json\n", "begins with 'viv: 1'"},
    {"viv: 2\n", "expected 1, the version"},
    {HEAD "paylod: json\n", "has no key 'paylod'; did you mean 'payload'?"},
    {HEAD "call: {begins: \"<\"}\n", "'call' has no key 'begins'; did you mean 'begin'?"},
    {HEAD "call: {begin: \"\"}\n", "'begin' is empty"},
    {HEAD "call: {begin: [a, \"\"]}\n", "'begin' is empty"},
    {HEAD "call: {begin: {a: b}}\n", "expected a text, found a mapping"},
    {HEAD "call: x\n", "call: expected a mapping"},
    {HEAD "payload: yaml\n", "expected one of json|name_json|tagged|literal"},
    {HEAD "parallel: perhaps\n", "expected true or false"},
    {HEAD "id: {length: 100}\n", "expected a number from 1 to 64"},
    {"viv: 1\ntitle: y\nmatches: [z]\n", "a dialect has a name"},
    {"viv: 1\ndialect: x\ntitle: y\n", "'matches' has the texts"},
    {HEAD "payload: json\nname: {key: name}\narguments: {key: a}\n", "needs a 'begin'"},
    {HEAD "payload: json\ncall: {begin: \" \"}\n", "needs a 'begin'"},
    {HEAD "payload: json\ncall: {begin: \"<\"}\nname: {key: name}\n", "needs a 'key' of 'arguments'"},
    {HEAD "payload: json\ncall: {begin: \"<\"}\narguments: {key: a}\n", "needs a 'key' of 'name'"},
    {HEAD "payload: tagged\ncall: {begin: \"<\"}\n", "needs 'key', 'begin' and 'end' of 'value'"},
    {HEAD "payload: literal\ncall: {begin: \"<\"}\narguments: {begin: \"[\"}\n", "needs ( or {"},
    {HEAD "payload: name_json\ncall: {begin: \"<\"}\nid: {at: after_name}\n", "an id needs markers"},
    {HEAD "payload: name_json\ncall: {begin: \"<\"}\nreasoning: {begin: \"[\"}\n", "needs both 'begin' and 'end'"},
    {HEAD "payload: name_json\ntrigger: start\n", "'trigger: start' is for"},
    {HEAD "payload: name_json\ncall: {begin: \"<\"}\nreasoning: {begin: a, end: \"''\"}\n",
     "must not begin as it ends"},
};

TEST(dialect_parse__refuses_with_the_line_and_what_is_wrong)
{
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct dialect *d = NULL;
        struct error err = {0};
        ck_assert_msg(dialect_parse("x.yaml", refused[i].yaml, strlen(refused[i].yaml), &d, &err) != VIV_OK, "%s",
                      refused[i].yaml);
        ck_assert_msg(strstr(err.text, refused[i].sentence) && strstr(err.text, "x.yaml"), "%s: %s",
                      refused[i].yaml, err.text);
    }
}
END_TEST

TEST(tools_read__names_the_tool_that_is_wrong)
{
    static const char *const lists[][2] = {
        {"{}", "expected a list of tools"},
        {"[1]", "t.json[0]"},
        {"[{\"name\": \"a\"}, {\"function\": {\"name\": \"\"}}]", "t.json[1] \"\""},
        {"[{\"name\": \"a b\"}]", "t.json[0] \"a b\""},
        {"[{\"name\": \"a\"}, {\"name\": \"a\"}]", "t.json[1] \"a\": a tool before it"},
        {"[{\"type\": \"web_search\"}]", "expected function, found 'web_search'"},
        {"[{\"name\": \"a\", \"parameters\": 3}]", "expected a JSON Schema, found"},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct tools t = {0};
        struct error err;
        json_t *list = json_loads(lists[i][0], 0, NULL);
        ck_assert_msg(tools_read("t.json", list, &t, &err) != VIV_OK, "%s", lists[i][0]);
        ck_assert_msg(strstr(err.text, lists[i][1]) != NULL, "%s: %s", lists[i][0], err.text);
        json_decref(list);
    }
}
END_TEST

TEST(literal_value__reads_what_python_prints)
{
    static const char *const values[][2] = {
        {"'it\\'s'", "\"it's\""},
        {"\"a\\n\\u00e5\\x41\"", "\"a\\u000a\xC3\xA5\x41\""},
        {"[1, 'a', None]", "[1, \"a\", null]"},
        {"(True, False,)", "[true, false]"},
        {"{'a': -1.5e+3}", "{\"a\": -1.5e+3}"},
        {"'\\ud83d\\ude00'", "\"\xF0\x9F\x98\x80\""},
        {"'\\q'", "\"\\\\q\""},
        {"[]", "[]"},
        {"1_000", NULL},
        {"'a", NULL},
        {"[1 2]", NULL},
        {"'\\ud83d'", NULL},
        {"__import__('os')", NULL},
        {"nan", NULL},
        {"[,]", NULL},
        {"'\xFF'", NULL},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct buf out = {0};
        const bool read = literal_value(values[i][0], strlen(values[i][0]), NULL, &out);
        ck_assert_msg(read == (values[i][1] != NULL), "%s", values[i][0]);
        if (read)
            ck_assert_str_eq(buf_text(&out), values[i][1]);
        buf_release(&out);
    }
}
END_TEST

TEST(json_scan__ends_where_jansson_does)
{
    static const char *const texts[] = {"{\"a\": [1, -0.5e+7, \"\\u00e5\\\"\", true, null, {}]} x",
                                        "[[[]]]",
                                        "\"a\"b",
                                        "12 ",
                                        "-",
                                        "{\"a\" 1}",
                                        "[1,]",
                                        "{,}",
                                        "tru",
                                        "\"\n\"",
                                        "{\"a\": 1]"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t n = strlen(texts[i]);
        struct json_scan j = {0};
        size_t used = 0, all = 0;
        enum json_scan_result r = JSON_SCAN_MORE;
        json_error_t e;
        json_t *v = json_loadb(texts[i], n, JSON_DECODE_ANY | JSON_DISABLE_EOF_CHECK, &e);
        while (r == JSON_SCAN_MORE && all < n) { /* byte by byte */
            r = json_scan(&j, texts[i] + all, 1, &used);
            all += used;
        }
        const bool ends = r == JSON_SCAN_DONE || (r == JSON_SCAN_MORE && json_scan_end(&j));
        ck_assert_msg(ends == (v != NULL), "%s", texts[i]);
        if (v && ends)
            ck_assert_msg(all == (size_t)e.position, "%s: %zu, not %d", texts[i], all, e.position);
        json_decref(v);
    }
}
END_TEST

TESTS(dialect_parse__refuses_with_the_line_and_what_is_wrong, tools_read__names_the_tool_that_is_wrong,
      literal_value__reads_what_python_prints, json_scan__ends_where_jansson_does)
